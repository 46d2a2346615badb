//! A sound ruleset: what is left when every fault has been reported.

use super::{Query, Threshold, TopicId, Weight};
use crate::text::Language;
use std::collections::BTreeMap;

/// A file of a ruleset.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path below the ruleset's folder, with `/`.
    pub path: String,
    /// The bytes of the file.
    pub content: Vec<u8>,
}

/// What authors write: topics, their rules, and what they share.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// The name in `ruleset.toml`.
    pub name: String,
    /// The author's version.
    pub version: String,
    /// SHA-256 (lower-case hex) over path, length and bytes of the files, sorted by path.
    pub revision: String,
    /// How hits become scores.
    pub scoring: Scoring,
    /// Masks of every topic: terms and lists.
    pub mask: Vec<Query>,
    /// A veto for every topic.
    pub exclude: Option<Query>,
    /// Shared lists by name; each entry is a term or a list.
    pub lists: BTreeMap<String, Vec<Query>>,
    /// The topics, sorted by id.
    pub topics: Vec<Topic>,
}

/// The `[scoring]` table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// The score from which a topic is a label.
    pub threshold: Threshold,
    /// Each further hit of a rule counts this much of the one before (0 to 1).
    pub repeat: f64,
    /// Factor of a hit in the title (0 to 100).
    pub title: f64,
    /// Factor of a hit in the lead (0 to 100).
    pub lead: f64,
    /// Factor of a hit elsewhere in the text (0 to 100).
    pub text: f64,
}

/// A label and the rules for it.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The id.
    pub id: TopicId,
    /// The name for people.
    pub name: String,
    /// The group it belongs to.
    pub group: Option<String>,
    /// What it is about.
    pub description: String,
    /// Cross-references to other vocabularies.
    pub map: BTreeMap<String, Vec<String>>,
    /// The score from which it is a label.
    pub threshold: Threshold,
    /// The gate: without a hit there is no label.
    pub require: Option<Query>,
    /// The veto: with a hit there is no label.
    pub exclude: Option<Query>,
    /// The author's text of `require`.
    pub require_text: String,
    /// Masks of this topic: terms and lists.
    pub mask: Vec<Query>,
    /// The rules, in the author's order.
    pub rules: Vec<Rule>,
    /// Documents that must, or must not, get this label.
    pub examples: Vec<Example>,
    /// The file it stands in.
    pub path: String,
}

/// A weight and a query.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The id, or its position in the topic, from 1.
    pub id: String,
    /// Points for one hit.
    pub weight: Weight,
    /// Only for documents in this language.
    pub language: Option<Language>,
    /// Only for documents published from this day on (days since 1970-01-01, UTC).
    pub since: Option<i64>,
    /// Only for documents published before this day (days since 1970-01-01, UTC).
    pub until: Option<i64>,
    /// The query.
    pub query: Query,
    /// `match` as written, or the sorted terms joined by ` OR `.
    pub text: String,
}

/// A document that must, or must not, get the label of the topic it stands in.
#[derive(Clone, Debug)]
pub struct Example {
    /// Title; may be empty.
    pub title: String,
    /// Text; may be empty.
    pub text: String,
    /// Language of the document, if given.
    pub language: Option<String>,
    /// Day of publication (days since 1970-01-01, UTC).
    pub published: Option<i64>,
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
    /// Whether the topic is to be a label.
    pub label: bool,
    /// Line of `[[example]]` in the topic's file, from 1.
    pub line: u32,
}
