# SPDX-License-Identifier: Apache-2.0
"""Webfilters and processors that behave badly: what they cost is the filter's timeout, and nobody else pays.

Times are the server's own: `tookMs` of the verdict and of each filter's part, by its monotonic clock, so that neither this
process nor its client is in them. What the machine itself stalls for is: a thread measures that meanwhile, and it is allowed on top.
"""
import concurrent.futures
import gzip
import json
import os
import socket
import threading
import time

import pytest

import conftest
from test_webfilters import answer, make, run

OVER_MS = 20 * conftest.SLOWER


class Stalls:
    """How late a thread that sleeps for a few milliseconds wakes up, at worst: what nobody on this machine can beat."""

    def __enter__(self):
        self.worst_ms, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self.measure)
        self.thread.start()
        return self

    def measure(self):
        while not self.ended.is_set():
            began = time.monotonic()
            time.sleep(0.003)
            self.worst_ms = max(self.worst_ms, (time.monotonic() - began) * 1000 - 3)

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    @property
    def allowed_ms(self):
        return OVER_MS + 2 * self.worst_ms


@pytest.fixture
def app(grapnel):
    return grapnel.application("site", uid="site")


class Raw:
    """A processor on a bare socket: `talk(connection, ended)` does what it likes; `ended` is set when the test is over."""

    def __init__(self, talk, backlog=128):
        self.ended, self.talk, self.count = threading.Event(), talk, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        if talk is not None:
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.talk(connection, self.ended)
            except OSError:
                pass  # the server leaves when the time is up

    def close(self):
        self.ended.set()
        self.listener.close()


@pytest.fixture
def raw():
    made = []

    def make_one(talk, **more):
        made.append(Raw(talk, **more))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


def read_nothing(connection, ended):
    ended.wait(30)


def answer_nothing(connection, ended):
    connection.recv(65536)
    ended.wait(30)


def drip(text, pause_s=0.01):
    def talk(connection, ended):
        connection.recv(65536)
        for byte in text * 1000:
            if ended.wait(pause_s):
                return
            connection.sendall(bytes([byte]))
    return talk


def promise_more(connection, ended):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    ended.wait(30)


def continue_for_ever(connection, ended):
    connection.recv(65536)
    while not ended.wait(0.01):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def flood(connection, ended):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not ended.is_set():
        connection.sendall(b"1\r\n \r\n" * 1000)


HANGS = {
    "accepts_and_reads_nothing": read_nothing,
    "reads_and_answers_nothing": answer_nothing,
    "drips_its_status_line": drip(b"H"),
    "drips_its_headers": drip(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 3000),
    "drips_chunks": drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 500),
    "promises_more_than_it_sends": promise_more,
    "says_continue_for_ever": continue_for_ever,
}


@pytest.mark.parametrize("name", HANGS)
def test_whatever_hangs_costs_its_timeout_and_no_more(grapnel, app, raw, name):
    make(grapnel, app, raw(HANGS[name]).url, timeoutMs=300, breakerFailures=0)
    run(grapnel, app, {})  # connections and caches are warm from here on
    took = []
    with Stalls() as stalls:
        for _ in range(4):
            verdict = run(grapnel, app, {"filler": "x" * 100_000 if name == "accepts_and_reads_nothing" else ""})
            part, = verdict["filters"]
            assert (part["effect"], part["status"]) == ("skipped", None) and part["error"] in ("timeout", "protocol", "cut"), part["error"]
            assert part["error"] == "protocol" or part["tookMs"] >= 300
            took += [part["tookMs"], verdict["tookMs"]]
    assert max(took) <= 300 + stalls.allowed_ms, (took, stalls.worst_ms)


def test_a_handshake_that_hangs_costs_the_timeout_too(grapnel, app, raw):
    make(grapnel, app, raw(read_nothing).url.replace("http:", "https:"), timeoutMs=300, breakerFailures=0)
    with Stalls() as stalls:
        verdicts = [run(grapnel, app, {}) for _ in range(3)]
    for verdict in verdicts:
        assert verdict["filters"][0]["error"] and verdict["tookMs"] <= 300 + stalls.allowed_ms


