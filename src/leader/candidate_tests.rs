//! When a candidate acts, by what it has seen and when.
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn candidate(now: Instant) -> Candidate {
    let settings = Settings::new("shop", "concertina", 15, 5).unwrap();
    Candidate::new(settings, "me".into(), Arc::new(Leadership::standby()), now)
}

fn version(number: u32, holder: &str) -> Lease {
    Lease {
        metadata: ObjectMeta {
            resource_version: Some(number.to_string()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        }),
    }
}

#[test]
fn a_standby_that_is_told_of_renewals_asks_nothing() {
    let start = Instant::now();
    let mut standby = candidate(start);
    for renewal in 0..10 {
        let now = start + SECOND.mul_f64(5.5) * renewal;
        standby.hear(version(renewal, "other"), now);
        assert_eq!(standby.next_step(), (now + SECOND * 6, Step::Look));
    }
}

#[test]
fn a_standby_looks_when_a_renewal_is_overdue_and_takes_over_when_the_last_one_has_run_out() {
    let start = Instant::now();
    let mut standby = candidate(start);
    standby.hear(version(1, "other"), start);
    let mut looks = 0;
    loop {
        let (at, step) = standby.next_step();
        if step == Step::Write {
            assert_eq!(at, start + SECOND * 15);
            break;
        }
        looks += 1;
        standby.looks(at);
        assert!(!standby.see(version(1, "other"), at));
    }
    assert_eq!(looks, 5);
}

#[test]
fn a_lease_that_was_given_up_is_taken_at_once() {
    let start = Instant::now();
    let mut standby = candidate(start);
    standby.hear(version(1, "other"), start);
    standby.hear(version(2, ""), start + SECOND);
    assert_eq!(standby.next_step(), (start + SECOND, Step::Write));
}

#[test]
fn a_deleted_lease_is_not_created_before_its_holder_must_have_noticed() {
    let start = Instant::now();
    let mut standby = candidate(start);
    standby.hear(version(1, "other"), start);
    standby.see_none(start + SECOND);
    assert_eq!(standby.next_step(), (start + SECOND * 16, Step::Write));
}

#[test]
fn a_lease_that_never_was_is_created_at_once() {
    let start = Instant::now();
    let mut first = candidate(start);
    first.see_none(start);
    assert_eq!(first.next_step(), (start, Step::Write));
}

#[test]
fn renewals_are_put_off_by_a_tenth_at_most() {
    let start = Instant::now();
    for (jitter, milliseconds) in [(0.0, 5_000), (1.0, 5_500), (7.0, 5_500)] {
        let mut leader = candidate(start);
        leader.hold(version(1, "me"), start, jitter, start + SECOND);
        let renewal = start + Duration::from_millis(milliseconds);
        assert_eq!(leader.next_step(), (renewal, Step::Write));
    }
}

#[tokio::test(start_paused = true)]
async fn the_right_to_write_counts_from_the_sending_and_ends_by_itself() {
    let start = Instant::now();
    let mut leader = candidate(start);
    assert!(!leader.leadership.may_write());
    tokio::time::advance(SECOND * 2).await;
    leader.hold(version(1, "me"), start, 0.0, start + SECOND * 2);
    tokio::time::advance(Duration::from_millis(7_999)).await;
    assert!(leader.leadership.may_write());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!leader.leadership.may_write());
}

#[tokio::test(start_paused = true)]
async fn another_holder_ends_the_right_to_write_at_once_and_old_news_do_not() {
    let start = Instant::now();
    let mut leader = candidate(start);
    leader.hold(version(5, "me"), start, 0.0, start);
    leader.hear(version(4, "other"), start);
    assert!(leader.leadership.may_write());
    leader.hear(version(6, "other"), start);
    assert!(!leader.leadership.may_write());
}

#[tokio::test(start_paused = true)]
async fn who_resigns_changes_nothing_any_more_but_may_tell_what_was_done() {
    let start = Instant::now();
    let mut leader = candidate(start);
    leader.hold(version(1, "me"), start, 0.0, start);
    leader.leadership.resign();
    leader.hold(version(2, "me"), start, 0.0, start);
    assert!(!leader.leadership.may_write());
    assert!(leader.leadership.may_report());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_until_half_of_the_margin_is_over_and_never_without_a_right() {
    let start = Instant::now();
    let mut leader = candidate(start);
    let left = |leader: &Candidate| leader.leadership.time_left();
    assert_eq!(left(&leader), Duration::ZERO);
    leader.hold(version(1, "me"), start, 0.0, start);
    assert_eq!(left(&leader), Duration::from_millis(12_500));
    tokio::time::advance(Duration::from_millis(9_900)).await;
    assert!(leader.leadership.may_write());
    assert_eq!(left(&leader), Duration::from_millis(2_600));
    tokio::time::advance(Duration::from_millis(2_600)).await;
    assert_eq!(left(&leader), Duration::ZERO, "2.5 s before another may lead");
    leader.hold(version(2, "me"), Instant::now(), 0.0, Instant::now());
    leader.hear(version(3, "other"), Instant::now());
    assert_eq!(left(&leader), Duration::ZERO);
    assert_eq!(Leadership::alone().time_left(), Duration::MAX);
}
