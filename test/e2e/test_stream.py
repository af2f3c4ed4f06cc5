# SPDX-License-Identifier: Apache-2.0
"""The live stream: what is committed is seen by those who may see it, and nobody who reads slowly holds anything up."""
import contextlib
import http.client
import json
import socket
import subprocess
import threading
import urllib.parse

import pytest

from conftest import PATIENCE_S, binary, wait_until


class Stream:
    """Reads a stream on a thread of its own. `events`: (name, data) in order; a comment is (None, its text). `last`: the
    id of the last event that had one, `ids`: all of them."""

    def __init__(self, server, query="", token=None, since=None):
        self.events, self.ids, self.is_over = [], [], False
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        self.connection.request("GET", "/api/v1/stream" + query,
                                headers={"authorization": f"Bearer {token or server.token}",
                                         **({} if since is None else {"last-event-id": since})})
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers
        if self.status != 200:
            self.body = json.loads(self.answer.read())
            return
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        self.wait("open")

    def read(self):
        name = event_id = None
        try:
            while line := self.answer.readline():
                line = line.decode().rstrip("\n")
                if line.startswith(":"):
                    self.events.append((None, line[1:].strip()))
                elif line.startswith("event: "):
                    name, event_id = line[7:], None
                elif line.startswith("id: "):
                    event_id = line[4:]
                elif line.startswith("data: "):
                    self.ids += [event_id] if event_id else []
                    self.events.append((name, json.loads(line[6:])))
        except (OSError, ValueError, http.client.HTTPException):
            pass  # closed by us
        self.is_over = True

    @property
    def last(self):
        return self.ids[-1]

    def of(self, kind):
        return [data for name, data in list(self.events) if name == kind]

    def wait(self, kind, count=1):
        wait_until(lambda: len(self.of(kind)) >= count, f"{count} {kind} in {self.events[-5:]}")
        return self.of(kind)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.status == 200:
            self.thread.join()
        self.connection.close()


@pytest.fixture
def look():
    streams = []

    def make(*args, **more):
        streams.append(Stream(*args, **more))
        return streams[-1]
    yield make
    for stream in streams:
        stream.close()


def app_token(server, app, **more):
    return server.ok("POST", f"/auth/app-portal-access/{app}", more)["token"]


def test_messages_and_attempts_are_seen_with_their_ids(grapnel, receiver, look):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    stream = look(grapnel)
    assert stream.headers["content-type"] == "text/event-stream" and stream.headers["cache-control"] == "no-store"
    message = grapnel.publish(app, {"secret": "nobody sees a payload"}, event_type="user.created")
    seen = stream.wait("message")[0]
    at = seen.pop("at")
    assert seen == {"id": message, "app": app, "eventType": "user.created", "endpoints": 1}
    assert at.endswith("Z")
    attempt = stream.wait("attempt")[0]
    assert attempt["id"] == grapnel.attempts(app, message)[0]["id"] and attempt["ms"] > 0
    assert {k: attempt[k] for k in ("message", "app", "endpoint", "eventType", "state", "status", "number")} == {
        "message": message, "app": app, "endpoint": endpoint, "eventType": "user.created", "state": "success",
        "status": 204, "number": 1}
    summary = stream.wait("summary")
    assert sum(s["messages"] for s in summary) == 1
    assert "nobody sees" not in json.dumps(stream.events)


def test_requests_runs_and_tasks_are_seen(grapnel, receiver, look):
    answer = grapnel.raw("POST", "/ingest/api/v1/source", json.dumps({"name": "in", "type": "generic-webhook"}),
                         {"authorization": f"Bearer {grapnel.token}", "content-type": "application/json"})
    source = json.loads(answer.body)
    app = grapnel.application()
    webfilter = grapnel.ok("POST", f"/app/{app}/filter", {"event": "Login", "url": receiver.url})["id"]
    stream = look(grapnel)
    grapnel.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {"a": 1}})
    run = stream.wait("run")[0]
    assert (run["app"], run["event"], run["halted"], run["filters"]) == (app, "Login", False, 1)
    counted = grapnel.ok("GET", f"/series?of=filter:{webfilter}&measure=runs,halts,noAnswer")["series"]
    assert [s["total"] for s in counted] == [1, 0, 0]
    path = urllib.parse.urlparse(source["ingestUrl"]).path
    assert grapnel.raw("POST", path, b"{}", {"content-type": "application/json"}).status < 300
    request = stream.wait("request")[0]
    assert (request["source"], request["outcome"]) == (source["id"], "accepted")
    grapnel.ok("PUT", "/stats/usage/event-types")
    task = stream.wait("task")[0]
    assert task["id"].startswith("qtask_") and task["task"] == "event-type.aggregate"


