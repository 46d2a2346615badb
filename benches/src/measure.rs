//! How two contenders are measured, and what a row of the table says: one thread, CPU time, in turn, round by round.

use cpu_time::ThreadTime;
use std::fmt;
use std::hint::black_box;

/// What a round of each contender took.
pub(crate) struct Rounds {
    pub(crate) ours: Vec<f64>,
    pub(crate) beside: Vec<f64>,
}

/// A row of the table.
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) measured: String,
    pub(crate) goal: Goal,
    pub(crate) unit: &'static str,
    pub(crate) rounds: Rounds,
    /// What both found in an article, ours first.
    pub(crate) hits: Option<[f64; 2]>,
}

/// How far the ratio must go, and how far it should.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// So many times as fast as the one beside.
    Faster { must: f64, aim: f64 },
    /// At most so many times the cost of the one beside.
    Cost { must: f64, aim: f64 },
}

/// Runs both so many times in turn, after once to warm up; gives seconds.
pub(crate) fn in_turn<A, B>(
    rounds: usize,
    mut ours: impl FnMut() -> A,
    mut beside: impl FnMut() -> B,
) -> Rounds {
    black_box((ours(), beside()));
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        their.push(seconds(&mut beside));
        our.push(seconds(&mut ours));
    }
    Rounds { ours: our, beside: their }
}

/// The result is dropped off the clock.
fn seconds<T>(work: &mut impl FnMut() -> T) -> f64 {
    let start = ThreadTime::now();
    let result = work();
    let elapsed = start.elapsed();
    black_box(result);
    elapsed.as_secs_f64()
}

impl Rounds {
    /// The same for each of so many things that a round of ours, and one of the other, works through.
    pub(crate) fn per(mut self, ours: f64, beside: f64) -> Rounds {
        self.ours.iter_mut().for_each(|round| *round /= ours);
        self.beside.iter_mut().for_each(|round| *round /= beside);
        self
    }
}

impl Row {
    /// The head of the table.
    pub(crate) const HEAD: &'static str = "\
        | # | measured | must | aim | median (least to most) | ours | beside | hits an article, ours / beside | |\n\
        |---|---|---|---|---|---|---|---|---|";
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { number, measured, goal, unit, rounds, hits } = self;
        let pairs = rounds.ours.iter().zip(&rounds.beside);
        let ratios = sorted(pairs.map(|(ours, beside)| goal.ratio(*ours, *beside)));
        let (least, middle, most) = (ratios[0], median(&ratios), ratios[ratios.len() - 1]);
        let ours = median(&sorted(rounds.ours.iter().copied()));
        let beside = median(&sorted(rounds.beside.iter().copied()));
        let hits = hits.map_or(String::new(), |[ours, beside]| format!("{ours:.1} / {beside:.1}"));
        let (bound, must, aim) = goal.bounds();
        write!(f, "| {number} | {measured} | {bound} {must} | {bound} {aim} ")?;
        write!(f, "| {middle:.2} ({least:.2} to {most:.2}) | {ours:.1} {unit} | {beside:.1} {unit} ")?;
        write!(f, "| {hits} | {} |", goal.reached(middle))
    }
}

impl Goal {
    fn ratio(self, ours: f64, beside: f64) -> f64 {
        match self {
            Goal::Faster { .. } => beside / ours,
            Goal::Cost { .. } => ours / beside,
        }
    }

    fn bounds(self) -> (&'static str, f64, f64) {
        match self {
            Goal::Faster { must, aim } => ("≥", must, aim),
            Goal::Cost { must, aim } => ("≤", must, aim),
        }
    }

    fn reached(self, ratio: f64) -> &'static str {
        let met = |bound: f64| match self {
            Goal::Faster { .. } => ratio >= bound,
            Goal::Cost { .. } => ratio <= bound,
        };
        let (_, must, aim) = self.bounds();
        match (met(must), met(aim)) {
            (_, true) => "aim",
            (true, false) => "must",
            (false, false) => "missed",
        }
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}
