//! The engine against a naive oracle: random rulesets and documents get the same labels, points and spans.
//!
//! `GEOTOPICS_CASES=20000 GEOTOPICS_SEED=0 cargo test --release --test agreement` runs more of them.

#![allow(clippy::print_stderr, reason = "what differs is printed for people")]

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a library of its own, of which each test uses a part"
)]
mod oracle;

use geotopics::engine::{Classification, Field, Reason};
use geotopics::{Classifier, Document, Ruleset, Scratch, Source, text};
use oracle::{Case, Oracle};

/// What both sides say, in one shape.
#[derive(Debug, PartialEq)]
struct Answer {
    labels: Vec<(String, i64, i64, Vec<Proof>)>,
    near_misses: Vec<(String, &'static str)>,
}

/// Rule, field, points in millionths, spans.
type Proof = (String, Option<&'static str>, i64, Vec<(usize, usize)>);

fn of_engine(classifier: &Classifier, answer: &Classification) -> Answer {
    let micro = |score: f64| (score * 1e6).round() as i64;
    let labels = answer.labels.iter().map(|label| {
        let topic = &classifier.topics()[label.topic as usize];
        let proofs = label.evidence.iter().map(|evidence| {
            let field = evidence.field.map(|field| match field {
                Field::Title => "title",
                Field::Text => "text",
            });
            let spans = evidence.spans.iter().map(|span| (span.start as usize, span.end as usize)).collect();
            (topic.rules[evidence.rule as usize].id.to_string(), field, evidence.points.0, spans)
        });
        (topic.id.clone(), micro(label.score), label.points.0, proofs.collect())
    });
    let near_misses = answer.near_misses.iter().map(|miss| {
        let reason = match miss.reason {
            Reason::Threshold => "threshold",
            Reason::Require => "require",
            Reason::Exclude => "exclude",
        };
        (classifier.topics()[miss.topic as usize].id.clone(), reason)
    });
    Answer { labels: labels.collect(), near_misses: near_misses.collect() }
}

fn of_oracle(answer: oracle::Answer) -> Answer {
    let field = |field| match field {
        oracle::Field::Title => "title",
        oracle::Field::Text => "text",
    };
    let labels = answer.labels.into_iter().map(|label| {
        let proofs = label
            .evidence
            .into_iter()
            .map(|(rule, place, points, spans)| (rule, place.map(field), points, spans));
        (label.topic, label.score_micro, label.points_micro, proofs.collect())
    });
    Answer { labels: labels.collect(), near_misses: answer.near_misses }
}

fn compile(files: &[(String, String)]) -> Classifier {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, content)| Source { path: path.clone(), content: content.clone().into_bytes() })
        .collect();
    let (ruleset, diagnostics) = Ruleset::parse("case", &sources);
    let ruleset = ruleset.unwrap_or_else(|| panic!("{}", diagnostics[0]));
    Classifier::compile(&ruleset).unwrap_or_else(|fault| panic!("{fault}"))
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn random_rulesets_get_the_same_answers() {
    let first = number("GEOTOPICS_SEED", 0);
    let mut used = Scratch::default();
    let mut faults = 0;
    for seed in first..first + number("GEOTOPICS_CASES", 400) {
        let mut case = Case::generate(seed);
        let oracle = Oracle::load(&case.files).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        let classifier = compile(&case.files);
        fastrand::Rng::with_seed(seed).shuffle(&mut case.files);
        let shuffled = compile(&case.files);
        for (index, document) in case.documents.iter().enumerate() {
            let metadata: Vec<(&str, &str)> =
                document.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let input = Document {
                title: &document.title,
                text: &document.text,
                language: document.language.as_deref().unwrap_or(""),
                published: document.published,
                metadata: &metadata,
            };
            let detected = text::detect(&document.title, &document.text).map(|language| language.to_string());
            let expected = of_oracle(oracle.classify(document, detected.as_deref()));
            let answer = classifier.classify_with_near_misses(&input, &mut used);
            let found = of_engine(&classifier, &answer);
            let fresh = classifier.classify_with_near_misses(&input, &mut Scratch::default());
            assert_eq!(answer, fresh, "seed {seed}: a used scratch");
            let labels = shuffled.classify(&input, &mut used).labels;
            assert_eq!(answer.labels, labels, "seed {seed}: the order of files");
            assert_eq!(answer, classifier.explain(&input, &mut used).classification, "seed {seed}: explain");
            if found != expected {
                faults += 1;
                if faults <= number("GEOTOPICS_SHOWN", 1) {
                    eprintln!("seed {seed}, document {index}:\n{input:#?}");
                    for (path, content) in &case.files {
                        eprintln!("--- {path}\n{content}");
                    }
                    let lines = |answer: &Answer| {
                        format!("{answer:#?}").lines().map(str::to_owned).collect::<Vec<_>>()
                    };
                    let (found, expected) = (lines(&found), lines(&expected));
                    let same = found.iter().zip(&expected).take_while(|(a, b)| a == b).count();
                    let around = |lines: &[String]| {
                        lines[same.saturating_sub(12).min(lines.len())..(same + 9).min(lines.len())]
                            .join("\n")
                    };
                    eprintln!("engine:\n{}\noracle:\n{}", around(&found), around(&expected));
                }
            }
        }
    }
    assert_eq!(faults, 0, "documents with another answer");
}
