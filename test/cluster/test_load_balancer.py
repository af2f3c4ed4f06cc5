# SPDX-License-Identifier: Apache-2.0
"""Svix's SDKs through HAProxy, which gives requests to all nodes in turn."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest
from balancer import HAPROXY, Balancer, at_work
from cluster import QUICK, ROOT, url_of, wait_until

HERE = pathlib.Path(__file__).parent
NODE_MODULES = pathlib.Path(os.environ.get("GRAPNEL_NODE", ROOT / "build" / "node")) / "node_modules"
SDKS = {"Python": [sys.executable, HERE / "sdk" / "rounds.py"], "JavaScript": ["node", HERE / "sdk" / "rounds.cjs"]}

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")


class Client:
    """A program that plays rounds with an SDK, and the messages that it made."""

    def __init__(self, command, balancer, receiver):
        self.messages, self.is_done = [], False
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env={**os.environ, "NODE_PATH": str(NODE_MODULES), "GRAPNEL_URL": balancer.url,
                                           "GRAPNEL_TOKEN": balancer.token, "RECEIVER": receiver.url})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            if line.strip() == "done":
                self.is_done = True
            else:
                self.messages.append(line.strip())

    def plays(self, count):
        goal = len(self.messages) + count

        def has_played():
            assert self.child.poll() is None, self.child.stderr.read()
            return len(self.messages) >= goal
        wait_until(has_played, f"{count} more rounds")

    def end(self):
        self.child.stdin.close()
        assert self.child.wait(60) == 0, self.child.stderr.read()
        self.reader.join()
        assert self.is_done


@pytest.fixture
def database(make_postgres):
    return make_postgres()


@pytest.fixture
def balanced(database, make_node, tmp_path):
    nodes = [make_node(database.port) for _ in range(3)]
    nodes[0].serve(*QUICK)
    for node in nodes[1:]:
        node.spawn(*QUICK)
        node.wait_log("link.aimed")
    balancer = Balancer(tmp_path / "balancer", nodes)
    yield balancer
    balancer.end()


@contextlib.contextmanager
def playing(sdk, balancer, receiver):
    """A client at work. At the end it has seen no failure, and all that it sent has arrived."""
    client = Client(SDKS[sdk], balancer, receiver)
    try:
        client.plays(5)
        yield client
        client.end()
        wait_until(lambda: set(client.messages) <= set(receiver.ids()), "each message to arrive")
    finally:
        client.child.kill()
        client.child.wait()


@pytest.mark.parametrize("sdk", SDKS)
def test_what_an_sdk_makes_can_be_used_at_once_and_nothing_fails_when_nodes_die_and_stop(sdk, balanced, receiver):
    with playing(sdk, balanced, receiver) as client:
        assert set(balanced.answered()) == {"node1", "node2", "node3"}
        at_work(balanced.nodes).kill()
        client.plays(5)
        wait_until(lambda: at_work(balanced.nodes), "another node at work").stop()
        client.plays(5)


@pytest.mark.parametrize("sdk", SDKS)
def test_nothing_that_an_sdk_does_fails_when_the_node_at_work_hangs(sdk, balanced, receiver):
    with playing(sdk, balanced, receiver) as client:
        hanging = at_work(balanced.nodes)
        hanging.child.send_signal(signal.SIGSTOP)
        client.plays(5)
        hanging.child.send_signal(signal.SIGCONT)
        client.plays(5)


@pytest.mark.parametrize("sdk", SDKS)
def test_nothing_that_an_sdk_does_fails_when_no_node_is_well_for_a_while(sdk, balanced, database, receiver):
    with playing(sdk, balanced, receiver) as client:
        slow = database.hold("BEGIN; LOCK TABLE node_fence IN SHARE MODE; SELECT 1")  # nobody can take over
        at_work(balanced.nodes).kill()
        wait_until(lambda: " 0 active and " in balanced.said.read_text(errors="replace"), "HAProxy to give up all nodes")
        slow.kill()
        slow.wait()
        client.plays(5)
