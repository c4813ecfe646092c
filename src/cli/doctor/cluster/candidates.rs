//! Services that look like a Prometheus or one of its kin. Pure.
use serde_json::Value;

/// What they are called, and the prefix of the path that belongs to their API.
const SERVERS: [(&str, &str); 10] = [
    ("thanos-query-frontend", ""),
    ("thanos-query", ""),
    ("thanos-querier", ""),
    ("vmselect", "/select/0/prometheus"),
    ("vmsingle", ""),
    ("victoria-metrics-single", ""),
    ("mimir-gateway", "/prometheus"),
    ("mimir-nginx", "/prometheus"),
    ("cortex-query-frontend", "/prometheus"),
    ("prometheus", ""),
];
/// What belongs to them and does not answer queries.
const OTHERS: [&str; 13] = [
    "alertmanager",
    "operator",
    "exporter",
    "kube-state-metrics",
    "pushgateway",
    "adapter",
    "sidecar",
    "discovery",
    "blackbox",
    "grafana",
    "webhook",
    "agent",
    "-kube-",
];
/// Ports of their APIs by name and by number, the likeliest first.
const PORT_NAMES: [&str; 5] = ["http-web", "web", "http", "http-metrics", "http-query"];
const PORT_NUMBERS: [i64; 7] = [9090, 10902, 8481, 8428, 8429, 8080, 80];
/// So many are named.
const MOST: usize = 3;

/// Their URLs inside the cluster.
pub(in crate::cli::doctor) fn prometheus_urls(services: &[Value]) -> Vec<String> {
    let mut urls: Vec<(usize, String)> = services.iter().filter_map(url).collect();
    urls.sort();
    urls.into_iter().take(MOST).map(|(_, url)| url).collect()
}

fn url(service: &Value) -> Option<(usize, String)> {
    let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str);
    let (name, namespace) = (text("/metadata/name")?, text("/metadata/namespace")?);
    // The chart of kube-prometheus-stack names its server so: RELEASE-kube-prometheus-prometheus.
    let is_stack = name.ends_with("kube-prometheus-prometheus") || name.ends_with("kube-prom-prometheus");
    if !is_stack && OTHERS.iter().any(|other| name.contains(other)) {
        return None;
    }
    let application = text("/metadata/labels/app.kubernetes.io~1name").unwrap_or_default();
    let is = |server: &str| name.contains(server) || application == server;
    let (place, (_, prefix)) = SERVERS.iter().enumerate().find(|(_, (server, _))| is(server))?;
    let ports = service.pointer("/spec/ports")?.as_array()?;
    let number = |port: &Value| port.get("port").and_then(Value::as_i64);
    let named = |name: &str| {
        let port = ports
            .iter()
            .find(|port| port.get("name").and_then(Value::as_str) == Some(name));
        port.and_then(number)
    };
    let numbered = |wanted: i64| ports.iter().filter_map(number).find(|port| *port == wanted);
    let port = PORT_NAMES
        .into_iter()
        .find_map(named)
        .or_else(|| PORT_NUMBERS.into_iter().find_map(numbered))?;
    Some((place, format!("http://{name}.{namespace}.svc:{port}{prefix}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(namespace: &str, name: &str, ports: &[(&str, i64)]) -> Value {
        let ports: Vec<Value> = ports
            .iter()
            .map(|(name, port)| json!({"name": name, "port": port}))
            .collect();
        json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": ports}})
    }

    #[test]
    fn servers_that_answer_queries_are_found_among_their_kin() {
        let services = [
            service(
                "monitoring",
                "stack-kube-prometheus-prometheus",
                &[("http-web", 9090), ("reloader-web", 8080)],
            ),
            service("monitoring", "stack-kube-prometheus-operator", &[("https", 443)]),
            service(
                "monitoring",
                "stack-kube-prometheus-alertmanager",
                &[("http-web", 9093)],
            ),
            service(
                "monitoring",
                "stack-prometheus-node-exporter",
                &[("http-metrics", 9100)],
            ),
            service("vm", "vmselect-main", &[("http", 8481)]),
            service("monitoring", "prometheus-headless", &[("grpc", 10901)]),
            service("shop", "web", &[("http", 80)]),
        ];
        assert_eq!(
            prometheus_urls(&services),
            [
                "http://vmselect-main.vm.svc:8481/select/0/prometheus",
                "http://stack-kube-prometheus-prometheus.monitoring.svc:9090",
            ]
        );
        assert!(prometheus_urls(&[json!({}), json!(null)]).is_empty());
    }
}
