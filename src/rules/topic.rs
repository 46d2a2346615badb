//! What does a topic file say?

use super::parser::Context;
use super::report::{Place, Report, quoted};
use super::table::{Table, Text, Value};
use super::values::is_name;
use super::written::{self, Entry, Written};
use super::{Code, Example, Query, Rule, Scoring, Threshold, Topic, TopicId, Weight};
use crate::text::{Language, bare};
use std::collections::{BTreeMap, HashMap};

const TOPIC: &[&str] = &[
    "id",
    "name",
    "group",
    "description",
    "map",
    "threshold",
    "require",
    "exclude",
    "mask",
    "info",
    "rule",
    "example",
];
const RULE: &[&str] = &["id", "weight", "terms", "match", "language", "since", "until", "info"];
const EXAMPLE: &[&str] = &["title", "text", "language", "published", "metadata", "label"];

/// Where the parts of a topic stand.
pub(super) struct TopicPlaces {
    /// Its id; none where that is missing or malformed.
    pub(super) id: Option<Place>,
    pub(super) group: Option<Place>,
    pub(super) require: Option<Written>,
    pub(super) exclude: Option<Written>,
    pub(super) mask: Option<Written>,
    /// The queries of its rules.
    pub(super) rules: Vec<Written>,
}

/// Reads a topic. What is missing or wrong is reported, and stands for something harmless.
pub(super) fn read(
    table: &Table<'_>,
    path: &str,
    scoring: &Scoring,
    report: &mut Report<'_>,
) -> (Topic, TopicPlaces) {
    table.only(TOPIC, report);
    let id = table.require("id", "the topic", report).and_then(|value| value.text(report));
    let id = id.and_then(|text| Some((name(&text, "id", report)?, text.place)));
    let group = optional(table, "group", report);
    let group = group.and_then(|text| Some((name(&text, "group", report)?, text.place)));
    let title = table.require("name", "the topic", report).and_then(|value| value.text(report));
    let description = optional(table, "description", report);
    let threshold = table.get("threshold", report).and_then(|value| threshold(value, report));
    if let Some(info) = table.get("info", report) {
        info.free(report);
    }
    let (require, require_text, require_place) = gate(table, "require", report);
    let (exclude, _, exclude_place) = gate(table, "exclude", report);
    let mask = table.get("mask", report).map(|value| written::terms(value, report));
    let (rules, rule_places) = rules(table, report).into_iter().unzip();
    let (mask, mask_place) = mask.unzip();
    let topic = Topic {
        id: id.as_ref().and_then(|(id, _)| TopicId::new(id)).unwrap_or_else(TopicId::unnamed),
        name: title.map(|text| text.value.to_owned()).unwrap_or_default(),
        group: group.as_ref().map(|(group, _)| group.clone()),
        description: description.map(|text| text.value.to_owned()).unwrap_or_default(),
        map: table.get("map", report).map(|value| value.free(report)).unwrap_or_default(),
        threshold: threshold.unwrap_or(scoring.threshold),
        require,
        exclude,
        require_text,
        mask: mask.into_iter().flatten().map(|entry| entry.query).collect(),
        rules,
        examples: examples(table, report),
        path: path.to_owned(),
    };
    let places = TopicPlaces {
        id: id.map(|(_, place)| place),
        group: group.map(|(_, place)| place),
        require: require_place,
        exclude: exclude_place,
        mask: mask_place,
        rules: rule_places,
    };
    (topic, places)
}

/// The text of an optional key.
pub(super) fn optional<'a>(table: &Table<'a>, key: &'a str, report: &mut Report<'_>) -> Option<Text<'a>> {
    table.get(key, report)?.text(report)
}

/// A name or id in `[a-z0-9_]+`.
pub(super) fn name(text: &Text<'_>, what: &str, report: &mut Report<'_>) -> Option<String> {
    if is_name(text.value) {
        return Some(text.value.to_owned());
    }
    let message = format!("{} is no {what}: it takes a-z, 0-9 and _", quoted(text.value));
    report.add(Code::BadName, text.place, message, name_help(text.value));
    None
}

