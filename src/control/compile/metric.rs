//! One metric or guard of a stored policy turned into its query and what is done with the answer. Pure.
use super::{CompiledGuard, CompiledMetric, Matching, Measure};
use crate::api::{DEFAULT_SOURCE, DiskDirection, GuardSpec, MatchLabels, MetricSpec, NetworkDirection};
use crate::intern;
use crate::observe::query::{Template, Window};

pub(super) fn compile_guard(guard: &GuardSpec) -> (Template, CompiledGuard) {
    let template = Template::Custom {
        query: guard.query.as_str().into(),
    };
    let compiled = CompiledGuard {
        name: intern::name(&guard.name),
        matching: matching(guard.match_labels.as_ref()),
    };
    (template, compiled)
}

pub(super) fn compile(metric: &MetricSpec) -> Result<(Template, CompiledMetric), String> {
    let window = metric
        .window_seconds
        .and_then(|window| u32::try_from(window).ok())
        .map_or(Window::Auto, Window::Seconds);
    let container = |container: &Option<String>| container.as_deref().map(intern::name);
    let (template, measure) = if let Some(cpu) = &metric.cpu {
        (
            Template::Cpu { window },
            Measure::Cpu {
                container: container(&cpu.container),
                of: cpu.of.unwrap_or_default(),
            },
        )
    } else if let Some(memory) = &metric.memory {
        (
            Template::Memory,
            Measure::Memory {
                container: container(&memory.container),
                of: memory.of.unwrap_or_default(),
            },
        )
    } else if let Some(rate) = &metric.request_rate {
        let source = rate.source.as_deref().unwrap_or(DEFAULT_SOURCE);
        let source = intern::name(source);
        (Template::RequestRate { source, window }, Measure::RequestRate)
    } else if let Some(network) = &metric.network {
        let direction = network.direction.unwrap_or(NetworkDirection::Both);
        (Template::Network { direction, window }, Measure::Network)
    } else if let Some(disk) = &metric.disk {
        let direction = disk.direction.unwrap_or(DiskDirection::Both);
        (Template::Disk { direction, window }, Measure::Disk)
    } else if let Some(prometheus) = &metric.prometheus {
        let template = Template::Custom {
            query: prometheus.query.as_str().into(),
        };
        let matching = matching(prometheus.match_labels.as_ref());
        (template, Measure::Total { matching })
    } else {
        return Err(format!(
            "metric {} measures nothing: give it one of cpu, memory, requestRate, network, disk or prometheus",
            metric.name
        ));
    };
    let name = intern::name(&metric.name);
    Ok((template, CompiledMetric { name, measure }))
}

/// The labels of `match` in their order; few names are used by many policies, values by few.
fn matching(labels: Option<&MatchLabels>) -> Matching {
    labels
        .into_iter()
        .flatten()
        .map(|(name, value)| (intern::name(name), value.as_str().into()))
        .collect()
}
