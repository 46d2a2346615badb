//! A TOML file that an operator writes: its faults with their places.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Larger files are not read: nobody writes them by hand.
const MAX_BYTES: u64 = 4 << 20;

/// A file, read.
#[derive(Debug)]
pub struct TomlFile {
    /// Where it is.
    pub path: PathBuf,
    text: String,
}

impl TomlFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, or is larger than 4 MiB.
    pub fn read(path: &Path) -> io::Result<TomlFile> {
        if std::fs::metadata(path)?.len() > MAX_BYTES {
            return Err(io::Error::other(format!("the file is larger than {} MiB", MAX_BYTES >> 20)));
        }
        let text = std::fs::read_to_string(path)?;
        Ok(TomlFile { path: path.to_owned(), text })
    }

    /// Its table, and what is no TOML in it.
    #[must_use]
    pub fn parse(&self) -> (Spanned<DeTable<'_>>, Vec<Fault>) {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        let fault = |error: toml::de::Error| self.fault(error.span().unwrap_or(0..0), error.message());
        (table, errors.into_iter().map(fault).collect())
    }

    /// What is wrong at a place.
    #[must_use]
    pub fn fault(&self, place: Range<usize>, message: impl fmt::Display) -> Fault {
        let before = self.text.get(..place.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        let source = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let width =
            self.text.get(place).map_or(1, |text| text.lines().next().unwrap_or_default().chars().count());
        Fault {
            place: format!("{}:{line}:{column}", self.path.display()),
            message: message.to_string(),
            source: Some((line, column, width.max(1), source.to_owned())),
        }
    }

    /// The line of a place, from 1.
    #[must_use]
    pub fn line(&self, place: usize) -> usize {
        self.text.get(..place).map_or(1, |before| before.matches('\n').count() + 1)
    }
}

/// What is wrong with what an operator wrote, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A file with line and column, a flag, or a variable.
    pub place: String,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// Line, column, width and text of a line of a file.
    pub source: Option<(usize, usize, usize, String)>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        let Some((line, column, width, source)) = &self.source else { return Ok(()) };
        // What must not be seen stands in no message; so a secret in the wrong place is not drawn either.
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent: String =
            source.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "\n {number} | {source}\n {margin} | {indent}{}", "^".repeat(*width))
    }
}

/// A value as it would be given in a flag; none for a table or a list.
#[must_use]
pub fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The name that was probably meant, if one is near.
#[must_use]
pub fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.into_iter().map(|other| (strsim::osa_distance(name, other), other)).min()?;
    (near.0 <= 2.max(name.chars().count() / 4)).then_some(near.1)
}
