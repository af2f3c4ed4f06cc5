# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a real server process on a folder of its own, a scripted receiver, a small API client.

No sleeps: tests wait for a log line, a metric, a received request or a row, with a deadline that is only there
to end a test that fails: a busy machine may take its time. When a test fails, the server's log is shown.

Tests may run beside each other (pytest-xdist, by file): each has folders and ports of its own.
"""
import base64
import collections
import hashlib
import hmac
import http.client
import http.server
import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# "postgres": the servers keep everything in databases of the PostgreSQL that GRAPNEL_TEST_POSTGRES names.
STORE = os.environ.get("GRAPNEL_TEST_STORE", "files")
SLOWER = float(os.environ.get("GRAPNEL_SLOWER", "1"))  # sanitizer builds take their time
PATIENCE_S = 60 * SLOWER
LATE_MS = 1500 * SLOWER  # how late something timed may be when others want the processor too

Answer = collections.namedtuple("Answer", "status headers body")


def binary():
    return pathlib.Path(os.environ.get("GRAPNEL_BIN", ROOT / "build" / "grapnel"))


def wait_until(check, what, patience_s=None):
    """Calls `check` until it gives something true, and returns that."""
    until = time.monotonic() + (patience_s or PATIENCE_S)
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.005)


def hold_port():
    """A socket whose port is ours as long as it is open: nobody is given it, and connecting to it is refused until a
    server listens there that shares its port, as ours does."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held


HELD = []


def free_port():
    """A port where nobody listens, to the end of the tests; a server of ours may."""
    HELD.append(hold_port())
    return HELD[-1].getsockname()[1]


def foreign_port():
    """A port for another program, which would not share it: below those the system gives to others meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def new_database():
    """The URL of an empty database. All go with the PostgreSQL that the run has for itself."""
    server = os.environ["GRAPNEL_TEST_POSTGRES"]
    name = f"e2e_{os.getpid()}_{next(DATABASES)}"
    subprocess.run(["psql", "-q", "-d", server, "-c", f"CREATE DATABASE {name}"], check=True)
    return urllib.parse.urlsplit(server)._replace(path="/" + name).geturl()


DATABASES = itertools.count()


class Grapnel:
    """A server process. Flags are options without their dashes: serve("deliver.retry=1s")."""

    def __init__(self, folder, env=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = self.folder / "store"
        self.log_path = self.folder / "server.log"
        self.env = {**os.environ, **({"GRAPNEL_STORE_URL": new_database()} if STORE == "postgres" else {}), **(env or {})}
        self.child, self.port, self._token, self.flags, self.scheme = None, None, None, [], "http"
        self.held = None
        self.patience_s = PATIENCE_S  # for an answer
        self.program = None  # another one than that under test

    # --- process ---

    def take_port(self):
        """Makes `port` and `url` known before the first start, for options that name them."""
        if self.port is None:
            self.held = hold_port()
            self.port = self.held.getsockname()[1]

    def spawn(self, *flags, preexec=None):
        """Starts without waiting; `flags` may override the defaults given here."""
        self.flags = list(flags)
        self.take_port()
        command = [self.program or binary(), "serve", f"--store.dir={self.store}", f"--server.listen=127.0.0.1:{self.port}",
                   "--fetch.allow=127.0.0.0/8,::1/128", *("--" + flag for flag in flags)]
        self.log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=self.env,
                                          preexec_fn=preexec, cwd=self.folder)
        return self

    def serve(self, *flags, preexec=None):
        self.spawn(*flags, preexec=preexec)
        self.wait_log("server.started")
        return self

    def stop(self, number=signal.SIGTERM, patience_s=None):
        """The exit code."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        code = self.child.wait(patience_s or 60 * SLOWER)
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def end(self):
        """Stops it cleanly if it can be: a leak is only reported at a clean end."""
        if self.child is not None and self.child.poll() is None:
            try:
                self.stop(patience_s=3 * SLOWER)
            except subprocess.TimeoutExpired:
                self.stop()  # a second signal cuts
        if self.held is not None:
            self.held.close()

    def complaints(self, pattern=r"Sanitizer|runtime error:|crashed:"):
        """Lines of its log that match, from all starts: what crashes and sanitizers write."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(pattern, line)]

    def restart(self, *flags):
        self.stop()
        return self.serve(*(flags or self.flags))

    def run(self, *arguments):
        """Another verb of the program on this store: a finished process with .stdout and .stderr."""
        return subprocess.run([self.program or binary(), *arguments], capture_output=True, text=True, env=self.env, check=False,
                              timeout=60 * SLOWER)

    # --- log ---

    def log(self):
        """The log since the last start."""
        with open(self.log_path, "rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def wait_log(self, pattern, patience_s=None):
        """The first line of this start that matches."""
        def look():
            for line in self.log().splitlines():
                if re.search(pattern, line):
                    return line
            if self.child.poll() is not None and "server.started" in pattern:
                raise AssertionError(f"the server ended with code {self.child.returncode}:\n{self.log()}")
            return None
        return wait_until(look, f"log line {pattern!r}", patience_s)

    # --- HTTP ---

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def token(self):
        if self._token is None:
            made = self.run("token", "create", "--name=test", f"--store.dir={self.store}")
            assert made.returncode == 0, made.stderr
            self._token = made.stdout.strip()
        return self._token

    def raw(self, method, path, body=None, headers=None):
        """One request without token; an Answer with bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience_s)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def call(self, method, path, body=None, headers=None, token=None):
        """One API request; an Answer with parsed JSON (or None)."""
        text = None if body is None else json.dumps(body)
        answer = self.raw(method, "/api/v1" + path, text,
                          {"authorization": f"Bearer {token or self.token}", "content-type": "application/json",
                           **(headers or {})})
        return Answer(answer.status, answer.headers, json.loads(answer.body) if answer.body else None)

    def ok(self, method, path, body=None, headers=None):
        """The JSON of a call that must succeed."""
        answer = self.call(method, path, body, headers)
        assert 200 <= answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    def application(self, name="application", **more):
        return self.ok("POST", "/app", {"name": name, **more})["id"]

    def endpoint(self, app, url, **more):
        return self.ok("POST", f"/app/{app}/endpoint", {"url": url, **more})["id"]

    def publish(self, app, payload=None, event_type="test.event", **more):
        return self.ok("POST", f"/app/{app}/msg", {"eventType": event_type, "payload": payload or {"n": 1}, **more})["id"]

    def metrics(self):
        text = self.raw("GET", "/metrics").body.decode()
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def attempts(self, app, message):
        return self.ok("GET", f"/app/{app}/attempt/msg/{message}")["data"]


