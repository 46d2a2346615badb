//! Which faults were found so far? Collects them, then gives them their lines, in order and bounded in number.

use super::file::File;
use super::term::MAX_AUTOMATA;
use super::{Code, Diagnostic, Severity};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;

/// Of errors and of warnings, at most so many are kept.
const MOST: usize = 1000;
/// Of a source line, at most so many characters are shown before and from the place on.
const BEFORE: usize = 60;
const AFTER: usize = 80;
/// Of a name that stands in a message, at most so many characters are shown.
const SHOWN: usize = 60;
/// Of a message or a help, at most so many characters are kept.
const LONGEST: usize = 400;

/// Bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place {
    pub(super) fn new(file: usize, range: Range<usize>) -> Place {
        Place { file, start: range.start, end: range.end.max(range.start) }
    }
}

struct Finding {
    code: Code,
    place: Option<Place>,
    message: String,
    help: String,
}

/// The faults found so far.
pub(super) struct Report<'f> {
    files: &'f [File],
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
    /// Files and lines that are no TOML.
    broken: BTreeSet<(usize, u32)>,
    /// How many bytes of automata of regular expressions may still follow.
    pub(super) regexes: usize,
    /// How many pairs of bytes may still be compared to find near names.
    comparisons: Cell<usize>,
}

/// Pairs of bytes that a report compares to find near names: 10,000 pairs of names of 40 letters.
const MOST_COMPARISONS: usize = 16_000_000;

impl<'f> Report<'f> {
    pub(super) fn new(files: &'f [File]) -> Report<'f> {
        Report {
            files,
            findings: Vec::new(),
            errors: 0,
            warnings: 0,
            broken: BTreeSet::new(),
            regexes: MAX_AUTOMATA,
            comparisons: Cell::new(MOST_COMPARISONS),
        }
    }

    /// A fault at a place; none for one of the ruleset as a whole. Message and help may hold what an author wrote:
    /// here they become safe to print, and short.
    pub(super) fn add(
        &mut self,
        code: Code,
        place: impl Into<Option<Place>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let place = place.into();
        if code != Code::NotToml
            && place.is_some_and(|place| self.is_broken(Place { end: place.start, ..place }))
        {
            return;
        }
        let count = match code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MOST {
            let (message, help) = (shown(&message.into()), shown(&help.into()));
            self.findings.push(Finding { code, place, message, help });
        }
    }

    /// Marks the line of an offset as no TOML: other faults on it would only follow from it.
    pub(super) fn break_at(&mut self, file: usize, offset: usize) {
        if let Some(source) = self.files.get(file) {
            self.broken.insert((file, source.line(offset)));
        }
    }

    /// Whether a part of a place is no TOML.
    pub(super) fn is_broken(&self, place: Place) -> bool {
        let Some(file) = self.files.get(place.file) else { return false };
        let lines = (place.file, file.line(place.start))..=(place.file, file.line(place.end));
        self.broken.range(lines).next().is_some()
    }

    /// Whether a part of the file is no TOML, so that what seems to be missing may be there.
    pub(super) fn is_torn(&self, file: usize) -> bool {
        self.broken.range((file, 0)..(file + 1, 0)).next().is_some()
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// "did you mean" the nearest known name; else `otherwise`.
    pub(super) fn did_you_mean<'a>(
        &self,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> String {
        // A comparison costs the product of two lengths, and there may be many of each.
        let affordable = known.into_iter().take_while(|other| {
            let left = self.comparisons.get().checked_sub(name.len() * other.len());
            self.comparisons.set(left.unwrap_or(0));
            left.is_some()
        });
        let nearest = nearest(name, affordable);
        nearest.map_or_else(|| otherwise.into(), |other| format!("did you mean `{other}`?"))
    }

    /// `path:line` of a place, to name it in the help of another fault.
    pub(super) fn line_of(&self, place: Place) -> String {
        let path = self.files.get(place.file).map_or("", |file| file.path.as_str());
        format!("{path}:{}", self.line(place))
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, place: Place) -> u32 {
        self.files.get(place.file).map_or(0, |file| file.line(place.start))
    }

    /// All faults, by path, line and column; `name` stands for the path of those without a file.
    pub(super) fn finish(self, name: &str) -> Vec<Diagnostic> {
        let more = self.errors.saturating_sub(MOST) + self.warnings.saturating_sub(MOST);
        let mut findings = self.findings;
        findings.sort_by_key(|finding| finding.place);
        let mut diagnostics: Vec<Diagnostic> = findings
            .into_iter()
            .map(|finding| {
                let mut diagnostic = bare(finding.code, finding.message, name, finding.help);
                if let Some((place, file)) =
                    finding.place.and_then(|place| Some((place, self.files.get(place.file)?)))
                {
                    show(&mut diagnostic, file, place);
                }
                diagnostic
            })
            .collect();
        if more > 0 {
            let message = format!("{more} more faults are not shown");
            diagnostics.push(bare(Code::TooManyFaults, message, name, "mend these first".to_owned()));
        }
        diagnostics
    }
}

/// A diagnostic without a place.
fn bare(code: Code, message: String, path: &str, help: String) -> Diagnostic {
    Diagnostic {
        code: code.as_str(),
        severity: code.severity(),
        message,
        path: path.to_owned(),
        line: 0,
        column: 0,
        source: String::new(),
        caret: 1,
        width: 1,
        help,
    }
}

/// Fills in the file, the line, the column and the part of the source line around a place.
fn show(diagnostic: &mut Diagnostic, file: &File, place: Place) {
    let (line, column) = file.position(place.start);
    diagnostic.path.clone_from(&file.path);
    diagnostic.line = line;
    diagnostic.column = column;
    let (before, after) = file.around(place.start);
    let width =
        file.text.get(place.start..place.end).unwrap_or("").lines().next().unwrap_or("").chars().count();
    let skipped = before.chars().count().saturating_sub(BEFORE);
    if skipped > 0 {
        diagnostic.source.push('…');
    }
    diagnostic.source.extend(before.chars().skip(skipped).map(printable));
    diagnostic.caret = diagnostic.source.chars().count() as u32 + 1;
    diagnostic.source.extend(cut(after, AFTER).map(printable));
    diagnostic.width = width.clamp(1, AFTER) as u32;
}

/// A message or a help as a terminal can print it, on one line and cut where it is too long.
fn shown(text: &str) -> String {
    cut(text, LONGEST).map(|c| if c == '\t' { ' ' } else { printable(c) }).collect()
}

/// At most so many characters, and `…` where there are more.
fn cut(text: &str, most: usize) -> impl Iterator<Item = char> {
    let more = text.chars().nth(most).map(|_| '…');
    text.chars().take(most).chain(more)
}

/// The character, or for one that a terminal obeys the replacement character. Of these only the tab stays.
pub(crate) fn printable(c: char) -> char {
    match c {
        '\t' => c,
        _ if c.is_control() => '\u{FFFD}',
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
        _ => c,
    }
}

/// What the author wrote, to stand in a message: in backticks, and short.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", cut(text, SHOWN).collect::<String>())
}

/// The known name nearest to one that is not known, if it is near.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// So that a suggestion costs bounded time.
    const NAMES: usize = 10_000;
    let length = name.chars().count();
    if length > SHOWN {
        return None;
    }
    let most = (length / 3).max(1);
    known
        .into_iter()
        .take(NAMES)
        .filter(|other| other.len().abs_diff(name.len()) <= 4 * most)
        .map(|other| (strsim::osa_distance(name, other), other))
        .filter(|(distance, _)| *distance <= most && *distance < length)
        .min()
        .map(|(_, other)| other)
}
