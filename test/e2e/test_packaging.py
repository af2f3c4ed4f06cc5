# SPDX-License-Identifier: Apache-2.0
"""What comes beside the program: alarms, dashboard, unit, image, package. Nothing in it may name what is not there."""
import json
import os
import pathlib
import re
import shutil
import ssl
import stat
import subprocess
import urllib.request

import pytest
import yaml

from conftest import ROOT, Grapnel

PACKAGING = ROOT / "packaging"
RULES = PACKAGING / "prometheus" / "grapnel.rules.yml"
DASHBOARD = PACKAGING / "grafana" / "grapnel.json"
GUIDE = (ROOT / "docs" / "guide" / "operating.md").read_text()
NAME = r"\b(?:grapnel|process)_[a-z0-9_]+(?!\.)\b"


def rules():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels if panel["type"] != "row" for target in panel["targets"]]


def expressions():
    return [rule["expr"] for rule in rules()] + dashboard_expressions()


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """{name: {label: values}} of a server that has everything that shows a metric: certificates and authorities."""
    folder = tmp_path_factory.mktemp("exposed")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=metrics",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = Grapnel(folder / "server").serve(f"server.tls_cert={cert}", f"server.tls_key={key}", f"fetch.cert={cert}",
                                              f"fetch.key={key}", f"fetch.ca_file={cert}")
    url = f"https://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(url, context=ssl._create_unverified_context()) as answer:
        text = answer.read().decode()
    server.end()
    found = {}
    for name, labels in re.findall(r"^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? ", text, re.MULTILINE):
        known = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            known.setdefault(label, set()).add(value)
    assert len(found) > 50
    return found


