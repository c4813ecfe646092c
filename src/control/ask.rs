//! Asks the servers what the policies of one tick wait for: each distinct query once, and what a server refuses as a whole
//! again in parts. This touches the network.
use std::sync::Arc;

use concertina_decision::Timestamp;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, join_all};
use tokio::time::Instant;

use super::Context;
use super::measure::measure_interval;
use crate::observe::planner::Request;
use crate::observe::table::{Answer, FetchError};

/// What became of a part of a query.
pub struct Part {
    request: Request,
    /// The answer to it.
    pub answer: Arc<Result<Answer, FetchError>>,
}

/// What became of one request: as a rule one part.
pub struct Answered(Vec<Part>);

/// One request, asked when somebody waits for it.
pub type Asking = Shared<BoxFuture<'static, Arc<Answered>>>;

impl Answered {
    /// The answer that speaks of this namespace.
    #[must_use]
    pub fn for_namespace(&self, namespace: &str) -> Arc<Result<Answer, FetchError>> {
        let mut parts = self.0.iter();
        let fitting = match self.0.as_slice() {
            [only] => Some(only),
            _ => parts.find(|part| part.request.covers(namespace)),
        };
        fitting.map_or_else(
            || {
                Arc::new(Err(FetchError::Unreachable(
                    "the controller stopped asking".into(),
                )))
            },
            |part| Arc::clone(&part.answer),
        )
    }

    /// The one answer, where all policies have the same.
    #[must_use]
    pub fn whole(&self) -> Option<&Arc<Result<Answer, FetchError>>> {
        match self.0.as_slice() {
            [only] => Some(&only.answer),
            _ => None,
        }
    }

    /// Whether the query was not sent because one like it is still under way. That is no answer: who waits for it is
    /// evaluated when there is one.
    #[must_use]
    pub fn is_still_asking(&self) -> bool {
        self.0
            .iter()
            .any(|part| matches!(&*part.answer, Err(FetchError::StillAsking)))
    }
}

/// Begins to ask. The query runs in a task of its own, so that answers are decoded side by side.
pub fn ask(context: &Arc<Context>, request: Request, now: Timestamp) -> Asking {
    if context.intervals.take_due(&request.query, &context.config, now) {
        let (context, query) = (Arc::clone(context), Arc::clone(&request.query));
        tokio::spawn(async move { measure_interval(&context, &query, now).await });
    }
    let context = Arc::clone(context);
    let server = context.servers.get(&*request.query.server);
    let deadline = server.map_or_else(Instant::now, |server| server.deadline());
    let asked = tokio::spawn(async move { Arc::new(ask_in_parts(&context, request, (now, deadline)).await) });
    async move { asked.await.unwrap_or_else(|_| Arc::new(Answered(Vec::new()))) }
        .boxed()
        .shared()
}

/// What is refused as a whole may be refused for one namespace's sake: it is asked again in parts, as long as there is time.
/// Time that is over is no refusal, and asking for more would not help a server that is slow.
async fn ask_in_parts(
    context: &Context,
    request: Request,
    (now, deadline): (Timestamp, Instant),
) -> Answered {
    let mut parts = Vec::new();
    let mut left = vec![request];
    while !left.is_empty() {
        let answers = join_all(
            left.iter()
                .map(|request| fetch(context, request, (now, deadline))),
        )
        .await;
        let mut again = Vec::new();
        for (request, answer) in left.into_iter().zip(answers) {
            let smaller = {
                let mut planner = context.planner();
                planner.answered(&request, &answer, now);
                if answer.as_ref().is_err_and(|error| !is_out_of_time(error)) && Instant::now() < deadline {
                    planner.split(&request)
                } else {
                    Vec::new()
                }
            };
            if smaller.is_empty() {
                parts.push(Part {
                    request,
                    answer: Arc::new(answer),
                });
            } else {
                again.extend(smaller);
            }
        }
        left = again;
    }
    Answered(parts)
}

const fn is_out_of_time(error: &FetchError) -> bool {
    matches!(error, FetchError::TimedOut(_) | FetchError::NoTurn(_))
}

async fn fetch(
    context: &Context,
    request: &Request,
    (now, deadline): (Timestamp, Instant),
) -> Result<Answer, FetchError> {
    let key = &request.query;
    let server = context
        .servers
        .get(&*key.server)
        .ok_or_else(|| FetchError::UnknownServer(key.server.to_string()))?;
    let question = key
        .question(&context.config, &context.intervals, &request.narrowing())?
        .of_part(request.shard);
    let started = Instant::now();
    let answer = server.fetch_until(&question, &request.wanted, deadline).await;
    context.metrics.queried(&key.server, &answer, started.elapsed());
    context.metrics.failovers(&key.server, server.failovers());
    if let Ok(answer) = &answer {
        context
            .metrics
            .decoded(&key.server, answer.series as u64, answer.bytes as u64);
    }
    let newest = answer.as_ref().map(Answer::newest);
    context.metrics.newest_sample(key, request.shard, newest, now);
    answer
}
