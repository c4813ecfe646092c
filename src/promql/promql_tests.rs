use super::*;

pub(super) fn scope() -> Scope {
    Scope::of("namespace", "shop", None)
}

pub(super) fn narrowed(query: &str) -> String {
    scope()
        .narrowed(query)
        .unwrap_or_else(|refusal| panic!("{query}: {refusal}"))
}

fn refused(query: &str) -> Refusal {
    match scope().narrowed(query) {
        Err(refusal) => refusal,
        Ok(text) => panic!("{query} became {text}"),
    }
}

/// Queries, in which `§` stands where the matchers of the scope come, with braces where there are none yet.
const CONSTRUCTS: &str = r#"
up§
:a:b§
up{§}
up{job="a",§}
up{job="a",env=~"p.*",b!='x',c!~"y",§}
{__name__=~".+",§}
{"a.b",§}
{"a.b","c d"="e",§}
{or="a",by="b",sum="c",§}
rate(up§[5m])
rate(up{a="}",§}[5m])
rate(up§[1h30m]) * 1e-3
up§ offset 5m
up§ offset -5m
up§ @ 1700000000
up§ @ end() offset 5m
up§[5m] @ start()
max_over_time(rate(up§[5m])[1h:1m])
max_over_time(up§[1h:])
sum(up§)
SUM(up§)
sum by (queue) (up§)
sum by (queue, "a.b", by,) (up§)
sum(up§) without (queue)
sum by () (up§)
topk(3, up§)
quantile by (job) (0.9, up§)
count_values("version", build§)
a§ + b§
a§ / on (queue) group_left (team) b{x="y",§}
a§ * ignoring(pod) group_right b§
a§ and on () b§ unless c§ or d§
a§ == bool b§
a§ ^ -b§ % 2 atan2 c§
-a§
+-+a§
(a§)
((a§ - b§) > 0) < Inf
vector(1)
time()
time() - timestamp(up§)
scalar(up§) * NaN
absent(up{a="b",§})
absent_over_time(up§[5m])
label_replace(up§, "a", "$1", "b", "(.*)")
label_replace(vector(1), "namespace", "other", "", "")
label_join(up§, "a", ",", "b", "c")
histogram_quantile(0.9, sum by (le) (rate(x_bucket§[5m])))
sum_over_time((up§ > bool 0)[5m:30s] offset 1m)
new_function_of_tomorrow(up§, 1, "x")
1 + 0x1F + .5 + 1_000 + 5m + 1.5e3
"a string with up{} in it"
"#;

#[test]
fn every_selector_gets_the_matchers_behind_its_own_and_all_else_stays() {
    let mut count = 0;
    for line in CONSTRUCTS.lines().filter(|line| !line.is_empty()) {
        let plain = line.replace(",§}", "}").replace('§', "");
        let expected = line
            .replace("{§}", "{namespace=\"shop\"}")
            .replace(",§}", ",namespace=\"shop\"}")
            .replace('§', "{namespace=\"shop\"}");
        assert_eq!(narrowed(&plain), expected);
        count += 1;
    }
    assert_eq!(count, 52);
}

#[test]
fn a_comma_behind_the_last_matcher_is_enough() {
    assert_eq!(narrowed("up{a=\"b\",}"), "up{a=\"b\",namespace=\"shop\"}");
    assert_eq!(narrowed("up{a=\"b\" , }"), "up{a=\"b\" ,namespace=\"shop\" }");
}

#[test]
fn the_servers_own_matchers_come_along_and_the_label_is_the_configured_one() {
    let scope = Scope::of("exported_namespace", "shop", Some("cluster=\"a\",env=~\"p.*\""));
    assert_eq!(
        scope.narrowed("up{namespace=\"other\"}").unwrap(),
        "up{namespace=\"other\",exported_namespace=\"shop\",cluster=\"a\",env=~\"p.*\"}"
    );
}

#[test]
fn comments_go_and_what_follows_their_line_is_read_whatever_ends_it() {
    assert_eq!(narrowed("# first\nup # up{}\n"), "up{namespace=\"shop\"}");
    for end in ["\n", "\r", "\r\n"] {
        let query = format!("vector(1) # harmless{end}or other");
        assert_eq!(narrowed(&query), "vector(1) or other{namespace=\"shop\"}");
    }
    assert_eq!(
        narrowed("up{a=\"b\" # \"}\n,c='d#'}"),
        "up{a=\"b\" ,c='d#',namespace=\"shop\"}"
    );
}

