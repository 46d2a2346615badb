//! Documents as people and programs hand them in: lines of JSON, and plain text.

use crate::engine::Document;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A document, borrowed from its line as far as escapes allow.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// The id; empty where none is given.
    pub(super) id: Cow<'a, str>,
    /// The title, if there is one.
    pub(super) title: Option<Cow<'a, str>>,
    /// The text, if there is one.
    pub(super) text: Option<Cow<'a, str>>,
    /// The language; empty where none is given.
    pub(super) language: Cow<'a, str>,
    /// When it was published, in seconds since 1970-01-01 00:00 UTC.
    pub(super) published: Option<i64>,
    /// Metadata, the last of equal keys first.
    pub(super) metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Record<'a> {
    /// Reads an object with the keys `id`, `title`, `text`, `language`, `published` and `metadata`. Other keys are
    /// ignored, `null` is as good as no key, and of equal keys the last counts.
    ///
    /// # Errors
    /// What is wrong, with the name of the key or the column.
    pub(super) fn from_json(json: &'a [u8]) -> Result<Record<'a>, String> {
        let json = utf8(json)?;
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let record = deserializer
            .deserialize_map(RecordVisitor)
            .and_then(|record| deserializer.end().map(|()| record))
            .map_err(|error| without_line(&error))?;
        if record.title.is_none() && record.text.is_none() {
            return Err("neither `title` nor `text`".to_owned());
        }
        Ok(record)
    }

    /// Takes a whole text as a document.
    ///
    /// # Errors
    /// Where it is not UTF-8.
    pub(super) fn from_plain_text(text: &'a [u8]) -> Result<Record<'a>, String> {
        let text = utf8(text)?;
        Ok(Record {
            text: Some(Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text))),
            ..Record::default()
        })
    }

    /// The document for the engine; `metadata` is the memory for the pairs.
    pub(super) fn document<'b>(&'b self, metadata: &'b mut Vec<(&'b str, &'b str)>) -> Document<'b> {
        metadata.extend(self.metadata.iter().map(|(key, value)| (&**key, &**value)));
        Document {
            title: self.title.as_deref().unwrap_or(""),
            text: self.text.as_deref().unwrap_or(""),
            language: &self.language,
            published: self.published,
            metadata,
        }
    }
}

/// The `id` of a line that is no document for another reason, as far as it can be read.
pub(super) fn id_in(json: &[u8]) -> Option<String> {
    struct IdVisitor<'i>(&'i mut Option<String>);

    impl<'de> Visitor<'de> for IdVisitor<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key_seed(KEY)? {
                if key.as_deref() == Some("id") {
                    *self.0 = map.next_value_seed(Text { parent: "", key: "id" })?.map(Cow::into_owned);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }

    let mut id = None;
    let json = std::str::from_utf8(json).ok()?;
    serde_json::Deserializer::from_str(json).deserialize_map(IdVisitor(&mut id)).ok();
    id
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))
}

/// serde_json's message with the column alone, since each document is one line to it.
fn without_line(error: &serde_json::Error) -> String {
    let kind = if error.is_data() { "" } else { "not JSON: " };
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    format!("{kind}{message} at column {}", error.column())
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document: an object with `title` or `text`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
        let mut record = Record::default();
        while let Some(Some(key)) = map.next_key_seed(KEY)? {
            let text = Text { parent: "", key: &key };
            match &*key {
                "id" => record.id = map.next_value_seed(text)?.unwrap_or_default(),
                "title" => record.title = map.next_value_seed(text)?,
                "text" => record.text = map.next_value_seed(text)?,
                "language" => record.language = map.next_value_seed(text)?.unwrap_or_default(),
                "published" => {
                    record.published = match map.next_value_seed(text)? {
                        Some(time) => Some(seconds(&time).ok_or_else(|| {
                            A::Error::custom(format_args!(
                                "`published` is neither a time such as 2024-05-31T08:30:00Z nor a date such as 2024-05-31: {time:?}"
                            ))
                        })?),
                        None => None,
                    }
                }
                "metadata" => record.metadata = map.next_value_seed(Metadata)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(record)
    }
}

/// Seconds since 1970-01-01 00:00 UTC of an RFC 3339 time or a bare date.
#[must_use]
pub(super) fn seconds(time: &str) -> Option<i64> {
    if time.len() == "2024-05-31".len() {
        let date: jiff::civil::Date = time.parse().ok()?;
        return jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok().map(jiff::Timestamp::as_second);
    }
    let time: jiff::Timestamp = time.parse().ok()?;
    i64::try_from(time.as_nanosecond().div_euclid(1_000_000_000)).ok()
}

/// A string, or `null`, whose key an error names.
struct Text<'k> {
    parent: &'k str,
    key: &'k str,
}

/// A key itself.
const KEY: Text<'_> = Text { parent: "", key: "" };

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string for `{}{}`", self.parent, self.key)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// An object of strings, or `null`.
struct Metadata;

impl<'de> DeserializeSeed<'de> for Metadata {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Metadata {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings for `metadata`")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(Some(key)) = map.next_key_seed(KEY)? {
            let text = Text { parent: "metadata.", key: &key };
            if let Some(value) = map.next_value_seed(text)? {
                pairs.push((key, value));
            }
        }
        // The engine takes the first of equal keys, JSON the last.
        pairs.reverse();
        Ok(pairs)
    }
}
