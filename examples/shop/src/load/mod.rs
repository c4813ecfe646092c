//! `shop load`: an open-loop load generator with a bounded profile, and the web server of its report.
//! Connects to its target, listens for those who read the report.

mod profile;
mod report;
mod request;
mod server;

pub use profile::{Profile, ProfileError, Segment, Spacing};
pub use report::{Outcome, Report, Row};
pub use request::{Target, TargetError};
pub use server::router;

use crate::http::{self, Limits, ListenError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The options of `shop load`.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Where the shop is: http://HOST:PORT
    #[arg(long)]
    pub target: Target,
    /// What to ask for: RATE:DURATION with steps and straight ramps, such as 8rps:30s,8..80rps:10s,80rps:2m
    #[arg(long)]
    pub profile: Profile,
    /// Paths to ask for, in turn
    #[arg(long = "path", default_values_t = ["/product/1", "/search?q=lamp", "/product/2", "/cart"].map(String::from))]
    pub paths: Vec<String>,
    /// How requests are spread in time
    #[arg(long, value_enum, default_value_t = Spacing::Even)]
    pub spacing: Spacing,
    /// Seed of the Poisson spacing
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How long the client waits for an answer, in milliseconds
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub timeout_ms: u64,
    /// Requests under way at the same time; further ones count as errors
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_in_flight: u16,
    /// Where the report is served: /report.csv, /report.json?since=N, /metrics
    #[arg(long, default_value = "0.0.0.0:8081")]
    pub listen: SocketAddr,
    /// Begin only when asked by POST /start
    #[arg(long)]
    pub wait_for_start: bool,
    /// How long to wait for the start, and how long the report stays after the end, in seconds
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub stay_seconds: u64,
}

/// Why the generator could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The report's address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Nobody asked for the start.
    #[error("no POST /start within {0} s; raise --stay-seconds, or leave --wait-for-start out")]
    NeverStarted(u64),
}

/// Follows the profile once, keeps the report for a while, and ends.
///
/// # Errors
/// The report's address cannot be listened on, or the start never came.
pub async fn run(settings: Settings) -> Result<(), LoadError> {
    let listener = http::listen(settings.listen).await?;
    let board = Arc::new(server::Board::new(&settings));
    println!(
        "load: {} s of load for {}; report on {}",
        settings.profile.seconds(),
        settings.target,
        settings.listen
    );
    tokio::select! {
        outcome = work(&settings, &board) => outcome,
        () = http::serve_until(listener, router(Arc::clone(&board)), Limits::default(), http::termination()) => Ok(()),
    }
}

async fn work(settings: &Settings, board: &Arc<server::Board>) -> Result<(), LoadError> {
    let stay = Duration::from_secs(settings.stay_seconds);
    if settings.wait_for_start && tokio::time::timeout(stay, board.wait_for_start()).await.is_err() {
        return Err(LoadError::NeverStarted(settings.stay_seconds));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    board.began(now);
    println!("load: {}", Row::CSV_HEAD);
    follow(settings, board).await;
    board.finished();
    println!(
        "load: the profile is over; the report stays for {} s",
        settings.stay_seconds
    );
    tokio::time::sleep(stay).await;
    Ok(())
}

/// Sends every request of the profile when it is due, whatever became of the ones before.
async fn follow(settings: &Settings, board: &Arc<server::Board>) {
    let start = Instant::now();
    let timeout = Duration::from_millis(settings.timeout_ms);
    let in_flight = Arc::new(Semaphore::new(usize::from(settings.max_in_flight)));
    let target = Arc::new(settings.target.clone());
    let printer = tokio::spawn(print_rows(Arc::clone(board)));
    let paths = settings.paths.iter().cycle();
    for (at, path) in settings
        .profile
        .arrivals(settings.spacing, settings.seed)
        .zip(paths)
    {
        let due = start + at;
        tokio::time::sleep_until(due).await;
        let second = usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
        board.offered(second);
        let Ok(place) = Arc::clone(&in_flight).try_acquire_owned() else {
            board.ended(second, Outcome::Failed);
            continue;
        };
        let (board, target, path) = (Arc::clone(board), Arc::clone(&target), path.clone());
        tokio::spawn(async move {
            let outcome = request::ask(&target, &path, due, timeout).await;
            board.ended(second, outcome);
            drop(place);
        });
    }
    let length = Duration::from_secs_f64(settings.profile.seconds());
    tokio::time::sleep_until(start + length).await;
    // Each request ends by its timeout at the latest; all places free means that all have ended.
    let _ = in_flight.acquire_many(u32::from(settings.max_in_flight)).await;
    let rows = length.as_secs() + u64::from(length.subsec_nanos() > 0);
    board.advance_to(usize::try_from(rows).unwrap_or(usize::MAX));
    printer.abort();
    board.print_new_rows();
}

async fn print_rows(board: Arc<server::Board>) {
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    loop {
        every_second.tick().await;
        board.print_new_rows();
    }
}
