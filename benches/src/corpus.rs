//! Articles and term sets: made from a seed, or read from a folder with `corpus.jsonl.gz` and `terms_*.txt.gz`.

use fastrand::Rng;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// An article.
pub struct Article {
    /// Title; may be empty.
    pub title: String,
    /// Text.
    pub text: String,
}

/// Articles and terms, the terms of a smaller set being the first of every larger one.
pub struct Corpus {
    /// The articles.
    pub articles: Vec<Article>,
    /// The terms, all different.
    pub terms: Vec<String>,
}

/// How made text is written.
#[derive(Clone, Copy)]
pub enum Script {
    /// Latin letters without marks.
    Latin,
    /// Cyrillic letters.
    Cyrillic,
    /// Latin letters, with one of ə ğ ı ö ş ü ç in so many of a hundred words.
    Azerbaijani(u8),
    /// Chinese characters, without spaces.
    Han,
}

impl Corpus {
    /// The same articles of about 3 kB, and the same terms, each time.
    #[must_use]
    pub fn made(articles: usize, terms: usize) -> Corpus {
        Corpus::made_in(Script::Latin, articles, terms)
    }

    /// The same in another script, with articles of about 3,000 characters; Chinese, which says as much with a third
    /// of them, of about 1,000.
    ///
    /// Words are drawn as in natural text, where the n-th most frequent one has a share of about 1/n. Terms are drawn
    /// from the rarer ones, and about 23 of them put into each article.
    #[must_use]
    pub fn made_in(script: Script, articles: usize, terms: usize) -> Corpus {
        let mut rng = Rng::with_seed(1);
        let vocabulary: Vec<String> = (0..200_000).map(|_| script.word(&mut rng)).collect();
        let frequent = |rng: &mut Rng| {
            let exponent = rng.f64() * (vocabulary.len() as f64).ln();
            vocabulary[(exponent.exp() as usize).min(vocabulary.len() - 1)].clone()
        };
        let terms = script.terms(&mut rng, &vocabulary, terms);
        let articles = (0..articles)
            .map(|_| {
                let (mut text, mut length, mut sentence) = (String::new(), 0, true);
                while length < script.length() {
                    let term = rng.usize(..script.length()) < 23 * script.letters();
                    let next = if term { rng.choice(&terms).cloned() } else { None };
                    let next = next.unwrap_or_else(|| frequent(&mut rng));
                    let end = script.ends()[rng.usize(..10)];
                    length += next.chars().count() + end.chars().count() + script.space().len();
                    text.push_str(&if sentence { capitalised(&next) } else { next });
                    text.push_str(end);
                    text.push_str(script.space());
                    sentence = end.starts_with(['.', '。']);
                }
                let title = [frequent(&mut rng), frequent(&mut rng)].join(script.space());
                Article { title: capitalised(&title), text }
            })
            .collect();
        Corpus { articles, terms }
    }

    /// The articles of a folder, and its term set of this name (`500`, `5k`, ...).
    ///
    /// # Errors
    /// When a file cannot be read.
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

impl Script {
    fn word(self, rng: &mut Rng) -> String {
        const LATIN: [&str; 16] = [
            "ta", "ri", "son", "ment", "ka", "ver", "lo", "pre", "in", "der", "sti", "qua", "no", "el",
            "mar", "ty",
        ];
        const CYRILLIC: [&str; 16] = [
            "ста", "ри", "про", "ние", "ка", "вер", "ло", "пре", "ин", "дер", "ский", "по", "но", "ель",
            "мар", "ть",
        ];
        const MARKED: [&str; 7] = ["lə", "ğa", "rı", "dö", "şi", "mü", "çe"];
        let pick = |rng: &mut Rng, from: &[&str]| from[rng.usize(..from.len())].to_owned();
        let syllables = rng.usize(2..=5);
        match self {
            Script::Latin => (0..syllables).map(|_| pick(rng, &LATIN)).collect(),
            Script::Cyrillic => (0..syllables).map(|_| pick(rng, &CYRILLIC)).collect(),
            Script::Azerbaijani(marked) => {
                let marked = (rng.u8(..100) < marked).then(|| rng.usize(..syllables));
                let syllable = |at| pick(rng, if marked == Some(at) { &MARKED } else { &LATIN });
                (0..syllables).map(syllable).collect()
            }
            Script::Han => (0..rng.usize(1..=2)).map(|_| rng.char('\u{4e00}'..'\u{5a00}')).collect(),
        }
    }

    /// Different terms of two or three words; Chinese ones of two to four characters.
    fn terms(self, rng: &mut Rng, vocabulary: &[String], number: usize) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let mut terms = Vec::new();
        while terms.len() < number {
            let words = if matches!(self, Script::Han) { 2 } else { rng.usize(2..=3) };
            let words: Vec<&str> = (0..words).map(|_| vocabulary[rng.usize(200..100_000)].as_str()).collect();
            let term = words.join(self.space());
            if seen.insert(term.clone()) {
                terms.push(term);
            }
        }
        terms
    }

    /// The characters of an article.
    fn length(self) -> usize {
        if matches!(self, Script::Han) { 1000 } else { 3000 }
    }

    /// The characters that a word and what follows it take, about.
    fn letters(self) -> usize {
        if matches!(self, Script::Han) { 2 } else { 11 }
    }

    fn space(self) -> &'static str {
        if matches!(self, Script::Han) { "" } else { " " }
    }

    /// What follows a word.
    fn ends(self) -> [&'static str; 10] {
        match self {
            // About every eighth character of Chinese news is none of a word.
            Script::Han => ["", "", "", "", "", "", "", "", "，", "。\n"],
            _ => ["", "", "", "", "", "", "", ",", ".", ".\n\n"],
        }
    }
}

fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}
