//! Do the names that files use exist, once each, and without a circle?

use super::manifest::{List, Lists};
use super::parser::MAX_DEPTH;
use super::report::{Place, Report};
use super::ruleset::Draft;
use super::written::Written;
use super::{Code, Topic};
use crate::text::{Language, stemmed};
use std::collections::{BTreeMap, HashMap};

/// Reports every fault of names.
pub(super) fn check(draft: &Draft, report: &mut Report<'_>) {
    let topics = topic_ids(draft, report);
    groups(draft, &topics, report);
    for (_, places) in &draft.topics {
        let gates = [&places.require, &places.exclude, &places.mask].into_iter().flatten();
        for written in gates.chain(&places.rules) {
            lists_exist(written, &draft.lists, report);
            topics_exist(written, &topics, report);
        }
    }
    let manifest = &draft.manifest;
    let shared = [&manifest.mask_place, &manifest.exclude_place].into_iter().flatten();
    for written in shared.chain(draft.lists.values().map(|list| &list.written)) {
        lists_exist(written, &draft.lists, report);
    }
    topic_cycles(draft, &topics, report);
    let stems = list_cycles(&draft.lists, report);
    for (topic, places) in &draft.topics {
        stemmers(topic, &places.rules, &stems, report);
    }
}

/// The number of each topic, by id.
fn topic_ids<'d>(draft: &'d Draft, report: &mut Report<'_>) -> BTreeMap<&'d str, usize> {
    let mut first: BTreeMap<&str, (usize, Place)> = BTreeMap::new();
    for (number, (topic, places)) in draft.topics.iter().enumerate() {
        let Some(place) = places.id else { continue };
        let id = topic.id.as_str();
        match first.get(id) {
            Some((_, first)) => {
                let help = format!("it stands first at {}", report.line_of(*first));
                report.add(Code::SameTopic, place, format!("two topics have the id `{id}`"), help);
            }
            None => _ = first.insert(id, (number, place)),
        }
    }
    first.into_iter().map(|(id, (number, _))| (id, number)).collect()
}

fn groups(draft: &Draft, topics: &BTreeMap<&str, usize>, report: &mut Report<'_>) {
    for (topic, places) in &draft.topics {
        let (Some(group), Some(place)) = (&topic.group, places.group) else { continue };
        let other = topics.get(group.as_str()).and_then(|number| draft.topics.get(*number));
        if let Some(id) = other.and_then(|(_, places)| places.id) {
            let help = format!("the topic stands at {}", report.line_of(id));
            report.add(Code::GroupIsTopic, place, format!("the group `{group}` has the id of a topic"), help);
        }
    }
}

fn lists_exist(written: &Written, lists: &Lists, report: &mut Report<'_>) {
    for (name, place) in &written.lists {
        if !lists.contains_key(name) {
            let help =
                report.did_you_mean(name, lists.keys().map(String::as_str), "lists stand under [lists]");
            report.add(Code::NoSuchList, *place, format!("there is no list `@{name}`"), help);
        }
    }
}

fn topics_exist(written: &Written, topics: &BTreeMap<&str, usize>, report: &mut Report<'_>) {
    for (id, place) in &written.topics {
        if !topics.contains_key(id.as_str()) {
            let help = report.did_you_mean(id, topics.keys().copied(), "a topic is named by its `id`");
            report.add(Code::NoSuchTopic, *place, format!("there is no topic `#{id}`"), help);
        }
    }
}

fn topic_cycles(draft: &Draft, topics: &BTreeMap<&str, usize>, report: &mut Report<'_>) {
    let edges: Vec<Vec<(usize, Place)>> = draft
        .topics
        .iter()
        .map(|(_, places)| {
            let gates = [&places.require, &places.exclude].into_iter().flatten();
            let named = gates.chain(&places.rules).flat_map(|written| &written.topics);
            named.filter_map(|(id, place)| Some((*topics.get(id.as_str())?, *place))).collect()
        })
        .collect();
    let name =
        |number: usize| draft.topics.get(number).map_or(String::new(), |(topic, _)| format!("#{}", topic.id));
    walk(&edges, |cycle, place| {
        let message = format!("this topic would decide itself: {}", circle(cycle, name));
        let help = format!("leave out one of the references: {}", lines(cycle, &edges, report));
        report.add(Code::TopicCycle, place, message, help);
    });
}

