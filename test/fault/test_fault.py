# SPDX-License-Identifier: Apache-2.0
"""Every kind of system call of a whole server fails in turn: once and from then on, at its start and under load.

A preloaded object (fault.c) does it to the unchanged binary. After each life the server is started without faults and
has to account for everything: what was answered 2xx is in the history and was delivered, what was refused and tried
again under its key exists once. No life may end by a signal; only a store that cannot write or sync may end the
server, with a line in its log.

GRAPNEL_FAULT_ALL=1 takes many more calls of each kind (`make fault`).

Reads are judged by what is answered meanwhile, too: an answer is an error, or it is right.
"""
import errno
import http.client
import json
import mmap
import os
import pathlib
import re
import struct
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from conftest import PATIENCE_S, ROOT, SLOWER, Grapnel, Receiver, wait_until  # noqa: E402
from hostile_broker import HostileBroker  # noqa: E402

LIBRARY = pathlib.Path(os.environ.get("GRAPNEL_FAULT_LIBRARY", ROOT / "build" / "gcc" / "test" / "fault" / "libfault.so"))
# As in fault.c, with the errors that each can have.
KINDS = {"open": errno.EMFILE, "fsync": errno.EIO, "fdatasync": errno.EIO, "rename": errno.ENOSPC, "unlink": errno.EIO,
         "ftruncate": errno.ENOSPC, "pwrite": errno.ENOSPC, "write": errno.ENOSPC, "mmap": errno.ENOMEM,
         "epoll_create1": errno.EMFILE, "epoll_ctl": errno.ENOSPC, "eventfd": errno.EMFILE, "timerfd": errno.EMFILE,
         "socket": errno.EMFILE, "accept4": errno.EMFILE, "connect": errno.EAGAIN, "pthread_create": errno.EAGAIN,
         "getrandom": errno.ENOSYS, "read": errno.EIO, "short read": errno.EINTR, "stat": errno.EIO, "readdir": errno.EIO,
         "open existing": errno.EIO}
READS = ["read", "short read", "stat", "open existing", "open", "mmap"]  # folders are read at the start only
MAY_END_THE_SERVER = {"fsync", "fdatasync", "pwrite", "write", "ftruncate"}  # a store that cannot keep its word
FOR_EVER = 1 << 40
STUCK_MS = 10000  # the watchdog says so after 5 s
DEBUG_TOKEN = "a-token-for-debugging"
AFTER = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55] if os.environ.get("GRAPNEL_FAULT_ALL") else [2]
MESSAGES = 15
FLAGS = ["deliver.retry=" + ",".join(["100ms"] * 8 + ["1s"] * 24), "deliver.jitter=0", "deliver.breaker_time=100ms",
         "deliver.breaker_time_max=300ms", "deliver.timeout=3s", "store.segment_messages=8", "server.loops=2",
         "server.workers=2", "transform.processes=1", "fetch.idle_max=2", "debug.enabled=true", f"debug.token={DEBUG_TOKEN}"]


class Faults:
    """The control that the server's preloaded object shares."""

    def __init__(self, path):
        path.write_bytes(bytes(8 * (5 + len(KINDS))))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.heal()

    def _put(self, at, value):
        self.map[at * 8:at * 8 + 8] = struct.pack("=q", value)

    def _get(self, at):
        return struct.unpack("=q", self.map[at * 8:at * 8 + 8])[0]

    def arm(self, kind, after, count, error=None):
        for at, value in ((1, after), (2, count), (3, error or KINDS[kind]), (4, 0), (0, list(KINDS).index(kind))):
            self._put(at, value)

    def slow(self, kind, milliseconds):
        """The next call of the kind goes well, so much later."""
        self.arm(kind, 0, 1, -milliseconds)

    def heal(self):
        self._put(0, -1)

    @property
    def failed(self):
        return self._get(4)

    def seen(self, kind):
        return self._get(5 + list(KINDS).index(kind))


