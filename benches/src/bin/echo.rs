//! The yardstick for what any gRPC server of this stack costs: tonic's own server, the same calls and messages, the same
//! allocator and frames as the real one, and no classification. It answers each document with what the engine found in it
//! at the start, looked up by its id.
//!
//! ```sh
//! cargo run --release -p geotopics-benches --bin echo -- RULES DOCUMENTS
//! ```

use clap::Parser;
use futures_util::stream::{BoxStream, StreamExt};
use geotopics::catalog::load as load_rules;
use geotopics::wire::proto::geotopics::v1::classification_service_server::{
    ClassificationService, ClassificationServiceServer,
};
use geotopics::wire::v1::{
    Classification, ClassifyBatchRequest, ClassifyBatchResponse, ClassifyRequest, ClassifyResponse,
    ClassifyResult, ClassifyStreamRequest, ClassifyStreamResponse, Document, ExplainRequest, ExplainResponse,
};
use geotopics::wire::{Answers, Incoming, Options};
use geotopics::{Classifier, Scratch};
use geotopics_benches::load;
use geotopics_benches::rules::compile;
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What the real server takes.
const FRAME_BYTES: u32 = 128 << 10;

/// Answer documents as geotopics would, without reading them
#[derive(Parser)]
struct Args {
    /// Folder of a ruleset
    rules: PathBuf,
    /// Lines of JSON with `id`, `title`, `text` and `language`
    documents: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Args { rules, documents } = Args::parse();
    let classifier = compile(&load_rules(&rules)?)?;
    let echo = Echo { answers: Arc::new(answers(&classifier, &load::read(&documents)?)?) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout().lock(), "echo serving gRPC on http://{}", listener.local_addr()?)?;
    Server::builder()
        .max_frame_size(FRAME_BYTES)
        .add_service(ClassificationServiceServer::new(echo))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

/// What the engine finds in each document.
fn answers(
    classifier: &Classifier,
    documents: &[Document],
) -> Result<HashMap<Vec<u8>, Classification>, Box<dyn Error>> {
    let mut scratch = Scratch::default();
    let answers = Answers { ruleset: classifier.name(), classifier, options: &Options::default() };
    let mut of_id = HashMap::new();
    for message in documents {
        let incoming = Incoming::new(message)?;
        let answer = answers.classify(incoming.id, &incoming.document(), &mut scratch);
        of_id.insert(message.id.to_vec(), answer);
    }
    Ok(of_id)
}

#[derive(Clone)]
struct Echo {
    answers: Arc<HashMap<Vec<u8>, Classification>>,
}

impl Echo {
    fn answer(&self, document: &Document) -> Result<Classification, Status> {
        self.answers.get(&*document.id).cloned().ok_or_else(|| Status::not_found("no document of the corpus"))
    }

    fn results(&self, documents: &[Document]) -> Result<Vec<ClassifyResult>, Status> {
        documents.iter().map(|document| self.answer(document).map(ClassifyResult::from)).collect()
    }
}

#[tonic::async_trait]
impl ClassificationService for Echo {
    async fn classify(
        &self,
        request: Request<ClassifyRequest>,
    ) -> Result<Response<ClassifyResponse>, Status> {
        let document = request.into_inner().document.unwrap_or_default();
        Ok(Response::new(ClassifyResponse { classification: Some(self.answer(&document)?) }))
    }

    async fn classify_batch(
        &self,
        request: Request<ClassifyBatchRequest>,
    ) -> Result<Response<ClassifyBatchResponse>, Status> {
        let results = self.results(&request.into_inner().documents)?;
        Ok(Response::new(ClassifyBatchResponse { results }))
    }

    type ClassifyStreamStream = BoxStream<'static, Result<ClassifyStreamResponse, Status>>;

    async fn classify_stream(
        &self,
        request: Request<Streaming<ClassifyStreamRequest>>,
    ) -> Result<Response<Self::ClassifyStreamStream>, Status> {
        let this = self.clone();
        let answer = move |message: Result<ClassifyStreamRequest, Status>| {
            Ok(ClassifyStreamResponse { results: this.results(&message?.documents)? })
        };
        Ok(Response::new(request.into_inner().map(answer).boxed()))
    }

    async fn explain(&self, _: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        Err(Status::unimplemented("an echo explains nothing"))
    }
}
