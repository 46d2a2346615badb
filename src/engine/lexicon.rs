//! Which terms stand in a text?
//!
//! Each term has one anchor, the part of it that is likely to be rarest: a pair of neighbouring plain words, a plain
//! word or a pattern.
//! A byte of tags, found by the hash of a word, tells whether the word can be an anchor or half of one; only then
//! the table of anchors is asked, and only what it answers is compared word by word.

use super::TooLarge;
use super::document::Document;
use super::hash::{Hashed, Seed};
use super::patterns::Patterns;
use super::words::Words;
use crate::rules::{Pattern, Term};
use crate::text::{Language, bare, exact, is_bare, is_exact, stem};
use foldhash::HashMap;
use std::hash::BuildHasherDefault;

/// What one word of a term must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Element {
    /// This plain word.
    Word(u32),
    /// This word of [`Lexicon::exacts`].
    Exact(u32),
    /// This pattern.
    Pattern(u32),
}

/// A term at its anchor.
#[derive(Clone, Copy, Debug)]
struct Posting {
    term: u32,
    /// Which of its words the anchor is.
    offset: u8,
    /// How many words it has.
    words: u8,
    /// Where the anchor stands, the term does: nothing is left to compare.
    sure: bool,
}

/// The terms of a ruleset, numbered from 0.
#[derive(Debug)]
pub(super) struct Lexicon {
    seed: Seed,
    /// Hashes and bare forms of the plain words.
    hashes: Vec<u64>,
    form_ends: Vec<u32>,
    forms: String,
    /// Plain word and exact form.
    exacts: Vec<(u32, Box<str>)>,
    patterns: Patterns,
    elements: Vec<Element>,
    /// Where the elements of each term end.
    term_ends: Vec<u32>,
    tags: Box<[u8]>,
    /// A bit for each pair that is an anchor, one of sixteen times as many.
    pairs: Box<[u64]>,
    slots: Box<[Slot]>,
    postings: Vec<Posting>,
    /// Where the postings of each pattern end, and all of them.
    pattern_ends: Vec<u32>,
    pattern_postings: Vec<Posting>,
}

/// An anchor and its postings; free where there are none.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: u64,
    from: u32,
    to: u32,
}

/// Tags of a word: it is an anchor alone, or the first or second word of one.
const ALONE: u8 = 1;
const FIRST: u8 = 2;
const SECOND: u8 = 4;

/// A term that stands in the text, by the number of its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) term: u32,
    pub(super) start: u32,
}

/// Patterns of words seen before, kept from one document to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Which lexicon it is about.
    owner: u64,
    /// By the key of a word, where its patterns stand in `patterns`.
    ranges: std::collections::HashMap<u64, (u32, u32), BuildHasherDefault<Hashed>>,
    patterns: Vec<u32>,
    /// The patterns of each word of the document.
    of_words: Vec<(u32, u32)>,
}

/// So many words with their patterns are remembered before the memory starts anew.
const REMEMBERED: usize = 1 << 16;

/// In a text with more places of terms nothing is looked for behind them, so that memory has a bound whatever the
/// rules: thousands of wildcards can match every word of a long text.
const MOST_PLACES: usize = 1 << 20;

impl Memory {
    /// Looks up the patterns of every word of a document.
    fn read(&mut self, owner: u64, patterns: &Patterns, document: &Document<'_>, words: &Words) {
        if self.owner != owner || self.ranges.len() > REMEMBERED || self.patterns.len() > 8 * REMEMBERED {
            *self = Memory { owner, ..Memory::default() };
        }
        self.of_words.clear();
        let mut places = 0;
        for (number, &key) in words.keys().iter().enumerate() {
            if places > MOST_PLACES {
                self.of_words.resize(words.len(), (0, 0));
                return;
            }
            let range = *self.ranges.entry(key).or_insert_with(|| {
                let from = self.patterns.len();
                patterns.of_word(words.word(document, number), &mut self.patterns);
                (from as u32, self.patterns.len() as u32)
            });
            places += (range.1 - range.0) as usize;
            self.of_words.push(range);
        }
    }

