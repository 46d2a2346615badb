//! A server for tests: the real binary, on free ports, with its log in a file.
#![allow(
    dead_code,
    clippy::print_stderr,
    reason = "not every test needs all of it; a test that fails shows the log"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A topic that every text about the Middle Corridor has.
pub(crate) const TOPIC: &str = r#"
id = "corridors"
name = "Transport corridors"
group = "economy"
[[rule]]
id = "named"
weight = 1
terms = ["Middle Corridor"]
[[rule]]
id = "any"
weight = 0.25
terms = ["corridor*"]
"#;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// `geotopics serve`, until it is dropped.
pub(crate) struct Server {
    pub(crate) process: Child,
    /// Where it takes gRPC.
    pub(crate) url: String,
    /// Where it takes HTTP; empty where it does not.
    pub(crate) http: String,
    /// Where it tells nothing but how it is; empty where it does not.
    pub(crate) admin: String,
    /// A folder of its own, with its ruleset in `rules` and its log in `log`.
    pub(crate) folder: PathBuf,
    output: BufReader<ChildStdout>,
}

/// A folder that is not there yet.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("geotopics-{name}-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

impl Server {
    /// Serves the topic above as ruleset `test`, with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let folder = new_folder("server");
        let rules = folder.join("rules");
        fs::create_dir(&rules).unwrap();
        fs::write(rules.join("ruleset.toml"), "name = \"test\"\nversion = \"1\"\n").unwrap();
        fs::write(rules.join("corridors.toml"), TOPIC).unwrap();
        Server::start_in(folder, Command::new(env!("CARGO_BIN_EXE_geotopics")), arguments)
    }

    /// Serves the ruleset of a folder by a command that ends with the program.
    pub(crate) fn start_in(folder: PathBuf, mut command: Command, arguments: &[&str]) -> Server {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        command.args(["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--rules"]);
        command.arg(folder.join("rules")).args(arguments);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut ready = String::new();
        output.read_line(&mut ready).unwrap();
        let of = |what: &str| {
            let (_, rest) = ready.split_once(&format!("{what} on "))?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        let url = of("gRPC").unwrap_or_else(|| panic!("{}", fs::read_to_string(folder.join("log")).unwrap()));
        let (http, admin) = (of("HTTP").unwrap_or_default(), of("admin").unwrap_or_default());
        Server { process, url, http, admin, folder, output }
    }

    /// The host and port of gRPC.
    pub(crate) fn address(&self) -> &str {
        self.url.split("://").nth(1).unwrap()
    }

    pub(crate) fn rules(&self) -> PathBuf {
        self.folder.join("rules")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Waits until the log has a text.
    pub(crate) fn logs(&self, text: &str) {
        wait(|| self.log().contains(text), || self.log());
    }

    /// Sends a signal, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Bytes of memory it has now.
    pub(crate) fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Waits until it ends.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server goes on: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        if std::thread::panicking() {
            eprintln!("log of the server:\n{}", self.log());
        }
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Waits until something is so; tells what is so instead when it takes too long.
#[track_caller]
pub(crate) fn wait(so: impl Fn() -> bool, instead: impl Fn() -> String) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "{}", instead());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Replaces a file as a whole.
pub(crate) fn replace(path: &Path, content: &str) {
    let new = path.with_extension("replacement");
    fs::write(&new, content).unwrap();
    fs::rename(&new, path).unwrap();
}

/// An answer of HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The lines before the body, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks once by HTTP/1.1, such as `("POST", "/v1/classify", ["content-type: application/json"], "{}")`.
#[track_caller]
pub(crate) fn ask(url: &str, method: &str, path: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let address = url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).unwrap();
    // A server that answers before it has read all may close what is left.
    drop(socket.write_all(body));
    read_reply(&mut socket)
}

/// Reads an answer to its end.
#[track_caller]
pub(crate) fn read_reply(socket: &mut TcpStream) -> Reply {
    let mut answer = Vec::new();
    // What came before a reset counts.
    drop(socket.read_to_end(&mut answer));
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {head:?}"));
    let body = answer.get(end + 4..).unwrap_or_default();
    let chunked = head.contains("transfer-encoding: chunked");
    let body = if chunked { unchunked(body) } else { body.to_owned() };
    Reply { status, head, body: String::from_utf8_lossy(&body).into_owned() }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let rest = &body[end + 2..];
        out.extend_from_slice(&rest[..length.min(rest.len())]);
        body = rest.get(length + 2..).unwrap_or_default();
    }
    out
}

impl Server {
    /// The value of a metric that has no labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let page = ask(&self.http, "GET", "/metrics", &[], "").body;
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
    }

    /// Waits until it has nothing to do.
    pub(crate) fn is_idle(&self) {
        for (name, idle) in [
            ("geotopics_calls_working", 0.0),
            ("geotopics_calls_waiting", 0.0),
            ("geotopics_held_bytes", 0.0),
            // That which asks.
            ("geotopics_connections", 1.0),
        ] {
            wait(
                || self.metric(name) <= idle,
                || format!("{name} stays {}\n{}", self.metric(name), self.log()),
            );
        }
    }
}
