//! What is a query? Its shape and its canonical text.

use super::TopicId;
use crate::text::{bare, exact, folded, pattern_words};
use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::sync::LazyLock;

/// A condition on the words of a document (LANGUAGE section 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// A word or phrase.
    Term(Term),
    /// `@name`: any entry of a shared list.
    List(String),
    /// `#topic`: another topic is a label of the document.
    Topic(TopicId),
    /// `meta.key:"value"`: a metadata value, with `*` and `?` as wildcards; `value` is in NFKC and case-folded.
    Meta {
        /// The key, exact case.
        key: String,
        /// The pattern that the whole value must match.
        value: String,
    },
    /// Any of two or more.
    Or(Vec<Query>),
    /// All of two or more.
    And(Vec<Query>),
    /// `a NOT b`: the hits of a, if b has none.
    Not(Box<Query>, Box<Query>),
    /// Unary `NOT x`: a condition without a place.
    Absent(Box<Query>),
    /// `a NEAR/n b` and, ordered, `a PRE/n b`.
    Near {
        /// The left side.
        left: Box<Query>,
        /// The right side.
        right: Box<Query>,
        /// How far apart.
        within: Reach,
        /// `PRE`: the right side starts after the left one ends.
        ordered: bool,
    },
    /// `a NOT/n b`: the hits of a that are far from every hit of b.
    NotNear {
        /// The left side, whose hits are kept.
        left: Box<Query>,
        /// The right side.
        right: Box<Query>,
        /// How far is near.
        within: Reach,
    },
    /// `ATLEAST/n x`: at least n hits (1 to 1000).
    AtLeast(u16, Box<Query>),
    /// `DISTINCT/n x`: at least n different alternatives have a hit (1 to 1000).
    Distinct(u16, Box<Query>),
    /// `title:x`, `lead:x`, `text:x`.
    In(Part, Box<Query>),
}

/// How far apart two hits may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// At most so many words between them (0 to 100).
    Words(u8),
    /// In the same sentence.
    Sentence,
    /// In the same paragraph.
    Paragraph,
}

/// The part of a document that a field prefix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The title.
    Title,
    /// The first paragraph of the text that has a word, cut after 60 words.
    Lead,
    /// The whole text, lead included.
    Text,
}

/// A word or phrase: 1 to 32 words in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// What each word must match.
    pub words: Vec<Pattern>,
}

/// What one word must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// This bare form.
    Bare(String),
    /// `=`: this exact form.
    Exact(String),
    /// This bare form, in which `*` is any number of characters and `?` exactly one.
    Wildcard(String),
    /// `=` with `*` or `?`: the same over the exact form.
    ExactWildcard(String),
    /// `/re/`: this regular expression over the whole bare form, ignoring case.
    Regex(String),
    /// `~`: any word with the stem of this one; the word is in NFKC and case-folded, with its diacritics.
    Stem(String),
}

impl Pattern {
    /// The text that the word is compared with.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Pattern::Bare(text)
            | Pattern::Exact(text)
            | Pattern::Wildcard(text)
            | Pattern::ExactWildcard(text)
            | Pattern::Regex(text)
            | Pattern::Stem(text) => text,
        }
    }

    fn sign(&self) -> &'static str {
        match self {
            Pattern::Bare(_) | Pattern::Wildcard(_) | Pattern::Regex(_) => "",
            Pattern::Exact(_) | Pattern::ExactWildcard(_) => "=",
            Pattern::Stem(_) => "~",
        }
    }
}

/// The canonical text, from which [`Query::parse`] makes the same term.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.words.first() else { return Ok(()) };
        if let Pattern::Regex(pattern) = first {
            return write!(f, "/{}/", escape_slashes(pattern));
        }
        f.write_str(first.sign())?;
        let plain = |text: &str| !is_operator_word(text) && text.chars().all(is_plain);
        match (self.words.as_slice(), as_written(first.text())) {
            ([_], word) if plain(&word) => f.write_str(&word),
            _ => {
                for (index, word) in self.words.iter().enumerate() {
                    f.write_str(if index == 0 { "\"" } else { " " })?;
                    f.write_str(&as_written(word.text()))?;
                }
                f.write_str("\"")
            }
        }
    }
}

