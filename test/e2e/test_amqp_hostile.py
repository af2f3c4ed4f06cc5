# SPDX-License-Identifier: Apache-2.0
"""Brokers that hang, babble, break off and lie: they hold up their own deliveries, nobody else's, and end nothing."""
import json

import pytest

from conftest import Grapnel, wait_until
from hostile_broker import HostileBroker

STEPS = ["connect", "start", "tune", "open", "channel", "declare", "confirm", "publish"]
MODES = ([f"silent at {step}" for step in STEPS] + [f"closing at {step}" for step in STEPS] +
         [f"cut at {step}" for step in ("start", "channel", "publish")] +
         [f"garbage at {step}" for step in ("connect", "open", "channel", "publish")] +
         [f"heartbeats at {step}" for step in ("open", "channel", "publish")] +
         [f"acks at {step}" for step in ("channel", "publish")] +
         ["foreign channels at channel", "foreign channels at publish", "tiny frames", "lying about confirms",
          "lying about returns"])
RETRIES = ",".join(["300ms"] * 8 + ["1s"] * 24)


@pytest.fixture
def make_broker():
    made = []

    def make(mode):
        made.append(HostileBroker(mode))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Grapnel(tmp_path_factory.mktemp("hostile"))
    server.serve(f"deliver.retry={RETRIES}", "deliver.jitter=0", "deliver.breaker_time=100ms",
                 "deliver.breaker_time_max=300ms", "deliver.timeout=1500ms", "deliver.connect_timeout=1s",
                 "server.loops=2")
    yield server
    server.end()
    assert not server.complaints(), server.complaints()


@pytest.mark.parametrize("mode", MODES)
def test_a_hostile_broker_ends_nothing_and_gets_its_message_once_it_is_well(server, make_broker, make_receiver, mode):
    broker, well = make_broker(mode), make_receiver()
    app = server.application()
    made = server.ok("POST", f"/app/{app}/endpoint", {"url": broker.url, "amqp": {
        "exchange": "e", "exchangeType": "topic", "declare": True, "routingKey": "k", "mandatory": True}})
    server.endpoint(app, well.url)
    server.publish(app, {"n": 1})
    wait_until(lambda: server.ok("GET", f"/app/{app}/attempt/endpoint/{made['id']}")["data"], "an attempt")
    well.wait(1)
    assert server.child.poll() is None
    broker.heal()
    wait_until(lambda: broker.bodies, "the message")
    assert json.loads(broker.bodies[0]) == {"n": 1}
    assert server.child.poll() is None


def test_a_broker_that_sends_no_heartbeats_is_left_and_found_again(server, make_broker):
    broker = make_broker("missing heartbeats")
    app = server.application()
    server.ok("POST", f"/app/{app}/endpoint", {"url": broker.url, "amqp": {"exchange": "e", "routingKey": "k"}})
    server.publish(app, {"n": 1})
    wait_until(lambda: len(broker.bodies) == 1, "the message")
    server.wait_log(r"broker\.lost.*" + broker.url.split("@")[1].split("/")[0])
    server.publish(app, {"n": 2})
    wait_until(lambda: len(broker.bodies) == 2, "the message on a new connection")
    assert broker.logins == 2


@pytest.mark.parametrize("mode", ["silent at start", "silent at channel", "heartbeats at channel", "heartbeats at open"])
def test_a_stop_does_not_wait_for_a_hostile_broker(make_grapnel, make_broker, mode):
    broker = make_broker(mode)
    server = make_grapnel().serve("deliver.timeout=60s", "deliver.connect_timeout=60s", "server.stop_timeout=1s")
    app = server.application()
    server.ok("POST", f"/app/{app}/endpoint", {"url": broker.url, "amqp": {"exchange": "e", "routingKey": "k"}})
    server.publish(app, {"n": 1})
    assert broker.asked.wait(60)
    assert server.stop(patience_s=20) == 0
