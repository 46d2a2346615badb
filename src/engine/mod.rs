//! Which topics is this about, and why?

mod classification;
mod document;

pub use classification::{
    Classification, Dropped, Evidence, Explanation, HitExplanation, Label, NearMiss, Points, Reason,
    RuleExplanation, TopicExplanation,
};
pub use document::{Document, Field};

use crate::rules::Ruleset;

/// A compiled ruleset: immutable, shared by any number of threads.
#[derive(Debug)]
pub struct Classifier {
    name: String,
    version: String,
    revision: String,
    topics: Vec<TopicInfo>,
}

/// What a compiled ruleset knows of a topic.
#[derive(Debug)]
pub struct TopicInfo {
    /// The id.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The group; empty where there is none.
    pub group: String,
    /// The rules, in the author's order.
    pub rules: Vec<RuleInfo>,
}

/// What a compiled ruleset knows of a rule.
#[derive(Debug)]
pub struct RuleInfo {
    /// The id.
    pub id: String,
    /// `match` as written, or the sorted terms joined by ` OR `.
    pub query: String,
    /// Points for one hit.
    pub weight: f64,
    /// The language; empty where there is none.
    pub language: String,
}

/// The memory that classifying needs, kept from one document to the next. Any scratch works with any classifier.
#[derive(Debug, Default)]
pub struct Scratch {}

/// The ruleset needs more than can be numbered.
#[derive(Debug)]
pub struct TooLarge {
    /// What there is too much of.
    pub what: &'static str,
}

impl Classifier {
    /// Compiles a ruleset.
    ///
    /// # Errors
    /// When it has more words, terms or rules than 32 bits can number.
    pub fn compile(ruleset: &Ruleset) -> Result<Classifier, TooLarge> {
        Ok(Classifier {
            name: ruleset.name.clone(),
            version: ruleset.version.clone(),
            revision: ruleset.revision.clone(),
            topics: Vec::new(),
        })
    }

    /// The ruleset's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The author's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The revision: see [`Ruleset::revision`].
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The topics, sorted by id.
    #[must_use]
    pub fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    /// Which topics a document is about.
    #[must_use]
    pub fn classify(&self, document: &Document<'_>, scratch: &mut Scratch) -> Classification {
        _ = (document, scratch);
        Classification::default()
    }

    /// The same, with every step.
    #[must_use]
    pub fn explain(&self, document: &Document<'_>, scratch: &mut Scratch) -> Explanation {
        Explanation { classification: self.classify(document, scratch), topics: Vec::new() }
    }
}
