//! Section 1 of LANGUAGE.md: rulesets from the texts of their files. Only sound rulesets are meant to get here.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::query::Query;

/// A folder of rule files.
#[derive(Debug, Default)]
pub struct Ruleset {
    /// The score from which a topic is a label.
    pub threshold: f64,
    /// How much each further hit counts of the one before.
    pub repeat: f64,
    /// The factor of a hit in the title.
    pub title: f64,
    /// The factor of a hit in the lead.
    pub lead: f64,
    /// The factor of a hit elsewhere in the text.
    pub text: f64,
    /// The terms of each list.
    pub lists: BTreeMap<String, Vec<Query>>,
    /// Masks of every topic.
    pub mask: Vec<Query>,
    /// A veto for every topic.
    pub exclude: Option<Query>,
    /// The topics, each after those that it names.
    pub topics: Vec<Topic>,
}

/// A topic file.
#[derive(Debug)]
pub struct Topic {
    /// Its id.
    pub id: String,
    /// Overrides the ruleset's.
    pub threshold: Option<f64>,
    /// Without a hit there is no label.
    pub require: Option<Query>,
    /// With a hit there is no label.
    pub exclude: Option<Query>,
    /// Words inside these match nothing.
    pub mask: Vec<Query>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A rule of a topic.
#[derive(Debug)]
pub struct Rule {
    /// Its id, or its position from 1.
    pub id: String,
    /// Points for one hit.
    pub weight: f64,
    /// What it looks for.
    pub query: Query,
    /// `match`, or the sorted terms joined by " OR ".
    pub text: String,
    /// Only for documents in that language.
    pub language: Option<String>,
    /// Only for documents from that day on, counted from 1970-01-01.
    pub since: Option<i64>,
    /// Only for documents before that day.
    pub until: Option<i64>,
}

impl Ruleset {
    /// Reads (path, content) pairs.
    pub fn load(files: &[(String, String)]) -> Result<Ruleset, String> {
        let mut ruleset =
            Ruleset { threshold: 0.5, repeat: 0.5, title: 2.0, lead: 1.0, text: 1.0, ..Ruleset::default() };
        let mut has_ruleset = false;
        for (path, content) in files {
            let hidden = path.split('/').any(|part| part.starts_with('.'));
            if hidden || !path.ends_with(".toml") || path == "calibration.toml" {
                continue;
            }
            let table: Table =
                content.trim_start_matches('\u{FEFF}').parse().map_err(|e| format!("{path}: {e}"))?;
            let read = match path.as_str() {
                "ruleset.toml" => {
                    has_ruleset = true;
                    ruleset.read_ruleset(&table)
                }
                "lists.toml" => ruleset.read_lists(&table),
                _ => topic(&table).map(|topic| ruleset.topics.push(topic)),
            };
            read.map_err(|e| format!("{path}: {e}"))?;
        }
        if !has_ruleset {
            return Err("no ruleset.toml".to_owned());
        }
        ruleset.check_lists()?;
        ruleset.sort_topics()?;
        Ok(ruleset)
    }

    /// Every query of the ruleset.
    fn queries(&self) -> impl Iterator<Item = &Query> {
        let topics = self.topics.iter().flat_map(Topic::queries);
        self.lists.values().flatten().chain(&self.mask).chain(&self.exclude).chain(topics)
    }

    fn read_ruleset(&mut self, table: &Table) -> Result<(), String> {
        self.mask = terms(table, "mask")?;
        self.exclude = query(table, "exclude")?;
        if let Some(scoring) = table.get("scoring").and_then(Value::as_table) {
            let fields = scoring.get("fields").and_then(Value::as_table);
            let set = |to: &mut f64, from: Option<f64>| *to = from.unwrap_or(*to);
            set(&mut self.threshold, number(scoring, "threshold"));
            set(&mut self.repeat, number(scoring, "repeat"));
            set(&mut self.title, fields.and_then(|fields| number(fields, "title")));
            set(&mut self.lead, fields.and_then(|fields| number(fields, "lead")));
            set(&mut self.text, fields.and_then(|fields| number(fields, "text")));
        }
        self.read_lists(table)
    }

