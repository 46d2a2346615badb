//! Where are the words, and what is their bare form?
//!
//! [`words`] splits a text; [`bare`], [`exact`], [`folded`] and [`stem`] give the forms in which rules compare a
//! word; [`Structure`] tells where sentences, paragraphs and the lead end. Offsets always belong to the original.

mod class;
mod forms;
mod language;
mod span;
mod split;
mod structure;

pub use forms::{bare, exact, folded};
pub(crate) use forms::{bare_into, bare_of_ascii, fold_value};
pub use language::{Language, detect, stem, stemmed};
pub use span::Span;
pub use split::{PatternWord, Words, pattern_words, words};
pub use structure::{Break, LEAD_WORDS, Structure, break_between};
