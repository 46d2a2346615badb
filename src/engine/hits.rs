//! Places where queries match, and what operators make of them (LANGUAGE sections 3 and 4).
//!
//! Words of title and text are numbered in one row with a wall of [`WALL`] numbers between them, so that nothing
//! that has a place can cross from one to the other.

use std::collections::VecDeque;

/// More than any distance that a query can name.
pub(super) const WALL: usize = 101;

/// A run of words in which a query matches. Ordered by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Number of the first word.
    pub(super) start: u32,
    /// Number of the last word.
    pub(super) end: u32,
    /// It is a NEAR or PRE hit: other words may stand inside.
    pub(super) gaps: bool,
}

impl Hit {
    fn span(self) -> (u32, u32) {
        (self.start, self.end)
    }
}

/// Sorts hits by place and drops those that are there twice.
pub(super) fn unite(hits: &mut Vec<Hit>) {
    if !hits.is_sorted() {
        hits.sort_unstable();
    }
    hits.dedup();
}

/// What [`near`] needs to remember while it works, kept to be used again.
#[derive(Debug, Default)]
pub(super) struct NearScratch {
    by_end: Vec<Hit>,
    window: VecDeque<(u32, u32)>,
    ends: Vec<u32>,
}

/// How far apart, in the numbers of words.
#[derive(Clone, Copy)]
pub(super) enum Within<'a> {
    /// At most so many words between.
    Words(u32),
    /// In the same part: the number of the sentence or paragraph of each word.
    Same(&'a [u32]),
}

impl Within<'_> {
    fn holds(self, start: u32, end: u32) -> bool {
        match self {
            Within::Words(_) => true,
            Within::Same(part) => part[start as usize] == part[end as usize],
        }
    }
}

/// The minimal spans of `left NEAR right` or, `ordered`, `left PRE right`, appended to `out`. All lists are sorted.
///
/// Of all partners behind a hit only the one that ends first can make a minimal span, so that each hit has one
/// candidate on each side and one inside: the cost is that of sorting, whatever the number of pairs.
pub(super) fn near(
    left: &[Hit],
    right: &[Hit],
    within: Within<'_>,
    ordered: bool,
    scratch: &mut NearScratch,
    out: &mut Vec<Hit>,
) {
    let from = out.len();
    follow(left, right, within, scratch, out);
    if !ordered {
        follow(right, left, within, scratch, out);
        enclose(left, right, within, scratch, out);
        enclose(right, left, within, scratch, out);
    }
    keep_minimal(out, from);
}

/// Spans from each of `first` to the hit of `second` behind it that ends first.
fn follow(first: &[Hit], second: &[Hit], within: Within<'_>, scratch: &mut NearScratch, out: &mut Vec<Hit>) {
    let NearScratch { by_end, window, .. } = scratch;
    by_end.clear();
    by_end.extend_from_slice(first);
    by_end.sort_unstable_by_key(|hit| (hit.end, hit.start));
    // (start, end) of the hits of `second` in reach, ends increasing: the first one ends first.
    window.clear();
    match within {
        Within::Words(distance) => {
            let mut next = 0;
            for a in by_end.iter() {
                while let Some(b) = second.get(next).filter(|b| b.start <= a.end + 1 + distance) {
                    while window.back().is_some_and(|&(_, end)| end >= b.end) {
                        window.pop_back();
                    }
                    window.push_back(b.span());
                    next += 1;
                }
                while window.front().is_some_and(|&(start, _)| start <= a.end) {
                    window.pop_front();
                }
                if let Some(&(_, end)) = window.front() {
                    out.push(Hit { start: a.start, end, gaps: true });
                }
            }
        }
        Within::Same(_) => {
            let mut next = second.len();
            for a in by_end.iter().rev() {
                while let Some(b) = next.checked_sub(1).map(|i| second[i]).filter(|b| b.start > a.end) {
                    if window.back().is_none_or(|&(_, end)| b.end < end) {
                        window.push_back(b.span());
                    }
                    next -= 1;
                }
                if let Some(&(_, end)) = window.back().filter(|&&(_, end)| within.holds(a.start, end)) {
                    out.push(Hit { start: a.start, end, gaps: true });
                }
            }
        }
    }
}

