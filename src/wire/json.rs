//! Messages as JSON: their own snake_case names, plain numbers, every list present. pbjson generates it for all messages
//! but for those that the JSON of protocol buffers treats apart, and for `Document`, whose text is bytes.

use super::proto::google::protobuf::{Any, Duration, Timestamp};
use super::proto::google::rpc::{BadRequest, ErrorInfo, RetryInfo};
use super::v1::{ClassifyResult, Document, DocumentError, classify_result::Outcome, document::MetadataEntry};
use bytes::Bytes;
use prost::{Message, Name};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::fmt;
use tonic::Code;

/// Appends what became of one document as a line of JSON, newline included: a `Classification`, or
/// `{"document_id": ..., "error": {"code": "INVALID_ARGUMENT", "message": ...}}`.
///
/// # Errors
/// When the result holds a value that this version does not know; the line is then left out.
pub fn write_line(result: &ClassifyResult, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let start = out.len();
    let written = match &result.outcome {
        Some(Outcome::Classification(classification)) => serde_json::to_writer(&mut *out, classification),
        Some(Outcome::Error(error)) => serde_json::to_writer(&mut *out, &error_line(error)),
        None => Err(serde_json::Error::custom("a result without an outcome")),
    };
    match written {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(start),
    }
    written
}

fn error_line(error: &DocumentError) -> Value {
    let DocumentError { document_id, status } = error;
    let (code, message) = status.as_ref().map_or((0, ""), |status| (status.code, &*status.message));
    json!({ "document_id": document_id, "error": { "code": code_name(code.into()), "message": message } })
}

/// The name of a status code, as google/rpc/code.proto has it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

// google.protobuf.Timestamp: RFC 3339.

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = jiff::Timestamp::new(self.seconds, self.nanos).map_err(S::Error::custom)?;
        serializer.collect_str(&time)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A bare date is no time of protocol buffers, but stands in the files that the command line takes, and is 00:00 UTC.
        let date = if text.len() == "2024-05-31".len() { "T00:00:00Z" } else { "" };
        let time: jiff::Timestamp = format!("{text}{date}").parse().map_err(|_| {
            de::Error::custom(format!(
                "{text:?} is neither a time such as 2024-05-31T08:30:00Z nor a date such as 2024-05-31"
            ))
        })?;
        let second = time.as_nanosecond().div_euclid(1_000_000_000);
        let nanos = time.as_nanosecond().rem_euclid(1_000_000_000);
        Ok(Timestamp { seconds: second as i64, nanos: nanos as i32 })
    }
}

// google.protobuf.Duration: seconds with an `s` after them.

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.seconds as f64 + f64::from(self.nanos) / 1e9;
        serializer.collect_str(&format_args!("{seconds}s"))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = text.strip_suffix('s').and_then(|text| text.parse::<f64>().ok());
        let seconds = seconds.ok_or_else(|| de::Error::custom("no duration such as \"1.5s\""))?;
        Ok(Duration { seconds: seconds.trunc() as i64, nanos: (seconds.fract() * 1e9).round() as i32 })
    }
}

// google.protobuf.Any: the fields of the message and its type.

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn fields<M: Message + Default + Serialize, E: serde::ser::Error>(bytes: &[u8]) -> Result<Value, E> {
            let message = M::decode(bytes).map_err(E::custom)?;
            serde_json::to_value(message).map_err(E::custom)
        }
        let mut object = match &self.type_url {
            url if *url == BadRequest::type_url() => fields::<BadRequest, S::Error>(&self.value)?,
            url if *url == ErrorInfo::type_url() => fields::<ErrorInfo, S::Error>(&self.value)?,
            url if *url == RetryInfo::type_url() => fields::<RetryInfo, S::Error>(&self.value)?,
            url => return Err(S::Error::custom(format!("no JSON for details of type {url}"))),
        };
        if let Value::Object(object) = &mut object {
            object.insert("@type".to_owned(), Value::from(&*self.type_url));
        }
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Any, D::Error> {
        fn encoded<M: Message + de::DeserializeOwned, E: de::Error>(
            object: Map<String, Value>,
        ) -> Result<Vec<u8>, E> {
            let message: M = serde_json::from_value(Value::Object(object)).map_err(E::custom)?;
            Ok(message.encode_to_vec())
        }
        let mut object = Map::deserialize(deserializer)?;
        let Some(Value::String(type_url)) = object.remove("@type") else {
            return Err(de::Error::missing_field("@type"));
        };
        let value = match &type_url {
            url if *url == BadRequest::type_url() => encoded::<BadRequest, D::Error>(object)?,
            url if *url == ErrorInfo::type_url() => encoded::<ErrorInfo, D::Error>(object)?,
            url if *url == RetryInfo::type_url() => encoded::<RetryInfo, D::Error>(object)?,
            url => return Err(de::Error::custom(format!("no JSON for details of type {url}"))),
        };
        Ok(Any { type_url, value })
    }
}

// Document: text that is checked later, with the field named.

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DocumentJson::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        DocumentJson::deserialize(deserializer)
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "Document", deny_unknown_fields)]
struct DocumentJson {
    #[serde(default, with = "text")]
    id: Bytes,
    #[serde(default, with = "text")]
    title: Bytes,
    #[serde(default, with = "text")]
    text: Bytes,
    #[serde(default, with = "text")]
    language: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<Timestamp>,
    #[serde(default, with = "entries")]
    metadata: Vec<MetadataEntry>,
    #[serde(skip)]
    unreadable: Bytes,
}

