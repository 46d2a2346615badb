//! What is asked: documents and options.

use super::proto::google::protobuf::Timestamp;
use super::{Fault, Reason, v1};
use crate::engine::{Classifier, Document};
use bytes::Bytes;
use v1::document::MetadataEntry;

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
    /// When a field is not UTF-8, or `published` is no time from year 1 to 9999; all such fields are named.
    pub fn new(message: &'a v1::Document) -> Result<Incoming<'a>, Fault> {
        let v1::Document { id, title, text, language, published, metadata } = message;
        let mut faults = Vec::new();
        let incoming = Incoming {
            id: utf8(id, "id", &mut faults),
            title: utf8(title, "title", &mut faults),
            text: utf8(text, "text", &mut faults),
            language: utf8(language, "language", &mut faults),
            published: published.as_ref().map(|time| seconds(time, &mut faults)),
            metadata: entries(metadata, &mut faults),
        };
        Fault::of_fields(Reason::InvalidDocument, faults)?;
        Ok(incoming)
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

type Faults = Vec<(String, String)>;

fn utf8<'a>(bytes: &'a Bytes, field: &str, faults: &mut Faults) -> &'a str {
    std::str::from_utf8(bytes).unwrap_or_else(|error| {
        faults.push((field.to_owned(), format!("not valid UTF-8 from byte {} on", error.valid_up_to())));
        ""
    })
}

fn seconds(time: &Timestamp, faults: &mut Faults) -> i64 {
    let &Timestamp { seconds, nanos } = time;
    // 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, as google/protobuf/timestamp.proto has it
    if !(-62_135_596_800..=253_402_300_799).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        let fault = "not a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z";
        faults.push(("published".to_owned(), fault.to_owned()));
    }
    seconds
}

/// Of equal keys the last one counts in a map of a message, the first one in a document: hence the other way round.
fn entries<'a>(metadata: &'a [MetadataEntry], faults: &mut Faults) -> Vec<(&'a str, &'a str)> {
    let check = |MetadataEntry { key, value }: &'a MetadataEntry| {
        let key = utf8(key, "metadata", faults);
        (key, utf8(value, &format!("metadata[{key:?}]"), faults))
    };
    metadata.iter().rev().map(check).collect()
}

/// What to answer with: `ClassifyOptions` that are known to be sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The ruleset's name; empty for the default one.
    pub ruleset: String,
    /// Topics and groups to keep; all where it is empty.
    pub topics: Vec<String>,
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
    /// When one is out of range; all such options are named.
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
        let mut faults = Vec::new();
        let mut fault = |field: &str, description: String| faults.push((field.to_owned(), description));
        if !(0.0..=1.0).contains(&min_score) {
            fault("min_score", format!("{min_score} is not from 0 to 1"));
        }
        let evidence = v1::EvidenceDetail::try_from(evidence).unwrap_or_else(|error| {
            fault("evidence", error.to_string());
            v1::EvidenceDetail::default()
        });
        let offset_unit = v1::OffsetUnit::try_from(offset_unit).unwrap_or_else(|error| {
            fault("offset_unit", error.to_string());
            v1::OffsetUnit::default()
        });
        Fault::of_fields(Reason::InvalidOptions, faults)?;
        Ok(Options { ruleset, topics, min_score, max_labels, evidence, offset_unit, near_misses })
    }

    /// Whether a topic is among those to keep, by its id or its group.
    #[must_use]
    pub fn keeps(&self, id: &str, group: &str) -> bool {
        self.topics.is_empty() || self.topics.iter().any(|topic| topic == id || topic == group)
    }
}

/// Checks that each of the `topics` a request names is a topic or a group of the ruleset.
///
/// # Errors
/// When one is neither; all such are named.
pub fn check_topics(topics: &[String], classifier: &Classifier) -> Result<(), Fault> {
    let there =
        |name: &String| classifier.topics().iter().any(|topic| topic.id == *name || topic.group == *name);
    let missing = topics.iter().enumerate().filter(|(_, name)| name.is_empty() || !there(name));
    let fault = |(i, name): (usize, &String)| {
        (
            format!("topics[{i}]"),
            format!("{name:?} is no topic and no group of ruleset {:?}", classifier.name()),
        )
    };
    Fault::of_fields(Reason::InvalidOptions, missing.map(fault).collect())
}
