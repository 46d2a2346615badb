//! What kinds of bytes stand where, as bits, 64 bytes at a time?
//!
//! With vector instructions, which the crate wide has for every processor. Words are then found by counting zeros instead
//! of by a loop over bytes whose end no processor predicts.

use wide::u8x16;

/// The bytes of a block.
pub(super) const BLOCK: usize = 64;

/// The kinds of 64 bytes, the lowest bit for the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds {
    /// ASCII letters and digits.
    pub(super) plain: u64,
    /// The bytes of letters of two bytes.
    pub(super) letters: u64,
    /// The first bytes of Han letters, U+4E00 to U+9FFF: of three bytes, and each a word.
    pub(super) han: u64,
    /// Bytes that need a look at the characters around them: all others that are not ASCII, and apostrophes.
    pub(super) other: u64,
    /// Full stops.
    pub(super) stops: u64,
}

impl Kinds {
    /// Only those from a byte on.
    pub(super) fn from(self, byte: usize) -> Kinds {
        let keep = if byte < BLOCK { u64::MAX << byte } else { 0 };
        let Kinds { plain, letters, han, other, stops } = self;
        Kinds {
            plain: plain & keep,
            letters: letters & keep,
            han: han & keep,
            other: other & keep,
            stops: stops & keep,
        }
    }
}

/// So many bytes of a block that need a look are those of quotes and apostrophes; of more most are letters.
const FEW: u32 = 16;

impl Kinds {
    /// Looks at the signs that are frequent in news: those of Chinese, quotes, dashes and the apostrophes of possessives, whose `s`
    /// is no word. What is left in `other` still needs a look.
    pub(super) fn settle(mut self, bytes: &[u8], base: usize) -> Kinds {
        if self.other.count_ones() > FEW {
            return self;
        }
        let mut unseen = self.other;
        while unseen != 0 {
            let at = unseen.trailing_zeros() as usize;
            let (length, apostrophe) = match bytes[base + at..] {
                [b'\'' | b'`', ..] => (1, true),
                [0xE2, 0x80, 0x98 | 0x99, ..] => (3, true),
                // U+2010 to U+2029 but for those two.
                [0xE2, 0x80, 0x90..=0xA9, ..] => (3, false),
                // A blank, « and ».
                [0xC2, 0xA0 | 0xAB | 0xBB, ..] => (2, false),
                // 、。《》「」『』【】 and ！（），：；？
                [0xE3, 0x80, 0x81 | 0x82 | 0x8A..=0x91, ..] => (3, false),
                [0xEF, 0xBC, 0x81 | 0x88 | 0x89 | 0x8C | 0x9A | 0x9B | 0x9F, ..] => (3, false),
                _ => (0, false),
            };
            let sign = ((1 << length) - 1) << at;
            unseen &= !(sign | 1 << at);
            // What is looked at must be in this block.
            let behind = at + length;
            if !apostrophe {
                if behind <= BLOCK {
                    self.other &= !sign;
                }
                continue;
            }
            // Whether the next `s` is a word hangs on whether this one is.
            let is_word = |bit: usize| (self.plain | self.letters) >> bit & 1 == 1;
            if at == 0 || behind >= BLOCK || !is_word(at - 1) && matches!(bytes[base + at - 1], b'.' | 0x80..)
            {
                break;
            }
            match bytes[base + behind..] {
                [b's' | b'S', after, ..] if !after.is_ascii() => break,
                [b's' | b'S', after, ..] if after.is_ascii_alphanumeric() => {}
                [b's' | b'S', ..] if is_word(at - 1) => self.plain &= !(1 << behind),
                [byte, ..] if !byte.is_ascii() && !is_word(behind) => break,
                _ => {}
            }
            self.other &= !sign;
        }
        self
    }
}

/// The bytes of a block and two behind it: the first byte of a character is known by what follows.
type Window = [u8; BLOCK + 2];

/// The kinds of the bytes of each block; blanks fill the last one up.
pub(super) fn blocks(bytes: &[u8]) -> impl Iterator<Item = Kinds> + '_ {
    let mut filled = [b' '; BLOCK + 2];
    // The bytes of this block whose character began in the one before.
    let (mut letter, mut begun) = (0, 0);
    (0..bytes.len()).step_by(BLOCK).map(move |base| {
        let rest = &bytes[base..];
        // Not before it is needed: the end of a text is far from what the processor has loaded at its beginning.
        let window = rest.first_chunk().unwrap_or_else(|| {
            filled.fill(b' ');
            filled[..rest.len()].copy_from_slice(rest);
            &filled
        });
        let mut kinds = kinds(window);
        if kinds.other != 0 {
            kinds.han = han(window);
            let known = if kinds.han == 0 { 0 } else { kinds.han | signs(window) };
            kinds.other &= !(known | known << 1 | known << 2 | begun);
            begun = known >> (BLOCK - 2) | known >> (BLOCK - 1);
        }
        if kinds.other != 0 {
            let first = letters(window);
            kinds.letters = first | first << 1 | letter;
            kinds.other &= !kinds.letters;
            letter = first >> (BLOCK - 1);
        }
        kinds
    })
}

