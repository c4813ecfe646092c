//! Asks Prometheus what a policy saw before this process began, so that a restart need not hold shrinking for a whole
//! window. This touches the network.
//!
//! It is asked only where it matters: by a policy that this process has never evaluated, and whose first evaluation wants
//! fewer replicas than there are or does not know. A want of as many or more holds shrinking for a whole window anyway.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use concertina_decision::{Change, Decision, Replicas, Timestamp, Want};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, join_all};

use super::Context;
use super::compile::CompiledPolicy;
use super::evaluate::Open;
use super::past::{Past, rebuild};
use crate::cluster::policies::PolicyRecord;
use crate::log::causes;
use crate::observe::history::{History, Steps};
use crate::observe::plan::{QueryKey, needs};
use crate::observe::query::Namespaces;
use crate::observe::table::Wanted;

/// One query about the past; nothing when it failed, which the log says. It is sent when somebody waits for it.
type SharedHistory = Shared<BoxFuture<'static, Option<Arc<History>>>>;

/// What the metrics of one policy were, in its order.
pub type Asked = Vec<SharedHistory>;

/// The queries about the past that policies of one tick share.
#[derive(Default)]
pub struct Histories(HashMap<(Arc<QueryKey>, Steps), SharedHistory>);

impl Histories {
    /// Prepares the queries of those policies that this process has not decided on yet; nothing is sent.
    #[must_use]
    pub fn prepare<'a>(
        context: &Arc<Context>,
        due: impl Iterator<Item = &'a PolicyRecord>,
        now: Timestamp,
    ) -> Self {
        let mut plan: BTreeMap<(Arc<QueryKey>, Steps), (Namespaces, Wanted)> = BTreeMap::new();
        let mut states = context.states();
        for record in due {
            let was_found_with_status = states
                .get_mut(record)
                .is_some_and(|state| !state.is_decided && state.found_with().is_some());
            if !was_found_with_status {
                continue;
            }
            let Some((compiled, steps)) = steps_of(record, now) else {
                continue;
            };
            for (query, matching) in needs(compiled).take(compiled.metrics.len()) {
                let wanted = || (Namespaces::default(), Wanted::of(matching));
                let key = (Arc::clone(query), steps);
                let (namespaces, wanted) = plan.entry(key).or_insert_with(wanted);
                namespaces.insert(&record.key.namespace);
                wanted.include(matching);
            }
        }
        drop(states);
        let prepared = plan.into_iter().map(|(key, (namespaces, wanted))| {
            let context = Arc::clone(context);
            let (query, steps) = key.clone();
            let history = async move {
                // In a task of its own: what is decoded here is large, and those who wait for other answers share a task.
                let fetched =
                    tokio::spawn(async move { fetch(&context, &query, steps, &namespaces, &wanted).await });
                fetched.await.ok().flatten()
            };
            (key, history.boxed().shared())
        });
        Self(prepared.collect())
    }

    /// The queries of one policy; none when it needs no past.
    #[must_use]
    pub fn of(&self, record: &PolicyRecord, now: Timestamp) -> Asked {
        if self.0.is_empty() {
            return Asked::new();
        }
        let Some((compiled, steps)) = steps_of(record, now) else {
            return Asked::new();
        };
        compiled
            .metric_queries()
            .iter()
            .filter_map(|query| self.0.get(&(Arc::clone(query), steps)).cloned())
            .collect()
    }
}

/// The policy and the steps of its past, if it has a window of shrinking.
fn steps_of(record: &PolicyRecord, now: Timestamp) -> Option<(&CompiledPolicy, Steps)> {
    let compiled = record.compiled.as_ref().ok()?;
    let window = window_seconds(compiled)?;
    Some((&**compiled, Steps::before(now, window, compiled.period_seconds)))
}

