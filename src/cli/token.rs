//! `geotopics token`.

use super::output::{self, Failure, Status};
use crate::service::{Role, Tokens, expiry, hash};
use jiff::{SignedDuration, Timestamp};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Make a token that may call a server: it is printed once, and its hash is added to the file of `serve --tokens`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to call its holder in logs and limits
    name: String,

    /// The file of tokens; it is made if it is not there
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,

    /// What it may do: classify is everything but to reload rulesets
    #[arg(long, value_enum, default_value_t = RoleArg::Classify)]
    role: RoleArg,

    /// When it ends: a date or time in UTC, such as 2027-01-01, or a time from now, such as 2160h
    #[arg(long, value_name = "TIME", value_parser = end)]
    expires: Option<Timestamp>,

    /// How many calls a second it may make
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls_per_second: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RoleArg {
    Classify,
    Admin,
}

fn end(text: &str) -> Result<Timestamp, &'static str> {
    let from_now = || Timestamp::now().checked_add(text.parse::<SignedDuration>().ok()?).ok();
    let end = expiry(text).or_else(from_now).ok_or("no date, time or duration")?;
    if end > Timestamp::now() { Ok(end) } else { Err("that is over") }
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let Args { name, tokens, role, expires, calls_per_second } = args;
    let role = match role {
        RoleArg::Classify => Role::Classify,
        RoleArg::Admin => Role::Admin,
    };
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Failure::Message(format!("no randomness: {error}")))?;
    let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = format!("gt_{secret}");
    let text = |text: &str| toml::Value::from(text).to_string();
    let mut entry = format!(
        "[[token]]\nname = {}\nrole = {}\nsha256 = {}\n",
        text(name),
        text(role.name()),
        text(&hash(&secret))
    );
    if let Some(expires) = expires {
        entry += &format!("expires = {expires}\n");
    }
    if let Some(calls) = calls_per_second {
        entry += &format!("calls_per_second = {calls}\n");
    }
    append(tokens, &entry)?;
    writeln!(io::stdout(), "{secret}")?;
    output::say(format_args!(
        "added {name} to {}; keep the token, which cannot be shown again, in a file for --token-file",
        tokens.display(),
    ));
    Ok(Status::Fine)
}

/// Adds an entry to the file, as a whole or not at all: a server may read it at any moment.
fn append(path: &Path, entry: &str) -> Result<(), Failure> {
    let failed =
        |what: &str, error: &io::Error| Failure::io(format_args!("cannot {what} {}", path.display()), error);
    let (before, permissions) = match fs::read_to_string(path) {
        Ok(before) => {
            Tokens::load(path).map_err(|error| Failure::Message(error.to_string()))?;
            (before, fs::metadata(path).map_err(|error| failed("read", &error))?.permissions())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (String::new(), Permissions::from_mode(0o600))
        }
        Err(error) => return Err(failed("read", &error)),
    };
    let gap = match &*before {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let new = path.with_extension("new");
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.set_permissions(permissions)?;
        file.write_all(format!("{before}{gap}{entry}").as_bytes())?;
        file.sync_all()
    })();
    let checked = written.map_err(|error| failed("write beside", &error)).and_then(|()| {
        Tokens::load(&new).map_err(|error| Failure::Message(error.to_string()))?;
        fs::rename(&new, path).map_err(|error| failed("write", &error))
    });
    checked.inspect_err(|_| drop(fs::remove_file(&new)))
}
