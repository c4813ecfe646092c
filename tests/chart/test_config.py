"""The controller's configuration as the chart writes it, held against the controller itself. Runs the controller named by CONCERTINA,
which finds no cluster and ends; no network but a port of this machine on which nobody listens."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

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

    def test_what_the_doctor_writes_becomes_values_of_the_chart_by_the_line_of_the_readme(self):
        lines = [line for line in (chart.REPOSITORY / "README.md").read_text().splitlines() if line.endswith("> concertina.yaml")]
        self.assertEqual(len(lines), 1)
        server = {"name": "default", "url": "http://127.0.0.1:1", "headers": {"X-Scope-OrgID": "on", "X-Number": "010"}, "matchers": 'cluster="a"'}
        config = {"servers": [server], "labels": {"pod": "y"}, "sources": {"no": {"requests": "requests_total"}}}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "before.yaml").write_text(yaml.safe_dump(config))
            doctor = [Path(os.environ["CONCERTINA"]).absolute(), "doctor", "--config=before.yaml", "--write-config=config.yaml"]
            # It finds neither cluster nor server, and writes what it was given.
            subprocess.run(doctor, cwd=folder, env={"KUBECONFIG": "/dev/null"}, capture_output=True, timeout=60)
            subprocess.run(["bash", "-c", lines[0]], cwd=folder, check=True)
            text = rendered(f"--values={folder}/concertina.yaml")
        self.assertEqual(chart.parse(text)[0], {"tenancy": "Cluster", "periodSeconds": 15, "policySeries": "All"} | config)

    def test_numbers_and_words_reach_the_controller_as_they_were_written(self):
        everything = chart.parse((chart.VALUES / "everything.yaml").read_text())[0]["config"]
        text = rendered(*chart.SETS["everything"])
        self.assertEqual(chart.parse(text)[0], everything)
        self.assertIn("maxResponseBytes: 16777216\n", text)
