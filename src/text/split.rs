//! Where does a word begin and end?

use super::Span;
use super::blocks::{BLOCK, Kinds, blocks};
use super::class::{Class, class};

/// The words of a text, in order.
pub fn words(text: &str) -> impl Iterator<Item = Span> + '_ {
    Split::<false>::new(text)
}

/// Appends the words of a text to `spans`, and to `odd` the index of each that holds more than ASCII letters and digits.
///
/// Finds the same words as [`words`]. Where all bytes either separate or are plain, the edges between the two are the
/// words; only at other bytes, and where an acronym may begin, the characters are looked at one by one.
pub(crate) fn split_into(text: &str, spans: &mut Vec<Span>, odd: &mut Vec<u32>) {
    let mut split = Split::<false>::new(text);
    let bytes = split.text.as_bytes();
    // The start of a word whose end is still ahead.
    let mut open = None;
    for (number, mut kinds) in blocks(bytes).enumerate() {
        let base = number * BLOCK;
        let first = |bits: u64| (base + bits.trailing_zeros() as usize) as u32;
        // The word before may reach into this block.
        kinds = kinds.from(split.at.saturating_sub(base));
        loop {
            let Kinds { plain, other } = kinds;
            let before = plain << 1 | u64::from(open.is_some());
            let (mut starts, mut ends) = (plain & !before, !plain & before);
            let unsure = other | acronyms(starts & !(plain >> 1), &bytes[base..]);
            let sure = (unsure & unsure.wrapping_neg()).wrapping_sub(1);
            starts &= sure;
            ends &= sure;
            if ends != 0
                && let Some(start) = open.take()
            {
                spans.push(Span { start, end: first(ends) });
                ends &= ends - 1;
            }
            while ends != 0 {
                spans.push(Span { start: first(starts), end: first(ends) });
                starts &= starts - 1;
                ends &= ends - 1;
            }
            if starts != 0 {
                open = Some(first(starts));
            }
            if unsure == 0 {
                break;
            }
            let unsure = base + unsure.trailing_zeros() as usize;
            split.at = open.take().map_or(unsure, |start| start as usize);
            if let Some(span) = split.step(unsure) {
                if !span.of(text).bytes().all(|b| b.is_ascii_alphanumeric()) {
                    odd.push(spans.len() as u32);
                }
                spans.push(span);
            }
            kinds = kinds.from(split.at.saturating_sub(base));
        }
    }
    if let Some(start) = open {
        spans.push(Span { start, end: bytes.len() as u32 });
    }
}

/// Those of some letters that stand alone, by their places in a block, behind which a full stop makes them the possible
/// begin of an acronym; behind the last byte of a block there is no look.
fn acronyms(mut alone: u64, block: &[u8]) -> u64 {
    let mut acronyms = 0;
    while alone != 0 {
        let at = alone.trailing_zeros() as usize;
        if at == BLOCK - 1 || block.get(at + 1) == Some(&b'.') {
            acronyms |= 1 << at;
        }
        alone &= alone - 1;
    }
    acronyms
}

/// A word of a query or term, in which `*` and `?` are letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternWord {
    /// Its place in the text that was split.
    pub span: Span,
    /// The word without transparent characters and without the stops of an acronym.
    pub word: String,
    /// It is, or stands directly beside, a letter of an unspaced script.
    pub unspaced: bool,
}

/// Splits a term as a text is split, but with `*` and `?` as letters.
#[must_use]
pub fn pattern_words(term: &str) -> Vec<PatternWord> {
    let is_unspaced = |c: &char| class(*c) == Class::Unspaced;
    let is_visible = |c: &char| class(*c) != Class::Transparent;
    Split::<true>::new(term)
        .map(|span| {
            let (start, end) = (span.start as usize, span.end as usize);
            let beside = [term[..start].chars().rev().find(is_visible), term[end..].chars().find(is_visible)];
            let word = &term[start..end];
            PatternWord {
                span,
                word: word.chars().filter(|c| *c != '.' && is_visible(c)).collect(),
                unspaced: word.chars().chain(beside.into_iter().flatten()).any(|c| is_unspaced(&c)),
            }
        })
        .collect()
}

