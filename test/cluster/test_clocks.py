# SPDX-License-Identifier: Apache-2.0
"""Nodes on machines whose clocks differ, and what was promised for a time."""
import ctypes
import datetime
import os
import pathlib
import subprocess
import time
import uuid

import pytest
from cluster import QUICK, Ledger, Receiver, is_whole, wait_until

FAKETIME = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
RETRY_S, LATE_S, EARLY_S = 14, 3, 0.5
FLAGS = [*(flag for flag in QUICK if not flag.startswith("deliver.retry=")), f"deliver.retry={RETRY_S}s,{RETRY_S}s"]
CLONE_NEWNS, BOOT_ID = 0x20000, "/proc/sys/kernel/random/boot_id"

pytestmark = [pytest.mark.skipif(not FAKETIME, reason="faketime is not installed"),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process a boot id of its own")]


class Machine:
    """Where a node runs: a wall clock and a boot id of its own."""

    def __init__(self, node, folder, ahead_s):
        self.node, self.boot_id, self.clock = node, folder / "boot_id", folder / "clock"
        folder.mkdir()
        self.boot_id.write_text(f"{uuid.uuid4()}\n")
        self.set_clock(ahead_s)
        node.env |= {"LD_PRELOAD": str(FAKETIME[0]), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
                     "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}

    def set_clock(self, ahead_s):
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{ahead_s:+d}\n")
        fresh.rename(self.clock)

    def enter(self):
        assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == 0
        plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        subprocess.run(["mount", "--make-rprivate", "/"], check=True, env=plain)
        subprocess.run(["mount", "--bind", self.boot_id, BOOT_ID], check=True, env=plain)

    def start(self):
        return self.node.spawn(*FLAGS, preexec=self.enter)


class Slow:
    """An endpoint whose deliveries succeed at the second attempt, and when each was made."""

    def __init__(self, node):
        self.receiver = Receiver(204)
        self.node, self.app = node, node.application("slow")
        node.endpoint(self.app, self.receiver.url)

    def fail_once(self, node):
        """A message whose first attempt has failed and is recorded; when that was."""
        self.receiver.answers[:] = [503, 204]
        self.receiver.received.clear()
        message = node.publish(self.app)
        wait_until(lambda: node.attempts(self.app, message), "the attempt to be recorded")
        return self.receiver.received[0].at

    def expect_retry(self, failed_at):
        again = self.receiver.wait(2)[1].at - failed_at
        assert RETRY_S - EARLY_S <= again <= RETRY_S + LATE_S, again


@pytest.mark.parametrize("ahead_s", [10, -10])
def test_a_take_over_between_nodes_whose_clocks_differ_keeps_times_and_order(make_postgres, make_node, tmp_path, receiver, ahead_s):
    database = make_postgres()
    nodes = [make_node(database.port) for _ in range(2)]
    machines = [Machine(node, tmp_path / f"machine{i}", ahead) for i, (node, ahead) in enumerate(zip(nodes, [0, ahead_s]))]
    machines[0].start().wait_log("server.started")
    machines[1].start().wait_log("server.stands_by")
    app = nodes[0].application()
    nodes[0].endpoint(app, receiver.url)
    nodes[1]._token = nodes[0].token
    slow = Slow(nodes[0])
    ledger = Ledger(nodes, nodes[0].token, app)
    for at_work, next_one in ((0, 1), (1, 0)):
        ledger.grows()
        failed_at = slow.fail_once(nodes[at_work])
        nodes[at_work].kill()
        nodes[next_one].wait_log("server.started")
        ledger.grows()
        slow.expect_retry(failed_at)
        machines[at_work].start().wait_log("server.stands_by")
    ledger.end()
    assert list(ledger.accepted) == sorted(ledger.accepted), "ids are in the order of acceptance"
    is_whole(ledger, receiver)
    slow.receiver.close()


@pytest.mark.parametrize("jump_s", [10, -10])
def test_a_clock_of_a_node_that_jumps_moves_nothing_and_is_logged(make_postgres, make_node, tmp_path, receiver, jump_s):
    node = make_node(make_postgres().port)
    machine = Machine(node, tmp_path / "machine", 0)
    machine.start().wait_log("server.started")
    app = node.application()
    node.endpoint(app, receiver.url)
    slow = Slow(node)
    ledger = Ledger([node], node.token, app)
    failed_at = slow.fail_once(node)
    machine.set_clock(jump_s)
    line = node.wait_log("store.clock_differs")
    assert abs(int(line.split("ahead_ms=")[1].split()[0]) - 1000 * jump_s) < 1500, line
    ledger.grows()
    slow.expect_retry(failed_at)
    ledger.end()
    assert "store.clock_set" not in node.log()
    assert list(ledger.accepted) == sorted(ledger.accepted)
    made_at = time.time()
    later = node.publish(app)
    shown = node.ok("GET", f"/app/{app}/msg/{later}")["timestamp"]
    assert abs(datetime.datetime.fromisoformat(shown.replace("Z", "+00:00")).timestamp() - made_at) < 2, "a message's time is the database's"
    is_whole(ledger, receiver)
    slow.receiver.close()
