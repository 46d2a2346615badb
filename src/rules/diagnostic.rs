//! What is wrong, where, and what to do about it.

/// A fault of a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, such as `E0101`.
    pub code: &'static str,
    /// Whether it keeps the ruleset from being used.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file, below the ruleset's folder.
    pub path: String,
    /// Line, from 1; 0 where the fault has no place.
    pub line: u32,
    /// Column in characters, from 1; 0 where the fault has no place.
    pub column: u32,
    /// The source line; empty where there is none.
    pub source: String,
    /// How many characters of `source` are at fault, from `column` on; at least 1.
    pub width: u32,
    /// What to do: a suggestion, "did you mean", or the second place of a duplicate.
    pub help: String,
}

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The ruleset cannot be used.
    Error,
    /// The ruleset can be used, but this is probably not what was meant.
    Warning,
}
