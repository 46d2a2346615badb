//! A naive reference implementation of the rule language, written from LANGUAGE.md alone: slow, obvious, independent
//! of the engine.

pub mod eval;
pub mod generate;
pub mod query;
pub mod rules;
pub mod words;

pub use eval::{Answer, Document, Evidence, Field, Label, Oracle};
pub use generate::Case;
