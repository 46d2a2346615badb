//! Which language is it?
//!
//! Most articles say it plainly: by words like *the* and *and*, and by letters like ə and ї. One pass over the sample
//! counts for each language the words that speak for it, by the table of [`signs`](super::signs). Where one language
//! is ahead of every other by a clear margin, that is the answer; else letter trigrams decide (crate whatlang), which
//! know more languages, and take 20 to 50 times as long.

use super::class::{Class, class};
use super::language::Language;
use super::pages::Pages;
use super::signs::LANGUAGES;
use super::words;
use icu_properties::props::{EnumeratedProperty, Script};
use std::sync::LazyLock;
use whatlang::Lang;

/// Detection looks at no more than so many characters of title and text.
const LOOKED_AT: usize = 600;
/// With fewer words than this, detection is never sure.
const MIN_WORDS: usize = 8;
/// Of so many words at least one speaks for the language of a text: of English prose, every second or third.
const WORDS_PER_SIGN: u32 = 6;
/// Between two languages those words decide that speak for one of them: the leader needs so many, and so many more
/// for each that speaks for the other. Measured on 16,000 pieces of 80 characters in eleven languages: with 3, none
/// was taken for another language; with 2, three were.
const MARGIN: u32 = 3;

/// The language of a document that does not say it; none where detection is not sure.
///
/// Looks at the first 600 characters of title and text, and is never sure of fewer than 8 words.
#[must_use]
pub fn detect(title: &str, text: &str) -> Option<Language> {
    let title = first(title, LOOKED_AT);
    // What stands between title and text counts as one character.
    let text = first(text, LOOKED_AT.saturating_sub(title.chars().count() + 1));
    words(title).chain(words(text)).nth(MIN_WORDS - 1)?;
    evident(title, text).or_else(|| by_trigrams(title, text))
}

/// The first so many characters of a text.
fn first(text: &str, count: usize) -> &str {
    let mut rest = text.chars();
    if let Some(last) = count.checked_sub(1) {
        rest.nth(last);
    }
    &text[..text.len() - rest.as_str().len()]
}

/// A set of languages: a bit for each of [`LANGUAGES`].
type Languages = u64;
/// Every language writes it.
const ALL: Languages = Languages::MAX;

fn each(of: Languages) -> impl Iterator<Item = usize> {
    let rests = std::iter::successors(Some(of), |rest| Some(rest & rest.wrapping_sub(1)));
    rests.take_while(|&rest| rest != 0).map(|rest| rest.trailing_zeros() as usize)
}

/// The language of a sample, if its words leave no doubt.
fn evident(title: &str, text: &str) -> Option<Language> {
    let (mut letters, mut han, mut kana, mut total) = (0, 0, 0, 0);
    let mut speaking = [0; LOOKED_AT];
    let mut spoken = 0;
    let mut counts = [0_u32; LANGUAGES.len()];
    for part in [title, text] {
        let (mut number, mut of) = (0, ALL);
        for c in part.chars().chain([' ']) {
            match CHARACTERS.get(c) {
                Character::Letter { lower, of: writing } => {
                    number = with_letter(number, lower);
                    of &= writing;
                    letters += 1;
                    continue;
                }
                Character::Han => han += 1,
                Character::Kana => kana += 1,
                Character::Other => {}
            }
            if number != 0 {
                total += 1;
                let known = WORDS.get(number);
                let speaks = if known != 0 || of == ALL { known } else { of };
                if speaks != 0 {
                    speaking[spoken] = speaks;
                    spoken += 1;
                    each(speaks).for_each(|language| counts[language] += 1);
                }
                (number, of) = (0, ALL);
            }
        }
    }
    // Han without kana is Chinese. Where there is some Han, words tell nothing about the rest.
    if han * 10 > letters {
        return if han > letters && kana * 50 <= han { Language::of_tag("zh") } else { None };
    }
    let (leader, &count) = counts.iter().enumerate().max_by_key(|&(_, &count)| count)?;
    let mut shared = [0; LANGUAGES.len()];
    for &speaks in speaking[..spoken].iter().filter(|&&speaks| speaks >> leader & 1 == 1) {
        each(speaks).for_each(|language| shared[language] += 1);
    }
    let ahead = |other: usize| count - shared[other] >= MARGIN + MARGIN * (counts[other] - shared[other]);
    let sure =
        count * WORDS_PER_SIGN >= total && (0..LANGUAGES.len()).all(|other| other == leader || ahead(other));
    if sure { Language::of_tag(LANGUAGES[leader].code) } else { None }
}

/// What a character tells.
#[derive(Clone, Copy)]
enum Character {
    /// Part of a word: its lower case, and the languages that write it.
    Letter {
        lower: u32,
        of: Languages,
    },
    Han,
    Kana,
    /// Stands between words.
    Other,
}

static CHARACTERS: Pages<Character> = Pages::new(look_up);

fn look_up(c: char) -> Character {
    match (class(c), Script::for_char(c)) {
        (Class::Letter | Class::Digit | Class::Mark, _) => {}
        (Class::Unspaced, Script::Han) => return Character::Han,
        (Class::Unspaced, Script::Hiragana | Script::Katakana) => return Character::Kana,
        _ => return Character::Other,
    }
    // İ, the one letter with a longer lower case, stays as it is.
    let mut lower = c.to_lowercase();
    let lower = if lower.len() == 1 { lower.next().unwrap_or(c) } else { c };
    let writing = LANGUAGES.iter().enumerate().filter(|(_, signs)| signs.letters.contains(lower));
    let of = writing.fold(0, |of, (i, _)| of | 1 << i);
    Character::Letter { lower: u32::from(lower), of: if of == 0 { ALL } else { of } }
}

