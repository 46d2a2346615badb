//! Texts that cost as much as a text can, under rules that help them.

use geotopics::Source;
use geotopics_benches::corpus::{Article, Corpus};
use geotopics_benches::rules::{self, Mix};

/// Texts of two lengths, so that it shows whether the cost is linear.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) sources: Vec<Source>,
    pub(crate) texts: [Article; 2],
}

/// All cases; the rules are those of all terms, or the mix, and what a case adds.
pub(crate) fn cases(corpus: &Corpus, mix: Mix) -> Vec<Case> {
    let with = |rule: &str| {
        let mut rules = rules::term_rules(&corpus.terms, "");
        rules.push(rule.to_owned());
        rules::of_rules(&rules)
    };
    let hits = |at: usize| format!("{} ", corpus.terms[at % corpus.terms.len()]);
    let articles = |at: usize| format!("{}\n\n", corpus.articles[at % corpus.articles.len()].text);
    let sides = |at: usize| ["east ", "west ", "north ", "south "][at % 4].to_owned();
    vec![
        case("nothing but hits", rules::of_terms(&corpus.terms), 100_000, hits),
        case("one word repeated", with(r#"terms = ["echo", "echo echo"]"#), 100_000, |_| "echo ".to_owned()),
        case("one long article", rules::of_terms(&corpus.terms), 2_500_000, articles),
        case(
            "NEAR, both sides everywhere",
            with("match = '(east OR north) NEAR/100 (west OR south)'"),
            100_000,
            sides,
        ),
        case(
            "eight wildcards that match every word",
            with(r#"terms = ["inter*", "int*", "*nter*", "in*er*", "i?ter*", "*te*", "*inte*", "in*"]"#),
            300_000,
            |at| format!("inter{} ", letters(at)),
        ),
        case("no word twice, under the mix", mix.sources.clone(), 300_000, |at| {
            format!("con{} ", letters(at))
        }),
        case("words of 20 kB with marks, under the mix", mix.sources, 300_000, |at| {
            long_word(&letters(at + 1).replace('a', "ş"))
        }),
        case(
            "words of 20 kB that wildcards almost match",
            with(r#"terms = ["*abab*abab*ax*", "*ab?b*ab?b*x?*", "*a?a?a?a?a?a?x*"]"#),
            300_000,
            |at| letters(at) + &long_word("ab"),
        ),
    ]
}

/// Texts made of what stands at each place, of this length and of four times as much.
fn case(name: &'static str, sources: Vec<Source>, length: usize, part: impl Fn(usize) -> String) -> Case {
    let text = |length: usize| {
        let mut text = String::new();
        (0..).map_while(|at| (text.len() < length).then(|| text.push_str(&part(at)))).for_each(drop);
        Article { title: String::new(), text }
    };
    Case { name, sources, texts: [length, 4 * length].map(text) }
}

fn long_word(letters: &str) -> String {
    letters.chars().cycle().take(20_000).chain([' ']).collect()
}

/// A number in letters.
fn letters(number: usize) -> String {
    let digit = |at: u32| char::from(b'a' + (number / 26_usize.pow(at) % 26) as u8);
    (0..5).map(digit).collect()
}
