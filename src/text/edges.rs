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
        let open = usize::from(self.is_open());
        let (mut starts_left, mut ends_left) = (starts, ends);
        let mut from = self.ends;
        // Side by side, so that neither waits for the other and the processor guesses once when both are done.
        while let Some(spans) = self.spans[from..].first_chunk_mut::<{ AT_ONCE + 1 }>() {
            for at in 0..AT_ONCE {
                spans[at + open].start = base + starts_left.trailing_zeros();
                spans[at].end = base + ends_left.trailing_zeros();
                starts_left &= starts_left.wrapping_sub(1);
                ends_left &= ends_left.wrapping_sub(1);
            }
            if starts_left | ends_left == 0 {
                break;
            }
            from += AT_ONCE;
        }
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
        let mut starts_left = starts;
        for spans in self.spans[self.ends..].as_chunks_mut::<AT_ONCE>().0 {
            for span in spans {
                let start = base + starts_left.trailing_zeros();
                *span = Span { start, end: start + length };
                starts_left &= starts_left.wrapping_sub(1);
            }
            if starts_left == 0 {
                break;
            }
        }
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
