//! Plans one tick after another, and learns from the answers. Pure.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use concertina_decision::Timestamp;

use super::assemble::{Assembly, Form, Numbers, count};
use super::spread::Spread;
use super::{Asks, Plan, Request};
use crate::config::Config;
use crate::observe::join::a_store_failed;
use crate::observe::plan::QueryKey;
use crate::observe::query::Template;
use crate::observe::table::{Answer, FetchError};

/// An answer with more series than this is wide.
const WIDE_SERIES: usize = 100_000;

/// Plans the requests of each tick.
#[derive(Debug, Default)]
pub struct Planner {
    /// The greatest answer in bytes, by server.
    most_bytes: HashMap<Arc<str>, usize>,
    /// Sources whose series do not tell namespaces apart.
    without_namespace: HashSet<Arc<str>>,
    wide_series: Option<usize>,
    spreads: HashMap<Arc<QueryKey>, Spread>,
}

impl Planner {
    /// For the servers and sources of this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let bytes =
            |server: &crate::config::ServerConfig| (server.name.as_str().into(), server.max_response_bytes);
        Self {
            most_bytes: config.servers.iter().map(bytes).collect(),
            without_namespace: config
                .sources
                .keys()
                .filter(|name| !tells_namespaces(config, name))
                .map(|name| name.as_str().into())
                .collect(),
            ..Self::default()
        }
    }

    /// So many series are wide already.
    #[must_use]
    pub fn with_wide_series(self, series: usize) -> Self {
        Self {
            wide_series: Some(series),
            ..self
        }
    }

    /// The requests of the policies that are due, each with its namespace.
    pub fn plan<'a, P: Asks + 'a>(
        &mut self,
        due: impl Iterator<Item = (&'a Arc<str>, &'a P)>,
        now: Timestamp,
    ) -> Plan {
        self.spreads.retain(|_, spread| {
            spread.settle(now);
            !spread.is_over(now)
        });
        let mut assembly = Assembly::new();
        let (mut queries, mut namespaces) = (Numbers::new(), Numbers::new());
        let mut requests = Vec::new();
        for (member, (name, policy)) in due.enumerate() {
            let (namespace, _) = namespaces.of(name);
            requests.clear();
            for (query, taken) in policy.needs() {
                let (slot, is_new) = queries.of(query);
                if is_new {
                    assembly.add_query(query, self.form_of(query));
                }
                let lot = assembly.take(slot, taken);
                let request = match assembly.known(slot, namespace) {
                    Some(request) => request,
                    None => self.request(&mut assembly, slot, lot, (namespace, name), now),
                };
                requests.push(request);
            }
            assembly.add_member(&requests, count(member));
        }
        assembly.finish()
    }

    fn request<'a>(
        &mut self,
        assembly: &mut Assembly<'a>,
        slot: u32,
        lot: usize,
        (namespace, name): (u32, &'a Arc<str>),
        now: Timestamp,
    ) -> u32 {
        let (part, shard) = match assembly.query(slot) {
            Some((_, Form::Own)) | None => return assembly.request(slot, lot, count(lot)),
            Some((_, Form::Whole)) => (0, 0),
            Some((query, Form::Sharded)) => self
                .spreads
                .get_mut(query)
                .map_or((0, 0), |spread| spread.shard_of(name, now)),
        };
        let request = assembly.request(slot, part, shard);
        assembly.add_namespace(slot, request, namespace, name);
        request
    }

    fn form_of(&self, query: &Arc<QueryKey>) -> Form {
        if !self.is_grouped(query) {
            return Form::Own;
        }
        let is_sharded = self.spreads.get(query).is_some_and(|spread| !spread.is_whole());
        if is_sharded { Form::Sharded } else { Form::Whole }
    }

    /// Whether the query can name namespaces, and so be divided.
    fn is_grouped(&self, query: &QueryKey) -> bool {
        match &query.template {
            Template::Custom { .. } => false,
            Template::Source { source, .. } => !self.without_namespace.contains(source),
            _ => true,
        }
    }

    fn wide(&self) -> usize {
        self.wide_series.unwrap_or(WIDE_SERIES)
    }

    /// Learns from what became of a request.
    pub fn answered(&mut self, request: &Request, answer: &Result<Answer, FetchError>, now: Timestamp) {
        if !self.is_grouped(&request.query) {
            return;
        }
        let wide = self.wide();
        match answer {
            Ok(answer) => {
                let most_bytes = self.most_bytes.get(&request.query.server).copied();
                // Half of what is read at most, so that it may grow until the next tick.
                let bytes_are_wide = most_bytes.is_some_and(|most| answer.bytes > most / 2);
                let is_wide = answer.series > wide || bytes_are_wide;
                let spread = if is_wide && request.namespaces.len() > 1 {
                    self.spreads.entry(Arc::clone(&request.query)).or_default()
                } else {
                    match self.spreads.get_mut(&request.query) {
                        Some(spread) => spread,
                        None => return,
                    }
                };
                let widths = widths_of(request, answer);
                spread.answered(request.shard, &widths, now);
                if is_wide && request.namespaces.len() > 1 {
                    let per_series = answer.bytes.div_ceil(answer.series.max(1)).max(1);
                    let most = most_bytes.map_or(wide, |bytes| wide.min(bytes / 2 / per_series));
                    spread.too_wide(request.shard, widths, most, now);
                }
            }
            Err(error) if is_refusal(error) => {
                if request.namespaces.len() > 1 || self.spreads.contains_key(&request.query) {
                    let spread = self.spreads.entry(Arc::clone(&request.query)).or_default();
                    spread.refused(request.shard, &request.namespaces, now);
                }
            }
            Err(_) => {
                if let Some(spread) = self.spreads.get_mut(&request.query) {
                    spread.failed(request.shard);
                }
            }
        }
    }

    /// The requests to ask at once in place of one that was refused; none when it is not to be divided. To be called
    /// after [`Planner::answered`]. Each namespace of the request is in exactly one of them.
    #[must_use]
    pub fn split(&self, request: &Request) -> Vec<Request> {
        let Some(spread) = self
            .spreads
            .get(&request.query)
            .filter(|spread| !spread.is_whole())
        else {
            return Vec::new();
        };
        let mut parts: Vec<(u32, Vec<Arc<str>>)> = Vec::new();
        for namespace in request.namespaces.iter() {
            let shard = spread.known_shard_of(namespace).unwrap_or(0);
            match parts.iter_mut().find(|(id, _)| *id == shard) {
                Some((_, names)) => names.push(Arc::clone(namespace)),
                None => parts.push((shard, vec![Arc::clone(namespace)])),
            }
        }
        if parts.len() < 2 {
            return Vec::new();
        }
        let part = |(shard, mut names): (u32, Vec<Arc<str>>)| {
            names.sort_unstable();
            Request {
                namespaces: names.into(),
                is_named: true,
                shard,
                ..request.clone()
            }
        };
        parts.into_iter().map(part).collect()
    }
}

fn tells_namespaces(config: &Config, source: &str) -> bool {
    config
        .source(source)
        .is_some_and(|source| source.namespace_label.is_some())
}

/// The series that spoke of each namespace that was asked for.
fn widths_of<'r>(request: &'r Request, answer: &Answer) -> Vec<(&'r Arc<str>, usize)> {
    let mut widths: HashMap<&str, usize> = HashMap::new();
    for (namespace, series) in answer.widths() {
        *widths.entry(namespace).or_default() += series;
    }
    let width = |name: &'r Arc<str>| (name, widths.get(&**name).copied().unwrap_or(0));
    request.namespaces.iter().map(width).collect()
}

/// Whether the server refuses what was asked, so that asking for less may help: not for want of rights, not because
/// it has too much to do, and not because one of its own parts failed.
fn is_refusal(error: &FetchError) -> bool {
    match error {
        FetchError::TooLarge(_) => true,
        FetchError::Rejected { status, message } => {
            (400..500).contains(status) && ![401, 403, 404, 429].contains(status) && !a_store_failed(message)
        }
        _ => false,
    }
}
