//! Sections 3 to 5 of LANGUAGE.md: hits, points, scores and labels, by brute force from the definitions.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use regex::RegexBuilder;

use super::query::{Form, Nearness, Place, Query, Reach};
use super::rules::{Rule, Ruleset, Topic};
use super::words::{self, Word};

/// A news article.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The title.
    pub title: String,
    /// The text.
    pub text: String,
    /// The language that the document gives.
    pub language: Option<String>,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub published: Option<i64>,
    /// What `meta.` looks at.
    pub metadata: BTreeMap<String, String>,
}

/// What a document is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The labels, highest score first, then by id.
    pub labels: Vec<Label>,
    /// Topics with points above 0 that are no labels, in the same order, and why: the first that applies of
    /// threshold, require, exclude (the page gives no order; this is the one in which it names them).
    pub near_misses: Vec<(String, &'static str)>,
}

/// A topic of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The topic's id.
    pub topic: String,
    /// Score in millionths.
    pub score_micro: i64,
    /// Points in millionths.
    pub points_micro: i64,
    /// Highest |points| first, then by rule, then title first and no field last.
    pub evidence: Vec<Evidence>,
}

/// The rule's id, the field (None for a condition), its share of the points in millionths, and the byte spans of
/// the hits that count, by place. A share is weight × Σ factor × repeat^(i−1) over the rule's hits in that field, with
/// i counted over all its hits; each share is rounded for itself, so shares may miss the rule's points by a millionth.
pub type Evidence = (String, Option<Field>, i64, Vec<(usize, usize)>);

/// The two runs of words of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The title.
    Title,
    /// The text, lead included.
    Text,
}

/// A loaded ruleset.
#[derive(Debug)]
pub struct Oracle {
    ruleset: Ruleset,
}

impl Oracle {
    /// Reads (path, content) pairs; an error where they are not sound, as far as this notices.
    pub fn load(files: &[(String, String)]) -> Result<Oracle, String> {
        Ok(Oracle { ruleset: Ruleset::load(files)? })
    }

    /// Labels a document. `detected` is the language found in its words, None where detection is not sure; it is
    /// looked at only where the document gives none.
    pub fn classify(&self, document: &Document, detected: Option<&str>) -> Answer {
        let given =
            document.language.as_deref().map(words::primary).filter(|tag| !tag.is_empty() && tag != "und");
        let mut reader = Reader {
            ruleset: &self.ruleset,
            document,
            title: words::of_title(&document.title),
            text: words::of_text(&document.text),
            language: given.or(detected.map(words::primary)),
            labels: BTreeSet::new(),
        };
        let mut verdicts = Vec::new();
        for topic in &self.ruleset.topics {
            let verdict = reader.judge(topic);
            if verdict.missed.is_none() {
                reader.labels.insert(topic.id.clone());
            }
            verdicts.push(verdict);
        }
        verdicts.sort_by_key(|verdict| (Reverse(verdict.label.score_micro), verdict.label.topic.clone()));
        let mut answer = Answer { labels: Vec::new(), near_misses: Vec::new() };
        for verdict in verdicts {
            match verdict.missed {
                None => answer.labels.push(verdict.label),
                Some(reason) if verdict.label.points_micro > 0 => {
                    answer.near_misses.push((verdict.label.topic, reason))
                }
                Some(_) => {}
            }
        }
        answer
    }
}

/// A topic's label, and why it is none.
struct Verdict {
    label: Label,
    missed: Option<&'static str>,
}

/// A span of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    field: Field,
    start: usize,
    end: usize,
    /// Whether it came from NEAR or PRE. Equal spans with and without gaps stay two hits until one is dropped for
    /// overlap, since the page says there which of them stays.
    gaps: bool,
}

impl Hit {
    fn len(self) -> usize {
        self.end - self.start
    }

    fn overlaps(self, other: Hit) -> bool {
        self.field == other.field && self.start < other.end && other.start < self.end
    }

    fn is_inside(self, other: Hit) -> bool {
        self.field == other.field && other.start <= self.start && self.end <= other.end
    }

    fn same_span(self, other: Hit) -> bool {
        self.is_inside(other) && other.is_inside(self)
    }

