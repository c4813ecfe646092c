//! What is kept while the API server takes nothing, and what becomes of statuses that others write.
use std::collections::BTreeSet;

use super::*;
use crate::cluster::names::{ObjectKey, Uid};
use crate::cluster::policies::PolicyId;
use crate::observe::join::Note;

/// As many policies as one says, alike but for their names.
fn many(count: u32) -> Vec<Arc<PolicyRecord>> {
    let one = with_load(20.0).record;
    (0..count)
        .map(|number| {
            Arc::new(PolicyRecord {
                id: PolicyId(number),
                key: ObjectKey::new("shop", &format!("web-{number}")),
                uid: Uid::of(&format!("uid-{number}")),
                ..PolicyRecord::clone(&one)
            })
        })
        .collect()
}

fn report_all(reporter: &Reporter, records: &[Arc<PolicyRecord>], outcome: &Outcome) {
    let mut reports = reporter.reports();
    for record in records {
        reports.report(&Outcome {
            record: Arc::clone(record),
            ..outcome.clone()
        });
    }
}

fn without_target() -> Outcome {
    let result = Err(Note {
        reason: Reason::TargetNotFound,
        message: "there is none".into(),
    });
    Outcome {
        result,
        ..with_load(20.0)
    }
}

#[tokio::test]
async fn while_nothing_can_be_written_few_statuses_are_kept() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    *lock(&server.answers) = Some(500);
    let records = many(20_000);
    let before = bytes_since(0);
    report_all(&reporter, &records, &without_target());
    reporter.flush(NOW).await;
    assert_eq!(server.came().0, room::MOST_KEPT);
    report_all(&reporter, &records, &at(without_target(), 15));
    let bytes = bytes_since(before);
    println!("{bytes} bytes, {} each", bytes / records.len());
    // A trouble that may last is kept of each.
    assert!(bytes <= 20_000 * 400 + room::MOST_KEPT * 4000, "{bytes} bytes");
}

#[tokio::test]
async fn what_found_no_room_is_told_by_a_later_evaluation() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let records = many(3000);
    let mut came = Vec::new();
    for round in 0..3 {
        report_all(&reporter, &records, &at(without_target(), round * 15));
        reporter.flush(NOW.plus_seconds(round * 15)).await;
        came.push(server.came().0);
    }
    assert_eq!(came, [2000, 1000, 0]);
}

#[tokio::test]
async fn policies_whose_status_cannot_be_written_do_not_keep_others_from_their_turn() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    *lock(&server.answers) = Some(500);
    let records = many(3000);
    let mut tried = BTreeSet::new();
    for second in 0..45 {
        // As in the loop, each second has its policies.
        let due = records.iter().skip(second as usize % 15).step_by(15);
        let due: Vec<_> = due.cloned().collect();
        report_all(&reporter, &due, &at(without_target(), second));
        reporter.flush(NOW.plus_seconds(second)).await;
        let requests = std::mem::take(&mut *lock(&server.requests));
        let statuses = requests.iter().filter(|(method, _)| method == "PATCH");
        let uids = statuses.map(|(_, body)| body[0]["value"].to_string());
        tried.extend(uids);
    }
    assert_eq!(tried.len(), 3000);
}

#[tokio::test]
async fn entries_that_stand_for_nothing_any_more_do_not_pile_up_while_nothing_is_sent() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let records = many(10);
    report_all(&reporter, &records, &with_load(20.0));
    for round in 0..20_000 {
        lock(&reporter.queue).is_due(round % 10, Second::of(NOW.plus_seconds(round)));
        assert!(lock(&reporter.queue).entries() <= 4 * room::MOST_KEPT);
    }
    reporter.flush(NOW.plus_seconds(300)).await;
    assert_eq!(server.came().0, 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_what_is_newest_then_and_not_when_its_turn_was_awaited() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let writing = reporter.scale_writes().begin();
    reporter.report(&with_load(20.0));
    let write = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        reporter.report(&at(without_target(), 2));
        drop(writing);
    };
    futures::future::join(reporter.flush(NOW), write).await;
    let status = server.last_status();
    assert_eq!(status.last_decision.unwrap().reason, "TargetNotFound");
    assert_eq!(server.came().0, 1);
    reporter.flush(NOW.plus_seconds(10)).await;
    assert_eq!(server.came().0, 0);
}

