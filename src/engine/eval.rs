//! Where does a query match? Evaluates the nodes of a plan over the terms that were found.

use super::document::Document;
use super::found::FoundTerms;
use super::hits::{Hit, NearScratch, Overlap, Taken, Within, keep_far, near, unite};
use super::plan::{Distinct, Node, NodeId, Plan};
use super::words::Words;
use crate::rules::{Part, Reach, metadata_value};

/// Hits of shared nodes, remembered for a document and a set of masked words.
#[derive(Debug, Default)]
struct Remembered {
    /// For each node the stamp under which it was remembered, where its hits are, and whether it holds without a place.
    entries: Vec<(u64, u32, u32, bool)>,
    hits: Vec<Hit>,
}

/// The memory of evaluation.
#[derive(Debug, Default)]
pub(super) struct EvalScratch {
    near: NearScratch,
    overlap: Overlap,
    /// Of the whole document, and of the document without the words that masks hide.
    remembered: [Remembered; 2],
    /// Lists of hits that are free to be used.
    spare: Vec<Vec<Hit>>,
    distinct: Vec<u32>,
    /// The last stamp that was given.
    stamp: u64,
}

/// Evaluates queries of one document, as one topic sees it.
pub(super) struct Eval<'a, 'd> {
    pub(super) plan: &'a Plan,
    pub(super) document: &'a Document<'d>,
    pub(super) words: &'a mut Words,
    pub(super) found: &'a FoundTerms,
    /// Which topics are labels, as far as they are known.
    pub(super) labels: &'a [bool],
    /// The words that masks hide from this topic, if any.
    pub(super) masked: Option<&'a Taken>,
    pub(super) scratch: &'a mut EvalScratch,
    /// Stands for this document and these masked words.
    stamp: u64,
}

impl EvalScratch {
    /// A stamp for a document and a set of masked words.
    pub(super) fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    /// Forgets what was remembered of the document before.
    pub(super) fn forget(&mut self, nodes: usize) {
        for remembered in &mut self.remembered {
            remembered.hits.clear();
            remembered.entries.resize(nodes, (0, 0, 0, false));
        }
    }

    /// Forgets what was remembered under other masks.
    pub(super) fn forget_masked(&mut self) {
        self.remembered[1].hits.clear();
    }
}

impl<'a, 'd> Eval<'a, 'd> {
    #[expect(clippy::too_many_arguments, reason = "one place makes it, from the parts of a scratch")]
    pub(super) fn new(
        plan: &'a Plan,
        document: &'a Document<'d>,
        words: &'a mut Words,
        found: &'a FoundTerms,
        labels: &'a [bool],
        masked: Option<&'a Taken>,
        scratch: &'a mut EvalScratch,
        stamp: u64,
    ) -> Self {
        Eval { plan, document, words, found, labels, masked, scratch, stamp }
    }

    /// Whether a query has a hit, with or without a place.
    pub(super) fn holds(&mut self, node: NodeId) -> bool {
        let mut hits = self.borrow();
        let holds = self.hits(node, &mut hits) || !hits.is_empty();
        self.give_back(hits);
        holds
    }

    /// Appends the hits of a query, sorted and each once, to the empty `out`, and tells whether it holds without a place.
    pub(super) fn hits(&mut self, node: NodeId, out: &mut Vec<Hit>) -> bool {
        if !self.plan.shared[node as usize] {
            return self.evaluate(node, out);
        }
        let masked = usize::from(self.masked.is_some());
        let remembered = &self.scratch.remembered[masked];
        let (stamp, from, to, holds) = remembered.entries[node as usize];
        if stamp == self.stamp {
            out.extend_from_slice(&remembered.hits[from as usize..to as usize]);
            return holds;
        }
        let holds = self.evaluate(node, out);
        let remembered = &mut self.scratch.remembered[masked];
        let from = remembered.hits.len() as u32;
        remembered.hits.extend_from_slice(out);
        remembered.entries[node as usize] = (self.stamp, from, remembered.hits.len() as u32, holds);
        holds
    }

    fn evaluate(&mut self, node: NodeId, out: &mut Vec<Hit>) -> bool {
        let plan = self.plan;
        match &plan.nodes[node as usize] {
            Node::Terms { part, .. } => {
                self.terms(node, *part, |_| {}, out);
                false
            }
            Node::Or(nodes) => {
                let mut holds = false;
                self.each(nodes, |hits, held| {
                    out.extend_from_slice(hits);
                    holds |= held;
                    true
                });
                unite(out);
                holds
            }
            Node::And(nodes) => {
                let all = self.each(nodes, |hits, held| {
                    out.extend_from_slice(hits);
                    held || !hits.is_empty()
                });
                if !all {
                    out.clear();
                }
                unite(out);
                all && out.is_empty()
            }
            Node::Not(left, right) => {
                let holds = self.hits(*left, out);
                if (holds || !out.is_empty()) && self.holds(*right) {
                    out.clear();
                    return false;
                }
                holds
            }
            Node::Absent(node) => !self.holds(*node),
            Node::Near { left, right, within, ordered } => {
                self.pair(*left, *right, |eval, left, right| {
                    // Otherwise sentences might be numbered for nothing.
                    if !right.is_empty() {
                        let (within, near_scratch) = eval.within(*within);
                        near(left, right, within, *ordered, near_scratch, out);
                    }
                });
                false
            }
            Node::NotNear { left, right, within } => {
                self.pair(*left, *right, |eval, left, right| {
                    out.extend_from_slice(left);
                    let (within, near_scratch) = eval.within(*within);
                    keep_far(out, right, within, near_scratch);
                });
                false
            }
            Node::AtLeast(least, node) => {
                let holds = self.hits(*node, out);
                let mut hits = self.borrow();
                hits.extend_from_slice(out);
                let count = self.scratch.overlap.settle(&mut hits, self.words.len());
                self.give_back(hits);
                let enough = count + usize::from(holds) >= usize::from(*least);
                if !enough {
                    out.clear();
                }
                enough && holds
            }
            Node::Distinct(distinct) => {
                self.distinct(distinct, out);
                false
            }
            Node::Topic(topic) => self.labels.get(*topic as usize).copied().unwrap_or(false),
            Node::Meta(meta) => self.meta(*meta),
        }
    }

