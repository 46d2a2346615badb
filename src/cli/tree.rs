//! How a topic got its points, as a tree for people.

use super::output::{Paint, Style, count, one_line};
use crate::engine::{Dropped, Field, HitExplanation, Reason, RuleExplanation, TopicExplanation, TopicInfo};
use crate::text::Span;
use std::io::{self, Write};

/// The longest piece of a query or of the document on one line, in characters.
const WIDTH: usize = 60;

/// A line and what hangs below it.
#[derive(Debug)]
pub(super) struct Node {
    line: String,
    below: Vec<Node>,
}

impl Node {
    fn leaf(line: String) -> Node {
        Node { line, below: Vec::new() }
    }
}

/// Title and text of the document that was explained.
pub(super) type Texts<'a> = (&'a str, &'a str);

/// Prints nodes below a line that stands there already.
pub(super) fn write(out: &mut dyn Write, nodes: &[Node]) -> io::Result<()> {
    write_below(out, nodes, "")
}

fn write_below(out: &mut dyn Write, nodes: &[Node], indent: &str) -> io::Result<()> {
    for (number, node) in nodes.iter().enumerate() {
        let last = number + 1 == nodes.len();
        writeln!(out, "{indent}{} {}", if last { "└─" } else { "├─" }, node.line)?;
        write_below(out, &node.below, &format!("{indent}{}", if last { "   " } else { "│  " }))?;
    }
    Ok(())
}

/// Whether a topic is a label, and why not.
pub(super) fn verdict(topic: &TopicExplanation, reason: Option<Reason>) -> String {
    let points = rounded(topic.points.as_f64());
    let unit = if points == 1.0 { "point" } else { "points" };
    let score = format!("score {:.3} ({points} {unit})", topic.score);
    match reason {
        None => format!("{score} reaches {}", topic.threshold),
        Some(Reason::Threshold) => format!("{score} is below {}", topic.threshold),
        Some(Reason::Require) => format!("{score}, but `require` has no hit"),
        Some(Reason::Exclude) => format!("{score}, but `exclude` has a hit"),
    }
}

/// Rule by rule, then masks and gates.
pub(super) fn steps(info: &TopicInfo, topic: &TopicExplanation, texts: Texts<'_>, paint: Paint) -> Vec<Node> {
    let mut nodes: Vec<_> =
        topic.rules.iter().filter_map(|rule| rule_node(info, rule, texts, paint)).collect();
    for field in [Field::Title, Field::Text] {
        let text = field_of(texts, field);
        for words in masked(topic, field, text) {
            nodes.push(Node::leaf(format!(
                "masked in the {}: {}",
                field_name(field),
                quoted(words.of(text))
            )));
        }
    }
    for (gate, hit) in [("require", topic.require), ("exclude", topic.exclude)] {
        match hit {
            Some(true) => nodes.push(Node::leaf(format!("{gate} has a hit"))),
            Some(false) => nodes.push(Node::leaf(format!("{gate} has no hit"))),
            None => {}
        }
    }
    nodes
}

/// The masked words of a field; words with nothing but blanks and punctuation between them together.
pub(super) fn masked(topic: &TopicExplanation, field: Field, text: &str) -> Vec<Span> {
    let mut runs: Vec<Span> = Vec::new();
    for (_, word) in topic.masked.iter().filter(|(of, _)| *of == field) {
        match runs.last_mut() {
            Some(run)
                if !Span { start: run.end, end: word.start }.of(text).contains(char::is_alphanumeric) =>
            {
                run.end = word.end;
            }
            _ => runs.push(*word),
        }
    }
    runs
}

fn rule_node(info: &TopicInfo, rule: &RuleExplanation, texts: Texts<'_>, paint: Paint) -> Option<Node> {
    let about = info.rules.get(rule.rule as usize)?;
    let language = about.language.map_or(String::new(), |language| format!(", {language} only"));
    let line = format!(
        "rule {}: {} points from {}, weight {}{language}  {}",
        paint.paint(Style::Bold, &about.id),
        signed(rule.points.as_f64(), paint),
        count(rule.hits.len(), "hit"),
        about.weight,
        paint.paint(Style::Dim, one_line(&about.query, WIDTH)),
    );
    let below = rule.hits.iter().map(|hit| Node::leaf(hit_line(info, hit, texts, paint))).collect();
    Some(Node { line, below })
}

fn hit_line(info: &TopicInfo, hit: &HitExplanation, texts: Texts<'_>, paint: Paint) -> String {
    let place = match hit.field {
        Some(field) => {
            let words = hit.span.of(field_of(texts, field));
            let found = format!("{} {}", field_name(field), paint.paint(Style::Hit, quoted(words)));
            if words.eq_ignore_ascii_case(&hit.term) {
                found
            } else {
                format!("{found} by {}", one_line(&hit.term, WIDTH))
            }
        }
        None => "condition".to_owned(),
    };
    match hit.dropped {
        None => format!("{} {place}, factor {}", signed(hit.points, paint), hit.factor),
        Some(Dropped::Overlap) => {
            format!("{} {place}: overlaps another hit of this rule", paint.paint(Style::Dim, "dropped"))
        }
        Some(Dropped::Repeat) => {
            format!("{} {place}: only the best hit of a rule counts", paint.paint(Style::Dim, "dropped"))
        }
        Some(Dropped::Contained(rule)) => {
            let rule = info.rules.get(rule as usize).map_or("", |rule| &rule.id);
            format!("{} {place}: inside a hit of rule {rule}", paint.paint(Style::Dim, "dropped"))
        }
    }
}

fn quoted(words: &str) -> String {
    format!("\"{}\"", one_line(words, WIDTH))
}

fn field_of<'a>(texts: Texts<'a>, field: Field) -> &'a str {
    match field {
        Field::Title => texts.0,
        Field::Text => texts.1,
    }
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::Title => "title",
        Field::Text => "text",
    }
}

/// Points with as many of three decimals as they need, or six where they are small.
fn rounded(points: f64) -> f64 {
    let unit = if points.abs() < 0.001 { 1e6 } else { 1e3 };
    (points * unit).round() / unit
}

fn signed(points: f64, paint: Paint) -> String {
    let style = if points < 0.0 { Style::Bad } else { Style::Good };
    paint.paint(style, format_args!("{:+}", rounded(points))).to_string()
}
