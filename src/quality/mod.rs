//! How good are the rules?
