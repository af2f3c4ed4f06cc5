# SPDX-License-Identifier: Apache-2.0
"""Hostile receivers beside good ones: nobody waits for somebody else's receiver."""
import asyncio
import json
import random
import ssl
import statistics
import subprocess
import threading
import time

import pytest

from conftest import SLOWER, free_port, wait_until

GOOD, HOSTILE, ROUNDS = 100, 100, 20
NOISE_FLOOR_S = 0.25  # below this a ratio measures the machine, not the server


class Receivers:
    """Good and hostile receivers on one asyncio thread."""

    def __init__(self):
        self.latencies = []
        self.arrived = set()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def listen(self, serve, **options):
        async def start():
            server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256, **options)
            return server.sockets[0].getsockname()[1]
        return asyncio.run_coroutine_threadsafe(start(), self.loop).result(10)

    async def good(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n")
                                  if line.startswith(b"content-length")))
                body = json.loads(await reader.readexactly(length))
                self.latencies.append(time.time() - body["at"])
                self.arrived.add((body["app"], body["n"]))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def hang(reader, writer):
    await reader.read()


async def drip(reader, writer):
    """A byte of a header now and then, for ever."""
    try:
        writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)
    except ConnectionError:
        pass


async def flood(reader, writer):
    """A body without an end."""
    try:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"y" * 65536)
            await writer.drain()
    except ConnectionError:
        pass


async def reset(reader, writer):
    await reader.read(1)
    writer.transport.abort()


def hostile_urls(receivers, folder):
    """One URL a hostile way, in turn: hang, drip, flood, reset, refuse, bad certificate."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=wrong",
                    "-keyout", folder / "k.pem", "-out", folder / "c.pem"], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "c.pem", folder / "k.pem")
    kinds = [f"http://127.0.0.1:{receivers.listen(way)}/hook" for way in (hang, drip, flood, reset)]
    kinds.append(f"http://127.0.0.1:{free_port()}/hook")
    kinds.append(f"https://127.0.0.1:{receivers.listen(hang, ssl=tls)}/hook")
    return kinds


def publish_rounds(server, receivers, good_apps, bad_apps, name):
    """Publishes in rounds, mixed; the good deliveries' latencies."""
    receivers.latencies, receivers.arrived = [], set()
    for n in range(ROUNDS):
        order = [(app, True) for app in good_apps] + [(app, False) for app in bad_apps]
        random.Random(n).shuffle(order)
        for app, _ in order:
            server.publish(app, {"app": app, "n": f"{name}{n}", "at": time.time()})
    wanted = len(good_apps) * ROUNDS
    wait_until(lambda: len(receivers.arrived) >= wanted, f"{wanted} good deliveries", 60 * SLOWER)
    return sorted(receivers.latencies)


@pytest.mark.slow
def test_hostile_receivers_do_not_hold_up_good_ones(make_grapnel, tmp_path):
    server = make_grapnel().serve("deliver.timeout=3s", "deliver.retry=500ms,1s,1s,1s,1s,1s", "deliver.breaker_time=1s")
    receivers = Receivers()
    good_port = receivers.listen(receivers.good)
    kinds = hostile_urls(receivers, tmp_path)
    good, bad = [], []
    for n in range(GOOD):
        good.append(server.application(f"good {n}"))
        server.endpoint(good[-1], f"http://127.0.0.1:{good_port}/hook")
    for n in range(HOSTILE):
        bad.append(server.application(f"hostile {n}"))
        server.endpoint(bad[-1], kinds[n % len(kinds)])
    alone = publish_rounds(server, receivers, good, [], "alone")
    beside = publish_rounds(server, receivers, good, bad, "beside")
    p99 = [statistics.quantiles(latencies, n=100)[98] for latencies in (alone, beside)]
    print(f"p99 of good deliveries: {p99[0] * 1000:.1f} ms alone, {p99[1] * 1000:.1f} ms beside hostile ones")
    assert p99[1] <= max(2 * p99[0], NOISE_FLOOR_S * SLOWER)
