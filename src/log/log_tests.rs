use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tracing::subscriber::with_default;

use super::*;

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged in JSON while the clock is moved.
fn logged(act: impl FnOnce(&Arc<Limit>, &AtomicU64)) -> Vec<Value> {
    let (lines, clock) = (Lines::default(), Arc::new(AtomicU64::new(1000)));
    let seconds = Arc::clone(&clock);
    let limit = Arc::new(Limit::new(move || seconds.load(Ordering::Relaxed)));
    let writer = lines.clone();
    let taken = subscriber(
        Format::Json,
        "info",
        false,
        move || writer.clone(),
        Arc::clone(&limit),
    )
    .unwrap();
    with_default(taken, || act(&limit, &clock));
    let bytes = lines.0.lock().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn trouble(policy: &str, reason: &str) {
    tracing::warn!(namespace = "shop", policy, reason, "nothing is known");
}

#[test]
fn a_line_of_json_is_flat_and_has_stable_keys() {
    let lines = logged(|_, _| {
        tracing::info!(
            namespace = "shop",
            from = 2,
            to = 4,
            manager = None::<&str>,
            "grows"
        );
    });
    let keys: Vec<_> = lines[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "from",
            "level",
            "message",
            "namespace",
            "target",
            "timestamp",
            "to"
        ]
    );
    assert_eq!(
        (&lines[0]["level"], &lines[0]["to"]),
        (&Value::from("INFO"), &Value::from(4))
    );
    assert_eq!(lines[0]["message"], "grows");
    assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn ten_thousand_policies_with_the_same_trouble_make_thirty_lines_and_one_that_counts_the_others() {
    let lines = logged(|limit, clock| {
        for policy in 0..10_000 {
            trouble(&policy.to_string(), "PrometheusUnreachable");
        }
        limit.tell_withheld();
        clock.fetch_add(WINDOW_SECONDS, Ordering::Relaxed);
        limit.tell_withheld();
        limit.tell_withheld();
    });
    assert_eq!(lines.len() as u64, LINES + 1);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["withheld"], &last["level"]),
        (&Value::from(9970), &Value::from("WARN"))
    );
    assert_eq!(last["reason"], "PrometheusUnreachable");
    assert!(
        last["message"].as_str().unwrap().ends_with(": nothing is known"),
        "{last}"
    );
}

#[test]
fn one_trouble_does_not_hide_another_and_the_next_window_begins_anew() {
    let lines = logged(|_, clock| {
        (0..100).for_each(|_| trouble("a", "PrometheusUnreachable"));
        trouble("b", "GuardTripped");
        clock.fetch_add(WINDOW_SECONDS, Ordering::Relaxed);
        trouble("c", "GuardTripped");
        tracing::warn!(namespace = "shop", "another place in the code");
    });
    let of = |reason: &str| lines.iter().filter(|line| line["reason"] == reason).count();
    assert_eq!(
        (of("PrometheusUnreachable") as u64, of("GuardTripped")),
        (LINES, 2)
    );
    assert_eq!(lines.len() as u64, LINES + 3);
}

#[test]
fn at_the_end_it_is_told_what_was_withheld_in_the_last_minute() {
    let lines = logged(|limit, _| {
        (0..100).for_each(|_| trouble("a", "PrometheusUnreachable"));
        trouble("b", "GuardTripped");
        limit.tell_withheld();
        limit.tell_all_withheld();
        limit.tell_all_withheld();
    });
    assert_eq!(lines.len() as u64, LINES + 2);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["withheld"], &last["reason"]),
        (&Value::from(70), &Value::from("PrometheusUnreachable"))
    );
}

/// Uses the limit while it is formatted, as what logs there does, and the hook of a panic there.
struct Tells(Arc<Limit>);

impl std::fmt::Debug for Tells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.tell_all_withheld();
        f.write_str("told")
    }
}

#[test]
fn what_is_logged_while_a_line_is_formatted_does_not_wait_for_that_line() {
    let (sender, receiver) = std::sync::mpsc::channel();
    // In a thread of its own: one that is stuck cannot be ended.
    std::thread::spawn(move || {
        let lines = logged(|limit, _| tracing::warn!("this was {:?}", Tells(Arc::clone(limit))));
        sender.send(lines).unwrap();
    });
    let lines = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(lines[0]["message"], "this was told");
}

#[test]
fn every_change_of_ours_is_logged() {
    let change = |_| tracing::info!(target: CHANGES, from = 2, to = 4, reason = "MetricAboveTarget", "grows");
    assert_eq!(logged(|_, _| (0..1000).for_each(change)).len(), 1000);
}

#[derive(Debug, thiserror::Error)]
#[error("{said}")]
struct Caused {
    said: &'static str,
    #[source]
    by: Option<Box<Caused>>,
}

fn caused(words: &[&'static str]) -> Option<Box<Caused>> {
    let (said, rest) = words.split_first()?;
    Some(Box::new(Caused {
        said,
        by: caused(rest),
    }))
}

#[test]
fn an_error_is_one_line_with_its_causes_and_without_repetition() {
    let error = caused(&["service: cannot connect", "cannot connect", "connection\nrefused"]).unwrap();
    assert_eq!(causes(&*error), "service: cannot connect: connection refused");
}

#[test]
fn of_a_refusal_by_the_api_server_only_its_words_are_repeated() {
    let status = kube::core::Status {
        message: "leases is forbidden".into(),
        code: 403,
        ..Default::default()
    };
    assert_eq!(causes(&kube::Error::Api(Box::new(status))), "leases is forbidden");
}

#[test]
fn directives_are_checked_and_nothing_means_info() {
    assert_eq!(directives("").unwrap(), "info");
    assert_eq!(
        directives("warn,concertina=debug").unwrap(),
        "warn,concertina=debug"
    );
    let error = directives("concertina=loud").unwrap_err().to_string();
    assert!(error.contains("write a level"), "{error}");
}