    fn of_word(&self, number: usize) -> &[u32] {
        let (from, to) = self.of_words[number];
        &self.patterns[from as usize..to as usize]
    }
}

impl Lexicon {
    /// Appends every place of every term, in no particular order.
    pub(super) fn find(
        &self,
        owner: u64,
        document: &Document<'_>,
        words: &Words,
        memory: &mut Memory,
        found: &mut Vec<Found>,
    ) {
        if !self.patterns.is_empty() {
            memory.read(owner, &self.patterns, document, words);
        }
        let hashes = words.hashes();
        for field in words.fields() {
            let place = Place { lexicon: self, document, words, memory, field: field.clone() };
            let mut before = 0;
            for number in field {
                let hash = hashes[number];
                let tags = self.tags[self.tag_index(hash)];
                if tags & ALONE != 0 {
                    place.check(self.postings(hash), number, found);
                }
                if tags & SECOND != 0 && before & FIRST != 0 {
                    let pair = self.seed.pair(hashes[number - 1], hash);
                    if self.may_be_pair(pair) {
                        place.check(self.postings(pair), number - 1, found);
                    }
                }
                before = tags;
                if found.len() > MOST_PLACES {
                    return;
                }
                if !self.patterns.is_empty() {
                    for &pattern in memory.of_word(number) {
                        place.check(self.postings_of_pattern(pattern), number, found);
                    }
                }
            }
        }
    }

    pub(super) fn seed(&self) -> Seed {
        self.seed
    }

    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// How many terms there are.
    pub(super) fn terms(&self) -> usize {
        self.term_ends.len()
    }

    /// How many words a term has.
    pub(super) fn words_of(&self, term: u32) -> u32 {
        let term = term as usize;
        self.term_ends[term] - if term == 0 { 0 } else { self.term_ends[term - 1] }
    }

