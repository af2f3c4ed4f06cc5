# SPDX-License-Identifier: Apache-2.0
"""Several events in one request: a message each, known ones left out, bytes as they came."""
import base64
import hashlib
import hmac
import json
import time

import pytest

from test_receiving import SECRET, door, ingest, make_source, requests_of

EVENTS = [b'{"eventId": 1, "subscriptionType":"contact.creation",\t"n": 1.0e2}',
          b'{"eventId":2,"subscriptionType":"deal.creation","name":"M\xc3\xbcller \\u00fc"}',
          b'{ "eventId":3,"subscriptionType":"contact.creation","portalId":62515 }']


def together(*events):
    return b"[\n " + b" ,\n".join(events) + b"\n]"


def hubspot(source, body):
    at = str(int(time.time() * 1000))
    signed = b"POST" + source["ingestUrl"].encode() + body + at.encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": at, "content-type": "application/json"}


def send(server, source, body):
    return server.raw("POST", door(source), body, hubspot(source, body))


def test_each_event_is_a_message_with_its_own_bytes_and_type(grapnel, make_receiver):
    everything, contacts, big = make_receiver(), make_receiver(), make_receiver()
    apps = [grapnel.application(name) for name in ("contacts", "big")]
    grapnel.endpoint(apps[0], contacts.url)
    grapnel.endpoint(apps[1], big.url)
    source = make_source(grapnel, "hubspot-v3", settings={"routes": [
        {"eventTypes": ["contact.*"], "applications": [apps[0]]},
        {"filter": {"body": {"portalId": {"$gt": 100}}}, "applications": [apps[1]]}]})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": everything.url})
    assert send(grapnel, source, together(*EVENTS)).status == 200
    assert sorted(r.body for r in everything.wait(3)) == sorted(EVENTS)
    assert sorted(r.body for r in contacts.wait(2)) == sorted([EVENTS[0], EVENTS[2]])
    assert [r.body for r in big.wait(1)] == [EVENTS[2]]
    assert {r.headers["content-type"] for r in everything.received} == {"application/json"}
    row = requests_of(grapnel, source)[0]
    assert (row["outcome"], row["eventCount"], row["eventType"], row["body"]) == ("accepted", 3, None, None)
    assert sorted(row["messages"]) == sorted(everything.ids())
    _, one = ingest(grapnel, "GET", f"/source/{source['id']}/request/{row['id']}")
    assert one["messages"] == row["messages"]
    assert sorted(d["messageId"] for d in one["deliveries"]) == sorted(row["messages"])
    for query in ("?event_type=deal.creation", "?text=M%C3%BCller"):
        assert [r["id"] for r in requests_of(grapnel, source, query)] == [row["id"]]


def test_events_that_were_there_before_are_left_out(grapnel, receiver):
    source = make_source(grapnel, "hubspot-v3", settings={"deduplicate": ["item /eventId"]})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    assert send(grapnel, source, together(EVENTS[0], EVENTS[1])).status == 200
    assert send(grapnel, source, together(EVENTS[1], EVENTS[2], EVENTS[2])).status == 200
    assert send(grapnel, source, together(EVENTS[2], EVENTS[0])).status == 200
    receiver.wait(3)
    last, second, first = requests_of(grapnel, source)
    assert [r["outcome"] for r in (first, second, last)] == ["accepted", "accepted", "duplicate"]
    assert [len(r["messages"]) for r in (first, second, last)] == [2, 1, 0]
    assert [r["eventCount"] for r in (first, second, last)] == [2, 3, 2]
    assert sorted(r.body for r in receiver.received) == sorted(EVENTS)
    grapnel.restart()
    assert send(grapnel, source, together(*EVENTS)).status == 200
    again = requests_of(grapnel, source)[0]
    assert (again["outcome"], again["original"]) == ("duplicate", first["id"])


def test_events_without_ids_all_go_on(grapnel, receiver):
    source = make_source(grapnel, "xero")
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"events":[{"eventCategory":"INVOICE","eventType":"UPDATE"},{"eventCategory":"INVOICE","eventType":"UPDATE"}],"x":1}'

    def send_signed(text):
        signature = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
        return grapnel.raw("POST", door(source), text, {"x-xero-signature": signature}).status
    assert [send_signed(body), send_signed(body), send_signed(body.replace(b'"x":1', b'"x":2'))] == [200, 200, 200]
    receiver.wait(6)
    assert [r["outcome"] for r in requests_of(grapnel, source)] == ["accepted"] * 3
    assert requests_of(grapnel, source)[0]["eventType"] == "INVOICE.UPDATE"
    assert send_signed(b'{"events":[],"firstEventSequence":0}') == 200
    empty = requests_of(grapnel, source)[0]
    assert (empty["outcome"], empty["reason"], empty["messages"]) == ("ignored", "no_events", [])


