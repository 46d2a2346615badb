//! What is answered: classifications and explanations.

use super::Options;
use super::offsets::convert;
use super::v1::{self, DropReason, EvidenceDetail, Field, NearMissReason};
use crate::engine::{self, Classifier, RuleInfo, TopicInfo};
use crate::text::Span;

/// Turns what a classifier found into messages.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    /// The name under which the ruleset is served.
    pub ruleset: &'a str,
    /// The ruleset.
    pub classifier: &'a Classifier,
    /// What to answer with.
    pub options: &'a Options,
}

impl Answers<'_> {
    /// A document's topics, by the classifier.
    #[must_use]
    pub fn classify(
        &self,
        id: &str,
        document: &engine::Document<'_>,
        scratch: &mut engine::Scratch,
    ) -> v1::Classification {
        self.classification(id, document, self.find(document, scratch))
    }

    /// What the classifier finds in a document, as far as the options ask for it.
    #[must_use]
    pub fn find(
        &self,
        document: &engine::Document<'_>,
        scratch: &mut engine::Scratch,
    ) -> engine::Classification {
        self.asked(if self.options.near_misses {
            self.classifier.classify_with_near_misses(document, scratch)
        } else {
            self.classifier.classify(document, scratch)
        })
    }

    fn asked(&self, mut found: engine::Classification) -> engine::Classification {
        let engine::Classification { labels, near_misses, language: _ } = &mut found;
        labels.retain(|label| label.score >= self.options.min_score && self.topic(label.topic).is_some());
        if self.options.max_labels > 0 {
            labels.truncate(self.options.max_labels as usize);
        }
        near_misses.retain(|near_miss| self.topic(near_miss.topic).is_some());
        found
    }

    /// What was found in a document.
    #[must_use]
    pub fn classification(
        &self,
        id: &str,
        document: &engine::Document<'_>,
        found: engine::Classification,
    ) -> v1::Classification {
        let engine::Classification { labels, near_misses, language } = found;
        let mut labels: Vec<_> = labels.into_iter().filter_map(|label| self.label(label)).collect();
        self.convert_offsets(document, &mut labels);
        let near_misses = near_misses.iter().filter_map(|near_miss| self.near_miss(near_miss)).collect();
        v1::Classification {
            document_id: id.to_owned(),
            labels,
            language,
            ruleset: Some(v1::RulesetRef {
                name: self.ruleset.to_owned(),
                version: self.classifier.version().to_owned(),
                revision: self.classifier.revision().to_owned(),
                engine: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            near_misses,
        }
    }

    /// A topic, if it is one to answer with.
    fn topic(&self, number: u32) -> Option<&TopicInfo> {
        self.classifier
            .topics()
            .get(number as usize)
            .filter(|topic| self.options.keeps(&topic.id, &topic.group))
    }

    fn label(&self, label: engine::Label) -> Option<v1::Label> {
        let engine::Label { topic, score, points, evidence } = label;
        let topic = self.topic(topic)?;
        let evidence = match self.options.evidence {
            EvidenceDetail::Unspecified | EvidenceDetail::Spans => {
                evidence.into_iter().map(|evidence| evidence_of(&topic.rules, evidence)).collect()
            }
            EvidenceDetail::None => Vec::new(),
        };
        Some(v1::Label {
            topic: topic.id.clone(),
            name: topic.name.clone(),
            group: topic.group.clone(),
            score,
            points: points.as_f64(),
            confidence: None,
            evidence,
        })
    }

    fn near_miss(&self, near_miss: &engine::NearMiss) -> Option<v1::NearMiss> {
        let &engine::NearMiss { topic, score, points, reason } = near_miss;
        let topic = self.topic(topic)?;
        let reason = match reason {
            engine::Reason::Threshold => NearMissReason::Threshold,
            engine::Reason::Require => NearMissReason::Require,
            engine::Reason::Exclude => NearMissReason::Exclude,
        };
        Some(v1::NearMiss {
            topic: topic.id.clone(),
            name: topic.name.clone(),
            group: topic.group.clone(),
            score,
            points: points.as_f64(),
            reason: reason.into(),
        })
    }

    fn convert_offsets(&self, document: &engine::Document<'_>, labels: &mut [v1::Label]) {
        let unit = self.options.offset_unit;
        if matches!(unit, v1::OffsetUnit::Unspecified | v1::OffsetUnit::Utf8Bytes) {
            return;
        }
        let (mut title, mut text) = (Vec::new(), Vec::new());
        for evidence in labels.iter_mut().flat_map(|label| &mut label.evidence) {
            let offsets = if evidence.field() == Field::Title { &mut title } else { &mut text };
            offsets.extend(evidence.spans.iter_mut().flat_map(|span| [&mut span.start, &mut span.end]));
        }
        convert(document.title, unit, title);
        convert(document.text, unit, text);
    }

    /// Why a document has the topics it has.
    #[must_use]
    pub fn explanation(
        &self,
        id: &str,
        document: &engine::Document<'_>,
        found: engine::Explanation,
    ) -> v1::ExplainResponse {
        let engine::Explanation { classification, topics } = found;
        let explain = |found: engine::TopicExplanation| {
            self.topic(found.topic).map(|topic| topic_explanation(topic, found))
        };
        v1::ExplainResponse {
            classification: Some(self.classification(id, document, self.asked(classification))),
            topics: topics.into_iter().filter_map(explain).collect(),
        }
    }
}

impl From<v1::Classification> for v1::ClassifyResult {
    fn from(classification: v1::Classification) -> v1::ClassifyResult {
        v1::ClassifyResult { outcome: Some(v1::classify_result::Outcome::Classification(classification)) }
    }
}

fn evidence_of(rules: &[RuleInfo], evidence: engine::Evidence) -> v1::Evidence {
    let engine::Evidence { rule, field, points, spans } = evidence;
    v1::Evidence {
        rule: rule_id(rules, rule),
        field: field_of(field).into(),
        points: points.as_f64(),
        spans: spans.into_iter().map(|Span { start, end }| v1::Span { start, end }).collect(),
    }
}

fn topic_explanation(topic: &TopicInfo, found: engine::TopicExplanation) -> v1::TopicExplanation {
    let engine::TopicExplanation {
        topic: _,
        score,
        points,
        threshold,
        label,
        require,
        exclude,
        masked,
        rules,
    } = found;
    v1::TopicExplanation {
        topic: topic.id.clone(),
        score,
        points: points.as_f64(),
        threshold,
        label,
        require,
        exclude,
        masked: masked.into_iter().map(masked_span).collect(),
        rules: rules.into_iter().filter_map(|rule| rule_explanation(&topic.rules, rule)).collect(),
    }
}

fn masked_span((field, Span { start, end }): (engine::Field, Span)) -> v1::MaskedSpan {
    v1::MaskedSpan { field: field_of(Some(field)).into(), start, end }
}

fn rule_explanation(rules: &[RuleInfo], found: engine::RuleExplanation) -> Option<v1::RuleExplanation> {
    let engine::RuleExplanation { rule, points, hits } = found;
    let RuleInfo { id, query, weight, language } = rules.get(rule as usize)?;
    Some(v1::RuleExplanation {
        rule: id.to_string(),
        query: query.to_string(),
        weight: *weight,
        language: language.map(|language| language.to_string()).unwrap_or_default(),
        points: points.as_f64(),
        hits: hits.into_iter().map(|hit| hit_explanation(rules, hit)).collect(),
    })
}

fn hit_explanation(rules: &[RuleInfo], found: engine::HitExplanation) -> v1::HitExplanation {
    let engine::HitExplanation { field, span: Span { start, end }, term, factor, points, dropped } = found;
    let (dropped, dropped_by) = match dropped {
        None => (DropReason::Unspecified, String::new()),
        Some(engine::Dropped::Overlap) => (DropReason::Overlap, String::new()),
        Some(engine::Dropped::Repeat) => (DropReason::Repeat, String::new()),
        Some(engine::Dropped::Contained(rule)) => (DropReason::Contained, rule_id(rules, rule)),
    };
    v1::HitExplanation {
        field: field_of(field).into(),
        start,
        end,
        term,
        factor,
        points,
        dropped: dropped.into(),
        dropped_by,
    }
}

fn rule_id(rules: &[RuleInfo], number: u32) -> String {
    rules.get(number as usize).map(|rule| rule.id.to_string()).unwrap_or_default()
}

fn field_of(field: Option<engine::Field>) -> Field {
    match field {
        None => Field::Unspecified,
        Some(engine::Field::Title) => Field::Title,
        Some(engine::Field::Text) => Field::Text,
    }
}