/// The one splitter of texts and, with `PATTERN`, of terms.
#[derive(Clone, Debug)]
struct Split<'t, const PATTERN: bool> {
    text: &'t str,
    at: usize,
}

/// A run of letters, digits and their marks.
struct Run {
    end: usize,
    /// It is one letter of a script with spaces, which may be part of an acronym.
    single: bool,
}

impl<'t, const PATTERN: bool> Split<'t, PATTERN> {
    fn new(text: &'t str) -> Self {
        // Offsets are 32 bits wide; no caller lets a longer text come this far.
        let text = if u32::try_from(text.len()).is_ok() { text } else { "" };
        Split { text, at: 0 }
    }

    /// The character at `at` and its class.
    fn peek(&self, at: usize) -> Option<(char, Class)> {
        let byte = *self.text.as_bytes().get(at)?;
        if byte.is_ascii() {
            let c = byte as char;
            return Some((c, Self::ascii_class(byte)));
        }
        let c = self.text[at..].chars().next()?;
        Some((c, class(c)))
    }

    fn ascii_class(byte: u8) -> Class {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'\'' | b'`' => Class::Apostrophe,
            b'*' | b'?' if PATTERN => Class::Letter,
            _ => Class::Separator,
        }
    }

    /// The first place from `at` on that is not a transparent character.
    fn past_transparent(&self, mut at: usize) -> usize {
        while let Some((c, Class::Transparent)) = self.peek(at) {
            at += c.len_utf8();
        }
        at
    }

    /// The run that begins at `start`, if a word can begin there.
    fn run(&self, start: usize) -> Option<Run> {
        let (first, kind) = self.peek(start)?;
        if !matches!(kind, Class::Letter | Class::Digit | Class::Unspaced) {
            return None;
        }
        let first_end = start + first.len_utf8();
        let (end, more) = self.run_end(first_end, kind);
        let single = kind == Class::Letter && !more && !(PATTERN && matches!(first, '*' | '?'));
        Some(Run { end, single })
    }

    /// Where a run ends that goes on at `at` and began with a character of this class, and whether letters or digits
    /// follow there.
    fn run_end(&self, mut at: usize, kind: Class) -> (usize, bool) {
        let mut end = at;
        let mut more = false;
        while let Some((c, next)) = self.peek(at) {
            match next {
                Class::Letter | Class::Digit if kind != Class::Unspaced => more = true,
                Class::Mark => {}
                Class::Transparent => {
                    at += c.len_utf8();
                    continue;
                }
                _ => break,
            }
            at += c.len_utf8();
            end = at;
        }
        (end, more)
    }

    /// The word that begins here, or none if a character that begins none is here, which is passed. Up to `known` there
    /// are ASCII letters and digits.
    fn step(&mut self, known: usize) -> Option<Span> {
        let start = self.at;
        let run = if known > start + 1 {
            Some(Run { end: self.run_end(known, Class::Letter).0, single: false })
        } else {
            self.run(start)
        };
        let Some(Run { mut end, single }) = run else {
            self.at += self.peek(start).map_or(1, |(c, _)| c.len_utf8());
            return None;
        };
        let mut acronym = false;
        if single {
            let last = self.acronym(end);
            acronym = last > end;
            end = last;
        }
        self.at = self.past_possessive(end, acronym);
        Some(Span { start: start as u32, end: end as u32 })
    }

    /// The end of the acronym whose first letter ends at `end`, or `end` if it is none.
    fn acronym(&self, mut end: usize) -> usize {
        loop {
            let stop = self.past_transparent(end);
            if self.text.as_bytes().get(stop) != Some(&b'.') {
                return end;
            }
            match self.run(self.past_transparent(stop + 1)) {
                Some(Run { end: next, single: true }) => end = next,
                _ => return end,
            }
        }
    }

    /// Where splitting goes on after a word: past its possessive, if it has one.
    fn past_possessive(&self, end: usize, acronym: bool) -> usize {
        let mut at = self.past_transparent(end);
        if acronym && self.text.as_bytes().get(at) == Some(&b'.') {
            at = self.past_transparent(at + 1);
        }
        let Some((apostrophe, Class::Apostrophe)) = self.peek(at) else { return end };
        at = self.past_transparent(at + apostrophe.len_utf8());
        if !matches!(self.text.as_bytes().get(at), Some(b's' | b'S')) {
            return end;
        }
        let after = at + 1;
        match self.peek(self.past_transparent(after)) {
            Some((_, Class::Letter | Class::Digit | Class::Mark)) => end,
            _ => after,
        }
    }
}