/// The canonical text, from which [`Query::parse`] makes the same query.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Query::Term(term) => term.fmt(f),
            Query::List(name) => write!(f, "@{name}"),
            Query::Topic(id) => write!(f, "#{id}"),
            Query::Meta { key, value } => write!(f, "meta.{key}:\"{}\"", value.replace('"', "\u{FF02}")),
            Query::Or(sides) => join(f, sides, " OR "),
            Query::And(sides) => join(f, sides, " AND "),
            Query::Not(left, right) => write!(f, "{} NOT {}", Side(left), Side(right)),
            Query::Absent(inner) => write!(f, "NOT {}", Side(inner)),
            Query::Near { left, right, within, ordered } => {
                let name = if *ordered { "PRE" } else { "NEAR" };
                write!(f, "{} {name}/{within} {}", Side(left), Side(right))
            }
            Query::NotNear { left, right, within } => {
                write!(f, "{} NOT/{within} {}", Side(left), Side(right))
            }
            Query::AtLeast(least, inner) => write!(f, "ATLEAST/{least} ({inner})"),
            Query::Distinct(least, inner) => write!(f, "DISTINCT/{least} ({inner})"),
            Query::In(part, inner) => match **inner {
                Query::Term(_) | Query::List(_) => write!(f, "{part}:{inner}"),
                _ => write!(f, "{part}:({inner})"),
            },
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Words(words) => words.fmt(f),
            Reach::Sentence => f.write_str("S"),
            Reach::Paragraph => f.write_str("P"),
        }
    }
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 3] = [Part::Title, Part::Lead, Part::Text];

    /// The name of its prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Title => "title",
            Part::Lead => "lead",
            Part::Text => "text",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The side of an operator, in parentheses unless it binds tighter than any.
struct Side<'a>(&'a Query);

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Query::Or(_)
            | Query::And(_)
            | Query::Not(..)
            | Query::Absent(_)
            | Query::Near { .. }
            | Query::NotNear { .. } => write!(f, "({})", self.0),
            query => query.fmt(f),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, sides: &[Query], operator: &str) -> fmt::Result {
    for (index, side) in sides.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { operator })?;
        write!(f, "{}", Side(side))?;
    }
    Ok(())
}

fn is_plain(c: char) -> bool {
    matches!(c, '*' | '?') || c.is_alphanumeric() || !c.is_ascii()
}

/// Whether a bare word reads like an operator, so that it stands in quotes.
fn is_operator_word(word: &str) -> bool {
    ["or", "and", "not", "near", "pre", "atleast", "distinct"].contains(&word)
}

fn escape_slashes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' => out.push_str("\\/"),
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            _ => out.push(c),
        }
    }
    out
}

/// A word as it has to be written to become this word. Folding takes some letters apart into what would be split
/// into several words, such as the Thai sara am: those stand in it as they were.
fn as_written(word: &str) -> Cow<'_, str> {
    static TAKEN_APART: LazyLock<Vec<(String, char)>> = LazyLock::new(|| {
        let letters = (0x80..=0x1FFFF).filter_map(char::from_u32);
        let mut letters: Vec<(String, char)> = letters
            .flat_map(|c| {
                let letter = c.to_string();
                let is_word = !pattern_words(&letter).is_empty();
                let forms =
                    if is_word { vec![bare(&letter), exact(&letter), folded(&letter)] } else { Vec::new() };
                forms.into_iter().map(move |form| (form, c))
            })
            .filter(|(form, c)| {
                let inside = |text: &str| is_one_word(&format!("a{text}a"));
                !form.is_empty() && (!is_one_word(form) || (!inside(form) && inside(&c.to_string())))
            })
            .collect();
        letters.sort_by_key(|(form, c)| (Reverse(form.len()), exact(&c.to_string()) != *form));
        letters
    });
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) || is_one_word(word) {
        return Cow::Borrowed(word);
    }
    let written = TAKEN_APART.iter().fold(word.to_owned(), |word, (form, letter)| {
        if word.contains(form) { word.replace(form, letter.encode_utf8(&mut [0; 4])) } else { word }
    });
    Cow::Owned(written)
}

/// Whether a text is split into itself.
fn is_one_word(text: &str) -> bool {
    matches!(pattern_words(text).as_slice(), [only] if only.word == text)
}

/// The form in which metadata values are compared: NFKC and full case folding.
#[must_use]
pub fn metadata_value(value: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(value);
    CaseMapperBorrowed::new().fold_string(&composed).into_owned()
}
