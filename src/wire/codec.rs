//! Bytes to messages. What is nonsense in one spoils as little as can be: a document that cannot be read fails alone, as long as it can
//! be told from the others; and no message takes many times its bytes of memory.

use super::v1::{ClassifyBatchRequest, ClassifyOptions, ClassifyStreamRequest, Document};
use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{DecodeError, Message, Name};
use std::any::Any;
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// A smaller message is not looked at before it is read: whatever it has is few.
const FEW: usize = 64 << 10;

/// Fields that a message may have, those of its documents and options counted: each takes two bytes at least, and becomes up to two
/// hundred where it is a document, up to sixty where it is an entry of metadata.
const FIELDS: usize = 250_000;

/// Writes messages of one kind and reads those of the other.
#[derive(Debug)]
pub(crate) struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Codec<T, U> {
        Codec(PhantomData)
    }
}

impl<T: Message + Send + 'static, U: Message + Name + Default + Send + 'static> tonic::codec::Codec
    for Codec<T, U>
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Reader<U> {
        Reader(PhantomData)
    }
}

/// Reads messages.
#[derive(Debug)]
pub(crate) struct Reader<U>(PhantomData<U>);

impl<U: Message + Name + Default + 'static> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        read(&buf.copy_to_bytes(buf.remaining())).map(Some)
    }
}

fn read<U: Message + Name + Default + 'static>(bytes: &Bytes) -> Result<U, Status> {
    let mut message = U::default();
    let any: &mut dyn Any = &mut message;
    let read = if bytes.len() > FEW && count(bytes, inner_fields(U::NAME)) > FIELDS {
        Err(format!("it has more than {FIELDS} fields, which is the limit"))
    } else {
        match U::decode(bytes.clone()) {
            Ok(message) => return Ok(message),
            Err(error) => match any.downcast_mut::<ClassifyBatchRequest>() {
                Some(ClassifyBatchRequest { documents, options }) => salvage(bytes, documents, options),
                None => match any.downcast_mut::<ClassifyStreamRequest>() {
                    Some(ClassifyStreamRequest { documents, options }) => salvage(bytes, documents, options),
                    None => Err(error.to_string()),
                },
            },
        }
    };
    let Err(error) = read else { return Ok(message) };
    if let Some(request) = any.downcast_mut::<ClassifyStreamRequest>() {
        // It gets its answer, and the stream goes on: where no document can be told from another, all of it is one.
        *request = ClassifyStreamRequest { documents: vec![unreadable(&[], error)], options: None };
        return Ok(message);
    }
    let error = format!("the message is no {}: {error}", U::NAME);
    Err(if U::NAME.ends_with("Request") { Status::invalid_argument(error) } else { Status::internal(error) })
}

/// The fields of a message whose own fields count.
fn inner_fields(message: &str) -> &'static [u32] {
    match message {
        "ClassifyRequest" | "ClassifyBatchRequest" | "ClassifyStreamRequest" => &[1, 2],
        "ExplainRequest" => &[1],
        "CheckRulesetRequest" => &[1, 2, 3],
        _ => &[],
    }
}

/// Counts the fields of a message and of those in it that stand in some fields. What cannot be read ends the count.
fn count(message: &[u8], inner: &[u32]) -> usize {
    let mut count = 0;
    let mut rest = message;
    while count <= FIELDS
        && let Ok(Some((tag, content))) = field(&mut rest)
    {
        count += 1;
        if let Some(content) = content.filter(|_| inner.contains(&tag)) {
            count += self::count(content, &[]);
        }
    }
    count
}

/// A field: its number, and its content where that has a length.
type Field<'a> = (u32, Option<&'a [u8]>);

/// The next field; nothing at the end.
fn field<'a>(rest: &mut &'a [u8]) -> Result<Option<Field<'a>>, String> {
    let wrong = |error: DecodeError| error.to_string();
    if rest.is_empty() {
        return Ok(None);
    }
    let (tag, kind) = decode_key(rest).map_err(wrong)?;
    if kind != WireType::LengthDelimited {
        skip_field(kind, tag, rest, DecodeContext::default()).map_err(wrong)?;
        return Ok(Some((tag, None)));
    }
    let length = decode_varint(rest).map_err(wrong)?;
    let parts = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (content, after) = parts.ok_or("a field is longer than the message")?;
    *rest = after;
    Ok(Some((tag, Some(content))))
}

