//! The loop: at each full second the due policies are taken, their distinct queries asked once, and each policy
//! is decided as soon as its own answers are there, so that a slow query or server delays only those who use it.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use concertina_decision::Timestamp;
use futures::future::{BoxFuture, Shared};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::Context;
use super::compile::CompiledPolicy;
use super::evaluate::{Answers, evaluate};
use super::history::Histories;
use super::measure::measure_interval;
use super::state::Due;
use crate::cluster::policies::PolicyRecord;
use crate::config::Config;
use crate::observe::plan::{Plan, QueryKey};
use crate::observe::query::Namespaces;
use crate::observe::table::{Answer, FetchError, Wanted};

type SharedAnswer = Shared<BoxFuture<'static, Arc<Result<Answer, FetchError>>>>;

/// Runs ticks at full seconds until the future is dropped.
pub async fn run(context: Arc<Context>) {
    while !context.cluster.is_synced() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let became_leader = &context.leadership.became_leader;
    // The first tick decides everything anyway.
    let _ = became_leader.notified().now_or_never();
    loop {
        let ticking = Arc::clone(&context);
        // A tick that waits for a slow server must not hold up the next one.
        tokio::spawn(async move { tick(&ticking, wall_clock()).await });
        tokio::select! {
            () = tokio::time::sleep(until_next_second()) => {}
            () = became_leader.notified() => take_over(&context),
        }
    }
}

/// This process writes from now on, and what it had to withhold until now must not wait for its period.
fn take_over(context: &Context) {
    context.states().all_are_due();
}

/// The present time.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

fn until_next_second() -> Duration {
    let into_second = u64::try_from(wall_clock().0.rem_euclid(1000)).unwrap_or(0);
    Duration::from_millis(1000_u64.saturating_sub(into_second).max(1))
}

/// Evaluates the policies that are due at `now` and returns when all have been decided and written.
pub async fn tick(context: &Arc<Context>, now: Timestamp) {
    let due = take_due(context, now);
    if due.is_empty() {
        return;
    }
    let answers = ask(context, &due, now);
    let histories = Histories::prepare(context, &due, now);
    let mut evaluations: FuturesUnordered<_> = due
        .into_iter()
        .map(|due| {
            let waiting: Vec<SharedAnswer> = due
                .compiled
                .iter()
                .flat_map(|compiled| &compiled.queries)
                .filter_map(|query| answers.get(query).cloned())
                .collect();
            let past = histories.of(&due, now);
            async move {
                let mut in_flight = InFlight {
                    context,
                    record: &due.record,
                    again_at_once: false,
                };
                let answers: Answers = futures::future::join_all(waiting).await;
                let (outcome, again) = evaluate(context, &due, &answers, past, now).await;
                in_flight.again_at_once = again;
                let PolicyRecord { key, uid, .. } = &*due.record;
                // What is gone is not spoken of any more: its series and its status would come back to stay.
                let lives = context
                    .cluster
                    .policies()
                    .get(key)
                    .is_some_and(|stored| stored.uid == *uid);
                if lives && outcome.is_news() {
                    context.metrics.evaluated(&outcome);
                    context.reporter.report(&outcome);
                }
            }
        })
        .collect();
    while evaluations.next().await.is_some() {}
}

/// Ends an evaluation however it ends, so that no policy stays in flight for ever.
struct InFlight<'a> {
    context: &'a Context,
    record: &'a PolicyRecord,
    again_at_once: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let PolicyRecord { key, uid, .. } = self.record;
        self.context.states().finish(key, uid, self.again_at_once);
    }
}

fn take_due(context: &Context, now: Timestamp) -> Vec<Due> {
    let policies = context.cluster.policies();
    let mut states = context.states();
    let gone = states.sync(policies.iter(), &context.config, compile);
    for key in &gone {
        context.reporter.forget(key);
        context.metrics.forget(key);
    }
    context.metrics.policies(states.len());
    let mut due: Vec<Due> = policies
        .iter()
        .filter_map(|record| states.take_due(record, context.config.period_seconds, now))
        .collect();
    // In an order that does not depend on hashing, so that requests are the same for the same input.
    due.sort_by(|a, b| a.record.key.cmp(&b.record.key));
    due
}

fn compile(record: &PolicyRecord, config: &Config) -> Result<Arc<CompiledPolicy>, String> {
    let policy = record.policy.as_ref().map_err(Clone::clone)?;
    CompiledPolicy::of(policy, config).map(Arc::new)
}

/// Starts every distinct query once.
fn ask(
    context: &Arc<Context>,
    due: &[Due],
    now: Timestamp,
) -> HashMap<Arc<QueryKey>, SharedAnswer> {
    let mut plan = Plan::default();
    for due in due {
        if let Ok(compiled) = &due.compiled {
            plan.add(&due.record.key.namespace, compiled);
        }
    }
    plan.queries
        .into_iter()
        .map(|(key, (namespaces, wanted))| {
            if context.intervals.take_due(&key, now) {
                let (context, key, namespaces) =
                    (Arc::clone(context), Arc::clone(&key), namespaces.clone());
                tokio::spawn(async move { measure_interval(&context, &key, &namespaces, now).await });
            }
            let context = Arc::clone(context);
            let asked = Arc::clone(&key);
            let answer = async move { Arc::new(fetch(&context, &asked, &namespaces, &wanted).await) }
                .boxed()
                .shared();
            (key, answer)
        })
        .collect()
}

async fn fetch(
    context: &Context,
    key: &QueryKey,
    namespaces: &Namespaces,
    wanted: &Wanted,
) -> Result<Answer, FetchError> {
    let server = context
        .servers
        .get(&*key.server)
        .ok_or_else(|| FetchError::UnknownServer(key.server.to_string()))?;
    let question = key.question(&context.config, &context.intervals, namespaces)?;
    let started = tokio::time::Instant::now();
    let answer = server.fetch(&question, wanted).await;
    context.metrics.queried(&key.server, &answer, started.elapsed());
    answer
}
