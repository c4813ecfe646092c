//! Every query of the dashboards is asked of a Prometheus that has scraped a small fleet: valid PromQL, and never empty.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use concertina::config::PolicySeriesLevel;
use concertina::leader::Leadership;
use concertina::report::metrics::Metrics;
use serde_json::Value;

use crate::boards::{
    self, Choice, EVERYTHING, Question, list, of_panel, panels, questions, sent, variables, with_uid,
};
use crate::exporter::{Exporter, MOMENT};
use crate::fleet::{Fleet, HANDED_OVER, MOMENTS};
use crate::prometheus::Prometheus;

/// In place of `$__rate_interval` and `$__range`: longer than the whole story takes.
const WINDOW: &str = "120s";
/// A scrape comes every second; on a slow and busy machine later.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Prometheus knows in the end.
pub(crate) struct Past {
    pub(crate) prometheus: Prometheus,
    start: f64,
    /// When each moment of the story had been scraped.
    pub(crate) moments: BTreeMap<u32, f64>,
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

fn controller(leadership: Leadership) -> (Arc<Metrics>, Arc<Leadership>) {
    let leadership = Arc::new(leadership);
    let metrics = Metrics::new(PolicySeriesLevel::All).telling_of(&leadership);
    (Arc::new(metrics), leadership)
}

impl Past {
    /// A leader and a standby in a cluster without a label, which change places in the end; a controller in another cluster;
    /// and a process that is none.
    pub(crate) async fn of_a_small_fleet() -> Self {
        let (first, leads) = controller(Leadership::alone());
        let (second, _) = controller(Leadership::standby());
        let (west, _) = controller(Leadership::alone());
        let [a, b] = [
            Exporter::of(Some(&first)).await,
            Exporter::of(Some(&second)).await,
        ];
        let [c, d] = [Exporter::of(Some(&west)).await, Exporter::of(None).await];
        let scraped = |exporter: &Exporter, labels: &str| {
            format!(
                "    - {{targets: ['{}'], labels: {{{labels}}}}}\n",
                exporter.address
            )
        };
        // As a ServiceMonitor with honorLabels does it.
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
             - job_name: concertina\n  honor_labels: true\n  static_configs:\n{}{}{}\
             - job_name: other\n  static_configs:\n{}",
            scraped(&a, "namespace: concertina, pod: concertina-0"),
            scraped(&b, "namespace: concertina, pod: concertina-1"),
            scraped(&c, "namespace: concertina, pod: concertina-west-0, cluster: west"),
            scraped(&d, "namespace: other, pod: other-0"),
        );
        let mut past = Self {
            prometheus: Prometheus::start(&configuration),
            start: now(),
            moments: BTreeMap::new(),
        };
        let (mut fleet, mut western) = (Fleet::default(), Fleet::default());
        let (successor, _) = controller(Leadership::alone());
        for moment in MOMENTS {
            if moment == HANDED_OVER {
                leads.resign();
                b.shows(&successor);
                fleet.passes(moment, &successor);
            } else {
                fleet.passes(moment, &first);
            }
            western.passes(moment, &west);
            for exporter in [&a, &b, &c, &d] {
                exporter.is_at(moment);
            }
            past.until_scraped(moment, 4).await;
        }
        past
    }

