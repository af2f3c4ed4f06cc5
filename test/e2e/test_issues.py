# SPDX-License-Identifier: Apache-2.0
"""Issues: acknowledged until they end, muted until a time, and told by rules once they have lasted."""
import datetime
import json

from conftest import wait_until


def moment(text):
    return datetime.datetime.fromisoformat(text)


def issues(server, query=""):
    return server.ok("GET", f"/issue{query}")


def fail_one(server, receiver, **more):
    """An application with an endpoint that fails; its issue."""
    app = server.application("Acme", uid="acme")
    endpoint = server.endpoint(app, receiver.url, **more)
    server.publish(app)
    issue = wait_until(lambda: issues(server)["data"], "the issue")[0]
    assert (issue["kind"], issue["endpointId"], issue["state"]) == ("endpoint_failing", endpoint, "open")
    return app, issue


def state_of(server, issue):
    return next((i["state"] for i in issues(server)["data"] if i["issueId"] == issue["issueId"]), None)


def test_an_acknowledged_issue_survives_a_restart_and_is_open_when_it_comes_again(make_grapnel, make_receiver):
    options = ("deliver.retry=500ms,1h", "alerts.interval=100ms")
    server = make_grapnel().serve(*options)
    receiver = make_receiver(500)
    app, issue = fail_one(server, receiver)
    said = server.ok("POST", f"/issue/{issue['issueId']}/acknowledge", {"note": "we call them"})
    assert (said["state"], said["note"], said["by"]["kind"]) == ("acknowledged", "we call them", "token")
    server.restart(*options)
    assert state_of(server, issue) == "acknowledged"
    receiver.answers = [204]
    server.publish(app)
    wait_until(lambda: not issues(server)["data"], "the issue to end")
    server.restart(*options)  # a lane that is new tells at once how its endpoint is
    receiver.answers = [500]
    server.publish(app)
    wait_until(lambda: state_of(server, issue) == "open", "it to come again, open")


def test_a_muted_issue_is_listed_last_counted_and_open_once_its_time_is_over(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h", "alerts.interval=100ms")
    _, issue = fail_one(server, make_receiver(500))
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    said = server.ok("POST", f"/issue/{issue['issueId']}/mute", {"until": until.isoformat(), "note": "known"})
    assert said["state"] == "muted" and said["mutedUntil"]
    answer = issues(server)
    assert (answer["openCount"], answer["mutedCount"], answer["counts"]["endpoint_failing"]) == (0, 1, 1)
    assert answer["openCounts"]["endpoint_failing"] == 0
    assert issues(server, "?state=open")["data"] == [] and issues(server, "?state=muted")["data"]
    assert server.ok("GET", "/trouble")["data"][0]["endpointId"] == issue["endpointId"]
    wait_until(lambda: state_of(server, issue) == "open", "its time to be over")


def test_a_lasting_issue_is_told_once_and_so_is_its_end(make_grapnel, make_receiver):
    options = ("deliver.retry=1h", "alerts.interval=100ms")
    server = make_grapnel().serve(*options)
    told = make_receiver()
    endpoint = server.ok("POST", "/operational-webhook/endpoint",
                         {"url": told.url, "filterTypes": ["issue.alert", "issue.ended"]})["id"]
    rule = server.ok("POST", "/alert-rule", {"name": "at night", "kinds": ["endpoint_failing"], "afterSeconds": 1})
    receiver = make_receiver(500)
    app, issue = fail_one(server, receiver, uid="books")
    alert = json.loads(told.wait(1)[0].body)
    data = alert["data"]
    assert alert["type"] == "issue.alert"
    assert (data["issueId"], data["kind"], data["ruleId"], data["ruleName"]) == (
        issue["issueId"], "endpoint_failing", rule["id"], "at night")
    assert (data["appId"], data["appUid"], data["endpointId"], data["endpointUid"]) == (
        app, "acme", issue["endpointId"], "books")
    # A time of the server's own clock is shown by the wall clock as it is then: the last microsecond may differ.
    assert abs(moment(data["since"]) - moment(issue["since"])) < datetime.timedelta(milliseconds=1)
    shown = wait_until(lambda: next((r for r in server.ok("GET", "/alert-rule")["data"] if r["toldCount"]), None), "it to be noted")
    assert (shown["id"], shown["watchedCount"]) == (rule["id"], 1) and shown["lastToldAt"]
    receiver.answers = [204]
    server.restart(*options)
    server.publish(app)
    ended = json.loads(told.wait(2)[1].body)
    assert (ended["type"], ended["data"]["issueId"]) == ("issue.ended", issue["issueId"]) and ended["data"]["endedAt"]
    attempts = wait_until(lambda: (found := server.ok("GET", f"/operational-webhook/endpoint/{endpoint}/attempt")["data"]) and found[1:] and found,
                          "both attempts to be recorded")
    assert [a["responseStatusCode"] for a in attempts] == [204, 204]
    sent = server.ok("GET", "/operational-webhook/message?event_types=issue.alert,issue.ended")["data"]
    assert [m["eventType"] for m in sent] == ["issue.ended", "issue.alert"] and sent[1]["payload"] == alert


def test_an_operational_endpoint_is_tried_with_an_event_of_its_choice(grapnel, make_receiver):
    told = make_receiver()
    endpoint = grapnel.ok("POST", "/operational-webhook/endpoint", {"url": told.url})["id"]
    path = f"/operational-webhook/endpoint/{endpoint}/send-example"
    grapnel.ok("POST", path, {"eventType": "issue.alert"})
    example = json.loads(told.wait(1)[0].body)
    assert example["type"] == "issue.alert" and example["data"]["kind"]
    assert grapnel.call("POST", path, {"eventType": "invoice.paid"}).status == 422
