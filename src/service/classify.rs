//! The calls that classify.

use super::call::Call;
use super::limits::Limits;
use super::question::Question;
use super::work::{Turn, Workers};
use crate::catalog::Catalog;
use crate::wire::proto::geotopics::v1::classification_service_server::ClassificationService;
use crate::wire::v1::{
    ClassifyBatchRequest, ClassifyBatchResponse, ClassifyOptions, ClassifyRequest, ClassifyResponse,
    ClassifyResult, ClassifyStreamRequest, ClassifyStreamResponse, Document, ExplainRequest, ExplainResponse,
};
use crate::wire::{Fault, Reason};
use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use prost::Message;
use std::sync::Arc;
use tokio::task::coop::consume_budget;
use tokio::task::yield_now;
use tonic::{Request, Response, Status, Streaming};

/// Classifies with the rulesets of a catalog.
#[derive(Clone, Debug)]
pub(super) struct Classification {
    pub(super) catalog: Arc<Catalog>,
    pub(super) limits: Limits,
    pub(super) workers: Workers,
}

impl Classification {
    pub(super) fn question(&self, options: Option<ClassifyOptions>) -> Result<Question, Fault> {
        Question::new(&self.catalog, options.unwrap_or_default()).map_err(|fault| fault.within("options"))
    }

    fn question_again(&self, before: &Question) -> Result<Question, Fault> {
        before.again(&self.catalog).map_err(|fault| fault.within("options"))
    }

    async fn results(
        &self,
        call: &Arc<Call>,
        question: &Question,
        documents: Vec<Document>,
    ) -> Result<Vec<ClassifyResult>, Status> {
        self.limits.check_documents(documents.len())?;
        results(&self.workers, call, question, documents, in_list).await
    }
}

fn required(document: Option<Document>) -> Result<Document, Fault> {
    document.ok_or_else(|| Fault::new(Reason::InvalidDocument, "document", "is missing"))
}

/// What documents take beside the bytes of their fields.
fn bytes_beside(documents: usize) -> usize {
    documents * size_of::<Document>()
}

/// Where a document of a message stands.
pub(super) fn in_list(i: usize) -> String {
    format!("documents[{i}]")
}

/// What became of each document: a bad one fails alone, by a fault at its `place`. Other calls have their turn now and then between two documents, and there
/// the call ends when nobody waits for its answer any more.
pub(super) async fn results(
    workers: &Workers,
    call: &Arc<Call>,
    question: &Question,
    documents: Vec<Document>,
    place: impl Fn(usize) -> String,
) -> Result<Vec<ClassifyResult>, Status> {
    let mut results: Vec<ClassifyResult> = Vec::with_capacity(documents.len());
    let (mut turn, mut made_before) = (Turn::begin(), 0);
    for (i, document) in documents.into_iter().enumerate() {
        if turn.is_over() {
            call.holds(results.iter().skip(made_before).map(Message::encoded_len).sum());
            made_before = results.len();
            yield_now().await;
            call.check()?;
            turn = Turn::begin();
        }
        let question = question.clone();
        let classify = move |document: &_, scratch: &mut _| question.classification(document, scratch);
        let (document, answer) = workers.run(document, classify).await?;
        results.push(answer.map_or_else(|fault| fault.within(&place(i)).result(&document), Into::into));
    }
    Ok(results)
}

#[tonic::async_trait]
impl ClassificationService for Classification {
    async fn classify(
        &self,
        request: Request<ClassifyRequest>,
    ) -> Result<Response<ClassifyResponse>, Status> {
        Call::of(&request)?.reads(request.get_ref().encoded_len())?;
        let ClassifyRequest { document, options } = request.into_inner();
        let question = self.question(options)?;
        let classify = move |document: &_, scratch: &mut _| question.classification(document, scratch);
        let (_, answer) = self.workers.run(required(document)?, classify).await?;
        let classification = Some(answer.map_err(|fault| fault.within("document"))?);
        Ok(Response::new(ClassifyResponse { classification }))
    }

    async fn classify_batch(
        &self,
        request: Request<ClassifyBatchRequest>,
    ) -> Result<Response<ClassifyBatchResponse>, Status> {
        let call = Call::of(&request)?;
        call.reads(request.get_ref().encoded_len() + bytes_beside(request.get_ref().documents.len()))?;
        let ClassifyBatchRequest { documents, options } = request.into_inner();
        let question = self.question(options)?;
        let results = self.results(&call, &question, documents).await?;
        Ok(Response::new(ClassifyBatchResponse { results }))
    }

    type ClassifyStreamStream = BoxStream<'static, Result<ClassifyStreamResponse, Status>>;

    /// A message is read when the answer to the one before has been taken, so that HTTP/2 holds back a client that sends and
    /// does not read.
    async fn classify_stream(
        &self,
        request: Request<Streaming<ClassifyStreamRequest>>,
    ) -> Result<Response<Self::ClassifyStreamStream>, Status> {
        let call = Call::of(&request)?;
        let start = (self.clone(), call, request.into_inner(), None);
        let answers =
            try_unfold(start, |(this, call, mut messages, before): (_, _, _, Option<Question>)| async move {
                consume_budget().await;
                let Some(message) = messages.message().await? else { return Ok(None) };
                call.reads(message.encoded_len() + bytes_beside(message.documents.len()))?;
                let ClassifyStreamRequest { documents, options } = message;
                let question = match before {
                    Some(before) if options.is_none() => this.question_again(&before)?,
                    Some(_) | None => this.question(options)?,
                };
                let results = this.results(&call, &question, documents).await?;
                Ok(Some((ClassifyStreamResponse { results }, (this, call, messages, Some(question)))))
            });
        Ok(Response::new(answers.boxed()))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        Call::of(&request)?.reads(request.get_ref().encoded_len())?;
        let ExplainRequest { document, topics, ruleset } = request.into_inner();
        let options = ClassifyOptions { topics, ruleset, ..ClassifyOptions::default() };
        let question = Question::new(&self.catalog, options)?;
        let explain = move |document: &_, scratch: &mut _| question.explanation(document, scratch);
        let (_, answer) = self.workers.run(required(document)?, explain).await?;
        Ok(Response::new(answer.map_err(|fault| fault.within("document"))?))
    }
}