    /// Whether it lies strictly between the first and the last word of a NEAR or PRE hit.
    fn is_within_gaps_of(self, other: Hit) -> bool {
        other.gaps && self.field == other.field && other.start < self.start && self.end < other.end
    }
}

/// What a query yields.
#[derive(Clone, Debug, Default)]
struct Hits {
    places: BTreeSet<Hit>,
    /// The one hit without a place that all conditions are together.
    condition: bool,
}

impl Hits {
    fn any(&self) -> bool {
        self.condition || !self.places.is_empty()
    }

    fn of_condition(condition: bool) -> Hits {
        Hits { condition, ..Hits::default() }
    }

    fn of_places(places: impl IntoIterator<Item = Hit>) -> Hits {
        Hits { places: places.into_iter().collect(), condition: false }
    }

    fn union(all: impl IntoIterator<Item = Hits>) -> Hits {
        all.into_iter().fold(Hits::default(), |a, b| Hits {
            places: &a.places | &b.places,
            condition: a.condition || b.condition,
        })
    }
}

/// What surrounds a query.
#[derive(Clone)]
struct Scope {
    masked: BTreeSet<(Field, usize)>,
    places: Vec<Place>,
    language: String,
}

struct Reader<'a> {
    ruleset: &'a Ruleset,
    document: &'a Document,
    title: Vec<Word>,
    text: Vec<Word>,
    language: Option<String>,
    /// The topics that are known to be labels.
    labels: BTreeSet<String>,
}

