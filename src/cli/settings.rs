//! What the settings of the server are, and where each of them came from.
//!
//! One table has them all. A setting is a flag (`--max-message`), a variable of the environment (`GEOTOPICS_MAX_MESSAGE`) or a
//! key of the file of `--config` (`max_message`); the first of these that gives it wins. All faults of all sources are told
//! at once, each with its place.

use super::output::Failure;
use crate::service::{Fault, Limits, TomlFile, meant, plain};
use clap::{Arg, ArgAction, ArgMatches, Command};
use http::HeaderValue;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

/// A setting, as an operator sees it.
struct Setting {
    /// The key of the file; the flag and the variable are made from it.
    name: &'static str,
    /// What stands for its value in the help.
    value: &'static str,
    /// Its value where it is not given; empty where it then has none.
    default: &'static str,
    help: &'static str,
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    One,
    /// Any number: the flag repeated, a list in the file, separated by commas in a variable.
    Many,
    /// True or false; the flag alone is true.
    Switch,
}

const fn one(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, value, default, help, takes: Takes::One }
}

const fn many(name: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { name, value, default: "", help, takes: Takes::Many }
}

/// All settings, under the headings of the help.
const SETTINGS: [(&str, &[Setting]); 5] = [
    (
        "Serving",
        &[
            many(
                "rules",
                "[NAME=]DIR",
                "Folder of a ruleset, and the name to serve it under if not its own; the first is the default, and without any the ruleset inside this program is served",
            ),
            one(
                "listen",
                "ADDR",
                "127.0.0.1:50051",
                "Address for gRPC and gRPC-Web; port 0 takes a free one",
            ),
            one("http", "ADDR|off", "127.0.0.1:8080", "Address for JSON over HTTP, health and metrics"),
            one("admin", "ADDR|off", "off", "Address of its own for health and metrics, without tokens"),
            many("cors_origins", "ORIGIN", "Origin whose pages may call from a browser, or `*`"),
            one("drain", "TIME", "20s", "How long calls may take to finish when the server ends"),
        ],
    ),
    (
        "Security",
        &[
            one("tls_cert", "FILE", "", "Certificate chain (PEM); read again when it changes"),
            one("tls_key", "FILE", "", "Its private key (PEM)"),
            one(
                "client_ca",
                "FILE",
                "",
                "Certificates (PEM) that sign those of clients, which are then required",
            ),
            one(
                "tokens",
                "FILE",
                "",
                "Tokens that may call, as `geotopics token` writes them; read again when it changes",
            ),
            Setting {
                name: "allow_insecure",
                value: "BOOL",
                default: "false",
                help: "Listen beyond this machine without TLS or without tokens",
                takes: Takes::Switch,
            },
        ],
    ),
    (
        "Log",
        &[
            one("log", "FILTER", "info", "What is logged: a level, or `target=level` separated by commas"),
            one("log_format", "FORMAT", "auto", "text, json, or auto: text on a terminal, JSON elsewhere"),
            one(
                "slow_call",
                "TIME",
                "1s",
                "From which time on a call that went well is logged at level info",
            ),
        ],
    ),
    (
        "Limits of size",
        &[
            one("max_message", "SIZE", "16MiB", "Bytes of a message, after decompression"),
            one("max_document", "SIZE", "16MiB", "Bytes of a document with all its fields"),
            one("max_documents", "NUMBER", "10000", "Documents of a message"),
            one("max_headers", "SIZE", "16KiB", "Bytes of the headers of a call, its metadata among them"),
            one("max_connections", "NUMBER", "10000", "Connections at a time; unused ones make room"),
            one("max_streams", "NUMBER", "128", "Calls at a time on a connection"),
            one(
                "max_calls",
                "NUMBER",
                "1024",
                "Calls at a time that compute, or wait to; further ones are refused at once",
            ),
            one(
                "max_waiting",
                "NUMBER",
                "10000",
                "Calls at a time that wait for their clients; those that have waited for longest end",
            ),
            one(
                "max_memory",
                "SIZE",
                "512MiB",
                "Bytes of messages in all calls together; the calls that hold most end",
            ),
            one(
                "max_control_frames",
                "NUMBER",
                "1000",
                "HTTP/2 frames without content in ten seconds, beyond those that calls explain",
            ),
            one(
                "max_resets",
                "NUMBER",
                "500",
                "Calls that a connection may reset in ten seconds, beyond those that were answered",
            ),
        ],
    ),
    (
        "Limits of time",
        &[
            one("handshake_timeout", "TIME", "10s", "From a connection's start to its first call"),
            one("receive_timeout", "TIME", "30s", "From the first byte of a message to its last"),
            one(
                "stall_timeout",
                "TIME",
                "30s",
                "How long an answer may wait for its client to take a part of it",
            ),
            one("idle_timeout", "TIME", "5m", "How long a connection may be without a call"),
            one("stream_idle_timeout", "TIME", "5m", "How long a stream may be without a message"),
            one("max_call_age", "TIME", "24h", "How long a call may last"),
            one(
                "keep_alive",
                "TIME",
                "60s",
                "Silence on a connection after which it is asked for a sign of life",
            ),
            one("keep_alive_timeout", "TIME", "20s", "How long it may take to give one"),
        ],
    ),
];

fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().flat_map(|(_, settings)| *settings)
}

impl Setting {
    fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }
}

/// What the variables of the environment begin with.
const PREFIX: &str = "GEOTOPICS_";

/// Kubernetes tells every container of every service, in variables that begin with the service's name and one of these.
const SERVICE_LINKS: [&str; 2] = ["GEOTOPICS_PORT", "GEOTOPICS_SERVICE_"];

/// The settings as they were given.
#[derive(Debug)]
pub(super) struct Args {
    config: Option<PathBuf>,
    pub(super) print_config: bool,
    flags: BTreeMap<&'static str, Vec<String>>,
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        let command = command
            .arg(
                Arg::new("config")
                    .long("config")
                    .value_name("FILE")
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("File of settings (TOML); flags and GEOTOPICS_* variables go before it"),
            )
            .arg(
                Arg::new("print_config")
                    .long("print-config")
                    .action(ArgAction::SetTrue)
                    .help("Print every setting and where it came from, and end"),
            );
        SETTINGS.iter().fold(command, |command, (heading, settings)| {
            settings.iter().fold(command.next_help_heading(*heading), |command, setting| {
                let help = match setting.default {
                    "" => setting.help.to_owned(),
                    default => format!("{} [default: {default}]", setting.help),
                };
                let arg = Arg::new(setting.name).long(setting.flag()).value_name(setting.value).help(help);
                command.arg(match setting.takes {
                    Takes::One => arg.action(ArgAction::Set),
                    Takes::Many => arg.action(ArgAction::Append),
                    Takes::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
                })
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Args::augment_args(command)
    }
}

impl clap::FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Args, clap::Error> {
        let given = |setting: &'static Setting| {
            let values = matches.get_many::<String>(setting.name)?;
            Some((setting.name, values.cloned().collect()))
        };
        Ok(Args {
            config: matches.get_one("config").cloned(),
            print_config: matches.get_flag("print_config"),
            flags: all().filter_map(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Args::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A value and where it came from.
struct Given {
    values: Vec<String>,
    /// What to call its place.
    place: String,
    /// Where it stands in the file of settings, if it does.
    span: Option<Range<usize>>,
}

/// The settings that are given somewhere, each by what goes first.
pub(super) struct Resolved {
    given: BTreeMap<&'static str, Given>,
    file: Option<TomlFile>,
    faults: Vec<Fault>,
}

impl Resolved {
    /// Brings flags, environment and file together.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn new(
        args: &Args,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Resolved, Failure> {
        let mut resolved = Resolved { given: BTreeMap::new(), file: None, faults: Vec::new() };
        for (name, values) in &args.flags {
            let place = all().find(|setting| setting.name == *name).map(Setting::flag).unwrap_or_default();
            resolved
                .given
                .insert(name, Given { values: values.clone(), place: format!("--{place}"), span: None });
        }
        let config = resolved.take_variables(environment);
        if let Some(path) = args.config.clone().or(config) {
            let cannot_read = |error| Failure::io(format_args!("cannot read {}", path.display()), &error);
            let file = TomlFile::read(&path).map_err(cannot_read)?;
            resolved.take_file(&file);
            resolved.file = Some(file);
        }
        Ok(resolved)
    }

    /// Takes the variables that are settings; where the file is, if one of them says so.
    fn take_variables(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) -> Option<PathBuf> {
        let mut config = None;
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            if name == "GEOTOPICS_CONFIG" {
                config = Some(PathBuf::from(value));
                continue;
            }
            let known = all().find(|setting| setting.variable() == name);
            match (known, value.into_string()) {
                (Some(setting), Ok(value)) => {
                    let values = match setting.takes {
                        Takes::Many => value.split(',').map(|part| part.trim().to_owned()).collect(),
                        Takes::One | Takes::Switch => vec![value],
                    };
                    let given = Given { values, place: name.to_owned(), span: None };
                    self.given.entry(setting.name).or_insert(given);
                }
                (Some(_), Err(_)) => self.fault(name, "is not UTF-8"),
                (None, _) if SERVICE_LINKS.iter().any(|link| name.starts_with(link)) => {}
                (None, _) => {
                    let names: Vec<String> = all().map(Setting::variable).collect();
                    let meant = meant(name, names.iter().map(String::as_str));
                    self.fault(name, unknown(meant));
                }
            }
        }
        config
    }

    fn take_file(&mut self, file: &TomlFile) {
        let (table, faults) = file.parse();
        self.faults.extend(faults);
        for (key, value) in table.get_ref() {
            let Some(setting) = all().find(|setting| setting.name == key.get_ref().as_ref()) else {
                let meant = meant(key.get_ref(), all().map(|setting| setting.name));
                self.faults.push(file.fault(key.span(), unknown(meant)));
                continue;
            };
            let values = match (value.get_ref(), setting.takes) {
                (DeValue::Array(list), Takes::Many) => {
                    list.iter().map(|value| plain(value.get_ref())).collect::<Option<Vec<_>>>()
                }
                (other, _) => plain(other).map(|value| vec![value]),
            };
            match values {
                Some(values) => {
                    let place = format!("{}:{}", file.path.display(), file.line(value.span().start));
                    let given = Given { values, place, span: Some(value.span()) };
                    self.given.entry(setting.name).or_insert(given);
                }
                None => self.faults.push(file.fault(value.span(), expected(setting))),
            }
        }
    }

    fn fault(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault { place: place.into(), message: message.into(), source: None });
    }

    /// The value of a setting, or its default; none where it has neither, or is wrong, which is noted with what would be right.
    fn take<T>(&mut self, name: &str, right: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let given = self.given.get(name);
        let value = match given {
            Some(given) => given.values.last().map_or("", String::as_str),
            None => all().find(|setting| setting.name == name).map_or("", |setting| setting.default),
        };
        if value.is_empty() && given.is_none() {
            return None;
        }
        let parsed = parse(value);
        if parsed.is_none() {
            self.wrong(name, format!("{value:?} is no {right}"));
        }
        parsed
    }

    /// Notes that the value of a setting is wrong.
    fn wrong(&mut self, name: &str, message: String) {
        let fault = match (self.given.get(name), &self.file) {
            (Some(Given { span: Some(span), .. }), Some(file)) => {
                file.fault(span.clone(), format!("{name}: {message}"))
            }
            (given, _) => {
                Fault { place: given.map_or(name, |given| &given.place).to_owned(), message, source: None }
            }
        };
        self.faults.push(fault);
    }

    fn count(&mut self, name: &str) -> u32 {
        let right = "number from 1 to 4294967295";
        self.take(name, right, |text| text.parse().ok().filter(|count| *count > 0)).unwrap_or(1)
    }

    fn size(&mut self, name: &str) -> u32 {
        let right = "size from 1 B to 4 GiB, such as 16MiB or 65536";
        let parse = |text: &str| {
            let bytes = text.parse::<bytesize::ByteSize>().ok()?.as_u64();
            u32::try_from(bytes).ok().filter(|bytes| *bytes > 0)
        };
        self.take(name, right, parse).unwrap_or(1)
    }

    fn time(&mut self, name: &str) -> Duration {
        let right = "time from 1ms to 1000h, such as 30s, 5m or 1500ms";
        let allowed = Duration::from_millis(1)..=Duration::from_secs(3_600_000);
        let parse = |text: &str| {
            let time = Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()?;
            allowed.contains(&time).then_some(time)
        };
        self.take(name, right, parse).unwrap_or_default()
    }

    /// A path, of the file of settings as it is seen from there.
    fn path(&mut self, name: &str) -> Option<PathBuf> {
        let from_file = self.given.get(name).is_some_and(|given| given.span.is_some());
        let path =
            self.take(name, "path of a file", |text| (!text.is_empty()).then(|| PathBuf::from(text)))?;
        Some(if from_file { self.beside_file(&path) } else { path })
    }

    fn beside_file(&self, path: &Path) -> PathBuf {
        let folder = self.file.as_ref().and_then(|file| file.path.parent());
        folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    fn address(&mut self, name: &str) -> String {
        let right = "address such as 127.0.0.1:8080 or [::1]:0";
        let parse = |text: &str| {
            let (host, port) = text.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
        };
        self.take(name, right, parse).unwrap_or_default()
    }

    /// An address, where it is not off.
    fn optional_address(&mut self, name: &str) -> Option<String> {
        let off = match self.given.get(name) {
            Some(given) => given.values.last().is_some_and(|value| value == "off"),
            None => all().any(|setting| setting.name == name && setting.default == "off"),
        };
        (!off).then(|| self.address(name))
    }

    fn rules(&mut self) -> Vec<Named> {
        let Some(given) = self.given.get("rules") else { return Vec::new() };
        let (mut named, mut faults) = (Vec::new(), Vec::new());
        for value in &given.values {
            match Named::parse(value) {
                Ok(Named { name, dir }) if given.span.is_some() => {
                    named.push(Named { name, dir: self.beside_file(&dir) });
                }
                Ok(parsed) => named.push(parsed),
                Err(fault) => faults.push(format!("{value:?}: {fault}")),
            }
        }
        for fault in faults {
            self.wrong("rules", fault);
        }
        named
    }

    fn origins(&mut self) -> Vec<HeaderValue> {
        let given = self.given.get("cors_origins");
        let values = given.map_or_else(Vec::new, |given| given.values.clone());
        let (mut origins, any) = (Vec::new(), values.len());
        for value in values {
            // An origin as browsers send it: scheme, host, perhaps a port, and no path.
            let sound = value == "*" && any == 1
                || value.split_once("://").is_some_and(|(scheme, host)| {
                    matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*', ' '])
                });
            match HeaderValue::from_str(&value) {
                Ok(origin) if sound => origins.push(origin),
                _ => self.wrong(
                    "cors_origins",
                    format!("{value:?} is no origin such as https://example.org, nor `*` alone"),
                ),
            }
        }
        origins
    }

    /// Every setting with its value.
    ///
    /// # Errors
    /// All that is wrong with them, each with its place.
    pub(super) fn settings(mut self) -> Result<Settings, Vec<Fault>> {
        let this = &mut self;
        let boolean = "true or false";
        let settings = Settings {
            rules: this.rules(),
            listen: this.address("listen"),
            http: this.optional_address("http"),
            admin: this.optional_address("admin"),
            cors_origins: this.origins(),
            tls_cert: this.path("tls_cert"),
            tls_key: this.path("tls_key"),
            client_ca: this.path("client_ca"),
            tokens: this.path("tokens"),
            log: this.take("log", "filter such as info or info,geotopics=debug", |text| {
                EnvFilter::builder().parse(text).is_ok().then(|| text.to_owned())
            }),
            log_format: this.take("log_format", "text, json or auto", LogFormat::parse),
            slow_call: this.time("slow_call"),
            limits: Limits {
                message_bytes: this.size("max_message") as usize,
                document_bytes: this.size("max_document") as usize,
                documents: this.count("max_documents") as usize,
                header_bytes: this.size("max_headers"),
                connections: this.count("max_connections") as usize,
                streams: this.count("max_streams"),
                calls: this.count("max_calls") as usize,
                waiting: this.count("max_waiting") as usize,
                memory_bytes: this.size("max_memory") as usize,
                control_frames: this.count("max_control_frames"),
                resets: this.count("max_resets"),
                handshake: this.time("handshake_timeout"),
                receive: this.time("receive_timeout"),
                stall: this.time("stall_timeout"),
                idle: this.time("idle_timeout"),
                stream_idle: this.time("stream_idle_timeout"),
                age: this.time("max_call_age"),
                keep_alive: this.time("keep_alive"),
                keep_alive_timeout: this.time("keep_alive_timeout"),
                drain: this.time("drain"),
            },
        };
        let allow_insecure = this.take("allow_insecure", boolean, |text| text.parse::<bool>().ok());
        for (one, other) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert"), ("client_ca", "tls_cert")] {
            if this.given.contains_key(one) && !this.given.contains_key(other) {
                this.wrong(one, format!("needs {other} beside it"));
            }
        }
        if !allow_insecure.unwrap_or(false) {
            settings.refuse_insecure(this);
        }
        if self.faults.is_empty() { Ok(settings) } else { Err(self.faults) }
    }

    /// The settings as a file of settings, each with where it came from.
    pub(super) fn print(&self) -> String {
        let mut out = String::new();
        for (heading, settings) in &SETTINGS {
            let gap = if out.is_empty() { "" } else { "\n" };
            out += &format!("{gap}# {heading}\n");
            for Setting { name, default, takes, .. } in *settings {
                let (values, place) = match self.given.get(name) {
                    Some(Given { values, place, .. }) => (values.clone(), place.as_str()),
                    None if default.is_empty() => {
                        out += &format!("# {name} is not set\n");
                        continue;
                    }
                    None => (vec![(*default).to_owned()], "default"),
                };
                let quoted: Vec<String> =
                    values.iter().map(|value| toml::Value::from(value.as_str()).to_string()).collect();
                let value = match takes {
                    Takes::Many => format!("[{}]", quoted.join(", ")),
                    Takes::Switch => values.last().cloned().unwrap_or_default(),
                    Takes::One => quoted.last().cloned().unwrap_or_default(),
                };
                out += &format!("{name} = {value}  # {place}\n");
            }
        }
        out
    }
}

fn unknown(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("there is no such setting; did you mean {meant}?"),
        None => "there is no such setting; geotopics serve --help lists them".to_owned(),
    }
}

fn expected(setting: &Setting) -> String {
    let what = if setting.takes == Takes::Many { "a list of strings" } else { "one value" };
    format!("{} takes {what}", setting.name)
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFormat {
    Auto,
    Text,
    Json,
}

impl LogFormat {
    fn parse(text: &str) -> Option<LogFormat> {
        Some(match text {
            "auto" => LogFormat::Auto,
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return None,
        })
    }
}

/// A folder, and the name to serve its ruleset under if not its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) dir: PathBuf,
}

impl Named {
    /// `name=DIR` or `DIR`. A folder with `=` in its own name needs a name before it, or `./`.
    fn parse(argument: &str) -> Result<Named, &'static str> {
        match argument.split_once('=') {
            _ if argument.is_empty() => Err("the folder is empty"),
            Some(("", _)) => Err("the name before `=` is empty"),
            Some((_, "")) => Err("the folder after `=` is empty"),
            Some((name, dir)) if !name.contains('/') => {
                Ok(Named { name: Some(name.to_owned()), dir: dir.into() })
            }
            Some(_) | None => Ok(Named { name: None, dir: argument.into() }),
        }
    }
}

/// Every setting with its value.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) rules: Vec<Named>,
    pub(super) listen: String,
    pub(super) http: Option<String>,
    pub(super) admin: Option<String>,
    pub(super) cors_origins: Vec<HeaderValue>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) tokens: Option<PathBuf>,
    pub(super) log: Option<String>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) slow_call: Duration,
    pub(super) limits: Limits,
}

