//! The forms in which rules compare a word.

use super::class::{Class, class};
use super::pages::Pages;
use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use std::array;
use std::sync::LazyLock;

/// The bare form, which plain terms compare: NFKC, full case folding, NFD, marks removed, NFC, special letters replaced.
#[must_use]
pub fn bare(word: &str) -> String {
    let mut form = String::with_capacity(word.len());
    bare_into(word, &mut form);
    form
}

/// The exact form, which `=` compares: NFKC without transparent characters and without the stops of an acronym.
#[must_use]
pub fn exact(word: &str) -> String {
    ComposingNormalizerBorrowed::new_nfkc().normalize(&visible(word)).into_owned()
}

/// Whether the exact form of `word` is `form`.
pub(crate) fn is_exact(word: &str, form: &str) -> bool {
    if word == form {
        return true;
    }
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    if word.chars().any(is_invisible) {
        return exact(word) == form;
    }
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    !nfkc.is_normalized(word) && nfkc.normalize(word) == form
}

/// The form from which a stem is made: the exact form under full case folding, with its diacritics.
#[must_use]
pub fn folded(word: &str) -> String {
    CaseMapperBorrowed::new().fold_string(&exact(word)).into_owned()
}

/// Does something with the bare form of a word; `spare` is memory for the few forms that are not short.
pub(crate) fn with_bare<T>(word: &str, spare: &mut String, take: impl FnOnce(&[u8]) -> T) -> T {
    if let Some(form) = short_bare(word, &mut [0; SHORT_FORM]) {
        return take(form);
    }
    spare.clear();
    bare_into(word, spare);
    take(spare.as_bytes())
}

/// Appends the bare form of a word to `form`.
fn bare_into(word: &str, form: &mut String) {
    let start = form.len();
    for c in word.chars() {
        match FOLDS.get(c) {
            Fold::To(to) => form.push(to),
            Fold::Nothing => {}
            Fold::Context => {
                form.truncate(start);
                form.push_str(&bare_by_definition(word));
                return;
            }
        }
    }
}

/// The bare form of a short word of characters of one and two bytes, which most words are that have a bare form at all.
/// None for others, and where a character depends on its neighbours.
///
/// Of a mixed word each character is treated alike, so that the processor need not guess which have two bytes; where all
/// have two, as in Cyrillic, it need not wait for one to know where the next begins.
fn short_bare<'b>(word: &str, buffer: &'b mut [u8; SHORT_FORM]) -> Option<&'b [u8]> {
    let table = &*SHORT_FORMS;
    let bytes = word.as_bytes();
    if bytes.len() > SHORT {
        return None;
    }
    let (mut length, mut known) = (0, true);
    // What is behind the bytes that count is written over by the next character.
    let mut push = |first: u8, code: usize| {
        let entry = table[code];
        buffer[length..length + 4].copy_from_slice(&entry);
        length += usize::from(entry[3] & 3);
        known &= (entry[3] != UNKNOWN) & (first < 0xE0);
    };
    let two = |first: u8, second: u8| usize::from(first & 0x1F) << 6 | usize::from(second & 0x3F);
    let (pairs, rest) = bytes.as_chunks::<2>();
    if rest.is_empty() && pairs.iter().all(|pair| pair[0] >= 0xC0) {
        pairs.iter().for_each(|&[first, second]| push(first, two(first, second)));
    } else {
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            let second = bytes.get(at + 1).copied().unwrap_or_default();
            let is_one = first < 0x80;
            push(first, if is_one { usize::from(first) } else { two(first, second) });
            at += 2 - usize::from(is_one);
        }
    }
    known.then_some(&buffer[..length])
}

/// Words of so many bytes are short.
const SHORT: usize = 32;

/// Room for their forms: two bytes become at most three, and four are written at a time.
const SHORT_FORM: usize = SHORT / 2 * 3 + 4;

/// What each character of one or two bytes becomes, as the bytes of one character and their count.
static SHORT_FORMS: LazyLock<Box<[[u8; 4]; 0x800]>> = LazyLock::new(|| {
    Box::new(array::from_fn(|code| {
        let mut entry = [0; 4];
        match char::from_u32(code as u32).map(|c| FOLDS.get(c)) {
            Some(Fold::To(to)) if to.len_utf8() < 4 => {
                entry[3] = to.encode_utf8(&mut entry).len() as u8;
            }
            Some(Fold::Nothing) => {}
            _ => entry[3] = UNKNOWN,
        }
        entry
    }))
});

/// Instead of a count.
const UNKNOWN: u8 = u8::MAX;

/// Whether a character stands unchanged in the bare form of any word.
pub(super) fn is_bare_char(c: char) -> bool {
    FOLDS.get(c) == Fold::To(c)
}

