//! The observation of a case: from the short forms that people write to what the decision takes, and back. Pure.

use concertina_decision::{Missing, Observation, Pod, Reading, Rollout, Timestamp, Window};
use serde_json::{Map, Value, json};

use super::CaseError;
use super::node::{Node, time_value};
use super::reading;
use crate::api::ScalingPolicySpec;
use crate::schedule::Schedule;

/// The most pods that a count may stand for.
const MAX_COUNTED_PODS: usize = 100_000;
const MAPPING: &str = "a mapping, such as {replicas: 4, metrics: {cpu: …}}";
const PODS: &str = "a number, counts such as {ready: 3, starting: 1}, or a list such as [Ready, Starting]";

/// The states of a pod: as a word in a list, and as the name of a count.
pub(super) const PODS_BY_STATE: [(Pod, &str, &str); 5] = [
    (Pod::Ready, "Ready", "ready"),
    (Pod::Unready, "Unready", "unready"),
    (Pod::Crashing, "Crashing", "crashing"),
    (Pod::Starting, "Starting", "starting"),
    (Pod::CrashingAtStart, "CrashingAtStart", "crashingAtStart"),
];

/// Reads an observation.
pub(super) fn read(node: Node, spec: &ScalingPolicySpec, now: Timestamp) -> Result<Observation, CaseError> {
    let mut fields = node.fields(MAPPING)?;
    let current_replicas = fields.require("replicas", "4")?.whole()?;
    let pods = match fields.take("pods") {
        Some(node) => pods(node)?,
        None => vec![
            Pod::Ready;
            usize::try_from(current_replicas)
                .unwrap_or(0)
                .min(MAX_COUNTED_PODS)
        ],
    };
    let names: Vec<&str> = spec.metrics.iter().map(|metric| metric.name.as_str()).collect();
    let metrics = readings(
        fields.take("metrics"),
        ("observation.metrics", "metric"),
        &names,
        &pods,
        now,
    )?;
    let names: Vec<&str> = spec.guards.iter().map(|guard| guard.name.as_str()).collect();
    let guards = readings(
        fields.take("guards"),
        ("observation.guards", "guard"),
        &names,
        &pods,
        now,
    )?;
    let windows = match fields.take("windows") {
        Some(node) => windows(node, spec, now)?,
        None => open_windows(spec, now)?,
    };
    let observation = Observation {
        current_replicas,
        metrics,
        guards,
        windows,
        startup_seconds: fields
            .take("startupSeconds")
            .map(|node| node.whole())
            .transpose()?,
        rollout: fields.take("rollout").map_or(Ok(Rollout::None), rollout)?,
        quota_room: fields.take("quotaRoom").map(|node| node.whole()).transpose()?,
        pods,
    };
    fields.finish()?;
    Ok(observation)
}

fn pods(node: Node) -> Result<Vec<Pod>, CaseError> {
    let too_many = || CaseError::Value {
        path: "observation.pods".into(),
        found: "more than that".into(),
        expected: format!("at most {MAX_COUNTED_PODS} pods"),
    };
    match &node.value {
        Value::Number(_) => {
            let count: usize = node.whole()?;
            if count > MAX_COUNTED_PODS {
                return Err(too_many());
            }
            Ok(vec![Pod::Ready; count])
        }
        Value::Array(_) => node
            .list(PODS)?
            .iter()
            .map(|node| {
                let text = node.text()?;
                PODS_BY_STATE
                    .iter()
                    .find(|(_, word, _)| *word == text)
                    .map(|(pod, _, _)| *pod)
                    .ok_or_else(|| node.refuse(PODS_BY_STATE.map(|(_, word, _)| word).join(", ")))
            })
            .collect(),
        _ => {
            let mut fields = node.fields(PODS)?;
            let mut pods = Vec::new();
            for (pod, _, field) in PODS_BY_STATE {
                if let Some(count) = fields.take(field) {
                    let count: usize = count.whole()?;
                    if count > MAX_COUNTED_PODS - pods.len() {
                        return Err(too_many());
                    }
                    pods.extend(std::iter::repeat_n(pod, count));
                }
            }
            fields.finish()?;
            Ok(pods)
        }
    }
}

