# SPDX-License-Identifier: Apache-2.0
"""Receivers that behave badly, each in its own way, on one asyncio thread. For the end-to-end test and the benchmark."""
import asyncio
import socket
import ssl
import subprocess
import threading


class Listeners:
    """Serves asyncio callbacks on ports of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def listen(self, serve, **options):
        """The port."""
        async def start():
            server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256, **options)
            return server.sockets[0].getsockname()[1]
        return asyncio.run_coroutine_threadsafe(start(), self.loop).result(10)


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


def refusing_port():
    """One where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def urls(listeners, folder):
    """One URL a hostile way, in turn: hang, drip, flood, reset, refuse, bad certificate."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=wrong",
                    "-keyout", folder / "k.pem", "-out", folder / "c.pem"], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "c.pem", folder / "k.pem")
    kinds = [f"http://127.0.0.1:{listeners.listen(way)}/hook" for way in (hang, drip, flood, reset)]
    kinds.append(f"http://127.0.0.1:{refusing_port()}/hook")
    kinds.append(f"https://127.0.0.1:{listeners.listen(hang, ssl=tls)}/hook")
    return kinds
