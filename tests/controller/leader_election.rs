//! The election against a scripted Lease: the exact requests, what is written into the Lease, and single faults, under paused time.
use std::time::Duration;

use concertina::cluster::targets::TargetKey;
use concertina::control::apply::{ApplyError, ScaleClient};
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;
use serde_json::json;
use tokio::time::Instant;

use crate::api_server::ApiServer;
use crate::faults::Fault;
use crate::leader_candidates::{Candidate, in_paused_time, pass, settings, until, writers};
use crate::leader_store::{LeaseServer, Weather};
use crate::requests::Request;

const SECOND: Duration = Duration::from_secs(1);

/// Two candidates, of which the first leads and the second stands by.
async fn pair(server: &LeaseServer) -> Vec<Candidate> {
    let mut candidates = vec![
        Candidate::new(server, "first", 0.0),
        Candidate::new(server, "second", 0.0),
    ];
    candidates[0].starts();
    until(&candidates, SECOND, |all| all[0].may_write())
        .await
        .expect("whoever is alone leads at once");
    candidates[1].starts();
    pass(&candidates, SECOND).await;
    assert!(!candidates[1].may_write());
    candidates
}

fn count(server: &LeaseServer, method: &str) -> usize {
    server
        .requests()
        .iter()
        .filter(|request| request.method == method)
        .count()
}

#[test]
fn at_rest_two_candidates_send_one_renewal_every_five_seconds_and_nothing_else() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let candidates = pair(&server).await;
        let before = (
            count(&server, "GET"),
            count(&server, "POST"),
            count(&server, "PUT"),
        );
        pass(&candidates, SECOND * 250).await;
        let after = (
            count(&server, "GET"),
            count(&server, "POST"),
            count(&server, "PUT"),
        );
        assert_eq!((after.0 - before.0, after.1 - before.1), (0, 0));
        assert_eq!(after.2 - before.2, 50);
    });
}

#[test]
fn the_lease_says_who_holds_it_since_when_and_how_often_it_passed_on() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let mut candidates = pair(&server).await;
        pass(&candidates, SECOND * 20).await;
        let spec = server.lease().unwrap()["spec"].clone();
        assert_eq!(
            spec,
            json!({
                "holderIdentity": "first_1", "leaseDurationSeconds": 15, "leaseTransitions": 0,
                "acquireTime": "2023-11-14T22:13:20.000000Z", "renewTime": "2023-11-14T22:13:40.000000Z",
            })
        );
        candidates[0].dies();
        pass(&candidates, SECOND * 20).await;
        let spec = server.lease().unwrap()["spec"].clone();
        assert_eq!(spec["holderIdentity"], "second_1");
        assert_eq!(spec["leaseTransitions"], 1);
        assert_ne!(spec["acquireTime"], "2023-11-14T22:13:20.000000Z");
        assert_eq!(candidates[1].leadership().unwrap().transitions(), 1);
    });
}

#[test]
fn what_others_wrote_into_the_lease_stays() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let candidates = pair(&server).await;
        server.is_labelled();
        pass(&candidates, SECOND * 12).await;
        let lease = server.lease().unwrap();
        assert!(lease["metadata"]["labels"]["touched"].is_string(), "{lease}");
        assert!(candidates[0].may_write());
    });
}

#[test]
fn sigterm_hands_over_at_once() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let mut candidates = pair(&server).await;
        candidates[0].is_told_to_end();
        let after = until(&candidates, SECOND, |all| all[1].may_write()).await;
        assert!(after.is_some_and(|after| after < SECOND / 5), "{after:?}");
        assert_eq!(server.lease().unwrap()["spec"]["leaseTransitions"], 1);
    });
}

#[test]
fn what_is_given_up_is_empty_and_lasts_a_second() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let mut alone = vec![Candidate::new(&server, "alone", 0.0)];
        alone[0].starts();
        pass(&alone, SECOND).await;
        alone[0].is_told_to_end();
        pass(&alone, SECOND).await;
        let spec = server.lease().unwrap()["spec"].clone();
        assert_eq!(
            (&spec["holderIdentity"], &spec["leaseDurationSeconds"]),
            (&json!(""), &json!(1))
        );
    });
}

#[test]
fn a_leader_whose_renewals_hang_stops_by_itself_before_anybody_else_begins() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let candidates = pair(&server).await;
        candidates[0].link.has(Weather::Hangs);
        let stopped = until(&candidates, SECOND * 10, |all| !all[0].may_write()).await;
        assert!(stopped.is_some());
        let idle = until(&candidates, SECOND * 7, |all| all[1].may_write())
            .await
            .unwrap();
        assert!(idle >= SECOND * 4, "the margin was {idle:?}");
        // Back again, it follows.
        candidates[0].link.has(Weather::Fine(Duration::from_millis(5)));
        pass(&candidates, SECOND * 30).await;
        assert!(candidates[1].may_write());
        assert!(candidates[0].runs());
    });
}

