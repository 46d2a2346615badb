//! Queries: what a text means, and that a query's canonical text means the same query.

use fastrand::Rng;
use geotopics::Ruleset;
use geotopics::rules::{Part, Pattern, Query, Reach, Source, Term, TopicId, metadata_value};
use geotopics::text::{bare, folded};

/// Texts and their canonical text.
const SOUND: &[(&str, &str)] = &[
    // Terms
    ("war", "war"),
    ("  Zəngəzur\n", "zengezur"),
    ("Trans-Caspian", "\"trans caspian\""),
    ("km/h", "\"km h\""),
    ("COVID-19", "\"covid 19\""),
    ("U.S.", "us"),
    ("=U.S.", "=US"),
    ("don't", "\"don t\""),
    ("Iran's", "iran"),
    ("\"belt and road\"", "\"belt and road\""),
    ("\"Belt, and (Road!\"", "\"belt and road\""),
    ("rail*", "rail*"),
    ("*stan OR s?nction", "*stan OR s?nction"),
    ("rail**way", "rail*way"),
    ("\"транспортн* коридор*\"", "\"транспортн* коридор*\""),
    ("=NATO", "=NATO"),
    ("=\"The Hague\"", "=\"The Hague\""),
    ("=Iran*", "=Iran*"),
    ("~negotiate", "~negotiate"),
    ("~\"Peace talk\"", "~\"peace talk\""),
    ("/Sanction(s|ed|ing)?/", "/Sanction(s|ed|ing)?/"),
    ("/a\\/b\\\\/", "/a\\/b\\\\/"),
    ("/g(7|20)/ OR @powers", "/g(7|20)/ OR @powers"),
    ("一带一路", "\"一 带 一 路\""),
    ("กำ", "\"ก ำ\""),
    ("한국*", "한국*"),
    ("=ŀ OR =Ŀ OR ŉ", "=ŀ OR =Ŀ OR ŉ"),
    ("\"aﱞb ﷺ\" OR ゟ OR a〸b", "\"aﱞb ﷺ\" OR ゟ OR a〸b"),
    ("meta.source:\"Trend.AZ\"", "meta.source:\"trend.az\""),
    ("meta.A-b_1:\"*.az\" AND war", "meta.A-b_1:\"*.az\" AND war"),
    ("meta.com", "\"meta com\""),
    ("\"or\" OR =OR", "\"or\" OR =OR"),
    ("or", "\"or\""),
    ("near OR war", "\"near\" OR war"),
    ("a=b~c@d#e", "\"a b c d e\""),
    ("+war", "war"),
    // Operators
    ("a OR b OR c", "a OR b OR c"),
    ("(a OR b) OR c", "(a OR b) OR c"),
    ("a AND b OR c", "(a AND b) OR c"),
    ("a OR b AND c", "a OR (b AND c)"),
    ("a AND b NOT c", "a AND (b NOT c)"),
    ("a NOT b AND c", "(a NOT b) AND c"),
    ("a NOT b NOT c", "(a NOT b) NOT c"),
    ("a AND NOT b", "a NOT b"),
    ("a AND\n NOT b", "a NOT b"),
    ("war AND NOT peace NOT truce", "(war NOT peace) NOT truce"),
    ("war AND NOT peace AND NOT truce", "(war NOT peace) NOT truce"),
    ("a AND b AND NOT c", "a AND (b NOT c)"),
    ("a AND (NOT b)", "a AND (NOT b)"),
    ("a AND NOT NOT b", "a NOT (NOT b)"),
    ("NOT a", "NOT a"),
    ("NOT a AND b", "(NOT a) AND b"),
    ("NOT a OR b", "(NOT a) OR b"),
    ("NOT a NOT b", "(NOT a) NOT b"),
    ("NOT a NEAR/5 b", "NOT (a NEAR/5 b)"),
    ("NOT NOT a", "NOT (NOT a)"),
    ("war OR peace NOT treaty", "war OR (peace NOT treaty)"),
    ("a NEAR/5 b NOT c", "(a NEAR/5 b) NOT c"),
    ("a NOT b NEAR/5 c", "a NOT (b NEAR/5 c)"),
    ("a1 PRE/0 b1 NEAR/2 c1", "(a1 PRE/0 b1) NEAR/2 c1"),
    ("war NOT/1 game NOT peace", "(war NOT/1 game) NOT peace"),
    ("a NEAR/S b PRE/P c NOT/S d", "((a NEAR/S b) PRE/P c) NOT/S d"),
    ("a NEAR/005 b", "a NEAR/5 b"),
    ("a NEAR/100(b OR c)", "a NEAR/100 (b OR c)"),
    ("ATLEAST/2 war", "ATLEAST/2 (war)"),
    ("ATLEAST/2 war NEAR/3 DISTINCT/2(a OR b)", "ATLEAST/2 (war) NEAR/3 DISTINCT/2 (a OR b)"),
    ("DISTINCT/3 (war OR (peace OR truce) OR @powers)", "DISTINCT/3 (war OR (peace OR truce) OR @powers)"),
    ("title:war", "title:war"),
    ("title:\"cold war\" OR lead:=NATO", "title:\"cold war\" OR lead:=NATO"),
    ("title: war", "title:war"),
    ("text:(lead:war)", "text:(lead:war)"),
    ("title:war NEAR/3 peace", "title:war NEAR/3 peace"),
    ("title:(war AND peace) AND @l", "title:(war AND peace) AND @l"),
    ("ATLEAST/2 title:@l", "ATLEAST/2 (title:@l)"),
    ("#t AND war", "#t AND war"),
    ("#t", "#t"),
    ("(a OR #t) NEAR/2 (b AND (NOT c))", "(a OR #t) NEAR/2 (b AND (NOT c))"),
    ("((((war))))", "war"),
    ("(\"a\")OR(b)", "a OR b"),
    ("a\u{a0}OR\u{3000}b", "a OR b"),
];

