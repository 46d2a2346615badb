//! The calls that classify.

use super::limits::Limits;
use super::question::Question;
use super::work::{Workers, bytes};
use crate::catalog::Catalog;
use crate::wire::proto::geotopics::v1::classification_service_server::ClassificationService;
use crate::wire::v1::{
    ClassifyBatchRequest, ClassifyBatchResponse, ClassifyOptions, ClassifyRequest, ClassifyResponse,
    ClassifyResult, ClassifyStreamRequest, ClassifyStreamResponse, Document, ExplainRequest, ExplainResponse,
};
use crate::wire::{Fault, Reason};
use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use std::sync::Arc;
use tokio::task::coop::consume_budget;
use tonic::{Request, Response, Status, Streaming};

/// Classifies with the rulesets of a catalog.
#[derive(Clone, Debug)]
pub(super) struct Classification {
    pub(super) catalog: Arc<Catalog>,
    pub(super) limits: Limits,
    pub(super) workers: Workers,
}

impl Classification {
    fn question(&self, options: Option<ClassifyOptions>) -> Result<Question, Fault> {
        Question::new(&self.catalog, options.unwrap_or_default()).map_err(|fault| fault.within("options"))
    }

    fn question_again(&self, before: &Question) -> Result<Question, Fault> {
        before.again(&self.catalog).map_err(|fault| fault.within("options"))
    }

    async fn results(
        &self,
        question: Question,
        documents: Vec<Document>,
    ) -> Result<Vec<ClassifyResult>, Status> {
        self.limits.check_documents(documents.len())?;
        let work = bytes(&documents);
        self.workers.run(work, move |scratch| question.results(&documents, scratch)).await
    }
}

#[tonic::async_trait]
impl ClassificationService for Classification {
    async fn classify(
        &self,
        request: Request<ClassifyRequest>,
    ) -> Result<Response<ClassifyResponse>, Status> {
        let ClassifyRequest { document, options } = request.into_inner();
        let question = self.question(options)?;
        let document = required(document)?;
        let work = bytes(std::slice::from_ref(&document));
        let answer =
            self.workers.run(work, move |scratch| question.classification(&document, scratch)).await?;
        let classification = Some(answer.map_err(|fault| fault.within("document"))?);
        Ok(Response::new(ClassifyResponse { classification }))
    }

    async fn classify_batch(
        &self,
        request: Request<ClassifyBatchRequest>,
    ) -> Result<Response<ClassifyBatchResponse>, Status> {
        let ClassifyBatchRequest { documents, options } = request.into_inner();
        let question = self.question(options)?;
        let results = self.results(question, documents).await?;
        Ok(Response::new(ClassifyBatchResponse { results }))
    }

    type ClassifyStreamStream = BoxStream<'static, Result<ClassifyStreamResponse, Status>>;

    /// A message is read when the answer to the one before has been taken, so that HTTP/2 holds back a client that sends and
    /// does not read.
    async fn classify_stream(
        &self,
        request: Request<Streaming<ClassifyStreamRequest>>,
    ) -> Result<Response<Self::ClassifyStreamStream>, Status> {
        let start = (self.clone(), request.into_inner(), None);
        let answers =
            try_unfold(start, |(this, mut messages, before): (_, _, Option<Question>)| async move {
                consume_budget().await;
                let Some(message) = messages.message().await? else { return Ok(None) };
                let ClassifyStreamRequest { documents, options } = message;
                let question = match before {
                    Some(before) if options.is_none() => this.question_again(&before)?,
                    Some(_) | None => this.question(options)?,
                };
                let results = this.results(question.clone(), documents).await?;
                Ok(Some((ClassifyStreamResponse { results }, (this, messages, Some(question)))))
            });
        Ok(Response::new(answers.boxed()))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let ExplainRequest { document, topics, ruleset } = request.into_inner();
        let options = ClassifyOptions { topics, ruleset, ..ClassifyOptions::default() };
        let question = Question::new(&self.catalog, options)?;
        let document = required(document)?;
        let work = bytes(std::slice::from_ref(&document));
        let answer = self.workers.run(work, move |scratch| question.explanation(&document, scratch)).await?;
        Ok(Response::new(answer.map_err(|fault| fault.within("document"))?))
    }
}

fn required(document: Option<Document>) -> Result<Document, Fault> {
    document.ok_or_else(|| Fault::new(Reason::InvalidDocument, "document", "is missing"))
}
