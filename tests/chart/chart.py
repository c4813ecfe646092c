"""Renders the chart with the helm that HELM names, and reads what comes out. No network."""

import base64
import os
import subprocess
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "deploy/helm/concertina"
VALUES = Path(__file__).parent / "values"
CRD = "files/crds/scalingpolicies.concertina.dev.yaml"
# Sets of values under which everything that is rendered must hold: none, and the files.
SETS = {"defaults": []} | {path.stem: [f"--values={path}"] for path in sorted(VALUES.glob("*.yaml"))}


class Refused(Exception):
    """What helm says when it refuses a chart or its values."""


class OneMeaning(yaml.CSafeLoader):
    """Refuses a key that is written twice: readers differ in which one they take."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"written twice: {', '.join(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


def parse(text):
    """The documents of a YAML text, without empty ones."""
    return [document for document in yaml.load_all(text, Loader=OneMeaning) if document]


def helm(*arguments):
    """What helm prints."""
    # Neither the user's plugins nor a cluster may have a say.
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "HELM_PLUGINS": "/nonexistent", "KUBECONFIG": "/dev/null"}
    done = subprocess.run([os.environ["HELM"], *arguments], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


def template(*arguments, chart=CHART, release="concertina", namespace="concertina"):
    """The manifests of a release as text."""
    return helm("template", release, str(chart), f"--namespace={namespace}", *arguments)


def objects(*arguments, **place):
    """The objects of a release."""
    return parse(template(*arguments, **place))


def only(rendered, kind, name=None):
    """The one object of this kind, and name where it is given."""
    found = [one for one in rendered if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    if len(found) != 1:
        raise LookupError(f"{len(found)} objects of kind {kind} {name or ''}")
    return found[0]


def notes(*arguments):
    """What helm says after it has installed the chart."""
    return helm("install", "concertina", str(CHART), "--namespace=concertina", "--dry-run=client", *arguments).split("\nNOTES:\n")[1]


def configuration(rendered):
    """The controller's configuration file among these objects: in a Secret or in a ConfigMap."""
    found = [one for one in rendered if one["kind"] in {"ConfigMap", "Secret"} and one["metadata"]["name"].endswith("-config")]
    if len(found) != 1:
        raise LookupError(f"{len(found)} configurations")
    text = found[0]["data"]["config.yaml"]
    return base64.b64decode(text).decode() if found[0]["kind"] == "Secret" else text


def kinds(rendered):
    """The kinds of these objects."""
    return {one["kind"] for one in rendered}