def test_hubspots_event_ids_are_not_unique_and_leave_nothing_out(grapnel, receiver):
    source = make_source(grapnel, "hubspot-v3")
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    events = [b'{"eventId":100,"subscriptionType":"contact.creation"}', b'{"eventId":100,"subscriptionType":"contact.propertyChange"}']
    assert send(grapnel, source, together(*events)).status == 200
    assert sorted(r.body for r in receiver.wait(2)) == sorted(events)


def test_a_source_may_keep_them_together_or_part_them(grapnel, receiver):
    source = make_source(grapnel, "hubspot-v3", settings={"batches": "whole"})
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = together(*EVENTS)
    assert send(grapnel, source, body).status == 200
    assert receiver.wait(1)[0].body == body
    row = requests_of(grapnel, source, "?with_content=true")[0]
    assert (row["eventCount"], len(row["messages"]), row["body"]) == (None, 1, body.decode())
    line = make_source(grapnel, "line", settings={"batches": "split"})
    text = b'{"destination":"U1","events":[{"type":"message","n":1},{"type":"follow","n":2}]}'
    signature = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    assert grapnel.raw("POST", door(line), text, {"x-line-signature": signature}).status == 200
    assert requests_of(grapnel, line)[0]["eventCount"] == 2


def test_a_paused_batch_is_replayed_event_by_event(grapnel, receiver):
    source = make_source(grapnel, "hubspot-v3", paused=True)
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    send(grapnel, source, together(*EVENTS))
    kept = requests_of(grapnel, source)[0]
    assert (kept["outcome"], kept["reason"], len(kept["messages"])) == ("ignored", "paused", 3)
    ingest(grapnel, "PATCH", f"/source/{source['id']}", {"paused": False})
    status, _ = ingest(grapnel, "POST", f"/source/{source['id']}/request/{kept['id']}/replay")
    assert status == 202
    assert sorted(r.body for r in receiver.wait(3)) == sorted(EVENTS)
    again = requests_of(grapnel, source)[0]
    assert (again["outcome"], again["original"], len(again["messages"])) == ("accepted", kept["id"], 3)
    assert not set(again["messages"]) & set(kept["messages"])


def test_a_refused_batch_is_parted_when_it_verifies(grapnel, receiver):
    source = make_source(grapnel, "xero", secret="another")
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = b'{"events":[{"n":1},{"n":2}]}'
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert grapnel.raw("POST", door(source), body, {"x-xero-signature": signature}).status == 401
    refused = requests_of(grapnel, source)[0]
    ingest(grapnel, "PATCH", f"/source/{source['id']}", {"config": {"secret": SECRET}})
    assert ingest(grapnel, "POST", f"/source/{source['id']}/request/{refused['id']}/replay")[0] == 202
    assert sorted(r.body for r in receiver.wait(2)) == [b'{"n":1}', b'{"n":2}']


@pytest.mark.parametrize("count, status", [(1000, 200), (1001, 401)])
def test_the_number_of_events_is_bounded(grapnel, receiver, count, status):
    source = make_source(grapnel, "hubspot-v3")
    ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    body = json.dumps([{"eventId": n} for n in range(count)]).encode()
    assert send(grapnel, source, body).status == status
    row = requests_of(grapnel, source)[0]
    assert (row["outcome"], row["reason"]) == (("accepted", None) if status == 200 else ("rejected", "too_large"))
    assert len(row["messages"]) == (count if status == 200 else 0)
    receiver.wait(len(row["messages"]))


def test_the_messages_of_one_request_are_bounded(grapnel):
    apps = [grapnel.application(f"app-{n}") for n in range(16)]
    source = make_source(grapnel, "hubspot-v3", settings={"routes": [{"applications": apps}]})
    body = json.dumps([{"eventId": n} for n in range(700)]).encode()
    assert send(grapnel, source, body).status == 413
    assert requests_of(grapnel, source)[0]["reason"] == "too_many_messages"


def test_an_event_that_can_be_read_in_two_ways_is_refused(grapnel):
    source = make_source(grapnel, "hubspot-v3", settings={"deduplicate": ["item /eventId"]})
    body = b'[{"eventId":1},{"eventId":2,"eventId":3}]'
    assert send(grapnel, source, body).status == 400
    row = requests_of(grapnel, source)[0]
    assert (row["outcome"], row["reason"]) == ("rejected", "duplicate_header")


def test_an_explanation_counts_the_events_and_says_who_takes_any_of_them(grapnel):
    app = grapnel.application("deals")
    source = make_source(grapnel, "hubspot-v3", settings={"routes": [
        {"eventTypes": ["deal.creation"], "applications": [app]}, {"eventTypes": ["other"], "applications": [app]}]})
    body = together(*EVENTS)
    _, answer = ingest(grapnel, "POST", f"/source/{source['id']}/explain", {
        "headers": hubspot(source, body), "bodyBase64": base64.b64encode(body).decode()})
    assert (answer["verdict"], answer["eventCount"]) == ("verified", 3)  # the signature holds the URL
    assert [(d["takes"], d["reason"]) for d in answer["destinations"][1:]] == [(True, None), (False, "event_type")]
