# SPDX-License-Identifier: Apache-2.0
"""Webfilters over the API: configuration, running chains, what hangs, what is kept."""
import concurrent.futures
import json
import re
import threading
import time

import pytest

import conftest

HANG = threading.Event()


def answer(data=None, exception=None, status=200):
    body = {k: v for k, v in (("data", data), ("exception", exception)) if v is not None}
    return (status, {"content-type": "application/json"}, json.dumps(body).encode())


def hang(handler):
    """Never answers, as far as the server can tell."""
    HANG.wait(55)
    handler.close_connection = True


@pytest.fixture(autouse=True)
def released():
    HANG.clear()
    yield
    HANG.set()


@pytest.fixture
def app(grapnel):
    return grapnel.application("site", uid="site")


def make(grapnel, app, url, event="Login", **settings):
    return grapnel.ok("POST", f"/app/{app}/filter", {"event": event, "url": url, **settings})


def run(grapnel, app, data, event="Login"):
    return grapnel.ok("POST", f"/app/{app}/filter-chain/{event}", {"data": data})


def runs(grapnel, app, count, query=""):
    return conftest.wait_until(
        lambda: (lambda found: found if len(found) >= count else None)(grapnel.ok("GET", f"/app/{app}/filter-run{query}")["data"]),
        f"{count} runs")


def test_filters_are_made_listed_changed_and_deleted(grapnel, app):
    made = make(grapnel, app, "https://p.example/1", haltOn4xx=True, redirectOn4xx="https://r.example/", order=5)
    assert made["id"].startswith("flt_") and made["enabled"] and made["mode"] == "original" and made["order"] == 5
    path = f"/app/site/filter/{made['id']}"
    assert grapnel.ok("GET", path) == made
    changed = grapnel.ok("PATCH", path, {"enabled": False, "mode": "shadow"})
    assert (changed["enabled"], changed["mode"], changed["haltOn4xx"]) == (False, "shadow", True)
    replaced = grapnel.ok("PUT", path, {"event": "Logout", "url": "https://p.example/2"})
    assert (replaced["enabled"], replaced["mode"], replaced["haltOn4xx"], replaced["event"]) == (True, "original", False, "Logout")
    others = [make(grapnel, app, "https://p.example/3")["id"] for _ in range(3)]
    page = grapnel.ok("GET", f"/app/{app}/filter?event=Login&limit=2")
    assert [f["id"] for f in page["data"]] == sorted(others)[:2] and not page["done"]
    page = grapnel.ok("GET", f"/app/{app}/filter?event=Login&limit=2&iterator={page['iterator']}")
    assert [f["id"] for f in page["data"]] == sorted(others)[2:] and page["done"]
    assert grapnel.call("DELETE", path).status == 204
    assert grapnel.call("GET", path).status == 404


@pytest.mark.parametrize("field, value", [("mode", "sideways"), ("encoding", "xml"), ("timeoutMs", 0), ("url", "ftp://x/"),
                                          ("event", "a b"), ("secret", "whsec_!"), ("order", -1), ("enabled", "yes")])
def test_settings_are_checked(grapnel, app, field, value):
    body = {"event": "Login", "url": "https://p.example/", field: value}
    refused = grapnel.call("POST", f"/app/{app}/filter", body)
    assert refused.status == 422 and refused.body["detail"][0]["loc"] == ["body", field]


def test_another_organisations_filters_are_not_there(grapnel, app):
    made = make(grapnel, app, "https://p.example/")
    other = grapnel.application("other")
    assert grapnel.call("GET", f"/app/{other}/filter/{made['id']}").status == 404
    access = grapnel.ok("POST", f"/auth/app-portal-access/{other}", {})["token"]
    assert grapnel.call("GET", f"/app/{app}/filter", token=access).status == 404
    assert grapnel.call("POST", f"/app/{app}/filter-chain/Login", {"data": {}}, token=access).status == 403


