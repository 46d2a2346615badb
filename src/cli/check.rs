//! `geotopics check`.

use super::output::{self, Failure, Paint, Status, count};
use super::rules;
use crate::rules::Severity;
use std::io::{self, Write};
use std::path::PathBuf;

/// Report every fault of a ruleset, each with its place and what to do about it
///
/// Errors keep a ruleset from being used; warnings do not. The findings are this command's data: they go to standard output.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the ruleset
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let paint = Paint { colour: output::colour_on_stdout() };
    let dir = args.dir.as_deref();
    let (ruleset, diagnostics) = rules::parse(dir)?;
    let mut out = io::stdout().lock();
    for diagnostic in &diagnostics {
        writeln!(out, "{}", rules::rendered(diagnostic, paint))?;
    }
    let warnings = diagnostics.iter().filter(|found| found.severity == Severity::Warning).count();
    let errors = diagnostics.len() - warnings;
    let Some(ruleset) = ruleset else {
        writeln!(out, "{}: {}, {}", rules::name(dir), count(errors, "error"), count(warnings, "warning"))?;
        return Ok(Status::Findings);
    };
    let classifier = rules::compile(&ruleset)?;
    writeln!(out, "{}: {}", rules::summary(&ruleset, &classifier), count(warnings, "warning"))?;
    Ok(Status::Fine)
}
