//! The settings of the server, from the outside: where they come from, and what is said of wrong ones.
#![cfg(feature = "server")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn serve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geotopics"));
    command.arg("serve").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("NO_COLOR", "1");
    command
}

/// Exit status, standard output and standard error.
fn done(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("geotopics-settings-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The line of a setting in what `--print-config` prints.
fn line<'a>(printed: &'a str, name: &str) -> &'a str {
    printed.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_else(|| panic!("{printed}"))
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let folder = Folder::new("precedence");
    let file = folder.file(
        "geotopics.toml",
        "max_calls = 1\nmax_streams = 1\nmax_documents = 1\nrules = [\"a\", \"b=c\"]\n",
    );
    let file = file.to_str().unwrap();
    let (status, printed, errors) = done(
        serve(&["--config", file, "--print-config", "--max-calls", "3"])
            .env("GEOTOPICS_MAX_CALLS", "2")
            .env("GEOTOPICS_MAX_STREAMS", "2"),
    );
    assert_eq!((status, &*errors), (Some(0), ""));
    assert_eq!(line(&printed, "max_calls"), "max_calls = \"3\"  # --max-calls");
    assert_eq!(line(&printed, "max_streams"), "max_streams = \"2\"  # GEOTOPICS_MAX_STREAMS");
    assert_eq!(line(&printed, "max_documents"), format!("max_documents = \"1\"  # {file}:3"));
    assert_eq!(line(&printed, "max_resets"), "max_resets = \"500\"  # default");
    assert_eq!(line(&printed, "rules"), format!("rules = [\"a\", \"b=c\"]  # {file}:4"));
}

#[test]
fn what_is_printed_is_a_file_of_settings() {
    let folder = Folder::new("printed");
    let (_, printed, _) = done(&mut serve(&["--print-config", "--idle-timeout", "90s", "--allow-insecure"]));
    let file = folder.file("again.toml", &printed);
    let (status, again, errors) = done(serve(&["--print-config"]).env("GEOTOPICS_CONFIG", file));
    assert_eq!((status, &*errors), (Some(0), ""));
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap().to_owned()).collect()
    };
    assert_eq!(values(&printed), values(&again));
    assert!(again.contains("idle_timeout = \"90s\"") && again.contains("allow_insecure = true"));
}

#[test]
fn all_faults_are_told_at_once_with_their_places() {
    let folder = Folder::new("faults");
    let file = folder.file(
        "geotopics.toml",
        "max_mesage = \"1MiB\"\nmax_message = \"much\"\n  max_calls = 0\nrules = [1, [2]]\nidle_timeout = \"5 parsecs\"\n",
    );
    let (status, printed, errors) = done(
        serve(&[
            "--config",
            file.to_str().unwrap(),
            "--max-streams=-1",
            "--http",
            "nowhere",
            "--tls-cert",
            "a.pem",
        ])
        .env("GEOTOPICS_LISTN", "127.0.0.1:0")
        .env("GEOTOPICS_PORT_8080_TCP", "tcp://10.0.0.1:8080")
        .env("GEOTOPICS_SERVICE_HOST", "10.0.0.1")
        .env("GEOTOPICS_CORS_ORIGINS", "https://example.org/path, https://example.org"),
    );
    assert_eq!((status, &*printed), (Some(2), ""));
    let errors = errors.replace(folder.0.to_str().unwrap(), "FOLDER");
    let expected = "\
GEOTOPICS_LISTN: there is no such setting; did you mean GEOTOPICS_LISTEN?
FOLDER/geotopics.toml:4:9: rules takes a list of strings
 4 | rules = [1, [2]]
   |         ^^^^^^^^
FOLDER/geotopics.toml:1:1: there is no such setting; did you mean max_message?
 1 | max_mesage = \"1MiB\"
   | ^^^^^^^^^^
--http: \"nowhere\" is no address such as 127.0.0.1:8080 or [::1]:0
GEOTOPICS_CORS_ORIGINS: \"https://example.org/path\" is no origin such as https://example.org, nor `*` alone
FOLDER/geotopics.toml:2:15: max_message: \"much\" is no size from 1 B to 4 GiB, such as 16MiB or 65536
 2 | max_message = \"much\"
   |               ^^^^^^
--max-streams: \"-1\" is no number from 1 to 4294967295
FOLDER/geotopics.toml:3:15: max_calls: \"0\" is no number from 1 to 4294967295
 3 |   max_calls = 0
   |               ^
FOLDER/geotopics.toml:5:16: idle_timeout: \"5 parsecs\" is no time from 1ms to 1000h, such as 30s, 5m or 1500ms
 5 | idle_timeout = \"5 parsecs\"
   |                ^^^^^^^^^^^
--tls-cert: needs tls_key beside it
geotopics: 10 faults in the settings
";
    let sorted = |text: &str| {
        let mut faults: Vec<String> = text.lines().map(str::to_owned).collect();
        faults.sort();
        faults
    };
    assert_eq!(sorted(&errors), sorted(expected), "{errors}");
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let folder = Folder::new("toml");
    let file = folder.file("geotopics.toml", "max_calls = 5\nlisten = \n");
    let (status, _, errors) = done(&mut serve(&["--config", file.to_str().unwrap()]));
    assert_eq!(status, Some(2));
    assert!(errors.contains("geotopics.toml:2:"), "{errors}");
    let (status, _, errors) = done(&mut serve(&["--config", "no-such-file.toml"]));
    assert_eq!(
        (status, &*errors),
        (Some(2), "geotopics: cannot read no-such-file.toml: No such file or directory\n")
    );
}

