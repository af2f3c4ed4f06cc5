# SPDX-License-Identifier: Apache-2.0
"""Finding what flows: attempts, requests, runs, and messages by the keys that they came with."""
import json
import urllib.parse

from conftest import wait_until
from test_api_access import SECRET, jwt
from test_receiving import door, github_headers, make_source, requests_of


def find(server, word):
    answer = server.ok("GET", "/find?" + urllib.parse.urlencode({"q": word}))
    assert answer["complete"], answer
    return answer["data"]


def opened(server, hit):
    """What the path of a hit leads to."""
    answer = server.raw("GET", hit["path"], headers={"authorization": f"Bearer {server.token}"})
    assert answer.status == 200, (hit, answer)
    return json.loads(answer.body)


def test_an_attempt_is_found_by_its_id_alone(grapnel, make_receiver):
    app = grapnel.application("Acme")
    endpoint = grapnel.endpoint(app, make_receiver(500).url)
    message = grapnel.publish(app)
    attempts = wait_until(lambda: len(a := grapnel.attempts(app, message)) == 4 and a, "all attempts")
    for attempt in attempts:
        [hit] = find(grapnel, attempt["id"])
        assert (hit["kind"], hit["msgId"], hit["endpointId"], hit["detail"]) == ("attempt", message, endpoint, "status 500")
        assert hit["applicationName"] == "Acme" and opened(grapnel, hit)["id"] == attempt["id"]


def test_a_message_is_found_by_the_idempotency_key_it_was_sent_with(grapnel):
    app = grapnel.application("by id")
    other = grapnel.application("by uid", uid="other")
    body = {"eventType": "a.b", "payload": {}}
    first = grapnel.ok("POST", f"/app/{app}/msg", body, headers={"idempotency-key": "order 7/2026"})["id"]
    [hit] = find(grapnel, "order 7/2026")
    assert (hit["id"], hit["matched"], hit["applicationId"]) == (first, "idempotency_key", app)
    second = grapnel.ok("POST", "/app/other/msg", body, headers={"idempotency-key": "order 7/2026"})["id"]
    assert {h["id"]: h["applicationId"] for h in find(grapnel, "order 7/2026")} == {first: app, second: other}
    grapnel.restart()
    assert {h["id"] for h in find(grapnel, "order 7/2026")} == {first, second}


def test_a_request_at_a_source_is_found_by_its_id_and_by_the_providers(grapnel):
    source = make_source(grapnel, name="Shop")
    body = b'{"zen": "x"}'
    assert grapnel.raw("POST", door(source), body, github_headers(body, delivery="delivery-77")).status == 200
    [request] = requests_of(grapnel, source)
    [hit] = find(grapnel, request["id"])
    assert (hit["kind"], hit["sourceId"], hit["sourceName"]) == ("request", source["id"], "Shop")
    assert opened(grapnel, hit)["id"] == request["id"]
    [hit] = find(grapnel, "delivery-77")
    assert (hit["kind"], hit["id"], hit["matched"]) == ("request", request["id"], "event_id")
    [hit] = find(grapnel, request["id"].replace("req_", "msg_"))
    assert (hit["kind"], hit["id"]) == ("request", request["id"])


def test_a_run_of_a_filter_chain_is_found_by_its_id(grapnel, make_receiver):
    app = grapnel.application()
    grapnel.ok("POST", f"/app/{app}/filter", {"event": "Login", "url": make_receiver((200, {}, b"{}")).url})
    grapnel.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {}})
    run = wait_until(lambda: grapnel.ok("GET", f"/app/{app}/filter-run")["data"], "the run")[0]["id"]
    [hit] = find(grapnel, run)
    assert (hit["kind"], hit["title"]) == ("filter_run", "Login") and opened(grapnel, hit)["id"] == run


def test_another_organisation_finds_nothing(make_grapnel):
    server = make_grapnel().serve(f"server.jwt_secret={SECRET}")
    app = server.application("ours", uid="ours")
    message = server.publish(app, eventId="event-of-ours")
    stranger = jwt({"sub": "org_" + "S" * 27})
    for word in (app, message, "ours", "event-of-ours"):
        answer = server.call("GET", f"/find?q={word}", token=stranger)
        assert answer.status == 200 and answer.body["data"] == [], answer
        assert find(server, word)