/// The nearest name to one that is malformed.
fn name_help(text: &str) -> String {
    let lower = bare(text);
    let parts: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    match parts.is_empty() || lower.len() > 60 {
        true => String::new(),
        false => format!("did you mean `{}`?", parts.join("_")),
    }
}

pub(super) fn threshold(value: Value<'_>, report: &mut Report<'_>) -> Option<Threshold> {
    let number = value.number(report)?;
    let threshold = Threshold::new(number);
    if threshold.is_none() {
        out_of_range(value.place, "threshold", "above 0 and below 1", number, report);
    }
    threshold
}

pub(super) fn out_of_range(place: Place, key: &str, range: &str, number: f64, report: &mut Report<'_>) {
    let message = format!("`{key}` must be {range}, not {number}");
    report.add(Code::OutOfRange, place, message, String::new());
}

/// The query of `require` or `exclude`, its text and its places.
fn gate(
    table: &Table<'_>,
    key: &'static str,
    report: &mut Report<'_>,
) -> (Option<Query>, String, Option<Written>) {
    let Some(text) = optional(table, key, report) else { return (None, String::new(), None) };
    let (query, written) = written::query(&text, Context::Gate, report);
    (Some(query), text.value.to_owned(), Some(written))
}

fn rules(table: &Table<'_>, report: &mut Report<'_>) -> Vec<(Rule, Written)> {
    let value = table.get("rule", report);
    let tables = value.map(|value| value.tables(report)).unwrap_or_default();
    if value.is_none_or(Value::is_empty_array) && !report.is_torn(table.place.file) {
        report.add(
            Code::NoRules,
            table.place,
            "the topic has no rule",
            "add [[rule]] with `weight` and `terms`",
        );
    }
    let mut first: HashMap<String, Place> = HashMap::new();
    let mut rules = Vec::with_capacity(tables.len());
    for (position, table) in (1..).zip(&tables) {
        let id = optional(table, "id", report);
        let id = id.and_then(|text| Some((rule_id(&text, report)?, text.place)));
        if let Some((id, place)) = &id {
            match first.get(id) {
                Some(first) => {
                    let help = format!("it stands first at {}", report.line_of(*first));
                    report.add(Code::SameRule, *place, format!("two rules have the id `{id}`"), help);
                }
                None => _ = first.insert(id.clone(), *place),
            }
        }
        let id = id.map_or_else(|| position.to_string(), |(id, _)| id);
        rules.push(rule(table, id, report));
    }
    rules
}

fn rule_id(text: &Text<'_>, report: &mut Report<'_>) -> Option<String> {
    let id = name(text, "id of a rule", report)?;
    if id.bytes().any(|b| !b.is_ascii_digit()) {
        return Some(id);
    }
    let help = "give it a word, or leave it out: rules without an id are numbered";
    report.add(Code::BadName, text.place, "the id of a rule cannot be a number", help);
    None
}

fn rule(table: &Table<'_>, id: String, report: &mut Report<'_>) -> (Rule, Written) {
    table.only(RULE, report);
    let weight = table.require("weight", "the rule", report).and_then(|value| weight(value, report));
    let language = optional(table, "language", report).and_then(|text| language(&text, report));
    let since = table.get("since", report).and_then(|value| Some((value.date(report)?, value.place)));
    let until = table.get("until", report).and_then(|value| value.date(report));
    if let (Some((since, place)), Some(until)) = (since, until)
        && since >= until
    {
        let help = "`until` is the first day on which the rule no longer counts";
        report.add(Code::NoTimeLeft, place, "`since` must be before `until`", help);
    }
    if let Some(info) = table.get("info", report) {
        info.free(report);
    }
    let (query, text, written) = condition(table, report);
    let rule = Rule {
        id,
        weight: weight.unwrap_or(Weight::ZERO),
        language,
        since: since.map(|(days, _)| days),
        until,
        query,
        text,
    };
    (rule, written)
}

fn weight(value: Value<'_>, report: &mut Report<'_>) -> Option<Weight> {
    let number = value.number(report)?;
    let weight = Weight::new(number);
    match weight {
        None => out_of_range(value.place, "weight", "from -1000 to 1000", number, report),
        Some(weight) if weight == Weight::ZERO => {
            report.add(
                Code::ZeroWeight,
                value.place,
                "a rule of weight 0 counts for nothing",
                "give it a weight",
            );
        }
        Some(_) => {}
    }
    weight
}

