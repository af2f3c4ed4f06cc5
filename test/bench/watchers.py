# SPDX-License-Identifier: Apache-2.0
"""Who looks on while a server is busy: consoles with the calls and the stream of a page that is open, and tails."""
import http.client
import socket
import threading
import time

# What an open console asks for on its overview, over and over (web/src/console): the trouble in its navigation, the
# charts, the busiest applications. One of ten asks every three seconds, so a run of six has some of it.
REFRESH_S = 30
MEASURES = "accepted,delivered,failed,attempts,attempts2xx,attempts3xx,attempts4xx,attempts5xx,attemptsNone,attemptP50,attemptP95"
CALLS = ("/api/v1/auth/whoami", "/api/v1/trouble?limit=50", f"/api/v1/series?of=organisation&measure={MEASURES}&from=now-24h&step=15m",
         "/api/v1/app?limit=250&order=descending")


def overview(apps):
    """The paths of the overview's calls; `apps`: those whose rows it shows."""
    return (*CALLS, f"/api/v1/series/rows?of=application&ids={','.join(apps)}&measure=accepted,delivered,failed&from=now-24h&step=15m")


class Watchers:
    """`consoles` with a stream each and their calls spread over REFRESH_S, and `tails` that only read a stream."""

    def __init__(self, port, tokens, paths, consoles, tails):
        self.port, self.tokens, self.paths, self.consoles, self.tails = port, tokens, paths, consoles, tails
        self.ended, self.threads, self.streams, self.took_ms, self.failures = threading.Event(), [], [], [], []
        self.lock = threading.Lock()

    def __enter__(self):
        tokens = [self.tokens[i % len(self.tokens)] for i in range(self.consoles + self.tails)]
        for token in tokens:
            self.follow(token)
        for i in range(self.consoles):
            self.start(self.ask, tokens[i], i * REFRESH_S / self.consoles)
        return self

    def __exit__(self, *exc):
        self.ended.set()
        for stream in self.streams:
            stream.shutdown(socket.SHUT_RDWR)  # who reads it wakes up
        for thread in self.threads:
            thread.join(60)
        for stream in self.streams:
            stream.close()
        if self.failures:
            raise RuntimeError(self.failures[0])

    def start(self, run, *args):
        self.threads.append(threading.Thread(target=run, args=args, daemon=True))
        self.threads[-1].start()

    def headers(self, token):
        return {"authorization": f"Bearer {token}", "accept-encoding": "gzip"}

    def follow(self, token):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/api/v1/stream?sample=100", headers=self.headers(token))
        stream, answer = connection.sock, connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"a stream was refused: {answer.read()[:200]}")
        self.streams.append(stream)
        self.start(self.drain, answer)

    def drain(self, answer):
        try:
            while not self.ended.is_set() and answer.read1(65536):
                pass
        except (OSError, ValueError, http.client.HTTPException):
            pass  # closed by us

    def page(self, connection, token):
        """All calls of a page, one after another; milliseconds."""
        start = time.monotonic()
        for path in self.paths:
            connection.request("GET", path, headers=self.headers(token))
            answer = connection.getresponse()
            if answer.status != 200:
                self.failures.append(f"{path}: {answer.status} {answer.read()[:200]}")
            answer.read()
        return (time.monotonic() - start) * 1000

    def ask(self, token, wait_s):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.ended.wait(wait_s):
            took = self.page(connection, token)
            with self.lock:
                self.took_ms.append(took)
            wait_s = REFRESH_S
        connection.close()
