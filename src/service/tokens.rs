//! Who may call: the holders of the tokens whose hashes stand in a file.
//!
//! ```toml
//! [[token]]
//! name = "feed"
//! role = "classify"           # or "admin", which may reload rulesets too
//! sha256 = "9f86d081…"        # of the token
//! expires = 2027-01-01        # optional, also with a time
//! calls_per_second = 100      # optional
//! ```
//!
//! A token has 256 random bits, so that a fast hash is enough: there is nothing to guess.

use super::toml_file::{Fault, TomlFile, meant, plain};
use crate::wire::refusal;
use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tonic::{Code, Status};

/// The tokens of a file, which is read again when it changes.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    live: ArcSwap<Vec<Arc<Token>>>,
    /// The content that was last tried.
    tried: Mutex<Vec<u8>>,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All calls but those of `Admin`.
    Classify,
    /// All calls, ReloadRuleset among them.
    Admin,
}

impl Role {
    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Classify => "classify",
            Role::Admin => "admin",
        }
    }
}

/// One token, as the server knows it.
pub(super) struct Token {
    pub(super) name: String,
    pub(super) role: Role,
    hash: [u8; 32],
    expires: Option<Timestamp>,
    rate: Option<Rate>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        let rate = |token: &Token| token.rate.as_ref().map(|rate| rate.calls);
        (&self.name, self.role, self.hash, self.expires)
            == (&other.name, other.role, other.hash, other.expires)
            && rate(self) == rate(other)
    }
}

/// Calls a second, and what of them is left: a bucket that holds those of one second.
#[derive(Debug)]
struct Rate {
    calls: u32,
    left: Mutex<(f64, Instant)>,
}

/// Why the tokens of a file cannot be used.
#[derive(Debug)]
pub enum TokensError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// What is wrong in it; nothing of a token or its hash is shown.
    Faulty(Vec<Fault>),
}

impl fmt::Display for TokensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokensError::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            TokensError::Faulty(faults) => {
                let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for TokensError {}

impl Tokens {
    /// Reads the tokens of a file.
    ///
    /// # Errors
    /// When the file cannot be read, or anything in it is wrong.
    pub fn load(path: &Path) -> Result<Tokens, TokensError> {
        let unreadable = |error| TokensError::Unreadable(path.to_owned(), error);
        let tried = std::fs::read(path).map_err(unreadable)?;
        let tokens = read(&TomlFile::read(path).map_err(unreadable)?)?;
        let live = ArcSwap::from_pointee(tokens.into_iter().map(Arc::new).collect());
        Ok(Tokens { path: path.to_owned(), live, tried: Mutex::new(tried) })
    }

    /// Reads the file again if it has changed since it was last tried; until then, and where it cannot be used, the tokens that
    /// were read before stay. Returns how many there are, and nothing where nothing has changed.
    pub fn reload(&self) -> Option<Result<usize, TokensError>> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is not there at this moment is being replaced.
        let now = std::fs::read(&self.path).ok().filter(|now| now != &*tried)?;
        *tried = now;
        let file =
            TomlFile::read(&self.path).map_err(|error| TokensError::Unreadable(self.path.clone(), error));
        Some(file.and_then(|file| read(&file)).map(|tokens| {
            let before = self.live.load();
            // One that is as it was goes on with what is left of its rate.
            let kept = |token: Token| {
                before.iter().find(|old| ***old == token).cloned().unwrap_or_else(|| Arc::new(token))
            };
            let tokens: Vec<_> = tokens.into_iter().map(kept).collect();
            let count = tokens.len();
            self.live.store(Arc::new(tokens));
            count
        }))
    }

