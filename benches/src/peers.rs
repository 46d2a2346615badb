//! Others who find terms, and nothing but that.

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};
use daachorse::CharwiseDoubleArrayAhoCorasick;
use geotopics_benches::corpus::Article;
use std::error::Error;

/// The reference R: aho-corasick, contiguous NFA, overlapping matches, word boundaries checked, over texts that were
/// lowered beforehand. A term that ends in `*` may go on behind its last letter.
pub(crate) struct Reference {
    automaton: AhoCorasick,
    open: Vec<bool>,
}

/// Chinese needs no word boundaries: daachorse, overlapping matches, character by character.
pub(crate) struct Charwise(CharwiseDoubleArrayAhoCorasick<u32>);

/// Title and text of each article as one text.
pub(crate) fn texts(articles: &[Article]) -> Vec<String> {
    articles.iter().map(|Article { title, text }| format!("{title}\n{text}")).collect()
}

pub(crate) fn lowered(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text.to_lowercase()).collect()
}

impl Reference {
    pub(crate) fn build(terms: &[String]) -> Result<Reference, BuildError> {
        let lowered = lowered(terms);
        let plain = lowered.iter().map(|term| term.trim_end_matches('*'));
        Ok(Reference {
            automaton: AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(plain)?,
            open: lowered.iter().map(|term| term.ends_with('*')).collect(),
        })
    }

    /// How many terms stand in the texts.
    pub(crate) fn count(&self, texts: &[String]) -> usize {
        texts.iter().map(|text| self.found(text).count()).sum()
    }

    /// Those of the terms that stand in the texts most often.
    pub(crate) fn most_frequent(&self, terms: &[String], texts: &[String], number: usize) -> Vec<String> {
        let mut counted: Vec<(usize, &String)> = terms.iter().map(|term| (0, term)).collect();
        for term in texts.iter().flat_map(|text| self.found(text)) {
            counted[term].0 += 1;
        }
        counted.sort_by_key(|&(times, term)| (std::cmp::Reverse(times), term));
        counted.into_iter().take(number).map(|(_, term)| term.clone()).collect()
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        self.automaton.memory_usage()
    }

    fn found(&self, text: &str) -> impl Iterator<Item = usize> {
        self.automaton.find_overlapping_iter(text).filter_map(|found| {
            let term = found.pattern().as_usize();
            let starts = !in_word(text, found.start(), |before, _| before.chars().next_back());
            let ends = || self.open[term] || !in_word(text, found.end(), |_, behind| behind.chars().next());
            (starts && ends()).then_some(term)
        })
    }
}

impl Charwise {
    pub(crate) fn build(terms: &[String]) -> Result<Charwise, Box<dyn Error>> {
        let built = CharwiseDoubleArrayAhoCorasick::new(terms);
        Ok(Charwise(built.map_err(|error| error.to_string())?))
    }

    pub(crate) fn count(&self, texts: &[String]) -> usize {
        texts.iter().map(|text| self.0.find_overlapping_iter(text).count()).sum()
    }
}

/// Whether the character on one side of a place belongs to a word.
fn in_word(text: &str, at: usize, side: impl Fn(&str, &str) -> Option<char>) -> bool {
    let (before, behind) = text.split_at(at);
    side(before, behind).is_some_and(char::is_alphanumeric)
}