    /// Evaluates nodes one by one, until `take` says that it has enough.
    fn each(&mut self, nodes: &[NodeId], mut take: impl FnMut(&[Hit], bool) -> bool) -> bool {
        let mut hits = self.borrow();
        let all = nodes.iter().all(|&node| {
            hits.clear();
            let holds = self.hits(node, &mut hits);
            take(&hits, holds)
        });
        self.give_back(hits);
        all
    }

    /// Evaluates two nodes; the second only when the first has a hit.
    fn pair(&mut self, left: NodeId, right: NodeId, take: impl FnOnce(&mut Self, &[Hit], &[Hit])) {
        let (mut lefts, mut rights) = (self.borrow(), self.borrow());
        self.hits(left, &mut lefts);
        if !lefts.is_empty() {
            self.hits(right, &mut rights);
            take(self, &lefts, &rights);
        }
        self.give_back(lefts);
        self.give_back(rights);
    }

    fn within(&mut self, reach: Reach) -> (Within<'_>, &mut NearScratch) {
        let within = match reach {
            Reach::Words(words) => Within::Words(u32::from(words)),
            Reach::Sentence => Within::Same(self.words.sentences(self.document)),
            Reach::Paragraph => Within::Same(self.words.paragraphs(self.document)),
        };
        (within, &mut self.scratch.near)
    }

    /// Appends the hits of a node of terms, sorted by place; tells `seen` which of the terms have one.
    fn terms(&mut self, node: NodeId, part: Option<Part>, mut seen: impl FnMut(u32), out: &mut Vec<Hit>) {
        let found = self.found;
        for index in found.of_node(node) {
            let before = out.len();
            self.places(index, part, out);
            if out.len() > before {
                seen(found.terms[index].term);
            }
        }
        unite(out);
    }

    /// Appends the hits of the found term at `index` that this topic sees in `part`.
    pub(super) fn places(&mut self, index: usize, part: Option<Part>, out: &mut Vec<Hit>) {
        for hit in self.found.at(index).iter().map(|found| found.hit()) {
            if self.masked.is_some_and(|masked| masked.any(hit)) {
                continue;
            }
            let field = self.words.field(hit);
            let here = match part {
                None => true,
                Some(Part::Title) => field == super::Field::Title,
                Some(Part::Text) => field == super::Field::Text,
                Some(Part::Lead) => self.words.in_lead(self.document, hit),
            };
            if here {
                out.push(hit);
            }
        }
    }

    fn distinct(&mut self, distinct: &Distinct, out: &mut Vec<Hit>) {
        let Distinct { least, terms, others } = distinct;
        let plan = self.plan;
        let found: usize = terms.iter().map(|&node| self.found.count(node)).sum();
        if found + others.len() < usize::from(*least) {
            return;
        }
        let mut hits = self.borrow();
        let mut seen = std::mem::take(&mut self.scratch.distinct);
        seen.clear();
        for &node in terms {
            if let Node::Terms { part, .. } = &plan.nodes[node as usize] {
                self.terms(node, *part, |term| seen.push(term), &mut hits);
                out.append(&mut hits);
            }
        }
        seen.sort_unstable();
        seen.dedup();
        let mut different = seen.len();
        for &node in others {
            different += usize::from(self.hits(node, &mut hits) || !hits.is_empty());
            out.append(&mut hits);
        }
        if different < usize::from(*least) {
            out.clear();
        }
        unite(out);
        self.scratch.distinct = seen;
        self.give_back(hits);
    }

    fn meta(&self, meta: u32) -> bool {
        let meta = &self.plan.metas[meta as usize];
        let entry = self.document.metadata.iter().find(|(key, _)| *key == meta.key);
        entry.is_some_and(|(_, value)| meta.value.matches(&metadata_value(value)))
    }

    /// An empty list of hits.
    pub(super) fn borrow(&mut self) -> Vec<Hit> {
        self.scratch.spare.pop().unwrap_or_default()
    }

    pub(super) fn give_back(&mut self, mut hits: Vec<Hit>) {
        hits.clear();
        self.scratch.spare.push(hits);
    }
}
