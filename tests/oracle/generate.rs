//! Random rulesets and documents that exercise the whole language. A case has a small vocabulary, and its phrases are
//! cut from its documents, so that hits, overlaps, containments and near ties are frequent.

use std::collections::BTreeMap;

use fastrand::Rng;
use toml::{Table, Value};

use super::eval::Document;
use super::query::{Form, Nearness, Place, Query, Reach};
use super::words;

/// A ruleset and documents to run through it.
#[derive(Clone, Debug)]
pub struct Case {
    /// (path, content) pairs, in random order.
    pub files: Vec<(String, String)>,
    /// Documents; some give no language.
    pub documents: Vec<Document>,
}

impl Case {
    /// The same case for the same seed. About a third of the cases are tiny, a third are big.
    pub fn generate(seed: u64) -> Case {
        let mut rng = Rng::with_seed(seed);
        let size = rng.usize(0..3);
        let vocabulary = vocabulary(&mut rng);
        let mut generator = Generator { rng, size, vocabulary, phrases: Vec::new(), lists: Vec::new() };
        let documents = (0..3).map(|_| generator.document()).collect();
        Case { files: generator.files(), documents }
    }
}

/// Words that share prefixes, case and accents; a case takes a few of these families.
const FAMILIES: &[&[&str]] = &[
    &["rail", "Rail", "RAIL", "railway", "railways", "derail", "räil", "rail\u{AD}way"],
    &["corridor", "Corridor", "corridors", "cor\u{AD}ridor", "Córridor", "co\u{200B}rridor"],
    &["iran", "Iran", "IRAN", "Iranian", "l'Iran", "Iran's", "Irán", "d’Iran"],
    &["US", "us", "U.S.", "U.S.'s", "u.s", "USA", "U.S.A", "Ф.И.О."],
    &["China", "china", "CHINA", "China's", "CHINA’S", "China`s", "China＇s", "Chinaʼs"],
    &["negotiate", "negotiated", "negotiating", "Negotiations", "Negotiation"],
    &["Zəngəzur", "zengezur", "ZƏNGƏZUR", "Zengezur", "Zəngəzurun", "dəhliz", "dehlizi"],
    &["İstanbul", "istanbul", "ISTANBUL", "ıstanbul", "İstanbul'da", "görüşmeler", "görüşme", "Görüşmelerde"],
    &["коридор", "Коридор", "коридоры", "коридорами", "самолёт", "самолет", "Самолёты", "и\u{306}од", "йод"],
    &["переговоры", "переговоров", "Переговорам", "переговорный", "мир", "мира"],
    &["négociation", "Négociations", "négocier", "ne\u{301}gociation", "Côte", "cote", "co\u{302}te", "CÔTE"],
    &["Verhandlung", "Verhandlungen", "verhandelt", "Straße", "STRASSE", "strasse", "Müller", "muller"],
    &["Łódź", "lodz", "Æsir", "aesir", "Đurić", "duric", "Þór", "thor", "Ørsted", "orsted", "ħaż", "œuvre"],
    &["ممر", "مَمَرٌّ", "الممر", "ممـر", "ممرات", "שָׁלוֹם", "שלום"],
    &["走廊", "中间走廊", "走", "廊", "峰会", "G20峰会", "G20", "〇", "々"],
    &["ไทย", "ประเทศไทย", "กำ", "๒", "ລາວ", "ខ្មែរ", "မြန်မာ"],
    &["ロシア", "ﾛｼｱ", "ガス", "ｶﾞｽ", "カ\u{3099}ス", "ラーメン", "ﾗｰﾒﾝ", "の", "しんぶん"],
    &["한국", "한국은", "남한국", "한국", "한", "भारत", "भारतीय"],
    &["ＮＡＴＯ", "NATO", "nato", "ｎａｔｏ", "ﬁnance", "finance", "oﬃce", "Office"],
    &["5G", "G7", "1990s", "1,000", "40%", "$5bn", "Ⅳ", "iv", "km²", "km", "COVID-19", "AT&T", "№5", "①"],
    &["a", "b", "a1", "b1", "c1", "s", "S", "x", "ab", "abc", "aab"],
    &["don't", "don’t", "don", "t", "C++", "mfa.gov.az", "R&D", "e.g.", "a_b"],
    &["Αθήνα", "ΑΘΗΝΑ", "λόγος", "ΛΟΓΟΣ", "λόγου"],
    &["Mr", "Dr", "J", "No", "vs", "or", "AND", "NOT", "near", "the", "The"],
];

