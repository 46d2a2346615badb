//! What is asked: documents and options.

use super::proto::google::protobuf::Timestamp;
use super::{Fault, Quoted, Reason, v1};
use crate::engine::{Classifier, Document};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use v1::document::MetadataEntry;

/// The seconds since 1970 that a document may be from, 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, as
/// google/protobuf/timestamp.proto has it.
pub const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A document of a request that is known to be sound.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The id, to answer with.
    pub id: &'a str,
    title: &'a str,
    text: &'a str,
    language: &'a str,
    published: Option<i64>,
    metadata: Vec<(&'a str, &'a str)>,
}

impl<'a> Incoming<'a> {
    /// Checks a document.
    ///
    /// # Errors
    /// When the bytes of the document were none, a field is not UTF-8, or `published` is no time from year 1 to 9999; such fields are named.
    pub fn new(message: &'a v1::Document) -> Result<Incoming<'a>, Fault> {
        let v1::Document { id, title, text, language, published, metadata, unreadable } = message;
        if !unreadable.is_empty() {
            let error = String::from_utf8_lossy(unreadable);
            return Err(Fault::new(Reason::InvalidDocument, "", format_args!("cannot be read: {error}")));
        }
        let mut fault = Fault::none(Reason::InvalidDocument);
        let incoming = Incoming {
            id: utf8(id, "id", &mut fault),
            title: utf8(title, "title", &mut fault),
            text: utf8(text, "text", &mut fault),
            language: utf8(language, "language", &mut fault),
            published: published.as_ref().map(|time| seconds(time, &mut fault)),
            metadata: entries(metadata, &mut fault),
        };
        fault.or(incoming)
    }

    /// The document to classify.
    #[must_use]
    pub fn document(&self) -> Document<'_> {
        Document {
            title: self.title,
            text: self.text,
            language: self.language,
            published: self.published,
            metadata: &self.metadata,
        }
    }
}

fn utf8<'a>(bytes: &'a Bytes, field: impl Display, fault: &mut Fault) -> &'a str {
    simdutf8::compat::from_utf8(bytes).unwrap_or_else(|error| {
        fault.add(field, format_args!("not valid UTF-8 from byte {} on", error.valid_up_to()));
        ""
    })
}

fn seconds(time: &Timestamp, fault: &mut Fault) -> i64 {
    let &Timestamp { seconds, nanos } = time;
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        fault.add("published", "not a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
    }
    seconds
}

/// Of equal keys the last one counts in a map of a message, the first one in a document: hence the other way round.
fn entries<'a>(metadata: &'a [MetadataEntry], fault: &mut Fault) -> Vec<(&'a str, &'a str)> {
    let check = |MetadataEntry { key, value }: &'a MetadataEntry| {
        let key = utf8(key, "metadata", fault);
        (key, utf8(value, format_args!("metadata[{}]", Quoted(key)), fault))
    };
    metadata.iter().rev().map(check).collect()
}

/// What to answer with: `ClassifyOptions` that are known to be sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The ruleset's name; empty for the default one.
    pub ruleset: String,
    /// Topics and groups to keep; all where it is empty.
    pub topics: Topics,
    /// Labels with a lower score are left out.
    pub min_score: f64,
    /// At most so many labels; 0 for all.
    pub max_labels: u32,
    /// How much evidence.
    pub evidence: v1::EvidenceDetail,
    /// In which unit places are counted.
    pub offset_unit: v1::OffsetUnit,
    /// Whether to answer with near misses.
    pub near_misses: bool,
}

impl Options {
    /// Checks the options of a request.
    ///
    /// # Errors
    /// When one is out of range; such options are named.
    pub fn new(message: v1::ClassifyOptions) -> Result<Options, Fault> {
        let v1::ClassifyOptions {
            ruleset,
            topics,
            min_score,
            max_labels,
            evidence,
            offset_unit,
            near_misses,
        } = message;
        let mut fault = Fault::none(Reason::InvalidOptions);
        if !(0.0..=1.0).contains(&min_score) {
            fault.add("min_score", format_args!("{min_score} is not from 0 to 1"));
        }
        let evidence = v1::EvidenceDetail::try_from(evidence).unwrap_or_else(|error| {
            fault.add("evidence", error);
            v1::EvidenceDetail::default()
        });
        let offset_unit = v1::OffsetUnit::try_from(offset_unit).unwrap_or_else(|error| {
            fault.add("offset_unit", error);
            v1::OffsetUnit::default()
        });
        let topics = Topics::new(topics);
        fault.or(Options { ruleset, topics, min_score, max_labels, evidence, offset_unit, near_misses })
    }

    /// Whether a topic is among those to keep, by its id or its group.
    #[must_use]
    pub fn keeps(&self, id: &str, group: &str) -> bool {
        let Topics(topics) = &self.topics;
        topics.is_empty() || self.topics.names(id) || self.topics.names(group)
    }
}

/// Topics and groups that a request names: sorted and each one once, with its place in the request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics(Vec<(String, usize)>);

impl Topics {
    /// The names of a request.
    #[must_use]
    pub fn new(names: Vec<String>) -> Topics {
        let mut topics: Vec<_> = names.into_iter().zip(0..).collect();
        topics.sort_unstable();
        topics.dedup_by(|(name, _), (before, _)| name == before);
        Topics(topics)
    }

    fn names(&self, name: &str) -> bool {
        self.0.binary_search_by(|(topic, _)| (**topic).cmp(name)).is_ok()
    }

    /// Checks that each is a topic or a group of the ruleset.
    ///
    /// # Errors
    /// When one is neither; the first such are named.
    pub fn check(&self, classifier: &Classifier) -> Result<(), Fault> {
        // Most calls name none, and a set of all topics costs as much as the rest of the conversion.
        if self.0.is_empty() {
            return Ok(());
        }
        let ids = classifier.topics().iter().flat_map(|topic| [&*topic.id, &*topic.group]);
        let there: BTreeSet<&str> = ids.filter(|id| !id.is_empty()).collect();
        let missing = self.0.iter().filter(|(name, _)| !there.contains(&**name));
        let mut missing: Vec<_> = missing.map(|(name, place)| (place, name)).collect();
        missing.sort_unstable();
        let mut fault = Fault::none(Reason::InvalidOptions);
        for (place, name) in missing {
            let (name, ruleset) = (Quoted(name), Quoted(classifier.name()));
            fault.add(
                format_args!("topics[{place}]"),
                format_args!("{name} is no topic and no group of ruleset {ruleset}"),
            );
        }
        fault.or(())
    }
}
