#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the raw limits of this machine and the whole server, beside its load generator and receiver.

Prints a table and writes it as JSON. Every figure has its target; a missed one is marked, and the
exit code stays 0: a benchmark informs, tests judge.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import broker  # noqa: E402
import hostile  # noqa: E402
import watchers  # noqa: E402
from harness import Api, Server, Sink, free_port  # noqa: E402

PAYLOAD = 1024
AMQP_FANOUT = 10
ENDPOINTS = 100
GOOD_RATE = 2000
FREE_LEFT, CACHE_MAX = 512 << 20, 32 << 30

# name, unit, target, True: at least, False: at most, what it means
FIGURES = [
    ("raw_commit_per_s", "1/s", None, True, "life cycles of a message in the store alone, in groups"),
    ("raw_http_per_s", "1/s", None, True, "requests answered by the wire layer alone"),
    ("raw_client_per_s", "1/s", None, True, "requests a second of processor time, the client alone"),
    ("accept_per_s", "1/s", 30000, True, "durable accepts, 100 endpoints in one application, deliveries waiting"),
    ("inbound_verified_per_s", "1/s", None, True, "requests at a source, signed as GitHub signs, 2 KiB"),
    ("inbound_verified_ratio", "", 0.8, True, "the same, against plain accepts of that size"),
    ("end_to_end_per_s", "1/s", 18000, True, "accepted, delivered and recorded, fan-out 1, 100 endpoints in one application"),
    ("cpu_us_per_message", "us", 55, False, "server processor time for one message, end to end"),
    ("accept_p99_ms_at_10k", "ms", 5, False, "accept latency at 10,000 a second, deliveries beside"),
    ("accept_p999_ms_at_10k", "ms", 25, False, "the same, 999 in 1,000"),
    ("isolation_p99_ms", "ms", None, False, "a good receiver's p99 beside 100 hostile ones, from asking to arrival"),
    ("isolation_p99_ratio", "", 2, False, "the same, against the run without them"),
    ("end_to_end_5m_ratio", "", 0.9, True, "end-to-end rate with millions stored, against a fresh store"),
    ("end_to_end_5000_endpoints_ratio", "", 0.9, True, "end-to-end rate over 5,000 endpoints, against 100"),
    ("endpoint_change_ms", "ms", 2, False, "a change of an endpoint over the API (PUT, PATCH, POST or DELETE, the slowest median), application of 10,000"),
    ("endpoint_change_ratio", "", 1.2, False, "the same, against an application of 10 (the largest ratio of these four)"),
    ("filter_added_p50_ms", "ms", 1, False, "a filter chain's latency over asking its processor directly, 1,000 a second"),
    ("filter_added_p99_ms", "ms", 5, False, "the same, 99 in 100"),
    ("filter_hung_over_ms", "ms", 20, False, "the most a processor that hangs cost beyond its timeout, by the server's clock"),
    ("filter_beside_hung_p99_ms", "ms", 5, False, "filter_added_p99_ms with 100 chains hanging beside"),
    ("amqp_confirmed_per_s", "1/s", 10000, True, "messages a local RabbitMQ confirmed and whose outcome is recorded, fan-out 10"),
    ("tls_handshakes_per_core_s", "1/s", 900, True, "new TLS connections to receivers, full handshake, system CAs"),
    ("tls_accepts_per_core_s", "1/s", None, True, "new TLS connections to the server"),
    ("idle_connection_bytes", "B", 2048, False, "memory of an idle keep-alive connection"),
    ("watched_accept_ratio", "", 0.98, True, "accept rate while ten consoles and five live tails look on, against nobody"),
    ("watched_cpu_ratio", "", None, False, "server processor time for an accept, the same way: with the consoles' own calls"),
    ("watched_page_ms", "ms", 1000, False, "the overview's calls one after another, the slowest under that load"),
    ("overview_10k_ms", "ms", 500, False, "the same with 10,000 applications and 10,000 endpoints, nothing beside"),
    ("series_day_ms", "ms", 20, False, "24 h of an endpoint by the minute, the slowest of 50 out of 10,000, the best of three calls each"),
    ("stats_thread_share", "%", 0.5, False, "of a core: writing a minute in which 10,000 endpoints had traffic"),
    ("stats_mb_per_minute", "MB", 1, False, "what that minute takes on disk"),
    ("rss_mb", "MiB", 150, False, "memory with 1,000 endpoints and a million pending on disk"),
    ("stored_bytes_per_message", "B", None, False, "disk for a message of 1 KiB with its delivery and attempt"),
]