/// Hits of `outer` with gaps that hold a hit of `inner` strictly between their first and last word.
fn enclose(outer: &[Hit], inner: &[Hit], within: Within<'_>, scratch: &mut NearScratch, out: &mut Vec<Hit>) {
    if !outer.iter().any(|hit| hit.gaps) {
        return;
    }
    // The first end among the hits of `inner` from each one on.
    let ends = &mut scratch.ends;
    ends.clear();
    ends.extend(inner.iter().rev().scan(u32::MAX, |least, hit| {
        *least = hit.end.min(*least);
        Some(*least)
    }));
    ends.reverse();
    for hit in outer.iter().filter(|hit| hit.gaps) {
        let behind = inner.partition_point(|inner| inner.start <= hit.start);
        if ends.get(behind).is_some_and(|&end| end < hit.end) && within.holds(hit.start, hit.end) {
            out.push(*hit);
        }
    }
}

/// Drops every span from `from` on that holds another one.
fn keep_minimal(hits: &mut Vec<Hit>, from: usize) {
    let spans = &mut hits[from..];
    // Behind each other by start; of equal starts the longest first, so that the last one is the smallest.
    spans.sort_unstable_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end)));
    let mut least = u32::MAX;
    let mut kept = spans.len();
    for i in (0..spans.len()).rev() {
        if spans[i].end < least {
            least = spans[i].end;
            kept -= 1;
            spans[kept] = spans[i];
        }
    }
    hits.drain(from..from + kept);
}

/// Keeps the hits of `hits` that are far from every one of `others`. Both are sorted.
pub(super) fn keep_far(hits: &mut Vec<Hit>, others: &[Hit], within: Within<'_>, scratch: &mut NearScratch) {
    // The last end among the hits of `others` up to each one.
    let ends = &mut scratch.ends;
    ends.clear();
    ends.extend(others.iter().scan(0, |most, hit| {
        *most = hit.end.max(*most);
        Some(*most)
    }));
    hits.retain(|hit| {
        let near = |other: &Hit| match within {
            Within::Words(distance) => other.start <= hit.end + 1 + distance,
            Within::Same(part) => part[other.start as usize] <= part[hit.end as usize],
        };
        let Some(last) = others.partition_point(near).checked_sub(1) else { return true };
        match within {
            Within::Words(distance) => ends[last] + 1 + distance < hit.start,
            Within::Same(part) => part[ends[last] as usize] < part[hit.start as usize],
        }
    });
}

/// Which words are taken, forgotten at once by a new stamp.
#[derive(Debug, Default)]
pub(super) struct Taken {
    stamps: Vec<u32>,
    stamp: u32,
}

impl Taken {
    /// Forgets what was taken; `words` is the number of words.
    pub(super) fn reset(&mut self, words: usize) {
        if self.stamps.len() < words || self.stamp == u32::MAX {
            self.stamps.clear();
            self.stamps.resize(words, 0);
            self.stamp = 0;
        }
        self.stamp += 1;
    }

    /// Takes the words of a hit.
    pub(super) fn take(&mut self, hit: Hit) {
        self.stamps[hit.start as usize..=hit.end as usize].fill(self.stamp);
    }

    /// Whether a word of the hit is taken.
    pub(super) fn any(&self, hit: Hit) -> bool {
        self.stamps[hit.start as usize..=hit.end as usize].contains(&self.stamp)
    }

    fn either_end(&self, hit: Hit) -> bool {
        self.stamps[hit.start as usize] == self.stamp || self.stamps[hit.end as usize] == self.stamp
    }
}

/// Overlap in a rule.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    taken: Taken,
    /// The length of each hit, upside down, and its index.
    order: Vec<u64>,
    stays: Vec<bool>,
    dropped: Vec<Hit>,
}