class World:
    def __init__(self, folder):
        self.faults = Faults(folder / "faults")
        self.receiver, self.broker = Receiver(), HostileBroker("good")
        self.server = Grapnel(folder / "grapnel")
        self.answers = {}  # n -> id of the message, or None: refused or unanswered

    def start(self, with_faults):
        self.server.env = {**os.environ, **({"LD_PRELOAD": str(LIBRARY), "GRAPNEL_FAULT": self.faults.file.name,
                                             "GRAPNEL_FAULT_STORE": str(self.server.store)} if with_faults else {})}
        self.server.spawn(*FLAGS)

    def is_up(self):
        if "event=server.started" in self.server.log():
            return True
        return self.server.child.poll() is not None

    def set_up(self):
        self.start(False)
        self.server.wait_log("server.started")
        self.server.ok("POST", "/app", {"name": "a", "uid": "a"})
        self.server.endpoint("a", self.receiver.url)
        self.server.ok("POST", "/app/a/endpoint", {"url": self.broker.url, "amqp": {"exchange": "e", "routingKey": "k"}})
        assert self.server.stop() == 0

    def publish(self, n):
        try:
            answer = self.server.call("POST", "/app/a/msg", {"eventType": "t.e", "payload": {"n": n}},
                                      {"idempotency-key": f"key-{n}"})
        except OSError:
            return None
        except Exception as e:  # noqa: BLE001 (half an answer is none)
            if "http" not in type(e).__module__ and "json" not in type(e).__module__:
                raise
            return None
        return answer.body["id"] if 200 <= answer.status < 300 else None

    def load(self, first):
        """Messages from three clients, and calls of workers between them."""
        def client(part):
            for n in range(first + part, first + MESSAGES, 3):
                self.answers[n] = self.publish(n)
                if n % 5 == 0:
                    try:
                        self.server.call("PATCH", "/app/a", {"name": f"a{n}"})
                    except (OSError, ValueError):
                        pass
                    except Exception as e:  # noqa: BLE001
                        if "http" not in type(e).__module__:
                            raise
        threads = [threading.Thread(target=client, args=(part,)) for part in range(3)]
        self.server.patience_s = 5 * SLOWER  # a server that accepts no connection answers nobody
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.server.patience_s = PATIENCE_S

    def end(self, kind):
        """Stops the life with faults, and judges how it ended."""
        self.faults.heal()
        code = self.server.child.poll()
        if code is None:
            code = self.server.stop()
            assert code in (0, 1), f"a stop ended with {code}"
        elif "server.started" in self.server.log():  # it ended by itself, after it was up
            assert kind in MAY_END_THE_SERVER and code > 0, f"{kind} ended the server: {code}"
            assert "level=error" in self.server.log()
        else:
            assert code > 0, f"{kind} ended the start: {code}"
            assert "server.failed" in self.server.log() or "grapnel: " in self.server.log()
        assert not self.server.complaints(), self.server.complaints()

    def account(self):
        self.start(False)
        self.server.wait_log("server.started")
        for n, known in sorted(self.answers.items()):
            again = wait_until(lambda n=n: self.publish(n), f"message {n} to be taken")
            assert known in (None, again), f"key-{n} made {known} and {again}"
            self.answers[n] = again
        wanted = set(self.answers)
        wait_until(lambda: {json.loads(r.body)["n"] for r in self.receiver.received} >= wanted, "all at the receiver")
        wait_until(lambda: {json.loads(b)["n"] for b in self.broker.bodies} >= wanted, "all at the broker")
        listed, iterator = [], None
        while True:
            page = self.server.ok("GET", "/app/a/msg?limit=250" + (f"&iterator={iterator}" if iterator else ""))
            listed += [(m["payload"]["n"], m["id"]) for m in page["data"]]
            iterator = page["iterator"]
            if page["done"]:
                break
        assert sorted(listed) == sorted(self.answers.items())
        assert self.server.stop() == 0
        assert not self.server.complaints(), self.server.complaints()

    def close(self):
        self.server.end()
        self.receiver.close()
        self.broker.close()


@pytest.fixture
def world(tmp_path):
    assert LIBRARY.exists(), f"{LIBRARY} is not built"
    world = World(tmp_path)
    yield world
    world.close()


@pytest.mark.parametrize("kind", KINDS)
def test_under_load_nothing_accepted_is_lost_when_calls_fail(world, kind):
    world.set_up()
    first = 0
    for count in (1, FOR_EVER):
        for after in AFTER:
            world.start(True)
            wait_until(world.is_up, "the start")
            world.faults.arm(kind, after, count)
            world.load(first)
            first += MESSAGES
            world.end(kind)
    world.account()


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_start_a_failing_call_is_an_error_with_words_or_none_at_all(world, kind):
    world.set_up()
    first = 0
    for count in (1, FOR_EVER):
        for after in AFTER:
            world.faults.arm(kind, after, count)
            world.start(True)
            wait_until(world.is_up, "the start")
            world.faults.heal()
            if world.server.child.poll() is None:
                world.load(first)
                first += MESSAGES
            world.end(kind)
    world.account()


