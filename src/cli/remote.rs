//! Classifying through a running server.

use super::classify::{Tally, View, joined, start};
use super::input::{Batch, Inputs};
use super::output::{self, Failure};
use super::record::Record;
use crate::wire::proto::google::protobuf::Timestamp;
use crate::wire::v1::classification_service_client::ClassificationServiceClient;
use crate::wire::v1::document::MetadataEntry;
use crate::wire::v1::{ClassifyOptions, ClassifyStreamRequest, Document};
use bytes::Bytes;
use std::borrow::Cow;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// How many batches, and how many messages, may be on their way.
const IN_FLIGHT: usize = 8;

/// At most so many documents are one message: a server takes no more than its limit, 10,000 unless configured otherwise.
const MESSAGE: usize = 1000;

/// Sends documents through one ClassifyStream, some batches ahead of their answers, and prints the answers in order.
pub(super) fn classify(
    url: &str,
    options: ClassifyOptions,
    inputs: Inputs,
    view: View,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    let done = runtime.block_on(stream(url, options, inputs, view, tally));
    // The reader may be waiting for input that never comes.
    runtime.shutdown_background();
    done
}

async fn stream(
    url: &str,
    options: ClassifyOptions,
    inputs: Inputs,
    view: View,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let refused = |status: Status| Failure::Message(format!("{url}: {}", status.message()));
    let mut client =
        ClassificationServiceClient::new(connect(url).await?).max_decoding_message_size(usize::MAX);
    let (requests, outgoing) = mpsc::channel(IN_FLIGHT);
    let (batches, mut sent) = mpsc::channel(IN_FLIGHT);
    let reader = start(move || {
        let mut options = Some(options);
        let done = inputs.read(|batch| {
            let documents: Vec<_> = batch.records().flatten().map(message).collect();
            // The batch goes first, so that its answers are taken while its later messages wait for room.
            batches.blocking_send(Ok((batch, documents.len()))).is_ok()
                && documents.chunks(MESSAGE).all(|documents| {
                    let documents = documents.to_vec();
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
        let (batch, documents): (Batch, usize) = sent?;
        let mut results = Vec::with_capacity(documents);
        for _ in 0..documents.div_ceil(MESSAGE) {
            let answer = answers.message().await.map_err(refused)?;
            results.extend(answer.unwrap_or_default().results);
        }
        if results.len() != documents {
            let message = format!("{url}: {} answers to {documents} documents", results.len());
            return Err(Failure::Message(message));
        }
        let mut results = results.into_iter();
        view.answer(&batch, |_| results.next().unwrap_or_default()).print(tally)?;
    }
    joined(reader)
}

async fn connect(url: &str) -> Result<Channel, Failure> {
    let address = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let endpoint =
        Endpoint::from_shared(address).map_err(|error| Failure::Message(format!("{url}: {error}")))?;
    endpoint
        .connect()
        .await
        .map_err(|error| Failure::Message(format!("cannot reach {url}: {}", cause(&error))))
}

/// The innermost reason of an error, where the outer ones only say where it passed through.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    output::reason(&cause.to_string()).to_owned()
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
    }
}
