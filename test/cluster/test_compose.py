# SPDX-License-Identifier: Apache-2.0
"""The compose file, and the same parts without containers: its databases, its nodes' command, its proxy."""
import os
import re
import shlex
import shutil
import subprocess

import pytest
import postgres_server
import yaml
from balancer import CONFIGURATION, HAPROXY, Balancer, at_work
from cluster import PROGRAMS, QUICK, ROOT, USER, Ledger, Node, foreign_port, is_whole, wait_until

COMPOSE = ROOT / "packaging" / "compose"
FILE = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
README = (COMPOSE / "README.md").read_text()
SERVICES = FILE["services"]

needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_takes_the_file():
    done = subprocess.run(["docker-compose", "-f", COMPOSE / "compose.yaml", "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert set(read) == {"db1", "db2", "node1", "node2", "node3", "proxy"}
    for name, service in read.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["healthcheck"], name


def test_the_compose_file_mounts_what_is_there_and_names_what_the_readme_explains():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in FILE["volumes"] or (COMPOSE / source).is_file(), f"{name}: {volume}"
    text = (COMPOSE / "compose.yaml").read_text()
    variables = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    assert variables == dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", README, re.MULTILINE))
    assert variables["GRAPNEL_IMAGE"] == "grapnel:" + re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]


@needs_haproxy
def test_haproxy_takes_its_configuration():
    done = subprocess.run([HAPROXY, "-c", "-f", CONFIGURATION], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if re.search(r"WARNING|ALERT", line) and "could not resolve" not in line]
    assert done.returncode == 0 and not complaints, done.stderr


# What PostgreSQL's image does before it starts the server: the first time it makes the data, runs the scripts that
# were mounted for it on a server that only listens on its socket, and stops that.
IMAGES_ENTRYPOINT = """#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -U postgres -E UTF8 --no-sync --auth=scram-sha-256 --auth-local=trust --pwfile="$POSTGRES_PASSWORD_FILE" >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    shift
    pg_ctl -s -w start -o "$* -c listen_addresses=''"
    PGHOST=$SOCKETS sh "$PRIMARY"
    pg_ctl -s -w -m fast stop
    set -- postgres "$@"
fi
exec "$@"
"""


class Database:
    """A database of the compose file, started by its script."""

    def __init__(self, name, folder, address, port, peer):
        self.address, self.port, self.folder = address, port, folder / name
        self.folder.mkdir()
        (self.folder / "data").mkdir(mode=0o700)
        programs = folder / "programs"
        programs.mkdir(exist_ok=True)
        (programs / "docker-entrypoint.sh").write_text(IMAGES_ENTRYPOINT)
        (programs / "docker-entrypoint.sh").chmod(0o755)
        if USER:
            for path in (self.folder, self.folder / "data"):
                shutil.chown(path, USER.pw_uid, USER.pw_gid)
        secrets = folder / "secrets"
        self.env = {"PATH": f"{programs}:{PROGRAMS}:/usr/bin:/bin", "PGDATA": str(self.folder / "data"), "PGPORT": str(port),
                    "SOCKETS": str(self.folder), "SECRETS": str(secrets), "PRIMARY": str(folder / "primary.sh"),
                    **SERVICES[name]["environment"], "PEER": peer}
        if "POSTGRES_PASSWORD_FILE" in self.env:
            self.env["POSTGRES_PASSWORD_FILE"] = str(secrets / "database-password")
        self.script, self.child = folder / "database.sh", None

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                ["sh", self.script, "-c", f"listen_addresses={self.address}", "-c", f"unix_socket_directories={self.folder}", "-c", "jit=off"],
                env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=postgres_server.end_with_parent, **postgres_server.as_user(USER))
        return self

    def psql(self, *arguments):
        return subprocess.run([PROGRAMS / "psql", "-h", str(self.folder), "-p", str(self.port), *arguments], check=True,
                              capture_output=True, text=True).stdout.strip()

    def ask(self, sql):
        try:
            return self.psql("-U", "postgres", "-qAtc", sql)
        except subprocess.CalledProcessError:
            assert self.child.poll() is None, (self.folder / "log").read_text(errors="replace")
            return None

    def has_standby_in_step(self):
        return self.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"

    def kill(self):
        """As when its machine dies: the supervisor and all that it started."""
        if self.child is None or self.child.poll() is not None:
            return
        children = subprocess.run(["pgrep", "-P", str(self.child.pid)], capture_output=True, text=True, check=False).stdout.split()
        for pid in [str(self.child.pid), *children]:
            subprocess.run(["kill", "-9", pid], check=False, stderr=subprocess.DEVNULL)
        self.child.wait()

    def forget(self):
        """As when its volume was removed."""
        shutil.rmtree(self.folder / "data")
        (self.folder / "data").mkdir(mode=0o700)
        if USER:
            shutil.chown(self.folder / "data", USER.pw_uid, USER.pw_gid)


