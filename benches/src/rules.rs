//! Rulesets made of terms, and the terms of rulesets.

use geotopics::{Classifier, Ruleset, Source};
use std::collections::HashMap;
use std::error::Error;

/// The languages of rules beside English, with a few terms of each.
const OTHERS: [(&str, [&str; 4]); 10] = [
    ("ru", ["санкции", "газопровод", "министр обороны", "торговая война"]),
    ("az", ["sanksiyalar", "qaz kəməri", "müdafiə naziri", "Zəngəzur dəhlizi"]),
    ("tr", ["yaptırımlar", "doğal gaz", "savunma bakanı", "ticaret savaşı"]),
    ("uk", ["санкції", "газопровід", "міністр оборони", "торговельна війна"]),
    ("fr", ["sanctions", "gazoduc", "ministre de la défense", "guerre commerciale"]),
    ("de", ["Sanktionen", "Gasleitung", "Verteidigungsminister", "Handelskrieg"]),
    ("es", ["sanciones", "gasoducto", "ministro de defensa", "guerra comercial"]),
    ("ar", ["عقوبات", "خط أنابيب", "وزير الدفاع", "حرب تجارية"]),
    ("fa", ["تحریم", "خط لوله", "وزیر دفاع", "جنگ تجاری"]),
    ("zh", ["制裁", "天然气管道", "国防部长", "贸易战"]),
];

/// Parses rule files that are sound.
///
/// # Errors
/// The first of their faults.
pub fn parse(sources: &[Source]) -> Result<Ruleset, Box<dyn Error>> {
    let (ruleset, diagnostics) = Ruleset::parse("bench", sources);
    Ok(ruleset.ok_or_else(|| diagnostics.first().map_or_else(String::new, ToString::to_string))?)
}

/// Compiles rule files that are sound.
///
/// # Errors
/// The first of their faults.
pub fn compile(sources: &[Source]) -> Result<Classifier, Box<dyn Error>> {
    Ok(Classifier::compile(&parse(sources)?)?)
}

/// Points for a hit. As in the shipped ruleset one hit alone seldom makes a label, and an article has one or two.
const WEIGHT: f64 = 0.5;

/// Topics of five rules with ten terms each.
#[must_use]
pub fn of_terms(terms: &[String]) -> Vec<Source> {
    of_rules(&term_rules(terms, ""))
}

/// The same, but every topic with a hit is a label with evidence.
#[must_use]
pub fn of_telling_terms(terms: &[String]) -> Vec<Source> {
    ruleset(&term_rules(terms, ""), 5, 1.0)
}

/// The same as rules for English, and a topic with rules for each of ten other languages.
#[must_use]
pub fn of_languages(terms: &[String]) -> Vec<Source> {
    let mut rules = term_rules(terms, "language = \"en\"\n");
    for (language, terms) in OTHERS {
        rules.extend(terms.map(|term| format!("language = \"{language}\"\nterms = [{term:?}]")));
    }
    of_rules(&rules)
}

/// Topics of five rules, each given by what follows its weight.
#[must_use]
pub fn of_rules(rules: &[String]) -> Vec<Source> {
    ruleset(rules, 5, WEIGHT)
}

/// Topics of so many rules of one weight, each rule given by what follows it.
fn ruleset(rules: &[String], in_topic: usize, weight: f64) -> Vec<Source> {
    let mut sources = vec![source("ruleset.toml", "name = \"bench\"\nversion = \"1\"\n".to_owned())];
    for (number, rules) in rules.chunks(in_topic).enumerate() {
        let mut topic = format!("id = \"t{number}\"\nname = \"T\"\n");
        for rule in rules {
            topic += &format!("[[rule]]\nweight = {weight:?}\n{rule}\n");
        }
        sources.push(source(&format!("t{number}.toml"), topic));
    }
    sources
}

/// Rules of ten terms.
#[must_use]
pub fn term_rules(terms: &[String], head: &str) -> Vec<String> {
    terms.chunks(10).map(|terms| format!("{head}terms = {terms:?}")).collect()
}

