//! The run as one picture: load, answered share and replicas over time, in SVG that needs nothing else. Pure.

use crate::rows::{Answered, Row};
use crate::summary::{Summary, percent};
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 28.0;
/// Top and height of each panel in pixels.
const LOAD: (f64, f64) = (112.0, 190.0);
const SHARE: (f64, f64) = (366.0, 110.0);
const REPLICAS: (f64, f64) = (540.0, 150.0);
const HEIGHT: f64 = 748.0;

/// The picture has a ground of its own, so it is legible on light and dark pages alike. No variables: few programs
/// besides browsers know them.
const STYLE: &str = "\
.run{font:13px system-ui,-apple-system,'Segoe UI',sans-serif}.run text{fill:#1f2933}.run .ground{fill:#fff}\
.run .soft{fill:#5f6c7b;font-size:12px}.run .title{font-size:19px;font-weight:600}.run .name{font-weight:600}\
.run .halo{paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}.run .end{text-anchor:end}.run .middle{text-anchor:middle}.run .tint{fill:#f5a524;fill-opacity:.13}\
.run .rule{stroke:#e3e8ee}.run .mark{stroke:#5f6c7b;stroke-dasharray:3 4}\
.run .line{fill:none;stroke-width:2;stroke-linejoin:round}.run .area{fill-opacity:.28}\
.run .offered-line{stroke:#7b8794}.run .offered{fill:#7b8794}.run .answered-line{stroke:#0f9d8a}\
.run .answered{fill:#0f9d8a}.run .asked-line{stroke:#6d3fc8}.run .asked{fill:#6d3fc8}\
@media(prefers-color-scheme:dark){.run text{fill:#e6edf3}.run .ground{fill:#151b23}.run .halo{stroke:#151b23}.run .soft{fill:#9aa7b5}\
.run .rule{stroke:#2b3440}.run .mark{stroke:#9aa7b5}.run .offered-line{stroke:#a3b0bd}.run .offered{fill:#a3b0bd}\
.run .answered-line{stroke:#2dc5ae}.run .answered{fill:#2dc5ae}.run .asked-line{stroke:#b08cff}.run .asked{fill:#b08cff}}";

struct Panel {
    top: f64,
    height: f64,
    most: f64,
    seconds: f64,
}

impl Panel {
    fn new((top, height): (f64, f64), most: f64, seconds: f64) -> Self {
        Panel {
            top,
            height,
            most,
            seconds,
        }
    }

    fn x(&self, second: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * second / self.seconds
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.most)
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Horizontal rules with their values, and the name of the panel above them.
    fn axes(&self, name: &str, unit: &str) -> String {
        let mut svg = format!(
            "<text class=\"name\" x=\"{LEFT}\" y=\"{:.1}\">{name}</text>",
            self.top - 14.0
        );
        for value in ticks(self.most) {
            let y = self.y(value);
            // Writing to a String cannot fail, here and below.
            let _ = write!(
                svg,
                "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"soft end\" x=\"{:.1}\" y=\"{:.1}\">{value}{unit}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0
            );
        }
        svg
    }

    /// A value holds for its whole second, so it is drawn as a step; gaps where it is unknown.
    fn steps(&self, values: impl Iterator<Item = Option<f64>>) -> String {
        let mut path = String::new();
        let mut drawing = false;
        for (second, value) in (0_u32..).zip(values) {
            if let Some(value) = value {
                let (from, to, y) = (
                    self.x(second.into()),
                    self.x(f64::from(second) + 1.0),
                    self.y(value),
                );
                let pen = if drawing { 'L' } else { 'M' };
                let _ = write!(path, "{pen}{from:.1} {y:.1}L{to:.1} {y:.1}");
            }
            drawing = value.is_some();
        }
        path
    }

    fn line(&self, colour: &str, values: impl Iterator<Item = Option<f64>>) -> String {
        format!(
            "<path class=\"line {colour}-line\" d=\"{}\"/>",
            self.steps(values)
        )
    }

