//! What does the text of a query mean? From tokens to a [`Query`], with every fault on the way.
//!
//! ```text
//! or    = and  { OR and }
//! and   = not  { AND not }
//! not   = [NOT] near { (NOT | AND NOT) [NOT] near }
//! near  = unit { (NEAR/n | PRE/n | NOT/n) unit }
//! unit  = (title: | lead: | text: | ATLEAST/n | DISTINCT/n) unit | ( or ) | operand
//! ```

use super::lexer::{Lexer, Token};
use super::report::quoted;
use super::term::{Fault, MAX_AUTOMATA};
use super::{Code, Part, Pattern, Query, Term};
use std::collections::HashSet;
use std::ops::Range;

/// A query nests at most so deep.
pub(super) const MAX_DEPTH: usize = 64;

/// Where a query stands, which decides what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// `match` of a rule: it must need a word.
    Rule,
    /// `require` or `exclude` of a topic.
    Gate,
    /// `exclude` of the ruleset: no `#topic`.
    Veto,
}

/// What a text means.
pub(super) struct Parsed {
    /// The query; what was probably meant where there are errors.
    pub(super) query: Query,
    /// Errors and warnings.
    pub(super) faults: Vec<Fault>,
    /// The places of what can only be judged together with the rest of the ruleset.
    pub(super) marks: Marks,
    /// How many bytes of automata may still follow in the ruleset.
    pub(super) regexes: usize,
}

/// Places in a query's text of what can only be judged together with the rest of the ruleset.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// `@list`.
    pub(super) lists: Vec<(String, Range<usize>)>,
    /// `#topic`.
    pub(super) topics: Vec<(String, Range<usize>)>,
    /// The first `~`.
    pub(super) stem: Option<Range<usize>>,
    /// `DISTINCT/n`, in the order of the text.
    pub(super) distinct: Vec<Range<usize>>,
}

impl Query {
    /// The query that a text means, where a query may be anything: as in `require`.
    ///
    /// # Errors
    /// Every fault of the text; warnings are no errors.
    pub fn parse(text: &str) -> Result<Query, Vec<Fault>> {
        let parsed = parse(text, Context::Gate, MAX_AUTOMATA);
        let errors: Vec<Fault> = parsed.faults.into_iter().filter(Fault::is_error).collect();
        if errors.is_empty() { Ok(parsed.query) } else { Err(errors) }
    }
}

