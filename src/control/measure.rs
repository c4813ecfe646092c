//! Measures how often the series behind a query are scraped, so that windows follow it. This touches the network.
use concertina_decision::Timestamp;

use super::Context;
use crate::observe::plan::QueryKey;
use crate::observe::query::Namespaces;
use crate::observe::table::{Table, Wanted};

/// Asks the server of a query how often the series behind it are scraped, and remembers it. What cannot be measured, as
/// there are no samples yet or no answer, stays as it was and is asked again soon.
pub async fn measure_interval(context: &Context, key: &QueryKey, namespaces: &Namespaces, now: Timestamp) {
    let Some(server) = context.servers.get(&*key.server) else {
        return;
    };
    let Some(question) = key.interval_question(&context.config, namespaces) else {
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
        && let Some(window_seconds) = context.intervals.learn(key, interval, now)
    {
        tracing::info!(
            server = %key.server,
            of = ?key.template,
            interval_seconds = interval,
            window_seconds,
            "rates without windowSeconds follow the scrape interval"
        );
    }
}