/// Texts and the code of their only fault, and where it is.
const FAULTY: &[(&str, &str, &str)] = &[
    ("", "E0402", ""),
    ("truce treaty", "E0401", "treaty"),
    ("belt and road", "E0407", "and"),
    ("a AND", "E0402", "AND"),
    ("(a", "E0403", "("),
    ("a)", "E0403", ")"),
    ("\"a", "E0404", "\""),
    ("“a b”", "E0405", "“"),
    ("a NEAR b", "E0406", "NEAR"),
    ("OR/2", "", ""),
    ("titel:a", "E0408", "titel:"),
    ("=/a/", "E0409", "=/a/"),
    ("a NEAR/2 NOT b", "E0412", "NOT"),
    ("a NEAR/2 (NOT b)", "E0412", "(NOT b)"),
    ("DISTINCT/2 (NOT b)", "E0412", "(NOT b)"),
    ("title:(a AND #t)", "E0412", "#t"),
    ("title:(lead:a)", "E0413", "lead:"),
    ("meta.x:\"\"", "E0414", "\"\""),
    ("@A", "E0301", "@A"),
    ("\"!\"", "E0501", "!"),
    ("ـ", "E0501", "ـ"),
    ("*", "E0503", "*"),
    ("a*", "E0504", "a*"),
    ("中*", "E0505", "*"),
    ("~rail*", "E0506", "rail*"),
    ("/(?x)ab#c/", "", ""),
    ("/(/", "E0508", "/(/"),
    ("/a?/", "E0510", "/a?/"),
    ("/a b/", "E0511", " "),
];

