//! What the reporter sends, how often, what it costs, and what it keeps.
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body as Answer;
use axum::http::{Request, Response};
use concertina_decision::{Missing, Reading, Reason};
use kube::client::Body;
use serde_json::Value;

use super::*;
use crate::api::ScalingPolicyStatus;
use crate::control::enforce::Effect;
use crate::counted::{allocations, bytes_since};
use crate::fixtures::{NOW, outcome, policy, total, with};

#[path = "bounds_tests.rs"]
mod bounds;

/// An API server that takes everything unless it has been told otherwise.
#[derive(Default)]
struct Server {
    /// Methods and bodies, in their order.
    requests: Mutex<Vec<(String, Value)>>,
    /// So many requests are answered with 429 and this Retry-After.
    busy: AtomicUsize,
    answers: Mutex<Option<u16>>,
}

const REST: &str = "7";

impl Server {
    fn reporter(self: &Arc<Self>) -> Reporter {
        let server = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = Arc::clone(&server);
            async move {
                let method = request.method().to_string();
                let body = request.into_body().collect_bytes().await?;
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                lock(&server.requests).push((method, body));
                let answer = Response::builder();
                let is_busy = server.busy.load(Ordering::Relaxed) > 0;
                if is_busy {
                    server.busy.fetch_sub(1, Ordering::Relaxed);
                    let answer = answer.status(429).header("retry-after", REST);
                    return Ok::<_, tower::BoxError>(answer.body(Answer::from("too many requests"))?);
                }
                let code = lock(&server.answers).unwrap_or(200);
                Ok(answer.status(code).body(Answer::from("{}"))?)
            }
        });
        Reporter::new(Client::new(service, "shop"), Arc::new(Metrics::default()))
    }

    /// How many statuses and events came since the last call.
    fn came(&self) -> (usize, usize) {
        let requests = std::mem::take(&mut *lock(&self.requests));
        let statuses = requests.iter().filter(|(method, _)| method == "PATCH").count();
        (statuses, requests.len() - statuses)
    }

    fn last_status(&self) -> ScalingPolicyStatus {
        let requests = lock(&self.requests);
        let last = requests.iter().rev().find(|(method, _)| method == "PATCH");
        serde_json::from_value(last.unwrap().1[1]["value"].clone()).unwrap()
    }
}

fn named(name: &str) -> Value {
    with(policy("web"), "/metadata/name", name.into())
}

fn with_load(load: f64) -> Outcome {
    outcome(policy("web"), vec![total(load)])
}

fn scaled(mut outcome: Outcome) -> Outcome {
    outcome.result.as_mut().unwrap().effect = Effect::Written;
    outcome
}

fn at(mut outcome: Outcome, seconds: u32) -> Outcome {
    outcome.time = NOW.plus_seconds(seconds);
    outcome
}

/// Reports and sends; how many statuses and events came.
async fn after(server: &Server, reporter: &Reporter, outcome: Outcome) -> (usize, usize) {
    reporter.report(&outcome);
    reporter.flush(outcome.time).await;
    server.came()
}

#[tokio::test]
async fn an_outcome_like_the_last_one_is_told_without_any_allocation() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let record = with_load(20.0).record;
    assert_eq!(after(&server, &reporter, with_load(20.0)).await, (1, 0));
    // The first one after a status was written looks whether anything came meanwhile.
    assert_eq!(after(&server, &reporter, at(with_load(19.5), 15)).await, (0, 0));
    reporter.metrics.evaluated(&with_load(19.5));
    let outcomes: Vec<Outcome> = (2..100)
        .map(|round| Outcome {
            record: Arc::clone(&record),
            ..at(with_load(19.9), round * 15)
        })
        .collect();
    let before = allocations();
    for outcome in &outcomes {
        reporter.report(outcome);
        reporter.metrics.evaluated(outcome);
    }
    assert_eq!(allocations() - before, 0);
    reporter.flush(NOW.plus_seconds(2000)).await;
    assert_eq!(server.came(), (0, 0));
}

#[tokio::test]
async fn what_is_kept_of_a_policy_with_two_changes_is_small() {
    const POLICIES: usize = 2000;
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let rounds: Vec<Vec<Outcome>> = [0, 60, 120]
        .into_iter()
        .map(|seconds| {
            let one = |number| outcome(named(&format!("web-{number}")), vec![total(40.0)]);
            let all = (0..POLICIES).map(|number| at(one(number), seconds));
            if seconds < 120 {
                all.map(scaled).collect()
            } else {
                all.collect()
            }
        })
        .collect();
    // The client's own buffers are not the policies'.
    reporter.report(&with_load(20.0));
    reporter.flush(NOW).await;
    let before = bytes_since(0);
    for round in &rounds {
        reporter.report_all(round);
        reporter.flush(round[0].time.plus_seconds(2)).await;
        server.came();
    }
    let each = bytes_since(before) / POLICIES;
    println!(
        "{each} bytes per policy, {} of them inline",
        size_of::<told::Told>()
    );
    assert!(each + size_of::<told::Told>() <= 215, "{each} bytes");
}

