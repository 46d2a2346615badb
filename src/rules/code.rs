//! Which faults are there? Each has a stable code; `docs/rules.md` says what to do about it.

use super::Severity;

macro_rules! codes {
    ($($(#[doc = $about:literal])+ $name:ident = $code:literal,)+) => {
        /// A kind of fault. `E` codes are errors, `W` codes warnings; the first two digits are the area.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $about])+ $name,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$name),+];

            /// The code as diagnostics print it, such as `E0201`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code),+ }
            }

            /// What is wrong, in a line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Code::$name => concat!($($about),+).trim_start()),+ }
            }
        }
    };
}

codes! {
    /// The folder has no `ruleset.toml`.
    NoManifest = "E0101",
    /// The file is not UTF-8.
    NotUtf8 = "E0102",
    /// The file is not TOML.
    NotToml = "E0103",
    /// The file is larger than 8 MiB.
    FileTooLarge = "E0104",
    /// Two files have the same path.
    SamePath = "E0105",
    /// The ruleset has no topic.
    NoTopics = "E0106",
    /// More faults than a report holds.
    TooManyFaults = "E0107",
    /// The ruleset has more words, terms or list entries than can be numbered.
    TooLarge = "E0108",

    /// A key or table that the language does not have.
    UnknownKey = "E0201",
    /// A required key is missing.
    MissingKey = "E0202",
    /// A value of the wrong type.
    WrongType = "E0203",
    /// A value out of range.
    OutOfRange = "E0204",
    /// A list, `terms` or a cross-reference without an entry.
    Empty = "E0205",
    /// A rule with both `terms` and `match`, or with neither.
    TermsOrMatch = "E0206",
    /// `since` is not before `until`.
    NoTimeLeft = "E0207",
    /// A topic without a rule.
    NoRules = "E0208",
    /// An example without title and text.
    EmptyExample = "E0209",
    /// A malformed language tag.
    BadLanguage = "E0210",

    /// A malformed id or name.
    BadName = "E0301",
    /// Two topics with one id.
    SameTopic = "E0302",
    /// Two rules of a topic with one id.
    SameRule = "E0303",
    /// Two lists with one name.
    SameList = "E0304",
    /// A group has the id of a topic.
    GroupIsTopic = "E0305",
    /// `@name` of a list that does not exist.
    NoSuchList = "E0306",
    /// `#id` of a topic that does not exist.
    NoSuchTopic = "E0307",
    /// A list that holds itself.
    ListCycle = "E0308",
    /// A topic that depends on itself.
    TopicCycle = "E0309",
    /// Lists inside lists, more than 64 deep.
    ListsTooDeep = "E0310",

    /// Two terms in a row.
    TwoTerms = "E0401",
    /// A term is missing.
    MissingTerm = "E0402",
    /// Parentheses that do not pair.
    Unbalanced = "E0403",
    /// A quote or regular expression without its end.
    Unclosed = "E0404",
    /// Curly quotes.
    CurlyQuote = "E0405",
    /// An operator without its `/n`, or with a number that it cannot have.
    BadNumber = "E0406",
    /// An operator in lower case.
    LowerCase = "E0407",
    /// An unknown prefix, or a colon outside quotes.
    UnknownPrefix = "E0408",
    /// `=` or `~` before something that takes none.
    BadMark = "E0409",
    /// A query more than 64 deep.
    TooDeep = "E0410",
    /// In a rule, `NOT` where a word is needed.
    OnlyNot = "E0411",
    /// A condition (`NOT x`, `#topic`, `meta.`) where a place is needed.
    NoPlace = "E0412",
    /// A field inside another that it cannot meet.
    FieldClash = "E0413",
    /// A malformed `meta.key:"value"`.
    BadMeta = "E0414",
    /// `#topic` in the ruleset's `exclude`.
    TopicInVeto = "E0415",

    /// A term without a word.
    NoWord = "E0501",
    /// A term of more than 32 words.
    TooManyWords = "E0502",
    /// A `*` alone.
    LoneStar = "E0503",
    /// A wildcard with fewer than 2 plain letters or digits.
    ShortWildcard = "E0504",
    /// A wildcard beside a letter of an unspaced script.
    UnspacedWildcard = "E0505",
    /// A wildcard in an inflected term (`~`).
    InflectedWildcard = "E0506",
    /// `~` in a language without a stemmer.
    NoStemmer = "E0507",
    /// A regular expression that is broken, or uses what regexes of words have not.
    BadRegex = "E0508",
    /// A regular expression that is too large.
    LargeRegex = "E0509",
    /// A regular expression that matches the empty word.
    EmptyRegex = "E0510",
    /// A blank in a regular expression.
    BlankInRegex = "E0511",

    /// An example that does not hold.
    FailedExample = "E0701",

    /// A weight of 0.
    ZeroWeight = "W0601",
    /// The same term twice in a rule.
    SameTerm = "W0602",
    /// A query that can never match.
    NeverMatches = "W0603",
    /// A term that loses `+`, `%`, `&` or `$`.
    LostSign = "W0604",
    /// Words like operators in `terms`, `mask` or a list.
    OperatorInTerm = "W0605",
    /// `AND` beside `OR` without parentheses.
    AndBesideOr = "W0606",
    /// An operand of `NEAR`, `PRE` or `NOT/n` that is `AND` or `NOT`.
    LooseNear = "W0607",
    /// `DISTINCT/n` over fewer than n alternatives.
    FewAlternatives = "W0608",
}

impl Code {
    /// Whether it keeps the ruleset from being used.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}
