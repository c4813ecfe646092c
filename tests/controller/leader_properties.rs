//! The election under whatever may happen to its requests, its processes and their clocks: never do two write at once, and when all is
//! well again somebody soon does.
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use crate::leader_candidates::{Candidate, in_paused_time, pass, settings, until, writers};
use crate::leader_store::{LeaseServer, Weather};

/// The longest that a request is under way before it is handled.
const LATEST_MS: u64 = 4_000;
const CANDIDATES: usize = 3;

/// What may happen to one candidate, or to the Lease.
#[derive(Clone, Debug)]
enum Happening {
    Weather(Weather),
    WatchesEnd,
    WatchesFallSilent,
    Dies,
    IsToldToEnd,
    Starts,
    /// Its clock on the wall is set, by seconds ahead.
    ClockIsSet(i64),
    LeaseIsLabelled,
}

fn weather() -> impl Strategy<Value = Weather> {
    let milliseconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    prop_oneof![
        3 => milliseconds(1..2_000).prop_map(Weather::Fine),
        1 => prop::sample::select(vec![409, 429, 500, 503, 504]).prop_map(Weather::Refuses),
        1 => Just(Weather::Hangs),
        1 => Just(Weather::LosesAnswers),
        1 => Just(Weather::Breaks),
        1 => milliseconds(1..LATEST_MS).prop_map(Weather::Late),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        5 => weather().prop_map(Happening::Weather),
        1 => Just(Happening::WatchesEnd),
        1 => Just(Happening::WatchesFallSilent),
        1 => Just(Happening::Dies),
        1 => Just(Happening::IsToldToEnd),
        2 => Just(Happening::Starts),
        1 => (-400_000_000_i64..400_000_000).prop_map(Happening::ClockIsSet),
        1 => Just(Happening::LeaseIsLabelled),
    ]
}

/// After how many milliseconds what happens to whom.
fn story() -> impl Strategy<Value = Vec<(u64, usize, Happening)>> {
    prop::collection::vec((0..9_000_u64, 0..CANDIDATES, happening()), 1..24)
}

fn happens(server: &LeaseServer, candidate: &mut Candidate, happening: &Happening) {
    match happening {
        Happening::Weather(weather) => candidate.link.has(*weather),
        Happening::WatchesEnd => candidate.link.ends_watches(),
        Happening::WatchesFallSilent => candidate.link.silences_watches(),
        Happening::Dies => candidate.dies(),
        Happening::IsToldToEnd => candidate.is_told_to_end(),
        Happening::Starts => candidate.starts(),
        Happening::ClockIsSet(ahead) => candidate.skew.store(*ahead, Ordering::Relaxed),
        Happening::LeaseIsLabelled => server.is_labelled(),
    }
}

/// When all is well again, the longest until somebody writes. What is under way by then is handled late, and calls that hang are given
/// up; a standby whose watch is dead without its knowledge notices when a renewal is overdue; then the Lease runs out.
fn longest_recovery() -> Duration {
    let settings = settings();
    let given_up = settings.call_timeout() + settings.retry_gap();
    let noticed = settings.duration().mul_f64(0.4);
    given_up.max(Duration::from_millis(LATEST_MS)) + noticed + settings.duration() + Duration::from_secs(1)
}

async fn play(story: &[(u64, usize, Happening)], jitters: [f64; CANDIDATES]) {
    let server = LeaseServer::default();
    let mut candidates: Vec<Candidate> = jitters
        .iter()
        .enumerate()
        .map(|(index, jitter)| Candidate::new(&server, &format!("candidate-{index}"), *jitter))
        .collect();
    candidates[0].starts();
    candidates[1].starts();
    for (milliseconds, who, happening) in story {
        pass(&candidates, Duration::from_millis(*milliseconds)).await;
        happens(&server, &mut candidates[*who], happening);
    }
    for candidate in &candidates {
        candidate.link.has(Weather::Fine(Duration::from_millis(5)));
    }
    candidates[0].starts();
    let patience = longest_recovery();
    let recovered = until(&candidates, patience, |all| writers(all) == 1).await;
    assert!(recovered.is_some(), "nobody writes after {patience:?}");
    // And it stays so, but for a hand-over when what was late comes after all.
    pass(&candidates, Duration::from_secs(30)).await;
    let end = Instant::now() + Duration::from_secs(40);
    while Instant::now() < end {
        assert_eq!(writers(&candidates), 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_two_write_at_once_and_somebody_does_when_all_is_well_again(
        story in story(),
        jitters in [0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64],
    ) {
        in_paused_time(play(&story, jitters));
    }

    #[test]
    fn a_killed_leader_is_replaced_within_a_second_of_the_end_of_its_lease(
        killed_after_ms in 100..60_000_u64,
        latencies_ms in [1..200_u64, 1..200],
        skews in [-400_000_000_i64..400_000_000, -400_000_000..400_000_000],
        jitters in [0.0..1.0_f64, 0.0..1.0_f64],
    ) {
        let replaced = in_paused_time(async {
            let server = LeaseServer::default();
            let mut candidates: Vec<Candidate> = (0..2)
                .map(|index| Candidate::new(&server, &format!("candidate-{index}"), jitters[index]))
                .collect();
            for (index, candidate) in candidates.iter_mut().enumerate() {
                candidate.link.has(Weather::Fine(Duration::from_millis(latencies_ms[index])));
                candidate.skew.store(skews[index], Ordering::Relaxed);
                candidate.starts();
            }
            pass(&candidates, Duration::from_secs(5)).await;
            pass(&candidates, Duration::from_millis(killed_after_ms)).await;
            let leader = candidates.iter().position(Candidate::may_write).expect("there is a leader");
            candidates[leader].dies();
            // The last renewal was before this, so the Lease ends within its duration.
            until(&candidates, settings().duration() + Duration::from_secs(1), |all| writers(all) == 1).await
        });
        prop_assert!(replaced.is_some());
    }
}