class Promql:
    """Reads an expression of Prometheus as far as ours go, so that a slip is seen where promtool is not installed."""

    TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<span>\[(?:\d+[smhd]|\$__rate_interval)\])|(?P<number>\d+(?:\.\d+)?)'
                       r"|(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<sign>==|!=|=~|!~|<=|>=|[-+*/<>=(){},]))")
    FUNCTIONS = {"rate": 1, "increase": 1, "changes": 1, "max_over_time": 1, "time": 0, "predict_linear": 2, "histogram_quantile": 2}
    OF_RANGES = ("rate", "increase", "changes", "max_over_time", "predict_linear")
    AGGREGATIONS = ("sum", "min", "max")
    BINARY = ("==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "and", "or", "unless")

    def __init__(self, text):
        self.tokens, at, text = [], 0, text.strip()
        while at < len(text):
            found = self.TOKEN.match(text, at)
            assert found, f"not understood from here: {text[at:]}"
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.tokens.append(("end", ""))
        self.expression()
        assert self.tokens == [("end", "")], f"left over: {self.tokens}"

    def take(self, *wanted):
        kind, text = self.tokens[0]
        if wanted and text not in wanted and kind not in wanted:
            raise AssertionError(f"{wanted} expected, not {text or kind}")
        return self.tokens.pop(0)[1]

    def sees(self, *wanted):
        return self.tokens[0][1] in wanted or self.tokens[0][0] in wanted

    def listed(self, one):
        self.take("(")
        count = 0
        while not self.sees(")"):
            if count > 0:
                self.take(",")
            one(count)
            count += 1
        self.take(")")
        return count

    def expression(self):
        self.term()
        while self.sees(*self.BINARY):
            self.take()
            self.term()

    def term(self):
        """True if it is a range."""
        if self.sees("number"):
            self.take()
        elif self.sees("("):
            self.take()
            self.expression()
            self.take(")")
        else:
            return self.named(self.take("word"))
        return False

    def named(self, name):
        if name in self.AGGREGATIONS:
            if self.sees("by", "without"):
                self.take()
                self.listed(lambda _: self.take("word"))
            assert self.listed(lambda _: self.expression()) == 1
        elif self.sees("("):
            ranges = []
            count = self.listed(lambda n: ranges.append(self.term()) if n == 0 and name in self.OF_RANGES else self.expression())
            assert count == self.FUNCTIONS[name], f"{name} takes {self.FUNCTIONS[name]}"
            assert all(ranges), f"{name} is of a range"
        else:
            return self.selected()
        return False

    def selected(self):
        if self.sees("{"):
            self.take()
            while not self.sees("}"):
                self.take("word")
                self.take("=", "!=", "=~", "!~")
                re.compile(self.take("text"))
                if not self.sees("}"):
                    self.take(",")
            self.take("}")
        if self.sees("span"):
            self.take()
            return True
        return False


def test_alarms_and_dashboard_name_metrics_and_labels_that_the_server_has(exposed):
    for expression in expressions():
        used = re.findall(NAME, expression)
        assert used or expression.startswith("up{"), expression
        for name in used:
            assert name in exposed, f"{name} in {expression}"
        for name, matchers in re.findall(rf"({NAME})\{{([^}}]*)\}}", expression):
            for label, values in re.findall(r'(\w+)[!=]~?"([^"]*)"', matchers):
                if label in ("job", "instance"):
                    continue
                assert set(values.split("|")) <= exposed[name][label], f"{label} of {name} in {expression}"


def test_guides_name_metrics_that_the_server_has(exposed):
    named = {name for page in [ROOT / "README.md", *(ROOT / "docs" / "guide").glob("*.md"), *(ROOT / "docs" / "internals").glob("*.md")]
             for name in re.findall(r"\bgrapnel_[a-z0-9_]+_(?:total|seconds|bytes)\b|`(grapnel_[a-z0-9_]+)[`{]", page.read_text()) if name}
    named |= set(re.findall(r"\bgrapnel_[a-z0-9_]+_(?:total|bytes|seconds)\b", GUIDE))
    assert named, "the guides name metrics"
    moments = set(re.findall(r'^METRIC_MOMENT\(\w+, "(\w+)"', (ROOT / "src" / "tables" / "metrics.def").read_text(), re.MULTILINE))
    assert moments, "those that are left out until they have happened"
    moments |= set(re.findall(r'"# HELP (\w+)', (ROOT / "src" / "server" / "cells_show.c").read_text()))  # for each other cell
    known = set(exposed) | moments | {name.removesuffix("_bucket") for name in exposed} | {"grapnel_receiver"}
    files = {path.stem for folder in ("lib", "integrations") for path in (ROOT / folder).rglob("*")}
    assert named - known - files == set()


def test_each_alarm_of_the_guide_is_a_rule_and_each_rule_is_explained():
    assert sorted(re.findall(r"^\| `(Grapnel\w+)` \|", GUIDE, re.MULTILINE)) == sorted(rule["alert"] for rule in rules())


def test_alarms_are_whole():
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info") and rule["annotations"]["summary"]
    for expression in expressions():
        Promql(expression)
    assert all('{instance=~"$instance"' in expression for expression in dashboard_expressions())
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("wrong", ["rate(a)", "rate(a[5m]", "a >", "sum(a, b)", "a{b=c}", "rate(a[5m]) > > 1", "a b", "histogram_quantile(a)",
                                   "predict_linear(a[6h])", "a{b='c'}", "a[5 m]", ")"])
def test_a_slip_in_an_expression_is_seen(wrong):
    with pytest.raises(AssertionError):
        Promql(wrong)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_takes_the_rules_and_fires_them():
    for command in (["check", "rules", RULES], ["test", "rules", ROOT / "test" / "data" / "alerts.yml"]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_has_alarms_and_dashboard_as_examples():
    examples = (PACKAGING / "debian" / "grapnel.examples").read_text().split()
    assert {str(RULES.relative_to(ROOT)), str(DASHBOARD.relative_to(ROOT))} <= set(examples)
    for line in examples:
        assert (ROOT / line).exists(), line
    for name in ("grapnel.rules.yml", "grapnel.json", "/usr/share/doc/grapnel/examples"):
        assert name in GUIDE


def run_postinst(tmp_path, has_override):
    """Its "configure", with the system's commands replaced by ones that write down what they were asked."""
    said = tmp_path / "said"
    fakes = tmp_path / "bin"
    fakes.mkdir()
    for name in ("getent", "adduser", "chown", "install", "dpkg-statoverride"):
        code = {"getent": 2, "dpkg-statoverride": 0 if has_override else 1}.get(name, 0)
        (fakes / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{said}"\nexit {code}\n')
        (fakes / name).chmod(0o755)
    etc = tmp_path / "etc" / "grapnel"
    etc.mkdir(parents=True)
    conf = etc / "grapnel.conf"
    shutil.copyfile(PACKAGING / "grapnel.conf", conf)
    conf.chmod(0o644)
    script = (PACKAGING / "debian" / "grapnel.postinst").read_text().replace("/etc/grapnel", str(etc)).replace("#DEBHELPER#", "")
    subprocess.run(["sh", "-s", "configure"], input=script, text=True, check=True,
                   env={**os.environ, "PATH": f"{fakes}:{os.environ['PATH']}"})
    return stat.S_IMODE(conf.stat().st_mode), said.read_text().replace(str(tmp_path), "").splitlines()


def test_the_configuration_is_for_root_and_the_server_only(tmp_path):
    mode, said = run_postinst(tmp_path, has_override=False)
    assert mode == 0o640
    assert "chown root:grapnel /etc/grapnel/grapnel.conf" in said
    assert any(line.startswith("adduser --system --group") for line in said)
    assert "install -d -m 0700 -o grapnel -g grapnel /var/lib/grapnel" in said


def test_what_an_administrator_decided_about_the_configuration_stays(tmp_path):
    mode, said = run_postinst(tmp_path, has_override=True)
    assert mode == 0o644 and not any(line.startswith("chown") for line in said)


def unit():
    return (PACKAGING / "grapnel.service").read_text()


def drop_in():
    """The lines of the unit's comment that keep the main secret apart."""
    return re.findall(r"^#   (\S.*)$", unit(), re.MULTILINE)


def test_secrets_may_come_from_a_file_of_roots_or_as_a_credential():
    assert "EnvironmentFile=-/etc/grapnel/grapnel.env" in unit().splitlines(), "the minus: it need not be there"
    lines = drop_in()
    assert any(line.startswith("LoadCredential=main-secret:") for line in lines)
    start = lines[-1].removeprefix("ExecStart=").replace("$$", "$")
    assert start.startswith("/bin/sh -c '") and "exec /usr/bin/grapnel serve --config=/etc/grapnel/grapnel.conf" in start


def test_the_credentials_line_of_the_unit_starts_a_server_with_that_secret(tmp_path):
    (tmp_path / "main-secret").write_text("a-main-secret-kept-apart\n")
    fake = tmp_path / "grapnel"
    fake.write_text('#!/bin/sh\necho "$GRAPNEL_SERVER_MAIN_SECRET|$*"\n')
    fake.chmod(0o755)
    start = drop_in()[-1].removeprefix("ExecStart=").replace("$$", "$").replace("/usr/bin/grapnel", str(fake))
    done = subprocess.run(start, shell=True, capture_output=True, text=True, check=True,
                          env={"CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": os.environ["PATH"]})
    assert done.stdout == "a-main-secret-kept-apart|serve --config=/etc/grapnel/grapnel.conf\n"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("more", [False, True], ids=["as it is", "with the credential"])
def test_systemd_takes_the_unit(tmp_path, more):
    text = unit().replace("/usr/bin/grapnel", "/bin/true").replace("man:grapnel(1) ", "")
    if more:
        text = text.replace("ExecStart=/bin/true serve --config=/etc/grapnel/grapnel.conf\n", "\n".join(drop_in()).replace(
            "/usr/bin/grapnel", "/bin/true") + "\n", 1)
        assert "LoadCredential=" in re.sub(r"(?m)^#.*$", "", text)
    path = tmp_path / "grapnel.service"
    path.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--recursive-errors=no", path], capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "grapnel.service" in line]
    assert done.returncode == 0 and complaints == [], done.stderr


def test_the_image_has_a_folder_for_the_store_that_its_user_owns():
    lines = (PACKAGING / "Containerfile").read_text()
    user = re.search(r"^USER (\w+)$", lines, re.MULTILINE)[1]
    store = re.search(r"GRAPNEL_STORE_DIR=(\S+)", lines)[1]
    assert re.search(rf"^VOLUME {store}$", lines, re.MULTILINE)
    assert re.search(rf"useradd [^\n]*--home-dir {store} [^\n]*--create-home [^\n]*{user}", lines)
    assert lines.index("useradd") < lines.index("USER ") < lines.index("VOLUME ")


def test_the_image_has_the_libraries_that_the_package_is_built_with():
    """Each -dev package that a build needs has its library in the image."""
    control = (PACKAGING / "debian" / "control").read_text()
    image = (PACKAGING / "Containerfile").read_text()
    runtime = {"libssl-dev": "libssl3", "zlib1g-dev": "zlib1g", "libcurl4-openssl-dev": "libcurl4"}
    for package in re.findall(r"\b([a-z0-9+-]+-dev)\b", control.split("\nPackage:")[0]):
        name = runtime.get(package, package.removesuffix("-dev"))
        assert re.search(rf"\b{re.escape(name)}", image), package


def test_files_that_packaging_names_are_there():
    for name in re.findall(r"^(?:docs|integrations|README|ARCHITECTURE)\S*", (PACKAGING / "debian" / "grapnel.docs").read_text(), re.MULTILINE):
        assert (ROOT / name).exists(), name
    assert pathlib.Path(PACKAGING / "grapnel.1").exists()


def test_guides_name_options_and_log_events_that_there_are():
    tables = ROOT / "src" / "tables"
    known = set(re.findall(r'^OPTION\([^"]*"([^"]+)"', (tables / "options.def").read_text(), re.MULTILINE))
    known |= set(re.findall(r'^LOG_EVENT\([^"]*"([^"]+)"', (tables / "events.def").read_text(), re.MULTILINE))
    firsts = {name.split(".")[0] for name in known}
    for page in [ROOT / "README.md", *PACKAGING.rglob("README.md"), *(ROOT / "docs" / "guide").glob("*.md"),
                 *(ROOT / "integrations").rglob("README.md")]:
        for first, last in re.findall(r"`(?:--)?([a-z]+)\.([a-z0-9_]+)(?:=[^`]*)?`", page.read_text()):
            name = f"{first}.{last}"
            if last == "db":  # a file of the store
                continue
            assert first not in firsts or name in {*known, "handshake.verified"}, f"{page.name}: {name}"  # a member of an answer
