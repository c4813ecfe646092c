//! Quantities against what Kubernetes itself makes of them, and as properties.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Quantity {
    text.parse().unwrap()
}

/// (written, shown by Kubernetes 1.37, its value): from k8s.io/apimachinery's own parser.
const KUBERNETES: [(&str, &str, f64); 30] = [
    ("1", "1", 1.0),
    ("0", "0", 0.0),
    ("0.5", "500m", 0.5),
    ("250m", "250m", 0.25),
    ("1000m", "1", 1.0),
    ("1500m", "1500m", 1.5),
    ("0.1", "100m", 0.1),
    ("1000", "1k", 1000.0),
    ("1024", "1024", 1024.0),
    ("1Ki", "1Ki", 1024.0),
    ("1024Ki", "1Mi", 1_048_576.0),
    ("1.5Gi", "1536Mi", 1_610_612_736.0),
    ("0.5Ki", "512", 512.0),
    ("1.1Ki", "1126400m", 1126.4),
    ("0Ki", "0", 0.0),
    ("1e3", "1e3", 1000.0),
    ("1E3", "1e3", 1000.0),
    ("1e+3", "1e3", 1000.0),
    ("3e2", "300", 300.0),
    ("100e1", "1e3", 1000.0),
    ("12e-3", "12e-3", 0.012),
    ("1E", "1E", 1e18),
    ("1Ei", "1Ei", 1_152_921_504_606_846_976.0),
    ("100u", "100u", 1e-4),
    ("1n", "1n", 1e-9),
    ("1.5k", "1500", 1500.0),
    ("1000k", "1M", 1e6),
    ("-5", "-5", -5.0),
    (".5", "500m", 0.5),
    ("5.", "5", 5.0),
];

#[test]
fn reads_and_shows_what_kubernetes_reads_and_shows() {
    for (written, shown, value) in KUBERNETES {
        let quantity = parse(written);
        // The nearest f64 of a decimal text is one number, so equality is meant.
        assert_eq!(quantity.as_f64().to_bits(), value.to_bits(), "{written}");
        // Kubernetes writes 1E3 as 1E3 and 1e+3 as 1e+3; both mean what is shown here.
        assert_eq!(quantity.to_string(), shown, "{written}");
    }
}

#[test]
fn what_is_no_quantity_is_refused_with_what_to_write() {
    for text in ["", " 1", "abc", "Ki", "1.2.3", "--1", "."] {
        let error = text.parse::<Quantity>().unwrap_err();
        assert!(error.to_string().contains("write a number"), "{text:?}: {error}");
    }
    for text in ["1x", "1K", "1mi", "1e", "1_000", "5e1.5", "1 m"] {
        let error = text.parse::<Quantity>().unwrap_err();
        assert!(
            error.to_string().contains("use one of n u m"),
            "{text:?}: {error}"
        );
    }
    for text in ["1e301", "1111111111111111111111111111111111111"] {
        assert!(
            matches!(text.parse::<Quantity>(), Err(ParseQuantityError::TooLong(_))),
            "{text:?}"
        );
    }
}

#[test]
fn a_fraction_without_quotes_is_refused_with_what_to_write() {
    let error = serde_json::from_str::<Quantity>("0.5").unwrap_err();
    assert!(error.to_string().contains("in quotes"), "{error}");
    assert_eq!(serde_json::from_str::<Quantity>("50").unwrap(), parse("50"));
}

#[test]
fn a_measured_number_is_shown_to_a_thousandth() {
    assert_eq!(Quantity::from_f64_milli(0.4123).unwrap().to_string(), "412m");
    assert_eq!(Quantity::from_f64_milli(83.0).unwrap().to_string(), "83");
    assert_eq!(Quantity::from_f64_milli(f64::NAN), None);
    assert_eq!(Quantity::from_f64_milli(f64::INFINITY), None);
}

proptest! {
    #[test]
    fn any_text_parses_or_is_refused_without_panic(text in "\\PC{0,40}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            let _ = quantity.to_string();
            let _ = quantity.as_f64();
        }
    }

    #[test]
    fn showing_loses_nothing(text in r"[+-]?[0-9]{1,20}(\.[0-9]{0,9})?(n|u|m||k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]{1,2})") {
        let quantity = parse(&text);
        let shown = quantity.to_string();
        let again = parse(&shown);
        prop_assert!(
            (again.as_f64() - quantity.as_f64()).abs() <= quantity.as_f64().abs() * 1e-15,
            "{} became {} and then {}", text, shown, again.as_f64()
        );
        prop_assert_eq!(again.to_string(), shown, "the shown form is canonical");
    }

    #[test]
    fn a_decimal_number_is_the_nearest_f64(mantissa in any::<i64>(), exponent in -18_i32..18) {
        let expected: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
        prop_assert_eq!(parse(&format!("{mantissa}e{exponent}")).as_f64().to_bits(), expected.to_bits());
    }

    #[test]
    fn whole_binary_amounts_are_exact(number in 0_u32..4096, power in 0_u32..6) {
        let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi"][power as usize];
        let expected = f64::from(number) * 1024_f64.powi(i32::try_from(power).unwrap());
        prop_assert_eq!(parse(&format!("{number}{suffix}")).as_f64().to_bits(), expected.to_bits());
    }
}
