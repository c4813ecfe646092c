//! Whether a refusal by a ResourceQuota still stands: the condition that tells of it goes only when its controller tries
//! again, which may take a quarter of an hour. This asks the API server for the quota, over the network.
use std::time::Duration;

use concertina_decision::Replicas;
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use kube::Client;
use kube::api::Api;

use crate::api::Quantity;
use crate::cluster::QuotaRefusal;

/// The quota is given up after this; then the refusal stands.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A refusal as the API server words it: `exceeded quota: NAME, requested: pods=1,cpu=500m, used: …`.
#[derive(Debug, PartialEq)]
struct Refused<'a> {
    quota: &'a str,
    /// What one pod asks of the quota, by resource.
    requested: Vec<(&'a str, f64)>,
}

impl<'a> Refused<'a> {
    fn read(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once("exceeded quota: ")?;
        let (quota, rest) = rest.split_once(", requested: ")?;
        let (requested, _) = rest.split_once(", used: ")?;
        let requested = requested
            .split(',')
            .map(|part| {
                let (resource, amount) = part.split_once('=')?;
                Some((resource, amount.parse::<Quantity>().ok()?.as_f64()))
            })
            .collect::<Option<_>>()?;
        Some(Self { quota, requested })
    }

    /// How many more pods the quota has room for; `None` where its status does not say.
    fn room(&self, status: &ResourceQuotaStatus) -> Option<Replicas> {
        let (hard, used) = (status.hard.as_ref()?, status.used.as_ref()?);
        let mut room = Replicas::MAX;
        for (resource, amount) in self.requested.iter().filter(|(_, amount)| *amount > 0.0) {
            let amount_of = |of: &k8s_openapi::apimachinery::pkg::api::resource::Quantity| {
                of.0.parse::<Quantity>().ok().map(|quantity| quantity.as_f64())
            };
            // A quota that does not count the resource any more does not refuse it.
            let Some(hard) = hard.get(*resource) else { continue };
            let left = amount_of(hard)? - used.get(*resource).map_or(Some(0.0), amount_of)?;
            #[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
            let pods = (left / amount).floor().max(0.0) as Replicas;
            room = room.min(pods);
        }
        Some(room)
    }
}

/// The refusal with the room that the quota has by now. Where it cannot be read, it stands as it was told.
pub(super) async fn look_again(client: &Client, namespace: &str, refusal: QuotaRefusal) -> QuotaRefusal {
    let Some(refused) = Refused::read(&refusal.message) else {
        return refusal;
    };
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), namespace);
    let more = match tokio::time::timeout(TIMEOUT, quotas.get_opt(refused.quota)).await {
        Ok(Ok(Some(quota))) => quota.status.as_ref().and_then(|status| refused.room(status)),
        // A quota that is gone refuses nothing.
        Ok(Ok(None)) => Some(Replicas::MAX),
        Ok(Err(error)) => {
            let error = crate::log::causes(&error);
            tracing::debug!(
                namespace,
                quota = refused.quota,
                error,
                "the quota cannot be read, so its refusal stands"
            );
            None
        }
        Err(_) => None,
    };
    QuotaRefusal {
        room: refusal.room.saturating_add(more.unwrap_or(0)),
        ..refusal
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MESSAGE: &str = "pods \"web-5\" is forbidden: exceeded quota: small, requested: pods=1,requests.cpu=500m, \
                           used: pods=4,requests.cpu=2, limited: pods=4,requests.cpu=4";

    fn room(status: serde_json::Value) -> Option<Replicas> {
        let status: ResourceQuotaStatus = serde_json::from_value(status).unwrap();
        Refused::read(MESSAGE).unwrap().room(&status)
    }

    #[test]
    fn a_refusal_names_its_quota_and_what_a_pod_asks_of_it() {
        let refused = Refused::read(MESSAGE).unwrap();
        assert_eq!(refused.quota, "small");
        assert_eq!(refused.requested, [("pods", 1.0), ("requests.cpu", 0.5)]);
        for odd in [
            "",
            "pods \"web-5\" is forbidden: failed quota: small: must specify requests.cpu",
            "exceeded quota: small",
            "exceeded quota: small, requested: pods, used: pods=4, limited: pods=4",
            "exceeded quota: small, requested: pods=many, used: pods=4, limited: pods=4",
        ] {
            assert_eq!(Refused::read(odd), None, "{odd}");
        }
    }

    #[test]
    fn there_is_room_for_so_many_pods_as_the_scarcest_resource_has() {
        for (hard, used, expected) in [
            (
                json!({"pods": "4", "requests.cpu": "4"}),
                json!({"pods": "4", "requests.cpu": "2"}),
                Some(0),
            ),
            (
                json!({"pods": "9", "requests.cpu": "4"}),
                json!({"pods": "4", "requests.cpu": "2"}),
                Some(4),
            ),
            (
                json!({"pods": "9", "requests.cpu": "20"}),
                json!({"pods": "4", "requests.cpu": "2"}),
                Some(5),
            ),
            (json!({"pods": "9"}), json!({}), Some(9)),
            (json!({"pods": "2"}), json!({"pods": "4"}), Some(0)),
            (json!({}), json!({}), Some(Replicas::MAX)),
            (json!({"pods": "many"}), json!({}), None),
        ] {
            let status = json!({"hard": hard, "used": used});
            assert_eq!(room(status.clone()), expected, "{status}");
        }
        assert_eq!(room(json!({})), None);
    }
}
