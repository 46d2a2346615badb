//! The calls about rulesets.

use super::call::Call;
use super::classify::{in_list, results};
use super::limits::Limits;
use super::question::{Question, live};
use super::reload::Reloader;
use super::tokens::Role;
use super::work::Workers;
use crate::catalog::{Catalog, Checked, Live, NotRead, Outcome};
use crate::engine::Scratch;
use crate::rules::Diagnostic;
use crate::wire::proto::geotopics::v1::ruleset_service_server::RulesetService;
use crate::wire::v1::{
    CheckRulesetRequest, CheckRulesetResponse, GetRulesetRequest, GetRulesetResponse, ListRulesetsRequest,
    ListRulesetsResponse, ReloadRulesetRequest, ReloadRulesetResponse, Ruleset,
};
use crate::wire::{self, Fault, Options, Reason};
use prost::Message;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

/// Tells of the rulesets of a catalog.
#[derive(Clone, Debug)]
pub(super) struct Rulesets {
    pub(super) catalog: Arc<Catalog>,
    pub(super) limits: Limits,
    pub(super) workers: Workers,
    pub(super) reloader: Reloader,
}

impl Rulesets {
    /// What was wrong at the last replacement of a ruleset, if that failed.
    fn last_faults(&self, name: &str) -> Vec<Diagnostic> {
        let entry = self.catalog.all().find(|(live, _)| live.name == name);
        entry.and_then(|(_, fault)| fault).map_or_else(Vec::new, |fault| fault.to_vec())
    }

    fn rulesets(&self) -> Vec<Ruleset> {
        let rulesets = self.catalog.all().enumerate();
        rulesets.map(|(i, (live, fault))| wire::ruleset(&live, i == 0, faults(fault.as_deref()))).collect()
    }
}

fn faults(last_replacement: Option<&Vec<Diagnostic>>) -> &[Diagnostic] {
    last_replacement.map_or(&[], Vec::as_slice)
}

#[tonic::async_trait]
impl RulesetService for Rulesets {
    async fn list_rulesets(
        &self,
        request: Request<ListRulesetsRequest>,
    ) -> Result<Response<ListRulesetsResponse>, Status> {
        let ListRulesetsRequest {} = request.into_inner();
        Ok(Response::new(ListRulesetsResponse { rulesets: self.rulesets() }))
    }

    async fn get_ruleset(
        &self,
        request: Request<GetRulesetRequest>,
    ) -> Result<Response<GetRulesetResponse>, Status> {
        let GetRulesetRequest { name } = request.into_inner();
        let live = live(&self.catalog, "name", &name)?;
        let place = self.catalog.all().enumerate().find(|(_, (other, _))| other.name == live.name);
        let ruleset = place.map(|(i, (_, fault))| wire::ruleset(&live, i == 0, faults(fault.as_deref())));
        let topics = live.classifier.topics().iter().map(wire::topic).collect();
        Ok(Response::new(GetRulesetResponse { ruleset, topics }))
    }

    async fn check_ruleset(
        &self,
        request: Request<CheckRulesetRequest>,
    ) -> Result<Response<CheckRulesetResponse>, Status> {
        let call = Call::of(&request)?;
        call.reads(request.get_ref().encoded_len())?;
        let CheckRulesetRequest { files, documents, options } = request.into_inner();
        self.limits.check_documents(documents.len())?;
        let sources = wire::sources(files)?;
        let options = Options::new(options.unwrap_or_default()).map_err(|fault| fault.within("options"))?;
        if !options.ruleset.is_empty() {
            let fault = "must be empty: the documents are classified with the files of this request";
            return Err(Fault::new(Reason::InvalidOptions, "options.ruleset", fault).into());
        }
        let checked = self.workers.run_long(move |_| Checked::new("ruleset", &sources)).await?;
        let Checked { classifier, diagnostics, failed_examples } = checked;
        let ok = classifier.is_some() && failed_examples.is_empty();
        let results = match classifier {
            Some(classifier) => {
                let live = Arc::new(Live::new(classifier.name().to_owned(), classifier));
                let question = Question::of(live, options).map_err(|fault| fault.within("options"))?;
                results(&self.workers, &call, &question, documents, in_list).await?
            }
            None => Vec::new(),
        };
        Ok(Response::new(CheckRulesetResponse {
            ok,
            diagnostics: diagnostics.iter().map(wire::diagnostic).collect(),
            failed_examples: failed_examples.iter().map(wire::failed_example).collect(),
            results,
        }))
    }

    async fn reload_ruleset(
        &self,
        request: Request<ReloadRulesetRequest>,
    ) -> Result<Response<ReloadRulesetResponse>, Status> {
        let call = Call::of(&request)?;
        call.check()?;
        match &call.about.token {
            Some(token) if token.role == Role::Admin => {}
            Some(_) => return Err(forbidden("the role of the token is not admin")),
            None => {
                return Err(forbidden("it needs a token with the role admin, and the server has no tokens"));
            }
        }
        let ReloadRulesetRequest { name } = request.into_inner();
        let name = live(&self.catalog, "name", &name)?.name.clone();
        let reload = {
            let (reloader, name) = (self.reloader.clone(), name.clone());
            move |_: &mut Scratch| reloader.ruleset(&name)
        };
        let failed = |why: String| wire::refusal(Code::FailedPrecondition, "NOT_READ", why, None);
        let (changed, diagnostics) = match self.workers.run_long(reload).await? {
            Ok(Outcome::Replaced { diagnostics, .. }) => (true, diagnostics),
            Ok(Outcome::Refused { diagnostics }) => (false, diagnostics),
            Ok(Outcome::Same { .. }) => (false, self.last_faults(&name)),
            Ok(Outcome::Lost { error, .. }) => return Err(failed(error)),
            Err(NotRead::Inside) => {
                return Err(failed(format!(
                    "ruleset {name} is the one inside the program, which has no files"
                )));
            }
            Err(NotRead::Unknown) => return Err(failed(format!("ruleset {name} is no longer served"))),
        };
        Ok(Response::new(ReloadRulesetResponse {
            ruleset: self.rulesets().into_iter().find(|ruleset| ruleset.name == name),
            changed,
            diagnostics: diagnostics.iter().map(wire::diagnostic).collect(),
        }))
    }
}

fn forbidden(why: &str) -> Status {
    wire::refusal(Code::PermissionDenied, "FORBIDDEN", format!("ReloadRuleset is not allowed: {why}"), None)
}
