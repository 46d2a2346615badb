//! The shape of the source: who may import whom, and what each file begins with.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module imports only those before it.
const MODULES: [&str; 8] = ["text", "rules", "engine", "quality", "catalog", "wire", "service", "cli"];

/// What the modules before `wire`, the library without the feature `server`, know nothing of.
const SERVER_CRATES: [&str; 30] = [
    "axum",
    "bytes",
    "bytesize",
    "clap",
    "clap_complete",
    "futures_util",
    "getrandom",
    "hdrhistogram",
    "http",
    "http_body",
    "hyper",
    "hyper_util",
    "mimalloc",
    "pbjson",
    "prometheus",
    "prost",
    "sd_notify",
    "serde",
    "serde_json",
    "slab",
    "socket2",
    "subtle",
    "tokio",
    "tokio_rustls",
    "tokio_stream",
    "tokio_util",
    "tonic",
    "tower",
    "tower_http",
    "tracing",
];

struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// The lines that are no comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(i, line)| (i + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn files(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(File { text: fs::read_to_string(&path).unwrap(), path });
        }
    }
    files
}

fn files_of(module: &str) -> Vec<File> {
    let files = files(&Path::new("src").join(module));
    assert!(!files.is_empty(), "{module}");
    files
}

/// The names that follow `root::` in a line, groups included: `a` and `b` of `use crate::{a::x, b};`.
fn named_after<'a>(line: &'a str, root: &str) -> Vec<&'a str> {
    let path = format!("{root}::");
    let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'));
    let name = |text: &'a str| {
        text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
    };
    let mut names = Vec::new();
    for (at, _) in line.match_indices(&path).filter(|&(at, _)| begins(at)) {
        let rest = &line[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split(',').map(name)),
            None => names.push(name(rest)),
        }
    }
    names
}

#[test]
fn names_after_a_root_are_found() {
    assert_eq!(named_after("use crate::{engine::{Field}, text};", "crate"), ["engine", "text"]);
    assert_eq!(named_after("fn f(x: crate::rules::Rule) -> my_crate::x {}", "crate"), ["rules"]);
    assert_eq!(named_after("let status: tonic::Status = self.tonic::x;", "tonic"), ["Status", "x"]);
}

#[test]
fn modules_import_only_what_stands_to_their_left() {
    let mut faults = Vec::new();
    for (i, module) in MODULES.iter().enumerate() {
        for file in files_of(module) {
            for (line, code) in file.code() {
                for name in
                    named_after(code, "crate").into_iter().filter(|name| !MODULES[..=i].contains(name))
                {
                    faults
                        .push(format!("{}:{line}: {module} must not use crate::{name}", file.path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn modules_left_of_wire_know_no_server() {
    let wire = MODULES.iter().position(|&module| module == "wire").unwrap();
    let mut faults = Vec::new();
    for file in MODULES[..wire].iter().flat_map(|module| files_of(module)) {
        for (line, code) in file.code() {
            for server in SERVER_CRATES.iter().filter(|server| !named_after(code, server).is_empty()) {
                faults.push(format!("{}:{line}: uses {server}", file.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        files(Path::new("src")).into_iter().filter(|file| !file.text.starts_with("//! ")).collect();
    assert!(silent.is_empty(), "{:?}", silent.iter().map(|file| &file.path).collect::<Vec<_>>());
}

#[test]
fn every_folder_of_the_source_is_a_module() {
    let folders =
        fs::read_dir("src").unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|folder| folder.file_name().into_string().unwrap()).collect();
    let mut modules = MODULES.map(str::to_owned).to_vec();
    names.sort();
    modules.sort();
    assert_eq!(names, modules);
}
