# SPDX-License-Identifier: Apache-2.0
"""grapnel filter: webfilters, chains and runs from the command line, as an operator types it."""
import json
import os
import subprocess

import pytest

import conftest
from test_webfilters import answer, runs

HALTED = 3


@pytest.fixture
def cli(grapnel):
    grapnel.application("site", uid="site")

    def call(*arguments, stdin="", code=0, token=None):
        done = subprocess.run([conftest.binary(), "filter", *arguments, "--app=site", f"--url={grapnel.url}"], input=stdin, text=True,
                              capture_output=True, check=False, timeout=60 * conftest.SLOWER,
                              env={**os.environ, "GRAPNEL_TOKEN": token or grapnel.token})
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if done.stdout and code in (0, HALTED) else done.stderr

    return call


def test_a_filters_life(grapnel, cli):
    made = cli("create", "Login", "https://p.example/1", "--halt-on-4xx", "--redirect-on-4xx=https://r.example/", "--timeout=800ms",
               "--order", "5", "--mode=chained", "--encoding=form", "--breaker=10s", "--breaker-failures=3", "--cache=2m",
               "--fail-closed", "--description=first")
    expected = {"event": "Login", "url": "https://p.example/1", "haltOn4xx": True, "redirectOn4xx": "https://r.example/", "timeoutMs": 800,
                "order": 5, "mode": "chained", "encoding": "form", "breakerMs": 10000, "breakerFailures": 3, "cacheSeconds": 120,
                "failClosed": True, "description": "first", "enabled": True}
    assert {k: made[k] for k in expected} == expected
    assert cli("show", made["id"]) == made == grapnel.ok("GET", f"/app/site/filter/{made['id']}")
    changed = cli("update", made["id"], "--no-halt-on-4xx", "--processor=https://p.example/2", "--event=Logout", "--order=0")
    assert (changed["haltOn4xx"], changed["url"], changed["event"], changed["order"], changed["timeoutMs"]) == (False, "https://p.example/2", "Logout", 0, 800)
    assert cli("disable", made["id"])["enabled"] is False
    assert cli("enable", made["id"])["enabled"] is True
    assert cli("secret", made["id"])["key"].startswith("whsec_")
    off = cli("create", "Login", "https://p.example/3", "--disabled")
    assert off["enabled"] is False
    assert [f["id"] for f in cli("list")["data"]] == sorted([made["id"], off["id"]])
    assert [f["id"] for f in cli("list", "Login")["data"]] == [off["id"]]
    first = cli("list", "--limit=1")
    assert len(cli("list", f"--iterator={first['iterator']}")["data"]) == 1
    assert cli("delete", made["id"]) == ""
    assert "404" in cli("show", made["id"], code=1)


def test_every_setting_of_the_api_has_its_flag(grapnel, cli):
    """Switches on, then off again; words and numbers by the name the API has."""
    made = cli("create", "Login", "https://p.example/", "--secret=whsec_" + "A" * 32, "--disable-filtering", "--disable-halt",
               "--halt-on-5xx", "--redirect-on-5xx=https://r.example/5", "--halt-on-request-exception",
               "--redirect-on-request-exception=https://r.example/x", "--mode=shadow")
    assert (made["disableFiltering"], made["disableHalt"], made["haltOn5xx"], made["redirectOn5xx"], made["haltOnRequestException"],
            made["redirectOnRequestException"], made["mode"]) == (True, True, True, "https://r.example/5", True, "https://r.example/x", "shadow")
    assert cli("secret", made["id"])["key"] == "whsec_" + "A" * 32
    spec = json.loads(grapnel.raw("GET", "/api/v1/openapi.json").body)["components"]["schemas"]["FilterIn"]["properties"]
    with open(conftest.ROOT / "src/cli/filter.c", encoding="utf-8") as source:
        text = source.read()
    missing = [name for name in spec if f'"{name}"' not in text]
    assert not missing


def test_a_chain_is_set_a_setting_at_a_time(cli):
    assert cli("chain", "Login")["deadlineMs"] == 9000
    assert cli("chain", "Login", "--deadline=2s", "--keep=all")["deadlineMs"] == 2000
    chain = cli("chain", "Login", "--redact=/user/password", "--redact=/*/email")
    assert (chain["deadlineMs"], chain["keep"], chain["redact"]) == (2000, "all", ["/user/password", "/*/email"])
    assert cli("chain", "Login", "--redact=")["redact"] == []
    url = cli("url", "Login")["url"]
    assert "/filter/" in url
    assert cli("url", "Login", "--grace=1h")["url"] != url
    assert cli("url", "Login", "--off")["url"] is None


