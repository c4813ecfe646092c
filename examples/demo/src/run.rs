//! The steps of the demo, in order. Talks to the cluster through `cluster` and `view`; writes the results into files.

use crate::Arguments;
use crate::cluster::{Cluster, ClusterError};
use crate::manifests::{Changes, ManifestError};
use crate::page;
use crate::plot;
use crate::rows::{self, Row, Sample};
use crate::summary::{Phases, Summary};
use crate::table::Table;
use crate::view::View;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

const POD_LIMIT: Duration = Duration::from_secs(120);
const POLICY_LIMIT: Duration = Duration::from_secs(90);
/// How long the report may be out of reach before the run is given up.
const REPORT_LIMIT: Duration = Duration::from_secs(30);

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("the load generator follows another profile than the one it was given")]
    Profile,
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("interrupted")]
    Interrupted,
}

/// Looks whether the demo can be run here, and removes what an earlier one left behind.
pub(crate) async fn prepare(cluster: &Cluster) -> Result<(), ClusterError> {
    cluster.require_policy_kind().await?;
    cluster.clear(crate::CLEANUP_LIMIT).await
}

/// Runs the whole case and answers what did not go as it should, one sentence each.
pub(crate) async fn run(cluster: &Cluster, arguments: &Arguments) -> Result<Vec<String>, RunError> {
    let manifests = Changes {
        namespace: arguments.namespace.clone(),
        image: arguments.image.clone(),
        profile: arguments.profile(),
    };
    let begin = Instant::now();
    let step = |what: &str| println!("{:>5.1} s  {what}", begin.elapsed().as_secs_f64());
    step("applying the shop");
    cluster.apply(&manifests.shop()?).await?;
    cluster.apply(&manifests.load()?).await?;
    cluster.wait_for_shop(POD_LIMIT).await?;
    cluster.wait_for_load_generator(POD_LIMIT).await?;
    step("applying the policy");
    cluster.apply(&manifests.policy()?).await?;
    cluster.wait_for_policy(POLICY_LIMIT).await?;
    let view = View::new(cluster);
    step("starting the load\n");
    cluster.start_load().await?;
    let start = Instant::now();

    let (rows, phases) = follow(cluster, &view, start).await?;
    let replicas_end = view.sample().spec;
    let summary = Summary::new(&rows, &view.changes(start), phases, replicas_end);
    println!(
        "\nThe overload case, from {} to {} requests/s:",
        arguments.quiet_rps, arguments.overload_rps
    );
    print!("{}", summary.text());
    write_results(&arguments.output, &rows, &summary).await?;
    println!(
        "  plot and figures: {}\n",
        arguments.output.join("index.html").display()
    );
    Ok(summary.complaints())
}

/// Shows each second as soon as its requests have ended, until the profile is over.
async fn follow(cluster: &Cluster, view: &View, start: Instant) -> Result<(Vec<Row>, Phases), RunError> {
    let mut table = Table::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut samples: Vec<Sample> = Vec::new();
    let mut last_answer = Instant::now();
    let mut every_second = tokio::time::interval_at(start + Duration::from_secs(1), Duration::from_secs(1));
    every_second.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        every_second.tick().await;
        samples.push(view.sample());
        let report = match cluster.report(rows.len()).await {
            Ok(report) => report,
            // The API server is busy, perhaps; the rows are kept by the generator.
            Err(_) if last_answer.elapsed() < REPORT_LIMIT => continue,
            Err(error) => return Err(error.into()),
        };
        last_answer = Instant::now();
        let phases = Phases::of(&report.profile).ok_or(RunError::Profile)?;
        let finished = report.phase == "finished";
        for load in report.rows {
            // A second of the generator can end a moment before this program's own.
            let Some(cluster) = samples.get(load.second) else {
                break;
            };
            let row = Row {
                load,
                cluster: cluster.clone(),
            };
            table.show(&row, &view.changes(start), phases);
            rows.push(row);
        }
        if finished && rows.len() >= phases.end {
            return Ok((rows, phases));
        }
    }
}

async fn write_results(directory: &Path, rows: &[Row], summary: &Summary) -> Result<(), RunError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Write { path, source }
    };
    tokio::fs::create_dir_all(directory)
        .await
        .map_err(failed(directory))?;
    let svg = plot::svg(rows, summary);
    let figures = serde_json::to_string_pretty(summary).map_err(std::io::Error::from);
    for (name, text) in [
        ("demo.csv", Ok(rows::csv(rows))),
        ("summary.json", figures),
        ("index.html", Ok(page::html(&svg, summary))),
        ("demo.svg", Ok(svg)),
    ] {
        let path = directory.join(name);
        let text = text.map_err(failed(&path))?;
        tokio::fs::write(&path, text).await.map_err(failed(&path))?;
    }
    Ok(())
}
