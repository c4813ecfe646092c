//! Measures how often the series behind a query are scraped, so that windows follow it. This touches the network.
use concertina_decision::Timestamp;

use super::Context;
use crate::observe::interval::scraped_together;
use crate::observe::plan::QueryKey;
use crate::observe::server::Server;
use crate::observe::table::{Table, Wanted};

/// Asks the server of a query how often the series behind it are scraped, and remembers it. What cannot be measured, as
/// there are no samples yet or no answer, stays as it was and is asked again soon.
pub async fn measure_interval(context: &Context, key: &QueryKey, now: Timestamp) {
    let Some(server) = context.servers.get(&*key.server) else {
        return;
    };
    if let Some(interval) = measured(context, server, key).await {
        let changed = context.intervals.learn(key, interval, now);
        let configured = server.config().scrape_interval_seconds;
        let window_seconds = context.intervals.window_seconds(key, configured);
        let of = scraped_together(&key.template);
        if let Some(of) = &of {
            context
                .metrics
                .scrape_interval(&key.server, of, interval, window_seconds);
        }
        if changed.is_some() {
            tracing::info!(
                server = &*key.server,
                of,
                interval_seconds = interval,
                window_seconds,
                "rates without windowSeconds follow the scrape interval"
            );
        }
    }
}

/// Seconds between two scrapes; `None` where no answer says.
async fn measured(context: &Context, server: &Server, key: &QueryKey) -> Option<f64> {
    for question in key.interval_questions(&context.config) {
        let started = tokio::time::Instant::now();
        let answer = server
            .fetch(&question.as_question(), &Wanted::of(Some(&[])))
            .await;
        context.metrics.queried(&key.server, &answer, started.elapsed());
        context.metrics.failovers(&key.server, server.failovers());
        // A server that is in trouble is not asked more.
        let answer = answer.ok()?;
        context
            .metrics
            .decoded(&key.server, answer.series as u64, answer.bytes as u64);
        let Table::Labels(table) = &answer.table else {
            return None;
        };
        if let Some(interval) = table.group(&[]).and_then(|group| group.entry.value) {
            return Some(interval);
        }
    }
    None
}