def test_what_is_asked_for_is_what_comes(grapnel, make_receiver, look):
    good, bad = make_receiver(200), make_receiver(500)
    mine, other = grapnel.application(uid="mine"), grapnel.application()
    one, two = grapnel.endpoint(mine, good.url), grapnel.endpoint(mine, bad.url)
    grapnel.endpoint(other, good.url)
    only_messages = look(grapnel, "?kinds=message&app=mine")
    only_failed = look(grapnel, "?status=fail")
    only_5xx = look(grapnel, f"?status=5xx&endpoint={two}")
    only_one = look(grapnel, f"?endpoint={one}")
    everything = look(grapnel)
    theirs, ours = grapnel.publish(other), grapnel.publish(mine)
    everything.wait("attempt", 3)
    assert [m["id"] for m in only_messages.wait("message")] == [ours]
    assert {a["endpoint"] for a in only_failed.wait("attempt")} == {two}
    assert {a["status"] for a in only_5xx.wait("attempt")} == {500}
    assert {a["endpoint"] for a in only_one.wait("attempt")} == {one}
    assert not only_messages.of("attempt") and not only_failed.of("message") and not only_one.of("message")
    assert {m["id"] for m in everything.of("message")} == {theirs, ours}


def test_an_applications_token_sees_its_own_only(grapnel, receiver, look):
    mine, other = grapnel.application(), grapnel.application()
    for app in (mine, other):
        grapnel.endpoint(app, receiver.url)
    endpoint = grapnel.endpoint(other, receiver.url)
    token = app_token(grapnel, mine)
    stream, all_of_it = look(grapnel, token=token), look(grapnel)
    grapnel.publish(other)
    ours = grapnel.publish(mine)
    all_of_it.wait("message", 2)
    assert [m["id"] for m in stream.wait("message")] == [ours]
    assert {a["app"] for a in stream.wait("attempt")} == {mine}
    assert sum(s["messages"] for s in stream.wait("summary")) == 1
    assert look(grapnel, f"?app={other}", token=token).status == 404
    assert look(grapnel, f"?endpoint={endpoint}", token=token).status == 404
    assert look(grapnel, token="wrong").status == 401


def test_another_organisation_sees_nothing(grapnel, look):
    assert grapnel.run("tenant", "create", "other", f"--store.dir={grapnel.store}").returncode == 0
    other = grapnel.run("tenant", "token", "other", f"--store.dir={grapnel.store}").stdout.strip()
    stream, ours = look(grapnel, token=other), look(grapnel)
    grapnel.publish(grapnel.application())
    ours.wait("summary")
    theirs = grapnel.call("POST", "/app", {"name": "x"}, token=other).body["id"]
    message = grapnel.call("POST", f"/app/{theirs}/msg", {"eventType": "a", "payload": {}}, token=other).body["id"]
    assert [m["id"] for m in stream.wait("message")] == [message]
    assert sum(s["messages"] for s in stream.wait("summary")) == 1


def test_a_stream_ends_with_its_token(grapnel, look):
    app = grapnel.application()
    token = app_token(grapnel, app)
    stream = look(grapnel, token=token)
    assert grapnel.call("POST", "/auth/logout", token=token).status == 204
    assert stream.wait("bye") == [{"reason": "token"}]
    wait_until(lambda: stream.is_over, "the end of the stream")


def test_a_stop_says_goodbye_and_does_not_wait(grapnel, look):
    streams = [look(grapnel) for _ in range(3)]
    assert grapnel.stop() == 0
    for stream in streams:
        assert stream.wait("bye") == [{"reason": "stopping"}]


def test_a_stream_with_a_time_ends_then(grapnel, look):
    stream = look(grapnel, "?seconds=1")
    assert stream.wait("bye") == [{"reason": "time"}]


def test_a_token_has_eight_streams_and_a_closed_one_makes_room(grapnel, look):
    app = grapnel.application()
    token = app_token(grapnel, app)
    streams = [look(grapnel, token=token) for _ in range(8)]
    ninth = look(grapnel, token=token)
    assert ninth.status == 429 and ninth.headers["retry-after"] and "8" in ninth.body["detail"]
    assert look(grapnel).status == 200  # another token's
    streams[0].close()
    wait_until(lambda: look(grapnel, token=token).status == 200, "a free place")


