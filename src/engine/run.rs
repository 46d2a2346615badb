//! The pipeline, one stage after the other.

use super::classification::{Classification, Evidence, Label, NearMiss, Points, Reason, TopicExplanation};
use super::document::{Document, Field};
use super::eval::Eval;
use super::explain;
use super::found::FoundTerms;
use super::hits::{Hit, Overlap};
use super::plan::{Precondition, RulePlan, TopicPlan, Use};
use super::score::{self, Fate, RuleHit};
use super::scratch::Scratch;
use super::touch::{TOGETHER, touch};
use super::words::Words;
use super::{Classifier, Stage};
use crate::text::{Language, detect};
use std::cmp::Reverse;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A topic counts so many hits of its rules in one document and no more, so that memory has a bound.
const MOST_HITS: usize = 1 << 21;

/// What is kept of a classification.
pub(super) enum Keep<'a> {
    /// Its labels.
    Labels,
    /// Its near misses, too.
    NearMisses,
    /// Every step, too.
    Everything(&'a mut Vec<TopicExplanation>),
}

impl Keep<'_> {
    fn near_misses(&self) -> bool {
        !matches!(self, Keep::Labels)
    }

    fn explained(&mut self) -> Option<&mut Vec<TopicExplanation>> {
        match self {
            Keep::Everything(topics) => Some(topics),
            Keep::Labels | Keep::NearMisses => None,
        }
    }
}

/// What is known of a document's language.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoken {
    /// Nothing: the rules of every language apply.
    Unsure,
    /// It is this one.
    In(Language),
    /// It is none that a rule can name.
    Other,
}