impl Reader<'_> {
    fn words(&self, field: Field) -> &[Word] {
        match field {
            Field::Title => &self.title,
            Field::Text => &self.text,
        }
    }

    fn judge(&self, topic: &Topic) -> Verdict {
        let english = Scope { masked: BTreeSet::new(), places: Vec::new(), language: "en".to_owned() };
        let masks =
            topic.mask.iter().chain(&self.ruleset.mask).flat_map(|mask| self.eval(mask, &english).places);
        let masked: BTreeSet<_> =
            masks.flat_map(|hit| (hit.start..hit.end).map(move |i| (hit.field, i))).collect();
        let gates = Scope { masked, ..english };

        let found: Vec<(&Rule, Hits)> = topic
            .rules
            .iter()
            .filter(|rule| rule.weight != 0.0 && self.applies(rule))
            .map(|rule| {
                let language = rule.language.clone().unwrap_or_else(|| "en".to_owned());
                let hits = self.eval(&rule.query, &Scope { language, ..gates.clone() });
                (rule, Hits { places: without_overlaps(&hits.places), ..hits })
            })
            .collect();

        let (mut points_micro, mut evidence) = (0, Vec::new());
        for (rule, hits) in &found {
            let counting: Vec<Hit> =
                hits.places.iter().filter(|&&hit| !is_swallowed(hit, rule, &found)).copied().collect();
            let (points, mut entries) = self.points(rule, &counting, hits.condition);
            points_micro += points;
            evidence.append(&mut entries);
        }
        evidence.sort_by_key(|(rule, field, points, _)| {
            (Reverse(points.abs()), rule.clone(), field.is_none(), *field)
        });

        let points = points_micro as f64 / 1e6;
        let score_micro = micro(1.0 - libm::exp2(-points.max(0.0)));
        let threshold = topic.threshold.unwrap_or(self.ruleset.threshold);
        let has_hit = |query: &Option<Query>| query.as_ref().map(|query| self.eval(query, &gates).any());
        let missed = if (score_micro as f64 / 1e6) < threshold {
            Some("threshold")
        } else if has_hit(&topic.require) == Some(false) {
            Some("require")
        } else if has_hit(&topic.exclude) == Some(true) || has_hit(&self.ruleset.exclude) == Some(true) {
            Some("exclude")
        } else {
            None
        };
        Verdict { label: Label { topic: topic.id.clone(), score_micro, points_micro, evidence }, missed }
    }

    fn applies(&self, rule: &Rule) -> bool {
        let day = self.document.published.map(|seconds| seconds.div_euclid(86_400));
        let language = match (&rule.language, &self.language) {
            (Some(rule), Some(document)) => words::primary(rule) == *document,
            _ => true,
        };
        let since = rule.since.zip(day).is_none_or(|(since, day)| day >= since);
        let until = rule.until.zip(day).is_none_or(|(until, day)| day < until);
        language && since && until
    }

    fn factor(&self, hit: Hit) -> f64 {
        match hit.field {
            Field::Title => self.ruleset.title,
            Field::Text if self.text[hit.start..hit.end].iter().all(|word| word.lead) => self.ruleset.lead,
            Field::Text => self.ruleset.text,
        }
    }

    /// The rule's points and its evidence. A condition stands behind the hits of its factor that have a place.
    fn points(&self, rule: &Rule, places: &[Hit], condition: bool) -> (i64, Vec<Evidence>) {
        let mut hits: Vec<(f64, Option<Hit>)> =
            places.iter().map(|&hit| (self.factor(hit), Some(hit))).collect();
        hits.extend(condition.then_some((1.0, None)));
        // A stable sort: hits of one factor stay title before text, then by place.
        hits.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        if self.ruleset.repeat == 0.0 {
            hits.truncate(1); // "only the best hit counts", so only it is evidence
        }
        let counted: Vec<(f64, Option<Hit>)> =
            (0..).zip(hits).map(|(i, (factor, hit))| (factor * self.ruleset.repeat.powi(i), hit)).collect();
        let share = |part: &[(f64, Option<Hit>)]| {
            micro(rule.weight * part.iter().map(|(counts, _)| counts).sum::<f64>())
        };
        let entry = |field: Option<Field>| {
            let part: Vec<_> =
                counted.iter().filter(|(_, hit)| hit.map(|hit| hit.field) == field).copied().collect();
            let mut spans: Vec<(usize, usize)> =
                part.iter().filter_map(|(_, hit)| hit.map(|hit| self.bytes(hit))).collect();
            spans.sort_unstable();
            (!part.is_empty()).then(|| (rule.id.clone(), field, share(&part), spans))
        };
        let evidence = [Some(Field::Title), Some(Field::Text), None].into_iter().filter_map(entry).collect();
        (share(&counted), evidence)
    }

    fn bytes(&self, hit: Hit) -> (usize, usize) {
        let words = &self.words(hit.field)[hit.start..hit.end];
        (words[0].start, words[words.len() - 1].end)
    }

    fn eval(&self, query: &Query, scope: &Scope) -> Hits {
        match query {
            Query::Term(form, text) => {
                let patterns = patterns(*form, text, &scope.language);
                self.rows(patterns.len(), scope, |i, word| match form {
                    Form::Bare => matches(&patterns[i], &word.bare),
                    Form::Exact => matches(&patterns[i], &word.exact),
                    Form::Stem => words::stem(&word.folded, &scope.language).as_ref() == Some(&patterns[i]),
                })
            }
            Query::Regex(pattern) => {
                let whole = RegexBuilder::new(&format!("^(?:{pattern})$")).case_insensitive(true).build();
                let whole = whole.expect("only valid queries are evaluated");
                self.rows(1, scope, |_, word| whole.is_match(&word.bare))
            }
            Query::List(name) => {
                Hits::union(self.ruleset.lists[name].iter().map(|term| self.eval(term, scope)))
            }
            Query::Topic(id) => Hits::of_condition(self.labels.contains(id)),
            Query::Meta(key, pattern) => {
                let fold = |text: &str| words::fold_case(&words::nfkc(text));
                let value = self.document.metadata.get(key);
                Hits::of_condition(
                    value.is_some_and(|value| matches(&fold_around_wildcards(pattern, fold), &fold(value))),
                )
            }
            Query::Or(sides) => Hits::union(sides.iter().map(|side| self.eval(side, scope))),
            Query::And(sides) => {
                let sides: Vec<Hits> = sides.iter().map(|side| self.eval(side, scope)).collect();
                if !sides.iter().all(Hits::any) {
                    return Hits::default();
                }
                let hits = Hits::union(sides);
                let condition = hits.condition && hits.places.is_empty();
                Hits { condition, ..hits }
            }
            Query::Not(a, b) => {
                if self.eval(b, scope).any() {
                    return Hits::default();
                }
                self.eval(a, scope)
            }
            Query::UnaryNot(a) => Hits::of_condition(!self.eval(a, scope).any()),
            Query::Near(a, nearness, reach, b) => {
                let (a, b) = (self.eval(a, scope).places, self.eval(b, scope).places);
                self.near(&a, *nearness, *reach, &b)
            }
            Query::AtLeast(n, a) => {
                let hits = self.eval(a, scope);
                if without_overlaps(&hits.places).len() >= *n { hits } else { Hits::default() }
            }
            Query::Distinct(n, a) => {
                let mut alternatives = Vec::new();
                self.flatten(a, &mut alternatives);
                let different: BTreeMap<Query, Hits> = alternatives
                    .into_iter()
                    .map(|query| {
                        let compared =
                            query.map_terms(&|form, text| patterns(form, text, &scope.language).join(" "));
                        (compared, self.eval(query, scope))
                    })
                    .collect();
                let enough = different.values().filter(|hits| hits.any()).count() >= *n;
                if enough { Hits::union(different.into_values()) } else { Hits::default() }
            }
            Query::In(place, a) => {
                let mut scope = scope.clone();
                scope.places.push(*place);
                self.eval(a, &scope)
            }
        }
    }

    /// The runs of `len` words in a row of which each is free and matches.
    fn rows(&self, len: usize, scope: &Scope, matches: impl Fn(usize, &Word) -> bool) -> Hits {
        let mut places = BTreeSet::new();
        for field in [Field::Title, Field::Text] {
            let words = self.words(field);
            for start in 0..(words.len() + 1).saturating_sub(len) {
                let all = (0..len).all(|i| {
                    let word = &words[start + i];
                    let in_place = scope.places.iter().all(|place| match place {
                        Place::Title => field == Field::Title,
                        Place::Lead => word.lead,
                        Place::Text => field == Field::Text,
                    });
                    in_place && !scope.masked.contains(&(field, start + i)) && matches(i, word)
                });
                if all {
                    places.insert(Hit { field, start, end: start + len, gaps: false });
                }
            }
        }
        Hits { places, condition: false }
    }

    fn near(&self, a: &BTreeSet<Hit>, nearness: Nearness, reach: Reach, b: &BTreeSet<Hit>) -> Hits {
        if nearness == Nearness::Not {
            return Hits::of_places(
                a.iter().filter(|&&a| !b.iter().any(|&b| self.is_close(a, reach, b))).copied(),
            );
        }
        let mut spans = BTreeSet::new();
        for (&a, &b) in a.iter().flat_map(|a| b.iter().map(move |b| (a, b))) {
            if a.field != b.field {
                continue;
            }
            let ordered = a.end <= b.start;
            let inside = a.is_within_gaps_of(b) || b.is_within_gaps_of(a);
            let allowed = match nearness {
                Nearness::Pre => ordered,
                _ => !a.overlaps(b) || inside,
            };
            let span = Hit { field: a.field, start: a.start.min(b.start), end: a.end.max(b.end), gaps: true };
            // Both sides in one sentence: the whole span is, which also holds where a side goes on over sentences.
            let words = &self.words(a.field)[span.start..span.end];
            let (first, last) = (&words[0], &words[words.len() - 1]);
            let close = match reach {
                Reach::Words(n) => words_between(a, b) <= n,
                Reach::Sentence => first.sentence == last.sentence,
                Reach::Paragraph => first.paragraph == last.paragraph,
            };
            if allowed && close {
                spans.insert(span);
            }
        }
        let minimal = |span: &&Hit| !spans.iter().any(|other| other != *span && other.is_inside(**span));
        Hits::of_places(spans.iter().filter(minimal).copied())
    }

    /// Whether a hit of NOT/n's right side stands too near. `NOT/n` is read as the opposite of `NEAR/n`: "within n
    /// words" is at most n words between. For `NOT/S` a hit that goes over several sentences is in each of them.
    fn is_close(&self, a: Hit, reach: Reach, b: Hit) -> bool {
        if a.field != b.field {
            return false;
        }
        let touched = |hit: Hit, number: fn(&Word) -> usize| {
            self.words(hit.field)[hit.start..hit.end].iter().map(number).collect::<BTreeSet<_>>()
        };
        let share = |number| !touched(a, number).is_disjoint(&touched(b, number));
        match reach {
            Reach::Words(n) => words_between(a, b) <= n,
            Reach::Sentence => share(|word| word.sentence),
            Reach::Paragraph => share(|word| word.paragraph),
        }
    }

    /// The alternatives of a DISTINCT.
    fn flatten<'q>(&'q self, query: &'q Query, alternatives: &mut Vec<&'q Query>) {
        match query {
            Query::Or(sides) => sides.iter().for_each(|side| self.flatten(side, alternatives)),
            Query::List(name) => {
                self.ruleset.lists[name].iter().for_each(|term| self.flatten(term, alternatives))
            }
            query => alternatives.push(query),
        }
    }
}

