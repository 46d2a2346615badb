//! Articles and term sets: made from a seed, or read from a folder with `corpus.jsonl.gz` and `terms_*.txt.gz`; and rules of
//! such terms.

use fastrand::Rng;
use geotopics::{Classifier, Ruleset, Source};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// An article.
pub struct Article {
    /// Its headline.
    pub title: String,
    /// Its body.
    pub text: String,
}

/// Articles and terms, the terms of a smaller set being the first of every larger one.
pub struct Corpus {
    /// The articles.
    pub articles: Vec<Article>,
    /// The terms.
    pub terms: Vec<String>,
}

impl Corpus {
    /// The same articles of about 3 kB, and the same terms, each time: words are drawn as in natural text, where the
    /// n-th most frequent one has a share of about 1/n; terms are drawn from the rarer ones.
    pub fn made(articles: usize, terms: usize) -> Corpus {
        let mut rng = Rng::with_seed(1);
        let vocabulary: Vec<String> = (0..200_000).map(|_| word(&mut rng)).collect();
        let frequent = |rng: &mut Rng| {
            let exponent = rng.f64() * (vocabulary.len() as f64).ln();
            vocabulary[(exponent.exp() as usize).min(vocabulary.len() - 1)].clone()
        };
        let terms: Vec<String> = (0..terms)
            .map(|_| {
                let words: Vec<String> =
                    (0..rng.usize(2..=3)).map(|_| vocabulary[rng.usize(200..100_000)].clone()).collect();
                words.join(" ")
            })
            .collect();
        let articles = (0..articles)
            .map(|_| {
                let mut text = String::new();
                while text.len() < 3000 {
                    let next = if rng.u8(..100) < 2 {
                        terms[rng.usize(..terms.len())].clone()
                    } else {
                        frequent(&mut rng)
                    };
                    text.push_str(&next);
                    text.push_str(["", "", "", "", "", "", "", ",", ".", ".\n\n"][rng.usize(..10)]);
                    text.push(' ');
                }
                Article { title: format!("{} {}", frequent(&mut rng), frequent(&mut rng)), text }
            })
            .collect();
        Corpus { articles, terms }
    }

    /// The articles of a folder, and its term set of this name (`500`, `5k`, ...).
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub fn read(folder: &Path, set: &str) -> io::Result<Corpus> {
        let lines = |name: String| -> io::Result<Vec<String>> {
            let file = flate2::read::GzDecoder::new(File::open(folder.join(name))?);
            BufReader::new(file).lines().collect()
        };
        let article = |line: &String| -> io::Result<Article> {
            let value: serde_json::Value = serde_json::from_str(line)?;
            let field = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            Ok(Article { title: field("title"), text: field("text") })
        };
        let articles = lines("corpus.jsonl.gz".to_owned())?.iter().map(article).collect::<io::Result<_>>()?;
        Ok(Corpus { articles, terms: lines(format!("terms_{set}.txt.gz"))? })
    }
}

/// Topics of five rules with ten terms each.
#[must_use]
pub fn ruleset(terms: &[String]) -> Vec<Source> {
    let source = |path: String, content: String| Source { path, content: content.into_bytes() };
    let mut files = vec![source("ruleset.toml".to_owned(), "name = \"bench\"\nversion = \"1\"\n".to_owned())];
    for (number, of_topic) in terms.chunks(50).enumerate() {
        let mut topic = format!("id = \"t{number}\"\nname = \"T\"\n");
        for of_rule in of_topic.chunks(10) {
            topic += &format!("[[rule]]\nweight = 0.3\nterms = {of_rule:?}\n");
        }
        files.push(source(format!("t{number}.toml"), topic));
    }
    files
}

/// Compiles rule files that are sound.
///
/// # Errors
/// The first of their faults.
pub fn compile(sources: &[Source]) -> Result<Classifier, Box<dyn Error>> {
    let (ruleset, diagnostics) = Ruleset::parse("bench", sources);
    let ruleset = ruleset.ok_or_else(|| diagnostics.first().map_or_else(String::new, ToString::to_string))?;
    Ok(Classifier::compile(&ruleset)?)
}

fn word(rng: &mut Rng) -> String {
    let syllables = [
        "ta", "ri", "son", "ment", "ka", "ver", "lo", "pre", "in", "der", "sti", "qua", "no", "el", "mar",
        "ty",
    ];
    (0..rng.usize(2..=5)).map(|_| syllables[rng.usize(..syllables.len())]).collect()
}
