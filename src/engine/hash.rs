//! A 64-bit hash of a word's bare form, from two loads for words of up to 16 bytes.
//!
//! Folded multiplication as in wyhash and foldhash. The seed is drawn once a process, so that nobody can craft
//! words that collide; nothing that the engine answers depends on it.

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

    /// The hash of the bare form of `text[start..end]`, which holds only ASCII letters and digits: for these `| 0x20` is
    /// exact.
    #[inline(always)]
    pub(super) fn ascii(self, text: &[u8], start: usize, end: usize) -> u64 {
        self.hash(text, start, end, |bytes| bytes | 0x2020_2020_2020_2020)
    }

    /// The hash of the bare form of `text[start..end]`, which differs from it in the case of ASCII letters only.
    #[inline(always)]
    pub(super) fn wide(self, text: &[u8], start: usize, end: usize) -> u64 {
        self.hash(text, start, end, lower)
    }

    /// The hash of two neighbouring words.
    pub(super) fn pair(self, first: u64, second: u64) -> u64 {
        fold(first ^ self.0[0], second.rotate_left(32) ^ self.0[2])
    }

    #[inline(always)]
    fn hash(self, text: &[u8], mut start: usize, end: usize, case: impl Fn(u64) -> u64) -> u64 {
        let mut state = self.0[0] ^ (end - start) as u64;
        loop {
            let length = end - start;
            let (low, high) = load(text, start, length.min(16));
            // The mask keeps `case` off the bytes behind the word.
            let (keep_low, keep_high) = MASKS[length.min(16)];
            let low = case(low) & keep_low;
            let high = case(high) & keep_high;
            state = fold(low ^ state, high ^ self.0[1]);
            if length <= 16 {
                return state;
            }
            start += 16;
        }
    }
}

/// Whether `text[start..end]` with ASCII letters in lower case stands in `forms` from `at` on.
#[inline(always)]
pub(super) fn same(text: &[u8], mut start: usize, end: usize, forms: &[u8], mut at: usize) -> bool {
    if at + (end - start) > forms.len() {
        return false;
    }
    loop {
        let length = (end - start).min(16);
        let (low, high) = load(text, start, length);
        let (form_low, form_high) = load(forms, at, length);
        let (keep_low, keep_high) = MASKS[length];
        if (lower(low) ^ form_low) & keep_low | (lower(high) ^ form_high) & keep_high != 0 {
            return false;
        }
        if end - start <= 16 {
            return true;
        }
        start += 16;
        at += 16;
    }
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

/// The 16 bytes from `start` on; past the end of the text, only `length` of them are its.
fn load(text: &[u8], start: usize, length: usize) -> (u64, u64) {
    let halves = |bytes: &[u8; 16]| {
        let value = u128::from_le_bytes(*bytes);
        (value as u64, (value >> 64) as u64)
    };
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
                assert_eq!(seed.ascii(text.as_bytes(), start, start + word.len()), bare, "{text}");
                let end = start + word.len();
                assert_eq!(seed.wide(text.as_bytes(), start, end), bare, "{text}");
                for forms in [word.to_lowercase(), format!("a {} b", word.to_lowercase())] {
                    let at = forms.len() / 2 - word.len() / 2;
                    assert!(same(text.as_bytes(), start, end, forms.as_bytes(), at), "{text}");
                    assert!(!same(text.as_bytes(), start, end, forms.as_bytes(), at + 1), "{text}");
                }
            }
        }
        assert_eq!(seed.wide("xG20峰会".as_bytes(), 1, 10), seed.bare("g20峰会".as_bytes()));
        assert_ne!(seed.bare(b"ab"), seed.bare(b"ba"));
        assert_ne!(seed.pair(1, 2), seed.pair(2, 1));
    }
}
