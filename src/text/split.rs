//! Where does a word begin and end?

use super::Span;
use super::blocks::{BLOCK, Kinds, blocks};
use super::class::{Class, class};
use super::edges::Edges;
use super::forms::is_bare_char;
use super::pages::Pages;

/// The words of a text, in order.
pub fn words(text: &str) -> impl Iterator<Item = Span> + '_ {
    Split::<false>::new(text)
}

/// The bytes of a Han letter.
const HAN: usize = 3;

/// Writes the words of a text to `spans` from one on, over what is there, and tells where they end. Appends to `odd` the index of each
/// word whose bare form is more than its letters with those of ASCII in lower case, and tells whether the others hold more than ASCII.
///
/// Finds the same words as [`words`]. Where all bytes either separate or are plain, the edges between the two are the
/// words; only at other bytes, and where an acronym may begin, the characters are looked at one by one.
pub(crate) fn split_into(
    text: &str,
    spans: &mut Vec<Span>,
    from: usize,
    odd: &mut Vec<u32>,
) -> (usize, bool) {
    let mut split = Split::<false>::new(text);
    let bytes = split.text.as_bytes();
    let mut wide = false;
    let mut edges = Edges::new(spans, from, bytes.len());
    // Whether the word whose end is still ahead may hold letters of two bytes.
    let mut open_odd = false;
    // The Han letters of the block before whose end is not in it.
    let mut open_han = 0;
    for (number, mut kinds) in blocks(bytes).enumerate() {
        let base = number * BLOCK;
        let has_letters = kinds.letters != 0;
        // The word before may reach into this block.
        kinds = kinds.from(split.at.saturating_sub(base));
        if kinds.other != 0 {
            kinds = kinds.settle(bytes, base);
        }
        loop {
            let Kinds { plain, letters, han, other, stops } = kinds;
            let word = plain | letters;
            if !edges.is_open() {
                open_han = 0;
            }
            let back = word << 1 | u64::from(edges.is_open() && open_han == 0);
            let han_ends = han << HAN | open_han;
            let (starts, ends) = (word & !back | han, !word & back | han_ends);
            // A letter alone before a full stop may begin an acronym; behind the last byte there is no look.
            let alone = starts & plain & !(word >> 1) & (stops >> 1 | 1 << (BLOCK - 1));
            let alone_wide = starts & letters & !(word >> 2) & (stops >> 2 | 3 << (BLOCK - 2));
            let unsure = other | alone | alone_wide;
            let sure = (unsure & unsure.wrapping_neg()).wrapping_sub(1);
            let flat = edges.count();
            let whole = han & (han_ends & sure) >> HAN;
            if word == 0 && whole != 0 {
                // Han letters, one of which may have begun before and another end behind.
                edges.close(ends & sure & !(whole << HAN), base as u32);
                edges.add_even(whole, HAN as u32, base as u32);
                edges.open(han & sure & !whole, base as u32);
            } else {
                edges.add(starts & sure, ends & sure, base as u32);
            }
            wide |= han_ends & sure != 0;
            if has_letters || open_odd {
                for (number, span) in (flat as u32..).zip(edges.words_from(flat)) {
                    let is_odd = match (span.start as usize).checked_sub(base) {
                        Some(start) => letters >> start << start << (base + BLOCK - span.end as usize) != 0,
                        None => open_han == 0 && !span.of(text).is_ascii(),
                    };
                    if is_odd {
                        odd.push(number);
                    }
                }
            }
            if unsure == 0 {
                break;
            }
            let unsure = base + unsure.trailing_zeros() as usize;
            split.at = edges.reopen().map_or(unsure, |start| start as usize);
            let free = split.at == unsure;
            if free && split.pass() {
                // Most signs.
            } else if free && split.unspaced(&mut edges) {
                wide = true;
            } else if let Some(word) = split.step(unsure) {
                wide |= word.wide;
                edges.push(word.span);
                if word.odd {
                    odd.push(edges.count() as u32 - 1);
                }
            }
            kinds = kinds.from(split.at.saturating_sub(base));
        }
        open_odd = edges.is_open() && (has_letters || open_odd);
        open_han = kinds.han >> (BLOCK - HAN);
    }
    if let Some(start) = edges.reopen() {
        let span = Span { start, end: bytes.len() as u32 };
        if open_han != 0 {
            wide = true;
        } else if open_odd && !span.of(text).is_ascii() {
            odd.push(edges.count() as u32);
        }
        edges.push(span);
    }
    (edges.count(), wide)
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

/// What splitting needs to know of a character.
#[derive(Clone, Copy)]
struct Character {
    class: Class,
    /// It stands unchanged in the bare form of its word.
    bare: bool,
}

static CHARACTERS: Pages<Character> = Pages::new(|c| Character { class: class(c), bare: is_bare_char(c) });

/// The one splitter of texts and, with `PATTERN`, of terms.
#[derive(Clone, Debug)]
struct Split<'t, const PATTERN: bool> {
    text: &'t str,
    at: usize,
}

