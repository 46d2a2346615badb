//! Vectorscan as a peer: `\bterm\b` for each term, caseless, block mode, every match counted.
//!
//! The four calls that this takes are declared here; no well-kept crate links the system's library.

#![expect(unsafe_code, reason = "a C library")]

use std::error::Error;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::{null, null_mut};

const CASELESS: c_uint = 1;
const BLOCK: c_uint = 1;

/// A compiled database and the memory of one scan at a time.
pub(crate) struct Vectorscan {
    database: *mut c_void,
    scratch: *mut c_void,
}

#[repr(C)]
struct CompileError {
    message: *const c_char,
    expression: c_int,
}

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

#[link(name = "hs")]
unsafe extern "C" {
    fn hs_compile_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        elements: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut c_void,
        error: *mut *mut CompileError,
    ) -> c_int;
    fn hs_alloc_scratch(database: *const c_void, scratch: *mut *mut c_void) -> c_int;
    fn hs_scan(
        database: *const c_void,
        data: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut c_void,
        on_match: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    fn hs_free_compile_error(error: *mut CompileError) -> c_int;
    fn hs_free_scratch(scratch: *mut c_void) -> c_int;
    fn hs_free_database(database: *mut c_void) -> c_int;
}

impl Vectorscan {
    pub(crate) fn build(terms: &[String]) -> Result<Vectorscan, Box<dyn Error>> {
        let expressions: Vec<CString> =
            terms.iter().map(|term| expression(term)).collect::<Result<_, _>>()?;
        let pointers: Vec<*const c_char> = expressions.iter().map(|expression| expression.as_ptr()).collect();
        let elements = c_uint::try_from(terms.len())?;
        let flags = vec![CASELESS; terms.len()];
        // Matches of one id that end together count as one.
        let ids: Vec<c_uint> = (0..elements).collect();
        // Should anything fail from here on, what was made is dropped with this.
        let mut built = Vectorscan { database: null_mut(), scratch: null_mut() };
        let mut error = null_mut();
        // SAFETY: the arrays have as many elements as is said and outlive the call, as do the strings; the platform
        // may be null; the out pointers are valid.
        let compiled = unsafe {
            hs_compile_multi(
                pointers.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                elements,
                BLOCK,
                null(),
                &raw mut built.database,
                &raw mut error,
            )
        };
        if compiled != 0 {
            // SAFETY: a failed compilation sets the error, whose message is a string until it is freed, once.
            let message = unsafe {
                let message = CStr::from_ptr((*error).message).to_string_lossy().into_owned();
                hs_free_compile_error(error);
                message
            };
            return Err(message.into());
        }
        // SAFETY: the database was compiled; a null scratch asks for a new one.
        let allocated = unsafe { hs_alloc_scratch(built.database, &raw mut built.scratch) };
        if allocated == 0 { Ok(built) } else { Err(format!("no scratch: {allocated}").into()) }
    }

    /// How many terms stand in the texts.
    pub(crate) fn count(&mut self, texts: &[String]) -> usize {
        extern "C" fn count(
            _: c_uint,
            _: c_ulonglong,
            _: c_ulonglong,
            _: c_uint,
            context: *mut c_void,
        ) -> c_int {
            // SAFETY: the context is the counter below, which nobody else touches during the scan.
            unsafe { *context.cast::<usize>() += 1 };
            0
        }
        let mut matches = 0_usize;
        for text in texts {
            // SAFETY: database and scratch belong together, and `&mut self` keeps the scratch to this scan; the text is
            // as long as is said (a longer one than 4 GiB is cut); the counter outlives the call.
            let scanned = unsafe {
                hs_scan(
                    self.database,
                    text.as_ptr().cast(),
                    c_uint::try_from(text.len()).unwrap_or(c_uint::MAX),
                    0,
                    self.scratch,
                    count,
                    (&raw mut matches).cast(),
                )
            };
            assert_eq!(scanned, 0, "the scan failed");
        }
        matches
    }
}

impl Drop for Vectorscan {
    fn drop(&mut self) {
        // SAFETY: both were made by this library or are null, which it ignores, and are freed once.
        unsafe {
            hs_free_scratch(self.scratch);
            hs_free_database(self.database);
        }
    }
}

/// The term between word boundaries, with what is no letter escaped.
fn expression(term: &str) -> Result<CString, std::ffi::NulError> {
    let mut expression = r"\b".to_owned();
    for c in term.chars() {
        if c.is_ascii_punctuation() {
            expression.push('\\');
        }
        expression.push(c);
    }
    CString::new(expression + r"\b")
}
