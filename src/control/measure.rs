//! Measures how often the series behind a query are scraped, so that windows follow it. This touches the network.
use concertina_decision::Timestamp;

use super::Context;
use crate::observe::interval::scraped_together;
use crate::observe::plan::QueryKey;
use crate::observe::table::{Table, Wanted};

/// Asks the server of a query how often the series behind it are scraped, and remembers it. What cannot be measured, as
/// there are no samples yet or no answer, stays as it was and is asked again soon.
pub async fn measure_interval(context: &Context, key: &QueryKey, now: Timestamp) {
    let Some(server) = context.servers.get(&*key.server) else {
        return;
    };
    let Some(question) = key.interval_question(&context.config) else {
        return;
    };
    let started = tokio::time::Instant::now();
    let answer = server
        .fetch(&question.as_question(), &Wanted::of(Some(&[])))
        .await;
    context.metrics.queried(&key.server, &answer, started.elapsed());
    if let Ok(answer) = answer
        && let Table::Labels(table) = &answer.table
        && let Some(interval) = table.group(&[]).and_then(|group| group.entry.value)
    {
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
