//! The list of all situations, and the page that shows them. Reads docs/explanation/hpa.md and, with UPDATE=1, writes
//! its table anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::outcome::Comparison;

macro_rules! situations {
    ($($module:ident { $($name:ident)+ })+) => {
        /// In the order of the page.
        const SITUATIONS: &[(&str, fn() -> Comparison)] =
            &[$($((stringify!($name), crate::$module::$name),)+)+];

        $($(
            #[test]
            fn $name() {
                crate::$module::$name();
            }
        )+)+
    };
}

situations! {
    pods_counted {
        hpa_grows_below_target_with_a_rollouts_surge_and_we_do_not
        hpa_grows_again_and_again_while_a_rollout_lasts_and_we_do_not
        hpa_takes_surge_pods_for_replicas_of_a_total_and_we_do_not
        hpa_shrinks_in_the_middle_of_a_rollout_and_we_do_not
        hpa_shrinks_above_target_when_a_quota_blocks_pods_and_we_do_not
        hpa_shrinks_above_target_on_a_latency_while_pods_start_and_we_do_not
        hpa_shrinks_on_half_of_the_pods_and_we_count_the_absent_ones
        hpa_asks_for_pods_that_a_quota_refuses_and_we_do_not
        hpa_counts_starting_pods_in_custom_metrics_and_we_do_not
        hpa_grows_on_the_start_up_burst_of_a_custom_metric_and_we_do_not
        hpa_and_we_count_starting_pods_as_on_their_way_when_cpu_grows
        hpa_takes_crashed_pods_for_idle_ones_and_we_do_not
        hpa_grows_a_version_that_only_crashes_and_we_do_not
        hpa_fails_on_a_terminating_pod_without_request_and_we_do_not
        hpa_and_we_refuse_a_utilisation_when_a_living_pod_has_no_request
    }
    missing_data {
        hpa_and_we_count_missing_pods_as_idle_when_growing
        hpa_counts_missing_pods_at_their_whole_request_and_we_at_the_target
        hpa_and_we_grow_on_what_is_left_when_one_metric_is_broken
        hpa_and_we_do_not_shrink_when_one_metric_is_broken
        hpa_holds_for_ever_when_all_metrics_are_broken_and_we_can_fall_back
        hpa_and_we_hold_on_an_empty_answer
        hpa_cannot_tell_an_adapters_zero_from_a_measured_one_and_we_can
        hpa_acts_on_old_samples_and_we_do_not
    }
    bad_numbers {
        hpa_cuts_utilisation_to_whole_per_cent_and_we_do_not
        hpa_shrinks_too_far_by_whole_per_cent_and_we_do_not
        hpa_asks_for_one_more_by_the_noise_of_floating_point_and_we_do_not
        hpa_takes_a_huge_total_for_none_and_we_do_not
        hpa_takes_a_negative_average_for_an_overflow_and_we_hold
        hpa_takes_a_negative_value_for_no_load_and_we_hold
        hpa_gets_zero_for_not_a_number_and_we_hold
        hpa_gets_the_least_number_for_infinity_and_we_hold
    }
    budgets {
        hpa_stabilisation_can_grow_a_target_and_ours_cannot
        hpa_and_we_stabilise_around_the_current_count_with_behavior
        hpa_removes_everything_in_one_step_by_default_and_we_do_not
        hpa_budget_does_not_count_changes_by_others_and_ours_does
        hpa_and_we_count_a_correction_to_a_bound_towards_the_budget
        hpa_loses_events_that_the_other_direction_still_counts_and_we_do_not
        hpa_forgets_its_budget_on_restart_and_we_do_not
    }
    speed {
        hpa_grows_by_one_over_the_target_when_cpu_is_at_its_limit_and_we_double
        hpa_crawls_with_a_high_target_when_cpu_is_at_its_limit_and_we_double
        hpa_stays_at_the_cpu_limit_when_it_is_within_the_tolerance_of_the_target_and_we_double
        hpa_waits_for_its_round_of_15_seconds_and_we_for_ours_of_5
        hpa_doubles_at_most_by_default_and_we_go_where_the_load_is
    }
    zero_and_bounds {
        hpa_never_wakes_what_was_created_at_zero_and_we_do
        hpa_and_we_take_zero_by_hand_for_a_pause
        hpa_ends_the_last_replica_when_its_window_ends_and_we_after_a_cooldown
        hpa_and_we_bring_a_target_into_its_bounds_at_once
    }
}

const BEGIN: &str = "<!-- table: written by the test, UPDATE=1 -->\n";
const END: &str = "<!-- end of table -->\n";

fn table() -> String {
    let mut table = String::from("| situation | HPA | Concertina | why |\n|---|---|---|---|\n");
    for (_, situation) in SITUATIONS {
        let Comparison {
            situation,
            why,
            hpa,
            concertina,
        } = situation();
        table.push_str(&format!("| {situation} | {hpa} | {concertina} | {why} |\n"));
    }
    table
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/explanation/hpa.md")
}

fn page() -> String {
    std::fs::read_to_string(path()).unwrap()
}

#[test]
#[ignore = "prints the table: cargo test -p concertina-decision --test hpa print_the_table -- --ignored --nocapture"]
fn print_the_table() {
    println!("{}", table());
}

#[test]
fn the_table_of_the_page_is_current() {
    let page = page();
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page marks where its table begins");
    let (stored, after) = rest.split_once(END).expect("the page marks where its table ends");
    let table = table();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    for (stored, current) in stored.lines().zip(table.lines()) {
        assert_eq!(
            stored, current,
            "run `make generate` and commit docs/explanation/hpa.md"
        );
    }
    assert_eq!(
        stored.lines().count(),
        table.lines().count(),
        "run `make generate`"
    );
}

#[test]
fn the_page_names_every_test_once_and_no_other() {
    let page = page();
    let named: Vec<_> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.starts_with("hpa_") && !word.contains('.'))
        .collect();
    let once: BTreeSet<_> = named.iter().copied().collect();
    let tests: BTreeSet<_> = SITUATIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(once, tests);
    assert_eq!(named.len(), tests.len(), "a test is named twice");
}

#[test]
fn tests_of_other_files_that_the_page_names_are_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = page();
    let named = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|word| word.split_once("::"));
    let mut count = 0;
    for (file, test) in named {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}");
        count += 1;
    }
    assert!(count >= 2, "only {count} tests are named");
}

#[test]
fn a_table_of_the_page_has_no_broken_row() {
    for row in table().lines() {
        assert_eq!(
            row.matches(" | ").count(),
            if row.starts_with("|---") { 0 } else { 3 },
            "{row}"
        );
    }
}
