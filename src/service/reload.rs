//! What is read again when its files change: rulesets, certificates, tokens. Whatever becomes of a change is logged and counted;
//! what cannot be used changes nothing.

use super::metrics::Metrics;
use super::tls::Tls;
use super::tokens::Tokens;
use crate::catalog::{Catalog, NotRead, Outcome};
use crate::rules::{Diagnostic, Severity};
use std::sync::Arc;
use tracing::{error, info, warn};

/// Reads files again.
#[derive(Clone, Debug)]
pub struct Reloader {
    catalog: Arc<Catalog>,
    tls: Option<Arc<Tls>>,
    tokens: Option<Arc<Tokens>>,
    metrics: Arc<Metrics>,
}

impl Reloader {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        tls: Option<Arc<Tls>>,
        tokens: Option<Arc<Tokens>>,
        metrics: Arc<Metrics>,
    ) -> Reloader {
        for (live, _) in catalog.all() {
            metrics.serves(&live.name);
        }
        Reloader { catalog, tls, tokens, metrics }
    }

    /// Reads again what has changed since it was last read. It looks at the contents of all files and compiles what is new, so it
    /// blocks.
    pub fn look(&self) {
        for (ruleset, outcome) in self.catalog.reload_all() {
            self.tell(&ruleset, &outcome);
        }
        if let Some(outcome) = self.tls.as_ref().and_then(|tls| tls.reload()) {
            self.metrics.file_reloaded("certificates", outcome.is_ok());
            match outcome {
                Ok(()) => info!("the certificates were read again, and are live"),
                Err(error) => {
                    error!(%error, "the certificates were not replaced, the last good ones stay live")
                }
            }
        }
        if let Some(outcome) = self.tokens.as_ref().and_then(|tokens| tokens.reload()) {
            self.metrics.file_reloaded("tokens", outcome.is_ok());
            match outcome {
                Ok(tokens) => info!(tokens, "the tokens were read again, and are live"),
                Err(error) => error!(%error, "the tokens were not replaced, the last good ones stay live"),
            }
        }
    }

    /// Reads one ruleset again.
    pub(super) fn ruleset(&self, name: &str) -> Result<Outcome, NotRead> {
        let outcome = self.catalog.reload(name)?;
        if outcome.is_news() {
            self.tell(name, &outcome);
        }
        Ok(outcome)
    }

    /// Logs and counts what became of a ruleset whose files have changed.
    fn tell(&self, ruleset: &str, outcome: &Outcome) {
        let told = |diagnostics: &[Diagnostic]| diagnostics.iter().for_each(|fault| tell(ruleset, fault));
        match outcome {
            Outcome::Replaced { revision, diagnostics } => {
                told(diagnostics);
                info!(ruleset, revision, "the ruleset was read again, and is live");
                self.metrics.reloaded(ruleset, "replaced");
                self.metrics.faulty(ruleset, false);
            }
            Outcome::Refused { diagnostics } => {
                told(diagnostics);
                error!(ruleset, "the ruleset was not replaced, the last good one stays live");
                self.metrics.reloaded(ruleset, "refused");
                self.metrics.faulty(ruleset, true);
            }
            Outcome::Lost { error, .. } => {
                warn!(ruleset, error, "the ruleset's files cannot be read, the last good one stays live");
                self.metrics.reloaded(ruleset, "lost");
                self.metrics.faulty(ruleset, true);
            }
            Outcome::Same { .. } => {
                info!(ruleset, "the ruleset's files can be read again, and are as they were");
                let faulty = self.catalog.all().any(|(live, fault)| live.name == ruleset && fault.is_some());
                self.metrics.faulty(ruleset, faulty);
            }
        }
    }
}

fn tell(ruleset: &str, diagnostic: &Diagnostic) {
    let Diagnostic { code, severity, message, path, line, column, help, .. } = diagnostic;
    match severity {
        Severity::Error => error!(ruleset, code, path, line, column, help, "{message}"),
        Severity::Warning => warn!(ruleset, code, path, line, column, help, "{message}"),
    }
}
