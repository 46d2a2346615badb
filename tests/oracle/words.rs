//! Section 2 of LANGUAGE.md: the words of a text, and the forms in which they are compared.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory as Category, Script};
use snowball_stemmers_rs::{Algorithm, Stemmer};

/// One word of a text or of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// First byte of the word in its text.
    pub start: usize,
    /// The byte after the word's last letter or digit with its marks.
    pub end: usize,
    /// What plain terms compare.
    pub bare: String,
    /// What `=` compares.
    pub exact: String,
    /// What the stemmers get: the case-folded word with its diacritics.
    pub folded: String,
    /// Single letters with full stops between them, read as one word.
    pub acronym: bool,
    /// Number of the sentence, from 0.
    pub sentence: usize,
    /// Number of the paragraph that has a word, from 0.
    pub paragraph: usize,
    /// Whether it stands in the lead.
    pub lead: bool,
    single_letter: bool,
}

/// The words of a title: one sentence, one paragraph, no lead.
pub fn of_title(title: &str) -> Vec<Word> {
    split(title, false)
}

/// The words of a text with their sentences, paragraphs and the lead.
pub fn of_text(text: &str) -> Vec<Word> {
    let mut words = split(text, false);
    for i in 1..words.len() {
        let (before, after) = (&words[i - 1], &words[i]);
        let gap = visible(&text[before.end..after.start]);
        let new_paragraph = breaks_paragraph(&gap);
        let new_sentence = new_paragraph || ends_sentence(&gap, before, &text[after.start..]);
        let (sentence, paragraph) = (before.sentence, before.paragraph);
        words[i].sentence = sentence + usize::from(new_sentence);
        words[i].paragraph = paragraph + usize::from(new_paragraph);
    }
    for (i, word) in words.iter_mut().enumerate() {
        word.lead = word.paragraph == 0 && i < 60;
    }
    words
}

/// The words of a term: split as text is, but `*` and `?` are letters.
pub fn of_term(term: &str) -> Vec<Word> {
    split(term, true)
}

/// Whether a letter of the unspaced scripts: a word of its own.
pub fn is_unspaced(c: char) -> bool {
    class(c, false) == Class::Unspaced
}

/// Whether a letter or digit.
pub fn is_plain(c: char) -> bool {
    matches!(class(c, false), Class::Letter | Class::Unspaced | Class::Digit)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Unspaced,
    Digit,
    Mark,
    Wildcard,
    Other,
}

fn class(c: char, wildcards: bool) -> Class {
    match c {
        '*' | '?' if wildcards => return Class::Wildcard,
        '\u{02BB}' | '\u{02BC}' => return Class::Other,
        '\u{FF9E}' | '\u{FF9F}' => return Class::Mark,
        '々' | '〆' | '〇' | 'ー' | '\u{FF70}' => return Class::Unspaced,
        _ => {}
    }
    match CodePointMapData::<Category>::new().get(c) {
        Category::UppercaseLetter
        | Category::LowercaseLetter
        | Category::TitlecaseLetter
        | Category::ModifierLetter
        | Category::OtherLetter => match CodePointMapData::<Script>::new().get(c) {
            Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar => Class::Unspaced,
            _ => Class::Letter,
        },
        // Digits of the unspaced scripts (๒, 〡) are digits, not letters: they form runs.
        Category::DecimalNumber | Category::LetterNumber => Class::Digit,
        Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => Class::Mark,
        _ => Class::Other,
    }
}

fn is_transparent(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '\u{02BC}' | '\u{02BB}' | '`' | '´' | '＇')
}

fn visible(text: &str) -> Vec<char> {
    text.chars().filter(|&c| !is_transparent(c)).collect()
}

fn split(text: &str, wildcards: bool) -> Vec<Word> {
    // Transparent characters are as if not there.
    let chars: Vec<(usize, char)> = text.char_indices().filter(|&(_, c)| !is_transparent(c)).collect();
    let class_at = |i: usize| chars.get(i).map_or(Class::Other, |&(_, c)| class(c, wildcards));
    let char_at = |i: usize| chars.get(i).map_or('\0', |&(_, c)| c);
    // The end of the run that starts at i; i itself where none starts there. A mark without a letter separates.
    let run_end = |i: usize| {
        let mut end = i;
        match class_at(i) {
            Class::Mark | Class::Other => return i,
            Class::Unspaced => end += 1,
            _ => {
                while matches!(class_at(end), Class::Letter | Class::Digit | Class::Wildcard | Class::Mark) {
                    end += 1;
                }
            }
        }
        while class_at(end) == Class::Mark {
            end += 1;
        }
        end
    };
    let is_single_letter =
        |i: usize| class_at(i) == Class::Letter && (i + 1..run_end(i)).all(|j| class_at(j) == Class::Mark);

    let mut words: Vec<Word> = Vec::new();
    let mut after_word = None; // the place directly after the word before, if any
    let mut after_acronym = None; // the place directly after the full stop that closes an acronym
    let mut i = 0;
    while i < chars.len() {
        let mut end = run_end(i);
        if end == i {
            i += 1;
            continue;
        }
        let follows =
            |place: Option<usize>| place.is_some_and(|place| place + 1 == i && is_apostrophe(char_at(place)));
        let is_s = end == i + 1 && matches!(char_at(i), 's' | 'S');
        if is_s && (follows(after_word) || follows(after_acronym)) {
            i = end; // a possessive is no word, so that a second one behind it follows no word
            continue;
        }
        let single_letter = is_single_letter(i);
        let mut acronym = false;
        while is_single_letter(i) && char_at(end) == '.' && is_single_letter(end + 1) {
            end = run_end(end + 1);
            acronym = true;
        }
        let letters: String = (i..end).map(char_at).filter(|&c| c != '.').collect();
        let (last, last_char) = chars[end - 1];
        let exact = nfkc(&letters);
        words.push(Word {
            start: chars[i].0,
            end: last + last_char.len_utf8(),
            bare: bare(&letters),
            // The page names no form for the stemmer's input; case folding of the exact form is the naive one.
            folded: fold_case(&exact),
            exact,
            acronym,
            sentence: 0,
            paragraph: 0,
            lead: false,
            single_letter: single_letter && !acronym,
        });
        after_word = Some(end);
        after_acronym = (acronym && char_at(end) == '.').then_some(end + 1);
        i = end;
    }
    words
}