impl Overlap {
    /// Moves the hits that stay to the front, and returns how many they are. All are in place order, before and after; `words` is the
    /// number of words.
    /// Longest first, the leftmost of equals, of equal spans the one without gaps; what shares a word with one already taken goes.
    pub(super) fn settle(&mut self, hits: &mut [Hit], words: usize) -> usize {
        if hits.windows(2).all(|pair| pair[0].end < pair[1].start) {
            return hits.len();
        }
        let Overlap { taken, order, stays, dropped } = self;
        order.clear();
        // Numbers are sorted faster than hits are, which are in the order of their places already.
        let length = |hit: &Hit| u64::from(u32::MAX - (hit.end - hit.start)) << 32;
        order.extend((0..).zip(hits.iter()).map(|(index, hit)| length(hit) | index));
        order.sort_unstable();
        taken.reset(words);
        stays.clear();
        stays.resize(hits.len(), false);
        for index in order.iter().map(|length| *length as u32 as usize) {
            // All that is taken is at least as long, so that it covers an end of whatever it overlaps.
            if !taken.either_end(hits[index]) {
                taken.take(hits[index]);
                stays[index] = true;
            }
        }
        dropped.clear();
        let mut kept = 0;
        for index in 0..hits.len() {
            if stays[index] {
                hits[kept] = hits[index];
                kept += 1;
            } else {
                dropped.push(hits[index]);
            }
        }
        hits[kept..].copy_from_slice(dropped);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(random: &mut fastrand::Rng) -> Vec<Hit> {
        let mut hits: Vec<Hit> = (0..random.usize(..6))
            .map(|_| {
                let start = random.u32(..14);
                Hit { start, end: start + random.u32(..4), gaps: random.bool() }
            })
            .collect();
        unite(&mut hits);
        hits
    }

    #[test]
    fn overlap_is_settled_as_defined() {
        let (mut random, mut overlap) = (fastrand::Rng::with_seed(3), Overlap::default());
        for _ in 0..20_000 {
            let given = hits(&mut random);
            let mut order = given.clone();
            order.sort_by_key(|hit| (std::cmp::Reverse(hit.end - hit.start), hit.start, hit.gaps));
            let mut kept: Vec<Hit> = Vec::new();
            for hit in order {
                if kept.iter().all(|other| other.end < hit.start || hit.end < other.start) {
                    kept.push(hit);
                }
            }
            kept.sort_unstable();
            let dropped = given.iter().filter(|hit| !kept.contains(hit)).copied();
            let expected: Vec<Hit> = kept.iter().copied().chain(dropped).collect();
            let mut settled = given.clone();
            let count = overlap.settle(&mut settled, 32);
            assert_eq!((count, settled), (kept.len(), expected), "{given:?}");
        }
    }

    /// All pairs, straight from the definition.
    fn naive_near(left: &[Hit], right: &[Hit], within: Within<'_>, ordered: bool) -> Vec<(u32, u32)> {
        let inside = |a: &Hit, b: &Hit| b.gaps && b.start < a.start && a.end < b.end;
        let mut spans = Vec::new();
        for a in left {
            for b in right {
                let (start, end) = (a.start.min(b.start), a.end.max(b.end));
                let apart = if a.end < b.start {
                    Some(b.start - a.end - 1)
                } else if b.end < a.start && !ordered {
                    Some(a.start - b.end - 1)
                } else if !ordered && (inside(a, b) || inside(b, a)) {
                    Some(0)
                } else {
                    None
                };
                let close = match within {
                    Within::Words(n) => apart.is_some_and(|apart| apart <= n),
                    Within::Same(part) => apart.is_some() && part[start as usize] == part[end as usize],
                };
                if close {
                    spans.push((start, end));
                }
            }
        }
        spans.sort_unstable();
        spans.dedup();
        let all = spans.clone();
        spans.retain(|a| !all.iter().any(|b| a != b && a.0 <= b.0 && b.1 <= a.1));
        spans
    }

    #[test]
    fn operators_agree_with_their_definitions() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut scratch = NearScratch::default();
        for _ in 0..20_000 {
            let (left, right) = (hits(&mut random), hits(&mut random));
            let mut part: Vec<u32> = (0..18).map(|_| random.u32(..4)).collect();
            part.sort_unstable();
            let within = if random.bool() { Within::Words(random.u32(..4)) } else { Within::Same(&part) };
            for ordered in [false, true] {
                let mut found = Vec::new();
                near(&left, &right, within, ordered, &mut scratch, &mut found);
                let found: Vec<_> = found.into_iter().map(Hit::span).collect();
                assert_eq!(found, naive_near(&left, &right, within, ordered), "{left:?} {right:?}");
            }
            let mut far = left.clone();
            keep_far(&mut far, &right, within, &mut scratch);
            let expected: Vec<Hit> = left
                .iter()
                .copied()
                .filter(|a| {
                    right.iter().all(|b| match within {
                        Within::Words(n) => b.start > a.end + 1 + n || b.end + 1 + n < a.start,
                        Within::Same(part) => {
                            part[b.start as usize] > part[a.end as usize]
                                || part[b.end as usize] < part[a.start as usize]
                        }
                    })
                })
                .collect();
            assert_eq!(far, expected, "{left:?} {right:?}");
        }
    }
}
