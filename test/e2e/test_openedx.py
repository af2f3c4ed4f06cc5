# SPDX-License-Identifier: Apache-2.0
"""Open edX's own plugin against a real server: its send(), its filter processing and its models, unmodified."""
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import types
import urllib.parse

import pytest

import conftest
from openedx_plugin import plugin  # noqa: F401 (a fixture)


class Site:
    """A site whose plugin points at one chain of ours."""

    def __init__(self, server, plugin, event="StudentLoginRequested", **settings):
        from openedx_filters.learning import filters as platform
        self.server, self.plugin, self.event = server, plugin, event
        self.app = server.application("site")
        self.chain = f"/app/{self.app}/filter-chain/{event}"
        self.url = server.ok("POST", self.chain + "/url", {})["url"]
        self.settings = settings
        self.platform = platform

    def filter(self, url, **settings):
        return self.server.ok("POST", f"/app/{self.app}/filter", {"event": self.event, "url": url, **settings})["id"]

    def webfilter(self):
        return self.plugin.models.Webfilter(event=self.event, webhook_url=self.url, enabled=True, **self.settings)

    def ask(self, data, exception=None):
        return self.plugin.filters._process_filter(webfilters=[self.webfilter()], data=data, exception=exception)


def processor(*answers):
    return conftest.Receiver(*[a if isinstance(a, int) else (200, {"content-type": "application/json"}, json.dumps(a).encode())
                               for a in answers])


@pytest.fixture
def site(grapnel, plugin):
    return Site(grapnel, plugin)


@pytest.fixture
def closing():
    made = []
    yield lambda *answers: made.append(processor(*answers)) or made[-1]
    for receiver in made:
        receiver.close()


def login(plugin, site):
    """What the platform does at a login, as far as the plugin is concerned."""
    plugin.models.Webfilter.objects.all().delete()
    site.webfilter().save()
    user = types.SimpleNamespace(id=4, username="ann", email="ann@example.org", profile=types.SimpleNamespace(name="Ann"))
    return plugin.filters.StudentLoginRequestedWebFilter("t", []).run_filter(user)


def test_sends_to_a_chain_and_gets_data_back(site, closing):
    asked = closing({"data": {"user": {"first_name": "Ann"}}})
    site.filter(asked.url)
    assert site.ask({"user": {"id": 4}}) == ({"user": {"first_name": "Ann"}}, {})
    body = json.loads(asked.received[0].body)
    assert body["user"] == {"id": 4}
    assert body["event_metadata"]["event_type"] == "StudentLoginRequested"
    assert len(body["event_metadata"]["time"]) == len("2026-01-02 03:04:05.678901")


def test_merges_several_filters_last_key_wins(site, closing):
    site.filter(closing({"data": {"user": {"a": 1}, "x": 1}}).url)
    site.filter(closing({"data": {"user": {"b": 2}}, "exception": {"PreventLogin": "no"}}).url)
    data, exceptions = site.ask({"user": {}})
    assert data == {"user": {"b": 2}, "x": 1}
    assert exceptions == {"PreventLogin": "no"}


@pytest.mark.parametrize("status, setting, redirect", [(403, "haltOn4xx", "redirectOn4xx"), (503, "haltOn5xx", "redirectOn5xx")])
def test_a_halting_status_becomes_the_exception_of_the_event(site, plugin, closing, status, setting, redirect):
    refusing = closing(status)
    site.filter(refusing.url, **{setting: True, redirect: "https://site.example/sorry"})
    prevent = site.platform.StudentLoginRequested.PreventLogin
    data, exceptions = site.ask({"user": {}}, prevent)
    assert data == {}
    with pytest.raises(prevent) as raised:
        plugin.filters._check_for_exception(exceptions, prevent)
    assert raised.value.redirect_to == "https://site.example/sorry"
    assert raised.value.message.startswith(f"Request to {refusing.url} after webhook event StudentLoginRequested returned status code {status} (")


def test_the_status_goes_along_where_the_exception_takes_it(grapnel, plugin, closing):
    site = Site(grapnel, plugin, event="CourseEnrollmentStarted")
    site.filter(closing(404).url, haltOn4xx=True)
    prevent = site.platform.CourseEnrollmentStarted.PreventEnrollment
    with pytest.raises(prevent) as raised:
        plugin.filters._check_for_exception(site.ask({}, prevent)[1], prevent)
    assert raised.value.status_code == 404


