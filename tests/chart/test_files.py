"""Alerts and dashboards that lie in the chart's folder files are brought when they are asked for. No network."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import chart

ALERTS = """\
groups:
- name: one
  rules:
  - alert: Example
    expr: absent(concertina_leader) == 1
    annotations: {summary: "{{ $labels.namespace }} has none"}
"""


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.copy = self.folder / "concertina"
        shutil.copytree(chart.CHART, self.copy)
        for name, file, text in [("alerts", "example.yaml", ALERTS), ("dashboards", "example.json", '{"uid": "{{ datasource }}"}\n')]:
            shutil.rmtree(self.copy / "files" / name, ignore_errors=True)
            (self.copy / "files" / name).mkdir(parents=True)
            (self.copy / "files" / name / file).write_text(text)

    def test_alerts_become_a_rule_word_for_word(self):
        self.assertNotIn("PrometheusRule", chart.kinds(chart.objects(chart=self.copy)))
        rule = chart.only(chart.objects("--set=prometheusRule.enabled=true", "--set=prometheusRule.labels.a=b", chart=self.copy), "PrometheusRule")
        self.assertEqual(rule["spec"], chart.parse(ALERTS)[0])
        self.assertEqual(rule["metadata"]["labels"]["a"], "b")

    def test_alerts_are_left_out_and_changed_by_name_and_the_others_stay(self):
        def rules(*arguments):
            rule = chart.only(chart.objects("--set=prometheusRule.enabled=true", *arguments), "PrometheusRule")
            return {one["alert"]: one for group in rule["spec"]["groups"] for one in group["rules"]}

        plain = rules()
        self.assertEqual(rules("--set=prometheusRule.alerts.ConcertinaFlapping.enabled=false").keys(), plain.keys() - {"ConcertinaFlapping"})
        changed = rules(
            "--set=prometheusRule.alerts.ConcertinaAtMaximum.for=1h",
            "--set=prometheusRule.alerts.ConcertinaAtMaximum.severity=info",
        )
        other = changed.pop("ConcertinaAtMaximum")
        self.assertEqual((other["for"], other["labels"]), ("1h", {"severity": "info"}))
        self.assertEqual(changed.items(), {name: one for name, one in plain.items() if name in changed}.items())
        told = rules("--set=prometheusRule.alertLabels.team=platform", "--set=prometheusRule.runbookUrl=https://example.com/r.md")
        for name, one in told.items():
            self.assertEqual(one["labels"], plain[name]["labels"] | {"team": "platform"})
            self.assertEqual(one["annotations"]["runbook_url"], f"https://example.com/r.md#{name.lower()}")

    def test_dashboards_become_what_grafana_looks_for(self):
        plain = {one["metadata"]["name"] for one in chart.objects(chart=self.copy) if one["kind"] == "ConfigMap"}
        self.assertEqual(plain, {"concertina-config"})
        rendered = chart.objects("--set=dashboards.enabled=true", "--set=dashboards.namespace=grafana", chart=self.copy)
        page = chart.only(rendered, "ConfigMap", "concertina-dashboard-example")
        self.assertEqual(page["metadata"]["namespace"], "grafana")
        self.assertEqual(page["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(json.loads(page["data"]["example.json"]), {"uid": "{{ datasource }}"})

    def test_what_lies_there_is_brought(self):
        rendered = chart.objects("--set=prometheusRule.enabled=true", "--set=dashboards.enabled=true")
        dashboards = [one for one in rendered if "-dashboard-" in one["metadata"]["name"]]
        self.assertEqual(len(dashboards), len(list((chart.CHART / "files").glob("dashboards/*.json"))))
        rules = [one for one in rendered if one["kind"] == "PrometheusRule"]
        self.assertEqual(len(rules), 1 if list((chart.CHART / "files").glob("alerts/*.yaml")) else 0)
