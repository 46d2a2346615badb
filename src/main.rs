//! The `geotopics` program: see `geotopics --help`.

use std::process::ExitCode;

// Less CPU time an article than with others, and a thread of its own gives freed memory back: see ARCHITECTURE.md and .cargo/config.toml.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    geotopics::cli::main()
}
