//! Rulesets, their files, and what is wrong with them.

use super::proto::google::protobuf::Timestamp;
use super::{Fault, Quoted, Reason, v1};
use crate::catalog::Live;
use crate::engine::TopicInfo;
use crate::quality::FailedExample;
use crate::rules::{Diagnostic, Severity, Source};
use std::collections::BTreeSet;
use std::time::SystemTime;

/// A ruleset that is served; `fault` is what was wrong at its last reload.
#[must_use]
pub fn ruleset(live: &Live, default: bool, fault: &[Diagnostic]) -> v1::Ruleset {
    let Live { name, classifier, loaded_at, .. } = live;
    v1::Ruleset {
        name: name.clone(),
        version: classifier.version().to_owned(),
        revision: classifier.revision().to_owned(),
        topics: count(classifier.topics().len()),
        rules: count(classifier.topics().iter().map(|topic| topic.rules.len()).sum()),
        loaded_at: Some(timestamp(*loaded_at)),
        default,
        diagnostics: fault.iter().map(diagnostic).collect(),
    }
}

/// A topic of a ruleset.
#[must_use]
pub fn topic(topic: &TopicInfo) -> v1::Topic {
    let TopicInfo { id, name, group, description, map, rules } = topic;
    let languages: BTreeSet<_> = rules.iter().filter_map(|rule| rule.language).collect();
    v1::Topic {
        id: id.clone(),
        name: name.clone(),
        group: group.clone(),
        description: description.clone(),
        map: map
            .iter()
            .map(|(to, codes)| (to.clone(), v1::CrossReferences { codes: codes.clone() }))
            .collect(),
        rules: count(rules.len()),
        languages: languages.iter().map(ToString::to_string).collect(),
    }
}

/// A fault of a rule file.
#[must_use]
pub fn diagnostic(diagnostic: &Diagnostic) -> v1::Diagnostic {
    let Diagnostic { code, severity, message, path, line, column, source: _, caret: _, width: _, help } =
        diagnostic;
    let severity = match severity {
        Severity::Error => v1::Severity::Error,
        Severity::Warning => v1::Severity::Warning,
    };
    v1::Diagnostic {
        code: (*code).to_owned(),
        severity: severity.into(),
        message: message.clone(),
        path: path.clone(),
        line: *line,
        column: *column,
        help: help.clone(),
    }
}

/// An example that does not hold.
#[must_use]
pub fn failed_example(failed: &FailedExample) -> v1::FailedExample {
    let FailedExample { path, topic, example, reason: _, explanation } = failed;
    v1::FailedExample {
        path: path.clone(),
        line: example.line,
        topic: topic.clone(),
        expected: example.label,
        score: explanation.score,
    }
}

/// The files of a ruleset that a request brings.
///
/// # Errors
/// When a path is not one below a folder: empty, from the root, or with `..`; such files are named.
pub fn sources(files: Vec<v1::RulesetFile>) -> Result<Vec<Source>, Fault> {
    let is_below = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let mut fault = Fault::none(Reason::InvalidRuleset);
    for (i, v1::RulesetFile { path, content: _ }) in files.iter().enumerate() {
        if !is_below(path) {
            let path = Quoted(path);
            fault.add(
                format_args!("files[{i}].path"),
                format_args!("{path} is no path below the ruleset's folder"),
            );
        }
    }
    fault.or(())?;
    Ok(files
        .into_iter()
        .map(|v1::RulesetFile { path, content }| Source { path, content: content.into() })
        .collect())
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: since.as_secs().try_into().unwrap_or(i64::MAX),
        nanos: since.subsec_nanos().cast_signed(),
    }
}

fn count(length: usize) -> u32 {
    length.try_into().unwrap_or(u32::MAX)
}
