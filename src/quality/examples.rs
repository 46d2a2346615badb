//! Do the topics' own examples come out as their author says?

use crate::engine::{Classifier, Document, Explanation, Reason, Scratch, TopicExplanation};
use crate::rules::{Example, Ruleset};

/// An `[[example]]` that does not come out as its author says.
#[derive(Clone, Debug)]
pub struct FailedExample {
    /// The topic's file, below the ruleset's folder.
    pub path: String,
    /// The topic's id.
    pub topic: String,
    /// What the author wrote; the opposite of its `label` came out.
    pub example: Example,
    /// What a missing label failed; none where the label is one too many.
    pub reason: Option<Reason>,
    /// Its score, points and threshold, and the rules that have hits.
    pub explanation: TopicExplanation,
}

/// The examples that fail, in the order of topics and of each topic's file; `classifier` is `ruleset`, compiled.
#[must_use]
pub fn failed_examples(ruleset: &Ruleset, classifier: &Classifier) -> Vec<FailedExample> {
    let mut scratch = Scratch::default();
    let mut failed = Vec::new();
    for (number, topic) in ruleset.topics.iter().enumerate() {
        for example in &topic.examples {
            let metadata: Vec<_> = example.metadata.iter().map(|(key, value)| (&**key, &**value)).collect();
            let document = Document {
                title: &example.title,
                text: &example.text,
                language: example.language.as_deref().unwrap_or(""),
                published: example.published.map(|day| day * 24 * 60 * 60),
                metadata: &metadata,
            };
            let labels = classifier.classify(&document, &mut scratch).labels;
            if labels.iter().any(|label| label.topic as usize == number) == example.label {
                continue;
            }
            let Explanation { topics, .. } = classifier.explain(&document, &mut scratch);
            let Some(explanation) = topics.into_iter().nth(number) else { continue };
            failed.push(FailedExample {
                path: topic.path.clone(),
                topic: topic.id.to_string(),
                example: example.clone(),
                reason: missing(&explanation),
                explanation,
            });
        }
    }
    failed
}

/// What keeps a topic from being a label.
fn missing(topic: &TopicExplanation) -> Option<Reason> {
    if topic.label {
        None
    } else if topic.score < topic.threshold {
        Some(Reason::Threshold)
    } else if topic.require == Some(false) {
        Some(Reason::Require)
    } else {
        Some(Reason::Exclude)
    }
}
