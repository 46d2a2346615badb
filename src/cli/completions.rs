//! `geotopics completions`.

use super::output::{Failure, Status};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, Write};

/// Print a completion script for a shell
///
/// For bash: geotopics completions bash > ~/.local/share/bash-completion/completions/geotopics
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "geotopics", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Status::Fine)
}
