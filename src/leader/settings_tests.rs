//! Which settings of the election are taken, and which are refused with what words.
use super::*;

fn refused(name: &str, namespace: &str, duration: u32, renew: u32) -> String {
    Settings::new(namespace, name, duration, renew)
        .unwrap_err()
        .to_string()
}

#[test]
fn the_defaults_leave_room_for_a_lost_renewal_and_a_margin_before_anybody_else_may_write() {
    let settings = Settings::new("concertina", "concertina", 15, 5).unwrap();
    let late = settings.renew().mul_f64(1.1) + settings.call_timeout() + settings.retry_gap();
    assert!(late < settings.write_deadline());
    assert_eq!(
        settings.duration() - settings.write_deadline(),
        Duration::from_secs(5)
    );
}

#[test]
fn renewals_that_are_too_seldom_are_refused_with_both_numbers() {
    let words = refused("concertina", "shop", 15, 6);
    assert!(
        words.contains("--renew-seconds 6") && words.contains("--lease-duration-seconds 15"),
        "{words}"
    );
    assert!(refused("concertina", "shop", 15, 0).contains("--renew-seconds 0"));
}

#[test]
fn a_name_that_no_object_can_have_is_refused() {
    for name in ["", "Concertina", "a,metadata.name=b", "a/b"] {
        assert!(refused(name, "shop", 15, 5).contains("--lease-name"), "{name}");
    }
    assert!(refused("concertina", "", 15, 5).contains("--lease-namespace"));
}
