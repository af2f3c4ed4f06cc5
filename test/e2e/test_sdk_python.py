# SPDX-License-Identifier: Apache-2.0
"""The official Python SDK, unmodified, against the server: its models reject an answer that lacks a field."""
import datetime
import json

import pytest
from svix.api import (AppPortalAccessIn, ApplicationIn, ApplicationListOptions, ApplicationPatch, ApplicationTokenExpireIn, EndpointHeadersIn,
                      EndpointHeadersPatchIn, EndpointIn, EndpointPatch, EndpointSecretRotateIn, EventExampleIn,
                      EventTypeIn, EventTypePatch, MessageAttemptListByMsgOptions, MessageCreateOptions, MessageGetOptions, MessageIn,
                      MessageListOptions, RecoverIn, Svix, SvixOptions)
from svix.exceptions import HttpError, HTTPValidationError
from svix.webhooks import Webhook, WebhookVerificationError

from conftest import wait_until


@pytest.fixture
def svix(grapnel):
    return Svix(grapnel.token, SvixOptions(server_url=grapnel.url))


def test_the_kitchen_sink_works(svix):
    app = svix.application.create(ApplicationIn(name="App"))
    svix.event_type.create(EventTypeIn(name="event.started", description="Something started"))
    svix.event_type.create(EventTypeIn(name="event.ended", description="Something ended"))
    with pytest.raises(HttpError) as again:
        svix.event_type.create(EventTypeIn(name="event.ended", description="Something ended"))
    assert again.value.status_code == 409

    endpoint = svix.endpoint.create(app.id, EndpointIn(url="https://example.svix.com/", channels=["ch0", "ch1"]))
    assert sorted(endpoint.channels) == ["ch0", "ch1"]
    assert endpoint.event_types is None
    patched = svix.endpoint.patch(app.id, endpoint.id, EndpointPatch(event_types=["event.started", "event.ended"]))
    assert sorted(patched.event_types) == ["event.ended", "event.started"]
    assert sorted(patched.channels) == ["ch0", "ch1"]
    svix.endpoint.delete(app.id, endpoint.id)
    with pytest.raises(HttpError) as gone:
        svix.endpoint.get(app.id, endpoint.id)
    assert gone.value.status_code == 404


def test_a_real_delivery_verifies_with_the_sdks_webhook_class(svix, receiver):
    app = svix.application.create(ApplicationIn(name="App", uid="customer"))
    endpoint = svix.endpoint.create("customer", EndpointIn(url=receiver.url, uid="main", headers={"X-Mine": "1"}))
    secret = svix.endpoint.get_secret(app.id, "main").key
    message = svix.message.create("customer", MessageIn(event_type="a.b", payload={"hello": "wörld"}, event_id="e1"))
    got = receiver.wait()[0]
    Webhook(secret).verify(got.body, dict(got.headers.items()))  # raises unless it fits
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(got.body + b" ", dict(got.headers.items()))
    assert json.loads(got.body) == {"hello": "wörld"}
    assert got.headers["svix-id"] == message.id
    assert got.headers["x-mine"] == "1"

    fresh = svix.endpoint.rotate_secret(app.id, endpoint.id, EndpointSecretRotateIn()).key
    assert fresh != secret and fresh == svix.endpoint.get_secret(app.id, endpoint.id).key
    svix.message.create("customer", MessageIn(event_type="a.b", payload={"n": 2}))
    got = receiver.wait(2)[1]
    for key in (secret, fresh):
        Webhook(key).verify(got.body, dict(got.headers.items()))


def test_attempts_are_listed_read_and_sent_again(svix, make_receiver):
    receiver = make_receiver((500, {}, b"not now"), (200, {}, b"thanks"))
    app = svix.application.create(ApplicationIn(name="App"))
    endpoint = svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
    message = svix.message.create(app.id, MessageIn(event_type="a.b", payload={"n": 1}))
    receiver.wait(2)

    def attempts():
        found = svix.message_attempt.list_by_msg(app.id, message.id, MessageAttemptListByMsgOptions(with_content=True)).data
        return found if len(found) == 2 else None
    second, first = wait_until(attempts, "two attempts")
    assert (first.response, first.response_status_code, int(first.status)) == ("not now", 500, 2)
    assert (second.response, second.response_status_code, int(second.status)) == ("thanks", 200, 0)
    assert first.endpoint_id == endpoint.id and first.msg_id == message.id
    assert svix.message_attempt.get(app.id, message.id, first.id).id == first.id

    destinations = svix.message_attempt.list_attempted_destinations(app.id, message.id)
    assert [int(d.status) for d in destinations.data] == [0] and destinations.done
    assert [m.id for m in svix.message_attempt.list_attempted_messages(app.id, endpoint.id).data] == [message.id]
    svix.message_attempt.resend(app.id, message.id, endpoint.id)
    receiver.wait(3)
    assert receiver.ids() == [message.id] * 3
    svix.message_attempt.expunge_content(app.id, message.id, first.id)
    assert svix.message_attempt.get(app.id, message.id, first.id).response == "EXPUNGED"
    svix.message.expunge_content(app.id, message.id)
    shown = svix.message.get(app.id, message.id, MessageGetOptions(with_content=True))
    assert shown.payload == {"expired": True}


