//! Documents and rules at their worst: the answers stay right, and come in time that grows with the text.

use geotopics::engine::Field;
use geotopics::{Classifier, Document, Ruleset, Scratch, Source};

fn classifier(topic: &str) -> Classifier {
    let source = |path: &str, content: &str| Source { path: path.into(), content: content.into() };
    let manifest = "name = \"extremes\"\nversion = \"1\"\n[scoring]\nthreshold = 0.01\n";
    let topic = format!("id = \"t\"\nname = \"T\"\n{topic}");
    let sources = [source("ruleset.toml", manifest), source("t.toml", &topic)];
    let (ruleset, diagnostics) = Ruleset::parse("extremes", &sources);
    Classifier::compile(&ruleset.unwrap_or_else(|| panic!("{}", diagnostics[0]))).unwrap()
}

fn rule(body: &str) -> String {
    format!("[[rule]]\nweight = 1\n{body}\n")
}

/// How many spans prove the topic.
fn spans(classifier: &Classifier, text: &str) -> usize {
    let answer = classifier.classify(&Document { text, ..Document::default() }, &mut Scratch::default());
    answer.labels.iter().flat_map(|label| &label.evidence).map(|evidence| evidence.spans.len()).sum()
}

#[test]
fn each_of_many_hits_is_evidence() {
    let once = classifier(&rule("match = 'oil'"));
    assert_eq!(spans(&once, &"oil ".repeat(30_000)), 30_000);
    let answer = once
        .explain(&Document { text: &"oil ".repeat(30_000), ..Document::default() }, &mut Scratch::default());
    assert!(answer.topics[0].rules[0].hits.iter().all(|hit| hit.dropped.is_none() && hit.term == "oil"));
}

#[test]
fn near_over_thousands_of_hits_of_both_sides() {
    let near = classifier(&rule("match = 'a NEAR/100 b'"));
    assert_eq!(spans(&near, &"a ".repeat(20_000)), 0);
    assert_eq!(spans(&near, &format!("{}{}", "a ".repeat(20_000), "b ".repeat(20_000))), 1);
    assert_eq!(spans(&near, &"a b ".repeat(20_000)), 20_000);
}

#[test]
fn a_word_without_end() {
    let word = "ya".repeat(500_000);
    let stem = classifier(&rule("match = '~negotiate OR *yx* OR /y+/'"));
    assert_eq!(spans(&stem, &word), 0);
    assert_eq!(spans(&stem, &format!("{word} negotiating")), 1);
}

#[test]
fn wildcards_that_match_every_word() {
    let terms: Vec<String> =
        (1..300).map(|n| format!("\"a{}*\"", "?".repeat(n % 7) + &"a".repeat(n / 7 + 1))).collect();
    let wildcards = classifier(&rule(&format!("terms = [{}]", terms.join(","))));
    let text = format!("{} ", "a".repeat(60)).repeat(2_000);
    assert_eq!(spans(&wildcards, &text), 2_000);
}

#[test]
fn masks_over_everything() {
    let masked = classifier(&format!(
        "mask = ['war*']\n{}{}",
        rule("match = 'war'"),
        rule("match = 'NOT war AND peace'")
    ));
    let text = "war ".repeat(20_000) + "peace";
    assert_eq!(spans(&masked, &text), 1);
    let explanation =
        masked.explain(&Document { text: &text, ..Document::default() }, &mut Scratch::default());
    let [(field, span)] = explanation.topics[0].masked[..] else { panic!("one run of masked words") };
    assert_eq!((field, span.start, span.end as usize), (Field::Text, 0, text.len() - " peace".len()));
}

#[test]
fn more_distinct_words_than_a_scratch_remembers() {
    // Of the last two the second word is looked up when the first, on which they are anchored, was found: long after it was forgotten.
    let patterns =
        classifier(&rule("terms = ['*99*', '~w1', 'w1000 w100?', 'w150000 w15000?', 'w2000 w300?']"));
    let text: String = (0..200_000).map(|n| format!("w{n} ")).collect();
    let document = Document { text: &text, ..Document::default() };
    let mut scratch = Scratch::default();
    let first = patterns.classify(&document, &mut scratch);
    assert_eq!(first, patterns.classify(&document, &mut scratch));
    let expected = (0..200_000).filter(|n| n.to_string().contains("99")).count() + 3;
    assert_eq!(first.labels[0].evidence[0].spans.len(), expected);
}
