//! How good are the rules?

mod examples;

pub use examples::{FailedExample, failed_examples};
