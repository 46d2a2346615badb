//! Which terms are there?
//!
//! Each term has one anchor, the part of it that is likely to be rarest in a text: a pair of neighbouring plain words, a
//! plain word or a pattern. Where its anchor stands (`anchors`, `memory`), the rest of a term is compared (`find`).

use super::TooLarge;
use super::anchors::{Anchor, Anchors, Beside, By, Posting};
use super::hash::Seed;
use super::patterns::Patterns;
use crate::rules::{Pattern, Term};
use crate::text::{Language, bare, stem};
use foldhash::{HashMap, HashMapExt};
use std::hash::BuildHasher;

/// What one word of a term must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Element {
    /// This one of [`Lexicon::words`].
    Word(u32),
    /// This one of [`Lexicon::exacts`].
    Exact(u32),
    /// This pattern.
    Pattern(u32),
}

/// Stands behind the last word of a text.
const END: char = '\n';

/// Marks numbers in [`Lexicon::mixed`].
const MIXED: u32 = 1 << 31;

/// The terms of a ruleset, numbered from 0.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) seed: Seed,
    /// The plain words of terms that have others too, by hash and bare form.
    pub(super) words: Box<[(u64, Box<str>)]>,
    /// The exact forms, each with the hash of its bare form.
    pub(super) exacts: Box<[(u64, Box<str>)]>,
    pub(super) patterns: Patterns,
    pub(super) anchors: Anchors,
    /// Of each term that has only plain words the bare forms, a blank behind each and [`END`] behind the last.
    texts: Box<str>,
    /// Of all other terms the elements.
    pub(super) elements: Box<[Element]>,
    /// Where each term begins in `texts`, or with [`MIXED`] its number in `mixed`.
    terms: Box<[u32]>,
    /// Of each term that has others than plain words the first of its elements, and how many they are.
    mixed: Box<[(u32, u8)]>,
    /// Where the terms end that are anchored on each pattern, of those that are anchors, and all of them.
    pattern_ends: Box<[u32]>,
    pattern_postings: Box<[Posting]>,
}

impl Lexicon {
    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// How many terms there are.
    pub(super) fn terms(&self) -> usize {
        self.terms.len()
    }

    /// A term as it is compared: plain words in bare form, `=` before an exact form, `~` before a stem.
    pub(super) fn text(&self, term: u32) -> String {
        let at = self.terms[term as usize];
        if at & MIXED == 0 {
            let text = &self.texts[at as usize..];
            return text[..text.find(END).unwrap_or(text.len())].to_owned();
        }
        let (from, length) = self.mixed[(at & !MIXED) as usize];
        let elements = self.elements[from as usize..].iter().take(usize::from(length));
        let words: Vec<String> = elements
            .map(|element| match *element {
                Element::Word(word) => self.words[word as usize].1.to_string(),
                Element::Exact(index) => format!("={}", self.exacts[index as usize].1),
                Element::Pattern(pattern) => self.patterns.text(pattern).to_owned(),
            })
            .collect();
        words.join(" ")
    }