    async fn until_scraped(&mut self, moment: u32, targets: usize) {
        let deadline = Instant::now() + PATIENCE;
        let query = format!("{MOMENT} == {moment}");
        loop {
            let time = now();
            if self.prometheus.at(&query, time).await.len() == targets {
                self.moments.insert(moment, time);
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{query}: not scraped within {PATIENCE:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn end(&self) -> f64 {
        self.moments[&HANDED_OVER]
    }

    /// What a query shows over the whole story: series with at least one number.
    pub(crate) async fn shown(&self, question: &Question, choice: Choice<'_>) -> Vec<Value> {
        let query = sent(&question.text, choice, WINDOW);
        let series = if question.is_instant {
            self.prometheus.at(&query, self.end()).await
        } else {
            // The last point is the end itself.
            let seconds = (self.end() - self.start).ceil();
            self.prometheus
                .between(&query, self.end() - seconds, self.end())
                .await
        };
        let is_number = |point: &Value| point[1].as_str().is_some_and(|number| number != "NaN");
        let has_number = |series: &Value| match series["values"].as_array() {
            Some(points) => points.iter().any(is_number),
            None => is_number(&series["value"]),
        };
        series.into_iter().filter(has_number).collect()
    }

    /// What a panel shows at a moment: names of series with their numbers.
    pub(crate) async fn panel_at(
        &self,
        board: &Value,
        title: &str,
        choice: Choice<'_>,
        moment: u32,
    ) -> BTreeMap<String, f64> {
        let mut shown = BTreeMap::new();
        for question in of_panel(boards::panel(board, title)) {
            let query = sent(&question.text, choice, WINDOW);
            for series in self.prometheus.at(&query, self.moments[&moment]).await {
                let number = series["value"][1].as_str().unwrap().parse().unwrap();
                let before = shown.insert(named(&question, &series), number);
                assert!(before.is_none(), "{title}: two series of one name: {series}");
            }
        }
        shown
    }
}

/// The name of a series by its legend.
fn named(question: &Question, series: &Value) -> String {
    let labels = series["metric"].as_object().unwrap();
    labels
        .iter()
        .fold(question.legend.clone(), |name, (label, value)| {
            name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap())
        })
}

fn shop(policy: &str) -> Choice<'_> {
    Choice {
        cluster: ".*",
        namespace: "shop",
        policy,
    }
}

#[tokio::test]
async fn every_query_returns_data_whatever_is_chosen_and_whoever_leads() {
    let past = Past::of_a_small_fleet().await;
    every_query_of_the_fleet_returns_data(&past).await;
    every_query_of_a_policy_returns_data(&past).await;
    every_variable_has_values(&past).await;
    a_change_of_leader_makes_no_second_line(&past).await;
    only_controllers_are_counted(&past).await;
    another_cluster_can_be_chosen(&past).await;
}

async fn every_query_of_the_fleet_returns_data(past: &Past) {
    for question in questions(&with_uid("concertina-fleet")) {
        let shown = past.shown(&question, EVERYTHING).await;
        for series in &shown {
            let name = named(&question, series).replace("{{cluster}}", "");
            assert!(
                !name.contains("{{"),
                "{}: no such label of {series}",
                question.place
            );
        }
        assert!(
            !shown.is_empty(),
            "{}: nothing for {}",
            question.place,
            question.text
        );
    }
}

async fn every_query_of_a_policy_returns_data(past: &Past) {
    let policies = past
        .prometheus
        .label_values("policy", "concertina_policy_decision_info")
        .await;
    assert_eq!(policies.len(), 8, "{policies:?}");
    for question in questions(&with_uid("concertina-policy")) {
        let mut count = 0;
        for policy in &policies {
            count += past.shown(&question, shop(policy)).await.len();
        }
        assert!(count > 0, "{}: nothing for {}", question.place, question.text);
    }
}

async fn every_variable_has_values(past: &Past) {
    for board in boards::all() {
        for (name, series, label) in variables(&board) {
            let choice = Choice {
                namespace: "shop",
                ..EVERYTHING
            };
            let values = past
                .prometheus
                .label_values(&label, &sent(&series, choice, WINDOW))
                .await;
            let expected = match name.as_str() {
                "cluster" => "west",
                "namespace" => "shop",
                _ => "web",
            };
            assert!(values.iter().any(|value| value == expected), "{name}: {values:?}");
        }
    }
}

/// On one policy of one cluster no two series have the same name.
async fn a_change_of_leader_makes_no_second_line(past: &Past) {
    let board = with_uid("concertina-policy");
    let choice = Choice {
        cluster: "",
        ..shop("web")
    };
    let mut compared = 0;
    for panel in panels(&board) {
        if list(panel, "targets")
            .iter()
            .any(|target| target["instant"] == true)
        {
            continue;
        }
        let mut names = Vec::new();
        for question in of_panel(panel) {
            let shown = past.shown(&question, choice).await;
            names.extend(shown.iter().map(|series| named(&question, series)));
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{}: {names:?}", panel["title"]);
        compared += count;
    }
    assert!(compared > 20, "only {compared} series were compared");
}

async fn only_controllers_are_counted(past: &Past) {
    let board = with_uid("concertina-fleet");
    for title in ["Processor time", "Memory"] {
        let shown = past.panel_at(&board, title, EVERYTHING, HANDED_OVER).await;
        assert_eq!(shown.len(), 3, "{title}: {shown:?}");
        assert!(shown.keys().all(|name| name.contains("concertina")), "{shown:?}");
    }
}

async fn another_cluster_can_be_chosen(past: &Past) {
    let board = with_uid("concertina-fleet");
    for (cluster, policies) in [("west", 8.0), (".*", 16.0), ("east", 0.0)] {
        let choice = Choice {
            cluster,
            ..EVERYTHING
        };
        let shown = past.panel_at(&board, "Policies", choice, HANDED_OVER).await;
        let count = shown.get("policies").copied().unwrap_or_default();
        assert!((count - policies).abs() < 0.5, "{cluster}: {count} policies");
    }
}
