//! The steps of a classification, for people.

use super::Classifier;
use super::classification::{Dropped, HitExplanation, Points, RuleExplanation, TopicExplanation};
use super::document::{Document, Field};
use super::found::FoundTerm;
use super::hits::Hit;
use super::plan::{Node, NodeId, TopicPlan, Use};
use super::run::View;
use super::score::{self, Fate, RuleHit};
use super::scratch::Scratch;
use crate::text::Span;

/// So many terms of a hit are shown.
const SHOWN_TERMS: usize = 16;

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
            let number = of_rule[0].rule;
            let plan = &self.plan.rules[number as usize];
            let points = score::points(plan.weight, of_rule);
            let terms = self.terms_of(document, number, scratch, view);
            let explain = |hit: &RuleHit| HitExplanation {
                field: hit.place.map(|(field, _)| field),
                span: hit.place.map_or(Span::default(), |(_, hit)| scratch.words.span(hit)),
                term: hit.place.map_or(String::new(), |(_, hit)| self.terms_inside(hit, &terms)),
                factor: hit.factor,
                points: plan.weight * hit.share,
                dropped: match hit.fate {
                    Fate::Counts => None,
                    Fate::Overlaps => Some(Dropped::Overlap),
                    Fate::Repeats => Some(Dropped::Repeat),
                    Fate::InsideOf(rule) => Some(Dropped::Contained(self.plan.rules[rule as usize].index)),
                },
            };
            let mut of_rule = of_rule.to_vec();
            of_rule.sort_by_key(|hit| hit.place.map(|(_, hit)| hit));
            let hits = of_rule.iter().map(explain).collect();
            topic.rules.push(RuleExplanation { rule: plan.index, points, hits });
        }
        topic.rules.sort_by_key(|rule| rule.rule);
        scratch.hits = hits;
    }

    /// The places of the terms that a rule names, in order.
    fn terms_of(
        &self,
        document: &Document<'_>,
        rule: u32,
        scratch: &mut Scratch,
        view: &View,
    ) -> Vec<(Hit, u32)> {
        let query = self.plan.rules[rule as usize].query;
        let (mut eval, ..) = self.eval(document, scratch, view);
        let mut terms = Vec::new();
        let mut places = eval.borrow();
        for (index, &FoundTerm { term, .. }) in eval.found.terms.iter().enumerate() {
            let named = match query {
                Some(query) => self.names(query, term),
                None => self.plan.uses.of(term).any(|term_use| term_use == Use::Hit(rule)),
            };
            if named {
                eval.places(index, None, &mut places);
                terms.extend(places.drain(..).map(|hit| (hit, term)));
            }
        }
        eval.give_back(places);
        terms.sort_unstable();
        terms
    }

    /// The first of these terms that stand inside a hit, in the order of their places.
    fn terms_inside(&self, place: Hit, terms: &[(Hit, u32)]) -> String {
        let from = terms.partition_point(|(hit, _)| hit.start < place.start);
        let inside = terms[from..].iter().take_while(|(hit, _)| hit.start <= place.end);
        let inside = inside.filter(|(hit, _)| hit.end <= place.end).take(SHOWN_TERMS);
        let mut texts: Vec<String> = inside.map(|&(_, term)| self.lexicon.text(term)).collect();
        texts.dedup();
        texts.join(" … ")
    }

    /// Whether a query names a term, but for what follows a NOT.
    fn names(&self, query: NodeId, term: u32) -> bool {
        match &self.plan.nodes[query as usize] {
            Node::Terms { terms, .. } => terms.binary_search(&term).is_ok(),
            Node::Or(nodes) | Node::And(nodes) => nodes.iter().any(|&node| self.names(node, term)),
            Node::Distinct(distinct) => distinct.nodes().any(|node| self.names(node, term)),
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
        let Some(masked) = eval.masked else { return };
        for (field, numbers) in [Field::Title, Field::Text].into_iter().zip(eval.words.fields()) {
            let mut run: Option<Hit> = None;
            for number in numbers {
                let word = Hit { start: number as u32, end: number as u32, gaps: false };
                run = match (run, masked.any(word)) {
                    (Some(run), true) => Some(Hit { end: word.end, ..run }),
                    (None, true) => Some(word),
                    (run, false) => {
                        topic.masked.extend(run.map(|run| (field, eval.words.span(run))));
                        None
                    }
                };
            }
            topic.masked.extend(run.map(|run| (field, eval.words.span(run))));
        }
    }
}
