//! The controller's log: text or JSON on the standard error, one line per fact, bounded in number. Sends nothing.
//!
//! What the fields of a line are called, and what they mean, is in docs/reference/logs.md.
mod limit;

use std::error::Error;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Instant;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

pub use limit::{LINES, Limit, WINDOW_SECONDS};

/// The target of the lines on the controller's own changes of replicas: each of them is logged, however many there are.
pub const CHANGES: &str = "concertina::changes";
/// What is logged unless somebody asks for something else.
pub const DEFAULT_LEVEL: &str = "info";

/// What lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Directives that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}: write a level (error, warn, info, debug, trace), or such as warn,concertina=debug")]
pub struct DirectiveError(#[from] tracing_subscriber::filter::ParseError);

/// The directives as they are used: what is empty stands for [`DEFAULT_LEVEL`].
///
/// # Errors
/// When they cannot be read.
pub fn directives(text: &str) -> Result<String, DirectiveError> {
    let text = if text.trim().is_empty() {
        DEFAULT_LEVEL
    } else {
        text
    };
    filter(text).map(|_| text.to_owned())
}

fn filter(directives: &str) -> Result<EnvFilter, DirectiveError> {
    Ok(EnvFilter::builder().parse(directives)?)
}

/// Begins to log on the standard error, once in a process; panics too are lines of the log from here on.
///
/// # Errors
/// When the directives cannot be read.
pub fn start(format: Format, directives: &str) -> Result<Arc<Limit>, DirectiveError> {
    let began = Instant::now();
    let limit = Arc::new(Limit::new(move || began.elapsed().as_secs()));
    let has_colours = std::io::stderr().is_terminal();
    let subscriber = subscriber(
        format,
        directives,
        has_colours,
        std::io::stderr,
        Arc::clone(&limit),
    )?;
    // Another one can only be there in a program that embeds this one; it stays.
    let _ = tracing::dispatcher::set_global_default(subscriber.into());
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let error = panic.payload_as_str().unwrap_or("no words");
        tracing::error!(
            error,
            location,
            "a part of the controller panicked; please report it"
        );
    }));
    Ok(limit)
}

/// What takes the lines, for any writer.
///
/// # Errors
/// When the directives cannot be read.
pub fn subscriber<W>(
    format: Format,
    directives: &str,
    has_colours: bool,
    writer: W,
    limit: Arc<Limit>,
) -> Result<Box<dyn Subscriber + Send + Sync>, DirectiveError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(directives)?)
        .with_ansi(has_colours)
        .with_writer(writer);
    Ok(match format {
        Format::Text => Box::new(builder.finish().with(limit::Layer(limit))),
        Format::Json => {
            let builder = builder.json().flatten_event(true);
            let builder = builder.with_current_span(false).with_span_list(false);
            Box::new(builder.finish().with(limit::Layer(limit)))
        }
    })
}

/// An error with its causes in one line, from the outermost to the innermost; what an outer one has said already is not repeated.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        // The API server's own words, without the status around them.
        let (words, source) = match cause.downcast_ref() {
            Some(kube::Error::Api(status)) => (status.message.clone(), None),
            _ => (cause.to_string(), cause.source()),
        };
        if !said.contains(&words) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.extend(words.chars().map(|one| if one.is_control() { ' ' } else { one }));
        }
        next = source;
    }
    said
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
