//! A value for each character, looked up once: by page of 256 characters, when the page is first asked for.

use std::array;
use std::sync::OnceLock;

/// All of Unicode.
const PAGES: usize = 0x11_0000 / 256;

/// Values of characters.
pub(super) struct Pages<T> {
    compute: fn(char) -> T,
    pages: [OnceLock<Box<[T; 256]>>; PAGES],
}

impl<T: Copy> Pages<T> {
    pub(super) const fn new(compute: fn(char) -> T) -> Pages<T> {
        Pages { compute, pages: [const { OnceLock::new() }; PAGES] }
    }

    #[inline]
    pub(super) fn get(&self, c: char) -> T {
        let code = c as usize;
        let page = &self.pages[code >> 8];
        let value = |low: usize| {
            let c = char::from_u32((code & !0xFF | low) as u32);
            (self.compute)(c.unwrap_or(char::REPLACEMENT_CHARACTER))
        };
        page.get_or_init(|| Box::new(array::from_fn(value)))[code & 0xFF]
    }
}
