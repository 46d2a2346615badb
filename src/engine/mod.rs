//! Which topics is this about, and why?
//!
//! The pipeline, stage by stage ([`Classifier::classify`] runs it, [`Classifier::explain`] keeps every step):
//!
//! 1. *read* (`words`): split title and text into words and hash their bare forms;
//! 2. *find* (`anchors`, `memory`, `find`): which terms of the `lexicon` stand where;
//! 3. *set off* (`plan`, `found`): which rules can match, because the terms that they cannot do without were found, as many as they
//!    take and close to each other where they must be;
//! 4. *evaluate* (`eval`, `hits`): the hits of those rules, topic by topic, as each topic's masks let it see them; where
//!    only labels are wanted, no topic whose rules cannot add up to one (the bound of MaxScore in search engines);
//! 5. *score* (`score`): overlap, containment, points, score, gates.

mod anchors;
mod classification;
mod compile;
mod document;
mod eval;
mod explain;
mod find;
mod found;
mod glob;
mod hash;
mod hits;
mod lexicon;
mod memory;
mod patterns;
mod plan;
mod run;
mod score;
mod scratch;
mod stamped;
mod touch;
mod words;

pub use classification::{
    Classification, Dropped, Evidence, Explanation, HitExplanation, Label, NearMiss, Points, Reason,
    RuleExplanation, TopicExplanation,
};
pub use document::{Document, Field};
pub use scratch::Scratch;

use crate::rules::{Ruleset, Scoring};
use crate::text::Language;
use lexicon::Lexicon;
use plan::Plan;
use run::Keep;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A compiled ruleset: immutable, shared by any number of threads.
pub struct Classifier {
    name: String,
    version: String,
    revision: String,
    scoring: Scoring,
    topics: Vec<TopicInfo>,
    lexicon: Lexicon,
    plan: Plan,
    /// Tells classifiers apart in what a scratch remembers.
    number: u64,
}

/// A stage of the pipeline: see [`Classifier::observe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Title and text are split into words, and their bare forms hashed.
    Read,
    /// The terms of the ruleset are found.
    Find,
    /// The language is known, given or detected.
    Detect,
    /// The rules that can match are collected.
    SetOff,
    /// Those rules are evaluated and scored, topic by topic; the answer stands.
    Score,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Stage; 5] = [Stage::Read, Stage::Find, Stage::Detect, Stage::SetOff, Stage::Score];
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
    /// What it is about.
    pub description: String,
    /// Cross-references to other vocabularies.
    pub map: BTreeMap<String, Vec<String>>,
    /// The rules, in the author's order.
    pub rules: Vec<RuleInfo>,
}

/// What a compiled ruleset knows of a rule.
#[derive(Debug)]
pub struct RuleInfo {
    /// The id.
    pub id: Box<str>,
    /// `match` as written, or the sorted terms joined by ` OR `.
    pub query: Box<str>,
    /// Points for one hit.
    pub weight: f64,
    /// The language, if it names one.
    pub language: Option<Language>,
}

/// The ruleset needs more than can be numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// What there is too much of.
    pub what: &'static str,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ruleset is too large: too many {}", self.what)
    }
}

impl std::error::Error for TooLarge {}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier")
            .field("name", &self.name)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Classifier {
    /// Compiles a ruleset.
    ///
    /// # Errors
    /// When it has more words, terms or rules than 32 bits can number.
    pub fn compile(ruleset: &Ruleset) -> Result<Classifier, TooLarge> {
        static COMPILED: AtomicU64 = AtomicU64::new(1);
        let (lexicon, plan) = compile::compile(ruleset)?;
        let rule = |rule: &crate::rules::Rule| RuleInfo {
            id: rule.id.as_str().into(),
            query: rule.text.as_str().into(),
            weight: rule.weight.get(),
            language: rule.language,
        };
        let topic = |topic: &crate::rules::Topic| TopicInfo {
            id: topic.id.to_string(),
            name: topic.name.clone(),
            group: topic.group.clone().unwrap_or_default(),
            description: topic.description.clone(),
            map: topic.map.clone(),
            rules: topic.rules.iter().map(rule).collect(),
        };
        Ok(Classifier {
            name: ruleset.name.clone(),
            version: ruleset.version.clone(),
            revision: ruleset.revision.clone(),
            scoring: ruleset.scoring,
            topics: ruleset.topics.iter().map(topic).collect(),
            lexicon,
            plan,
            number: COMPILED.fetch_add(1, Ordering::Relaxed),
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

    /// Which topics a document is about. Of title and text that have 4 GiB together nothing is read, and of a text with
    /// millions of places of terms only a million count.
    #[must_use]
    pub fn classify(&self, document: &Document<'_>, scratch: &mut Scratch) -> Classification {
        self.run(document, scratch, Keep::Labels, |_| {})
    }

    /// The same, with the topics that have points and are no labels.
    #[must_use]
    pub fn classify_with_near_misses(
        &self,
        document: &Document<'_>,
        scratch: &mut Scratch,
    ) -> Classification {
        self.run(document, scratch, Keep::NearMisses, |_| {})
    }

    /// The same, and `after` is told when each stage is done, for those who measure.
    #[must_use]
    pub fn observe(
        &self,
        document: &Document<'_>,
        scratch: &mut Scratch,
        after: impl FnMut(Stage),
    ) -> Classification {
        self.run(document, scratch, Keep::Labels, after)
    }

    /// The same, with every step.
    #[must_use]
    pub fn explain(&self, document: &Document<'_>, scratch: &mut Scratch) -> Explanation {
        let mut topics = Vec::new();
        let classification = self.run(document, scratch, Keep::Everything(&mut topics), |_| {});
        Explanation { classification, topics }
    }
}
