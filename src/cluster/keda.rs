//! Whether KEDA is installed, which may change at any time, and how long a broken one is waited for. This reads from the network.
use std::time::Duration;

use kube::Client;
use kube::core::{ApiResource, GroupVersionKind};
use tokio::time::Instant;

use super::autoscalers::Source;
use super::feed::{LOOKUP_TIMEOUT, NO_ANSWER};
use super::{Cluster, Standing};
use crate::log::causes;

/// Where KEDA is not installed, whether it is there is looked up again after this.
const KEDA_ABSENT_RETRY: Duration = Duration::from_secs(300);
/// A look-up of KEDA that failed is tried again after the first of these, which doubles up to the second.
const KEDA_FAILED_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// So long nothing is decided because KEDA's API is broken.
const KEDA_PATIENCE: Duration = Duration::from_secs(15);
/// Whether it is waited for is looked at so often.
const PATIENCE_GAP: Duration = Duration::from_millis(500);

/// Looks KEDA up until it is found.
pub(super) async fn find_keda(cluster: &Cluster, client: &Client) -> ApiResource {
    let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", Source::Keda.kind());
    let (first_wait, longest_wait) = KEDA_FAILED_RETRY;
    let mut wait = first_wait;
    loop {
        let looked_up = kube::discovery::pinned_kind(client, &kind);
        let failure = match tokio::time::timeout(LOOKUP_TIMEOUT, looked_up).await {
            Ok(Ok((resource, _))) => return resource,
            Ok(Err(error)) if is_absent(&error) => {
                cluster.autoscalers().go_without(Source::Keda);
                wait = first_wait;
                tokio::time::sleep(KEDA_ABSENT_RETRY).await;
                continue;
            }
            Ok(Err(error)) => causes(&error),
            Err(_) => NO_ANSWER.to_owned(),
        };
        if wait == first_wait {
            tracing::warn!(
                error = failure,
                "whether KEDA is installed cannot be found out and will be tried again"
            );
        }
        tokio::time::sleep(wait).await;
        wait = longest_wait.min(wait * 2);
    }
}

/// Whether the API server answers that there is no such kind, or none for this controller. Any other failure says
/// nothing: while an API server begins, and while it is overloaded, it answers so of what is there.
fn is_absent(error: &kube::Error) -> bool {
    match error {
        kube::Error::Discovery(_) => true,
        kube::Error::Api(status) => matches!(status.code, 403 | 404),
        _ => false,
    }
}

/// What KEDA scales must not be touched, but somebody else's broken API must not stop this controller for ever. The time
/// begins when the API server has answered all else, in each part by itself, so that its own outage does not count.
pub(super) async fn lose_patience_with_keda(cluster: &Cluster) {
    let parts = cluster.parts();
    let mut waits: Vec<_> = parts.iter().map(|(part, _)| (part, None)).collect();
    loop {
        let mut is_news = false;
        for (part, since) in &mut waits {
            let mut view = cluster.view();
            if view.standing(*part) != Standing::Read || !view.autoscalers.is_awaited(Source::Keda, *part) {
                *since = None;
            } else if since.get_or_insert_with(Instant::now).elapsed() >= KEDA_PATIENCE {
                is_news |= view.autoscalers.go_without_in(Source::Keda, *part);
            }
        }
        if is_news {
            tracing::warn!(
                "KEDA's API does not answer: going on without, so a policy whose target KEDA scales too does not stand back; \
                 it is tried again meanwhile"
            );
        }
        tokio::time::sleep(PATIENCE_GAP).await;
    }
}
