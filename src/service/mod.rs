//! Calls: convert, classify, convert.
//!
//! ```text
//! server       sockets to calls: the accept loop, HTTP/2 settings, the way out
//! connections  one connection: its first call, its idle time, who makes room
//! frames       HTTP/2 frames that cost and carry nothing
//! calls        what every call goes through before it is one of the service
//! admission    how many calls compute at a time, and whose turn it is
//! call         what each call is doing, since when, and how many bytes it holds
//! body         what a call sends and gets, under its limits
//! journal      the line of the log that a call ends with
//! classify     ClassificationService
//! rulesets     RulesetService
//! http         JSON over HTTP: the same calls
//! question     documents, of a ruleset, under options: what classify asks the engine
//! work         where a call computes: on its own task, or elsewhere if that takes long
//! limits       how much is too much
//! metrics      what is counted, and the page that tells it
//! timer        waits that may be over
//! reload       what is read again when its files change
//! tls          certificates, read again when their files change
//! tokens       who may call, and how often
//! toml_file    a file that an operator writes: its faults with their places
//! ```

mod admission;
mod body;
mod call;
mod calls;
mod classify;
mod connections;
mod frames;
mod http;
mod journal;
mod limits;
mod metrics;
mod question;
mod reload;
mod rulesets;
mod server;
mod timer;
mod tls;
mod tokens;
mod toml_file;
mod work;

pub use limits::Limits;
pub use reload::Reloader;
pub use server::{Config, Listeners, Server};
pub use tls::{Tls, TlsError};
pub use tokens::{Role, Tokens, TokensError};
pub(crate) use tokens::{expiry, hash};
pub use toml_file::{Fault, TomlFile, meant, plain};

/// What stands between the markers of this name in the documentation for operators, which the code makes.
#[cfg(test)]
pub(crate) fn documented(name: &str, made: &str) {
    const PATH: &str = "docs/operations.md";
    // Tests run at the same time, and this file has parts of several.
    static WRITES: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _writes = WRITES.lock();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let text = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = text.split_once(&begin).unwrap();
    let (written, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, format!("{before}{begin}{made}{end}{after}")).unwrap();
    } else {
        assert_eq!(written, made, "UPDATE=1 cargo test --lib documentation writes it anew");
    }
}