def test_a_connection_error_halts_with_redirect(site, plugin):
    site.filter(f"http://127.0.0.1:{conftest.free_port()}/", haltOnRequestException=True,
                redirectOnRequestException="https://site.example/later")
    prevent = site.platform.StudentLoginRequested.PreventLogin
    with pytest.raises(prevent) as raised:
        plugin.filters._check_for_exception(site.ask({}, prevent)[1], prevent)
    assert raised.value.redirect_to == "https://site.example/later"


def test_failures_without_halting_are_passed_over(site, closing):
    site.filter(f"http://127.0.0.1:{conftest.free_port()}/")
    site.filter(closing(404).url)
    site.filter(closing(500).url)
    site.filter(closing({"data": {"x": 1}}).url)
    assert site.ask({}) == ({"x": 1}, {})


def test_the_plugin_can_judge_by_status_where_the_event_is_not_known(grapnel, plugin, closing):
    site = Site(grapnel, plugin, event="SomethingNewRequested", halt_on_4xx=True, redirect_on_4xx="https://plugin.example/")
    site.filter(closing(410).url, haltOn4xx=True)
    prevent = site.platform.CourseEnrollmentStarted.PreventEnrollment
    with pytest.raises(prevent) as raised:
        site.ask({}, prevent)
    assert raised.value.status_code == 410
    assert raised.value.redirect_to == "https://plugin.example/"


@pytest.mark.parametrize("answer", [b"<html>fine</html>", b"", b"[1,2]", b'{"data":[1]}', b'{"data":"x","exception":"y"}', b'{"data":null}'])
def test_answers_that_are_no_objects_change_nothing(site, answer):
    odd = conftest.Receiver((200, {"content-type": "text/html"}, answer))
    site.filter(odd.url)
    assert site.ask({"user": {}}) == ({}, {})
    odd.close()


def test_filtering_and_halting_can_be_disabled(site, closing):
    both = {"data": {"x": 1}, "exception": {"PreventLogin": "no"}}
    site.filter(closing(both).url, disableFiltering=True)
    assert site.ask({}) == ({}, {"PreventLogin": "no"})
    site.server.ok("DELETE", f"/app/{site.app}/filter/" + site.server.ok("GET", f"/app/{site.app}/filter")["data"][0]["id"])
    site.filter(closing(both).url, disableHalt=True)
    assert site.ask({}) == ({"x": 1}, {})


def test_a_disabled_filter_is_not_asked(site, closing):
    off = closing({"data": {"x": 1}})
    site.filter(off.url, enabled=False)
    assert site.ask({}) == ({}, {})
    assert off.received == []


def test_a_plugin_set_to_forms_is_understood(grapnel, plugin, closing):
    site = Site(grapnel, plugin, use_www_form_encoding=True)
    asked = closing({"data": {"x": 1}})
    site.filter(asked.url)
    assert site.ask({"user": {"pii": {"email": "a@b.c"}}}) == ({"x": 1}, {})
    body = json.loads(asked.received[0].body)
    assert body["user_pii_email"] == "a@b.c"
    assert body["event_metadata"]["event_type"] == "StudentLoginRequested"