fn language(text: &Text<'_>, report: &mut Report<'_>) -> Option<Language> {
    let regions =
        text.value.split(['-', '_']).all(|part| part.chars().all(char::is_alphanumeric) && !part.is_empty());
    let language = Language::of_tag(text.value).filter(|_| regions);
    if language.is_none() {
        let message = format!("{} is no language", quoted(text.value));
        report.add(
            Code::BadLanguage,
            text.place,
            message,
            "write 2 or 3 letters, such as \"en\" or \"en-US\"",
        );
    }
    language
}

/// `terms` or `match`.
fn condition(table: &Table<'_>, report: &mut Report<'_>) -> (Query, String, Written) {
    match (table.has("terms"), table.has("match")) {
        (true, true) => {
            let help = "make it two rules";
            report.add(Code::TermsOrMatch, table.place, "the rule has `terms` and `match`", help);
        }
        (false, false) if !report.is_torn(table.place.file) => {
            let help = "add terms = [\"…\"] or match = '…'";
            report.add(Code::TermsOrMatch, table.place, "the rule has neither `terms` nor `match`", help);
        }
        _ => {}
    }
    let mut condition = (Query::Or(Vec::new()), String::new(), Written::nothing(table.place));
    if let Some(value) = table.get("terms", report) {
        condition = terms(value, report);
    }
    if let Some(text) = optional(table, "match", report) {
        let (query, written) = written::query(&text, Context::Rule, report);
        condition = (query, text.value.to_owned(), written);
    }
    condition
}

/// Any of the terms, and their text, sorted and joined by ` OR `.
fn terms(value: Value<'_>, report: &mut Report<'_>) -> (Query, String, Written) {
    let (entries, written) = written::some_terms(value, report);
    let mut first: HashMap<&Query, Place> = HashMap::new();
    for Entry { query, text, place } in &entries {
        match first.get(query) {
            Some(first) => {
                let help = format!("it stands first at {}", report.line_of(*first));
                let message = format!("{} stands here twice: both match {query}", quoted(text));
                report.add(Code::SameTerm, *place, message, help);
            }
            None => _ = first.insert(query, *place),
        }
    }
    let mut texts: Vec<&str> = entries.iter().map(|entry| entry.text).collect();
    texts.sort_unstable();
    let text = texts.join(" OR ");
    let mut queries: Vec<Query> = entries.into_iter().map(|entry| entry.query).collect();
    let only = if queries.len() == 1 { queries.pop() } else { None };
    (only.unwrap_or(Query::Or(queries)), text, written)
}

fn examples(table: &Table<'_>, report: &mut Report<'_>) -> Vec<Example> {
    let tables = table.get("example", report).map(|value| value.tables(report)).unwrap_or_default();
    tables.iter().map(|table| example(table, report)).collect()
}

fn example(table: &Table<'_>, report: &mut Report<'_>) -> Example {
    table.only(EXAMPLE, report);
    if !table.has("title") && !table.has("text") && !report.is_torn(table.place.file) {
        let help = "add title = \"…\" or text = \"…\"";
        report.add(Code::EmptyExample, table.place, "the example has neither `title` nor `text`", help);
    }
    let mut metadata = BTreeMap::new();
    if let Some(table) = table.get("metadata", report).and_then(|value| value.table(report)) {
        for (key, value) in table.entries() {
            if let Some(text) = value.text(report) {
                metadata.insert(key.value.to_owned(), text.value.to_owned());
            }
        }
    }
    let mut owned = |key| optional(table, key, report).map(|text| text.value.to_owned());
    Example {
        title: owned("title").unwrap_or_default(),
        text: owned("text").unwrap_or_default(),
        language: owned("language"),
        published: table.get("published", report).and_then(|value| value.date(report)),
        metadata,
        label: table.get("label", report).and_then(|value| value.boolean(report)).unwrap_or(true),
        line: report.line(table.place),
    }
}