/// Seconds of the past that decide on shrinking; none where nothing holds it.
fn window_seconds(compiled: &CompiledPolicy) -> Option<u32> {
    let down = compiled.decision.scale_down.stabilization_window_seconds;
    let window = down.max(compiled.decision.scale_up.stabilization_window_seconds);
    (down > 0).then_some(window)
}

async fn fetch(
    context: &Context,
    query: &QueryKey,
    steps: Steps,
    namespaces: &Namespaces,
    wanted: &Wanted,
) -> Option<Arc<History>> {
    let server = context.servers.get(&*query.server)?;
    let question = query
        .question(&context.config, &context.intervals, namespaces)
        .ok()?;
    let started = tokio::time::Instant::now();
    let history = server.fetch_range(&question, steps, wanted).await;
    context
        .metrics
        .queried(&query.server, &history, started.elapsed());
    context.metrics.failovers(&query.server, server.failovers());
    match history {
        Ok(history) => {
            context
                .metrics
                .decoded(&query.server, history.series as u64, history.bytes as u64);
            Some(Arc::new(history))
        }
        Err(error) => {
            if server.tell_range_failure() {
                tracing::warn!(
                    server = &*query.server,
                    error = causes(&error),
                    "what was wanted before the start cannot be asked: policies that it fails for hold shrinking for a whole \
                     stabilization window"
                );
            }
            None
        }
    }
}

/// Whether what a policy wanted before this process began may change its first decision.
#[must_use]
pub fn may_matter(
    context: &Context,
    record: &PolicyRecord,
    compiled: &CompiledPolicy,
    first: &Decision,
) -> bool {
    let mut states = context.states();
    let has_past = states
        .get_mut(record)
        .is_some_and(|state| state.found_with().is_some());
    has_past && window_seconds(compiled).is_some() && matters(compiled, first)
}

/// Gives a policy the memory of what it wanted before, if Prometheus knows it. Returns whether it did, so that it is
/// decided again. Waits for Prometheus, but no longer than its time-out.
pub async fn recall(
    context: &Context,
    open: &Open,
    replicas: Replicas,
    asked: Asked,
    first: &Decision,
) -> bool {
    let Open {
        outcome,
        compiled,
        found,
        ..
    } = open;
    let record = &outcome.record;
    if asked.is_empty() || asked.len() != compiled.metrics.len() {
        return false;
    }
    let histories: Option<Vec<_>> = join_all(asked).await.into_iter().collect();
    let Some((histories, changes)) = histories.zip(changes_of(context, record, replicas)) else {
        return false;
    };
    let past = Past {
        compiled,
        namespace: &record.key.namespace,
        pods: &found.pods,
        replicas,
        changes: &changes,
        startup_seconds: found.startup.map(|startup| startup.p95_seconds),
        histories: &histories,
    };
    let Some(mut memory) = rebuild(&past, outcome.time) else {
        return false;
    };
    if let Some(since) = first.remember.missing_since {
        memory.restore_missing_since(since);
    }
    memory.forget_guards();
    for guard in &first.remember.guards {
        memory.restore_guard(*guard);
    }
    let mut states = context.states();
    let Some(state) = states.get_mut(record) else {
        return false;
    };
    state.memory = memory;
    true
}

fn matters(compiled: &CompiledPolicy, first: &Decision) -> bool {
    let growth_waits = compiled.decision.scale_up.stabilization_window_seconds > 0;
    match first.remember.want {
        Want::Known(want) => want < first.current || (want > first.current && growth_waits),
        Want::Unknown | Want::None => true,
    }
}

/// The changes in the status, oldest first; `None` when it does not tell how many replicas there were.
fn changes_of(context: &Context, record: &PolicyRecord, replicas: Replicas) -> Option<Vec<Change>> {
    let mut states = context.states();
    let status = states.get_mut(record)?.found_with()?;
    let changes: Vec<Change> = status.changes().collect();
    let is_known = !changes.is_empty() || status.current_replicas == Some(replicas);
    is_known.then_some(changes)
}
