//! The loop: at each full second the due policies are taken, their distinct queries asked once, and each policy
//! is decided as soon as its own answers are there, so that a slow query or server delays only those who use it.
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use concertina_decision::Timestamp;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::core::GroupVersionKind;
use tokio::time::Instant;

use super::Context;
use super::ask::{Answered, Asking, ask};
use super::complete::complete;
use super::evaluate::{Answers, Open, Outcome, Step, evaluate};
use super::history::Histories;
use crate::cluster::policies::PolicyRecord;
use crate::log::causes;
use crate::observe::table::{Answer, FetchError};

/// So many policies are evaluated while the tables are locked: a tenth of a millisecond.
const BATCH: usize = 64;
/// So many batches of a group follow one another before others have the thread: a millisecond. Each time another thread is woken, which costs
/// as much as some evaluations.
const BATCHES_IN_A_ROW: usize = 8;
/// Evaluations that wait for the network at a time, of each group of policies.
const CONCURRENT_COMPLETIONS: usize = 256;

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
        let ticks = tokio::spawn(async move { tick(&ticking, wall_clock()).await });
        tokio::spawn(async move {
            if let Err(error) = ticks.await {
                tracing::error!(
                    error = causes(&error),
                    "a tick ended before its end; its policies are evaluated again when they are due"
                );
            }
        });
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
    let began = Instant::now();
    let due = take_due(context, now);
    if due.is_empty() {
        return;
    }
    let tick = Tick {
        context,
        histories: Histories::prepare(context, due.iter().map(|member| &*member.record), now),
        now,
    };
    let mut groups: FuturesUnordered<_> = grouped(context, due, now)
        .into_iter()
        .map(|group| tick.evaluate(group))
        .collect();
    while groups.next().await.is_some() {}
    context.metrics.tick(began.elapsed());
}

/// Policies that wait for the same requests.
struct Group {
    members: Vec<InFlight>,
    /// In the order of the policies' queries.
    requests: Vec<Asking>,
}

/// What the requests of a group were answered.
struct GroupAnswers {
    answered: Vec<Arc<Answered>>,
    /// The answers, where all members have the same.
    shared: Option<Vec<Arc<Result<Answer, FetchError>>>>,
}

impl GroupAnswers {
    fn of(answered: Vec<Arc<Answered>>) -> Self {
        let shared = answered.iter().map(|answered| answered.whole().cloned());
        Self {
            shared: shared.collect(),
            answered,
        }
    }

    /// The answers for a policy of this namespace.
    fn for_namespace(&self, namespace: &str) -> Cow<'_, Answers> {
        match &self.shared {
            Some(shared) => Cow::Borrowed(shared),
            None => self
                .answered
                .iter()
                .map(|answered| answered.for_namespace(namespace))
                .collect(),
        }
    }
}

struct Tick<'a> {
    context: &'a Arc<Context>,
    histories: Histories,
    now: Timestamp,
}