fn breaks_paragraph(gap: &[char]) -> bool {
    let gap = gap.iter().collect::<String>().replace("\r\n", "\n");
    let mut line_breaks = 0; // with only white space between them
    for c in gap.chars() {
        match c {
            '\u{2029}' => return true,
            '\n' | '\r' | '\u{2028}' => line_breaks += 1,
            c if c.is_whitespace() => {}
            _ => line_breaks = 0,
        }
        if line_breaks == 2 {
            return true;
        }
    }
    false
}

fn ends_sentence(gap: &[char], before: &Word, after: &str) -> bool {
    // The abbreviations are compared as they are written on the page, case included.
    let titles = ["Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Gen", "Col", "Sen", "Rep", "Gov", "No", "vs"];
    let abbreviation = before.single_letter || before.acronym || titles.contains(&before.exact.as_str());
    gap.iter().enumerate().any(|(i, &c)| match c {
        '。' | '！' | '？' | '｡' => true,
        '.' | '!' | '?' | '…' | '؟' | '۔' | '।' => {
            let rest = gap[i + 1..].iter().find(|&&c| !closes(c));
            // "Directly before" is read as touching: in `(J). Then` the full stop ends the sentence.
            let excused = c == '.' && (after.starts_with(char::is_lowercase) || (i == 0 && abbreviation));
            rest.is_some_and(|c| c.is_whitespace()) && !excused
        }
        _ => false,
    })
}

fn closes(c: char) -> bool {
    let category = CodePointMapData::<Category>::new().get(c);
    matches!(c, '"' | '\'') || matches!(category, Category::ClosePunctuation | Category::FinalPunctuation)
}

/// The bare form of letters, digits, marks and wildcards.
pub fn bare(letters: &str) -> String {
    let folded = fold_case(&nfkc(letters));
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&folded).into_owned();
    let unmarked: String = decomposed.chars().filter(|&c| !is_removed(c)).collect();
    let mut bare = String::new();
    for c in ComposingNormalizerBorrowed::new_nfc().normalize(&unmarked).chars() {
        match c {
            'ə' => bare.push('e'),
            'ı' => bare.push('i'),
            'ø' => bare.push('o'),
            'ł' => bare.push('l'),
            'đ' | 'ð' => bare.push('d'),
            'ħ' => bare.push('h'),
            'ŧ' => bare.push('t'),
            'æ' => bare.push_str("ae"),
            'œ' => bare.push_str("oe"),
            'þ' => bare.push_str("th"),
            c => bare.push(c),
        }
    }
    bare
}

fn is_removed(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05C7}' | '\u{0610}'..='\u{061A}'
        | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06ED}' | '\u{0640}')
}

/// NFKC.
pub fn nfkc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text).into_owned()
}

/// Full case folding.
pub fn fold_case(text: &str) -> String {
    CaseMapper::new().fold_string(text).into_owned()
}

/// The stem of a folded word in bare form; None where Snowball has no stemmer for the language.
pub fn stem(folded: &str, language: &str) -> Option<String> {
    let stemmer = Stemmer::create(algorithm(&primary(language))?);
    Some(bare(&stemmer.stem(folded)))
}

/// The first part of a language tag, in lower case.
pub fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// The stemmers by two-letter code; the page maps no other codes (nb, nor, ...) to a language.
fn algorithm(language: &str) -> Option<Algorithm> {
    Some(match language {
        "ar" => Algorithm::Arabic,
        "ca" => Algorithm::Catalan,
        "cs" => Algorithm::Czech,
        "da" => Algorithm::Danish,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "en" => Algorithm::English,
        "eo" => Algorithm::Esperanto,
        "es" => Algorithm::Spanish,
        "et" => Algorithm::Estonian,
        "eu" => Algorithm::Basque,
        "fa" => Algorithm::Persian,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "ga" => Algorithm::Irish,
        "hi" => Algorithm::Hindi,
        "hu" => Algorithm::Hungarian,
        "hy" => Algorithm::Armenian,
        "id" => Algorithm::Indonesian,
        "it" => Algorithm::Italian,
        "lt" => Algorithm::Lithuanian,
        "ne" => Algorithm::Nepali,
        "nl" => Algorithm::Dutch,
        "no" => Algorithm::Norwegian,
        "pl" => Algorithm::Polish,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "sr" => Algorithm::Serbian,
        "st" => Algorithm::Sesotho,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        "uk" => Algorithm::Ukrainian,
        "yi" => Algorithm::Yiddish,
        _ => return None,
    })
}
