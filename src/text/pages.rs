//! A value for each character, looked up once: by page of 256 characters, when the page is first asked for.

use std::array;
use std::sync::OnceLock;

/// Values of the characters of the Basic Multilingual Plane; others are computed each time.
pub(super) struct Pages<T> {
    compute: fn(char) -> T,
    pages: [OnceLock<Box<[T; 256]>>; 256],
}

impl<T: Copy> Pages<T> {
    pub(super) const fn new(compute: fn(char) -> T) -> Pages<T> {
        Pages { compute, pages: [const { OnceLock::new() }; 256] }
    }

    pub(super) fn get(&self, c: char) -> T {
        let code = c as usize;
        let Some(page) = self.pages.get(code >> 8) else { return (self.compute)(c) };
        let value = |low: usize| {
            let c = char::from_u32((code & !0xFF | low) as u32);
            (self.compute)(c.unwrap_or(char::REPLACEMENT_CHARACTER))
        };
        page.get_or_init(|| Box::new(array::from_fn(value)))[code & 0xFF]
    }
}
