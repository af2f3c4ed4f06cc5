# SPDX-License-Identifier: Apache-2.0
"""Charts: what was committed shows in them at once, for whom it concerns and for nobody else."""
import datetime
import json
import signal
import sqlite3
import urllib.parse

from conftest import wait_until


def series(server, of, measure="accepted", token=None, **more):
    query = urllib.parse.urlencode({"of": of, "measure": measure, **more})
    return server.call("GET", f"/series?{query}", token=token)


def totals(server, of, *measures, **more):
    answer = series(server, of, ",".join(measures), **more)
    assert answer.status == 200, answer.body
    return {s["measure"]: s["total"] for s in answer.body["series"]}


def app_token(server, app, **more):
    return server.ok("POST", f"/auth/app-portal-access/{app}", more)["token"]


def test_messages_and_deliveries_are_counted_for_all_they_concern(make_grapnel, make_receiver):
    good, bad = make_receiver(200), make_receiver(404)
    server = make_grapnel().serve("deliver.retry=1ms,1h")
    app = server.application(uid="acme")
    one, two = server.endpoint(app, good.url), server.endpoint(app, bad.url)
    for _ in range(3):
        server.publish(app, event_type="user.created")
    names = ("accepted", "delivered", "attempts2xx", "attempts4xx", "attempts", "retries")

    def settled():
        found = totals(server, f"application:{app}", *names)
        return found["delivered"] == 3 and found["attempts4xx"] == 6
    wait_until(settled, "three deliveries and six refusals in the chart")
    everything = {"accepted": 3, "delivered": 3, "attempts2xx": 3, "attempts4xx": 6, "attempts": 9, "retries": 3}
    for of in ("server", "organisation", f"application:{app}", "application:acme", "type:user.created"):
        assert totals(server, of, *names) == everything, of
    assert totals(server, f"endpoint:{one}", "accepted", "delivered", "attempts") == {
        "accepted": 3, "delivered": 3, "attempts": 3}
    assert totals(server, f"endpoint:{two}", "accepted", "delivered", "attempts4xx") == {
        "accepted": 3, "delivered": 0, "attempts4xx": 6}
    assert totals(server, "type:nobody.sends.this", "accepted") == {"accepted": 0}
    found = totals(server, f"endpoint:{one}", "attemptP50", "attemptP95", "deliveryP95", "bytesIn", "bytesOut")
    assert 0 < found["attemptP50"] <= found["attemptP95"] and found["deliveryP95"] > 0
    assert found["bytesIn"] == found["bytesOut"] == 3 * len('{"n": 1}')


def test_requests_at_a_source_are_counted_by_outcome(grapnel):
    answer = grapnel.raw("POST", "/ingest/api/v1/source", json.dumps({"name": "in", "type": "generic-webhook"}),
                         {"authorization": f"Bearer {grapnel.token}", "content-type": "application/json"})
    assert answer.status == 201, answer.body
    source = json.loads(answer.body)
    path = urllib.parse.urlparse(source["ingestUrl"]).path
    assert grapnel.raw("POST", path, b'{"a":1}', {"content-type": "application/json"}).status < 300
    assert totals(grapnel, f"source:{source['id']}", "requestsAccepted", "requestsRejected") == {
        "requestsAccepted": 1, "requestsRejected": 0}


def test_what_was_counted_is_there_after_a_restart(grapnel):
    app = grapnel.application()
    grapnel.publish(app)
    grapnel.restart()
    grapnel.publish(app)
    assert totals(grapnel, f"application:{app}", "accepted") == {"accepted": 2}
    with sqlite3.connect(grapnel.store / "stats.db") as db:
        assert db.execute("SELECT count(*) FROM cell WHERE kind = 2").fetchone()[0] >= 1


def test_after_a_crash_the_minute_is_a_gap_and_the_messages_are_there(grapnel):
    app = grapnel.application()
    message = grapnel.publish(app)
    before = grapnel.ok("GET", "/series?of=server&from=now-1m&step=1m")
    grapnel.kill()
    start = datetime.datetime.fromisoformat(before["from"].replace("Z", "+00:00"))
    # Nothing of it is written: whoever asks about the time before the next start gets null, not 0.
    with sqlite3.connect(grapnel.store / "stats.db") as db:
        assert db.execute("SELECT count(*) FROM cell WHERE kind = 2").fetchone()[0] == 0
    grapnel.serve()
    long_ago = (start - datetime.timedelta(hours=2)).isoformat()
    gone = series(grapnel, f"application:{app}", **{"from": long_ago, "to": start.isoformat(), "step": "1m"}).body
    assert gone["series"][0]["values"] == [None] * gone["count"] and gone["series"][0]["total"] is None
    assert grapnel.call("GET", f"/app/{app}/msg/{message}").status == 200


def test_a_damaged_file_never_stops_the_server(grapnel):
    app = grapnel.application()
    grapnel.publish(app)
    grapnel.stop()
    (grapnel.store / "stats.db").write_bytes(b"this is no database, but it is long enough to be looked at as one." * 99)
    grapnel.serve()
    grapnel.wait_log("stats.renewed")
    grapnel.publish(app)
    assert totals(grapnel, f"application:{app}", "accepted") == {"accepted": 1}