/// Reports and sends; the status that came.
async fn written(server: &Server, reporter: &Reporter, outcome: Outcome) -> StoredStatus {
    reporter.report(&outcome);
    reporter.flush(outcome.time).await;
    let stored = stored_of(server);
    assert_eq!(server.came().0, 1);
    stored
}

#[tokio::test]
async fn a_status_that_another_controller_writes_late_is_written_over_once() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let record = with_load(20.0).record;
    let stale = {
        let server = Arc::new(Server::default());
        written(&server, &server.reporter(), without_target()).await
    };
    let own = written(&server, &reporter, at(with_load(20.0), 10)).await;
    reporter.stored(&record, &own);
    assert_eq!(after(&server, &reporter, at(with_load(20.0), 25)).await.0, 0);
    reporter.stored(&record, &stale);
    let again = written(&server, &reporter, at(with_load(20.0), 40)).await;
    assert_eq!(again.marks, own.marks);
    reporter.stored(&record, &again);
    for seconds in [55, 70, 85] {
        let outcome = at(with_load(20.0), seconds);
        assert_eq!(after(&server, &reporter, outcome).await.0, 0);
    }
}

#[tokio::test]
async fn a_stale_status_that_is_told_of_while_ours_is_on_its_way_is_written_over() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let stale = {
        let server = Arc::new(Server::default());
        written(&server, &server.reporter(), without_target()).await
    };
    let outcome = at(with_load(20.0), 10);
    reporter.report(&outcome);
    let now = Second::of(outcome.time);
    let due = {
        let mut queue = lock(&reporter.queue);
        let (places, _) = queue.take_due(now).unwrap();
        queue.newest(places[0]).unwrap()
    };
    reporter.stored(&outcome.record, &stale);
    lock(&reporter.queue).sent(&due, Sent::Accepted, now);
    assert_eq!(after(&server, &reporter, at(with_load(20.0), 25)).await.0, 1);
}

#[tokio::test]
async fn echoes_of_own_writes_that_come_late_are_answered_by_nothing() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let record = with_load(20.0).record;
    let first = written(&server, &reporter, with_load(20.0)).await;
    let second = written(&server, &reporter, at(without_target(), 15)).await;
    let third = written(&server, &reporter, at(scaled(with_load(40.0)), 30)).await;
    let fourth = written(&server, &reporter, at(without_target(), 45)).await;
    for (seconds, echo) in [(60, first), (75, second), (90, third), (105, fourth)] {
        reporter.stored(&record, &echo);
        let outcome = at(without_target(), seconds);
        assert_eq!(after(&server, &reporter, outcome).await.0, 0, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_server_that_stores_less_than_it_is_sent_is_not_written_to_for_ever() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let mut writes = 0;
    for round in 0..20 {
        let outcome = at(with_load(20.0), round * 15);
        reporter.report(&outcome);
        reporter.flush(outcome.time).await;
        if !lock(&server.requests).is_empty() {
            let mut status = server.last_status();
            status.conditions.clear();
            reporter.stored(&outcome.record, &StoredStatus::of(&status));
        }
        writes += server.came().0;
    }
    assert_eq!(writes, 2);
}

#[tokio::test]
async fn what_is_forbidden_or_denied_is_tried_again_after_five_minutes_and_a_failure_soon() {
    for (code, again) in [(403, 300), (400, 300), (401, 300), (500, 2), (409, 2)] {
        let server = Arc::new(Server::default());
        let reporter = server.reporter();
        *lock(&server.answers) = Some(code);
        assert_eq!(after(&server, &reporter, with_load(20.0)).await.0, 1);
        for seconds in 1..=300 {
            let came = after(&server, &reporter, at(with_load(20.0), seconds)).await.0;
            assert_eq!(came, usize::from(seconds == again), "{code} after {seconds} s");
            if came > 0 {
                break;
            }
        }
    }
}

#[tokio::test]
async fn that_a_target_is_looked_up_is_told_of_a_new_policy() {
    let server = Arc::new(Server::default());
    let reporter = server.reporter();
    let looking_up = Outcome {
        result: Err(Note {
            reason: Reason::Evaluating,
            message: "looking up deployments.apps shop/web".into(),
        }),
        ..with_load(20.0)
    };
    assert_eq!(after(&server, &reporter, looking_up).await, (1, 0));
}
