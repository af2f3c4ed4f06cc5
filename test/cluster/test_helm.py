# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: what it renders is what Kubernetes takes, and what it tells a pod is what a node takes."""
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml
from cluster import MAIN_SECRET, QUICK, ROOT, Node, Receiver, foreign_port, url_of, wait_until

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate (PyPI) is not installed")

CHART = ROOT / "packaging" / "helm" / "grapnel"
HELM = os.environ.get("GRAPNEL_HELM") or shutil.which("helm", path=f"{ROOT}/build/helm:{os.environ['PATH']}")
OLDEST, NEWEST = "1.27.0", "1.36.0"
GIVEN = {"store": {"url": "postgresql://u:p@db/x"}, "mainSecret": MAIN_SECRET}
EVERYTHING = {
    **GIVEN, "nodes": 5, "publicUrl": "https://hooks.example.com", "priorityClassName": "high", "serviceAccountName": "hooks",
    "imagePullSecrets": [{"name": "registry"}], "nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}}, "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "listenHost": "[::]",
    "extraEnv": [{"name": "GRAPNEL_DEBUG_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}], "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
    "service": {"type": "LoadBalancer", "annotations": {"x": "y"}}, "serviceMonitor": {"enabled": True, "labels": {"release": "p"}},
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"x": "y"}, "hosts": ["hooks.example.com"],
                "tls": [{"secretName": "t", "hosts": ["hooks.example.com"]}]},
    "networkPolicy": {"enabled": True}, "podDisruptionBudget": {"maxUnavailable": "50%"}, "spread": {"hosts": "DoNotSchedule"},
}
EXISTING = {"existingSecret": {"name": "mine", "urlKey": "u", "mainSecretKey": "m"}, "podDisruptionBudget": {"enabled": False}}

needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not installed (tools/install builds it where Go is)")


@pytest.fixture
def helm(tmp_path):
    def run(command, values, version=OLDEST):
        (tmp_path / "values.yaml").write_text(json.dumps(values))
        words = {"lint": ["lint", CHART, "--strict"], "template": ["template", "hooks", CHART, "--namespace=web"]}[command]
        return subprocess.run([HELM, *words, f"--kube-version={version}", f"--values={tmp_path / 'values.yaml'}"],
                              capture_output=True, text=True, check=False)
    return run


@pytest.fixture
def render(helm):
    """{kind: object} of what the chart renders."""
    def run(values, version=OLDEST):
        done = helm("template", values, version)
        assert done.returncode == 0, done.stderr
        found = [one for one in yaml.safe_load_all(done.stdout) if one]
        assert len({one["kind"] for one in found}) == len(found)
        return {one["kind"]: one for one in found}
    return run


def container_of(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]


@needs_helm
@pytest.mark.parametrize("values", [GIVEN, EVERYTHING, EXISTING], ids=["required values", "every value", "an existing Secret"])
def test_helm_finds_no_fault_with_the_chart(helm, values):
    done = helm("lint", values)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_helm
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("values", [GIVEN, EVERYTHING, EXISTING], ids=["required values", "every value", "an existing Secret"])
def test_kubernetes_takes_every_object_and_knows_every_field(render, values, version):
    for kind, one in render(values, version).items():
        if kind != "ServiceMonitor":  # it belongs to the Prometheus operator
            kubernetes_validate.validate(one, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_seen():
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, OLDEST, strict=True)


