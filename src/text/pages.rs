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
        match self.pages[code >> 8].get() {
            Some(page) => page[code & 0xFF],
            None => self.fill(code >> 8)[code & 0xFF],
        }
    }

    #[cold]
    fn fill(&self, page: usize) -> &[T; 256] {
        let value = |low: usize| {
            let c = char::from_u32((page << 8 | low) as u32);
            (self.compute)(c.unwrap_or(char::REPLACEMENT_CHARACTER))
        };
        self.pages[page].get_or_init(|| Box::new(array::from_fn(value)))
    }
}
