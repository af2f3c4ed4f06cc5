# SPDX-License-Identifier: Apache-2.0
"""Sources: what comes in is verified, kept once, answered as the provider wants, and routed on."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import time

import pytest

SECRET = "a secret that was agreed on"


def ingest(server, method, path, body=None):
    text = None if body is None else json.dumps(body)
    answer = server.raw(method, "/ingest/api/v1" + path, text,
                        {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    return answer.status, json.loads(answer.body) if answer.body else None


def make_source(server, kind="github", secret=SECRET, **more):
    config = {} if secret is None else {"config": {"secret": secret}}
    status, source = ingest(server, "POST", "/source", {"name": kind, "type": kind, **config, **more})
    assert status == 201, source
    return source


def door(source):
    return source["ingestUrl"][source["ingestUrl"].index("/in/"):]


def github_headers(body, secret=SECRET, event="push", delivery="d-1"):
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={signature}", "x-github-event": event, "x-github-delivery": delivery,
            "content-type": "application/json"}


def requests_of(server, source, query=""):
    status, page = ingest(server, "GET", f"/source/{source['id']}/request{query}")
    assert status == 200, page
    return page["data"]


def test_a_signed_request_reaches_the_sources_endpoint_byte_for_byte(grapnel, receiver):
    source = make_source(grapnel)
    status, _ = ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    assert status == 201
    body = b'{ "zen" :\t"Keep it \\u006cogically awesome.", "hook_id": 1.0e2 }\n'
    answer = grapnel.raw("POST", door(source), body, github_headers(body))
    assert answer.status == 200
    got = receiver.wait(1)[0]
    assert got.body == body
    assert got.headers["x-github-event"] == "push"
    assert got.headers["content-type"] == "application/json"
    assert "webhook-signature" in got.headers


@pytest.mark.parametrize("spoil", ["key", "body", "signature", "missing"])
def test_what_is_not_signed_right_is_refused(grapnel, receiver, spoil):
    source = make_source(grapnel)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"n":1}'
    headers = github_headers(body, secret="another" if spoil == "key" else SECRET)
    if spoil == "signature":
        headers["x-hub-signature-256"] = headers["x-hub-signature-256"][:-2]
    if spoil == "missing":
        del headers["x-hub-signature-256"]
    answer = grapnel.raw("POST", door(source), b'{"n":2}' if spoil == "body" else body, headers)
    assert answer.status == 401
    assert answer.body == b""
    assert receiver.received == []
