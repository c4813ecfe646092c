//! Two controllers started by the test, beside no other: the leader killed, and the leader told to end. How long the other one took is
//! printed; that it does exactly what is right is what is tested.
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::fixtures::{backlog, by, deployment, policy};
use crate::undisturbed::restarts::{controller, until_another_leads};
use crate::world::{World, api, changes_of, kubectl, resource, restoring, undisturbed};

/// A controller of the test's own, on the cluster that KUBECONFIG names.
struct Process {
    name: &'static str,
    address: SocketAddr,
    child: Child,
}

impl Process {
    fn start(world: &World, name: &'static str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(env!("CARGO_BIN_EXE_concertina"))
            .args(["run", "--scrape-interval-seconds=5"])
            .arg(format!("--listen={address}"))
            .arg(format!("--lease-namespace={}", world.namespace))
            .env("HOSTNAME", name)
            .env_remove("CONCERTINA_CONFIG")
            .spawn()
            .unwrap();
        Self { name, address, child }
    }

    /// Waits until it holds the Lease; returns the Lease.
    async fn leads(&self, world: &World) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let lease = world.api(&resource("Lease")).get_opt("concertina").await.unwrap();
            let lease = serde_json::to_value(lease).unwrap();
            let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
            if holder.starts_with(&format!("{}_", self.name)) {
                return lease;
            }
            assert!(
                Instant::now() < deadline,
                "{} does not lead: {lease:#}",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it has renewed the Lease.
    async fn renews(&self, world: &World) {
        let before = self.leads(world).await;
        while self.leads(world).await["spec"]["renewTime"] == before["spec"]["renewTime"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it has decided the policy itself.
    async fn is_warm(&self, world: &World) {
        let case = format!(
            "http://{}/api/v1/policies/{}/web/case",
            self.address, world.namespace
        );
        let deadline = Instant::now() + Duration::from_secs(120);
        while !reqwest::get(&case)
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            assert!(Instant::now() < deadline, "{} has decided nothing", self.name);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn is_killed(&mut self) {
        self.child.kill().unwrap();
    }

    fn is_told_to_end(&self) {
        let ended = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(ended.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `test` while the controller that is deployed rests.
async fn without_the_deployed_one(world: &World, test: impl Future<Output = ()>) {
    let before = controller(world).await.len();
    scale_the_deployed_one(world, 0).await;
    while !controller(world).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    restoring(test, async |_| {
        scale_the_deployed_one(world, before).await;
        kubectl(&[
            "rollout",
            "status",
            "deployment",
            "concertina",
            "-n",
            "concertina",
        ]);
    })
    .await;
}

async fn scale_the_deployed_one(world: &World, replicas: usize) {
    let deployments = api(&world.client, Some("concertina"), &resource("Deployment"));
    let change = json!({"spec": {"replicas": replicas}});
    deployments
        .patch("concertina", &PatchParams::default(), &Patch::Merge(&change))
        .await
        .unwrap();
}

/// As many as the policy wants of the Deployment, after so many changes, all of them ours.
async fn is_scaled_to(world: &World, replicas: i64, changes: i64) {
    let web = world.until_replicas("Deployment", "web", replicas).await;
    assert_eq!(changes_of(&web), changes, "{web:#}");
    let policy = world
        .until("ScalingPolicy", "web", "the change is told", |policy| {
            policy["status"]["lastChanges"][0]["to"] == replicas
        })
        .await;
    let told = policy["status"]["lastChanges"].as_array().unwrap();
    assert!(
        told.iter().all(|change| change["by"] == "Concertina"),
        "{told:#?}"
    );
    for (newer, older) in told.iter().zip(&told[1..]) {
        assert_eq!(newer["from"], older["to"], "{told:#?}");
    }
}

async fn needs(world: &World, total: i32) {
    world
        .change("ScalingPolicy", "web", by(&[backlog(total, 20)]))
        .await;
}

async fn hands_over(world: &World) {
    world.has(deployment("web")).await;
    world.has(policy("web").by(&[backlog(40, 20)])).await;
    let mut first = Process::start(world, "first");
    first.leads(world).await;
    is_scaled_to(world, 2, 1).await;
    let second = Process::start(world, "second");
    second.is_warm(world).await;
    first.renews(world).await;

    // As soon after a renewal as can be: the longest that it can take.
    let killed = Instant::now();
    first.is_killed();
    needs(world, 60).await;
    second.leads(world).await;
    println!(
        "the killed leader's Lease was taken after {:.1} s",
        killed.elapsed().as_secs_f64()
    );
    is_scaled_to(world, 3, 2).await;
    println!(
        "and the change was told after {:.1} s",
        killed.elapsed().as_secs_f64()
    );

    let third = Process::start(world, "third");
    third.is_warm(world).await;
    let told = Instant::now();
    second.is_told_to_end();
    let lease = third.leads(world).await;
    println!("SIGTERM handed over after {:.1} s", told.elapsed().as_secs_f64());
    needs(world, 80).await;
    is_scaled_to(world, 4, 3).await;
    assert_eq!(lease["spec"]["leaseTransitions"], 2, "{lease:#}");

    world.delete("Lease", "concertina").await;
    third.leads(world).await;
    needs(world, 20).await;
    is_scaled_to(world, 1, 4).await;
    let others = world.events("ScalingPolicy", "web").await;
    let others: Vec<_> = others
        .iter()
        .filter(|event| event["reason"] == "ReplicasChangedByOther")
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_two_controllers_the_other_takes_over_when_the_leader_is_killed_or_told_to_end() {
    undisturbed(async |world| {
        without_the_deployed_one(world, hands_over(world)).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_the_deployed_controllers_one_leads_and_another_follows_it() {
    undisturbed(async |world| {
        let leader = until_another_leads(world, &[]).await;
        let pods = controller(world).await;
        assert!(pods.len() > 1, "{pods:?}");
        assert!(
            pods.iter().any(|(pod, _)| *pod == leader),
            "{leader:?} of {pods:?}"
        );
        kubectl(&["delete", "pod", &leader, "-n", "concertina", "--wait=false"]);
        until_another_leads(world, &[leader]).await;
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_deployed_controllers_may_use_their_lease_and_no_other() {
    let may = |verb: &str, name: &str, namespace: &str| {
        let account = "--as=system:serviceaccount:concertina:concertina";
        let what = ["leases.coordination.k8s.io", name].join("/");
        let what = what.trim_end_matches('/');
        let output = Command::new("kubectl")
            .args(["auth", "can-i", verb, what, "-n", namespace, account])
            .output()
            .unwrap();
        output.status.success()
    };
    for verb in ["get", "list", "watch", "update"] {
        assert!(may(verb, "concertina", "concertina"), "{verb}");
        assert!(!may(verb, "another", "concertina"), "{verb}");
        assert!(!may(verb, "concertina", "kube-system"), "{verb}");
    }
    assert!(may("create", "", "concertina"));
    assert!(!may("create", "", "kube-system"));
    assert!(!may("delete", "concertina", "concertina"));
}
