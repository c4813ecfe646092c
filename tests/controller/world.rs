//! A controller between a scripted API server and a scripted Prometheus, with a clock that the test moves.
use std::sync::{Arc, Once};
use std::time::Duration;

use concertina::cluster::{Cluster, feed, targets::KindState};
use concertina::config::Config;
use concertina::control::{Context, tick};
use concertina_decision::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::api_server::ApiServer;
use crate::prometheus::{Prometheus, Reply, rates, usages};

/// At a full minute, so that every period begins here.
const START: Timestamp = Timestamp::from_seconds(1_700_000_040);

/// A running controller.
pub(crate) struct Controller {
    pub(crate) context: Arc<Context>,
    pub(crate) cluster: Arc<Cluster>,
    feed: JoinHandle<()>,
}

/// Everything that one scenario plays in.
pub(crate) struct World {
    pub(crate) api: ApiServer,
    pub(crate) prometheus: Prometheus,
    pub(crate) controller: Controller,
    pub(crate) now: Timestamp,
}

impl World {
    /// An empty cluster, a Prometheus that knows no series, and a controller that has read both.
    ///
    /// Its servers: `default`; `impatient`, the same with a time-out of one second; `narrow`, the same with a bound of
    /// 2000 bytes per answer; `refusing`, where nobody listens; `own`, which tells policies of their own namespace
    /// alone; `pair`, which is `default` behind one that refuses.
    pub(crate) async fn start() -> Self {
        Self::watching(&[], ApiServer::default()).await
    }

    /// The same with this API server, of which the controller watches these namespaces only.
    pub(crate) async fn watching(namespaces: &[&str], api: ApiServer) -> Self {
        let prometheus = Prometheus::start().await;
        let controller = Controller::start(&api, &prometheus, namespaces).await;
        let world = Self {
            api,
            prometheus,
            controller,
            now: START,
        };
        world.settle().await;
        world
    }

    /// The clock moves.
    pub(crate) fn pass(&mut self, seconds: u32) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// One tick and what it reports. Returns the writes since the last tick, each as a sentence.
    pub(crate) async fn tick(&self) -> Vec<String> {
        self.settle().await;
        self.decide().await;
        self.flush().await
    }

    /// One tick, without its reports.
    pub(crate) async fn decide(&self) {
        tick::tick(&self.controller.context, self.now).await;
    }

    /// Sends what there is to report.
    pub(crate) async fn flush(&self) -> Vec<String> {
        self.controller.context.reporter.flush(self.now).await;
        self.settle().await;
        self.writes()
    }

    /// A tick so many seconds later.
    pub(crate) async fn tick_after(&mut self, seconds: u32) -> Vec<String> {
        self.pass(seconds);
        self.tick().await
    }