def test_lists_page_forth_and_back(svix):
    made = [svix.application.create(ApplicationIn(name=f"app {n}")).id for n in range(7)]
    seen, iterator = [], None
    while True:
        page = svix.application.list(ApplicationListOptions(limit=3, iterator=iterator))
        seen += [a.id for a in page.data]
        iterator = page.iterator
        if page.done:
            break
    assert seen == made
    back = svix.application.list(ApplicationListOptions(limit=3, iterator=page.prev_iterator))
    assert [a.id for a in back.data] == made[3:6]


def test_messages_are_listed_by_type_channel_and_tag(svix):
    app = svix.application.create(ApplicationIn(name="App"))
    for n, kind in enumerate(["x.a", "x.b", "x.a"]):
        svix.message.create(app.id, MessageIn(event_type=kind, payload={"n": n}, channels=[f"c{n}"], tags=[f"t{n}"]))

    def numbers(**options):
        found = svix.message.list(app.id, MessageListOptions(with_content=True, **options)).data
        return [m.payload["n"] for m in found]
    assert numbers() == [2, 1, 0]
    assert numbers(event_types=["x.a"]) == [2, 0]
    assert numbers(channel="c1") == [1]
    assert numbers(tag="t2") == [2]
    assert numbers(before=datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)) == []


def test_an_idempotency_key_gives_the_first_answer_again(svix, receiver):
    app = svix.application.create(ApplicationIn(name="App"))
    svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
    options = MessageCreateOptions(idempotency_key="only-once", with_content=True)
    message = MessageIn(event_type="a.b", payload={"n": 1})
    first = svix.message.create(app.id, message, options)
    assert svix.message.create(app.id, message, options) == first
    with pytest.raises(HttpError) as other_body:
        svix.message.create(app.id, MessageIn(event_type="a.b", payload={"n": 2}), options)
    assert other_body.value.status_code == 409
    receiver.wait()
    assert len(svix.message.list(app.id).data) == 1


def test_errors_are_the_sdks_exceptions(svix):
    with pytest.raises(HTTPValidationError) as invalid:
        svix.application.create(ApplicationIn(name=""))
    assert invalid.value.detail[0].loc == ["body", "name"]
    with pytest.raises(HttpError) as missing:
        svix.application.get("nobody")
    assert (missing.value.status_code, missing.value.code) == (404, "not_found")


def test_the_portal_token_sees_its_application_and_ends_when_told(grapnel, svix):
    app = svix.application.create(ApplicationIn(name="App"))
    svix.application.create(ApplicationIn(name="Other", uid="other"))
    access = svix.authentication.app_portal_access(app.id, AppPortalAccessIn())
    assert access.url.startswith(f"{grapnel.url}/portal#key=")
    portal = Svix(access.token, SvixOptions(server_url=grapnel.url))
    assert portal.application.get(app.id).id == app.id
    with pytest.raises(HttpError) as other:
        portal.application.get("other")
    assert other.value.status_code == 404
    svix.authentication.expire_all(app.id, ApplicationTokenExpireIn())
    with pytest.raises(HttpError) as ended:
        portal.application.get(app.id)
    assert ended.value.status_code == 401


def test_headers_example_stats_recover_and_event_types_work(svix, make_receiver):
    receiver = make_receiver(500, 500, 500, 500, 200)
    app = svix.application.create(ApplicationIn(name="App"))
    svix.application.patch(app.id, ApplicationPatch(name="New name"))
    endpoint = svix.endpoint.create(app.id, EndpointIn(url=receiver.url))
    svix.endpoint.set_headers(app.id, endpoint.id, EndpointHeadersIn(headers={"X-One": "1", "Authorization": "s"}))
    shown = svix.endpoint.get_headers(app.id, endpoint.id)
    assert (shown.headers, shown.sensitive) == ({"X-One": "1"}, ["Authorization"])
    svix.endpoint.patch_headers(app.id, endpoint.id, EndpointHeadersPatchIn(headers={"X-Two": "2"}))
    assert svix.endpoint.get_headers(app.id, endpoint.id).headers == {"X-One": "1", "X-Two": "2"}

    svix.endpoint.send_example(app.id, endpoint.id, EventExampleIn(event_type="svix.ping"))
    receiver.wait(4)
    wait_until(lambda: svix.endpoint.get_stats(app.id, endpoint.id).fail == 1, "the delivery to be given up")
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    task = svix.endpoint.recover(app.id, endpoint.id, RecoverIn(since=since))
    assert receiver.wait(5)[4].headers["authorization"] == "s"
    wait_until(lambda: svix.background_task.get(task.id).status == "finished", "the task to finish")

    svix.event_type.create(EventTypeIn(name="x.y", description="d", schemas={"1": {"type": "object"}}))
    assert svix.event_type.patch("x.y", EventTypePatch(deprecated=True)).deprecated
    assert svix.event_type.get("x.y").schemas == {"1": {"type": "object"}}
    svix.event_type.delete("x.y")
    assert [t.name for t in svix.event_type.list().data] == []
