//! The results as one page of HTML that needs nothing beside it. Pure.

use crate::plot::clock;
use crate::summary::Summary;
use std::fmt::Write;

/// A page that needs nothing beside it: the picture, the figures and the changes.
pub(crate) fn html(svg: &str, summary: &Summary) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Concertina: the overload case</title>\n<style>\n\
         body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\n\
         table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem 1.5rem .2rem 0;text-align:left;\
         border-bottom:1px solid #8884}svg{width:100%;height:auto;border:1px solid #8884;border-radius:10px}\n\
         </style>\n<h1>Concertina: the overload case</h1>\n",
    );
    page += svg;
    page += "<h2>Figures</h2>\n<table>\n";
    for (name, value) in summary.figures() {
        let _ = writeln!(page, "<tr><td>{name}</td><td>{value}</td></tr>");
    }
    page += "</table>\n<h2>Changes of the replicas</h2>\n<table>\n<tr><th>time</th><th>from</th><th>to</th></tr>\n";
    for change in &summary.changes {
        let second = std::time::Duration::from_secs_f64(change.at.max(0.0)).as_secs();
        let at = clock(usize::try_from(second).unwrap_or(usize::MAX));
        let _ = writeln!(
            page,
            "<tr><td>{at}</td><td>{}</td><td>{}</td></tr>",
            change.from, change.to
        );
    }
    page += "</table>\n<p>Every second: <a href=\"demo.csv\">demo.csv</a></p>\n</html>\n";
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Change;
    use crate::rows::fixtures::good_run;
    use crate::summary::Phases;

    #[test]
    fn the_page_holds_the_picture_and_every_figure() {
        let rows = good_run();
        let changes = [Change {
            at: 14.2,
            from: 1,
            to: 16,
        }];
        let phases = Phases {
            overload: 10,
            fall: 70,
            end: 100,
        };
        let summary = Summary::new(&rows, &changes, phases, Some(1));
        let page = html("<svg></svg>", &summary);
        assert!(
            page.contains("<svg") && page.contains("<td>0:14</td><td>1</td><td>16</td>"),
            "{page}"
        );
        for (name, value) in summary.figures() {
            assert!(page.contains(name) && page.contains(&value), "{name}");
        }
        assert!(
            !page.contains("https://") && !page.contains("<script"),
            "self-contained"
        );
    }
}
