//! What does a file hold? Its text and lines, and the TOML in it.

use super::report::{Place, Report, quoted};
use super::{Code, Source};
use std::collections::HashMap;
use std::ops::Range;
use toml::de::DeTable;

/// Files may not be larger than this: they cost time and memory in proportion.
const MAX_BYTES: usize = 8 << 20;

/// A file that is no TOML is read on so far after its first fault, so that many faults cost bounded memory.
const MAX_BROKEN: usize = 256 << 10;

/// A file of a ruleset.
pub(super) struct File {
    pub(super) path: String,
    /// The text without a byte order mark; empty where the file is too large.
    pub(super) text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    fault: Option<(Code, Range<usize>)>,
}

impl File {
    pub(super) fn new(source: &Source) -> File {
        let bytes = source.content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&source.content);
        let (text, fault) = match std::str::from_utf8(bytes) {
            _ if bytes.len() > MAX_BYTES => (String::new(), Some((Code::FileTooLarge, 0..0))),
            Ok(text) => (text.to_owned(), None),
            Err(error) => {
                let bad = error.valid_up_to();
                let width = char::REPLACEMENT_CHARACTER.len_utf8();
                (String::from_utf8_lossy(bytes).into_owned(), Some((Code::NotUtf8, bad..bad + width)))
            }
        };
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        File { path: source.path.clone(), text, lines, fault }
    }

    /// Line of an offset, from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        self.lines.partition_point(|start| *start <= offset) as u32
    }

    /// Line and column of an offset, from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (u32, u32) {
        (self.line(offset), self.around(offset).0.chars().count() as u32 + 1)
    }

    /// The line of an offset: what stands before it, and what from it on.
    pub(super) fn around(&self, offset: usize) -> (&str, &str) {
        let line = self.line(offset) as usize;
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        let before = self.text.get(start..offset).unwrap_or("");
        let after = self.text.get(offset..end).unwrap_or("");
        (before, after.trim_end_matches(['\n', '\r']))
    }

    /// Reports what is no TOML, and parses what is left. `file` is the number of this file.
    pub(super) fn parse(&self, file: usize, report: &mut Report<'_>) -> DeTable<'_> {
        match &self.fault {
            Some((Code::FileTooLarge, range)) => {
                let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
                report.add(Code::FileTooLarge, Place::new(file, range.clone()), message, "split it");
                report.break_at(file, 0);
            }
            Some((code, range)) => {
                let place = Place::new(file, range.clone());
                report.add(*code, place, "the file is not UTF-8", "save it as UTF-8");
            }
            None => {}
        }
        let first = match DeTable::parse(&self.text) {
            Ok(table) => return table.into_inner(),
            Err(error) => error,
        };
        let text = self.lines_before(first.span().map_or(0, |span| span.start) + MAX_BROKEN);
        let (table, mut errors) = DeTable::parse_recoverable(text);
        if text.len() < self.text.len() {
            errors.retain(|error| error.span().is_some_and(|span| span.start < text.len()));
            if errors.is_empty() {
                errors.push(first);
            }
        }
        let mut heads = None;
        for error in errors {
            let at = error.span().unwrap_or(0..0);
            let at = at.start.min(self.text.len())..at.end.min(self.text.len());
            let place = Place::new(file, at.clone());
            report.break_at(file, at.start);
            if error.message() != "duplicate key" {
                let help = "strings stand in quotes, a table begins with [name], a rule with [[rule]]";
                report.add(Code::NotToml, place, format!("this is not TOML: {}", error.message()), help);
                continue;
            }
            let heads = heads.get_or_insert_with(|| self.heads());
            let key = self.text.get(at.clone()).unwrap_or("");
            let (before, _) = self.around(at.start);
            let head = format!("{}{key}", before.trim_start());
            let line = self.line(at.start);
            let first = heads.get(head.as_str()).and_then(|lines| {
                let before = lines.partition_point(|other| *other < line);
                lines.get(before.checked_sub(1)?)
            });
            let help = match first {
                Some(first) => format!("it stands first at {}:{first}", self.path),
                None => "leave one of them out".to_owned(),
            };
            report.add(Code::NotToml, place, format!("{} stands here twice", quoted(key)), help);
        }
        table.into_inner()
    }

    /// The lines before the one of an offset; the whole text where the offset is not in it.
    fn lines_before(&self, offset: usize) -> &str {
        if offset >= self.text.len() {
            return &self.text;
        }
        let line = self.lines.partition_point(|start| *start <= offset);
        self.lines.get(line.saturating_sub(1)).and_then(|start| self.text.get(..*start)).unwrap_or("")
    }

    /// The lines on which each key or table header stands, by its text.
    fn heads(&self) -> HashMap<&str, Vec<u32>> {
        let mut heads: HashMap<&str, Vec<u32>> = HashMap::new();
        for (line, text) in (1..).zip(self.text.lines()) {
            if let Some((head, _)) = text.split_once(['=', ']']) {
                heads.entry(head.trim()).or_default().push(line);
            }
        }
        heads
    }
}
