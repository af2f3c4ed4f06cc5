#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures a server whose store is in PostgreSQL, beside its database, its load generator and its receiver.

Starts a PostgreSQL of its own that waits for the disk, and one node on it. Prints a table and writes it as JSON. Every
figure has its target; a missed one is marked, and the exit code stays 0: a benchmark informs, tests judge.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import postgres_server  # noqa: E402
from bench import ENDPOINTS, PAYLOAD, Bench, show, timed_ms  # noqa: E402
from harness import CLOCK_TICKS, Api, Server, Sink, free_port  # noqa: E402

BATCH, BATCH_CLIENTS, FAN_OUT = 100, 4, 100
SLOW_RATE, HELD_RATE, HELD_WINDOW_S = 1000, 5000, 60
TEMPLATES, SLOT_BIT, SLOTS = 20000, 16, 250  # base/id.h: where a node's slot is in a key
SETTINGS = ["shared_buffers=1GB", "max_wal_size=8GB", "wal_compression=on"]

# As in bench.py: name, unit, target, True: at least, False: at most, what it means
FIGURES = [
    ("end_to_end_per_s", "1/s", 15000, True, "accepted, delivered and recorded, fan-out 1, 100 endpoints in one application"),
    ("cpu_us_grapnel", "us", 32, False, "the node's processor time for one message, end to end"),
    ("cpu_us_postgres", "us", 35, False, "the same of all processes of PostgreSQL"),
    ("fan_out_deliveries_per_s", "1/s", 25000, True, "deliveries of messages that each go to 100 endpoints"),
    ("fan_out_reused", "", 0.95, True, "of these, those that went over a kept connection"),
    ("two_nodes_per_s", "1/s", 12000, True, "end_to_end_per_s with two nodes on the same cores, each asked for half: one is at work, the other passes on"),
    ("two_nodes_cpu_us_grapnel", "us", 32, False, "processor time of both nodes for one message then"),
    ("batch_accepts_per_s", "1/s", 30000, True, "messages accepted in batches of 100, deliveries beside"),
    ("accept_p50_ms_at_1k", "ms", 3, False, "accept latency at 1,000 a second, deliveries beside"),
    ("accept_p99_ms_at_1k", "ms", 15, False, "the same, 99 in 100"),
    ("endpoint_stats_first_ms", "ms", None, False, "statistics of an endpoint with 200,000 deliveries, asked for the first time"),
    ("endpoint_stats_ms", "ms", None, False, "the same, asked again a little later"),
    ("stored_messages", "", None, True, "messages in the store for the figures below"),
    ("end_to_end_per_s_stored", "1/s", None, True, "end_to_end_per_s with these"),
    ("cpu_us_grapnel_stored", "us", 32, False, "cpu_us_grapnel with these"),
    ("cpu_us_postgres_stored", "us", 45, False, "cpu_us_postgres with these"),
    ("accept_p50_ms_at_1k_stored", "ms", 3, False, "accept_p50_ms_at_1k with these"),
    ("accept_p99_ms_at_1k_stored", "ms", 15, False, "accept_p99_ms_at_1k with these"),
    ("svix_end_to_end_per_s", "1/s", None, True, "the same load on a Svix server with the same PostgreSQL (SVIX=), its queue and cache in memory"),
    ("svix_cpu_us", "us", None, False, "its processor time for one message"),
    ("svix_postgres_cpu_us", "us", None, False, "the database's then"),
    ("times_svix", "", 16, True, "end to end, messages a second against it, the median of three turns"),
    ("times_svix_cpu", "", None, True, "processor time of server and database for a message, against it, the same way"),
    ("held_cpu_ratio", "", 1.1, False, "processor time of node and database for a message at 5,000 a second once somebody has held a transaction open for a while, against before and after"),
    ("held_p99_ms", "ms", None, False, "accept latency at that rate with the transaction, 99 in 100"),
]


