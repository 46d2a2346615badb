//! The queries of rules: their shape, parser and canonical text.

use super::TopicId;

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
