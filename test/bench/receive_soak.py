#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steady traffic to `grapnel receive` for a long time: memory, descriptors, threads and disk must not grow.

Three receivers at once, each as people run it:

  events    Preservica's scheme: signed events, their repetitions, wrong signatures, handshakes; printed
  programs  Standard Webhooks: a program an event, with a spool and a history
  hooks     a hooks.json, read again all the time: JSON, forms, XML and multipart; files, output, rules that say no

A receiver remembers the last events in a table of a fixed size, whose pages become resident as it fills. So
the events' table is filled first (65,536 events, as fast as they go), and the programs' is small
(--replay-max): what grows after that is a leak. It fails when the last third of the run is above the middle
third by more than 2 % and 512 KiB of memory, or by more than four descriptors or threads, or when the spool keeps files.
"""
import argparse
import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

KEY = b"a key of twenty-four byt"
SHARED = b"shared"
REMEMBERED = 65536       # GRAPNEL_RECEIVER_REPLAY_MAX
FILL_CONNECTIONS = 8
SAMPLE_S = 5.0
SLACK_BYTES, SLACK_SHARE = 512 << 10, 0.02
SLACK_COUNT = 4          # pipes and connections of the moment
SHARES = {"events": 0.85, "programs": 0.1, "hooks": 0.05}  # of the rate
PATIENCE_S = 120  # a busy disk keeps the spool waiting


class Receiver:
    """A process of `grapnel receive` in a folder of its own."""

    def __init__(self, binary, folder, name, *flags):
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.log = open(self.folder / "log", "wb")
        self.child = subprocess.Popen([binary, "receive", "--listen=127.0.0.1:0", *flags], cwd=self.folder, text=True,
                                      stdout=subprocess.PIPE, stderr=self.log)
        self.port = int(self.child.stdout.readline().rsplit(":", 1)[-1] or 0)  # "listening on http://127.0.0.1:8080"
        # What it prints is read and dropped, by a program that costs nothing here.
        self.drain = subprocess.Popen(["cat"], stdin=self.child.stdout, stdout=subprocess.DEVNULL)
        self.samples = []

    def sample(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        self.samples.append({"memory (KiB)": int(re.search(r"VmRSS:\s+(\d+)", status)[1]),
                             "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
                             "descriptors": len(os.listdir(f"/proc/{self.child.pid}/fd"))})
        return self.samples[-1]

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(PATIENCE_S)
        self.drain.wait(PATIENCE_S)
        self.log.close()
        return code


class Peer:
    """A sender with one connection, kept or made anew."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def post(self, path, headers, body, keep=True):
        """The status."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        ending = "" if keep else "connection: close\r\n"
        self.writer.write(f"POST {path} HTTP/1.1\r\nhost: soak\r\n{ending}{lines}content-length: {len(body)}\r\n\r\n".encode()
                          + body)
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        length = re.search(rb"content-length: (\d+)", head)
        await asyncio.wait_for(self.reader.readexactly(int(length[1]) if length else 0), PATIENCE_S)
        if not keep:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


# --- what is sent: functions of a running number; each gives (path, headers, body, the right status) ---

def event(number, size=400):
    """Preservica's, signed."""
    body = json.dumps({"trigger": "MOVED", "events": [{"entityRef": f"{number:032d}", "entityType": "IO"}],
                       "filler": "x" * (number * 7919 % size)}).encode()
    return body, {"Preservica-Signature": hmac.new(SHARED, b"preservica-webhook-auth" + body, hashlib.sha256).hexdigest()}


def send_event(number):
    kind = number % 20
    if kind < 14:
        body, headers = event(number)
    elif kind < 16:  # again: answered, not printed
        body, headers = event(number - kind)
    elif kind < 18:  # a wrong signature, or none
        body, headers = event(number)
        return "/", {"Preservica-Signature": "0" * 64} if kind == 16 else {}, body, 401
    elif kind == 18:
        return f"/?challengeCode=code{number}", {}, b"", 200
    else:  # a handshake that would sign a message
        return "/?challengeCode=preservica-webhook-auth%7B%7D", {}, b"", 401
    return "/", headers, body, 200


def send_program(number):
    repeated = number % 10 == 9
    body = json.dumps({"number": number - repeated}).encode()
    identifier, stamp = f"event{number - repeated}", str(int(time.time()) - (3600 if number % 10 == 5 else 0))
    mac = hmac.new(KEY, f"{identifier}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "/", {"webhook-id": identifier, "webhook-timestamp": stamp,
                 "webhook-signature": "v1," + base64.b64encode(mac).decode()}, body, 401 if number % 10 == 5 else 200


BOUNDARY = "soak-boundary"


def part(name, text, more=""):
    return f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'


HOOK_BODIES = [
    ("application/json", json.dumps({"user": "a", "list": [{"n": 1}, {"n": 2}], "signed": True})),
    ("application/x-www-form-urlencoded", "user=a&payload=%7B%7D"),
    ("application/xml", "<event><user>a</user><n>1</n></event>"),
    (f"multipart/form-data; boundary={BOUNDARY}", part("user", "a") + part("file", "x" * 2000, '; filename="f"') + f"--{BOUNDARY}--\r\n"),
]


def send_hook(number):
    kind, body = HOOK_BODIES[number % len(HOOK_BODIES)]
    body = body.encode()
    if number % 5 == 4:
        return "/hooks/refused", {"content-type": kind}, body, 403
    path = "/hooks/told" if number % 5 == 3 else "/hooks/queued"
    mac = hmac.new(SHARED, body, hashlib.sha256).hexdigest()
    return path, {"content-type": kind, "x-signature": f"sha256={mac}"}, body, 200