def test_more_than_is_shown_is_counted(grapnel, look):
    app = grapnel.application()
    stream = look(grapnel, "?kinds=message&sample=1")
    for _ in range(5):
        grapnel.publish(app)

    def counted():
        return sum(s["messages"] for s in stream.of("summary")) == 5
    wait_until(counted, "all of them in the summaries")
    summaries = stream.of("summary")
    assert len(stream.of("message")) == sum(s["shown"] for s in summaries) >= 1
    assert sum(s["leftOut"] for s in summaries) == 5 - len(stream.of("message"))


def gone(server):
    wait_until(lambda: server.metrics()["grapnel_http_streams"] == 0, "the stream to be gone")


def test_a_reader_that_was_cut_off_is_told_what_came_since_and_nothing_twice(grapnel, look):
    app = grapnel.application()
    first = look(grapnel, "?kinds=message")
    before = [grapnel.publish(app) for _ in range(3)]
    first.wait("message", 3)
    assert len(set(first.ids)) == 4  # of the beginning, and of each event
    first.close()
    gone(grapnel)
    meanwhile = [grapnel.publish(app) for _ in range(120)]
    again = look(grapnel, "?kinds=message&sample=1", since=first.last)
    assert [m["id"] for m in again.wait("message", 120)] == meanwhile  # the sample is about what comes from now on
    after = look(grapnel, "?kinds=message", since=first.ids[1])
    assert [m["id"] for m in after.wait("message", 122)] == before[1:] + meanwhile
    now = grapnel.publish(app)
    assert after.wait("message", 123)[-1]["id"] == now
    assert not again.of("gap") and not after.of("gap")
    summaries = after.wait("summary")
    assert (sum(s["messages"] for s in summaries), sum(s["shown"] for s in summaries)) == (1, 1)


def test_a_reader_that_got_nothing_goes_on_from_where_it_began(grapnel, look):
    app = grapnel.application()
    first = look(grapnel, "?kinds=message")
    first.close()
    gone(grapnel)
    message = grapnel.publish(app)
    assert [m["id"] for m in look(grapnel, "?kinds=message", since=first.last).wait("message")] == [message]


def test_more_than_is_kept_for_a_reader_is_a_gap_of_known_size(grapnel, look):
    app = grapnel.application()
    first = look(grapnel, "?kinds=message")
    first.close()
    gone(grapnel)
    for _ in range(6):
        grapnel.ok("POST", f"/app/{app}/msg/batch", {"messages": [{"eventType": "a.b", "payload": {}}] * 100})
    again = look(grapnel, "?kinds=message", since=first.last)
    gap = again.wait("gap")[0]
    assert (gap["reason"], gap["missed"]) == ("too_many", 100) and gap["from"] < gap["to"]
    assert len(again.wait("message", 500)) == 500 and not again.of("lag")


def test_what_cannot_be_told_any_more_is_said(grapnel, look):
    app = grapnel.application()
    first = look(grapnel, "?kinds=message")
    grapnel.publish(app)
    at = first.wait("message")[0]["at"]
    first.close()
    for query, reason in (("?kinds=attempt", "forgotten"), ("", "forgotten")):  # another question's events
        assert look(grapnel, query, since=first.last).wait("gap")[0]["reason"] == reason
    grapnel.restart()
    again = look(grapnel, "?kinds=message", since=first.last)
    gap = again.wait("gap")[0]
    assert (gap["reason"], gap["missed"]) == ("restart", None)
    assert at[:23] == gap["from"][:23] < gap["to"]
    later = look(grapnel, "?kinds=message", since=again.last)  # the gap is told once
    message = grapnel.publish(app)
    assert [m["id"] for m in later.wait("message")] == [message] and not later.of("gap")


def test_an_id_is_good_for_what_its_token_may_see_only(grapnel, look):
    mine, other = grapnel.application(), grapnel.application()
    first = look(grapnel, "?kinds=message")
    grapnel.publish(other)
    first.wait("message")
    theirs = look(grapnel, "?kinds=message", token=app_token(grapnel, mine), since=first.ids[0])
    assert theirs.wait("gap")[0]["reason"] == "forgotten"
    ours = grapnel.publish(mine)
    assert [m["id"] for m in theirs.wait("message")] == [ours]


@pytest.mark.parametrize("wrong", ["x", "1-2-3", "1-2-3-4-5", "1-2-3-x", "-1-2-3-4", "1-2-3-99999999999999999999", "9" * 4000])
def test_what_is_no_id_is_refused_and_an_empty_one_is_none(grapnel, look, wrong):
    refused = look(grapnel, since=wrong)
    assert refused.status == 422, refused.body
    assert refused.body["detail"][0]["loc"] == ["header", "Last-Event-ID"]
    assert wrong[:64] in refused.body["detail"][0]["msg"] and "leave the header out" in refused.body["detail"][0]["msg"]


