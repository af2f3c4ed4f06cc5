# SPDX-License-Identifier: Apache-2.0
"""What a run is made of: the server and its supervisor, its disk, links and limits, the broker, the receivers.

A World has one node and the store that comes with it. Another node would be a second Node with Links of its own, on the
same ledger; another store would be started in World.start() beside the broker, with a link of its own, and named in the
node's options.
"""
import asyncio
import contextlib
import dataclasses
import os
import pathlib
import random
import resource
import signal
import time

from harness import Server
from kernel import Cgroup, Disk, Links
from receivers import Receiver

try:
    import rabbit
    WHY_NO_BROKER = None if rabbit.is_installed() else "rabbitmq-server is not installed"
except ImportError as e:
    WHY_NO_BROKER = f"RabbitMQ needs the Python of build/venv ({e})"

FAKETIME = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
RESTART_S = 0.3  # a supervisor waits that long before it tries again
AFTER_LIMIT_S = 5.0  # what a limit did may show that much later
RETRIES = ["200ms", "500ms", "1s", "1s", "2s", "2s", *["5s"] * 26]
WINDOW, TIMEOUT_S = 8, 3
FLAGS = ["deliver.retry=" + ",".join(RETRIES), "deliver.jitter=10", f"deliver.timeout={TIMEOUT_S}s",
         "deliver.connect_timeout=2s", "deliver.breaker_time=200ms", "deliver.breaker_time_max=2s",
         f"deliver.window_max={WINDOW}", f"deliver.window_start={WINDOW}", "server.stop_timeout=10s"]


@dataclasses.dataclass
class Endpoint:
    """What the run knows of an endpoint. `rate`: deliveries per second, 0: any number."""
    app: str
    is_ordered: bool = False
    rate: int = 0
    is_amqp: bool = False
    id: str = ""


ENDPOINTS = {
    "plain": Endpoint("first"),
    "ordered": Endpoint("first", is_ordered=True),
    "second": Endpoint("second"),
    "throttled": Endpoint("second", rate=30),
    "source": Endpoint("source"),
    "queue": Endpoint("third", is_amqp=True),
    "ordered_queue": Endpoint("third", is_amqp=True, is_ordered=True),
}


