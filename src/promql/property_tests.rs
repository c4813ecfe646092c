//! Any query of a grammar, and what is no query at all.
use proptest::prelude::*;

use super::tests::{narrowed, scope};

/// A query as its author writes it, and as it is sent.
type Pair = (String, String);

fn both(text: &str) -> Pair {
    (text.to_owned(), text.to_owned())
}

fn joined(parts: &[&Pair]) -> Pair {
    let of = |which: fn(&Pair) -> &String| parts.iter().map(|part| which(part).as_str()).collect();
    (of(|pair| &pair.0), of(|pair| &pair.1))
}

fn selector() -> impl Strategy<Value = Pair> {
    let name = prop_oneof![
        Just(""),
        Just("up"),
        Just("a:b"),
        Just("x_total"),
        Just("information")
    ];
    let label = prop_oneof![
        Just("job"),
        Just("or"),
        Just("\"a.b\""),
        Just("'namespace '"),
        Just("__name__")
    ];
    let operator = prop_oneof![Just("="), Just("!="), Just("=~"), Just(" !~ ")];
    let value = prop_oneof![
        Just("\"a\""),
        Just("'}'"),
        Just("\"{\\\"\""),
        Just("\"other{\""),
        Just("\"#\"")
    ];
    let matchers = prop::collection::vec((label, operator, value), 0..3);
    (name, matchers, any::<bool>()).prop_map(|(name, matchers, has_braces)| {
        let name = if matchers.is_empty() && name.is_empty() {
            "up"
        } else {
            name
        };
        let list: Vec<String> = matchers
            .iter()
            .map(|(label, op, value)| format!("{label}{op}{value}"))
            .collect();
        let list = list.join(",");
        let plain = if list.is_empty() && !has_braces {
            name.to_owned()
        } else {
            format!("{name}{{{list}}}")
        };
        let comma = if list.is_empty() { "" } else { "," };
        (plain, format!("{name}{{{list}{comma}namespace=\"shop\"}}"))
    })
}

fn expression() -> impl Strategy<Value = Pair> {
    let leaf = prop_oneof![
        6 => selector(),
        1 => prop_oneof![Just("1"), Just("-0.5"), Just("5m"), Just("Inf"), Just("time()")].prop_map(both),
    ];
    let labels = prop_oneof![Just("()"), Just("(job)"), Just("(a, \"b.c\")"), Just("(by,)")];
    leaf.prop_recursive(5, 40, 3, move |inner| {
        let modifier = prop_oneof![
            Just("[5m]"),
            Just("[1h:5m]"),
            Just("[1h:]"),
            Just(" offset -1m"),
            Just(" @ end()"),
            Just(" @ 17e8"),
        ];
        let operator = prop_oneof![
            Just(" + "),
            Just("-"),
            Just(" and "),
            Just(" OR "),
            Just(" >= bool "),
            Just(" * on (a) group_left (b) "),
            Just("/ignoring(a)"),
            Just(" unless on() "),
            Just(" atan2 # x{}\n"),
        ];
        let aggregation = prop_oneof![Just("sum"), Just("Count"), Just("min ")];
        let function = prop_oneof![Just("rate"), Just("abs "), Just("clamp_max")];
        prop_oneof![
            (inner.clone(), modifier)
                .prop_map(|(inner, modifier)| { joined(&[&both("("), &inner, &both(")"), &both(modifier)]) }),
            (inner.clone(), operator, inner.clone()).prop_map(|(left, operator, right)| {
                let sent = if operator.contains('#') {
                    " atan2 "
                } else {
                    operator
                };
                joined(&[&left, &(operator.to_owned(), sent.to_owned()), &right])
            }),
            (aggregation.clone(), labels.clone(), inner.clone()).prop_map(|(name, labels, inner)| {
                joined(&[
                    &both(name.trim()),
                    &both(" by "),
                    &both(labels),
                    &both("("),
                    &inner,
                    &both(")"),
                ])
            }),
            (aggregation, labels.clone(), inner.clone()).prop_map(|(name, labels, inner)| {
                joined(&[&both(name), &both("("), &inner, &both(") without"), &both(labels)])
            }),
            (function, prop::collection::vec(inner, 1..3)).prop_map(|(name, arguments)| {
                let mut parts = vec![both(name), both("(")];
                for (index, argument) in arguments.into_iter().enumerate() {
                    parts.extend((index > 0).then(|| both(", ")));
                    parts.push(argument);
                }
                parts.push(both(")"));
                joined(&parts.iter().collect::<Vec<_>>())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_query_of_the_grammar_is_the_same_one_with_matchers_in_each_selector((plain, sent) in expression()) {
        prop_assert_eq!(scope().narrowed(&plain), Ok(sent.clone()));
        // What was narrowed is narrowed again, and nothing else happens to it.
        let again = narrowed(&sent);
        prop_assert_eq!(again.replace(",namespace=\"shop\",namespace=\"shop\"}", ",namespace=\"shop\"}")
            .replace("{namespace=\"shop\",namespace=\"shop\"}", "{namespace=\"shop\"}"), sent);
    }

    #[test]
    fn whatever_is_written_is_narrowed_or_refused_and_nothing_panics(query in "[ -~\\n\\räß]{0,60}") {
        let _ = scope().narrowed(&query);
    }

    #[test]
    fn parts_of_queries_in_any_order_leave_no_brace_without_the_matchers(
        parts in prop::collection::vec(prop_oneof![
            Just("up"), Just("{"), Just("}"), Just("a=\"b\""), Just("\"x\""), Just(","), Just("("), Just(")"), Just("by"),
            Just("on"), Just("sum"), Just(" "), Just("+"), Just("["), Just("]"), Just("5m"), Just(":"), Just("offset"),
            Just("group_left"), Just("#\r"), Just("`\\`"), Just("or"), Just("bool"), Just("@"), Just("start()"),
        ], 0..12)
    ) {
        if let Ok(text) = scope().narrowed(&parts.concat()) {
            let braces = text.replace("\"x\"", "").matches('{').count();
            prop_assert_eq!(braces, text.matches("namespace=\"shop\"}").count() + text.matches("namespace=\"shop\" }").count());
        }
    }
}
