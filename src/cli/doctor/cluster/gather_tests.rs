//! The questions that are asked of a scripted API server. No network.
use std::sync::{Arc, Mutex};

use kube::client::Body;

use super::recorded::{assert_says, remark, served};
use super::*;
use crate::cli::doctor::finding::Level;

#[test]
fn pods_that_are_looked_for_have_been_ready_for_a_while_and_are_from_all_over() {
    let now = concertina_decision::Timestamp::from_seconds(1_700_000_000);
    let pod = |name: String, started: i64| {
        let started = jiff::Timestamp::from_second(1_700_000_000 - started).unwrap();
        json!({"metadata": {"namespace": "shop", "name": name}, "status": {"conditions": [
            {"type": "Initialized", "status": "True", "lastTransitionTime": started.to_string()},
            {"type": "Ready", "status": "True", "lastTransitionTime": started.to_string()},
        ]}})
    };
    let mut pods: Vec<Value> = (0..100).map(|number| pod(format!("web-{number}"), 600)).collect();
    pods.push(pod("young".into(), 10));
    let mut mirrored = pod("etcd".into(), 600);
    mirrored["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    pods.push(mirrored);
    let mut crashing = pod("crashing".into(), 600);
    crashing["status"]["conditions"][1]["status"] = json!("False");
    pods.push(crashing);
    pods.push(json!({}));
    let sample = pods::sample(&pods, now);
    assert_eq!(sample.len(), 20);
    assert_eq!(
        (sample[0].name.as_str(), sample[19].name.as_str()),
        ("web-0", "web-95")
    );
    assert_eq!(pods::sample(&pods[98..], now).len(), 2);
}

/// Method, path with query, and body of each request.
type Requests = Arc<Mutex<Vec<(String, String, Value)>>>;

/// An API server that knows nothing but that all rights are granted.
fn scripted(requests: &Requests) -> Client {
    scripted_but(requests, |_| None)
}

/// As [`scripted`], but for the paths to which `other` has another answer: a status and a body.
fn scripted_but(
    requests: &Requests,
    other: impl Fn(&str) -> Option<(u16, String)> + Clone + Send + 'static,
) -> Client {
    let requests = Arc::clone(requests);
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let other = other.clone();
        let requests = Arc::clone(&requests);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let answer = match head.uri.path() {
                "/version" => json!({"gitVersion": "v1.37.1"}),
                path if path.ends_with("accessreviews") => json!({"status": {"allowed": true}}),
                "/apis" => serde_json::to_value(served(&[
                    ("concertina.dev", "ScalingPolicy", "scalingpolicies"),
                    ("keda.sh", "ScaledObject", "scaledobjects"),
                ]))
                .unwrap(),
                _ => json!({"metadata": {"continue": "more"}, "items": []}),
            };
            let (status, answer) = other(head.uri.path()).unwrap_or((200, answer.to_string()));
            let entry = (head.method.to_string(), head.uri.to_string(), body);
            requests.lock().unwrap().push(entry);
            let answer = http::Response::builder()
                .status(status)
                .header("date", "Tue, 14 Nov 2023 22:13:20 GMT")
                .body(Body::from(answer.into_bytes()));
            Ok::<_, tower::BoxError>(answer.unwrap())
        }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn nothing_is_written_and_nothing_is_listed_without_a_limit() {
    let requests = Requests::default();
    let facts = gather(scripted(&requests), &Named::default(), &[]).await;
    assert_eq!(facts.version, Ok("v1.37.1".into()));
    assert!(facts.clock.is_some());
    assert!(facts.deployments.as_ref().unwrap().has_more);
    let requests = requests.lock().unwrap();
    assert!(requests.len() < 80, "{}", requests.len());
    for (method, uri, body) in requests.iter() {
        let is_review = uri.ends_with("reviews") && body["kind"].as_str().unwrap().ends_with("Review");
        assert!(
            method == "GET" || (method == "POST" && is_review),
            "{method} {uri}"
        );
        let lists = [
            "scaledobjects",
            "scalingpolicies",
            "autoscalers",
            "deployments",
            "statefulsets",
            "pods",
            "services",
        ];
        let path = uri.split('?').next().unwrap();
        if lists.iter().any(|plural| path.ends_with(plural)) {
            assert!(uri.contains("limit="), "{uri}");
        }
    }
    let reviews = requests
        .iter()
        .filter(|(_, uri, _)| uri.ends_with("/subjectaccessreviews"));
    for (_, _, body) in reviews {
        assert_eq!(
            body["spec"]["user"],
            "system:serviceaccount:concertina:concertina"
        );
    }
}

#[tokio::test]
async fn of_some_namespaces_nothing_of_the_others_is_listed() {
    let requests = Requests::default();
    let namespaces = ["shop".to_owned(), "team".to_owned()];
    let facts = gather(scripted(&requests), &Named::default(), &namespaces).await;
    assert!(facts.missing_namespaces.is_empty() && facts.policies.is_ok());
    let requests = requests.lock().unwrap();
    let lists = requests
        .iter()
        .filter(|(method, uri, _)| method == "GET" && uri.contains("limit="));
    let lists: Vec<&str> = lists.map(|(_, uri, _)| uri.split('?').next().unwrap()).collect();
    let mut expected: Vec<String> = Vec::new();
    for (api, plural) in [
        ("/apis/keda.sh/v1alpha1", "scaledobjects"),
        ("/apis/concertina.dev/v1alpha1", "scalingpolicies"),
        ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
        ("/apis/apps/v1", "deployments"),
        ("/apis/apps/v1", "statefulsets"),
        ("/api/v1", "pods"),
    ] {
        expected.extend(
            namespaces
                .iter()
                .map(|name| format!("{api}/namespaces/{name}/{plural}")),
        );
    }
    // The controllers are where they are, and Prometheus may be anywhere.
    expected.insert(10, "/apis/apps/v1/namespaces/concertina/deployments".into());
    expected.push("/api/v1/services".into());
    assert_eq!(lists, expected);
    let reviews = requests
        .iter()
        .filter(|(_, uri, _)| uri.ends_with("/subjectaccessreviews"));
    for (_, _, body) in reviews {
        let attributes = &body["spec"]["resourceAttributes"];
        assert_ne!(attributes["namespace"], Value::Null, "{attributes}");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_told() {
    let mut facts = super::recorded::healthy();
    facts.missing_namespaces = vec!["team".into()];
    assert_says(
        &remark(&facts),
        Level::Note,
        "team of watchNamespaces is not there",
        "when it is there",
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_asked_twice() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let service = tower::service_fn(move |_: http::Request<Body>| {
        *count.lock().unwrap() += 1;
        std::future::pending::<Result<http::Response<Body>, tower::BoxError>>()
    });
    let facts = gather(Client::new(service, "default"), &Named::default(), &[]).await;
    assert_eq!(*asked.lock().unwrap(), 2);
    assert_says(
        &remark(&facts),
        Level::Problem,
        "no answer within 10 s",
        "KUBECONFIG",
    );
}

fn refusal(code: u16, message: &str) -> (u16, String) {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message});
    (code, status.to_string())
}

#[tokio::test]
async fn a_namespace_that_cannot_be_listed_is_told_whatever_its_place_and_is_no_absence() {
    for namespaces in [["shop", "team"], ["team", "shop"]] {
        let namespaces = namespaces.map(str::to_owned);
        let client = scripted_but(&Requests::default(), |path| {
            let is_refused = path.ends_with("/namespaces/team/horizontalpodautoscalers");
            let is_late = path.ends_with("/namespaces/team/scalingpolicies");
            is_refused
                .then(|| refusal(403, "forbidden"))
                .or_else(|| is_late.then(|| refusal(504, "etcd is slow")))
        });
        let found = findings(&gather(client, &Named::default(), &namespaces).await).list;
        let told = |words: &str| {
            found.iter().any(|finding| {
                finding.level == Level::Note && finding.check == "extent" && finding.what.contains(words)
            })
        };
        assert!(
            told("HorizontalPodAutoscalers of team were not looked at: you may not look at it"),
            "{found:#?}"
        );
        assert!(
            told("policies of team were not looked at: etcd is slow"),
            "{found:#?}"
        );
        assert!(
            found.iter().all(|finding| finding.check != "owners"),
            "it is not known: {found:#?}"
        );
    }
}

#[tokio::test]
async fn answers_that_are_of_no_use_do_not_end_the_questions() {
    let requests = Requests::default();
    let nonsense = |path: &str| {
        let is_of_no_use =
            path == "/apis" || path.contains("selfsubjectreviews") || path.contains("serviceaccounts");
        is_of_no_use.then(|| (200, "<html>".to_owned()))
    };
    let facts = gather(scripted_but(&requests, nonsense), &Named::default(), &[]).await;
    assert!(facts.groups.is_err() && facts.has_account.is_err());
    assert!(facts.autoscalers.is_ok() && facts.pods.is_ok(), "{facts:#?}");
}

#[tokio::test]
async fn an_api_server_that_answers_again_is_asked_again() {
    let lost = |path: &str| path.contains("customresource") || path.contains("statefulsets");
    let service = tower::service_fn(move |request: http::Request<Body>| async move {
        let path = request.uri().path();
        if lost(path) {
            return Err(tower::BoxError::from("connection reset"));
        }
        let answer = match path {
            "/version" => json!({"gitVersion": "v1.37.1"}),
            "/apis" => serde_json::to_value(served(&[])).unwrap(),
            _ => json!({"items": [], "status": {"allowed": true}}),
        };
        Ok(http::Response::new(Body::from(answer.to_string().into_bytes())))
    });
    let facts = gather(
        Client::new(service, "default"),
        &Named::default(),
        &["shop".into()],
    )
    .await;
    assert!(facts.definition.is_err() && facts.stateful_sets.is_err());
    assert!(facts.autoscalers.is_ok() && facts.pods.is_ok(), "{facts:#?}");
}

/// The account whose rights are asked for, and whether they are asked for as one's own.
async fn looked_at(named: Named, user: &'static str) -> (Account, bool) {
    let requests = Requests::default();
    let client = scripted_but(&requests, move |path| {
        let is_who = path.ends_with("/selfsubjectreviews");
        is_who.then(|| {
            (
                200,
                json!({"status": {"userInfo": {"username": user}}}).to_string(),
            )
        })
    });
    let facts = gather(client, &named, &[]).await;
    let requests = requests.lock().unwrap();
    let asked = |kind: &str| requests.iter().any(|(_, uri, _)| uri.ends_with(kind));
    assert_ne!(asked("/subjectaccessreviews"), asked("/selfsubjectaccessreviews"));
    (facts.account, asked("/selfsubjectaccessreviews"))
}

#[tokio::test]
async fn in_a_pod_its_own_account_is_looked_at_unless_another_is_named() {
    let account = |namespace: &str, name: &str| Account {
        namespace: namespace.into(),
        name: name.into(),
    };
    let in_pod = Named {
        is_in_pod: true,
        ..Named::default()
    };
    let user = "system:serviceaccount:autoscaling:scaler";
    assert_eq!(
        looked_at(in_pod.clone(), user).await,
        (account("autoscaling", "scaler"), true)
    );
    let named = Named {
        account: Some(account("a", "b")),
        ..in_pod.clone()
    };
    assert_eq!(looked_at(named, user).await, (account("a", "b"), false));
    // Outside a pod an account is that of a pipeline, say.
    assert_eq!(
        looked_at(Named::default(), user).await,
        (Account::default(), false)
    );
    assert_eq!(looked_at(in_pod, "jane").await, (Account::default(), false));
}

#[tokio::test]
async fn the_lease_that_is_asked_about_is_that_of_the_controllers_arguments() {
    let leases = async |args: &[&str]| {
        let requests = Requests::default();
        let controller = json!({"items": [{
            "metadata": {"namespace": "concertina", "name": "main"},
            "spec": {"template": {"spec": {"serviceAccountName": "concertina", "containers": [{"args": args}]}}},
        }]});
        let answer = controller.to_string();
        let client = scripted_but(&requests, move |path| {
            path.ends_with("/deployments").then(|| (200, answer.clone()))
        });
        gather(client, &Named::default(), &[]).await;
        let requests = requests.lock().unwrap();
        let about = requests
            .iter()
            .map(|(_, _, body)| &body["spec"]["resourceAttributes"]);
        let about = about.filter(|about| about["resource"] == "leases" && about["verb"] == "update");
        about
            .map(|about| about["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        leases(&["run", "--lease-name=autoscaling"]).await,
        ["autoscaling"]
    );
    assert_eq!(
        leases(&["run", "--leader-elect=false"]).await,
        Vec::<String>::new()
    );
    assert_eq!(leases(&["run"]).await, ["concertina"]);
}

#[tokio::test]
async fn deployments_are_looked_at_where_stateful_sets_may_not_be_listed() {
    let refused = |path: &str| path.ends_with("/statefulsets").then(|| refusal(403, "forbidden"));
    let client = scripted_but(&Requests::default(), refused);
    let facts = gather(client, &Named::default(), &[]).await;
    assert!(facts.deployments.is_ok());
    assert_eq!(facts.stateful_sets, Err(Trouble::Forbidden));
}
