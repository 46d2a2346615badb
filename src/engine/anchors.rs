//! Which words of a text, and which pairs of neighbours, are the anchor of a term?
//!
//! Asked for a chunk of words at a time, in steps that each go over the whole chunk and leave less for the next: tags,
//! filter, table; the table for several chunks together where they leave little for it. No step but the last branches on
//! what it finds, so that the processor looks up many words at once and seldom guesses wrong.

use super::hash::Seed;
use super::touch::{TOGETHER, ones, touch};

/// A term at its anchor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting {
    pub(super) term: u32,
    /// What it is compared by, as `by` tells.
    pub(super) at: u32,
    /// Which of its words the anchor is, and in the upper bits what `mark` is about.
    anchor: u8,
    /// How many words it has.
    pub(super) length: u8,
    pub(super) by: By,
    mark: u8,
}

/// A word of a term beside its anchor. By most words of texts it is seen that the term does not stand there, without a look at
/// what it is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// A plain word, by the mark of its hash.
    Word(u8),
    /// A pattern, by its mark.
    Pattern(u8),
}

/// The lower bits of [`Posting::anchor`]: a term has 32 words at most.
const OFFSET: u8 = 31;

/// Where a word beside an anchor can be: before it, behind it or behind the pair that it is.
const PLACES: [isize; 3] = [-1, 1, 2];

const PATTERN: u8 = 1 << 7;

impl Posting {
    /// Of a term with so many words, whose anchor begins with the one at `offset`, and one of [`PLACES`] from there stands what
    /// is beside it.
    pub(super) fn new(
        term: u32,
        at: u32,
        offset: u8,
        length: u8,
        by: By,
        beside: Option<(isize, Beside)>,
    ) -> Posting {
        let code =
            PLACES.iter().zip(1..).find(|(known, _)| beside.is_some_and(|(place, _)| place == **known));
        let (kind, mark) = match beside {
            None => (0, 0),
            Some((_, Beside::Word(mark))) => (0, mark),
            Some((_, Beside::Pattern(mark))) => (PATTERN, mark),
        };
        let anchor = offset & OFFSET | code.map_or(0, |(_, code)| code << 5) | kind;
        Posting { term, at, anchor, length, by, mark }
    }

    /// Which of its words the anchor is.
    pub(super) fn offset(&self) -> usize {
        usize::from(self.anchor & OFFSET)
    }

    /// A word beside the anchor, and how far from it that is.
    pub(super) fn beside(&self) -> Option<(isize, Beside)> {
        let code = usize::from(self.anchor >> 5 & 3).checked_sub(1)?;
        let beside =
            if self.anchor & PATTERN == 0 { Beside::Word(self.mark) } else { Beside::Pattern(self.mark) };
        Some((PLACES[code], beside))
    }
}

impl Beside {
    /// A plain word, by its hash.
    pub(super) fn word(hash: u64) -> Beside {
        Beside::Word((hash >> 56) as u8)
    }
}

/// What a term is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The upper half of the hash of its words, which are plain.
    Words,
    /// Its elements, by the number of the first.
    Elements,
    /// Nothing: where the anchor stands, the term does.
    Anchor,
}

/// What a term is anchored on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    /// Two neighbouring words, by their hashes.
    Pair(u64, u64),
    /// A word, by its hash.
    Word(u64),
}

/// The anchors of all terms.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    /// By the hash of a word: whether it is an anchor, and of which kinds are the others of pairs that are.
    tags: Box<[u16]>,
    /// Two bits for each anchor, both in one word.
    filter: Box<[u64]>,
    /// Open addressing by line: what does not fit into its line stands in the next that has room.
    lines: Box<[Line]>,
    /// Where several terms have the same anchor.
    postings: Box<[Posting]>,
}

/// As much as the processor loads at once. The free slots are the last ones.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([Slot; 4]);

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The lower half of the key of an anchor.
    key: u32,
    entry: Entry,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Free,
    One(Posting),
    /// A range of [`Anchors::postings`].
    Several(u32, u32),
}

