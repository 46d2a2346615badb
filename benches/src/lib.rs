//! What the benches share: articles with rules to classify them by, and load on servers.

pub mod corpus;
pub mod load;
