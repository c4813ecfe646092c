//! Bounds how many lines of one sort are logged, since very many policies may have the same trouble. Sends nothing.
//!
//! A sort is a place in the code with a reason. Of each, [`LINES`] are logged in [`WINDOW_SECONDS`]; how many more there would have been
//! is told afterwards, in one line.
use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::Context;

use super::CHANGES;
use crate::cluster::lock;

/// So many lines of a sort are logged in a window.
pub const LINES: u64 = 30;
/// Seconds of a window; it begins with the first line.
pub const WINDOW_SECONDS: u64 = 60;
/// Whether lines were withheld is looked at so often.
const GAP: Duration = Duration::from_secs(5);
/// Bytes of a line that are repeated when others like it are told of.
const EXAMPLE_BYTES: usize = 200;

/// The lines of one sort since its window began.
struct Window {
    began: u64,
    lines: u64,
    level: Level,
    /// The beginning of the first line.
    example: String,
}

type Sort = (Identifier, Option<String>);

/// Counts lines by their sort.
pub struct Limit {
    windows: Mutex<HashMap<Sort, Window>>,
    seconds: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Limit {
    /// A limit by this clock, which tells seconds.
    pub fn new(seconds: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            windows: Mutex::default(),
            seconds: Box::new(seconds),
        }
    }

    /// Tells how many lines were withheld in the windows that are over, until the future is dropped.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(GAP).await;
            self.tell_withheld();
        }
    }

    /// Tells how many lines were withheld in the windows that are over, and forgets these.
    pub fn tell_withheld(&self) {
        let now = (self.seconds)();
        self.tell(|window| window.is_over(now));
    }

    /// Tells how many lines were withheld and not told of yet: for the end of the process.
    pub fn tell_all_withheld(&self) {
        self.tell(|_| true);
    }

    /// Tells of these windows, and forgets them.
    fn tell(&self, is_told: impl Fn(&Window) -> bool) {
        let told: Vec<_> = lock(&self.windows)
            .extract_if(|_, window| is_told(window))
            .collect();
        for ((_, reason), window) in told {
            let (reason, example) = (reason.as_deref(), window.example);
            let withheld = window.lines.saturating_sub(LINES);
            if withheld == 0 {
                continue;
            }
            if window.level <= Level::WARN {
                tracing::warn!(
                    reason,
                    withheld,
                    "so many more lines like this one were withheld: {example}"
                );
            } else {
                tracing::info!(
                    reason,
                    withheld,
                    "so many more lines like this one were withheld: {example}"
                );
            }
        }
    }

    /// Whether this line may be logged.
    fn lets_pass(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        if [CHANGES, module_path!()].contains(&metadata.target()) {
            return true;
        }
        let mut reason = ReasonOf(None);
        if metadata.fields().field("reason").is_some() {
            event.record(&mut reason);
        }
        let now = (self.seconds)();
        let sort = (metadata.callsite(), reason.0);
        if let Some(window) = lock(&self.windows).get_mut(&sort) {
            return window.takes(now);
        }
        // With nothing locked: what is formatted here may log, and panics do.
        let mut example = MessageOf(String::new());
        event.record(&mut example);
        let window = || Window {
            began: now,
            lines: 0,
            level: *metadata.level(),
            example: crate::report::events::cut(&example.0, EXAMPLE_BYTES).to_owned(),
        };
        let mut windows = lock(&self.windows);
        windows.entry(sort).or_insert_with(window).takes(now)
    }
}

impl Window {
    /// Counts a line. Returns whether it may be logged.
    const fn takes(&mut self, now: u64) -> bool {
        // One that is over and has withheld nothing begins anew here; others wait to be told of.
        if self.is_over(now) && self.lines <= LINES {
            (self.began, self.lines) = (now, 0);
        }
        self.lines += 1;
        self.lines <= LINES
    }

    const fn is_over(&self, now: u64) -> bool {
        now.saturating_sub(self.began) >= WINDOW_SECONDS
    }
}

/// Lets lines pass as its limit says.
pub(super) struct Layer(pub(super) Arc<Limit>);

impl<S: Subscriber> tracing_subscriber::Layer<S> for Layer {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        self.0.lets_pass(event)
    }
}

struct ReasonOf(Option<String>);

impl Visit for ReasonOf {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "reason" {
            self.0 = Some(format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "reason" {
            self.0 = Some(value.to_owned());
        }
    }
}

struct MessageOf(String);

impl Visit for MessageOf {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a string does not fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