const FREE: Slot = Slot { key: 0, entry: Entry::Free };

/// The tag of a word that is an anchor.
const ALONE: u16 = 1;

/// Words are of eight kinds, by their hashes. A word has a tag for each kind of those that stand behind it, and before it, in a pair that
/// is an anchor: most pairs of words that are the first of some and the second of another have not the tags of each other.
fn tags_of_neighbours(hash: u64) -> Neighbours {
    /// In a table, as shifting by what is not known takes longer. Two kinds share the tag beside [`ALONE`].
    const KINDS: [Neighbours; 8] = {
        let mut kinds = [Neighbours { before: 2, behind: 1 << 8 }; 8];
        let mut kind = 1;
        while kind < 8 {
            kinds[kind] = Neighbours { before: 1 << kind, behind: 1 << (8 + kind) };
            kind += 1;
        }
        kinds
    };
    KINDS[(hash >> 61) as usize]
}

/// The tags of the words before and behind one, as far as they are about it.
#[derive(Clone, Copy)]
struct Neighbours {
    before: u16,
    behind: u16,
}

/// So many anchors are a large table.
const LARGE: usize = 1 << 17;

impl Anchors {
    /// The anchors of terms, of which there are so many different words.
    pub(super) fn new(seed: Seed, words: usize, terms: &[(Anchor, Posting)]) -> Anchors {
        let mut anchors = Anchors {
            tags: vec![0; (2 * words).next_power_of_two()].into(),
            filter: vec![0; (terms.len() / 4 + 1).next_power_of_two()].into(),
            ..Anchors::default()
        };
        let mut keyed = Vec::with_capacity(terms.len());
        for &(anchor, posting) in terms {
            let key = match anchor {
                Anchor::Pair(first, second) => {
                    *anchors.tag(first) |= tags_of_neighbours(second).before;
                    *anchors.tag(second) |= tags_of_neighbours(first).behind;
                    seed.pair(first, second)
                }
                Anchor::Word(hash) => {
                    *anchors.tag(hash) |= ALONE;
                    hash
                }
            };
            let (word, bits) = filter(key, anchors.filter.len());
            anchors.filter[word] |= bits;
            keyed.push((key, posting));
        }
        keyed.sort_unstable_by_key(|(key, posting)| (*key, posting.term));
        // A small table may be roomy; of a large one the memory counts, and the cache that it takes.
        let slots = if keyed.len() < LARGE { 4 * keyed.len() } else { keyed.len() * 3 / 2 };
        anchors.lines = vec![Line([FREE; 4]); slots / 4 + 1].into();
        let mut postings = Vec::new();
        for same in keyed.chunk_by(|a, b| a.0 == b.0) {
            let entry = match same {
                &[(_, posting)] => Entry::One(posting),
                _ => {
                    let from = postings.len() as u32;
                    postings.extend(same.iter().map(|(_, posting)| posting));
                    Entry::Several(from, postings.len() as u32)
                }
            };
            let key = same[0].0;
            let mut at = anchors.home(key);
            let slot = loop {
                let free = anchors.lines[at].0.iter().position(|slot| matches!(slot.entry, Entry::Free));
                match free {
                    Some(slot) => break slot,
                    None => at = anchors.behind(at),
                }
            };
            anchors.lines[at].0[slot] = Slot { key: key as u32, entry };
        }
        anchors.postings = postings.into();
        anchors
    }

    fn tag(&mut self, hash: u64) -> &mut u16 {
        &mut self.tags[hash as usize & (self.tags.len() - 1)]
    }

