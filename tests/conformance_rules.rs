//! The rulesets of `../shared/conformance/cases.json`, where that is there: the broken ones are faulty at the line
//! that the case names, the others are sound.

use geotopics::{Ruleset, Source};
use serde_json::Value;
use std::path::Path;

/// A text may be `{"parts": [[string, times], ...]}`.
fn text(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let part = |part: &Value| Some(part[0].as_str()?.repeat(usize::try_from(part[1].as_u64()?).ok()?));
    value["parts"].as_array()?.iter().map(part).collect()
}

fn mentions(report: &str, mention: &Value) -> bool {
    match mention {
        Value::Array(any) => any.iter().any(|mention| mentions(report, mention)),
        Value::String(mention) => match mention.strip_prefix("line ") {
            Some(line) => report.contains(&format!(".toml:{line}")),
            None => report.to_lowercase().contains(&mention.to_lowercase()),
        },
        _ => false,
    }
}

#[test]
fn rulesets() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/cases.json");
    let Ok(cases) = std::fs::read(path) else { return };
    let cases: Value = serde_json::from_slice(&cases).expect("JSON");
    let mut wrong = Vec::new();
    for case in cases.as_array().expect("a list of cases") {
        let files = case["ruleset"].as_object().expect("files").iter();
        let source = |(path, content): (&String, &Value)| {
            Some(Source { path: path.clone(), content: text(content)?.into_bytes() })
        };
        let Some(sources) = files.map(source).collect::<Option<Vec<Source>>>() else { continue };
        let (ruleset, diagnostics) = Ruleset::parse("folder", &sources);
        let report: String = diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect();
        let expected = &case["expect_error"];
        let name = &case["name"];
        if ruleset.is_some() != expected.is_null() {
            wrong.push(format!("{name}: sound is {}\n{report}", ruleset.is_some()));
        }
        for mention in expected["mentions"].as_array().into_iter().flatten() {
            if !mentions(&report, mention) {
                wrong.push(format!("{name}: no mention of {mention}\n{report}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
