//! What did the author write, and is it sound?
//!
//! [`Ruleset::parse`] takes the files of a ruleset and gives a sound [`Ruleset`], or every fault of every file. On
//! the way, `file` and `table` read TOML with its places, `manifest` and `topic` the shapes of the files, `lexer`,
//! `parser` and `term` the queries in them; `resolve` looks for names, `lint` for what is sound but odd.

mod code;
mod diagnostic;
mod file;
mod lexer;
mod lint;
mod literal;
mod manifest;
mod parser;
mod query;
mod report;
mod resolve;
mod ruleset;
mod table;
mod term;
mod topic;
mod values;
mod written;

pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};
pub use query::{Part, Pattern, Query, Reach, Term, metadata_value};
pub(crate) use report::printable;
pub use ruleset::{Example, Rule, Ruleset, Scoring, Source, Topic};
pub use term::Fault;
pub use values::{Threshold, TopicId, Weight};
