//! Checks a list of PromQL label matchers, which is spliced into queries. No network.

/// The list without what surrounds it, or a sentence that says where it is wrong.
pub(super) fn checked(text: &str) -> Result<String, String> {
    let list = text.trim();
    if list.is_empty() {
        return Err("it is empty: write matchers such as cluster=\"a\", or leave the field out".into());
    }
    let mut rest = list;
    loop {
        rest = after_matcher(rest.trim_start())
            .map_err(|reason| format!("{reason}: write matchers such as cluster=\"a\",env=~\"p.*\""))?
            .trim_start();
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
    let rest = rest.trim_start();
    let rest = ["=~", "!~", "!=", "="]
        .iter()
        .find_map(|operator| rest.strip_prefix(operator))
        .ok_or_else(|| format!("after {name} comes none of = != =~ !~"))?;
    after_string(rest.trim_start()).ok_or_else(|| format!("the value of {name} is no quoted string"))
}

/// What follows a string literal of PromQL, which are those of Go and single-quoted ones.
fn after_string(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return text.get(at + c.len_utf8()..),
            '\n' if quote != '`' => return None,
            '\\' if quote != '`' => {
                let (_, escaped) = chars.next()?;
                let digits = match escaped {
                    'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => 0,
                    _ if escaped == quote => 0,
                    'x' | '0'..='3' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => return None,
                };
                let radix = if escaped.is_ascii_digit() { 8 } else { 16 };
                for _ in 0..digits {
                    chars.next().filter(|(_, c)| c.is_digit(radix))?;
                }
            }
            _ => {}
        }
    }
    None
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
