# SPDX-License-Identifier: Apache-2.0
"""Hostile receivers beside good ones: nobody waits for somebody else's receiver."""
import asyncio
import json
import pathlib
import random
import statistics
import sys
import time

import pytest

from conftest import SLOWER, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import hostile  # noqa: E402

GOOD, HOSTILE, ROUNDS = 100, 100, 20
NOISE_FLOOR_S = 0.25  # below this a ratio measures the machine, not the server


class Receivers(hostile.Listeners):
    """Good receivers beside the hostile ones: they note how long deliveries took."""

    def __init__(self):
        super().__init__()
        self.latencies = []
        self.arrived = set()

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
    kinds = hostile.urls(receivers, tmp_path)
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
