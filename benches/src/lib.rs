//! What is measured: articles and terms, and the rulesets made of them.

pub mod corpus;
pub mod rules;