def test_a_chain_answers_data_exception_and_each_filters_part(grapnel, app, make_receiver):
    first = make(grapnel, app, make_receiver(answer({"user": {"name": "b"}})).url)
    second = make(grapnel, app, make_receiver(answer(None, {"PreventLogin": {"message": "no", "redirect_to": "https://r.example/"}})).url)
    verdict = run(grapnel, app, {"user": {"name": "a"}})
    assert verdict["data"] == {"user": {"name": "b"}}
    assert (verdict["halt"], verdict["reason"], verdict["redirect"], verdict["status"]) == (True, "no", "https://r.example/", None)
    assert [(p["id"], p["effect"], p["status"]) for p in verdict["filters"]] == [(first["id"], "applied", 200), (second["id"], "applied", 200)]


def test_changes_take_effect_at_once(grapnel, app, make_receiver):
    made = make(grapnel, app, make_receiver(answer({"a": 1})).url)
    assert run(grapnel, app, {})["data"] == {"a": 1}
    grapnel.ok("PATCH", f"/app/{app}/filter/{made['id']}", {"disableFiltering": True})
    assert run(grapnel, app, {})["data"] == {}
    grapnel.call("DELETE", f"/app/{app}/filter/{made['id']}")
    assert run(grapnel, app, {})["filters"] == []


def test_order_decides_and_then_age(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(answer({"a": "second"})).url, order=2)
    make(grapnel, app, make_receiver(answer({"a": "first"})).url, order=1)
    assert run(grapnel, app, {})["data"] == {"a": "second"}


def test_requests_are_signed_with_the_filters_secret(grapnel, app, receiver):
    made = make(grapnel, app, receiver.url)
    secret = grapnel.ok("GET", f"/app/{app}/filter/{made['id']}/secret")["key"]
    run(grapnel, app, {"a": 1})
    assert conftest.is_signed(receiver.wait()[0], secret)


def test_refused_addresses_are_not_asked(make_grapnel, receiver):
    grapnel = make_grapnel().serve("fetch.allow=")
    app = grapnel.application("x")
    make(grapnel, app, receiver.url, haltOnRequestException=True)
    verdict = run(grapnel, app, {})
    assert verdict["halt"] and verdict["filters"][0]["error"] == "address" and receiver.received == []


def test_a_hung_processor_costs_its_timeout_and_no_more(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(hang).url, timeoutMs=300, breakerFailures=0)
    run(grapnel, app, {})  # connections and caches are warm from here on
    for _ in range(5):
        verdict = run(grapnel, app, {})
        assert verdict["filters"][0]["error"] == "timeout"
        assert 300 <= verdict["filters"][0]["tookMs"] <= 300 + conftest.LATE_MS
        assert verdict["tookMs"] <= 300 + conftest.LATE_MS


def test_a_processor_that_drips_is_cut_too(grapnel, app, make_receiver):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        for _ in range(200):
            if HANG.wait(0.02):
                return
            handler.wfile.write(b" ")
            handler.wfile.flush()
    make(grapnel, app, make_receiver(drip).url, timeoutMs=300, haltOnRequestException=True)
    verdict = run(grapnel, app, {})
    assert verdict["halt"] and verdict["tookMs"] <= 300 + conftest.LATE_MS


def test_a_chain_keeps_its_deadline_whatever_its_processors_do(grapnel, app, make_receiver):
    hung = make_receiver(hang)
    for _ in range(4):
        make(grapnel, app, hung.url, timeoutMs=400, breakerFailures=0)
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"deadlineMs": 600})
    verdict = run(grapnel, app, {})
    assert 600 <= verdict["tookMs"] <= 600 + conftest.LATE_MS
    assert [p["error"] for p in verdict["filters"]] == ["timeout", "timeout", "deadline", "deadline"]


