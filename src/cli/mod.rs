//! Commands. Data goes to standard output, everything else to standard error.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic
)]

mod bench;
mod check;
mod classify;
mod completions;
mod connect;
mod explain;
mod health;
mod init;
mod input;
mod log;
mod measure;
mod output;
mod record;
mod remote;
mod rules;
mod serve;
mod settings;
mod table;
mod test;
mod token;
mod tree;

use clap::{Parser, Subcommand};
use output::{Failure, Status};
use std::process::ExitCode;

/// Labels news articles with geopolitical topics, each with a score and the words that prove it
#[derive(Debug, Parser)]
#[command(name = "geotopics", version, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: 0 fine; 1 findings (errors in rules, failed examples, failed documents); 2 wrong usage or unreadable input.
Without --rules or DIR the ruleset inside this program is used.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Classify(classify::Args),
    Explain(explain::Args),
    Check(check::Args),
    Test(test::Args),
    Bench(bench::Args),
    Health(health::Args),
    Token(token::Args),
    Init(init::Args),
    Completions(completions::Args),
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Classify(args) => classify::run(args),
        Command::Explain(args) => explain::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Health(args) => health::run(args),
        Command::Token(args) => token::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match done {
        Ok(Status::Fine) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Ok(Status::Findings) => ExitCode::from(1),
        Err(Failure::Rules(diagnostics)) => {
            rules::report(&diagnostics);
            output::fail("the ruleset has errors");
            ExitCode::from(1)
        }
        Err(Failure::Message(message)) => {
            output::fail(&message);
            ExitCode::from(2)
        }
    }
}
