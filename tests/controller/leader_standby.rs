//! Two controllers on one cluster: one leads, the other decides all the same, writes nothing, and takes over.
use std::sync::Arc;
use std::time::Duration;

use concertina::cluster::{Cluster, feed};
use concertina::control::{Context, tick};
use concertina_decision::Timestamp;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::fixtures::{deployment, is_marked_as_written_by, pods, policy, query};
use crate::leader_candidates::Candidate;
use crate::leader_store::LeaseServer;
use crate::prometheus::number;
use crate::requests::Request;
use crate::world::World;

/// A world whose own controller leads, and a second one beside it.
struct Two {
    world: World,
    leader: Candidate,
    standby: Candidate,
    context: Arc<Context>,
    cluster: Arc<Cluster>,
    feed: JoinHandle<()>,
}

impl Two {
    async fn start() -> Self {
        let mut world = World::start().await;
        let server = LeaseServer::default();
        let mut leader = Candidate::new(&server, "leader", 0.0);
        let mut standby = Candidate::new(&server, "standby", 0.0);
        leader.starts();
        wait(|| leader.may_write()).await;
        standby.starts();
        let of_leader = Arc::clone(leader.leadership().unwrap());
        let config = world.controller.context.config.clone();
        let tables = Arc::clone(&world.controller.cluster);
        let context = Context::led_by(config.clone(), world.api.client(), tables, of_leader).unwrap();
        world.controller.context = Arc::new(context);

        let cluster = Arc::new(Cluster::new(Arc::clone(&config)));
        let of_standby = Arc::clone(standby.leadership().unwrap());
        let context = Context::led_by(config, world.api.client(), Arc::clone(&cluster), of_standby).unwrap();
        let feed = tokio::spawn(feed::run(
            Arc::clone(&cluster),
            world.api.client(),
            world.api.client(),
        ));
        let two = Self {
            world,
            leader,
            standby,
            context: Arc::new(context),
            cluster,
            feed,
        };
        two.settle().await;
        two
    }

    async fn settle(&self) {
        wait(|| self.cluster.is_synced()).await;
        // What the second controller looks up, it looks up while it settles; then its watches are among those that must be read.
        self.world.settle().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.world.settle().await;
    }

    /// One tick of both, the leader first. Returns the writes of each.
    async fn tick(&self) -> (Vec<String>, Vec<String>) {
        let of_leader = self.world.tick().await;
        (of_leader, self.tick_of_standby().await)
    }

    async fn tick_of_standby(&self) -> Vec<String> {
        self.settle().await;
        tick::tick(&self.context, self.world.now).await;
        self.context.reporter.flush(self.world.now).await;
        self.world.settle().await;
        self.world.writes()
    }

    async fn tick_after(&mut self, seconds: u32) -> (Vec<String>, Vec<String>) {
        self.world.pass(seconds);
        self.tick().await
    }

