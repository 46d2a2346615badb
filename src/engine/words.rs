//! The words of a document, with what the lexicon needs to know of each.

use super::document::{Document, Field};
use super::hash::Seed;
use super::hits::{Hit, WALL};
use crate::text::{Break, LEAD_WORDS, Span, break_between, split_into, with_bare};

/// The words of title and text in one row, with a wall of [`WALL`] empty ones between them.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The place of each word in its field; in the wall, and behind as many as there are hashes, is what is left over of other
    /// documents.
    spans: Vec<Span>,
    /// The hash of its bare form.
    hashes: Vec<u64>,
    /// What patterns are remembered under: the hash of its bare form, or of the word as it stands where the bare form says less.
    keys: Vec<u64>,
    /// How many words the title has.
    title: usize,
    /// The number of the first word of the text.
    text: usize,
    /// The number of the first word behind the lead, once it was asked for.
    lead_end: Option<u32>,
    sentences: Vec<u32>,
    paragraphs: Vec<u32>,
    /// The numbers of the words of a field whose bare form is more than a change of case.
    odd: Vec<u32>,
    form: String,
    /// Hashes of odd words seen lately, by the hash of the word as it stands: most are frequent words.
    known: Vec<(u64, u64)>,
}

/// So many odd words are known: they fill a part of the second cache.
const KNOWN: usize = 1 << 12;

/// A document of so many bytes or more is not looked at.
const MOST_BYTES: usize = u32::MAX as usize - WALL;

impl Words {
    /// Reads a document; `keys` says whether the ruleset has patterns.
    pub(super) fn read(&mut self, document: &Document<'_>, seed: Seed, keys: bool) {
        self.hashes.clear();
        self.keys.clear();
        self.lead_end = None;
        self.sentences.clear();
        self.paragraphs.clear();
        let Document { title, text, .. } = *document;
        // Words and offsets are numbered in 32 bits.
        let fits = title.len().saturating_add(text.len()) < MOST_BYTES;
        let (title, text) = if fits { (title, text) } else { ("", "") };
        self.read_field(title, seed, keys);
        self.title = self.len();
        self.text = if self.title == 0 { 0 } else { self.title + WALL };
        self.hashes.resize(self.text, 0);
        if keys {
            self.keys.resize(self.text, 0);
        }
        self.read_field(text, seed, keys);
    }

    fn read_field(&mut self, text: &str, seed: Seed, keys: bool) {
        let from = self.len();
        self.odd.clear();
        let (end, wide) = split_into(text, &mut self.spans, from, &mut self.odd);
        let (spans, bytes) = (&self.spans[from..end], text.as_bytes());
        // Odd words are known by the hash of how they stand.
        if wide || !self.odd.is_empty() {
            seed.wide(bytes, spans, &mut self.hashes);
        } else {
            seed.ascii(bytes, spans, &mut self.hashes);
        }
        if keys {
            self.keys.extend_from_slice(&self.hashes[from..]);
        }
        self.known.resize(KNOWN, (0, 0));
        for &number in &self.odd {
            let span = self.spans[number as usize];
            let key = self.hashes[number as usize];
            let known = &mut self.known[key as usize % KNOWN];
            if known.0 != key {
                *known = (key, with_bare(span.of(text), &mut self.form, |form| seed.bare(form)));
            }
            self.hashes[number as usize] = known.1;
            if keys {
                // Inverted, so that the word "muller" and the word "müller" do not share what is remembered.
                self.keys[number as usize] = !key;
            }
        }
    }

    /// How many numbers are in use, the wall included.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The numbers of the words of title and text.
    pub(super) fn fields(&self) -> [std::ops::Range<usize>; 2] {
        [0..self.title, self.text..self.len()]
    }

    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    pub(super) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The field of a word, and its place there.
    pub(super) fn place<'d>(&self, document: &Document<'d>, number: usize) -> (&'d str, Span) {
        (if number < self.text { document.title } else { document.text }, self.spans[number])
    }

    /// A word as it stands.
    pub(super) fn word<'d>(&self, document: &Document<'d>, number: usize) -> &'d str {
        let (field, span) = self.place(document, number);
        span.of(field)
    }

    /// The field a hit is in.
    pub(super) fn field(&self, hit: Hit) -> Field {
        self.field_of(hit.start)
    }

    /// The field of the word with this number.
    pub(super) fn field_of(&self, number: u32) -> Field {
        if (number as usize) < self.text { Field::Title } else { Field::Text }
    }

    /// The place of a hit in its field.
    pub(super) fn span(&self, hit: Hit) -> Span {
        Span { start: self.spans[hit.start as usize].start, end: self.spans[hit.end as usize].end }
    }

    /// Whether a hit lies wholly in the lead: the first paragraph of the text that has a word, cut after 60 words.
    pub(super) fn in_lead(&mut self, document: &Document<'_>, hit: Hit) -> bool {
        if (hit.start as usize) < self.text || hit.end as usize >= self.text + LEAD_WORDS {
            return false;
        }
        let end = *self.lead_end.get_or_insert_with(|| {
            let lead = &self.spans[self.text..self.hashes.len()];
            let lead = &lead[..lead.len().min(LEAD_WORDS)];
            let ends = |pair: &[Span]| break_between(document.text, pair[0], pair[1]) == Break::Paragraph;
            let words = lead.windows(2).position(ends).map_or(lead.len(), |last| last + 1);
            (self.text + words) as u32
        });
        hit.end < end
    }

    /// The number of the sentence of each word.
    pub(super) fn sentences(&mut self, document: &Document<'_>) -> &[u32] {
        self.number_parts(document);
        &self.sentences
    }

    /// The number of the paragraph of each word.
    pub(super) fn paragraphs(&mut self, document: &Document<'_>) -> &[u32] {
        self.number_parts(document);
        &self.paragraphs
    }

    /// The title is one sentence and one paragraph, number 0; those of the text count from 1.
    fn number_parts(&mut self, document: &Document<'_>) {
        if self.sentences.len() == self.len() {
            return;
        }
        self.sentences.resize(self.text, 0);
        self.paragraphs.resize(self.text, 0);
        let (mut sentence, mut paragraph) = (1, 1);
        let mut before = None;
        for &word in &self.spans[self.text..self.len()] {
            match before.map_or(Break::None, |before| break_between(document.text, before, word)) {
                Break::None => {}
                Break::Sentence => sentence += 1,
                Break::Paragraph => {
                    sentence += 1;
                    paragraph += 1;
                }
            }
            self.sentences.push(sentence);
            self.paragraphs.push(paragraph);
            before = Some(word);
        }
    }
}
