"""Makes alerts of a real controller fire and end, and compares what a real Alertmanager tells a listener. Runs in the test bed's network, where
it asks Prometheus, Alertmanager and the API server.

    fired.py ALERTMANAGER RULES DATA    the program; the folder where Prometheus reads rules; a folder for its data
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"
LISTENER = ("127.0.0.1", 9094)
NAMESPACE = "alarms"
PATIENCE_SECONDS = 120
# So far the alerts look back in this test.
LOOK_BACK_SECONDS = 20

# These must stay silent, and a change of leader or of pods takes some scrapes: they wait longer than the others, in seconds.
SILENT = {"ConcertinaNoLeader": 30, "ConcertinaTwoLeaders": 30, "ConcertinaAbsent": 30}

# Nobody exports it.
NOTHING = {"name": "nothing", "prometheus": {"query": "nobodys_metric", "averageValue": 1}}


def deployment(name, *arguments):
    """A Deployment of one shop that runs with these arguments."""
    container = {
        "name": "shop",
        "image": "localhost/shop:dev",
        "args": list(arguments),
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    pod = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1, "containers": [container]}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def policy(name, *metrics, **fields):
    """A policy on the Deployment of the same name."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "periodSeconds": 1, "metrics": list(metrics), **fields}
    return {"apiVersion": "concertina.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def load(total):
    return {"name": "backlog", "prometheus": {"query": f"vector({total})", "averageValue": 10}}


def guard(query, **fields):
    return [{"name": "errors", "query": query, "above": 5, "forSeconds": 0, **fields}]


# Each policy has a fault of its own.
FAULTS = [
    deployment("broken", "no-such-command"),
    policy("broken", {"name": "cpu", "cpu": {"averageUtilization": 70}}),
    deployment("busy", "serve"),
    policy("busy", load(100), guards=guard("vector(7)")),
    policy("lost", load(10)),
    deployment("blind", "serve"),
    policy("blind", NOTHING),
    deployment("partly", "serve"),
    policy("partly", load(10), NOTHING),
    deployment("fallen", "serve"),
    policy("fallen", NOTHING, fallback={"afterSeconds": 30, "replicas": 2}),
    deployment("unguarded", "serve"),
    policy("unguarded", load(10), guards=guard("nobodys_metric", maxBlockSeconds=60)),
]
# And this puts them right.
MENDED = [
    deployment("broken", "serve"),
    policy("busy", load(10), guards=guard("vector(1)")),
    deployment("lost", "serve"),
    policy("blind", load(10)),
    policy("partly", load(10)),
    policy("fallen", load(10)),
    policy("unguarded", load(10), guards=guard("nobodys_metric", whenEmpty="Zero")),
]
# What must come of it: alert, policy, severity, other labels, and what the description names.
EXPECTED = [
    ("ConcertinaTargetDown", "broken", "critical", {}, "asks for 1 replicas"),
    ("ConcertinaAtMaximum", "busy", "warning", {}, "maximum of 3 replicas"),
    ("ConcertinaGuardTripped", "busy", "warning", {}, ": errors."),
    ("ConcertinaPolicyNotInForce", "lost", "warning", {"reason": "TargetNotFound"}, "because of TargetNotFound"),
    ("ConcertinaScalingBlind", "blind", "critical", {}, ": nothing (NoSamples)."),
    ("ConcertinaMetricsMissing", "partly", "warning", {}, ": nothing (NoSamples)."),
    ("ConcertinaGuardMissing", "unguarded", "warning", {}, ": errors."),
]
LATER = [
    ("ConcertinaFallbackActive", "fallen", "warning", {}, "keeps 2 replicas"),
    ("ConcertinaGuardExpired", "unguarded", "critical", {}, ": errors."),
]
# There are no pods to measure, which goes without saying while the target is down.
INHIBITED = ("ConcertinaScalingBlind", "broken")


class Listener(BaseHTTPRequestHandler):
    """Takes notifications down, in the order in which they come."""

    heard = []

    def do_POST(self):
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def told(status):
    """The alerts of this namespace that were told of with this status, by name and policy."""
    alerts = [alert for one in list(Listener.heard) for alert in one["alerts"] if alert["status"] == status]
    ours = [alert for alert in alerts if alert["labels"].get("namespace") == NAMESPACE]
    return {(alert["labels"]["alertname"], alert["labels"].get("policy")): alert for alert in ours}


def ask(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def query(text):
    """Labels and value of each series."""
    found = ask(f"{PROMETHEUS}/api/v1/query?" + urllib.parse.urlencode({"query": text}))["data"]["result"]
    return [(one["metric"], float(one["value"][1])) for one in found]


def kubectl(*arguments, text=None):
    done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def until(what, holds):
    """Waits until this holds, and returns what it answers."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = holds()
        except OSError:  # not up yet
            answer = None
        if answer:
            return answer
        if time.monotonic() > limit:
            print(f"told so far: {json.dumps(Listener.heard, indent=1)}", file=sys.stderr)
            raise SystemExit(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.5)


def impatient(text):
    """The rules as they are shipped, but for how long they wait and how far they look back."""
    head, *rules = re.split(r"^(?= *- alert:)", text, flags=re.MULTILINE)
    for place, rule in enumerate(rules):
        seconds = SILENT.get(re.search(r"alert: (\w+)", rule)[1], 5)
        rules[place] = re.sub(r"^( *for:) .*", rf"\1 {seconds}s", rule, flags=re.MULTILINE)
    text = re.sub(r"\[[25]m\]", f"[{LOOK_BACK_SECONDS}s]", head + "".join(rules))
    # Controllers and targets are young here.
    text = text.replace("[12m:30s]) >= 15", f"[{LOOK_BACK_SECONDS + 10}s:1s]) >= {LOOK_BACK_SECONDS}")
    return text.replace("process_start_time_seconds < 120", "process_start_time_seconds < 5")


def alert_rules():
    """All rules of Prometheus, as it tells them."""
    return [rule for group in ask(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"] for rule in group["rules"]]


def all_evaluated_after(seconds):
    """Whether Prometheus has evaluated each rule later than this, in seconds since 1970."""
    # Python reads no nanoseconds.
    times = [re.sub(r"\.\d+", "", rule["lastEvaluation"]).replace("Z", "+00:00") for rule in alert_rules()]
    return bool(times) and min(datetime.fromisoformat(at).timestamp() for at in times) > seconds


class Steps:
    """What was seen, one line each as cargo prints tests."""

    def __init__(self):
        self.began, self.passed, self.failed = time.monotonic(), 0, 0

    def check(self, sentence, holds, otherwise=""):
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(f"{sentence} ... {'ok' if holds else 'FAILED ' + str(otherwise)} ({time.monotonic() - self.began:.0f} s)", flush=True)


def leaders():
    """Pods of the controller, and whether each leads."""
    return {labels["pod"]: value for labels, value in query('concertina_leader{namespace="concertina"}')}


def one_leads():
    pods = leaders()
    return pods if len(pods) == 2 and sum(pods.values()) == 1 else None


def keys(expected):
    return {one[:2] for one in expected}


def check_told(steps, expected):
    """Waits until these alerts are told of, and looks at what is told."""
    until(f"told of: {keys(expected)}", lambda: keys(expected) <= told("firing").keys())
    for name, policy_name, severity, others, words in expected:
        alert = told("firing")[name, policy_name]
        wanted = {"alertname": name, "namespace": NAMESPACE, "policy": policy_name, "severity": severity} | others
        steps.check(f"{name} of {policy_name} is told of, with its labels", alert["labels"] == wanted, alert["labels"])
        said = alert["annotations"]
        is_complete = f"{NAMESPACE}/{policy_name}" in said["summary"] and said["runbook_url"].endswith(f"#{name.lower()}")
        is_plain = words in said["description"] and "<no value>" not in str(said)
        steps.check(f"{name} of {policy_name} says: {words.strip(':. ')}", is_complete and is_plain, said)


def apply(objects):
    kubectl("apply", "--filename=-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def watch(steps):
    """The story itself."""
    before = until("two controllers are scraped, and one of them leads", one_leads)
    steps.check("Prometheus scrapes two controllers, of which one leads", True)

    kubectl("create", "namespace", NAMESPACE)
    apply(FAULTS)
    check_told(steps, EXPECTED)
    one = next(one for one in Listener.heard if one["alerts"][0]["labels"]["alertname"] == "ConcertinaTargetDown")
    print(json.dumps(one, indent=1))
    first = told("firing")

    def is_suppressed():
        found = ask(f"{ALERTMANAGER}/api/v2/alerts?" + urllib.parse.urlencode({"filter": f'alertname="{INHIBITED[0]}"'}))
        return [one for one in found if one["labels"]["policy"] == INHIBITED[1] and one["status"]["state"] == "suppressed"]

    steps.check("what follows from another alert is not told of", until("it is suppressed", is_suppressed))

    leader = next(pod for pod, leads in before.items() if leads)
    kubectl("delete", "pod", leader, "--namespace=concertina", "--wait=false")
    until("another controller leads", lambda: (pods := one_leads()) and leader not in pods)
    forgotten = time.time() + LOOK_BACK_SECONDS
    until("the rules see nothing of the former leader any more", lambda: all_evaluated_after(forgotten))
    alive = {(one["labels"]["alertname"], one["labels"].get("policy")): one for one in ask(f"{PROMETHEUS}/api/v1/alerts")["data"]["alerts"]}
    # The guard that is missing has expired meanwhile, and then its end goes without saying too.
    lasting = keys(EXPECTED) - {("ConcertinaGuardMissing", "unguarded")}
    for name, policy_name in sorted(lasting):
        since = alive.get((name, policy_name), {}).get("activeAt", "")[:19]
        lasts = since and since <= first[name, policy_name]["startsAt"][:19]
        steps.check(f"{name} of {policy_name} outlasts a change of leader", lasts and (name, policy_name) not in told("resolved"), since)
    check_told(steps, LATER)
    every = [alert["labels"]["alertname"] for one in Listener.heard for alert in one["alerts"]]
    for name in SILENT:
        steps.check(f"{name} is silent meanwhile", name not in every)
    rules = alert_rules()
    ill = {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"}
    steps.check(f"Prometheus evaluates all {len(rules)} rules", rules and not ill, ill)

    apply(MENDED)
    for name, policy_name in sorted(lasting | keys(LATER)):
        until(f"the end of {name} of {policy_name}", lambda key=(name, policy_name): key in told("resolved"))
        steps.check(f"{name} of {policy_name} ends when what was wrong is put right", True)
    fired = [(a["labels"]["alertname"], a["labels"].get("policy")) for one in Listener.heard for a in one["alerts"] if a["status"] == "firing"]
    twice = {key for key in lasting if fired.count(key) != 1}
    steps.check("each that lasted was told of once", not twice, twice)


def main():
    program, rules, data = sys.argv[1:]
    server = ThreadingHTTPServer(LISTENER, Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for file in sorted((REPOSITORY / "deploy/helm/concertina/files/alerts").glob("*.yaml")):
        (Path(rules) / file.name).write_text(impatient(file.read_text()))
    config = REPOSITORY / "testbed/config/alertmanager.yaml"
    log = open(f"{data}.log", "w")
    flags = [f"--config.file={config}", f"--storage.path={data}", "--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="]
    steps = Steps()
    # It ends with this process, however that ends; and what is asked to end still cleans up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    alertmanager = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program, *flags], stdout=log, stderr=log)
    try:
        until("Alertmanager is ready", lambda: urllib.request.urlopen(f"{ALERTMANAGER}/-/ready", timeout=2).status == 200)
        urllib.request.urlopen(urllib.request.Request(f"{PROMETHEUS}/-/reload", method="POST"), timeout=10).close()
        until("Prometheus has the rules", lambda: len(ask(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"]) >= 5)
        watch(steps)
    except BaseException:
        print(Path(f"{data}.log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        alertmanager.terminate()
        alertmanager.wait()
        subprocess.run(["kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false"], capture_output=True)
    took = time.monotonic() - steps.began
    result = "FAILED" if steps.failed else "ok"
    print(f"test result: {result}. {steps.passed} passed; {steps.failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in {took:.0f}s")
    return 1 if steps.failed else 0


if __name__ == "__main__":
    sys.exit(main())
