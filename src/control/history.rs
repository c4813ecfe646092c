//! Asks Prometheus what a policy saw before this process began, so that a restart need not hold shrinking for a whole
//! window. This touches the network.
//!
//! It is asked only where it matters: by a policy that this process has never evaluated, and whose first evaluation wants
//! fewer replicas than there are or does not know. A want of as many or more holds shrinking for a whole window anyway.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use concertina_decision::{Change, Decision, Timestamp, Want};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, join_all};

use super::Context;
use super::compile::CompiledPolicy;
use super::past::{Past, rebuild};
use super::state::{Due, changes_in};
use super::target::Found;
use crate::cluster::policies::PolicyRecord;
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
    /// Prepares the queries of those policies that this process has not evaluated yet; nothing is sent.
    #[must_use]
    pub fn prepare(context: &Arc<Context>, due: &[Due], now: Timestamp) -> Self {
        let mut plan: BTreeMap<(Arc<QueryKey>, Steps), (Namespaces, Wanted)> = BTreeMap::new();
        for due in due {
            if !context.states().is_undecided(&due.record) {
                continue;
            }
            let Some((compiled, steps)) = steps_of(due, now) else {
                continue;
            };
            for (query, matching) in needs(compiled).take(compiled.metrics.len()) {
                let wanted = || (Namespaces::default(), Wanted::of(matching));
                let key = (Arc::clone(query), steps);
                let (namespaces, wanted) = plan.entry(key).or_insert_with(wanted);
                namespaces.insert(&due.record.key.namespace);
                wanted.include(matching);
            }
        }
        let prepared = plan.into_iter().map(|(key, (namespaces, wanted))| {
            let context = Arc::clone(context);
            let (query, steps) = key.clone();
            let history = async move {
                // In a task of its own: what is decoded here is large, and those who wait for other answers share a task.
                let fetched = tokio::spawn(async move { fetch(&context, &query, steps, &namespaces, &wanted).await });
                fetched.await.ok().flatten()
            };
            (key, history.boxed().shared())
        });
        Self(prepared.collect())
    }

    /// The queries of one policy; none when it needs no past.
    #[must_use]
    pub fn of(&self, due: &Due, now: Timestamp) -> Asked {
        if self.0.is_empty() {
            return Asked::new();
        }
        let Some((compiled, steps)) = steps_of(due, now) else {
            return Asked::new();
        };
        compiled
            .metric_queries()
            .iter()
            .filter_map(|query| self.0.get(&(Arc::clone(query), steps)).cloned())
            .collect()
    }
}

/// The policy and the steps of its past, if it has a window of shrinking and a status that says how many replicas its
/// target had.
fn steps_of(due: &Due, now: Timestamp) -> Option<(&CompiledPolicy, Steps)> {
    let compiled = due.compiled.as_ref().ok()?;
    due.record.status()?;
    let down = compiled.decision.scale_down.stabilization_window_seconds;
    let window = down.max(compiled.decision.scale_up.stabilization_window_seconds);
    (down > 0).then(|| (&**compiled, Steps::before(now, window, compiled.period_seconds)))
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
    match history {
        Ok(history) => Some(Arc::new(history)),
        Err(error) => {
            if server.tell_range_failure() {
                tracing::warn!(
                    server = %query.server,
                    %error,
                    "what was wanted before the start cannot be asked: policies that it fails for hold shrinking for a whole \
                     stabilization window"
                );
            }
            None
        }
    }
}

/// Gives a policy the memory of what it wanted before, if its first decision shows that this matters and Prometheus
/// knows it. Returns whether it did, so that it is decided again. Waits for Prometheus, but no longer than its time-out.
pub async fn recall(
    context: &Context,
    due: &Due,
    found: &Found,
    asked: Asked,
    first: &Decision,
    now: Timestamp,
) -> bool {
    let Ok(compiled) = &due.compiled else { return false };
    if asked.is_empty() || asked.len() != compiled.metrics.len() || !matters(compiled, first) {
        return false;
    }
    let histories: Option<Vec<_>> = join_all(asked).await.into_iter().collect();
    let Some((histories, changes)) = histories.zip(changes_of(&due.record, found.replicas)) else {
        return false;
    };
    let past = Past {
        compiled,
        namespace: &due.record.key.namespace,
        pods: &found.pods,
        replicas: found.replicas,
        changes: &changes,
        startup_seconds: found.startup.map(|startup| startup.p95_seconds),
        histories: &histories,
    };
    let Some(mut memory) = rebuild(&past, now) else {
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
    let Some(state) = states.get_mut(&due.record) else {
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
fn changes_of(record: &PolicyRecord, replicas: i32) -> Option<Vec<Change>> {
    let status = record.status()?;
    let is_known = !status.last_changes.is_empty() || status.current_replicas == Some(replicas);
    is_known.then(|| changes_in(status).collect())
}
