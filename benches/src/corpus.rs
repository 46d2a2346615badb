//! Articles and term sets: made from a seed, or read from a folder with `corpus.jsonl.gz` and `terms_*.txt.gz`.

use fastrand::Rng;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// An article.
pub(crate) struct Article {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// Articles and terms, the terms of a smaller set being the first of every larger one.
pub(crate) struct Corpus {
    pub(crate) articles: Vec<Article>,
    pub(crate) terms: Vec<String>,
}

impl Corpus {
    /// The same articles of about 3 kB, and the same terms, each time: words are drawn as in natural text, where the
    /// n-th most frequent one has a share of about 1/n; terms are drawn from the rarer ones.
    pub(crate) fn made(articles: usize, terms: usize) -> Corpus {
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
    pub(crate) fn read(folder: &Path, set: &str) -> io::Result<Corpus> {
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

fn word(rng: &mut Rng) -> String {
    let syllables = [
        "ta", "ri", "son", "ment", "ka", "ver", "lo", "pre", "in", "der", "sti", "qua", "no", "el", "mar",
        "ty",
    ];
    (0..rng.usize(2..=5)).map(|_| syllables[rng.usize(..syllables.len())]).collect()
}
