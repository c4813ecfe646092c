//! One open watch of the scripted API server: a stream of events that knows whether its reader has taken them all in.
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::Stream;
use serde_json::Value;

/// An open or ended watch.
pub(crate) struct Watch {
    pub(crate) plural: String,
    /// The one namespace that it tells of.
    namespace: Option<String>,
    events: VecDeque<Value>,
    /// Events that are held back.
    withheld: VecDeque<Value>,
    ended: bool,
    dropped: bool,
    /// Whether the reader has come back for more than there is, so that it has dealt with all there was.
    drained: bool,
    waker: Option<Waker>,
}

impl Watch {
    pub(crate) fn new(plural: &str, namespace: Option<&str>) -> Self {
        Self {
            plural: plural.into(),
            namespace: namespace.map(str::to_owned),
            events: VecDeque::new(),
            withheld: VecDeque::new(),
            ended: false,
            dropped: false,
            drained: false,
            waker: None,
        }
    }

    /// Whether it tells of an object of this kind.
    pub(crate) fn is_of(&self, plural: &str, object: &Value) -> bool {
        self.plural == plural && is_in(self.namespace.as_deref(), object)
    }

    /// Whether it was opened for this namespace, which all include.
    pub(crate) fn is_for(&self, plural: &str, namespace: &str) -> bool {
        let own = self.namespace.as_deref();
        self.plural == plural && own.is_none_or(|own| own == namespace)
    }

    pub(crate) fn push(&mut self, event: Value, withheld: bool) {
        if withheld {
            self.withheld.push_back(event);
        } else {
            self.events.push_back(event);
            self.wake();
        }
    }

    pub(crate) fn deliver(&mut self) {
        let mut withheld = std::mem::take(&mut self.withheld);
        self.events.append(&mut withheld);
        self.wake();
    }

    pub(crate) fn forget(&mut self) {
        self.withheld.clear();
    }

    /// Sends a last event and closes the connection.
    pub(crate) fn end(&mut self, event: Value) {
        self.push(event, false);
        self.ended = true;
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.dropped
    }

    /// Open for good, and read to the end.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_open() && !self.ended && self.drained && self.events.is_empty()
    }

    /// Whether its reader has something to deal with.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_open() && !self.is_settled()
    }

    fn wake(&mut self) {
        self.drained = false;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Whether an object is in this namespace, or in any.
pub(crate) fn is_in(namespace: Option<&str>, object: &Value) -> bool {
    namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
}

/// The reader's end.
pub(crate) struct WatchStream(pub(crate) Arc<Mutex<Watch>>);

impl Stream for WatchStream {
    type Item = Result<String, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut watch = self.0.lock().unwrap();
        if let Some(event) = watch.events.pop_front() {
            return Poll::Ready(Some(Ok(format!("{event}\n"))));
        }
        if watch.ended {
            return Poll::Ready(None);
        }
        watch.drained = true;
        watch.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}
