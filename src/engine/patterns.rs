//! Which patterns - wildcards, regular expressions, stems - does a word match?
//!
//! Asked once for each distinct word: a scratch remembers the answers.

use super::TooLarge;
use super::glob::Glob;
use crate::rules::Pattern;
use crate::text::{Language, bare, folded, stem};
use aho_corasick::AhoCorasick;
use foldhash::{HashMap, HashMapExt};
use regex_automata::{Input, MatchKind, PatternSet, meta::Regex, util::syntax};
use regex_syntax::hir::{Hir, Look};

/// The patterns of a ruleset, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    globs: Vec<(Glob, u32)>,
    /// Over the longest literals of globs.
    literals: Option<AhoCorasick>,
    /// For each literal the globs that have it.
    with_literal: Vec<Vec<u32>>,
    regexes: Vec<(Regex, Vec<u32>)>,
    stems: Vec<(Language, HashMap<String, u32>)>,
    /// Each as an author would write it.
    texts: Vec<String>,
    /// The exact globs, which a word with that pattern must match in its exact form besides.
    exact: Vec<Option<Glob>>,
    /// So many of the first are those on which terms are anchored.
    anchors: u32,
}

/// So many regular expressions are compiled into one automaton.
const REGEXES_TOGETHER: usize = 64;

/// So many marks patterns have; those of anchors have none.
pub(super) const MARKS: u32 = 16;

impl Patterns {
    /// Patterns with the language of their stems, in the order of their numbers; on so many of the first terms are anchored.
    pub(super) fn new(patterns: &[(&Pattern, Language)], anchors: u32) -> Result<Patterns, TooLarge> {
        let mut built = Patterns { exact: vec![None; patterns.len()], anchors, ..Patterns::default() };
        let mut regexes = Vec::new();
        let mut stems: HashMap<Language, usize> = HashMap::new();
        for (number, &(pattern, language)) in (0..).zip(patterns) {
            built.texts.push(match pattern {
                Pattern::Bare(text) | Pattern::Wildcard(text) => text.clone(),
                Pattern::Exact(text) | Pattern::ExactWildcard(text) => format!("={text}"),
                Pattern::Regex(text) => format!("/{text}/"),
                Pattern::Stem(text) => format!("~{text}"),
            });
            match pattern {
                Pattern::Wildcard(wildcard) => built.globs.push((Glob::new(&bare(wildcard)), number)),
                Pattern::ExactWildcard(wildcard) => {
                    // One character of the exact form may be several of the bare form.
                    built.globs.push((Glob::new(&bare(wildcard).replace('?', "*")), number));
                    built.exact[number as usize] = Some(Glob::new(wildcard));
                }
                Pattern::Regex(regex) => regexes.push((regex.as_str(), number)),
                Pattern::Stem(word) => {
                    let at = *stems.entry(language).or_insert_with(|| {
                        built.stems.push((language, HashMap::new()));
                        built.stems.len() - 1
                    });
                    if let Some(stem) = stem(language, word) {
                        built.stems[at].1.insert(stem, number);
                    }
                }
                Pattern::Bare(_) | Pattern::Exact(_) => {}
            }
        }
        let mut literals: Vec<(&str, u32)> =
            (0..).zip(&built.globs).map(|(number, (glob, _))| (glob.longest_literal(), number)).collect();
        literals.sort_unstable();
        let by_literal = literals.chunk_by(|a, b| a.0 == b.0);
        built.with_literal =
            by_literal.clone().map(|globs| globs.iter().map(|&(_, number)| number).collect()).collect();
        built.literals = Some(
            AhoCorasick::new(by_literal.map(|globs| globs[0].0))
                .map_err(|_| TooLarge { what: "wildcards" })?,
        );
        for regexes in regexes.chunks(REGEXES_TOGETHER) {
            built.regexes.push((together(regexes)?, regexes.iter().map(|&(_, number)| number).collect()));
        }
        Ok(built)
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// So many of the first are those on which terms are anchored.
    pub(super) fn anchors(&self) -> u32 {
        self.anchors
    }

    /// Those of some patterns, in increasing order, that terms are anchored on.
    pub(super) fn anchors_of<'p>(&self, patterns: &'p [u32]) -> &'p [u32] {
        &patterns[..patterns.partition_point(|pattern| *pattern < self.anchors)]
    }

    /// The mark of a pattern: see [`super::memory::Memory::may_have`].
    pub(super) fn mark(&self, pattern: u32) -> u8 {
        if pattern < self.anchors { MARKS as u8 } else { (pattern % MARKS) as u8 }
    }

    /// Appends the numbers of the patterns that a word of a text matches, each once, in increasing order; exact
    /// globs only by their bare form.
    pub(super) fn of_word(&self, word: &str, found: &mut Vec<u32>) {
        let from = found.len();
        let form = bare(word);
        if let Some(literals) = &self.literals {
            let mut seen = vec![false; self.with_literal.len()];
            for literal in literals.find_overlapping_iter(&form).map(|found| found.pattern().as_usize()) {
                if !std::mem::replace(&mut seen[literal], true) {
                    let globs = self.with_literal[literal].iter().map(|&glob| &self.globs[glob as usize]);
                    found.extend(globs.filter(|(glob, _)| glob.matches(&form)).map(|&(_, number)| number));
                }
            }
        }
        for (regex, numbers) in &self.regexes {
            let mut set = PatternSet::new(numbers.len());
            regex.which_overlapping_matches(&Input::new(&form), &mut set);
            found.extend(set.iter().map(|id| numbers[id.as_usize()]));
        }
        if !self.stems.is_empty() {
            let folded = folded(word);
            for (language, stems) in &self.stems {
                found.extend(stem(*language, &folded).and_then(|stem| stems.get(&stem)));
            }
        }
        found[from..].sort_unstable();
    }

    /// A pattern as an author would write it.
    pub(super) fn text(&self, pattern: u32) -> &str {
        &self.texts[pattern as usize]
    }

    /// The glob that the exact form of a word with this pattern must match besides.
    pub(super) fn exact(&self, pattern: u32) -> Option<&Glob> {
        self.exact[pattern as usize].as_ref()
    }
}

