"""The schema of the values: it knows what there is, and refuses the rest with a sentence. No network."""

import json
import unittest

import chart
import generated


def paths(values, schema, path=()):
    """(path, schema) of every value of values.yaml, down to what the schema does not describe one by one."""
    for name, value in values.items():
        inner = schema.get("properties", {}).get(name)
        yield path + (name,), inner
        if inner and inner.get("properties") and isinstance(value, dict) and value:
            yield from paths(value, inner, path + (name,))


class Values(unittest.TestCase):
    def setUp(self):
        self.values = chart.parse((chart.CHART / "values.yaml").read_text())[0]
        self.schema = json.loads((chart.CHART / "values.schema.json").read_text())

    def test_every_value_is_in_the_schema(self):
        self.assertEqual([".".join(path) for path, schema in paths(self.values, self.schema) if schema is None], [])

    def test_every_property_of_the_schema_is_a_value(self):
        unused = {"global", "enabled"}  # for charts that have this one as a dependency
        self.assertEqual(set(self.schema["properties"]) - set(self.values), unused)
        for name, schema in self.schema["properties"].items():
            free = {"resources", "livenessProbe", "readinessProbe"}  # fields of Kubernetes
            if schema.get("properties") and name not in free:
                self.assertEqual(set(schema["properties"]) - set(self.values[name]), set(), name)

    def test_every_value_is_described(self):
        described = [path for path, _ in generated.described((chart.CHART / "values.yaml").read_text())]
        for path, _ in paths(self.values, self.schema):
            is_known = any(path[: len(one)] == one or one[: len(path)] == path for one in described)
            self.assertTrue(is_known, f"{'.'.join(path)} has no comment that begins with # --")
        self.assertGreater(len(described), 60)

    def test_objects_of_the_schema_refuse_what_they_do_not_know(self):
        def walk(schema, path):
            if "properties" in schema:
                self.assertIs(schema.get("additionalProperties"), False, path)
                for name, inner in schema["properties"].items():
                    walk(inner, f"{path}.{name}")
            for inner in ("items", "additionalProperties"):
                if isinstance(schema.get(inner), dict):
                    walk(schema[inner], f"{path}[]")

        walk(self.schema, "")

    def test_values_that_make_no_sense_are_refused_with_what_is_wrong(self):
        rows = chart.parse((chart.REPOSITORY / "tests/chart/refused.yaml").read_text())[0]
        self.assertGreater(len(rows), 30)
        for row in rows:
            with self.subTest(row["values"]):
                values = [f"--set-json={name}={json.dumps(value)}" for name, value in row["values"].items()]
                with self.assertRaises(chart.Refused) as refused:
                    chart.template(*values)
                self.assertIn(row["says"], str(refused.exception))

    def test_helm_finds_nothing_to_complain_of(self):
        for name, values in chart.SETS.items():
            with self.subTest(name):
                said = chart.helm("lint", "--strict", str(chart.CHART), *values)
                self.assertIn("0 chart(s) failed", said)
                self.assertNotIn("[WARNING]", said)
                self.assertNotIn("[ERROR]", said)
