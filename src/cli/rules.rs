//! The ruleset of a command: read, parsed and compiled, or reported on.

use super::output::{self, Failure, Paint, Style, count};
use crate::catalog;
use crate::engine::Classifier;
use crate::rules::{Diagnostic, Ruleset, Severity, Source};
use std::path::{Path, PathBuf};

/// Which ruleset.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Choice {
    /// Folder of the ruleset
    #[arg(long = "rules", value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Choice {
    /// The folder; none for the ruleset inside this program.
    #[must_use]
    pub(super) fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }
}

/// The files of a ruleset.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn sources(dir: Option<&Path>) -> Result<Vec<Source>, Failure> {
    match dir {
        Some(dir) => catalog::load(dir).map_err(|error| Failure::Message(error.to_string())),
        None => Ok(catalog::embedded()),
    }
}

/// A ruleset, if it has no errors, and its diagnostics with paths that can be opened from here.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn parse(dir: Option<&Path>) -> Result<(Option<Ruleset>, Vec<Diagnostic>), Failure> {
    let sources = sources(dir)?;
    let (ruleset, diagnostics) = Ruleset::parse(&name(dir), &sources);
    Ok((ruleset, from_here(dir, diagnostics)))
}

/// Diagnostics with paths that can be opened from here.
#[must_use]
pub(super) fn from_here(dir: Option<&Path>, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.line > 0) {
        diagnostic.path = path(dir, &diagnostic.path);
    }
    diagnostics
}

/// A ruleset without errors.
///
/// # Errors
/// When the folder cannot be read, or with the diagnostics of a ruleset that has errors.
pub(super) fn sound(dir: Option<&Path>) -> Result<Ruleset, Failure> {
    match parse(dir)? {
        (Some(ruleset), _) => Ok(ruleset),
        (None, diagnostics) => Err(Failure::Rules(diagnostics)),
    }
}

/// A ruleset without errors, compiled.
///
/// # Errors
/// When the folder cannot be read, or with the diagnostics of a ruleset that has errors.
pub(super) fn load(dir: Option<&Path>) -> Result<(Ruleset, Classifier), Failure> {
    let ruleset = sound(dir)?;
    compile(&ruleset).map(|classifier| (ruleset, classifier))
}

/// What to call a ruleset before its own name is known.
#[must_use]
pub(super) fn name(dir: Option<&Path>) -> String {
    dir.map_or_else(|| "the ruleset inside geotopics".to_owned(), |dir| dir.display().to_string())
}

/// The path of a ruleset's file from here.
#[must_use]
pub(super) fn path(dir: Option<&Path>, file: &str) -> String {
    dir.map_or_else(|| file.to_owned(), |dir| dir.join(file).display().to_string())
}

/// Compiles a sound ruleset.
///
/// # Errors
/// When it is too large.
pub(super) fn compile(ruleset: &Ruleset) -> Result<Classifier, Failure> {
    Classifier::compile(ruleset)
        .map_err(|error| Failure::Message(format!("the ruleset has too many {} to be compiled", error.what)))
}

/// The name, the version and the size of a ruleset.
#[must_use]
pub(super) fn summary(ruleset: &Ruleset, classifier: &Classifier) -> String {
    let rules = classifier.topics().iter().map(|topic| topic.rules.len()).sum();
    let examples = ruleset.topics.iter().map(|topic| topic.examples.len()).sum();
    format!(
        "{} {} ({}, {}, {})",
        ruleset.name,
        ruleset.version,
        count(ruleset.topics.len(), "topic"),
        count(rules, "rule"),
        count(examples, "example"),
    )
}

/// Prints diagnostics on standard error.
pub(super) fn report(diagnostics: &[Diagnostic]) {
    let paint = Paint { colour: output::colour_on_stderr() };
    for diagnostic in diagnostics {
        output::say(rendered(diagnostic, paint));
    }
}

/// A diagnostic for people.
#[must_use]
pub(super) fn rendered(diagnostic: &Diagnostic, paint: Paint) -> String {
    let rendered = diagnostic.render(|severity, text| {
        let style = match severity {
            Severity::Error => Style::Bad,
            Severity::Warning => Style::Warn,
        };
        paint.paint(style, text).to_string()
    });
    rendered.trim_end().to_owned()
}