/// Rules as analysts write them, and the literal words in them.
pub struct Mix {
    /// One rule for each term, fifty to a topic.
    pub sources: Vec<Source>,
    /// What is left of the rules for one who knows only literal words: phrases, stems and the operands of operators
    /// as written, what stands before a `*` or a regular expression's endings with a `*`, and the shared lists.
    pub literals: Vec<String>,
}

/// Of a hundred rules 75 are a phrase, 10 a wildcard (alone, or at the end of a phrase), 2 a regex word, 5 a stem, and
/// 8 join words by NEAR or AND with one of five lists, into which the `shared` terms go in turn.
#[must_use]
pub fn mix(terms: &[String], shared: &[String]) -> Mix {
    let mut times = HashMap::new();
    for word in terms.iter().flat_map(|term| term.split(' ')) {
        *times.entry(word).or_insert(0_usize) += 1;
    }
    let (mut rules, mut literals) = (Vec::new(), shared.to_vec());
    for (number, term) in terms.iter().enumerate() {
        // Where a rule hangs on a single word, analysts take the one that tells most.
        let word = term.split(' ').min_by_key(|word| times[word]).unwrap_or(term);
        let list = number % 5;
        let rule = match number % 100 {
            0..75 => {
                literals.push(term.clone());
                format!("terms = [{term:?}]")
            }
            share @ 75..85 => {
                let wildcard = cut(if share % 2 == 0 { word } else { term });
                let rule = format!("terms = [{wildcard:?}]");
                literals.push(wildcard);
                rule
            }
            85..87 => {
                literals.push(format!("{word}*"));
                format!("match = '/{word}(s|ed|ing)?/'")
            }
            87..92 => {
                literals.push(term.clone());
                format!("terms = [\"~{term}\"]")
            }
            share if share % 2 == 0 => {
                literals.push(word.to_owned());
                format!("match = '@shared{list} NEAR/10 \"{word}\"'")
            }
            _ => {
                literals.extend([word.to_owned(), term.clone()]);
                format!("match = '@shared{list} AND (\"{word}\" OR \"{term}\")'")
            }
        };
        rules.push(rule);
    }
    let mut sources = ruleset(&rules, 50, WEIGHT);
    let mut lists = "[lists]\n".to_owned();
    for list in 0..5 {
        let terms: Vec<&String> = shared.iter().skip(list).step_by(5).collect();
        lists += &format!("shared{list} = {terms:?}\n");
    }
    sources.push(source("lists.toml", lists));
    literals.sort_unstable();
    literals.dedup();
    Mix { sources, literals }
}

/// The plain terms of rule files: everything quoted in queries and lists that holds only letters, digits and blanks.
#[must_use]
pub fn literal_words(sources: &[Source]) -> Vec<String> {
    const OTHER_KEYS: [&str; 9] =
        ["id", "name", "version", "group", "description", "map", "info", "title", "text"];
    let mut terms = Vec::new();
    for source in sources {
        let text = String::from_utf8_lossy(&source.content);
        let is_other =
            |line: &str| line.split_once('=').is_some_and(|(key, _)| OTHER_KEYS.contains(&key.trim()));
        for line in text.lines().filter(|line| !is_other(line)) {
            terms.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    terms.retain(|term| term.len() > 2 && term.chars().all(|c| c.is_alphanumeric() || c == ' '));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The term as a wildcard: the last two letters of its last word become `*` where four are left.
fn cut(term: &str) -> String {
    let from = term.rfind(' ').map_or(0, |blank| blank + 1);
    let letters = term[from..].chars().count();
    if letters < 5 {
        return term.to_owned();
    }
    let kept = (letters - 2).max(4);
    let end = term[from..].char_indices().nth(kept).map_or(term.len(), |(at, _)| from + at);
    format!("{}*", &term[..end])
}

fn source(path: &str, content: String) -> Source {
    Source { path: path.to_owned(), content: content.into_bytes() }
}