#[test]
fn strings_are_read_as_prometheus_reads_them() {
    for (query, expected) in [
        (
            r#"up{a="\"} or other{"}"#,
            r#"up{a="\"} or other{",namespace="shop"}"#,
        ),
        (r#"up{a='"',b="'"}"#, r#"up{a='"',b="'",namespace="shop"}"#),
        // A raw string ends at the next such quote, which some servers do not see behind a backslash.
        (r#"up{a=`\`,b="`"}"#, r#"up{a="\\",b="`",namespace="shop"}"#),
        ("up{a=`x\"\ny`}", r#"up{a="x\"\ny",namespace="shop"}"#),
        ("up{a=``}", r#"up{a="",namespace="shop"}"#),
        (
            r#"up{a="ä \u00e4 \x41\101"}"#,
            r#"up{a="ä \u00e4 \x41\101",namespace="shop"}"#,
        ),
    ] {
        assert_eq!(narrowed(query), expected);
    }
}

#[test]
fn a_matcher_that_leaves_something_of_the_own_namespace_stays_beside_the_scopes() {
    for matcher in [
        r#"namespace="shop""#,
        r#"namespace=~"shop|other""#,
        r#"namespace=~".*""#,
        r#"namespace!="other""#,
        r#"namespace!~"other|kube-system""#,
        r#""namespace"="shop""#,
        r#"namespace="\x73hop""#,
        // It may or may not: the answer is empty then, and never wider.
        r#"namespace=~"oth.*""#,
        r#"exported_namespace="other""#,
    ] {
        assert_eq!(
            narrowed(&format!("up{{{matcher}}}")),
            format!("up{{{matcher},namespace=\"shop\"}}")
        );
    }
}

#[test]
fn a_matcher_for_another_namespace_is_refused_however_it_is_written() {
    for matcher in [
        r#"namespace="other""#,
        r#"namespace = "other""#,
        r#""namespace"="other""#,
        r#""\x6eamespace"="other""#,
        r#"'namespac\u0065'='other'"#,
        r#"namespace=`other`"#,
        r#"namespace="""#,
        r#"namespace=~"other""#,
        r#"namespace=~"other|kube-system""#,
        r#"namespace!="shop""#,
        r#"namespace!~"other|shop""#,
        r#"namespace="shop",namespace="other""#,
    ] {
        let refusal = refused(&format!("sum(up) + up{{{matcher}}}"));
        assert!(
            matches!(refusal, Refusal::OtherNamespace { .. }),
            "{matcher}: {refusal}"
        );
    }
    let told = refused("up{namespace=\"other\"}").to_string();
    assert!(
        told.starts_with("namespace=\"other\" asks for another namespace than the policy's own, shop,")
            && told.contains("leave the matcher out"),
        "{told}"
    );
}

#[test]
fn functions_that_read_series_of_their_own_accord_are_refused() {
    for query in ["info(up)", "INFO(up, {job=\"a\"})", "sum(info (up))"] {
        assert!(matches!(refused(query), Refusal::Function { .. }), "{query}");
    }
    assert_eq!(narrowed("info"), "info{namespace=\"shop\"}");
}

#[test]
fn words_of_the_language_are_no_metrics() {
    for word in [
        "by",
        "sum",
        "offset",
        "bool",
        "group_left",
        "start",
        "fill",
        "Unless",
    ] {
        let refusal = refused(&format!("({word})"));
        assert_eq!(refusal, Refusal::Word { word: word.into() });
    }
    assert!(refused("by").to_string().contains("{__name__=\"by\"}"));
}

#[test]
fn what_is_not_understood_to_the_end_is_refused() {
    for query in [
        "",
        "  # nothing",
        "up up",
        "up,up",
        "up)",
        "(up",
        "up{",
        "up{a}",
        "up{a=b}",
        "up{a=\"b\"",
        "up{a=\"b\" c=\"d\"}",
        "up{a=\"b\" or c=\"d\"}",
        "up{,}",
        "up{a==\"b\"}",
        "up{a:b=\"c\"}",
        "{}",
        "up{}{}",
        "up{a=\"b\"}{c=\"d\"}",
        "up[5m",
        "up[]",
        "up[step()]",
        "up[5m+other]",
        "up[5m:other]",
        "up[1m:1m:1m]",
        "up offset other",
        "up offset (5m)",
        "up @ other",
        "up @ start",
        "up @ start(other)",
        "up offset",
        "a + ",
        "a * on b",
        "a * on (b + c) d",
        "a * on(x) group_left (y)",
        "a + fill(0) b",
        "a </ b",
        "sum by (a)",
        "sum by up",
        "sum by (a{}) (up)",
        "sum(up) by (x) by (y)",
        "rate(up[5m]) keep_metric_names",
        "sum(up,)",
        "a default b",
        "WITH (x = up) x",
        "(up, other)",
        "foo.bar",
        "a == bool.5",
        "foo-",
        "5x",
        "1.2.3",
        "1e",
        "0x",
        "1m5",
        "$x",
        "up{a=\"\\q\"}",
        "up{a=\"b}",
        "up{a=\"b\nc\"}",
        "up{a=\"\\400\"}",
        "up{a=\"\\ud800\"}",
        "up\u{a0}",
        "üp",
        "up;other",
        "a:b(up)",
        "{{}}",
        "up smoothed",
    ] {
        let refusal = refused(query);
        assert!(
            matches!(refusal, Refusal::Unread { .. } | Refusal::Word { .. }),
            "{query}: {refusal:?}"
        );
    }
    assert_eq!(
        refused("sum(rate(up[5m]) keep_metric_names").to_string(),
        "it cannot be read from \"keep_metric_names\", where an operator or a closing bracket belongs: to policies of \
         single namespaces this server answers plain PromQL alone"
    );
}

#[test]
fn brackets_may_be_nested_and_long_queries_need_no_deep_stack() {
    let nested = |depth: usize| format!("{}up{}", "(".repeat(depth), ")".repeat(depth));
    assert!(scope().narrowed(&nested(64)).is_ok());
    assert_eq!(refused(&nested(65)), Refusal::TooDeep);
    assert_eq!(refused(&nested(100_000)), Refusal::TooDeep);
    let long = vec!["up"; 100_000].join(" + ");
    assert_eq!(narrowed(&long).matches("namespace=\"shop\"").count(), 100_000);
    assert!(scope().narrowed(&format!("{}1", "-".repeat(100_000))).is_ok());
}