mod text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(text: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(text).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_bytes(Text)
    }

    struct Text;

    impl Visitor<'_> for Text {
        type Value = Bytes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
            self.visit_bytes(text.as_bytes())
        }

        fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Bytes, E> {
            Ok(Bytes::copy_from_slice(text))
        }
    }
}

mod entries {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        entries: &[MetadataEntry],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(entries.len()))?;
        for MetadataEntry { key, value } in entries {
            let key = std::str::from_utf8(key).map_err(S::Error::custom)?;
            map.serialize_entry(key, std::str::from_utf8(value).map_err(S::Error::custom)?)?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<MetadataEntry>, D::Error> {
        deserializer.deserialize_map(Entries)
    }

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<MetadataEntry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<MetadataEntry>, A::Error> {
            let mut entries = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, String>()? {
                entries.push(MetadataEntry { key: key.into(), value: value.into() });
            }
            Ok(entries)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1::{
        Classification, ClassifyRequest, Evidence, Field, Label, NearMiss, RulesetRef, Span,
    };
    use crate::wire::{Fault, Reason};

    fn line(result: &ClassifyResult) -> String {
        let mut out = Vec::new();
        write_line(result, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_classification_is_a_flat_line() {
        let evidence = Evidence {
            rule: "named".to_owned(),
            field: Field::Text.into(),
            points: 1.0,
            spans: vec![Span { start: 4, end: 19 }],
        };
        let label = Label {
            topic: "corridors".to_owned(),
            name: "Transport \"corridors\"".to_owned(),
            score: 0.5,
            points: 1.0,
            evidence: vec![evidence],
            ..Label::default()
        };
        let classification = Classification {
            document_id: "a\n1".to_owned(),
            labels: vec![label],
            ruleset: Some(RulesetRef::default()),
            near_misses: vec![NearMiss::default()],
            ..Classification::default()
        };
        assert_eq!(
            line(&classification.into()),
            concat!(
                r#"{"document_id":"a\n1","labels":[{"topic":"corridors","name":"Transport \"corridors\"","group":"","#,
                r#""score":0.5,"points":1.0,"evidence":[{"rule":"named","field":"FIELD_TEXT","points":1.0,"#,
                r#""spans":[{"start":4,"end":19}]}]}],"language":"","#,
                r#""ruleset":{"name":"","version":"","revision":"","engine":""},"near_misses":[{"topic":"","name":"","#,
                r#""group":"","score":0.0,"points":0.0,"reason":"NEAR_MISS_REASON_UNSPECIFIED"}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_error_is_a_line_too() {
        let document = Document { id: "x".into(), ..Document::default() };
        let result = Fault::new(Reason::InvalidDocument, "text", "not valid UTF-8").result(&document);
        assert_eq!(
            line(&result),
            "{\"document_id\":\"x\",\"error\":{\"code\":\"INVALID_ARGUMENT\",\"message\":\"text: not valid UTF-8\"}}\n"
        );
    }

    #[test]
    fn a_result_that_cannot_be_written_leaves_no_half_line() {
        let near_misses = vec![NearMiss { reason: 99, ..NearMiss::default() }];
        let mut out = b"before".to_vec();
        assert!(
            write_line(&Classification { near_misses, ..Classification::default() }.into(), &mut out)
                .is_err()
        );
        assert!(write_line(&ClassifyResult::default(), &mut out).is_err());
        assert_eq!(out, b"before");
    }

    #[test]
    fn messages_come_back_from_their_json() {
        let entry = MetadataEntry { key: "source".into(), value: "un.org".into() };
        let document = Document {
            id: "x".into(),
            title: "Баку".into(),
            text: "a\u{0}\"b\"".into(),
            language: "ru".into(),
            published: Some(Timestamp { seconds: -1, nanos: 500_000_000 }),
            metadata: vec![entry],
            unreadable: Bytes::new(),
        };
        let request = ClassifyRequest { document: Some(document), options: Some(Default::default()) };
        let json = serde_json::to_string(&request).unwrap();
        assert!(json.contains(r#""published":"1969-12-31T23:59:59.5Z""#), "{json}");
        assert_eq!(serde_json::from_str::<ClassifyRequest>(&json).unwrap(), request);

        let status =
            Fault::new(Reason::UnknownRuleset, "options.ruleset", "no ruleset \"x\" is served").status();
        let json = serde_json::to_string(&status).unwrap();
        assert!(json.contains(r#""@type":"type.googleapis.com/google.rpc.BadRequest""#), "{json}");
        assert_eq!(serde_json::from_str::<crate::wire::proto::google::rpc::Status>(&json).unwrap(), status);
    }

    #[test]
    fn a_date_is_its_first_second() {
        let document: Document = serde_json::from_str(r#"{"published": "2024-05-31"}"#).unwrap();
        assert_eq!(document.published, Some(Timestamp { seconds: 1_717_113_600, nanos: 0 }));
        for wrong in ["2024-05", "2024-02-30", "yesterday!", "31.05.2024", "2024-05-31T08:30:00"] {
            let json = format!(r#"{{"published": "{wrong}"}}"#);
            let error = serde_json::from_str::<Document>(&json).unwrap_err().to_string();
            assert!(error.contains("neither a time"), "{error}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for json in [r#"{"txt": "a"}"#, r#"{"text": 1}"#, r#"{"text": [1]}"#, r#"{"metadata": {"a": 1}}"#] {
            assert!(serde_json::from_str::<Document>(json).is_err(), "{json}");
        }
        // Half of a pair of surrogates: no UTF-8, for `Incoming` to refuse with the field named.
        let document: Document = serde_json::from_str(r#"{"text": "a\ud800"}"#).unwrap();
        assert!(std::str::from_utf8(&document.text).is_err());
    }
}
