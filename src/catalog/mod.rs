//! Which rulesets are live?
