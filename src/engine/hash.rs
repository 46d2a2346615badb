//! A 64-bit hash of a word's bare form, from two loads for words of up to 16 bytes.
//!
//! Folded multiplication as in wyhash and foldhash. The seed is drawn once a process, so that nobody can craft
//! words that collide; nothing that the engine answers depends on it.

use crate::text::Span;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The seed of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed([u64; 3]);

impl Seed {
    /// The one of this process.
    pub(super) fn of_process() -> Seed {
        static SEED: LazyLock<Seed> = LazyLock::new(|| {
            let random = RandomState::new();
            Seed([0_u64, 1, 2].map(|i| random.hash_one(i) | 1))
        });
        *SEED
    }

    /// The hash of a bare form.
    pub(super) fn bare(self, form: &[u8]) -> u64 {
        self.hash(form, 0, form.len(), |bytes| bytes)
    }

    /// Appends the hashes of the bare forms of words which hold only ASCII letters and digits: for these `| 0x20` is exact.
    #[inline(never)]
    pub(super) fn ascii(self, text: &[u8], words: &[Span], hashes: &mut Vec<u64>) {
        self.all(text, words, hashes, |bytes| bytes | 0x2020_2020_2020_2020);
    }

    /// The same for words whose bare forms differ from them in the case of ASCII letters only; of others it is the hash of
    /// the word as it stands, but for that case.
    #[inline(never)]
    pub(super) fn wide(self, text: &[u8], words: &[Span], hashes: &mut Vec<u64>) {
        let (parts, rest) = words.as_chunks();
        for part in parts {
            if !self.threes(text, part, hashes) {
                self.all(text, part, hashes, lower);
            }
        }
        self.all(text, rest, hashes, lower);
    }

    /// The same for words of three bytes beyond ASCII, as those of Chinese, which need one load and have no case; tells whether all of
    /// these are such words, and appends nothing if not.
    #[inline(always)]
    fn threes(self, text: &[u8], words: &[Span; 32], hashes: &mut Vec<u64>) -> bool {
        const BEYOND_ASCII: u32 = 0x80_80_80;
        if !words.iter().fold(true, |threes, word| threes & (word.end - word.start == 3)) {
            return false;
        }
        let before = hashes.len();
        let mut common = BEYOND_ASCII;
        hashes.extend(words.iter().map(|word| {
            let start = word.start as usize;
            let bytes = text.get(start..start + 4).and_then(|bytes| bytes.first_chunk());
            let low = bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)) & 0xFF_FF_FF;
            common &= low;
            self.step(self.0[0] ^ 3, low.into(), 0)
        }));
        if common != BEYOND_ASCII {
            hashes.truncate(before);
        }
        common == BEYOND_ASCII
    }

    /// In a loop with as little in it as can be: it takes a third of reading.
    #[inline(always)]
    fn all(self, text: &[u8], words: &[Span], hashes: &mut Vec<u64>, case: impl Fn(u64) -> u64 + Copy) {
        hashes.extend(words.iter().map(|word| {
            let (start, length) = (word.start as usize, (word.end - word.start) as usize);
            match (text.get(start..start + 16).and_then(|bytes| bytes.first_chunk()), MASKS.get(length)) {
                (Some(bytes), Some(&keep)) => {
                    let (low, high) = masked(halves(bytes), keep, case);
                    self.step(self.0[0] ^ length as u64, low, high)
                }
                _ => self.hash(text, start, start + length, case),
            }
        }));
    }

    /// The hash of two neighbouring words.
    pub(super) fn pair(self, first: u64, second: u64) -> u64 {
        fold(first ^ self.0[0], second.rotate_left(32) ^ self.0[2])
    }

    /// The upper half of a hash of neighbouring words: of a word its own, of two that of the pair. It tells whether words are
    /// those of a term of which the anchor, 32 bits or more, was found.
    pub(super) fn row(self, hashes: impl Iterator<Item = u64>) -> u32 {
        let hash = hashes.reduce(|row, next| self.pair(row, next));
        (hash.unwrap_or_default() >> 32) as u32
    }

    /// The hash of any word, be it long or at the end of the text.
    #[inline(never)]
    fn hash(self, text: &[u8], mut start: usize, end: usize, case: impl Fn(u64) -> u64) -> u64 {
        let mut state = self.0[0] ^ (end - start) as u64;
        loop {
            let length = (end - start).min(16);
            let (low, high) = masked(load(text, start, length), MASKS[length], &case);
            state = self.step(state, low, high);
            start += length;
            if start == end {
                return state;
            }
        }
    }

    #[inline(always)]
    fn step(self, state: u64, low: u64, high: u64) -> u64 {
        fold(low ^ state, high ^ self.0[1])
    }
}

