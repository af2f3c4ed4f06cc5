# SPDX-License-Identifier: Apache-2.0
"""Receivers whose manners change while a run goes on. Each is an endpoint of the server, on a port of its own."""
import asyncio
import json
import socket
import struct
import time

from wire import read_message

HEADER_IDS = ("webhook-id", "svix-id")
# None has a whole status line that says 2xx: a receiver that has said so has taken the delivery, whatever follows.
JUNK = [b"HTTP/1.1 100 Continue\r\n\r\n" * 50, b"HTTP/1.1 2",
        b"\x00\xff" * 5000, b"HTTP/1.1 500 Oops\r\n" + b"x-babble: " + b"y" * 100000,
        b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nno chunk\r\n", b"HTTP/9.9 200\r\n\r\n"]
GOOD_S = (0.0, 0.01)


class Receiver:
    """Writes into the ledger what it got and how it answered. `manner`: how it behaves from the next request on."""

    def __init__(self, name, ledger, rng):
        self.name, self.ledger, self.rng = name, ledger, rng
        self.manner, self.by_s = "good", 0.0
        self.server, self.port, self.address = None, 0, None
        self.writers, self.changed = set(), asyncio.Event()

    async def start(self, address):
        self.address = address
        self.server = await asyncio.start_server(self.serve, address, self.port, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]

    @property
    def url(self):
        return f"http://{self.address}:{self.port}/{self.name}"

    async def behave(self, manner, by_s=0.0):
        """From now on; connections that another manner holds open are ended."""
        before, self.manner, self.by_s = self.manner, manner, by_s
        if manner == "away":
            self.server.close()
        elif before == "away":
            await self.start(self.address)
        self.changed.set()
        self.changed = asyncio.Event()
        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while await self.serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort() if self.manner == "reset" else writer.close()

    async def serve_one(self, reader, writer):
        """One request; False: the connection is to be closed."""
        if self.manner in ("silent", "half_open"):
            changed = self.changed
            if self.manner == "half_open":
                await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
            await changed.wait()
            return False
        _, headers, body = await read_message(reader)
        message = next((headers[name] for name in HEADER_IDS if name in headers), None)
        request = self.ledger.request(self.name, message, json.loads(body), time.monotonic())
        try:
            return await self.answer(reader, writer, request)
        finally:
            request.ended_s = time.monotonic()

    async def answer(self, reader, writer, request):
        dice = self.rng.random()
        if self.manner == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if self.manner == "babble":
            writer.write(self.rng.choice(JUNK))
            await writer.drain()
            return False
        if self.manner == "busy":
            writer.write(b"HTTP/1.1 429 Slow down\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return True
        # Waits for the end of the connection, too: an attempt whose time is over is not under way any more.
        wait_s = self.rng.uniform(*GOOD_S) + (self.by_s if self.manner == "slow" else 0)
        if await self.has_hung_up(reader, wait_s) or dice < 0.01:
            return False
        if dice < 0.04:
            writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
        else:
            request.taken_s = time.monotonic()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        return True

    @staticmethod
    async def has_hung_up(reader, within_s):
        """Nothing but the end can come: the server sends no request before the answer to the one before."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if reader.at_eof() or reader.exception() is not None:
                return True
            await asyncio.sleep(min(0.05, max(0.0, until - time.monotonic())))
        return reader.at_eof() or reader.exception() is not None

    async def close(self):
        self.server.close()
        self.changed.set()
        for writer in list(self.writers):
            writer.transport.abort()
        while self.writers:
            await asyncio.sleep(0.01)
