#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a real server (SIGKILL) at random moments while clients publish and a receiver takes deliveries,
then accounts for every message:

  - what a client saw a 2xx for is in the history, and was received at least once, byte for byte;
  - no idempotency key made two messages, however often its request was tried again;
  - nothing was received that was never sent.

The seed is printed; the order of kills and failures follows from it (the exact moments are the machine's).
"""
import argparse
import asyncio
import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TEST = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TEST / "bench"), str(TEST / "support")]
from harness import Api, Server  # noqa: E402
from wire import Connection, history, read_message  # noqa: E402

CLIENTS, APPS = 12, 3
UPTIME_S = (0.15, 1.3)
SETTLE_S = 90
FLAGS = ["--deliver.retry=" + ",".join(["200ms", "500ms"] + ["1s"] * 28), "--deliver.jitter=10",
         "--deliver.breaker_time=200ms", "--deliver.breaker_time_max=500ms", "--store.segment_messages=2000"]


class Books:
    """Everything that was sent, answered and received."""

    def __init__(self):
        self.sent = {}  # key -> payload
        self.accepted = {}  # key -> set of message ids its answers named
        self.received = collections.defaultdict(list)  # message id -> payloads
        self.retries = 0
        self.refusals = collections.Counter()


class Receiver:
    """Takes deliveries, and now and then answers 500 or hangs up, as receivers do."""

    def __init__(self, books, rng):
        self.books, self.rng = books, rng

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while True:
                _, headers, body = await read_message(reader)
                dice = self.rng.random()
                if dice < 0.02:
                    break
                # What is answered 500 counts as not received: it must come again.
                if dice >= 0.08:
                    self.books.received[headers.get("webhook-id") or headers.get("svix-id")].append(body)
                status = b"500 Oops" if dice < 0.08 else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Client:
    """Publishes one message after another; each is tried with its key until it is answered 2xx."""

    def __init__(self, number, books, server, apps, rng):
        self.number, self.books, self.server, self.apps, self.rng = number, books, server, apps, rng
        self.stopped = False
        self.connection = Connection(server)

    async def publish(self, key):
        app = self.rng.choice(self.apps)
        payload = {"key": key, "text": "x" * self.rng.randrange(0, 3000)}
        self.books.sent[key] = payload
        body = json.dumps({"eventType": "crash.test", "payload": payload}).encode()
        while True:
            try:
                status, answer = await self.connection.exchange(
                    "POST", f"/api/v1/app/{app}/msg", body, {"idempotency-key": key})
                if 200 <= status < 300:
                    self.books.accepted.setdefault(key, set()).add(json.loads(answer)["id"])
                    # Now and then ask again after the answer: it must name the same message.
                    if self.rng.random() > 0.03:
                        return
                else:
                    self.books.refusals[status] += 1
                    await asyncio.sleep(0.02)
            except (OSError, EOFError, asyncio.TimeoutError):
                self.connection.hang_up()
                if self.stopped:
                    return  # never answered: it may or may not have been taken
                self.books.retries += 1
                await asyncio.sleep(0.005)

    async def run(self):
        n = 0
        while not self.stopped:
            await self.publish(f"client{self.number}-{n}")
            n += 1
        self.connection.hang_up()


async def kill_again_and_again(server, kills, rng):
    for done in range(kills):
        await asyncio.sleep(rng.uniform(*UPTIME_S))
        server.child.kill()
        await asyncio.to_thread(server.child.wait)
        server.log.close()
        await asyncio.to_thread(server.start)
        if (done + 1) % 10 == 0:
            print(f"  {done + 1} kills", flush=True)


async def settle(books):
    """Until everything accepted was received, or the time is up."""
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        if all(books.received.get(message) for ids in books.accepted.values() for message in ids):
            return
        await asyncio.sleep(0.1)


def account(books, listed):
    """The breaches of the promises, in words."""
    wrong = []
    accepted = {message: key for key, ids in books.accepted.items() for message in ids}
    by_key = collections.defaultdict(set)
    for message, payload in listed.items():
        by_key[payload.get("key")].add(message)
    wrong += [f"{key}: answers named {len(ids)} messages" for key, ids in books.accepted.items() if len(ids) > 1]
    wrong += [f"{key}: made {len(ids)} messages" for key, ids in by_key.items() if len(ids) > 1]
    wrong += [f"{m} ({k}): accepted, not in the history" for m, k in accepted.items() if m not in listed]
    wrong += [f"{m} ({k}): accepted, never received" for m, k in accepted.items() if not books.received.get(m)]
    for message, bodies in books.received.items():
        if message not in listed:
            wrong.append(f"{message}: received, not in the history")
            continue
        sent = books.sent.get(listed[message].get("key"))
        if any(json.loads(body) != sent for body in bodies):
            wrong.append(f"{message}: received something else than was sent")
    wrong += [f"{m}: in the history, never sent" for m, p in listed.items() if p.get("key") not in books.sent]
    return wrong


async def run(options, folder):
    rng, books = random.Random(options.seed), Books()
    server = Server(options.bin, folder, *FLAGS)
    server.make_token()
    server.start()
    receiver = Receiver(books, rng)
    await receiver.start()
    api = Api(server)
    apps = [await asyncio.to_thread(api.application, f"crash {i}", f"http://127.0.0.1:{receiver.port}/hook")
            for i in range(APPS)]
    clients = [Client(i, books, server, apps, random.Random(options.seed + i)) for i in range(CLIENTS)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    await kill_again_and_again(server, options.kills, rng)
    for client in clients:
        client.stopped = True
    await asyncio.gather(*tasks)
    await settle(books)
    listed = await asyncio.to_thread(history, Api(server), apps)
    code = await asyncio.to_thread(server.stop, signal.SIGTERM)
    wrong = account(books, listed)
    if code != 0:
        wrong.append(f"the server's last stop ended with code {code}")
    if not books.accepted:
        wrong.append("nothing was accepted")
    checked = subprocess.run([options.bin, "doctor", f"--store.dir={folder / 'store'}"], capture_output=True,
                             text=True, check=False)
    wrong += [line for line in checked.stdout.splitlines() if line.startswith("FAIL") and "stored data" in line]
    received = sum(len(bodies) for bodies in books.received.values())
    print(f"{options.kills} kills, {len(books.sent)} sent, {len(books.accepted)} accepted, {len(listed)} listed, "
          f"{received} received, {books.retries} tried again, refused: {dict(books.refusals)}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crash-", dir=options.bin.parent))
    print(f"crash test: {options.kills} kills, seed {options.seed}", flush=True)
    started = time.monotonic()
    wrong = asyncio.run(run(options, folder))
    for line in wrong[:20]:
        print(f"  WRONG: {line}")
    if wrong:
        print(f"{len(wrong)} wrong; the store and the log are in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)
    print(f"every message is accounted for ({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    main()
