//! `geotopics explain`.

use super::output::{self, Failure, Paint, Status, Style, printable};
use super::record::Record;
use super::{input, rules, tree};
use crate::engine::{Classifier, Explanation, Field, Points, Reason, Scratch, TopicExplanation, TopicInfo};
use crate::text::Span;
use crate::wire::Topics;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;

/// Tell how one document got its labels, rule by rule
///
/// The document is plain text or a line of JSON, on standard input or in a file, or given by --title and --text. First it
/// is shown with its hits [in brackets] or in colour and its masked words {in braces} or struck out, then each topic that
/// got points or has masked words: what each hit adds, which were dropped, and what keeps a topic from being a label.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file of plain text or of JSON lines; standard input without it
    #[arg(conflicts_with_all = ["title", "text"])]
    file: Option<PathBuf>,

    /// The document with this id, of several
    #[arg(long)]
    id: Option<String>,

    /// Title of the document
    #[arg(long, conflicts_with = "id")]
    title: Option<String>,

    /// Text of the document
    #[arg(long, conflicts_with = "id")]
    text: Option<String>,

    /// Language of the document, such as en, where it gives none
    #[arg(long, value_name = "TAG")]
    language: Option<String>,

    /// When the document was published, where it does not say: a time such as 2024-05-31T08:30:00Z, or a date
    #[arg(long, value_name = "TIME", value_parser = published)]
    published: Option<i64>,

    /// Explain these topics or groups only, with hits or without
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    topics: Vec<String>,

    #[command(flatten)]
    rules: rules::Choice,
}

fn published(time: &str) -> Result<i64, &'static str> {
    super::record::seconds(time)
        .ok_or("neither a time such as 2024-05-31T08:30:00Z nor a date such as 2024-05-31")
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let (_, classifier) = rules::load(args.rules.dir())?;
    let topics = Topics::new(args.topics.clone());
    topics.check(&classifier).map_err(|fault| Failure::Message(fault.to_string()))?;
    if args.title.is_some() || args.text.is_some() {
        let record = Record {
            title: args.title.as_deref().map(Cow::Borrowed),
            text: args.text.as_deref().map(Cow::Borrowed),
            ..Record::default()
        };
        return print(record, args, &classifier);
    }
    let batch = input::whole(args.file.as_deref())?;
    let mut chosen = batch.records().filter(|record| match (&args.id, record) {
        (None, _) => true,
        (Some(id), Ok(record)) => record.id == **id,
        (Some(id), Err(fault)) => fault.document_id == *id,
    });
    match (chosen.next(), &args.id) {
        (None, None) => Err(Failure::Message("there is no document".to_owned())),
        (None, Some(id)) => Err(Failure::Message(format!("there is no document with the id {id}"))),
        (Some(Err(fault)), _) => {
            output::fail(&fault.message);
            Ok(Status::Findings)
        }
        (Some(Ok(_)), None) if chosen.next().is_some() => {
            Err(Failure::Message("there is more than one document: choose one with --id".to_owned()))
        }
        (Some(Ok(record)), _) => print(record, args, &classifier),
    }
}

fn print<'a>(mut record: Record<'a>, args: &'a Args, classifier: &Classifier) -> Result<Status, Failure> {
    if let (true, Some(language)) = (record.language.is_empty(), &args.language) {
        record.language = Cow::Borrowed(language);
    }
    record.published = record.published.or(args.published);
    let mut metadata = Vec::new();
    let document = record.document(&mut metadata);
    let texts = (document.title, document.text);
    let explanation = classifier.explain(&document, &mut Scratch::default());
    let paint = Paint { colour: output::colour_on_stdout() };
    let shown = shown(&explanation, classifier, &args.topics);

    let mut out = io::BufWriter::new(io::stdout().lock());
    for (field, text) in [(Field::Title, document.title), (Field::Text, document.text)] {
        if !text.trim().is_empty() {
            let places = shown.iter().map(|(_, topic, _)| *topic);
            let text = marked(text.trim_end(), places, field, paint);
            writeln!(out, "{text}\n")?;
        }
    }
    if !explanation.classification.language.is_empty() {
        writeln!(out, "language: {}\n", printable(&explanation.classification.language))?;
    }
    if shown.is_empty() {
        writeln!(out, "no rule of any topic adds points")?;
    }
    for (info, topic, reason) in shown {
        let (style, word) = match reason {
            None if topic.label => (Style::Good, "label"),
            Some(_) => (Style::Warn, "near miss"),
            None => (Style::Dim, "no label"),
        };
        let missing = if topic.label { None } else { reason.or(Some(Reason::Threshold)) };
        writeln!(
            out,
            "{} {}, {}",
            paint.paint(Style::Bold, format_args!("{}:", info.id)),
            paint.paint(style, word),
            tree::verdict(topic, missing),
        )?;
        tree::write(&mut out, &tree::steps(info, topic, texts, paint))?;
    }
    out.flush()?;
    Ok(Status::Fine)
}

