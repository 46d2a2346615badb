//! All arithmetic of scores (LANGUAGE sections 4 and 5).

use super::classification::Points;
use super::document::Field;
use super::hits::Hit;
use super::plan::RulePlan;
use crate::rules::Scoring;
use std::cmp::Reverse;

/// What one hit of a rule counts for.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleHit {
    /// The rule's number in the plan.
    pub(super) rule: u32,
    /// The place; none for a condition.
    pub(super) place: Option<(Field, Hit)>,
    /// The factor of the part of the document it is in.
    pub(super) factor: f64,
    /// factor × repeat^(i−1); 0 until [`repeat`], and for hits that do not count.
    pub(super) share: f64,
    /// What became of it.
    pub(super) fate: Fate,
}

/// What became of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Counts,
    /// It shares a word with a hit of its rule that was taken before it.
    Overlaps,
    /// It lies inside a hit of this rule.
    InsideOf(u32),
    /// Only the best hit of a rule counts, and it is another.
    Repeats,
}

/// The factor of a hit.
pub(super) fn factor(scoring: &Scoring, field: Field, in_lead: bool) -> f64 {
    match field {
        Field::Title => scoring.title,
        Field::Text if in_lead => scoring.lead,
        Field::Text => scoring.text,
    }
}

/// Containment in a topic: of the hits of several rules, marks those that lie inside a longer hit without gaps of
/// another rule of the same sign, and of equal spans all but the one whose rule ranks first.
pub(super) fn contain(hits: &mut [RuleHit], rules: &[RulePlan], order: &mut Vec<Placed>) {
    // Hits of one rule share no word.
    if hits.first().map(|hit| hit.rule) == hits.last().map(|hit| hit.rule) {
        return;
    }
    for negative in [false, true] {
        order.clear();
        for (index, hit) in (0..).zip(hits.iter()) {
            let rule = &rules[hit.rule as usize];
            if let Some((_, place)) = hit.place
                && hit.fate == Fate::Counts
                && (rule.weight < 0.0) == negative
            {
                order.push(Placed { start: place.start, end: Reverse(place.end), rank: rule.rank, index });
            }
        }
        // Whatever holds a hit stands before it; of equal spans the one that ranks first is the first.
        order.sort_unstable();
        // The hit without gaps that reaches furthest, of those that start no later.
        let mut furthest: Option<(u32, u32)> = None;
        for equal in order.chunk_by(|a, b| (a.start, a.end) == (b.start, b.end)) {
            let end = equal[0].end.0;
            let holder = furthest.filter(|&(reach, _)| reach >= end).map(|(_, rule)| rule);
            let winner = hits[equal[0].index as usize].rule;
            let mut solid = None;
            for (i, placed) in equal.iter().enumerate() {
                let hit = &mut hits[placed.index as usize];
                if hit.place.is_some_and(|(_, hit)| !hit.gaps) {
                    solid = Some(hit.rule);
                }
                match holder {
                    Some(rule) => hit.fate = Fate::InsideOf(rule),
                    None if i > 0 => hit.fate = Fate::InsideOf(winner),
                    None => {}
                }
            }
            if let Some(rule) = solid.filter(|_| furthest.is_none_or(|(reach, _)| reach < end)) {
                furthest = Some((end, rule));
            }
        }
    }
}

/// A hit as [`contain`] orders it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed {
    start: u32,
    end: Reverse<u32>,
    rank: u32,
    index: u32,
}

/// Gives each counting hit of one rule its share: highest factor first, then title before text, then by place; a
/// condition after its equals. Leaves the hits in that order, and behind them those that do not count.
pub(super) fn repeat(hits: &mut [RuleHit], repeat: f64) {
    let place = |hit: &RuleHit| hit.place.map_or(u32::MAX, |(_, hit)| hit.start);
    // Those that do not count come last, as they do when only overlap has dropped them: then nothing is left to sort.
    let drops = |hit: &RuleHit| hit.fate != Fate::Counts;
    hits.sort_unstable_by(|a, b| {
        let factor = || b.factor.total_cmp(&a.factor);
        drops(a).cmp(&drops(b)).then_with(factor).then_with(|| place(a).cmp(&place(b)))
    });
    let mut power = 1.0;
    let counting = hits.iter_mut().filter(|hit| hit.fate == Fate::Counts);
    for (i, hit) in counting.enumerate() {
        hit.share = hit.factor * power;
        if repeat == 0.0 && i > 0 {
            hit.fate = Fate::Repeats;
        }
        power *= repeat;
    }
}

/// The points of some hits: weight × Σ share, rounded half away from zero to a millionth.
pub(super) fn points<'h>(weight: f64, hits: impl IntoIterator<Item = &'h RuleHit>) -> Points {
    let sum: f64 = hits.into_iter().map(|hit| hit.share).sum();
    Points((weight * sum * 1e6).round() as i64)
}

/// A bound for the points of rules whose hits are not looked at, as MaxScore has one for the terms of a search.
pub(super) struct UpperBound {
    title: f64,
    text: f64,
    /// 1 + repeat + repeat² + ...
    series: f64,
}

impl UpperBound {
    pub(super) fn new(scoring: &Scoring) -> UpperBound {
        let text = scoring.text.max(scoring.lead);
        // A condition has a factor of 1.
        UpperBound { title: text.max(scoring.title).max(1.0), text, series: 1.0 / (1.0 - scoring.repeat) }
    }

    /// The points that a rule has at most by so many hits, the first of which is in this field, or by any number of hits
    /// anywhere where that is not known.
    pub(super) fn points(&self, weight: f64, known: Option<(Field, usize)>) -> Points {
        let share = match known {
            Some((Field::Text, hits)) => self.text * self.series.min(hits as f64),
            Some((Field::Title, hits)) => self.title * self.series.min(hits as f64),
            None => self.title * self.series,
        };
        // One more than rounded up, as sums of shares differ by their order.
        Points(((weight.max(0.0) * share * 1e6) as i64).saturating_add(2))
    }
}

/// The score of a topic: 1 − 2^(−max(0, points)), rounded to six decimals.
pub(super) fn score(points: Points) -> f64 {
    let doubt = libm::exp2(-points.as_f64().max(0.0));
    ((1.0 - doubt) * 1e6).round() / 1e6
}

/// The least points whose score reaches a threshold below 1.
pub(super) fn least(threshold: f64) -> Points {
    // Thirty points make a score of 1 after rounding, whatever the threshold.
    let (mut below, mut enough) = (0, 30_000_000);
    while below + 1 < enough {
        let middle = below + (enough - below) / 2;
        if score(Points(middle)) < threshold { below = middle } else { enough = middle }
    }
    Points(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_reach_thresholds() {
        for threshold in [1e-9, 0.000_001, 0.2, 0.5, 0.75, 0.823_223, 0.9, 0.999_999, 1.0 - f64::EPSILON] {
            let Points(least) = least(threshold);
            assert!(score(Points(least)) >= threshold && score(Points(least - 1)) < threshold, "{threshold}");
        }
        assert_eq!(least(0.5), Points(999_999));
    }

    #[test]
    fn each_point_halves_the_doubt() {
        for (points, expected) in [
            (0, 0.0),
            (1_000_000, 0.5),
            (2_000_000, 0.75),
            (2_500_000, 0.823_223),
            (-5, 0.0),
            (i64::MAX, 1.0),
        ] {
            assert_eq!(score(Points(points)), expected);
        }
    }
}