    /// The writes since the last tick, each as a sentence.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.api
            .take_writes()
            .iter()
            .map(super::requests::Request::sentence)
            .collect()
    }

    /// Waits until the controller has taken in all that the API server told.
    pub(crate) async fn settle(&self) {
        self.until(Self::is_settled).await;
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        self.until_within(Duration::from_secs(20), is_so).await;
    }

    pub(crate) async fn until_within(&self, patience: Duration, is_so: impl Fn(&Self) -> bool) {
        let waits = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(patience, waits)
            .await
            .expect("it becomes so in time");
    }

    fn is_settled(&self) -> bool {
        let cluster = &self.controller.cluster;
        let mut watched = vec![
            "pods",
            "replicasets",
            "scalingpolicies",
            "horizontalpodautoscalers",
            "scaledobjects",
        ];
        let wanted: Vec<_> = cluster
            .policies()
            .iter()
            .filter_map(|record| record.target().cloned())
            .collect();
        for target in wanted {
            let targets = cluster.targets();
            let (gvk, namespace) = (&target.gvk, &target.namespace);
            let is_tried = targets.is_listed(gvk, namespace) || targets.failure(gvk, namespace).is_some();
            match targets.kind(gvk) {
                KindState::Unknown => return false,
                KindState::Watched { .. } if !is_tried => return false,
                KindState::Watched { .. } => {
                    watched.extend(ApiServer::scalable(&target.gvk.api_version(), &target.gvk.kind));
                }
                KindState::Missing | KindState::NotScalable | KindState::Unavailable(_) => {}
            }
        }
        cluster.is_synced() && self.api.is_settled(&watched)
    }

    /// Each pod of these Deployments receives so many requests per second, measured now.
    pub(crate) fn rate(&self, deployments: &[(&str, usize, f64)]) {
        self.prometheus
            .answers("http_requests_total", self.rates(deployments));
    }

    pub(crate) fn rates(&self, deployments: &[(&str, usize, f64)]) -> Reply {
        rates(self.now, &borrowed(&spread(deployments)))
    }

    /// Each pod of these Deployments uses so many cores, measured now.
    pub(crate) fn cpu(&self, deployments: &[(&str, usize, f64)]) {
        let reply = usages(self.now, &borrowed(&spread(deployments)));
        self.prometheus
            .answers("container_cpu_usage_seconds_total", reply);
    }

    /// The status of a policy as it is stored.
    pub(crate) fn status(&self, policy: &str) -> Value {
        self.api.object("scalingpolicies", policy)["status"].clone()
    }

    /// A condition of a policy as `status reason: message`.
    pub(crate) fn condition(&self, policy: &str, kind: &str) -> String {
        let status = self.status(policy);
        let condition = status["conditions"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["type"] == kind));
        let condition = condition.unwrap_or_else(|| panic!("{policy} has no condition {kind}: {status}"));
        let text = |field: &str| condition[field].as_str().unwrap().to_owned();
        format!("{} {}: {}", text("status"), text("reason"), text("message"))
    }

    /// Asserts a condition's status and reason, and a telling part of its message.
    pub(crate) fn expect(&self, policy: &str, kind: &str, status_and_reason: &str, telling: &str) {
        let condition = self.condition(policy, kind);
        assert!(
            condition.starts_with(&format!("{status_and_reason}: ")),
            "{policy} {kind}: {condition}"
        );
        assert!(condition.contains(telling), "{policy} {kind}: {condition}");
    }

    /// Another controller takes over; nothing is left of what the first one knew.
    pub(crate) async fn restart(&mut self) {
        self.restart_unsettled().await;
        self.settle().await;
    }

    /// The same, but it begins as soon as it knows policies and pods.
    pub(crate) async fn restart_unsettled(&mut self) {
        self.controller = Controller::start(&self.api, &self.prometheus, &[]).await;
        self.until(|world| world.controller.cluster.is_synced()).await;
    }
}

impl Controller {
    async fn start(api: &ApiServer, prometheus: &Prometheus, namespaces: &[&str]) -> Self {
        // One crypto provider for the process, as in `main`; every test after the first finds it there.
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider()
                .install_default()
                .unwrap();
        });
        let refusing = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let mut config = Config::with_server(&prometheus.url, 15).unwrap();
        let mut add = |name: &str, url: &str, changes: Value| {
            let mut server = json!({"name": name, "url": url});
            server
                .as_object_mut()
                .unwrap()
                .append(&mut changes.as_object().unwrap().clone());
            config.servers.push(serde_json::from_value(server).unwrap());
        };
        add("impatient", &prometheus.url, json!({"timeoutSeconds": 1}));
        add("narrow", &prometheus.url, json!({"maxResponseBytes": 2000}));
        add("refusing", &refusing, json!({}));
        add("own", &prometheus.url, json!({"tenancy": "Namespace"}));
        let pair = json!({"name": "pair", "urls": [refusing, prometheus.url]});
        config.servers.push(serde_json::from_value(pair).unwrap());
        config.watch_namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let config = Arc::new(config);
        let cluster = Arc::new(Cluster::new(Arc::clone(&config)));
        let context = Arc::new(Context::new(config, api.client(), Arc::clone(&cluster)).unwrap());
        let feed = tokio::spawn(feed::run(Arc::clone(&cluster), api.client(), api.client()));
        Self {
            context,
            cluster,
            feed,
        }
    }

    /// The value of one of the controller's own metrics.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = self.context.metrics.encode().unwrap();
        let found = text
            .lines()
            .find_map(|stored| stored.strip_prefix(line)?.strip_prefix(' '));
        found
            .unwrap_or_else(|| panic!("no {line} in\n{text}"))
            .parse()
            .unwrap()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

fn spread(deployments: &[(&str, usize, f64)]) -> Vec<(String, f64)> {
    let pods = |(name, pods, each): &(&str, usize, f64)| {
        let (name, each) = ((*name).to_owned(), *each);
        (0..*pods).map(move |index| (format!("{name}-{index}"), each))
    };
    deployments.iter().flat_map(pods).collect()
}

fn borrowed(pods: &[(String, f64)]) -> Vec<(&str, f64)> {
    pods.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}
