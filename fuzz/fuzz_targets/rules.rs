//! Any bytes as the files of a ruleset: parsing ends in diagnostics or in a ruleset that compiles, classifies, and
//! whose queries are what their canonical text says.
#![no_main]

use geotopics::rules::Query;
use geotopics::{Classifier, Document, Ruleset, Scratch, Source};
use libfuzzer_sys::fuzz_target;

const MANIFEST: &[u8] = b"name = \"fuzz\"\nversion = \"1\"\n[lists]\na = [\"war\", \"~talk\"]\n";
const PATHS: [&str; 4] = ["t.toml", "lists.toml", "u/u.toml", "ruleset.toml"];

fuzz_target!(|data: &[u8]| {
    // Files are parted by a byte that TOML does not have.
    let mut sources: Vec<Source> = data
        .split(|byte| *byte == 0)
        .zip(PATHS)
        .map(|(content, path)| Source { path: path.to_owned(), content: content.to_vec() })
        .collect();
    if sources.len() < PATHS.len() {
        sources.push(Source { path: "ruleset.toml".to_owned(), content: MANIFEST.to_vec() });
    }
    let (ruleset, diagnostics) = Ruleset::parse("fuzz", &sources);
    for diagnostic in &diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
    let Some(ruleset) = ruleset else {
        assert!(!diagnostics.is_empty());
        return;
    };
    // Some letters fold into what no text says; tests/queries.rs has them.
    for rule in ruleset.topics.iter().flat_map(|topic| &topic.rules).filter(|rule| rule.text.is_ascii()) {
        assert_eq!(Query::parse(&rule.query.to_string()).as_ref(), Ok(&rule.query));
    }
    if let Ok(classifier) = Classifier::compile(&ruleset) {
        let document =
            Document { title: "War talks", text: "A war, and talks about peace.", ..Document::default() };
        _ = classifier.classify(&document, &mut Scratch::default());
    }
});