def hooks(folder):
    """The file's name."""
    rule = {"match": {"type": "payload-hmac-sha256", "secret": SHARED.decode(), "parameter": {"source": "header", "name": "x-signature"}}}
    base = {"execute-command": "/bin/cat", "trigger-rule": rule,
            "pass-environment-to-command": [{"source": "payload", "name": "user"}],
            "pass-file-to-command": [{"source": "raw-request-body", "envname": "BODY"}]}
    (folder / "hooks.json").write_text(json.dumps([
        {**base, "id": "queued"},
        {**base, "id": "told", "include-command-output-in-response": True},
        {**base, "id": "refused", "trigger-rule-mismatch-http-response-code": 403,
         "trigger-rule": {"match": {"type": "regex", "regex": "^(b+)+$", "parameter": {"source": "payload", "name": "user"}}}}]))
    return folder / "hooks.json"


# --- the run ---

class Traffic:
    def __init__(self):
        self.sent, self.wrong = 0, []

    async def one(self, peer, made, keep):
        path, headers, body, wanted = made
        status = await peer.post(path, headers, body, keep)
        self.sent += 1
        if status != wanted and not (status == 204 and wanted == 200) and len(self.wrong) < 20:
            self.wrong.append(f"{path} {status} instead of {wanted}")

    async def steady(self, receiver, make, rate, until):
        """One at a time, `rate` a second; every eighth on a connection of its own."""
        peer, begun = Peer(receiver.port), time.monotonic()
        for number in itertools.count(REMEMBERED * 10):
            due = begun + (number - REMEMBERED * 10) / rate
            if due > until:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.one(peer, make(number), keep=number % 8 != 0)
        peer.close()

    async def fill(self, receiver):
        """As many different events as the receiver remembers, and a tenth more."""
        numbers = iter(range(REMEMBERED * 11 // 10))

        async def work():
            peer = Peer(receiver.port)
            for number in numbers:
                body, headers = event(number)
                await self.one(peer, ("/", headers, body, 200), keep=True)
            peer.close()
        await asyncio.gather(*(work() for _ in range(FILL_CONNECTIONS)))


async def watch(receivers, until, marks):
    begun, told = time.monotonic(), 0.0
    while time.monotonic() < until:
        await asyncio.sleep(SAMPLE_S)
        for receiver in receivers:
            receiver.sample()
        receivers[-1].child.send_signal(signal.SIGHUP)  # the hooks are read again
        minutes = (time.monotonic() - begun) / 60
        if minutes >= told + marks:
            told = minutes
            print(f"  {minutes:5.1f} min: " + ", ".join(f"{r.name} {r.samples[-1]['memory (KiB)'] / 1024:.1f} MiB" for r in receivers),
                  flush=True)


def judge(receiver):
    """What grew, in words."""
    third = len(receiver.samples) // 3
    grown = []
    for what in receiver.samples[0]:
        middle = statistics.median(s[what] for s in receiver.samples[third:2 * third])
        last = statistics.median(s[what] for s in receiver.samples[2 * third:])
        slack = SLACK_BYTES / 1024 + middle * SLACK_SHARE if what.startswith("memory") else SLACK_COUNT
        print(f"{receiver.name:<9} {what}: {middle:,.0f} in the middle third, {last:,.0f} in the last")
        if last > middle + slack:
            grown.append(f"{receiver.name}: {what}")
    return grown


def start(binary, folder):
    return [
        Receiver(binary, folder, "events", "--preset=preservica", f"--secret={SHARED.decode()}", "--json"),
        Receiver(binary, folder, "programs", "--secret=whsec_" + base64.b64encode(KEY).decode(), "--exec=cat > /dev/null",
                 "--spool=spool", "--history=history", "--replay-max=1000", "--quiet"),
        Receiver(binary, folder, "hooks", f"--hooks={hooks(folder)}", "--history=history", "--quiet"),
    ]


async def run(receivers, folder, minutes, rate):
    """What is wrong, in words."""
    traffic, events = Traffic(), receivers[0]
    print(f"  before:    events {events.sample()['memory (KiB)'] / 1024:.1f} MiB")
    await traffic.fill(events)
    print(f"  filled:    events {events.sample()['memory (KiB)'] / 1024:.1f} MiB", flush=True)
    for receiver in receivers:
        receiver.samples.clear()
    until = time.monotonic() + minutes * 60
    senders = [send_event, send_program, send_hook]
    await asyncio.gather(watch(receivers, until, max(minutes / 12, 0.2)),
                         *(traffic.steady(r, make, rate * SHARES[r.name], until) for r, make in zip(receivers, senders)))
    grown = [what for receiver in receivers for what in judge(receiver)]
    codes = [receiver.stop() for receiver in receivers]
    left = len(list((folder / "programs" / "spool").glob("*.event"))) + len(os.listdir(folder / "programs" / "spool" / "failed"))
    print(f"{traffic.sent:,} requests; the spool keeps {left} events, and "
          f"{(folder / 'programs' / 'spool' / 'seen').stat().st_size:,} bytes of what it has seen")
    return grown + traffic.wrong + [f"ended with {code}" for code in codes if code != 0] + ["the spool keeps events"] * (left > 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=200, help="requests a second, of all")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="receive-soak-"))
    receivers = start(options.binary, folder)
    try:
        wrong = asyncio.run(run(receivers, folder, options.minutes, options.rate))
    finally:
        for receiver in receivers:
            receiver.child.kill()
    if wrong:
        sys.exit("failed: " + "; ".join(wrong) + f"; see {folder}")
    shutil.rmtree(folder)
    print("flat")


if __name__ == "__main__":
    main()