def test_a_connection_that_is_never_made_costs_the_timeout_too(grapnel, app, raw):
    """A listener whose queue is full answers no handshake of TCP."""
    full = raw(None, backlog=0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", full.port))
        waiting.append(one)
    make(grapnel, app, full.url, timeoutMs=300, breakerFailures=0)
    with Stalls() as stalls:
        verdicts = [run(grapnel, app, {}) for _ in range(3)]
    for verdict in verdicts:
        assert verdict["filters"][0]["error"] == "timeout" and 300 <= verdict["tookMs"] <= 300 + stalls.allowed_ms
    for one in waiting:
        one.close()


def test_a_flood_is_cut_at_a_mebibyte(grapnel, app, raw):
    make(grapnel, app, raw(flood).url, timeoutMs=5000, haltOnRequestException=True)
    verdict = run(grapnel, app, {})
    assert verdict["halt"] and verdict["filters"][0]["error"] == "cut" and verdict["filters"][0]["tookMs"] < 5000


@pytest.mark.parametrize("size, effect", [(1024 * 1024 - 100, "applied"), (1024 * 1024 + 100, "skipped")])
def test_an_answer_of_a_mebibyte_is_read_and_a_longer_one_is_none(grapnel, app, make_receiver, size, effect):
    text = json.dumps({"data": {"a": "x" * (size - 20)}}).encode()
    make(grapnel, app, make_receiver((200, {}, text)).url)
    verdict = run(grapnel, app, {})
    assert verdict["filters"][0]["effect"] == effect
    assert len(verdict["data"].get("a", "")) == (size - 20 if effect == "applied" else 0)


def test_all_filters_of_a_chain_hung_keep_to_the_deadline(grapnel, app, raw):
    hung = raw(answer_nothing)
    for n in range(32):
        make(grapnel, app, hung.url, timeoutMs=60000, breakerFailures=0, mode=("original", "parallel", "shadow", "chained")[n % 4])
    refused = grapnel.call("POST", f"/app/{app}/filter", {"event": "Login", "url": hung.url})
    assert (refused.status, refused.body["code"]) == (400, "limit_reached")
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"deadlineMs": 500})
    with Stalls() as stalls:
        verdicts = [run(grapnel, app, {}) for _ in range(3)]
    for verdict in verdicts:
        assert 500 <= verdict["tookMs"] <= 500 + stalls.allowed_ms
        assert {p["error"] for p in verdict["filters"] if p["mode"] != "shadow"} == {"timeout", "deadline"}


def test_hung_processors_delay_no_other_chain(grapnel, app, raw, make_receiver):
    """Two hundred chains hang, on every loop; what others take is what they take when none hangs."""
    make(grapnel, app, raw(answer_nothing, backlog=512).url, event="Slow", timeoutMs=20000, breakerFailures=0)
    make(grapnel, app, make_receiver(answer({"a": 1})).url, event="Quick")
    run(grapnel, app, {}, "Quick")
    alone = sorted(run(grapnel, app, {}, "Quick")["tookMs"] for _ in range(60))
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        slow = [pool.submit(run, grapnel, app, {}, "Slow") for _ in range(200)]
        conftest.wait_until(lambda: grapnel.metrics()["grapnel_filter_runs_in_flight"] >= 200, "two hundred hung chains")
        with Stalls() as stalls:
            beside = sorted(run(grapnel, app, {}, "Quick")["tookMs"] for _ in range(60))
        assert not any(s.done() for s in slow)
        grapnel.kill()
        for s in slow:
            assert s.exception() is not None
    assert beside[30] <= alone[30] + stalls.allowed_ms and beside[54] <= alone[54] + 2 * stalls.allowed_ms, (alone, beside, stalls.worst_ms)


def test_redirects_are_seen_and_not_followed(grapnel, app, make_receiver):
    inner = make_receiver(answer({"stolen": True}))
    for status in (301, 302, 303, 307, 308):
        make(grapnel, app, make_receiver((status, {"location": inner.url}, b"")).url, event="Moved", failClosed=True, breakerFailures=0)
    verdict = run(grapnel, app, {}, "Moved")
    assert (verdict["data"], verdict["halt"], verdict["status"]) == ({}, True, 301)
    assert verdict["filters"][0]["error"] == "redirect"
    make(grapnel, app, make_receiver((307, {"location": inner.url}, b"")).url, event="Minded", haltOnRequestException=True)
    assert run(grapnel, app, {}, "Minded")["halt"]
    assert inner.received == []


