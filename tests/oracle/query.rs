//! Section 3 of LANGUAGE.md: queries, from text and back.

use std::fmt::{self, Display, Formatter};

use super::words;

/// A query as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// A word or phrase; the text as it stands in the query, quotes aside.
    Term(Form, String),
    /// A regular expression over one bare form, `\/` read as a slash.
    Regex(String),
    /// Any term of the list.
    List(String),
    /// Another topic is a label.
    Topic(String),
    /// The metadata value of a key equals a pattern.
    Meta(String, String),
    /// Two or more alternatives.
    Or(Vec<Query>),
    /// Two or more sides.
    And(Vec<Query>),
    /// `a NOT b`.
    Not(Box<Query>, Box<Query>),
    /// `NOT a`, a condition.
    UnaryNot(Box<Query>),
    /// `a NEAR/5 b`, `a PRE/5 b`, `a NOT/5 b`.
    Near(Box<Query>, Nearness, Reach, Box<Query>),
    /// `ATLEAST/3 (a)`.
    AtLeast(usize, Box<Query>),
    /// `DISTINCT/3 (a)`.
    Distinct(usize, Box<Query>),
    /// `title:a`.
    In(Place, Box<Query>),
}

/// The form in which a term's words are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Without a prefix.
    Bare,
    /// `=`
    Exact,
    /// `~`
    Stem,
}

/// The operators that look at places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// In any order.
    Near,
    /// In this order.
    Pre,
    /// The left side far from the right one.
    Not,
}

/// How far near is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// At most so many words between.
    Words(usize),
    /// `/S`
    Sentence,
    /// `/P`
    Paragraph,
}

/// The field prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `title:`
    Title,
    /// `lead:`
    Lead,
    /// `text:`
    Text,
}

const PLACES: [(Place, &str); 3] = [(Place::Title, "title:"), (Place::Lead, "lead:"), (Place::Text, "text:")];
const NEARNESSES: [(Nearness, &str); 3] =
    [(Nearness::Near, "NEAR/"), (Nearness::Pre, "PRE/"), (Nearness::Not, "NOT/")];
const OPERATORS: [&str; 7] = ["OR", "AND", "NOT", "NEAR", "PRE", "ATLEAST", "DISTINCT"];

impl Query {
    /// Parses a query.
    pub fn parse(text: &str) -> Result<Query, String> {
        let mut parser = Parser { rest: text };
        let query = parser.or()?;
        match parser.rest.trim() {
            "" => Ok(query),
            rest => Err(format!("{rest:?} is left over in {text:?}")),
        }
    }

    /// Parses a string of `terms`, `mask` or a list.
    pub fn parse_term(text: &str) -> Result<Query, String> {
        match text.chars().next() {
            Some('@') => Ok(Query::List(name(&text[1..])?)),
            Some('=') => term(Form::Exact, &text[1..]),
            Some('~') => term(Form::Stem, &text[1..]),
            _ => term(Form::Bare, text),
        }
    }

    /// Calls a function on this query and on every query inside it.
    pub fn visit(&self, see: &mut impl FnMut(&Query)) {
        see(self);
        match self {
            Query::Or(sides) | Query::And(sides) => sides.iter().for_each(|side| side.visit(see)),
            Query::Not(a, b) | Query::Near(a, _, _, b) => {
                a.visit(see);
                b.visit(see);
            }
            Query::UnaryNot(a) | Query::AtLeast(_, a) | Query::Distinct(_, a) | Query::In(_, a) => {
                a.visit(see)
            }
            Query::Term(..) | Query::Regex(_) | Query::List(_) | Query::Topic(_) | Query::Meta(..) => {}
        }
    }

    /// The query with every term replaced.
    pub fn map_terms(&self, map: &impl Fn(Form, &str) -> String) -> Query {
        let again = |query: &Query| Box::new(query.map_terms(map));
        let all = |sides: &[Query]| sides.iter().map(|side| side.map_terms(map)).collect();
        match self {
            Query::Term(form, text) => Query::Term(*form, map(*form, text)),
            Query::Or(sides) => Query::Or(all(sides)),
            Query::And(sides) => Query::And(all(sides)),
            Query::Not(a, b) => Query::Not(again(a), again(b)),
            Query::Near(a, nearness, reach, b) => Query::Near(again(a), *nearness, *reach, again(b)),
            Query::UnaryNot(a) => Query::UnaryNot(again(a)),
            Query::AtLeast(n, a) => Query::AtLeast(*n, again(a)),
            Query::Distinct(n, a) => Query::Distinct(*n, again(a)),
            Query::In(place, a) => Query::In(*place, again(a)),
            leaf => leaf.clone(),
        }
    }

