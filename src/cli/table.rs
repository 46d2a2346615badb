//! Classifications for people: a block for each document.

use super::output::{Paint, Style, one_line};
use super::record::Record;
use crate::wire::proto::geotopics::v1::{Classification, Evidence, Field, Label, NearMissReason};
use std::fmt::{self, Write};

/// Cells of a full bar: a score of 1.
const BAR: usize = 12;
/// At most so many different words are shown as proof of a label.
const PROOFS: usize = 6;
/// The longest proof, in characters.
const PROOF: usize = 40;
const TITLE: usize = 90;

/// Writes a block: the id, then each label with its score and the words that prove it.
pub(super) fn write_classification(
    out: &mut String, record: &Record<'_>, classification: &Classification, paint: Paint,
) -> fmt::Result {
    write!(out, "{}", paint.paint(Style::Bold, one_line(&record.id, TITLE)))?;
    match record.title.as_deref() {
        Some(title) if !title.trim().is_empty() => writeln!(out, "  {}", one_line(title, TITLE))?,
        _ => writeln!(out)?,
    }
    let labels = classification.labels.iter().map(|label| label.topic.len());
    let misses = classification.near_misses.iter().map(|miss| miss.topic.len());
    let width = labels.chain(misses).max().unwrap_or(0).max(24);
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
        let reason = paint.paint(Style::Dim, format_args!("no label: {reason}"));
        writeln!(out, "  {:width$}  {bar} {:.3}  {reason}", miss.topic, miss.score)?;
    }
    if classification.labels.is_empty() {
        writeln!(out, "  {}", paint.paint(Style::Dim, "no labels"))?;
    }
    writeln!(out)
}

/// Writes a block for a document that could not be classified.
pub(super) fn write_error(out: &mut String, document_id: &str, message: &str, paint: Paint) -> fmt::Result {
    writeln!(out, "{}", paint.paint(Style::Bold, one_line(document_id, TITLE)))?;
    writeln!(out, "  {} {}\n", paint.paint(Style::Bad, "error:"), one_line(message, usize::MAX))
}

fn bar(score: f64) -> String {
    let full = (score * BAR as f64).round() as usize;
    (0..BAR).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

/// The different words of a label's evidence, what counts most first; those against it with a minus.
fn proofs(record: &Record<'_>, label: &Label) -> String {
    let mut found: Vec<(String, &str, usize)> = Vec::new();
    for evidence in &label.evidence {
        for words in words(record, evidence) {
            let key = words.to_lowercase();
            let sign = if evidence.points < 0.0 { "−" } else { "" };
            match found.iter_mut().find(|(known, of, _)| known.to_lowercase() == key && *of == sign) {
                Some((_, _, times)) => *times += 1,
                None => found.push((words, sign, 1)),
            }
        }
    }
    let more = found.len().saturating_sub(PROOFS);
    let mut shown: Vec<_> = found
        .into_iter()
        .take(PROOFS)
        .map(|(words, sign, times)| {
            let times = if times > 1 { format!(" ×{times}") } else { String::new() };
            format!("{sign}{words}{times}")
        })
        .collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(" · ")
}

fn words(record: &Record<'_>, evidence: &Evidence) -> Vec<String> {
    let field = match evidence.field() {
        Field::Title => record.title.as_deref(),
        Field::Text => record.text.as_deref(),
        Field::Unspecified => return vec![format!("rule {}", evidence.rule)],
    };
    let field = field.unwrap_or("");
    let spans = evidence.spans.iter();
    spans.map(|span| one_line(field.get(span.start as usize..span.end as usize).unwrap_or(""), PROOF)).collect()
}
