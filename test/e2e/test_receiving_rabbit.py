# SPDX-License-Identifier: Apache-2.0
"""From a source to a real RabbitMQ that is stopped, restarted and refuses under load: nothing is lost, nothing comes
before its commit, and a source's order is kept when asked for."""
import json
import threading

import pytest

import rabbit
from conftest import SLOWER, wait_until
from test_receiving import door, github_headers, ingest, make_source

pytestmark = pytest.mark.skipif(not rabbit.is_installed(), reason="rabbitmq-server is not installed")

RETRIES = ",".join(["100ms"] * 5 + ["1s"] * 27)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    node = rabbit.Rabbit(tmp_path_factory.mktemp("rabbit") / "node").start()
    yield node
    node.close()


@pytest.fixture
def server(make_grapnel):
    return make_grapnel().serve(f"deliver.retry={RETRIES}", "deliver.jitter=0", "deliver.breaker_time=100ms",
                                "deliver.breaker_time_max=300ms", "deliver.timeout=5s")


def source_to(server, broker, queue, **more):
    broker.queue(queue, queue + "-exchange")
    source = make_source(server)
    status, made = ingest(server, "POST", f"/source/{source['id']}/endpoint", {
        "url": broker.url, "amqp": {"exchange": queue + "-exchange", "routingKey": "github.{eventType}", "mandatory": True}, **more})
    assert status == 201, made
    return source


def send(server, source, first, count, accepted):
    for n in range(first, first + count):
        body = b'{"n":%d}' % n
        try:
            if server.raw("POST", door(source), body, github_headers(body, delivery=f"d-{n}")).status == 200:
                accepted.append(n)
        except OSError:
            return  # the server was killed: what was not answered was not accepted


def numbers(messages):
    return [json.loads(body)["n"] for _, _, body in messages]


def confirmed(server):
    return server.metrics()['grapnel_broker_messages_total{result="confirmed"}']


def test_a_sources_order_holds_while_the_broker_stops_closes_and_refuses(server, broker):
    source = source_to(server, broker, "all", ordered=True)
    accepted = []
    sender = threading.Thread(target=send, args=(server, source, 0, 160, accepted))
    sender.start()
    wait_until(lambda: confirmed(server) > 20, "20 confirms")
    broker.ctl("close_all_connections", "by the operator")
    broker.ctl("stop_app")
    sender.join()
    broker.ctl("start_app")
    wait_until(lambda: confirmed(server) > 100, "100 confirms", 60 * SLOWER)
    connection = broker.connect()
    connection.channel().exchange_delete("all-exchange")
    connection.close()
    send(server, source, 160, 80, accepted)
    server.wait_log("broker.channel_closed")
    broker.queue("all", "all-exchange")
    got = numbers(broker.collect("all", lambda m: len(set(numbers(m))) == 240, "all of them", 60 * SLOWER))
    assert accepted == list(range(240))
    assert list(dict.fromkeys(got)) == accepted, "first appearances are in order"


def test_nothing_is_published_before_its_commit_and_nothing_accepted_is_lost(server, broker):
    source = source_to(server, broker, "kill")
    accepted = []
    senders = [threading.Thread(target=send, args=(server, source, 1000 * k, 400, accepted)) for k in range(3)]
    for sender in senders:
        sender.start()
    wait_until(lambda: confirmed(server) > 50, "50 confirms")
    server.kill()
    for sender in senders:
        sender.join()
    before = broker.drain("kill")
    server.serve(*server.flags)
    for _, properties, body in before:
        message = properties.message_id
        status, row = ingest(server, "GET", f"/source/{source['id']}/request/{message.replace('msg_', 'req_')}")
        assert status == 200 and row["messages"] == [message] and row["body"] == body.decode()
    after = broker.collect("kill", lambda m: set(accepted) <= set(numbers(before + m)), "what was accepted", 60 * SLOWER)
    assert set(accepted) <= set(numbers(before + after))


def test_a_memory_alarm_holds_a_sources_events_and_not_its_answers(server, broker):
    source = source_to(server, broker, "alarm")
    accepted = []
    send(server, source, 0, 10, accepted)
    broker.collect("alarm", lambda m: len(m) == 10, "the first ones")
    broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        send(server, source, 10, 40, accepted)
        assert len(accepted) == 50  # answered after the commit, whatever the broker does
        server.wait_log("broker.blocked")
    finally:
        broker.ctl("set_vm_memory_high_watermark", "0.9")
    got = broker.collect("alarm", lambda m: len(set(numbers(m))) == 40, "the others", 60 * SLOWER)
    assert set(numbers(got)) == set(range(10, 50))
