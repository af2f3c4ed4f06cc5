# SPDX-License-Identifier: Apache-2.0
"""When the disk is full."""
import os
import resource
import subprocess

import pytest

from conftest import wait_until


def publish_until_refused(server, app, most=3000):
    """(accepted ids, the refusal)"""
    accepted = []
    for n in range(most):
        answer = server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {"n": n, "pad": "x" * 30000}})
        if answer.status >= 300:
            return accepted, answer
        accepted.append(answer.body["id"])
    raise AssertionError(f"{most} messages of 30 KB fitted")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB, when this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class Ballast:
    """A file that takes all the room a disk has left."""

    def __init__(self, folder):
        self.file = folder / "ballast"

    def fill(self):
        with open(self.file, "ab", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * 65536) == 65536:
                    pass
            except OSError:
                pass

    def drop(self):
        self.file.unlink()


def publish(server, app):
    return server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {}})


def assert_kept(server, app, accepted):
    for message in (accepted[0], accepted[len(accepted) // 2], accepted[-1]):
        assert server.ok("GET", f"/app/{app}/msg/{message}")["id"] == message


def test_below_the_free_space_limit_messages_are_refused_and_the_history_stays_readable(make_grapnel):
    server = make_grapnel().serve()
    app = server.application()
    message = server.publish(app)
    server.restart("store.free_min=1TiB")
    answer = server.call("POST", f"/app/{app}/msg", {"eventType": "disk.test", "payload": {}})
    assert answer.status in (503, 507)
    assert server.ok("GET", f"/app/{app}/msg/{message}")["id"] == message


def test_a_full_disk_refuses_keeps_what_was_accepted_and_recovers(make_grapnel, small_disk):
    server, ballast = make_grapnel(), Ballast(small_disk)
    server.store = small_disk / "store"
    server.serve("store.free_min=0")
    app = server.application()
    first = publish(server, app).body["id"]
    ballast.fill()
    accepted, refused = publish_until_refused(server, app)
    assert refused.status in (500, 503, 507)
    assert server.raw("GET", "/metrics").status == 200
    assert_kept(server, app, [first, *accepted])
    ballast.drop()
    wait_until(lambda: publish(server, app).status == 202, "accepting again once there is room")
    server.restart()
    assert_kept(server, app, [first, *accepted])


def test_a_start_on_a_full_disk_serves_the_history_refuses_and_recovers(make_grapnel, small_disk):
    """The log of what was accepted cannot be moved into its file: there is no room for both."""
    server, ballast = make_grapnel(), Ballast(small_disk)
    server.store = small_disk / "store"
    server.serve("store.free_min=0")
    app = server.application()
    accepted, _ = publish_until_refused(server, app)
    server.kill()
    ballast.fill()
    server.restart()
    server.wait_log("store.log_kept")
    assert_kept(server, app, accepted)
    more, refused = publish_until_refused(server, app)  # a few may fit where the log ends
    assert refused.status in (500, 503, 507)
    accepted += more
    ballast.drop()
    subprocess.run(["mount", "-o", "remount,size=192m", small_disk], check=True)
    wait_until(lambda: publish(server, app).status == 202, "accepting again once there is room")
    server.restart()
    assert "store.log_kept" not in server.log()
    assert_kept(server, app, accepted)


def test_a_file_size_limit_is_a_refusal_and_not_an_end(make_grapnel):
    """The same without the right to mount: no file may grow past 8 MiB."""
    server = make_grapnel()
    server.serve("store.free_min=0", preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20)))
    app = server.application()
    accepted, refused = publish_until_refused(server, app)
    assert accepted and refused.status in (500, 503, 507)
    assert server.child.poll() is None
    server.restart()
    listed = server.ok("GET", f"/app/{app}/msg/{accepted[-1]}")
    assert listed["id"] == accepted[-1]
    assert os.path.getsize(server.store / "config.db") > 0
