//! The newest decision of a policy as a file to replay. The spec is asked from the API server at that moment: the controller
//! keeps policies as it works with them, not as they are written.
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use kube::Api;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::ScalingPolicy;
use crate::case::Case;
use crate::cluster::pods::ObjectKey;
use crate::cluster::policies::PolicyRecord;
use crate::control::Context;
use crate::control::replay::Replay;
use crate::control::tick::wall_clock;

/// The API server is waited for no longer than this.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether there is a new decision is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// So many cases are made at a time: anybody may ask, and each costs a request to the API server.
const MOST_AT_A_TIME: usize = 4;

/// Bounds how many cases are made at a time.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_AT_A_TIME)))
    }
}

impl Turns {
    fn take(&self) -> Result<SemaphorePermit<'_>, NoCase> {
        self.0.try_acquire().map_err(|_| NoCase::Busy)
    }
}

/// Why there is no case.
#[derive(Debug, thiserror::Error)]
enum NoCase {
    #[error("there is no policy {0}: write its namespace and its name")]
    NoPolicy(ObjectKey),
    #[error("policy {0} has not been decided yet: its status says what it waits for")]
    Undecided(ObjectKey),
    #[error("policy {0} cannot be read from the API server ({1}): ask again")]
    Unread(ObjectKey, String),
    #[error("{MOST_AT_A_TIME} cases are being made already: ask again in a few seconds")]
    Busy,
}

impl IntoResponse for NoCase {
    fn into_response(self) -> Response {
        let code = match self {
            Self::NoPolicy(_) | Self::Undecided(_) => StatusCode::NOT_FOUND,
            Self::Unread(..) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
        };
        (code, format!("{self}\n")).into_response()
    }
}

/// What the newest decision of a policy was made from, in the format of `concertina decide`.
pub(super) async fn case(
    State(context): State<Arc<Context>>,
    Extension(turns): Extension<Turns>,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    let key = ObjectKey::new(&namespace, &name);
    let _turn = match turns.take() {
        Ok(turn) => turn,
        Err(busy) => return busy.into_response(),
    };
    match case_of(&context, key).await {
        Ok(case) => Json(case.write()).into_response(),
        Err(none) => none.into_response(),
    }
}

async fn case_of(context: &Context, key: ObjectKey) -> Result<Case, NoCase> {
    let Some(stored) = context.cluster.policies().get(&key) else {
        return Err(NoCase::NoPolicy(key));
    };
    let replay = newest(context, &stored)
        .await
        .ok_or_else(|| NoCase::Undecided(key.clone()))?;
    let policy = read(context, &key).await?;
    if policy.metadata.generation != stored.generation {
        // What was decided was decided for another spec.
        return Err(NoCase::Undecided(key));
    }
    let mut case = Case::of(&policy.spec, &replay.observation, &replay.memory, replay.now);
    case.name = Some(key.to_string());
    Ok(case)
}

/// Where there are very many policies, what decisions are made from is kept only of those that somebody asked for: the next
/// decision is waited for.
async fn newest(context: &Context, stored: &PolicyRecord) -> Option<Replay> {
    let now = wall_clock();
    let is_kept = {
        let policies = context.states().len();
        let mut replays = context.replays();
        let is_kept = replays.keeps(stored, policies);
        replays.want(&stored.key, now);
        is_kept
    };
    let known = || context.replays().newest(stored).cloned();
    if is_kept {
        return known();
    }
    let period = stored.compiled.as_ref().ok()?.period_seconds;
    let patience = Duration::from_secs(u64::from(period) + 2);
    let waits = async {
        loop {
            if let Some(replay) = known() {
                return replay;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(patience, waits).await.ok()
}

async fn read(context: &Context, key: &ObjectKey) -> Result<ScalingPolicy, NoCase> {
    let policies: Api<ScalingPolicy> = Api::namespaced(context.client.clone(), &key.namespace);
    let unread = |words: String| NoCase::Unread(key.clone(), words);
    match tokio::time::timeout(CALL_TIMEOUT, policies.get(&key.name)).await {
        Ok(Ok(policy)) => Ok(policy),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(NoCase::NoPolicy(key.clone())),
        Ok(Err(error)) => Err(unread(error.to_string())),
        Err(_) => Err(unread("no answer in 10 s".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_cases_are_made_at_a_time_and_others_are_told_so() {
        let turns = Turns::default();
        let mut taken: Vec<_> = (0..MOST_AT_A_TIME).map(|_| turns.take().unwrap()).collect();
        let refused = turns.take().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "4 cases are being made already: ask again in a few seconds"
        );
        assert_eq!(refused.into_response().status(), StatusCode::TOO_MANY_REQUESTS);
        taken.pop();
        assert!(turns.take().is_ok());
    }
}
