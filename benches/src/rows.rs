//! What is measured, row by row.

use crate::HEAP;
use crate::measure::{Goal, Rounds, Row, in_turn};
use crate::ours::Ours;
use crate::peers::{Charwise, Reference, lowered, texts};
use crate::worst;
use geotopics::{Classifier, Source, catalog};
use geotopics_benches::corpus::{Article, Corpus, Script};
use geotopics_benches::rules::{self, Mix};
use std::error::Error;
use std::path::PathBuf;

/// Where articles and terms come from.
pub(crate) struct Data {
    /// None: they are made.
    pub(crate) folder: Option<PathBuf>,
}

type Rows = Result<Vec<Row>, Box<dyn Error>>;
type Measure = fn(&Data) -> Rows;

/// The rows of each number.
pub(crate) const ROWS: &[(u8, Measure)] = &[
    (1, terms_only),
    #[cfg(feature = "vectorscan")]
    (2, beside_vectorscan),
    (3, realistic_mix),
    (4, scores_and_evidence),
    (5, many_terms),
    (6, other_scripts),
    (7, compilation),
    (8, shipped),
    (12, worst_cases),
    (13, without_language),
];

const ROUNDS: usize = 9;
const ARTICLES: usize = 1000;
/// Hits are counted in so many articles.
const COUNTED: usize = 100;

fn terms_only(data: &Data) -> Rows {
    let goals = [
        (500, "500", 4.5, 6.0),
        (5_000, "5,000", 3.3, 4.5),
        (50_000, "50,000", 3.3, 4.5),
        (500_000, "500,000", 2.8, 4.0),
    ];
    let row = |(size, name, must, aim)| {
        let Corpus { articles, terms } = data.corpus(size)?;
        let ours = Ours::compile(&rules::of_terms(&terms))?;
        let measured = format!("whole classification / R, {name} terms");
        beside_reference(1, measured, Goal::Faster { must, aim }, ours, &terms, &articles)
    };
    goals.into_iter().map(row).collect()
}

#[cfg(feature = "vectorscan")]
fn beside_vectorscan(data: &Data) -> Rows {
    let Corpus { articles, terms } = data.corpus(5_000)?;
    let mut ours = Ours::compile(&rules::of_terms(&terms))?;
    let mut vectorscan = crate::vectorscan::Vectorscan::build(&terms)?;
    let texts = texts(&articles);
    let hits = [ours.hits(&articles[..COUNTED]), a_text(vectorscan.count(&texts[..COUNTED]))];
    let rounds = in_turn(ROUNDS, || ours.classify(&articles, "en"), || vectorscan.count(&texts));
    Ok(vec![Row {
        number: 2,
        measured: r"against Vectorscan, `\bterm\b` caseless, 5,000 terms".to_owned(),
        goal: Goal::Faster { must: 2.2, aim: 3.0 },
        unit: "µs",
        rounds: micros_an_article(rounds, articles.len()),
        hits: Some(hits),
    }])
}

fn realistic_mix(data: &Data) -> Rows {
    let row = |(size, name)| {
        let Corpus { articles, terms } = data.corpus(size)?;
        let Mix { sources, literals } = mix(&articles, &terms)?;
        let measured = format!("a realistic mix of {name} rules / R over its literal words");
        let goal = Goal::Faster { must: 2.0, aim: 3.3 };
        beside_reference(3, measured, goal, Ours::compile(&sources)?, &literals, &articles)
    };
    [(5_000, "5,000"), (50_000, "50,000")].into_iter().map(row).collect()
}

fn scores_and_evidence(data: &Data) -> Rows {
    let Corpus { articles, terms } = data.corpus(5_000)?;
    let row = |measured: &str, sources: &[Source]| -> Result<Row, Box<dyn Error>> {
        let mut ours = Ours::compile(sources)?;
        ours.classify(&articles, "en");
        let (all, found) =
            (0..ROUNDS).map(|_| ours.stages(&articles)).map(|[all, found]| (all, found)).unzip();
        Ok(Row {
            number: 4,
            measured: measured.to_owned(),
            goal: Goal::Cost { must: 1.35, aim: 1.2 },
            unit: "µs",
            rounds: micros_an_article(Rounds { ours: all, beside: found }, articles.len()),
            hits: None,
        })
    };
    Ok(vec![
        row("all stages / reading and finding alone, 5,000 terms", &rules::of_terms(&terms))?,
        row("the same where every topic with a hit is a label", &rules::of_telling_terms(&terms))?,
    ])
}