impl Classifier {
    /// Classifies a document; `after` is told when each stage is done.
    pub(super) fn run(
        &self,
        document: &Document<'_>,
        scratch: &mut Scratch,
        mut keep: Keep<'_>,
        mut after: impl FnMut(Stage),
    ) -> Classification {
        let mut answer = Classification::default();

        scratch.words.read(document, self.lexicon.seed, self.lexicon.has_patterns());
        after(Stage::Read);

        let Scratch { words, memory, places, .. } = scratch;
        places.clear();
        self.lexicon.find(self.number, document, words, memory, places);
        after(Stage::Find);

        let spoken = self.spoken(document);
        if let Spoken::In(language) = spoken {
            answer.language = language.to_string();
        }
        after(Stage::Detect);
        self.set_off(document, spoken, scratch, keep.explained().is_some());
        after(Stage::SetOff);

        scratch.labels.clear();
        scratch.labels.resize(self.topics.len(), false);
        scratch.eval.forget(self.plan.nodes.len());
        let mut view = View { masks: None, stamp: scratch.eval.next_stamp(), plain: 0 };
        view.plain = view.stamp;
        if let Some(explained) = keep.explained() {
            explained.extend(
                (0..).zip(&self.plan.topics).map(|(number, topic)| explain::untouched(number, topic)),
            );
        }
        let set_off = std::mem::take(&mut scratch.set_off);
        let bound = score::UpperBound::new(&self.scoring);
        for rules in set_off
            .chunk_by(|a, b| a.rule() == b.rule() || self.rule(a.rule()).topic == self.rule(b.rule()).topic)
        {
            // Of most topics only this much is to be known.
            let least = self.topic_of(rules[0]).least;
            if keep.near_misses() || self.upper_bound(rules, &bound, &scratch.words) >= least {
                self.topic(document, rules, scratch, &mut view, &mut keep);
            }
        }
        if let Some(explained) = keep.explained() {
            for topic in explained.iter_mut() {
                self.look(document, topic.topic, scratch, &mut view);
                self.explain_gates(document, topic, scratch, &view);
            }
        }
        scratch.set_off = set_off;

        let by_score = |a: (f64, u32), b: (f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let Scratch { found_labels, near_misses, .. } = scratch;
        found_labels.sort_unstable_by(|a, b| by_score((a.score, a.topic), (b.score, b.topic)));
        near_misses.sort_unstable_by(|a, b| by_score((a.score, a.topic), (b.score, b.topic)));
        answer.labels.append(found_labels);
        answer.near_misses.append(near_misses);
        after(Stage::Score);
        answer
    }

    fn rule(&self, number: u32) -> &RulePlan {
        &self.plan.rules[number as usize]
    }

    fn topic_of(&self, set_off: SetOff) -> &TopicPlan {
        &self.plan.topics[self.rule(set_off.rule()).topic as usize]
    }

    /// Collects the rules that can match, those of a topic together, and the sets of masks that hide something; `all`
    /// says whether places are kept that no query asks for.
    fn set_off(&self, document: &Document<'_>, spoken: Spoken, scratch: &mut Scratch, all: bool) {
        let Scratch { words, places, found, set_off, masks, .. } = scratch;
        set_off.clear();
        masks.clear();
        found.reset(self.lexicon.terms(), self.plan.nodes.len());
        for places in places.chunks(TOGETHER) {
            self.plan.uses.touch(places.iter().map(|place| place.term));
            for place in places {
                let mut asked_for = all;
                // Rules come first.
                for term_use in self.plan.uses.of(place.term) {
                    let Use::Hit(rule) = term_use else {
                        asked_for = true;
                        break;
                    };
                    set_off.push(SetOff::new(rule, Some((place.start, place.end))));
                }
                if asked_for {
                    found.add(*place);
                }
            }
        }
        found.group(words);
        for index in 0..found.terms.len() {
            for term_use in self.plan.uses.of(found.terms[index].term) {
                match term_use {
                    Use::In(node, part) => {
                        if found.put(index, node, part) {
                            let rules = self.plan.set_off_by(node).iter();
                            set_off.extend(rules.map(|&rule| SetOff::new(rule, None)));
                        }
                    }
                    Use::Masks(set) => masks.push((set, index as u32)),
                    Use::Hit(_) => {}
                }
            }
        }
        set_off.extend(self.plan.always.iter().map(|&rule| SetOff::new(rule, None)));
        for set_off in set_off.chunks(TOGETHER) {
            touch(set_off.iter().map(|set_off| self.topic_of(*set_off).least.0 as u64));
        }
        let day = document.published.map(|seconds| seconds.div_euclid(DAY));
        set_off.retain(|set_off| {
            let precondition = self.rule(set_off.rule()).precondition;
            precondition.is_none_or(|number| self.meets(number, spoken, day, found))
        });
        set_off.sort_unstable();
        set_off.dedup();
        masks.sort_unstable();
    }

    /// Whether a document in this language, of this day and with these terms meets a precondition.
    // Apart from the loop over what is set off, as most rules have no precondition.
    #[inline(never)]
    fn meets(&self, precondition: u32, spoken: Spoken, day: Option<i64>, found: &FoundTerms) -> bool {
        let Precondition { language, since, until, needs, close } =
            &self.plan.preconditions[precondition as usize];
        let in_language = match spoken {
            Spoken::Unsure => true,
            Spoken::In(spoken) => language.is_none_or(|language| language == spoken),
            Spoken::Other => language.is_none(),
        };
        in_language
            && day.is_none_or(|day| {
                since.is_none_or(|since| i64::from(since) <= day)
                    && until.is_none_or(|until| day < i64::from(until))
            })
            && needs.iter().flatten().all(|need| found.count(need.node) >= usize::from(need.least))
            && close.is_none_or(|close| found.may_be_close(close))
    }

    /// The language that decides which rules apply; detected only where a rule names one.
    fn spoken(&self, document: &Document<'_>) -> Spoken {
        if !self.plan.languages {
            return Spoken::Unsure;
        }
        let given = document.language.trim();
        match Language::of_tag(given) {
            Some(language) => Spoken::In(language),
            None if given.is_empty() || is_undetermined(given) => {
                detect(document.title, document.text).map_or(Spoken::Unsure, Spoken::In)
            }
            None => Spoken::Other,
        }
    }

    /// The points that a topic has at most by the rules that were set off, without a look at where these match.
    fn upper_bound(&self, set_off: &[SetOff], bound: &score::UpperBound, words: &Words) -> Points {
        let of_rules = set_off.chunk_by(|a, b| a.rule() == b.rule());
        let points = of_rules.map(|of_rule| {
            let rule = self.rule(of_rule[0].rule());
            // Places come in order: those of the title first.
            let known = of_rule[0].place().map(|(start, _)| (words.field_of(start), of_rule.len()));
            bound.points(rule.weight, known).0
        });
        Points(points.fold(0, i64::saturating_add))
    }

    /// Looks at the document as a topic does: without the words that its masks hide.
    fn look(&self, document: &Document<'_>, topic: u32, scratch: &mut Scratch, view: &mut View) {
        let Scratch { masks, found, words, masked, eval, .. } = scratch;
        let set = self.plan.topics[topic as usize].masks;
        let of_set = set.map_or(&[][..], |set| {
            let from = masks.partition_point(|&(number, _)| number < set);
            let to = masks.partition_point(|&(number, _)| number <= set);
            &masks[from..to]
        });
        let hiding = set.filter(|_| !of_set.is_empty());
        if hiding == view.masks {
            return;
        }
        view.masks = hiding;
        view.stamp = view.plain;
        if hiding.is_none() {
            return;
        }
        eval.forget_masked();
        view.stamp = eval.next_stamp();
        masked.reset(words.len());
        for &(_, index) in of_set {
            let mut eval = Eval::new(&self.plan, document, words, found, &[], None, eval, 0);
            let mut hits = eval.borrow();
            eval.places(index as usize, None, &mut hits);
            hits.iter().for_each(|&hit| masked.take(hit));
            eval.give_back(hits);
        }
    }

    /// Evaluates and scores the rules of one topic.
    fn topic(
        &self,
        document: &Document<'_>,
        set_off: &[SetOff],
        scratch: &mut Scratch,
        view: &mut View,
        keep: &mut Keep<'_>,
    ) {
        let number = self.rule(set_off[0].rule()).topic;
        self.look(document, number, scratch, view);
        scratch.hits.clear();
        for of_rule in set_off.chunk_by(|a, b| a.rule() == b.rule()) {
            self.collect(document, of_rule, scratch, view);
        }
        let Scratch { hits, order, .. } = scratch;
        if hits.is_empty() {
            return;
        }
        score::contain(hits, &self.plan.rules, order);
        let mut points = 0_i64;
        for of_rule in hits.chunk_by_mut(|a, b| a.rule == b.rule) {
            score::repeat(of_rule, self.scoring.repeat);
            points = points.saturating_add(score::points(self.rule(of_rule[0].rule).weight, &*of_rule).0);
        }
        let points = Points(points);
        if points < self.plan.topics[number as usize].least && !keep.near_misses() {
            return;
        }
        let score = score::score(points);
        if points > Points(0) {
            match self.obstacle(document, number, points, scratch, view) {
                None => {
                    scratch.labels[number as usize] = true;
                    let evidence = self.evidence(scratch);
                    scratch.found_labels.push(Label { topic: number, score, points, evidence });
                }
                Some(reason) if keep.near_misses() => {
                    scratch.near_misses.push(NearMiss { topic: number, score, points, reason });
                }
                Some(_) => {}
            }
        }
        if let Some(topic) = keep.explained().and_then(|topics| topics.get_mut(number as usize)) {
            topic.score = score;
            topic.points = points;
            topic.label = scratch.labels[number as usize];
            self.explain_rules(document, topic, scratch, view);
        }
    }

    /// Collects the hits of one rule, and which of them are lost to overlap.
    fn collect(&self, document: &Document<'_>, set_off: &[SetOff], scratch: &mut Scratch, view: &View) {
        let number = set_off[0].rule();
        let (mut eval, overlap, rule_hits) = self.eval(document, scratch, view);
        let mut hits = eval.borrow();
        let holds = match self.rule(number).query {
            Some(query) => eval.hits(query, &mut hits),
            None => {
                let seen = |hit: &Hit| eval.masked.is_none_or(|masked| !masked.any(*hit));
                let places = set_off.iter().filter_map(|set_off| set_off.place());
                hits.extend(places.map(|(start, end)| Hit { start, end, gaps: false }).filter(seen));
                false
            }
        };
        if holds {
            let fate = Fate::Counts;
            rule_hits.push(RuleHit { rule: number, place: None, factor: 1.0, share: 0.0, fate });
        }
        hits.truncate(MOST_HITS.saturating_sub(rule_hits.len()));
        let kept = overlap.settle(&mut hits, eval.words.len());
        for (i, &hit) in hits.iter().enumerate() {
            let field = eval.words.field(hit);
            let in_lead = self.scoring.lead != self.scoring.text && eval.words.in_lead(document, hit);
            let factor = score::factor(&self.scoring, field, in_lead);
            let fate = if i < kept { Fate::Counts } else { Fate::Overlaps };
            rule_hits.push(RuleHit { rule: number, place: Some((field, hit)), factor, share: 0.0, fate });
        }
        eval.give_back(hits);
    }

    /// What keeps a topic with points from being a label.
    fn obstacle(
        &self,
        document: &Document<'_>,
        topic: u32,
        points: Points,
        scratch: &mut Scratch,
        view: &View,
    ) -> Option<Reason> {
        let plan = &self.plan.topics[topic as usize];
        if points < plan.least {
            return Some(Reason::Threshold);
        }
        let (mut eval, ..) = self.eval(document, scratch, view);
        if plan.require.is_some_and(|gate| !eval.holds(gate)) {
            return Some(Reason::Require);
        }
        let mut vetoes = plan.exclude.into_iter().chain(self.plan.exclude);
        vetoes.any(|veto| eval.holds(veto)).then_some(Reason::Exclude)
    }

    /// The evidence for a topic, from the hits in the scratch.
    fn evidence(&self, scratch: &mut Scratch) -> Vec<Evidence> {
        let Scratch { hits, words, .. } = scratch;
        let by_rule = || hits.chunk_by(|a, b| a.rule == b.rule);
        let mut evidence = Vec::with_capacity(by_rule().count());
        for of_rule in by_rule() {
            let RulePlan { index: rule, weight, .. } = *self.rule(of_rule[0].rule);
            for field in [Some(Field::Title), Some(Field::Text), None] {
                let counts = |hit: &&RuleHit| hit.fate == Fate::Counts && hit.place.map(|(f, _)| f) == field;
                let counting = || of_rule.iter().filter(counts);
                let count = counting().count();
                if count == 0 {
                    continue;
                }
                let mut spans = Vec::with_capacity(if field.is_some() { count } else { 0 });
                spans.extend(counting().filter_map(|hit| hit.place).map(|(_, hit)| words.span(hit)));
                spans.sort_unstable();
                evidence.push(Evidence { rule, field, points: score::points(weight, counting()), spans });
            }
        }
        // Rules come in the order of their ids, so that equals are in order.
        evidence.sort_by_key(|evidence| Reverse(evidence.points.0.abs()));
        evidence
    }

    /// An evaluation of this document as a topic sees it, and the parts of the scratch that it leaves free.
    pub(super) fn eval<'a, 'd>(
        &'a self,
        document: &'a Document<'d>,
        scratch: &'a mut Scratch,
        view: &View,
    ) -> (Eval<'a, 'd>, &'a mut Overlap, &'a mut Vec<RuleHit>) {
        let Scratch { words, found, labels, masked, overlap, eval, hits, .. } = scratch;
        let masked = view.masks.map(|_| &*masked);
        let eval = Eval::new(&self.plan, document, words, found, labels, masked, eval, view.stamp);
        (eval, overlap, hits)
    }
}

/// A rule that can match, and of a rule that is just terms the place of one of them, as one number, since they are sorted: those of a
/// topic together, places in the order of the text. Numbers of 64 bits are sorted without branches, longer ones are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SetOff(u64);

/// So many bits tell how many words a term has beside its first, so many where it begins, and the 27 above them the rule.
const LENGTH: u32 = 5;
const START: u32 = 32;

impl SetOff {
    fn new(rule: u32, place: Option<(u32, u32)>) -> SetOff {
        let place = place.map_or(0, |(start, end)| u64::from(start + 1) << LENGTH | u64::from(end - start));
        SetOff(u64::from(rule) << (START + LENGTH) | place)
    }

