//! What is a language called, and what are the stems of its words?

use super::bare;
use snowball_stemmers_rs::{Algorithm, Stemmer};
use std::fmt;

/// A language tag, by its first part and in lower case: `en` for `en-US` and `EN_us`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language([u8; 3]);

impl Language {
    /// English, the language of stems where a rule names none.
    pub const ENGLISH: Language = Language(*b"en\0");

    /// The language of a tag: 2 or 3 letters, then nothing or `-` or `_` and more. None for anything else, and for `und`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Language> {
        let first = tag.split(['-', '_']).next().unwrap_or("");
        if !matches!(first.len(), 2 | 3) || !first.bytes().all(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        let mut code = [0; 3];
        for (to, from) in code.iter_mut().zip(first.bytes()) {
            *to = from.to_ascii_lowercase();
        }
        (&code != b"und").then_some(Language(code))
    }

    /// The code, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = if self.0[2] == 0 { 2 } else { 3 };
        std::str::from_utf8(&self.0[..length]).unwrap_or("")
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether there is a Snowball stemmer for a language.
#[must_use]
pub fn stemmed(language: Language) -> bool {
    algorithm(language).is_some()
}

/// A word of more bytes is its own stem. Stemmers take time that grows with the square of a word; the longest words of
/// any language have less than half of this.
const STEMMED_BYTES: usize = 512;

/// The stem of a [`folded`](super::folded) word, in bare form; none for a language without a Snowball stemmer.
#[must_use]
pub fn stem(language: Language, folded: &str) -> Option<String> {
    let algorithm = algorithm(language)?;
    if folded.len() > STEMMED_BYTES {
        return Some(bare(folded));
    }
    Some(bare(&Stemmer::create(algorithm).stem(folded)))
}

/// The current Snowball stemmer of a language, by its ISO 639 codes.
fn algorithm(language: Language) -> Option<Algorithm> {
    Some(match language.as_str() {
        "ar" | "ara" => Algorithm::Arabic,
        "ca" | "cat" => Algorithm::Catalan,
        "cs" | "ces" => Algorithm::Czech,
        "da" | "dan" => Algorithm::Danish,
        "de" | "deu" => Algorithm::German,
        "el" | "ell" => Algorithm::Greek,
        "en" | "eng" => Algorithm::English,
        "eo" | "epo" => Algorithm::Esperanto,
        "es" | "spa" => Algorithm::Spanish,
        "et" | "est" => Algorithm::Estonian,
        "eu" | "eus" => Algorithm::Basque,
        "fa" | "fas" | "pes" => Algorithm::Persian,
        "fi" | "fin" => Algorithm::Finnish,
        "fr" | "fra" => Algorithm::French,
        "ga" | "gle" => Algorithm::Irish,
        "hi" | "hin" => Algorithm::Hindi,
        "hu" | "hun" => Algorithm::Hungarian,
        "hy" | "hye" => Algorithm::Armenian,
        "id" | "ind" => Algorithm::Indonesian,
        "it" | "ita" => Algorithm::Italian,
        "lt" | "lit" => Algorithm::Lithuanian,
        "nb" | "nn" | "no" | "nob" | "nno" | "nor" => Algorithm::Norwegian,
        "ne" | "nep" => Algorithm::Nepali,
        "nl" | "nld" => Algorithm::Dutch,
        "pl" | "pol" => Algorithm::Polish,
        "pt" | "por" => Algorithm::Portuguese,
        "ro" | "ron" => Algorithm::Romanian,
        "ru" | "rus" => Algorithm::Russian,
        "sr" | "srp" => Algorithm::Serbian,
        "st" | "sot" => Algorithm::Sesotho,
        "sv" | "swe" => Algorithm::Swedish,
        "ta" | "tam" => Algorithm::Tamil,
        "tr" | "tur" => Algorithm::Turkish,
        "uk" | "ukr" => Algorithm::Ukrainian,
        "yi" | "yid" => Algorithm::Yiddish,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_compare_by_their_first_part() {
        for (tag, code) in [("en", "en"), ("EN_us", "en"), ("az-Latn-AZ", "az"), ("kmr", "kmr")] {
            assert_eq!(Language::of_tag(tag).map(|l| l.to_string()).as_deref(), Some(code));
        }
        for tag in ["", "und", "e", "engl", "e1"] {
            assert_eq!(Language::of_tag(tag), None);
        }
    }

    #[test]
    fn stems() {
        let stem_of = |tag: &str, word: &str| stem(Language::of_tag(tag).unwrap(), word);
        assert_eq!(stem_of("en", "negotiating"), stem_of("en", "negotiate"));
        assert_eq!(stem_of("ru", "переговоров"), stem_of("ru", "переговоры"));
        assert_eq!(stem_of("zh", "x"), None);
    }
}
