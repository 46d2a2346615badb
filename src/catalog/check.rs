//! What the files of a ruleset are worth.

use crate::engine::Classifier;
use crate::quality::{FailedExample, failed_examples};
use crate::rules::{Code, Diagnostic, Ruleset, Severity, Source};

/// The files of a ruleset, parsed, compiled and tried on their own examples.
#[derive(Debug)]
pub struct Checked {
    /// The compiled ruleset; none where a diagnostic is an error.
    pub classifier: Option<Classifier>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// The examples that do not hold.
    pub failed_examples: Vec<FailedExample>,
}

impl Checked {
    /// Checks the files of a ruleset; `name` stands for its folder in diagnostics.
    #[must_use]
    pub fn new(name: &str, sources: &[Source]) -> Checked {
        let (ruleset, mut diagnostics) = Ruleset::parse(name, sources);
        let Some(ruleset) = ruleset else {
            return Checked { classifier: None, diagnostics, failed_examples: Vec::new() };
        };
        match Classifier::compile(&ruleset) {
            Ok(classifier) => {
                let failed_examples = failed_examples(&ruleset, &classifier);
                Checked { classifier: Some(classifier), diagnostics, failed_examples }
            }
            Err(too_large) => {
                diagnostics.push(fault(Code::TooLarge, name, 0, too_large.to_string()));
                Checked { classifier: None, diagnostics, failed_examples: Vec::new() }
            }
        }
    }

    /// The ruleset if it may go live: without errors, and with every example as its author says.
    ///
    /// # Errors
    /// With the diagnostics; failed examples are errors among them.
    pub fn sound(self) -> Result<(Classifier, Vec<Diagnostic>), Vec<Diagnostic>> {
        let Checked { classifier, mut diagnostics, failed_examples } = self;
        match classifier {
            Some(classifier) if failed_examples.is_empty() => Ok((classifier, diagnostics)),
            Some(_) | None => {
                diagnostics.extend(failed_examples.iter().map(failed_example));
                Err(diagnostics)
            }
        }
    }
}

fn failed_example(failed: &FailedExample) -> Diagnostic {
    let FailedExample { path, topic, example, explanation, .. } = failed;
    let expected = if example.label { "must be" } else { "must not be" };
    let message = format!("{topic} {expected} a label of this example; its score is {}", explanation.score);
    fault(Code::FailedExample, path, example.line, message)
}

fn fault(code: Code, path: &str, line: u32, message: String) -> Diagnostic {
    Diagnostic {
        code: code.as_str(),
        severity: Severity::Error,
        message,
        path: path.to_owned(),
        line,
        column: u32::from(line > 0),
        source: String::new(),
        caret: 1,
        width: 1,
        help: String::new(),
    }
}
