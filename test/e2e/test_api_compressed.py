# SPDX-License-Identifier: Apache-2.0
"""Answers in gzip: long lists for those who take it, never what holds a secret, never a stream, never the publishing path."""
import gzip
import http.client
import json
import re

import pytest

from test_api_access import NOT_BY_TOKEN, OPERATIONS, World

# Whatever lets somebody in: keys and tokens by their prefixes, doors by their paths, the console's header.
SECRETS = re.compile(rb"whsec_[A-Za-z0-9+/]{8}|gk_[A-Za-z0-9]{16}|/in/[A-Za-z0-9_-]{16}|/filter/[A-Za-z0-9_-]{16}|/wh/[^/]+/|#key=|\"csrf\":\"")
MANY = 12


@pytest.fixture
def world(make_grapnel, make_receiver):
    made = World(make_grapnel().serve("deliver.retry=50ms", "server.jwt_secret=a jwt secret of the tests"), make_receiver(200))
    for i in range(MANY):
        made.server.endpoint(made.app, f"http://127.0.0.1:1/{i}", disabled=True)
        made.ingest("POST", "/source", {"name": f"Source {i}", "type": "generic-webhook"})
        made.server.ok("POST", f"/app/{made.app}/filter", {"event": "Login", "url": f"http://127.0.0.1:1/{i}", "enabled": False})
    return made


@pytest.fixture
def server(grapnel):
    for i in range(MANY):
        grapnel.application(f"Application {i}")
    return grapnel


def ask(server, method, path, body=None, **headers):
    whole = {"authorization": f"Bearer {server.token}", "content-type": "application/json",
             **{name.replace("_", "-"): value for name, value in headers.items()}}
    return server.raw(method, path, None if body is None else json.dumps(body), whole)


def is_packed(answer):
    return answer.headers.get("content-encoding") == "gzip"


def text_of(answer):
    return gzip.decompress(answer.body) if is_packed(answer) else answer.body


def test_no_operation_packs_an_answer_that_holds_a_secret(world):
    packed, long_secrets = set(), set()
    for operation, method, path in world.routes():
        if operation in NOT_BY_TOKEN or method == "DELETE":
            continue
        path += ("&" if "?" in path else "?") + "limit=100" if operation.endswith(".list") else ""
        answer = ask(world.server, method, path, OPERATIONS[operation][2], accept_encoding="gzip")
        text = text_of(answer)
        if is_packed(answer):
            packed.add(operation)
            assert not SECRETS.search(text), operation
            assert len(answer.body) < len(text) and len(text) >= 1024
            assert answer.headers["vary"] == "Accept-Encoding"
        elif SECRETS.search(text) and len(text) >= 1024:
            long_secrets.add(operation)
            assert "vary" not in answer.headers, operation
    assert {"v1.endpoint.list", "v1.system.get"} <= packed
    assert {"v1.ingest.source.list"} <= long_secrets


def test_the_same_is_answered_either_way_and_head_tells_of_it(server):
    path = "/api/v1/app?limit=100"
    plain, packed = ask(server, "GET", path), ask(server, "GET", path, accept_encoding="gzip, deflate, br")
    assert not is_packed(plain) and is_packed(packed) and plain.headers["vary"] == packed.headers["vary"]
    assert text_of(packed) == plain.body and len(packed.body) < len(plain.body) / 3
    head = ask(server, "HEAD", path, accept_encoding="gzip")
    assert head.body == b"" and is_packed(head)
    assert head.headers["content-length"] == packed.headers["content-length"] == str(len(packed.body))
    for refused in ("identity", "gzip;q=0", "br, zstd", "*;q=0"):
        assert not is_packed(ask(server, "GET", path, accept_encoding=refused))


def test_publishing_and_errors_are_never_packed(server):
    long_id = "e" * 200
    body = {"eventType": "a.b", "payload": {"filler": "x" * 4000}, "eventId": long_id}
    accepted = ask(server, "POST", f"/api/v1/app/{server.application()}/msg?with_content=true", body, accept_encoding="gzip")
    assert accepted.status == 202 and len(accepted.body) > 1024 and not is_packed(accepted)
    refused = ask(server, "POST", "/api/v1/app", {"name": 5}, accept_encoding="gzip")
    assert refused.status == 422 and not is_packed(refused)


def test_a_stream_comes_as_it_is(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/api/v1/stream?seconds=1", headers={"authorization": f"Bearer {server.token}",
                                                                   "accept-encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.getheader("content-encoding") is None and answer.read().startswith(b"event: open")
    connection.close()


def test_svix_sdk_asks_for_gzip_by_itself_and_reads_it(server):
    svix = pytest.importorskip("svix.api")
    client = svix.Svix(server.token, svix.SvixOptions(server_url=server.url))
    names = {app.name for app in client.application.list(svix.ApplicationListOptions(limit=100)).data}
    assert {f"Application {i}" for i in range(MANY)} <= names
    seen = ask(server, "GET", "/api/v1/app?limit=100", accept_encoding="gzip, deflate")  # what httpx sends
    assert is_packed(seen)
