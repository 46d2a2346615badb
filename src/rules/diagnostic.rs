//! What is wrong, where, and what to do about it.

use super::printable;
use icu_properties::CodePointMapData;
use icu_properties::props::{EastAsianWidth, GeneralCategory};
use std::fmt;

/// A fault of a rule file.
///
/// Its `Display` is the place and message, the source line with a caret under the place, and the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, such as `E0101`: one of [`Code`](super::Code).
    pub code: &'static str,
    /// Whether it keeps the ruleset from being used.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file, below the ruleset's folder; where the fault has no file, the name of the ruleset.
    pub path: String,
    /// Line, from 1; 0 where the fault has no place.
    pub line: u32,
    /// Column in characters, from 1; 0 where the fault has no place.
    pub column: u32,
    /// The source line, of a very long one the part around the place; empty where there is none.
    pub source: String,
    /// Where the fault begins in `source`: in characters, from 1. It is `column` but in a line that was cut.
    pub caret: u32,
    /// How many characters of `source` are at fault, from `caret` on; at least 1.
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

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

impl Diagnostic {
    /// The text for people; `paint` wraps `error[CODE]` or `warning[CODE]` and the carets, for example in colour.
    #[must_use]
    pub fn render(&self, paint: impl Fn(Severity, &str) -> String) -> String {
        let mut out: String = self.path.chars().map(printable).collect();
        if self.line > 0 {
            out += &format!(":{}:{}", self.line, self.column);
        }
        let label = paint(self.severity, &format!("{}[{}]", self.severity, self.code));
        out += &format!(": {label}: {}\n", self.message);
        if !self.source.is_empty() {
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            let (before, at) = (self.caret.saturating_sub(1) as usize, self.width.max(1) as usize);
            let indent: String = self.source.chars().take(before).map(blank).collect();
            let carets: usize = self.source.chars().skip(before).take(at).map(columns).sum();
            let carets = paint(self.severity, &"^".repeat(carets.max(1)));
            out += &format!(" {number} | {}\n {margin} | {indent}{carets}\n", self.source);
        }
        if !self.help.is_empty() {
            out += &format!("  help: {}\n", self.help);
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(|_, text| text.to_owned()).trim_end())
    }
}

/// What takes as much room as a character: a tab stays a tab, so that it ends at the same column.
fn blank(c: char) -> &'static str {
    match (c, columns(c)) {
        ('\t', _) => "\t",
        (_, 0) => "",
        (_, 1) => " ",
        _ => "  ",
    }
}

/// How many columns of a terminal a character takes.
fn columns(c: char) -> usize {
    use GeneralCategory as G;
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        G::NonspacingMark | G::EnclosingMark | G::Format => return 0,
        _ => {}
    }
    match CodePointMapData::<EastAsianWidth>::new().get(c) {
        EastAsianWidth::Wide | EastAsianWidth::Fullwidth => 2,
        _ => 1,
    }
}
