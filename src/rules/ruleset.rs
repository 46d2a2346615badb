//! A sound ruleset: what is left when every fault has been reported.

use super::file::File;
use super::manifest::{self, Lists, Manifest};
use super::report::{Place, Report};
use super::table::Table;
use super::topic::{self, TopicPlaces};
use super::{Code, Diagnostic, Query, Threshold, TopicId, Weight, lint, resolve};
use crate::text::Language;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

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

const MANIFEST: &str = "ruleset.toml";
const LISTS: &str = "lists.toml";
const CALIBRATION: &str = "calibration.toml";

/// What files say, before it is known to be sound.
pub(super) struct Draft {
    pub(super) manifest: Manifest,
    pub(super) lists: Lists,
    pub(super) topics: Vec<(Topic, TopicPlaces)>,
}

impl Ruleset {
    /// Reads a ruleset and reports every fault of every file, in the order of path, line and column.
    ///
    /// `name` is what a fault of the ruleset as a whole names as its path, such as the folder. There is a ruleset
    /// where no fault is an error. Files that no ruleset reads are passed over: names that begin with a dot, other
    /// extensions than `toml`, and `calibration.toml`.
    #[must_use]
    pub fn parse(name: &str, sources: &[Source]) -> (Option<Ruleset>, Vec<Diagnostic>) {
        let sources = in_order(sources);
        let files: Vec<File> = sources.iter().copied().map(File::new).collect();
        let mut report = Report::new(&files);
        let draft = read(&files, &mut report);
        resolve::check(&draft, &mut report);
        if !report.has_errors() {
            lint::check(&draft, &mut report);
        }
        let ruleset = (!report.has_errors()).then(|| draft.into_ruleset(revision(&sources)));
        (ruleset, report.finish(name))
    }

    /// The revision that files have, sound or not, in any order: see [`Ruleset::revision`].
    #[must_use]
    pub fn revision_of(sources: &[Source]) -> String {
        revision(&in_order(sources))
    }
}

/// The files that a ruleset reads, by path.
fn in_order(sources: &[Source]) -> Vec<&Source> {
    let mut sources: Vec<&Source> = sources.iter().filter(|source| is_read(&source.path)).collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Whether a file belongs to a ruleset.
fn is_read(path: &str) -> bool {
    path.ends_with(".toml") && path != CALIBRATION && path.split('/').all(|part| !part.starts_with('.'))
}

/// Reads the files, the shared ones first: topics take the threshold of the ruleset.
fn read(files: &[File], report: &mut Report<'_>) -> Draft {
    let mut manifest = None;
    let mut lists = Lists::new();
    let mut topics = Vec::new();
    let order = |file: &File| match file.path.as_str() {
        MANIFEST => 0,
        LISTS => 1,
        _ => 2,
    };
    let mut numbered: Vec<(usize, &File)> = files.iter().enumerate().collect();
    numbered.sort_by_key(|(_, file)| order(file));
    for pair in files.windows(2) {
        if let [one, other] = pair
            && one.path == other.path
        {
            let message = format!("the file `{}` is given twice", one.path);
            report.add(Code::SamePath, None, message, "leave one of them out");
        }
    }
    for (number, file) in numbered {
        let table = file.parse(number, report);
        let table = Table::root(file, number, &table);
        match order(file) {
            0 => manifest = Some(manifest::read(&table, &mut lists, report)),
            1 => manifest::read_shared(&table, &mut lists, report),
            _ => {
                let scoring = manifest.as_ref().map(|manifest| manifest.scoring).unwrap_or_default();
                topics.push(topic::read(&table, &file.path, &scoring, report));
            }
        }
    }
    if manifest.is_none() {
        let help = "add one with `name` and `version` to the folder of the rules";
        report.add(Code::NoManifest, None, "there is no `ruleset.toml`", help);
    } else if topics.is_empty() {
        let help = "add a file such as topic.toml with `id`, `name` and [[rule]]";
        report.add(Code::NoTopics, None::<Place>, "the ruleset has no topic", help);
    }
    Draft { manifest: manifest.unwrap_or_default(), lists, topics }
}

impl Draft {
    fn into_ruleset(self, revision: String) -> Ruleset {
        let Draft { manifest, lists, topics } = self;
        let mut topics: Vec<Topic> = topics.into_iter().map(|(topic, _)| topic).collect();
        topics.sort_by(|a, b| a.id.cmp(&b.id));
        Ruleset {
            name: manifest.name,
            version: manifest.version,
            revision,
            scoring: manifest.scoring,
            mask: manifest.mask,
            exclude: manifest.exclude,
            lists: lists.into_iter().map(|(name, list)| (name, list.entries)).collect(),
            topics,
        }
    }
}

/// SHA-256 over each file, by path: the path, a zero byte, the number of its bytes as 8 bytes (big-endian), and its
/// bytes as they are, a byte order mark included.
fn revision(sources: &[&Source]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(source.path.as_bytes());
        hash.update([0]);
        hash.update((source.content.len() as u64).to_be_bytes());
        hash.update(&source.content);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
}