/// The bytes that a mask keeps, in lower case.
#[inline(always)]
fn masked((low, high): (u64, u64), keep: (u64, u64), case: impl Fn(u64) -> u64) -> (u64, u64) {
    (case(low) & keep.0, case(high) & keep.1)
}

/// The bytes of letters and digits with those of ASCII in lower case: they have no highest bit.
fn lower(bytes: u64) -> u64 {
    bytes | (!bytes & 0x8080_8080_8080_8080) >> 2
}

/// Which bytes of two words of eight belong to a word of so many bytes.
const MASKS: [(u64, u64); 17] = {
    let mut masks = [(0, 0); 17];
    let mut length = 0;
    while length <= 16 {
        let low = if length >= 8 { u64::MAX } else { (1 << (8 * length)) - 1 };
        let high = if length == 16 {
            u64::MAX
        } else if length > 8 {
            (1 << (8 * (length - 8))) - 1
        } else {
            0
        };
        masks[length] = (low, high);
        length += 1;
    }
    masks
};

#[inline(always)]
fn halves(bytes: &[u8; 16]) -> (u64, u64) {
    let value = u128::from_le_bytes(*bytes);
    (value as u64, (value >> 64) as u64)
}

/// The 16 bytes from `start` on; past the end of the text, only `length` of them are its.
fn load(text: &[u8], start: usize, length: usize) -> (u64, u64) {
    match text[start..].first_chunk::<16>() {
        Some(bytes) => halves(bytes),
        None => {
            let mut bytes = [0; 16];
            bytes[..length].copy_from_slice(&text[start..start + length]);
            halves(&bytes)
        }
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_case_do_not_matter() {
        let seed = Seed::of_process();
        for word in [
            "a",
            "Corridor",
            "CORRIDORS",
            "Abcdefghijklmnop",
            "Abcdefghijklmnopq",
            "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7",
        ] {
            let bare = seed.bare(word.to_lowercase().as_bytes());
            for text in [word.to_owned(), format!("{word} and more than sixteen bytes"), format!("x {word}")]
            {
                let start = text.find(word).unwrap();
                let end = start + word.len();
                let span = Span { start: start as u32, end: end as u32 };
                let mut hashes = Vec::new();
                seed.ascii(text.as_bytes(), &[span], &mut hashes);
                seed.wide(text.as_bytes(), &[span], &mut hashes);
                assert_eq!(hashes, [bare, bare], "{text}");
            }
        }
        let mut hashes = Vec::new();
        seed.wide("xG20峰会".as_bytes(), &[Span { start: 1, end: 10 }], &mut hashes);
        assert_eq!(hashes, [seed.bare("g20峰会".as_bytes())]);
        for (text, bare) in [("峰".repeat(70), "峰"), ("Iş1".repeat(70), "iş1"), ("THE".repeat(70), "the")]
        {
            let words: Vec<Span> = (0..70)
                .map(|i| i * bare.len() as u32)
                .map(|start| Span { start, end: start + bare.len() as u32 })
                .collect();
            let mut hashes = Vec::new();
            seed.wide(text.as_bytes(), &words, &mut hashes);
            assert_eq!(hashes, [seed.bare(bare.as_bytes()); 70], "{text}");
        }
        assert_ne!(seed.bare(b"ab"), seed.bare(b"ba"));
        assert_ne!(seed.pair(1, 2), seed.pair(2, 1));
        let upper = |hash: u64| (hash >> 32) as u32;
        let rows =
            [vec![1 << 40], vec![1, 2], vec![1, 2, 3], vec![1, 3, 2]].map(|row| seed.row(row.into_iter()));
        assert_eq!(rows[..2], [upper(1 << 40), upper(seed.pair(1, 2))]);
        assert_ne!(rows[2], rows[3]);
    }
}
