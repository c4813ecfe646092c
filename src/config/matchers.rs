//! Checks a list of PromQL label matchers, which is spliced into queries. No network.
use crate::promql::after_string;

/// White space of PromQL.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// The list without what surrounds it, or a sentence that says where it is wrong.
pub(super) fn checked(text: &str) -> Result<String, String> {
    let list = text.trim();
    if list.is_empty() {
        return Err("it is empty: write matchers such as cluster=\"a\", or leave the field out".into());
    }
    let mut rest = list;
    loop {
        rest = after_matcher(rest.trim_start_matches(BLANKS))
            .map_err(|reason| format!("{reason}: write matchers such as cluster=\"a\",env=~\"p.*\""))?
            .trim_start_matches(BLANKS);
        if rest.is_empty() {
            return Ok(list.to_owned());
        }
        let Some(next) = rest.strip_prefix(',') else {
            return Err(format!(
                "a comma is missing before {rest:?}: write matchers such as cluster=\"a\",env=~\"p.*\""
            ));
        };
        rest = next;
        if rest.trim().is_empty() {
            // A comma at the end is right in PromQL, and wrong where something is added.
            return Ok(list.trim_end_matches(',').trim_end().to_owned());
        }
    }
}

fn after_matcher(text: &str) -> Result<&str, String> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("{text:?} does not begin with a label's name"));
    }
    let rest = rest.trim_start_matches(BLANKS);
    let rest = ["=~", "!~", "!=", "="]
        .iter()
        .find_map(|operator| rest.strip_prefix(operator))
        .ok_or_else(|| format!("after {name} comes none of = != =~ !~"))?;
    after_string(rest.trim_start_matches(BLANKS))
        .ok_or_else(|| format!("the value of {name} is no quoted string that ends, with escapes as in Go"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_matchers_pass_as_they_are_written() {
        for text in [
            r#"cluster="a""#,
            r#"cluster = "a" , env=~"p.*",_x!='y',z!~`\d+`"#,
            r#"a="quote \" and \x41 \101 ä""#,
        ] {
            assert_eq!(checked(text).as_deref(), Ok(text));
        }
        assert_eq!(checked(" a=\"b\", ").as_deref(), Ok("a=\"b\""));
    }

    #[test]
    fn what_would_be_no_matcher_in_a_query_is_refused() {
        for (text, expected) in [
            ("", "empty"),
            ("cluster", "none of = != =~ !~"),
            ("cluster=a", "the value of cluster is no quoted string"),
            (r#"cluster="a"#, "no quoted string"),
            (r#"cluster="\q""#, "no quoted string"),
            (r#"cluster="\uD800""#, "no quoted string"),
            (r#"cluster="\U00110000""#, "no quoted string"),
            (r#"cluster='\"'"#, "no quoted string"),
            (
                "cluster=\"a\" # comment",
                "a comma is missing before \"# comment\"",
            ),
            (
                "cluster=\"a\",# comment\n b=\"c\"",
                "does not begin with a label's name",
            ),
            ("cluster=\u{a0}\"a\"", "the value of cluster is no quoted string"),
            ("cluster\u{a0}=\"a\"", "after cluster comes none of"),
            (r#"a:b="c""#, "after a comes none of"),
            (r#""a.b"="c""#, "does not begin with a label's name"),
            (r#"cluster="a"}) or vector(1"#, "a comma is missing"),
            (r#"{cluster="a"}"#, "does not begin with a label's name"),
            (r#"9a="b""#, "does not begin with a label's name"),
            (r#"a="b",,"#, "does not begin with a label's name"),
        ] {
            let reason = checked(text).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
            assert!(reason.contains("write matchers such as"), "{text}: {reason}");
        }
    }
}