/// Reads the documents of a message one by one, and its options.
fn salvage(
    bytes: &Bytes,
    documents: &mut Vec<Document>,
    options: &mut Option<ClassifyOptions>,
) -> Result<(), String> {
    let mut rest = &**bytes;
    while let Some((tag, content)) = field(&mut rest)? {
        match (tag, content) {
            (1, Some(content)) => documents.push(
                Document::decode(bytes.slice_ref(content))
                    .unwrap_or_else(|error| unreadable(content, error.to_string())),
            ),
            (2, Some(content)) => {
                options.get_or_insert_default().merge(content).map_err(|error| error.to_string())?;
            }
            (1 | 2, None) => return Err("a field is no message, which it must be".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

/// A document that cannot be read, with its id if that can.
fn unreadable(mut bytes: &[u8], error: String) -> Document {
    let mut id = &[][..];
    while let Ok(Some((tag, content))) = field(&mut bytes) {
        if let (1, Some(content)) = (tag, content) {
            id = content;
        }
    }
    Document { id: Bytes::copy_from_slice(id), unreadable: error.into(), ..Document::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1::{ClassifyRequest, ClassifyResponse};
    use tonic::Code;

    fn document(id: &str) -> Document {
        Document { id: id.to_owned().into(), text: "Baku".into(), ..Document::default() }
    }

    /// A field with a length.
    fn with_length(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// A document whose text is a number.
    fn nonsense(id: &str) -> Vec<u8> {
        [&with_length(1, id.as_bytes())[..], &[3 << 3, 7]].concat()
    }

    fn stream(bytes: Vec<u8>) -> ClassifyStreamRequest {
        read(&bytes.into()).unwrap()
    }

    #[test]
    fn what_is_sound_is_read_as_it_is() {
        let request = ClassifyStreamRequest {
            documents: vec![document("a"), document("b")],
            options: Some(ClassifyOptions { max_labels: 3, ..ClassifyOptions::default() }),
        };
        assert_eq!(stream(request.encode_to_vec()), request);
        assert_eq!(stream(Vec::new()), ClassifyStreamRequest::default());
    }

    #[test]
    fn a_document_that_is_nonsense_spoils_no_other() {
        let sound = document("a").encode_to_vec();
        let options = ClassifyOptions { max_labels: 3, ..ClassifyOptions::default() };
        let bytes = [
            with_length(1, &sound),
            with_length(1, &nonsense("b")),
            with_length(2, &options.encode_to_vec()),
            with_length(1, &[0xff; 20]),
            with_length(1, &sound),
        ]
        .concat();
        let request = stream(bytes.clone());
        let ids: Vec<&[u8]> = request.documents.iter().map(|document| &*document.id).collect();
        assert_eq!(ids, [&b"a"[..], b"b", b"", b"a"]);
        let unreadable: Vec<bool> =
            request.documents.iter().map(|document| !document.unreadable.is_empty()).collect();
        assert_eq!(unreadable, [false, true, true, false]);
        assert_eq!(request.options, Some(options));
        let batch: ClassifyBatchRequest = read(&bytes.into()).unwrap();
        assert_eq!(batch.documents, request.documents);
    }

    #[test]
    fn a_message_that_is_nonsense_is_one_document_of_a_stream() {
        for bytes in [vec![0xff; 30], vec![1 << 3 | 2, 100, 1], vec![1 << 3, 5], with_length(2, &[0xff])] {
            let documents = stream(bytes.clone()).documents;
            assert!(documents.len() == 1 && !documents[0].unreadable.is_empty(), "{bytes:?}");
            let status = read::<ClassifyBatchRequest>(&bytes.clone().into()).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
            let status = read::<ClassifyRequest>(&bytes.into()).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        }
        // What a server sends is not the fault of who reads it.
        let status = read::<ClassifyResponse>(&vec![0xff; 30].into()).unwrap_err();
        assert_eq!(status.code(), Code::Internal);
    }

    #[test]
    fn whatever_comes_a_message_of_a_stream_is_answered() {
        let options = Some(ClassifyOptions { topics: vec!["a".to_owned()], ..ClassifyOptions::default() });
        let request = ClassifyStreamRequest { documents: vec![document("a"), document("b")], options };
        let sound = request.encode_to_vec();
        let mut chance = fastrand::Rng::with_seed(1);
        for _ in 0..50_000 {
            let mut bytes = sound.clone();
            for _ in 0..chance.usize(1..4) {
                let place = chance.usize(..bytes.len());
                match chance.u8(..3) {
                    0 => bytes[place] = chance.u8(..),
                    1 => bytes.insert(place, chance.u8(..)),
                    _ => bytes.truncate(place.max(1)),
                }
            }
            let read = stream(bytes.clone());
            // What is read as it is has no document that is not; what is not has one.
            let unreadable = read.documents.iter().any(|document| !document.unreadable.is_empty());
            assert_eq!(ClassifyStreamRequest::decode(&*bytes).is_err(), unreadable, "{bytes:?}");
        }
    }

    #[test]
    fn two_bytes_do_not_become_two_hundred_for_long() {
        let many = FIELDS + 10;
        let empty = [1 << 3 | 2, 0].repeat(many);
        assert_eq!(stream(empty.clone()).documents.len(), 1);
        let status = read::<ClassifyBatchRequest>(&empty.into()).unwrap_err();
        assert!(status.message().contains("250000 fields"), "{status}");
        // Entries of the metadata of one document.
        let entries = [6 << 3 | 2, 0].repeat(many);
        let mut bytes = vec![1 << 3 | 2];
        prost::encoding::encode_varint(entries.len() as u64, &mut bytes);
        bytes.extend(entries);
        let status = read::<ClassifyRequest>(&bytes.into()).unwrap_err();
        assert!(status.message().contains("250000 fields"), "{status}");
    }
}
