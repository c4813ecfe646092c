//! Candidates of an election, each with its own link and its own clock on the wall, under paused time.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use concertina::leader::Leadership;
use concertina::leader::election::{Election, Surroundings};
use concertina::leader::settings::Settings;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::leader_store::{LeaseServer, Link, NAME, NAMESPACE};

pub(crate) fn settings() -> Settings {
    Settings::new(NAMESPACE, NAME, 15, 5).unwrap()
}

/// A process that takes part, or did.
pub(crate) struct Candidate {
    name: String,
    pub(crate) link: Link,
    /// Seconds by which its clock on the wall is ahead.
    pub(crate) skew: Arc<AtomicI64>,
    processes: u32,
    jitter: f64,
    running: Option<Process>,
}

struct Process {
    leadership: Arc<Leadership>,
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Candidate {
    /// One that does not run yet. Its renewals are put off by `jitter`, between 0 and 1, of the most.
    pub(crate) fn new(server: &LeaseServer, name: &str, jitter: f64) -> Self {
        Self {
            name: name.into(),
            link: server.link(),
            skew: Arc::default(),
            processes: 0,
            jitter,
            running: None,
        }
    }

    /// A process of it starts, unless one runs.
    pub(crate) fn starts(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.processes += 1;
        let identity = format!("{}_{}", self.name, self.processes);
        let leadership = Arc::new(Leadership::standby());
        let (skew, start, jitter) = (Arc::clone(&self.skew), Instant::now(), self.jitter);
        let surroundings = Surroundings {
            wall_clock: Box::new(move || {
                let elapsed = i64::try_from(start.elapsed().as_secs()).unwrap();
                let ahead = skew.load(Ordering::Relaxed);
                jiff::Timestamp::from_second(1_700_000_000 + elapsed + ahead).unwrap()
            }),
            random: Box::new(move || jitter),
        };
        let election = Election::new(
            self.link.client(),
            self.link.client(),
            settings(),
            identity,
            Arc::clone(&leadership),
            surroundings,
        );
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(election.run(async {
            let _ = stopped.await;
        }));
        self.running = Some(Process {
            leadership,
            task,
            stop,
        });
    }

    /// Its process is killed.
    pub(crate) fn dies(&mut self) {
        if let Some(process) = self.running.take() {
            process.task.abort();
        }
    }

    /// Its process gets SIGTERM; nobody waits for its end.
    pub(crate) fn is_told_to_end(&mut self) {
        if let Some(process) = self.running.take() {
            process.leadership.resign();
            let _ = process.stop.send(());
        }
    }

    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn leadership(&self) -> Option<&Arc<Leadership>> {
        self.running.as_ref().map(|process| &process.leadership)
    }

    pub(crate) fn may_write(&self) -> bool {
        self.leadership().is_some_and(|leadership| leadership.may_write())
    }
}

/// How many may write now.
pub(crate) fn writers(candidates: &[Candidate]) -> usize {
    candidates
        .iter()
        .filter(|candidate| candidate.may_write())
        .count()
}

/// Waits, looking every so often that never two may write, until `is_so` or for `patience`. Returns after what time it was so.
pub(crate) async fn until(
    candidates: &[Candidate],
    patience: Duration,
    is_so: impl Fn(&[Candidate]) -> bool,
) -> Option<Duration> {
    let start = Instant::now();
    loop {
        assert!(writers(candidates) <= 1, "two may write at once");
        if is_so(candidates) {
            return Some(start.elapsed());
        }
        if start.elapsed() >= patience {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets so much time pass, looking all the while that never two may write.
pub(crate) async fn pass(candidates: &[Candidate], time: Duration) {
    until(candidates, time, |_| false).await;
}

/// Runs under a clock that goes on at once when everybody waits.
pub(crate) fn in_paused_time<T>(scenario: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(scenario)
}
