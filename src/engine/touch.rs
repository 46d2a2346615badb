//! How are values that lie far apart looked up many at once?

use std::hint::black_box;

/// So many are looked up at once: enough to keep the memory busy, few enough to stay in the nearest cache.
pub(super) const TOGETHER: usize = 64;

/// Loads all of them, which leaves them in the nearest cache. A search that comes after would otherwise wait for them one
/// by one, as it must know each before it guesses what comes next.
#[inline(always)]
pub(super) fn touch(values: impl Iterator<Item = u64>) {
    black_box(values.fold(0, |touched, value| touched ^ value));
}

/// The places of the bits that are set: which of so many words are left to be looked at.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        bit
    })
}
