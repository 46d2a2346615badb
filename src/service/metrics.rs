//! What the server counts, and the page that Prometheus reads it from. No value of a label comes from a client: methods are those
//! of the table below, rulesets and topics those that are live.

use super::call::{End, Register, Spent};
use super::connections::Connections;
use super::journal::Entry;
use crate::catalog::Catalog;
use crate::wire::code_name;
use prometheus::core::Collector;
#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tonic::Code;

/// A metric, as an operator sees it.
struct Metric {
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal $labels:tt $help:literal;)*) => {
        $(const $constant: Metric = Metric { name: $name, labels: &$labels, help: $help };)*
        #[cfg(test)]
        const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    CALLS = "geotopics_calls_total" ["method", "code"] "Calls that have ended, by method and status code.";
    CALL_DURATION = "geotopics_call_duration_seconds" ["method"] "Time from the arrival of a call to its end.";
    STAGE_DURATION = "geotopics_stage_duration_seconds" ["stage"] "Time that a call waited for its client to send (receive), worked or waited for a core (work) and waited for its client to take the answer (send); time that a document took to classify (classify).";
    REFUSED = "geotopics_calls_refused_total" ["reason"] "Calls that were refused on arrival, by reason.";
    ENDED = "geotopics_calls_ended_total" ["limit"] "Calls that the server ended before their time, by the setting that is the limit.";
    DOCUMENTS = "geotopics_documents_total" ["outcome"] "Documents that were classified, or refused for a fault of theirs.";
    LABELS = "geotopics_labels_total" ["ruleset", "topic"] "Labels that documents got, since the ruleset went live.";
    RECEIVED = "geotopics_received_bytes_total" [] "Bytes of the bodies of requests.";
    SENT = "geotopics_sent_bytes_total" [] "Bytes of the bodies of answers.";
    WORKING = "geotopics_calls_working" [] "Calls that work or wait for a core.";
    WORKING_LIMIT = "geotopics_calls_limit" [] "How many of these there may be (max_calls).";
    WAITING = "geotopics_calls_waiting" [] "Calls that wait, or have waited, for their clients.";
    WAITING_LIMIT = "geotopics_calls_waiting_limit" [] "How many of these there may be (max_waiting).";
    HELD = "geotopics_held_bytes" [] "Bytes of requests that calls hold.";
    HELD_LIMIT = "geotopics_held_bytes_limit" [] "How many of these there may be (max_memory).";
    CONNECTIONS = "geotopics_connections" [] "Connections that are open.";
    CONNECTIONS_LIMIT = "geotopics_connections_limit" [] "How many of these there may be (max_connections, or fewer where descriptors are).";
    CONNECTIONS_REFUSED = "geotopics_connections_refused_total" [] "Connections that found no room.";
    CONNECTIONS_EVICTED = "geotopics_connections_evicted_total" [] "Connections without a call that made room for others.";
    RELOADS = "geotopics_reloads_total" ["ruleset", "outcome"] "Changes of a ruleset's files: replaced, refused for their faults, or lost because they could not be read.";
    FAULTY = "geotopics_ruleset_faulty" ["ruleset"] "1 where the files of a ruleset cannot be used, and the last good ones stay live.";
    FILE_RELOADS = "geotopics_file_reloads_total" ["file", "outcome"] "Changes of certificates and tokens: replaced, or refused for their faults.";
    RULESET = "geotopics_ruleset_info" ["ruleset", "version", "revision"] "1 for each ruleset that is live.";
    BUILD = "geotopics_build_info" ["version"] "1 for the version of geotopics.";
}

/// Upper bounds of histograms, in seconds: from a fifth of an article to what a stream may take.
const BUCKETS: [f64; 21] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0,
];

/// The values of `method`, which are paths without what they begin with.
const METHODS: [&str; 23] = [
    "geotopics.v1.ClassificationService/Classify",
    "geotopics.v1.ClassificationService/ClassifyBatch",
    "geotopics.v1.ClassificationService/ClassifyStream",
    "geotopics.v1.ClassificationService/Explain",
    "geotopics.v1.RulesetService/ListRulesets",
    "geotopics.v1.RulesetService/GetRuleset",
    "geotopics.v1.RulesetService/CheckRuleset",
    "geotopics.v1.RulesetService/ReloadRuleset",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "v1/classify",
    "v1/classify:batch",
    "v1/classify:stream",
    "v1/explain",
    "v1/rulesets",
    "v1/rulesets:check",
    "livez",
    "readyz",
    "metrics",
    RULESETS,
    OTHER,
];