def test_a_processor_can_have_forms_spelled_as_the_plugin_spells_them(site, plugin, closing):
    data = {"user": {"pii": {"email": "a b@c.d", "name": None}, "active": True}, "list": ["a", 1, None], "n": 1.5, "empty": {}}
    asked = closing({})
    site.filter(asked.url, encoding="form")
    site.ask(data)
    got = dict(urllib.parse.parse_qsl(asked.received[0].body.decode(), keep_blank_values=True))
    from openedx_webhooks.utils import flatten_dict
    for key, value in flatten_dict(data).items():
        assert got[key] == value
    assert asked.received[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_login_runs_through_the_plugins_own_filter(site, plugin, closing):
    site.filter(closing({"exception": {"PreventLogin": {"message": "Not today", "redirect_to": "https://site.example/", "error_code": "e1"}}}).url)
    prevent = site.platform.StudentLoginRequested.PreventLogin
    with pytest.raises(prevent) as raised:
        login(plugin, site)
    assert (raised.value.message, raised.value.redirect_to, raised.value.error_code) == ("Not today", "https://site.example/", "e1")


def test_every_halt_of_the_catalogue_can_be_raised(grapnel, plugin, closing):
    """For each filter of the plugin: a halt of ours is an exception the plugin can make and raise."""
    refusing = closing(403)
    source = inspect.getsource(plugin.filters)
    pairs = set()
    for part in re.split(r"\nclass ", source)[1:]:
        name = re.match(r"(\w+)WebFilter\(", part)
        known = re.findall(r"_check_for_exception\(exceptions, (\w+\.\w+)\)", part)
        if name and known:
            pairs.add((name[1], tuple(known)))
    assert len(pairs) >= 15
    for event, known in sorted(pairs):
        site = Site(grapnel, plugin, event=event)
        site.filter(refusing.url, haltOn4xx=True, redirectOn4xx="https://site.example/")
        _, exceptions = site.ask({}, None)
        raised = []
        for path in known:
            outer, inner = path.split(".")
            exception = getattr(getattr(site.platform, outer), inner)
            try:
                plugin.filters._check_for_exception(exceptions, exception)
            except exception as e:
                raised.append(e)
        assert len(raised) == 1, (event, exceptions)


def test_tokens_rotate_with_an_overlap_and_end(site, closing):
    import requests
    site.filter(closing({}).url)
    old = site.url
    new = site.server.ok("POST", site.chain + "/url", {"gracePeriodSeconds": 60})["url"]
    assert [requests.post(u, json={}, timeout=10).status_code for u in (old, new)] == [200, 200]
    newest = site.server.ok("POST", site.chain + "/url", {})["url"]
    assert [requests.post(u, json={}, timeout=10).status_code for u in (old, new, newest)] == [404, 404, 200]
    site.server.ok("DELETE", site.chain + "/url")
    assert requests.post(newest, json={}, timeout=10).status_code == 404
    assert requests.post(site.server.url + "/filter/x", json={}, timeout=10).status_code == 404


def test_nothing_of_the_data_is_logged(site, closing):
    site.filter(closing({"data": {"user": {"name": "Secret-Name-Out"}}}).url)
    site.ask({"user": {"name": "Secret-Name-In"}})
    assert "Secret-Name" not in site.server.log()


def dump(plugin, path):
    from django.core.management import call_command
    with open(path, "w", encoding="utf-8") as out:
        call_command("dumpdata", "openedx_webhooks", stdout=out)


def test_a_sites_tables_are_taken_over(grapnel, plugin, closing, tmp_path):
    asked = closing({"data": {"x": 1}})
    models = plugin.models
    models.Webhook.objects.all().delete()
    models.Webfilter.objects.all().delete()
    models.Webhook(event="SESSION_LOGIN_COMPLETED", webhook_url="https://crm.example/login", use_www_form_encoding=True).save()
    models.Webhook(event="XBLOCK_CREATED", webhook_url="https://crm.example/block", enabled=False).save()
    models.Webfilter(event="StudentLoginRequested", webhook_url=asked.url, description="check", halt_on_4xx=True,
                     redirect_on_4xx="https://site.example/no", disable_halt=True).save()
    dump(plugin, tmp_path / "dump.json")
    arguments = ("import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", str(tmp_path / "dump.json"))
    done = grapnel.run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "3 taken over, 0 there already, 0 failed" in done.stderr
    endpoints = {e["url"]: e for e in grapnel.ok("GET", "/app/openedx/endpoint")["data"]}
    assert endpoints["https://crm.example/login"]["eventTypes"] == ["org.openedx.learning.auth.session.login.completed.v1"]
    assert endpoints["https://crm.example/login"]["encoding"] == "form"
    assert endpoints["https://crm.example/block"]["disabled"]
    made = grapnel.ok("GET", "/app/openedx/filter")["data"]
    assert [(f["event"], f["url"], f["haltOn4xx"], f["redirectOn4xx"], f["disableHalt"], f["description"]) for f in made] == [
        ("StudentLoginRequested", asked.url, True, "https://site.example/no", True, "check")]
    event, url = done.stdout.split()
    webfilter = models.Webfilter(event=event, webhook_url=url)
    assert plugin.filters._process_filter(webfilters=[webfilter], data={"user": {}}) == ({"x": 1}, {})
    again = grapnel.run(*arguments)
    assert again.returncode == 0 and again.stdout == done.stdout
    assert len(grapnel.ok("GET", "/app/openedx/filter")["data"]) == 1
    assert len(grapnel.ok("GET", "/app/openedx/endpoint")["data"]) == 2


def classes_of(package, base):
    """Every subclass or instance of `base` that a package's modules name."""
    found = {}
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "test" in module.name.split("."):
            continue
        try:
            names = vars(importlib.import_module(module.name))
        except ImportError:  # parts of the package that belong into a whole platform
            continue
        for name, value in names.items():
            is_class = inspect.isclass(value) and issubclass(value, base) and value is not base
            if is_class or isinstance(value, base):
                found[name] = value
    return found


@pytest.fixture(scope="session")
def platform(plugin):
    """The events and filters of the public packages: by name, with their types and exceptions."""
    import openedx_events
    import openedx_filters
    from openedx_events.tooling import OpenEdxPublicSignal
    from openedx_filters.tooling import OpenEdxPublicFilter
    signals, filters = classes_of(openedx_events, OpenEdxPublicSignal), classes_of(openedx_filters, OpenEdxPublicFilter)
    return types.SimpleNamespace(
        signals={name: signal.event_type for name, signal in signals.items()}, filters=filters,
        exceptions={name: {n: c for n, c in vars(f).items() if inspect.isclass(c) and issubclass(c, Exception)} for name, f in filters.items()})


def test_the_catalogue_has_every_event_and_filter_of_the_platform_and_is_one_import_away(grapnel, plugin, platform):
    done = grapnel.run("import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", "--catalogue")
    assert done.returncode == 0, done.stderr
    names = {t["name"]: t["description"] for t in grapnel.ok("GET", "/event-type?limit=250")["data"]}
    assert len(platform.signals) >= 73 and len(platform.filters) >= 43
    expected = {event_type: name for name, event_type in platform.signals.items()}
    for name, filter_class in platform.filters.items():
        expected[filter_class.filter_type] = f"Webfilter {name}. Understands: {' '.join(sorted(platform.exceptions[name])) or 'no exception'}"
    assert {name: " ".join(sorted(words.split())) for name, words in names.items()} == {
        name: " ".join(sorted(words.split())) for name, words in expected.items()}


def test_the_catalogue_has_what_the_plugin_and_its_settings_name(plugin, platform):
    import openedx_webhooks.apps
    from openedx_webhooks.settings.common import plugin_settings
    known = types.SimpleNamespace(OPEN_EDX_FILTERS_CONFIG={})
    plugin_settings(known)
    assert {signal for listed in openedx_webhooks.apps.signals.values() for signal in listed} <= set(platform.signals)
    assert set(known.OPEN_EDX_FILTERS_CONFIG) <= {f.filter_type for f in platform.filters.values()}


@pytest.mark.parametrize("name", ["SESSION_LOGIN_COMPLETED", "STUDENT_REGISTRATION_COMPLETED", "COURSE_ENROLLMENT_CREATED", "COURSE_ENROLLMENT_CHANGED",
                                  "COURSE_UNENROLLMENT_COMPLETED", "CERTIFICATE_CREATED", "CERTIFICATE_CHANGED", "CERTIFICATE_REVOKED",
                                  "COHORT_MEMBERSHIP_CHANGED", "COURSE_DISCUSSIONS_CHANGED"])
def test_events_of_the_first_release_are_still_of_the_platform(platform, name):
    assert name in platform.signals


def test_every_filter_that_can_be_halted_gets_an_exception_the_platform_can_raise(grapnel, plugin, platform, closing):
    """For each filter of the platform, of the plugin's or later: a halt of ours is an exception of its own, with all it needs."""
    refusing = closing(403)
    haltable = {name for name, exceptions in platform.exceptions.items() if exceptions}
    assert len(haltable) >= 23
    for event in sorted(haltable):
        site = Site(grapnel, plugin, event=event)
        site.filter(refusing.url, haltOn4xx=True, redirectOn4xx="https://site.example/")
        _, exceptions = site.ask({})
        (name, settings), = exceptions.items()
        raised = platform.exceptions[event][name](**settings)
        assert raised.message.startswith(f"Request to {refusing.url} after webhook event {event}"), event


def test_a_dump_comes_through_a_pipe_and_what_was_changed_here_since_stays(grapnel):
    rows = [{"model": "openedx_webhooks.webhook", "pk": 1, "fields": {"event": "SESSION_LOGIN_COMPLETED", "webhook_url": "https://crm.example/"}}]
    rows += [{"model": "openedx_webhooks.webfilter", "pk": n, "fields": {"event": f"Event{n // 30}", "webhook_url": f"https://p.example/{n}"}}
             for n in range(260)]  # more than a page of the API holds

    def take_over():
        return subprocess.run([conftest.binary(), "import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", "-"],
                              input=json.dumps(rows), capture_output=True, text=True, check=False, timeout=120 * conftest.SLOWER)

    done = take_over()
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "261 taken over, 0 there already, 0 failed")
    grapnel.ok("PATCH", "/app/openedx/endpoint/openedx-webhook-1", {"url": "https://new.example/", "disabled": True})
    done = take_over()
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "0 taken over, 261 there already, 0 failed")
    endpoint = grapnel.ok("GET", "/app/openedx/endpoint/openedx-webhook-1")
    assert (endpoint["url"], endpoint["disabled"]) == ("https://new.example/", True)


