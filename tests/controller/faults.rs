//! What can go wrong with a request to the scripted API server.
use std::sync::Arc;

use tokio::sync::Notify;

use crate::requests::Request;

/// Which requests are meant.
pub(crate) type Match = fn(&Request) -> bool;

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is refused with this HTTP status and message.
    Answers(u16, &'static str),
    /// An admission webhook puts this count in the place of the one that is asked for.
    Alters(i32),
    /// It is handled once the test says so.
    Waits(Held),
    /// It is not handled and not answered.
    NeverAnswers,
    /// It is handled, but the connection breaks before the answer.
    Breaks,
    /// The connection breaks before it is handled.
    Disconnects,
}

/// A request that waits for the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    arrived: Arc<Notify>,
    released: Arc<Notify>,
}

impl Held {
    pub(crate) async fn wait(&self) {
        self.arrived.notify_one();
        self.released.notified().await;
    }

    /// Waits until the request is there.
    pub(crate) async fn has_arrived(&self) {
        let patience = std::time::Duration::from_secs(10);
        tokio::time::timeout(patience, self.arrived.notified())
            .await
            .expect("the request arrives");
    }

    /// Lets it be handled.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

/// The faults that are still to come.
#[derive(Default)]
pub(crate) struct Faults(Vec<(Match, Fault, usize)>);

impl Faults {
    pub(crate) fn add(&mut self, requests: Match, fault: Fault, times: usize) {
        self.0.push((requests, fault, times));
    }

    pub(crate) fn take(&mut self, request: &Request) -> Option<Fault> {
        let (_, fault, times) = self
            .0
            .iter_mut()
            .find(|(wanted, _, times)| *times > 0 && wanted(request))?;
        *times -= 1;
        Some(fault.clone())
    }
}