/// The values of `outcome`, of which the last is for rulesets alone.
const OUTCOMES: [&str; 3] = ["replaced", "refused", "lost"];

/// What all rulesets' own paths count as.
const RULESETS: &str = "v1/rulesets/{name}";

/// What all other paths count as.
const OTHER: &str = "other";

/// The number of a path's method in the table.
fn method(path: &str) -> usize {
    let path = path.trim_start_matches('/');
    let place = |name: &str| METHODS.iter().position(|method| *method == name);
    let other = if path.starts_with("v1/rulesets/") { RULESETS } else { OTHER };
    place(path).or_else(|| place(other)).unwrap_or(0)
}

/// What is counted of one method, each from its first call on: looking it up by name takes longer than counting it.
#[derive(Debug)]
struct Method {
    calls: IntCounterVec,
    durations: HistogramVec,
    name: &'static str,
    by_code: [OnceLock<IntCounter>; 17],
    duration: OnceLock<Histogram>,
}

impl Method {
    fn ended(&self, code: Code, duration: Duration) {
        if let Some(calls) = self.by_code.get(code as usize) {
            calls.get_or_init(|| self.calls.with_label_values(&[self.name, code_name(code)])).inc();
        }
        let durations = self.duration.get_or_init(|| self.durations.with_label_values(&[self.name]));
        durations.observe(duration.as_secs_f64());
    }
}

/// The metrics of one server.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    /// By method.
    methods: [Method; METHODS.len()],
    receive: Histogram,
    work: Histogram,
    send: Histogram,
    pub(super) classify: Histogram,
    refused: IntCounterVec,
    ended: IntCounterVec,
    pub(super) classified: IntCounter,
    pub(super) unclassified: IntCounter,
    received: IntCounter,
    sent: IntCounter,
    pub(super) connections_refused: IntCounter,
    pub(super) connections_evicted: IntCounter,
    reloads: IntCounterVec,
    faulty: IntGaugeVec,
    file_reloads: IntCounterVec,
}