    fn area(&self, colour: &str, values: impl Iterator<Item = f64>) -> String {
        let values: Vec<_> = values.map(Some).collect();
        if values.is_empty() {
            return String::new();
        }
        let last = self.x(u32::try_from(values.len()).unwrap_or(u32::MAX).into());
        format!(
            "<path class=\"area {colour}\" d=\"{}L{last:.1} {bottom:.1}L{LEFT} {bottom:.1}Z\"/>",
            self.steps(values.into_iter()),
            bottom = self.bottom()
        )
    }
}

/// Values from 0 to `most` at a distance of 1, 2 or 5 times a power of ten, at most six of them.
fn ticks(most: f64) -> Vec<f64> {
    let step = step(most);
    (0..=6_u32)
        .map(|index| step * f64::from(index))
        .take_while(|value| *value <= most * 1.001)
        .collect()
}

fn step(most: f64) -> f64 {
    let rough = (most / 5.0).max(1.0);
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough)
}

/// The top of an axis: the next tick above, so that nothing touches the edge.
fn ceiling(most: f64) -> f64 {
    let step = step(most.max(1.0));
    ((most * 1.05 / step).ceil() * step).max(step)
}

/// Entries of a legend to the right of a panel's name: colour, text.
fn legend(top: f64, entries: &[(&str, &str)]) -> String {
    let mut svg = String::new();
    let mut x = LEFT + 190.0;
    for (colour, text) in entries {
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"4\" rx=\"2\" class=\"{colour}\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            top - 20.0,
            x + 20.0,
            top - 14.0
        );
        x += 40.0 + 7.0 * f64::from(u32::try_from(text.chars().count()).unwrap_or(0));
    }
    svg
}

pub(crate) fn clock(second: usize) -> String {
    format!("{}:{:02}", second / 60, second % 60)
}

