//! `geotopics serve`.
use super::output::{Failure, Status};
/// Serve
#[derive(Debug, clap::Args)]
pub(super) struct Args {}
pub(super) fn run(_: Args) -> Result<Status, Failure> { Ok(Status::Fine) }
