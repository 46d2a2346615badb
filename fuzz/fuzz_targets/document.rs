//! Any bytes as a document: its classification has spans that lie in it, between characters, and is the same with a used
//! and a fresh scratch.
#![no_main]

use geotopics::{Classifier, Document, Ruleset, Scratch, Source};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::sync::LazyLock;

thread_local!(static USED: RefCell<Scratch> = RefCell::default());

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
    let used = |scratch: &RefCell<Scratch>| {
        CLASSIFIER.classify_with_near_misses(&document, &mut scratch.borrow_mut())
    };
    let classification = USED.with(used);
    assert_eq!(classification, CLASSIFIER.classify_with_near_misses(&document, &mut Scratch::default()));
    for evidence in classification.labels.iter().flat_map(|label| &label.evidence) {
        for span in &evidence.spans {
            let field = evidence.field.expect("spans have a field");
            assert!(!document.words_at(field, *span).is_empty());
        }
    }
    let explanation = CLASSIFIER.explain(&document, &mut Scratch::default());
    assert_eq!(explanation.classification, classification);
});
