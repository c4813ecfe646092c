//! One status or one event to the API server, and what became of it. This touches the network.
//!
//! Answers are not read beyond what they are: in a storm of changes they are many, and each repeats a whole object.
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::events::v1::Event;
use kube::client::Body;
use kube::{Client, Resource};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::warnings::Warnings;
use crate::api::{ScalingPolicy, ScalingPolicyStatus};
use crate::cluster::policies::PolicyRecord;
use crate::control::apply::FIELD_MANAGER;
use crate::log::causes;

/// A status or event write is given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The API server asks for rest without saying for how long.
const DEFAULT_REST_SECONDS: u32 = 1;
/// No longer rest than this is granted.
const MAX_REST_SECONDS: u32 = 300;

/// What became of a status or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is stored.
    Accepted,
    /// To be tried again.
    Failed,
    /// Not to be tried again soon: invalid, or beside a malformed object, or forbidden.
    Refused,
    /// What it speaks of does not exist.
    Gone,
    /// The API server asks for rest, in seconds.
    Busy(u32),
}

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("it cannot be written down: {0}")]
    Serialize(#[from] serde_json::Error),
    #[error("it makes no request: {0}")]
    Request(#[from] http::Error),
    #[error(transparent)]
    Call(#[from] kube::Error),
    #[error("no answer in 10 s")]
    TimedOut,
}

/// An answer, without the object that it repeats.
struct Answer {
    code: StatusCode,
    words: String,
    rest_seconds: u32,
}

#[derive(Serialize)]
struct Operation<'a, T> {
    op: &'static str,
    path: &'static str,
    value: &'a T,
}

/// Writes the status of the policy of which `record` speaks, and of no other of its name.
pub(super) async fn status(
    client: &Client,
    record: &PolicyRecord,
    status: &ScalingPolicyStatus,
    warnings: &Warnings,
) -> Sent {
    let (namespace, policy) = (&*record.key.namespace, &*record.key.name);
    let path = ScalingPolicy::url_path(&(), Some(namespace));
    let target = format!("{path}/{policy}/status?fieldManager={FIELD_MANAGER}");
    // A policy of the same name that came later is not the one this speaks of. (Server-side apply would write to it all
    // the same: it does not look at the uid when it applies a status.)
    let operations = (
        Operation {
            op: "test",
            path: "/metadata/uid",
            value: &record.uid.to_string(),
        },
        Operation {
            op: "add",
            path: "/status",
            value: status,
        },
    );
    let not_yet = |error: &str, withheld| {
        tracing::warn!(
            namespace,
            policy,
            error,
            withheld,
            "the status could not be written and will be tried again"
        );
    };
    let kind = "application/json-patch+json";
    let answer = match call(client, Method::PATCH, target, kind, &operations).await {
        Ok(answer) if answer.code.is_success() => return Sent::Accepted,
        // Nothing is left to be told.
        Ok(answer) if answer.code == StatusCode::NOT_FOUND => return Sent::Gone,
        Ok(answer) if answer.code == StatusCode::TOO_MANY_REQUESTS => return Sent::Busy(answer.rest_seconds),
        Ok(answer) => answer,
        Err(error) => {
            if let Some(withheld) = warnings.may_say(("status", None), Instant::now()) {
                not_yet(&causes(&error), withheld);
            }
            return Sent::Failed;
        }
    };
    let sent = if is_refused(answer.code) {
        Sent::Refused
    } else {
        Sent::Failed
    };
    let Some(withheld) = warnings.may_say(("status", Some(answer.code)), Instant::now()) else {
        return sent;
    };
    let error = &answer.words;
    match answer.code {
        StatusCode::UNPROCESSABLE_ENTITY => tracing::warn!(
            namespace,
            policy,
            error,
            withheld,
            "the API server refuses a status beside this object: apply the policy again in the present schema"
        ),
        _ if sent == Sent::Refused => tracing::warn!(
            namespace,
            policy,
            error,
            withheld,
            "the API server refuses the status, which is tried again in five minutes: look at the controller's rights \
             on scalingpolicies/status and at admission webhooks"
        ),
        _ => not_yet(error, withheld),
    }
    sent
}

/// Whether the same would soon be answered the same: what the client did is wrong, not only at a wrong time.
fn is_refused(code: StatusCode) -> bool {
    let is_for_now = matches!(
        code,
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
    );
    code.is_client_error() && !is_for_now
}

/// Creates an event.
pub(super) async fn event(client: &Client, event: &Event, warnings: &Warnings) -> Sent {
    let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
    let target = Event::url_path(&(), Some(namespace));
    let may_say = |code| warnings.may_say(("event", code), Instant::now());
    match call(client, Method::POST, target, "application/json", event).await {
        Ok(answer) if answer.code.is_success() || answer.code == StatusCode::CONFLICT => Sent::Accepted,
        Ok(answer) if answer.code == StatusCode::TOO_MANY_REQUESTS => Sent::Busy(answer.rest_seconds),
        Ok(answer) => {
            // Refused for good (a namespace that is being deleted): trying again changes nothing.
            let is_refused = answer.code.is_client_error();
            if let Some(withheld) = may_say(Some(answer.code)) {
                let error = &answer.words;
                let then = if is_refused {
                    "is dropped"
                } else {
                    "will be tried again"
                };
                tracing::warn!(
                    namespace,
                    error,
                    withheld,
                    "an event could not be sent and {then}"
                );
            }
            if is_refused { Sent::Refused } else { Sent::Failed }
        }
        Err(error) => {
            if let Some(withheld) = may_say(None) {
                let error = causes(&error);
                tracing::warn!(
                    namespace,
                    error,
                    withheld,
                    "an event could not be sent and will be tried again"
                );
            }
            Sent::Failed
        }
    }
}

async fn call(
    client: &Client,
    method: Method,
    target: String,
    kind: &'static str,
    body: &impl Serialize,
) -> Result<Answer, CallError> {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(CONTENT_TYPE, kind)
        .body(Body::from(serde_json::to_vec(body)?))?;
    let answered = async { read(client.send(request).await?).await };
    tokio::time::timeout(CALL_TIMEOUT, answered)
        .await
        .map_err(|_| CallError::TimedOut)?
        .map_err(CallError::Call)
}

async fn read(answer: Response<Body>) -> Result<Answer, kube::Error> {
    let code = answer.status();
    let rest = answer.headers().get(RETRY_AFTER);
    let rest_seconds = rest
        .and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok())
        .unwrap_or(DEFAULT_REST_SECONDS)
        .clamp(1, MAX_REST_SECONDS);
    // To the end, so that the connection can be used again.
    let body = answer.into_body().collect_bytes().await?;
    let words = if code.is_success() {
        String::new()
    } else {
        words_of(code, &body)
    };
    Ok(Answer {
        code,
        words,
        rest_seconds,
    })
}

/// The API server's own words: the message of the Status it answers, or whatever it answers instead.
fn words_of(code: StatusCode, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let words = serde_json::from_slice::<Status>(body).map(|status| status.message);
    let words = words.unwrap_or_else(|_| String::from_utf8_lossy(body).trim().to_owned());
    if words.is_empty() {
        code.to_string()
    } else {
        words.replace(char::is_control, " ")
    }
}
