//! The files of a ruleset.

use crate::rules::Source;
use include_dir::{Dir, include_dir};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// More files than this are no ruleset, but a wrong folder.
const MAX_FILES: usize = 10_000;
/// The same for the bytes of all files: about 5 million terms.
const MAX_BYTES: u64 = 256 << 20;
/// Folders nest no deeper.
const MAX_DEPTH: usize = 32;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules/geopolitics");

/// Why the files of a folder could not be read.
#[derive(Debug)]
pub struct LoadError {
    /// The folder or file.
    pub path: PathBuf,
    /// What happened there.
    pub cause: io::Error,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause.to_string();
        let cause = cause.split(" (os error").next().unwrap_or(&cause);
        write!(f, "cannot read {}: {cause}", self.path.display())
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// The ruleset inside this program, sorted by path.
#[must_use]
pub fn embedded() -> Vec<Source> {
    fn collect(dir: &Dir<'_>, sources: &mut Vec<Source>) {
        for file in dir.files() {
            if let Some(path) = file.path().to_str().filter(|path| path.ends_with(".toml")) {
                sources.push(Source { path: path.replace('\\', "/"), content: file.contents().to_vec() });
            }
        }
        dir.dirs().for_each(|dir| collect(dir, sources));
    }
    let mut sources = Vec::new();
    collect(&EMBEDDED, &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Every `*.toml` of a folder at any depth, sorted by path. Names that start with a dot are passed over; symbolic links
/// are followed.
///
/// # Errors
/// When the folder, or one of these files, cannot be read, or there is more than a ruleset can be.
pub fn load(folder: &Path) -> Result<Vec<Source>, LoadError> {
    let mut reader = Reader { sources: Vec::new(), bytes: 0, above: Vec::new() };
    reader.folder(folder, "")?;
    reader.sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(reader.sources)
}

struct Reader {
    sources: Vec<Source>,
    bytes: u64,
    /// The folders on the way down, with no symbolic link in them: one of them again is a cycle.
    above: Vec<PathBuf>,
}

impl Reader {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), LoadError> {
        let fail = |cause| LoadError { path: folder.to_owned(), cause };
        let real = folder.canonicalize().map_err(fail)?;
        if self.above.contains(&real) {
            return Ok(());
        }
        if self.above.len() == MAX_DEPTH {
            return Err(fail(io::Error::other(format!("folders nest more than {MAX_DEPTH} deep"))));
        }
        self.above.push(real);
        for entry in fs::read_dir(folder).map_err(fail)? {
            self.entry(&entry.map_err(fail)?.path(), prefix)?;
        }
        self.above.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Path, prefix: &str) -> Result<(), LoadError> {
        let fail = |cause| LoadError { path: path.to_owned(), cause };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            return Ok(());
        }
        let is_toml = name.ends_with(".toml");
        let below = format!("{prefix}{name}");
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, &format!("{below}/")),
            Ok(metadata) if is_toml && metadata.is_file() => {
                let content = self.file(path).map_err(fail)?;
                self.sources.push(Source { path: below, content });
                Ok(())
            }
            Ok(_) if is_toml => Err(fail(io::Error::other("not a file"))),
            Err(cause) if is_toml => Err(fail(cause)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn file(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        if self.sources.len() == MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files are no ruleset")));
        }
        let mut content = Vec::new();
        let left = MAX_BYTES - self.bytes;
        self.bytes += File::open(path)?.take(left + 1).read_to_end(&mut content)? as u64;
        if self.bytes > MAX_BYTES {
            return Err(io::Error::other(format!(
                "files of more than {} MiB are no ruleset",
                MAX_BYTES >> 20
            )));
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("geotopics-load-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn write(&self, path: &str, content: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn paths(sources: &[Source]) -> Vec<&str> {
        sources.iter().map(|source| &*source.path).collect()
    }

    #[test]
    fn the_files_of_a_ruleset_are_toml_at_any_depth() {
        let folder = Folder::new("depth");
        for path in [
            "ruleset.toml",
            "b/x.toml",
            "a/deep/y.toml",
            "README.md",
            ".hidden.toml",
            ".git/z.toml",
            "a.toml~",
        ] {
            folder.write(path, path);
        }
        let sources = load(&folder.0).unwrap();
        assert_eq!(paths(&sources), ["a/deep/y.toml", "b/x.toml", "ruleset.toml"]);
        assert_eq!(sources[0].content, b"a/deep/y.toml");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let folder = Folder::new("links");
        folder.write("..data/ruleset.toml", "as a ConfigMap is mounted");
        symlink("..data/ruleset.toml", folder.0.join("ruleset.toml")).unwrap();
        symlink(&folder.0, folder.0.join("again")).unwrap();
        symlink("nowhere", folder.0.join("note.txt")).unwrap();
        assert_eq!(paths(&load(&folder.0).unwrap()), ["ruleset.toml"]);

        symlink("nowhere", folder.0.join("topic.toml")).unwrap();
        let error = load(&folder.0).unwrap_err().to_string();
        assert!(error.ends_with("topic.toml: No such file or directory"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = load(Path::new("no/such/folder")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read no/such/folder: No such file or directory");
        let error = load(Path::new(file!())).unwrap_err();
        assert_eq!(error.to_string(), "cannot read src/catalog/load.rs: Not a directory");
    }

    #[test]
    fn the_embedded_ruleset_is_the_shipped_one() {
        let shipped = load(Path::new("rules/geopolitics")).unwrap();
        assert_eq!(paths(&embedded()), paths(&shipped));
        assert!(embedded().iter().zip(&shipped).all(|(a, b)| a.content == b.content));
    }
}
