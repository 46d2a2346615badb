//! Which bytes of a text are plain: ASCII letters and digits?
//!
//! Answered for 64 bytes at a time, as bits, with code that compilers turn into vector instructions: finding a word
//! then takes two counts of trailing zeros instead of two loops whose ends no processor predicts.

/// The bytes of a block.
const BLOCK: usize = 64;

/// A walk over a text from left to right.
#[derive(Clone, Debug)]
pub(super) struct Blocks<'t> {
    bytes: &'t [u8],
    /// The number of the block whose bits are held.
    number: usize,
    /// ASCII letters and digits.
    plain: u64,
    /// Bytes that need a look at the characters around them: not ASCII, or an apostrophe.
    other: u64,
}

impl<'t> Blocks<'t> {
    pub(super) fn new(text: &'t str) -> Blocks<'t> {
        let mut blocks = Blocks { bytes: text.as_bytes(), number: 0, plain: 0, other: 0 };
        blocks.load(0);
        blocks
    }

    /// The first byte from `at` on that is plain or other, and whether it is plain.
    #[inline(always)]
    pub(super) fn next_start(&mut self, at: usize) -> Option<(usize, bool)> {
        self.find(at, |blocks| blocks.plain | blocks.other)
            .map(|at| (at, self.plain >> (at % BLOCK) & 1 == 1))
    }

    /// The first byte from `at` on that is not plain, and whether it is other; the end of the text is neither.
    #[inline(always)]
    pub(super) fn next_end(&mut self, at: usize) -> (usize, bool) {
        match self.find(at, |blocks| !blocks.plain) {
            Some(at) => (at, self.other >> (at % BLOCK) & 1 == 1),
            None => (self.bytes.len(), false),
        }
    }

    /// The first byte from `at` on that has its bit set.
    #[inline(always)]
    fn find(&mut self, at: usize, bits: impl Fn(&Self) -> u64) -> Option<usize> {
        let mut number = at / BLOCK;
        let mut keep = u64::MAX << (at % BLOCK);
        while number * BLOCK < self.bytes.len() {
            if number != self.number {
                self.load(number);
            }
            let found = bits(self) & keep;
            if found != 0 {
                let at = number * BLOCK + found.trailing_zeros() as usize;
                return (at < self.bytes.len()).then_some(at);
            }
            number += 1;
            keep = u64::MAX;
        }
        None
    }

    fn load(&mut self, number: usize) {
        self.number = number;
        let rest = self.bytes.get(number * BLOCK..).unwrap_or_default();
        match rest.first_chunk::<BLOCK>() {
            Some(block) => (self.plain, self.other) = bits(block),
            None => {
                let mut block = [b' '; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                (self.plain, self.other) = bits(&block);
            }
        }
    }
}

fn bits(block: &[u8; BLOCK]) -> (u64, u64) {
    let (mut plain, mut other) = ([0_u8; BLOCK], [0_u8; BLOCK]);
    for i in 0..BLOCK {
        let byte = block[i];
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        plain[i] = u8::from(letter | digit);
        other[i] = u8::from((byte >= 0x80) | (byte == b'\'') | (byte == b'`'));
    }
    (pack(&plain), pack(&other))
}

/// One bit for each byte, all of which are 0 or 1: a multiplication gathers the bits of eight of them in its top byte.
fn pack(bytes: &[u8; BLOCK]) -> u64 {
    let (eights, _) = bytes.as_chunks::<8>();
    let gather = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    (0..).zip(eights).fold(0, |bits, (i, eight)| bits | gather(eight) << (8 * i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_each_byte() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let text: String = (0..random.usize(..200))
                .map(|_| {
                    *random
                        .choice(&['a', 'Z', '0', ' ', '\'', '.', 'é', '@', '[', '`', '{', '/', ':'])
                        .unwrap()
                })
                .collect();
            let bytes = text.as_bytes();
            let plain = |b: u8| b.is_ascii_alphanumeric();
            let other = |b: u8| !b.is_ascii() || b == b'\'' || b == b'`';
            let mut blocks = Blocks::new(&text);
            for at in 0..=bytes.len() {
                let start = (at..bytes.len()).find(|&i| plain(bytes[i]) || other(bytes[i]));
                assert_eq!(blocks.next_start(at), start.map(|i| (i, plain(bytes[i]))));
                let end = (at..bytes.len()).find(|&i| !plain(bytes[i]));
                assert_eq!(blocks.next_end(at), end.map_or((bytes.len(), false), |i| (i, other(bytes[i]))));
            }
        }
    }
}