impl<const PATTERN: bool> Iterator for Split<'_, PATTERN> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while self.at < self.text.len() {
            let word = self.step(self.at);
            if word.is_some() {
                return word;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, expected) in [
            ("l'Iran don't 1,000 40% $5bn", "l|Iran|don|t|1|000|40|5bn"),
            ("mfa.gov.az COVID-19 AT&T 1990s", "mfa|gov|az|COVID|19|AT|T|1990s"),
            ("the U.S. and U.S.A, Ф.И.О. J. F.", "the|U.S|and|U.S.A|Ф.И.О|J|F"),
            ("U.S.Army a.b", "U.S|Army|a.b"),
            ("Iran's Iran’s U.S.'s U.S’S don's.", "Iran|Iran|U.S|U.S|don"),
            ("Iran's's Iran'sx Iran's\u{301}", "Iran|s|Iran|sx|Iran|s\u{301}"),
            ("cor\u{AD}ridor\u{200B} x", "cor\u{AD}ridor|x"),
            ("G20峰会 一带", "G20|峰|会|一|带"),
            ("ｶﾞｽ ーx", "ｶﾞ|ｽ|ー|x"),
            ("한국의 snake_case 😀 km²", "한국의|snake|case|km"),
            ("e\u{301}t \u{301}x", "e\u{301}t|x"),
            ("", ""),
            ("U\u{AD}.\u{AD}S\u{AD}.'s x", "U\u{AD}.\u{AD}S|x"),
        ] {
            let by_char: Vec<Span> = words(text).collect();
            let found: Vec<&str> = by_char.iter().map(|span| span.of(text)).collect();
            assert_eq!(found.join("|"), expected, "{text}");
            let mut spans = Vec::new();
            split_into(text, &mut spans, &mut Vec::new());
            assert_eq!(spans, by_char, "{text}");
        }
    }

    #[test]
    fn bulk_finds_the_same_words() {
        let pieces = [
            "a",
            "U",
            ".",
            ".",
            " ",
            " ",
            ", ",
            "word",
            "Iran",
            "'s",
            "’s",
            "’",
            "é",
            "\u{301}",
            "\u{AD}",
            "峰",
            "9",
            "Россия",
            "a long way from here to the end of this block of bytes and then some more",
            "_",
            "“",
            "\u{200B}",
        ];
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let text: String =
                (0..random.usize(..40)).map(|_| pieces[random.usize(..pieces.len())]).collect();
            let (mut spans, mut odd) = (Vec::new(), Vec::new());
            split_into(&text, &mut spans, &mut odd);
            assert_eq!(spans, words(&text).collect::<Vec<_>>(), "{text:?}");
            let is_odd = |span: &Span| !span.of(&text).bytes().all(|b| b.is_ascii_alphanumeric());
            let all_odd: Vec<u32> =
                (0..).zip(&spans).filter(|(_, span)| is_odd(span)).map(|(i, _)| i).collect();
            assert_eq!(odd, all_odd, "{text:?}");
        }
    }

    #[test]
    fn patterns() {
        for (term, expected) in [
            ("rail* s?nction", "rail* s?nction"),
            ("U.S. l'Iran*", "US l Iran*"),
            ("Iran's* ~x", "Iran s* x"),
            ("中* 中", "中! *! 中!"),
        ] {
            let found: Vec<String> =
                pattern_words(term).into_iter().map(|w| w.word + if w.unspaced { "!" } else { "" }).collect();
            assert_eq!(found.join(" "), expected, "{term}");
        }
    }
}