/// Whether each list has an inflected term, itself or in a list that it names.
fn list_cycles<'d>(lists: &'d Lists, report: &mut Report<'_>) -> HashMap<&'d str, bool> {
    let names: Vec<&str> = lists.keys().map(String::as_str).collect();
    let numbers: HashMap<&str, usize> =
        names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
    let edges: Vec<Vec<(usize, Place)>> = lists
        .values()
        .map(|list| {
            let named = list.written.lists.iter();
            named.filter_map(|(name, place)| Some((*numbers.get(name.as_str())?, *place))).collect()
        })
        .collect();
    let name = |number: usize| names.get(number).map_or(String::new(), |name| format!("@{name}"));
    let order = walk(&edges, |cycle, place| {
        let message = format!("this list would hold itself: {}", circle(cycle, name));
        let help = format!("leave out one of the references: {}", lines(cycle, &edges, report));
        report.add(Code::ListCycle, place, message, help);
    });
    let all: Vec<&List> = lists.values().collect();
    let mut depths = vec![0; all.len()];
    let mut stems = vec![false; all.len()];
    for number in order {
        let (Some(list), Some(inner)) = (all.get(number), edges.get(number)) else { continue };
        let below = |(inner, _): &(usize, Place)| (depths[*inner] + 1, stems[*inner]);
        let depth = inner.iter().map(|edge| below(edge).0).max().unwrap_or(0);
        stems[number] = list.written.stem.is_some() || inner.iter().any(|edge| below(edge).1);
        depths[number] = depth;
        if depth == MAX_DEPTH + 1 {
            let message = format!("lists nest at most {MAX_DEPTH} deep");
            report.add(Code::ListsTooDeep, list.key, message, "name the inner lists directly");
        }
    }
    names.into_iter().zip(stems).collect()
}

/// Inflected terms need a stemmer for the language of the rule; elsewhere they are English.
fn stemmers(topic: &Topic, places: &[Written], lists: &HashMap<&str, bool>, report: &mut Report<'_>) {
    for (rule, written) in topic.rules.iter().zip(places) {
        let language = rule.language.unwrap_or(Language::ENGLISH);
        if stemmed(language) {
            continue;
        }
        let named = written.lists.iter().filter(|(name, _)| lists.get(name.as_str()) == Some(&true));
        for place in written.stem.iter().chain(named.map(|(_, place)| place)) {
            let message = format!("there is no stemmer for the language `{language}`, which `~` needs");
            report.add(Code::NoStemmer, *place, message, "write the forms, or a wildcard such as negotiat*");
        }
    }
}

/// `a → b → a`, the middle of a long one left out.
/// So many names and places of a circle are shown.
const SHOWN: usize = 6;

/// Where the references of a circle stand.
fn lines(cycle: &[usize], edges: &[Vec<(usize, Place)>], report: &Report<'_>) -> String {
    let next = cycle.iter().skip(1).chain(cycle.first());
    let places = cycle.iter().zip(next).filter_map(|(from, to)| {
        let (_, place) = edges.get(*from)?.iter().find(|(target, _)| target == to)?;
        Some(report.line_of(*place))
    });
    places.take(SHOWN).collect::<Vec<_>>().join(", ")
}

fn circle(cycle: &[usize], name: impl Fn(usize) -> String) -> String {
    let mut names: Vec<String> = cycle.iter().take(SHOWN).map(|number| name(*number)).collect();
    if cycle.len() > SHOWN {
        names.push("…".to_owned());
    }
    names.extend(cycle.first().map(|number| name(*number)));
    names.join(" → ")
}

/// Walks a graph depth first, without recursion. Gives each circle and the place that closes it to `cycle`, and
/// returns the nodes so that each comes after those it leads to.
fn walk(edges: &[Vec<(usize, Place)>], mut cycle: impl FnMut(&[usize], Place)) -> Vec<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; edges.len()];
    let mut order = Vec::with_capacity(edges.len());
    let mut path: Vec<usize> = Vec::new();
    let mut next: Vec<usize> = Vec::new();
    for root in 0..edges.len() {
        if states[root] != State::New {
            continue;
        }
        states[root] = State::Open;
        path.push(root);
        next.push(0);
        while let (Some(&node), Some(edge)) = (path.last(), next.last_mut()) {
            let Some(&(to, place)) = edges[node].get(*edge) else {
                states[node] = State::Done;
                order.push(node);
                path.pop();
                next.pop();
                continue;
            };
            *edge += 1;
            match states[to] {
                State::New => {
                    states[to] = State::Open;
                    path.push(to);
                    next.push(0);
                }
                State::Open => {
                    let start = path.iter().position(|open| *open == to).unwrap_or(0);
                    cycle(path.get(start..).unwrap_or(&[]), place);
                }
                State::Done => {}
            }
        }
    }
    order
}
