# SPDX-License-Identifier: Apache-2.0
"""What is wrong now: endpoints, sources and filters that really are."""
from conftest import wait_until
from test_api_access import SECRET, jwt
from test_receiving import door, github_headers, make_source, requests_of


def trouble(server, query="", token=None):
    answer = server.call("GET", f"/trouble{query}", token=token)
    assert answer.status == 200, answer
    assert answer.body["complete"]
    return answer.body


def of_kind(server, kind, **known):
    """The first of a kind, once there is one of which this is known: what is wrong and what was said are not recorded together."""
    return wait_until(lambda: next((found for found in trouble(server, f"?kind={kind}")["data"] if known.items() <= found.items()), None), f"{kind} {known}")


def test_all_is_well_where_nothing_is_wrong(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    grapnel.publish(app)
    receiver.wait()
    answer = trouble(grapnel)
    assert answer["data"] == [] and set(answer["counts"].values()) == {0}


def test_a_failing_endpoint_says_since_when_and_what_its_receiver_said(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h")
    app = server.application("Acme", uid="acme")
    endpoint = server.endpoint(app, make_receiver((502, {}, b"upstream is down")).url, description="billing")
    message = server.publish(app)
    found = of_kind(server, "endpoint_failing", msgId=message)
    assert (found["applicationName"], found["endpointId"], found["description"]) == ("Acme", endpoint, "billing")
    assert (found["responseStatusCode"], found["response"]) == (502, "upstream is down")
    assert found["waitingCount"] == 1 and found["since"] and found["lastAt"] and found["oldestWaitingAt"]
    assert trouble(server)["counts"]["endpoint_failing"] == 1
    assert trouble(server, "?app_id=acme")["data"] and server.call("GET", "/trouble?app_id=nosuch").status == 404


def test_a_parked_endpoint_comes_before_one_that_only_fails(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h", "deliver.breaker_failures=2", "deliver.breaker_time=5m")
    app = server.application()
    failing = server.endpoint(app, make_receiver(500).url, channels=["one"])
    server.publish(app, channels=["one"])
    of_kind(server, "endpoint_failing")
    parked = server.endpoint(app, make_receiver(500).url, channels=["two"])
    for _ in range(4):
        server.publish(app, channels=["two"])
    found = of_kind(server, "endpoint_parked")
    assert found["endpointId"] == parked and found["until"]
    assert [t["endpointId"] for t in trouble(server)["data"]] == [parked, failing]


def test_an_endpoint_that_the_server_disabled_comes_first_and_one_that_somebody_did_is_none(grapnel, make_receiver):
    app = grapnel.application()
    grapnel.endpoint(app, make_receiver().url, disabled=True)
    failing = grapnel.endpoint(app, make_receiver(500).url)
    gone = grapnel.endpoint(app, make_receiver(410).url)
    grapnel.publish(app)
    found = of_kind(grapnel, "endpoint_disabled")
    assert (found["endpointId"], found["disabledReason"]) == (gone, "gone")
    of_kind(grapnel, "endpoint_failing")
    assert [t["endpointId"] for t in trouble(grapnel)["data"]] == [gone, failing]


def test_a_source_that_refuses_says_why(grapnel):
    source = make_source(grapnel, name="Shop")
    headers = github_headers(b"{}", secret="another")
    for _ in range(3):
        assert grapnel.raw("POST", door(source), b"{}", headers).status == 401
    found = of_kind(grapnel, "source_refusing", count=3)
    assert (found["sourceId"], found["sourceName"]) == (source["id"], "Shop")
    assert (found["error"], found["responseStatusCode"]) == ("no_matching_key", 401)
    assert found["requestId"] == requests_of(grapnel, source)[0]["id"]


def test_filters_that_halt_everything_or_are_not_asked_are_told(make_grapnel, make_receiver):
    server = make_grapnel().serve()
    app = server.application()
    halting = make_receiver((400, {}, b"{}"))
    server.ok("POST", f"/app/{app}/filter", {"event": "Login", "url": halting.url, "haltOn4xx": True})
    broken = server.ok("POST", f"/app/{app}/filter", {"event": "Logout", "url": make_receiver((500, {}, b"")).url,
                                                     "breakerFailures": 2, "breakerMs": 3600000})["id"]
    for _ in range(6):
        assert server.ok("POST", f"/app/{app}/filter-chain/Login", {"data": {}})["halt"]
        server.ok("POST", f"/app/{app}/filter-chain/Logout", {"data": {}})
    found = of_kind(server, "filter_halting")
    assert found["event"] == "Login" and found["count"] >= 5
    found = of_kind(server, "filter_breaker")
    assert (found["filterId"], found["event"], found["count"]) == (broken, "Logout", 2) and found["until"]
    server.ok("PATCH", f"/app/{app}/filter/{broken}", {"description": "mended"})
    assert trouble(server, "?kind=filter_breaker")["data"] == []


def test_tokens_see_the_trouble_of_their_own_only(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=1h", f"server.jwt_secret={SECRET}")
    ours, other = server.application("ours"), server.application("other")
    for app in (ours, other):
        server.endpoint(app, make_receiver(500).url)
        server.publish(app)
    wait_until(lambda: len(trouble(server)["data"]) == 2, "both")
    token = server.ok("POST", f"/auth/app-portal-access/{ours}", {"readOnly": True})["token"]
    assert [t["applicationId"] for t in trouble(server, token=token)["data"]] == [ours]
    assert server.call("GET", f"/trouble?app_id={other}", token=token).status == 404
    assert trouble(server, token=jwt({"sub": "org_" + "S" * 27}))["data"] == []


def test_an_unknown_kind_is_refused(grapnel):
    assert grapnel.call("GET", "/trouble?kind=bad").status == 422
    assert grapnel.call("GET", "/trouble?limit=0").status == 422