class Postgres:
    """A server of its own, stopped and removed with this program, however that ends."""

    def __init__(self):
        self.keeper = subprocess.Popen([sys.executable, postgres_server.__file__, "--sync", *SETTINGS], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = self.keeper.stdout.readline().strip()
        if not self.url:
            sys.exit("bench-cluster needs PostgreSQL: install postgresql")
        self.where = pathlib.Path(self.url.split("host=", 1)[1])
        self.pid = int((self.where / "data" / "postmaster.pid").read_text().split()[0])

    def psql(self):
        return [postgres_server.programs() / "psql", "-qAt", "-v", "ON_ERROR_STOP=1", self.url]

    def run(self, sql, url=None):
        """The words of its answer."""
        return subprocess.run([*self.psql()[:-1], url or self.url, "-c", sql], check=True, stdout=subprocess.PIPE, text=True).stdout.split()

    def database(self, name):
        """Makes one; its URL."""
        self.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return self.url.replace("/postgres?", f"/{name}?")

    @contextlib.contextmanager
    def held(self, url):
        """Somebody has read something there, and leaves the transaction open."""
        client = subprocess.Popen([*self.psql()[:-1], url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        client.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\nCREATE TEMPORARY TABLE held(one int);\nSELECT count(*) FROM segment;\n")
        client.stdin.flush()
        client.stdout.readline()
        try:
            yield
        finally:
            client.stdin.close()
            client.wait(10)

    def cpu_s(self):
        """Of all its processes, those that have ended, too."""
        total = 0
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rsplit(")", 1)[1].split()
                if path.parent.name == str(self.pid):
                    total += sum(int(field) for field in fields[11:15])  # with its children that have ended
                elif int(fields[1]) == self.pid:
                    total += int(fields[11]) + int(fields[12])
        return total / CLOCK_TICKS

    def stop(self):
        self.keeper.stdin.close()
        self.keeper.wait(60)


class Filling:
    """Messages that are written by SQL: the newest real ones, each again and again, as if other nodes had accepted it."""

    def __init__(self, postgres, url):
        self.postgres, self.url = postgres, url

    def columns(self, table):
        return self.postgres.run(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped", self.url)

    def copies(self, table, keys, where, slot):
        names = self.columns(table)
        values = [f"{name} + ({slot}::bigint << {SLOT_BIT})" if name in keys else name for name in names]
        return f"INSERT INTO {table}({', '.join(names)}) SELECT {', '.join(values)} FROM {table} WHERE {where};"

    def run(self, count):
        """At most TEMPLATES * SLOTS; how many there are then."""
        first, last = self.postgres.run(
            f"SELECT min(k) || ' ' || max(k) FROM (SELECT k FROM message ORDER BY k DESC LIMIT {TEMPLATES}) AS newest", self.url)
        slot_now = (int(last) >> SLOT_BIT) & 255
        real = f"BETWEEN {first} AND {last} AND ((%s >> {SLOT_BIT}) & 255) = {slot_now}"
        keys = f"remembered_{int(self.postgres.run('SELECT key_bucket FROM cluster', self.url)[0])}"
        for slot in range(1, min(SLOTS, -(-count // TEMPLATES)) + 1):
            self.postgres.run("SET synchronous_commit = off;"
                              + self.copies("message", ("k",), "k " + real % "k", slot)
                              + self.copies("attempt", ("msg", "ak"), "msg " + real % "msg", slot)
                              + f"INSERT INTO {keys}(key, k, body_hash) SELECT gen_random_uuid(), k + ({slot}::bigint << {SLOT_BIT}), gen_random_uuid()"
                              + f" FROM message WHERE k {real % 'k'};", self.url)
        for table in ("message", "attempt", keys):
            self.postgres.run(f"VACUUM (ANALYZE) {table}", self.url)
        self.postgres.run("CHECKPOINT", self.url)  # or the filling is still being written while messages are measured
        return int(self.postgres.run("SELECT count(*) FROM message", self.url)[0])


class Batches:
    """Clients that publish the same batch again and again, each on a connection of its own."""

    def __init__(self, server, app, count):
        messages = [{"eventType": f"bench.load.{i % ENDPOINTS}", "payload": {"text": "x" * (PAYLOAD - 11)}} for i in range(BATCH)]
        self.server, self.path, self.body = server, f"/api/v1/app/{app}/msg/batch", json.dumps({"messages": messages})
        self.headers = {"authorization": f"Bearer {server.token}", "content-type": "application/json"}
        self.left, self.lock = count // BATCH, threading.Lock()

    def may_send(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def client(self):
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)
        while self.may_send():
            connection.request("POST", self.path, self.body, self.headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"a batch was answered with {answer.status}: {said[:400]}")

    def run(self):
        """Messages accepted a second."""
        count, start = self.left * BATCH, time.monotonic()
        clients = [threading.Thread(target=self.client) for _ in range(BATCH_CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return count / (time.monotonic() - start)


class Svix(Server):
    """A Svix server, as its program is given, with everything but messages kept in memory: as fast as it gets."""

    SECRET = "x" * 32

    def __init__(self, binary, folder, database):
        super().__init__(binary, folder)
        self.address = f"127.0.0.1:{free_port()}"
        self.env = {**os.environ, "SVIX_DB_DSN": database.replace("@/", "@localhost/"), "SVIX_QUEUE_TYPE": "memory", "SVIX_CACHE_TYPE": "memory",
                    "SVIX_JWT_SECRET": self.SECRET, "SVIX_LISTEN_ADDRESS": self.address, "SVIX_LOG_LEVEL": "info",
                    "SVIX_WHITELIST_SUBNETS": '["127.0.0.0/8"]'}

    def make_token(self):
        said = subprocess.run([self.binary, "jwt", "generate"], check=True, stdout=subprocess.PIPE, text=True, env=self.env).stdout
        self.token = re.search(r"ey[\w.-]+", said)[0]

    def spawn(self):
        self.log = open(self.folder / "server.log", "ab")
        self.child = subprocess.Popen([self.binary, "--run-migrations"], stdout=self.log, stderr=subprocess.STDOUT, env=self.env)


class ClusterBench(Bench):
    """The same loads on a node with a database."""

    def __init__(self, options):
        super().__init__(options)
        self.stored, self.rows = options.stored or self.scale(1000000, 50000), options.rows
        self.held_s, self.svix = options.held or self.scale(30, 6), options.svix
        self.postgres = Postgres()
        self.sink = Sink(self.program("bench_sink"))
        self.url = self.postgres.database("grapnel")
        self.node = self.make_node("node").start()
        self.node.make_token()
        self.api = Api(self.node)
        self.app = self.api.application_with_types("a hundred", ENDPOINTS, self.sink.url)

    def make_node(self, name):
        return Server(self.grapnel, self.folder / name, f"--store.url={self.url}", f"--server.main_secret={'0' * 32}")

    def close(self):
        try:
            if hasattr(self, "node"):
                self.node.stop()
            if hasattr(self, "sink"):
                self.sink.stop()
        finally:
            self.postgres.stop()
            super().close()

    def settle(self, server):
        """Until nothing is recorded any more, by the node or the database."""
        before = -1.0
        while server.cpu_s() + self.postgres.cpu_s() - before > 0.04:
            before = server.cpu_s() + self.postgres.cpu_s()
            time.sleep(0.25)

    def life(self, count):
        """(messages a second, processor time of the node and of the database in us a message)"""
        before = self.postgres.cpu_s()
        rate, cpu = self.deliver(self.node, self.sink, self.app, count)
        return rate, cpu, (self.postgres.cpu_s() - before) * 1e6 / count

    def paced(self, rate, seconds):
        """(the load's JSON, processor time of both in us a message)"""
        before = self.node.cpu_s() + self.postgres.cpu_s()
        done = self.load(self.node, [self.app], rate=rate, duration=f"{int(seconds * 1000)}ms", types=ENDPOINTS)
        self.settle(self.node)
        return done, (self.node.cpu_s() + self.postgres.cpu_s() - before) * 1e6 / done["accepted"]

    # --- parts --------------------------------------------------------------------------------------------

    def end_to_end(self, suffix=""):
        self.life(self.scale(50000, 10000))
        rate, *cpu = self.life(self.scale(300000, 40000))
        self.figures[f"end_to_end_per_s{suffix}"] = rate
        self.figures[f"cpu_us_grapnel{suffix}"], self.figures[f"cpu_us_postgres{suffix}"] = cpu

    def latency(self, suffix=""):
        done, _ = self.paced(SLOW_RATE, self.scale(20, 5))
        for name in ("p50", "p99"):
            self.figures[f"accept_{name}_ms_at_1k{suffix}"] = done[f"{name}_ms"]

    def fan_out(self):
        app = self.api.application("everything", *[self.sink.url] * FAN_OUT)
        for count in (self.scale(500, 200), self.scale(5000, 1000)):
            before, _ = self.sink.read()
            reused = self.node.metrics()["grapnel_fetch_reused_total"]
            start = time.monotonic()
            sent = self.load(self.node, [app], count=count)
            last = self.sink.wait_for(before + sent["accepted"] * FAN_OUT, 600)
            self.settle(self.node)
        self.figures["fan_out_deliveries_per_s"] = sent["accepted"] * FAN_OUT / (last - start)
        self.figures["fan_out_reused"] = (self.node.metrics()["grapnel_fetch_reused_total"] - reused) / (sent["accepted"] * FAN_OUT)

    def two_nodes(self):
        """The second one stands by, and passes on what it is asked."""
        second = self.make_node("second").start()
        second.token = self.node.token
        try:
            while second.status("/api/v1/health") != 200:
                time.sleep(0.05)
            self.halves(second, self.scale(50000, 10000))
            self.figures["two_nodes_per_s"], self.figures["two_nodes_cpu_us_grapnel"] = self.halves(second, self.scale(300000, 40000))
        finally:
            second.stop()

    def halves(self, second, count):
        """As life(), of both nodes."""
        before, _ = self.sink.read()
        cpu, start = self.node.cpu_s() + second.cpu_s(), time.monotonic()
        loads = [threading.Thread(target=self.load, args=(node, [self.app], ENDPOINTS, f"apps-{number}"), kwargs={"count": count // 2, "connections": 32})
                 for number, node in enumerate((self.node, second))]
        for load in loads:
            load.start()
        for load in loads:
            load.join()
        last = self.sink.wait_for(before + count, 600)
        self.settle(self.node)
        return count / (last - start), (self.node.cpu_s() + second.cpu_s() - cpu) * 1e6 / count

    def batches(self):
        count = self.scale(200000, 40000)
        before, _ = self.sink.read()
        self.figures["batch_accepts_per_s"] = Batches(self.node, self.app, count).run()
        self.sink.wait_for(before + count, 600)
        self.settle(self.node)

    def stored_many(self):
        """The same once there is much in the store."""
        if self.rows:
            self.deliver(self.node, self.sink, self.app, TEMPLATES)
            self.stored = Filling(self.postgres, self.url).run(self.rows)
        else:
            self.deliver(self.node, self.sink, self.app, self.stored)
        self.figures["stored_messages"] = self.stored
        self.end_to_end("_stored")
        self.latency("_stored")

    def endpoint_stats(self):
        """One endpoint with many deliveries; between two calls of them, it gets a few more."""
        app = self.api.application("one", self.sink.url)
        count = self.scale(200000, 20000)
        self.deliver(self.node, self.sink, app, count, 0)
        time.sleep(self.scale(45, 1))  # the newest half minute is counted anew each time
        endpoint = self.api.call("GET", f"/api/v1/app/{app}/endpoint")["data"][0]["id"]
        took = []
        for _ in range(6):
            took.append(timed_ms(lambda: self.api.call("GET", f"/api/v1/app/{app}/endpoint/{endpoint}/stats")))
            self.deliver(self.node, self.sink, app, 100, 0)
        self.figures["endpoint_stats_first_ms"], self.figures["endpoint_stats_ms"] = took[0], statistics.median(took[1:])

    def beside_svix(self):
        """In turns with it. Each pays for what it records, and waits for the disk alike."""
        svix = Svix(self.svix, self.folder / "svix", self.postgres.database("svix"))
        svix.make_token()
        svix.start()
        try:
            app = Api(svix).application_with_types("a hundred", ENDPOINTS, self.sink.url)
            self.svix_life(svix, app, self.scale(3000, 500))
            self.life(self.scale(50000, 10000))
            turns = [(self.svix_life(svix, app, self.scale(10000, 3000)), self.life(self.scale(200000, 40000))) for _ in range(3)]
        finally:
            svix.stop()
        for at, name in enumerate(("end_to_end_per_s", "cpu_us", "postgres_cpu_us")):
            self.figures[f"svix_{name}"] = statistics.median(theirs[at] for theirs, _ in turns)
        self.figures["times_svix"] = statistics.median(ours[0] / theirs[0] for theirs, ours in turns)
        self.figures["times_svix_cpu"] = statistics.median((theirs[1] + theirs[2]) / (ours[1] + ours[2]) for theirs, ours in turns)

    def svix_life(self, svix, app, count):
        before = self.postgres.cpu_s()
        rate, cpu = self.deliver(svix, self.sink, app, count)
        return rate, cpu, (self.postgres.cpu_s() - before) * 1e6 / count

    def held(self):
        """What a message costs at the end of the time for which a transaction was open, against before and after."""
        window = min(HELD_WINDOW_S, self.held_s / 3)
        _, before = self.paced(HELD_RATE, window)
        with self.postgres.held(self.url):
            self.paced(HELD_RATE, self.held_s - window)
            done, spent = self.paced(HELD_RATE, window)
        _, after = self.paced(HELD_RATE, window)
        self.figures["held_cpu_ratio"] = 2 * spent / (before + after)
        self.figures["held_p99_ms"] = done["p99_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build folder with grapnel and test/bench")
    parser.add_argument("--out", required=True, help="JSON to write")
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute or two")
    parser.add_argument("--stored", type=int, help="messages that are stored before the second half (default 1,000,000)")
    parser.add_argument("--rows", type=int, help="so many are written by SQL instead: 5,000,000 take some minutes (at most 5,000,000)")
    parser.add_argument("--held", type=float, help="seconds for which a transaction is held open (default 30)")
    parser.add_argument("--svix", help="a Svix server's program, to measure beside it")
    parser.add_argument("--only", nargs="*", help="names of parts")
    options = parser.parse_args()
    load_average = os.getloadavg()[0]
    bench = ClusterBench(options)
    try:
        for part in (bench.end_to_end, bench.latency, bench.fan_out, bench.batches, bench.two_nodes, bench.endpoint_stats, bench.beside_svix, bench.stored_many,
                     bench.held):
            if (options.only and part.__name__ not in options.only) or (part == bench.beside_svix and not options.svix):
                continue
            bench.fill_page_cache()
            print(f"==> {part.__name__}", flush=True)
            part()
    finally:
        bench.close()
        show(bench.figures, FIGURES)
    result = {**bench.figures, "conditions": {"cpus": os.cpu_count(), "load_average_before": load_average, "payload_bytes": PAYLOAD, "quick": options.quick,
                                              "connections": 64, "postgres": postgres_server.version(postgres_server.programs())}}
    pathlib.Path(options.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
