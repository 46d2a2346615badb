//! What is evaluated: queries as a graph in which equal ones are one, and which terms set which rules off.

use super::classification::Points;
use super::touch::touch;
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
    Distinct(Box<Distinct>),
    /// A condition: this topic is a label.
    Topic(u32),
    /// A condition: this entry of [`Plan::metas`].
    Meta(u32),
}

/// See [`Node::Distinct`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Distinct {
    pub(super) least: u16,
    pub(super) terms: Box<[NodeId]>,
    pub(super) others: Box<[NodeId]>,
}

impl Distinct {
    /// All alternatives.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.terms.iter().chain(&self.others).copied()
    }
}

/// A condition on metadata.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) key: String,
    pub(super) value: super::glob::Glob,
}

/// So many needs of a rule are known.
pub(super) const NEEDS: usize = 2;

/// A rule as it is evaluated: small, as a document sets off rules that lie far apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct RulePlan {
    /// Its topic.
    pub(super) topic: u32,
    /// Its place in the topic's rules.
    pub(super) index: u32,
    pub(super) weight: f64,
    /// Of rules with equal hits, the one with the lowest rank counts.
    pub(super) rank: u32,
    /// Its query; none where it is any of some terms anywhere, which set it off one by one.
    pub(super) query: Option<NodeId>,
    /// Which of [`Plan::preconditions`] it has; most have none.
    pub(super) precondition: Option<u32>,
}

/// What must be so, or a rule is not looked at: cheap to tell, by the document and what was found in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Precondition {
    /// The document is in this language.
    pub(super) language: Option<Language>,
    /// Days since 1970-01-01.
    pub(super) since: Option<i32>,
    /// Days since 1970-01-01.
    pub(super) until: Option<i32>,
    /// So many terms of some nodes were found.
    pub(super) needs: [Option<Need>; NEEDS],
    /// Terms of two nodes stand close to each other.
    pub(super) close: Option<Close>,
}

/// A node of terms, and how many of them it takes at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Need {
    pub(super) node: NodeId,
    pub(super) least: u16,
}

/// Two nodes of terms, and how many words are between terms of them at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Close {
    pub(super) left: NodeId,
    pub(super) right: NodeId,
    pub(super) words: u8,
}

/// A topic as it is evaluated.
#[derive(Clone, Debug)]
pub(super) struct TopicPlan {
    pub(super) threshold: f64,
    /// The least points whose score reaches the threshold.
    pub(super) least: Points,
    pub(super) require: Option<NodeId>,
    pub(super) exclude: Option<NodeId>,
    /// Its set of masks; topics without masks have none.
    pub(super) masks: Option<u32>,
}

/// What a found term does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Its hits are hits of this rule.
    Hit(u32),
    /// Its hits in this part of the document are those of this node.
    In(NodeId, Option<Part>),
    /// It hides words from the topics with this set of masks.
    Masks(u32),
}

/// A [`Use`] in half the space, or with the kind [`SEVERAL`] the number of a part of [`Uses::several`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packed(u32);

/// No use names a larger number, and no rule has one: [`Packed`] and what is set off keep other things beside it.
pub(super) const LARGEST: u32 = u32::MAX >> 5;

const SEVERAL: u32 = 3 << 30;

/// The parts, by the two bits that tell them in [`Packed`].
const PARTS: [Option<Part>; 4] = [None, Some(Part::Title), Some(Part::Lead), Some(Part::Text)];

impl Use {
    /// None if the number is too large.
    pub(super) fn pack(self) -> Option<Packed> {
        let (kind, number) = match self {
            Use::Hit(rule) => (0, rule),
            Use::In(node, part) => (4 | part.map_or(0, |part| part as u32 + 1), node),
            Use::Masks(set) => (8, set),
        };
        (number <= LARGEST).then_some(Packed(kind << 28 | number))
    }
}

impl Packed {
    fn unpack(self) -> Use {
        match self.0 >> 30 {
            0 => Use::Hit(self.0),
            1 => Use::In(self.0 & LARGEST, PARTS[(self.0 >> 28 & 3) as usize]),
            _ => Use::Masks(self.0 & LARGEST),
        }
    }
}

