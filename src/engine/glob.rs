//! Does a word match a pattern with `*` and `?`?

/// A pattern in which `*` is any number of characters and `?` exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    /// What stands before, between and after the stars; a lone piece where there is no star.
    pieces: Vec<String>,
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Glob {
        let mut pieces: Vec<String> = Vec::new();
        let mut stars = pattern.split('*').peekable();
        while let Some(piece) = stars.next() {
            // Stars in a row are one.
            if piece.is_empty() && !pieces.is_empty() && stars.peek().is_some() {
                continue;
            }
            pieces.push(piece.to_owned());
        }
        Glob { pieces }
    }

    /// The longest run of plain characters, in bytes; empty where there is none.
    pub(super) fn longest_literal(&self) -> &str {
        self.pieces.iter().flat_map(|piece| piece.split('?')).max_by_key(|run| run.len()).unwrap_or("")
    }

    /// Whether the whole of `word` matches, in time linear in its length for each piece.
    pub(super) fn matches(&self, word: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.iter().all(|piece| strip(word, piece) == Some(""));
        };
        let Some(mut rest) = strip(word, first) else { return false };
        for piece in middle {
            match find(rest, piece) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        // The last piece has a fixed number of characters.
        let mut tail = rest.len();
        let mut chars = rest.char_indices().rev();
        for _ in last.chars() {
            match chars.next() {
                Some((at, _)) => tail = at,
                None => return false,
            }
        }
        strip(&rest[tail..], last) == Some("")
    }
}

/// What follows `piece` at the start of `word`.
fn strip<'w>(word: &'w str, piece: &str) -> Option<&'w str> {
    let mut chars = word.chars();
    for expected in piece.chars() {
        let c = chars.next()?;
        if expected != '?' && expected != c {
            return None;
        }
    }
    Some(chars.as_str())
}

/// What follows the first place of `piece` in `word`.
fn find<'w>(word: &'w str, piece: &str) -> Option<&'w str> {
    if !piece.contains('?') {
        return word.find(piece).map(|at| &word[at + piece.len()..]);
    }
    word.char_indices().find_map(|(at, _)| strip(&word[at..], piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, yes, no) in [
            ("rail*", vec!["rail", "railway"], vec!["rai", "monorail"]),
            ("*stan", vec!["stan", "kazakhstan"], vec!["stand"]),
            ("s?nction", vec!["sanction", "s\u{44f}nction"], vec!["snction", "saanction"]),
            ("a*b*c", vec!["abc", "axbxc", "abbcc"], vec!["acb", "ab", "xabc"]),
            ("a**b", vec!["ab", "axb"], vec!["a"]),
            ("*ab*", vec!["ab", "xaby"], vec!["ba"]),
            ("ab?*", vec!["abc", "abcd"], vec!["ab"]),
            ("*a?b*c?", vec!["axbcz", "aaabcz", "zzaxbzzcz"], vec!["abcz", "axbc"]),
            ("*a", vec!["a", "aa"], vec!["ab", ""]),
        ] {
            let glob = Glob::new(pattern);
            for word in yes {
                assert!(glob.matches(word), "{pattern} {word}");
            }
            for word in no {
                assert!(!glob.matches(word), "{pattern} {word}");
            }
        }
        assert_eq!(Glob::new("ab*cde?f").longest_literal(), "cde");
    }
}