/// The whole picture.
pub(crate) fn svg(rows: &[Row], summary: &Summary) -> String {
    let last = rows.last().map_or(1, |row| row.load.second + 1);
    let seconds = f64::from(u32::try_from(last).unwrap_or(u32::MAX));
    let most_load = rows
        .iter()
        .map(|row| row.load.offered)
        .max()
        .map_or(1.0, f64::from);
    let most_replicas = rows
        .iter()
        .flat_map(|row| [row.cluster.spec, row.cluster.ready])
        .flatten()
        .max();
    let load = Panel::new(LOAD, ceiling(most_load), seconds);
    let share = Panel::new(SHARE, 100.0, seconds);
    let replicas = Panel::new(REPLICAS, ceiling(most_replicas.map_or(1.0, f64::from)), seconds);

    let subtitle = match (summary.alone.share(), summary.after_scaling.share()) {
        (Some(alone), Some(after)) => format!(
            "{} answered before the first new replica was ready, {} in the last 30 s of the overload",
            percent(alone),
            percent(after)
        ),
        _ => String::new(),
    };
    let mut svg = format!(
        "<svg class=\"run\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Load, answered share and replicas over time\"><style>{STYLE}</style>\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"10\" class=\"ground\"/>\
         <text class=\"title\" x=\"{LEFT}\" y=\"38\">Ten times the load one replica can answer</text>\
         <text class=\"soft\" x=\"{LEFT}\" y=\"60\">{subtitle}</text>"
    );
    svg += &overload(&[&load, &share, &replicas], summary);

    svg += &load.axes("Load, requests/s", "");
    svg += &legend(
        load.top,
        &[("offered", "offered"), ("answered", "answered within 1 s")],
    );
    svg += &load.area("answered", rows.iter().map(|row| row.load.answered.into()));
    svg += &load.line("offered", rows.iter().map(|row| Some(row.load.offered.into())));
    svg += &load.line("answered", rows.iter().map(|row| Some(row.load.answered.into())));

    svg += &share.axes("Answered share", " %");
    svg += &share.line(
        "answered",
        rows.iter()
            .map(|row| Answered::of([row]).share().map(|share| share * 100.0)),
    );

    svg += &replicas.axes("Replicas", "");
    svg += &legend(replicas.top, &[("asked", "asked for"), ("answered", "ready")]);
    svg += &replicas.area(
        "answered",
        rows.iter().map(|row| row.cluster.ready.unwrap_or(0).into()),
    );
    svg += &replicas.line(
        "answered",
        rows.iter().map(|row| row.cluster.ready.map(f64::from)),
    );
    svg += &replicas.line("asked", rows.iter().map(|row| row.cluster.spec.map(f64::from)));

    for second in (0..=last).step_by(if last > 300 { 60 } else { 30 }) {
        let x = replicas.x(f64::from(u32::try_from(second).unwrap_or(0)));
        let _ = write!(
            svg,
            "<text class=\"soft middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            replicas.bottom() + 20.0,
            clock(second)
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"soft middle\" x=\"{:.1}\" y=\"{:.1}\">time since the load began, min:s</text></svg>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        replicas.bottom() + 42.0
    );
    svg
}

/// The tint of the overload over all panels, and the two moments that matter within it.
fn overload(panels: &[&Panel], summary: &Summary) -> String {
    let Some(first) = panels.first() else {
        return String::new();
    };
    let second = |value: usize| f64::from(u32::try_from(value).unwrap_or(u32::MAX)).min(first.seconds);
    let (begin, end) = (second(summary.phases.overload), second(summary.phases.fall));
    let mut svg = String::new();
    for panel in panels {
        let _ = write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"tint\"/>",
            panel.x(begin),
            panel.top,
            panel.x(end) - panel.x(begin),
            panel.height
        );
    }
    let first_change = summary
        .first_change_seconds
        .map(|at| (at, format!("first scaling, {at:.1} s")));
    let nearly_all = summary
        .nearly_all_seconds
        .map(|at| (second(at), format!("99 % answered, {at} s")));
    // All lines before all texts, whose halo then keeps them legible.
    let mut texts = String::new();
    for (line, (after, text)) in [first_change, nearly_all].into_iter().flatten().enumerate() {
        let x = first.x(begin + after);
        let y = first.top + 16.0 + if line == 0 { 0.0 } else { 18.0 };
        for panel in panels {
            let _ = write!(
                svg,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                panel.top,
                panel.bottom()
            );
        }
        let _ = write!(
            texts,
            "<text class=\"soft halo\" x=\"{:.1}\" y=\"{y:.1}\">{text}</text>",
            x + 6.0
        );
    }
    svg += &texts;
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::fixtures::good_run;
    use crate::rows::{Change, Sample};
    use crate::summary::Phases;

    fn summary(rows: &[Row]) -> Summary {
        let changes = [Change {
            at: 14.2,
            from: 1,
            to: 16,
        }];
        Summary::new(
            rows,
            &changes,
            Phases {
                overload: 10,
                fall: 70,
                end: 100,
            },
            Some(1),
        )
    }

    /// Every tag that is opened is closed, in order; enough of a check for what is written here.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let name = tag.split([' ', '>', '/']).next().expect("a name");
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), closed.split('>').next(), "in {svg}");
            } else if !tag.split('>').next().expect("an end").ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn the_picture_is_well_formed_and_names_its_axes_with_units() {
        let rows = good_run();
        let svg = svg(&rows, &summary(&rows));
        assert_well_formed(&svg);
        for text in [
            "Load, requests/s",
            "Answered share",
            "100 %",
            "Replicas",
            "min:s",
            "first scaling, 4.2 s",
        ] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn an_empty_run_still_gives_a_picture() {
        assert_well_formed(&svg(&[], &summary(&[])));
    }

    #[test]
    fn unknown_replicas_leave_a_gap_and_not_a_zero() {
        let mut rows = good_run();
        let panel = Panel::new(REPLICAS, 20.0, 100.0);
        let asked = |rows: &[Row]| panel.steps(rows.iter().map(|row| row.cluster.spec.map(f64::from)));
        assert_eq!(asked(&rows).matches('M').count(), 1);
        rows[50].cluster = Sample::default();
        assert_eq!(asked(&rows).matches('M').count(), 2);
    }

    #[test]
    fn axes_have_round_values() {
        assert_eq!(ticks(ceiling(80.0)), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(ceiling(16.0)), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(ticks(ceiling(1.0)), [0.0, 1.0, 2.0]);
    }
}