/// Everything but the terms.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) nodes: Vec<Node>,
    /// Nodes that several others or rules name: their hits are remembered for a document.
    pub(super) shared: Vec<bool>,
    pub(super) metas: Vec<Meta>,
    /// Sorted so that a rule comes after those of the topics that its own topic names, those of a topic by id.
    pub(super) rules: Vec<RulePlan>,
    /// Those of rules, each once.
    pub(super) preconditions: Vec<Precondition>,
    /// By the number of the topic.
    pub(super) topics: Vec<TopicPlan>,
    pub(super) uses: Uses,
    /// Where the rules end that each node sets off, which cannot match without it or its like, and all of them.
    pub(super) anchored_ends: Vec<u32>,
    pub(super) anchored: Vec<u32>,
    /// Rules that can match without a term.
    pub(super) always: Vec<u32>,
    /// A veto for every topic.
    pub(super) exclude: Option<NodeId>,
    /// Whether a rule names a language.
    pub(super) languages: bool,
}

/// What each term does when it is found: one thing for most.
#[derive(Debug, Default)]
pub(super) struct Uses {
    of_terms: Vec<Packed>,
    /// Where the uses of each term that has not one end, and all of them.
    ends: Vec<u32>,
    several: Vec<Packed>,
}

impl Uses {
    /// Of so many terms, of which each has a part of `uses`.
    pub(super) fn new(uses: Vec<(u32, Packed)>, terms: usize) -> Uses {
        let (ends, all) = parts(uses, terms);
        let mut uses = Uses::default();
        uses.of_terms.reserve_exact(terms);
        for term in 0..terms as u32 {
            uses.of_terms.push(match part(&all, &ends, term) {
                &[one] => one,
                several => {
                    uses.several.extend(several);
                    uses.ends.push(uses.several.len() as u32);
                    Packed(SEVERAL | (uses.ends.len() as u32 - 1))
                }
            });
        }
        uses.ends.shrink_to_fit();
        uses.several.shrink_to_fit();
        uses
    }

    /// What a term does.
    pub(super) fn of(&self, term: u32) -> impl Iterator<Item = Use> {
        let one = &self.of_terms[term as usize];
        let uses = match one.0.checked_sub(SEVERAL) {
            Some(number) => part(&self.several, &self.ends, number),
            None => std::slice::from_ref(one),
        };
        uses.iter().map(|packed| packed.unpack())
    }

    /// Loads what says what terms do.
    pub(super) fn touch(&self, terms: impl Iterator<Item = u32>) {
        touch(terms.map(|term| u64::from(self.of_terms[term as usize].0)));
    }
}

impl Plan {
    /// The rules that a node of terms sets off when one of its terms is found.
    pub(super) fn set_off_by(&self, node: NodeId) -> &[u32] {
        part(&self.anchored, &self.anchored_ends, node)
    }
}

/// The part of `all` with this number.
fn part<'a, T>(all: &'a [T], ends: &[u32], number: u32) -> &'a [T] {
    let number = number as usize;
    let from = if number == 0 { 0 } else { ends[number - 1] };
    &all[from as usize..ends[number] as usize]
}

/// Sorts what belongs to numbers below `count` into one list: where the part of each number ends, and all of them.
pub(super) fn parts<T: Ord>(mut numbered: Vec<(u32, T)>, count: usize) -> (Vec<u32>, Vec<T>) {
    numbered.sort_unstable();
    numbered.dedup();
    let mut ends = vec![0; count];
    numbered.iter().for_each(|(number, _)| ends[*number as usize] += 1);
    let mut end = 0;
    for of_number in &mut ends {
        end += *of_number;
        *of_number = end;
    }
    // Collecting keeps the larger allocation.
    let mut values: Vec<T> = numbered.into_iter().map(|(_, value)| value).collect();
    values.shrink_to_fit();
    (ends, values)
}
