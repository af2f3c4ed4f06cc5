# SPDX-License-Identifier: Apache-2.0
"""Sending again what lies in several segments: by hand, recovered, replayed; around disabling, in order, with a full disk between."""
import collections
import datetime
import json

import pytest

from conftest import wait_until

HOUR_AGO = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).isoformat()
COUNT = 130  # more than a step of a task, and than a few segments


@pytest.fixture(name="server")
def make_server(make_grapnel):
    return make_grapnel().serve("store.segment_messages=20", "deliver.retry=20ms", "deliver.jitter=0", "deliver.breaker_failures=100000")


def finished(server, task):
    def look():
        shown = server.ok("GET", f"/background-task/{task}")
        return shown if shown["status"] != "running" else None
    shown = wait_until(look, "the task to end")
    assert shown["status"] == "finished"
    return shown["data"]["messages_sent"]


def stats(server, app, endpoint):
    return server.ok("GET", f"/app/{app}/endpoint/{endpoint}/stats")


def publish_many(server, app, count, **more):
    return [server.publish(app, {"n": n}, **more) for n in range(count)]


def given_up(server, app, endpoint, count):
    wait_until(lambda: stats(server, app, endpoint)["fail"] == count, f"{count} to be given up")


def replay(server, app, endpoint, how, **body):
    return finished(server, server.ok("POST", f"/app/{app}/endpoint/{endpoint}/{how}", {"since": HOUR_AGO, **body})["id"])


def test_what_failed_is_recovered_once_from_all_segments(server, make_receiver):
    receiver = make_receiver(500)
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    sent = publish_many(server, app, COUNT)
    given_up(server, app, endpoint, COUNT)
    wait_until(lambda: server.metrics()["grapnel_store_segments"] >= COUNT // 20, "the number of segments to show")
    receiver.answers[:] = [204]
    receiver.received.clear()
    assert replay(server, app, endpoint, "recover") == COUNT
    wait_until(lambda: stats(server, app, endpoint)["success"] == COUNT, "all to arrive")
    assert collections.Counter(receiver.ids()) == dict.fromkeys(sent, 1)
    assert replay(server, app, endpoint, "recover") == 0
    assert replay(server, app, endpoint, "replay-missing") == 0
    assert len(receiver.received) == COUNT


def test_resending_by_hand_works_on_every_segment_and_once_a_time(server, make_receiver):
    receiver = make_receiver(500)
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    sent = publish_many(server, app, 60)
    given_up(server, app, endpoint, 60)
    receiver.answers[:] = [204]
    receiver.received.clear()
    server.restart()
    for message in sent[::10]:
        server.ok("POST", f"/app/{app}/msg/{message}/endpoint/{endpoint}/resend")
    receiver.wait(6)
    wait_until(lambda: stats(server, app, endpoint)["success"] == 6, "the outcomes")
    assert sorted(receiver.ids()) == sorted(sent[::10])


def test_what_a_disabled_endpoint_missed_is_recovered_and_replayed_once_it_is_enabled(server, make_receiver):
    receiver = make_receiver()
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    base = f"/app/{app}/endpoint/{endpoint}"
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).isoformat()
    canceled = publish_many(server, app, 45, deliverAt=soon)
    server.ok("PATCH", base, {"disabled": True})
    missed = publish_many(server, app, 45)
    wait_until(lambda: stats(server, app, endpoint)["canceled"] == 45, "the earlier ones to be canceled")
    for how in ("recover", "replay-missing", "bulk-replay"):
        assert server.call("POST", f"{base}/{how}", {"since": HOUR_AGO}).body["code"] == "endpoint_disabled"
    assert receiver.received == []
    server.ok("PATCH", base, {"disabled": False})
    assert replay(server, app, endpoint, "recover") == 45
    receiver.wait(45)
    assert sorted(receiver.ids()) == sorted(canceled)
    assert replay(server, app, endpoint, "replay-missing") == 45
    receiver.wait(90)
    wait_until(lambda: stats(server, app, endpoint)["success"] == 90, "the outcomes")
    assert collections.Counter(receiver.ids()) == dict.fromkeys(canceled + missed, 1)
    assert replay(server, app, endpoint, "bulk-replay") == 90
    receiver.wait(180)
    assert collections.Counter(receiver.ids()) == dict.fromkeys(canceled + missed, 2)


def test_a_task_stops_when_its_endpoint_is_disabled_and_sends_nothing_then(server, make_receiver):
    receiver = make_receiver()
    app = server.application()
    publish_many(server, app, COUNT)
    endpoint = server.endpoint(app, receiver.url, throttleRate=1)
    task = server.ok("POST", f"/app/{app}/endpoint/{endpoint}/replay-missing", {"since": HOUR_AGO})["id"]
    receiver.wait(1)
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"disabled": True})
    wait_until(lambda: server.ok("GET", f"/background-task/{task}")["status"] != "running", "the task to end")
    wait_until(lambda: stats(server, app, endpoint)["pending"] == 0, "what it made pending to be canceled")
    assert len(receiver.received) < 10


@pytest.mark.parametrize("how", ["recover", "replay-missing", "bulk-replay"])
def test_an_ordered_endpoint_gets_it_again_in_the_order_of_acceptance(server, make_receiver, how):
    receiver = make_receiver(500)
    app = server.application()
    if how == "replay-missing":
        publish_many(server, app, COUNT)
    endpoint = server.endpoint(app, receiver.url, ordered=True, retrySchedule=[0.001])
    if how != "replay-missing":
        publish_many(server, app, COUNT)
        given_up(server, app, endpoint, COUNT)
    receiver.answers[:] = [204, 204, 503, 204]
    receiver.received.clear()
    assert replay(server, app, endpoint, how) == COUNT

    def first_arrivals():
        return list(dict.fromkeys(json.loads(r.body)["n"] for r in list(receiver.received)))
    wait_until(lambda: len(first_arrivals()) == COUNT, "each of them to have arrived")
    assert first_arrivals() == list(range(COUNT))
