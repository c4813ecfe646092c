//! A recorded request, and the sentence that a write amounts to when it is exactly what it should be.
use axum::http::Request as HttpRequest;
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

/// A request as the scripted API server received it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) async fn read(request: HttpRequest<Body>) -> Result<Self, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let content_type = head
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        Ok(Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        })
    }

    pub(crate) fn is_scale_write(&self) -> bool {
        self.method == "PATCH" && self.path.ends_with("/scale")
    }

    pub(crate) fn is_status_write(&self) -> bool {
        self.method == "PATCH" && self.path.ends_with("/status")
    }

    pub(crate) fn is_event(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/events")
    }

    /// `scale web 2 → 5`, `status web`, `Normal MetricAboveTarget on ScalingPolicy web`; anything that is not exactly
    /// one of these comes out in full, so that no expectation fits it.
    pub(crate) fn sentence(&self) -> String {
        self.scale()
            .or_else(|| self.status())
            .or_else(|| self.event())
            .unwrap_or_else(|| format!("{self:?}"))
    }

    fn scale(&self) -> Option<String> {
        if !self.is_scale_write() || self.query != "&fieldManager=concertina" {
            return None;
        }
        let [uid, count, write] = self.body.as_array()?.as_slice() else {
            return None;
        };
        let from = count["value"].as_i64().unwrap_or(0);
        let to = write["value"].as_i64()?;
        let (count, verb) = if from == 0 {
            (Value::Null, "add")
        } else {
            (from.into(), "replace")
        };
        let expected = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid["value"].as_str()?},
            {"op": "test", "path": "/spec/replicas", "value": count},
            {"op": verb, "path": "/spec/replicas", "value": to},
        ]);
        (self.body == expected && self.content_type == "application/json-patch+json")
            .then(|| format!("scale {} {from} → {to}", self.name()))
    }

    fn status(&self) -> Option<String> {
        let policy = self.path.contains("/scalingpolicies/") && self.is_status_write();
        policy.then(|| format!("status {}", self.name()))
    }

    fn event(&self) -> Option<String> {
        if !self.is_event() {
            return None;
        }
        let event = &self.body;
        let well_formed = event["note"]
            .as_str()
            .is_some_and(|note| !note.is_empty() && note.len() <= 1024)
            && event["action"].is_string()
            && event["eventTime"].is_string()
            && event["reportingController"] == "concertina.dev/controller"
            && event["reportingInstance"]
                .as_str()
                .is_some_and(|instance| !instance.is_empty())
            && event["regarding"]["uid"].is_string()
            && event["metadata"]["namespace"] == event["regarding"]["namespace"];
        well_formed.then(|| {
            let [kind, reason, of, name] = [
                &event["type"],
                &event["reason"],
                &event["regarding"]["kind"],
                &event["regarding"]["name"],
            ]
            .map(|text| text.as_str().unwrap_or("?"));
            format!("{kind} {reason} on {of} {name}")
        })
    }

    /// The name of the object whose subresource is written.
    fn name(&self) -> &str {
        self.path.rsplit('/').nth(1).unwrap_or_default()
    }
}