def test_hung_chains_delay_no_other(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(hang).url, event="Slow", timeoutMs=50000, breakerFailures=0)
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Slow", {"deadlineMs": 50000})
    make(grapnel, app, make_receiver(answer({"a": 1})).url, event="Quick")
    run(grapnel, app, {}, "Quick")
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        slow = [pool.submit(run, grapnel, app, {}, "Slow") for _ in range(40)]
        conftest.wait_until(lambda: grapnel.metrics()["grapnel_filter_runs_in_flight"] >= 40, "forty hung chains")
        took = sorted(run(grapnel, app, {}, "Quick")["tookMs"] for _ in range(50))
        assert took[25] <= conftest.LATE_MS
        assert not any(s.done() for s in slow)
        HANG.set()
        assert all(s.result()["filters"][0]["error"] for s in slow)


def test_a_breaker_stops_asking_after_so_many_failures_whichever_loop_they_were_on(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("server.loops=4")
    app = grapnel.application("site")
    failing = make_receiver(500)
    made = make(grapnel, app, failing.url, breakerFailures=3, failClosed=True)
    for _ in range(12):  # each on a connection of its own, so on any loop
        assert run(grapnel, app, {})["halt"]
    assert len(failing.received) == 3
    assert run(grapnel, app, {})["filters"][0]["error"] == "breaker"
    mended = make_receiver(answer({"a": 1}))
    grapnel.ok("PATCH", f"/app/{app}/filter/{made['id']}", {"url": mended.url})  # a changed filter begins anew
    assert run(grapnel, app, {})["data"] == {"a": 1}


def test_a_kept_answer_is_good_on_every_loop(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("server.loops=4")
    app = grapnel.application("site")
    asked = make_receiver(answer({"a": 1}))
    make(grapnel, app, asked.url, cacheSeconds=600)
    verdicts = [run(grapnel, app, {"same": True}) for _ in range(12)]
    assert all(v["data"] == {"a": 1} for v in verdicts)
    assert [v["filters"][0]["cached"] for v in verdicts] == [False] + 11 * [True]
    assert len(asked.received) == 1
    run(grapnel, app, {"same": False})
    assert len(asked.received) == 2


def test_a_run_is_kept_as_the_chain_says(grapnel, app, make_receiver):
    data = {"user": {"name": "Ann-Secret", "password": "Pass-Secret"}}
    made = make(grapnel, app, make_receiver(answer({"user": {"name": "Bea-Secret"}})).url)
    run(grapnel, app, data)
    kept = runs(grapnel, app, 1)
    whole = grapnel.ok("GET", f"/app/{app}/filter-run/{kept[0]['id']}")
    assert "Secret" not in json.dumps(whole) and not whole["hasData"]
    assert {"op": "replace", "path": "/user/name"} in whole["detail"]["changes"]
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "all", "redact": ["/user/password"]})
    run(grapnel, app, data)
    kept = runs(grapnel, app, 2)
    whole = grapnel.ok("GET", f"/app/{app}/filter-run/{kept[0]['id']}")
    assert whole["detail"]["data"] == {"user": {"name": "Ann-Secret", "password": "[redacted]"}}
    assert "Pass-Secret" not in json.dumps(whole)
    assert {"op": "replace", "path": "/user/name", "from": "Ann-Secret", "to": "Bea-Secret"} in whole["detail"]["changes"]
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "none"})
    run(grapnel, app, data)
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "headers"})
    run(grapnel, app, data)
    assert len(runs(grapnel, app, 3)) == 3
    assert len(runs(grapnel, app, 3, f"?filter_id={made['id']}")) == 3
    assert grapnel.ok("GET", f"/app/{app}/filter-run?halted=true")["data"] == []
    assert grapnel.ok("GET", f"/app/{app}/filter-run?event=Other")["data"] == []
    assert "Secret" not in grapnel.log()


def test_runs_outlive_a_restart(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(answer({})).url)
    run(grapnel, app, {})
    kept = runs(grapnel, app, 1)[0]["id"]
    grapnel.restart()
    assert grapnel.ok("GET", f"/app/{app}/filter-run/{kept}")["id"] == kept
    run(grapnel, app, {})
    assert len(runs(grapnel, app, 2)) == 2


