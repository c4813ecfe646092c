"""Everything that is rendered is valid for each version of Kubernetes, by the schemas of these versions, with fields that are not known
refused. No network."""

import unittest

import jsonschema
import kubernetes_validate

import chart

VERSIONS = ["1.33", "1.34", "1.35", "1.36", "1.37"]
# Kinds of others, for which Kubernetes has no schema: test_objects looks at their fields.
OTHERS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def policy_schema():
    definition = chart.parse((chart.CHART / chart.CRD).read_text())[0]
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


class Schemas(unittest.TestCase):
    def test_what_is_rendered_is_valid_in_every_version_of_kubernetes(self):
        seen = set()
        for name, values in chart.SETS.items():
            for version in VERSIONS:
                rendered = chart.objects(*values, f"--kube-version={version}.0")
                for one in rendered:
                    if one["kind"] in OTHERS | {"ScalingPolicy"}:
                        continue
                    with self.subTest(f"{name}, Kubernetes {version}: {one['kind']} {one['metadata']['name']}"):
                        kubernetes_validate.validate(one, version, strict=True)
                    seen.add(one["kind"])
        self.assertGreaterEqual(len(seen), 12, seen)

    def test_a_field_that_kubernetes_does_not_know_would_be_found(self):
        deployment = chart.only(chart.objects(), "Deployment")
        deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
        for version in VERSIONS:
            with self.assertRaises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(deployment, version, strict=True)

    def test_policies_of_the_chart_fit_the_definition(self):
        policy = chart.only(chart.objects(), "ScalingPolicy")
        metadata = chart.parse((chart.CHART / "Chart.yaml").read_text())[0]["annotations"]
        examples = chart.parse(metadata["artifacthub.io/crdsExamples"])[0]
        self.assertEqual(len(examples), 1)
        for one in [policy, *examples]:
            jsonschema.validate(one, policy_schema())
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.validate(policy | {"spec": policy["spec"] | {"maxReplicas": -1}}, policy_schema())

    def test_an_older_kubernetes_is_refused(self):
        with self.assertRaisesRegex(chart.Refused, "1.32.0"):
            chart.template("--kube-version=1.32.0")
