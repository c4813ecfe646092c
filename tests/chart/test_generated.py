"""Files that are made from others are current. No network."""

import unittest

import chart
import generated


class Generated(unittest.TestCase):
    maxDiff = 2000

    def test_the_definition_in_the_chart_is_the_committed_one(self):
        committed = chart.REPOSITORY / "crds/scalingpolicies.concertina.dev.yaml"
        self.assertEqual((chart.CHART / chart.CRD).read_bytes(), committed.read_bytes(), "run `make generate` and commit it")

    def test_the_definition_that_is_rendered_is_the_committed_one_but_for_its_annotation_and_labels(self):
        committed = chart.parse((chart.REPOSITORY / "crds/scalingpolicies.concertina.dev.yaml").read_text())[0]
        rendered = chart.only(chart.objects(), "CustomResourceDefinition")
        self.assertEqual(rendered["metadata"].pop("annotations"), {"helm.sh/resource-policy": "keep"})
        rendered["metadata"].pop("labels")  # those of every object: test_objects
        self.assertEqual(rendered, committed)

    def test_the_manifests_are_current(self):
        made = generated.manifests()
        self.assertEqual(set(made), {"crd.yaml", "rbac.yaml", "controller.yaml", "config.yaml"})
        for name, text in made.items():
            with self.subTest(name):
                self.assertEqual((generated.MANIFESTS / name).read_text(), text, "run `make generate` and commit it")

    def test_all_manifests_are_installed_together(self):
        kustomization = chart.parse((generated.MANIFESTS / "kustomization.yaml").read_text())[0]
        applied = set(kustomization["resources"])
        applied |= {file for one in kustomization["configMapGenerator"] for file in one["files"]}
        there = {path.name for path in generated.MANIFESTS.glob("*.yaml")}
        self.assertEqual(applied | {"kustomization.yaml"}, there)

    def test_the_manifests_say_nothing_of_helm(self):
        for name, text in generated.manifests().items():
            self.assertNotIn("helm.sh", text, name)
            self.assertNotIn("Helm", text, name)

    def test_the_table_of_values_is_current(self):
        self.assertEqual(generated.README.read_text(), generated.readme(), "run `make generate` and commit it")
