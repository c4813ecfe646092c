use concertina_decision::Timestamp;

use super::*;

fn at(seconds: u32) -> Second {
    Second::of(Timestamp::from_seconds(1_700_000_000)).plus(seconds)
}

fn trouble(reason: Reason) -> Trouble {
    Trouble {
        reason,
        message: format!("words on {reason}"),
    }
}

/// How many last, and how many of them are announced, at each of these times while the troubles are there.
fn seen(lasting: &mut Lasting, reasons: &[Reason], seconds: u32) -> (usize, usize) {
    let told = lasting.look_at(reasons.iter().copied().map(trouble).collect(), at(seconds));
    (told.lasting.len(), told.to_announce.len())
}

#[test]
fn a_trouble_is_announced_once_while_it_lasts() {
    let mut lasting = Lasting::default();
    let down = [Reason::PrometheusError];
    assert_eq!(seen(&mut lasting, &down, 0), (1, 1));
    for seconds in [1, 15, 400, 4000] {
        assert_eq!(seen(&mut lasting, &down, seconds), (1, 0));
    }
}

#[test]
fn the_same_trouble_of_two_metrics_is_announced_once() {
    let mut lasting = Lasting::default();
    assert_eq!(seen(&mut lasting, &[Reason::PrometheusError; 2], 0), (2, 1));
}

#[test]
fn a_trouble_that_returns_is_announced_again_after_five_minutes_only() {
    let mut lasting = Lasting::default();
    let down = [Reason::PrometheusError];
    assert_eq!(seen(&mut lasting, &down, 0), (1, 1));
    assert_eq!(seen(&mut lasting, &[], 15), (0, 0));
    assert_eq!(seen(&mut lasting, &down, 30), (1, 0));
    assert_eq!(seen(&mut lasting, &[], 45), (0, 0));
    assert_eq!(seen(&mut lasting, &down, 300), (1, 1));
}

#[test]
fn what_a_pods_start_brings_with_it_must_stay_to_be_told_and_is_looked_at_in_time() {
    let mut lasting = Lasting::default();
    let none_yet = vec![trouble(Reason::NoSamples)];
    let told = lasting.look_at(none_yet.clone(), at(0));
    assert!(told.lasting.is_empty());
    assert_eq!(told.look_again, Some(at(30)));
    let told = lasting.look_at(none_yet.clone(), at(29));
    assert!(told.lasting.is_empty());
    assert_eq!(told.look_again, Some(at(30)));
    let told = lasting.look_at(none_yet, at(30));
    assert_eq!((told.lasting.len(), told.to_announce.len()), (1, 1));
    assert_eq!(told.look_again, None, "nothing more comes of it by waiting");
}

#[test]
fn what_passes_in_between_begins_its_patience_anew() {
    let mut lasting = Lasting::default();
    let duplicates = [Reason::DuplicateSeries];
    assert_eq!(seen(&mut lasting, &duplicates, 0), (0, 0));
    assert_eq!(seen(&mut lasting, &[], 300), (0, 0));
    assert!(lasting.is_empty(), "nothing of it need be kept");
    assert_eq!(seen(&mut lasting, &duplicates, 315), (0, 0));
    assert_eq!(seen(&mut lasting, &duplicates, 331), (0, 0));
    assert_eq!(seen(&mut lasting, &duplicates, 645), (1, 1));
}

#[test]
fn nothing_is_kept_once_nothing_can_be_repeated() {
    let mut lasting = Lasting::default();
    assert_eq!(seen(&mut lasting, &[Reason::PrometheusError], 0), (1, 1));
    let told = lasting.look_at(vec![], at(15));
    assert_eq!(told.look_again, Some(at(300)));
    assert!(!lasting.is_empty());
    let told = lasting.look_at(vec![], at(300));
    assert_eq!(told.look_again, None);
    assert!(lasting.is_empty());
}

#[test]
fn a_clock_that_was_set_back_hides_no_trouble() {
    let mut lasting = Lasting::default();
    assert_eq!(seen(&mut lasting, &[Reason::PrometheusError], 3600), (1, 1));
    assert_eq!(seen(&mut lasting, &[], 3615), (0, 0));
    assert_eq!(seen(&mut lasting, &[Reason::PrometheusError], 30), (1, 1));
    let mut lasting = Lasting::default();
    assert_eq!(seen(&mut lasting, &[Reason::NoSamples], 3600), (0, 0));
    assert_eq!(seen(&mut lasting, &[Reason::NoSamples], 0), (0, 0));
    assert_eq!(seen(&mut lasting, &[Reason::NoSamples], 30), (1, 1));
}
