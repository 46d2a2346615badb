//! Values that are checked once, when they are made, and true from then on.

use std::fmt;

/// A topic's id: one or more of `[a-z0-9_]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(String);

impl TopicId {
    /// Stands for an id that is missing, so that the rest of its topic can be checked.
    pub(super) fn unnamed() -> TopicId {
        TopicId("_".to_owned())
    }

    /// None where `id` is malformed.
    #[must_use]
    pub fn new(id: &str) -> Option<TopicId> {
        is_name(id).then(|| TopicId(id.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `name` can name a topic, a group, a rule or a list: one or more of `[a-z0-9_]`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Points for one hit: finite, from -1000 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Weight(f64);

impl Weight {
    /// No points.
    pub const ZERO: Weight = Weight(0.0);

    /// None where `weight` is out of range or not a number.
    #[must_use]
    pub fn new(weight: f64) -> Option<Weight> {
        (weight.abs() <= 1000.0).then_some(Weight(weight))
    }

    /// The points.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// The score from which a topic is a label: above 0 and below 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Threshold(f64);

impl Threshold {
    /// The score of one point.
    pub const DEFAULT: Threshold = Threshold(0.5);

    /// None where `score` is out of range or not a number.
    #[must_use]
    pub fn new(score: f64) -> Option<Threshold> {
        (score > 0.0 && score < 1.0).then_some(Threshold(score))
    }

    /// The score.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}
