//! What kinds of bytes stand where, as bits, 64 bytes at a time?
//!
//! Compilers turn this code into vector instructions. Words are then found by counting zeros instead of by a loop over
//! bytes whose end no processor predicts.

/// The bytes of a block.
pub(super) const BLOCK: usize = 64;

/// The kinds of 64 bytes, the lowest bit for the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds {
    /// ASCII letters and digits.
    pub(super) plain: u64,
    /// Bytes that need a look at the characters around them: not ASCII, or an apostrophe.
    pub(super) other: u64,
}

impl Kinds {
    /// Only those from a byte on.
    pub(super) fn from(self, byte: usize) -> Kinds {
        let keep = if byte < BLOCK { u64::MAX << byte } else { 0 };
        Kinds { plain: self.plain & keep, other: self.other & keep }
    }
}

/// The kinds of the bytes of each block; blanks fill the last one up.
pub(super) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Kinds> + '_ {
    let (whole, rest) = bytes.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let last = (!rest.is_empty()).then(move || kinds(&last));
    whole.iter().map(kinds).chain(last)
}

#[inline(always)]
fn kinds(block: &[u8; BLOCK]) -> Kinds {
    let (mut plain, mut other) = ([0_u8; BLOCK], [0_u8; BLOCK]);
    for i in 0..BLOCK {
        let byte = block[i];
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        plain[i] = u8::from(letter | digit);
        other[i] = u8::from((byte >= 0x80) | (byte == b'\'') | (byte == b'`'));
    }
    Kinds { plain: pack(&plain), other: pack(&other) }
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
        for _ in 0..500 {
            let bytes: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
            let kinds: Vec<Kinds> = blocks(&bytes).collect();
            assert_eq!(kinds.len(), bytes.len().div_ceil(BLOCK));
            for (i, &b) in bytes.iter().enumerate() {
                let Kinds { plain, other } = kinds[i / BLOCK];
                let bit = |bits: u64| bits >> (i % BLOCK) & 1 == 1;
                assert_eq!(bit(plain), b.is_ascii_alphanumeric());
                assert_eq!(bit(other), !b.is_ascii() || b == b'\'' || b == b'`');
            }
        }
    }
}