#[test]
fn a_renewal_whose_answer_is_lost_does_not_end_the_leadership() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let candidates = pair(&server).await;
        for weather in [Weather::LosesAnswers, Weather::Breaks, Weather::Refuses(503)] {
            let renewals = count(&server, "PUT");
            candidates[0].link.has(weather);
            while count(&server, "PUT") == renewals {
                pass(&candidates, SECOND / 10).await;
            }
            candidates[0].link.has(Weather::Fine(Duration::from_millis(5)));
            let lost = until(&candidates, SECOND * 20, |all| !all[0].may_write()).await;
            assert_eq!(lost, None, "{weather:?}");
        }
    });
}

#[test]
fn a_standby_whose_watch_died_unseen_takes_nothing_from_a_living_leader() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let candidates = pair(&server).await;
        candidates[1].link.silences_watches();
        let before = count(&server, "PUT");
        let lost = until(&candidates, SECOND * 60, |all| !all[0].may_write()).await;
        assert_eq!(lost, None);
        assert_eq!(server.holder(), "first_1");
        assert_eq!(count(&server, "PUT") - before, 12, "the leader's renewals alone");
    });
}

#[test]
fn without_the_right_to_watch_a_standby_asks_every_two_seconds() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let mut candidates = pair(&server).await;
        // Its watch and its lists fail from the beginning, its other calls do not.
        candidates[1].dies();
        candidates[1].link.refuses_watches();
        candidates[1].starts();
        pass(&candidates, SECOND * 5).await;
        let looks = || {
            let requests = server.requests();
            requests
                .iter()
                .filter(|request| request.path.ends_with("/leases/concertina") && request.method == "GET")
                .count()
        };
        let before = looks();
        pass(&candidates, SECOND * 60).await;
        let looked = looks() - before;
        assert!((12..=30).contains(&looked), "{looked} times");
        candidates[0].dies();
        let patience = settings().duration() + SECOND * 3;
        assert!(
            until(&candidates, patience, |all| writers(all) == 1)
                .await
                .is_some()
        );
    });
}

#[test]
fn a_lease_that_is_deleted_comes_back_with_the_same_leader() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let candidates = pair(&server).await;
        server.is_deleted();
        pass(&candidates, SECOND).await;
        assert_eq!(server.holder(), "first_1");
        assert!(candidates[0].may_write());
        pass(&candidates, SECOND * 60).await;
        assert!(candidates[0].may_write());
    });
}

#[test]
fn who_may_not_write_the_lease_leads_nothing_and_does_not_ask_without_end() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let mut alone = vec![Candidate::new(&server, "alone", 0.0)];
        alone[0].link.has(Weather::Refuses(403));
        alone[0].starts();
        pass(&alone, SECOND * 60).await;
        assert!(!alone[0].may_write());
        let requests = server.requests().len();
        assert!(requests < 90, "{requests} requests in a minute");
        // Once it may, it does.
        alone[0].link.has(Weather::Fine(Duration::from_millis(5)));
        assert!(
            until(&alone, SECOND * 4, |all| all[0].may_write())
                .await
                .is_some()
        );
    });
}

#[test]
fn no_answer_is_awaited_and_nothing_is_asked_again_when_another_may_lead() {
    in_paused_time(async {
        let server = LeaseServer::default();
        let mut candidates = pair(&server).await;
        let leadership = candidates[0].leadership().unwrap().clone();
        // From now on no renewal gets through, and the API server does not answer.
        candidates[0].link.has(Weather::Hangs);
        while leadership.time_left() > SECOND * 3 {
            pass(&candidates, SECOND / 10).await;
        }
        assert!(leadership.may_write(), "there is time for one more change");
        let (api, began) = (ApiServer::default(), Instant::now());
        api.always_fails(|_| true, Fault::NeverAnswers);
        let gvk = GroupVersionKind::gvk("apps", "v1", "Deployment");
        let key = TargetKey {
            gvk: gvk.clone().into(),
            namespace: "shop".into(),
            name: "web".into(),
        };
        let client = ScaleClient::new(
            api.client(),
            &ApiResource::from_gvk(&gvk),
            &Scope::Namespaced,
            &key,
        )
        .led_by(&leadership);
        let written = client.write("u1", 2, 4).await;
        assert!(matches!(written, Err(ApplyError::TimedOut(_))), "{written:?}");
        assert!(began.elapsed() <= SECOND * 3, "{:?}", began.elapsed());
        let sent: fn(&Request) -> bool = |_| true;
        assert_eq!(
            api.requests(sent).len(),
            1,
            "whether it happened is not asked any more"
        );
        assert!(!candidates[1].may_write(), "the standby does not lead yet");
        let until_then = until(&candidates, SECOND * 10, |all| all[1].may_write()).await;
        assert!(until_then >= Some(SECOND * 2), "{until_then:?}");
        candidates[0].dies();
    });
}
