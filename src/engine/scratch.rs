//! The memory that classifying needs, kept from one document to the next.

use super::classification::{Label, NearMiss};
use super::eval::EvalScratch;
use super::find::Found;
use super::found::FoundTerms;
use super::hits::{Overlap, Taken};
use super::memory::Memory;
use super::run::SetOff;
use super::score::{Placed, RuleHit};
use super::words::Words;
use std::fmt;

/// The memory that classifying needs. Any scratch works with any classifier, one document at a time; keep one for
/// each thread and no document allocates but for its answer.
#[derive(Default)]
pub struct Scratch {
    pub(super) words: Words,
    pub(super) memory: Memory,
    /// Every place of every term.
    pub(super) places: Vec<Found>,
    /// Those that queries ask for.
    pub(super) found: FoundTerms,
    pub(super) set_off: Vec<SetOff>,
    /// Sets of masks and the index of a found term of each.
    pub(super) masks: Vec<(u32, u32)>,
    pub(super) labels: Vec<bool>,
    pub(super) masked: Taken,
    pub(super) overlap: Overlap,
    pub(super) eval: EvalScratch,
    /// The hits of a topic, rule by rule.
    pub(super) hits: Vec<RuleHit>,
    pub(super) order: Vec<Placed>,
    /// The answer as it grows: it leaves in lists of the right size.
    pub(super) found_labels: Vec<Label>,
    pub(super) near_misses: Vec<NearMiss>,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}
