"""The controller's configuration as the chart writes it, held against the controller itself. Runs the controller named by CONCERTINA,
which finds no cluster and ends; no network."""

import json
import os
import re
import subprocess
import tempfile
import unittest

import yaml

import chart

# What the controller says once it has read its configuration and found it good.
READ = "no cluster to talk to"


def controller(config):
    """What the controller says of this configuration, given as text."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(config)
        file.flush()
        # No kubeconfig and none of a pod's variables: it must not begin to work.
        done = subprocess.run(
            [os.environ["CONCERTINA"], "run", f"--config={file.name}"],
            env={"KUBECONFIG": "/dev/null"},
            capture_output=True,
            text=True,
            timeout=20,
        )
    return done.stderr


def rendered(*arguments):
    """The configuration file that the chart renders."""
    return chart.configuration(chart.objects(*arguments, "--skip-tests", "--show-only=templates/config.yaml"))


def expected_fields(**config):
    """The fields that the controller would have taken in the place of one named `nothing`."""
    said = controller(yaml.safe_dump(config))
    if "unknown field `nothing`" not in said:
        raise AssertionError(said)
    return set(re.findall(r"`(\w+)`", re.split(r"expected (?:one of )?", said)[1].split(":")[0].split(" at line")[0]))


class Config(unittest.TestCase):
    def test_the_controller_reads_what_the_chart_writes(self):
        for name, values in chart.SETS.items():
            with self.subTest(name):
                self.assertIn(READ, controller(rendered(*values)))

    def test_the_fields_of_the_schema_are_those_of_the_controller(self):
        schema = json.loads((chart.CHART / "values.schema.json").read_text())["properties"]["config"]
        server = {"name": "a", "url": "https://a"}
        its = schema["properties"]
        servers = its["servers"]["items"]["properties"]
        table = [
            (schema["properties"], {"servers": [server], "nothing": 1}),
            (servers, {"servers": [server | {"nothing": 1}]}),
            (servers["tls"]["properties"], {"servers": [server | {"tls": {"nothing": 1}}]}),
            (servers["basicAuth"]["properties"], {"servers": [server | {"basicAuth": {"nothing": 1}}]}),
            (its["sources"]["additionalProperties"]["properties"], {"servers": [server], "sources": {"a": {"nothing": 1}}}),
            (its["labels"]["properties"], {"servers": [server], "labels": {"nothing": 1}}),
        ]
        for properties, config in table:
            with self.subTest(config):
                self.assertEqual(set(properties), expected_fields(**config))

    def test_every_field_is_set_somewhere_among_the_values_that_are_tried(self):
        schema = json.loads((chart.CHART / "values.schema.json").read_text())["properties"]["config"]["properties"]
        everything = chart.parse((chart.VALUES / "everything.yaml").read_text())[0]["config"]
        for wanted, parts in [
            (schema["servers"]["items"], everything["servers"]),
            (schema["sources"]["additionalProperties"], everything["sources"].values()),
        ]:
            written = {field for part in parts for field in part}
            self.assertEqual(set(wanted["properties"]) - written, set())

    def test_the_controller_refuses_what_the_chart_refuses(self):
        rows = chart.parse((chart.REPOSITORY / "tests/chart/refused.yaml").read_text())[0]
        rows = [row["values"]["config"] for row in rows if "config" in row["values"]]
        self.assertGreater(len(rows), 20)
        for row in rows:
            with self.subTest(row):
                # What the row does not write is as in values.yaml.
                config = {"servers": [{"name": "default", "url": "http://prometheus"}]} | row
                said = controller(yaml.safe_dump(config))
                self.assertRegex(said, "the configuration (.* is malformed|is wrong)")

    def test_the_examples_of_the_reference_are_values_of_the_chart(self):
        page = (chart.REPOSITORY / "docs/reference/configuration.md").read_text()
        examples = [chart.parse(block)[0] for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
        self.assertGreater(len(examples), 3)
        for example in examples:
            with self.subTest(example):
                text = rendered(*[f"--set-json=config.{name}={json.dumps(value)}" for name, value in example.items()])
                self.assertEqual(chart.parse(text)[0], {"tenancy": "Cluster", "periodSeconds": 15, "policySeries": "All"} | example)

    def test_numbers_and_words_reach_the_controller_as_they_were_written(self):
        everything = chart.parse((chart.VALUES / "everything.yaml").read_text())[0]["config"]
        text = rendered(*chart.SETS["everything"])
        self.assertEqual(chart.parse(text)[0], everything)
        self.assertIn("maxResponseBytes: 16777216\n", text)