def test_a_chain_is_asked_with_data_from_standard_input_or_a_file(cli, make_receiver, tmp_path):
    cli("create", "Login", make_receiver(answer({"user": {"name": "b"}})).url)
    verdict = cli("run", "Login", stdin='{"user": {"name": "a"}}')
    assert (verdict["data"], verdict["halt"]) == ({"user": {"name": "b"}}, False)
    (tmp_path / "data.json").write_text('{"user": 1}')
    assert cli("run", "Login", str(tmp_path / "data.json"))["data"] == {"user": {"name": "b"}}
    assert cli("run", "Login", "-", stdin="{}")["data"] == {"user": {"name": "b"}}
    cli("create", "Login", make_receiver(403).url, "--halt-on-4xx")
    assert cli("run", "Login", stdin="{}", code=HALTED)["status"] == 403


def test_runs_are_listed_shown_replayed_and_tried(grapnel, cli, make_receiver, tmp_path):
    cli("chain", "Login", "--keep=all")
    made = cli("create", "Login", make_receiver(answer({"a": 1})).url)
    for n in range(3):
        cli("run", "Login", stdin=json.dumps({"n": n}))
    kept = runs(grapnel, "site", 3)
    assert [r["id"] for r in cli("runs", f"--filter={made['id']}", "--event=Login", "--passed")["data"]] == [r["id"] for r in kept]
    assert cli("runs", "--halted")["data"] == []
    assert cli("runs", "--after=2100-01-01T00:00:00+01:00")["data"] == []
    assert len(cli("runs", "--limit=2")["data"]) == 2
    assert cli("show", kept[0]["id"])["detail"]["data"] == {"n": 2}
    other = make_receiver(answer({"a": 2}))
    assert cli("replay", kept[0]["id"], other.url, f"--filter={made['id']}")["data"] == {"a": 2}
    (tmp_path / "chain.json").write_text(json.dumps([{"event": "Login", "url": make_receiver(403).url, "haltOn4xx": True}]))
    tried = cli("trial", "Login", str(tmp_path / "chain.json"), "--last=2")
    assert (tried["runs"], tried["wouldHalt"]) == (2, 2)
    assert cli("trial", "Login")["wouldHalt"] == 0


@pytest.mark.parametrize("arguments, words", [
    ((), "create, list"), (("creat",), "create, list"), (("create", "Login"), "processor's URL"), (("show",), "which filter or run"),
    (("show", "flt_1", "more"), "not understood"), (("create", "Login", "https://p.example/", "--timeout=soon"), "not a duration"),
    (("create", "Login", "https://p.example/", "--order=-1"), "not a number"), (("create", "Login", "https://p.example/", "--sideways"), "not understood"),
    (("update",), "which filter"), (("replay", "frun_1"), "URL of a processor"), (("run",), "which event"), (("trial", "Login", "--last=0"), "not a number"),
    (("chain",), "which event")])
def test_misuse_is_told_and_changes_nothing(grapnel, cli, arguments, words):
    assert words in cli(*arguments, code=2)
    assert grapnel.ok("GET", "/app/site/filter")["data"] == []


@pytest.mark.parametrize("data", ["", "[1]", "{", '{"a": 1'])
def test_data_that_is_no_object_is_refused(cli, data):
    assert "JSON" in cli("run", "Login", stdin=data, code=1)


def test_what_the_server_refuses_is_shown(cli):
    assert "422" in cli("create", "Login", "https://p.example/", "--mode=sideways", code=1)
    assert "401" in cli("list", code=1, token="testsk_no")


def test_names_cannot_leave_their_place_in_the_path(cli):
    assert "404" in cli("show", "../../event-type", code=1)
    assert "422" in cli("chain", "a/../../b?x=1", code=1)


def test_the_verb_needs_an_application_and_a_token(grapnel):
    env = {k: v for k, v in os.environ.items() if k != "GRAPNEL_TOKEN"}
    for arguments, words in (((), "--app"), (("--app=site",), "--token")):
        done = subprocess.run([conftest.binary(), "filter", "list", *arguments], capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 2 and words in done.stderr


def test_a_stranger_at_the_url_is_told_apart(grapnel):
    port = conftest.free_port()
    done = subprocess.run([conftest.binary(), "filter", "list", "--app=site", "--token=x", f"--url=http://127.0.0.1:{port}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "connect" in done.stderr


def test_the_help_names_every_action(grapnel):
    text = grapnel.run("help", "filter").stdout
    for word in ("create", "list", "show", "update", "enable", "disable", "delete", "secret", "chain", "url", "run", "runs", "replay", "trial"):
        assert f"  {word} " in text or f" {word} ID" in text