#[test]
fn texts() {
    for (text, canonical) in SOUND {
        let query = Query::parse(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        assert_eq!(query.to_string(), *canonical, "{text}");
        assert_eq!(Query::parse(canonical).as_ref(), Ok(&query), "{text}");
    }
}

#[test]
fn faults() {
    for (text, code, at) in FAULTY {
        let found: Vec<(&str, &str)> = match Query::parse(text) {
            Ok(_) => Vec::new(),
            Err(faults) => {
                faults.iter().map(|fault| (fault.code.as_str(), &text[fault.range.clone()])).collect()
            }
        };
        let expected: &[(&str, &str)] = if code.is_empty() { &[] } else { &[(*code, *at)] };
        assert_eq!(found, expected, "{text}");
    }
}

const WORDS: &[&str] = &[
    "war", "corridor", "zengezur", "или", "or", "not", "near", "19", "走", "ำ", "한국", "s", "g7", "ə",
    "title",
];

fn term(random: &mut Rng) -> Term {
    let kind = random.u8(..6);
    let length = if kind == 4 { 1 } else { random.usize(1..4) };
    let mut word = || {
        let word = WORDS[random.usize(..WORDS.len())];
        match kind {
            0 => Pattern::Bare(bare(word)),
            1 => Pattern::Exact(if random.bool() { "OR" } else { "NATO" }.to_owned()),
            2 => Pattern::Wildcard(format!("rail{}*", random.u8(..))),
            3 => Pattern::ExactWildcard("Ir?n*".to_owned()),
            4 => Pattern::Regex(r"a\\/b|\.c".to_owned()),
            _ => Pattern::Stem(folded(word)),
        }
    };
    Term { words: (0..length).map(|_| word()).collect() }
}

/// A random query without the errors of places.
fn query(random: &mut Rng, depth: u8) -> Query {
    if depth == 0 {
        return match random.u8(..8) {
            0 => Query::List("powers".to_owned()),
            _ => Query::Term(term(random)),
        };
    }
    let inner = |random: &mut Rng| Box::new(query(random, depth - 1));
    let reach = |random: &mut Rng| match random.u8(..4) {
        0 => Reach::Sentence,
        1 => Reach::Paragraph,
        _ => Reach::Words(random.u8(..=100)),
    };
    match random.u8(..9) {
        0 => Query::Or((0..random.usize(2..4)).map(|_| query(random, depth - 1)).collect()),
        1 => Query::And((0..random.usize(2..4)).map(|_| query(random, depth - 1)).collect()),
        2 => Query::Not(inner(random), inner(random)),
        3 => {
            let (left, right) = (inner(random), inner(random));
            Query::Near { left, right, within: reach(random), ordered: random.bool() }
        }
        4 => Query::NotNear { left: inner(random), right: inner(random), within: reach(random) },
        5 => Query::AtLeast(random.u16(1..=1000), inner(random)),
        6 => Query::Distinct(random.u16(1..=1000), inner(random)),
        7 => Query::In([Part::Lead, Part::Text][random.usize(..2)], inner(random)),
        _ => *inner(random),
    }
}

/// A query with conditions outside of what needs a place.
fn gate(random: &mut Rng) -> Query {
    let condition = match random.u8(..3) {
        0 => Query::Topic(TopicId::new("war").expect("an id")),
        1 => Query::Meta { key: "Source".to_owned(), value: metadata_value("A ＂*.az") },
        _ => Query::Absent(Box::new(query(random, 2))),
    };
    match random.u8(..4) {
        0 => Query::Or(vec![condition, query(random, 3)]),
        1 => Query::And(vec![query(random, 2), condition]),
        2 => Query::Not(Box::new(condition), Box::new(query(random, 2))),
        _ => query(random, 4),
    }
}

#[test]
fn a_query_is_what_its_text_says() {
    let mut random = Rng::with_seed(1);
    for _ in 0..5_000 {
        let query = gate(&mut random);
        let text = query.to_string();
        match Query::parse(&text) {
            Ok(parsed) => assert_eq!(parsed, query, "{text}"),
            Err(faults) => panic!("{text}: {faults:?}"),
        }
    }
}

/// Pieces from which texts are made that look like queries.
const PIECES: &[&str] = &[
    "war",
    "\"",
    "(",
    ")",
    " ",
    " OR ",
    " AND ",
    " NOT ",
    "NOT ",
    " NEAR/5 ",
    "PRE/",
    "NOT/S ",
    "ATLEAST/2 ",
    "DISTINCT/",
    "=",
    "~",
    "/",
    "@",
    "#",
    "*",
    "?",
    "title:",
    "lead:",
    "meta.a:\"b\"",
    ":",
    "“",
    "’s",
    "\\",
    "é",
    "\u{301}",
    "走",
    "ำ",
    "\u{200b}",
    "9",
    "-",
    "\n",
    "\t",
    "\0",
    "U.S.",
    "/(/",
    "and",
    "\u{feff}",
    "ـ",
];

#[test]
fn no_text_panics_and_every_fault_has_a_place() {
    let mut random = Rng::with_seed(2);
    for _ in 0..20_000 {
        let text: String = (0..random.usize(..14)).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
        match Query::parse(&text) {
            Ok(query) => {
                let canonical = query.to_string();
                assert_eq!(Query::parse(&canonical), Ok(query), "{text:?} is {canonical:?}");
            }
            Err(faults) => {
                for fault in faults {
                    assert!(text.get(fault.range.clone()).is_some(), "{text:?}: {fault:?}");
                }
            }
        }
    }
}

#[test]
fn no_bytes_panic() {
    let mut random = Rng::with_seed(3);
    let manifest = b"name = \"n\"\nversion = \"1\"\nmask = [\"@a\"]\n[lists]\na = [\"x\", \"~y\", \"@b\"]\nb = [\"z*\"]\n";
    let topic = "id = \"t\"\nname = \"T\"\nrequire = '@a OR #u'\n[[rule]]\nweight = 1.0\nlanguage = \"ru\"\nsince = 2020-01-01\n\
        match = '''\nwar NEAR/5 (peace OR \"транспортн* коридор*\")\n  NOT meta.a:\"b\"'''\n[[rule]]\nweight = 0.5\n\
        terms = [\"a \\u00e9\", \"=B\"]\n[[example]]\ntext = \"x\"\nmetadata = { a = \"b\" }\n";
    for _ in 0..3_000 {
        let mut files = [manifest.to_vec(), topic.as_bytes().to_vec()];
        for _ in 0..random.usize(1..5) {
            let bytes = &mut files[usize::from(random.u8(..4) > 0)];
            let at = random.usize(..bytes.len());
            match random.u8(..5) {
                0 => bytes[at] = random.u8(..),
                1 => _ = bytes.remove(at),
                2 => bytes.insert(at, b"\"'[]{}=.#\n\r\\ ()0*?@~/"[random.usize(..21)]),
                3 => bytes.truncate(at.max(1)),
                _ => {
                    let piece = PIECES[random.usize(..PIECES.len())];
                    bytes.splice(at..at, piece.bytes());
                }
            }
        }
        let [manifest, topic] = files;
        let source = |path: &str, content| Source { path: path.to_owned(), content };
        let sources = [source("ruleset.toml", manifest), source("t.toml", topic)];
        let (ruleset, diagnostics) = Ruleset::parse("folder", &sources);
        assert!(ruleset.is_some() || !diagnostics.is_empty());
        for diagnostic in diagnostics {
            assert!(!diagnostic.to_string().is_empty());
        }
    }
}