def test_an_empty_id_begins_now(grapnel, look):
    assert look(grapnel, since="").of("open") == [{}]


def test_a_reader_that_does_not_read_holds_up_nobody(grapnel, look):
    """Its buffers fill, events are dropped and counted, and messages are accepted as ever."""
    app = grapnel.application()
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    slow.connect(("127.0.0.1", grapnel.port))
    slow.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {grapnel.token}\r\n\r\n".encode())
    wait_until(lambda: grapnel.metrics()["grapnel_http_streams"] == 1, "the stream")
    quick = look(grapnel)

    def some_dropped():
        for _ in range(50):
            grapnel.publish(app, event_type="a" * 60)
        return grapnel.metrics()["grapnel_stream_dropped_total"] > 0
    wait_until(some_dropped, "events that are left out")
    received = b""
    slow.settimeout(PATIENCE_S)
    while b"event: lag" not in received:
        part = slow.recv(65536)
        assert part, "the slow reader was cut"
        received += part
    assert quick.wait("message", 50) and not quick.of("lag")
    slow.close()
    wait_until(lambda: grapnel.metrics()["grapnel_http_streams"] == 1, "the slow reader to be gone")


def test_head_and_wrong_words_are_answered_at_once(grapnel):
    headers = {"authorization": f"Bearer {grapnel.token}"}
    head = grapnel.raw("HEAD", "/api/v1/stream", headers=headers)
    assert head.status == 200 and head.body == b""
    for query, name in {"kinds=gossip": "kinds", "status=great": "status", "sample=0": "sample",
                        "sample=1000": "sample", "seconds=0": "seconds"}.items():
        answer = grapnel.call("GET", f"/stream?{query}")
        assert answer.status == 422 and answer.body["detail"][0]["loc"] == ["query", name], (query, answer.body)
    assert grapnel.call("GET", "/stream?app=nobody").status == 404


def test_a_request_behind_a_stream_is_answered_after_it(grapnel):
    with socket.create_connection(("127.0.0.1", grapnel.port), timeout=PATIENCE_S) as client:
        auth = f"Authorization: Bearer {grapnel.token}\r\n"
        client.sendall(f"GET /api/v1/stream?seconds=1 HTTP/1.1\r\nHost: a\r\n{auth}\r\n"
                       f"GET /api/v1/health/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while part := client.recv(65536):
            received += part
    stream, behind = received.split(b"0\r\n\r\n", 1)
    assert b"event: bye" in stream and behind.startswith(b"HTTP/1.1 204"), received


def lines_of(tail, found):
    """Reads lines until `found` has all it wants."""
    lines = []
    while not found(lines):
        line = tail.stdout.readline()
        assert line, (lines, tail.stderr.read())
        lines.append(line)
    return lines


def test_tail_prints_what_happens_for_people_and_for_programs(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    common = [binary(), "tail", f"--url={grapnel.url}", f"--token={grapnel.token}"]
    people, programs = [subprocess.Popen([*common, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                        for more in ([], ["--json", "--kinds=message"])]
    wait_until(lambda: grapnel.metrics()["grapnel_http_streams"] == 2, "both tails")
    message = grapnel.publish(app, event_type="user.created")
    lines = lines_of(people, lambda lines: len(lines) == 2)
    assert any("message" in line and message in line and "user.created" in line for line in lines), lines
    assert any("attempt" in line and "success" in line and endpoint in line for line in lines), lines
    event = json.loads(lines_of(programs, lambda lines: lines)[0])
    assert (event["event"], event["data"]["id"]) == ("message", message)
    grapnel.stop()
    for tail in (people, programs):
        assert "ended the stream: stopping" in tail.communicate(timeout=PATIENCE_S)[1]
        assert tail.returncode == 0


def test_tail_says_what_is_wrong(grapnel):
    def tail(*more):
        return grapnel.run("tail", f"--url={grapnel.url}", *more)
    refused = tail("--token=wrong")
    assert refused.returncode == 1 and "401" in refused.stderr
    wrong = tail(f"--token={grapnel.token}", "--kinds=gossip")
    assert wrong.returncode == 1 and "query" in wrong.stderr and "message" in wrong.stderr
    assert tail(f"--token={grapnel.token}", "--nothing").returncode == 2
