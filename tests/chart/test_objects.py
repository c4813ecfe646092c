"""What the rendered objects are: safe, least in rights, found by their selectors, and as the values say. No network."""

import json
import unittest

import chart

RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def pod_of(one):
    """The template of a workload, or the pod itself."""
    return one if one["kind"] == "Pod" else one["spec"]["template"]


def deployment(*arguments):
    return chart.only(chart.objects(*arguments), "Deployment")


def container(*arguments):
    return pod_of(deployment(*arguments))["spec"]["containers"][0]


def rights(role):
    """The triples of group, resource (with the name that it is bound to) and verb that a role grants."""
    return {
        (group, f"{resource}/{name}" if name else resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [None])
        for verb in rule["verbs"]
    }


def matches(selector, labels):
    return selector.items() <= labels.items()


class Objects(unittest.TestCase):
    def test_two_controllers_elect_one_unless_there_is_one_only(self):
        one = deployment()
        self.assertEqual((one["spec"]["replicas"], one["spec"]["strategy"]["type"]), (2, "RollingUpdate"))
        self.assertIn("--leader-elect=true", container()["args"])
        alone = deployment(*chart.SETS["alone"])
        self.assertEqual((alone["spec"]["replicas"], alone["spec"]["strategy"]["type"]), (1, "Recreate"))
        self.assertIn("--leader-elect=false", container(*chart.SETS["alone"])["args"])

    def test_pods_are_what_the_restricted_standard_asks_for(self):
        count = 0
        for values in chart.SETS.values():
            for one in chart.objects(*values):
                if one["kind"] not in {"Deployment", "Pod"}:
                    continue
                spec = pod_of(one)["spec"]
                context = spec["securityContext"]
                self.assertIs(context["runAsNonRoot"], True)
                self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
                self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(spec))
                for volume in spec.get("volumes", []):
                    self.assertTrue({"configMap", "secret"} & set(volume), volume)
                for inner in spec["containers"]:
                    self.assertEqual(inner["securityContext"], RESTRICTED)
                    self.assertTrue({"cpu", "memory"} <= set(inner["resources"]["requests"]))
                    self.assertIn("memory", inner["resources"]["limits"])
                    self.assertFalse(inner["image"].endswith(":latest") or ":" not in inner["image"], inner["image"])
                    count += 1
        self.assertEqual(count, 9)  # five controllers, and four pods of `helm test`

    def test_the_user_is_the_images_or_one_that_the_cluster_picks_at_random_and_either_may_read_what_is_mounted(self):
        rendered = chart.objects("--set=secrets={token}")
        for kind in ("Deployment", "Pod"):
            spec = pod_of(chart.only(rendered, kind))["spec"]
            self.assertEqual({"runAsUser", "runAsGroup", "fsGroup"} & set(spec["securityContext"]), set(), kind)
            for volume in spec.get("volumes", []):
                for source in ("configMap", "secret"):  # without a mode of their own their files are for all to read
                    self.assertNotIn("defaultMode", volume.get(source, {}))
        # runAsNonRoot asks for a user by number.
        written = (chart.REPOSITORY / "deploy/Dockerfile").read_text().split("\nUSER ")[1].split("\n")[0]
        made = (chart.REPOSITORY / "deploy/image/make.py").read_text().split('\nUSER = "')[1].split('"')[0]
        self.assertRegex(written, "^[1-9][0-9]*:[1-9][0-9]*$")
        self.assertEqual(written, made)

    def test_only_the_controller_gets_a_token(self):
        rendered = chart.objects()
        self.assertIs(chart.only(rendered, "ServiceAccount")["automountServiceAccountToken"], False)
        self.assertIs(pod_of(chart.only(rendered, "Deployment"))["spec"]["automountServiceAccountToken"], True)
        self.assertIs(chart.only(rendered, "Pod")["spec"]["automountServiceAccountToken"], False)

    def test_the_controller_gets_the_rights_it_needs_and_no_more(self):
        written = chart.parse((chart.REPOSITORY / "tests/chart/rights.yaml").read_text())[0]
        rendered = chart.objects()
        for kind, name, part in [("ClusterRole", "concertina", "cluster"), ("Role", "concertina-lease", "namespace")]:
            wanted = {(group, resource, verb) for group, resource, verbs in written[part] for verb in verbs}
            self.assertEqual(rights(chart.only(rendered, kind, name)), wanted)

    def test_of_some_namespaces_it_gets_the_same_rights_in_these_and_none_elsewhere(self):
        everywhere = rights(chart.only(chart.objects("--set-json=rbac.scalableKinds={\"argoproj.io\":[\"rollouts\"]}"), "ClusterRole", "concertina"))
        rendered = chart.objects(*chart.SETS["namespaces"])
        account = {"kind": "ServiceAccount", "name": "concertina", "namespace": "concertina"}
        granted = {}
        for binding in rendered:
            if not binding["kind"].endswith("Binding"):
                continue
            self.assertEqual((binding["kind"], binding["roleRef"]["kind"], binding["subjects"]), ("RoleBinding", "Role", [account]))
            namespace = binding["metadata"]["namespace"]
            named = (binding["roleRef"]["name"], namespace)
            roles = [one for one in rendered if one["kind"] == "Role" and (one["metadata"]["name"], one["metadata"]["namespace"]) == named]
            self.assertEqual(len(roles), 1, named)
            granted.setdefault(namespace, set()).update(rights(roles[0]))
        lease = {triple for triple in granted["concertina"] if triple[0] == "coordination.k8s.io"}
        self.assertEqual(len(lease), 5)
        self.assertEqual(granted, {"shop": everywhere, "payments": everywhere, "concertina": everywhere | lease})
        # Those that are left are for people.
        left = {one["metadata"]["name"] for one in rendered if one["kind"] == "ClusterRole"}
        self.assertEqual(left, {"concertina-policies-view", "concertina-policies-edit"})
        kinds = chart.kinds(chart.objects(*chart.SETS["namespaces"], "--set=rbac.aggregateRoles=false", "--set=crds.install=false"))
        self.assertEqual(kinds & CLUSTER_WIDE, set())

    def test_what_somebody_else_must_grant_and_what_the_release_brings_are_together_the_whole(self):
        # As docs/how-to/install.md has it for whoever may grant no rights.
        named = lambda rendered: sorted((one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) for one in rendered)
        place = {"release": "scaler", "namespace": "autoscaling"}
        values = [*chart.SETS["namespaces"], "--set=crds.install=false", "--set=rbac.aggregateRoles=false"]
        granted = chart.objects(*values, "--show-only=templates/rbac.yaml", **place)
        release = chart.objects(*values, "--set=rbac.create=false", **place)
        self.assertEqual(chart.kinds(granted), {"Role", "RoleBinding"})
        self.assertEqual({kind for kind in chart.kinds(release) if "Role" in kind} | chart.kinds(release) & CLUSTER_WIDE, set())
        self.assertEqual(named(granted + release), named(chart.objects(*values, **place)))
        account = pod_of(chart.only(release, "Deployment"))["spec"]["serviceAccountName"]
        for binding in granted:
            if binding["kind"] == "RoleBinding":
                self.assertEqual(binding["subjects"], [{"kind": "ServiceAccount", "name": account, "namespace": "autoscaling"}])

    def test_helm_test_is_there_where_its_namespace_is_watched(self):
        self.assertIn("Pod", chart.kinds(chart.objects(*chart.SETS["namespaces"])))
        elsewhere = chart.kinds(chart.objects(*chart.SETS["namespaces"], namespace="autoscaling"))
        self.assertEqual(elsewhere & {"Pod", "ScalingPolicy"}, set())

    def test_a_kind_of_ones_own_is_added_to_those_that_can_be_scaled(self):
        role = lambda *values: rights(chart.only(chart.objects(*values), "ClusterRole", "concertina"))
        more = role('--set-json=rbac.scalableKinds={"argoproj.io":["rollouts"]}') - role()
        rollouts = {("argoproj.io", "rollouts", verb) for verb in ("list", "watch")}
        scales = {("argoproj.io", "rollouts/scale", verb) for verb in ("get", "patch")}
        self.assertEqual(more, rollouts | scales)
        fewer = role() - role('--set-json=rbac.scalableKinds={"apps":["deployments"]}')
        self.assertEqual({resource for _, resource, _ in fewer}, {"statefulsets", "statefulsets/scale", "replicasets/scale"})

    def test_nothing_grants_everything_or_secrets(self):
        for values in chart.SETS.values():
            for role in chart.objects(*values):
                if role["kind"] in {"ClusterRole", "Role"}:
                    for triple in rights(role):
                        self.assertNotIn("*", triple)
                        self.assertNotIn("secrets", triple)

    def test_the_roles_of_the_cluster_read_and_write_policies_but_no_status(self):
        rendered = chart.objects()
        aggregated = lambda to: {
            triple
            for role in rendered
            if role["kind"] == "ClusterRole"
            and role["metadata"]["labels"].get(f"rbac.authorization.k8s.io/aggregate-to-{to}") == "true"
            for triple in rights(role)
        }
        read = {("concertina.dev", "scalingpolicies", verb) for verb in ("get", "list", "watch")}
        write = {("concertina.dev", "scalingpolicies", verb) for verb in ("create", "update", "patch", "delete", "deletecollection")}
        self.assertEqual(aggregated("view"), read)
        self.assertEqual(aggregated("edit"), read | write)
        self.assertEqual(aggregated("admin"), read | write)

    def test_bindings_name_roles_and_accounts_that_are_there(self):
        for name in ("defaults", "everything"):
            rendered = chart.objects(*chart.SETS[name], release="scaler", namespace="autoscaling")
            there = {(one["kind"], one["metadata"]["name"]) for one in rendered}
            account = pod_of(chart.only(rendered, "Deployment"))["spec"]["serviceAccountName"]
            self.assertIn(("ServiceAccount", account), there)
            bindings = [one for one in rendered if one["kind"].endswith("Binding")]
            self.assertEqual(len(bindings), 2)
            for binding in bindings:
                self.assertIn((binding["roleRef"]["kind"], binding["roleRef"]["name"]), there)
                subject = {"kind": "ServiceAccount", "name": account, "namespace": "autoscaling"}
                self.assertEqual(binding["subjects"], [subject])

    def test_the_lease_is_the_one_that_the_role_is_bound_to(self):
        rendered = chart.objects(*chart.SETS["everything"])
        named = next(rule["resourceNames"] for rule in chart.only(rendered, "Role")["rules"] if "resourceNames" in rule)
        args = pod_of(chart.only(rendered, "Deployment"))["spec"]["containers"][0]["args"]
        self.assertIn(f"--lease-name={named[0]}", args)

    def test_of_two_releases_in_one_namespace_helm_refuses_the_second_unless_it_has_a_lease_of_its_own(self):
        # Helm takes over no object of another release: one of this name says whose the Lease is.
        names = lambda *values, **place: {
            (one["kind"], one["metadata"]["name"]) for one in chart.objects("--set=crds.install=false", *values, **place) if "hook" not in json.dumps(one["metadata"])
        }
        alone = [f"--set-json=config.watchNamespaces={json.dumps(['shop'])}", "--set=rbac.aggregateRoles=false"]
        first, second = names(*alone), names(*alone, release="scaler")
        self.assertEqual(first & second, {("Role", "concertina-lease"), ("RoleBinding", "concertina-lease")})
        self.assertEqual(first & names(*alone, "--set=leaderElection.leaseName=scaler", release="scaler"), set())

    def test_selectors_find_the_controllers_and_nothing_else_of_the_release(self):
        rendered = chart.objects(*chart.SETS["everything"])
        controllers = pod_of(chart.only(rendered, "Deployment"))["metadata"]["labels"]
        test = chart.only(rendered, "Pod")["metadata"]["labels"]
        spread = pod_of(chart.only(rendered, "Deployment"))["spec"]["topologySpreadConstraints"]
        selectors = [
            chart.only(rendered, "Deployment")["spec"]["selector"]["matchLabels"],
            chart.only(rendered, "Service")["spec"]["selector"],
            chart.only(rendered, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            chart.only(rendered, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
            *[one["labelSelector"]["matchLabels"] for one in spread],
        ]
        self.assertEqual(len(selectors), 6)
        for selector in selectors:
            self.assertTrue(matches(selector, controllers), selector)
            self.assertFalse(matches(selector, test), selector)
        monitor = chart.only(rendered, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
        self.assertTrue(matches(monitor, chart.only(rendered, "Service")["metadata"]["labels"]))
        monitor = chart.only(chart.objects(*chart.SETS["alone"]), "PodMonitor")["spec"]["selector"]["matchLabels"]
        self.assertTrue(matches(monitor, pod_of(deployment(*chart.SETS["alone"], "--set=fullnameOverride="))["metadata"]["labels"]))

    def test_labels_of_ones_own_take_the_place_of_the_charts_but_not_of_what_finds_the_controllers(self):
        rendered = chart.objects(*chart.SETS["clashes"])
        own = {"app.kubernetes.io/name": "concertina", "app.kubernetes.io/instance": "concertina"}
        pod = pod_of(chart.only(rendered, "Deployment"))["metadata"]["labels"]
        self.assertTrue(matches(own | {"app": "concertina", "app.kubernetes.io/part-of": "x"}, pod), pod)
        self.assertEqual(chart.only(rendered, "Deployment")["spec"]["selector"]["matchLabels"], own)
        service = chart.only(rendered, "Service")["metadata"]["labels"]
        self.assertTrue(matches(own | {"app": "everything", "app.kubernetes.io/part-of": "platform"}, service), service)
        monitor = chart.only(rendered, "ServiceMonitor")
        self.assertTrue(matches(monitor["spec"]["selector"]["matchLabels"], service))
        self.assertTrue(matches({"release": "prometheus", "app.kubernetes.io/name": "x"}, monitor["metadata"]["labels"]))  # what its Prometheus looks for
        self.assertEqual(chart.only(rendered, "PrometheusRule")["metadata"]["labels"]["release"], "prometheus")
        dashboards = [one for one in rendered if "-dashboard-" in one["metadata"]["name"]]
        self.assertEqual({one["metadata"]["labels"]["grafana_dashboard"] for one in dashboards}, {"1"})
        edit = chart.only(rendered, "ClusterRole", "concertina-policies-edit")["metadata"]["labels"]
        self.assertEqual(edit["rbac.authorization.k8s.io/aggregate-to-edit"], "true")

    def test_annotations_of_ones_own_take_the_place_of_the_charts_but_not_of_the_configurations_sum(self):
        monitored = pod_of(deployment(*chart.SETS["clashes"]))["metadata"]["annotations"]
        scraped = pod_of(deployment(*chart.SETS["clashes"], "--set=serviceMonitor.enabled=false"))["metadata"]["annotations"]
        for annotations in (monitored, scraped):
            self.assertEqual((annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]), ("false", "9999"))
            self.assertRegex(annotations["checksum/config"], "^[0-9a-f]{64}$")

    def test_the_command_line_finds_the_controllers(self):
        source = (chart.REPOSITORY / "src/cli/explain.rs").read_text()
        key, value = source.split('CONTROLLER_LABELS: &str = "')[1].split('"')[0].split("=")
        port = int(source.split("PORT: u16 = ")[1].split(";")[0])
        for values in chart.SETS.values():
            pod = pod_of(deployment(*values))
            self.assertEqual(pod["metadata"]["labels"][key], value)
            self.assertEqual(pod["spec"]["containers"][0]["ports"], [{"name": "http", "containerPort": port}])

    def test_every_object_is_in_the_namespace_and_has_the_labels(self):
        rendered = chart.objects(*chart.SETS["everything"], release="scaler", namespace="autoscaling")
        for one in rendered:
            metadata = one["metadata"]
            if one["kind"] in CLUSTER_WIDE:
                self.assertNotIn("namespace", metadata)
            else:
                wanted = "grafana" if "-dashboard-" in metadata["name"] else "autoscaling"
                self.assertEqual(metadata["namespace"], wanted, metadata["name"])
            is_of_the_user = metadata["name"].endswith("-more")
            if not is_of_the_user and one["kind"] != "Pod":
                self.assertEqual(metadata["labels"].get("team"), "platform", metadata["name"])

    def test_names_follow_the_release_unless_they_are_given(self):
        for arguments, release, wanted in [
            ([], "concertina", "concertina"),
            ([], "scaler", "scaler-concertina"),
            ([], "my-concertina", "my-concertina"),
            (["--set=fullnameOverride=autoscaler"], "scaler", "autoscaler"),
        ]:
            one = chart.only(chart.objects(*arguments, release=release), "Deployment")
            self.assertEqual(one["metadata"]["name"], wanted)

    def test_a_release_may_be_called_by_a_number(self):
        for one in chart.objects("--set=networkPolicy.enabled=true", release="1234"):
            labels = one["metadata"].get("labels", {})
            self.assertEqual(labels.get("app.kubernetes.io/instance", "1234"), "1234", one["kind"])
            for selector in [one.get("spec", {}).get("selector"), one.get("spec", {}).get("podSelector")]:
                self.assertNotIn(1234, (selector or {}).get("matchLabels", selector or {}).values())

    def test_a_new_configuration_rolls_the_controllers(self):
        checksum = lambda *values: pod_of(deployment(*values))["metadata"]["annotations"]["checksum/config"]
        self.assertEqual(checksum(), checksum("--set=replicas=3"))
        self.assertNotEqual(checksum(), checksum("--set=config.periodSeconds=5"))

    def test_headers_and_parameters_of_a_server_may_be_keys_so_they_lie_in_a_secret(self):
        self.assertNotIn("Secret", chart.kinds(chart.objects()))
        for field in ("headers", "queryParameters"):
            with_key = lambda key, field=field: [f"--set-json=config.servers=[{json.dumps({'name': 'a', 'url': 'http://a', field: {'X-Key': key}})}]"]
            rendered = chart.objects(*with_key("word-of-mouth"))
            self.assertIn("word-of-mouth", chart.configuration(rendered))
            self.assertEqual([one["kind"] for one in rendered if "word-of-mouth" in json.dumps(one)], [])  # and in the Secret in base 64
            pod = pod_of(chart.only(rendered, "Deployment"))
            volume = next(one for one in pod["spec"]["volumes"] if one["name"] == "config")
            self.assertEqual(volume, {"name": "config", "secret": {"secretName": chart.only(rendered, "Secret")["metadata"]["name"]}})
            other = pod_of(deployment(*with_key("another-word")))
            self.assertNotEqual(pod["metadata"]["annotations"]["checksum/config"], other["metadata"]["annotations"]["checksum/config"])

    def test_the_definition_is_kept_or_left_to_others_as_asked(self):
        keep = lambda *values: chart.only(chart.objects(*values), "CustomResourceDefinition")["metadata"].get("annotations", {})
        self.assertEqual(keep()["helm.sh/resource-policy"], "keep")
        self.assertEqual(keep("--set=crds.keep=false"), {})
        self.assertEqual(keep(*chart.SETS["everything"])["argocd.argoproj.io/sync-options"], "Prune=false")
        self.assertNotIn("CustomResourceDefinition", chart.kinds(chart.objects("--set=crds.install=false")))

    def test_the_definition_has_the_labels_of_every_object(self):
        labels = lambda kind, *values: chart.only(chart.objects(*values), kind)["metadata"]["labels"]
        for name, values in chart.SETS.items():
            with self.subTest(name):
                if "CustomResourceDefinition" in chart.kinds(chart.objects(*values)):
                    self.assertEqual(labels("CustomResourceDefinition", *values), labels("ServiceAccount", *values))
        self.assertEqual(labels("CustomResourceDefinition", *chart.SETS["clashes"])["app.kubernetes.io/name"], "concertina")

    def test_an_image_is_named_by_digest_tag_or_version(self):
        version = chart.parse((chart.CHART / "Chart.yaml").read_text())[0]["appVersion"]
        self.assertEqual(container()["image"], f"concertina:{version}")
        self.assertEqual(container(*chart.SETS["everything"])["image"], "registry.example.com/concertina:0.1.0-rc.1")
        self.assertRegex(container(*chart.SETS["alone"])["image"], "^concertina@sha256:[0-9a-f]{64}$")

    def test_the_versions_are_those_of_the_program(self):
        metadata = chart.parse((chart.CHART / "Chart.yaml").read_text())[0]
        workspace = (chart.REPOSITORY / "Cargo.toml").read_text().split("[workspace.package]")[1]
        version = workspace.split('version = "')[1].split('"')[0]
        self.assertEqual((metadata["version"], metadata["appVersion"]), (version, version))
        images = chart.parse(metadata["annotations"]["artifacthub.io/images"])[0]
        self.assertEqual([one["image"] for one in images], [container()["image"]])

    def test_secrets_are_mounted_below_the_configuration(self):
        arguments = chart.SETS["everything"]
        mounts = {one["mountPath"]: one for one in container(*arguments)["volumeMounts"]}
        self.assertTrue(all(one["readOnly"] for one in mounts.values()))
        volumes = {one["name"]: one for one in pod_of(deployment(*arguments))["spec"]["volumes"]}
        secret = volumes[mounts["/etc/concertina/thanos.token"]["name"]]
        self.assertEqual(secret["secret"], {"secretName": "thanos.token"})
        self.assertIn("/etc/authorities", mounts)

    def test_the_network_is_open_to_prometheus_the_api_server_and_names_alone(self):
        ports = lambda *values: [
            [port["port"] for port in rule["ports"]] for rule in chart.only(chart.objects(*values), "NetworkPolicy")["spec"]["egress"]
        ]
        self.assertEqual(ports("--set=networkPolicy.enabled=true"), [[53, 53], [443, 6443], [9090]])
        self.assertEqual(sorted(ports(*chart.SETS["everything"])[2]), [80, 443, 10902])
        by_address = [f"--set-json=config.servers={json.dumps([{'name': 'a', 'urls': ['http://[fd00::1]:9091', 'https://[fd00::2]/prefix']}])}"]
        self.assertEqual(sorted(ports("--set=networkPolicy.enabled=true", *by_address)[2]), [443, 9091])
        self.assertEqual(ports(*chart.SETS["alone"])[2], [9091])
        self.assertEqual(ports(*chart.SETS["everything"])[3:], [[3128]])  # the proxy of its extraEnv
        egress = chart.only(chart.objects(*chart.SETS["everything"]), "NetworkPolicy")["spec"]["egress"]
        self.assertEqual(egress[3]["to"], [{"ipBlock": {"cidr": "203.0.113.7/32"}}])
        self.assertNotIn("NetworkPolicy", chart.kinds(chart.objects()))
        ingress = chart.only(chart.objects(*chart.SETS["everything"]), "NetworkPolicy")["spec"]["ingress"]
        self.assertEqual([rule["ports"] for rule in ingress], [[{"protocol": "TCP", "port": 8080}]])
        test = chart.only(chart.objects(*chart.SETS["everything"]), "Pod")["metadata"]["labels"]
        self.assertTrue(any(matches(peer["podSelector"]["matchLabels"], test) for peer in ingress[0]["from"] if "podSelector" in peer))

    def test_metrics_are_scraped_once(self):
        annotated = lambda *values: "prometheus.io/scrape" in pod_of(deployment(*values))["metadata"]["annotations"]
        self.assertTrue(annotated())
        self.assertFalse(annotated("--set=scrapeAnnotations=false"))
        self.assertFalse(annotated("--set=serviceMonitor.enabled=true"))
        self.assertFalse(annotated("--set=podMonitor.enabled=true"))
        self.assertFalse({"ServiceMonitor", "PodMonitor"} & chart.kinds(chart.objects()))
        monitor = chart.only(chart.objects(*chart.SETS["everything"]), "ServiceMonitor")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")
        endpoint = {
            "port": "http",
            "path": "/metrics",
            "honorLabels": True,
            "interval": "15s",
            "relabelings": [{"targetLabel": "cluster", "replacement": "a"}],
            "metricRelabelings": [{"action": "labeldrop", "regex": "instance"}],
        }
        self.assertEqual(monitor["spec"]["endpoints"], [endpoint])
        monitor = chart.only(chart.objects(*chart.SETS["alone"]), "PodMonitor")
        endpoint = {"port": "http", "path": "/metrics", "honorLabels": True}
        self.assertEqual(monitor["spec"]["podMetricsEndpoints"], [endpoint])

    def test_a_drain_takes_one_controller_at_a_time(self):
        budget = chart.only(chart.objects(), "PodDisruptionBudget")["spec"]
        self.assertEqual((budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]), (1, "AlwaysAllow"))
        budget = chart.only(chart.objects(*chart.SETS["everything"]), "PodDisruptionBudget")["spec"]
        self.assertEqual(budget["maxUnavailable"], "50%")

    def test_probes_ask_the_pages_that_are_there(self):
        served = (chart.REPOSITORY / "src/web/mod.rs").read_text()
        for values in chart.SETS.values():
            for probe in ("livenessProbe", "readinessProbe"):
                path = container(*values)[probe]["httpGet"]["path"]
                self.assertIn(f'.route("{path}"', served)
        self.assertEqual(container(*chart.SETS["everything"])["livenessProbe"]["failureThreshold"], 6)

    def test_what_is_set_reaches_the_pods(self):
        pod = pod_of(deployment(*chart.SETS["everything"]))
        spec = pod["spec"]
        self.assertEqual(spec["priorityClassName"], "system-cluster-critical")
        self.assertEqual(spec["nodeSelector"], {"kubernetes.io/os": "linux"})
        self.assertIs(spec["hostUsers"], False)
        self.assertEqual((spec["securityContext"]["runAsUser"], spec["securityContext"]["fsGroup"]), (1000, 2000))
        self.assertEqual(spec["imagePullSecrets"], [{"name": "registry"}])
        self.assertEqual(pod["metadata"]["annotations"]["example.com/note"], "b")
        self.assertEqual(pod["metadata"]["labels"]["example.com/pod"], "a")
        self.assertEqual([one["key"] for one in spec["tolerations"]], ["control"])
        self.assertIn("podAntiAffinity", spec["affinity"])
        self.assertEqual([one["maxSkew"] for one in spec["topologySpreadConstraints"]], [1, 2])
        inner = spec["containers"][0]
        self.assertIn("--log-json", inner["args"])
        self.assertEqual(inner["args"][-1], "--listen=[::]:8080")
        environment = {one["name"]: one["value"] for one in inner["env"]}
        self.assertEqual(environment, {"RUST_LOG": "warn,concertina=debug", "HTTPS_PROXY": "http://proxy:3128"})
        self.assertEqual(inner["resources"]["limits"], {"cpu": "1", "memory": "256Mi"})

    def test_objects_of_ones_own_are_filled_in(self):
        rendered = chart.objects(*chart.SETS["everything"], release="scaler")
        self.assertEqual(chart.only(rendered, "ConfigMap", "scaler-more")["data"], {"a": "b"})
        chart.only(rendered, "ConfigMap", "scaler-even-more")

    def test_helm_test_changes_nothing_and_leaves_nothing(self):
        rendered = chart.objects(release="scaler")
        policy = chart.only(rendered, "ScalingPolicy")
        self.assertEqual(policy["spec"]["mode"], "DryRun")
        self.assertEqual(policy["spec"]["scaleTargetRef"]["name"], chart.only(rendered, "Deployment")["metadata"]["name"])
        pod = chart.only(rendered, "Pod")
        name = f"{policy['metadata']['namespace']}/{policy['metadata']['name']}"
        self.assertEqual(pod["spec"]["containers"][0]["args"][-1], name)
        for one in (policy, pod):
            self.assertEqual(one["metadata"]["annotations"]["helm.sh/hook"], "test")
            self.assertIn("hook-succeeded", one["metadata"]["annotations"]["helm.sh/hook-delete-policy"])
        self.assertNotIn("Pod", chart.kinds(chart.objects("--set=helmTest.enabled=false")))
