//! Whether a server answers, and its clock. No network.
use concertina_decision::Timestamp;

use super::super::recorded::{URL, all_findings, assert_says, clock, healthy, of, remark};
use super::super::{Clock, Offers, clock};
use super::*;
use crate::cli::doctor::finding::{Finding, Level};

#[test]
fn where_all_is_well_nothing_is_to_be_set_but_where_requests_are_counted() {
    let findings = of(healthy());
    let remarks: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.level != Level::Ok)
        .collect();
    assert_eq!(remarks.len(), 1, "{remarks:#?}");
    assert_says(
        remarks[0],
        Level::Note,
        "no requests are counted: http (http_requests_total)",
        "docs/how-to/sources.md",
    );
    let told = |words: &str| findings.iter().any(|finding| finding.what.contains(words));
    assert!(told("namespace, pod and container, as configured"));
    assert!(told("cpu of 20 of 20 running pods"));
    assert!(told(
        "container_cpu_usage_seconds_total of 40 containers from job kubelet, every 15 s: rates cover 60 s"
    ));
    assert!(findings.iter().all(|finding| finding.edit.is_none()));
}

#[test]
fn a_server_that_does_not_answer_is_told_with_what_to_do() {
    let rejected = |status, message: &str| FetchError::Rejected {
        status,
        message: message.into(),
    };
    let table = [
        (
            FetchError::Unreachable("Connection refused".into()),
            "Connection refused",
            "port-forward",
        ),
        (
            FetchError::Unreachable("UnknownIssuer: write the authority into tls.caFile".into()),
            "UnknownIssuer",
            "configuration.md#tls",
        ),
        (FetchError::TimedOut(5), "no answer within 5 s", "timeoutSeconds"),
        (
            rejected(401, "Unauthorized"),
            "answered 401",
            "bearerTokenFile or basicAuth",
        ),
        (rejected(401, "no org id"), "no org id", "X-Scope-OrgID"),
        (
            rejected(404, "404 page not found"),
            "answered 404",
            "/select/0/prometheus",
        ),
        (
            rejected(302, "it redirects to login"),
            "redirects",
            "what the message says",
        ),
        (
            FetchError::Undecodable("it is a web page (Grafana)".into()),
            "web page",
            "/api/v1/query",
        ),
        (
            FetchError::Unprepared("bearerTokenFile /x cannot be read".into()),
            "/x",
            "the file",
        ),
    ];
    for (error, what, set) in table {
        let findings = all_findings(vec![(URL.into(), Err(error))], None);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_says(&findings[0], Level::Problem, what, set);
    }
}

#[test]
fn one_url_of_two_that_is_down_is_told_and_the_other_is_asked() {
    let down = FetchError::Unreachable("Connection refused".into());
    let urls = vec![
        ("http://a".into(), Err(down)),
        ("http://b".into(), Ok(clock(0.0))),
    ];
    let findings = all_findings(urls, Some(healthy()));
    assert_says(
        remark(&findings, "reach"),
        Level::Problem,
        "http://a: ",
        "right host and port",
    );
    assert!(findings.iter().any(|finding| finding.check == "cpu"));
}

#[test]
fn an_address_of_this_machine_is_not_the_controllers() {
    for url in [
        "http://localhost:9090",
        "http://127.0.0.1:9090",
        "http://[::1]:9090",
    ] {
        let findings = all_findings(vec![(url.into(), Ok(clock(0.0)))], Some(healthy()));
        assert_says(
            remark(&findings, "url"),
            Level::Note,
            url,
            "which may be http://a.b.svc:9090",
        );
    }
}

#[test]
fn an_answer_that_lacks_data_is_a_problem() {
    let findings = of(Offers {
        lacking: Some("store 10.0.0.1 is down".into()),
        ..healthy()
    });
    assert_says(
        remark(&findings, "whole"),
        Level::Problem,
        "store 10.0.0.1 is down",
        "mend",
    );
}

#[test]
fn clocks_that_differ_are_told_by_how_much() {
    let compared = |server: f64, cluster: Option<f64>| {
        let mut found = Findings::about("server");
        clock::check(clock(server), cluster.map(clock), &mut found);
        assert_eq!(found.list.len(), 1);
        found.list.remove(0)
    };
    assert_eq!(compared(4.0, Some(0.0)).level, Level::Ok);
    assert_says(
        &compared(8.0, Some(0.0)),
        Level::Note,
        "8.0 s before the API server's",
        "NTP",
    );
    assert_says(
        &compared(-50.0, Some(0.0)),
        Level::Problem,
        "50 s behind the API server's",
        "NTP",
    );
    // This machine is wrong, and not the cluster.
    assert_says(
        &compared(3600.0, Some(3600.0)),
        Level::Note,
        "3600 s before this machine's",
        "no matter",
    );
    assert_says(
        &compared(-60.0, None),
        Level::Note,
        "60 s behind this machine's",
        "NTP",
    );
    let slow = Clock::read(1010.0, Timestamp(990_000), Timestamp(1_010_000), 0.5);
    assert!((slow.uncertain_seconds - 10.5).abs() < 1e-9);
}
