//! Classifying through a running server.

use super::classify::{Tally, View, failed, joined, start};
use super::connect::Access;
use super::input::{Batch, Fault, Inputs};
use super::output::{self, Failure};
use super::record::Record;
use crate::wire::proto::google::protobuf::Timestamp;
use crate::wire::v1::classification_service_client::ClassificationServiceClient;
use crate::wire::v1::document::MetadataEntry;
use crate::wire::v1::{ClassifyOptions, ClassifyStreamRequest, Document};
use bytes::Bytes;
use prost::Message;
use std::borrow::Cow;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// How many batches, and how many messages, may be on their way.
const IN_FLIGHT: usize = 8;

/// At most so many documents are one message: a server takes no more than its limit, 10,000 unless configured otherwise.
const MESSAGE: usize = 1000;

/// A message with more bytes takes no further document.
const MESSAGE_BYTES: usize = 4 << 20;

/// A larger document fails alone: with its options and frame, a server that is not configured otherwise would refuse it.
const DOCUMENT_BYTES: usize = (16 << 20) - (64 << 10);

/// A batch that is on its way.
struct Sent {
    batch: Batch,
    /// How many messages it is.
    messages: usize,
    /// For each of its documents, whether it was sent.
    fits: Vec<bool>,
}

/// Sends documents through one ClassifyStream, some batches ahead of their answers, and prints the answers in order.
pub(super) fn classify(
    url: &str,
    access: &Access,
    options: ClassifyOptions,
    inputs: Inputs,
    view: View,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    let done = runtime.block_on(stream(url, access, options, inputs, view, tally));
    // The reader may be waiting for input that never comes.
    runtime.shutdown_background();
    done
}

async fn stream(
    url: &str,
    access: &Access,
    options: ClassifyOptions,
    inputs: Inputs,
    view: View,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let refused =
        |status: Status| Failure::Message(format!("{url}: {}", output::printable(status.message())));
    let mut client = ClassificationServiceClient::new(access.connect(url, None).await?)
        .max_decoding_message_size(usize::MAX);
    let (requests, outgoing) = mpsc::channel(IN_FLIGHT);
    let (batches, mut sent) = mpsc::channel(IN_FLIGHT);
    let reader = start(move || {
        let mut options = Some(options);
        let done = inputs.read(|batch| {
            let documents: Vec<Document> = batch.records().flatten().map(message).collect();
            let fits = documents.iter().map(|document| document.encoded_len() <= DOCUMENT_BYTES).collect();
            let messages = messages(documents);
            // The batch goes first, so that its answers are taken while its later messages wait for room.
            batches.blocking_send(Ok(Sent { batch, messages: messages.len(), fits })).is_ok()
                && messages.into_iter().all(|documents| {
                    requests
                        .blocking_send(ClassifyStreamRequest { documents, options: options.take() })
                        .is_ok()
                })
        });
        if let Err(failure) = done {
            batches.blocking_send(Err(failure)).ok();
        }
    })?;
    let mut answers =
        client.classify_stream(ReceiverStream::new(outgoing)).await.map_err(refused)?.into_inner();
    while let Some(sent) = sent.recv().await {
        let Sent { batch, messages, fits } = sent?;
        let documents = fits.iter().filter(|fits| **fits).count();
        let mut results = Vec::with_capacity(documents);
        for _ in 0..messages {
            let answer = answers.message().await.map_err(refused)?;
            results.extend(answer.unwrap_or_default().results);
        }
        if results.len() != documents {
            let message = format!("{url}: {} answers to {documents} documents", results.len());
            return Err(Failure::Message(message));
        }
        let (mut results, mut fits) = (results.into_iter(), fits.into_iter());
        let answer = |record: &Record<'_>| match fits.next() {
            Some(false) => failed(too_large(record)),
            _ => results.next().unwrap_or_default(),
        };
        view.answer(&batch, answer).print(tally)?;
    }
    joined(reader)
}

/// Documents as messages, without those that are too large.
fn messages(documents: Vec<Document>) -> Vec<Vec<Document>> {
    let mut messages: Vec<Vec<Document>> = Vec::new();
    let mut bytes = 0;
    for document in documents {
        let length = document.encoded_len();
        if length > DOCUMENT_BYTES {
            continue;
        }
        match messages.last_mut() {
            Some(last) if last.len() < MESSAGE && bytes + length <= MESSAGE_BYTES => {
                last.push(document);
                bytes += length;
            }
            _ => {
                messages.push(vec![document]);
                bytes = length;
            }
        }
    }
    messages
}

fn too_large(record: &Record<'_>) -> Fault {
    let message = format!("the document is larger than the {DOCUMENT_BYTES} bytes that a server takes");
    Fault { document_id: record.id.to_string(), message }
}

fn message(record: Record<'_>) -> Document {
    let bytes = |text: Cow<'_, str>| Bytes::from(text.into_owned());
    let entry = |(key, value)| MetadataEntry { key: bytes(key), value: bytes(value) };
    Document {
        id: bytes(record.id),
        title: bytes(record.title.unwrap_or_default()),
        text: bytes(record.text.unwrap_or_default()),
        language: bytes(record.language),
        published: record.published.map(|seconds| Timestamp { seconds, nanos: 0 }),
        // Of equal keys the first counts in a record, and the last in a message.
        metadata: record.metadata.into_iter().rev().map(entry).collect(),
        ..Document::default()
    }
}