def test_a_shadow_is_seen_in_the_run_only(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(answer({"a": 9}, {"X": "no"})).url, mode="shadow", failClosed=True)
    verdict = run(grapnel, app, {})
    assert (verdict["data"], verdict["halt"]) == ({}, False)
    whole = grapnel.ok("GET", f"/app/{app}/filter-run/{runs(grapnel, app, 1)[0]['id']}")
    assert (whole["detail"]["filters"][0]["effect"], whole["detail"]["filters"][0]["status"]) == ("shadow", 200)
    assert whole["detail"]["filters"][0]["changes"] == [{"op": "add", "path": "/a"}]


def test_a_run_is_replayed_and_a_chain_tried_on_kept_runs(grapnel, app, make_receiver):
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "all"})
    make(grapnel, app, make_receiver(answer({"a": 1})).url)
    for n in range(3):
        run(grapnel, app, {"n": n})
    kept = runs(grapnel, app, 3)
    other = make_receiver(answer({"a": 2}))
    replayed = grapnel.ok("POST", f"/app/{app}/filter-run/{kept[0]['id']}/replay", {"url": other.url})
    assert replayed["data"] == {"a": 2} and json.loads(other.received[0].body)["n"] == 2
    same = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/trial", {})
    assert (same["runs"], same["halted"], same["wouldHalt"], same["differ"]) == (3, 0, 0, [])
    stricter = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/trial",
                          {"last": 2, "filters": [{"event": "Login", "url": make_receiver(403).url, "haltOn4xx": True}]})
    assert (stricter["runs"], stricter["halted"], stricter["wouldHalt"], len(stricter["differ"]), stricter["complete"]) == (2, 0, 2, 2, True)
    assert len(grapnel.ok("GET", f"/app/{app}/filter-run")["data"]) == 3


def test_runs_whose_data_was_redacted_say_so_and_are_counted_apart(grapnel, app, make_receiver):
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "all", "redact": ["/user/password"]})
    make(grapnel, app, make_receiver(answer({"user": {"password": "Changed", "seen": True}})).url)
    run(grapnel, app, {"user": {"name": "a"}})
    run(grapnel, app, {"user": {"name": "b", "password": "Secret"}})
    kept = runs(grapnel, app, 2)
    assert [(r["hasData"], r["redacted"]) for r in kept] == [(True, True), (True, False)]
    asked = make_receiver(answer({}))
    for r in kept:
        replayed = grapnel.ok("POST", f"/app/{app}/filter-run/{r['id']}/replay", {"url": asked.url})
        assert replayed["redacted"] == r["redacted"]
    assert [json.loads(r.body)["user"].get("password") for r in asked.received] == ["[redacted]", None]
    same = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/trial", {})
    assert (same["runs"], same["redacted"]["runs"], same["differ"]) == (1, 1, [])  # what is not known is no difference
    refusing = [{"event": "Login", "url": make_receiver(403).url, "haltOn4xx": True}]
    tried = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/trial", {"filters": refusing})
    assert {k: tried[k] for k in ("runs", "halted", "wouldHalt")} == {"runs": 1, "halted": 0, "wouldHalt": 1}
    assert tried["redacted"] == {"runs": 1, "halted": 0, "wouldHalt": 1}
    assert sorted(tried["differ"]) == sorted(r["id"] for r in kept)
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "headers", "redact": ["/user/password"]})
    run(grapnel, app, {"user": {"password": "Secret"}})
    assert (runs(grapnel, app, 3)[0]["hasData"], runs(grapnel, app, 3)[0]["redacted"]) == (False, False)


def test_a_stop_answers_or_cuts_what_hangs(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(hang).url, mode="shadow", timeoutMs=60000)
    run(grapnel, app, {})
    began = time.monotonic()
    assert grapnel.stop() == 0
    assert time.monotonic() - began < 25 + conftest.LATE_MS / 1000


