//! Classifying through a running server.

use super::classify::{Tally, View};
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

/// How many batches may be on their way or wait for their turn at the server.
const IN_FLIGHT: usize = 8;

/// Sends documents through one ClassifyStream, a batch a message, and prints the answers in order.
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
    std::thread::spawn(move || {
        let mut options = Some(options);
        let done = inputs.read(|batch| {
            let documents = batch.records().flatten().map(message).collect();
            let request = ClassifyStreamRequest { documents, options: options.take() };
            requests.blocking_send(request).is_ok() && batches.blocking_send(Ok(batch)).is_ok()
        });
        if let Err(failure) = done {
            batches.blocking_send(Err(failure)).ok();
        }
    });
    let mut answers =
        client.classify_stream(ReceiverStream::new(outgoing)).await.map_err(refused)?.into_inner();
    while let Some(batch) = sent.recv().await {
        let batch: Batch = batch?;
        let Some(answer) = answers.message().await.map_err(refused)? else {
            return Err(Failure::Message(format!("{url}: the server ended the stream")));
        };
        let mut results = answer.results.into_iter();
        view.answer(&batch, |_| results.next().unwrap_or_default()).print(tally)?;
    }
    Ok(())
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
