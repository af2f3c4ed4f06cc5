# SPDX-License-Identifier: Apache-2.0
"""Events of an Open edX site: its plugin's own receivers and send() into a source of ours, and out to endpoints."""
import json
import threading
import urllib.parse

import pytest

import conftest
from openedx_plugin import plugin  # noqa: F401 (a fixture)

LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
FORM = "application/x-www-form-urlencoded"


class Campus:
    """A site whose plugin has webhooks that point at a source, and an application the source is routed to."""

    def __init__(self, server, plugin):
        self.server, self.plugin = server, plugin
        self.app = server.application("site", uid="site")
        plugin.models.Webhook.objects.all().delete()
        made = json.loads(server.raw(
            "POST", "/ingest/api/v1/source",
            json.dumps({"name": "Campus", "type": "openedx", "settings": {"routes": [{"applications": ["site"]}]}}),
            {"authorization": f"Bearer {server.token}", "content-type": "application/json"}).body)
        self.source = made["id"]
        self.url = server.url + urllib.parse.urlsplit(made["ingestUrl"]).path

    def webhook(self, form=False, event="SESSION_LOGIN_COMPLETED"):
        self.plugin.models.Webhook(event=event, webhook_url=self.url, use_www_form_encoding=form).save()

    def log_in(self, name="Ann", identity=None):
        """What the platform does at a login: the plugin's receiver gets the event."""
        from openedx_events.data import EventsMetadata
        from openedx_events.learning.data import UserData, UserPersonalData
        metadata = EventsMetadata(event_type=LOGIN, minorversion=0, **({"id": identity} if identity else {}))
        user = UserData(pii=UserPersonalData(username="ann", email="ann@example.org", name=name), id=4, is_active=True)
        self.plugin.receivers.session_login_completed_receiver(user=user, metadata=metadata)
        return metadata

    def requests(self):
        return json.loads(self.server.raw("GET", f"/ingest/api/v1/source/{self.source}/request",
                                          headers={"authorization": f"Bearer {self.server.token}"}).body)["data"]


@pytest.fixture
def campus(grapnel, plugin):  # noqa: F811
    return Campus(grapnel, plugin)


def as_sent(metadata, name="Ann"):
    """The plugin's body as the contract has it."""
    return {"openedx_events.learning.data.UserData": {"id": 4, "is_active": True,
                                                      "pii": {"username": "ann", "email": "ann@example.org", "name": name}},
            "event_metadata": {"id": str(metadata.id), "event_type": LOGIN, "minorversion": 0, "source": metadata.source,
                               "sourcehost": metadata.sourcehost, "time": str(metadata.time), "sourcelib": list(metadata.sourcelib)}}


def test_an_event_fans_out_as_json_and_as_a_form(grapnel, campus, make_receiver):
    plain, flat, other = make_receiver(), make_receiver(), make_receiver()
    assert grapnel.run("import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", "--catalogue").returncode == 0
    grapnel.endpoint(campus.app, plain.url, eventTypes=[LOGIN])
    signed = grapnel.endpoint(campus.app, flat.url, encoding="form")
    grapnel.endpoint(campus.app, other.url, eventTypes=["org.openedx.learning.student.registration.completed.v1"])
    campus.webhook()
    metadata = campus.log_in(name="Ann O’Neil & co")
    got = plain.wait()[0]
    assert json.loads(got.body) == as_sent(metadata, "Ann O’Neil & co")
    assert got.headers["content-type"] == "application/json"
    form = flat.wait()[0]
    assert form.headers["content-type"] == FORM
    from openedx_webhooks.utils import flatten_dict
    fields = dict(urllib.parse.parse_qsl(form.body.decode(), keep_blank_values=True, strict_parsing=True))
    assert fields == flatten_dict(as_sent(metadata, "Ann O’Neil & co"))
    assert fields["openedx_events.learning.data.UserData_pii_name"] == "Ann O’Neil & co"
    assert fields["event_metadata_time"] == str(metadata.time)
    assert conftest.is_signed(form, grapnel.ok("GET", f"/app/{campus.app}/endpoint/{signed}/secret")["key"])
    assert other.received == []
    message, = grapnel.ok("GET", f"/app/{campus.app}/msg")["data"]
    assert message["eventType"] == LOGIN


