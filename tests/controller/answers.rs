//! The answers of the scripted API server.
use axum::body::Body as Answer;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

pub(crate) fn answer(code: u16, body: &Value) -> Response<Answer> {
    let response = Response::builder()
        .status(code)
        .header("content-type", "application/json");
    response.body(Answer::from(body.to_string())).unwrap()
}

pub(crate) fn failure(code: u16, message: &str) -> Response<Answer> {
    let reason = StatusCode::from_u16(code).unwrap();
    answer(
        code,
        &status(
            code,
            &reason.canonical_reason().unwrap_or_default().replace(' ', ""),
            message,
        ),
    )
}

pub(crate) fn not_found(plural: &str, name: &str) -> Response<Answer> {
    failure(404, &format!("{plural} \"{name}\" not found"))
}

/// What the real one answers for a group that it does not know.
pub(crate) fn page_not_found() -> Response<Answer> {
    Response::builder()
        .status(404)
        .body(Answer::from("404 page not found\n"))
        .unwrap()
}
