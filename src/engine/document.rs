//! What is classified.

use crate::text::Span;

/// A news article.
#[derive(Clone, Copy, Debug, Default)]
pub struct Document<'a> {
    /// Title; may be empty.
    pub title: &'a str,
    /// Text; may be empty.
    pub text: &'a str,
    /// The language as given; empty or `und` where it is not known.
    pub language: &'a str,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub published: Option<i64>,
    /// Metadata; of equal keys the first counts.
    pub metadata: &'a [(&'a str, &'a str)],
}

/// Where in a document a hit can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// [`Document::title`].
    Title,
    /// [`Document::text`].
    Text,
}

impl Document<'_> {
    /// The text of a field.
    #[must_use]
    pub fn field(&self, field: Field) -> &str {
        match field {
            Field::Title => self.title,
            Field::Text => self.text,
        }
    }

    /// The words at a place; empty where there is none.
    #[must_use]
    pub fn words_at(&self, field: Field, span: Span) -> &str {
        span.of(self.field(field))
    }
}
