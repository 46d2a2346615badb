//! The `geotopics` program: see `geotopics --help`.

use std::process::ExitCode;

// Measured on streams of articles: 9 to 17 % less CPU time an article than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    geotopics::cli::main()
}