    /// How tightly it binds: 0 OR, 1 AND, 2 NOT, 3 NEAR, 4 a term or a prefix.
    fn level(&self) -> u8 {
        match self {
            Query::Or(_) => 0,
            Query::And(_) => 1,
            Query::Not(..) | Query::UnaryNot(_) => 2,
            Query::Near(..) => 3,
            _ => 4,
        }
    }

    fn write(&self, f: &mut Formatter<'_>, level: u8) -> fmt::Result {
        if self.level() < level { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::Term(form, text) => {
                let prefix = match form {
                    Form::Bare => "",
                    Form::Exact => "=",
                    Form::Stem => "~",
                };
                if needs_quotes(text) { write!(f, "{prefix}\"{text}\"") } else { write!(f, "{prefix}{text}") }
            }
            Query::Regex(pattern) => write!(f, "/{}/", pattern.replace('/', "\\/")),
            Query::List(name) => write!(f, "@{name}"),
            Query::Topic(id) => write!(f, "#{id}"),
            Query::Meta(key, value) => write!(f, "meta.{key}:\"{value}\""),
            Query::Or(sides) => write_joined(f, sides, " OR ", 1),
            Query::And(sides) => write_joined(f, sides, " AND ", 2),
            Query::Not(a, b) => {
                a.write(f, 2)?;
                f.write_str(" NOT ")?;
                b.write(f, 3)
            }
            Query::UnaryNot(a) => {
                f.write_str("NOT ")?;
                a.write(f, 3)
            }
            Query::Near(a, nearness, reach, b) => {
                a.write(f, 3)?;
                let operator =
                    NEARNESSES.iter().find(|(other, _)| other == nearness).map_or("", |(_, text)| text);
                match reach {
                    Reach::Words(n) => write!(f, " {operator}{n} ")?,
                    Reach::Sentence => write!(f, " {operator}S ")?,
                    Reach::Paragraph => write!(f, " {operator}P ")?,
                }
                b.write(f, 4)
            }
            Query::AtLeast(n, a) => write!(f, "ATLEAST/{n} ({a})"),
            Query::Distinct(n, a) => write!(f, "DISTINCT/{n} ({a})"),
            Query::In(place, a) => {
                f.write_str(PLACES.iter().find(|(other, _)| other == place).map_or("", |(_, text)| text))?;
                let is_term = matches!(**a, Query::Term(..) | Query::Regex(_) | Query::List(_));
                if is_term { write!(f, "{a}") } else { write!(f, "({a})") }
            }
        }
    }
}

fn write_joined(f: &mut Formatter<'_>, sides: &[Query], operator: &str, level: u8) -> fmt::Result {
    for (i, side) in sides.iter().enumerate() {
        if i > 0 {
            f.write_str(operator)?;
        }
        side.write(f, level)?;
    }
    Ok(())
}

/// Unquoted are only words with wildcards and harmless punctuation between them.
fn needs_quotes(text: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || "*?-.'".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_alphanumeric() || c == '*' || c == '?');
    !starts_well
        || !text.chars().all(harmless)
        || OPERATORS.contains(&text.to_uppercase().as_str())
        || text.starts_with("meta.")
}

fn name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.is_empty() || !text.chars().all(good) {
        return Err(format!("{text:?} is no name"));
    }
    Ok(text.to_owned())
}

