//! What is evaluated: queries as a graph in which equal ones are one, and which terms set which rules off.

use crate::rules::{Part, Reach};
use crate::text::Language;

/// A query by its number in [`Plan::nodes`].
pub(super) type NodeId = u32;

/// A query whose parts are numbers. Field prefixes are pushed down to the terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// Any of these terms, sorted, in this part of the document.
    Terms { terms: Box<[u32]>, part: Option<Part> },
    /// Any of these, sorted.
    Or(Box<[NodeId]>),
    /// All of these, sorted.
    And(Box<[NodeId]>),
    /// The first, if the second has no hit.
    Not(NodeId, NodeId),
    /// A condition: this has no hit.
    Absent(NodeId),
    /// Both, close to each other.
    Near { left: NodeId, right: NodeId, within: Reach, ordered: bool },
    /// The hits of the left that are far from those of the right.
    NotNear { left: NodeId, right: NodeId, within: Reach },
    /// At least so many hits.
    AtLeast(u16, NodeId),
    /// At least so many different alternatives: each term of `terms` is one, and each node of `others`.
    Distinct { least: u16, terms: Box<[NodeId]>, others: Box<[NodeId]> },
    /// A condition: this topic is a label.
    Topic(u32),
    /// A condition: this entry of [`Plan::metas`].
    Meta(u32),
}

/// A condition on metadata.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) key: String,
    pub(super) value: super::glob::Glob,
}

/// A rule as it is evaluated.
#[derive(Clone, Debug)]
pub(super) struct RulePlan {
    /// Its topic.
    pub(super) topic: u32,
    /// Its place in the topic's rules.
    pub(super) index: u32,
    pub(super) weight: f64,
    pub(super) language: Option<Language>,
    /// Days since 1970-01-01.
    pub(super) since: Option<i64>,
    /// Days since 1970-01-01.
    pub(super) until: Option<i64>,
    /// Its query; none where it is any of some terms anywhere, which set it off one by one.
    pub(super) query: Option<NodeId>,
    /// Of rules with equal hits, the one with the lowest rank counts.
    pub(super) rank: u32,
}

/// A topic as it is evaluated.
#[derive(Clone, Debug)]
pub(super) struct TopicPlan {
    pub(super) threshold: f64,
    pub(super) require: Option<NodeId>,
    pub(super) exclude: Option<NodeId>,
    /// Its set of masks; topics without masks have none.
    pub(super) masks: Option<u32>,
}

/// What a found term does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// Its hits are hits of this rule.
    Hit(u32),
    /// It sets off the rules of this group: those that cannot match without one of the same terms.
    SetsOff(u32),
    /// It hides words from the topics with this set of masks.
    Masks(u32),
    /// Queries ask where it stands.
    Named,
}

/// Everything but the terms.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) nodes: Vec<Node>,
    /// Nodes that several others or rules name: their hits are remembered for a document.
    pub(super) shared: Vec<bool>,
    pub(super) metas: Vec<Meta>,
    /// Sorted so that a rule comes after those of the topics that its own topic names.
    pub(super) rules: Vec<RulePlan>,
    /// By the number of the topic.
    pub(super) topics: Vec<TopicPlan>,
    /// Where the uses of each term end, and all of them.
    pub(super) use_ends: Vec<u32>,
    pub(super) uses: Vec<Use>,
    /// The rules that each group of terms sets off.
    pub(super) groups: Vec<Vec<u32>>,
    /// Rules that can match without a term.
    pub(super) always: Vec<u32>,
    /// A veto for every topic.
    pub(super) exclude: Option<NodeId>,
    /// Whether a rule names a language.
    pub(super) languages: bool,
    /// Whether a rule names a language or a date.
    pub(super) scoped: bool,
}

impl Plan {
    /// What a term does when it is found.
    pub(super) fn uses_of(&self, term: u32) -> &[Use] {
        let term = term as usize;
        let from = if term == 0 { 0 } else { self.use_ends[term - 1] };
        &self.uses[from as usize..self.use_ends[term] as usize]
    }
}
