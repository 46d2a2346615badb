//! `geotopics init`.

use super::output::{self, Failure, Status, count};
use super::rules;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Write the ruleset inside this program into a folder, to edit it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder that is empty or not there yet
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let dir = &args.dir;
    let cannot_write = |error| Failure::io(format_args!("cannot write to {}", dir.display()), &error);
    fs::create_dir_all(dir).map_err(cannot_write)?;
    if fs::read_dir(dir).map_err(cannot_write)?.next().is_some() {
        return Err(Failure::Message(format!("{} is not empty", dir.display())));
    }
    let files = rules::sources(None)?;
    for file in &files {
        write(&dir.join(&file.path), &file.content).map_err(cannot_write)?;
    }
    output::say(format_args!(
        "wrote {} to {dir}; next: geotopics check {dir} and geotopics test {dir}",
        count(files.len(), "file"),
        dir = dir.display(),
    ));
    Ok(Status::Fine)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)
}