    /// The token that a request brings.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Token>, Status> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(unauthenticated("the call needs one header `authorization: Bearer TOKEN`"));
        };
        let secret = value
            .as_bytes()
            .split_at_checked(7)
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
        let (_, secret) =
            secret.ok_or_else(|| unauthenticated("the header authorization must be `Bearer TOKEN`"))?;
        let hash: [u8; 32] = Sha256::digest(secret.trim_ascii()).into();
        // All are compared, and each of them whole, so that time tells nothing.
        let tokens = self.live.load();
        let found = tokens
            .iter()
            .fold(None, |found, token| if bool::from(token.hash.ct_eq(&hash)) { Some(token) } else { found });
        let token = found.ok_or_else(|| unauthenticated("there is no such token"))?;
        if token.expires.is_some_and(|expires| expires <= Timestamp::now()) {
            return Err(unauthenticated("the token has expired"));
        }
        Ok(Arc::clone(token))
    }
}

fn unauthenticated(message: &str) -> Status {
    refusal(Code::Unauthenticated, "UNAUTHENTICATED", message.to_owned(), None)
}

impl Token {
    /// Takes a call from its rate.
    pub(super) fn admit(&self) -> Result<(), Status> {
        let Some(Rate { calls, left }) = &self.rate else { return Ok(()) };
        let full = f64::from(*calls);
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (before, since) = *left;
        let have = (before + full * now.duration_since(since).as_secs_f64()).min(full);
        if have >= 1.0 {
            *left = (have - 1.0, now);
            return Ok(());
        }
        *left = (have, now);
        let wait = Duration::from_secs_f64((1.0 - have) / full);
        let message = format!(
            "the token makes more than {calls} calls a second, which is its limit (calls_per_second)"
        );
        Err(refusal(Code::ResourceExhausted, "TOKEN_RATE", message, Some(wait)))
    }
}

/// The tokens of a file, or all that is wrong with it.
fn read(file: &TomlFile) -> Result<Vec<Token>, TokensError> {
    let (table, mut faults) = file.parse();
    let mut tokens = Vec::new();
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("token", DeValue::Array(list)) => {
                for entry in list.iter() {
                    match entry.get_ref() {
                        DeValue::Table(table) => tokens.extend(token(file, entry, table, &mut faults)),
                        _ => faults.push(hidden(file.fault(entry.span(), "a token is a table: [[token]]"))),
                    }
                }
            }
            _ => faults.push(hidden(file.fault(key.span(), "only [[token]] stands here"))),
        }
    }
    let mut names = HashSet::new();
    if let Some(twice) = tokens.iter().find(|token| !names.insert(&token.name)) {
        faults.push(file.fault(0..0, format!("two tokens are named {:?}", twice.name)));
    }
    let faults: Vec<Fault> = faults.into_iter().map(hidden).collect();
    if faults.is_empty() { Ok(tokens) } else { Err(TokensError::Faulty(faults)) }
}

/// The fault without the line it is in, which may hold a secret.
fn hidden(fault: Fault) -> Fault {
    Fault { source: None, ..fault }
}

const KEYS: [&str; 5] = ["name", "role", "sha256", "expires", "calls_per_second"];

fn token(
    file: &TomlFile,
    entry: &Spanned<DeValue<'_>>,
    table: &DeTable<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Token> {
    for (key, _) in table.iter().filter(|(key, _)| !KEYS.contains(&key.get_ref().as_ref())) {
        let meant = meant(key.get_ref(), KEYS).map(|meant| format!("; did you mean {meant}?"));
        let message = format!("a token has no such key{}", meant.unwrap_or_default());
        faults.push(file.fault(key.span(), message));
    }
    let mut fields = Fields { file, entry, table, faults };
    let name = fields.needed("name", "a name of 1 to 100 bytes", |text| {
        let sound = (1..=100).contains(&text.len()) && !text.contains(char::is_control);
        sound.then(|| text.to_owned())
    });
    let role = fields.needed("role", "\"classify\" or \"admin\"", |text| {
        [Role::Classify, Role::Admin].into_iter().find(|role| role.name() == text)
    });
    let right = "the SHA-256 of the token, 64 hexadecimal digits, and not the token itself";
    let hash = fields.needed("sha256", right, from_hex);
    let right = "a date or a time, such as 2027-01-01 or 2027-01-01T12:00:00Z";
    let expires = fields.optional("expires", right, expiry);
    let calls = fields.optional("calls_per_second", "a number from 1 to 1000000", |text| {
        text.parse::<u32>().ok().filter(|calls| (1..=1_000_000).contains(calls))
    });
    let rate = calls.map(|calls| Rate { calls, left: Mutex::new((f64::from(calls), Instant::now())) });
    Some(Token { name: name?, role: role?, hash: hash?, expires, rate })
}

/// The fields of one token.
struct Fields<'a> {
    file: &'a TomlFile,
    entry: &'a Spanned<DeValue<'a>>,
    table: &'a DeTable<'a>,
    faults: &'a mut Vec<Fault>,
}

