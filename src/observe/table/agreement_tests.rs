//! The compact decoder agrees with a plain reading of the same answer as a tree.
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A series as text: its fields and labels in some order, its strings in some form.
#[derive(Clone, Debug)]
struct Sent {
    labels: Vec<(&'static str, String)>,
    number: &'static str,
    /// Which characters are escaped.
    escapes: u8,
    value_first: bool,
    lacks: Option<&'static str>,
}

fn any_series() -> impl Strategy<Value = Sent> {
    let name = prop::sample::select(vec![
        "namespace",
        "pod",
        "container",
        "concertina",
        "queue",
        "ho\"st",
        "z",
    ]);
    let value = prop_oneof![
        "[ab]{0,2}",
        "[ab\\\\\"\n/é😀\u{0}]{0,3}",
        Just("value".into()),
        Just("time".into())
    ];
    let labels =
        prop::collection::btree_map(name, value, 0..5).prop_map(|labels| labels.into_iter().collect());
    let number = prop::sample::select(vec!["0", "1.5", "-3e-7", "NaN", "+Inf", "-Inf", "1e400", "17"]);
    let lacks = prop_oneof![40 => Just(None), 1 => Just(Some("metric")), 1 => Just(Some("value"))];
    (labels, number, any::<u8>(), any::<bool>(), lacks).prop_flat_map(
        |(labels, number, escapes, value_first, lacks): (Vec<_>, _, _, _, _)| {
            let sent = move |labels| Sent {
                labels,
                number,
                escapes,
                value_first,
                lacks,
            };
            Just(labels).prop_shuffle().prop_map(sent)
        },
    )
}

/// A string of JSON; of eight characters in a row those are escaped whose bit is set.
fn quoted(text: &str, escapes: u8) -> String {
    let mut quoted = String::from("\"");
    for (index, character) in text.chars().enumerate() {
        if matches!(character, '"' | '\\' | '\0'..='\u{1f}') || escapes >> (index % 8) & 1 == 1 {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                quoted += &format!("\\u{unit:04x}");
            }
        } else {
            quoted.push(character);
        }
    }
    quoted + "\""
}

impl Sent {
    fn text(&self) -> String {
        let label = |(name, value): &(&str, String)| {
            format!(
                "{}:{}",
                quoted(name, self.escapes / 3),
                quoted(value, self.escapes)
            )
        };
        let labels: Vec<String> = self.labels.iter().map(label).collect();
        let mut fields = vec![
            ("metric", format!("\"metric\":{{{}}}", labels.join(","))),
            (
                "value",
                format!(
                    "\"value\": [1700000000.125, {}]",
                    quoted(self.number, self.escapes)
                ),
            ),
            ("other", "\"other\":[{\"metric\":{}}]".into()),
        ];
        if self.value_first {
            fields.reverse();
        }
        let kept = fields.into_iter().filter(|(name, _)| Some(*name) != self.lacks);
        format!("{{{}}}", kept.map(|(_, text)| text).collect::<Vec<_>>().join(","))
    }
}

fn body(series: &[Sent], type_first: bool, status_first: bool) -> String {
    let series: Vec<String> = series.iter().map(Sent::text).collect();
    let mut data = [
        r#""resultType":"vector""#.to_owned(),
        format!("\"result\":[{}]", series.join(",")),
    ];
    if !type_first {
        data.reverse();
    }
    let mut fields = [
        r#""status":"success""#.to_owned(),
        format!("\"data\":{{{}}}", data.join(",")),
    ];
    if !status_first {
        fields.reverse();
    }
    format!("{{{}}}", fields.join(","))
}

/// The labels and the number of each series, read from a tree; `None` when one lacks either.
fn plainly(body: &str) -> Option<Vec<(BTreeMap<String, String>, f64)>> {
    let tree: Value = serde_json::from_str(body).unwrap();
    let series = tree["data"]["result"].as_array()?.iter().map(|series| {
        let labels = series.get("metric")?.as_object()?.iter();
        let labels = labels.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Some((
            labels.collect::<Option<_>>()?,
            series.get("value")?[1].as_str()?.parse().ok()?,
        ))
    });
    series.collect()
}

