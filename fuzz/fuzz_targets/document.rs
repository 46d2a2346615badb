//! Any bytes as a document: its classification has spans that lie in it, between characters.
#![no_main]

use geotopics::{Classifier, Document, Ruleset, Scratch, Source};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| {
    let source =
        |path: &str, content: &str| Source { path: path.to_owned(), content: content.as_bytes().to_vec() };
    let sources =
        [source("ruleset.toml", include_str!("ruleset.toml")), source("t.toml", include_str!("topic.toml"))];
    let (ruleset, diagnostics) = Ruleset::parse("fuzz", &sources);
    Classifier::compile(&ruleset.unwrap_or_else(|| panic!("{diagnostics:?}"))).expect("a small ruleset")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\0');
    let (text, title) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let language = parts.next().unwrap_or("");
    let document =
        Document { title, text, language, metadata: &[("source", "trend.az")], ..Document::default() };
    let classification = CLASSIFIER.classify(&document, &mut Scratch::default());
    for evidence in classification.labels.iter().flat_map(|label| &label.evidence) {
        for span in &evidence.spans {
            let field = evidence.field.expect("spans have a field");
            assert!(!document.words_at(field, *span).is_empty());
        }
    }
    let explanation = CLASSIFIER.explain(&document, &mut Scratch::default());
    assert_eq!(explanation.classification, classification);
});
