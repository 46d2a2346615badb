//! What are the tokens of a query? Terms, operators and prefixes, each with its place.

use super::query::metadata_value;
use super::report::quoted;
use super::term::{self, Fault, Mark};
use super::values::is_name;
use super::{Code, Part, Query, Reach, Term, TopicId};
use std::ops::Range;

/// The largest n of `NEAR/n`, `PRE/n` and `NOT/n`, and of `ATLEAST/n` and `DISTINCT/n`.
const MAX_DISTANCE: u32 = 100;
const MAX_COUNT: u32 = 1000;

/// Double quotes that editors make of straight ones, all of three bytes.
const CURLY: [char; 5] = ['“', '”', '„', '‟', '＂'];

/// A piece of a query. A faulty one is reported and stands for what was probably meant.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Open,
    Close,
    Or,
    And,
    Not,
    /// The binary `NOT`, written `AND NOT`.
    AndNot,
    Near {
        within: Reach,
        ordered: bool,
    },
    NotNear(Reach),
    AtLeast(u16),
    Distinct(u16),
    Field(Part),
    /// A term, list, topic or metadata value.
    Operand(Query),
    End,
}

/// Splits a query into tokens.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    pub(super) faults: Vec<Fault>,
    /// How many bytes of automata of regular expressions may still follow.
    pub(super) regexes: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str, regexes: usize) -> Lexer<'t> {
        Lexer { text, at: 0, faults: Vec::new(), regexes }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> &'t str {
        self.text.get(range.clone()).unwrap_or("")
    }

    fn fault(
        &mut self,
        code: Code,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.faults.push(Fault::new(code, range, message, help));
    }

    /// The next token and its bytes.
    pub(super) fn next(&mut self) -> (Token, Range<usize>) {
        self.at = self.text.len() - self.rest().trim_start().len();
        let start = self.at;
        let rest = self.rest();
        let token = match rest.chars().next() {
            None => Token::End,
            Some('(') => self.step(1, Token::Open),
            Some(')') => self.step(1, Token::Close),
            Some('"') => self.quoted(Mark::Bare, 0),
            Some('/') => self.regex(),
            Some(sign) => match Mark::of(sign) {
                Some(mark) => self.marked(sign, mark),
                None => self.run(),
            },
        };
        (token, start..self.at)
    }

    fn step(&mut self, bytes: usize, token: Token) -> Token {
        self.at += bytes;
        token
    }

    /// `"…"` after a sign of so many bytes.
    fn quoted(&mut self, mark: Mark, sign: usize) -> Token {
        let start = self.at + sign + 1;
        let rest = self.text.get(start..).unwrap_or("");
        let Some(length) = rest.find('"') else {
            let range = start - 1..start;
            self.fault(Code::Unclosed, range, "this quote has no end", "end it with a straight quote");
            self.at = self.text.len();
            return placeholder();
        };
        self.at = start + length + 1;
        operand(term::phrase(self.slice(&(start..start + length)), mark, start, &mut self.faults))
    }

    fn regex(&mut self) -> Token {
        let start = self.at;
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '/' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            let help = "end it with a slash; a slash that is meant must stand in quotes";
            self.fault(Code::Unclosed, start..start + 1, "this regular expression has no end", help);
            self.at = self.text.len();
            return placeholder();
        };
        self.at += end + 1;
        let body = self.slice(&(start + 1..start + end));
        match term::regex(body, start..self.at, &mut self.regexes) {
            Ok(term) => operand(Some(term)),
            Err(fault) => {
                self.faults.push(fault);
                placeholder()
            }
        }
    }

    /// `=…` or `~…`.
    fn marked(&mut self, sign: char, mark: Mark) -> Token {
        let start = self.at;
        let rest = self.rest().get(1..).unwrap_or("");
        if rest.starts_with('"') {
            return self.quoted(mark, 1);
        }
        let length = run_length(rest);
        let body = rest.get(..length).unwrap_or("");
        self.at = start + 1 + length;
        let wrong = match body.chars().next() {
            None => Some("nothing"),
            Some('/') => Some("a regular expression"),
            Some('=' | '~') => Some("another sign"),
            Some('@') => Some("a list"),
            Some('#') => Some("a topic"),
            _ if Part::ALL.iter().any(|part| prefix(body) == Some(part.as_str())) => Some("a field prefix"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let message = format!("`{sign}` takes a word or a quoted phrase, not {wrong}");
            let help = match wrong {
                "a list" => "put the sign before the terms of the list",
                "a field prefix" => "write the prefix first, such as title:=NATO",
                "nothing" => "write it directly before a word or a quote",
                _ => "leave one of them out",
            };
            self.fault(Code::BadMark, start..self.at, message, help);
            return placeholder();
        }
        self.plain(start + 1..self.at, mark)
    }

    /// An unquoted run: an operator, a prefix, a reference or a term.
    fn run(&mut self) -> Token {
        let start = self.at;
        let run = self.rest().get(..run_length(self.rest())).unwrap_or("");
        self.at += run.len();
        let range = start..self.at;
        if let Some(part) = Part::ALL.into_iter().find(|part| prefix(run) == Some(part.as_str())) {
            self.at = start + part.as_str().len() + 1;
            return Token::Field(part);
        }
        if let Some(token) = self.operator(run, &range) {
            return token;
        }
        if let Some(name) = run.strip_prefix('@') {
            return self.reference(name, "list", "@", &range);
        }
        if let Some(name) = run.strip_prefix('#') {
            return self.reference(name, "topic", "#", &range);
        }
        if let (Some(key), Some(_)) = (run.strip_prefix("meta."), prefix(run)) {
            return self.metadata(key, start);
        }
        if let Some(before) = prefix(run) {
            return self.unknown_prefix(run, before, range);
        }
        self.plain(range, Mark::Bare)
    }

    /// A term without quotes, and without the signs that have a meaning before it.
    fn plain(&mut self, range: Range<usize>, mark: Mark) -> Token {
        let text = self.slice(&range);
        let curly = text
            .char_indices()
            .find(|(at, c)| CURLY.contains(c) || (*at == 0 && matches!(c, '‘' | '’' | '‚' | '‛')));
        if let Some((at, quote)) = curly {
            let at = range.start + at..range.start + at + quote.len_utf8();
            let rest = self.text.get(at.end..).unwrap_or("");
            if let Some(end) = rest.find(CURLY).filter(|_| CURLY.contains(&quote)) {
                self.at = self.at.max(at.end + end + quote.len_utf8());
            }
            let message = format!("the curly quote `{quote}` is no quote here");
            self.fault(Code::CurlyQuote, at, message, "use straight quotes: \"…\"");
            return placeholder();
        }
        if text.contains(':') {
            let help = format!("a colon that is meant must stand in quotes: \"{text}\"");
            self.fault(Code::UnknownPrefix, range, "a colon outside quotes", help);
            return placeholder();
        }
        operand(term::phrase(text, mark, range.start, &mut self.faults))
    }

    fn unknown_prefix(&mut self, run: &str, before: &str, range: Range<usize>) -> Token {
        let part = Part::ALL.into_iter().min_by_key(|part| strsim::osa_distance(before, part.as_str()));
        let part = part.unwrap_or(Part::Text);
        let known = format!("did you mean `{part}:`?");
        let end = range.start + before.len() + 1;
        let message = format!("unknown prefix {}", quoted(&format!("{before}:")));
        if end == range.end {
            let help = format!("{known} A colon that is meant must stand in quotes");
            self.fault(Code::UnknownPrefix, range, message, help);
            return Token::Field(part);
        }
        let help = format!("{known} A colon that is meant must stand in quotes: \"{run}\"");
        self.fault(Code::UnknownPrefix, range.start..end, message, help);
        placeholder()
    }

    fn reference(&mut self, name: &str, what: &str, sign: &str, range: &Range<usize>) -> Token {
        match TopicId::new(name) {
            Some(id) if sign == "#" => Token::Operand(Query::Topic(id)),
            Some(_) => Token::Operand(Query::List(name.to_owned())),
            None => {
                let message = format!("`{sign}` takes the name of a {what}");
                let lower = name.to_lowercase();
                let help = match is_name(&lower) {
                    true => format!("did you mean `{sign}{lower}`?"),
                    false => "names have a-z, 0-9 and _".to_owned(),
                };
                self.fault(Code::BadName, range.clone(), message, help);
                placeholder()
            }
        }
    }

    /// `meta.key:"value"`, of which the part before the quote has been read.
    fn metadata(&mut self, key: &str, start: usize) -> Token {
        let key = key.split_once(':');
        let whole = self.rest().starts_with('"') && key.is_some_and(|(_, value)| value.is_empty());
        let help = "write meta.source:\"trend.az\"";
        let Some((key, true)) = key.map(|(key, _)| (key, whole)) else {
            self.fault(Code::BadMeta, start..self.at, "a metadata value must stand in quotes", help);
            return placeholder();
        };
        let from = self.at + 1;
        let Some(length) = self.text.get(from..).and_then(|rest| rest.find('"')) else {
            return self.quoted(Mark::Bare, 0);
        };
        self.at = from + length + 1;
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            let help = "keys have letters A-Z and a-z, digits, - and _";
            self.fault(Code::BadMeta, start..from - 1, "a malformed metadata key", help);
            return placeholder();
        }
        let value = metadata_value(self.slice(&(from..from + length)));
        if value.is_empty() {
            let help = "to ask for any value write \"*\"";
            self.fault(Code::BadMeta, from - 1..self.at, "an empty metadata value", help);
            return placeholder();
        }
        Token::Operand(Query::Meta { key: key.to_owned(), value })
    }

    /// The operator that a run is, if it is one.
    pub(super) fn operator(&mut self, run: &str, range: &Range<usize>) -> Option<Token> {
        let (name, number) = match run.split_once('/') {
            Some((name, number)) => (name, Some(number)),
            None => (run, None),
        };
        Some(match (name, number) {
            ("OR", None) => Token::Or,
            ("AND", None) => self.and(),
            ("NOT", None) => Token::Not,
            ("NEAR" | "PRE", _) => {
                Token::Near { within: self.reach(name, number, range), ordered: name == "PRE" }
            }
            ("NOT", Some(_)) => Token::NotNear(self.reach(name, number, range)),
            ("ATLEAST", _) => Token::AtLeast(self.count(name, number, range)),
            ("DISTINCT", _) => Token::Distinct(self.count(name, number, range)),
            _ => return None,
        })
    }

    fn and(&mut self) -> Token {
        let rest = self.rest().trim_start();
        if rest.get(..run_length(rest)) != Some("NOT") {
            return Token::And;
        }
        self.at = self.text.len() - rest.len() + "NOT".len();
        Token::AndNot
    }

    fn reach(&mut self, name: &str, number: Option<&str>, range: &Range<usize>) -> Reach {
        match number {
            Some("S") => return Reach::Sentence,
            Some("P") => return Reach::Paragraph,
            Some(number) => match digits(number) {
                Some(words) if words <= MAX_DISTANCE => return Reach::Words(words as u8),
                _ => {}
            },
            None => {}
        }
        let help = match number {
            None => format!("write {name}/5, {name}/S or {name}/P; the word itself must stand in quotes"),
            Some("s" | "p") => format!("write {name}/S or {name}/P"),
            _ => {
                format!("write a number from 0 to {MAX_DISTANCE}, such as {name}/5, or {name}/S or {name}/P")
            }
        };
        self.number_fault(name, number, range, help);
        Reach::Words(0)
    }

    fn count(&mut self, name: &str, number: Option<&str>, range: &Range<usize>) -> u16 {
        match number.and_then(digits) {
            Some(count) if (1..=MAX_COUNT).contains(&count) => return count as u16,
            _ => {}
        }
        let help = match number {
            None => format!("write {name}/2 (…); the word itself must stand in quotes"),
            Some(_) => format!("write {name}/1 to {name}/{MAX_COUNT}"),
        };
        self.number_fault(name, number, range, help);
        1
    }

    fn number_fault(&mut self, name: &str, number: Option<&str>, range: &Range<usize>, help: String) {
        let message = match number {
            None | Some("") => format!("`{name}` needs its number"),
            Some(number) => format!("`{name}` cannot have {}", quoted(number)),
        };
        self.fault(Code::BadNumber, range.clone(), message, help);
    }
}

/// What stands before the first colon, where it is a word.
fn prefix(run: &str) -> Option<&str> {
    let (before, _) = run.split_once(':')?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (before.starts_with(|c: char| c.is_ascii_alphabetic()) && before.chars().all(is_word)).then_some(before)
}

/// An unquoted term runs to the next blank, quote or parenthesis.
fn run_length(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '(' | ')')).unwrap_or(text.len())
}

fn digits(number: &str) -> Option<u32> {
    if number.bytes().all(|b| b.is_ascii_digit()) { number.parse().ok() } else { None }
}

fn operand(term: Option<Term>) -> Token {
    term.map_or_else(placeholder, |term| Token::Operand(Query::Term(term)))
}

/// Stands for a faulty operand.
fn placeholder() -> Token {
    Token::Operand(Query::Term(Term { words: Vec::new() }))
}
