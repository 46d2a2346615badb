//! The steps of a classification, for people.

use super::Classifier;
use super::classification::{Dropped, HitExplanation, Points, RuleExplanation, TopicExplanation};
use super::document::{Document, Field};
use super::hits::Hit;
use super::plan::{Node, NodeId, TopicPlan};
use super::run::View;
use super::score::{self, Fate, RuleHit};
use super::scratch::Scratch;
use crate::text::Span;

/// A topic in which no rule was set off.
pub(super) fn untouched(number: u32, topic: &TopicPlan) -> TopicExplanation {
    TopicExplanation {
        topic: number,
        score: 0.0,
        points: Points(0),
        threshold: topic.threshold,
        label: false,
        require: None,
        exclude: None,
        masked: Vec::new(),
        rules: Vec::new(),
    }
}

impl Classifier {
    /// Adds what became of the hits in the scratch.
    pub(super) fn explain_rules(
        &self,
        document: &Document<'_>,
        topic: &mut TopicExplanation,
        scratch: &mut Scratch,
        view: &View,
    ) {
        let hits = std::mem::take(&mut scratch.hits);
        for of_rule in hits.chunk_by(|a, b| a.rule == b.rule) {
            let plan = &self.plan.rules[of_rule[0].rule as usize];
            let mut of_rule: Vec<&RuleHit> = of_rule.iter().collect();
            of_rule.sort_by_key(|hit| hit.place.map(|(_, hit)| hit));
            let explain = |hit: &&RuleHit| HitExplanation {
                field: hit.place.map(|(field, _)| field),
                span: hit.place.map_or(Span::default(), |(_, hit)| scratch.words.span(hit)),
                term: String::new(),
                factor: hit.factor,
                points: plan.weight * hit.share,
                dropped: match hit.fate {
                    Fate::Counts => None,
                    Fate::Overlaps => Some(Dropped::Overlap),
                    Fate::Repeats => Some(Dropped::Repeat),
                    Fate::InsideOf(rule) => Some(Dropped::Contained(self.plan.rules[rule as usize].index)),
                },
            };
            let points = score::points(plan.weight, of_rule.iter().copied());
            let mut explained: Vec<HitExplanation> = of_rule.iter().map(explain).collect();
            for (hit, explained) in of_rule.iter().zip(&mut explained) {
                if let Some((_, place)) = hit.place {
                    explained.term = self.terms_inside(document, hit.rule, place, scratch, view);
                }
            }
            topic.rules.push(RuleExplanation { rule: plan.index, points, hits: explained });
        }
        topic.rules.sort_by_key(|rule| rule.rule);
        scratch.hits = hits;
    }

    /// The document's words for the terms of a rule inside a hit, in the order of their places.
    fn terms_inside(
        &self,
        document: &Document<'_>,
        rule: u32,
        place: Hit,
        scratch: &mut Scratch,
        view: &View,
    ) -> String {
        let found: Vec<(u32, usize)> = scratch.found.terms.iter().map(|&(term, _)| term).zip(0..).collect();
        let query = self.plan.rules[rule as usize].query;
        let mut hits = Vec::new();
        for (term, index) in found {
            let of_rule = match query {
                Some(query) => self.names(query, term),
                None => self.plan.uses_of(term).contains(&super::plan::Use::Hit(rule)),
            };
            if of_rule {
                let (mut eval, ..) = self.eval(document, scratch, view);
                let mut places = Vec::new();
                eval.places(index, None, &mut places);
                let inside = |hit: &Hit| place.start <= hit.start && hit.end <= place.end;
                hits.extend(places.into_iter().filter(inside).map(|hit| (hit, term)));
            }
        }
        hits.sort_unstable();
        let mut terms: Vec<String> = hits.into_iter().map(|(_, term)| self.lexicon.text(term)).collect();
        terms.dedup();
        terms.join(" … ")
    }

    /// Whether a query names a term, but for what follows a NOT.
    fn names(&self, query: NodeId, term: u32) -> bool {
        match &self.plan.nodes[query as usize] {
            Node::Terms { terms, .. } => terms.binary_search(&term).is_ok(),
            Node::Or(nodes) | Node::And(nodes) => nodes.iter().any(|&node| self.names(node, term)),
            Node::Distinct { terms, others, .. } => {
                terms.iter().chain(others).any(|&node| self.names(node, term))
            }
            Node::Near { left, right, .. } => self.names(*left, term) || self.names(*right, term),
            Node::Not(left, _) | Node::NotNear { left, .. } => self.names(*left, term),
            Node::AtLeast(_, node) => self.names(*node, term),
            Node::Absent(_) | Node::Topic(_) | Node::Meta(_) => false,
        }
    }

    /// Adds the state of the gates and what the masks hide.
    pub(super) fn explain_gates(
        &self,
        document: &Document<'_>,
        topic: &mut TopicExplanation,
        scratch: &mut Scratch,
        view: &View,
    ) {
        let plan = &self.plan.topics[topic.topic as usize];
        let (mut eval, ..) = self.eval(document, scratch, view);
        topic.require = plan.require.map(|gate| eval.holds(gate));
        let mut vetoes = plan.exclude.into_iter().chain(self.plan.exclude).map(|veto| eval.holds(veto));
        topic.exclude = vetoes.next().map(|first| first || vetoes.any(|veto| veto));
        for (field, numbers) in [Field::Title, Field::Text].into_iter().zip(eval.words.fields()) {
            for number in numbers {
                let word = Hit { start: number as u32, end: number as u32, gaps: false };
                if eval.masked.is_some_and(|masked| masked.any(word)) {
                    topic.masked.push((field, eval.words.span(word)));
                }
            }
        }
    }
}