def test_a_compressed_answer_is_taken_and_is_not_blown_up(grapnel, app, make_receiver):
    packed = {"content-encoding": "gzip", "content-type": "application/json"}
    good = make_receiver((200, packed, gzip.compress(b'{"data": {"a": 1}}')))
    make(grapnel, app, good.url, event="Packed")
    assert run(grapnel, app, {}, "Packed")["data"] == {"a": 1} and "accept-encoding" not in good.received[0].headers
    bomb = make_receiver((200, packed, gzip.compress(b" " * 150_000_000, 1)))
    make(grapnel, app, bomb.url)
    with open(f"/proc/{grapnel.child.pid}/statm", encoding="ascii") as before:
        pages = int(before.read().split()[1])
    verdict = run(grapnel, app, {})
    assert (verdict["data"], verdict["filters"][0]["effect"], verdict["filters"][0]["error"]) == ({}, "none", "answer")
    with open(f"/proc/{grapnel.child.pid}/statm", encoding="ascii") as after:
        assert (int(after.read().split()[1]) - pages) * os.sysconf("SC_PAGE_SIZE") < 100_000_000


PACKED = {"not_gzip": ("gzip", b"\x00\x01"), "cut_short": ("gzip", gzip.compress(b'{"data": {"a": 1}}')[:-4]), "brotli": ("br", b"\x0b\x02\x80{}\x03"),
          "too_long": ("gzip", gzip.compress(b" " * (2 << 20)))}


@pytest.mark.parametrize("name", PACKED)
def test_an_answer_that_cannot_be_unpacked_fails_as_set_and_its_status_counts(grapnel, app, make_receiver, name):
    encoding, text = PACKED[name]
    odd = make_receiver((200, {"content-encoding": encoding}, text))
    make(grapnel, app, odd.url, event="Closed", failClosed=True)
    verdict = run(grapnel, app, {}, "Closed")
    assert verdict["halt"] and verdict["filters"][0]["error"] == "answer"
    no = make_receiver((403, {"content-encoding": encoding}, text))
    make(grapnel, app, no.url, event="Refused", haltOn4xx=True)
    assert run(grapnel, app, {}, "Refused")["halt"]