fn many_terms(data: &Data) -> Rows {
    let (few, many) = (data.corpus(5_000)?, data.corpus(500_000)?);
    let mut under_few = Ours::compile(&rules::of_terms(&few.terms))?;
    let mut under_many = Ours::compile(&rules::of_terms(&many.terms))?;
    let rounds = in_turn(
        ROUNDS,
        || under_many.classify(&many.articles, "en"),
        || under_few.classify(&few.articles, "en"),
    );
    Ok(vec![Row {
        number: 5,
        measured: "an article under 500,000 terms / under 5,000".to_owned(),
        goal: Goal::Cost { must: 6.5, aim: 5.0 },
        unit: "µs",
        rounds: micros_an_article(rounds, many.articles.len()),
        hits: None,
    }])
}

fn other_scripts(_: &Data) -> Rows {
    let goal = Goal::Faster { must: 1.7, aim: 2.5 };
    let scripts = [
        ("Cyrillic", Script::Cyrillic),
        ("Azerbaijani, every fourth word marked,", Script::Azerbaijani(25)),
        ("Azerbaijani, two words of three marked,", Script::Azerbaijani(65)),
    ];
    let mut rows = Vec::new();
    for (name, script) in scripts {
        let Corpus { articles, terms } = Corpus::made_in(script, ARTICLES, 5_000);
        let ours = Ours::compile(&rules::of_terms(&terms))?;
        rows.push(beside_reference(
            6,
            format!("{name} made text / R, 5,000 terms"),
            goal,
            ours,
            &terms,
            &articles,
        )?);
    }
    let Corpus { articles, terms } = Corpus::made_in(Script::Han, ARTICLES, 5_000);
    let mut ours = Ours::compile(&rules::of_terms(&terms))?;
    let charwise = Charwise::build(&terms)?;
    let texts = texts(&articles);
    let hits = [ours.hits(&articles[..COUNTED]), a_text(charwise.count(&texts[..COUNTED]))];
    let rounds = in_turn(ROUNDS, || ours.classify(&articles, "zh"), || charwise.count(&texts));
    rows.push(Row {
        number: 6,
        measured: "Chinese made text / daachorse charwise, 5,000 terms".to_owned(),
        goal: Goal::Faster { must: 1.0, aim: 1.5 },
        unit: "µs",
        rounds: micros_an_article(rounds, articles.len()),
        hits: Some(hits),
    });
    Ok(rows)
}

fn compilation(data: &Data) -> Rows {
    let Corpus { terms, .. } = data.corpus(500_000)?;
    let ruleset = rules::parse(&rules::of_terms(&terms))?;
    let rounds = in_turn(3, || Classifier::compile(&ruleset), || Reference::build(&terms)).per(1e-3, 1e-3);
    let before = HEAP.allocated();
    let classifier = Classifier::compile(&ruleset)?;
    let ours = HEAP.allocated() - before;
    drop(classifier);
    let row = |measured: &str, must, aim, unit, rounds| Row {
        number: 7,
        measured: measured.to_owned(),
        goal: Goal::Cost { must, aim },
        unit,
        rounds,
        hits: None,
    };
    let beside = Reference::build(&terms)?.heap();
    let heap = Rounds { ours: vec![ours as f64], beside: vec![beside as f64] }.per(1e6, 1e6);
    Ok(vec![
        row("compiling 500,000 terms / building R", 0.2, 0.07, "ms", rounds),
        row("heap with 500,000 terms / heap of R", 0.7, 0.5, "MB", heap),
    ])
}

fn shipped(data: &Data) -> Rows {
    let sources = catalog::embedded();
    let (articles, literals) = (data.english()?, rules::literal_words(&sources));
    let measured = "the shipped ruleset / R over its literal words".to_owned();
    let goal = Goal::Faster { must: 2.0, aim: 4.0 };
    Ok(vec![beside_reference(8, measured, goal, Ours::compile(&sources)?, &literals, &articles)?])
}