def test_a_plugin_set_to_forms_is_taken_and_its_form_goes_on_as_it_came(grapnel, campus, make_receiver):
    plain, flat = make_receiver(), make_receiver()
    grapnel.endpoint(campus.app, plain.url)
    grapnel.endpoint(campus.app, flat.url, encoding="form")
    campus.webhook(form=True)
    metadata = campus.log_in(name="Ünal")
    for receiver in (plain, flat):
        got = receiver.wait()[0]
        assert got.headers["content-type"] == FORM
        fields = dict(urllib.parse.parse_qsl(got.body.decode(), keep_blank_values=True, strict_parsing=True))
        assert fields["openedx_events.learning.data.UserData_pii_name"] == "Ünal"
        assert fields["openedx_events.learning.data.UserData_is_active"] == "True"
        assert fields["event_metadata_event_type"] == LOGIN
        assert fields["event_metadata_sourcelib"] == str(metadata.sourcelib)
    assert plain.received[0].body == flat.received[0].body
    assert [m["eventType"] for m in grapnel.ok("GET", f"/app/{campus.app}/msg")["data"]] == [LOGIN]


def test_several_webhooks_of_one_event_are_one_message(grapnel, campus, receiver):
    grapnel.endpoint(campus.app, receiver.url)
    campus.webhook()
    campus.webhook(form=True)
    metadata = campus.log_in()
    receiver.wait()
    assert sorted(r["outcome"] for r in campus.requests()) == ["accepted", "duplicate"]
    assert len(grapnel.ok("GET", f"/app/{campus.app}/msg")["data"]) == 1
    assert campus.log_in().id != metadata.id  # another login is another event
    receiver.wait(2)
    assert len(grapnel.ok("GET", f"/app/{campus.app}/msg")["data"]) == 2


def test_every_endpoint_of_an_event_is_called_and_a_broken_one_is_tried_again(grapnel, campus, make_receiver):
    good, bad = make_receiver(), make_receiver(500, 204)
    grapnel.endpoint(campus.app, good.url)
    grapnel.endpoint(campus.app, bad.url)
    campus.webhook()
    campus.log_in()
    good.wait()
    assert len(set(bad.ids())) <= 1
    bad.wait(2)
    assert len(set(bad.ids())) == 1


def test_the_plugin_does_not_wait_for_endpoints(grapnel, campus, make_receiver):
    """The answer comes once the event is kept: a receiver that hangs holds up nobody's login."""
    gate = threading.Event()

    def hang(handler):
        gate.wait(30)
        handler.close_connection = True

    hung = make_receiver(hang)
    grapnel.endpoint(campus.app, hung.url)
    campus.webhook()
    from openedx_webhooks.utils import send
    answers = [send(campus.url, {"event_metadata": {"id": f"e{n}", "event_type": LOGIN}}) for n in range(3)]
    assert all(200 <= a.status_code < 300 for a in answers)
    assert not gate.is_set()
    gate.set()


def test_a_disabled_webhook_and_a_wrong_url_send_nothing(grapnel, campus):
    campus.plugin.models.Webhook(event="SESSION_LOGIN_COMPLETED", webhook_url=campus.url, enabled=False).save()
    campus.log_in()
    from openedx_webhooks.utils import send
    assert send(grapnel.url + "/in/" + "x" * 43, {"a": 1}).status_code == 404
    assert campus.requests() == []


def test_what_a_site_sends_is_in_no_log(grapnel, campus, receiver):
    grapnel.endpoint(campus.app, receiver.url, encoding="form")
    campus.webhook()
    campus.log_in(name="Very-Private")
    receiver.wait()
    grapnel.stop()
    assert "Very-Private" not in grapnel.log() and "ann@example.org" not in grapnel.log()