/// Parses a query whose regular expressions may have automata of so many bytes.
pub(super) fn parse(text: &str, context: Context, regexes: usize) -> Parsed {
    let mut lexer = Lexer::new(text, regexes);
    let (token, place) = lexer.next();
    let mut parser = Parser {
        lexer,
        token,
        place,
        last: 0..0,
        context,
        scopes: Vec::new(),
        nest: 0,
        lost: false,
        marks: Marks::default(),
    };
    let node = if matches!(parser.token, Token::End) {
        let help = "write a word, a phrase in quotes, or a list such as @name";
        parser.fault(Code::MissingTerm, 0..text.len(), "the query is empty", help);
        Node::faulty(0..text.len())
    } else {
        parser.query()
    };
    let (mut faults, regexes) = (parser.lexer.faults, parser.lexer.regexes);
    faults.sort_by_key(|fault| fault.range.start);
    Parsed { query: node.query, faults, marks: parser.marks, regexes }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    place: Range<usize>,
    /// The place of the token before.
    last: Range<usize>,
    context: Context,
    /// The prefixes that the current place is inside of.
    scopes: Vec<Scope>,
    /// How many parentheses, or prefixes without one, are open.
    nest: usize,
    /// The rest of the text cannot be understood.
    lost: bool,
    marks: Marks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Field(Part),
    Count(&'static str),
}

/// A part of a query.
struct Node {
    query: Query,
    range: Range<usize>,
    /// How deep its operators nest.
    depth: usize,
    /// It has an `AND` outside parentheses.
    loose_and: bool,
}

impl Node {
    fn new(query: Query, range: Range<usize>, depth: usize) -> Node {
        Node { query, range, depth, loose_and: false }
    }

    fn faulty(range: Range<usize>) -> Node {
        Node::new(Query::Term(Term { words: Vec::new() }), range, 0)
    }
}

impl Parser<'_> {
    fn advance(&mut self) {
        let (token, place) = if self.lost { (Token::End, self.place.clone()) } else { self.lexer.next() };
        self.token = token;
        self.last = std::mem::replace(&mut self.place, place);
    }

    fn fault(
        &mut self,
        code: Code,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if !self.lost {
            self.lexer.faults.push(Fault::new(code, range, message, help));
        }
    }

    /// Gives up on the rest of the text.
    fn give_up(&mut self) {
        self.lost = true;
        self.token = Token::End;
    }

    fn query(&mut self) -> Node {
        let node = self.or();
        if matches!(self.token, Token::Close) {
            self.fault(
                Code::Unbalanced,
                self.place.clone(),
                "this `)` has no `(`",
                "leave it out, or open it before",
            );
            self.give_up();
        }
        if self.context == Context::Rule
            && !needs_word(&node.query)
            && !self.lexer.faults.iter().any(Fault::is_error)
        {
            self.only_not(&node, "a rule");
        }
        node
    }

    fn or(&mut self) -> Node {
        let mut sides = vec![self.and()];
        while matches!(self.token, Token::Or) {
            self.advance();
            sides.push(self.and());
        }
        if sides.len() < 2 {
            return sides.pop().unwrap_or_else(|| Node::faulty(0..0));
        }
        for side in &sides {
            if side.loose_and {
                let message = "`AND` beside `OR`: `AND` binds tighter";
                let help = "put parentheses around what belongs together";
                self.fault(Code::AndBesideOr, side.range.clone(), message, help);
            }
            if self.context == Context::Rule && !needs_word(&side.query) {
                self.only_not(side, "a side of `OR`");
            }
        }
        self.same_terms(&sides);
        self.join(sides, Query::Or)
    }

    fn and(&mut self) -> Node {
        let mut sides = vec![self.not()];
        while matches!(self.token, Token::And) {
            self.advance();
            sides.push(self.not());
        }
        if sides.len() < 2 {
            return sides.pop().unwrap_or_else(|| Node::faulty(0..0));
        }
        let mut node = self.join(sides, Query::And);
        node.loose_and = true;
        node
    }

    /// The binary `NOT`, also written `AND NOT`.
    fn not(&mut self) -> Node {
        let mut left = self.absent();
        loop {
            let and = match self.token {
                Token::Not => false,
                Token::AndNot => true,
                _ => return left,
            };
            self.advance();
            let right = self.absent();
            let loose_and = left.loose_and || and;
            left = self.pair(left, right, Query::Not);
            left.loose_and = loose_and;
        }
    }

    /// The unary `NOT`.
    fn absent(&mut self) -> Node {
        if !matches!(self.token, Token::Not) {
            return self.near();
        }
        let start = self.place.start;
        self.advance();
        let deeper = usize::from(!matches!(self.token, Token::Open));
        let inner = self.nested(deeper, Parser::absent);
        self.wrap(inner, start, Query::Absent)
    }

    fn near(&mut self) -> Node {
        let mut left = self.unit();
        loop {
            let token = self.token.clone();
            let name = match token {
                Token::Near { ordered: false, .. } => "NEAR",
                Token::Near { ordered: true, .. } => "PRE",
                Token::NotNear(_) => "NOT/n",
                _ => return left,
            };
            self.advance();
            let right = self.near_side(name);
            for side in [&left, &right] {
                self.needs_place(side, name);
                if matches!(side.query, Query::And(_) | Query::Not(..)) {
                    let message =
                        format!("an operand of `{name}` is `AND` or `NOT`: its hits are near one by one");
                    let help = "apply it to the words alone, and join the results with AND or NOT";
                    self.fault(Code::LooseNear, side.range.clone(), message, help);
                }
            }
            left = self.pair(left, right, |left, right| match token {
                Token::NotNear(within) => Query::NotNear { left, right, within },
                Token::Near { within, ordered } => Query::Near { left, right, within, ordered },
                _ => Query::Or(vec![*left, *right]),
            });
        }
    }

    /// The right side of `NEAR`, `PRE` or `NOT/n`, where a unary `NOT` has no meaning.
    fn near_side(&mut self, name: &str) -> Node {
        while matches!(self.token, Token::Not) {
            let message = format!("`NOT` cannot stand right of `{name}`");
            let help = "to keep hits away from others write: a NOT/5 b";
            self.fault(Code::NoPlace, self.place.clone(), message, help);
            self.advance();
        }
        self.unit()
    }

    fn unit(&mut self) -> Node {
        let start = self.place.start;
        let range = self.place.clone();
        let mut node = match self.token.clone() {
            Token::Field(part) => return self.field(part),
            Token::AtLeast(least) => {
                return self.prefixed(Scope::Count("ATLEAST"), |inner| Query::AtLeast(least, inner));
            }
            Token::Distinct(least) => {
                self.marks.distinct.push(range);
                return self.prefixed(Scope::Count("DISTINCT"), |inner| Query::Distinct(least, inner));
            }
            Token::Open => self.parenthesis(),
            Token::Operand(query) => {
                let sound = self.operand(&query, &range);
                self.advance();
                if sound { Node::new(query, range, 0) } else { Node::faulty(range) }
            }
            _ => self.missing(),
        };
        node.range.start = start;
        self.no_second(&node);
        node
    }

    fn parenthesis(&mut self) -> Node {
        let open = self.place.clone();
        self.advance();
        if matches!(self.token, Token::Close) {
            let range = open.start..self.place.end;
            self.fault(
                Code::MissingTerm,
                range.clone(),
                "there is nothing between `(` and `)`",
                "write a term, or leave them out",
            );
            self.advance();
            return Node::faulty(range);
        }
        let mut node = self.nested(1, Parser::or);
        if matches!(self.token, Token::Close) {
            self.advance();
        } else {
            self.fault(Code::Unbalanced, open.clone(), "this `(` has no `)`", "close it");
        }
        node.range = open.start..self.last.end;
        node.loose_and = false;
        node
    }

    /// A term is due, and something else is there.
    fn missing(&mut self) -> Node {
        let (last, place) = (self.last.clone(), self.place.clone());
        let after = quoted(self.lexer.slice(&last));
        let before = quoted(self.lexer.slice(&place));
        let (range, message) = match self.token {
            Token::End => (last, format!("a term is missing after {after}")),
            _ if last.end == 0 => (place.clone(), format!("a term is missing before {before}")),
            Token::Not => (place.clone(), format!("{before} cannot stand after {after}")),
            _ => (place.clone(), format!("a term is missing between {after} and {before}")),
        };
        let help = "an operator that is meant as a word must stand in quotes";
        self.fault(Code::MissingTerm, range, message, help);
        if !matches!(self.token, Token::Not) {
            return Node::faulty(place);
        }
        while matches!(self.token, Token::Not) {
            self.advance();
        }
        self.unit()
    }

    /// After a term, reports terms that follow without an operator, and passes over them.
    fn no_second(&mut self, first: &Node) {
        let mut reported = is_faulty(&first.query);
        loop {
            let place = self.place.clone();
            let text = self.lexer.slice(&place);
            match &self.token {
                Token::Operand(query) if is_faulty(query) => reported = true,
                Token::Operand(_) => {
                    let upper = text.to_uppercase();
                    let faults = self.lexer.faults.len();
                    if let Some(operator) = self.lexer.operator(&upper, &place) {
                        self.lexer.faults.truncate(faults);
                        self.lower_case(&upper, place.clone(), reported);
                        self.token = operator;
                        match self.token {
                            Token::AtLeast(_) | Token::Distinct(_) => {}
                            _ => return,
                        }
                    }
                }
                Token::Open | Token::Field(_) | Token::AtLeast(_) | Token::Distinct(_) => {}
                _ => return,
            }
            if !std::mem::replace(&mut reported, true) {
                self.two_terms(first, &place);
            }
            match self.token {
                Token::Open => {
                    self.parenthesis();
                }
                _ => self.advance(),
            }
        }
    }

    fn two_terms(&mut self, first: &Node, second: &Range<usize>) {
        let before = self.lexer.slice(&first.range);
        let upper = before.to_uppercase();
        let name = upper.split('/').next().unwrap_or("");
        if before != upper && matches!(name, "NOT" | "ATLEAST" | "DISTINCT") {
            return self.lower_case(&upper, first.range.clone(), false);
        }
        let text = self.lexer.slice(second);
        let message = format!("{} follows {} without an operator", quoted(text), quoted(before));
        let plain =
            |text: &str| text.len() < 40 && !text.contains(['"', '(', ')', '/', '=', '~', '@', '#', ':']);
        let help = match plain(before) && plain(text) {
            true => format!(
                "put a phrase in quotes, \"{before} {text}\", or write OR, AND or NEAR/5 between them"
            ),
            false => "write OR, AND or NEAR/5 between them; a phrase stands in quotes".to_owned(),
        };
        self.fault(Code::TwoTerms, second.clone(), message, help);
    }

    fn lower_case(&mut self, upper: &str, range: Range<usize>, known: bool) {
        if known {
            return;
        }
        let written = quoted(self.lexer.slice(&range));
        let number = match upper {
            "NEAR" | "PRE" => "/5",
            "ATLEAST" | "DISTINCT" => "/2",
            _ => "",
        };
        let help = format!("write {upper}{number}; the word itself must stand in quotes");
        self.fault(Code::LowerCase, range, format!("operators are in upper case, not {written}"), help);
    }

    /// Notes what an operand refers to; false where it cannot stand here.
    fn operand(&mut self, query: &Query, range: &Range<usize>) -> bool {
        match query {
            Query::List(name) => self.marks.lists.push((name.clone(), range.clone())),
            Query::Topic(_) if self.context == Context::Veto => {
                let help = "put it into the `exclude` of the topics that it is for";
                self.fault(Code::TopicInVeto, range.clone(), "the ruleset's `exclude` names no topic", help);
                return false;
            }
            Query::Topic(id) => {
                self.marks.topics.push((id.as_str().to_owned(), range.clone()));
                return self.condition(range);
            }
            Query::Meta { .. } => return self.condition(range),
            Query::Term(term) => {
                if matches!(term.words.first(), Some(Pattern::Stem(_))) {
                    self.marks.stem.get_or_insert_with(|| range.clone());
                }
            }
            _ => {}
        }
        true
    }

    /// Whether `#topic` or `meta.`, which have no place and so no field and no count, can stand here.
    fn condition(&mut self, range: &Range<usize>) -> bool {
        let scope = match self.scopes.last() {
            None => return true,
            Some(Scope::Field(part)) => format!("`{part}:`"),
            Some(Scope::Count(name)) => format!("`{name}/n`"),
        };
        let message =
            format!("{} cannot stand inside {scope}: it has no place", quoted(self.lexer.slice(range)));
        self.fault(Code::NoPlace, range.clone(), message, "join it with AND outside");
        false
    }

    fn field(&mut self, part: Part) -> Node {
        let place = self.place.clone();
        for scope in &self.scopes {
            match scope {
                Scope::Field(outer) if !can_meet(*outer, part) => {
                    let message = format!("`{part}:` inside `{outer}:` can never match");
                    self.lexer.faults.push(Fault::new(
                        Code::FieldClash,
                        place,
                        message,
                        "leave one of them out",
                    ));
                    break;
                }
                _ => {}
            }
        }
        self.prefixed(Scope::Field(part), |inner| Query::In(part, inner))
    }

    /// One term or parenthesis after a prefix.
    fn prefixed(&mut self, scope: Scope, make: impl FnOnce(Box<Query>) -> Query) -> Node {
        let start = self.place.start;
        self.advance();
        self.scopes.push(scope);
        let deeper = usize::from(!matches!(self.token, Token::Open));
        let inner = self.nested(deeper, Parser::unit);
        self.scopes.pop();
        if let Scope::Count(name) = scope {
            self.needs_place(&inner, name);
        }
        self.wrap(inner, start, make)
    }

    /// Parses something so much deeper, unless that is too deep.
    fn nested(&mut self, deeper: usize, parse: impl FnOnce(&mut Self) -> Node) -> Node {
        if self.nest + deeper > MAX_DEPTH {
            self.too_deep(self.last.clone());
            self.give_up();
            return Node::faulty(self.place.clone());
        }
        self.nest += deeper;
        let node = parse(self);
        self.nest -= deeper;
        node
    }

    fn too_deep(&mut self, range: Range<usize>) {
        let message = format!("a query nests at most {MAX_DEPTH} deep");
        self.fault(Code::TooDeep, range, message, "leave out parentheses, or split the rule");
    }

    fn wrap(&mut self, inner: Node, start: usize, make: impl FnOnce(Box<Query>) -> Query) -> Node {
        let range = start..inner.range.end;
        self.deep(make(Box::new(inner.query)), range, inner.depth)
    }

    fn pair(&mut self, left: Node, right: Node, make: impl FnOnce(Box<Query>, Box<Query>) -> Query) -> Node {
        let range = left.range.start..right.range.end;
        let depth = left.depth.max(right.depth);
        self.deep(make(Box::new(left.query), Box::new(right.query)), range, depth)
    }

    fn join(&mut self, sides: Vec<Node>, make: impl FnOnce(Vec<Query>) -> Query) -> Node {
        let start = sides.first().map_or(0, |side| side.range.start);
        let end = sides.last().map_or(0, |side| side.range.end);
        let depth = sides.iter().map(|side| side.depth).max().unwrap_or(0);
        self.deep(make(sides.into_iter().map(|side| side.query).collect()), start..end, depth)
    }

    /// A node over others that are so deep.
    fn deep(&mut self, query: Query, range: Range<usize>, depth: usize) -> Node {
        if depth < MAX_DEPTH {
            return Node::new(query, range, depth + 1);
        }
        self.too_deep(range.clone());
        self.give_up();
        Node::faulty(range)
    }

    fn only_not(&mut self, node: &Node, what: &str) {
        let message = format!("{what} must need a word, and this is only `NOT`");
        let help = "write: a NOT b. Topics can be kept off with `exclude`";
        self.fault(Code::OnlyNot, node.range.clone(), message, help);
    }

    fn needs_place(&mut self, node: &Node, name: &str) {
        // By the letter only the side itself: conditions may stand deeper in it.
        if matches!(node.query, Query::Absent(_) | Query::Topic(_) | Query::Meta { .. }) {
            let message = format!("an operand of `{name}` must have a place, and this is a condition");
            self.fault(Code::NoPlace, node.range.clone(), message, "join it with AND outside");
        }
    }

    /// Warns of a term that stands twice among the sides of an `OR`.
    fn same_terms(&mut self, sides: &[Node]) {
        if self.context != Context::Rule {
            return;
        }
        let mut seen: HashSet<&Term> = HashSet::new();
        for side in sides {
            match &side.query {
                Query::Term(term) if !term.words.is_empty() && !seen.insert(term) => {
                    let written = quoted(self.lexer.slice(&side.range));
                    let message = format!("{written} stands here twice: both match {term}");
                    self.lexer.faults.push(Fault::new(
                        Code::SameTerm,
                        side.range.clone(),
                        message,
                        "leave one out",
                    ));
                }
                _ => {}
            }
        }
    }
}

/// Whether an operand stands for one that is reported.
fn is_faulty(query: &Query) -> bool {
    matches!(query, Query::Term(term) if term.words.is_empty())
}

/// Whether a query can have a hit only where there is a word (`#topic` and `meta.` count as words).
fn needs_word(query: &Query) -> bool {
    match query {
        Query::Absent(_) => false,
        Query::Or(sides) => sides.iter().all(needs_word),
        Query::And(sides) => sides.iter().any(needs_word),
        Query::Not(left, _) => needs_word(left),
        Query::In(_, inner) => needs_word(inner),
        _ => true,
    }
}

/// Whether a place can lie in both parts.
pub(super) fn can_meet(one: Part, other: Part) -> bool {
    (one == Part::Title) == (other == Part::Title)
}