    fn rule(self) -> u32 {
        (self.0 >> (START + LENGTH)) as u32
    }

    fn place(self) -> Option<(u32, u32)> {
        let start = ((self.0 >> LENGTH) as u32).checked_sub(1)?;
        Some((start, start + (self.0 as u32 & ((1 << LENGTH) - 1))))
    }
}

/// How the topic that is evaluated sees the document.
pub(super) struct View {
    /// The set of masks that hides words from it.
    masks: Option<u32>,
    /// Stands for the document without those words.
    stamp: u64,
    /// Stands for the whole document.
    plain: u64,
}

fn is_undetermined(tag: &str) -> bool {
    tag.split(['-', '_']).next().is_some_and(|first| first.eq_ignore_ascii_case("und"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::LARGEST;

    #[test]
    fn what_is_set_off_is_kept_and_sorted() {
        let rules = [0, 1, LARGEST];
        let places = [None, Some((0, 0)), Some((0, 31)), Some((1, 1)), Some((u32::MAX - 32, u32::MAX - 1))];
        let given: Vec<_> =
            rules.into_iter().flat_map(|rule| places.map(|place| SetOff::new(rule, place))).collect();
        assert!(given.is_sorted());
        let kept: Vec<_> = given.iter().map(|set_off| (set_off.rule(), set_off.place())).collect();
        let expected: Vec<_> = rules.into_iter().flat_map(|rule| places.map(|place| (rule, place))).collect();
        assert_eq!(kept, expected);
    }
}