#[test]
fn other_machines_are_let_in_only_where_that_is_said() {
    for arguments in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "[::]:0"],
        &["--http", "0.0.0.0:0"],
        &["--admin", "0.0.0.0:0"],
        &["--listen", "0.0.0.0:0", "--tokens", "tokens.toml"],
        &["--listen", "0.0.0.0:0", "--tls-cert", "a.pem", "--tls-key", "b.pem"],
    ] {
        let (status, printed, errors) = done(&mut serve(arguments));
        assert_eq!((status, &*printed), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains("can be reached from other machines") && errors.contains("allow_insecure"));
        let allowed = [arguments, &["--allow-insecure", "--print-config"]].concat();
        assert_eq!(done(&mut serve(&allowed)).0, Some(0), "{allowed:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_in_a_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, _, errors) = done(&mut serve(&["--listen", &address, "--http", "off", "--log", "warn"]));
    let expected = format!(
        "geotopics: cannot listen on {address} (listen): Address already in use; end what listens there, or choose another address\n"
    );
    assert_eq!((status, errors), (Some(2), expected));
}

/// What the log is to say, and the change of the rules that makes it.
type Change<'a> = (&'a str, &'a dyn Fn(&Path));

/// A server of a ruleset whose reloads are watched in the log.
fn log_of_reloads(folder: &Folder, format: &str, changes: &[Change<'_>]) -> String {
    let rules = folder.0.join("rules");
    folder.file("rules/ruleset.toml", "name = \"test\"\nversion = \"1\"\n");
    folder.file("rules/trade.toml", TOPIC);
    let mut server = serve(&["--listen", "127.0.0.1:0", "--http", "off", "--log-format", format, "--rules"])
        .arg(&rules)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut text = String::new();
    for (awaited, change) in changes {
        change(&rules);
        while !text.contains(awaited) {
            assert_ne!(log.read_line(&mut text).unwrap(), 0, "{text}");
        }
    }
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    log.read_to_string(&mut text).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    text
}

const TOPIC: &str = "id = \"trade\"\nname = \"Trade\"\n[[rule]]\nweight = 1\nterms = [\"tariff\"]\n";

#[test]
fn what_becomes_of_rulesets_stands_in_the_log() {
    let folder = Folder::new("reloads");
    let write = |rules: &Path, text: &str| fs::write(rules.join("trade.toml"), text).unwrap();
    let away = folder.0.join("away");
    let text = log_of_reloads(
        &folder,
        "json",
        &[
            ("\"serving\"", &|_| {}),
            ("is live", &|rules| write(rules, &TOPIC.replace("tariff", "quota"))),
            ("was not replaced", &|rules| write(rules, "id = \u{1b}[31m\n")),
            ("cannot be read", &|rules| fs::rename(rules, &away).unwrap()),
            ("can be read again", &|rules| fs::rename(&away, rules).unwrap()),
        ],
    );
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    let fault = lines.iter().find(|line| line["code"] == "E0103").unwrap();
    assert_eq!(
        (&fault["level"], &fault["line"], &fault["ruleset"]),
        (&"ERROR".into(), &1.into(), &"test".into())
    );
    assert!(fault["path"].as_str().unwrap().ends_with("rules/trade.toml"));
    assert!(lines.iter().any(|line| line["message"] == "ended"));
}

#[test]
fn no_file_can_steer_the_terminal() {
    let folder = Folder::new("forged");
    let text = log_of_reloads(
        &folder,
        "text",
        &[
            ("serving", &|_| {}),
            ("was not replaced", &|rules| {
                fs::write(rules.join("a\n\u{1b}[31m\u{202e}\u{9b}.toml"), "id = \"\u{1b}[31m\u{202e}\"\n")
                    .unwrap();
            }),
        ],
    );
    let steers = |c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(steers), "{text:?}");
    assert!(text.lines().all(|line| line.starts_with("20")), "{text}");
}
