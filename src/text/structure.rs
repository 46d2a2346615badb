//! Where do sentences, paragraphs and the lead end?

use super::Span;
use super::class::{Class, class};
use icu_properties::props::{EnumeratedProperty, GeneralCategory};

/// The lead is cut after this many words.
pub const LEAD_WORDS: usize = 60;

/// What ends between two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Break {
    /// Nothing.
    None,
    /// A sentence.
    Sentence,
    /// A paragraph, and with it a sentence.
    Paragraph,
}

/// What ends between two neighbouring words of a text.
#[must_use]
pub fn break_between(text: &str, before: Span, after: Span) -> Break {
    let gap = Span { start: before.end, end: after.start }.of(text);
    if matches!(gap, " " | "" | ", ") {
        return Break::None;
    }
    let mut sentence = false;
    // A terminator and its closing quotes and brackets were just read; whether it is a full stop, and whether an
    // abbreviation can stand directly before it.
    let mut terminator: Option<(bool, bool)> = None;
    let mut touches = true;
    // A line break was just read, and only white space since.
    let mut line = false;
    let mut chars = gap.chars().filter(|&c| class(c) != Class::Transparent).peekable();
    while let Some(c) = chars.next() {
        let is_line = match c {
            '\u{2029}' => return Break::Paragraph,
            '\r' => {
                chars.next_if_eq(&'\n');
                true
            }
            '\n' | '\u{2028}' => true,
            _ => false,
        };
        if is_line && line {
            return Break::Paragraph;
        }
        line = is_line || line && c.is_whitespace();
        match c {
            '。' | '！' | '？' | '｡' => sentence = true,
            '.' => terminator = Some((true, touches)),
            '!' | '?' | '…' | '؟' | '۔' | '।' => terminator = Some((false, false)),
            _ if is_closing(c) => {}
            _ if c.is_whitespace() => {
                sentence |= match terminator {
                    Some((true, touches)) => {
                        !(starts_in_lower_case(text, after) || touches && is_abbreviation(text, before))
                    }
                    Some((false, _)) => true,
                    None => false,
                };
                terminator = None;
            }
            _ => terminator = None,
        }
        touches = false;
    }
    if sentence { Break::Sentence } else { Break::None }
}

fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'')
        || matches!(
            GeneralCategory::for_char(c),
            GeneralCategory::ClosePunctuation | GeneralCategory::FinalPunctuation
        )
}

fn starts_in_lower_case(text: &str, word: Span) -> bool {
    word.of(text).chars().next().is_some_and(char::is_lowercase)
}

/// Whether a full stop directly after this word does not end a sentence.
fn is_abbreviation(text: &str, before: Span) -> bool {
    const TITLES: [&str; 13] =
        ["Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Gen", "Col", "Sen", "Rep", "Gov", "No", "vs"];
    let before = before.of(text);
    let is_acronym = before.contains('.');
    let mut letters = before.chars().filter(|&c| !matches!(class(c), Class::Mark | Class::Transparent));
    let is_letter = letters.next().is_some_and(|c| class(c) == Class::Letter) && letters.next().is_none();
    is_acronym || is_letter || TITLES.contains(&before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words;

    #[test]
    fn breaks() {
        use Break::{None, Paragraph, Sentence};
        for (text, expected) in [
            ("one. Two", Sentence),
            ("one.Two", None),
            ("one. two", None),
            ("one! two", Sentence),
            ("one?\" Two", Sentence),
            ("one.) Two", Sentence),
            ("one ... Two", Sentence),
            ("Mr... Two", Sentence),
            ("J). Two", Sentence),
            ("J. Smith", None),
            ("U.S. Army", None),
            ("Mr. Smith", None),
            ("no. We", Sentence),
            ("U.S.! Army", Sentence),
            ("一。二", Sentence),
            ("中. 二", Sentence),
            ("one\ntwo", None),
            ("one\n \ttwo", None),
            ("one\n \n two", Paragraph),
            ("one\r\ntwo", None),
            ("one\r\n\r\ntwo", Paragraph),
            ("one\u{2028}\u{2028}two", Paragraph),
            ("one\u{2029}two", Paragraph),
            ("one\n-\ntwo", None),
            ("one\n\u{200B}\ntwo", Paragraph),
            ("one.\u{200B} Two", Sentence),
            ("Iran's. Two", Sentence),
        ] {
            let spans: Vec<Span> = words(text).collect();
            assert_eq!(break_between(text, spans[0], spans[1]), expected, "{text:?}");
        }
    }
}
