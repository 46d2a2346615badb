//! What is sound, but probably not what was meant? Warnings that need the whole ruleset; those of a single text
//! come from its parser.

use super::manifest::Lists;
use super::parser::can_meet;
use super::report::{Place, Report};
use super::ruleset::Draft;
use super::written::Written;
use super::{Code, Part, Query, Term};
use std::collections::HashSet;

/// Sides of an operator are compared with each other up to so many, so that it costs bounded time.
const COMPARED: usize = 100;

/// Reports every warning of a ruleset without errors.
pub(super) fn check(draft: &Draft, report: &mut Report<'_>) {
    let manifest = &draft.manifest;
    let shared: HashSet<&Term> = terms(&manifest.mask).collect();
    check_query(manifest.exclude.iter().zip(&manifest.exclude_place), &shared, &draft.lists, report);
    for (topic, places) in &draft.topics {
        let masked: HashSet<&Term> = terms(&topic.mask).chain(terms(&manifest.mask)).collect();
        check_query(topic.require.iter().zip(&places.require), &masked, &draft.lists, report);
        check_query(topic.exclude.iter().zip(&places.exclude), &masked, &draft.lists, report);
        let rules = topic.rules.iter().map(|rule| &rule.query).zip(&places.rules);
        check_query(rules, &masked, &draft.lists, report);
    }
}

fn terms(mask: &[Query]) -> impl Iterator<Item = &Term> {
    mask.iter().filter_map(|query| if let Query::Term(term) = query { Some(term) } else { None })
}

fn check_query<'d>(
    queries: impl Iterator<Item = (&'d Query, &'d Written)>,
    masked: &HashSet<&Term>,
    lists: &Lists,
    report: &mut Report<'_>,
) {
    for (query, written) in queries {
        if is_dead(query, masked) {
            let help = "look for terms that a mask hides, and for sides that exclude each other";
            report.add(Code::NeverMatches, written.place, "this can never match", help);
        }
        few_alternatives(query, &mut written.distinct.iter(), lists, report);
    }
}

/// Reports each `DISTINCT/n` over fewer than n alternatives; `places` are those of the query, in order.
fn few_alternatives<'p>(
    query: &Query,
    places: &mut impl Iterator<Item = &'p Place>,
    lists: &Lists,
    report: &mut Report<'_>,
) {
    match query {
        Query::Distinct(least, inner) => {
            let place = places.next();
            let mut found = HashSet::new();
            alternatives(inner, usize::from(*least), lists, &mut HashSet::new(), &mut found);
            if let Some(place) = place
                && found.len() < usize::from(*least)
            {
                let message = format!("`DISTINCT/{least}` over {} alternatives can never match", found.len());
                report.add(Code::FewAlternatives, *place, message, "ask for fewer, or add alternatives");
            }
            few_alternatives(inner, places, lists, report);
        }
        Query::Or(sides) | Query::And(sides) => {
            for side in sides {
                few_alternatives(side, places, lists, report);
            }
        }
        Query::Not(left, right) | Query::Near { left, right, .. } | Query::NotNear { left, right, .. } => {
            few_alternatives(left, places, lists, report);
            few_alternatives(right, places, lists, report);
        }
        Query::Absent(inner) | Query::AtLeast(_, inner) | Query::In(_, inner) => {
            few_alternatives(inner, places, lists, report);
        }
        Query::Term(_) | Query::List(_) | Query::Topic(_) | Query::Meta { .. } => {}
    }
}

/// The different alternatives of a query, no more than `least`; each list is looked into once.
fn alternatives<'q>(
    query: &'q Query,
    least: usize,
    lists: &'q Lists,
    seen: &mut HashSet<&'q str>,
    found: &mut HashSet<&'q Query>,
) {
    let rest = |queries: &'q [Query], seen: &mut HashSet<&'q str>, found: &mut HashSet<&'q Query>| {
        for query in queries {
            if found.len() >= least {
                return;
            }
            alternatives(query, least, lists, seen, found);
        }
    };
    match query {
        Query::Or(sides) => rest(sides, seen, found),
        Query::List(name) if seen.insert(name) => {
            rest(lists.get(name).map_or(&[][..], |list| &list.entries), seen, found);
        }
        Query::List(_) => {}
        _ => _ = found.insert(query),
    }
}

/// Whether a query can never have a hit, as far as can be seen.
fn is_dead(query: &Query, masked: &HashSet<&Term>) -> bool {
    let dead = |query: &Query| is_dead(query, masked);
    match query {
        Query::Term(term) => masked.contains(term),
        Query::Or(sides) => sides.iter().all(dead),
        Query::And(sides) => {
            let few = sides.len() <= COMPARED;
            let absent = |side: &Query| matches!(side, Query::Absent(inner) if few && sides.iter().any(|other| follows(inner, other)));
            sides.iter().any(|side| dead(side) || absent(side))
        }
        Query::Not(left, right) | Query::NotNear { left, right, .. } => dead(left) || follows(right, left),
        Query::Near { left, right, .. } => {
            let apart = |(one, other)| !can_meet(one, other);
            dead(left) || dead(right) || part_of(left).zip(part_of(right)).is_some_and(apart)
        }
        Query::AtLeast(_, inner) | Query::Distinct(_, inner) | Query::In(_, inner) => dead(inner),
        Query::List(_) | Query::Topic(_) | Query::Meta { .. } | Query::Absent(_) => false,
    }
}

/// Whether, as far as can be seen, every hit of `cause` is, or has in it, a hit of `query`.
fn follows(query: &Query, cause: &Query) -> bool {
    let few = |sides: &Vec<Query>| sides.len() <= COMPARED;
    query == cause
        || matches!(query, Query::Or(sides) if few(sides) && sides.contains(cause))
        || matches!(cause, Query::Or(sides) if few(sides) && sides.iter().all(|side| follows(query, side)))
}

/// The only part of a document in which a query can have hits.
fn part_of(query: &Query) -> Option<Part> {
    match query {
        Query::In(part, _) => Some(*part),
        Query::Or(sides) => {
            let part = part_of(sides.first()?)?;
            sides.iter().all(|side| part_of(side) == Some(part)).then_some(part)
        }
        Query::Near { left, right, .. } => part_of(left).or_else(|| part_of(right)),
        Query::Not(left, _) | Query::NotNear { left, .. } => part_of(left),
        _ => None,
    }
}
