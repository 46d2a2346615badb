//! Which terms stand where in a text?

use super::anchors::{Beside, By, Posting};
use super::document::Document;
use super::hits::Hit;
use super::lexicon::{Element, Lexicon};
use super::memory::Memory;
use super::words::Words;
use crate::text::{exact, is_exact};
use std::ops::Range;

/// A term that stands in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) term: u32,
    /// Number of its first word.
    pub(super) start: u32,
    /// Number of its last word.
    pub(super) end: u32,
}

impl Found {
    pub(super) fn hit(self) -> Hit {
        Hit { start: self.start, end: self.end, gaps: false }
    }
}

/// In a text with more places of terms nothing is looked for behind them, so that memory has a bound whatever the
/// rules.
const MOST_PLACES: usize = 1 << 20;

impl Lexicon {
    /// Appends every place of every term, those of each term in their order.
    pub(super) fn find(
        &self,
        owner: u64,
        document: &Document<'_>,
        words: &Words,
        memory: &mut Memory,
        found: &mut Vec<Found>,
    ) {
        if self.has_patterns() {
            memory.read(owner, &self.patterns, document, words, MOST_PLACES);
        }
        let mut finder = Finder { lexicon: self, document, words, memory, found };
        for field in words.fields() {
            self.anchors.find(self.seed, &words.hashes()[field.clone()], |number, postings| {
                finder.consider(postings, field.start + number, &field);
            });
        }
        if self.has_patterns() {
            let [title, text] = words.fields();
            let anchors = std::mem::take(&mut finder.memory.anchors);
            for &(number, pattern) in &anchors {
                let number = number as usize;
                let field = if number < text.start { &title } else { &text };
                finder.consider(self.of_pattern(pattern), number, field);
            }
            finder.memory.anchors = anchors;
        }
    }
}

/// Compares terms to the words where their anchors stand.
struct Finder<'a, 'd> {
    lexicon: &'a Lexicon,
    document: &'a Document<'d>,
    words: &'a Words,
    memory: &'a mut Memory,
    found: &'a mut Vec<Found>,
}

impl Finder<'_, '_> {
    /// Keeps those of the terms at an anchor that stand there.
    fn consider(&mut self, postings: &[Posting], anchor: usize, field: &Range<usize>) {
        for posting in postings {
            let Some(start) = anchor.checked_sub(posting.offset()) else { continue };
            let words = start..start + usize::from(posting.length);
            if words.start < field.start || words.end > field.end {
                continue;
            }
            if let Some((place, beside)) = posting.beside()
                && !self.may_be(anchor.wrapping_add_signed(place), beside)
            {
                continue;
            }
            let found = Found { term: posting.term, start: start as u32, end: words.end as u32 - 1 };
            if self.stands(posting, words) && self.found.len() < MOST_PLACES {
                self.found.push(found);
            }
        }
    }

    /// Whether a word may be what stands beside the anchor of a term.
    fn may_be(&self, number: usize, beside: Beside) -> bool {
        match beside {
            Beside::Word(_) => Beside::word(self.words.hashes()[number]) == beside,
            Beside::Pattern(mark) => self.memory.may_have(self.words.keys()[number], mark),
        }
    }

    /// Whether the term stands where its anchor does.
    fn stands(&mut self, posting: &Posting, words: Range<usize>) -> bool {
        match posting.by {
            By::Words => self.lexicon.seed.row(self.words.hashes()[words].iter().copied()) == posting.at,
            By::Elements => {
                let elements = &self.lexicon.elements[posting.at as usize..];
                words.zip(elements).all(|(number, &element)| self.is(number, element))
            }
            By::Anchor => true,
        }
    }

    fn is(&mut self, number: usize, element: Element) -> bool {
        let Finder { lexicon, document, words, .. } = *self;
        let word = || words.word(document, number);
        match element {
            Element::Word(index) => words.hashes()[number] == lexicon.words[index as usize].0,
            Element::Exact(index) => {
                let (hash, form) = &lexicon.exacts[index as usize];
                words.hashes()[number] == *hash && is_exact(word(), form)
            }
            Element::Pattern(pattern) => {
                let key = words.keys()[number];
                self.memory.has(key, word, &lexicon.patterns, pattern)
                    && lexicon.patterns.exact(pattern).is_none_or(|glob| glob.matches(&exact(word())))
            }
        }
    }
}
