# SPDX-License-Identifier: Apache-2.0
"""Changes of endpoints: they hold from their answer on, and cost the same however many endpoints there are."""
import pytest

from conftest import wait_until

COUNTED = ["grapnel_directory_endpoints_total", "grapnel_directory_keys_total", "grapnel_directory_chunks_total"]

# What is done to an endpoint that takes everything at the first of two receivers, and who gets the message after it.
CHANGES = {
    "PUT url": ("PUT", "", lambda url: {"url": url}, "second"),
    "PATCH url": ("PATCH", "", lambda url: {"url": url}, "second"),
    "PUT eventTypes": ("PUT", "", lambda url: {"url": url, "eventTypes": ["other.type"]}, None),
    "PATCH channels": ("PATCH", "", lambda url: {"channels": ["other"]}, None),
    "PATCH disabled": ("PATCH", "", lambda url: {"disabled": True}, None),
    "DELETE": ("DELETE", "", lambda url: None, None),
    "PATCH transform": ("PATCH", "/transformation", lambda url: {"enabled": True, "code": '{n: 2}'}, "first"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_message_right_after_a_change_goes_where_the_change_says(grapnel, make_receiver, change):
    method, path, body, who = CHANGES[change]
    first, second, always = make_receiver(), make_receiver(), make_receiver()
    receivers = {"first": first, "second": second}
    grapnel.ok("POST", "/event-type", {"name": "other.type", "description": ""})
    app = grapnel.application()
    grapnel.endpoint(app, always.url)
    endpoint = grapnel.endpoint(app, first.url)
    before = grapnel.publish(app)
    wait_until(lambda: before in first.ids() and before in always.ids(), "the view to be in use")
    grapnel.ok(method, f"/app/{app}/endpoint/{endpoint}{path}", body(second.url))
    after = grapnel.publish(app)
    wait_until(lambda: after in always.ids(), "the message after the change")
    if who is not None:
        wait_until(lambda: after in receivers[who].ids(), f"the message at the {who} receiver")
    going_to = [destination["id"] for destination in grapnel.ok("GET", f"/app/{app}/msg/{after}/endpoint")["data"]]
    assert (endpoint in going_to) == (who is not None)
    for name, receiver in receivers.items():
        assert (after in receiver.ids()) == (name == who), name


def test_an_endpoint_enabled_again_gets_the_very_next_message(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url, disabled=True)
    grapnel.publish(app)
    grapnel.ok("POST", f"/app/{app}/endpoint/{endpoint}/enable")
    message = grapnel.publish(app)
    wait_until(lambda: message in receiver.ids(), "the message")
    assert receiver.ids() == [message]


def cost(grapnel, do):
    before = grapnel.metrics()
    do()
    after = grapnel.metrics()
    return [after[name] - before[name] for name in COUNTED]


def test_a_change_reads_and_unseals_one_endpoint_however_many_there_are(grapnel):
    grapnel.ok("POST", "/event-type", {"name": "rare.type", "description": ""})
    found = []
    for count in (10, 300):
        app = grapnel.application()
        ids = [grapnel.endpoint(app, "http://127.0.0.1:9/", eventTypes=["rare.type"]) for _ in range(count)]
        grapnel.publish(app)
        path = f"/app/{app}/endpoint/{ids[7]}"
        found.append([cost(grapnel, lambda p=path: grapnel.ok("PATCH", p, {"url": "http://127.0.0.1:9/other"})),
                      cost(grapnel, lambda p=path: grapnel.ok("PATCH", p, {"disabled": True})),
                      cost(grapnel, lambda p=path: grapnel.ok("DELETE", p))])
    assert found[0] == found[1]
    assert found[0][0] == [1, 1, 2] and found[0][2][:2] == [0, 0]


def test_health_alone_makes_no_view_anew(grapnel, make_receiver):
    receiver = make_receiver(500)
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    health = f"/app/{app}/endpoint/{endpoint}/health"
    grapnel.publish(app)
    before = grapnel.metrics()
    grapnel.publish(app)
    wait_until(lambda: grapnel.ok("GET", health)["status"] == "failing", "the health to be written")
    assert [grapnel.metrics()[name] for name in COUNTED] == [before[name] for name in COUNTED]
