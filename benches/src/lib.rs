//! What the benches share: articles and terms, the rulesets made of them, and load on servers.

pub mod corpus;
pub mod load;
pub mod rules;
