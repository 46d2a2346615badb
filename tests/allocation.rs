//! Classifying allocates nothing but the answer, once the scratch is warm.

use geotopics::{Classifier, Document, Ruleset, Scratch, Source};

const RULESET: &str = r#"
name = "allocation"
version = "1"
mask = ["hospital corridor*"]
[lists]
powers = ["China", "=Russia", "Россия", "Azərbaycan"]
"#;

const TOPIC: &str = r#"
id = "t"
name = "T"
threshold = 0.99
require = "@powers"

[[rule]]
weight = 0.01
terms = ["Middle Corridor", "Zəngəzur dəhlizi", "транспортный коридор", "=NATO", "U.S. army", "走廊"]

[[rule]]
weight = 0.01
match = "(rail* OR /freight(s|er)?/ OR ~transport) NEAR/6 (corridor* OR =Route)"

[[rule]]
weight = 0.01
match = "DISTINCT/2 (@powers OR war) AND ATLEAST/1 (corridor NOT/S treaty) AND NOT lead:peace"
"#;

const TEXTS: [&str; 3] = [
    "China and Russia met in a hospital corridor. The Middle Corridor carries rail freight; the U.S. Army and NATO watch the route.",
    "Azərbaycan Zəngəzur dəhlizi üzrə danışıqlar aparır.\n\nРоссия строит транспортный коридор, Китай — 走廊。",
    "Nothing of note happened in the village today, and nobody was surprised by it, least of all the mayor.",
];

#[test]
fn a_warm_scratch_is_enough() {
    let source = |path: &str, content: &str| Source { path: path.into(), content: content.into() };
    let (ruleset, diagnostics) =
        Ruleset::parse("allocation", &[source("ruleset.toml", RULESET), source("t.toml", TOPIC)]);
    let ruleset = ruleset.unwrap_or_else(|| panic!("{}", diagnostics[0]));
    let classifier = Classifier::compile(&ruleset).unwrap();
    let mut scratch = Scratch::default();
    for round in 0..3 {
        for text in TEXTS {
            let document = Document { title: "On corridors", text, ..Document::default() };
            let mut near_misses = 0;
            let counted = allocation_counter::measure(|| {
                near_misses = classifier.classify_with_near_misses(&document, &mut scratch).near_misses.len();
            });
            // The list of near misses is the answer.
            assert!(round == 0 || counted.count_total == near_misses as u64, "{text}: {counted:?}");
        }
    }
}

#[test]
fn a_language_that_words_make_evident_is_free() {
    for (language, text) in [
        (
            "en",
            "China and Russia met in the capital, and they said that the corridor would be open by the summer.",
        ),
        ("ru", "Россия и Китай заявили, что новый коридор будет открыт уже этим летом, если не будет войны."),
        ("zh", "中国和俄罗斯表示，新的走廊将于今年夏天开放。"),
    ] {
        let detect = || geotopics::text::detect("", text).map(|language| language.to_string());
        assert_eq!(detect().as_deref(), Some(language));
        let counted = allocation_counter::measure(|| _ = geotopics::text::detect("", text));
        assert_eq!(counted.count_total, 0, "{text}");
    }
}
