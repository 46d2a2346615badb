//! Which patterns does each word of a document match? Remembered from one document to the next.
//!
//! Most words that match any match none that a term is anchored on: common words stand in terms beside others that tell more. They are
//! passed over as words without patterns are; whether they match is looked up where a term's anchor stands.

use super::document::Document;
use super::patterns::{MARKS, Patterns};
use super::touch::{TOGETHER, ones, touch};
use super::words::Words;
use std::ops::Range;
use std::slice;

/// The patterns of words that were seen before: a table with open addressing, as most words of a document were.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Which lexicon it is about.
    owner: u64,
    slots: Vec<Slot>,
    used: usize,
    /// Words that have no anchors, by their keys and with the marks of their patterns, in sets of two: most words are found here, in
    /// a cache that is near.
    plain: Vec<[u64; 2]>,
    patterns: Vec<u32>,
    /// Each word of the document that has anchors, by its number, with each of them.
    pub(super) anchors: Vec<(u32, u32)>,
}

/// A word by its key; free without one.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: u64,
    matched: Matched,
}

/// Which of [`Memory::patterns`] are those of a word, or if it has one only, that one and [`ONE`].
#[derive(Clone, Copy, Debug, Default)]
struct Matched {
    from: u32,
    to: u32,
}

/// Instead of an end: most words that have patterns have one, which needs no look elsewhere.
const ONE: u32 = u32::MAX;

/// So many slots there are; all words are forgotten when half of them are used.
const SLOTS: usize = 1 << 17;

/// So many sets of words without anchors.
const PLAIN: usize = 1 << 12;

/// All words are forgotten, too, when they have more patterns than this.
const MOST_PATTERNS: usize = 1 << 19;

/// The bits of a key in [`Memory::plain`] in whose stead the marks of the word's patterns stand: the place tells most of them.
const MARKED: u64 = (1 << MARKS) - 1;

/// Whether what stands in [`Memory::plain`] is the word with this key.
fn is(plain: u64, key: u64) -> bool {
    (plain ^ key) & !MARKED == 0
}

/// A range in pieces.
fn chunks(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(size).map(move |from| from..range.end.min(from + size))
}

impl Memory {
    /// Looks up the anchors of every word of a document, until `most` were found: thousands of wildcards can match every word of
    /// a long text.
    pub(super) fn read(
        &mut self,
        owner: u64,
        patterns: &Patterns,
        document: &Document<'_>,
        words: &Words,
        most: usize,
    ) {
        if self.owner != owner {
            self.owner = owner;
            self.forget();
        }
        self.anchors.clear();
        for chunk in words.fields().into_iter().flat_map(|field| chunks(field, TOGETHER)) {
            // Most words were seen before and have no anchors. These are passed over without a branch, so that the
            // processor looks up many words at once.
            let keys = &words.keys()[chunk.clone()];
            let mut telling = 0_u64;
            for &key in keys {
                let [first, second] = self.plain[key as usize % PLAIN];
                telling = telling << 1 | u64::from(!is(first, key) & !is(second, key));
            }
            let telling = telling.reverse_bits() >> (TOGETHER - keys.len());
            touch(ones(telling).map(|bit| self.slots[keys[bit] as usize % SLOTS].key));
            for bit in ones(telling) {
                let (key, number) = (keys[bit], chunk.start + bit);
                let matched = self.matched(key, || words.word(document, number), patterns);
                let anchors = patterns.anchors_of(matched.of(&self.patterns));
                if anchors.is_empty() {
                    let of_word = matched.of(&self.patterns).iter();
                    let marks = of_word.fold(0, |marks, &pattern| marks | 1_u64 << patterns.mark(pattern));
                    let set = &mut self.plain[key as usize % PLAIN];
                    *set = [key & !MARKED | marks, set[0]];
                } else {
                    self.anchors.extend(anchors.iter().map(|&anchor| (number as u32, anchor)));
                    if self.anchors.len() > most {
                        return;
                    }
                }
            }
        }
    }

    fn forget(&mut self) {
        self.slots.clear();
        self.slots.resize(SLOTS, Slot::default());
        self.used = 0;
        self.plain.clear();
        self.plain.resize(PLAIN, [0; 2]);
        self.patterns.clear();
    }

    /// Whether a word of the document may have a pattern with this mark: no for most.
    pub(super) fn may_have(&self, key: u64, mark: u8) -> bool {
        let set = self.plain[key as usize % PLAIN];
        let known = set.into_iter().find(|&plain| is(plain, key));
        known.is_none_or(|marks| (marks & MARKED) >> mark & 1 == 1)
    }

    /// Whether a word has a pattern.
    pub(super) fn has<'d>(
        &mut self,
        key: u64,
        word: impl FnOnce() -> &'d str,
        patterns: &Patterns,
        pattern: u32,
    ) -> bool {
        self.matched(key, word, patterns).of(&self.patterns).binary_search(&pattern).is_ok()
    }

    /// The patterns of a word.
    #[inline(always)]
    fn matched<'d>(&mut self, key: u64, word: impl FnOnce() -> &'d str, patterns: &Patterns) -> Matched {
        let key = key.max(1);
        let mut at = key as usize % SLOTS;
        loop {
            let slot = self.slots[at];
            if slot.key == key {
                return slot.matched;
            }
            if slot.key == 0 {
                return self.learn(key, at, word(), patterns);
            }
            at = (at + 1) % SLOTS;
        }
    }

    #[cold]
    fn learn(&mut self, key: u64, mut at: usize, word: &str, patterns: &Patterns) -> Matched {
        if self.used == SLOTS / 2 || self.patterns.len() > MOST_PATTERNS {
            self.forget();
            at = key as usize % SLOTS;
        }
        let from = self.patterns.len() as u32;
        patterns.of_word(word, &mut self.patterns);
        let matched = match self.patterns[from as usize..] {
            [one] => {
                self.patterns.pop();
                Matched { from: one, to: ONE }
            }
            _ => Matched { from, to: self.patterns.len() as u32 },
        };
        self.slots[at] = Slot { key, matched };
        self.used += 1;
        matched
    }
}

impl Matched {
    fn of<'p>(&'p self, patterns: &'p [u32]) -> &'p [u32] {
        match self.to {
            ONE => slice::from_ref(&self.from),
            to => &patterns[self.from as usize..to as usize],
        }
    }
}
