//! Where are the words, and what is their bare form?

mod language;
mod span;
mod words;

pub use language::{Language, detect, stem, stemmed};
pub use span::Span;
pub use words::{PatternWord, bare, exact, folded, pattern_words};
