//! How many lines are logged when very many policies fail alike, and what the lines on a change hold.
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use concertina::log::{Format, LINES, Limit, subscriber};
use concertina_decision::Timestamp;
use serde_json::Value;
use tracing::subscriber::{DefaultGuard, set_default};

use crate::fixtures::{deployment, is_marked_as_written_by, policy};
use crate::prometheus::Reply;
use crate::world::World;

/// Takes what this thread logs, by the clock of the test.
struct Log {
    written: Written,
    limit: Arc<Limit>,
    seconds: Arc<AtomicU64>,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        let (written, seconds) = (Written::default(), Arc::new(AtomicU64::new(0)));
        let (writer, clock) = (written.clone(), Arc::clone(&seconds));
        let limit = Arc::new(Limit::new(move || clock.load(Ordering::Relaxed)));
        let made = subscriber(
            Format::Json,
            "info",
            false,
            move || writer.clone(),
            Arc::clone(&limit),
        );
        Self {
            written,
            limit,
            seconds,
            _guard: set_default(made.unwrap()),
        }
    }

    /// The log's clock goes with that of the world, and what was withheld is told as the running controller does.
    fn is_at(&self, now: Timestamp) {
        let seconds = u64::try_from(now.0 / 1000).unwrap();
        self.seconds.store(seconds, Ordering::Relaxed);
        self.limit.tell_withheld();
    }

    /// The lines since the last time.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.written.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// So many policies in dry run on one Deployment, which ask this server once a minute.
async fn fleet(count: usize, server: &str) -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    for number in 0..count {
        let policy = policy(&format!("web-{number}"))
            .on_deployment("web")
            .in_mode("DryRun");
        world
            .api
            .has(policy.asking(server).with("/spec/periodSeconds", 60));
    }
    world.settle().await;
    world
}

#[tokio::test]
async fn an_hour_without_prometheus_is_few_lines_for_ten_thousand_policies() {
    let mut world = fleet(10_000, "refusing").await;
    let log = Log::start();
    for _ in 0..12 {
        log.is_at(world.now);
        world.decide().await;
        world.pass(300);
    }
    log.is_at(world.now);
    let lines = log.take();
    let of_policies: Vec<&Value> = lines.iter().filter(|line| line["policy"].is_string()).collect();
    assert_eq!(of_policies.len() as u64, LINES, "{lines:#?}");
    assert!(
        of_policies
            .iter()
            .all(|line| line["reason"] == "PrometheusUnreachable")
    );
    let withheld: Vec<&Value> = lines.iter().filter(|line| line["withheld"].is_u64()).collect();
    assert_eq!(withheld.len(), 1, "{lines:#?}");
    assert_eq!(withheld[0]["withheld"], 10_000 - LINES);
    let of_server = lines.iter().filter(|line| line["server"] == "refusing").count();
    assert_eq!((of_server, lines.len() as u64), (1, LINES + 2), "{lines:#?}");
}

#[tokio::test]
async fn a_prometheus_that_comes_and_goes_is_told_of_each_time_and_bounded_each_time() {
    let mut world = fleet(100, "default").await;
    let log = Log::start();
    let text = "http_requests_total";
    for _ in 0..5 {
        for is_there in [false, true] {
            let away = Reply::Body(503, "text/plain", "no healthy upstream".into());
            for _ in 0..6 {
                log.is_at(world.now);
                let here = world.rates(&[("web", 2, 10.0)]);
                let reply = if is_there { here } else { away.clone() };
                world.prometheus.answers(text, reply);
                world.decide().await;
                world.pass(60);
            }
        }
    }
    log.is_at(world.now);
    let lines = log.take();
    let failed = lines.iter().filter(|line| line["reason"] == "PrometheusError");
    assert_eq!(failed.count() as u64, 5 * (LINES + 1), "{lines:#?}");
    assert_eq!(lines.len() as u64, 5 * (LINES + 1), "{lines:#?}");
}

#[tokio::test]
async fn a_change_is_one_line_that_says_what_of_what_and_why() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 20.0)]);
    let log = Log::start();
    world.tick().await;
    for _ in 0..3 {
        world.tick_after(15).await;
    }
    let lines = log.take();
    let changes: Vec<&Value> = lines
        .iter()
        .filter(|line| line["target"] == "concertina::changes")
        .collect();
    assert_eq!(changes.len(), 1, "{lines:#?}");
    let change = changes[0];
    for (field, value) in [
        ("level", "INFO"),
        ("namespace", "shop"),
        ("policy", "web"),
        ("target_kind", "Deployment"),
        ("target_name", "web"),
        ("reason", "MetricAboveTarget"),
    ] {
        assert_eq!(change[field], value, "{change}");
    }
    assert_eq!(
        (&change["from"], &change["to"]),
        (&Value::from(2), &Value::from(4))
    );
}

#[tokio::test]
async fn a_change_by_somebody_else_names_who() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 10.0)]);
    world.tick().await;
    let log = Log::start();
    is_marked_as_written_by(&world.api, "web", "kubectl");
    world.api.scale_by_hand("web", 3);
    world.tick_after(15).await;
    let lines = log.take();
    let line = lines
        .iter()
        .find(|line| line["reason"] == "ReplicasChangedByOther");
    let line = line.unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!((&line["from"], &line["to"]), (&Value::from(2), &Value::from(3)));
    assert_eq!(line["manager"], "kubectl");
}