    /// The terms that are anchored on a pattern.
    pub(super) fn of_pattern(&self, pattern: u32) -> &[Posting] {
        let pattern = pattern as usize;
        let from = if pattern == 0 { 0 } else { self.pattern_ends[pattern - 1] };
        &self.pattern_postings[from as usize..self.pattern_ends[pattern] as usize]
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
    words: Vec<Box<str>>,
    word_numbers: HashMap<Box<str>, u32>,
    /// Exact forms, each with the number of its bare form.
    exacts: Vec<(u32, &'r str)>,
    exact_numbers: HashMap<&'r str, u32>,
    patterns: Vec<(&'r Pattern, Language)>,
    pattern_numbers: HashMap<PatternKey<'r>, u32>,
    elements: Vec<Element>,
    /// Where the elements of each term end.
    term_ends: Vec<u32>,
    /// A hash table of the numbers of terms, each plus one, that compares terms by their elements: a map that owned its
    /// keys took most of the time of compiling.
    term_slots: Vec<u32>,
    hasher: foldhash::fast::FixedState,
}

impl<'r> Builder<'r> {
    /// The number of a term, whose stems are those of `language`.
    pub(super) fn term(&mut self, term: &'r Term, language: Language) -> u32 {
        let from = self.elements.len();
        for pattern in &term.words {
            let element = self.element(pattern, language);
            self.elements.push(element);
        }
        let next = self.len();
        if 2 * next >= self.term_slots.len() {
            self.term_slots = vec![0; (4 * next).next_power_of_two().max(64)];
            for term in 0..next {
                let slot = self.slot(self.elements_of(term), |_| false);
                self.term_slots[slot] = term as u32 + 1;
            }
        }
        let elements = &self.elements[from..];
        let slot = self.slot(elements, |other| self.elements_of(other) == elements);
        if let Some(same) = self.term_slots[slot].checked_sub(1) {
            self.elements.truncate(from);
            return same;
        }
        self.term_ends.push(self.elements.len() as u32);
        self.term_slots[slot] = next as u32 + 1;
        next as u32
    }

    /// The slot of the term with these elements, or the free one where it belongs.
    fn slot(&self, elements: &[Element], is_same: impl Fn(usize) -> bool) -> usize {
        let mask = self.term_slots.len() - 1;
        let mut at = self.hasher.hash_one(elements) as usize & mask;
        while self.term_slots[at].checked_sub(1).is_some_and(|other| !is_same(other as usize)) {
            at = (at + 1) & mask;
        }
        at
    }

    fn elements_of(&self, term: usize) -> &[Element] {
        let from = if term == 0 { 0 } else { self.term_ends[term - 1] };
        &self.elements[from as usize..self.term_ends[term] as usize]
    }

    fn element(&mut self, pattern: &'r Pattern, language: Language) -> Element {
        let key = match pattern {
            Pattern::Bare(form) => return Element::Word(self.word(form)),
            Pattern::Exact(form) => {
                if let Some(&number) = self.exact_numbers.get(form.as_str()) {
                    return Element::Exact(number);
                }
                let number = self.exacts.len() as u32;
                let word = self.word(&bare(form));
                self.exacts.push((word, form));
                self.exact_numbers.insert(form, number);
                return Element::Exact(number);
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
        if let Some(&word) = self.word_numbers.get(form) {
            return word;
        }
        let word = self.words.len() as u32;
        self.words.push(form.into());
        self.word_numbers.insert(form.into(), word);
        word
    }

    /// How many terms there are.
    pub(super) fn len(&self) -> usize {
        self.term_ends.len()
    }

    /// A guess of how often a term stands in a text, to choose what a query is anchored on.
    pub(super) fn frequency(&self, term: u32) -> u64 {
        match self.elements_of(term as usize) {
            [Element::Word(_)] => 8,
            [Element::Exact(_)] => 4,
            [Element::Pattern(_)] => 16,
            _ => 1,
        }
    }

    /// The patterns, those on which terms are anchored before the others, and the number that each has then.
    fn anchors_first(&self, choices: &[(Choice, u8)]) -> Result<(Patterns, Vec<u32>), TooLarge> {
        let mut is_anchor = vec![false; self.patterns.len()];
        for (choice, _) in choices {
            if let Choice::Pattern(pattern) = choice {
                is_anchor[*pattern as usize] = true;
            }
        }
        let (mut order, others): (Vec<usize>, Vec<usize>) =
            (0..self.patterns.len()).partition(|&pattern| is_anchor[pattern]);
        let anchors = order.len() as u32;
        order.extend(others);
        let mut numbers = vec![0; order.len()];
        for (number, &pattern) in (0..).zip(&order) {
            numbers[pattern] = number;
        }
        let patterns: Vec<_> = order.iter().map(|&pattern| self.patterns[pattern]).collect();
        Ok((Patterns::new(&patterns, anchors)?, numbers))
    }

    /// The lexicon of all terms.
    pub(super) fn build(self) -> Result<Lexicon, TooLarge> {
        let seed = Seed::of_process();
        let hashes: Vec<u64> = self.words.iter().map(|form| seed.bare(form.as_bytes())).collect();
        let costs = Costs::new(&self);
        let choices: Vec<(Choice, u8)> =
            (0..self.len()).map(|term| costs.cheapest(self.elements_of(term))).collect();
        let (patterns, pattern_numbers) = self.anchors_first(&choices)?;
        let hash = |word: u32| hashes[word as usize];
        let (mut texts, mut elements, mut terms) = (String::new(), Vec::new(), Vec::new());
        let (mut mixed, mut words, mut word_numbers) = (Vec::new(), Vec::new(), HashMap::new());
        let (mut of_words, mut of_patterns) = (Vec::new(), Vec::new());
        for (term, (choice, offset)) in choices.into_iter().enumerate() {
            let of_term = self.elements_of(term);
            let is_exact =
                |pattern: u32| matches!(self.patterns[pattern as usize].0, Pattern::ExactWildcard(_));
            let sure = matches!(of_term, &[Element::Pattern(pattern)] if !is_exact(pattern));
            let by = match of_term.iter().all(|element| matches!(element, Element::Word(_))) {
                true => By::Words,
                false if sure => By::Anchor,
                false => By::Elements,
            };
            let length = of_term.len() as u8;
            let begins = |at: usize| {
                let at = u32::try_from(at).ok().filter(|at| at & MIXED == 0);
                at.ok_or(TooLarge { what: "words of terms" })
            };
            let at = if by == By::Words {
                terms.push(begins(texts.len())?);
                let words = || of_term.iter().filter_map(|&element| costs.plain(element));
                for word in words() {
                    texts.push_str(&self.words[word as usize]);
                    texts.push(' ');
                }
                texts.pop();
                texts.push(END);
                seed.row(words().map(hash))
            } else {
                let at = begins(elements.len())?;
                terms.push(mixed.len() as u32 | MIXED);
                mixed.push((at, length));
                elements.extend(of_term.iter().map(|&element| match element {
                    Element::Word(word) => Element::Word(*word_numbers.entry(word).or_insert_with(|| {
                        words.push((hash(word), self.words[word as usize].clone()));
                        words.len() as u32 - 1
                    })),
                    Element::Pattern(pattern) => Element::Pattern(pattern_numbers[pattern as usize]),
                    other => other,
                }));
                at
            };
            let behind: isize = if matches!(choice, Choice::Pair(..)) { 2 } else { 1 };
            let around = [behind, -1].into_iter().filter_map(|place| {
                let word = usize::from(offset).checked_add_signed(place)?;
                Some((place, *of_term.get(word)?))
            });
            // A plain word tells more than a pattern.
            let nearest = around.min_by_key(|(_, word)| costs.plain(*word).is_none());
            let beside = nearest.map(|(place, word)| match word {
                Element::Pattern(pattern) => {
                    (place, Beside::Pattern(patterns.mark(pattern_numbers[pattern as usize])))
                }
                plain => (place, Beside::word(costs.plain(plain).map_or(0, hash))),
            });
            let posting = Posting::new(term as u32, at, offset, length, by, beside);
            match choice {
                Choice::Pair(first, second) => {
                    of_words.push((Anchor::Pair(hash(first), hash(second)), posting))
                }
                Choice::Word(word) => of_words.push((Anchor::Word(hash(word)), posting)),
                Choice::Pattern(pattern) => {
                    of_patterns.push((pattern_numbers[pattern as usize], posting));
                }
            }
        }
        of_patterns.sort_unstable_by_key(|(pattern, posting)| (*pattern, posting.term));
        let end = |pattern: u32| of_patterns.partition_point(|(other, _)| *other <= pattern) as u32;
        let exact = |&(word, form): &(u32, &str)| (hashes[word as usize], form.into());
        Ok(Lexicon {
            seed,
            anchors: Anchors::new(seed, hashes.len(), &of_words),
            texts: texts.into(),
            elements: elements.into(),
            terms: terms.into(),
            pattern_ends: (0..patterns.anchors()).map(end).collect(),
            pattern_postings: of_patterns.iter().map(|(_, posting)| *posting).collect(),
            exacts: self.exacts.iter().map(exact).collect(),
            patterns,
            words: words.into(),
            mixed: mixed.into(),
        })
    }
}

/// What a term may be anchored on.
enum Choice {
    Pair(u32, u32),
    Word(u32),
    Pattern(u32),
}

/// What it costs to look at every place of a word, pattern or pair.
struct Costs {
    words: Vec<u32>,
    /// The plain word of each exact form.
    exacts: Vec<u32>,
    patterns: Vec<u32>,
    /// How many terms have each pair; pairs that share a counter make each other look dearer.
    pairs: Vec<u16>,
}

impl Costs {
    fn new(builder: &Builder<'_>) -> Costs {
        let exacts: Vec<u32> = builder.exacts.iter().map(|(word, _)| *word).collect();
        let mut terms_with_word = vec![0; builder.words.len()];
        let mut terms_with_pattern = vec![0; builder.patterns.len()];
        for &element in &builder.elements {
            match element {
                Element::Word(word) => terms_with_word[word as usize] += 1,
                Element::Exact(index) => terms_with_word[exacts[index as usize] as usize] += 1,
                Element::Pattern(pattern) => terms_with_pattern[pattern as usize] += 1,
            }
        }
        let letters = builder.words.iter().map(|form| form.chars().count());
        let of_pattern = |(&(pattern, _), terms): (&(&Pattern, Language), u32)| {
            cost(pattern.text().chars().filter(|c| c.is_alphanumeric()).count(), terms)
        };
        let mut costs = Costs {
            words: letters.zip(terms_with_word).map(|(letters, terms)| cost(letters, terms)).collect(),
            exacts,
            patterns: builder.patterns.iter().zip(terms_with_pattern).map(of_pattern).collect(),
            pairs: vec![0; (2 * builder.len()).next_power_of_two()],
        };
        for term in 0..builder.len() {
            for (_, first, second) in costs.pairs_of(builder.elements_of(term)).collect::<Vec<_>>() {
                let counter = costs.counter(first, second);
                costs.pairs[counter] = costs.pairs[counter].saturating_add(1);
            }
        }
        costs
    }

    fn plain(&self, element: Element) -> Option<u32> {
        match element {
            Element::Word(word) => Some(word),
            Element::Exact(index) => Some(self.exacts[index as usize]),
            Element::Pattern(_) => None,
        }
    }

    /// The pairs of neighbouring plain words, each with the place of its first.
    fn pairs_of(&self, elements: &[Element]) -> impl Iterator<Item = (u8, u32, u32)> {
        (0..)
            .zip(elements.windows(2))
            .filter_map(|(offset, pair)| Some((offset, self.plain(pair[0])?, self.plain(pair[1])?)))
    }

    fn counter(&self, first: u32, second: u32) -> usize {
        let mixed = (u64::from(first) << 32 | u64::from(second)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & (self.pairs.len() - 1)
    }

    /// The anchor of a term and which of its words it is: what is likely to be rarest in a text, and a pair before all else.
    fn cheapest(&self, elements: &[Element]) -> (Choice, u8) {
        let cost = |word: u32| u64::from(self.words[word as usize]);
        let of_pair = |&(_, first, second): &(u8, u32, u32)| {
            cost(first) * cost(second) * u64::from(self.pairs[self.counter(first, second)])
        };
        if let Some((offset, first, second)) = self.pairs_of(elements).min_by_key(of_pair) {
            return (Choice::Pair(first, second), offset);
        }
        let of_one = |&(_, element): &(u8, Element)| match (self.plain(element), element) {
            (Some(word), _) => self.words[word as usize],
            (None, Element::Pattern(pattern)) => self.patterns[pattern as usize],
            (None, _) => u32::MAX,
        };
        match (0..).zip(elements.iter().copied()).min_by_key(of_one) {
            Some((offset, Element::Pattern(pattern))) => (Choice::Pattern(pattern), offset),
            Some((offset, element)) => (Choice::Word(self.plain(element).unwrap_or_default()), offset),
            None => (Choice::Word(0), 0),
        }
    }
}

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