/// What a character becomes in the bare form of any word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    /// This one character.
    To(char),
    /// Nothing: it is transparent, a mark that is removed, or the stop of an acronym.
    Nothing,
    /// Several characters, or it depends on its neighbours: see [`bare_by_definition`].
    Context,
}

/// All steps from NFKC to NFC act on each character alone when no character of the word composes with one before
/// it; only marks and the jamo of Hangul do, and those are [`Fold::Context`].
static FOLDS: Pages<Fold> = Pages::new(look_up);

fn look_up(c: char) -> Fold {
    // U+0345 becomes the letter iota.
    if c != '\u{345}' && (is_invisible(c) || is_removed(c)) {
        return Fold::Nothing;
    }
    if class(c) == Class::Mark {
        return Fold::Context;
    }
    let form = bare_by_definition(c.encode_utf8(&mut [0; 4]));
    let mut chars = form.chars();
    match (chars.next(), chars.next()) {
        (Some(to), None) if !matches!(to, '\u{1100}'..='\u{11FF}') => Fold::To(to),
        _ => Fold::Context,
    }
}

/// The bare form, step by step as LANGUAGE section 2 has it.
fn bare_by_definition(word: &str) -> String {
    let folded = folded(word);
    let open = DecomposingNormalizerBorrowed::new_nfd().normalize(&folded);
    let kept: String = open.chars().filter(|&c| !is_removed(c)).collect();
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&kept);
    let mut form = String::with_capacity(composed.len());
    for c in composed.chars() {
        match c {
            'ə' => form.push('e'),
            'ı' => form.push('i'),
            'ø' => form.push('o'),
            'ł' => form.push('l'),
            'đ' | 'ð' => form.push('d'),
            'ħ' => form.push('h'),
            'ŧ' => form.push('t'),
            'æ' => form.push_str("ae"),
            'œ' => form.push_str("oe"),
            'þ' => form.push_str("th"),
            _ => form.push(c),
        }
    }
    form
}

fn visible(word: &str) -> String {
    word.chars().filter(|&c| !is_invisible(c)).collect()
}

/// Transparent, or the stop of an acronym: no other word holds a full stop.
fn is_invisible(c: char) -> bool {
    c == '.' || class(c) == Class::Transparent
}

fn is_removed(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5C7}' | '\u{610}'..='\u{61A}'
        | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{6D6}'..='\u{6ED}' | '\u{640}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_the_definition() {
        let mut random = fastrand::Rng::with_seed(7);
        let pools = [
            (0x41, 0x17F),
            (0x180, 0x5FF),
            (0x600, 0x6FF),
            (0x1E00, 0x1FFF),
            (0x3040, 0x30FF),
            (0x300, 0x36F),
            (0xAC00, 0xD7A3),
            (0xFF10, 0xFFDC),
        ];
        for _ in 0..200_000 {
            let (from, to) = pools[random.usize(..pools.len())];
            let word: String = (0..random.usize(1..6))
                .map(|_| if random.u8(..4) == 0 { random.u32(0x300..0x370) } else { random.u32(from..=to) })
                .filter_map(char::from_u32)
                .collect();
            let form = bare_by_definition(&word);
            assert_eq!(bare(&word), form, "{word:?}");
            let mut buffer = [0; SHORT_FORM];
            assert!(short_bare(&word, &mut buffer).is_none_or(|short| short == form.as_bytes()), "{word:?}");
            assert!(is_exact(&word, &exact(&word)), "{word:?}");
        }
    }

    #[test]
    fn bare_forms() {
        for (word, form) in [
            ("Zəngəzur", "zengezur"),
            ("İstanbul", "istanbul"),
            ("ISTANBUL", "istanbul"),
            ("Côte", "cote"),
            ("Müller", "muller"),
            ("Straße", "strasse"),
            ("ＮＡＴＯ", "nato"),
            ("ﬁn", "fin"),
            ("Ⅳ", "iv"),
            ("Самолёт", "самолет"),
            ("cor\u{AD}ridor", "corridor"),
            ("U.S", "us"),
            ("ｶﾞ", "ガ"),
            ("한국", "한국"),
            ("مُحَمَّد", "محمد"),
            ("Þór", "thor"),
        ] {
            assert_eq!(bare(word), form);
        }
        let longer = "Ⱥ".repeat(16);
        for word in [&longer, "Zəngəzur", "İstanbul", "Côte", "Самолёт", "G7", "cor\u{AD}ridor"] {
            assert_eq!(short_bare(word, &mut [0; SHORT_FORM]), Some(bare(word).as_bytes()));
        }
    }
}
