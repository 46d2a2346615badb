//! What did the author write, and is it sound?

mod diagnostic;
mod query;
mod ruleset;
mod values;

pub use diagnostic::{Diagnostic, Severity};
pub use query::{Part, Pattern, Query, Reach, Term};
pub use ruleset::{Example, Rule, Ruleset, Scoring, Source, Topic};
pub use values::{Threshold, TopicId, Weight};