impl Tick<'_> {
    /// Evaluates a group as soon as its answers are there: at once what can be, and then what must wait for the network.
    async fn evaluate(&self, group: Group) {
        let answered = join_all(group.requests).await;
        let mut members = group.members;
        if answered.iter().any(|answered| answered.is_still_asking()) {
            self.context.metrics.evaluations_late(members.len() as u64);
            self.context.pulse.ends(Instant::now());
            for member in &mut members {
                member.again_at_once = true;
            }
            return;
        }
        let answers = GroupAnswers::of(answered);
        let mut open = Vec::new();
        let mut members = members.into_iter();
        for number in 1_usize.. {
            let batch: Vec<InFlight> = members.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            self.evaluate_batch(batch, &answers, &mut open);
            if number.is_multiple_of(BATCHES_IN_A_ROW) {
                // Others have a right to the thread too: writes, watches, probes.
                tokio::task::yield_now().await;
            }
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
        answers: &GroupAnswers,
        open: &mut Vec<(InFlight, Box<Open>)>,
    ) {
        let count = batch.len();
        let mut done = Vec::with_capacity(count);
        {
            let mut view = self.context.cluster.view();
            for member in batch {
                let answers = answers.for_namespace(&member.record.key.namespace);
                match evaluate(self.context, &mut view, &member.record, &answers, self.now) {
                    Step::Done(outcome) => done.push((member, outcome)),
                    Step::Open(left) => open.push((member, left)),
                }
            }
        }
        self.context.metrics.evaluations(count as u64);
        self.end(done.iter().map(|(_, outcome)| outcome));
        for (member, outcome) in &mut done {
            // What is being looked up is soon found, so it need not wait for a whole period.
            member.again_at_once = outcome.is_looking_up();
        }
    }

    async fn complete_all(&self, open: Vec<(InFlight, Box<Open>)>, answers: &GroupAnswers) {
        futures::stream::iter(open)
            .for_each_concurrent(CONCURRENT_COMPLETIONS, async |(mut member, open)| {
                let past = self.histories.of(&member.record, self.now);
                let answers = answers.for_namespace(&member.record.key.namespace);
                let (outcome, again) = complete(self.context, *open, &answers, past).await;
                self.end(std::iter::once(&outcome));
                member.again_at_once = again || outcome.is_looking_up();
            })
            .await;
    }

    /// Reports what became of evaluations.
    fn end<'o>(&self, outcomes: impl Iterator<Item = &'o Outcome> + Clone) {
        self.context.pulse.ends(Instant::now());
        // What is gone is not spoken of any more: its series and its status would come back to stay. Nor is what was decided on a spec that is
        // not the present one: that one is evaluated soon.
        let policies = self.context.cluster.policies();
        let living: Vec<&Outcome> = outcomes
            .filter(|outcome| !outcome.is_void())
            .filter(|outcome| {
                let stored = policies.get_by_id(outcome.record.id);
                stored.is_some_and(|stored| stored.uid == outcome.record.uid)
            })
            .collect();
        self.context.metrics.evaluated_all(living.iter().copied());
        self.context.reporter.report_all(living);
        // Not sooner: what is deleted from here on is forgotten after it was spoken of.
        drop(policies);
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

/// Takes in what happened to the policies, and takes those that are due.
fn take_due(context: &Arc<Context>, now: Timestamp) -> Vec<InFlight> {
    let mut policies = context.cluster.policies();
    let changes = policies.take_changes();
    // From one lock to the next: of two ticks at a time the one that takes older changes takes them in first.
    let mut states = context.states();
    drop(policies);
    context.pulse.begins(Instant::now(), !states.any_in_flight());
    for record in &changes.gone {
        context.reporter.forget(record);
        context.metrics.forget(record);
        context.replays().forget(&record.key);
    }
    for (record, stored) in &changes.changed {
        if let Some(stored) = stored {
            context.reporter.stored(record, stored);
            context.metrics.stored(record, stored, now);
            // All of them: a status may tell of several that were made since the last one.
            if let Some(state) = states.get_mut(record) {
                state.memory.claim(stored.changes());
            }
        }
    }
    states.sync(changes, context.config.period_seconds);
    let due = states.take_due(now).into_iter().map(|record| InFlight {
        context: Arc::clone(context),
        record,
        again_at_once: false,
    });
    let due = due.collect();
    let (count, late) = (states.len(), states.late());
    drop(states);
    context.metrics.evaluations_late(late);
    context.replays().sweep(now, count);
    context.metrics.policies(count);
    due
}

/// Begins to ask each distinct query once, and groups the policies by what they wait for.
fn grouped(context: &Arc<Context>, due: Vec<InFlight>, now: Timestamp) -> Vec<Group> {
    let (asking, silent) = apart(context, due);
    let asked = asking.iter().filter_map(|member| {
        let compiled = member.record.compiled.as_deref().ok()?;
        Some((&member.record.key.namespace, compiled))
    });
    let plan = context.planner().plan(asked, now);
    let requests: Vec<Asking> = plan
        .requests
        .into_iter()
        .map(|request| ask(context, request, now))
        .collect();
    let mut asking: Vec<Option<InFlight>> = asking.into_iter().map(Some).collect();
    let mut groups: Vec<Group> = plan
        .groups
        .into_iter()
        .map(|group| Group {
            members: group
                .members
                .iter()
                .filter_map(|member| asking.get_mut(*member as usize)?.take())
                .collect(),
            requests: group
                .requests
                .iter()
                .filter_map(|request| requests.get(*request as usize).cloned())
                .collect(),
        })
        .collect();
    groups.push(Group {
        members: silent,
        requests: Vec::new(),
    });
    groups
}

/// The policies that ask their servers, and those that can decide nothing whatever the answers: they cannot be acted on, or
/// the kind of their target is still being looked up.
fn apart(context: &Context, due: Vec<InFlight>) -> (Vec<InFlight>, Vec<InFlight>) {
    let targets = context.cluster.targets();
    // One look-up per kind: policies share the few there are.
    let mut kinds: Vec<(*const GroupVersionKind, bool)> = Vec::new();
    due.into_iter().partition(|member| {
        let Ok(compiled) = &member.record.compiled else {
            return false;
        };
        let kind = Arc::as_ptr(&compiled.target.gvk);
        if let Some((_, is_synced)) = kinds.iter().find(|(known, _)| *known == kind) {
            return *is_synced;
        }
        let is_synced = targets.is_synced(&compiled.target.gvk);
        kinds.push((kind, is_synced));
        is_synced
    })
}
