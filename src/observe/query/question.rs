//! A query made ready to be sent: its text, and how its answer is to be read. No network.
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Namespaces, Template, TextContext};
use crate::config::{Config, Source};
use crate::observe::interval::Intervals;
use crate::observe::plan::QueryKey;
use crate::observe::table::{FetchError, Naming};

/// A query, ready to be sent.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// What is asked for.
    pub template: &'a Template,
    /// PromQL.
    pub text: String,
    /// How its answer tells its series apart.
    pub naming: Naming<'a>,
    /// Whether its answer has totals, which are wrong without a part, and not pods.
    pub is_total: bool,
    /// Whether it asks how often series are scraped, and so waits its turn with others that do.
    pub measures_interval: bool,
    /// Seconds over which its rates are measured; `None` where it has none, or a user's own.
    pub window_seconds: Option<u32>,
    /// Seconds between two scrapes of the series behind it, where they are measured.
    pub interval_seconds: Option<f64>,
    /// Tells questions of the same text apart: each may be under way at the same time as the others.
    pub identity: u64,
}

impl Question<'_> {
    /// The same question, asked for this part of those who wait for it.
    #[must_use]
    pub fn of_part(self, part: u32) -> Self {
        let identity = hash_of(&(self.identity, part));
        Self { identity, ..self }
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl QueryKey {
    /// Makes the query ready to be asked for these namespaces. Windows follow what `intervals` knows of the server.
    ///
    /// # Errors
    /// When the server or the source is not in the configuration, and when the source lacks what is asked for.
    pub fn question<'a>(
        &'a self,
        config: &'a Config,
        intervals: &Intervals,
        namespaces: &Namespaces,
    ) -> Result<Question<'a>, FetchError> {
        let server = config
            .server(&self.server)
            .ok_or_else(|| FetchError::UnknownServer(self.server.to_string()))?;
        let source = self.template.source_in(config)?;
        let auto_window_seconds = intervals.window_seconds(self, server.scrape_interval_seconds);
        let text = self.template.text(&TextContext {
            namespaces: &namespaces.within(config),
            matchers: server.matchers().unwrap_or_default(),
            labels: &config.labels,
            source,
            auto_window_seconds,
        });
        Ok(Question {
            text,
            naming: self.template.naming(config, source),
            window_seconds: self.template.window_seconds(auto_window_seconds),
            interval_seconds: intervals.scrape_interval(self),
            identity: hash_of(self),
            is_total: self.template.is_total(source),
            measures_interval: false,
            template: &self.template,
        })
    }
}

/// A question for how often the series behind a query are scraped.
pub struct IntervalQuestion {
    template: Template,
    text: String,
}

impl IntervalQuestion {
    /// Ready to be sent; the answer is one number, or nothing.
    #[must_use]
    pub fn as_question(&self) -> Question<'_> {
        Question {
            template: &self.template,
            text: self.text.clone(),
            naming: Naming::OWN,
            is_total: false,
            measures_interval: true,
            window_seconds: None,
            interval_seconds: None,
            identity: 0,
        }
    }
}

impl QueryKey {
    /// Ask for the seconds between two scrapes of the series behind this query, one after the other until a number comes;
    /// none where no window follows them.
    #[must_use]
    pub fn interval_questions(&self, config: &Config) -> Vec<IntervalQuestion> {
        let texts = || {
            self.template.interval_texts(&TextContext {
                // What is learned holds for all namespaces, so it is asked of all.
                namespaces: &Namespaces::default().within(config),
                matchers: config.server(&self.server)?.matchers().unwrap_or_default(),
                labels: &config.labels,
                source: self.template.source_in(config).ok()?,
                auto_window_seconds: 0,
            })
        };
        let question = |text: String| IntervalQuestion {
            template: Template::Custom {
                query: text.as_str().into(),
                age_query: None,
            },
            text,
        };
        texts().into_iter().flatten().map(question).collect()
    }
}

impl Template {
    /// The source that it asks, if it asks one.
    pub(in crate::observe) fn source_in<'a>(
        &self,
        config: &'a Config,
    ) -> Result<Option<&'a Source>, FetchError> {
        let Self::Source { source, measure, .. } = self else {
            return Ok(None);
        };
        let known = config
            .source(source)
            .ok_or_else(|| FetchError::UnknownSource(source.to_string()))?;
        match measure.lacking(known) {
            None => Ok(Some(known)),
            Some(lacking) => Err(FetchError::LackingSource(format!("source {source} {lacking}"))),
        }
    }

    fn is_total(&self, source: Option<&Source>) -> bool {
        let counts_workloads = source.is_some_and(|source| source.workload_label().is_some());
        counts_workloads || matches!(self, Self::Custom { .. })
    }

    fn naming<'a>(&self, config: &'a Config, source: Option<&'a Source>) -> Naming<'a> {
        let labels = &config.labels;
        let of_containers = Naming {
            namespace: &labels.namespace,
            pod: &labels.pod,
            container: &labels.container,
            has_families: true,
        };
        match (self, source.map(|source| (source, &source.scope))) {
            (Self::Custom { age_query, .. }, _) => Naming {
                has_families: age_query.is_some(),
                ..Naming::OWN
            },
            (_, Some((source, scope))) => Naming {
                namespace: source.namespace_label.as_deref().unwrap_or_default(),
                pod: match scope {
                    crate::config::Scope::Pod { label } => label,
                    crate::config::Scope::Workload { .. } => "",
                },
                ..of_containers
            },
            (_, None) => of_containers,
        }
    }
}
