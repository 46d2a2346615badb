//! Which of the terms that queries ask for were found, and roughly where?

use super::find::Found;
use super::plan::{Close, NodeId};
use super::stamped::Stamped;
use super::words::Words;
use crate::rules::Part;
use crate::text::LEAD_WORDS;
use std::ops::Range;

/// The terms of a document that queries ask for.
#[derive(Debug, Default)]
pub(super) struct FoundTerms {
    /// The places of each term together, in order.
    places: Vec<Found>,
    pub(super) terms: Vec<FoundTerm>,
    /// Where the title, the lead, with what may be more of it, and the text are.
    parts: [Blocks; 3],
    /// Places as they were found, each with the index of its term in `terms`.
    added: Vec<(Found, u32)>,
    /// The index of each term in `terms`.
    indexes: Stamped<u32>,
    /// The nodes of these terms.
    nodes: Stamped<FoundNode>,
    /// Terms of nodes: the index in `terms`, and the entry before of the same node; the first has itself.
    entries: Vec<(u32, u32)>,
}

impl FoundTerms {
    /// Forgets the document before; `terms` and `nodes` are how many of them there are.
    pub(super) fn reset(&mut self, terms: usize, nodes: usize) {
        self.places.clear();
        self.terms.clear();
        self.added.clear();
        self.indexes.reset(terms);
        self.nodes.reset(nodes);
        self.entries.clear();
    }

    /// Adds a place. Those of a term come in their order.
    pub(super) fn add(&mut self, found: Found) {
        let index = self.indexes.get(found.term).unwrap_or_else(|| {
            let index = self.terms.len() as u32;
            self.indexes.set(found.term, index);
            self.terms.push(FoundTerm { term: found.term, ..FoundTerm::default() });
            index
        });
        let term = &mut self.terms[index as usize];
        term.end += 1;
        term.blocks.add(found);
        self.added.push((found, index));
    }

    /// Groups what was added by term, before it is put into nodes; `words` are those of the document.
    pub(super) fn group(&mut self, words: &Words) {
        let [title, text] = words.fields();
        let lead = text.start..text.end.min(text.start + LEAD_WORDS);
        self.parts = [title, lead, text].map(Blocks::of);
        let mut from = 0;
        for term in &mut self.terms {
            // Until now how many places the term has, now where they begin; each one that is put there moves it on, in the end to the
            // end.
            from += std::mem::replace(&mut term.end, from);
        }
        self.places.resize(self.added.len(), Found::default());
        for &(found, index) in &self.added {
            let at = &mut self.terms[index as usize].end;
            self.places[*at as usize] = found;
            *at += 1;
        }
    }

    /// Puts the term at an index of [`FoundTerms::terms`] into a node of terms in this part, if it stands there; tells whether it is
    /// the first of that node.
    pub(super) fn put(&mut self, index: usize, node: NodeId, part: Option<Part>) -> bool {
        let Blocks(in_part) = part.map_or(Blocks(u64::MAX), |part| self.parts[part as usize]);
        let blocks = self.terms[index].blocks.0 & in_part;
        if blocks == 0 {
            return false;
        }
        let entry = self.entries.len() as u32;
        let before = self.nodes.get(node).unwrap_or(FoundNode { last: entry, ..FoundNode::default() });
        self.entries.push((index as u32, before.last));
        let blocks = Blocks(before.blocks.0 | blocks);
        self.nodes.set(node, FoundNode { last: entry, count: before.count + 1, blocks });
        before.count == 0
    }

    /// How many terms of a node were found.
    pub(super) fn count(&self, node: NodeId) -> usize {
        self.nodes.get(node).map_or(0, |found| found.count as usize)
    }

    /// Whether terms of two nodes may be close to each other: no for most.
    pub(super) fn may_be_close(&self, close: Close) -> bool {
        let blocks = |node| self.nodes.get(node).map_or(Blocks(0), |found| found.blocks);
        blocks(close.left).may_be_close(blocks(close.right), close.words)
    }

