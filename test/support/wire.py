# SPDX-License-Identifier: Apache-2.0
"""What the tests share that kill a server under load: bare HTTP on both sides, and the server's own account of it."""
import asyncio

PATIENCE_S = 10  # for an answer


async def read_message(reader):
    """(first line, headers, body) of a request or an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0) or 0))
    return head[0], headers, body


class Connection:
    """Requests to a server on one keep-alive connection, which is opened when there is none."""

    def __init__(self, server):
        self.server = server
        self.stream = None

    async def exchange(self, method, path, body=b"", headers=None):
        """One request; its status and body. Connecting is part of it, and its time limit holds for the whole."""
        return await asyncio.wait_for(self._exchange(method, path, body, headers or {}), PATIENCE_S)

    async def _exchange(self, method, path, body, headers):
        if self.stream is None:
            self.stream = await asyncio.open_connection(self.server.host, self.server.port)
        reader, writer = self.stream
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"authorization: Bearer {self.server.token}",
                 "content-type: application/json", f"content-length: {len(body)}",
                 *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        first, _, answer = await read_message(reader)
        return int(first.split()[1]), answer

    def hang_up(self):
        if self.stream is not None:
            self.stream[1].close()
            self.stream = None


def history(api, apps):
    """{message id: payload} of everything the server lists."""
    found = {}
    for app in apps:
        iterator = ""
        while True:
            page = api.call("GET", f"/api/v1/app/{app}/msg?limit=250&with_content=true"
                                   + (f"&iterator={iterator}" if iterator else ""))
            found.update({m["id"]: m["payload"] for m in page["data"]})
            if page["done"]:
                break
            iterator = page["iterator"]
    return found
