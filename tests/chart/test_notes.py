"""What helm says after an installation: a policy that is decided as it stands, and what is to be looked at. No network."""

import json
import unittest

import jsonschema

import chart
import test_schemas


def servers(*names):
    return f"--set-json=config.servers={json.dumps([{'name': name, 'url': 'http://a'} for name in names])}"


def example(*arguments):
    """The policy that the notes show."""
    return chart.parse(chart.notes(*arguments).split("<<END\n")[1].split("\nEND\n")[0])[0]  # a shell wants END at the beginning of its line


class Notes(unittest.TestCase):
    def test_the_policy_of_the_notes_fits_the_definition_and_names_a_server_that_is_there(self):
        for names, wanted in [(["default"], None), (["a", "default"], None), (["a", "b"], {"name": "a"}), (["1"], {"name": "1"})]:
            policy = example(servers(*names))
            jsonschema.validate(policy, test_schemas.policy_schema())
            self.assertEqual(policy["spec"].get("prometheusRef"), wanted, names)

    def test_where_no_server_is_the_default_the_notes_say_that_each_policy_must_name_one(self):
        self.assertNotIn("prometheusRef", chart.notes(servers("a", "default")))
        said = chart.notes(servers("a", "b"))
        self.assertIn("No server is named default: each policy must name one in prometheusRef, or says UnknownServer.", said)

    def test_helm_test_asks_the_server_that_policies_without_a_choice_get(self):
        asked = lambda *names: chart.only(chart.objects(servers(*names)), "ScalingPolicy")["spec"]["prometheusRef"]["name"]
        self.assertEqual([asked("default"), asked("a", "default"), asked("a", "b")], ["default", "default", "a"])

    def test_the_open_port_is_told_of_where_namespaces_are_to_be_kept_apart(self):
        warning = "Port 8080 shows the values, specs and queries of all namespaces"
        narrow = "--set=config.tenancy=Namespace"
        of_one = f"--set-json=config.servers={json.dumps([{'name': 'default', 'url': 'http://a', 'tenancy': 'Namespace'}])}"
        closed = ["--set=networkPolicy.enabled=true", "--set-json=networkPolicy.from=[{\"podSelector\":{}}]"]
        for values, is_told in [
            ([], False),
            ([narrow], True),
            ([of_one], True),
            ([narrow, "--set=networkPolicy.enabled=true"], True),  # without `from` it lets all in
            ([narrow, *closed], False),
        ]:
            self.assertEqual(warning in chart.notes(*values), is_told, values)
