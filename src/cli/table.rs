//! Classifications for people: a block for each document.

use super::output::{Paint, Style, one_line};
use super::record::Record;
use crate::wire::v1::{
    Classification, ClassifyResult, DocumentError, Evidence, Field, Label, NearMissReason,
    classify_result::Outcome,
};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Cells of a full bar: a score of 1.
const BAR: usize = 12;
/// So many characters of a line are for the words that prove a label,
const PROOFS: usize = 68;
/// and so many for one of them.
const PROOF: usize = 36;
/// The longest title, in characters.
const TITLE: usize = 90;

/// Writes a block for a document: its id, then each label with its score and the words that prove it, or what went wrong.
pub(super) fn write(
    out: &mut Vec<u8>,
    record: &Record<'_>,
    result: &ClassifyResult,
    paint: Paint,
) -> io::Result<()> {
    match &result.outcome {
        Some(Outcome::Classification(classification)) => {
            write_classification(out, record, classification, paint)
        }
        Some(Outcome::Error(DocumentError { document_id, status })) => {
            let message = status.as_ref().map_or("", |status| &status.message);
            write_error(out, document_id, message, paint)
        }
        None => Err(io::Error::other("a result without an outcome")),
    }
}

fn write_classification(
    out: &mut Vec<u8>,
    record: &Record<'_>,
    classification: &Classification,
    paint: Paint,
) -> io::Result<()> {
    write!(out, "{}", paint.paint(Style::Bold, one_line(&record.id, TITLE)))?;
    match record.title.as_deref() {
        Some(title) if !title.trim().is_empty() => writeln!(out, "  {}", one_line(title, TITLE))?,
        _ => writeln!(out)?,
    }
    let labels = classification.labels.iter().map(|label| label.topic.len());
    let misses = classification.near_misses.iter().map(|miss| miss.topic.len());
    let width = labels.chain(misses).max().unwrap_or(0).max(24);
    if classification.labels.is_empty() {
        writeln!(out, "  {}", paint.paint(Style::Dim, "no labels"))?;
    }
    for label in &classification.labels {
        let bar = paint.paint(Style::Good, bar(label.score));
        writeln!(out, "  {:width$}  {bar} {:.3}  {}", label.topic, label.score, proofs(record, label))?;
    }
    for miss in &classification.near_misses {
        let reason = match miss.reason() {
            NearMissReason::Threshold | NearMissReason::Unspecified => "below the threshold",
            NearMissReason::Require => "`require` has no hit",
            NearMissReason::Exclude => "`exclude` has a hit",
        };
        let bar = paint.paint(Style::Dim, bar(miss.score));
        let reason = paint.paint(Style::Dim, reason);
        writeln!(out, "  {:width$}  {bar} {:.3}  no label: {reason}", miss.topic, miss.score)?;
    }
    writeln!(out)
}

fn write_error(out: &mut Vec<u8>, document_id: &str, message: &str, paint: Paint) -> io::Result<()> {
    writeln!(out, "{}", paint.paint(Style::Bold, one_line(document_id, TITLE)))?;
    writeln!(out, "  {} {}\n", paint.paint(Style::Bad, "error:"), one_line(message, usize::MAX))
}

fn bar(score: f64) -> String {
    let full = (score * BAR as f64).round() as usize;
    (0..BAR).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

/// The different words of a label's evidence as far as there is room, what counts most first; those against it with a minus.
fn proofs(record: &Record<'_>, label: &Label) -> String {
    let mut found: Vec<(String, usize)> = Vec::new();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for evidence in &label.evidence {
        let sign = if evidence.points < 0.0 { "−" } else { "" };
        for words in words(record, evidence) {
            let new = found.len();
            let number = *numbers.entry(format!("{sign}{}", words.to_lowercase())).or_insert(new);
            match found.get_mut(number) {
                Some((_, times)) => *times += 1,
                None => found.push((format!("{sign}{words}"), 1)),
            }
        }
    }
    let mut line = String::new();
    for (number, (words, times)) in found.iter().enumerate() {
        let separator = if line.is_empty() { "" } else { " · " };
        let times = if *times > 1 { format!(" ×{times}") } else { String::new() };
        if number > 0 && line.chars().count() + words.chars().count() > PROOFS {
            return format!("{line} and {} more", found.len() - number);
        }
        line += &format!("{separator}{words}{times}");
    }
    line
}

fn words(record: &Record<'_>, evidence: &Evidence) -> Vec<String> {
    let field = match evidence.field() {
        Field::Title => record.title.as_deref(),
        Field::Text => record.text.as_deref(),
        Field::Unspecified => return vec![format!("rule {}", evidence.rule)],
    };
    let field = field.unwrap_or("");
    let spans = evidence.spans.iter();
    spans
        .map(|span| one_line(field.get(span.start as usize..span.end as usize).unwrap_or(""), PROOF))
        .collect()
}
