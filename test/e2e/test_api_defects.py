# SPDX-License-Identifier: Apache-2.0
"""What is known to go wrong elsewhere (docs/internals/defects.md), where no other test has it."""
import pytest

from conftest import wait_until


def test_a_new_endpoint_gets_the_very_next_message(grapnel, make_receiver):
    app = grapnel.application()
    receivers = [make_receiver() for _ in range(5)]
    for n, receiver in enumerate(receivers):
        grapnel.publish(app)  # the application's endpoints are in memory now, without the next one
        grapnel.endpoint(app, receiver.url)
        message = grapnel.publish(app)
        wait_until(lambda one=receiver, id_=message: id_ in one.ids(), f"endpoint {n} to get what came right after it")


def test_changed_headers_are_on_the_very_next_delivery_and_sealed_on_disk(grapnel, receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, receiver.url)
    base = f"/app/{app}/endpoint/{endpoint}/headers"
    for n in range(5):
        secret = f"value-that-nobody-reads-on-disk-{n}"
        grapnel.ok("PUT", base, {"headers": {"x-api-key": secret}})
        message = grapnel.publish(app)
        wait_until(lambda id_=message: id_ in receiver.ids(), "the delivery")
        assert receiver.received[-1].headers["x-api-key"] == secret
    assert grapnel.ok("GET", base)["sensitive"] == ["x-api-key"]
    for file in grapnel.store.rglob("*"):
        if file.is_file():
            assert b"value-that-nobody-reads" not in file.read_bytes(), file


def test_stats_count_deliveries_not_attempts_and_in_every_state(grapnel, make_receiver):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, make_receiver(500, 204).url, retrySchedule=[0.02])
    grapnel.publish(app)
    base = f"/app/{app}/endpoint/{endpoint}"

    def stats():
        return {state: count for state, count in grapnel.ok("GET", base + "/stats").items() if count}
    wait_until(lambda: stats() == {"success": 1}, "two attempts to be one success")
    grapnel.ok("PATCH", base, {"url": make_receiver(500).url, "retrySchedule": [3600]})
    grapnel.publish(app)
    wait_until(lambda: stats() == {"success": 1, "sending": 1}, "one to be sending")


@pytest.mark.parametrize("iterator", ["msg_" + "!" * 27, "msg_" + "z" * 27, "msg_", "atmpt_" + "1" * 27, "x"])
def test_a_malformed_iterator_is_named_with_what_to_do(grapnel, iterator):
    app = grapnel.application()
    answer = grapnel.call("GET", f"/app/{app}/msg?iterator={iterator}")
    assert answer.status == 422 and answer.body["detail"][0]["loc"] == ["query", "iterator"]
    said = answer.body["detail"][0]["msg"]
    assert f'"{iterator}" is not an iterator of this list' in said and "leave it out" in said