#[inline(always)]
fn kinds(window: &Window) -> Kinds {
    Kinds {
        plain: bits(window, |[byte, ..]| {
            in_range(byte | u8x16::splat(0x20), b'a', b'z') | in_range(byte, b'0', b'9')
        }),
        letters: 0,
        han: 0,
        // The highest bit counts.
        other: bits(window, |[byte, ..]| byte | is(byte, b'\'') | is(byte, b'`')),
        stops: bits(window, |[byte, ..]| is(byte, b'.')),
    }
}

/// The first bytes of letters of two bytes: U+00C0 to U+027F but × and ÷, and U+0400 to U+047F. In the rest of the
/// characters of two bytes there are marks and symbols.
fn letters(window: &Window) -> u64 {
    bits(window, |[first, second, _]| {
        let sign = is(first, 0xC3) & (is(second, 0x97) | is(second, 0xB7));
        in_range(first, 0xC3, 0xC9) & !sign | in_range(first, 0xD0, 0xD1)
    })
}

/// The first bytes of the letters U+4E00 to U+9FFF.
fn han(window: &Window) -> u64 {
    bits(window, |[first, second, _]| {
        // Of what begins with E4 most stands before U+4E00.
        in_range(first, 0xE5, 0xE9) | is(first, 0xE4) & in_range(second, 0xB8, 0xBF)
    })
}

/// The first bytes of the commas and full stops of Chinese, ， 、 and 。, too many for [`Kinds::settle`], which knows the other signs.
fn signs(window: &Window) -> u64 {
    bits(window, |[first, second, third]| {
        let comma = is(first, 0xEF) & is(second, 0xBC) & is(third, 0x8C);
        comma | is(first, 0xE3) & is(second, 0x80) & in_range(third, 0x81, 0x82)
    })
}

fn is(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

fn in_range(bytes: u8x16, first: u8, last: u8) -> u8x16 {
    let above = bytes - u8x16::splat(first);
    above.min(u8x16::splat(last - first)).simd_eq(above)
}

/// The highest bits of what `map` makes of each byte of a block and the two behind it.
#[inline(always)]
fn bits(window: &Window, map: impl Fn([u8x16; 3]) -> u8x16) -> u64 {
    let [here, next, after] = [0, 1, 2].map(|ahead| window[ahead..].as_chunks().0);
    let parts = here.iter().zip(next).zip(after);
    (0..).zip(parts).fold(0, |all, (i, ((here, next), after))| {
        let bytes = [here, next, after].map(|part| u8x16::new(*part));
        all | u64::from(map(bytes).to_bitmask()) << (16 * i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::class::{Class, class};
    use crate::text::forms::is_bare_char;

    /// A sign between letters, one of which might be that of a possessive, is settled as what the table of classes says.
    #[test]
    fn settled_signs_are_what_the_table_says() {
        let mut settled = 0;
        for sign in ('\u{80}'..='\u{30FF}').chain('\u{FF00}'..='\u{FF20}').chain(['\'', '`']) {
            let text = format!("a{sign}sb a{sign}s b");
            let [kinds] = blocks(text.as_bytes()).collect::<Vec<_>>()[..] else { unreachable!() };
            let Kinds { plain, other, .. } = kinds.settle(text.as_bytes(), 0);
            if other == 0 && kinds.other != 0 {
                settled += 1;
                let is_apostrophe = plain.count_ones() + 1 == kinds.plain.count_ones();
                let expected = if is_apostrophe { Class::Apostrophe } else { Class::Separator };
                assert_eq!(class(sign), expected, "{sign:?}");
            }
        }
        assert_eq!(
            settled,
            26 + 3 + 2 + 17,
            "U+2010 to U+2029, a blank, « and », two of ASCII, those of Chinese"
        );
    }

    #[test]
    fn bits_are_those_of_each_byte() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let text: String = (0..random.usize(..120))
                .map(|_| match random.u8(..5) {
                    0 => random.char('\0'..='\u{7F}'),
                    1 => random.char('\u{80}'..='\u{500}'),
                    2 => *random.choice(&['×', '÷', 'É', 'ə', 'я', '҂']).unwrap(),
                    3 => random.char('\u{4D00}'..='\u{A100}'),
                    _ => random.char(..),
                })
                .collect();
            let bytes = text.as_bytes();
            let kinds: Vec<Kinds> = blocks(bytes).collect();
            assert_eq!(kinds.len(), bytes.len().div_ceil(BLOCK));
            for (start, c) in text.char_indices() {
                let is_letter =
                    matches!(c, 'À'..='\u{27F}' | '\u{400}'..='\u{47F}') && !matches!(c, '×' | '÷');
                let is_han = ('\u{4E00}'..='\u{9FFF}').contains(&c);
                assert!(!is_han || class(c) == Class::Unspaced && is_bare_char(c), "{c}");
                for i in start..start + c.len_utf8() {
                    let Kinds { plain, letters, han, other, stops } = kinds[i / BLOCK];
                    let bit = |bits: u64| bits >> (i % BLOCK) & 1 == 1;
                    assert_eq!(bit(stops), c == '.');
                    assert_eq!(bit(plain), c.is_ascii_alphanumeric());
                    assert_eq!(bit(letters), is_letter, "{c} {i}");
                    assert_eq!(bit(han), is_han && i == start, "{c} {i}");
                    let is_known = bit(letters) || is_han;
                    assert_eq!(bit(other), !c.is_ascii() && !is_known || c == '\'' || c == '`');
                }
            }
        }
    }
}
