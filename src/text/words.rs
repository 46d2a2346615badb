//! Words of a text (LANGUAGE section 2).

use super::Span;

/// A word of a query or term, in which `*` and `?` are letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternWord {
    /// Its place in the text that was split.
    pub span: Span,
    /// The word without transparent characters and without the stops of an acronym.
    pub word: String,
    /// It stands directly beside, or is, a letter of an unspaced script.
    pub unspaced: bool,
}

/// Splits a term as a text is split, but with `*` and `?` as letters.
#[must_use]
pub fn pattern_words(term: &str) -> Vec<PatternWord> {
    _ = term;
    Vec::new()
}

/// The bare form: NFKC, full case folding, marks removed, special letters replaced.
#[must_use]
pub fn bare(word: &str) -> String {
    word.to_lowercase()
}

/// The exact form: NFKC without transparent characters.
#[must_use]
pub fn exact(word: &str) -> String {
    word.to_owned()
}

/// The case-folded form with its diacritics, from which a stem is made: NFKC and full case folding.
#[must_use]
pub fn folded(word: &str) -> String {
    word.to_lowercase()
}