@pytest.mark.parametrize("path, body", [("Login", {}), ("Login", {"data": [1]}), ("Login", {"data": {}, "eventMetadata": 3}), ("Log%20in", {"data": {}})])
def test_bad_questions_are_refused(grapnel, app, path, body):
    assert grapnel.call("POST", f"/app/{app}/filter-chain/{path}", body).status == 422


def test_the_chain_of_an_application_that_went_is_gone(grapnel, app, make_receiver):
    make(grapnel, app, make_receiver(answer({})).url)
    url = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/url", {})["url"]
    path = re.sub(r"^https?://[^/]+", "", url)
    assert grapnel.raw("POST", path, "{}").status == 200
    grapnel.call("DELETE", f"/app/{app}")
    assert grapnel.raw("POST", path, "{}").status == 404
    assert grapnel.call("POST", f"/app/{app}/filter-chain/Login", {"data": {}}).status == 404


def test_an_endpoint_can_have_forms(grapnel, app, receiver):
    endpoint = grapnel.endpoint(app, receiver.url, encoding="form")
    secret = grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    grapnel.publish(app, {"user": {"pii": {"email": "a@b.c"}, "active": True}, "list": [1, "x"]})
    got = receiver.wait()[0]
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert got.body == b"user_pii_email=a%40b.c&user_active=True&list=%5B1%2C+%27x%27%5D"
    assert conftest.is_signed(got, secret)
    assert grapnel.ok("GET", f"/app/{app}/endpoint/{endpoint}")["encoding"] == "form"
    refused = grapnel.call("PATCH", f"/app/{app}/endpoint/{endpoint}", {"encoding": "xml"})
    assert refused.status == 422 and refused.body["detail"][0]["loc"] == ["body", "encoding"]


def test_a_chain_is_tried_step_by_step_and_nothing_is_kept(grapnel, app, make_receiver):
    grapnel.ok("PUT", f"/app/{app}/filter-chain/Login", {"keep": "all", "redact": ["/password"]})
    adds = make(grapnel, app, make_receiver(answer({"seat": 12345678901234567890})).url, mode="chained", description="seats")
    halts = make(grapnel, app, make_receiver(answer(exception={"Denied": {"message": "no seat"}}, status=409)).url, mode="chained", haltOn4xx=True, order=1)
    never = make(grapnel, app, make_receiver(204).url, mode="chained", order=2)
    data = {"user": "ann", "password": "hunter2"}
    tried = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/try", {"data": data})
    first, second, third = tried["steps"]
    assert tried["halt"] and (first["id"], second["id"], third["id"]) == (adds["id"], halts["id"], never["id"])
    assert first["request"] == {"user": "ann", "password": "[redacted]"} and first["effect"] == "applied"
    assert first["changes"] == [{"op": "add", "path": "/seat", "to": 12345678901234567890}]
    assert second["request"]["seat"] == 12345678901234567890 and second["effect"] == "halted" and second["status"] == 409
    assert second["response"]["exception"]["Denied"]["message"] == "no seat"
    assert third["effect"] == "not asked" and "request" not in third
    tried = grapnel.ok("POST", f"/app/{app}/filter-chain/Login/try", {"data": data, "without": [halts["id"]]})
    assert not tried["halt"] and [one["id"] for one in tried["steps"]] == [adds["id"], never["id"]]
    assert grapnel.ok("GET", f"/app/{app}/filter-run")["data"] == []
    refused = grapnel.call("POST", f"/app/{app}/filter-chain/Login/try", {"data": data, "without": ["flt_x"]})
    assert refused.status == 422 and "flt_x" in json.dumps(refused.body)
    assert grapnel.call("POST", f"/app/{app}/filter-chain/Login/try", {}).status == 422
    assert grapnel.ok("POST", f"/app/{app}/filter-chain/Other/try", {"data": data})["steps"] == []