@needs_helm
def test_objects_find_each_other(render):
    objects = render(EVERYTHING)
    pod = objects["Deployment"]["spec"]["template"]
    ports = {port["name"] for port in container_of(objects)["ports"]}
    service, budget = objects["Service"], objects["PodDisruptionBudget"]["spec"]
    rule = objects["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    monitor, policy = objects["ServiceMonitor"]["spec"], objects["NetworkPolicy"]["spec"]
    for selector in (service["spec"]["selector"], budget["selector"]["matchLabels"], policy["podSelector"]["matchLabels"],
                     objects["Deployment"]["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= pod["metadata"]["labels"].items()
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "grapnel", "the job that the alarms are about"
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert rule["name"] == service["metadata"]["name"]
    assert {rule["port"]["name"], monitor["endpoints"][0]["port"]} <= {port["name"] for port in service["spec"]["ports"]}
    assert {port["port"] for one in policy["ingress"] for port in one["ports"]} <= ports
    mounts = {mount["name"] for mount in container_of(objects)["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["spec"]["volumes"]}
    data = objects["Secret"]["stringData"]
    for variable in container_of(objects)["env"]:
        named = variable.get("valueFrom", {}).get("secretKeyRef", {"name": "s"})
        assert named["name"] == "s" or (named["name"] == objects["Secret"]["metadata"]["name"] and named["key"] in data)


@needs_helm
def test_a_pod_is_given_the_time_that_its_stop_may_take(render):
    spec = render({**GIVEN, "stopTimeoutSeconds": 90, "stopDelaySeconds": 7})["Deployment"]["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] > 90 + 7
    assert spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "7"]


@needs_helm
def test_a_pod_may_do_nothing_that_it_does_not_need(render):
    spec = render(GIVEN)["Deployment"]["spec"]["template"]["spec"]
    inner = spec["containers"][0]["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inner == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False, "a Service named grapnel would set variables GRAPNEL_..."


@needs_helm
@pytest.mark.parametrize(("values", "remedy"), [
    ({}, "existingSecret.name"),
    ({"store": GIVEN["store"]}, "openssl rand"),
    ({**EXISTING, "mainSecret": MAIN_SECRET}, "put both into that Secret"),
    ({**GIVEN, "store": {"url": "mysql://x"}}, "/store/url"),
    ({**GIVEN, "mainSecret": "short"}, "/mainSecret"),
    ({**GIVEN, "nodes": 0}, "/nodes"),
    ({**GIVEN, "replicas": 3}, "replicas"),
    ({**GIVEN, "config": {"store.retention": "1h\nstore.dir = /"}}, "store.retention"),
    ({**GIVEN, "config": {"store.dir": "/x"}}, "store.dir"),
    ({**GIVEN, "ingress": {"enabled": True}}, "ingress.enabled=false"),
])
def test_values_that_cannot_be_right_are_refused_by_name(helm, values, remedy):
    done = helm("template", values)
    assert done.returncode != 0 and remedy in done.stderr, done.stderr


def test_options_that_hold_a_secret_are_refused_in_the_configmap():
    table = (ROOT / "src" / "tables" / "options.def").read_text()
    secrets = set(re.findall(r'^OPTION\(\w+, "([^"]+)", [^"]*(?:"[^"]*")?[^"]*\bCONF_SECRET\b', table, re.MULTILINE))
    refused = json.loads((CHART / "values.schema.json").read_text())["properties"]["config"]["propertyNames"]["not"]["enum"]
    assert len(secrets) >= 7 and secrets <= set(refused)


def leaves(values, before=""):
    """{dotted name: default} of what a values file says; an empty map, `config` and `resources` are leaves, too."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict) and value and name not in ("config", "resources"):
            found |= leaves(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def test_the_readme_has_every_value_with_its_default():
    defaults = leaves(yaml.safe_load((CHART / "values.yaml").read_text()))
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+?) \| .+ \|$", (CHART / "README.md").read_text(), re.MULTILINE))
    assert list(rows) == list(defaults), "every value, in the order of values.yaml"
    for name, default in defaults.items():
        if name not in ("config", "resources"):
            shown = "empty" if default == "" else f"`{json.dumps(default) if isinstance(default, bool) else default}`"
            assert rows[name] == shown, name


def test_the_chart_is_of_the_programs_version():
    version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == version


def commands_of_helm(page):
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("helm "):
                yield shlex.split(line)


@needs_helm
@pytest.mark.parametrize("page", [CHART / "README.md", ROOT / "docs" / "guide" / "postgresql.md"], ids=["README.md", "postgresql.md"])
def test_the_install_commands_that_are_printed_render(page):
    found = list(commands_of_helm(page))
    assert found
    for words in found:
        assert "install" in words
        words = [HELM, *("template" if word == "install" else word for word in words[1:]), f"--kube-version={OLDEST}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0 and "kind: Deployment" in done.stdout, done.stderr


def environment_of(objects):
    """The variables of a pod, as kubelet would set them."""
    found = {}
    for variable in container_of(objects)["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            value = objects["Secret"]["stringData"][source["secretKeyRef"]["key"]]
        else:
            value = "127.0.0.1" if "fieldRef" in source else variable["value"]
        found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found[name[1]], value)
    return found


POD = """#!/bin/sh
# What a pod's security context asks for: its own folder may be written to, and nothing else.
exec unshare -m sh -c '
    set -e
    mount --make-rprivate /
    mount --bind "{folder}" "{folder}"
    findmnt -rno TARGET | while read -r mounted; do
        [ "$mounted" = "{folder}" ] || mount -o remount,ro,bind "$mounted" 2>/dev/null || true
    done
    if touch "{folder}/../written" /written 2>/dev/null; then exit 99; fi
    cd /
    exec setpriv --reuid=10001 --regid=10001 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$0" "$@"
' "{binary}" "$@"
"""


@pytest.fixture
def pod(short_folder, monkeypatch):
    """A folder as an emptyDir is, and a program that runs the server the way a pod does."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "mount", "--make-rprivate", "/"], check=False).returncode != 0:
        pytest.skip("needs root, and mount namespaces")
    folder = short_folder / "pod"
    folder.mkdir()
    os.chown(folder, 0, 10001)
    folder.chmod(0o2777)
    binary = shutil.copy(os.environ["GRAPNEL_BIN"], short_folder / "grapnel")
    program = short_folder / "run"
    program.write_text(POD.format(folder=folder, binary=binary))
    program.chmod(0o755)
    monkeypatch.setenv("GRAPNEL_BIN", str(program))
    return folder


@needs_helm
def test_a_node_works_the_way_its_pod_runs_it_and_so_do_transforms(render, make_postgres, pod):
    postgres = make_postgres()
    objects = render({"store": {"url": url_of(postgres.port)}, "mainSecret": MAIN_SECRET, "publicUrl": "https://hooks.example.com",
                      "linkPort": foreign_port(), "listenHost": "127.0.0.1",
                      "config": {"store.segment_messages": 1000000, "server.user_agent": 'a "quoted" \\ name', "fetch.deny": ["10.0.0.0/8"]}})
    container = container_of(objects)
    assert container["args"] == ["serve", "--config=/etc/grapnel/grapnel.conf"]
    configuration = pod / "grapnel.conf"
    configuration.write_text(objects["ConfigMap"]["data"]["grapnel.conf"])
    node = Node(pod, url_of(postgres.port))
    node.env |= {**environment_of(objects), "GRAPNEL_CONFIG": str(configuration)}
    receiver = Receiver(204)
    try:
        node.serve(*QUICK)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert node.raw("GET", container[probe]["httpGet"]["path"]).status in (200, 204)
        app = node.application()
        node.endpoint(app, receiver.url, transform="{made: .body.n}")
        node.publish(app, {"n": 7})
        got = receiver.wait()[0]
        assert json.loads(got.body) == {"made": 7} and got.headers["user-agent"] == 'a "quoted" \\ name'
        assert node.stop() == 0
    finally:
        node.end()
        receiver.close()
    wait_until(lambda: "server.stopped" in node.log(), "the stop to be logged")