    /// A term as it is compared: plain words in bare form, `=` before an exact form, `~` before a stem.
    pub(super) fn text(&self, term: u32) -> String {
        let words = self.elements_of(term).iter().map(|&element| match element {
            Element::Word(word) => self.form(word).to_owned(),
            Element::Exact(index) => format!("={}", self.exacts[index as usize].1),
            Element::Pattern(pattern) => self.patterns.text(pattern).to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn elements_of(&self, term: u32) -> &[Element] {
        let end = self.term_ends[term as usize];
        &self.elements[(end - self.words_of(term)) as usize..end as usize]
    }

    fn tag_index(&self, hash: u64) -> usize {
        hash as usize & (self.tags.len() - 1)
    }

    /// False for all but one in sixteen of the pairs that are no anchor, and without the cache miss of the table.
    fn may_be_pair(&self, key: u64) -> bool {
        self.pairs[pair_index(key, self.pairs.len())] >> (key % 64) & 1 == 1
    }

    fn postings(&self, key: u64) -> &[Posting] {
        let mask = self.slots.len() - 1;
        let mut at = home(key, mask);
        loop {
            let slot = &self.slots[at];
            if slot.key == key || slot.from == slot.to {
                return &self.postings[slot.from as usize..slot.to as usize];
            }
            at = (at + 1) & mask;
        }
    }

    fn postings_of_pattern(&self, pattern: u32) -> &[Posting] {
        let pattern = pattern as usize;
        let from = if pattern == 0 { 0 } else { self.pattern_ends[pattern - 1] };
        &self.pattern_postings[from as usize..self.pattern_ends[pattern] as usize]
    }

    fn form(&self, word: u32) -> &str {
        let word = word as usize;
        let from = if word == 0 { 0 } else { self.form_ends[word - 1] };
        &self.forms[from as usize..self.form_ends[word] as usize]
    }
}

/// The table is addressed by the upper half of a key, the tags by the lower.
fn home(key: u64, mask: usize) -> usize {
    (key >> 32) as usize & mask
}

/// The bit of a pair is chosen by bits of its key that address neither the table nor the bit inside the word.
fn pair_index(key: u64, words: usize) -> usize {
    (key >> 6) as usize & (words - 1)
}

/// Where candidates are compared.
struct Place<'a, 'd> {
    lexicon: &'a Lexicon,
    document: &'a Document<'d>,
    words: &'a Words,
    memory: &'a Memory,
    field: std::ops::Range<usize>,
}

impl Place<'_, '_> {
    /// Adds those of the candidates at an anchor that stand there.
    fn check(&self, candidates: &[Posting], anchor: usize, found: &mut Vec<Found>) {
        for &Posting { term, offset, words, sure } in candidates {
            let Some(start) = anchor.checked_sub(usize::from(offset)) else { continue };
            if start < self.field.start || start + usize::from(words) > self.field.end {
                continue;
            }
            let mut elements = self.lexicon.elements_of(term).iter().zip(start..);
            if sure || elements.all(|(&element, number)| self.is(number, element)) {
                found.push(Found { term, start: start as u32 });
            }
        }
    }

    fn is(&self, number: usize, element: Element) -> bool {
        match element {
            Element::Word(word) => self.is_word(number, word),
            Element::Exact(index) => {
                let (word, form) = &self.lexicon.exacts[index as usize];
                self.words.hashes()[number] == self.lexicon.hashes[*word as usize] && {
                    is_exact(self.words.word(self.document, number), form)
                }
            }
            Element::Pattern(pattern) => {
                self.memory.of_word(number).binary_search(&pattern).is_ok()
                    && self
                        .lexicon
                        .patterns
                        .exact(pattern)
                        .is_none_or(|glob| glob.matches(&exact(self.words.word(self.document, number))))
            }
        }
    }

    /// Equal hashes make equal words all but certain; equal bytes make it certain.
    fn is_word(&self, number: usize, word: u32) -> bool {
        self.words.hashes()[number] == self.lexicon.hashes[word as usize] && {
            let here = self.words.word(self.document, number);
            let form = self.lexicon.form(word);
            here.eq_ignore_ascii_case(form) || is_bare(here, form)
        }
    }
}

/// What makes two patterns one.
#[derive(Debug, PartialEq, Eq, Hash)]
enum PatternKey<'r> {
    /// All words with the same stem.
    Stem(Language, Option<String>),
    /// Everything else as it is.
    Itself(&'r Pattern),
}

/// Collects terms.
#[derive(Debug, Default)]
pub(super) struct Builder<'r> {
    words: HashMap<String, u32>,
    exacts: HashMap<&'r str, u32>,
    exact_words: Vec<(u32, Box<str>)>,
    patterns: Vec<(&'r Pattern, Language)>,
    pattern_numbers: HashMap<PatternKey<'r>, u32>,
    terms: HashMap<Box<[Element]>, u32>,
    elements: Vec<Element>,
    term_ends: Vec<u32>,
}

impl<'r> Builder<'r> {
    /// The number of a term, whose stems are those of `language`.
    pub(super) fn term(&mut self, term: &'r Term, language: Language) -> u32 {
        let elements: Box<[Element]> = term.words.iter().map(|p| self.element(p, language)).collect();
        if let Some(&number) = self.terms.get(&elements) {
            return number;
        }
        let number = self.term_ends.len() as u32;
        self.elements.extend_from_slice(&elements);
        self.term_ends.push(self.elements.len() as u32);
        self.terms.insert(elements, number);
        number
    }

    fn element(&mut self, pattern: &'r Pattern, language: Language) -> Element {
        let key = match pattern {
            Pattern::Bare(form) => return Element::Word(self.word(form)),
            Pattern::Exact(form) => {
                if let Some(&index) = self.exacts.get(form.as_str()) {
                    return Element::Exact(index);
                }
                let word = self.word(&bare(form));
                let index = self.exact_words.len() as u32;
                self.exact_words.push((word, form.as_str().into()));
                self.exacts.insert(form, index);
                return Element::Exact(index);
            }
            Pattern::Stem(word) => PatternKey::Stem(language, stem(language, word)),
            Pattern::Wildcard(_) | Pattern::ExactWildcard(_) | Pattern::Regex(_) => {
                PatternKey::Itself(pattern)
            }
        };
        let next = self.patterns.len() as u32;
        let number = *self.pattern_numbers.entry(key).or_insert(next);
        if number == next {
            self.patterns.push((pattern, language));
        }
        Element::Pattern(number)
    }

    fn word(&mut self, form: &str) -> u32 {
        if let Some(&word) = self.words.get(form) {
            return word;
        }
        let word = self.words.len() as u32;
        self.words.insert(form.to_owned(), word);
        word
    }

    /// How many terms there are.
    pub(super) fn len(&self) -> usize {
        self.term_ends.len()
    }

    /// A guess of how often a term stands in a text, to choose what a query is anchored on.
    pub(super) fn frequency(&self, term: u32) -> u64 {
        let end = self.term_ends[term as usize] as usize;
        let start = if term == 0 { 0 } else { self.term_ends[term as usize - 1] as usize };
        match &self.elements[start..end] {
            [Element::Word(_)] => 8,
            [Element::Exact(_)] => 4,
            [Element::Pattern(_)] => 16,
            _ => 1,
        }
    }

    /// The lexicon of all terms.
    pub(super) fn build(self) -> Result<Lexicon, TooLarge> {
        let seed = Seed::of_process();
        let Builder { words, exact_words: exacts, patterns, elements, term_ends, .. } = self;
        let mut forms_by_number = vec![String::new(); words.len()];
        for (form, number) in words.into_iter().collect::<Vec<_>>() {
            forms_by_number[number as usize] = form;
        }
        let hashes: Vec<u64> = forms_by_number.iter().map(|form| seed.bare(form.as_bytes())).collect();
        let mut form_ends = Vec::with_capacity(hashes.len());
        let mut forms = String::new();
        for form in forms_by_number {
            forms.push_str(&form);
            form_ends.push(u32::try_from(forms.len()).map_err(|_| TooLarge { what: "words" })?);
        }
        let mut lexicon = Lexicon {
            seed,
            hashes,
            form_ends,
            forms,
            exacts,
            patterns: Patterns::new(&patterns)?,
            elements,
            term_ends,
            tags: Box::default(),
            pairs: Box::default(),
            slots: Box::default(),
            postings: Vec::new(),
            pattern_ends: Vec::new(),
            pattern_postings: Vec::new(),
        };
        lexicon.anchor(patterns.len());
        Ok(lexicon)
    }
}

/// What a term is anchored on.
enum Anchor {
    Pair { first: u32, second: u32 },
    Word(u32),
    Pattern(u32),
}

impl Lexicon {
    /// Gives every term its anchor and builds the tables.
    fn anchor(&mut self, patterns: usize) {
        let mut terms_with = vec![0_u32; self.hashes.len()];
        let mut patterns_with = vec![0_u32; patterns];
        for &element in &self.elements {
            match (self.plain(element), element) {
                (Some(word), _) => terms_with[word as usize] += 1,
                (None, Element::Pattern(pattern)) => patterns_with[pattern as usize] += 1,
                (None, _) => {}
            }
        }
        self.tags = vec![0; (4 * self.hashes.len()).next_power_of_two()].into();
        self.pairs = vec![0; (self.term_ends.len() / 4 + 1).next_power_of_two()].into();
        let mut keyed: Vec<(u64, Posting)> = Vec::new();
        let mut of_patterns: Vec<(u32, Posting)> = Vec::new();
        for term in 0..self.term_ends.len() as u32 {
            let (anchor, offset) = self.choose(term, &terms_with, &patterns_with);
            let words = self.words_of(term) as u8;
            let sure = matches!(anchor, Anchor::Pattern(pattern) if words == 1 && self.patterns.exact(pattern).is_none());
            let posting = Posting { term, offset, words, sure };
            match anchor {
                Anchor::Pair { first, second } => {
                    let (first, second) = (self.hashes[first as usize], self.hashes[second as usize]);
                    self.tag(first, FIRST);
                    self.tag(second, SECOND);
                    let pair = self.seed.pair(first, second);
                    self.pairs[pair_index(pair, self.pairs.len())] |= 1 << (pair % 64);
                    keyed.push((pair, posting));
                }
                Anchor::Word(word) => {
                    let hash = self.hashes[word as usize];
                    self.tag(hash, ALONE);
                    keyed.push((hash, posting));
                }
                Anchor::Pattern(pattern) => of_patterns.push((pattern, posting)),
            }
        }
        keyed.sort_unstable_by_key(|(key, posting)| (*key, posting.term));
        self.slots = vec![Slot::default(); (2 * keyed.len() + 1).next_power_of_two()].into();
        let mask = self.slots.len() - 1;
        for postings in keyed.chunk_by(|a, b| a.0 == b.0) {
            let key = postings[0].0;
            let from = self.postings.len() as u32;
            self.postings.extend(postings.iter().map(|(_, posting)| posting));
            let mut at = home(key, mask);
            while self.slots[at].from != self.slots[at].to {
                at = (at + 1) & mask;
            }
            self.slots[at] = Slot { key, from, to: self.postings.len() as u32 };
        }
        of_patterns.sort_unstable_by_key(|(pattern, posting)| (*pattern, posting.term));
        self.pattern_ends =
            (0..patterns as u32).map(|p| of_patterns.partition_point(|(q, _)| *q <= p) as u32).collect();
        self.pattern_postings = of_patterns.into_iter().map(|(_, posting)| posting).collect();
    }

    fn tag(&mut self, hash: u64, tag: u8) {
        let at = self.tag_index(hash);
        self.tags[at] |= tag;
    }

    fn plain(&self, element: Element) -> Option<u32> {
        match element {
            Element::Word(word) => Some(word),
            Element::Exact(index) => Some(self.exacts[index as usize].0),
            Element::Pattern(_) => None,
        }
    }

    /// The anchor of a term and which of its words it is: what is likely to be rarest in a text.
    fn choose(&self, term: u32, terms_with: &[u32], patterns_with: &[u32]) -> (Anchor, u8) {
        let elements = self.elements_of(term);
        let word_cost = |word: u32| cost(self.form(word).chars().count(), terms_with[word as usize]);
        let mut best = (u32::MAX, Anchor::Pattern(0), 0);
        let mut offer = |cost: u32, anchor: Anchor, offset: u8| {
            if cost < best.0 {
                best = (cost, anchor, offset);
            }
        };
        for (offset, pair) in (0..).zip(elements.windows(2)) {
            if let (Some(first), Some(second)) = (self.plain(pair[0]), self.plain(pair[1])) {
                let rarer = word_cost(first).min(word_cost(second));
                offer(rarer / PAIR_GAIN, Anchor::Pair { first, second }, offset);
            }
        }
        for (offset, &element) in (0..).zip(elements) {
            match (self.plain(element), element) {
                (Some(word), _) => offer(word_cost(word), Anchor::Word(word), offset),
                (None, Element::Pattern(pattern)) => {
                    let letters = self.patterns.text(pattern).chars().filter(|c| c.is_alphanumeric()).count();
                    offer(cost(letters, patterns_with[pattern as usize]), Anchor::Pattern(pattern), offset);
                }
                (None, _) => {}
            }
        }
        (best.1, best.2)
    }
}

/// A pair of neighbours is rarer than its rarer word by about so much.
const PAIR_GAIN: u32 = 16;

/// What it costs to look at every place of a word with so many letters, which so many terms have. Short words are
/// frequent in the languages that have spaces; the figures are orders of magnitude, seen in news.
fn cost(letters: usize, terms: u32) -> u32 {
    let frequency = match letters {
        0..=2 => 4000,
        3 => 2000,
        4 => 500,
        5 => 200,
        _ => 100,
    };
    frequency + 10 * terms.min(10_000)
}