/// The words between two hits of a field; 0 where they touch or overlap.
fn words_between(a: Hit, b: Hit) -> usize {
    b.start.saturating_sub(a.end).max(a.start.saturating_sub(b.end))
}

/// Longest first, the leftmost of equals first, of equal spans the one without gaps; a word is taken once.
fn without_overlaps(hits: &BTreeSet<Hit>) -> BTreeSet<Hit> {
    let mut waiting: Vec<Hit> = hits.iter().copied().collect();
    waiting.sort_by_key(|hit| (Reverse(hit.len()), hit.field, hit.start, hit.gaps));
    let mut taken = BTreeSet::new();
    for hit in waiting {
        if !taken.iter().any(|&other| hit.overlaps(other)) {
            taken.insert(hit);
        }
    }
    taken
}

/// Whether a hit lies inside one of another rule that takes its place. Hits that an overlap dropped swallow nothing.
fn is_swallowed(hit: Hit, rule: &Rule, found: &[(&Rule, Hits)]) -> bool {
    let rank = |rule: &Rule| (rule.text.clone(), rule.language.clone(), rule.id.clone());
    found.iter().filter(|(other, _)| other.id != rule.id && (other.weight > 0.0) == (rule.weight > 0.0)).any(
        |(other, hits)| {
            let first = match other.weight.abs().total_cmp(&rule.weight.abs()) {
                Ordering::Equal => rank(other) < rank(rule),
                order => order.is_gt(),
            };
            hits.places.iter().any(|&by| {
                // Of equal spans one counts, with or without gaps.
                if hit.same_span(by) { first } else { !by.gaps && hit.is_inside(by) }
            })
        },
    )
}