class Bench:
    def __init__(self, options):
        self.build = pathlib.Path(options.build).resolve()
        self.quick = options.quick
        self.grapnel = self.build / "grapnel"
        self.figures = {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=self.build))

    def fill_page_cache(self):
        """Takes the memory nobody has used yet, as a machine's page cache does in time.

        A virtual machine pays its host for each page that it uses for the first time, or again after it gave it
        back: some microseconds, which a run would pay for every 4 KiB that its store grows by.
        """
        free = int(re.search(r"^MemFree:\s+(\d+) kB", pathlib.Path("/proc/meminfo").read_text(), re.M)[1]) << 10
        with (self.folder / "holes").open("a+b") as holes:  # reading them takes memory and no disk
            start = holes.seek(0, os.SEEK_END)
            holes.truncate(start + min(max(0, free - FREE_LEFT), CACHE_MAX))
            while holes.read(1 << 20):
                pass

    def scale(self, full, quick):
        return quick if self.quick else full

    def program(self, name):
        return self.build / "test" / "bench" / name

    def server(self, name, *flags):
        server = Server(self.grapnel, self.folder / name, *flags)
        server.make_token()
        return server.start()

    def load(self, server, apps, types=0, name="apps", **options):
        """Runs the load generator; its JSON."""
        listed = self.folder / name
        listed.write_text("\n".join(apps) + "\n")
        command = [self.grapnel, "bench", "--json", f"--url=http://{server.address}", f"--token={server.token}",
                   f"--apps-file={listed}",
                   *(f"--{name}={value}" for name, value in {"payload": PAYLOAD, **options}.items())]
        if types > 0:
            command.append(f"--event-types={types}")
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- raw limits -----------------------------------------------------------------------------------

    def raw_limits(self):
        """The programs of single modules print lines of name=value."""
        life = self.run_program("bench_store_life", f"--count={self.scale(300000, 50000)}")
        self.figures["raw_commit_per_s"] = float(re.search(r"^lives_per_s=(\S+)", life, re.M)[1])
        client = self.run_program("bench_client_raw", self.scale("50000", "10000"))
        for figure, case in (("raw_client_per_s", "plain_kept"), ("tls_handshakes_per_core_s", "tls_new_full")):
            found = re.search(rf"client=own case={case} .*per_core_second=(\S+)", client)
            self.figures[figure] = float(found[1])
        self.raw_http()

    def run_program(self, name, *arguments):
        return subprocess.run([self.program(name), *arguments], stdout=subprocess.PIPE, text=True, timeout=300,
                              cwd=self.folder, check=True, env={**os.environ, "TMPDIR": str(self.folder)}).stdout

    def raw_http(self):
        """The wire layer with nothing behind it, under the same load generator."""
        port = free_port()
        echo = subprocess.Popen([self.program("bench_http_echo"), f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            done = subprocess.run([self.grapnel, "bench", "--json", f"--url=http://127.0.0.1:{port}", "--token=none",
                                   "--app=app_none", f"--duration={self.scale(5, 2)}s"],
                                  check=True, stdout=subprocess.PIPE, text=True)
            self.figures["raw_http_per_s"] = json.loads(done.stdout)["per_s"]
        finally:
            echo.terminate()
            echo.wait()

    # --- the whole server -------------------------------------------------------------------------------

    def accept(self):
        """Access checks, matching and history are on; the deliveries are stored and wait for their time."""
        server = self.server("accept", "--deliver.retry=1h", "--deliver.breaker_failures=1", "--deliver.breaker_time=1h",
                             "--deliver.breaker_time_max=1h")
        app = Api(server).application_with_types("accept", ENDPOINTS, f"http://127.0.0.1:{free_port()}/down")
        self.load(server, [app], duration="2s", types=ENDPOINTS)
        self.figures["accept_per_s"] = self.load(server, [app], duration=f"{self.scale(10, 3)}s",
                                                 types=ENDPOINTS)["per_s"]
        server.stop()
        shutil.rmtree(server.folder)

    def inbound(self):
        """What verifying costs: GitHub's scheme over 2 KiB, against plain messages of that size, in turns."""
        server = self.server("inbound")
        api = Api(server)
        app = api.call("POST", "/api/v1/app", {"name": "plain"})["id"]
        source = api.call("POST", "/ingest/api/v1/source",
                          {"name": "GitHub", "type": "github", "config": {"secret": "bench"}})
        token = source["ingestUrl"].rsplit("/", 1)[1]
        duration = f"{self.scale(4, 2)}s"
        self.load(server, [app], duration="1s", payload=2048)
        plain, verified = [], []
        for _ in range(5):
            plain.append(self.load(server, [app], duration=duration, payload=2048)["per_s"])
            verified.append(self.load(server, [token], duration=duration, payload=2048,
                                      **{"github-secret": "bench"})["per_s"])
        self.figures["inbound_verified_per_s"] = statistics.median(verified)
        self.figures["inbound_verified_ratio"] = statistics.median(v / p for v, p in zip(verified, plain))
        server.stop()
        shutil.rmtree(server.folder)

    def amqp(self):
        """Publishing to a local RabbitMQ with confirms, persistent, into a durable queue."""
        if not broker.is_installed():
            print("amqp_confirmed_per_s: skipped, rabbitmq-server is not installed", flush=True)
            return
        node = broker.Broker(self.folder / "rabbit")
        server = self.server("amqp")
        try:
            api = Api(server)
            app = api.application("amqp")
            for _ in range(AMQP_FANOUT):
                api.call("POST", f"/api/v1/app/{app}/endpoint", {"url": node.url, "amqp": {"routingKey": "bench"}})
            self.publish(server, app, self.scale(2000, 500))
            self.figures["amqp_confirmed_per_s"] = self.publish(server, app, self.scale(20000, 4000))
        finally:
            server.stop()
            node.stop()
        shutil.rmtree(server.folder)

    def publish(self, server, app, count):
        """Confirms a second, from the first message's acceptance to the last confirm."""
        name = 'grapnel_broker_messages_total{result="confirmed"}'
        before, start = server.metrics()[name], time.monotonic()
        wanted = before + self.load(server, [app], count=count)["accepted"] * AMQP_FANOUT
        while server.metrics()[name] < wanted:
            time.sleep(0.02)
        return (wanted - before) / (time.monotonic() - start)

    def deliver(self, server, sink, app, count, types=ENDPOINTS):
        """(messages a second until the last was delivered, server CPU us a message)"""
        before, _ = sink.read()
        cpu, start = server.cpu_s(), time.monotonic()
        sent = self.load(server, [app], count=count, types=types)
        last = sink.wait_for(before + sent["accepted"], 600)
        self.settle(server)
        return sent["accepted"] / (last - start), (server.cpu_s() - cpu) * 1e6 / sent["accepted"]

    def settle(self, server):
        """Until nothing is recorded any more: the processor time of a message includes its recording."""
        before = -1.0
        while server.cpu_s() - before > 0.02:
            before = server.cpu_s()
            time.sleep(0.25)

    def end_to_end(self):
        sink = Sink(self.program("bench_sink"))
        server = self.server("deliver")
        api = Api(server)
        app = api.application_with_types("a hundred", ENDPOINTS, sink.url)
        warm = self.scale(50000, 10000)
        self.deliver(server, sink, app, warm)
        count = self.scale(300000, 60000)
        rate, cpu = self.deliver(server, sink, app, count)
        self.figures["end_to_end_per_s"], self.figures["cpu_us_per_message"] = rate, cpu
        used = sum(f.stat().st_size for f in (server.folder / "store").rglob("*") if f.is_file())
        self.figures["stored_bytes_per_message"] = used / (count + warm)
        paced = self.load(server, [app], rate=10000, duration=f"{self.scale(15, 4)}s", types=ENDPOINTS)
        self.figures["accept_p99_ms_at_10k"] = paced["p99_ms"]
        self.figures["accept_p999_ms_at_10k"] = paced["p999_ms"]
        self.settle(server)
        self.many_endpoints(server, api, sink, app)
        self.many_messages(server, sink, app)
        server.stop()
        sink.stop()
        shutil.rmtree(server.folder)

    def isolation(self):
        """A hundred good receivers at a steady rate, alone and beside a hundred hostile ones with messages of their own."""
        sink, listeners = Sink(self.program("bench_sink")), hostile.Listeners()
        ways = hostile.urls(listeners, self.folder)
        server = self.server("isolation", "--deliver.timeout=3s", "--deliver.retry=500ms,1s,1s,1s", "--deliver.breaker_time=1s")
        api = Api(server)
        good = [api.application(f"good {i}", sink.url) for i in range(ENDPOINTS)]
        bad = [api.application(f"hostile {i}", ways[i % len(ways)]) for i in range(ENDPOINTS)]
        seconds = self.scale(8, 3)
        self.steady(server, sink, good, 2)
        alone, beside = [], []
        for _ in range(3):
            alone.append(self.steady(server, sink, good, seconds))
            load = threading.Thread(target=self.load, args=(server, bad, 0, "bad_apps"), kwargs={
                "rate": GOOD_RATE // 2, "duration": f"{seconds}s"})
            load.start()
            beside.append(self.steady(server, sink, good, seconds))
            load.join()
        self.figures["isolation_p99_ms"] = sorted(beside)[1] / 1000
        self.figures["isolation_p99_ratio"] = sorted(beside)[1] / sorted(alone)[1]
        server.stop()
        sink.stop()
        shutil.rmtree(server.folder)

    def steady(self, server, sink, apps, seconds):
        """p99 in microseconds from when a message was due to be asked for until its receiver had it."""
        before, _ = sink.read()
        sent = self.load(server, apps, rate=GOOD_RATE, duration=f"{seconds}s")
        sink.wait_for(before + sent["accepted"], 60)
        return sink.delays_us()[1]

    def many_endpoints(self, server, api, sink, few):
        """Turns of both, so that what else the machine does falls on both."""
        types = self.scale(5000, 1000)
        many = api.application_with_types("thousands", types, sink.url)
        self.deliver(server, sink, many, types * 2, types)
        self.figures["end_to_end_5000_endpoints_ratio"] = self.compare(
            lambda count: self.deliver(server, sink, many, count, types)[0],
            lambda count: self.deliver(server, sink, few, count)[0])

    def endpoint_change(self):
        """Changes of single endpoints of a small and a large application, in turns. Nothing is delivered."""
        server = self.server("change")
        api = Api(server)
        api.event_type("bench.change")
        kept = []
        for count in (10, self.scale(9900, 1900)):
            app = api.call("POST", "/api/v1/app", {"name": f"of {count}"})["id"]
            ids = [self.new_endpoint(api, app) for _ in range(count)]
            api.call("POST", f"/api/v1/app/{app}/msg", {"eventType": "bench.load", "payload": {}})
            kept.append((app, ids, {"PUT": [], "PATCH": [], "POST": [], "DELETE": []}))
        for i in range(self.scale(300, 100)):
            for app, ids, took in kept:
                self.change_endpoints(api, app, ids[i * 37 % len(ids)], i, took)
        small, large = ({what: statistics.median(list_) for what, list_ in took.items()} for _, _, took in kept)
        for what in small:
            print(f"{what}: {small[what] * 1000:.2f} ms of {len(kept[0][1])}, {large[what] * 1000:.2f} ms of {len(kept[1][1])}")
        self.figures["endpoint_change_ms"] = max(large.values()) * 1000
        pairs = {what: zip(kept[1][2][what], kept[0][2][what]) for what in small}  # taken right after each other
        self.figures["endpoint_change_ratio"] = max(statistics.median(m / f for m, f in list_) for list_ in pairs.values())
        server.stop()
        shutil.rmtree(server.folder)

    def new_endpoint(self, api, app):
        return api.call("POST", f"/api/v1/app/{app}/endpoint",
                        {"url": "http://127.0.0.1:9/", "eventTypes": ["bench.change"]})["id"]

    def change_endpoints(self, api, app, id_, turn, took):
        def timed(what, do):
            start = time.monotonic()
            result = do()
            took[what].append(time.monotonic() - start)
            return result
        path = f"/api/v1/app/{app}/endpoint/{id_}"
        timed("PUT", lambda: api.call("PUT", path, {"url": f"http://127.0.0.1:9/{turn}", "eventTypes": ["bench.change"]}))
        timed("PATCH", lambda: api.call("PATCH", path, {"description": f"turn {turn}"}))
        new = timed("POST", lambda: self.new_endpoint(api, app))
        timed("DELETE", lambda: api.call("DELETE", f"/api/v1/app/{app}/endpoint/{new}"))

    def compare(self, one, other):
        """The median of three ratios, each of two runs side by side."""
        count = self.scale(100000, 20000)
        ratios = []
        for _ in range(3):
            base = other(count)
            ratios.append(one(count) / base)
        return sorted(ratios)[1]

    def many_messages(self, server, sink, app):
        """A server whose store has grown beside one with a fresh store, in turns."""
        self.deliver(server, sink, app, self.scale(5000000, 200000))
        fresh = self.server("fresh")
        young = Api(fresh).application_with_types("a hundred", ENDPOINTS, sink.url)
        self.deliver(fresh, sink, young, self.scale(50000, 10000))
        self.figures["end_to_end_5m_ratio"] = self.compare(
            lambda count: self.deliver(server, sink, app, count)[0],
            lambda count: self.deliver(fresh, sink, young, count)[0])
        fresh.stop()
        shutil.rmtree(fresh.folder)

    def tls(self):
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
                       check=True, stderr=subprocess.DEVNULL)
        server = Server(self.grapnel, self.folder / "tls", f"--server.tls_cert={cert}", f"--server.tls_key={key}")
        server.make_token()
        server.address = f"127.0.0.1:{free_port()}"
        server.log = open(server.folder / "server.log", "ab")
        server.child = subprocess.Popen([self.grapnel, "serve", f"--server.listen={server.address}", *server.flags],
                                        stdout=server.log, stderr=subprocess.STDOUT)
        wait_for_port(server.port)
        cpu = server.cpu_s()
        done = subprocess.run(["openssl", "s_time", "-connect", server.address, "-new", "-time", str(self.scale(6, 3))],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        count = int(next(line.split()[0] for line in done.stdout.splitlines() if "connections in" in line))
        self.figures["tls_accepts_per_core_s"] = count / max(server.cpu_s() - cpu, 0.01)
        server.stop()

    def idle_connections(self):
        count = self.scale(8000, 2000)
        server = self.server("idle", f"--http.connections_max={count + 100}")
        request = b"GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n"
        peers = []

        def grow(wanted):
            while len(peers) < wanted:
                peer = socket.create_connection(("127.0.0.1", server.port))
                peer.sendall(request)
                peer.recv(4096)
                peers.append(peer)
        grow(200)
        before = server.rss_bytes()
        grow(count)
        self.figures["idle_connection_bytes"] = (server.rss_bytes() - before) / (count - 200)
        for peer in peers:
            peer.close()
        server.stop()

    def filter_chain(self):
        """A processor that answers at once, asked directly and through a chain of one filter, in turns."""
        port = free_port()
        processor = subprocess.Popen([self.program("bench_http_echo"), f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
        server = self.server("filters")
        try:
            wait_for_port(port)
            direct = f"http://127.0.0.1:{port}/"
            api = Api(server)
            app = api.application("filters")
            api.call("POST", f"/api/v1/app/{app}/filter", {"event": "Bench", "url": direct})
            chain = f"http://{server.address}/api/v1/app/{app}/filter-chain/Bench"
            added = []
            for _ in range(3):
                alone, asked = self.ask(direct, "-"), self.ask(chain, server.token)
                added.append([asked[i] - alone[i] for i in range(2)])
            for i, name in enumerate(("filter_added_p50_ms", "filter_added_p99_ms")):
                self.figures[name] = sorted(a[i] for a in added)[1] / 1000
        finally:
            processor.terminate()
            processor.wait()
            server.stop()
        shutil.rmtree(server.folder)

    def filter_hung(self):
        """A hundred chains at a time whose processor never answers, and a quick chain beside them."""
        port = free_port()
        processor = subprocess.Popen([self.program("bench_http_echo"), f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
        server, over, ended = self.server("hung"), [], threading.Event()
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as deaf:  # connections are made, and never read
            try:
                wait_for_port(port)
                api = Api(server)
                app = api.application("hung")
                quick, hung = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{deaf.getsockname()[1]}/"
                api.call("POST", f"/api/v1/app/{app}/filter", {"event": "Bench", "url": quick})
                api.call("POST", f"/api/v1/app/{app}/filter", {"event": "Hung", "url": hung, "timeoutMs": 500, "breakerFailures": 0})

                def hang():
                    own = Api(server)
                    while not ended.is_set():
                        verdict = own.call("POST", f"/api/v1/app/{app}/filter-chain/Hung", {"data": {}})
                        over.append(verdict["filters"][0]["tookMs"] - 500)

                threads = [threading.Thread(target=hang) for _ in range(100)]
                for thread in threads:
                    thread.start()
                alone = self.ask(quick, "-")
                beside = self.ask(f"http://{server.address}/api/v1/app/{app}/filter-chain/Bench", server.token)
                ended.set()
                for thread in threads:
                    thread.join()
            finally:
                ended.set()
                processor.terminate()
                processor.wait()
                server.stop()
        self.figures["filter_hung_over_ms"] = max(over)
        self.figures["filter_beside_hung_p99_ms"] = (beside[1] - alone[1]) / 1000
        shutil.rmtree(server.folder)

    def ask(self, url, token):
        """(p50, p99) in microseconds at 1,000 a second."""
        done = subprocess.run([self.program("bench_filter_chain"), url, token, "1000", str(self.scale(10, 3))],
                              check=True, stdout=subprocess.PIPE, text=True)
        words = done.stdout.split()
        assert words[5] == "0", done.stdout
        return float(words[1]), float(words[3])

    # --- who looks on -------------------------------------------------------------------------------------

    def watched(self):
        """Accepting while nobody looks on, and in turns while ten consoles and five tails do."""
        server = self.server("watched", "--deliver.retry=1h", "--deliver.breaker_failures=1", "--deliver.breaker_time=1h",
                             "--deliver.breaker_time_max=1h")
        api = Api(server)
        app = api.application_with_types("watched", ENDPOINTS, f"http://127.0.0.1:{free_port()}/down")
        tokens = [api.call("POST", "/api/v1/token", {"name": f"watcher {i}"})["token"] for i in range(5)]  # eight streams each at most

        def run():
            before = server.cpu_s()
            done = self.load(server, [app], duration=f"{self.scale(6, 3)}s", types=ENDPOINTS)
            return done["per_s"], (server.cpu_s() - before) / done["accepted"]

        run()
        alone, beside, pages = [], [], []
        for _ in range(self.scale(7, 3)):
            alone.append(run())
            with watchers.Watchers(server.port, tokens, watchers.overview([app]), consoles=10, tails=5) as looking:
                beside.append(run())
            pages += looking.took_ms
        for i, name in enumerate(("watched_accept_ratio", "watched_cpu_ratio")):
            self.figures[name] = statistics.median(b[i] / a[i] for a, b in zip(alone, beside))
        self.figures["watched_page_ms"] = max(pages)
        server.stop()
        shutil.rmtree(server.folder)

    def many(self):
        """An organisation of 10,000 applications with an endpoint each: its overview, its statistics, its charts."""
        count = self.scale(10000, 1000)
        server = self.server("many", "--deliver.retry=1h", "--deliver.breaker_failures=1", "--deliver.breaker_time=1h",
                             "--deliver.breaker_time_max=1h")
        api, down, apps, endpoints = Api(server), f"http://127.0.0.1:{free_port()}/down", [], []
        for i in range(count):
            apps.append(api.call("POST", "/api/v1/app", {"name": f"Customer {i}"})["id"])
            endpoints.append(api.call("POST", f"/api/v1/app/{apps[-1]}/endpoint", {"url": down})["id"])
        with watchers.Watchers(server.port, [server.token], watchers.overview(apps[:100]), consoles=0, tails=0) as looking:
            self.figures["overview_10k_ms"] = statistics.median(looking.page(api.connection, server.token) for _ in range(7))
        self.a_minute(server, apps)
        took = []
        for endpoint in endpoints[::max(1, count // 50)]:
            path = f"/api/v1/series?of=endpoint:{endpoint}&measure=accepted&from=now-24h&step=1m"
            took.append(min(timed_ms(lambda p=path: api.call("GET", p)) for _ in range(3)))
        self.figures["series_day_ms"] = max(took)
        server.stop()
        shutil.rmtree(server.folder)

    def a_minute(self, server, apps):
        """Messages for each endpoint within a minute, and what the statistics' thread has to do once it is over."""
        if time.time() % 60 > 40:
            time.sleep(60 - time.time() % 60)
        size, cpu = stats_bytes(server), server.thread_cpu_s("stats")
        self.load(server, apps, count=2 * len(apps), payload=200)
        time.sleep(60 - time.time() % 60 + 5)  # it is written then
        self.figures["stats_thread_share"] = (server.thread_cpu_s("stats") - cpu) / 60 * 100
        self.figures["stats_mb_per_minute"] = (stats_bytes(server) - size) / 1e6

    def pending(self):
        """A million messages whose receivers are down."""
        server = self.server("pending", "--deliver.retry=1h,1h,1h", "--deliver.breaker_failures=5")
        types = self.scale(1000, 200)
        app = Api(server).application_with_types("down", types, f"http://127.0.0.1:{free_port()}/down")
        self.load(server, [app], count=self.scale(1000000, 50000), types=types)
        self.settle(server)
        self.figures["rss_mb"] = server.rss_bytes() / 2**20
        server.stop()
        shutil.rmtree(server.folder)


def timed_ms(act):
    start = time.monotonic()
    act()
    return (time.monotonic() - start) * 1000


def stats_bytes(server):
    return sum(path.stat().st_size for path in (server.folder / "store").glob("stats.db*"))


def wait_for_port(port):
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def show(figures, rows=FIGURES):
    print(f"\n{'':34}{'measured':>12}  {'target':>12}")
    for name, unit, target, at_least, meaning in rows:
        if name not in figures:
            continue
        value = figures[name]
        mark = "" if target is None or (value >= target if at_least else value <= target) else "  MISSED"
        goal = "" if target is None else f"{'>=' if at_least else '<='} {target:,}"
        print(f"{name:34}{value:>12,.2f}  {goal:>12} {unit:4} {meaning}{mark}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build folder with grapnel and test/bench")
    parser.add_argument("--out", required=True, help="JSON to write")
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute or two")
    parser.add_argument("--only", nargs="*", help="names of parts")
    options = parser.parse_args()
    bench = Bench(options)
    parts = [bench.raw_limits, bench.accept, bench.inbound, bench.end_to_end, bench.endpoint_change, bench.isolation, bench.amqp, bench.tls, bench.idle_connections, bench.filter_chain,
             bench.filter_hung, bench.watched, bench.many, bench.pending]
    try:
        for part in parts:
            if options.only and part.__name__ not in options.only:
                continue
            bench.fill_page_cache()
            print(f"==> {part.__name__}", flush=True)
            part()
    finally:
        bench.close()
    show(bench.figures)
    result = {**bench.figures, "conditions": {"cpus": os.cpu_count(), "payload_bytes": PAYLOAD,
                                              "quick": options.quick, "connections": 64}}
    pathlib.Path(options.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