impl Settings {
    /// Beyond this machine everyone may call who can reach it, and everyone between may read, unless there are both TLS and
    /// tokens (or client certificates).
    fn refuse_insecure(&self, resolved: &mut Resolved) {
        let known = self.tokens.is_some() || self.client_ca.is_some();
        let secure = self.tls_cert.is_some() && known;
        let addresses = [
            ("listen", Some(&self.listen), secure),
            ("http", self.http.as_ref(), secure),
            ("admin", self.admin.as_ref(), false),
        ];
        for (name, address, secure) in addresses {
            let Some(address) = address.filter(|address| !secure && !is_loopback(address)) else { continue };
            let lacks = match (name, self.tls_cert.is_some(), known) {
                ("admin", ..) => "it asks for no token",
                (_, false, false) => "there is neither TLS (tls_cert, tls_key) nor tokens",
                (_, false, true) => {
                    "there is no TLS (tls_cert, tls_key), so that tokens can be read on the way"
                }
                (_, true, _) => "there are no tokens (tokens) and no client certificates (client_ca)",
            };
            resolved.wrong(
                name,
                format!(
                    "{address} can be reached from other machines, and {lacks}; add that, listen on 127.0.0.1, or set allow_insecure = true"
                ),
            );
        }
    }
}

/// Whether an address is of this machine alone. One that is wrong is told of elsewhere.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
    host.is_empty()
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::documented;

    /// The settings as tables of Markdown.
    fn documentation() -> String {
        let mut out = String::new();
        for (heading, settings) in &SETTINGS {
            out += &format!("\n### {heading}\n\n| setting | default | |\n|---|---|---|\n");
            for Setting { name, value, default, help, .. } in *settings {
                let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
                let value = value.replace('|', "\\|");
                out += &format!("| `{name}` = {value} | {default} | {help} |\n");
            }
        }
        out + "\n"
    }

    #[test]
    fn the_documentation_has_every_setting() {
        documented("settings", &documentation());
    }

    #[test]
    fn defaults_are_those_of_the_library() {
        let args = Args { config: None, print_config: false, flags: BTreeMap::new() };
        let settings = Resolved::new(&args, std::iter::empty()).unwrap().settings().unwrap();
        assert_eq!(format!("{:?}", settings.limits), format!("{:?}", Limits::default()));
    }

    #[test]
    fn a_folder_may_bring_a_name() {
        let named =
            |name: Option<&str>, dir: &str| Ok(Named { name: name.map(str::to_owned), dir: dir.into() });
        assert_eq!(Named::parse("rules"), named(None, "rules"));
        assert_eq!(Named::parse("live=rules/a"), named(Some("live"), "rules/a"));
        assert_eq!(Named::parse("live=a=b"), named(Some("live"), "a=b"));
        assert_eq!(Named::parse("./a=b"), named(None, "./a=b"));
        for wrong in ["=rules", "live=", ""] {
            assert!(Named::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_is_this_machine() {
        for address in ["127.0.0.1:1", "127.8.8.8:0", "localhost:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(is_loopback(address), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1"] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
