//! Which words does a term ask for, and can it ask for them?

use super::report::quoted;
use super::values::is_name;
use super::{Code, Part, Pattern, Query, Severity, Term};
use crate::text::{PatternWord, bare, exact, folded, pattern_words};
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::syntax;
use std::ops::Range;

/// A term has at most so many words.
const MAX_WORDS: usize = 32;
/// A regular expression has at most so many bytes, and its automaton at most so many.
const MAX_REGEX: usize = 1000;
const MAX_AUTOMATON: usize = 1 << 20;
/// The automata of a ruleset have at most so many bytes together, so that they cost bounded time and memory.
pub(super) const MAX_AUTOMATA: usize = 16 << 20;
/// A byte of a regular expression counts like so many of an automaton: to read it takes time as well.
const READ: usize = 64;
/// Groups in a regular expression nest at most so deep.
const MAX_REGEX_NEST: u32 = 32;
/// A wildcard has at least so many plain letters or digits.
const MIN_PLAIN: usize = 2;

/// A fault in the text of a query or term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub code: Code,
    /// The bytes at fault.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Fault {
    pub(super) fn new(
        code: Code,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Fault {
        Fault { code, range, message: message.into(), help: help.into() }
    }

    /// Whether it is more than a warning.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// How the words of a term are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// In bare form.
    Bare,
    /// `=`: in exact form.
    Exact,
    /// `~`: by stem.
    Stem,
}

impl Mark {
    /// Of the sign before a term.
    pub(super) fn of(sign: char) -> Option<Mark> {
        match sign {
            '=' => Some(Mark::Exact),
            '~' => Some(Mark::Stem),
            _ => None,
        }
    }
}

/// The term that `text` is, with places from `start` on; none where it is faulty.
pub(super) fn phrase(text: &str, mark: Mark, start: usize, faults: &mut Vec<Fault>) -> Option<Term> {
    let words = pattern_words(text);
    let all = start..start + text.len();
    let before = faults.len();
    if words.len() > MAX_WORDS {
        let message = format!("a term has at most {MAX_WORDS} words, this one has {}", words.len());
        faults.push(Fault::new(
            Code::TooManyWords,
            all,
            message,
            "join shorter ones with PRE/0, in a rule with `match`",
        ));
        return None;
    }
    let mut patterns = Vec::with_capacity(words.len());
    for word in &words {
        let at = start + word.span.start as usize..start + word.span.end as usize;
        match pattern(word, mark, at.clone()) {
            Ok(pattern) if !pattern.text().contains(char::is_alphanumeric) => {
                let message = format!("{} holds no letter or digit that is compared", quoted(&word.word));
                faults.push(Fault::new(Code::NoWord, at, message, "leave it out"));
            }
            Ok(pattern) => patterns.push(pattern),
            Err(fault) => faults.push(fault),
        }
    }
    if words.is_empty() {
        let message = if text.is_empty() {
            "the term is empty".to_owned()
        } else {
            format!("the term {} holds no word", quoted(text))
        };
        faults.push(Fault::new(Code::NoWord, all.clone(), message, "a word has a letter or a digit"));
    }
    if faults.len() > before {
        return None;
    }
    if let Some(sign) = text.chars().find(|c| matches!(c, '+' | '%' | '&' | '$')) {
        let term = Term { words: patterns.clone() };
        let message = format!("{} loses its `{sign}`: only letters and digits are compared", quoted(text));
        faults.push(Fault::new(Code::LostSign, all, message, format!("it matches {term}")));
    }
    Some(Term { words: patterns })
}

fn pattern(word: &PatternWord, mark: Mark, at: Range<usize>) -> Result<Pattern, Fault> {
    let text = &word.word;
    if !text.contains(['*', '?']) {
        return Ok(match mark {
            Mark::Bare => Pattern::Bare(bare(text)),
            Mark::Exact => Pattern::Exact(exact(text)),
            Mark::Stem => Pattern::Stem(folded(text)),
        });
    }
    let fault = |code, message: String, help: &str| Err(Fault::new(code, at.clone(), message, help));
    let shown = quoted(text);
    if word.unspaced {
        let message = format!("a wildcard cannot stand in a script without spaces: {shown}");
        return fault(
            Code::UnspacedWildcard,
            message,
            "there each letter is a word: write the letters alone",
        );
    }
    if mark == Mark::Stem {
        let message = format!("`~` and the wildcard {shown} exclude each other");
        return fault(Code::InflectedWildcard, message, "leave out the `~`, or the `*` and `?`");
    }
    if text.chars().all(|c| c == '*') {
        let message = format!("{shown} alone is no word");
        return fault(Code::LoneStar, message, "for a word between two others, write: a PRE/1 b");
    }
    let form = if mark == Mark::Exact { exact(text) } else { bare(text) };
    if form.chars().filter(|c| c.is_alphanumeric()).count() < MIN_PLAIN {
        let message = format!("the wildcard {shown} needs {MIN_PLAIN} plain letters or digits");
        return fault(
            Code::ShortWildcard,
            message,
            "write more of the word, or list the words that are meant",
        );
    }
    let mut form = form;
    while form.contains("**") {
        form = form.replace("**", "*");
    }
    Ok(if mark == Mark::Exact { Pattern::ExactWildcard(form) } else { Pattern::Wildcard(form) })
}

