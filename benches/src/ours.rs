//! The engine as a contender: everything from the raw text to labels with scores and evidence.

use cpu_time::ThreadTime;
use geotopics::engine::Stage;
use geotopics::{Classifier, Document, Scratch, Source};
use geotopics_benches::corpus::Article;
use geotopics_benches::rules;
use std::error::Error;
use std::hint::black_box;

pub(crate) struct Ours {
    classifier: Classifier,
    scratch: Scratch,
}

impl Ours {
    pub(crate) fn compile(sources: &[Source]) -> Result<Ours, Box<dyn Error>> {
        Ok(Ours { classifier: rules::compile(sources)?, scratch: Scratch::default() })
    }

    /// The same without what it remembers of texts before.
    pub(crate) fn anew(&mut self) -> &mut Ours {
        self.scratch = Scratch::default();
        self
    }

    /// Classifies all of them; how many labels they have.
    pub(crate) fn classify(&mut self, articles: &[Article], language: &str) -> usize {
        let Ours { classifier, scratch } = self;
        articles
            .iter()
            .map(|article| classifier.classify(&document(article, language), scratch).labels.len())
            .sum()
    }

    /// The seconds of all stages, and of those up to the found terms.
    pub(crate) fn stages(&mut self, articles: &[Article]) -> [f64; 2] {
        let Ours { classifier, scratch } = self;
        let (mut all, mut found) = (0.0, 0.0);
        for article in articles {
            let start = ThreadTime::now();
            let answer = classifier.observe(&document(article, "en"), scratch, |stage| {
                if stage == Stage::Find {
                    found += start.elapsed().as_secs_f64();
                }
            });
            all += start.elapsed().as_secs_f64();
            black_box(answer);
        }
        // Reading this clock takes 0.4 µs, which the stages are not to blame for.
        let start = ThreadTime::now();
        for _ in articles {
            black_box(ThreadTime::now());
        }
        let reading = start.elapsed().as_secs_f64();
        [all - 2.0 * reading, found - reading]
    }

    /// How many hits of rules an article has, those included that count for nothing.
    pub(crate) fn hits(&mut self, articles: &[Article]) -> f64 {
        let Ours { classifier, scratch } = self;
        let hits = articles.iter().map(|article| {
            let topics = classifier.explain(&document(article, "en"), scratch).topics;
            topics.iter().flat_map(|topic| &topic.rules).map(|rule| rule.hits.len()).sum::<usize>()
        });
        hits.sum::<usize>() as f64 / articles.len() as f64
    }
}

fn document<'a>(Article { title, text }: &'a Article, language: &'a str) -> Document<'a> {
    Document { title, text, language, ..Document::default() }
}
