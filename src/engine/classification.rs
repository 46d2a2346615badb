//! The answer: labels, with ids and places instead of copied text.

use super::document::Field;
use crate::text::Span;

/// Points in millionths, so that sums do not depend on their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Points(pub i64);

impl Points {
    /// In whole points.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// Which topics a document is about, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Classification {
    /// The topics whose score reached the threshold and whose gates let them pass: highest score first, then by id.
    pub labels: Vec<Label>,
    /// Topics with points above 0 that are no labels: highest score first, then by id. Empty unless they were asked for.
    pub near_misses: Vec<NearMiss>,
    /// The language that decided which rules applied; empty where nothing depended on it or detection was not sure.
    pub language: String,
}

/// A topic that the document is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Index into [`Classifier::topics`](super::Classifier::topics).
    pub topic: u32,
    /// 0 to 1, rounded to six decimals.
    pub score: f64,
    /// The sum of its rules' points.
    pub points: Points,
    /// Which hits made it: highest |points| first, then by rule id, then title before text.
    pub evidence: Vec<Evidence>,
}

/// The hits of one rule in one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Index into [`TopicInfo::rules`](super::TopicInfo::rules).
    pub rule: u32,
    /// The field; none for a condition, which has no place.
    pub field: Option<Field>,
    /// What these hits add to the topic's points.
    pub points: Points,
    /// The places of the hits that count, in order; empty for a condition.
    pub spans: Vec<Span>,
}

/// A topic with points that is no label.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// Index into [`Classifier::topics`](super::Classifier::topics).
    pub topic: u32,
    /// 0 to 1, rounded to six decimals.
    pub score: f64,
    /// The sum of its rules' points.
    pub points: Points,
    /// What it failed.
    pub reason: Reason,
}

/// Why a topic with points is no label; the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its score is below the threshold.
    Threshold,
    /// Its `require` has no hit.
    Require,
    /// Its `exclude`, or the ruleset's, has a hit.
    Exclude,
}

/// A classification and the steps that led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The answer of `classify`.
    pub classification: Classification,
    /// Every topic, in the order of [`Classifier::topics`](super::Classifier::topics).
    pub topics: Vec<TopicExplanation>,
}

/// How one topic got its points.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicExplanation {
    /// Index into [`Classifier::topics`](super::Classifier::topics).
    pub topic: u32,
    /// 0 to 1, rounded to six decimals.
    pub score: f64,
    /// The sum of its rules' points.
    pub points: Points,
    /// The score from which it is a label.
    pub threshold: f64,
    /// Whether it is one.
    pub label: bool,
    /// Whether its gate has a hit; none without a gate.
    pub require: Option<bool>,
    /// Whether its veto, or the ruleset's, has a hit; none without one.
    pub exclude: Option<bool>,
    /// The runs of words that its masks hide.
    pub masked: Vec<(Field, Span)>,
    /// The rules that have hits, in the author's order.
    pub rules: Vec<RuleExplanation>,
}

/// How one rule got its points.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleExplanation {
    /// Index into [`TopicInfo::rules`](super::TopicInfo::rules).
    pub rule: u32,
    /// What its hits add up to.
    pub points: Points,
    /// Its hits by place, title first.
    pub hits: Vec<HitExplanation>,
}

/// What became of one hit.
#[derive(Clone, Debug, PartialEq)]
pub struct HitExplanation {
    /// The field; none for a condition, which has no place.
    pub field: Option<Field>,
    /// The place.
    pub span: Span,
    /// The terms of the rule that matched there, joined by ` … `.
    pub term: String,
    /// The factor of its field.
    pub factor: f64,
    /// What it adds: weight × factor × repeat^(i−1); 0 when dropped.
    pub points: f64,
    /// Why it counts for nothing.
    pub dropped: Option<Dropped>,
}

/// Why a hit counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It shares a word with a longer, or an earlier, hit of the same rule.
    Overlap,
    /// It lies inside a hit of this other rule (index into [`TopicInfo::rules`](super::TopicInfo::rules)).
    Contained(u32),
    /// `repeat` is 0, and another hit of the rule is better or earlier.
    Repeat,
}