# Answers that are none, or only half of one: each is heard or fails as set, and is in the run.
ANSWERS = {
    "reset_in_the_middle": (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", True),
    "closed_before_a_word": (b"", True), "closed_in_the_head": (b"HTTP/1.1 200 OK\r\nx: ", True),
    "no_content": (b"HTTP/1.1 204 No Content\r\n\r\n", True), "not_modified": (b"HTTP/1.1 304 Not Modified\r\n\r\n", True),
    "several_choices": (b"HTTP/1.1 300 Multiple Choices\r\ncontent-length: 0\r\n\r\n", True),
    "an_odd_status": (b"HTTP/1.1 777 Jackpot\r\ncontent-length: 0\r\n\r\n", True),
    "two_documents": (b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"a":1}{"b":2}', True),
    "a_head_of_megabytes": (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 3_000_000, True),
    "another_switch": (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n", True),
    "chunks_cut_short": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n12\r\n" + b'{"data": {"a": 1}}' + b"\r\n", True),
    "chunks_with_trailers": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n12;x=y\r\n" + b'{"data": {"a": 1}}' + b"\r\n0\r\nx-sum: 1\r\n\r\n", False),
    "early_hints_first": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n"
                          b'{"data": {"a": 1}}', False),
    "no_type_and_no_length": (b'HTTP/1.0 200 OK\r\n\r\n{"data": {"a": 1}}', False),
    "a_mark_before_it": (b'HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n\xef\xbb\xbf{"data": {"a": 1}}', False),
}


@pytest.mark.parametrize("client", ["own", "curl"])
def test_every_answer_is_heard_or_fails_as_set_and_is_recorded(make_grapnel, raw, client):
    grapnel = make_grapnel().serve(f"fetch.client={client}")
    app = grapnel.application("site", uid="site")
    for name, (text, fails) in ANSWERS.items():
        def talk(connection, ended, text=text):
            connection.recv(65536)
            if text:
                connection.sendall(text)
        closed, asked = f"Closed.{name}", f"Asked.{name}"
        make(grapnel, app, raw(talk).url, event=closed, failClosed=True, timeoutMs=2000, breakerFailures=0)
        make(grapnel, app, raw(talk).url, event=asked, timeoutMs=2000, breakerFailures=0)
        verdict = run(grapnel, app, {"kept": 1}, closed)
        assert verdict["halt"] == fails, (name, verdict)
        verdict = run(grapnel, app, {"kept": 1}, asked)
        part, = verdict["filters"]
        assert not verdict["halt"] and verdict["data"] == ({} if fails else {"a": 1}), (name, verdict)
        assert bool(part["error"]) == fails, (name, part)
    conftest.wait_until(lambda: len(grapnel.ok("GET", f"/app/{app}/filter-run?limit=250")["data"]) == 2 * len(ANSWERS), "every run on record")


@pytest.mark.parametrize("text", [b"\x00\xff\xfe", b'{"data": {"a": 1}', b'{"data": {"a": 1}} trailing', b"[" * 600, b'{"a":' * 600 + b"1" + b"}" * 600,
                                  b'{"data": {"a": "\xe9"}}', '{"data": {"a": 1}}'.encode("utf-16"), b"NaN", b"<html>", b"[1]", b'"x"'])
def test_an_answer_that_is_no_json_object_changes_nothing_and_is_an_error(grapnel, app, make_receiver, text):
    odd = make_receiver((200, {"content-type": "application/json"}, text))
    make(grapnel, app, odd.url)
    verdict = run(grapnel, app, {"kept": 1})
    assert (verdict["data"], verdict["halt"]) == ({}, False)
    assert (verdict["filters"][0]["effect"], verdict["filters"][0]["error"]) == ("none", "answer")
    make(grapnel, app, odd.url, event="Closed", failClosed=True)
    assert run(grapnel, app, {}, "Closed")["halt"]


@pytest.mark.parametrize("status, text, error", [(200, b"", "empty"), (204, b"", "empty"), (404, b"<html>", None), (500, b"", None)])
def test_an_empty_answer_is_told_from_a_status_that_says_it(grapnel, app, make_receiver, status, text, error):
    make(grapnel, app, make_receiver((status, {}, text)).url)
    assert run(grapnel, app, {})["filters"][0]["error"] == error


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/",
                                 "http://[fd00::1]/", "http://0.0.0.0/", "http://localhost:1/"])
def test_private_addresses_are_not_asked(make_grapnel, url):
    grapnel = make_grapnel().serve("fetch.allow=")
    app = grapnel.application("site")
    made = grapnel.call("POST", f"/app/{app}/filter", {"event": "Login", "url": url, "failClosed": True})
    if made.status == 422:
        return  # refused as soon as it is set
    verdict = run(grapnel, app, {})
    assert verdict["halt"] and verdict["filters"][0]["error"] == "address"


def test_a_question_too_large_is_refused_before_anybody_is_asked(grapnel, app, receiver):
    make(grapnel, app, receiver.url)
    assert grapnel.call("POST", f"/app/{app}/filter-chain/Login", {"data": {"a": "x" * (2 * 1024 * 1024 + 1)}}).status == 413
    assert receiver.received == []


def test_filters_of_many_events_are_an_applications_thousand(grapnel, app):
    """The limit holds however they are spread; read back a page at a time."""
    for n in range(1000):
        assert grapnel.call("POST", f"/app/{app}/filter", {"event": f"E{n % 40}", "url": "https://p.example/"}).status == 201
    refused = grapnel.call("POST", f"/app/{app}/filter", {"event": "One", "url": "https://p.example/"})
    assert (refused.status, refused.body["code"]) == (400, "limit_reached")
    seen, page = [], grapnel.ok("GET", f"/app/{app}/filter?limit=250")
    while page["data"]:
        seen += [f["id"] for f in page["data"]]
        page = grapnel.ok("GET", f"/app/{app}/filter?limit=250&iterator={page['iterator']}") if not page["done"] else {"data": []}
    assert len(seen) == len(set(seen)) == 1000
