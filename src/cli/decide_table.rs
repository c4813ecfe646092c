//! One decision as a text to read: the sentence, what each metric asks for, and the number after each stage. No network.

use std::io::{self, Write};

use crate::case::{GuardLine, ProposalLine, Receipt};

/// Writes a decision and an empty line after it.
pub(super) fn write(out: &mut impl Write, receipt: &Receipt) -> io::Result<()> {
    if let Some(name) = &receipt.name {
        writeln!(out, "{name}")?;
    }
    writeln!(out, "{} ({})", receipt.message, receipt.reason)?;
    let mut rows = vec![row([
        "METRIC", "MEASURED", "TARGET", "RATIO", "PODS", "AGE", "REPLICAS", "REASON",
    ])];
    rows.extend(receipt.proposals.iter().map(proposal));
    columns(out, &rows)?;
    if !receipt.guards.is_empty() {
        let mut rows = vec![row(["GUARD", "VALUE", "STATE", "REASON"])];
        rows.extend(receipt.guards.iter().map(guard));
        columns(out, &rows)?;
    }
    let mut rows = vec![row(["STAGE", "REPLICAS", "REASON"])];
    let mut before = receipt.current;
    for stage in &receipt.stages {
        let change = if stage.replicas == before {
            stage.replicas.to_string()
        } else {
            format!("{before} → {}", stage.replicas)
        };
        before = stage.replicas;
        rows.push(row([stage.stage, &change, stage.reason]));
    }
    columns(out, &rows)?;
    let (floor, ceiling) = (&receipt.floor, &receipt.ceiling);
    writeln!(
        out,
        "  bounds {} ({}) to {} ({})",
        floor.replicas, floor.from, ceiling.replicas, ceiling.from
    )?;
    if let Some(seconds) = receipt.retry_after_seconds {
        writeln!(out, "  again in {seconds} s")?;
    }
    for difference in &receipt.differences {
        writeln!(out, "  not as expected: {difference}")?;
    }
    writeln!(out)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(ToOwned::to_owned).to_vec()
}

fn proposal(line: &ProposalLine) -> Vec<String> {
    let unit = match line.unit {
        Some("%") => " %",
        Some("total") => " in total",
        Some(_) => " each",
        None => "",
    };
    // A total with a target for each replica has nothing to do with pods.
    let mut pods = match (line.counted_pods, line.missing_pods) {
        (0, 0) => "-".to_owned(),
        (counted, _) => counted.to_string(),
    };
    for (count, what) in [(line.missing_pods, "missing"), (line.starting_pods, "starting")] {
        if count > 0 {
            pods.push_str(&format!(" +{count} {what}"));
        }
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    vec![
        line.metric.clone(),
        or_dash(line.measured.map(|measured| format!("{}{unit}", short(measured)))),
        short(line.target),
        or_dash(line.ratio.map(short)),
        pods,
        or_dash(line.age_seconds.map(|seconds| format!("{seconds} s"))),
        or_dash(line.replicas.map(|replicas| replicas.to_string())),
        line.reason.to_owned(),
    ]
}

fn guard(line: &GuardLine) -> Vec<String> {
    vec![
        line.guard.clone(),
        line.value.map_or_else(|| "-".into(), short),
        line.state.to_owned(),
        line.reason.unwrap_or("-").to_owned(),
    ]
}

/// At most four digits after the point; very great and very small numbers with an exponent.
fn short(number: f64) -> String {
    if number != 0.0 && !(1e-4..1e15).contains(&number.abs()) {
        return format!("{number:.3e}");
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Rows with their cells one below the other.
fn columns(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    for row in rows {
        let cells = row.iter().enumerate();
        let line: String = cells
            .map(|(column, cell)| format!("  {cell:<width$}", width = width(column)))
            .collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
