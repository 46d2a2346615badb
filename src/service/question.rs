//! What a call asks: documents, of a ruleset, under options.

use crate::catalog::{Catalog, Live};
use crate::engine::Scratch;
use crate::wire::{Answers, Fault, Incoming, Options, Quoted, Reason, v1};
use std::sync::Arc;

/// A ruleset, held to the end of the call or message, and what to answer with.
#[derive(Clone, Debug)]
pub(super) struct Question {
    live: Arc<Live>,
    options: Arc<Options>,
}

impl Question {
    /// Checks the options of a request and takes the ruleset they name. Faults name fields of the options.
    pub(super) fn new(catalog: &Catalog, options: v1::ClassifyOptions) -> Result<Question, Fault> {
        let options = Options::new(options)?;
        let live = live(catalog, "ruleset", &options.ruleset)?;
        Question::of(live, options)
    }

    /// Asks a given ruleset.
    pub(super) fn of(live: Arc<Live>, options: Options) -> Result<Question, Fault> {
        options.topics.check(&live.classifier)?;
        Ok(Question { live, options: Arc::new(options) })
    }

    /// The same question to the ruleset as it is now, which may have lost a topic that the options name.
    pub(super) fn again(&self, catalog: &Catalog) -> Result<Question, Fault> {
        Ok(Question {
            live: live(catalog, "ruleset", &self.options.ruleset)?,
            options: Arc::clone(&self.options),
        })
    }

    /// The topics of a document. Faults name fields of the document.
    pub(super) fn classification(
        &self,
        document: &v1::Document,
        scratch: &mut Scratch,
    ) -> Result<v1::Classification, Fault> {
        let incoming = Incoming::new(document)?;
        let (answers, document) = (self.answers(), incoming.document());
        let found = answers.find(&document, scratch);
        found.labels.iter().for_each(|label| self.live.count(label.topic));
        Ok(answers.classification(incoming.id, &document, found))
    }

    /// Why a document has the topics it has. Faults name fields of the document.
    pub(super) fn explanation(
        &self,
        document: &v1::Document,
        scratch: &mut Scratch,
    ) -> Result<v1::ExplainResponse, Fault> {
        let incoming = Incoming::new(document)?;
        let found = self.live.classifier.explain(&incoming.document(), scratch);
        Ok(self.answers().explanation(incoming.id, &incoming.document(), found))
    }

    fn answers(&self) -> Answers<'_> {
        Answers { ruleset: &self.live.name, classifier: &self.live.classifier, options: &self.options }
    }
}

/// The ruleset that a field names, as it is now; the default one for the empty name.
pub(super) fn live(catalog: &Catalog, field: &str, name: &str) -> Result<Arc<Live>, Fault> {
    let unknown =
        || Fault::new(Reason::UnknownRuleset, field, format_args!("no ruleset {} is served", Quoted(name)));
    catalog.get(name).ok_or_else(unknown)
}
