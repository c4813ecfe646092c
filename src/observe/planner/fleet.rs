//! Policies and a server for the tests of plans: the server knows how many series speak of each namespace, and refuses
//! what asks for some of them. Pure.
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::observe::query::Template;
use crate::observe::table::{Answer, Entry, FetchError, LabelTable, PodTable, Remarks, Table};
use concertina_decision::Timestamp;

pub(super) const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// So long is one series in an answer.
pub(super) const BYTES_PER_SERIES: usize = 150;

/// A query, and the labels by which its series are taken.
pub(super) type Need = (Arc<QueryKey>, Option<Vec<(Arc<str>, Box<str>)>>);

/// A policy that asks these queries.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) namespace: Arc<str>,
    pub(super) needs: Vec<Need>,
}

impl Asks for Policy {
    fn needs(&self) -> impl Iterator<Item = (&Arc<QueryKey>, Taken<'_>)> {
        self.needs.iter().map(|(query, taken)| (query, taken.as_deref()))
    }
}

pub(super) fn memory() -> Arc<QueryKey> {
    QueryKey::shared(&"default".into(), Template::Memory)
}

pub(super) fn policies(policies: &[Policy]) -> impl Iterator<Item = (&Arc<str>, &Policy)> {
    policies.iter().map(|policy| (&policy.namespace, policy))
}

/// One policy with one metric in each of these namespaces.
pub(super) fn one_in_each(namespaces: impl Iterator<Item = usize>) -> Vec<Policy> {
    let one = |namespace: usize| Policy {
        namespace: name(namespace),
        needs: vec![(memory(), None)],
    };
    namespaces.map(one).collect()
}

pub(super) fn name(namespace: usize) -> Arc<str> {
    format!("n{namespace}").into()
}

/// A server.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    /// Series that speak of each namespace.
    pub(super) widths: BTreeMap<Arc<str>, usize>,
    /// Who asks for one of these is refused.
    pub(super) poisoned: BTreeSet<Arc<str>>,
    /// The greatest answer in series.
    pub(super) most: Option<usize>,
}

impl Server {
    pub(super) fn of(widths: &[usize]) -> Self {
        Self {
            widths: (0..).map(name).zip(widths.iter().copied()).collect(),
            ..Self::default()
        }
    }

    fn answer(&self, request: &Request) -> Result<Answer, FetchError> {
        let asked = || self.widths.iter().filter(|(name, _)| request.covers(name));
        if asked().any(|(name, _)| self.poisoned.contains(name)) {
            return Err(FetchError::Rejected {
                status: 422,
                message: "query processing would load too many samples into memory".into(),
            });
        }
        let series: usize = asked().map(|(_, width)| width).sum();
        if self.most.is_some_and(|most| series > most) {
            return Err(FetchError::TooLarge(1));
        }
        let mut pods = PodTable::default();
        for (name, width) in asked() {
            for pod in 0..*width {
                let entry = Entry {
                    value: Some(1.0),
                    ..Entry::default()
                };
                pods.insert(name, &pod.to_string(), "", entry);
            }
        }
        let table = match request.wanted {
            Wanted::Pods => Table::Pods(pods),
            Wanted::Labels(_) => Table::Labels(LabelTable::default()),
        };
        Ok(Answer {
            table,
            remarks: Remarks::default(),
            window_seconds: None,
            interval_seconds: None,
            series,
            bytes: series * BYTES_PER_SERIES,
            nan_is_no_requests: false,
        })
    }
}

/// What one tick came to.
#[derive(Debug, Default)]
pub(super) struct Tick {
    pub(super) requests: usize,
    /// Series in the widest answer.
    pub(super) widest: usize,
    /// Namespaces of policies whose query was answered.
    pub(super) answered: BTreeSet<Arc<str>>,
}

/// One tick of these policies, which ask one and the same query: what is refused is asked again in parts at once.
pub(super) fn tick(planner: &mut Planner, due: &[Policy], server: &Server, now: Timestamp) -> Tick {
    let plan = planner.plan(policies(due), now);
    let asked: BTreeSet<Arc<str>> = due.iter().map(|policy| Arc::clone(&policy.namespace)).collect();
    partition(&plan.requests, &asked);
    let mut tick = Tick::default();
    let mut waiting = plan.requests;
    while let Some(request) = waiting.pop() {
        tick.requests += 1;
        assert!(tick.requests < 1000, "no end of dividing");
        let answer = server.answer(&request);
        planner.answered(&request, &answer, now);
        match answer {
            Ok(answer) => {
                tick.widest = tick.widest.max(answer.series);
                tick.answered.extend(request.namespaces.iter().cloned());
            }
            Err(_) => {
                let parts = planner.split(&request);
                if !parts.is_empty() {
                    partition(&parts, &request.namespaces.iter().cloned().collect());
                }
                waiting.extend(parts);
            }
        }
    }
    tick
}

/// Each namespace is asked for once.
fn partition(requests: &[Request], asked: &BTreeSet<Arc<str>>) {
    let all: Vec<Arc<str>> = requests
        .iter()
        .flat_map(|request| request.namespaces.iter().cloned())
        .collect();
    assert_eq!(all.len(), asked.len(), "{requests:?}");
    assert_eq!(&all.into_iter().collect::<BTreeSet<_>>(), asked);
    assert!(requests.len() == 1 || requests.iter().all(|request| request.is_named));
}
