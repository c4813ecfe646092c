//! What must make the comparison fail, on logs and roles of a few lines.
use serde_json::{Value, json};

use crate::comparison::{Differences, Explanations, compare, table};
use crate::grants::{Right, granted};
use crate::requests::read;

const ROLES: &str = r#"
kind: ServiceAccount
metadata: {name: concertina}
---
kind: ClusterRole
metadata: {name: concertina}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list, watch]}
- {apiGroups: [apps], resources: [deployments/scale], verbs: [patch]}
---
kind: ClusterRole
metadata: {name: edit}
rules:
- {apiGroups: [concertina.dev], resources: [scalingpolicies], verbs: [delete]}
---
kind: ClusterRoleBinding
metadata: {name: concertina}
roleRef: {kind: ClusterRole, name: concertina}
subjects: [{kind: ServiceAccount, name: concertina, namespace: autoscaling}]
---
kind: Role
metadata: {name: concertina-lease}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [concertina], verbs: [update]}
---
kind: RoleBinding
metadata: {name: concertina-lease}
roleRef: {kind: Role, name: concertina-lease}
subjects: [{kind: ServiceAccount, name: concertina, namespace: autoscaling}]
"#;

fn rights() -> Vec<Right> {
    granted(ROLES, "concertina").unwrap()
}