#[rustfmt::skip]
const SEPARATORS: &[&str] = &[
    ", ", ". ", "! ", "? ", "… ", "... ", "?! ", " — ", "; ", ": ", ".\" ", ".) ", ".’ ", ".» ", ". (", "。", "！",
    "؟ ", "۔ ", "। ", "'s ", "’s ", "’S. ", "' ", "-", "/", "_", "\t", "\n", ".\n", "\r", "\r\n", "\u{A0}",
    "\u{3000}", " & ", " 🚂 ", " 1\u{FE0F}\u{20E3} ", "\u{301} ", " \u{301}", " * ", " ?", ".", "", "\u{200B}",
    " \u{FEFF}", "ﾞ ", "\u{640} ",
];

#[rustfmt::skip]
const PARAGRAPHS: &[&str] = &[
    "\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\u{2029}", "\u{2028}\u{2028}", ".\n\n", "\n\u{200B}\n", "\n\r\n",
    "\n\n\n",
];

const LANGUAGES: &[&str] = &["en", "ru", "tr", "fr", "de", "ar", "en-US", "RU"];
const KEYS: &[&str] = &["source", "section", "Lang-x_1"];
const VALUES: &[&str] =
    &["trend.az", "Trend.AZ", "ＴＲＥＮＤ.az", "trend", "sport", "Sports", "a?b", "Straße", ""];
const DAYS: &[&str] = &["2023-12-31", "2024-01-01", "2024-01-02", "2024-02-29"];

fn vocabulary(rng: &mut Rng) -> Vec<&'static str> {
    let mut words = Vec::new();
    for _ in 0..rng.usize(2..6) {
        words.extend_from_slice(FAMILIES[rng.usize(..FAMILIES.len())]);
    }
    rng.shuffle(&mut words);
    words.truncate(rng.usize(6..20));
    words
}

/// What may stand at a place in a query.
#[derive(Clone)]
struct Context {
    /// Whether every query must need a word: in a rule.
    needs_word: bool,
    /// The topics that may be named; `meta.` may stand wherever this is set.
    conditions: Option<Vec<String>>,
    /// The field prefixes that can match.
    places: Vec<Place>,
    /// Whether `~` and lists, which may hold `~`, are allowed.
    stems: bool,
}

struct Generator {
    rng: Rng,
    /// 0 tiny, 1 middling, 2 big.
    size: usize,
    vocabulary: Vec<&'static str>,
    /// Words in a row from the documents.
    phrases: Vec<String>,
    lists: Vec<String>,
}