PAGES = [24, 8000, 60]  # bytes of payload: in a page, over some, and in one again


class Library(World):
    """A store with some segments of messages, all of which were delivered, and what is asked of it."""

    def set_up(self):
        super().set_up()
        self.ids = {}
        self.start(False)
        self.server.wait_log("server.started")
        for n in range(24):
            self.ids[n] = self.server.ok("POST", "/app/a/msg", self.body(n), {"idempotency-key": f"read-{n}"})["id"]
        wait_until(lambda: len({json.loads(r.body)["n"] for r in self.receiver.received}) == len(self.ids), "all to be delivered")
        wait_until(lambda: len({json.loads(b)["n"] for b in self.broker.bodies}) == len(self.ids), "all at the broker")
        assert self.server.stop() == 0

    @staticmethod
    def body(n):
        return {"eventType": "t.e", "payload": {"n": n, "fill": str(n % 10) * PAGES[n % 3]}}

    def ask(self, method, path, body=None, headers=None):
        """The JSON of an answer, or None: it is an error of the server's, or there was none."""
        try:
            answer = self.server.call(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            return None
        if answer.status >= 500:
            return None
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    def ask_all(self):
        """How many were answered. Each is right in full."""
        answered = 0
        for n, id in self.ids.items():
            message = self.ask("GET", f"/app/a/msg/{id}")
            assert message is None or message["payload"] == self.body(n)["payload"]
            attempts = self.ask("GET", f"/app/a/attempt/msg/{id}?limit=50")
            assert attempts is None or len(attempts["data"]) >= 2, attempts
            again = self.ask("POST", "/app/a/msg", self.body(n), {"idempotency-key": f"read-{n}"})
            assert again is None or again["id"] == id
            answered += (message is not None) + (attempts is not None) + (again is not None)
        listed = self.ask("GET", "/app/a/msg?limit=250")
        assert listed is None or {m["id"] for m in listed["data"]} >= set(self.ids.values())
        endpoints = self.ask("GET", "/app/a/endpoint")
        assert endpoints is None or len(endpoints["data"]) == 2
        return answered + (listed is not None) + (endpoints is not None)

    def account(self):
        """Nothing that was there is gone, and all of it can be read."""
        self.start(False)
        self.server.wait_log("server.started")
        assert self.ask_all() == 3 * len(self.ids) + 2
        assert self.server.stop() == 0
        assert not self.server.complaints(), self.server.complaints()


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path)
    yield library
    library.close()


@pytest.mark.parametrize("kind", READS)
def test_while_reads_fail_an_answer_is_an_error_or_right(library, kind):
    library.set_up()
    for count in (1, FOR_EVER):
        for after in AFTER:
            library.start(True)
            wait_until(library.is_up, "the start")
            library.faults.arm(kind, after, count)
            library.ask_all()
            assert library.faults.failed > 0 or count == 1 or after > AFTER[0], "no call of the kind was made"
            library.end(kind)
    library.account()


def test_a_sync_that_takes_long_is_said_everywhere_and_ends_nothing(world):
    world.set_up()
    world.start(True)
    wait_until(world.is_up, "the start")
    world.faults.slow("fdatasync", STUCK_MS)
    publishing = threading.Thread(target=world.load, args=(0,))
    publishing.start()
    server = world.server
    server.wait_log("server.thread_stuck .*thread=store at=\"commits a group\"")
    health = server.raw("GET", "/api/v1/health")
    assert health.status == 500
    assert re.search(r'the store.s writer has waited for \d+ s, at .*commits a group', health.body.decode())
    assert server.metrics()["grapnel_threads_stuck"] == 1
    debug = {"authorization": f"Bearer {DEBUG_TOKEN}"}
    assert re.search(r'^store at="commits a group" since_us=[1-9]\d{6,}', server.raw("GET", "/debug/loops", headers=debug).body.decode(), re.M)
    assert re.search(r"^store: commits a group for [1-9]\d{3,} ms", server.raw("GET", "/debug/threads", headers=debug).body.decode(), re.M)
    server.wait_log("server.thread_back .*thread=store")
    publishing.join()
    assert server.raw("GET", "/api/v1/health").status == 200
    assert server.metrics()["grapnel_threads_stuck"] == 0
    world.end("fdatasync")
    world.account()