def test_without_statistics_the_answer_says_how_to_switch_them_on(make_grapnel):
    server = make_grapnel().serve("stats.size_max=0")
    app = server.application()
    server.publish(app)
    answer = series(server, "server")
    assert answer.status == 404 and "stats.size_max" in answer.body["detail"]
    assert not (server.store / "stats.db").exists()


def test_rows_answer_for_many_at_once(grapnel):
    apps = [grapnel.application(f"app {i}") for i in range(5)]
    for i, app in enumerate(apps):
        for _ in range(i):
            grapnel.publish(app)
    ids = ",".join([*apps[::-1], "app_nobody"])
    rows = grapnel.ok("GET", f"/series/rows?of=application&ids={ids}&measure=accepted,failed&from=now-24h&step=1h")
    assert [row["id"] for row in rows["data"]] == apps[::-1]
    assert [row["series"][0]["total"] for row in rows["data"]] == [4, 3, 2, 1, 0]
    assert rows["unknown"] == ["app_nobody"]
    assert {len(row["series"][0]["values"]) for row in rows["data"]} == {rows["count"]}
    assert rows["count"] in (24, 25) and rows["stepSeconds"] == 3600


def test_an_applications_token_sees_its_own_only(grapnel):
    mine, other = grapnel.application(), grapnel.application()
    one, two = grapnel.endpoint(mine, "http://127.0.0.1:1/"), grapnel.endpoint(other, "http://127.0.0.1:1/")
    token = app_token(grapnel, mine)
    assert series(grapnel, f"application:{mine}", token=token).status == 200
    assert series(grapnel, f"endpoint:{one}", token=token).status == 200
    for of in (f"application:{other}", f"endpoint:{two}", "source:src_x", "filter:flt_x", "type:user.created"):
        assert series(grapnel, of, token=token).status == 404, of
    for of in ("server", "organisation"):
        answer = series(grapnel, of, token=token)
        assert answer.status == 403 and "application" in answer.body["detail"]
    rows = grapnel.call("GET", f"/series/rows?of=endpoint&ids={one},{two}", token=token).body
    assert [row["id"] for row in rows["data"]] == [one] and rows["unknown"] == [two]
    assert grapnel.call("GET", "/series?of=server", token="wrong").status == 401


def test_another_organisation_sees_nothing_of_it(grapnel):
    app = grapnel.application()
    endpoint = grapnel.endpoint(app, "http://127.0.0.1:1/")
    grapnel.publish(app, event_type="user.created")
    assert grapnel.run("tenant", "create", "other", f"--store.dir={grapnel.store}").returncode == 0
    made = grapnel.run("tenant", "token", "other", f"--store.dir={grapnel.store}")
    assert made.returncode == 0, made.stderr
    other = made.stdout.strip()
    assert series(grapnel, f"application:{app}", token=other).status == 404
    assert series(grapnel, f"endpoint:{endpoint}", token=other).status == 404
    assert series(grapnel, "server", token=other).status == 403
    assert totals(grapnel, "type:user.created", "accepted", token=other) == {"accepted": 0}
    assert totals(grapnel, "organisation", "accepted", token=other) == {"accepted": 0}
    assert totals(grapnel, "organisation", "accepted") == {"accepted": 1}


def test_what_is_asked_wrongly_is_refused_with_the_remedy(grapnel):
    wrong = {
        "of=": "of", "of=organisation:x": "of", "of=nothing": "of", "of=endpoint": "of", "of=planet:x": "of",
        "of=server&measure=happiness": "measure", "of=server&measure=": "measure",
        "of=server&from=yesterday": "from", "of=server&from=now-5y": "from", "of=server&to=now%2B1h": "to",
        "of=server&from=now&to=now-1h": "from", "of=server&step=1s": "step", "of=server&step=90m": "step",
        "of=server&from=now-48h&step=1m": "step",  # 2,880 points
    }
    for query, name in wrong.items():
        answer = grapnel.call("GET", f"/series?{query}")
        assert answer.status == 422, (query, answer.body)
        assert answer.body["detail"][0]["loc"] == ["query", name], query
        assert len(answer.body["detail"][0]["msg"]) > 20, query
    many = ",".join(f"app_{i}" for i in range(101))
    assert grapnel.call("GET", f"/series/rows?of=application&ids={many}").status == 422
    assert grapnel.call("GET", "/series/rows?of=application&ids=").status == 422


def test_a_day_of_minutes_and_two_years_of_days_fit_into_an_answer(grapnel):
    day = grapnel.ok("GET", "/series?of=server&from=now-24h&step=1m")
    assert day["count"] in (1440, 1441) and day["stepSeconds"] == 60
    years = grapnel.ok("GET", "/series?of=server&from=now-104w")
    assert years["stepSeconds"] == 7 * 86400 and years["count"] <= 105
    week = grapnel.ok("GET", "/series?of=server&from=now-7d")
    assert week["stepSeconds"] == 3600


def test_a_stop_writes_the_minute_that_is_under_way(grapnel):
    app = grapnel.application()
    grapnel.publish(app)
    assert grapnel.stop(signal.SIGTERM) == 0
    with sqlite3.connect(grapnel.store / "stats.db") as db:
        assert db.execute("SELECT count(*) FROM cell WHERE kind = 2 AND tier = 0").fetchone()[0] == 1