/// One automaton of several expressions, each over a whole word.
fn together(expressions: &[(&str, u32)]) -> Result<Regex, TooLarge> {
    let too_large = TooLarge { what: "regular expressions" };
    let syntax = syntax::Config::new().case_insensitive(true);
    let whole = |(expression, _): &(&str, u32)| {
        let hir = syntax::parse_with(expression, &syntax).map_err(|_| too_large)?;
        Ok(Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]))
    };
    let whole = expressions.iter().map(whole).collect::<Result<Vec<Hir>, TooLarge>>()?;
    let config = Regex::config().match_kind(MatchKind::All);
    Regex::builder().configure(config).build_many_from_hir(&whole).map_err(|_| too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_patterns() {
        let en = Language::ENGLISH;
        let ru = Language::of_tag("ru").unwrap();
        let patterns = [
            (Pattern::Wildcard("rail*".into()), en),
            (Pattern::Regex("sanction(s|ed|ing)?".into()), en),
            (Pattern::Stem("negotiate".into()), en),
            (Pattern::ExactWildcard("Iran*".into()), en),
            (Pattern::Stem("переговоры".into()), ru),
            (Pattern::Wildcard("*a?l*".into()), en),
            (Pattern::Regex("R.*".into()), en),
            (Pattern::Regex("(?x) ab # c".into()), en),
        ];
        let patterns: Vec<_> = patterns.iter().map(|(p, l)| (p, *l)).collect();
        let patterns = Patterns::new(&patterns, 5).unwrap();
        for (word, expected) in [
            ("Railways", vec![0, 5, 6]),
            ("sanctioned", vec![1]),
            ("sanctionedx", vec![]),
            ("Negotiating", vec![2]),
            ("iranian", vec![3]),
            ("AB", vec![7]),
            ("abc", vec![]),
            ("Переговоров", vec![4]),
        ] {
            let mut found = vec![9];
            patterns.of_word(word, &mut found);
            assert_eq!(found[1..], expected, "{word}");
            let anchors: Vec<u32> = expected.into_iter().filter(|pattern| *pattern < 5).collect();
            assert_eq!(patterns.anchors_of(&found[1..]), anchors, "{word}");
        }
        assert!(patterns.exact(3).is_some_and(|glob| !glob.matches("iranian") && glob.matches("Iranian")));
    }
}
