//! Which terms stand where in a text?

use super::anchors::{Beside, By, Posting};
use super::document::Document;
use super::hash;
use super::hits::Hit;
use super::lexicon::{END, Element, Lexicon};
use super::memory::Memory;
use super::touch::{TOGETHER, touch};
use super::words::Words;
use crate::text::{bare_prefix, exact, is_bare, is_exact};
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

/// A term that may stand in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    posting: Posting,
    /// Number of its first word.
    start: u32,
}

impl Lexicon {
    /// Appends every place of every term, those of each term in their order.
    pub(super) fn find(
        &self,
        owner: u64,
        document: &Document<'_>,
        words: &Words,
        memory: &mut Memory,
        candidates: &mut Vec<Candidate>,
        found: &mut Vec<Found>,
    ) {
        if self.has_patterns() {
            memory.read(owner, &self.patterns, document, words, MOST_PLACES);
        }
        let mut finder = Finder { lexicon: self, document, words, memory, candidates, found };
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
        finder.compare();
    }
}

/// Compares terms to the words where their anchors stand.
struct Finder<'a, 'd> {
    lexicon: &'a Lexicon,
    document: &'a Document<'d>,
    words: &'a Words,
    memory: &'a mut Memory,
    candidates: &'a mut Vec<Candidate>,
    found: &'a mut Vec<Found>,
}

impl Finder<'_, '_> {
    /// Takes those of the terms at an anchor that may stand there.
    fn consider(&mut self, postings: &[Posting], anchor: usize, field: &Range<usize>) {
        for posting in postings {
            let Some(start) = anchor.checked_sub(posting.offset()) else { continue };
            if start < field.start || start + usize::from(posting.length) > field.end {
                continue;
            }
            if let Some((place, beside)) = posting.beside()
                && !self.may_be(anchor.wrapping_add_signed(place), beside)
            {
                continue;
            }
            self.candidates.push(Candidate { posting: *posting, start: start as u32 });
            if self.candidates.len() == TOGETHER {
                self.compare();
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

    /// Compares the candidates, and keeps those that stand in the text.
    fn compare(&mut self) {
        let texts = self.lexicon.texts.as_bytes();
        let by_text = |candidate: &Candidate| match candidate.posting.by {
            By::Text => u64::from(texts[candidate.posting.at as usize]),
            By::Elements | By::Anchor => 0,
        };
        touch(self.candidates.iter().map(by_text));
        let mut candidates = std::mem::take(self.candidates);
        for Candidate { posting, start } in candidates.drain(..) {
            let end = start + u32::from(posting.length);
            let words = start as usize..end as usize;
            let stands = match posting.by {
                By::Text => self.is_text(words, posting.at),
                By::Elements => {
                    let elements = &self.lexicon.elements[posting.at as usize..];
                    words.zip(elements).all(|(number, &element)| self.is(number, element))
                }
                By::Anchor => true,
            };
            if stands && self.found.len() < MOST_PLACES {
                self.found.push(Found { term: posting.term, start, end: end - 1 });
            }
        }
        *self.candidates = candidates;
    }

    /// Whether words have the bare forms that stand in the lexicon's texts from `at` on.
    fn is_text(&self, words: Range<usize>, at: u32) -> bool {
        let texts = &self.lexicon.texts;
        let mut at = at as usize;
        for number in words.clone() {
            let (field, span) = self.words.place(self.document, number);
            let (start, end) = (span.start as usize, span.end as usize);
            at += if hash::same(field.as_bytes(), start, end, texts.as_bytes(), at) {
                end - start
            } else if let Some(length) = bare_prefix(span.of(field), &texts[at..]) {
                length
            } else {
                return false;
            };
            let behind = if number + 1 == words.end { END } else { ' ' };
            if texts.as_bytes().get(at) != Some(&(behind as u8)) {
                return false;
            }
            at += 1;
        }
        true
    }

    fn is(&mut self, number: usize, element: Element) -> bool {
        let Finder { lexicon, document, words, .. } = *self;
        let word = || words.word(document, number);
        match element {
            // Equal hashes make equal words all but certain; equal forms make it certain.
            Element::Word(index) => {
                let (hash, form) = &lexicon.words[index as usize];
                words.hashes()[number] == *hash && is_bare(word(), form)
            }
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
