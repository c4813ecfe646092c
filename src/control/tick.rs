//! The loop: at each full second the due policies are taken, their distinct queries asked once, and each policy
//! is decided as soon as its own answers are there, so that a slow query or server delays only those who use it.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use concertina_decision::Timestamp;
use futures::future::{BoxFuture, Shared};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::Context;
use super::complete::complete;
use super::evaluate::{Answers, Open, Outcome, Step, evaluate};
use super::history::Histories;
use super::measure::measure_interval;
use crate::cluster::policies::PolicyRecord;
use crate::observe::plan::{Plan, QueryKey};
use crate::observe::query::Namespaces;
use crate::observe::table::{Answer, FetchError, Wanted};

/// So many policies are evaluated while the tables are locked: some tens of microseconds.
const BATCH: usize = 64;
/// Evaluations that wait for the network at a time, of each group of policies.
const CONCURRENT_COMPLETIONS: usize = 256;

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
    // Whatever ends this tick, no policy stays in flight for ever.
    let tick = Tick {
        context,
        histories: Histories::prepare(context, &due, now),
        now,
    };
    let mut groups: FuturesUnordered<_> = ask(context, due, now)
        .into_iter()
        .map(|group| tick.evaluate(group))
        .collect();
    while groups.next().await.is_some() {}
}

/// Policies that wait for the same answers.
struct Group {
    members: Vec<InFlight>,
    answers: Vec<SharedAnswer>,
}

struct Tick<'a> {
    context: &'a Arc<Context>,
    histories: Histories,
    now: Timestamp,
}

impl Tick<'_> {
    /// Evaluates a group as soon as its answers are there: at once what can be, and then what must wait for the network.
    async fn evaluate(&self, group: Group) {
        let answers = futures::future::join_all(group.answers).await;
        let mut open = Vec::new();
        let mut members = group.members.into_iter();
        loop {
            let batch: Vec<InFlight> = members.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            self.evaluate_batch(batch, &answers, &mut open);
            // Others have a right to the thread too: writes, watches, probes.
            tokio::task::yield_now().await;
        }
        // Changes first: what must be asked may take as long as its time-out.
        let (writes, questions): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, open)| open.is_write);
        tokio::join!(
            self.complete_all(writes, &answers),
            self.complete_all(questions, &answers)
        );
    }

    fn evaluate_batch(
        &self,
        batch: Vec<InFlight>,
        answers: &Answers,
        open: &mut Vec<(InFlight, Box<Open>)>,
    ) {
        let mut done = Vec::with_capacity(batch.len());
        {
            let mut view = self.context.cluster.view();
            for member in batch {
                match evaluate(self.context, &mut view, &member.record, answers, self.now) {
                    Step::Done(outcome) => done.push((member, outcome)),
                    Step::Open(left) => open.push((member, left)),
                }
            }
        }
        for (member, outcome) in done {
            self.end(member, &outcome, false);
        }
    }

    async fn complete_all(&self, open: Vec<(InFlight, Box<Open>)>, answers: &Answers) {
        futures::stream::iter(open)
            .for_each_concurrent(CONCURRENT_COMPLETIONS, async |(member, open)| {
                let past = self.histories.of(&member.record, self.now);
                let (outcome, again) = complete(self.context, *open, answers, past).await;
                self.end(member, &outcome, again);
            })
            .await;
    }

    fn end(&self, mut member: InFlight, outcome: &Outcome, again: bool) {
        // What is being looked up is soon found, so it need not wait for a whole period.
        member.again_at_once = again || outcome.is_looking_up();
        let PolicyRecord { id, uid, .. } = &*member.record;
        // What is gone is not spoken of any more: its series and its status would come back to stay.
        let lives = self
            .context
            .cluster
            .policies()
            .get_by_id(*id)
            .is_some_and(|stored| stored.uid == *uid);
        if lives {
            self.context.metrics.evaluated(outcome);
            self.context.reporter.report(outcome);
        }
    }
}

/// A policy under evaluation. However that ends, it can be evaluated again.
struct InFlight {
    context: Arc<Context>,
    record: Arc<PolicyRecord>,
    again_at_once: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.context.states().finish(&self.record, self.again_at_once);
    }
}

fn take_due(context: &Context, now: Timestamp) -> Vec<Arc<PolicyRecord>> {
    let changes = context.cluster.policies().take_changes();
    for record in &changes.gone {
        context.reporter.forget(record);
        context.metrics.forget(record);
        context.replays().forget(&record.key);
    }
    for (record, stored) in &changes.changed {
        if let Some(stored) = stored {
            context.reporter.stored(record, stored);
        }
    }
    let mut states = context.states();
    states.sync(changes, context.config.period_seconds);
    let due = states.take_due(now);
    let count = states.len();
    drop(states);
    context.replays().sweep(now, count);
    context.metrics.policies(count);
    due
}

/// Starts every distinct query once, and groups the policies by what they wait for.
fn ask(context: &Arc<Context>, due: Vec<Arc<PolicyRecord>>, now: Timestamp) -> Vec<Group> {
    let mut plan = Plan::default();
    for record in &due {
        if let Ok(compiled) = &record.compiled {
            plan.add(&record.key.namespace, compiled);
        }
    }
    let answers: HashMap<Arc<QueryKey>, SharedAnswer> = plan
        .queries
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
        .collect();
    let mut groups: BTreeMap<Vec<Arc<QueryKey>>, Vec<InFlight>> = BTreeMap::new();
    for record in due {
        let queries = record
            .compiled
            .as_ref()
            .map_or_else(|_| Vec::new(), |compiled| compiled.queries.to_vec());
        groups.entry(queries).or_default().push(InFlight {
            context: Arc::clone(context),
            record,
            again_at_once: false,
        });
    }
    groups
        .into_iter()
        .map(|(queries, members)| Group {
            members,
            answers: queries
                .iter()
                .filter_map(|query| answers.get(query).cloned())
                .collect(),
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