/// The topics to show, each with what keeps it from being a label: labels first, then by points. Unless topics are chosen, they
/// are those with a rule that adds points, or with masked words that not every topic masks.
fn shown<'a>(
    explanation: &'a Explanation,
    classifier: &'a Classifier,
    chosen: &[String],
) -> Vec<(&'a TopicInfo, &'a TopicExplanation, Option<Reason>)> {
    let topics = &explanation.topics;
    let near: BTreeMap<_, _> =
        explanation.classification.near_misses.iter().map(|miss| (miss.topic, miss.reason)).collect();
    let own =
        |word: &(Field, Span)| topics.len() == 1 || topics.iter().any(|topic| !topic.masked.contains(word));
    let says_something = |topic: &TopicExplanation| {
        topic.rules.iter().any(|rule| rule.points > Points(0)) || topic.masked.iter().any(own)
    };
    let mut shown: Vec<_> = topics
        .iter()
        .filter_map(|topic| {
            let info = classifier.topics().get(topic.topic as usize)?;
            let wanted = if chosen.is_empty() { says_something(topic) } else { is_in(info, chosen) };
            wanted.then(|| (info, topic, near.get(&topic.topic).copied()))
        })
        .collect();
    shown.sort_by(|(_, a, _), (_, b, _)| b.label.cmp(&a.label).then(b.points.cmp(&a.points)));
    shown
}

fn is_in(info: &TopicInfo, chosen: &[String]) -> bool {
    chosen.iter().any(|id| *id == info.id || *id == info.group)
}

/// The text with its hits and masked words marked. A hit of several terms, such as a NEAR, is marked from its first word to its
/// last, around the hits inside it.
fn marked<'a>(
    text: &str,
    topics: impl Iterator<Item = &'a TopicExplanation> + Clone,
    field: Field,
    paint: Paint,
) -> String {
    let hits = topics.clone().flat_map(|topic| &topic.rules).flat_map(|rule| &rule.hits);
    let hits = hits.filter(|hit| hit.dropped.is_none() && hit.field == Some(field));
    let (wide, narrow): (Vec<_>, Vec<_>) = hits.partition(|hit| hit.term.contains(" … "));
    let masked = topics.flat_map(|topic| tree::masked(topic, field, text));
    let marks = [
        (union(wide.iter().map(|hit| hit.span)), Style::Wide, ("[", "]")),
        (union(narrow.iter().map(|hit| hit.span)), Style::Hit, ("[", "]")),
        (union(masked), Style::Masked, ("{", "}")),
    ];
    let mut ends: Vec<usize> =
        marks.iter().flat_map(|(places, ..)| places).flat_map(|p| [p.start, p.end]).collect();
    ends.push(text.len());
    ends.sort_unstable();
    ends.dedup();

    let mut out = String::with_capacity(text.len());
    let mut start = 0;
    for end in ends {
        let Some(piece) = text.get(start..end).filter(|piece| !piece.is_empty()) else { continue };
        let mut piece = printable(piece).into_owned();
        for (places, style, (open, close)) in marks.iter().rev() {
            let Some(place) = places.get(places.partition_point(|place| place.end <= start)) else {
                continue;
            };
            if place.start > start {
                continue;
            }
            if paint.colour {
                piece = paint.paint(*style, piece).to_string();
            } else {
                let open = if place.start == start { open } else { "" };
                let close = if place.end == end { close } else { "" };
                piece = format!("{open}{piece}{close}");
            }
        }
        out += &piece;
        start = end;
    }
    out
}

/// The same places without overlaps, in order.
fn union(places: impl Iterator<Item = Span>) -> Vec<Range<usize>> {
    let mut places: Vec<_> = places.map(|span| span.start as usize..span.end as usize).collect();
    places.sort_by_key(|place| place.start);
    let mut union: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match union.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => union.push(place),
        }
    }
    union
}