    /// The leader ends, and the other one takes over.
    async fn hand_over(&mut self) {
        self.leader.is_told_to_end();
        wait(|| self.standby.may_write()).await;
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

async fn wait(is_so: impl Fn() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits)
        .await
        .expect("it becomes so in time");
}

/// Two controllers of a policy whose leader has grown its target from 2 to 4, which the standby has seen.
async fn grown(spec: serde_json::Value) -> Two {
    let mut two = Two::start().await;
    deployment(&two.world.api, "web", 2);
    let mut behavior = json!({"scaleDown": {"cooldownSeconds": 0, "stabilizationWindowSeconds": 0}});
    for (field, value) in spec.as_object().unwrap() {
        behavior[field] = value.clone();
    }
    two.world.api.has(policy("web").with("/spec/behavior", behavior));
    two.world.rate(&[("web", 2, 20.0)]);
    let (of_leader, of_standby) = two.tick().await;
    assert_eq!(of_leader[0], "scale web 2 → 4");
    assert_eq!(of_standby, [""; 0]);
    is_marked_as_written_by(&two.world.api, "web", "concertina");
    pods(&two.world.api, "web", 2, 4);
    two.world.pass(15);
    two.world.rate(&[("web", 4, 10.0)]);
    let (_, of_standby) = two.tick().await;
    assert_eq!(of_standby, [""; 0]);
    two
}

#[tokio::test]
async fn a_standby_decides_and_writes_nothing() {
    let mut two = grown(json!({})).await;
    let wanted_growth = "concertina_decisions_total{reason=\"MetricAboveTarget\"} 1\n";
    assert!(!two.context.metrics.encode().unwrap().contains(wanted_growth));
    two.world.rate(&[("web", 4, 20.0)]);
    two.world.pass(15);
    let written = two.tick_of_standby().await;
    assert_eq!(written, [""; 0], "it wants eight and leaves it to the leader");
    let text = two.context.metrics.encode().unwrap();
    assert!(
        !text.contains("concertina_policy_"),
        "the leader shows the policies"
    );
    for line in [
        wanted_growth,
        "concertina_leader 0",
        "concertina_lease_transitions 0",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    assert!((two.world.controller.metric("concertina_leader") - 1.0).abs() < f64::EPSILON);
    let is_scale: fn(&Request) -> bool = Request::is_scale_write;
    assert_eq!(two.world.api.requests(is_scale).len(), 1);
}

#[tokio::test]
async fn who_takes_over_goes_on_where_the_leader_was_and_tells_no_wrong_story() {
    let mut two = grown(json!({})).await;
    two.hand_over().await;
    assert_eq!(two.tick_after(15).await.1, [""; 0], "nothing has changed");
    two.world.pass(15);
    two.world.rate(&[("web", 4, 20.0)]);
    let (of_former, of_leader) = two.tick().await;
    assert_eq!(of_former, [""; 0], "who was the leader writes no more");
    assert_eq!(
        of_leader,
        [
            "scale web 4 → 8",
            "Normal MetricAboveTarget on ScalingPolicy web",
            "Normal MetricAboveTarget on Deployment web",
            "status web",
        ]
    );
    let changes = two.world.status("web")["lastChanges"].clone();
    let told: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["from"].clone(), change["to"].clone(), change["by"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            (json!(4), json!(8), json!("Concertina")),
            (json!(2), json!(4), json!("Concertina"))
        ]
    );
}

/// The series of the last change, without its name and the names of the policy.
fn last_change(context: &Context) -> Vec<String> {
    let text = context.metrics.encode().unwrap();
    let before = "concertina_policy_last_change_timestamp_seconds{namespace=\"shop\",policy=\"web\",";
    let told = text.lines().filter_map(|line| line.strip_prefix(before));
    told.map(str::to_owned).collect()
}

fn growth(at: Timestamp, winner: &str) -> [String; 1] {
    let seconds = at.0 / 1000;
    [format!(
        "direction=\"up\",reason=\"MetricAboveTarget\",winner=\"{winner}\"}} {seconds}"
    )]
}

#[tokio::test]
async fn who_takes_over_knows_when_the_former_leader_changed_the_replicas() {
    let mut two = Two::start().await;
    let began = two.world.now;
    deployment(&two.world.api, "web", 2);
    two.world.api.has(policy("web"));
    two.world.rate(&[("web", 2, 20.0)]);
    two.tick().await;
    assert_eq!(
        last_change(&two.world.controller.context),
        growth(began, "rate"),
        "who wrote it"
    );
    // The object does not tell who it was.
    pods(&two.world.api, "web", 2, 4);
    for _ in 0..2 {
        two.world.pass(15);
        two.world.rate(&[("web", 4, 10.0)]);
        two.tick().await;
    }
    two.hand_over().await;
    assert_eq!(last_change(&two.context), growth(began, ""), "who saw it");
    two.world.restart().await;
    two.world.pass(3600);
    two.world.rate(&[("web", 4, 10.0)]);
    two.world.tick().await;
    assert_eq!(
        last_change(&two.world.controller.context),
        growth(began, ""),
        "who began an hour later"
    );
}

#[tokio::test]
async fn a_change_by_somebody_else_is_told_by_the_leader_alone() {
    let mut two = grown(json!({})).await;
    two.world.api.scale_by_hand("web", 5);
    is_marked_as_written_by(&two.world.api, "web", "kubectl");
    pods(&two.world.api, "web", 4, 5);
    two.world.pass(15);
    two.world.rate(&[("web", 5, 10.0)]);
    let (of_leader, of_standby) = two.tick().await;
    assert_eq!(of_leader[0], "Normal ReplicasChangedByOther on ScalingPolicy web");
    assert_eq!(of_standby, [""; 0]);
    two.hand_over().await;
    assert_eq!(two.tick_after(15).await.1, [""; 0], "and it is not told again");
}

#[tokio::test]
async fn a_cooldown_counts_from_what_the_former_leader_wrote() {
    let mut two = grown(json!({"scaleUp": {"cooldownSeconds": 120}})).await;
    two.hand_over().await;
    let mut passed = 15;
    loop {
        two.world.pass(15);
        passed += 15;
        two.world.rate(&[("web", 4, 20.0)]);
        let (_, of_leader) = two.tick().await;
        if of_leader.iter().any(|write| write.starts_with("scale")) {
            break;
        }
        assert!(passed < 240, "it grows at last");
    }
    // From when the standby saw it: at its next look after the write.
    assert!((120..=135).contains(&passed), "it grew after {passed} s");
}

#[tokio::test]
async fn who_was_warm_holds_nothing_when_it_takes_over() {
    let scale_down = json!({"stabilizationWindowSeconds": 300, "cooldownSeconds": 0});
    let mut two = grown(json!({"scaleDown": scale_down})).await;
    // The leader hangs, and the standby alone decides all the while.
    for _ in 0..21 {
        two.world.pass(15);
        two.world.rate(&[("web", 4, 2.0)]);
        assert_eq!(two.tick_of_standby().await, [""; 0]);
    }
    two.hand_over().await;
    two.world.pass(15);
    two.world.rate(&[("web", 4, 2.0)]);
    let written = two.tick_of_standby().await;
    assert!(written[0].starts_with("scale web 4 → "), "{written:?}");
}

#[tokio::test]
async fn who_takes_over_acts_at_once_whatever_the_period() {
    let mut two = Two::start().await;
    two.world.now = tick::wall_clock();
    deployment(&two.world.api, "web", 2);
    two.world.api.has(policy("web").with("/spec/periodSeconds", 60));
    two.world.rate(&[("web", 2, 20.0)]);
    let running = tokio::spawn(tick::run(Arc::clone(&two.context)));
    let has_decided = || {
        let text = two.context.metrics.encode().unwrap();
        text.contains("concertina_decisions_total{reason=\"MetricAboveTarget\"}")
    };
    wait(has_decided).await;
    assert_eq!(two.world.api.replicas("web"), 2);
    two.hand_over().await;
    wait(|| two.world.api.replicas("web") == 4).await;
    running.abort();
}

#[tokio::test]
async fn who_takes_over_wakes_what_the_former_leader_took_to_zero_although_the_object_does_not_tell_who_it_was()
 {
    let mut two = Two::start().await;
    deployment(&two.world.api, "web", 1);
    let night = json!([{"name": "night", "start": "15 22 * * *", "durationMinutes": 2, "maxReplicas": 0}]);
    let nightly = policy("web")
        .by(&[query("backlog", 10)])
        .with("/spec/schedules", night);
    two.world.api.has(nightly);
    two.world.prometheus.answers("backlog", number("10"));
    two.tick().await;
    assert_eq!(two.world.api.replicas("web"), 1, "it is 22:14");
    two.tick_after(60).await;
    assert_eq!(two.world.api.replicas("web"), 0, "it is 22:15");
    pods(&two.world.api, "web", 1, 0);
    two.tick_after(15).await;
    two.hand_over().await;
    two.world.pass(120);
    let (_, of_leader) = two.tick().await;
    assert_eq!(of_leader[0], "scale web 0 → 1", "the night is over");
}