    fn read_lists(&mut self, table: &Table) -> Result<(), String> {
        let Some(lists) = table.get("lists").and_then(Value::as_table) else { return Ok(()) };
        for name in lists.keys() {
            if self.lists.insert(name.clone(), terms(lists, name)?).is_some() {
                return Err(format!("a second list {name}"));
            }
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), String> {
        let mut fault = Ok(());
        for query in self.queries() {
            query.visit(&mut |query| {
                if let Query::List(name) = query
                    && !self.lists.contains_key(name)
                {
                    fault = Err(format!("no list {name}"));
                }
            });
        }
        fault
    }

    /// Puts each topic behind those that it names.
    fn sort_topics(&mut self) -> Result<(), String> {
        let mut waiting = std::mem::take(&mut self.topics);
        while !waiting.is_empty() {
            let known = |id: &String| self.topics.iter().any(|topic| topic.id == *id);
            let next = waiting.iter().position(|topic| topic.names().iter().all(known));
            let next = next.ok_or("topics that name each other, or one that is not there")?;
            self.topics.push(waiting.remove(next));
        }
        Ok(())
    }
}

impl Topic {
    fn queries(&self) -> impl Iterator<Item = &Query> {
        let rules = self.rules.iter().map(|rule| &rule.query);
        rules.chain(&self.require).chain(&self.exclude).chain(&self.mask)
    }

    /// The topics that its queries name.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for query in self.queries() {
            query.visit(&mut |query| {
                if let Query::Topic(id) = query {
                    names.push(id.clone());
                }
            });
        }
        names
    }
}

fn topic(table: &Table) -> Result<Topic, String> {
    let rules = table.get("rule").and_then(Value::as_array).ok_or("no rules")?;
    let rules = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| self::rule(i + 1, rule.as_table().ok_or("a rule is no table")?));
    Ok(Topic {
        id: string(table, "id").ok_or("no id")?,
        threshold: number(table, "threshold"),
        require: query(table, "require")?,
        exclude: query(table, "exclude")?,
        mask: terms(table, "mask")?,
        rules: rules.collect::<Result<_, _>>()?,
    })
}

fn rule(position: usize, table: &Table) -> Result<Rule, String> {
    let (query, text) = match query(table, "match")? {
        Some(query) => (query, string(table, "match").ok_or("no match")?),
        None => {
            let mut terms = terms(table, "terms")?;
            let query = if terms.len() == 1 { terms.remove(0) } else { Query::Or(terms) };
            let mut texts = strings(table, "terms")?;
            texts.sort();
            (query, texts.join(" OR "))
        }
    };
    Ok(Rule {
        id: string(table, "id").unwrap_or_else(|| position.to_string()),
        weight: number(table, "weight").ok_or("no weight")?,
        query,
        text,
        language: string(table, "language"),
        since: day(table, "since")?,
        until: day(table, "until")?,
    })
}

fn string(table: &Table, key: &str) -> Option<String> {
    table.get(key)?.as_str().map(str::to_owned)
}

fn number(table: &Table, key: &str) -> Option<f64> {
    match table.get(key)? {
        Value::Integer(integer) => integer.to_string().parse().ok(),
        value => value.as_float(),
    }
}

fn day(table: &Table, key: &str) -> Result<Option<i64>, String> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let date: jiff::civil::Date = value.to_string().parse().map_err(|e| format!("{key}: {e}"))?;
    Ok(Some(days_since_1970(date)))
}

/// The number of a day, 1970-01-01 being 0.
pub fn days_since_1970(date: jiff::civil::Date) -> i64 {
    date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24
}

fn strings(table: &Table, key: &str) -> Result<Vec<String>, String> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let array = value.as_array().ok_or_else(|| format!("{key} is no list"))?;
    array
        .iter()
        .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| format!("{key} holds no strings")))
        .collect()
}

fn terms(table: &Table, key: &str) -> Result<Vec<Query>, String> {
    strings(table, key)?.iter().map(|text| Query::parse_term(text)).collect()
}

fn query(table: &Table, key: &str) -> Result<Option<Query>, String> {
    string(table, key).map(|text| Query::parse(&text)).transpose()
}
