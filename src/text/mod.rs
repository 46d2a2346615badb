//! Where are the words, and what is their bare form?
//!
//! [`words`] splits a text; [`bare`], [`exact`], [`folded`] and [`stem`] give the forms in which rules compare a
//! word; [`break_between`] tells where sentences and paragraphs end; [`detect`] knows the language. Offsets
//! always belong to the original.

mod blocks;
mod class;
mod detect;
mod edges;
mod forms;
mod language;
mod pages;
mod signs;
mod span;
mod split;
mod structure;

pub use detect::detect;
pub use forms::{bare, exact, folded};
pub(crate) use forms::{is_exact, with_bare};
pub use language::{Language, stem, stemmed};
pub use span::Span;
pub(crate) use split::split_into;
pub use split::{PatternWord, pattern_words, words};
pub use structure::{Break, LEAD_WORDS, break_between};