impl Generator {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())].clone()
    }

    fn word(&mut self) -> &'static str {
        let vocabulary = self.vocabulary.clone();
        self.pick(&vocabulary)
    }

    fn document(&mut self) -> Document {
        let words = [6, 40, 200][self.size];
        let (title, text) = (self.rng.usize(0..=words.min(12)), self.rng.usize(0..=words));
        let mut metadata = BTreeMap::new();
        for key in KEYS {
            if self.chance(50) {
                metadata.insert((*key).to_owned(), self.pick(VALUES).to_owned());
            }
        }
        Document {
            title: self.prose(title),
            text: self.prose(text),
            language: self
                .chance(70)
                .then(|| self.pick(&[LANGUAGES, &["und", "", "EN_gb", "xx"]].concat()).to_owned()),
            published: self.chance(60).then(|| {
                let day: jiff::Timestamp =
                    format!("{}T00:00Z", self.pick(DAYS)).parse().expect("a day of the list");
                day.as_second() + self.rng.i64(-1..=86_400)
            }),
            metadata,
        }
    }

    fn prose(&mut self, len: usize) -> String {
        let (punctuation, paragraphs) = (self.pick(&[5, 20, 40]), self.pick(&[0, 2, 8]));
        let words: Vec<&str> = (0..len).map(|_| self.word()).collect();
        for _ in 0..len.min(20) {
            let start = self.rng.usize(..len);
            let end = len.min(start + self.rng.usize(2..4));
            self.phrases.push(words[start..end].join(" "));
        }
        let mut text = String::new();
        for word in words {
            text.push_str(word);
            text.push_str(if self.chance(paragraphs) {
                self.pick(PARAGRAPHS)
            } else if self.chance(punctuation) {
                self.pick(SEPARATORS)
            } else {
                " "
            });
        }
        text
    }

    fn files(&mut self) -> Vec<(String, String)> {
        let mut ruleset = table([("name", "random".into()), ("version", "1.0.0".into())]);
        // Weights are sums of powers of two where powers of `repeat` are summed up, so that floating point is exact.
        let repeat = self.pick(&[0.0, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0]);
        let factors = [0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0, 100.0];
        let mut fields = Table::new();
        for field in ["title", "lead", "text"] {
            if self.chance(40) {
                fields.insert(field.to_owned(), self.pick(&factors).into());
            }
        }
        let threshold = self.pick(&[0.01, 0.01, 0.1, 0.5]);
        ruleset.insert(
            "scoring".to_owned(),
            table([("threshold", threshold.into()), ("repeat", repeat.into()), ("fields", fields.into())])
                .into(),
        );
        let mut more = Table::new();
        let mut lists = Table::new();
        for name in ["powers", "a1", "routes"] {
            if self.chance(60) {
                let terms = self.terms(true);
                if self.chance(50) { &mut more } else { &mut lists }.insert(name.to_owned(), terms);
                self.lists.push(name.to_owned());
            }
        }
        ruleset.insert("lists".to_owned(), lists.into());
        if self.chance(15) {
            ruleset.insert("mask".to_owned(), self.terms(true));
        }
        if self.chance(15) {
            ruleset.insert("exclude".to_owned(), self.gate(Vec::new()));
        }

        let mut files = vec![
            ("ruleset.toml".to_owned(), ruleset),
            ("lists.toml".to_owned(), table([("lists", more.into())])),
        ];
        let mut ids = ["alpha", "beta", "gamma", "delta", "eps_1", "z9"].map(str::to_owned).to_vec();
        self.rng.shuffle(&mut ids);
        for i in 0..self.rng.usize(1..=[1, 3, 6][self.size]) {
            let path = if self.chance(50) {
                format!("group/deep/{}.toml", ids[i])
            } else {
                format!("{}.toml", ids[i])
            };
            let topic = self.topic(&ids[i], &ids[..i], repeat);
            files.push((path, topic));
        }
        self.rng.shuffle(&mut files);
        files.into_iter().map(|(path, table)| (path, table.to_string())).collect()
    }

    fn topic(&mut self, id: &str, others: &[String], repeat: f64) -> Table {
        let mut topic = table([("id", id.into()), ("name", id.to_uppercase().into())]);
        if self.chance(30) {
            topic.insert("threshold".to_owned(), self.pick(&[0.01, 0.5, 0.6, 0.75]).into());
        }
        if self.chance(30) {
            topic.insert("mask".to_owned(), self.terms(true));
        }
        for gate in ["require", "exclude"] {
            if self.chance(25) {
                topic.insert(gate.to_owned(), self.gate(others.to_vec()));
            }
        }
        let rules =
            (1..=self.rng.usize(1..=[1, 4, 8][self.size])).map(|i| self.rule(i, others, repeat).into());
        topic.insert("rule".to_owned(), Value::Array(rules.collect()));
        topic
    }

    fn rule(&mut self, position: usize, others: &[String], repeat: f64) -> Table {
        let weights: &[f64] = match repeat {
            0.0 | 1.0 => &[1.0, 0.4, 0.7, -0.3, 1000.0, -0.9, 0.001],
            _ => &[1.0, 1.0, 0.5, 2.0, 0.25, 3.0, -1.0, -0.5, 0.0, -1000.0],
        };
        let mut rule = table([("weight", self.pick(weights).into())]);
        if self.chance(40) {
            rule.insert("id".to_owned(), self.pick(&["named", "x", "a_9"]).to_owned().into());
            if self.chance(80) || position > 1 {
                rule.insert("id".to_owned(), format!("r{position}").into());
            }
        }
        let mut stems = true;
        if self.chance(30) {
            let language = self.pick(&[LANGUAGES, &["az", "zh"]].concat());
            stems = language != "az" && language != "zh"; // these have no Snowball stemmer
            rule.insert("language".to_owned(), language.into());
        }
        let since = self.rng.usize(..DAYS.len() - 1);
        if self.chance(15) {
            rule.insert("since".to_owned(), date(DAYS[since]));
        }
        if self.chance(15) {
            let until = self.rng.usize(since + 1..DAYS.len());
            rule.insert("until".to_owned(), date(DAYS[until]));
        }
        if self.chance(35) {
            rule.insert("terms".to_owned(), self.terms(stems));
        } else {
            let places = vec![Place::Title, Place::Lead, Place::Text];
            let context = Context { needs_word: true, conditions: Some(others.to_vec()), places, stems };
            let depth = self.rng.usize(0..=[2, 3, 4][self.size]);
            rule.insert("match".to_owned(), self.query(depth, &context).to_string().into());
        }
        rule
    }

    /// A query for `require` and `exclude`.
    fn gate(&mut self, others: Vec<String>) -> Value {
        let places = vec![Place::Title, Place::Lead, Place::Text];
        let context = Context { needs_word: false, conditions: Some(others), places, stems: true };
        let depth = self.rng.usize(0..3);
        self.query(depth, &context).to_string().into()
    }

    /// Strings for `terms`, `mask` and lists.
    fn terms(&mut self, stems: bool) -> Value {
        let terms = (0..self.rng.usize(1..5)).map(|_| {
            if stems && !self.lists.is_empty() && self.chance(10) {
                let lists = self.lists.clone();
                return format!("@{}", self.pick(&lists)).into();
            }
            match self.term(stems) {
                (Form::Bare, text) => text.into(),
                (Form::Exact, text) => format!("={text}").into(),
                (Form::Stem, text) => format!("~{text}").into(),
            }
        });
        Value::Array(terms.collect())
    }

    fn query(&mut self, depth: usize, context: &Context) -> Query {
        if depth == 0 {
            return self.leaf(context);
        }
        // Alternatives of DISTINCT and sides of OR never are a unary NOT in a rule.
        let worded = Context { needs_word: true, ..context.clone() };
        let placed = Context { conditions: None, needs_word: true, ..context.clone() };
        match self.rng.u32(0..100) {
            0..18 => Query::Or((0..self.rng.usize(2..4)).map(|_| self.query(depth - 1, context)).collect()),
            18..34 => {
                let mut sides: Vec<Query> =
                    (0..self.rng.usize(1..3)).map(|_| self.any(depth - 1, context)).collect();
                let place = self.rng.usize(..=sides.len());
                sides.insert(place, self.query(depth - 1, &worded));
                Query::And(sides)
            }
            34..44 => {
                Query::Not(Box::new(self.query(depth - 1, context)), Box::new(self.any(depth - 1, context)))
            }
            44..72 => {
                let nearness = self.pick(&[Nearness::Near, Nearness::Near, Nearness::Pre, Nearness::Not]);
                let far = self.rng.usize(0..=100);
                let reach =
                    [Reach::Words(0), Reach::Words(1), Reach::Words(2), Reach::Words(5), Reach::Words(far)];
                let reach = self.pick(&[&reach[..], &[Reach::Sentence, Reach::Paragraph]].concat());
                let (a, b) = (self.near_side(depth - 1, &worded), self.near_side(depth - 1, &worded));
                Query::Near(Box::new(a), nearness, reach, Box::new(b))
            }
            72..80 => Query::AtLeast(self.rng.usize(1..5), Box::new(self.query(depth - 1, &placed))),
            80..88 => {
                let mut sides: Vec<Query> =
                    (0..self.rng.usize(2..5)).map(|_| self.query(depth - 1, &placed)).collect();
                if let Some(Query::Term(Form::Bare, text)) = sides.first() {
                    let again = text.to_uppercase(); // mostly an equal alternative
                    sides.extend(is_sound(Form::Bare, &again).then_some(Query::Term(Form::Bare, again)));
                }
                Query::Distinct(self.rng.usize(1..4), Box::new(Query::Or(sides)))
            }
            88..92 => self.phrase_and_near(context),
            92..98 => {
                let place = self.pick(&context.places);
                let places = if place == Place::Title { vec![place] } else { vec![Place::Lead, Place::Text] };
                Query::In(place, Box::new(self.query(depth - 1, &Context { places, ..placed })))
            }
            _ if context.needs_word => self.leaf(context),
            _ => Query::UnaryNot(Box::new(self.query(depth - 1, context))),
        }
    }

    /// A side of AND or the right side of NOT: a unary NOT is fine.
    fn any(&mut self, depth: usize, context: &Context) -> Query {
        let query = self.query(depth, context);
        if self.chance(15) { Query::UnaryNot(Box::new(query)) } else { query }
    }

    /// A side of NEAR is no condition itself; by the letter of the page conditions may stand deeper in it.
    fn near_side(&mut self, depth: usize, context: &Context) -> Query {
        match self.query(depth, context) {
            Query::Topic(_) | Query::Meta(..) => self.leaf(&Context { conditions: None, ..context.clone() }),
            side => side,
        }
    }

    fn leaf(&mut self, context: &Context) -> Query {
        match self.rng.u32(0..100) {
            0..8 => Query::Regex(self.regex()),
            8..20 if context.stems && !self.lists.is_empty() => {
                let lists = self.lists.clone();
                Query::List(self.pick(&lists))
            }
            20..30 => match &context.conditions {
                Some(topics) if !topics.is_empty() && self.chance(60) => Query::Topic(self.pick(topics)),
                Some(_) => Query::Meta(
                    self.pick(KEYS).to_owned(),
                    self.pick(&["*.az", "trend?az", "SPORT*", "strasse", "a?b"]).to_owned(),
                ),
                None => self.leaf_term(context),
            },
            _ => self.leaf_term(context),
        }
    }

    fn leaf_term(&mut self, context: &Context) -> Query {
        let (form, text) = self.term(context.stems);
        Query::Term(form, text)
    }

    fn term(&mut self, stems: bool) -> (Form, String) {
        let forms = [Form::Bare, Form::Bare, Form::Bare, Form::Bare, Form::Exact, Form::Stem];
        loop {
            let form = self.pick(&forms);
            let phrases = self.phrases.clone();
            let mut text = if self.chance(30) && !phrases.is_empty() {
                self.pick(&phrases)
            } else {
                self.word().to_owned()
            };
            // A tatweel is a letter as it stands, and none of the two that a wildcard needs.
            if self.chance(25) && !text.contains('\u{640}') {
                text = self.with_wildcard(&text);
            }
            if is_sound(form, &text) && (stems || form != Form::Stem) {
                return (form, text);
            }
        }
    }

    /// A phrase, or its parts near each other: equal spans with and without gaps.
    fn phrase_and_near(&mut self, context: &Context) -> Query {
        let phrases = self.phrases.clone();
        let phrase = if phrases.is_empty() { String::new() } else { self.pick(&phrases) };
        let Some((first, last)) = phrase.split_once(' ') else { return self.leaf_term(context) };
        if ![&phrase, first, last].into_iter().all(|text| is_sound(Form::Bare, text)) {
            return self.leaf_term(context);
        }
        let part = |text: &str| Box::new(Query::Term(Form::Bare, text.to_owned()));
        let near = Query::Near(part(first), Nearness::Near, Reach::Words(self.rng.usize(0..2)), part(last));
        Query::Or(vec![near, *part(&phrase)])
    }

    fn with_wildcard(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let i = self.rng.usize(..chars.len());
        let (before, after): (String, String) = (chars[..i].iter().collect(), chars[i..].iter().collect());
        match self.rng.u32(0..4) {
            0 => format!("{before}?{}", after.chars().skip(1).collect::<String>()),
            1 => format!("{before}*{after}"),
            2 => format!("*{after}"),
            _ => format!("{text}*"),
        }
    }

    fn regex(&mut self) -> String {
        let word = words::of_title(self.word()).into_iter().next();
        let bare = word.map_or_else(String::new, |word| regex::escape(&word.bare));
        if bare.is_empty() || bare.contains(['\\', ' ']) {
            return "[a-m]+/?".to_owned();
        }
        let head: String = bare.chars().take(2).collect();
        match self.rng.u32(0..5) {
            0 => bare.to_uppercase(),
            1 => format!("{head}.*"),
            2 => format!("{bare}|.{bare}"),
            3 => format!("({bare})+s?"),
            _ => format!(".*{bare}"),
        }
    }
}

/// Not all words can take a wildcard, and a term may not look like something else.
fn is_sound(form: Form, text: &str) -> bool {
    let query = Query::Term(form, text.to_owned());
    Query::parse(&query.to_string()) == Ok(query) && Query::parse_term(text).is_ok()
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn date(day: &str) -> Value {
    Value::Datetime(day.parse().expect("a day of the list"))
}
