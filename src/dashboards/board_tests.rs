use super::*;
use crate::dashboards::panel::Form;
use crate::report::metrics::names::{POLICY_DESIRED_REPLICAS, POLICY_METRIC_AGE};

fn board(panels: Vec<Panel>) -> Board {
    Board {
        uid: FLEET,
        title: "Test",
        about: "A test.",
        scope: Scope::Fleet,
        rows: vec![Row {
            title: "A row",
            panels,
        }],
        annotations: Vec::new(),
        other: ("The other", POLICY),
    }
}

fn panel() -> Panel {
    let desired = Scope::Fleet.of_policies(POLICY_DESIRED_REPLICAS, &[]);
    Panel::new(Form::Lines, "A panel", "It shows something.").shows(desired, "{{policy}}")
}

fn built(panels: Vec<Panel>) -> Value {
    serde_json::from_str(&board(panels).text().unwrap()).unwrap()
}

#[test]
fn panels_go_from_left_to_right_and_then_below_the_highest() {
    let board = built(vec![
        panel().sized(16, 4),
        panel().sized(8, 9),
        panel().sized(12, 5),
    ]);
    let places: Vec<[i64; 4]> = board["panels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|panel| ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_i64().unwrap()))
        .collect();
    assert_eq!(
        places,
        [[0, 0, 24, 1], [0, 1, 16, 4], [16, 1, 8, 9], [0, 10, 12, 5]]
    );
}

#[test]
fn a_panel_that_is_wider_than_the_page_is_an_error() {
    let error = board(vec![panel().sized(25, 4)]).text().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the panel A panel is 25 columns wide: 1 to 24 fit on the page"
    );
}

#[test]
fn a_dashboard_that_names_an_unknown_label_cannot_be_built() {
    let age = Scope::Fleet.of_policies(POLICY_METRIC_AGE, &["state"]);
    let error = board(vec![panel().shows(age, "")]).text().unwrap_err();
    assert!(matches!(error, DashboardError::UnknownLabel { .. }), "{error}");
}

#[test]
fn more_queries_than_letters_are_an_error() {
    let desired = || Scope::Fleet.of_policies(POLICY_DESIRED_REPLICAS, &[]);
    let many = (0..26).fold(panel(), |panel, _| panel.shows(desired(), "{{policy}}"));
    let error = board(vec![many]).text().unwrap_err();
    assert!(matches!(error, DashboardError::TooManyQueries { .. }));
}

#[test]
fn a_click_keeps_the_source_and_the_time() {
    let link = to_policy("__field.labels");
    assert_eq!(
        link["url"],
        "/d/concertina-policy?${datasource:queryparam}&var-cluster=${__field.labels.cluster}\
         &var-namespace=${__field.labels.namespace}&var-policy=${__field.labels.policy}&${__url_time_range}"
    );
    assert_eq!(link["title"], "Explain ${__field.labels.policy}");
}
