# SPDX-License-Identifier: Apache-2.0
"""What the benchmark, the soak test and the crash test share: a server process, its API, a receiver."""
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """`grapnel serve` on a folder; its log goes to <folder>/server.log."""

    prefix = ()  # a command that starts the server's command, and becomes it
    env = None

    def __init__(self, binary, folder, *flags, log_level="warn"):
        self.binary, self.folder = pathlib.Path(binary), pathlib.Path(folder)
        self.store = self.folder / "store"
        self.flags = [f"--store.dir={self.store}", "--fetch.allow=127.0.0.0/8",
                      f"--log.level={log_level}", *flags]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = "127.0.0.1:0"
        self.child = None
        self.token = None

    @property
    def host(self):
        return self.address.rsplit(":", 1)[0]

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def make_token(self):
        self.token = subprocess.run(
            [self.binary, "token", "create", "--name=bench", *(f for f in self.flags if f.startswith(("--store.", "--server.main_secret")))],
            check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def spawn(self):
        """Starts it and does not wait; the first start chooses the port for good."""
        if self.address.endswith(":0"):
            self.address = f"{self.host}:{free_port()}"
        self.log = open(self.folder / "server.log", "ab")
        self.child = subprocess.Popen([*self.prefix, self.binary, "serve", f"--server.listen={self.address}", *self.flags],
                                      stdout=self.log, stderr=subprocess.STDOUT, env=self.env)

    def start(self, patience_s=60):
        """Starts it and waits until it answers."""
        self.spawn()
        until = time.monotonic() + patience_s
        while True:
            try:
                connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
                connection.request("GET", "/api/v1/health")
                connection.getresponse().read()
                connection.close()
                return self
            except OSError:
                if self.child.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the server did not start: see {self.folder / 'server.log'}") from None
                time.sleep(0.01)

    def stop(self, number=signal.SIGTERM, patience_s=60):
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)
            self.child.wait(patience_s)
        if self.child is not None:
            self.log.close()
        return self.child and self.child.returncode

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def thread_cpu_s(self, name):
        """Of the thread of that name."""
        for task in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            if (task / "comm").read_text().strip() == name:
                fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
        raise RuntimeError(f"the server has no thread {name}")

    def status(self, path):
        """Of the answer to a GET without a token."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def rss_bytes(self):
        text = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def metrics(self):
        """{'name{labels}': value}"""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows}


class Api:
    """The few calls these tests need, on one keep-alive connection: a new one after a pause, in which the server may have closed it."""

    PAUSE_S = 5

    def __init__(self, server):
        self.called = time.monotonic()
        self.server = server
        self.connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
        self.event_types = set()

    def call(self, method, path, body=None, headers=None):
        if time.monotonic() - self.called > self.PAUSE_S:
            self.connection.close()
        self.called = time.monotonic()
        self.connection.request(method, path, None if body is None else json.dumps(body),
                                {"authorization": f"Bearer {self.server.token}",
                                 "content-type": "application/json", **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:400].decode(errors='replace')}")
        return json.loads(text) if text else None

    def application(self, name, *urls):
        """Makes an application with an endpoint a URL; its id."""
        app = self.call("POST", "/api/v1/app", {"name": name})["id"]
        for url in urls:
            self.call("POST", f"/api/v1/app/{app}/endpoint", {"url": url})
        return app


    def application_with_types(self, name, count, url, event_type="bench.load"):
        """Makes an application with `count` endpoints, each for an event type of its own; its id."""
        app = self.call("POST", "/api/v1/app", {"name": name})["id"]
        for i in range(count):
            self.event_type(f"{event_type}.{i}")
            self.call("POST", f"/api/v1/app/{app}/endpoint", {"url": url, "eventTypes": [f"{event_type}.{i}"]})
        return app

    def event_type(self, name):
        if name not in self.event_types:
            self.call("POST", "/api/v1/event-type", {"name": name, "description": "of the benchmark"})
            self.event_types.add(name)


class Sink:
    """The counting receiver of test/bench/sink.c."""

    def __init__(self, binary):
        self.child = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.flaky_url = f"http://127.0.0.1:{self.port}/flaky"

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().split()

    def read(self):
        """(requests so far, monotonic second of the last one)"""
        words = self.ask("")
        return int(words[1]), int(words[3]) / 1e6

    def delays_us(self):
        """(p50, p99) of the deliveries since they were last asked for, from when each was due to be published."""
        words = self.ask("delays")
        return int(words[1]), int(words[3])

    def wait_for(self, count, patience_s):
        """Waits until `count` requests came; the second of the last."""
        until = time.monotonic() + patience_s
        before, moved = -1, time.monotonic()
        while True:
            seen, last = self.read()
            if seen >= count:
                return last
            if seen != before:
                before, moved = seen, time.monotonic()
            if time.monotonic() > until or time.monotonic() - moved > 30:
                raise RuntimeError(f"{seen} of {count} deliveries arrived")
            time.sleep(0.02)

    def stop(self):
        self.child.stdin.close()
        self.child.wait(10)


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