    /// Calls `found` with the number of the first word of each place of an anchor, and the terms there. `hashes` are
    /// those of the words of a field, in order.
    pub(super) fn find(&self, seed: Seed, hashes: &[u64], mut found: impl FnMut(usize, &[Posting])) {
        // Those of a chunk, of which each word can be two, and before them so many as are too few to be looked up.
        let (mut likely, mut count) = ([(0, 0); 3 * TOGETHER], 0);
        let (mut tags_before, mut behind_before) = (0, 0);
        for (from, chunk) in (0..).step_by(TOGETHER).zip(hashes.chunks(TOGETHER)) {
            // Bits for the words of the chunk, the last one's the lowest.
            let (mut alone, mut second) = (0_u64, 0_u64);
            for &hash in chunk {
                let tags = self.tags[hash as usize & (self.tags.len() - 1)];
                let Neighbours { before, behind } = tags_of_neighbours(hash);
                let is_second = (tags_before & before != 0) & (tags & behind_before != 0);
                alone = alone << 1 | u64::from(tags & ALONE);
                second = second << 1 | u64::from(is_second);
                (tags_before, behind_before) = (tags, behind);
            }
            let mut keep_likely = |key: u64, number: usize| {
                let (word, bits) = filter(key, self.filter.len());
                likely[count] = (key, number);
                count += usize::from(self.filter[word] & bits == bits);
            };
            let unused = TOGETHER - chunk.len();
            for number in ones(alone.reverse_bits() >> unused).map(|bit| from + bit) {
                keep_likely(hashes[number], number);
            }
            for number in ones(second.reverse_bits() >> unused).map(|bit| from + bit) {
                keep_likely(seed.pair(hashes[number - 1], hashes[number]), number - 1);
            }
            if count < TOGETHER && from + TOGETHER < hashes.len() {
                continue;
            }
            let likely = &likely[..std::mem::take(&mut count)];
            touch(likely.iter().map(|&(key, _)| u64::from(self.lines[self.home(key)].0[0].key)));
            for &(key, number) in likely {
                self.postings(key, |postings| found(number, postings));
            }
        }
    }

    /// Calls `found` with the terms of every anchor with this key, or with the same lower half of it.
    fn postings(&self, key: u64, mut found: impl FnMut(&[Posting])) {
        let mut at = self.home(key);
        loop {
            let Line(slots) = &self.lines[at];
            // Mostly one has the key, but nobody can guess which.
            let same =
                (0..).zip(slots).fold(0, |same, (i, slot)| same | u64::from(slot.key == key as u32) << i);
            for slot in ones(same) {
                match &slots[slot].entry {
                    Entry::Free => {}
                    Entry::One(posting) => found(std::slice::from_ref(posting)),
                    Entry::Several(from, to) => found(&self.postings[*from as usize..*to as usize]),
                }
            }
            if let [.., Slot { entry: Entry::Free, .. }] = slots {
                return;
            }
            at = self.behind(at);
        }
    }

    /// Where the search for a key begins: the table is addressed by the upper half of keys; tags, filter and comparison
    /// use the lower one.
    fn home(&self, key: u64) -> usize {
        ((u128::from(key) * self.lines.len() as u128) >> 64) as usize
    }

    /// The line behind another.
    fn behind(&self, at: usize) -> usize {
        if at + 1 == self.lines.len() { 0 } else { at + 1 }
    }
}

/// The word of the filter and the two bits in it that a key sets.
fn filter(key: u64, words: usize) -> (usize, u64) {
    ((key >> 12) as usize & (words - 1), 1 << (key % 64) | 1 << ((key >> 6) % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posting_keeps_what_stands_beside_its_anchor() {
        for offset in 0..32 {
            let kinds = [Beside::Word(255), Beside::word(1 << 56), Beside::Pattern(0), Beside::Pattern(16)];
            let besides = PLACES.into_iter().flat_map(|place| kinds.map(|kind| Some((place, kind))));
            for beside in besides.chain([None]) {
                let posting = Posting::new(7, 9, offset, 32, By::Elements, beside);
                assert_eq!((posting.offset(), posting.beside()), (usize::from(offset), beside));
            }
        }
    }
}