fn worst_cases(data: &Data) -> Rows {
    let corpus = data.corpus(5_000)?;
    let ordinary = &corpus.articles[..COUNTED];
    let ordinary_bytes = bytes(ordinary);
    let mut rows = Vec::new();
    for case in worst::cases(&corpus, mix(&corpus.articles, &corpus.terms)?) {
        let mut under_ordinary = Ours::compile(&case.sources)?;
        let mut under_worst = Ours::compile(&case.sources)?;
        for text in case.texts.chunks(1) {
            // A text that means harm is not read twice.
            let rounds = in_turn(
                ROUNDS,
                || under_worst.anew().classify(text, "en"),
                || under_ordinary.classify(ordinary, "en"),
            );
            rows.push(Row {
                number: 12,
                measured: format!("{}, {} kB / ordinary articles", case.name, text[0].text.len() / 1000),
                goal: Goal::Cost { must: 20.0, aim: 8.0 },
                unit: "ns a byte",
                rounds: rounds.per(bytes(text) / 1e9, ordinary_bytes / 1e9),
                hits: None,
            });
        }
    }
    Ok(rows)
}

fn without_language(data: &Data) -> Rows {
    let articles = data.english()?;
    let sources = rules::of_languages(&data.corpus(5_000)?.terms);
    let (mut detecting, mut told) = (Ours::compile(&sources)?, Ours::compile(&sources)?);
    let rounds = in_turn(ROUNDS, || detecting.classify(&articles, ""), || told.classify(&articles, "en"));
    Ok(vec![Row {
        number: 13,
        measured: "language not given / given, 5,000 English terms and rules in ten more languages"
            .to_owned(),
        goal: Goal::Cost { must: 4.0, aim: 1.3 },
        unit: "µs",
        rounds: micros_an_article(rounds, articles.len()),
        hits: None,
    }])
}

/// Ours beside R over these terms.
fn beside_reference(
    number: u8,
    measured: String,
    goal: Goal,
    mut ours: Ours,
    terms: &[String],
    articles: &[Article],
) -> Result<Row, Box<dyn Error>> {
    let reference = Reference::build(terms)?;
    let texts = lowered(&texts(articles));
    let hits = [ours.hits(&articles[..COUNTED]), a_text(reference.count(&texts[..COUNTED]))];
    let rounds = in_turn(ROUNDS, || ours.classify(articles, "en"), || reference.count(&texts));
    let rounds = micros_an_article(rounds, articles.len());
    Ok(Row { number, measured, goal, unit: "µs", rounds, hits: Some(hits) })
}

/// The mix of these terms; shared are the hundred that stand most often in the articles.
fn mix(articles: &[Article], terms: &[String]) -> Result<Mix, Box<dyn Error>> {
    let texts = lowered(&texts(&articles[..COUNTED]));
    Ok(rules::mix(terms, &Reference::build(terms)?.most_frequent(terms, &texts, 100)))
}

fn micros_an_article(rounds: Rounds, articles: usize) -> Rounds {
    let micros = articles as f64 / 1e6;
    rounds.per(micros, micros)
}

/// What was counted, for one of the counted articles.
fn a_text(hits: usize) -> f64 {
    hits as f64 / COUNTED as f64
}

fn bytes(articles: &[Article]) -> f64 {
    articles.iter().map(|article| article.title.len() + article.text.len()).sum::<usize>() as f64
}

impl Data {
    /// Articles and so many terms.
    fn corpus(&self, terms: usize) -> Result<Corpus, Box<dyn Error>> {
        let Some(folder) = &self.folder else { return Ok(Corpus::made(ARTICLES, terms)) };
        let set = if terms < 1000 { terms.to_string() } else { format!("{}k", terms / 1000) };
        let mut corpus = Corpus::read(folder, &set)?;
        corpus.articles.truncate(ARTICLES);
        Ok(corpus)
    }

    /// Articles in English. Made ones are in no language: without a folder the sentences of the shipped examples serve.
    fn english(&self) -> Result<Vec<Article>, Box<dyn Error>> {
        if self.folder.is_some() {
            return Ok(self.corpus(500)?.articles);
        }
        let ruleset = rules::parse(&catalog::embedded())?;
        let examples: Vec<_> = ruleset.topics.iter().flat_map(|topic| &topic.examples).collect();
        let article = |number: usize| {
            let mut from = examples.iter().cycle().skip(number * 7 % examples.len());
            let mut text = String::new();
            while let Some(example) = from.next().filter(|_| text.len() < 3000) {
                text += &format!("{} ", example.text);
            }
            Article { title: examples[number % examples.len()].title.clone(), text }
        };
        Ok((0..ARTICLES).map(article).collect())
    }
}
