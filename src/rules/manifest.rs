//! What do `ruleset.toml` and `lists.toml` say?

use super::parser::Context;
use super::report::{Place, Report};
use super::table::{Table, Text, Value};
use super::topic::{name, optional, out_of_range, threshold};
use super::written::{self, Written};
use super::{Code, Query, Scoring, Threshold};
use std::collections::BTreeMap;

const MANIFEST: &[&str] = &["name", "version", "format", "mask", "exclude", "scoring", "lists", "info"];
const SCORING: &[&str] = &["threshold", "repeat", "fields"];
const FIELDS: &[&str] = &["title", "lead", "text"];

/// What a ruleset says besides its topics, and where.
#[derive(Default)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) scoring: Scoring,
    pub(super) mask: Vec<Query>,
    pub(super) mask_place: Option<Written>,
    pub(super) exclude: Option<Query>,
    pub(super) exclude_place: Option<Written>,
}

/// A shared list, and where it stands.
pub(super) struct List {
    pub(super) entries: Vec<Query>,
    pub(super) key: Place,
    pub(super) written: Written,
}

pub(super) type Lists = BTreeMap<String, List>;

/// Reads `ruleset.toml`.
pub(super) fn read(table: &Table<'_>, lists: &mut Lists, report: &mut Report<'_>) -> Manifest {
    table.only(MANIFEST, report);
    let required = |key, report: &mut Report<'_>| {
        let text = table.require(key, "the ruleset", report)?.text(report)?;
        Some(text.value.to_owned())
    };
    let name = required("name", report).unwrap_or_default();
    let version = required("version", report).unwrap_or_default();
    if let Some(value) = table.get("format", report)
        && let Some(format) = value.whole(report)
        && format != 1.0
    {
        let message = format!("format {format} is not known");
        report.add(Code::OutOfRange, value.place, message, "this version of geotopics reads format 1");
    }
    if let Some(info) = table.get("info", report) {
        info.free(report);
    }
    let (mask, mask_place) = table.get("mask", report).map(|value| written::terms(value, report)).unzip();
    let exclude = optional(table, "exclude", report);
    let (exclude, exclude_place) = exclude.map(|text| written::query(&text, Context::Veto, report)).unzip();
    read_lists(table, lists, report);
    Manifest {
        name,
        version,
        scoring: table.get("scoring", report).map(|value| scoring(value, report)).unwrap_or_default(),
        mask: mask.into_iter().flatten().map(|entry| entry.query).collect(),
        mask_place,
        exclude,
        exclude_place,
    }
}

/// Reads `lists.toml`.
pub(super) fn read_shared(table: &Table<'_>, lists: &mut Lists, report: &mut Report<'_>) {
    table.only(&["lists"], report);
    read_lists(table, lists, report);
}

fn read_lists(table: &Table<'_>, lists: &mut Lists, report: &mut Report<'_>) {
    let Some(table) = table.get("lists", report).and_then(|value| value.table(report)) else { return };
    for (key, value) in table.entries() {
        if report.is_broken(value.place) {
            continue;
        }
        let (entries, written) = written::some_terms(value, report);
        let Some(list) = name(&key, "name of a list", report) else { continue };
        let Text { place: key, .. } = key;
        if let Some(first) = lists.get(&list) {
            let help = format!("it stands first at {}", report.line_of(first.key));
            report.add(Code::SameList, key, format!("two lists have the name `{list}`"), help);
            continue;
        }
        let entries = entries.into_iter().map(|entry| entry.query).collect();
        lists.insert(list, List { entries, key, written });
    }
}

fn scoring(value: Value<'_>, report: &mut Report<'_>) -> Scoring {
    let mut scoring = Scoring::default();
    let Some(table) = value.table(report) else { return scoring };
    table.only(SCORING, report);
    if let Some(threshold) = table.get("threshold", report).and_then(|value| threshold(value, report)) {
        scoring.threshold = threshold;
    }
    number(&table, "repeat", 1.0, &mut scoring.repeat, report);
    if let Some(fields) = table.get("fields", report).and_then(|value| value.table(report)) {
        fields.only(FIELDS, report);
        number(&fields, "title", 100.0, &mut scoring.title, report);
        number(&fields, "lead", 100.0, &mut scoring.lead, report);
        number(&fields, "text", 100.0, &mut scoring.text, report);
    }
    scoring
}

/// Sets a number of 0 to `most`, if the key is there.
fn number<'a>(table: &Table<'a>, key: &'a str, most: f64, to: &mut f64, report: &mut Report<'_>) {
    let Some(value) = table.get(key, report) else { return };
    match value.number(report) {
        Some(number) if (0.0..=most).contains(&number) => *to = number,
        Some(number) => out_of_range(value.place, key, &format!("from 0 to {most}"), number, report),
        None => {}
    }
}

impl Default for Scoring {
    fn default() -> Scoring {
        Scoring { threshold: Threshold::DEFAULT, repeat: 0.5, title: 2.0, lead: 1.0, text: 1.0 }
    }
}
