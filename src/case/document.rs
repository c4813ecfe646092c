//! From a stream of YAML documents or JSON values to cases, one document at a time. Reads from what the caller opened.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::node::number_value;
use super::{CaseError, FORMAT};

/// The documents of a stream. JSON values where the first character is `{`, separated by white space or not at all;
/// YAML documents otherwise. One document is in memory at a time. After what is not YAML or JSON a stream of JSON ends.
pub struct Documents<'r> {
    source: Source<'r>,
}

enum Source<'r> {
    Json(Box<dyn Iterator<Item = Result<Value, serde_json::Error>> + 'r>),
    Yaml(YamlChunks<'r>),
}

impl<'r> Documents<'r> {
    /// The documents of this stream.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(mut reader: Box<dyn BufRead + 'r>) -> Result<Self, CaseError> {
        let source = if first_character(reader.as_mut())? == Some(b'{') {
            Source::Json(Box::new(
                serde_json::Deserializer::from_reader(reader).into_iter(),
            ))
        } else {
            Source::Yaml(YamlChunks {
                reader,
                line: 0,
                next: None,
            })
        };
        Ok(Self { source })
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Value, CaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Json(values) => Some(
                values
                    .next()?
                    .map_err(|error| CaseError::Syntax(format!("no JSON: {error}"))),
            ),
            Source::Yaml(chunks) => Some(chunks.next()?.and_then(|(line, text)| {
                value_of_yaml(&text).map_err(|error| {
                    CaseError::Syntax(format!(
                        "no YAML in the document that begins at line {line}: {error}"
                    ))
                })
            })),
        }
    }
}

/// Passes over white space.
fn first_character(reader: &mut dyn BufRead) -> Result<Option<u8>, CaseError> {
    loop {
        let buffer = reader.fill_buf().map_err(|error| unreadable(&error))?;
        match buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(0) => return Ok(buffer.first().copied()),
            // Indentation means something in YAML, and cases have none at their top.
            Some(count) => reader.consume(count),
            None if buffer.is_empty() => return Ok(None),
            None => {
                let count = buffer.len();
                reader.consume(count);
            }
        }
    }
}

fn unreadable(error: &std::io::Error) -> CaseError {
    CaseError::Syntax(format!("cannot be read: {error}"))
}

/// The text between lines that begin with `---`, with the number of its first line.
struct YamlChunks<'r> {
    reader: Box<dyn BufRead + 'r>,
    line: usize,
    /// The line that begins the next document.
    next: Option<Vec<u8>>,
}

impl Iterator for YamlChunks<'_> {
    type Item = Result<(usize, Vec<u8>), CaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (line, text) = match self.chunk() {
                Ok(chunk) => chunk?,
                Err(error) => return Some(Err(error)),
            };
            if has_content(&text) {
                return Some(Ok((line, text)));
            }
        }
    }
}

impl YamlChunks<'_> {
    fn chunk(&mut self) -> Result<Option<(usize, Vec<u8>)>, CaseError> {
        let began = self.next.is_some();
        let mut text = self.next.take().unwrap_or_default();
        let first_line = self.line + usize::from(!began);
        loop {
            let mut line = Vec::new();
            let count = self
                .reader
                .read_until(b'\n', &mut line)
                .map_err(|error| unreadable(&error))?;
            if count == 0 {
                return Ok((began || !text.is_empty()).then_some((first_line, text)));
            }
            self.line += 1;
            if begins_document(&line) && (began || !text.is_empty()) {
                self.next = Some(line);
                return Ok(Some((first_line, text)));
            }
            text.extend(line);
        }
    }
}

fn begins_document(line: &[u8]) -> bool {
    line.strip_prefix(b"---")
        .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// Whether there is more than comments, directives and markers.
fn has_content(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        let line = line.strip_prefix(b"---").unwrap_or(line).trim_ascii();
        !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b"%") && line != b"..."
    })
}

fn value_of_yaml(text: &[u8]) -> Result<Value, String> {
    let document = serde_yaml::Deserializer::from_slice(text);
    let mut value = serde_yaml::Value::deserialize(document).map_err(|error| error.to_string())?;
    value.apply_merge().map_err(|error| error.to_string())?;
    json_of(value)
}

/// The same as JSON. What JSON has no number for becomes the word that a case has for it.
fn json_of(value: serde_yaml::Value) -> Result<Value, String> {
    Ok(match value {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(truth) => truth.into(),
        serde_yaml::Value::String(text) => text.into(),
        serde_yaml::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into(),
            (_, Some(whole), _) => whole.into(),
            (_, _, number) => number_value(number.unwrap_or(f64::NAN)),
        },
        serde_yaml::Value::Sequence(values) => {
            Value::Array(values.into_iter().map(json_of).collect::<Result<_, _>>()?)
        }
        serde_yaml::Value::Mapping(mapping) => {
            let entries = mapping.into_iter().map(|(key, value)| match key {
                serde_yaml::Value::String(name) => Ok((name, json_of(value)?)),
                other => Err(format!("{other:?} is no name of a field: write a text")),
            });
            Value::Object(entries.collect::<Result<Map<_, _>, String>>()?)
        }
        serde_yaml::Value::Tagged(tagged) => {
            return Err(format!("{} is no tag of a case: leave it out", tagged.tag));
        }
    })
}

/// The cases of a document: itself, or those of its table. In a table each of `cases` is merged into `base` as a JSON
/// merge patch (RFC 7396): mappings are merged, everything else is replaced, null takes away. Fields whose names begin
/// with `x-` are for the author's own use, such as anchors.
///
/// # Errors
/// When a table has further fields, or is none.
pub fn cases_of(mut document: Value) -> Result<Vec<Value>, CaseError> {
    let Some(map) = document.as_object_mut() else {
        return Ok(vec![document]);
    };
    map.retain(|name, _| !name.starts_with("x-"));
    let Some(cases) = map.remove("cases") else {
        return Ok(vec![document]);
    };
    let format = map.remove("apiVersion").unwrap_or_default();
    if format != FORMAT {
        let found = if format.is_null() {
            "not there".to_owned()
        } else {
            format.to_string()
        };
        return Err(CaseError::Format { found });
    }
    let mut base = map.remove("base").unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(field) = map.keys().next() {
        return Err(CaseError::UnknownField {
            field: field.clone(),
            known: "apiVersion, base, cases".into(),
        });
    }
    let (Value::Array(cases), Some(fields)) = (cases, base.as_object_mut()) else {
        return Err(CaseError::Syntax(
            "a table needs base, which is a case without what differs, and cases, which is a list of what differs".into(),
        ));
    };
    fields.insert("apiVersion".into(), FORMAT.into());
    Ok(cases
        .into_iter()
        .map(|case| {
            let mut merged = base.clone();
            json_patch::merge(&mut merged, &case);
            merged
        })
        .collect())
}