/// A word of a text.
struct Word {
    span: Span,
    /// Its bare form is more than its letters with those of ASCII in lower case.
    odd: bool,
    /// It is not odd, and holds more than ASCII.
    wide: bool,
}

/// A run of letters, digits and their marks.
#[derive(Clone, Copy)]
struct Run {
    end: usize,
    /// It is one letter of a script with spaces, which may be part of an acronym.
    single: bool,
    /// All its characters stand unchanged in the bare form, but for the case of ASCII.
    bare: bool,
    /// An apostrophe or a transparent character follows, or it ends with one.
    unsure: bool,
}

impl<'t, const PATTERN: bool> Split<'t, PATTERN> {
    fn new(text: &'t str) -> Self {
        // Offsets are 32 bits wide; no caller lets a longer text come this far.
        let text = if u32::try_from(text.len()).is_ok() { text } else { "" };
        Split { text, at: 0 }
    }

    /// The character at `at` and its length.
    #[inline]
    fn peek(&self, at: usize) -> Option<(Character, usize)> {
        let c = self.text.get(at..)?.chars().next()?;
        Some((Self::character(c), c.len_utf8()))
    }

    #[inline]
    fn character(c: char) -> Character {
        match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => Character { class: Self::ascii_class(byte), bare: true },
            _ => CHARACTERS.get(c),
        }
    }

    /// The class of the character at `at`.
    fn class(&self, at: usize) -> Option<Class> {
        self.peek(at).map(|(character, _)| character.class)
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
        while let Some((Character { class: Class::Transparent, .. }, length)) = self.peek(at) {
            at += length;
        }
        at
    }

    /// The run that begins at `start`, if a word can begin there.
    fn run(&self, start: usize) -> Option<Run> {
        let (first, length) = self.peek(start)?;
        if !first.class.begins_word() {
            return None;
        }
        let single =
            first.class == Class::Letter && !(PATTERN && matches!(self.text.as_bytes()[start], b'*' | b'?'));
        let begun = Run { end: start + length, single, bare: first.bare, unsure: false };
        Some(self.run_on(begun, first.class))
    }

    /// The whole of a run that began with a character of this class.
    #[inline]
    fn run_on(&self, mut run: Run, first: Class) -> Run {
        let mut rest = self.text[run.end..].chars();
        let mut at = run.end;
        while let Some(c) = rest.next() {
            let character = Self::character(c);
            let here = at;
            at = self.text.len() - rest.as_str().len();
            match character.class {
                Class::Letter | Class::Digit if first != Class::Unspaced => run.single = false,
                Class::Mark => {}
                Class::Transparent => {
                    run.unsure = true;
                    continue;
                }
                class => {
                    run.unsure |= class == Class::Apostrophe;
                    break;
                }
            }
            run.bare &= character.bare & (here == run.end);
            run.end = at;
        }
        run
    }

    /// Passes the character here if no word can begin with it.
    fn pass(&mut self) -> bool {
        match self.peek(self.at) {
            Some((character, length)) if !character.class.begins_word() => {
                self.at += length;
                true
            }
            _ => false,
        }
    }

    /// The word that begins here, or none if a character that begins none is here, which is passed. Up to `known` there
    /// are ASCII letters and digits and letters of two bytes, or one Han letter.
    fn step(&mut self, known: usize) -> Option<Word> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let one = match bytes.get(start) {
            Some(..0x80) => 1,
            Some(..0xE0) => 2,
            _ => HAN,
        };
        let run = if known > start + one {
            let bare = bytes[start..known].is_ascii();
            Some(self.run_on(Run { end: known, single: false, bare, unsure: false }, Class::Letter))
        } else {
            self.run(start)
        };
        let Some(Run { mut end, single, bare, unsure }) = run else {
            self.pass();
            return None;
        };
        let mut acronym = false;
        if single {
            let last = self.acronym(end);
            acronym = last > end;
            end = last;
        }
        self.at = if acronym || unsure { self.past_possessive(end, acronym) } else { end };
        let odd = acronym || !bare;
        let wide = !odd && !bytes[start..end].is_ascii();
        Some(Word { span: Span { start: start as u32, end: end as u32 }, odd, wide })
    }

    /// Appends the letters of unspaced scripts that stand here one behind the other, each of which is a word as it stands;
    /// tells whether there are any.
    fn unspaced(&mut self, edges: &mut Edges<'_>) -> bool {
        let before = edges.count();
        let mut at = self.at;
        // The last letter, which is a word if nothing follows that belongs to it.
        let mut last = None;
        loop {
            let next = self.peek(at);
            if let Some((Character { class: Class::Apostrophe | Class::Mark | Class::Transparent, .. }, _)) =
                next
            {
                self.at = last.unwrap_or(at);
                break;
            }
            if let Some(start) = last.take() {
                edges.push(Span { start: start as u32, end: at as u32 });
            }
            match next {
                Some((Character { class: Class::Unspaced, bare: true }, length)) => {
                    last = Some(at);
                    at += length;
                }
                Some((Character { class: Class::Separator, .. }, length)) if edges.count() > before => {
                    at += length
                }
                _ => {
                    self.at = at;
                    break;
                }
            }
        }
        edges.count() > before
    }

    /// The end of the acronym whose first letter ends at `end`, or `end` if it is none.
    fn acronym(&self, mut end: usize) -> usize {
        loop {
            let stop = self.past_transparent(end);
            if self.text.as_bytes().get(stop) != Some(&b'.') {
                return end;
            }
            match self.run(self.past_transparent(stop + 1)) {
                Some(Run { end: next, single: true, .. }) => end = next,
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
        let Some((Character { class: Class::Apostrophe, .. }, length)) = self.peek(at) else { return end };
        at = self.past_transparent(at + length);
        if !matches!(self.text.as_bytes().get(at), Some(b's' | b'S')) {
            return end;
        }
        let after = at + 1;
        match self.class(self.past_transparent(after)) {
            Some(Class::Letter | Class::Digit | Class::Mark) => end,
            _ => after,
        }
    }
}

impl<const PATTERN: bool> Iterator for Split<'_, PATTERN> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while self.at < self.text.len() {
            if let Some(word) = self.step(self.at) {
                return Some(word.span);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::bare;

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
            let (end, _) = split_into(text, &mut spans, 0, &mut Vec::new());
            assert_eq!(spans[..end], by_char, "{text}");
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
            "Ф",
            "ğ",
            "×",
            "Zəngəzur",
            "a long way from here to the end of this block of bytes and then some more",
            "_",
            "“",
            "\u{200B}",
            "s",
            "S",
            "'",
            "`",
            "«",
            "…",
            "\u{A0}",
            "\u{2028}",
            "‘s",
            "一带一路",
            "一带一路国际合作高峰论坛在北京举行习近平",
            "，",
            "。",
            "（",
            "々",
            "か",
            "\u{4DB5}",
        ];
        let mut random = fastrand::Rng::with_seed(5);
        let mut left_over = Vec::new();
        for _ in 0..60_000 {
            let text: String =
                (0..random.usize(..40)).map(|_| pieces[random.usize(..pieces.len())]).collect();
            let mut odd = Vec::new();
            let (end, wide) = split_into(&text, &mut left_over, 0, &mut odd);
            let spans = &left_over[..end];
            assert_eq!(spans, words(&text).collect::<Vec<_>>(), "{text:?}");
            let is_odd = |span: &Span| span.of(&text).to_ascii_lowercase() != bare(span.of(&text));
            let all_odd: Vec<u32> =
                (0..).zip(spans).filter(|(_, span)| is_odd(span)).map(|(i, _)| i).collect();
            assert!(all_odd.iter().all(|i| odd.contains(i)), "{text:?}");
            let is_wide = |(i, span): (u32, &Span)| !odd.contains(&i) && !span.of(&text).is_ascii();
            assert_eq!(wide, (0..).zip(spans).any(is_wide), "{text:?}");
            assert!(
                odd.iter().all(|&i| !spans[i as usize].of(&text).bytes().all(|b| b.is_ascii_alphanumeric()))
            );
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