#[tokio::test]
async fn the_changes_of_a_policy_are_all_told_although_no_status_is_kept() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    for round in 0..7 {
        after(&server, &reporter, at(scaled(with_load(40.0)), round * 60)).await;
        reporter.report(&at(scaled(with_load(40.0)), round * 60 + 30));
        reporter.flush(NOW.plus_seconds(round * 60 + 30)).await;
        let changes = server.last_status().last_changes.len();
        assert_eq!(changes, (2 * round as usize + 2).min(5));
    }
}

#[tokio::test]
async fn a_trouble_is_told_when_its_patience_has_run_out_although_the_outcome_is_the_same() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let silent = || outcome(policy("web"), vec![Reading::Missing(Missing::NoSamples)]);
    assert_eq!(after(&server, &reporter, silent()).await, (1, 0));
    for seconds in [5, 10, 15, 20, 25] {
        assert_eq!(after(&server, &reporter, at(silent(), seconds)).await, (0, 0));
    }
    assert_eq!(after(&server, &reporter, at(silent(), 30)).await, (1, 1));
    assert_eq!(after(&server, &reporter, at(silent(), 35)).await, (0, 0));
}

/// Statuses in an hour of a policy that is evaluated every fifteen seconds and comes to these in turn.
async fn writes_in_an_hour(turns: [fn() -> Outcome; 2]) -> usize {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let mut writes = 0;
    for (round, turn) in (0..240).zip(turns.into_iter().cycle()) {
        writes += after(&server, &reporter, at(turn(), round * 15)).await.0;
    }
    writes
}

#[tokio::test]
async fn a_reason_that_flips_at_every_evaluation_is_not_written_at_every_one() {
    let writes = writes_in_an_hour([|| with_load(20.0), || with_load(9.0)]).await;
    assert!((20..=35).contains(&writes), "{writes} of 240");
}

#[tokio::test]
async fn a_bound_that_limits_at_every_other_evaluation_is_not_written_at_every_one() {
    /// As if the target could not be scaled: nothing changes but what limits.
    fn limited(load: f64) -> Outcome {
        let mut outcome = with_load(load);
        let decision = &mut outcome.result.as_mut().unwrap().decision;
        decision.desired = decision.current;
        outcome
    }
    let writes = writes_in_an_hour([|| limited(20.0), || limited(1000.0)]).await;
    assert!((20..=40).contains(&writes), "{writes} of 240");
}

#[tokio::test]
async fn every_change_is_written_however_restless_the_policy() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    for round in 0..100 {
        let load = if round % 2 == 0 { 20.0 } else { 9.0 };
        after(&server, &reporter, at(with_load(load), round * 15)).await;
    }
    let change = at(scaled(with_load(40.0)), 1500);
    assert_eq!(after(&server, &reporter, change).await, (1, 2));
}

#[tokio::test]
async fn when_the_api_server_asks_for_rest_nothing_is_sent_until_it_is_over_and_nothing_is_lost() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    server.busy.store(3, Ordering::Relaxed);
    assert_eq!(after(&server, &reporter, scaled(with_load(40.0))).await, (1, 2));
    reporter.report(&outcome(named("other"), vec![total(20.0)]));
    for seconds in 1..7 {
        reporter.flush(NOW.plus_seconds(seconds)).await;
        assert_eq!(server.came(), (0, 0), "after {seconds} s");
    }
    reporter.flush(NOW.plus_seconds(7)).await;
    assert_eq!(server.came(), (2, 2));
    let text = reporter.metrics.encode().unwrap();
    assert!(text.contains("concertina_events_dropped_total 0"));
}

#[tokio::test(start_paused = true)]
async fn reports_let_scale_writes_pass() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let writing = reporter.scale_writes().begin();
    reporter.report(&scaled(with_load(40.0)));
    let flush = reporter.flush(NOW);
    let write = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(server.came(), (0, 0));
        drop(writing);
    };
    futures::future::join(flush, write).await;
    assert_eq!(server.came(), (1, 2));
    let _stuck = reporter.scale_writes().begin();
    reporter.report(&outcome(named("other"), vec![total(20.0)]));
    reporter.flush(NOW).await;
    assert_eq!(server.came(), (1, 0), "but not for ever");
}

#[tokio::test]
async fn events_beyond_the_bound_push_out_the_oldest_and_are_counted() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    for round in 0..2100 {
        reporter.report(&at(scaled(with_load(40.0)), round));
    }
    reporter.flush(NOW.plus_seconds(3000)).await;
    assert_eq!(server.came().1, 4096);
    let text = reporter.metrics.encode().unwrap();
    assert!(text.contains("concertina_events_dropped_total 104"));
}