/// Millionths, rounded half away from zero.
fn micro(value: f64) -> i64 {
    (value * 1e6).round() as i64
}

/// The words of a term in the form in which they are compared.
fn patterns(form: Form, text: &str, language: &str) -> Vec<String> {
    let forms = words::of_term(text).into_iter().map(|word| match form {
        Form::Bare => word.bare,
        Form::Exact => word.exact,
        Form::Stem => words::stem(&word.folded, language).unwrap_or_default(),
    });
    forms.collect()
}

/// Folds what stands between wildcards, so that folding makes no new ones.
fn fold_around_wildcards(pattern: &str, fold: impl Fn(&str) -> String) -> String {
    pattern
        .split_inclusive(['*', '?'])
        .map(|part| {
            let literal = part.trim_end_matches(['*', '?']);
            fold(literal) + &part[literal.len()..]
        })
        .collect()
}

/// Whether a whole word matches a pattern with `*` and `?`.
fn matches(pattern: &str, word: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // The places in the pattern that the characters seen so far lead to.
    let mut reached = after_stars(&pattern, BTreeSet::from([0]));
    for c in word.chars() {
        let step = |&i: &usize| match pattern.get(i) {
            Some('*') => Some(i),
            Some('?') => Some(i + 1),
            Some(&p) if p == c => Some(i + 1),
            _ => None,
        };
        reached = after_stars(&pattern, reached.iter().filter_map(step).collect());
    }
    reached.contains(&pattern.len())
}

fn after_stars(pattern: &[char], mut places: BTreeSet<usize>) -> BTreeSet<usize> {
    for (i, &c) in pattern.iter().enumerate() {
        if c == '*' && places.contains(&i) {
            places.insert(i + 1);
        }
    }
    places
}