/// The number of a word, one letter longer. No two short words have the same; a long one can have that of another,
/// and then is one word that speaks for the wrong language.
fn with_letter(number: u64, lower: u32) -> u64 {
    number.rotate_left(9) ^ u64::from(lower)
}

/// The languages of the words of the table, by their numbers.
struct Words {
    /// Each word stands at the first free slot from its own on. More than half of them stay free.
    slots: Box<[(u64, Languages); Words::SLOTS]>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words { slots: Box::new([(0, 0); Words::SLOTS]) };
    for (i, signs) in LANGUAGES.iter().enumerate() {
        for word in signs.words.split(' ') {
            let number = word.chars().map(u32::from).fold(0, with_letter);
            let slot = words.slot(number);
            words.slots[slot].0 = number;
            words.slots[slot].1 |= 1 << i;
        }
    }
    words
});

impl Words {
    const SLOTS: usize = 1 << 13;

    /// Where a word stands, or would.
    fn slot(&self, number: u64) -> usize {
        let mut slot = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 51) as usize;
        while !matches!(self.slots[slot].0, there if there == number || there == 0) {
            slot = (slot + 1) % Self::SLOTS;
        }
        slot
    }

    fn get(&self, number: u64) -> Languages {
        self.slots[self.slot(number)].1
    }
}

/// The language by letter trigrams and alphabets, if they are sure.
fn by_trigrams(title: &str, text: &str) -> Option<Language> {
    let info = whatlang::detect(&format!("{title}\n{text}"))?;
    if info.is_reliable() { Language::of_tag(tag(info.lang())) } else { None }
}

/// The shortest ISO 639 code of a language.
fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::Afr => "af",
        Lang::Aka => "ak",
        Lang::Amh => "am",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Cym => "cy",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jav => "jv",
        Lang::Jpn => "ja",
        Lang::Kan => "kn",
        Lang::Kat => "ka",
        Lang::Khm => "km",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Mkd => "mk",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "nb",
        Lang::Ori => "or",
        Lang::Pan => "pa",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Sin => "si",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Sna => "sn",
        Lang::Spa => "es",
        Lang::Srp => "sr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tuk => "tk",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Yid => "yi",
        Lang::Zul => "zu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sentences of our own: a language, none for what is in no language or in several, a tab, a text.
    const SAMPLES: &str = include_str!("../../tests/data/languages.tsv");

    fn samples() -> impl Iterator<Item = (&'static str, &'static str)> {
        SAMPLES.lines().map(|line| line.split_once('\t').unwrap())
    }

    /// As the code of a language, or empty.
    fn code(language: Option<Language>) -> String {
        language.map_or(String::new(), |language| language.to_string())
    }

    #[test]
    fn what_is_evident_is_true() {
        for (language, text) in samples() {
            let chars: Vec<char> = text.chars().collect();
            for length in [40, 80, 150, 300, 600] {
                // The parts of a text in two languages may be evident.
                let pieces = chars.chunks(if language.is_empty() { chars.len() } else { length });
                for piece in pieces.map(String::from_iter) {
                    let found = code(evident("", &piece));
                    assert!(found.is_empty() || found == language, "{language}, not {found}: {piece}");
                }
            }
        }
    }

    #[test]
    fn common_languages_are_evident() {
        const COMMON: [&str; 11] = ["ar", "az", "de", "en", "es", "fa", "fr", "ru", "tr", "uk", "zh"];
        for (language, text) in samples().filter(|(language, _)| COMMON.contains(language)) {
            assert_eq!(code(evident("", text)), language, "{text}");
        }
    }

    #[test]
    fn no_language_is_lost() {
        for (language, text) in samples().filter(|(language, _)| !language.is_empty()) {
            let known = code(by_trigrams("", text)) == language;
            assert!(!known || code(detect("", text)) == language, "{language}: {text}");
        }
    }

    #[test]
    fn detection_is_sure_of_sentences_only() {
        let russian = "Министры двух стран встретились в столице и обсудили новый договор о торговле";
        assert_eq!(code(detect("", russian)), "ru");
        assert_eq!(code(detect("Министры двух стран", "встретились в столице")), "");
        assert_eq!(code(detect("The ministers of the two", "countries have met")), "");
        assert_eq!(code(detect("The ministers of the two", "countries have met in the capital")), "en");
    }

    #[test]
    fn detection_looks_at_600_characters() {
        let english = "The ministers of the two countries have met in the capital, and they said that ";
        let russian = "Министры двух стран встретились в столице и обсудили новый договор о торговле";
        let blank = |count: usize| " ".repeat(count);
        let title = format!("{english}{}", blank(600));
        assert_eq!(code(detect(&title, &russian.repeat(20))), "en");
        assert_eq!(code(detect(&blank(500), russian)), "ru");
        assert_eq!(code(detect(&blank(598), russian)), "");
        assert_eq!(code(detect("", &format!("{}{russian}", blank(600)))), "");
        assert_eq!(code(detect(&"ə".repeat(5000), &"ə ".repeat(5000))), "");
    }

    #[test]
    fn the_table_is_sound() {
        let mut codes: Vec<&str> = LANGUAGES.iter().map(|signs| signs.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), LANGUAGES.len());
        let mut by_number = std::collections::BTreeMap::new();
        for signs in &LANGUAGES {
            assert_eq!(code(Language::of_tag(signs.code)), signs.code);
            for word in signs.words.split(' ') {
                assert!(!word.is_empty() && word.to_lowercase() == word, "{word:?}");
                let number = word.chars().map(u32::from).fold(0, with_letter);
                assert_eq!(by_number.insert(number, word).unwrap_or(word), word);
            }
        }
        assert!(by_number.len() < Words::SLOTS / 2);
    }
}