Received = collections.namedtuple("Received", "method path headers body at")


class Receiver:
    """A receiver on a thread per connection. `answers`: what to answer, in turn; the last one goes on.

    An answer is a status, (status, headers, body), or a function of the handler that does it all.
    """

    def __init__(self, *answers, tls=None):
        self.answers, self.received, self.lock = list(answers) or [204], [], threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 (the base class's name)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with receiver.lock:
                    receiver.received.append(Received(self.command, self.path, self.headers, body, time.time()))
                    answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                if callable(answer):
                    answer(self)
                    return
                status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PUT = do_GET = do_POST

            def log_message(self, format, *args):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, client_address):
                pass  # a peer that leaves is part of many tests

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        scheme = "http"
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, count=1, patience_s=None):
        """The first `count` requests, once they came."""
        wait_until(lambda: len(self.received) >= count, f"{count} deliveries ({len(self.received)} came)", patience_s)
        return self.received[:count]

    def ids(self):
        return [r.headers.get("webhook-id") or r.headers.get("svix-id") for r in self.received]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def is_signed(received, secret):
    """Checks a delivery the way Standard Webhooks says, independently of the code under test."""
    def header(name):
        return received.headers.get(f"webhook-{name}") or received.headers.get(f"svix-{name}")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{header('id')}.{header('timestamp')}.".encode() + received.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(part == f"v1,{expected}" for part in header("signature").split())


@pytest.fixture
def make_grapnel(tmp_path):
    """Makes servers: make_grapnel() not yet started, for tests that need several or special ones."""
    made = []

    def make(folder=None, env=None):
        server = Grapnel(folder or tmp_path / f"grapnel{len(made)}", env)
        made.append(server)
        return server

    yield make
    for server in made:
        server.end()
    reports = [line for server in made for line in server.complaints()]
    assert not reports, "the server crashed or a sanitizer spoke:\n" + "\n".join(reports)
    silences = [line for server in made for line in server.complaints(r"server\.loop_silent")]
    assert not silences, "a loop was held up:\n" + "\n".join(silences)


@pytest.fixture
def grapnel(make_grapnel):
    """A running server with defaults fit for tests: quick retries without jitter."""
    return make_grapnel().serve("deliver.retry=50ms,100ms,200ms", "deliver.jitter=0", "log.level=debug")


@pytest.fixture
def make_receiver():
    made = []

    def make(*answers, tls=None):
        receiver = Receiver(*answers, tls=tls)
        made.append(receiver)
        return receiver

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def receiver(make_receiver):
    return make_receiver()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        server_logs = [f"{path}\n{path.read_text(errors='replace')[-8000:]}"
                       for path in pathlib.Path(getattr(item, "funcargs", {}).get("tmp_path", "/nonexistent")).rglob("server.log")]
        report.sections += [("server log", text) for text in server_logs]


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: measures: runs alone, and not under sanitizers")
