//! Decodes an answer of Prometheus with all its labels, which the controller's own tables leave out. Pure.
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::observe::table::{FetchError, Remarks};

/// Labels by name.
pub(in crate::cli::doctor) type Labels = BTreeMap<String, String>;

/// One series and its number.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli::doctor) struct Sample {
    pub(in crate::cli::doctor) labels: Labels,
    pub(in crate::cli::doctor) value: f64,
}

impl Sample {
    /// The label's value; empty where there is none, as in PromQL.
    pub(in crate::cli::doctor) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    data: Option<Data>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    #[serde(default)]
    is_partial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    metric: Labels,
    /// Time and number; native histograms have none.
    value: Option<(f64, String)>,
}

/// The series of an instant vector, and what the server says beside them.
pub(super) fn decode(body: &[u8]) -> Result<(Vec<Sample>, Remarks), FetchError> {
    let unreadable = |reason: String| FetchError::Undecodable(reason);
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| unreadable(format!("it is not Prometheus' API ({error})")))?;
    let remarks = Remarks {
        warnings: envelope.warnings.unwrap_or_default(),
        is_partial: envelope.is_partial,
    };
    let data = match envelope.data {
        Some(data) if envelope.status == "success" => data,
        _ => {
            return Err(unreadable(
                envelope.error.unwrap_or_else(|| "it has no data".to_owned()),
            ));
        }
    };
    if data.result_type != "vector" {
        return Err(unreadable(format!("the result is a {}", data.result_type)));
    }
    let series: Vec<Series> =
        serde_json::from_value(data.result).map_err(|error| unreadable(error.to_string()))?;
    let samples = series.into_iter().filter_map(|series| {
        let (_, text) = series.value?;
        Some(text.parse().map(|value| Sample {
            labels: series.metric,
            value,
        }))
    });
    let samples: Result<Vec<Sample>, std::num::ParseFloatError> = samples.collect();
    Ok((samples.map_err(|error| unreadable(error.to_string()))?, remarks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_labels_and_the_warnings_of_an_answer_are_kept() {
        let body = br#"{"status":"success","warnings":["store a is down"],"data":{"resultType":"vector","result":[
            {"metric":{"job":"a"},"value":[1.5,"2"]},{"metric":{},"histogram":[1,{}]},{"metric":{},"value":[1,"NaN"]}]}}"#;
        let (samples, remarks) = decode(body).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!((samples[0].label("job"), samples[0].label("b")), ("a", ""));
        assert!((samples[0].value - 2.0).abs() < f64::EPSILON);
        assert!(samples[1].value.is_nan());
        assert_eq!(remarks.lacking(), Some("store a is down"));
    }

    #[test]
    fn what_is_no_answer_is_refused_with_the_reason() {
        for (body, expected) in [
            ("", "not Prometheus' API"),
            ("[]", "not Prometheus' API"),
            (r#"{"status":"ok"}"#, "it has no data"),
            (r#"{"status":"error","error":"no org id"}"#, "no org id"),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
                "the result is a matrix",
            ),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}"#,
                "invalid float",
            ),
        ] {
            let error = decode(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
