//! Calls: convert, classify, convert.
//!
//! ```text
//! server    sockets to calls: the accept loop, HTTP/2 settings, the way out
//! classify  ClassificationService
//! rulesets  RulesetService
//! question  documents, of a ruleset, under options: what classify asks the engine
//! work      where a call computes: on its own task, or elsewhere if that takes long
//! limits    how much is too much
//! ```

mod classify;
mod limits;
mod question;
mod rulesets;
mod server;
mod work;

pub use limits::Limits;
pub use server::Server;
