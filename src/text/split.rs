//! Where does a word begin and end?

use super::Span;
use super::blocks::Blocks;
use super::class::{Class, class};

/// The words of a text, in order.
#[must_use]
pub fn words(text: &str) -> Words<'_> {
    let split = Split::new(text);
    Words { blocks: Blocks::new(split.text), split }
}

/// Iterator over the places of the words of a text: see [`words`].
#[derive(Clone, Debug)]
pub struct Words<'t> {
    split: Split<'t, false>,
    blocks: Blocks<'t>,
}

impl Words<'_> {
    /// The next word, and whether it holds only ASCII letters and digits. Most words do, between characters that only
    /// separate: these are found as bits, all others by looking at each character.
    #[inline(always)]
    pub(crate) fn next_plain(&mut self) -> Option<(Span, bool)> {
        loop {
            let (start, plain) = self.blocks.next_start(self.split.at)?;
            if plain {
                let (end, other) = self.blocks.next_end(start);
                // An acronym may begin here.
                let stop = end - start == 1 && self.split.text.as_bytes().get(end) == Some(&b'.');
                if !other && !stop {
                    self.split.at = end;
                    return Some((Span { start: start as u32, end: end as u32 }, true));
                }
            } else if let Some((c, Class::Separator | Class::Apostrophe | Class::Mark | Class::Transparent)) =
                self.split.peek(start)
            {
                self.split.at = start + c.len_utf8();
                continue;
            }
            self.split.at = start;
            let span = self.split.next()?;
            return Some((span, span.of(self.split.text).bytes().all(|b| b.is_ascii_alphanumeric())));
        }
    }
}

impl Iterator for Words<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        Some(self.next_plain()?.0)
    }
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
        let mut end = start + first.len_utf8();
        let mut single = kind == Class::Letter && !(PATTERN && matches!(first, '*' | '?'));
        let mut at = end;
        while let Some((c, next)) = self.peek(at) {
            match next {
                Class::Letter | Class::Digit if kind != Class::Unspaced => single = false,
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
        Some(Run { end, single })
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
        loop {
            let start = self.at;
            let Some(Run { mut end, single }) = self.run(start) else {
                self.at += self.peek(start)?.0.len_utf8();
                continue;
            };
            let mut acronym = false;
            if single {
                let last = self.acronym(end);
                acronym = last > end;
                end = last;
            }
            self.at = self.past_possessive(end, acronym);
            return Some(Span { start: start as u32, end: end as u32 });
        }
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
            let found: Vec<&str> = words(text).map(|span| span.of(text)).collect();
            assert_eq!(found.join("|"), expected, "{text}");
            let by_char: Vec<Span> = Split::<false>::new(text).collect();
            assert_eq!(words(text).collect::<Vec<_>>(), by_char, "{text}");
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