/// The regular expression between two slashes, in which `\/` is a slash; `range` is its place, slashes included.
/// It takes what it costs from `left`, the bytes of automata that the ruleset may still have.
pub(super) fn regex(body: &str, range: Range<usize>, left: &mut usize) -> Result<Term, Fault> {
    const TOGETHER: &str = "the regular expressions of the ruleset are too large together";
    const FEWER: &str = "use fewer or smaller repetitions, or list the words";
    let mut pattern = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().starts_with('/')) {
            ('\\', true) => {}
            ('\\', false) => {
                pattern.push(c);
                pattern.extend(chars.next());
            }
            _ => pattern.push(c),
        }
    }
    let fault = |code, message: &str, help: &str| Err(Fault::new(code, range.clone(), message, help));
    if body.is_empty() {
        return fault(Code::NoWord, "the regular expression is empty", "write it between the slashes");
    }
    if let Some((at, c)) = body.char_indices().find(|(_, c)| c.is_whitespace()) {
        let at = range.start + 1 + at..range.start + 1 + at + c.len_utf8();
        let help = "it matches one word: join two with PRE/0, such as /a/ PRE/0 /b/";
        return Err(Fault::new(Code::BlankInRegex, at, "a word has no blank", help));
    }
    if pattern.len() > MAX_REGEX {
        let message = format!("the regular expression is longer than {MAX_REGEX} bytes");
        return fault(Code::LargeRegex, &message, "split it, or list the words");
    }
    if !take(left, READ * body.len()) {
        return fault(Code::LargeRegex, TOGETHER, FEWER);
    }
    let hir = match syntax::parse_with(&pattern, &regex_syntax()) {
        Ok(hir) => hir,
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
            let help = "there are no look-around and no back references";
            return fault(Code::BadRegex, &format!("the regular expression is broken: {reason}"), help);
        }
    };
    if hir.properties().minimum_len() == Some(0) {
        return fault(
            Code::EmptyRegex,
            "the regular expression matches the empty word",
            "let it need a letter",
        );
    }
    let size = word_regex(&pattern).map(|automaton| automaton.memory_usage());
    let fits = take(left, size.as_ref().map_or(MAX_AUTOMATON, |size| *size));
    match size {
        Ok(_) if fits => Ok(Term { words: vec![Pattern::Regex(pattern)] }),
        Ok(_) => fault(Code::LargeRegex, TOGETHER, FEWER),
        Err(_) => fault(Code::LargeRegex, "the regular expression is too large", "use smaller repetitions"),
    }
}

/// Takes so much from what is left; all of it and false where it is less.
fn take(left: &mut usize, cost: usize) -> bool {
    let enough = cost <= *left;
    *left = left.saturating_sub(cost);
    enough
}

fn regex_syntax() -> syntax::Config {
    syntax::Config::new().case_insensitive(true).nest_limit(MAX_REGEX_NEST)
}

/// The automaton over a whole word, built to see that it is small.
fn word_regex(pattern: &str) -> Result<NFA, Box<thompson::BuildError>> {
    let limits = thompson::Config::new().nfa_size_limit(Some(MAX_AUTOMATON)).shrink(false);
    // The line feed ends a comment of `(?x)`; elsewhere it is one that no word holds.
    let whole = format!("^(?:{pattern}|\n)$");
    thompson::Compiler::new().syntax(regex_syntax()).configure(limits).build(&whole).map_err(Box::new)
}

/// An entry of `terms`, `mask` or a list: a phrase without quotes, or `@list`; none where it is faulty.
pub(super) fn entry(text: &str, faults: &mut Vec<Fault>) -> Option<Query> {
    let body = text.trim();
    let start = text.len() - text.trim_start().len();
    let all = start..start + body.len();
    if let Some(name) = body.strip_prefix('@').filter(|name| !name.contains(char::is_whitespace)) {
        if is_name(name) {
            return Some(Query::List(name.to_owned()));
        }
        let help = "a list has a-z, 0-9 and _ in its name; to match the word itself leave out the `@`";
        faults.push(Fault::new(Code::BadName, all, "`@` takes the name of a list", help));
        return None;
    }
    let mark = body.chars().next().and_then(Mark::of);
    let sign = usize::from(mark.is_some());
    let phrase_text = body.get(sign..).unwrap_or("");
    if mark.is_some() && phrase_text.starts_with(['=', '~', '@']) {
        let message =
            format!("{} takes words, not a list or another sign", quoted(body.get(..1).unwrap_or("")));
        faults.push(Fault::new(Code::BadMark, all, message, "leave one of them out"));
        return None;
    }
    if mark.is_none()
        && let Some(written) = like_operator(body)
    {
        let message = format!("{} is a plain word here, no operator", quoted(written));
        faults.push(Fault::new(
            Code::OperatorInTerm,
            all,
            message,
            "for operators write a rule with `match`",
        ));
    }
    phrase(phrase_text, mark.unwrap_or(Mark::Bare), start + sign, faults).map(Query::Term)
}

/// What in an entry reads like the language of `match`.
fn like_operator(text: &str) -> Option<&str> {
    let regex = text.len() > 2 && text.starts_with('/') && text.ends_with('/');
    let words = || text.split_whitespace();
    if regex || (text.starts_with('#') && is_name(text.get(1..).unwrap_or(""))) {
        return Some(text);
    }
    words().find(|word| {
        let (name, number) =
            word.split_once('/').map_or((*word, None), |(name, number)| (name, Some(number)));
        let field =
            word.split_once(':').is_some_and(|(name, _)| Part::ALL.iter().any(|part| part.as_str() == name));
        field
            || match name {
                "OR" | "AND" => number.is_none() && words().nth(1).is_some(),
                "NOT" => number.is_some() || words().nth(1).is_some(),
                "NEAR" | "PRE" | "ATLEAST" | "DISTINCT" => true,
                _ => false,
            }
    })
}
