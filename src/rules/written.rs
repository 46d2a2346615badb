//! Where do the queries and terms of a file stand? Parses them, and keeps the places that later checks name.

use super::parser::{self, Context, Marks};
use super::report::{Place, Report};
use super::table::{Text, Value};
use super::term::{self, Fault};
use super::{Code, Pattern, Query};
use std::ops::Range;

/// The places of what a query, or a list of terms, refers to.
pub(super) struct Written {
    /// The whole.
    pub(super) place: Place,
    /// `@list`.
    pub(super) lists: Vec<(String, Place)>,
    /// `#topic`.
    pub(super) topics: Vec<(String, Place)>,
    /// The first `~`.
    pub(super) stem: Option<Place>,
    /// `DISTINCT/n`, in the order of the text.
    pub(super) distinct: Vec<Place>,
}

impl Written {
    pub(super) fn nothing(place: Place) -> Written {
        Written { place, lists: Vec::new(), topics: Vec::new(), stem: None, distinct: Vec::new() }
    }
}

/// The query of a string.
pub(super) fn query(text: &Text<'_>, context: Context, report: &mut Report<'_>) -> (Query, Written) {
    let parsed = parser::parse(text.value, context, report.regexes);
    report.regexes = parsed.regexes;
    add(parsed.faults, text, report);
    let Marks { lists, topics, stem, distinct } = parsed.marks;
    let blank = text.value.len() - text.value.trim_start().len();
    let named =
        |names: Vec<(String, _)>| names.into_iter().map(|(name, range)| (name, text.at(range))).collect();
    let written = Written {
        place: text.at(blank..text.value.len()),
        lists: named(lists),
        topics: named(topics),
        stem: stem.map(|range| text.at(range)),
        distinct: distinct.into_iter().map(|range| text.at(range)).collect(),
    };
    (parsed.query, written)
}

/// An entry of `terms`, `mask` or a list.
pub(super) struct Entry<'a> {
    /// A term or a list.
    pub(super) query: Query,
    pub(super) text: &'a str,
    pub(super) place: Place,
}

/// The sound entries of an array of strings.
pub(super) fn terms<'a>(value: Value<'a>, report: &mut Report<'_>) -> (Vec<Entry<'a>>, Written) {
    let mut written = Written::nothing(value.place);
    let mut entries = Vec::new();
    for text in value.texts(report) {
        let mut faults = Vec::new();
        let query = term::entry(text.value, &mut faults);
        add(faults, &text, report);
        match &query {
            Some(Query::List(name)) => written.lists.push((name.clone(), text.place)),
            Some(Query::Term(term)) if matches!(term.words.first(), Some(Pattern::Stem(_))) => {
                written.stem.get_or_insert(text.place);
            }
            _ => {}
        }
        entries.extend(query.map(|query| Entry { query, text: text.value, place: text.place }));
    }
    (entries, written)
}

/// The entries of an array that may not be empty.
pub(super) fn some_terms<'a>(value: Value<'a>, report: &mut Report<'_>) -> (Vec<Entry<'a>>, Written) {
    if value.is_empty_array() {
        report.add(Code::Empty, value.place, "there is no term here", "write one, or leave it out");
    }
    terms(value, report)
}

fn add(faults: Vec<Fault>, text: &Text<'_>, report: &mut Report<'_>) {
    for fault in faults {
        let Range { start, end } = fault.range;
        let place = match text.value.len() {
            0 => text.place,
            // Between two quotes there is nothing: the quotes are the place.
            length if start == end => text.at(start.saturating_sub(1)..(end + 1).min(length)),
            _ => text.at(start..end),
        };
        report.add(fault.code, place, fault.message, fault.help);
    }
}