/// One reading per name of the policy, in its order.
fn readings(
    node: Option<Node>,
    (path, what): (&'static str, &'static str),
    names: &[&str],
    pods: &[Pod],
    now: Timestamp,
) -> Result<Vec<Reading>, CaseError> {
    let entries = match node {
        Some(node) => node.entries("a mapping from names to what was read")?,
        None => Vec::new(),
    };
    let mut readings: Vec<Option<Reading>> = vec![None; names.len()];
    for (name, node) in entries {
        let place = names.iter().position(|known| *known == name);
        let Some(reading_of_name) = place.and_then(|place| readings.get_mut(place)) else {
            return Err(CaseError::UnknownName {
                path: node.path,
                what,
                known: listed(names),
            });
        };
        *reading_of_name = Some(reading::read(node, pods, now)?);
    }
    readings
        .into_iter()
        .zip(names)
        .map(|(reading, name)| {
            reading.ok_or_else(|| CaseError::Unobserved {
                path,
                what,
                name: (*name).to_owned(),
            })
        })
        .collect()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn rollout(node: Node) -> Result<Rollout, CaseError> {
    let expected = "the number of a revision, such as {revision: 7}";
    let revision = match &node.value {
        Value::Number(_) => node.whole()?,
        _ => {
            let mut fields = node.fields(expected)?;
            let revision = fields.require("revision", "7")?.whole()?;
            fields.finish()?;
            revision
        }
    };
    Ok(Rollout::UnderWay { revision })
}

fn windows(node: Node, spec: &ScalingPolicySpec, now: Timestamp) -> Result<Vec<Window>, CaseError> {
    node.list("a list of windows")?
        .into_iter()
        .map(|node| window(node, spec, now))
        .collect()
}

fn window(node: Node, spec: &ScalingPolicySpec, now: Timestamp) -> Result<Window, CaseError> {
    let mut fields =
        node.fields("a mapping, such as {schedule: office-hours, start: -1h, end: +1h, minReplicas: 6}")?;
    let schedule = fields.require("schedule", "office-hours")?;
    let index = match schedule.value.as_str() {
        None => schedule.whole()?,
        Some(name) => {
            let names = || spec.schedules.iter().map(|schedule| schedule.name.as_str());
            names()
                .position(|known| known == name)
                .and_then(|place| u8::try_from(place).ok())
                .ok_or_else(|| CaseError::UnknownName {
                    path: schedule.path.clone(),
                    what: "schedule",
                    known: listed(&names().collect::<Vec<_>>()),
                })?
        }
    };
    let window = Window {
        schedule: index,
        start: fields.require("start", "-1h")?.time(now)?,
        end: fields.require("end", "+1h")?.time(now)?,
        min_replicas: fields.take("minReplicas").map(|node| node.whole()).transpose()?,
        max_replicas: fields.take("maxReplicas").map(|node| node.whole()).transpose()?,
    };
    fields.finish()?;
    Ok(window)
}

/// The windows of the policy's schedules.
fn open_windows(spec: &ScalingPolicySpec, now: Timestamp) -> Result<Vec<Window>, CaseError> {
    let mut windows = Vec::new();
    for (index, schedule) in (0..).zip(&spec.schedules) {
        windows.extend(Schedule::of(schedule)?.windows(index, now));
    }
    Ok(windows)
}

/// Writes an observation so that [`read`] gives it back, but for what no decision looks at: readings beyond the policy's
/// metrics and guards, or beyond the last pod.
pub(super) fn write(observation: &Observation, spec: &ScalingPolicySpec) -> Value {
    let Observation {
        current_replicas,
        pods,
        metrics,
        guards,
        windows,
        startup_seconds,
        rollout,
        quota_room,
    } = observation;
    let words = |pod: &Pod| {
        let found = PODS_BY_STATE.iter().find(|(known, _, _)| known == pod);
        found.map_or(Value::Null, |(_, word, _)| (*word).into())
    };
    let by_name = |names: &mut dyn Iterator<Item = &String>, readings: &[Reading]| {
        let mut map = Map::new();
        for (place, name) in names.enumerate() {
            let reading = readings
                .get(place)
                .unwrap_or(&Reading::Missing(Missing::NotReadYet));
            map.insert(name.clone(), reading::write(reading, pods.len()));
        }
        Value::Object(map)
    };
    let mut map = Map::new();
    map.insert("replicas".into(), json!(current_replicas));
    map.insert("pods".into(), pods.iter().map(words).collect());
    map.insert(
        "metrics".into(),
        by_name(&mut spec.metrics.iter().map(|metric| &metric.name), metrics),
    );
    if !spec.guards.is_empty() {
        map.insert(
            "guards".into(),
            by_name(&mut spec.guards.iter().map(|guard| &guard.name), guards),
        );
    }
    if !windows.is_empty() || !spec.schedules.is_empty() {
        let windows = windows.iter().map(|window| window_value(window, spec));
        map.insert("windows".into(), windows.collect());
    }
    if let Some(seconds) = startup_seconds {
        map.insert("startupSeconds".into(), json!(seconds));
    }
    if let Rollout::UnderWay { revision } = rollout {
        map.insert("rollout".into(), json!({ "revision": revision }));
    }
    if let Some(room) = quota_room {
        map.insert("quotaRoom".into(), json!(room));
    }
    Value::Object(map)
}

fn window_value(window: &Window, spec: &ScalingPolicySpec) -> Value {
    let Window {
        schedule,
        start,
        end,
        min_replicas,
        max_replicas,
    } = window;
    let name = spec
        .schedules
        .get(usize::from(*schedule))
        .map(|schedule| &schedule.name);
    let mut map = Map::new();
    map.insert(
        "schedule".into(),
        name.map_or_else(|| json!(schedule), |name| json!(name)),
    );
    map.insert("start".into(), time_value(*start));
    map.insert("end".into(), time_value(*end));
    for (field, replicas) in [("minReplicas", min_replicas), ("maxReplicas", max_replicas)] {
        if let Some(replicas) = replicas {
            map.insert(field.into(), json!(replicas));
        }
    }
    Value::Object(map)
}
