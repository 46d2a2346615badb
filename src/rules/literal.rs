//! Where do the characters of a string stand in its file? Maps a string's value back through quotes and escapes.

/// The way from a string's value back to its file.
pub(super) struct Literal {
    /// Offsets in the value and in the file at which a stretch without escapes begins.
    stretches: Vec<(usize, usize)>,
}

impl Literal {
    /// Of the string that is written as `raw`, quotes included, from `start` of the file on.
    pub(super) fn new(raw: &str, start: usize) -> Literal {
        let (quotes, escapes) = match raw.get(..3) {
            Some("\"\"\"") => (3, true),
            Some("'''") => (3, false),
            _ => (1, raw.starts_with('"')),
        };
        let mut at = quotes;
        if quotes == 3 {
            let rest = raw.get(at..).unwrap_or("");
            at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        }
        let mut literal = Literal { stretches: vec![(0, start + at)] };
        let mut value = 0;
        loop {
            let rest = raw.get(at..).filter(|_| escapes).unwrap_or("");
            let Some(plain) = rest.find('\\') else { return literal };
            value += plain;
            at += plain;
            let (written, meant) = escape(rest.get(plain..).unwrap_or(""));
            literal.stretches.push((value, start + at));
            value += meant;
            at += written;
            literal.stretches.push((value, start + at));
        }
    }

    /// The place in the file of an offset in the value.
    pub(super) fn at(&self, offset: usize) -> usize {
        let after = self.stretches.partition_point(|(value, _)| *value <= offset);
        let (value, file) = self.stretches.get(after.saturating_sub(1)).copied().unwrap_or_default();
        file + offset.saturating_sub(value)
    }
}

/// How many bytes an escape takes in the file, and how many in the value.
fn escape(text: &str) -> (usize, usize) {
    let mut chars = text.chars().skip(1);
    let digits = match chars.next() {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some(' ' | '\t' | '\r' | '\n') => {
            let rest = text.get(1..).unwrap_or("");
            return (1 + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len(), 0);
        }
        _ => return (text.len().min(2), 1),
    };
    let code = text.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (2 + digits, code.and_then(char::from_u32).map_or(3, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_found_again() {
        for raw in [
            "'plain'",
            r#""plain""#,
            "'''\na\n b'''",
            "\"\"\"\r\na\\tb\\u00e9\\\"z\\U0001F600 \\x41!\"\"\"",
            "\"\"\"a \\\n   b \\  \n\n c\"\"\"",
            r#""\\\"x\\""#,
            "'Zəng \\ x'",
        ] {
            let text = format!("k = {raw}");
            let table = toml::de::DeTable::parse(&text).expect("sound");
            let value = table.get_ref().get("k").expect("there");
            let decoded = value.get_ref().as_str().expect("a string");
            let literal = Literal::new(raw, 4);
            for (offset, c) in decoded.char_indices() {
                let found = &text[literal.at(offset)..];
                assert!(found.starts_with(c) || found.starts_with('\\'), "{raw}: {c} at {found}");
            }
            assert!(text.is_char_boundary(literal.at(decoded.len())));
        }
    }
}
