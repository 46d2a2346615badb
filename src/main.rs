//! The `geotopics` program: see `geotopics --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    geotopics::cli::main()
}