class Clock:
    """The wall clock of servers that are started with `env`."""

    def __init__(self, folder):
        self.file = folder / "clock"
        self.unable = None if FAKETIME else "faketime is not installed"
        self.env = {"LD_PRELOAD": str(FAKETIME[0]), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"} if FAKETIME else {}
        self.set(0)

    def set(self, seconds):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.rename(self.file)


class Node(Server):
    """A server that is started again whenever it ends, as by a supervisor."""

    def __init__(self, binary, folder, store, links, cgroup, ledger, flags):
        super().__init__(binary, folder, log_level="info")
        self.flags = [f"--store.dir={store}", f"--fetch.allow=127.0.0.0/8,{links.network}", "--log.level=info",
                      f"--server.crash_dir={folder}/crashes", *("--" + flag for flag in [*FLAGS, *flags])]
        (folder / "crashes").mkdir()
        self.store, self.prefix, self.address = store, (*cgroup.prefix, *links.prefix), f"{links.theirs['clients']}:0"
        self.ledger, self.expected, self.files = ledger, None, None
        self.starts, self.life_began = 0, 0

    def spawn(self):
        log = self.folder / "server.log"
        self.life_began = log.stat().st_size if log.exists() else 0
        super().spawn()
        self.starts += 1

    def expect_death(self):
        """The process of now will end because the run wants it."""
        self.expected = self.child.pid

    def is_limited(self):
        """Whether the machine refuses, or just refused, something that a start or a stop needs."""
        return bool(self.ledger.faults_about(time.monotonic(), AFTER_LIMIT_S, ("limit.", "disk.")))

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(number)

    def limit(self, what, soft):
        """A limit of the process, or what it had before."""
        with contextlib.suppress(ProcessLookupError, ValueError):
            if soft is not None:
                self.files = (self.child.pid, *resource.prlimit(self.child.pid, what))
                resource.prlimit(self.child.pid, what, (min(soft, self.files[2]), self.files[2]))
            elif self.files is not None and self.files[0] == self.child.pid:
                resource.prlimit(self.child.pid, what, self.files[1:])

    def judge_death(self, code):
        """Nothing from outside ends a server that is up; memory that the kernel denies it may, and a start may fail."""
        if self.child.pid == self.expected:
            return
        about = ", ".join(self.ledger.faults_about(time.monotonic(), AFTER_LIMIT_S, ("",)))
        killed_for_memory = code == -signal.SIGKILL and "limit.memory" in about
        failed_start = code > 0 and self.is_limited() and "event=server.started" not in self.log_of_life()
        if not killed_for_memory and not failed_start:
            self.ledger.wrong(f"the server ended by itself with code {code} while there was: {about or 'nothing'}")

    def log_of_life(self):
        with open(self.folder / "server.log", "rb") as log:
            log.seek(self.life_began)
            return log.read().decode(errors="replace")

    async def supervise(self):
        while True:
            code = self.child.poll()
            if code is not None:
                self.judge_death(code)
                self.log.close()
                forget_shared_memory(self.child.pid)
                self.spawn()
                await asyncio.sleep(RESTART_S)
            await asyncio.sleep(0.02)


def forget_shared_memory(pid):
    """libfaketime leaves some behind when its process is killed."""
    for left in pathlib.Path("/dev/shm").glob(f"*faketime_*_{pid}"):
        left.unlink(missing_ok=True)


class World:
    def __init__(self, folder, ledger):
        self.folder, self.ledger = folder, ledger
        self.receivers, self.broker, self.node = {}, None, None
        self.endpoints, self.apps, self.door = {}, {}, ""  # by name; door: the source's path
        self.why_no_broker, self.are_queues_kept = WHY_NO_BROKER, False
        self.clock = Clock(folder)
        with contextlib.ExitStack() as left:  # whatever fails, nothing stays in the kernel
            self.disk = Disk(folder / "disk")
            left.callback(self.disk.close)
            self.cgroup = Cgroup()
            left.callback(self.cgroup.close)
            self.links = Links()
            left.callback(self.links.close)
            self.left = left.pop_all()

    async def start(self, binary, seed, flags, with_clock, with_broker):
        """Everything up, the broker and its queues included, but nothing configured in the server."""
        self.node = Node(binary, self.folder / "node", self.disk.folder / "store", self.links, self.cgroup, self.ledger, flags)
        if with_clock:
            self.node.env = {**os.environ, **self.clock.env}
        self.endpoints = {name: dataclasses.replace(endpoint) for name, endpoint in ENDPOINTS.items()
                          if with_broker or not endpoint.is_amqp}
        for name, endpoint in self.endpoints.items():
            if not endpoint.is_amqp:
                self.receivers[name] = Receiver(name, self.ledger, random.Random(f"{seed}/{name}"))
                await self.receivers[name].start(self.links.ours["receivers"])
        if with_broker:
            self.broker = rabbit.Rabbit(self.folder / "rabbit", self.links.ours["broker"])
            self.left.callback(self.broker.close)
            await asyncio.to_thread(self.broker.start)
            for name, endpoint in self.endpoints.items():
                if endpoint.is_amqp:
                    await asyncio.to_thread(self.broker.queue, name)
        self.node.make_token()
        await asyncio.to_thread(self.node.start)

    async def hang_up(self):
        """The receivers end; nothing is asked of them any more."""
        await asyncio.gather(*(receiver.close() for receiver in self.receivers.values()))

    def close(self):
        with self.left:
            if self.node is not None and self.node.child is not None:
                self.node.signal(signal.SIGKILL)
                self.node.child.wait()
                forget_shared_memory(self.node.child.pid)