/// A line of the log: what was done to what, and the binding that allowed it.
fn asked(verb: &str, [group, resource, namespace, name]: [&str; 4], binding: Option<&str>) -> Value {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let mut object = json!({"apiGroup": group, "resource": resource, "subresource": subresource,
        "namespace": namespace, "name": name});
    object.as_object_mut().unwrap().retain(|_, value| value != "");
    let annotations = match binding {
        Some(binding) => json!({
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": format!("RBAC: allowed by RoleBinding {binding:?} of Role \"any\" to User \"any\""),
        }),
        None => json!({"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}),
    };
    json!({
        "auditID": format!("{verb} {object}"), "stage": "ResponseComplete", "verb": verb,
        "requestURI": "/somewhere?limit=1",
        "user": {"username": "system:serviceaccount:autoscaling:concertina"},
        "objectRef": object, "annotations": annotations,
        "requestReceivedTimestamp": "2026-11-21T18:15:49.172370Z",
    })
}

fn log(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A log in which each of the rights is used.
fn all_used() -> Vec<Value> {
    let pods = ["", "pods", "", ""];
    let lease = ["coordination.k8s.io", "leases", "autoscaling", "concertina"];
    vec![
        asked("list", pods, Some("concertina")),
        asked("watch", pods, Some("concertina")),
        asked(
            "patch",
            ["apps", "deployments/scale", "shop", "web"],
            Some("concertina"),
        ),
        asked("update", lease, Some("concertina-lease/autoscaling")),
    ]
}

fn differences(lines: &[Value]) -> Differences {
    compare(&rights(), &read(&log(lines)).unwrap())
}

fn explanations(unused: &str, by_others: &str, forbidden: &str) -> Explanations {
    let text = format!(
        "unused: {{{unused}}}\nby_others: {{{by_others}}}\nby_others_at_times: {{list nodes by late: a race}}\n\
         forbidden: {{{forbidden}}}\nforbidden_at_times: {{list nodes: a race}}\n"
    );
    Explanations::read(&text).unwrap()
}

fn complaints(lines: &[Value]) -> Vec<String> {
    explanations("", "", "").complaints(&differences(lines))
}

#[track_caller]
fn complains_once(lines: &[Value], of: &str) {
    let complaints = complaints(lines);
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(complaints[0].starts_with(of), "{complaints:#?}");
}

#[test]
fn the_rights_are_those_of_the_roles_that_are_bound_to_the_account() {
    let rights: Vec<String> = rights().iter().map(Right::to_string).collect();
    let expected = [
        "list pods",
        "patch deployments/scale of apps",
        "update leases of coordination.k8s.io named concertina",
        "watch pods",
    ];
    assert_eq!(rights, expected);
    assert_eq!(granted(ROLES, "another").unwrap(), []);
}

#[test]
fn a_rule_for_everything_and_a_role_that_is_not_there_are_refused() {
    let all = ROLES.replace("[list, watch]", "['*']");
    assert!(
        granted(&all, "concertina")
            .unwrap_err()
            .contains("more than it names")
    );
    let none = ROLES.replace("kind: Role\n", "kind: Rule\n");
    assert!(granted(&none, "concertina").unwrap_err().contains("not there"));
    let paths = ROLES.replace(
        "{apiGroups: [apps]",
        "{nonResourceURLs: [/metrics], apiGroups: [apps]",
    );
    assert!(
        granted(&paths, "concertina")
            .unwrap_err()
            .contains("nonResourceURLs")
    );
}

#[test]
fn nothing_differs_where_all_is_used_and_nothing_else() {
    assert_eq!(differences(&all_used()), Differences::default());
    assert_eq!(complaints(&all_used()), Vec::<String>::new());
}

#[test]
fn a_right_that_is_not_used_is_complained_of() {
    let mut lines = all_used();
    lines.remove(2);
    complains_once(
        &lines,
        "granted, never used, and not explained: patch deployments/scale of apps;",
    );
}

#[test]
fn a_subresource_or_another_verb_or_name_is_another_right() {
    for (at, object, verb) in [
        (2, ["apps", "deployments", "shop", "web"], "patch"),
        (2, ["apps", "deployments/scale", "shop", "web"], "get"),
        (2, ["extensions", "deployments/scale", "shop", "web"], "patch"),
        (
            3,
            ["coordination.k8s.io", "leases", "autoscaling", "other"],
            "update",
        ),
        (
            3,
            ["coordination.k8s.io", "leases", "shop", "concertina"],
            "update",
        ),
    ] {
        let mut lines = all_used();
        let binding = if at == 2 {
            "concertina"
        } else {
            "concertina-lease/autoscaling"
        };
        lines[at] = asked(verb, object, Some(binding));
        let differences = differences(&lines);
        assert_eq!(differences.unused.len(), 1, "{object:?}: {differences:?}");
        assert_eq!(differences.by_others.len(), 1, "{object:?}: {differences:?}");
    }
}

#[test]
fn a_right_in_all_namespaces_that_is_used_at_home_alone_is_complained_of() {
    let mut lines = all_used();
    lines[2] = asked(
        "patch",
        ["apps", "deployments/scale", "autoscaling", "concertina"],
        Some("concertina"),
    );
    complains_once(
        &lines,
        "granted, never used, and not explained: patch deployments/scale of apps beyond its namespace;",
    );
}

#[test]
fn a_forbidden_request_is_complained_of() {
    let mut lines = all_used();
    lines.push(asked("list", ["", "secrets", "shop", ""], None));
    complains_once(&lines, "forbidden, and not explained: list secrets;");
    // A right that the cluster does not give is not used.
    lines = all_used();
    lines[2] = asked("patch", ["apps", "deployments/scale", "shop", "web"], None);
    let differences = differences(&lines);
    assert_eq!(differences.forbidden.len(), 1, "{differences:?}");
    assert_eq!(differences.unused.len(), 1, "{differences:?}");
}

#[test]
fn what_another_role_allows_is_complained_of() {
    let mut path = asked("get", ["", "", "", ""], Some("system:discovery"));
    path["requestURI"] = "/apis?timeout=32s".into();
    let mut lines = all_used();
    lines.push(path);
    complains_once(
        &lines,
        "allowed by another role, and not explained: get /apis by system:discovery;",
    );
    // One's own right, had from elsewhere, is not used.
    lines = all_used();
    lines[2] = asked(
        "patch",
        ["apps", "deployments/scale", "shop", "web"],
        Some("admins"),
    );
    let differences = differences(&lines);
    assert_eq!(differences.by_others.len(), 1, "{differences:?}");
    assert_eq!(differences.unused.len(), 1, "{differences:?}");
}

#[test]
fn a_role_for_one_of_the_watched_namespaces_is_the_controllers_own() {
    let mut lines = all_used();
    let pods = |namespace| ["", "pods", namespace, ""];
    lines[0] = asked("list", pods("shop"), Some("concertina-controller/shop"));
    assert_eq!(complaints(&lines), Vec::<String>::new());
    lines.push(asked("list", pods("till"), Some("concertina-controller/shop")));
    complains_once(
        &lines,
        "allowed by another role, and not explained: list pods by concertina-controller/shop;",
    );
}

#[test]
fn what_the_controllers_own_role_allows_beyond_its_manifest_is_complained_of() {
    let mut lines = all_used();
    lines.push(asked("get", ["", "secrets", "shop", "a"], Some("concertina")));
    complains_once(
        &lines,
        "allowed by another role, and not explained: get secrets by concertina;",
    );
}

#[test]
fn an_explanation_silences_its_difference_and_no_other() {
    let mut lines = all_used();
    lines.remove(2);
    lines.push(asked("list", ["a1.example.com", "fleets", "shop", ""], None));
    let differences = differences(&lines);
    let enough = explanations(
        "patch deployments/scale of apps: rare",
        "",
        "list fleets of *.example.com: new",
    );
    assert_eq!(enough.complaints(&differences), Vec::<String>::new());
    let told = enough.told(&differences);
    for line in [
        "granted, never used: patch deployments/scale of apps\n      rare\n",
        "forbidden: list fleets of a1.example.com (1 times)\n      new\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let crossed = explanations(
        "list fleets of *.example.com: new",
        "",
        "patch deployments/scale of apps: rare",
    );
    assert_eq!(crossed.complaints(&differences).len(), 4);
}

#[test]
fn an_explanation_that_is_no_longer_needed_is_complained_of() {
    let stale = explanations("watch pods: never", "", "");
    let complaints = stale.complaints(&differences(&all_used()));
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(
        complaints[0].starts_with("explained as granted, never used, and it is not so: watch pods;"),
        "{complaints:#?}"
    );
}

#[test]
fn what_is_forbidden_or_allowed_by_others_at_times_is_explained_and_need_not_be() {
    let mut lines = all_used();
    assert_eq!(complaints(&lines), Vec::<String>::new());
    lines.push(asked("list", ["", "nodes", "", ""], None));
    assert_eq!(complaints(&lines), Vec::<String>::new());
    *lines.last_mut().unwrap() = asked("list", ["", "nodes", "", ""], Some("late"));
    assert_eq!(complaints(&lines), Vec::<String>::new());
    *lines.last_mut().unwrap() = asked("list", ["", "nodes", "", ""], Some("admins"));
    complains_once(
        &lines,
        "allowed by another role, and not explained: list nodes by admins;",
    );
}

#[test]
fn a_watch_that_begins_and_ends_is_one_request_and_users_are_none() {
    let mut lines = all_used();
    let mut end = lines[1].clone();
    end["stage"] = "ResponseStarted".into();
    lines.push(end);
    let mut user = asked("delete", ["", "pods", "shop", "web"], Some("cluster-admin"));
    user["user"]["username"] = "admin".into();
    lines.push(user);
    let requests = read(&log(&lines)).unwrap();
    assert_eq!(requests.len(), 4);
    assert!(
        table(&requests).contains("      1  watch pods "),
        "{}",
        table(&requests)
    );
}

#[test]
fn a_line_that_cannot_be_read_is_named_by_its_number() {
    let cut = log(&all_used()).replace("pods", "\"");
    assert!(read(&cut).unwrap_err().starts_with("line 1: "));
    let mut lines = all_used();
    lines[1]["annotations"] = json!({});
    let error = read(&log(&lines)).unwrap_err();
    assert_eq!(error, "line 2: neither allowed nor forbidden, but \"\"");
    lines[1]["annotations"] = json!({"authorization.k8s.io/decision": "allow"});
    assert!(read(&log(&lines)).unwrap_err().contains("without naming a role"));
}

#[test]
fn a_last_line_that_is_still_being_written_is_left_out() {
    let whole = log(&all_used());
    let cut = &whole[..whole.len() - 20];
    assert_eq!(read(cut).unwrap(), read(&log(&all_used()[..3])).unwrap());
    // It may lack no more than its end.
    assert_eq!(read(whole.trim_end()).unwrap().len(), 3);
    assert_eq!(read(&whole).unwrap().len(), 4);
    assert_eq!(read(&whole[..20]).unwrap(), []);
}
