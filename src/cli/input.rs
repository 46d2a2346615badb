//! Standard input and files, cut into batches of whole documents.

use super::output::Failure;
use super::record::{self, Record};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest line, and the longest plain text, that is taken.
pub(super) const LONGEST: usize = 64 << 20;

/// How much is read at once. A batch is at most the whole lines of that, so it never waits for input that is not there.
const CHUNK: usize = 256 << 10;

/// Where documents come from: standard input where there are no files.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Inputs {
    /// Files of JSON lines, or of plain text where the name ends in .txt; `-` is standard input
    files: Vec<PathBuf>,

    /// Take each input as one document of plain text, whatever its name
    #[arg(long)]
    plain: bool,
}

/// Documents that were read together.
#[derive(Debug)]
pub(super) struct Batch {
    place: Place,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Whole lines, each a document.
    Lines(Vec<u8>),
    /// One document.
    Plain(Vec<u8>),
    /// A document over [`LONGEST`], which was not kept.
    TooLong,
}

/// Where a document stands.
#[derive(Clone, Debug)]
struct Place {
    /// None for standard input.
    file: Option<Arc<str>>,
    /// From 1; 0 for a plain text.
    line: u64,
}

/// A document that cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    /// Its id, or its place.
    pub(super) document_id: String,
    /// What is wrong, and where.
    pub(super) message: String,
}

impl Inputs {
    /// Hands over everything in order, until `take` says that it wants no more.
    ///
    /// # Errors
    /// When an input cannot be read.
    pub(super) fn read(&self, mut take: impl FnMut(Batch) -> bool) -> Result<(), Failure> {
        for file in &self.files {
            if !is_stdin(file) {
                file.metadata().map_err(|error| cannot_read(file, &error))?;
            }
        }
        let stdin = [PathBuf::from("-")];
        for file in if self.files.is_empty() { &stdin[..] } else { &self.files } {
            let plain = self.plain || file.extension().is_some_and(|extension| extension == "txt");
            let go_on = if is_stdin(file) {
                read(io::stdin().lock(), None, plain, &mut take)
            } else {
                let name = Some(file.to_string_lossy().into());
                File::open(file).and_then(|open| read(open, name, plain, &mut take))
            };
            if !go_on.map_err(|error| cannot_read(file, &error))? {
                break;
            }
        }
        Ok(())
    }
}

/// Reads one input whole: JSON lines where it starts with `{`, else one plain text.
///
/// # Errors
/// When it cannot be read.
pub(super) fn whole(file: Option<&Path>) -> Result<Batch, Failure> {
    let file = file.unwrap_or(Path::new("-"));
    let mut bytes = Vec::new();
    let (name, read) = if is_stdin(file) {
        (None, io::stdin().lock().take(LONGEST as u64 + 1).read_to_end(&mut bytes))
    } else {
        let name = Some(file.to_string_lossy().into());
        let open = File::open(file);
        (name, open.and_then(|open| open.take(LONGEST as u64 + 1).read_to_end(&mut bytes)))
    };
    read.map_err(|error| cannot_read(file, &error))?;
    let (line, content) = match bytes.trim_ascii_start().first() {
        _ if bytes.len() > LONGEST => (0, Content::TooLong),
        Some(b'{') => (1, Content::Lines(bytes)),
        _ => (0, Content::Plain(bytes)),
    };
    Ok(Batch { place: Place { file: name, line }, content })
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn cannot_read(file: &Path, error: &io::Error) -> Failure {
    let name = if is_stdin(file) { "standard input".into() } else { file.to_string_lossy() };
    Failure::io(format_args!("cannot read {name}"), error)
}

/// Reads one input to its end; false when `take` wants no more.
fn read(
    input: impl Read,
    file: Option<Arc<str>>,
    plain: bool,
    take: &mut impl FnMut(Batch) -> bool,
) -> io::Result<bool> {
    let mut input = BufReader::with_capacity(CHUNK, input);
    if plain {
        let mut text = Vec::new();
        input.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
        let content = if text.len() > LONGEST { Content::TooLong } else { Content::Plain(text) };
        return Ok(take(Batch { place: Place { file, line: 0 }, content }));
    }
    let mut place = Place { file, line: 1 };
    let mut lines = Vec::new();
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let last_break = memchr::memrchr(b'\n', chunk);
        let whole = last_break.map_or(chunk, |last| chunk.split_at(last + 1).0);
        let (at_end, length) = (chunk.is_empty(), whole.len());
        lines.extend_from_slice(whole);
        input.consume(length);
        let content = if last_break.is_some() || at_end && !lines.is_empty() {
            Content::Lines(std::mem::take(&mut lines))
        } else if lines.len() > LONGEST {
            lines = Vec::new();
            input.skip_until(b'\n')?;
            Content::TooLong
        } else if at_end {
            return Ok(true);
        } else {
            continue;
        };
        let breaks = match &content {
            Content::Lines(lines) => memchr::memchr_iter(b'\n', lines).count(),
            Content::Plain(_) | Content::TooLong => 1,
        };
        if !take(Batch { place: place.clone(), content }) {
            return Ok(false);
        }
        place.line += breaks as u64;
    }
}

impl Batch {
    /// The documents, each with an id, or what is wrong with them; blank lines are none.
    pub(super) fn records(&self) -> Box<dyn Iterator<Item = Result<Record<'_>, Fault>> + '_> {
        match &self.content {
            Content::Lines(lines) => {
                let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
                let records = (self.place.line..).zip(lines.split(|&byte| byte == b'\n'));
                Box::new(records.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(number, line)| {
                    let place = Place { file: self.place.file.clone(), line: number };
                    from_line(&place, line)
                }))
            }
            Content::Plain(text) => Box::new(std::iter::once(from_plain_text(&self.place, text))),
            Content::TooLong => Box::new(std::iter::once(Err(self.place.too_long()))),
        }
    }
}

fn from_line<'a>(place: &Place, line: &'a [u8]) -> Result<Record<'a>, Fault> {
    let line = if place.line == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    if line.len() > LONGEST {
        return Err(place.too_long());
    }
    let mut record = Record::from_json(line).map_err(|what| place.fault(record::id_in(line), &what))?;
    if record.id.is_empty() {
        record.id = place.to_string().into();
    }
    Ok(record)
}

fn from_plain_text<'a>(place: &Place, text: &'a [u8]) -> Result<Record<'a>, Fault> {
    let record = Record::from_plain_text(text).map_err(|what| place.fault(None, &what))?;
    Ok(Record { id: place.to_string().into(), ..record })
}

impl Place {
    fn fault(&self, id: Option<String>, what: &str) -> Fault {
        let message = match &self.file {
            None if self.line == 0 => what.to_owned(),
            None => format!("line {}: {what}", self.line),
            Some(file) if self.line == 0 => format!("{file}: {what}"),
            Some(file) => format!("{file}, line {}: {what}", self.line),
        };
        Fault { document_id: id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.to_string()), message }
    }

    fn too_long(&self) -> Fault {
        self.fault(None, &format!("longer than {} MiB", LONGEST >> 20))
    }
}

/// The id of a document that has none: `line 3` of standard input, `articles.jsonl:3`; `-` or the path of a plain text.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            None if self.line == 0 => f.write_str("-"),
            None => write!(f, "line {}", self.line),
            Some(file) if self.line == 0 => f.write_str(file),
            Some(file) => write!(f, "{file}:{}", self.line),
        }
    }
}
