# SPDX-License-Identifier: Apache-2.0
"""The plugin as its own oracle: what it makes of processors' answers by itself, and what it makes of them through a chain of ours.

Each case is asked twice, with the same processors and the same settings: once with the plugin's webfilters pointing at the
processors, once with one webfilter that points at our chain. What the platform sees must be the same: data, and exceptions or the
one exception raised, with message, redirect and status.
"""
import json
import re
import threading
import time

import pytest

import conftest
from openedx_plugin import plugin  # noqa: F401 (a fixture)
from test_openedx import Site

NO_ANSWER = "no answer"
EVENT = "CourseEnrollmentStarted"
X4 = {"halt_on_4xx": True, "redirect_on_4xx": "https://site.example/4"}
X5 = {"halt_on_5xx": True, "redirect_on_5xx": "https://site.example/5"}
XE = {"halt_on_request_exception": True, "redirect_on_request_exception": "https://site.example/e"}
SORRY = {"PreventEnrollment": {"message": "no", "redirect_to": "https://site.example/", "status_code": 402}}


def body(value, status=200):
    return (status, {"content-type": "application/json"}, value if isinstance(value, bytes) else json.dumps(value).encode())


# name: the filters in order, each (what its processor answers, its settings)
CASES = {
    "nothing_said": [(body({}), {})],
    "data_is_merged": [(body({"data": {"user": {"a": 1}}}), {})],
    "keys_of_several_filters_side_by_side": [(body({"data": {"a": 1}}), {}), (body({"data": {"b": 2}}), {})],
    "the_last_one_wins_and_replaces_whole": [(body({"data": {"user": {"a": 1, "b": 2}}}), {}), (body({"data": {"user": {"c": 3}}}), {}),
                                            (body({"data": {"other": None}}), {})],
    "an_empty_object_replaces_too": [(body({"data": {"user": {"a": 1}}}), {}), (body({"data": {"user": {}}}), {})],
    "filtering_disabled": [(body({"data": {"a": 1}, "exception": SORRY}), {"disable_filtering": True})],
    "halting_disabled": [(body({"data": {"a": 1}, "exception": SORRY}), {"disable_halt": True})],
    "both_disabled": [(body({"data": {"a": 1}, "exception": SORRY}), {"disable_filtering": True, "disable_halt": True})],
    "an_exception_as_a_message": [(body({"exception": {"PreventEnrollment": "not today"}}), {})],
    "an_exception_with_settings": [(body({"exception": SORRY}), {})],
    "an_exception_without_a_message": [(body({"exception": {"PreventEnrollment": {"redirect_to": "https://site.example/x"}}}), {})],
    "an_exception_of_another_event": [(body({"exception": {"PreventLogin": "no"}}), {})],
    "exceptions_of_several_filters": [(body({"exception": {"PreventEnrollment": "first"}}), {}), (body({"exception": {"PreventEnrollment": "second"}}), {})],
    "data_beside_an_exception": [(body({"data": {"a": 1}, "exception": {"Other": "no"}}), {})],
    "400_halts": [(400, X4)], "404_halts": [(404, X4)], "499_halts": [(499, X4)],
    "500_halts": [(500, X5)], "503_halts": [(503, X5)], "599_halts": [(599, X5)],
    "halts_without_a_redirect": [(403, {"halt_on_4xx": True})],
    "4xx_does_not_halt_for_5xx": [(404, X5)], "5xx_does_not_halt_for_4xx": [(500, X4)],
    "4xx_without_halting_is_read": [(body({"data": {"a": 1}}, 404), {})], "5xx_without_halting_is_read": [(body({"data": {"a": 1}}, 500), X4)],
    "2xx_and_6xx_are_neither": [(body({"data": {"a": 1}}, 201), {**X4, **X5}), (body({"data": {"b": 1}}, 600), {**X4, **X5})],
    "what_came_before_a_halt_is_not_applied": [(body({"data": {"a": 1}}), {}), (404, X4), (body({"data": {"b": 1}}), {})],
    "the_first_halt_counts": [(404, X4), (500, X5)],
    "no_answer_is_passed_over": [(NO_ANSWER, {}), (body({"data": {"a": 1}}), {})],
    "no_answer_halts": [(body({"data": {"a": 1}}), {}), (NO_ANSWER, XE)],
    "no_answer_does_not_halt_for_statuses": [(NO_ANSWER, {**X4, **X5})],
    "not_json": [(body(b"<html>"), {}), (body({"data": {"a": 1}}), {})], "no_body": [(body(b""), {**X4, **X5, **XE})],
    "data_that_is_no_object": [(body({"data": [1]}), {}), (body({"data": "x"}), {}), (body({"data": None, "exception": SORRY}), {})],
    "exceptions_that_are_no_object": [(body({"exception": "no", "data": {"a": 1}}), {}), (body({"exception": ["PreventEnrollment"]}), {})],
    "deep_and_wide_data": [(body({"data": {"Ünï": {"list": [1, 2.5, None, {"x": [True]}], "empty": [], "text": "\u20ac \"quoted\" \\"}}}), {})],
    "forms_to_the_processor": [(body({"data": {"a": 1}}), {"use_www_form_encoding": True})],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for all cases: each has an application of its own."""
    running = conftest.Grapnel(tmp_path_factory.mktemp("oracle")).serve()
    yield running
    running.end()
    assert not running.complaints()


def seen(plugin, webfilters):  # noqa: F811
    """What the platform sees of these webfilters; times are not compared."""
    from openedx_filters.learning.filters import CourseEnrollmentStarted
    prevent = CourseEnrollmentStarted.PreventEnrollment
    try:
        data, exceptions = plugin.filters._process_filter(webfilters=webfilters, data={"user": {"id": 4}, "mode": "audit"}, exception=prevent)
        raised_by_name = exceptions.get("PreventEnrollment")
        plugin.filters._check_for_exception(exceptions, prevent)
    except prevent as raised:
        said = (raised.message, raised.redirect_to, raised.status_code)
        return ("raised", *said) if raised.message else ("raised", None, *said[1:])
    assert raised_by_name is None
    return ("data", data, exceptions)


@pytest.mark.parametrize("name", CASES)
def test_through_a_chain_the_platform_sees_what_it_would_see_without(server, plugin, name):  # noqa: F811
    site, direct, processors = Site(server, plugin, event=EVENT), [], []
    for answer, settings in CASES[name]:
        processor = None if answer is NO_ANSWER else conftest.Receiver(answer)
        url = f"http://127.0.0.1:{conftest.free_port()}/" if processor is None else processor.url
        processors.append(processor)
        direct.append(plugin.models.Webfilter(event=EVENT, webhook_url=url, **settings))
        ours = {re.sub(r"_(\w)", lambda m: m[1].upper(), name): value for name, value in settings.items() if name != "use_www_form_encoding"}
        site.filter(url, encoding="form" if settings.get("use_www_form_encoding") else "json", **ours)
    try:
        alone, through = seen(plugin, direct), seen(plugin, [site.webfilter()])
        if "no_answer_halts" in name:  # the plugin has no words for it; we have
            alone, through = (alone[0], *alone[2:]), (through[0], *through[2:])
        assert through == alone
        for processor in filter(None, processors):  # both asked the same, in the same encoding
            asked = [(re.sub(rb"\d{4}-\d\d-\d\d[ +]\d\d(:|%3A)\d\d(:|%3A)[\d.]+", b"TIME", r.body), r.headers["content-type"]) for r in processor.received]
            if len(asked) == 2 and asked[0][1] == "application/json":
                asked = [(json.loads(text), kind) for text, kind in asked]
            assert len(asked) in (0, 2) and (not asked or asked[0] == asked[1])
    finally:
        for processor in filter(None, processors):
            processor.close()


def test_a_hung_processor_is_answered_for_within_the_plugins_ten_seconds(server, plugin, make_receiver):  # noqa: F811
    """By default, whatever hangs: three filters of five seconds each would be fifteen."""
    gate = threading.Event()

    def hang(handler):
        gate.wait(30)
        handler.close_connection = True

    site = Site(server, plugin, event=EVENT)
    for _ in range(3):
        site.filter(make_receiver(hang).url)
    began = time.monotonic()
    assert site.ask({}) == ({}, {})
    assert time.monotonic() - began < 10
    gate.set()


def test_any_other_application_gets_the_same_through_the_api(server, plugin, make_receiver):  # noqa: F811
    site = Site(server, plugin, event=EVENT)
    site.filter(make_receiver(body({"data": {"a": 1}})).url)
    site.filter(make_receiver(body({"data": {"a": 2}, "exception": {"Other": "no"}})).url)
    verdict = server.ok("POST", site.chain, {"data": {"user": 1}})
    assert (verdict["data"], verdict["exception"]) == site.ask({"user": 1}) == ({"a": 2}, {"Other": "no"})
    assert (verdict["halt"], verdict["reason"]) == (True, "no")


@pytest.mark.parametrize("mode", ["original", "parallel"])
def test_filters_in_parallel_merge_as_those_in_turn(server, plugin, make_receiver, mode):  # noqa: F811
    site = Site(server, plugin, event=EVENT)
    asked = [make_receiver(body({"data": {"last": n, str(n): n}})) for n in range(4)]
    for processor in asked:
        site.filter(processor.url, mode=mode)
    assert site.ask({"user": 1}) == ({"last": 3, "0": 0, "1": 1, "2": 2, "3": 3}, {})
    assert all(json.loads(p.received[0].body)["user"] == 1 and "last" not in json.loads(p.received[0].body) for p in asked)


def test_a_chained_filter_sees_the_changes_of_those_before_it(server, plugin, make_receiver):  # noqa: F811
    site = Site(server, plugin, event=EVENT)
    second = make_receiver(body({"data": {"b": 2}}))
    site.filter(make_receiver(body({"data": {"user": 2}})).url)
    site.filter(second.url, mode="chained")
    assert site.ask({"user": 1, "kept": True}) == ({"user": 2, "b": 2}, {})
    got = json.loads(second.received[0].body)
    assert (got["user"], got["kept"]) == (2, True)


def test_failing_open_or_closed_is_each_filters_own_choice(server, plugin, make_receiver):  # noqa: F811
    open_site, closed_site = Site(server, plugin, event=EVENT), Site(server, plugin, event=EVENT)
    open_site.filter(make_receiver(body(b"oops", 500)).url)
    closed_site.filter(make_receiver(body(b"oops", 500)).url, failClosed=True)
    assert open_site.ask({}) == ({}, {})
    assert "PreventEnrollment" in closed_site.ask({})[1]
