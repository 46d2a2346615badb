//! Bytes, units of UTF-16, code points.

use super::v1::OffsetUnit;

/// Turns byte offsets into `text` into offsets of another unit: one pass over the text, however many there are.
pub(super) fn convert(text: &str, unit: OffsetUnit, mut offsets: Vec<&mut u32>) {
    let length = match unit {
        OffsetUnit::Unspecified | OffsetUnit::Utf8Bytes => return,
        OffsetUnit::Utf16Units => utf16_units,
        OffsetUnit::CodePoints => code_points,
    };
    offsets.sort_unstable();
    let (mut byte, mut count) = (0, 0);
    for offset in offsets {
        let end = *offset as usize;
        count += text.as_bytes().get(byte..end).map_or(0, length);
        byte = end;
        *offset = u32::try_from(count).unwrap_or(u32::MAX);
    }
}

/// Every byte that continues no character starts one.
fn code_points(utf8: &[u8]) -> usize {
    utf8.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

/// Characters of four bytes take two units.
fn utf16_units(utf8: &[u8]) -> usize {
    code_points(utf8) + utf8.iter().filter(|&&byte| byte >= 0xF0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, unit: OffsetUnit, length: impl Fn(&str) -> usize) {
        let bytes: Vec<u32> = text.char_indices().map(|(i, _)| i as u32).chain([text.len() as u32]).collect();
        let mut offsets: Vec<u32> = bytes.iter().rev().chain(&bytes).copied().collect();
        let expected: Vec<u32> =
            offsets.iter().map(|&byte| length(text.get(..byte as usize).unwrap()) as u32).collect();
        convert(text, unit, offsets.iter_mut().collect());
        assert_eq!(offsets, expected, "{text:?} {unit:?}");
    }

    #[test]
    fn offsets_count_what_each_language_counts() {
        for text in ["", "Baku", "Zəngəzur dəhlizi", "Коридор 🚆 一带一路", "𝒳🚆é"] {
            check(text, OffsetUnit::Unspecified, str::len);
            check(text, OffsetUnit::Utf8Bytes, str::len);
            check(text, OffsetUnit::Utf16Units, |part| part.encode_utf16().count());
            check(text, OffsetUnit::CodePoints, |part| part.chars().count());
        }
    }
}
