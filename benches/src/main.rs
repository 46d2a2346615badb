//! The engine beside the reference R: aho-corasick (contiguous NFA, overlapping matches, word boundaries checked, text
//! lowered beforehand, no scoring) over the same terms. Ours is everything from the raw text to labels with scores and
//! evidence. One thread; CPU time; both in turn, round by round; medians with least and most.
//!
//! ```sh
//! cargo run --release -p geotopics-benches                       # made articles and terms
//! cargo run --release -p geotopics-benches -- ../shared/bench    # articles and terms of a folder
//! ```

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use cpu_time::ThreadTime;
use geotopics::{Classifier, Document, Ruleset, Scratch, Source, catalog};
use geotopics_benches::corpus::{Article, Corpus, ruleset};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

const ROUNDS: usize = 9;
const ARTICLES: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| rules | R, µs an article | ours | R / ours, median (least to most) | compile / R's build |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for (set, size) in [("500", 500), ("5k", 5_000), ("50k", 50_000), ("500k", 500_000)] {
        let mut corpus = match &folder {
            Some(folder) => Corpus::read(folder, set)?,
            None => Corpus::made(ARTICLES, size),
        };
        corpus.articles.truncate(ARTICLES);
        measure(
            &mut out,
            &format!("{size} terms"),
            &corpus.articles,
            &corpus.terms,
            &ruleset(&corpus.terms),
        )?;
    }
    // Made articles hold no English.
    if let Some(folder) = folder {
        let mut corpus = Corpus::read(&folder, "500")?;
        corpus.articles.truncate(ARTICLES);
        let shipped = catalog::embedded();
        measure(&mut out, "the shipped ruleset", &corpus.articles, &literal_words(&shipped), &shipped)?;
    }
    Ok(())
}

/// Prints a row: ours over `sources` beside R over `terms`.
fn measure(
    out: &mut impl Write,
    name: &str,
    articles: &[Article],
    terms: &[String],
    sources: &[Source],
) -> Result<(), Box<dyn Error>> {
    let (ruleset, diagnostics) = Ruleset::parse("bench", sources);
    let ruleset = ruleset.ok_or_else(|| diagnostics.first().map_or_else(String::new, ToString::to_string))?;
    let start = Instant::now();
    let classifier = Classifier::compile(&ruleset)?;
    let compile = start.elapsed();
    drop(ruleset);
    let start = Instant::now();
    let lowered: Vec<String> = terms.iter().map(|term| term.to_lowercase()).collect();
    let reference = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&lowered)?;
    let build = start.elapsed();
    let texts: Vec<String> = articles
        .iter()
        .map(|article| format!("{}\n{}", article.title, article.text).to_lowercase())
        .collect();

    let mut scratch = Scratch::default();
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let mut answers = 0;
    for _ in 0..ROUNDS {
        let start = ThreadTime::now();
        answers += texts.iter().map(|text| whole_words(&reference, text)).sum::<usize>();
        theirs.push(start.elapsed().as_secs_f64());
        let start = ThreadTime::now();
        for Article { title, text } in articles {
            let document = Document { title, text, language: "en", ..Document::default() };
            answers += classifier.classify(&document, &mut scratch).labels.len();
        }
        ours.push(start.elapsed().as_secs_f64());
    }
    // Used, so that nothing is optimised away.
    std::hint::black_box(answers);
    let mut ratios: Vec<f64> = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
    for list in [&mut theirs, &mut ours, &mut ratios] {
        list.sort_by(f64::total_cmp);
    }
    let micros = |list: &[f64]| list[ROUNDS / 2] * 1e6 / articles.len() as f64;
    writeln!(
        out,
        "| {name} | {:.1} | {:.1} | {:.2} ({:.2} to {:.2}) | {:.2} |",
        micros(&theirs),
        micros(&ours),
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1],
        compile.as_secs_f64() / build.as_secs_f64(),
    )?;
    Ok(())
}

/// How many terms R finds that begin and end with a word.
fn whole_words(reference: &AhoCorasick, text: &str) -> usize {
    let bytes = text.as_bytes();
    let in_word = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
    let whole = |start: usize, end: usize| (start == 0 || !in_word(start - 1)) && !in_word(end);
    reference.find_overlapping_iter(text).filter(|found| whole(found.start(), found.end())).count()
}

/// The plain terms of rule files: everything quoted that holds only letters, digits and blanks.
fn literal_words(sources: &[Source]) -> Vec<String> {
    let mut terms = Vec::new();
    for source in sources {
        let text = String::from_utf8_lossy(&source.content);
        terms.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    terms.retain(|term| term.len() > 2 && term.chars().all(|c| c.is_alphanumeric() || c == ' '));
    terms.sort_unstable();
    terms.dedup();
    terms
}
