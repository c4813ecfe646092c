//! Policies that the controller refuses under a configuration, which need not be in force yet. No network.
use serde_json::{Value, json};

use super::workloads::name;
use crate::api::ScalingPolicy;
use crate::cli::doctor::finding::{Findings, plural, some_of};
use crate::config::Config;
use crate::control::compile::CompiledPolicy;

/// So many are told with their reasons.
const MOST: usize = 4;

/// Policies that contradict themselves or ask a server for what this configuration keeps from them.
pub(in crate::cli::doctor) fn refused(policies: &[Value], config: &Config, found: &mut Findings) {
    let refused: Vec<String> = policies
        .iter()
        .filter_map(|policy| Some(format!("{} ({})", name(policy), refusal(policy, config)?)))
        .collect();
    if !refused.is_empty() {
        found.problem(
            "refused",
            format!(
                "{} of {} would not scale under this configuration: {}",
                refused.len(),
                plural(policies.len(), "policy object"),
                some_of(&refused, MOST)
            ),
            "what each says in its policy, or tenancy: Cluster for its server where that is the reason",
        );
    }
}

/// What is not of the shape of a policy is left to the API server and to the controller's conditions.
fn refusal(policy: &Value, config: &Config) -> Option<String> {
    let object = json!({"metadata": policy.get("metadata"), "spec": policy.get("spec")});
    let policy: ScalingPolicy = serde_json::from_value(object).ok()?;
    CompiledPolicy::of(&policy, config).err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Level;
    use crate::fixtures::{policy, with};

    #[test]
    fn policies_that_a_configuration_will_refuse_are_told_before_it_is_in_force() {
        let by = |name: &str, query: &str| {
            let metrics = json!([{"name": "jobs", "prometheus": {"query": query, "averageValue": 5}}]);
            with(policy(name), "/spec/metrics", metrics)
        };
        let policies = [
            by("own", "sum(jobs)"),
            by("foreign", "sum(jobs{namespace=\"bank\"})"),
            json!({}),
        ];
        let told = |tenancy: &str| {
            let text = format!("servers: [{{name: default, url: 'http://a'}}]\ntenancy: {tenancy}");
            let config = Config::parse(&text, "test.yaml".as_ref()).unwrap();
            let mut found = Findings::about("cluster");
            refused(&policies, &config, &mut found);
            found.list
        };
        assert_eq!(told("Cluster").len(), 0);
        let found = told("Namespace");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, Level::Problem);
        let what = "1 of 3 policy objects would not scale under this configuration: shop/foreign (metric jobs query: \
                    namespace=\"bank\" asks for another namespace";
        assert!(found[0].what.starts_with(what), "{}", found[0].what);
    }
}