const SETS: [&[&str]; 4] = [&[], &["queue"], &["ho\"st", "queue"], &["namespace", "pod", "z"]];

proptest! {
    #[test]
    fn totals_are_those_of_a_plain_reading(
        series in prop::collection::vec(any_series(), 0..30), type_first in any::<bool>(), status_first in any::<bool>(),
    ) {
        let body = body(&series, type_first, status_first);
        let set = |set: &&[&str]| set.iter().map(|name| Arc::from(*name)).collect();
        let decoded = decode(body.as_bytes(), &Wanted::Labels(SETS.iter().map(set).collect()), Naming::OWN);
        let Some(plain) = plainly(&body) else {
            prop_assert!(decoded.is_err());
            return Ok(());
        };
        let answer = decoded.unwrap();
        prop_assert_eq!(answer.series, plain.len());
        let Table::Labels(table) = &answer.table else { panic!() };
        for set in SETS {
            let mut groups: BTreeMap<Vec<&str>, (u32, f64)> = BTreeMap::new();
            for (labels, number) in &plain {
                let values: Option<Vec<&str>> = set.iter().map(|name| labels.get(*name).map(String::as_str)).collect();
                if let Some(values) = values {
                    let group = groups.entry(values).or_default();
                    *group = (group.0 + 1, *number);
                }
            }
            let group_of = |values: &[&str]| {
                let label = |(name, value): (&&str, &&str)| (Arc::from(*name), Box::from(*value));
                let matching: Vec<(Arc<str>, Box<str>)> = set.iter().zip(values).map(label).collect();
                table.group(&matching).unwrap()
            };
            for (values, (count, number)) in &groups {
                let found = group_of(values);
                prop_assert_eq!(found.series, *count);
                prop_assert_eq!(found.entry.value.map(f64::to_bits), Some(number.to_bits()));
            }
            if !set.is_empty() {
                prop_assert_eq!(group_of(&vec!["nobody"; set.len()]), Group::default());
            }
        }
    }

    #[test]
    fn pods_are_those_of_a_plain_reading(
        series in prop::collection::vec(any_series(), 0..30), type_first in any::<bool>(), status_first in any::<bool>(),
    ) {
        let body = body(&series, type_first, status_first);
        let decoded = decode(body.as_bytes(), &Wanted::Pods, Naming::CONTAINERS);
        let Some(plain) = plainly(&body) else {
            prop_assert!(decoded.is_err());
            return Ok(());
        };
        let answer = decoded.unwrap();
        let mut pods: BTreeMap<(&str, &str), Vec<(&str, Entry)>> = BTreeMap::new();
        for (labels, number) in &plain {
            let label = |name: &str| labels.get(name).map_or("", String::as_str);
            let containers = pods.entry((label("namespace"), label("pod"))).or_default();
            let known = containers.iter().position(|(name, _)| *name == label("container"));
            let index = known.unwrap_or_else(|| {
                containers.push((label("container"), Entry::default()));
                containers.len() - 1
            });
            let entry = &mut containers[index].1;
            match label("concertina") {
                "value" => entry.value = Some(*number),
                #[allow(clippy::cast_possible_truncation)] // as the decoder does
                "time" => entry.time_ms = number.is_finite().then_some((number * 1000.0) as i64),
                _ => {}
            }
        }
        let bits = |entry: Entry| (entry.value.map(f64::to_bits), entry.time_ms);
        let Table::Pods(table) = &answer.table else { panic!() };
        for ((namespace, pod), containers) in &pods {
            let found: Vec<_> = table.containers(namespace, pod).map(|(name, entry)| (name, bits(entry))).collect();
            let expected: Vec<_> = containers.iter().map(|(name, entry)| (*name, bits(*entry))).collect();
            prop_assert_eq!(found, expected);
        }
        prop_assert_eq!(table.containers("nobody", "nothing").count(), 0);
        let widths: usize = answer.widths().iter().map(|(_, width)| width).sum();
        let known: usize = pods.values().flatten().map(|(_, entry)| entry.families()).sum();
        prop_assert_eq!(widths, known);
    }
}