impl Metrics {
    /// # Errors
    /// When the metrics do not fit together, which no user can cause.
    pub(super) fn new() -> Result<Metrics, Error> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(ProcessCollector::for_self()))?;
        gauges(&registry, &BUILD)?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let (calls, durations) = (counters(&registry, &CALLS)?, histograms(&registry, &CALL_DURATION)?);
        let documents = counters(&registry, &DOCUMENTS)?;
        let stages = histograms(&registry, &STAGE_DURATION)?;
        let [receive, work, send, classify] =
            ["receive", "work", "send", "classify"].map(|stage| stages.with_label_values(&[stage]));
        let (refused, ended) = (counters(&registry, &REFUSED)?, counters(&registry, &ENDED)?);
        let file_reloads = counters(&registry, &FILE_RELOADS)?;
        // What is there from the start is seen to grow from nothing.
        for reason in ["OVERLOADED", "CLIENT_SHARE", "TOKEN_RATE", "UNAUTHENTICATED"] {
            refused.with_label_values(&[reason]);
        }
        for end in End::ALL {
            ended.with_label_values(&[end.limit()]);
        }
        for file in ["certificates", "tokens"] {
            OUTCOMES
                .iter()
                .take(2)
                .for_each(|outcome| drop(file_reloads.with_label_values(&[file, outcome])));
        }
        let counter =
            |metric| counters(&registry, metric).map(|counters| counters.with_label_values::<&str>(&[]));
        Ok(Metrics {
            methods: METHODS.map(|name| Method {
                calls: calls.clone(),
                durations: durations.clone(),
                name,
                by_code: [const { OnceLock::new() }; 17],
                duration: OnceLock::new(),
            }),
            receive,
            work,
            send,
            classify,
            refused,
            ended,
            classified: documents.with_label_values(&["classified"]),
            unclassified: documents.with_label_values(&["refused"]),
            received: counter(&RECEIVED)?,
            sent: counter(&SENT)?,
            connections_refused: counter(&CONNECTIONS_REFUSED)?,
            connections_evicted: counter(&CONNECTIONS_EVICTED)?,
            reloads: counters(&registry, &RELOADS)?,
            faulty: gauges(&registry, &FAULTY)?,
            file_reloads,
            registry,
        })
    }

    /// A call has ended.
    pub(super) fn ended(&self, entry: &Entry<'_>) {
        let Entry { call, code, duration, limit } = *entry;
        let path = call.about.path.as_ref().map_or("", |path| path.path());
        if let Some(method) = self.methods.get(method(path)) {
            method.ended(code, duration);
        }
        let Spent { working, receiving, sending } = call.spent();
        self.work.observe(working.as_secs_f64());
        self.receive.observe(receiving.as_secs_f64());
        self.send.observe(sending.as_secs_f64());
        self.received.inc_by(call.received.load(Relaxed) as u64);
        self.sent.inc_by(call.sent.load(Relaxed) as u64);
        if let Some(limit) = limit {
            self.ended.with_label_values(&[limit]).inc();
        }
    }

    /// A call was refused on its arrival.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// A ruleset is served, whose files can be used.
    pub(super) fn serves(&self, ruleset: &str) {
        OUTCOMES.iter().for_each(|outcome| drop(self.reloads.with_label_values(&[ruleset, outcome])));
        self.faulty(ruleset, false);
    }

    /// The files of a ruleset have changed.
    pub(super) fn reloaded(&self, ruleset: &str, outcome: &'static str) {
        self.reloads.with_label_values(&[ruleset, outcome]).inc();
    }

    /// Whether the files of a ruleset cannot be used now.
    pub(super) fn faulty(&self, ruleset: &str, faulty: bool) {
        self.faulty.with_label_values(&[ruleset]).set(faulty.into());
    }

    /// Another file has changed.
    pub(super) fn file_reloaded(&self, file: &'static str, replaced: bool) {
        let outcome = if replaced { "replaced" } else { "refused" };
        self.file_reloads.with_label_values(&[file, outcome]).inc();
    }

    /// All metrics in the text format of Prometheus.
    ///
    /// # Errors
    /// When they cannot be written, which no user can cause.
    pub(super) fn page(
        &self,
        register: &Register,
        connections: &Connections,
        catalog: &Catalog,
    ) -> Result<String, Error> {
        let now = Registry::new();
        let limits = &register.limits;
        for (metric, value) in [
            (&WORKING, register.admission.working()),
            (&WORKING_LIMIT, limits.calls),
            (&WAITING, register.waiting()),
            (&WAITING_LIMIT, limits.waiting),
            (&HELD, register.bytes()),
            (&HELD_LIMIT, limits.memory_bytes),
            (&CONNECTIONS, connections.count()),
            (&CONNECTIONS_LIMIT, limits.connections),
        ] {
            gauges(&now, metric)?
                .with_label_values::<&str>(&[])
                .set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let (rulesets, labels) = (gauges(&now, &RULESET)?, counters(&now, &LABELS)?);
        for (live, _) in catalog.all() {
            let (name, classifier) = (&*live.name, &live.classifier);
            rulesets.with_label_values(&[name, classifier.version(), classifier.revision()]).set(1);
            for (topic, count) in classifier.topics().iter().zip(live.labels()) {
                labels.with_label_values(&[name, &topic.id]).inc_by(count);
            }
        }
        let mut families = self.registry.gather();
        families.append(&mut now.gather());
        TextEncoder::new().encode_to_string(&families)
    }
}

impl Metric {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counters(registry: &Registry, metric: &Metric) -> Result<IntCounterVec, Error> {
    registered(registry, IntCounterVec::new(metric.opts(), metric.labels)?)
}

fn gauges(registry: &Registry, metric: &Metric) -> Result<IntGaugeVec, Error> {
    registered(registry, IntGaugeVec::new(metric.opts(), metric.labels)?)
}

fn histograms(registry: &Registry, metric: &Metric) -> Result<HistogramVec, Error> {
    let opts = HistogramOpts { common_opts: metric.opts(), buckets: BUCKETS.to_vec() };
    registered(registry, HistogramVec::new(opts, metric.labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::documented;

    #[test]
    fn paths_are_methods() {
        for (path, expected) in [
            ("/geotopics.v1.ClassificationService/Classify", "geotopics.v1.ClassificationService/Classify"),
            ("/v1/classify:stream", "v1/classify:stream"),
            ("/v1/rulesets/anything", RULESETS),
            ("/v1/rulesets/anything:reload", RULESETS),
            ("/", OTHER),
            ("/v1/classify/x", OTHER),
        ] {
            assert_eq!(METHODS[method(path)], expected);
        }
    }

    #[test]
    fn the_documentation_has_every_metric() {
        let row = |Metric { name, labels, help }: &Metric| {
            format!("| `{name}` | {} | {help} |\n", labels.join(", "))
        };
        let table = METRICS.iter().map(row).collect::<String>();
        documented("metrics", &format!("\n| metric | labels | |\n|---|---|---|\n{table}\n"));
    }
}
