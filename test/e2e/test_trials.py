# SPDX-License-Identifier: Apache-2.0
"""Changes tried on stored messages before they are saved, and signatures checked by hand."""
import hashlib
import hmac
import json

import pytest

from conftest import wait_until


@pytest.fixture(name="world")
def make_world(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=50ms")
    server.ok("POST", "/event-type", {"name": "order.paid", "description": ""})
    app = server.application("shop", uid="shop")
    receiver = make_receiver(200)
    return server, app, receiver


def trial(server, endpoint, body, token=None):
    return server.call("POST", f"/app/shop/endpoint/{endpoint}/trial", body, **({"token": token} if token else {}))


def test_a_filter_that_lost_messages_is_cured_by_a_trial_and_what_was_missed_is_sent(world):
    server, app, receiver = world
    endpoint = server.endpoint(app, receiver.url, filter={"body": {"total": {"$gt": 90}}})
    sent = [server.publish(app, {"total": total}, "order.paid") for total in (10, 50, 95)]
    receiver.wait()
    cure = {"filter": {"body": {"total": {"$gt": 20}}}}
    tried = trial(server, endpoint, cure).body
    assert (tried["wantedBefore"], tried["wantedAfter"], tried["gained"], tried["missing"]) == (1, 2, 1, 1)
    assert [one["msgId"] for one in tried["data"]] == [sent[1]]
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", cure)
    server.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": tried["oldest"]})
    wait_until(lambda: len(receiver.received) == 2, "the message that was missed")
    assert json.loads(receiver.received[1].body) == {"total": 50}
    assert trial(server, endpoint, cure).body["gained"] == 0


def test_a_trial_shows_what_a_changed_transform_makes_and_sends_nothing(world):
    server, app, receiver = world
    endpoint = server.endpoint(app, receiver.url, transform="{id: .body.id}")
    message = server.publish(app, {"id": 7, "note": "n"}, "order.paid")
    receiver.wait()
    tried = trial(server, endpoint, {"transform": '{"$body": {id: .body.id, note: .body.note}, "$headers": {"x-a": "b"}}'}).body
    assert (tried["changed"], tried["gained"], tried["lost"]) == (1, 0, 0)
    one = tried["data"][0]
    assert one["msgId"] == message and one["effect"] == "changed"
    assert one["before"]["body"] == {"id": 7} and one["before"]["headers"] == {}
    assert one["after"]["body"] == {"id": 7, "note": "n"} and one["after"]["headers"] == {"x-a": "b"}
    failing = trial(server, endpoint, {"transform": "error(\"no\")"}).body
    assert (failing["lost"], failing["data"][0]["after"]["outcome"]) == (1, "fail")
    assert "no" in failing["data"][0]["after"]["error"]
    canceling = trial(server, endpoint, {"transform": "empty"}).body
    assert canceling["data"][0]["after"]["outcome"] == "cancel"
    refused = trial(server, endpoint, {"transform": "{"})
    assert refused.status == 422 and refused.body["detail"][0]["loc"] == ["body", "transform"]
    assert len(receiver.received) == 1


def test_a_trial_of_slow_transforms_stops_in_time_and_says_so(world):
    server, app, receiver = world
    endpoint = server.endpoint(app, receiver.url, filter={"body": {"never": 1}})
    for n in range(60):
        server.publish(app, {"n": n}, "order.paid")
    tried = trial(server, endpoint, {"filter": None, "transform": "[range(100000000)] | length"}).body
    assert tried["complete"] is False and 0 < tried["tried"] < 60
    assert tried["fails"] == tried["tried"]


def test_a_customer_tries_what_the_link_allows(world):
    server, app, receiver = world
    endpoint = server.endpoint(app, receiver.url)
    server.publish(app, {"n": 1}, "order.paid")

    def link(*capabilities):
        return server.ok("POST", f"/auth/app-portal-access/{app}", {"capabilities": list(capabilities)})["token"]
    viewer, maker = link("ViewBase"), link("ViewBase", "ManageTransformations")
    assert trial(server, endpoint, {"filter": {"body": {"n": 2}}}, viewer).body["lost"] == 1
    refused = trial(server, endpoint, {"transform": "."}, viewer)
    assert refused.status == 403 and "ManageTransformations" in refused.body["detail"]
    assert trial(server, endpoint, {"transform": "{n: 3}"}, maker).body["changed"] == 1
    own = {"appId": "shop", "endpointId": endpoint, "body": "{}"}
    refused = server.call("POST", "/verify/test", own, token=viewer)
    assert refused.status == 403 and "ViewEndpointSecret" in refused.body["detail"]
    given = server.call("POST", "/verify/test", {**own, "secrets": ["whsec_" + "A" * 32]}, token=viewer)
    assert given.body["verdict"] == "missing_header"


def test_what_was_delivered_verifies_with_the_endpoints_own_secret(world):
    server, app, receiver = world
    endpoint = server.endpoint(app, receiver.url)
    server.publish(app, {"n": 1}, "order.paid")
    request = receiver.wait()[0]
    headers = {name: value for name, value in request.headers.items() if name.lower().startswith("webhook-")}
    body = {"appId": app, "endpointId": endpoint, "headers": headers, "body": request.body.decode()}
    looked = server.ok("POST", "/verify/test", body)
    assert looked["verified"] and looked["matched"] == {"index": 1, "count": 1, "whose": "endpoint", "expiresAt": None}
    assert looked["signed"]["text"].endswith("." + request.body.decode())
    server.ok("POST", f"/app/{app}/endpoint/{endpoint}/secret/rotate", {"gracePeriodSeconds": 600})
    rotated = server.ok("POST", "/verify/test", body)["matched"]
    assert (rotated["index"], rotated["count"]) == (2, 2) and rotated["expiresAt"]
    spoiled = server.ok("POST", "/verify/test", {**body, "body": body["body"] + "\n"})
    assert (spoiled["verdict"], spoiled["cause"]) == ("no_matching_key", "body_newline")


def test_a_sources_request_verifies_with_the_sources_own_secret(world):
    server, _, _ = world
    made = json.loads(server.raw("POST", "/ingest/api/v1/source", json.dumps(
        {"name": "git", "type": "github", "config": {"secret": "quite a secret"}}),
        {"authorization": f"Bearer {server.token}", "content-type": "application/json"}).body)
    mac = hmac.new(b"quite a secret", b"{}", hashlib.sha256).hexdigest()
    body = {"sourceId": made["id"], "headers": {"X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Event": "push"}, "body": "{}"}
    looked = server.ok("POST", "/verify/test", body)
    assert looked["verified"] and looked["matched"]["whose"] == "source" and looked["presetName"] == "github"
    wrong = server.ok("POST", "/verify/test", {**body, "body": "{ }"})
    assert wrong["verdict"] == "no_matching_key" and wrong["cause"] == "body_rewritten"
    assert wrong["signed"] == {"text": "{ }", "base64": "eyB9", "bytes": 3}


def test_a_checked_secret_is_nowhere_in_the_log_or_the_store(world):
    server, _, _ = world
    secret = "a-secret-that-is-only-tried"
    answer = server.call("POST", "/verify/test", {"preset": "github", "secrets": [secret], "body": "{}", "headers": {
        "x-hub-signature-256": "sha256=" + "0" * 64}})
    assert answer.status == 200 and secret not in json.dumps(answer.body)
    assert server.call("POST", "/verify/test", {"preset": "nobody", "secrets": [secret]}).status == 422
    server.stop()
    kept = b"".join(path.read_bytes() for path in server.store.rglob("*") if path.is_file())
    assert secret.encode() not in kept and secret not in server.log()
