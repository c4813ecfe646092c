//! The shop's pages. A dynamic page compares products until it has used the CPU time that it is meant to cost. No network.

use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

pub(super) const HOME: &str = include_str!("pages/home.html");
pub(super) const ABOUT: &str = include_str!("pages/about.html");
pub(super) const BUSY: &str = include_str!("pages/busy.html");
pub(super) const NOT_FOUND: &str = include_str!("pages/not_found.html");

const SHOWN: usize = 8;
/// Products compared between two looks at the clock: a look costs about as much as ten comparisons.
const BATCH: u64 = 256;

/// What somebody asked to see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Visit {
    Product(u64),
    Cart,
    Search(String),
}

/// CPU time that the calling thread has used so far. Unlike a wall clock it stands still while a CPU limit holds the
/// thread back, so a page costs the same on every machine and at every limit.
pub(super) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Renders the page: the products nearest to the visit among all that could be compared within `cost` of `cpu_time`.
pub(super) fn build(visit: &Visit, cost: Duration, cpu_time: impl Fn() -> Duration) -> String {
    let start = cpu_time();
    let mut nearest: Vec<(u64, u64)> = Vec::with_capacity(SHOWN + 1);
    let mut compared = 0_u64;
    loop {
        for candidate in compared..compared + BATCH {
            let mut hasher = DefaultHasher::new();
            (visit, candidate).hash(&mut hasher);
            let distance = hasher.finish();
            if nearest.len() < SHOWN || nearest.last().is_some_and(|(farthest, _)| distance < *farthest) {
                let place = nearest.partition_point(|(other, _)| *other < distance);
                nearest.insert(place, (distance, candidate));
                nearest.truncate(SHOWN);
            }
        }
        compared += BATCH;
        if cpu_time().saturating_sub(start) >= cost {
            return render(visit, &nearest, compared);
        }
    }
}

fn render(visit: &Visit, nearest: &[(u64, u64)], compared: u64) -> String {
    let title = match visit {
        Visit::Product(number) => format!("Product {number}"),
        Visit::Cart => "Your cart".to_owned(),
        Visit::Search(words) => format!("Results for “{}”", escape(words)),
    };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1>\
         <p>Chosen from {compared} products:</p><ol>"
    );
    for (distance, product) in nearest {
        let euros = 1 + distance % 200;
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "<li><a href=\"/product/{product}\">Product {product}</a>, {euros} €</li>"
        );
    }
    page.push_str("</ol><p><a href=\"/\">Home</a></p></html>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that moves on by one millisecond with each look.
    fn ticking() -> impl Fn() -> Duration {
        let now = Cell::new(0);
        move || {
            now.set(now.get() + 1);
            Duration::from_millis(now.get())
        }
    }

    #[test]
    fn a_page_costs_what_it_is_told_to() {
        let page = build(&Visit::Cart, Duration::from_millis(5), ticking());
        assert!(
            page.contains("Chosen from 1280 products"),
            "five looks of 256 each: {page}"
        );
    }

    #[test]
    fn the_clock_of_the_thread_moves_with_work_and_not_with_waiting() {
        let start = thread_cpu_time();
        std::thread::sleep(Duration::from_millis(30));
        let slept = thread_cpu_time() - start;
        assert!(
            slept < Duration::from_millis(15),
            "sleeping used {slept:?} of CPU"
        );
        build(&Visit::Product(1), Duration::from_millis(20), thread_cpu_time);
        assert!(thread_cpu_time() - start >= Duration::from_millis(20));
    }

    #[test]
    fn the_same_visit_with_the_same_work_gives_the_same_page() {
        let build_once = || build(&Visit::Product(7), Duration::from_millis(3), ticking());
        assert_eq!(build_once(), build_once());
        assert_ne!(
            build_once(),
            build(&Visit::Product(8), Duration::from_millis(3), ticking())
        );
    }

    #[test]
    fn words_of_a_visitor_cannot_become_markup() {
        let page = build(&Visit::Search("<script>".to_owned()), Duration::ZERO, ticking());
        assert!(
            page.contains("&lt;script&gt;") && !page.contains("<script>"),
            "{page}"
        );
    }
}
