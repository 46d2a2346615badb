//! What people see: streams, colour, and text that is safe to print.

use crate::rules::Diagnostic;
use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

/// How a command ended that did what it was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing to find fault with.
    Fine,
    /// Errors in rules, failed examples or failed documents.
    Findings,
}

impl Status {
    /// The status of a command that found so many faults.
    #[must_use]
    pub(super) fn of_faults(faults: usize) -> Status {
        if faults == 0 { Status::Fine } else { Status::Findings }
    }
}

/// Why a command could not do what it was asked to do.
#[derive(Debug)]
pub(super) enum Failure {
    /// One line that says why.
    Message(String),
    /// The ruleset has errors.
    Rules(Vec<Diagnostic>),
    /// Whoever read standard output has seen enough.
    ClosedPipe,
}

impl Failure {
    /// A failure to read or write something.
    #[must_use]
    pub(super) fn io(what: impl Display, error: &io::Error) -> Failure {
        Failure::Message(format!("{what}: {}", reason(&error.to_string())))
    }
}

impl From<io::Error> for Failure {
    /// An error of writing to standard output.
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::io("cannot write to standard output", &error),
        }
    }
}

/// The system's words for an error, without its number.
pub(super) fn reason(error: &str) -> &str {
    error.split(" (os error").next().unwrap_or(error)
}

/// Prints lines for people, beside the data, on standard error.
pub(super) fn say(message: impl Display) {
    // Nobody is left to tell where standard error is closed.
    drop(writeln!(io::stderr(), "{message}"));
}

/// Prints the one line of a command that cannot go on.
pub(super) fn fail(message: &str) {
    say(format_args!("geotopics: {message}"));
}

/// Whether standard output takes colour: a terminal that is not dumb, and `NO_COLOR` is not set.
#[must_use]
pub(super) fn colour_on_stdout() -> bool {
    io::stdout().is_terminal() && colour_wanted()
}

/// Whether standard error takes colour.
#[must_use]
pub(super) fn colour_on_stderr() -> bool {
    io::stderr().is_terminal() && colour_wanted()
}

fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// For whom data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Json,
    Table,
}

/// The few looks that text can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Names and headings.
    Bold,
    /// What matters less.
    Dim,
    /// What holds, and counts for a label.
    Good,
    /// What counts against.
    Bad,
    /// What almost holds.
    Warn,
    /// A hit inside a text.
    Hit,
    /// A hit of several terms, from its first word to its last.
    Wide,
    /// Words that a mask hides.
    Masked,
}

/// Puts looks on text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    /// Whether there is colour at all.
    pub(super) colour: bool,
}

impl Paint {
    /// `text` with a look.
    pub(super) fn paint<T: Display>(self, style: Style, text: T) -> Painted<T> {
        Painted { style: self.colour.then_some(style), text }
    }
}

/// Text with a look; widths and precisions of a format apply to the text alone.
#[derive(Debug)]
pub(super) struct Painted<T> {
    style: Option<Style>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(style) = self.style else { return self.text.fmt(f) };
        f.write_str(match style {
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Bad => "\x1b[31m",
            Style::Warn => "\x1b[33m",
            Style::Hit => "\x1b[1;33m",
            Style::Wide => "\x1b[4m",
            Style::Masked => "\x1b[2;9m",
        })?;
        self.text.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}

/// Text from outside, for a terminal: control characters, which could steer it, become `�`; tabs and line breaks stay.
#[must_use]
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(steers) {
        text.replace("\r\n", "\n").replace(steers, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// Text from outside on one line of at most `width` characters, with `…` where some was left out.
#[must_use]
pub(super) fn one_line(text: &str, width: usize) -> String {
    let mut line = String::new();
    let mut rest = width;
    for word in text.split_whitespace() {
        let separator = usize::from(!line.is_empty());
        let length = word.chars().count() + separator;
        if length > rest {
            let kept = word.chars().take(rest.saturating_sub(1 + separator));
            line.extend(" ".chars().take(separator));
            line.extend(kept);
            line.push('…');
            break;
        }
        line.extend(" ".chars().take(separator));
        line.push_str(word);
        rest -= length;
    }
    printable(&line).into_owned()
}

/// `1 topic`, `2 topics`.
#[must_use]
pub(super) fn count(number: usize, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {singular}{plural}")
}
