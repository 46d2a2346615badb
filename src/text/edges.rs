//! How do words come from the bits of a block?
//!
//! Their starts and ends are written so many at once, whether a block has as many or not, as the processor cannot predict how
//! many words there are. What is written too much is written over.

use super::Span;
use super::blocks::BLOCK;

/// Spans whose starts and ends are written apart.
pub(super) struct Edges<'s> {
    /// Longer than what is known of it.
    spans: &'s mut Vec<Span>,
    /// How many spans have a start: one more than have an end if a word is open.
    starts: usize,
    ends: usize,
}

/// Most blocks of a text have as many words as the next, in these steps.
const AT_ONCE: usize = 6;

impl<'s> Edges<'s> {
    /// Spans from one on, of a text of so many bytes.
    pub(super) fn new(spans: &'s mut Vec<Span>, from: usize, bytes: usize) -> Self {
        // Not shortened again, as it would be filled anew for every text.
        let enough = from + bytes / 5 + BLOCK;
        spans.resize(spans.len().max(enough), Span::default());
        Edges { spans, starts: from, ends: from }
    }

    /// How many words have an end.
    pub(super) fn count(&self) -> usize {
        self.ends
    }

    /// The words from one on that have an end.
    pub(super) fn words_from(&self, number: usize) -> &[Span] {
        &self.spans[number..self.ends]
    }

    /// Whether the last word has no end yet.
    pub(super) fn is_open(&self) -> bool {
        self.starts > self.ends
    }

    /// Adds the edges that stand in a block. An end comes first if a word is open.
    #[inline(always)]
    pub(super) fn add(&mut self, starts: u64, ends: u64, base: u32) {
        self.make_room(BLOCK);
        for_each_bit(starts, &mut self.spans[self.starts..], |span, bit| span.start = base + bit);
        for_each_bit(ends, &mut self.spans[self.ends..], |span, bit| span.end = base + bit);
        self.starts += starts.count_ones() as usize;
        self.ends += ends.count_ones() as usize;
    }

    /// Ends the open word at the first bit, if there is one.
    #[inline(always)]
    pub(super) fn close(&mut self, ends: u64, base: u32) {
        if ends != 0 {
            self.spans[self.ends].end = base + ends.trailing_zeros();
            self.ends += 1;
        }
    }

    /// Begins a word at the first bit, if there is one.
    #[inline(always)]
    pub(super) fn open(&mut self, starts: u64, base: u32) {
        if starts != 0 {
            self.spans[self.starts].start = base + starts.trailing_zeros();
            self.starts += 1;
        }
    }

    /// Adds words of so many bytes, one for each start in a block. None is open.
    #[inline(always)]
    pub(super) fn add_even(&mut self, starts: u64, length: u32, base: u32) {
        self.make_room(BLOCK);
        for_each_bit(starts, &mut self.spans[self.ends..], |span, bit| {
            *span = Span { start: base + bit, end: base + bit + length };
        });
        self.ends += starts.count_ones() as usize;
        self.starts = self.ends;
    }

    /// The start of the open word, which is to be added anew.
    pub(super) fn reopen(&mut self) -> Option<u32> {
        let open = self.is_open().then(|| self.spans[self.ends].start);
        self.starts = self.ends;
        open
    }

    /// Adds a word. None is open.
    pub(super) fn push(&mut self, span: Span) {
        self.make_room(1);
        self.spans[self.ends] = span;
        self.ends += 1;
        self.starts = self.ends;
    }

    /// For so many more words, and mostly for more.
    #[inline(always)]
    fn make_room(&mut self, words: usize) {
        if self.spans.len() < self.starts + words {
            self.spans.resize((self.spans.len() + words) * 5 / 4, Span::default());
        }
    }
}

/// Does something with a span for each of the bits, and perhaps with more of the spans.
#[inline(always)]
fn for_each_bit(mut bits: u64, spans: &mut [Span], mut write: impl FnMut(&mut Span, u32)) {
    let mut write_all = |spans: &mut [Span; AT_ONCE]| {
        for span in spans {
            write(span, bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        bits != 0
    };
    let (spans, _) = spans.as_chunks_mut();
    for spans in spans {
        if !write_all(spans) {
            break;
        }
    }
}
