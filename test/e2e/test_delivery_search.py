# SPDX-License-Identifier: Apache-2.0
"""Searching deliveries: by state, endpoint, answer and text, page by page, and honest about how far it looked."""
import urllib.parse

from conftest import wait_until


def page(server, app, **query):
    return server.ok("GET", f"/app/{app}/delivery?" + urllib.parse.urlencode(query))


def everything(server, app, **query):
    """All pages; the number of them, too."""
    rows, answer, pages = [], page(server, app, **query), 1
    rows += answer["data"]
    while not answer["done"]:
        answer = page(server, app, iterator=answer["iterator"], **query)
        rows += answer["data"]
        pages += 1
    return rows, pages


def test_deliveries_are_found_by_state_endpoint_answer_and_text(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("deliver.retry=50ms", "deliver.breaker_failures=1000")
    app = grapnel.application()
    good = grapnel.endpoint(app, make_receiver((200, {}, b"thank you")).url)
    bad = grapnel.endpoint(app, make_receiver((503, {}, b"the till is closed")).url)
    sent = [grapnel.publish(app, {"invoice": f"inv-{n}"}, event_type=f"type.{n % 2}") for n in range(4)]
    wait_until(lambda: len(page(grapnel, app, state="fail")["data"]) == 4, "all to be given up")
    rows, _ = everything(grapnel, app)
    assert [(r["msgId"], r["endpointId"]) for r in rows] == [(m, e) for m in reversed(sent) for e in (good, bad)]
    assert {r["endpointId"] for r in page(grapnel, app, state="success")["data"]} == {good}
    assert {r["endpointId"] for r in page(grapnel, app, response_status=503)["data"]} == {bad}
    assert {r["statusReason"] for r in page(grapnel, app, endpoint_id=bad)["data"]} == {"exhausted"}
    [row] = page(grapnel, app, text="inv-2", endpoint_id=good)["data"]
    assert (row["msgId"], row["matched"], row["lastAttempt"]["response"]) == (sent[2], "payload", "thank you")
    rows = page(grapnel, app, text="till is closed")["data"]
    assert [(r["msgId"], r["matched"]) for r in rows] == [(m, "response") for m in reversed(sent)]
    assert page(grapnel, app, text="nowhere to be found")["data"] == []
    assert {r["msgId"] for r in page(grapnel, app, event_types="type.1")["data"]} == {sent[1], sent[3]}
    first = grapnel.ok("GET", f"/app/{app}/msg/{sent[1]}")["timestamp"]
    assert {r["msgId"] for r in page(grapnel, app, before=first)["data"]} == {sent[0]}
    assert {r["msgId"] for r in page(grapnel, app, after=first)["data"]} == set(sent[1:])


def test_pages_hold_each_delivery_once_also_within_a_message(grapnel, make_receiver):
    app = grapnel.application()
    receiver = make_receiver()
    endpoints = [grapnel.endpoint(app, receiver.url) for _ in range(5)]
    sent = [grapnel.publish(app) for _ in range(4)]
    for limit in (1, 3, 7):
        rows, pages = everything(grapnel, app, limit=limit)
        assert [(r["msgId"], r["endpointId"]) for r in rows] == [(m, e) for m in reversed(sent) for e in endpoints]
        assert pages >= 20 // limit
    grapnel.ok("DELETE", f"/app/{app}/endpoint/{endpoints[2]}")
    rows, _ = everything(grapnel, app, limit=3)
    assert len(rows) == 20 and {r["endpointId"] for r in rows} == set(endpoints)


def test_a_search_says_how_far_it_looked(grapnel, make_receiver):
    app = grapnel.application()
    grapnel.endpoint(app, make_receiver().url)
    first, last = grapnel.publish(app), grapnel.publish(app)
    answer = page(grapnel, app, text="nowhere to be found")
    assert answer["done"] and answer["data"] == [] and answer["lookedAt"] == 4
    assert answer["lookedTo"] == grapnel.ok("GET", f"/app/{app}/msg/{first}")["timestamp"]
    answer = page(grapnel, app, limit=1)
    assert not answer["done"] and answer["iterator"] == last
    assert page(grapnel, app, before="2020-01-01T00:00:00Z")["lookedTo"] is None


def test_what_waits_says_when_it_is_tried_next(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h")
    app = server.application()
    server.endpoint(app, make_receiver(500).url)
    server.publish(app)
    row = wait_until(lambda: page(server, app, state="sending")["data"], "the failure")[0]
    assert row["nextAttempt"] and row["attemptCount"] == 1 and row["lastAttempt"]["responseStatusCode"] == 500
    assert page(server, app, response_status=0)["data"] == []
    assert page(server, app, state="pending,sending")["data"] and not page(server, app, state="success,fail")["data"]


def test_a_payload_that_is_gone_is_not_found_by_its_text(grapnel, make_receiver):
    app = grapnel.application()
    grapnel.endpoint(app, make_receiver().url)
    message = grapnel.publish(app, {"name": "Jane Doe"})
    assert page(grapnel, app, text="Jane Doe")["data"]
    grapnel.ok("DELETE", f"/app/{app}/msg/{message}/content")
    assert page(grapnel, app, text="Jane Doe")["data"] == []


def test_bad_questions_are_refused(grapnel):
    app = grapnel.application()
    for query in ("state=bad", "text=x", "iterator=nonsense", "iterator=msg_3MocL2VhT4PINlPZMMe41FkMSQC.ep_nosuch", "limit=0",
                  "response_status=abc", "after=yesterday"):
        assert grapnel.call("GET", f"/app/{app}/delivery?{query}").status == 422, query
    assert grapnel.call("GET", f"/app/{app}/delivery?endpoint_id=nosuch").status == 404
