# SPDX-License-Identifier: Apache-2.0
"""Fixtures: databases, ways to them, and nodes. How long something took is judged only where the promise is a time."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import pooler  # noqa: E402
from cluster import PROGRAMS, QUICK, Ledger, Node, Postgres, Receiver, SmallDisk, Way, foreign_port, url_of, wait_until  # noqa: E402


@pytest.fixture
def short_folder():
    """PostgreSQL's sockets have short names only."""
    where = pathlib.Path(tempfile.mkdtemp(prefix="grapnel-cluster-", dir="/tmp"))
    where.chmod(0o755)
    yield where
    shutil.rmtree(where, ignore_errors=True)


@pytest.fixture
def make_postgres(short_folder):
    if PROGRAMS is None:
        pytest.skip("there is no PostgreSQL here")
    made = []

    def make(primary=None, *settings):
        made.append(Postgres(short_folder / f"p{len(made)}", primary, settings).start())
        if primary is None:
            made[-1].ask("CREATE DATABASE grapnel", "postgres")
        return made[-1]

    yield make
    for server in made:
        server.end()


@pytest.fixture
def small_disk(short_folder):
    if PROGRAMS is None:
        pytest.skip("there is no PostgreSQL here")
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    try:
        disk = SmallDisk(short_folder / "disk")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no small disk to be had: {error}")
    yield disk
    disk.end()


@pytest.fixture
def make_way():
    made = []

    def make(port):
        made.append(Way(port))
        return made[-1]

    yield make
    for way in made:
        way.close()


@pytest.fixture
def make_pooler(short_folder):
    if pooler.PROGRAM is None:
        pytest.skip("there is no pgbouncer here")
    made = []

    def make(port, host="127.0.0.1", **settings):
        one = pooler.Pooler(short_folder / f"b{len(made)}", host, port,
                            listen_addr="127.0.0.1", listen_port=foreign_port(), **settings)
        made.append(one.start())
        wait_until(one.is_there, "pgbouncer to start")
        return one

    yield make
    for one in made:
        one.end()


@pytest.fixture
def make_node(tmp_path):
    made = []

    def make(*ports):
        node = Node(tmp_path / f"node{len(made)}", url_of(*ports))
        made.append(node)
        return node

    yield make
    for node in made:
        if node.child is not None and node.child.poll() is None:
            node.child.send_signal(18)  # SIGCONT
        node.end()
    reports = [line for node in made for line in node.complaints()]
    assert not reports, "a node crashed or a sanitizer spoke:\n" + "\n".join(reports)


@pytest.fixture
def receiver():
    one = Receiver(204)
    yield one
    one.close()


class Pair:
    """A node that is active and one that stands by, each on a way of its own to the database."""

    def __init__(self, nodes, ways, token, app, endpoint):
        self.nodes, self.ways, self.token, self.app, self.endpoint = nodes, ways, token, app, endpoint

    @property
    def first(self):
        return self.nodes[0]

    @property
    def second(self):
        return self.nodes[1]

    def ledger(self):
        return Ledger(self.nodes, self.token, self.app)


@pytest.fixture
def make_pair(make_node, make_way, receiver):
    def make(*postgres_ports):
        ways = [[make_way(port) for port in postgres_ports] for _ in range(2)]
        nodes = [make_node(*(way.port for way in mine)) for mine in ways]
        nodes[0].serve(*QUICK)
        nodes[1].spawn(*QUICK)
        nodes[1].wait_log("server.stands_by")
        token = nodes[0].token
        app = nodes[0].application()
        return Pair(nodes, ways, token, app, nodes[0].endpoint(app, receiver.url))
    return make


@pytest.fixture
def pair(make_postgres, make_pair):
    database = make_postgres()
    made = make_pair(database.port)
    made.database = database
    return made
