//! What the controller holds per policy, and at most while it lists everything again (B7). It kills the test bed's API server,
//! which its keeper starts again, and reads /proc.

use std::time::{Duration, Instant};

use super::bed::Bed;
use super::controller::Controller;
use super::rest::Rested;
use super::{access, process};
use crate::error::BenchError;
use crate::report::Part;

pub(super) const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Adds what is held at rest and at a relist.
pub(super) async fn measure(
    bed: &Bed,
    setting: &str,
    controller: &Controller,
    part: &mut Part,
    rested: &mut Rested,
) -> Result<(), BenchError> {
    let Some(rest) = controller.memory() else {
        part.miss(format!(
            "B7 ({setting}): /proc does not tell the controller's memory"
        ));
        return Ok(());
    };
    rested.resident.push(rest.resident);
    let mut add = |what: &str, unit: &str, value: f64| part.add("B7", setting, what, unit, vec![value]);
    add("resident at rest", "MiB", rest.resident / MEBIBYTE);
    add("greatest since start", "MiB", rest.peak / MEBIBYTE);
    if let Some(proportional) = rest.proportional {
        add("proportional share at rest", "MiB", proportional / MEBIBYTE);
    }
    let per_policy = rest.resident / 1024.0 / rested.policies;
    add("resident per policy, all in", "KiB", per_policy);
    relist(bed, setting, controller, rest.resident, part).await
}

/// An API server that is killed and starts anew remembers no history: every watch ends, is told 410, and lists again.
async fn relist(
    bed: &Bed,
    setting: &str,
    controller: &Controller,
    rest: f64,
    part: &mut Part,
) -> Result<(), BenchError> {
    let Some(server) = process::neighbours().get("apiserver").copied() else {
        part.miss(format!(
            "B7 ({setting}): relist: there is no API server's process beside this one"
        ));
        return Ok(());
    };
    if !process::reset_peak(controller.process.id()) {
        part.miss(format!(
            "B7 ({setting}): relist: the peak of memory cannot be reset"
        ));
        return Ok(());
    }
    process::signal(server, "KILL");
    let began = Instant::now();
    let end = began + Duration::from_secs(120);
    let (mut lists, mut quiet) = (0.0, 0);
    // Listed again, and nothing more to list for five seconds.
    while Instant::now() < end && quiet < 5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Ok(metrics) = bed.api_metrics().await else {
            continue;
        };
        let now = metrics
            .sum(
                "apiserver_request_total",
                &[("verb", "LIST"), ("resource", "scalingpolicies")],
            )
            .unwrap_or(0.0)
            + access::requests(&metrics).get("watch").copied().unwrap_or(0.0);
        quiet = if now > 0.0 && now <= lists { quiet + 1 } else { 0 };
        lists = now;
    }
    if quiet < 5 {
        part.miss(format!(
            "B7 ({setting}): relist: the controller did not list again within 120 s"
        ));
        return Ok(());
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let Some(after) = controller.memory() else {
        return Ok(());
    };
    println!(
        "  [{setting}] listed again within {:.0} s",
        began.elapsed().as_secs_f64()
    );
    part.add(
        "B7",
        setting,
        "peak at relist",
        "MiB",
        vec![after.peak / MEBIBYTE],
    );
    part.add(
        "B7",
        setting,
        "peak at relist by rest",
        "×",
        vec![after.peak / rest],
    );
    part.add(
        "B7",
        setting,
        "resident after relist",
        "MiB",
        vec![after.resident / MEBIBYTE],
    );
    Ok(())
}
