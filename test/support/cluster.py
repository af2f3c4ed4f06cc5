# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL with real standbys, nodes on it, ways between them that can be cut, and a client that keeps count.

For the tests in test/cluster and for tools/cluster. Everything waits for what it wants to see.
"""
import importlib.util
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "support"), str(ROOT / "test" / "e2e")]
import postgres_server  # noqa: E402


def e2e_support():
    """The fixtures of test/e2e. Its file has the name that pytest wants for each folder, so it is not imported by it."""
    spec = importlib.util.spec_from_file_location("e2e_support", ROOT / "test" / "e2e" / "conftest.py")
    module = sys.modules.setdefault("e2e_support", importlib.util.module_from_spec(spec))
    if not hasattr(module, "Grapnel"):
        spec.loader.exec_module(module)
    return module


SUPPORT = e2e_support()
Grapnel, Receiver, foreign_port, wait_until = SUPPORT.Grapnel, SUPPORT.Receiver, SUPPORT.foreign_port, SUPPORT.wait_until

PROGRAMS = postgres_server.programs()
USER = postgres_server.somebody() if PROGRAMS else None
MAIN_SECRET = "0123456789abcdef0123456789abcdef"
QUICK = ["deliver.retry=50ms,100ms,200ms,400ms,1s,2s,4s", "deliver.jitter=0", "store.queue_max=2000"]


class Postgres:
    """One server: a primary, or a standby of another one."""

    def __init__(self, where, primary=None, settings=()):
        self.where, self.port, self.child = pathlib.Path(where), foreign_port(), None
        self.settings = list(settings)
        self.data, self.log = self.where / "data", self.where / "log"
        self.where.mkdir(parents=True)
        if USER:
            shutil.chown(self.where, USER.pw_uid, USER.pw_gid)
        if primary is None:
            self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write("host replication all 127.0.0.1/32 trust\n")
        else:
            self.run("pg_basebackup", "-D", self.data, "-d", f"postgresql://postgres@127.0.0.1:{primary.port}/postgres",
                     "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def run(self, name, *arguments):
        subprocess.run([PROGRAMS / name, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                       cwd=self.where, **postgres_server.as_user(USER))

    def start(self):
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.where}",
                    "max_connections=200", "shared_buffers=32MB", "wal_keep_size=256MB", "jit=off", "hot_standby=on",
                    "wal_receiver_timeout=3s", "wal_retrieve_retry_interval=200ms", *self.settings]
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                [PROGRAMS / "postgres", "-D", self.data, *(word for s in settings for word in ("-c", s))],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.where,
                preexec_fn=postgres_server.end_with_parent, **postgres_server.as_user(USER))
        wait_until(self.answers, "PostgreSQL to start")
        return self

    def answers(self):
        assert self.child.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return subprocess.run([PROGRAMS / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode == 0

    def ask(self, sql, database="grapnel"):
        return subprocess.run([PROGRAMS / "psql", "-qAt", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database,
                               "-v", "ON_ERROR_STOP=1", "-c", sql], check=True, capture_output=True, text=True).stdout.strip()

    def hold(self, sql):
        """A client that has run this and leaves its transaction open, until it is killed."""
        client = subprocess.Popen([PROGRAMS / "psql", "-qAt", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "grapnel"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        client.stdin.write(sql + ";\n")
        client.stdin.flush()
        client.stdout.readline()
        return client

    def kill(self):
        """As when its machine dies: the supervisor and all that it started."""
        children = subprocess.run(["pgrep", "-P", str(self.child.pid)], capture_output=True, text=True, check=False).stdout.split()
        self.child.kill()
        for pid in children:
            subprocess.run(["kill", "-9", pid], check=False, stderr=subprocess.DEVNULL)
        self.child.wait()

    def crash(self):
        """pg_ctl stop -m immediate: it recovers when it starts."""
        self.child.send_signal(3)
        self.child.wait(60)

    def promote(self):
        self.run("pg_ctl", "promote", "-D", self.data, "-s")

    def end(self):
        if self.child is not None and self.child.poll() is None:
            self.crash()


class SmallDisk:
    """A file system of its own for one PostgreSQL, that can be filled to the last byte. Needs root."""

    SIZE = "160m"

    def __init__(self, where):
        self.where = pathlib.Path(where)
        self.where.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE},mode=755", "tmpfs", self.where], check=True)
        self.ballast = self.where / "ballast"
        try:
            self.postgres = Postgres(self.where / "p", settings=["max_wal_size=64MB", "min_wal_size=32MB", "wal_keep_size=0"])
            self.postgres.start().ask("CREATE DATABASE grapnel", "postgres")
        except BaseException:
            self.end()
            raise

    def fill(self):
        with self.ballast.open("wb", buffering=0) as out:
            try:
                while True:
                    out.write(bytes(65536))
            except OSError:
                pass

    def free(self):
        self.ballast.unlink()

    def end(self):
        if hasattr(self, "postgres"):
            self.postgres.end()
        subprocess.run(["umount", "-l", self.where], check=False)


class Way:
    """A TCP proxy to one port, which can stop passing bytes on (`hold`), close (`cut`), and be opened again."""

    def __init__(self, port):
        self.target, self.held, self.is_cut, self.pairs = port, threading.Event(), False, []
        self.held.set()  # set: bytes pass
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.is_cut:
                    raise OSError
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.held.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold(self):
        self.held.clear()

    def cut(self):
        self.is_cut = True
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs.clear()

    def heal(self):
        self.is_cut = False
        self.held.set()

    def close(self):
        self.cut()
        self.held.set()
        self.listener.close()


class Node(Grapnel):
    def __init__(self, folder, url):
        super().__init__(folder, {"GRAPNEL_STORE_URL": url, "GRAPNEL_SERVER_MAIN_SECRET": MAIN_SECRET})
        self.patience_s = 20

    def use(self, *ports):
        """From its next start on, the database is there."""
        self.env["GRAPNEL_STORE_URL"] = url_of(*ports)

    def is_active(self):
        """At work, and not one that stands by and passes on."""
        try:
            return self.child.poll() is None and self.metrics()["grapnel_cluster_active"] == 1
        except OSError:
            return False

    def is_well(self):
        """What a load balancer asks."""
        try:
            return self.child.poll() is None and self.raw("GET", "/api/v1/health").status == 200
        except OSError:
            return False


class Ledger:
    """A client that publishes to whichever of the nodes takes it, over and over, and remembers what was acknowledged."""

    def __init__(self, nodes, token, app):
        self.nodes, self.token, self.app = nodes, token, app
        self.accepted, self.refused, self.longest_s, self.last_answer = {}, 0, 0.0, None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def publish(self, node, key, number):
        try:
            answer = node.call("POST", f"/app/{self.app}/msg", {"eventType": "test.event", "payload": {"n": number}},
                               {"idempotency-key": key}, token=self.token)
        except (OSError, ValueError):
            return None
        self.last_answer = answer
        return answer.body["id"] if answer.status == 202 else None

    def work(self):
        number, last = 0, time.monotonic()
        while not self.ended.is_set():
            number += 1
            key = str(uuid.uuid4())
            while not self.ended.is_set():
                found = next((m for m in (self.publish(node, key, number) for node in list(self.nodes)) if m), None)
                if found:
                    self.accepted[found] = number
                    now = time.monotonic()
                    self.longest_s, last = max(self.longest_s, now - last), now
                    break
                self.refused += 1

    def grows(self, by=20, patience_s=None):
        """Waits until so many more were accepted."""
        goal = len(self.accepted) + by
        wait_until(lambda: len(self.accepted) >= goal, f"{by} more messages to be accepted", patience_s)

    def end(self):
        self.ended.set()
        self.thread.join()


def is_whole(ledger, receiver, patience_s=None):
    """Everything that was acknowledged has arrived, and under each key there is one message."""
    wait_until(lambda: set(ledger.accepted) <= set(receiver.ids()), "all that was acknowledged to arrive", patience_s)
    numbers = list(ledger.accepted.values())
    assert len(numbers) == len(set(numbers))


def url_of(*ports):
    return "postgresql://postgres@" + ",".join(f"127.0.0.1:{port}" for port in ports) + "/grapnel"