    /// The indexes of the terms of a node.
    pub(super) fn of_node(&self, node: NodeId) -> impl Iterator<Item = usize> {
        let mut next = self.nodes.get(node).map(|found| found.last);
        std::iter::from_fn(move || {
            let entry = next?;
            let (index, before) = self.entries[entry as usize];
            next = (before != entry).then_some(before);
            Some(index as usize)
        })
    }

    /// The places of the term at an index of [`FoundTerms::terms`].
    pub(super) fn at(&self, index: usize) -> &[Found] {
        let from = if index == 0 { 0 } else { self.terms[index - 1].end };
        &self.places[from as usize..self.terms[index].end as usize]
    }
}

/// A term that was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FoundTerm {
    pub(super) term: u32,
    /// Where its places end in [`FoundTerms::places`].
    end: u32,
    blocks: Blocks,
}

/// A node of terms that were found.
#[derive(Clone, Copy, Debug, Default)]
struct FoundNode {
    /// Its last entry of [`FoundTerms::entries`], and how many it has.
    last: u32,
    count: u32,
    blocks: Blocks,
}

/// Where terms stand, roughly: a bit for each block of words that one begins or ends in. A long text begins again with the first
/// bit.
#[derive(Clone, Copy, Debug, Default)]
struct Blocks(u64);

/// So many words are a block.
const BLOCK: usize = 8;

impl Blocks {
    /// All of some words.
    fn of(words: Range<usize>) -> Blocks {
        let (from, to) = (words.start / BLOCK, words.end.div_ceil(BLOCK));
        let all = u64::MAX.checked_shl(to.saturating_sub(from) as u32).map_or(u64::MAX, |behind| !behind);
        Blocks(all.rotate_left(from as u32 % 64))
    }

    fn add(&mut self, found: Found) {
        let block = |word: u32| 1 << (word as usize / BLOCK % 64);
        self.0 |= block(found.start) | block(found.end);
    }

    /// Whether at most so many words may be between a term of these and one of the others.
    fn may_be_close(self, other: Blocks, words: u8) -> bool {
        let blocks = (usize::from(words) + BLOCK) / BLOCK;
        let around = (0..blocks).fold(self.0, |near, _| near | near.rotate_left(1) | near.rotate_right(1));
        around & other.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::document::Document;
    use crate::engine::hash::Seed;

    #[test]
    fn what_is_close_may_be_close_and_what_is_far_is_not() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut told_apart, rounds) = (0, 20_000);
        for _ in 0..rounds {
            let (start, length, words) = (random.u32(..2000), random.u32(..32), random.u8(..=100));
            let left = Found { term: 0, start, end: start + length };
            let between = random.u32(..300);
            let start = left.end + 1 + between;
            let right = Found { term: 1, start, end: start + random.u32(..32) };
            let [left, right] = [left, right].map(|found| {
                let mut blocks = Blocks::default();
                blocks.add(found);
                blocks
            });
            let may = [left.may_be_close(right, words), right.may_be_close(left, words)];
            if between <= u32::from(words) {
                assert_eq!(may, [true; 2], "{between} words between, {words} allowed");
            }
            told_apart += u32::from(may == [false; 2]);
        }
        assert!(told_apart > rounds / 3, "{told_apart}");
    }

    #[test]
    fn a_term_is_put_into_the_nodes_of_the_parts_where_it_stands() {
        let mut words = Words::default();
        let text = "one ".repeat(100);
        let document = Document { title: "one two", text: &text, ..Document::default() };
        words.read(&document, Seed::of_process(), false);
        let [title, text] = words.fields().map(|field| field.start as u32);
        for (start, expected) in [
            (title, [true, true, false, false]),
            (text, [true, false, true, true]),
            (text + 99, [true, false, false, true]),
        ] {
            let mut found = FoundTerms::default();
            found.reset(1, 4);
            found.add(Found { term: 0, start, end: start });
            found.group(&words);
            let parts = [None, Some(Part::Title), Some(Part::Lead), Some(Part::Text)];
            let put = [0, 1, 2, 3].map(|node| found.put(0, node, parts[node as usize]));
            assert_eq!(put, expected, "{start}");
            assert_eq!([0, 1, 2, 3].map(|node| found.count(node) == 1), expected, "{start}");
        }
    }
}
