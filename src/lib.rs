//! geotopics reads news articles and answers with geopolitical topic labels, each with a score and the words
//! that prove it, by keyword scoring rules that an analyst writes in config files.
//!
//! Each module answers one question and imports only what stands to its left:
//!
//! ```text
//! text <- rules <- engine <- quality <- catalog <- wire <- service <- cli
//! ```

#![cfg_attr(test, allow(clippy::print_stdout))]

pub mod catalog;
#[cfg(feature = "server")]
pub mod cli;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod engine;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod quality;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod rules;
#[cfg(feature = "server")]
#[deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable
)]
#[deny(clippy::unwrap_used)]
pub mod service;
#[deny(clippy::disallowed_methods, clippy::disallowed_types)]
pub mod text;
#[cfg(feature = "server")]
#[deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable
)]
#[deny(clippy::unwrap_used)]
pub mod wire;

pub use engine::{Classification, Classifier, Document, Scratch};
pub use rules::{Diagnostic, Ruleset, Source};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
