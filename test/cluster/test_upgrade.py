# SPDX-License-Identifier: Apache-2.0
"""Nodes of this program, and of the one before the newest change of the schema, in one cluster: `make upgrade`.

The older program is a real one, built from the history by tools/older; GRAPNEL_OLDER is its path.
"""
import os

import pytest

from cluster import QUICK, Ledger, is_whole, wait_until

OLDER = os.environ.get("GRAPNEL_OLDER")

pytestmark = pytest.mark.skipif(not OLDER, reason="make upgrade builds the older program")


class Mixed:
    """Nodes on one database, the first of them at work, and a client that publishes to them without a pause."""

    def __init__(self, database, make_node):
        self.database, self.make_node, self.nodes, self.ledger = database, make_node, [], None

    def add(self, program=None):
        """One that stands by, or is the first."""
        node = self.make_node(self.database.port)
        self.nodes.append(node)
        return self.start(node, program)

    def start(self, node, program=None):
        node.program = program
        node.spawn(*QUICK)
        node.wait_log("server.stands_by" if len(self.nodes) > 1 else "server.started")
        return node

    def publish_to(self, receiver):
        first = self.nodes[0]
        self.app = first.application()
        first.endpoint(self.app, receiver.url)
        self.ledger = Ledger(self.nodes, first.token, self.app)
        self.ledger.grows()

    def takes_over(self, node):
        """It is at work, and serves."""
        node.wait_log("server.started")
        self.ledger.grows()

    def is_whole(self, receiver):
        """Nothing is lost, and the node at work has all of it."""
        self.ledger.end()
        is_whole(self.ledger, receiver)
        at_work = next(node for node in self.nodes if node.is_active())
        for message, number in self.ledger.accepted.items():
            found = at_work.call("GET", f"/app/{self.app}/msg/{message}", token=self.ledger.token)
            assert (found.status, found.body["payload"]) == (200, {"n": number})
            wait_until(lambda message=message: attempts(at_work, self, message), "the attempt to be in the history")


def attempts(node, mixed, message):
    return node.call("GET", f"/app/{mixed.app}/attempt/msg/{message}", token=mixed.ledger.token).body["data"]


@pytest.fixture
def mixed(make_postgres, make_node):
    one = Mixed(make_postgres(), make_node)
    yield one
    if one.ledger is not None:
        one.ledger.end()


def versions(database):
    """Of the tables: what they are, from which program on they can be read, and what the configuration is."""
    return tuple(int(part) for part in database.ask(
        "SELECT schema_version || ' ' || reads_from || ' ' || (SELECT max(version) FROM migration) FROM cluster").split())


def test_a_cluster_is_upgraded_node_by_node_under_load(mixed, receiver):
    first, second = mixed.add(OLDER), mixed.add(OLDER)
    mixed.publish_to(receiver)
    before = versions(mixed.database)
    second.stop()
    mixed.start(second)
    mixed.ledger.grows()
    assert first.stop() == 0
    mixed.takes_over(second)
    mixed.start(first)
    mixed.ledger.grows()
    assert second.stop() == 0
    mixed.takes_over(first)
    mixed.is_whole(receiver)
    assert versions(mixed.database) > before, "the older program is older"


def test_a_newer_node_takes_over_from_an_older_one_that_is_killed(mixed, receiver):
    older, newer = mixed.add(OLDER), mixed.add()
    mixed.publish_to(receiver)
    older.kill()
    mixed.takes_over(newer)
    mixed.start(older, OLDER)
    mixed.ledger.grows()
    mixed.is_whole(receiver)


def test_an_older_node_takes_over_from_a_newer_one_that_is_killed_if_it_can_read_the_tables(mixed, receiver):
    older = mixed.add(OLDER)
    mixed.publish_to(receiver)
    version, _, configuration = versions(mixed.database)
    newer = mixed.add()
    older.kill()
    mixed.takes_over(newer)
    mixed.start(older, OLDER)
    mixed.ledger.grows()
    newer.kill()
    _, reads_from, now = versions(mixed.database)
    if reads_from <= version and now == configuration:
        mixed.takes_over(older)
    else:
        older.wait_log("upgrade it|start the newer program")
        wait_until(lambda: older.child.poll(), "it to end")
    mixed.start(newer)
    if older.child.poll() is None:
        older.kill()
    mixed.takes_over(newer)
    mixed.is_whole(receiver)