fn term(form: Form, text: &str) -> Result<Query, String> {
    let words = words::of_term(text);
    if words.is_empty() || words.len() > 32 {
        return Err(format!("the term {text:?} has {} words", words.len()));
    }
    for word in &words {
        let written = &text[word.start..word.end];
        let Some(_) = written.find(['*', '?']) else { continue };
        if form == Form::Stem {
            return Err(format!("{text:?} has a wildcard and a stem"));
        }
        if written.chars().filter(|&c| words::is_plain(c)).count() < 2 {
            return Err(format!("{written:?} needs two plain letters or digits"));
        }
        let beside = [text[..word.start].chars().next_back(), text[word.end..].chars().next()];
        if beside.into_iter().flatten().any(words::is_unspaced) {
            return Err(format!("{written:?} stands beside a letter of an unspaced script"));
        }
    }
    Ok(Query::Term(form, text.to_owned()))
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Query, String> {
        let mut sides = vec![self.and()?];
        while self.skip_operator("OR") {
            sides.push(self.and()?);
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Query::Or(sides) })
    }

    fn and(&mut self) -> Result<Query, String> {
        let mut sides = vec![self.not()?];
        while self.skip_operator("AND") {
            sides.push(self.not()?);
        }
        Ok(if sides.len() == 1 { sides.remove(0) } else { Query::And(sides) })
    }

    fn not(&mut self) -> Result<Query, String> {
        let mut left =
            if self.skip_operator("NOT") { Query::UnaryNot(Box::new(self.near()?)) } else { self.near()? };
        while self.skip_operator("NOT") {
            left = Query::Not(Box::new(left), Box::new(self.near()?));
        }
        Ok(left)
    }

    fn near(&mut self) -> Result<Query, String> {
        let mut left = self.prefixed()?;
        'operators: loop {
            let run = self.peek_run();
            for (nearness, operator) in NEARNESSES {
                if let Some(reach) = run.strip_prefix(operator) {
                    let reach = match reach {
                        "S" => Reach::Sentence,
                        "P" => Reach::Paragraph,
                        n => Reach::Words(number(n, 0..=100)?),
                    };
                    self.run();
                    left = Query::Near(Box::new(left), nearness, reach, Box::new(self.prefixed()?));
                    continue 'operators;
                }
            }
            return Ok(left);
        }
    }

    fn prefixed(&mut self) -> Result<Query, String> {
        self.skip_blanks();
        for (place, prefix) in PLACES {
            if let Some(rest) = self.rest.strip_prefix(prefix) {
                self.rest = rest;
                return Ok(Query::In(place, Box::new(self.operand()?)));
            }
        }
        let run = self.peek_run();
        if let Some(n) = run.strip_prefix("ATLEAST/") {
            self.run();
            return Ok(Query::AtLeast(number(n, 1..=1000)?, Box::new(self.operand()?)));
        }
        if let Some(n) = run.strip_prefix("DISTINCT/") {
            self.run();
            return Ok(Query::Distinct(number(n, 1..=1000)?, Box::new(self.operand()?)));
        }
        self.operand()
    }

    /// One term or parenthesis.
    fn operand(&mut self) -> Result<Query, String> {
        self.skip_blanks();
        match self.rest.chars().next() {
            None => Err("a term is missing".to_owned()),
            Some('(') => {
                self.rest = &self.rest[1..];
                let query = self.or()?;
                self.skip_blanks();
                self.rest = self.rest.strip_prefix(')').ok_or("a parenthesis is not closed")?;
                Ok(query)
            }
            Some('/') => self.regex(),
            Some('"') => term(Form::Bare, self.quoted()?),
            Some('=') => self.form(Form::Exact),
            Some('~') => self.form(Form::Stem),
            Some('@') => Ok(Query::List(name(&self.run()[1..])?)),
            Some('#') => Ok(Query::Topic(name(&self.run()[1..])?)),
            Some('m') if self.rest.starts_with("meta.") => self.meta(),
            Some(_) => self.word(Form::Bare),
        }
    }

    fn form(&mut self, form: Form) -> Result<Query, String> {
        self.rest = &self.rest[1..];
        if self.rest.starts_with('"') {
            return term(form, self.quoted()?);
        }
        if self.rest.starts_with(['/', '=', '~', '@']) {
            return Err(format!("{:?} cannot follow = or ~", self.peek_run()));
        }
        let run = self.run();
        term(form, run)
    }

    fn word(&mut self, form: Form) -> Result<Query, String> {
        let run = self.run();
        if OPERATORS.contains(&run) || run.contains([':', '“', '”']) {
            return Err(format!("{run:?} is no term"));
        }
        term(form, run)
    }

    fn regex(&mut self) -> Result<Query, String> {
        let body = &self.rest[1..];
        let mut escaped = false;
        let end = body.find(|c| {
            let ends = c == '/' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.ok_or("a regular expression is not closed")?;
        self.rest = &body[end + 1..];
        Ok(Query::Regex(body[..end].replace("\\/", "/")))
    }

    fn meta(&mut self) -> Result<Query, String> {
        let (key, rest) = self.rest["meta.".len()..].split_once(':').ok_or("meta. without a colon")?;
        self.rest = rest;
        let value = if rest.starts_with('"') { self.quoted()? } else { self.run() };
        if value.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return Err(format!("meta.{key}:{value:?} is no condition"));
        }
        Ok(Query::Meta(key.to_owned(), value.to_owned()))
    }

    fn quoted(&mut self) -> Result<&'a str, String> {
        let (inside, rest) = self.rest[1..].split_once('"').ok_or("a quote is not closed")?;
        self.rest = rest;
        Ok(inside)
    }

    /// The characters up to the next blank, quote or parenthesis.
    fn peek_run(&mut self) -> &'a str {
        self.skip_blanks();
        let end = self.rest.find(|c: char| c.is_whitespace() || "\"()".contains(c));
        &self.rest[..end.unwrap_or(self.rest.len())]
    }

    fn run(&mut self) -> &'a str {
        let run = self.peek_run();
        self.rest = &self.rest[run.len()..];
        run
    }

    fn skip_operator(&mut self, operator: &str) -> bool {
        let found = self.peek_run() == operator;
        if found {
            self.run();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn number(text: &str, range: std::ops::RangeInclusive<usize>) -> Result<usize, String> {
    text.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| format!("{text:?} is not in {range:?}"))
}
