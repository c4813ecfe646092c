//! "Why did it scale then, and why not later?" answered from the page of one policy alone.
use std::collections::BTreeMap;

use crate::boards::{Choice, questions, with_uid};
use crate::fleet::{ALARM, CALM, LOAD, LOAD_GONE};
use crate::live::Past;

const WEB: Choice<'static> = Choice {
    cluster: "",
    namespace: "shop",
    policy: "web",
};

/// The page of a policy, pointed at moment after moment.
struct Page<'p> {
    past: &'p Past,
    board: serde_json::Value,
    moment: u32,
}

impl Page<'_> {
    async fn panel(&self, title: &str) -> BTreeMap<String, f64> {
        self.past.panel_at(&self.board, title, WEB, self.moment).await
    }

    async fn says(&self, title: &str, series: &[&str]) {
        let shown = self.panel(title).await;
        let names: Vec<&str> = shown.keys().map(String::as_str).collect();
        assert_eq!(names, series, "{title} at moment {}", self.moment);
    }

    async fn shows(&self, title: &str, series: &str, number: f64) {
        let shown = self.panel(title).await;
        let near = shown
            .get(series)
            .is_some_and(|shown| (shown - number).abs() < 1e-9);
        assert!(
            near,
            "{title} at moment {}: no {series} at {number} in {shown:?}",
            self.moment
        );
    }
}

#[tokio::test]
async fn the_page_of_a_policy_says_why_it_grew_and_why_it_did_not_shrink() {
    let past = Past::of_a_small_fleet().await;
    let mut page = Page {
        past: &past,
        board: with_uid("concertina-policy"),
        moment: CALM,
    };
    page.shows("Replicas", "current", 2.0).await;
    page.shows("Replicas", "desired", 2.0).await;

    // Why did it grow? The rate of requests was 2.8 times its target and asked for six, and nothing held that.
    page.moment = LOAD;
    page.says("The reason that explains it best", &["MetricAboveTarget"])
        .await;
    page.says("The metric that decided", &["rate"]).await;
    page.shows("Value over target", "rate", 2.8).await;
    page.shows("Values", "rate", 280.0).await;
    page.shows("Proposals", "rate", 6.0).await;
    page.shows("Proposals", "cpu", 3.0).await;
    page.shows("Proposals", "taken", 6.0).await;
    page.shows("Stages as lines", "Observe", 2.0).await;
    page.shows("Stages as lines", "Wall", 6.0).await;
    page.shows("Replicas", "desired", 6.0).await;
    page.says("All reasons that bear on it", &[]).await;

    // Why did it not shrink? The metrics asked for less, and the stabilization window held it.
    page.moment = LOAD_GONE;
    page.says("The reason that explains it best", &["ScaleDownStabilized"])
        .await;
    page.shows("Value over target", "rate", 100.0 / 300.0).await;
    page.shows("Proposals", "rate", 2.0).await;
    page.shows("Stages as lines", "Guard", 3.0).await;
    page.shows("Stages as lines", "Stabilise", 6.0).await;
    page.shows("The number after each stage, over time", "Stabilise", 6.0)
        .await;
    let reasons = page.panel("All reasons that bear on it").await;
    assert!(reasons.contains_key("ScaleDownStabilized"), "{reasons:?}");
    page.shows("Guards", "errors", 0.0).await;

    // And then? A guard is tripped, which holds it too; the marks above show one growth and no shrinking.
    page.moment = ALARM;
    page.shows("Guards", "errors", 2.0).await;
    let reasons = page.panel("All reasons that bear on it").await;
    assert!(reasons.contains_key("GuardTripped"), "{reasons:?}");
    page.shows("Mode", "Auto", 1.0).await;
    for (name, expected) in [("annotation Growth", 1), ("annotation Shrinking", 0)] {
        let mut marks = questions(&page.board).into_iter();
        let mark = marks.find(|mark| mark.place == name).unwrap();
        assert_eq!(past.shown(&mark, WEB).await.len(), expected, "{name}");
    }
}