#[tokio::test]
async fn a_refused_status_waits_until_the_policy_is_mended_or_five_minutes_have_passed() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    *lock(&server.answers) = Some(422);
    assert_eq!(after(&server, &reporter, with_load(20.0)).await, (1, 0));
    for seconds in [2, 15, 60, 285] {
        let load = if seconds == 15 { 9.0 } else { 20.0 };
        assert_eq!(
            after(&server, &reporter, at(with_load(load), seconds)).await,
            (0, 0)
        );
    }
    assert_eq!(after(&server, &reporter, at(with_load(20.0), 300)).await, (1, 0));
    *lock(&server.answers) = None;
    let mended = || {
        outcome(
            with(policy("web"), "/metadata/generation", 2.into()),
            vec![total(20.0)],
        )
    };
    assert_eq!(after(&server, &reporter, at(mended(), 315)).await, (1, 0));
    assert_eq!(server.requests.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_policy_that_is_gone_is_forgotten() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    *lock(&server.answers) = Some(404);
    assert_eq!(after(&server, &reporter, with_load(20.0)).await, (1, 0));
    reporter.flush(NOW.plus_seconds(600)).await;
    assert_eq!(server.came(), (0, 0));
    *lock(&server.answers) = None;
    assert_eq!(
        after(&server, &reporter, at(with_load(20.0), 900)).await,
        (1, 0),
        "until it comes again"
    );
    reporter.forget(&with_load(20.0).record);
    assert_eq!(after(&server, &reporter, at(with_load(20.0), 915)).await, (1, 0));
}

#[tokio::test]
async fn the_end_of_the_process_waits_for_no_gap() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    assert_eq!(after(&server, &reporter, with_load(20.0)).await, (1, 0));
    reporter.report(&at(scaled(with_load(40.0)), 1));
    reporter.flush(NOW.plus_seconds(1)).await;
    assert_eq!(server.came(), (0, 2));
    reporter.flush_all(NOW.plus_seconds(1)).await;
    assert_eq!(server.came(), (1, 0));
}

#[tokio::test]
async fn a_change_while_a_status_is_on_its_way_is_told_by_the_next_one() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    assert_eq!(after(&server, &reporter, with_load(20.0)).await, (1, 0));
    let mut down = with_load(20.0);
    down.result = Err(crate::observe::join::Note {
        reason: Reason::TargetNotFound,
        message: "there is none".into(),
    });
    reporter.report(&at(down, 15));
    let places = lock(&reporter.queue).take_due(Second::of(NOW.plus_seconds(15)));
    let (places, _) = places.unwrap();
    assert_eq!(places.len(), 1);
    let due = lock(&reporter.queue).newest(places[0]).unwrap();
    // Before its answer is there, all is as it was before it.
    reporter.report(&at(with_load(20.0), 16));
    lock(&reporter.queue).sent(&due, Sent::Accepted, Second::of(NOW.plus_seconds(16)));
    assert_eq!(after(&server, &reporter, at(with_load(20.0), 18)).await.0, 1);
    assert_eq!(after(&server, &reporter, at(with_load(20.0), 33)).await.0, 0);
}

/// What the API server holds after the last status that came.
fn stored_of(server: &Server) -> StoredStatus {
    StoredStatus::of(&server.last_status())
}

#[tokio::test]
async fn a_standby_that_takes_over_repeats_nothing_and_loses_no_change() {
    let (of_leader, of_standby) = (Arc::new(Server::default()), Arc::new(Server::default()));
    let (leader, standby) = (of_leader.reporter(), of_standby.reporter());
    for round in 0..3 {
        let outcome = at(scaled(with_load(40.0)), round * 60);
        leader.report(&outcome);
        leader.flush(outcome.time).await;
        standby.stored(&outcome.record, &stored_of(&of_leader));
    }
    let quiet = at(with_load(20.0), 200);
    leader.report(&quiet);
    leader.flush(quiet.time).await;
    standby.stored(&quiet.record, &stored_of(&of_leader));
    assert_eq!(
        after(&of_standby, &standby, at(with_load(20.0), 215)).await,
        (0, 0)
    );
    let outcome = at(scaled(with_load(40.0)), 230);
    standby.report(&outcome);
    standby.flush(outcome.time).await;
    assert_eq!(of_standby.last_status().last_changes.len(), 4);
}

#[tokio::test]
async fn an_echo_of_an_older_status_takes_nothing_back() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let first = scaled(with_load(40.0));
    reporter.report(&first);
    reporter.flush(first.time).await;
    let echo = stored_of(&server);
    let second = at(scaled(with_load(40.0)), 60);
    reporter.report(&second);
    reporter.stored(&second.record, &echo);
    reporter.flush(second.time).await;
    reporter.stored(&second.record, &echo);
    let third = at(scaled(with_load(40.0)), 120);
    reporter.report(&third);
    reporter.flush(third.time).await;
    assert_eq!(server.last_status().last_changes.len(), 3);
}
