//! What part can a character play in a word?

use super::pages::Pages;
use icu_properties::props::{EnumeratedProperty, GeneralCategory, Script};

/// The part that a character plays in splitting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// Stands between words.
    Separator,
    /// An apostrophe: a separator that may begin a possessive.
    Apostrophe,
    /// A letter of a script with spaces.
    Letter,
    /// A digit or a letter-like number.
    Digit,
    /// Belongs to the letter before it.
    Mark,
    /// A letter that is a word of its own.
    Unspaced,
    /// As if not there.
    Transparent,
}

impl Class {
    pub(super) fn begins_word(self) -> bool {
        matches!(self, Class::Letter | Class::Digit | Class::Unspaced)
    }
}

static CLASSES: Pages<Class> = Pages::new(look_up);

/// The class of a character.
pub(super) fn class(c: char) -> Class {
    CLASSES.get(c)
}

fn look_up(c: char) -> Class {
    use GeneralCategory as G;
    match c {
        '\u{AD}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{FEFF}'
        | '\u{FE00}'..='\u{FE0F}' => return Class::Transparent,
        '\'' | '’' | '‘' | 'ʼ' | 'ʻ' | '`' | '´' | '＇' => return Class::Apostrophe,
        '々' | '〆' | '〇' | 'ー' | 'ｰ' => return Class::Unspaced,
        'ﾞ' | 'ﾟ' => return Class::Mark,
        _ => {}
    }
    match GeneralCategory::for_char(c) {
        G::UppercaseLetter | G::LowercaseLetter | G::TitlecaseLetter | G::ModifierLetter | G::OtherLetter => {
            match Script::for_char(c) {
                Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar => Class::Unspaced,
                _ => Class::Letter,
            }
        }
        G::DecimalNumber | G::LetterNumber => Class::Digit,
        G::NonspacingMark | G::SpacingMark | G::EnclosingMark => Class::Mark,
        _ => Class::Separator,
    }
}