impl Fields<'_> {
    fn needed<T>(&mut self, key: &str, right: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        if self.table.get(key).is_none() {
            let message = format!("the token has no {key}, which is {right}");
            self.faults.push(self.file.fault(self.entry.span(), message));
        }
        self.optional(key, right, parse)
    }

    fn optional<T>(&mut self, key: &str, right: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.table.get(key)?;
        let parsed = plain(value.get_ref()).and_then(|text| parse(&text));
        if parsed.is_none() {
            self.faults.push(self.file.fault(value.span(), format!("{key} must be {right}")));
        }
        parsed
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| u8::try_from(digit(high)? * 16 + digit(low)?).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}

/// A time, or the start of a day in UTC.
pub(crate) fn expiry(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

/// What the file says of a token.
#[must_use]
pub(crate) fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token>, Vec<String>> {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("geotopics-tokens-{}-{number}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let tokens = read(&TomlFile::read(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        tokens.map_err(|error| match error {
            TokensError::Faulty(faults) => faults.iter().map(Fault::to_string).collect(),
            TokensError::Unreadable(..) => vec![error.to_string()],
        })
    }

    #[test]
    fn tokens_are_read() {
        let text = format!(
            "[[token]]\nname = 'a'\nrole = 'admin'\nsha256 = '{}'\nexpires = 2030-01-01\ncalls_per_second = 2\n",
            hash("secret")
        );
        let tokens = tokens(&text).unwrap();
        assert_eq!((&*tokens[0].name, tokens[0].role), ("a", Role::Admin));
        assert_eq!(tokens[0].expires.unwrap().to_string(), "2030-01-01T00:00:00Z");
        let admitted = (0..4).filter(|_| tokens[0].admit().is_ok()).count();
        assert_eq!(admitted, 2);
        assert_eq!(tokens[0].admit().unwrap_err().code(), Code::ResourceExhausted);
    }

    #[test]
    fn all_faults_are_told_and_no_secret_is() {
        let secret = "gt_0123456789abcdef";
        let text = format!(
            "[[token]]\nname = ''\nrole = 'root'\nsha256 = '{secret}'\nexpires = 'soon'\ncalls_per_second = 0\nnme = '{secret}'\n[[token]]\n[tokn]\n"
        );
        let faults = tokens(&text).unwrap_err();
        let text = faults.join("\n");
        for (line, what) in [
            (2, "name must be"),
            (3, "role must be"),
            (4, "sha256 must be"),
            (5, "expires must be"),
            (6, "calls_per_second must be"),
            (7, "did you mean name?"),
            (8, "the token has no name"),
            (8, "the token has no sha256"),
            (9, "only [[token]]"),
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(&format!("toml:{line}:")) && fault.contains(what)),
                "{what}: {text}"
            );
        }
        assert!(!text.contains(secret));
        let twice = format!("[[token]]\nname = 'a'\nrole = 'admin'\nsha256 = '{}'\n", hash("a")).repeat(2);
        assert!(tokens(&twice).unwrap_err()[0].contains("two tokens are named \"a\""));
    }
}
