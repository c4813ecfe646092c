"""Makes the files that are made from the chart: deploy/manifests and the table in the chart's README. Writes them when it is run. No network."""

import json
import re

from chart import CHART, REPOSITORY, parse, template

MANIFESTS = REPOSITORY / "deploy/manifests"
README = CHART / "README.md"
# Which file has what a template renders.
FILES = {
    "crd.yaml": "crd.yaml",
    "serviceaccount.yaml": "rbac.yaml",
    "rbac.yaml": "rbac.yaml",
    "policy-roles.yaml": "rbac.yaml",
    "config.yaml": "config.yaml",
    "service.yaml": "controller.yaml",
    "deployment.yaml": "controller.yaml",
    "poddisruptionbudget.yaml": "controller.yaml",
}
HEAD = "# Made from deploy/helm/concertina by `make generate`: change it there.\n"
CONFIG_HEAD = """\
# The controller's configuration; set the URL of your Prometheus. Policies name a server in prometheusRef; "default" serves
# those that name none. All fields, with failover, TLS, credentials and tenants: docs/reference/configuration.md.
"""
# What is only true of a release of helm.
HELMS_OWN = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by|checksum/config): .*\n", re.MULTILINE)
# What the definition has beside the text of crds/.
LABELS = re.compile(r"^  labels:\n(?:    .*\n)+", re.MULTILINE)
BEGIN, END = "<!-- values: made by `make generate` -->\n", "<!-- end of values -->\n"


def manifests():
    """The text of each file of deploy/manifests that is made from the chart, by its name."""
    rendered = template("--skip-tests", "--set=crds.keep=false")
    files = {}
    for part in re.split(r"^---\n", rendered, flags=re.MULTILINE):
        source = re.match(r"# Source: concertina/templates/(.*)\n", part)
        if not source:
            continue
        text = HELMS_OWN.sub("", part[source.end() :]).strip("\n") + "\n"
        name = FILES[source[1]]
        if name == "crd.yaml":
            text = LABELS.sub("", text, count=1)
        if name == "config.yaml":
            text = parse(text)[0]["data"]["config.yaml"]
        files.setdefault(name, []).append(text)
    files = {name: "---\n".join(texts) for name, texts in files.items()}
    heads = {"crd.yaml": "", "config.yaml": CONFIG_HEAD}  # the definition is the very file of crds/
    return {name: heads.get(name, HEAD) + text for name, text in files.items()}


def described(text):
    """(path, description) of every value in the text of values.yaml that has one, in order."""
    found, path, words = [], [], []
    for line in text.splitlines():
        comment = re.match(r" *# -- (.*)", line)
        entry = re.match(r"( *)([A-Za-z]+):", line)
        if comment:
            words.append(comment[1])
        elif entry:
            path = path[: len(entry[1]) // 2] + [entry[2]]
            if words:
                found.append((tuple(path), " ".join(words)))
            words = []
    return found


def value(values, path):
    """What is at this path."""
    for key in path:
        values = values[key]
    return values


def table():
    """The table of all values."""
    text = (CHART / "values.yaml").read_text()
    values = parse(text)[0]
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for path, words in described(text):
        default = json.dumps(value(values, path)).replace("|", "\\|")
        rows.append(f"| `{'.'.join(path)}` | `{default}` | {words.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def readme():
    """The chart's README with the table as it should be."""
    before, rest = README.read_text().split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    for name, text in manifests().items():
        (MANIFESTS / name).write_text(text)
    README.write_text(readme())