@pytest.fixture
def databases(short_folder):
    """The compose file's two, on two addresses of this machine."""
    if PROGRAMS is None:
        pytest.skip("there is no PostgreSQL here")
    secrets = short_folder / "secrets"
    secrets.mkdir()
    for name in ("database-password", "main-secret"):
        secret = subprocess.run(["openssl", "rand", "-hex", "32"], check=True, capture_output=True, text=True).stdout
        (secrets / name).write_text(secret)
        (secrets / name).chmod(0o444)
    for name in ("database.sh", "primary.sh"):
        shutil.copy(COMPOSE / name, short_folder / name)
    port = foreign_port()
    made = [Database("db1", short_folder, "127.0.0.1", port, "127.0.0.2"), Database("db2", short_folder, "127.0.0.2", port, "127.0.0.1")]
    for one in made:
        one.start()
    wait_until(made[0].has_standby_in_step, "the standby to keep up")
    yield made
    for one in reversed(made):
        one.kill()


@pytest.fixture
def nodes(databases, short_folder, tmp_path, monkeypatch):
    """The compose file's three, started by its command."""
    words = SERVICES["node1"]["entrypoint"]
    port = databases[0].port
    assert words[:2] == ["sh", "-c"] and words[2].strip().endswith("exec grapnel serve") and "@db1,db2/" in words[2]
    line = words[2].replace("$$", "$").replace("/run/secrets", str(short_folder / "secrets"))
    line = line.replace("@db1,db2/", f"@127.0.0.1:{port},127.0.0.2:{port}/")
    program = tmp_path / "grapnel"
    program.write_text("#!/bin/sh\n" + line.replace("grapnel serve", shlex.quote(os.environ["GRAPNEL_BIN"]) + ' "$@"').strip() + "\n")
    program.chmod(0o755)
    monkeypatch.setenv("GRAPNEL_BIN", str(program))
    made = []
    for number in (1, 2, 3):
        service = SERVICES[f"node{number}"]
        assert service["entrypoint"] == words
        node = Node(tmp_path / f"node{number}", "postgresql://replaced/by-the-command")
        link = foreign_port()
        assert service["environment"]["GRAPNEL_CLUSTER_ADDRESS"] == f"node{number}:8072", "a name, as this machine's is"
        node.env |= {**service["environment"], "GRAPNEL_CLUSTER_LISTEN": f"127.0.0.1:{link}",
                     "GRAPNEL_CLUSTER_ADDRESS": f"localhost:{link}", "GRAPNEL_SERVER_PUBLIC_URL": "http://localhost"}
        made.append(node.spawn(*QUICK))
    wait_until(lambda: at_work(made) and all(node.is_well() for node in made), "nodes that are well")
    yield made
    for node in made:
        node.end()


def commands_after(heading):
    """The commands of a section of the README: the words of each."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [[shlex.split(line) for line in block.splitlines()] for block in blocks]


def run_psql_of(commands, databases):
    """Runs those commands that are given to psql in a database's container."""
    for words in commands:
        if words[:3] == ["docker", "compose", "exec"]:
            name, command = words[3], words[4:]
            assert command[0] == "psql"
            databases[int(name[-1]) - 1].psql(*command[1:])


@needs_haproxy
def test_nothing_acknowledged_is_lost_when_the_node_at_work_and_then_the_primary_die(databases, nodes, receiver, tmp_path):
    balancer = Balancer(tmp_path / "balancer", nodes)
    ledger = None
    try:
        app = balancer.application()
        balancer.endpoint(app, receiver.url)
        ledger = Ledger([balancer], balancer.token, app)
        ledger.grows()
        assert set(balancer.answered()) == {"node1", "node2", "node3"}
        first = at_work(nodes)
        first.kill()
        ledger.grows(patience_s=30)
        first.spawn(*QUICK)
        first.wait_log("link.aimed")

        promote, rebuild = commands_after("When the database's primary is lost")
        databases[0].kill()
        run_psql_of(promote, databases)
        ledger.grows(patience_s=30)
        databases[0].forget()
        databases[0].start()
        wait_until(lambda: databases[1].ask("SELECT count(*) FROM pg_stat_replication") == "1", "the old primary to be a standby")
        run_psql_of(rebuild, databases)
        wait_until(databases[1].has_standby_in_step, "commits to wait for it")
        ledger.grows(patience_s=30)
        ledger.end()
        is_whole(ledger, receiver)
    finally:
        if ledger is not None:
            ledger.ended.set()
        balancer.end()


def is_healthy(node):
    """What the container's check says."""
    words = [word.replace("8071", str(node.port)) for word in SERVICES["node1"]["healthcheck"]["test"][1:]]
    return subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode == 0


def test_the_nodes_are_healthy_until_they_end(nodes):
    assert all(is_healthy(node) for node in nodes)
    nodes[0].kill()
    assert [is_healthy(node) for node in nodes] == [False, True, True]


def test_the_doctor_finds_no_fault_with_the_databases(databases, nodes):
    node = at_work(nodes)
    said = node.run("doctor", f"--store.dir={node.store}", "--server.listen=127.0.0.1:0").stdout
    for check in ("database", "its rights", "its durability", "its connections"):
        assert re.search(rf"^ *ok +{check} ", said, re.MULTILINE), said