def test_what_the_plugins_form_offers_is_taken_over_as_what_its_code_asks_for(grapnel, plugin, tmp_path):
    asked_for = set(re.findall(r"^class (\w+)WebFilter\(", inspect.getsource(plugin.filters), re.M))
    offered = [choice for choice, _ in plugin.models.Webfilter.filter_list]
    rows = [{"model": "openedx_webhooks.webfilter", "pk": n, "fields": {"event": event, "webhook_url": f"https://192.0.2.1/{n}"}}
            for n, event in enumerate(offered)]
    (tmp_path / "dump.json").write_text(json.dumps(rows))
    done = grapnel.run("import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", str(tmp_path / "dump.json"))
    assert done.returncode == 0, done.stderr
    made = grapnel.ok("GET", "/app/openedx/filter?limit=250")["data"]
    assert {f["event"] for f in made} == asked_for and len(made) == len(offered)
    assert {f["timeoutMs"] for f in made} == {10000}  # as long as the plugin would wait
    for event in set(offered) - asked_for:
        assert f'the plugin never asks for "{event}"' in done.stderr


def test_an_import_says_which_processors_are_at_private_addresses(grapnel, tmp_path):
    rows = [{"model": f"openedx_webhooks.{what}", "pk": n, "fields": {"event": event, "webhook_url": url}} for n, (what, event, url) in enumerate([
        ("webfilter", "StudentLoginRequested", "http://10.0.0.5:8000/login"), ("webfilter", "StudentLoginRequested", "http://localhost/"),
        ("webfilter", "StudentLoginRequested", "http://8.8.8.8/"), ("webhook", "SESSION_LOGIN_COMPLETED", "http://[fd00::1]/")])]
    (tmp_path / "dump.json").write_text(json.dumps(rows))
    done = grapnel.run("import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", str(tmp_path / "dump.json"))
    lines = {line.split(": ", 1)[0]: line for line in done.stderr.splitlines()}
    assert "--fetch.allow=10.0.0.5/32" in lines["webfilter 0"] and "fetch.allow" in lines["webfilter 1"]
    assert "webfilter 2" not in lines and "--fetch.allow=fd00::1/128" in lines["webhook 3"]


def test_the_doctor_names_processors_that_are_out_of_reach(make_grapnel):
    server = make_grapnel().serve()
    app = server.application("site")
    server.ok("POST", f"/app/{app}/filter", {"event": "Login", "url": "http://10.0.0.5:8000/"})
    server.stop()
    seen = {allow: server.run("doctor", f"--store.dir={server.store}", "--server.listen=127.0.0.1:0", f"--fetch.allow={allow}").stdout
            for allow in ("127.0.0.0/8", "10.0.0.0/24")}
    assert re.search(r"warn +processors .*10\.0\.0\.5.*fetch\.allow", seen["127.0.0.0/8"])
    assert re.search(r"ok +processors +1 webfilters", seen["10.0.0.0/24"])


@pytest.mark.parametrize("text", ["", "{}", "not json"])
def test_what_is_no_dump_is_refused(grapnel, tmp_path, text):
    (tmp_path / "dump.json").write_text(text)
    done = grapnel.run("import", "openedx", f"--url={grapnel.url}", f"--token={grapnel.token}", str(tmp_path / "dump.json"))
    assert done.returncode == 1 and "dumpdata" in done.stderr
