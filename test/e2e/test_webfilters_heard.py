# SPDX-License-Identifier: Apache-2.0
"""Whoever asks a chain gets its verdict: what strangers put into the data, and what processors answer, is passed on as it came; what
cannot be passed on fails as the filters are set to fail, and is recorded. An Open edX plugin takes any refusal for consent.
"""
import gzip
import http.client
import json
import socket
import threading
import urllib.parse

import pytest

import conftest
from openedx_plugin import plugin  # noqa: F401 (a fixture)
from test_webfilters import answer, make, run, runs

EVENT = "StudentRegistrationRequested"
NO = answer(exception={"PreventRegistration": "Not allowed to register"})
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
PLAIN = b'{"name": "Ann"}'


class Chain:
    """A chain asked at its URL, as the plugin asks, but with any bytes."""

    def __init__(self, grapnel, url, event=EVENT, app="site", **settings):
        self.grapnel, self.app, self.event = grapnel, grapnel.application(app, uid=app), event
        make(grapnel, app, url, event=event, **settings)
        self.url = grapnel.ok("POST", f"/app/{app}/filter-chain/{event}/url", {})["url"]
        self.parts = urllib.parse.urlsplit(self.url)

    def ask(self, body, content_type=JSON, **headers):
        connection = http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=20)
        connection.request("POST", self.parts.path, body, {**({"content-type": content_type} if content_type else {}), **headers})
        got = connection.getresponse()
        return got.status, json.loads(got.read())

    def raw(self, head, *pieces):
        with socket.create_connection((self.parts.hostname, self.parts.port), 20) as link:
            link.sendall(f"POST {self.parts.path} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
            for piece in pieces:
                link.sendall(piece)
            got = http.client.HTTPResponse(link)
            got.begin()
            return got.status, json.loads(got.read())

    def last(self):
        return runs(self.grapnel, self.app, 1, f"?event={self.event}")[0]["summary"]["filters"][0]


HEARD = {
    "a_nul_in_json": (b'{"name": "Ann", "x": "\\u0000", "a\\u0000b": 1}', JSON),
    "a_nul_in_a_form": (b"name=Ann&x=%00&a%00b=1", FORM),
    "a_field_of_two_megabytes": (json.dumps({"name": "Ann", "x": "y" * 2_000_000}).encode(), JSON),
    "a_form_of_two_megabytes": (b"name=Ann&x=" + b"%61" * 700_000, FORM),
    "a_number_beyond_64_bits": (b'{"name": "Ann", "n": 18446744073709551616, "m": 1e400}', JSON),
    "a_surrogate_without_its_partner": (b'{"name": "Ann", "x": "\\ud800"}', JSON),
    "a_name_twice": (b'{"name": "Bob", "name": "Ann"}', JSON), "a_field_twice": (b"name=Bob&name=Ann", FORM),
    "a_bad_escape": (b"name=Ann&x=%zz&y=%4", FORM), "a_form_that_is_not_utf8": (b"name=Ann&x=%ff%fe", FORM),
    "raw_bytes_in_a_form": (b"name=Ann&x=\xff\x00", FORM),
    "fifty_thousand_fields": (b"name=Ann&" + b"&".join(b"f%d=1" % n for n in range(50_000)), FORM),
    "deep_nesting": (b'{"name": "Ann", "x": ' + b"[" * 500 + b"]" * 500 + b"}", JSON),
    "json_without_a_type": (PLAIN, None), "json_as_text": (PLAIN, "text/plain; charset=utf-16"), "json_with_a_mark": (b"\xef\xbb\xbf" + PLAIN, JSON),
    "a_form_with_parameters": (b"name=Ann", FORM.upper() + " ; charset=UTF-8"),
}


@pytest.mark.parametrize("name", HEARD)
def test_what_a_stranger_puts_into_a_field_is_put_to_the_processor(grapnel, make_receiver, name):
    asked = make_receiver(NO)
    chain = Chain(grapnel, asked.url)
    status, body = chain.ask(*HEARD[name])
    assert (status, body["exception"]) == (200, {"PreventRegistration": "Not allowed to register"})
    assert json.loads(asked.received[0].body)["name"] == "Ann"
    assert chain.last()["effect"] == "applied"


def test_a_packed_request_is_put_to_the_processor_and_one_that_is_damaged_fails_as_set(grapnel, make_receiver):
    asked = make_receiver(NO)
    chain = Chain(grapnel, asked.url, failClosed=True)
    for content_type, data in ((JSON, PLAIN), (FORM, b"name=Ann")):
        status, body = chain.ask(gzip.compress(data), content_type, **{"content-encoding": "gzip"})
        assert (status, body["exception"]) == (200, {"PreventRegistration": "Not allowed to register"})
    for n, (packed, encoding) in enumerate(((gzip.compress(PLAIN)[:-3], "gzip"), (PLAIN, "gzip"), (PLAIN, "br"), (gzip.compress(b" " * (64 << 20)), "gzip"))):
        status, body = chain.ask(packed, JSON, **{"content-encoding": encoding})
        assert status == 200 and body["exception"], (encoding, status, body)
        part, = runs(grapnel, chain.app, n + 3, f"?event={chain.event}")[0]["summary"]["filters"]
        assert part["error"] in ("request", "too_large")
    assert len(asked.received) == 2


def test_values_pass_through_a_chain_as_they_came(grapnel, make_receiver):
    odd = b'{"n":18446744073709551616,"r":1e400,"s":"a\\u0000b","u":"\\uD800","k\\u0000":0.1}'
    asked = make_receiver((200, {"content-type": JSON}, b'{"data":' + odd + b"}"))
    chain = Chain(grapnel, asked.url)
    got = http.client.HTTPConnection(chain.parts.hostname, chain.parts.port, timeout=20)
    got.request("POST", chain.parts.path, odd, {"content-type": JSON})
    assert got.getresponse().read() == b'{"data":' + odd + b',"exception":{}}'
    assert asked.received[0].body.startswith(odd[:-1])
    make(grapnel, "site", asked.url, event="Forms", encoding="form")
    assert run(grapnel, "site", json.loads('{"s": "a\\u0000b", "n": 18446744073709551616}'), "Forms")["data"]["n"] == 18446744073709551616
    assert asked.received[1].body.startswith(b"s=a%00b&n=18446744073709551616&")


def test_such_values_are_recorded_and_asked_about_again(grapnel, make_receiver):
    odd = {"n": 18446744073709551616, "s": "a\0b", "\0": 1}
    asked = make_receiver(answer({"n": -(2 ** 70)}))
    chain = Chain(grapnel, asked.url)
    grapnel.ok("PUT", f"/app/site/filter-chain/{EVENT}", {"keep": "all", "redact": ["/s"]})
    chain.ask(json.dumps(odd).encode())
    kept = grapnel.ok("GET", f"/app/site/filter-run/{runs(grapnel, 'site', 1)[0]['id']}")
    assert kept["detail"]["data"] == {**odd, "s": "[redacted]"} and kept["detail"]["resultData"] == {"n": -(2 ** 70)}
    again = grapnel.ok("POST", f"/app/site/filter-run/{kept['id']}/replay", {"url": asked.url})
    assert again["data"] == {"n": -(2 ** 70)}
    assert json.loads(asked.received[1].body)["\0"] == 1
    trial = grapnel.ok("POST", f"/app/site/filter-chain/{EVENT}/trial", {"last": 1})
    assert (trial["redacted"]["runs"], trial["differ"]) == (1, [])


ANSWERS = {
    "an_integer_beyond_64_bits": b'{"exception":{"PreventRegistration":"no"},"trace":18446744073709551615}',
    "a_nul": b'{"exception":{"PreventRegistration":"no"},"data":{"s":"\\u0000","\\u0000":1}}', "a_name_twice": b'{"exception":{"PreventRegistration":"no"},"a":1,"a":2}',
    "a_large_real": b'{"exception":{"PreventRegistration":"no"},"data":{"n":1e400}}', "a_lone_surrogate": b'{"exception":{"PreventRegistration":"no"},"x":"\\udc00"}',
    "a_byte_order_mark": b'\xef\xbb\xbf{"exception":{"PreventRegistration":"no"}}', "blanks_around": b' \r\n{"exception":{"PreventRegistration":"no"}}\t\n',
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("content_type", [JSON, "text/html", None])
def test_what_json_allows_in_an_answer_is_taken(grapnel, make_receiver, name, content_type):
    chain = Chain(grapnel, make_receiver((200, {"content-type": content_type} if content_type else {}, ANSWERS[name])).url)
    assert chain.ask(PLAIN)[1]["exception"] == {"PreventRegistration": "no"}
    assert chain.last()["error"] is None


def huge(chain):
    return chain.ask(b'{"name": "' + b"x" * (17 << 20) + b'"}')


def huge_chunks(chain):
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    return chain.raw("Transfer-Encoding: chunked", *[piece] * 300)


UNREADABLE = {
    "larger_than_the_limit": (huge, "too_large"), "chunks_beyond_the_limit": (huge_chunks, "too_large"),
    "broken_chunks": (lambda chain: chain.raw("Transfer-Encoding: chunked", b"zz\r\n"), "request"),
    "no_json": (lambda chain: chain.ask(b"<html>"), "request"), "json_cut_short": (lambda chain: chain.ask(b'{"name": "Ann"'), "request"),
    "no_object": (lambda chain: chain.ask(b"[1]"), "request"), "no_body": (lambda chain: chain.ask(b""), "request"),
    "json_that_is_not_utf8": (lambda chain: chain.ask(b'{"name": "\xff"}'), "request"),
    "nested_beyond_the_limit": (lambda chain: chain.ask(b'{"a":' * 600 + b"1" + b"}" * 600), "request"),
    "multipart": (lambda chain: chain.ask(b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"), "request"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_put_to_a_processor_fails_as_its_filter_is_set(grapnel, make_receiver, name):
    asked, (ask, error) = make_receiver(NO), UNREADABLE[name]
    opened = Chain(grapnel, asked.url, app="opened")
    assert ask(opened) == (200, {"data": {}, "exception": {}})
    assert (opened.last()["effect"], opened.last()["error"]) == ("skipped", error)
    for app, settings in (("closed", {"failClosed": True}), ("minded", {"haltOnRequestException": True, "redirectOnRequestException": "https://site.example/"})):
        closed = Chain(grapnel, asked.url, app=app, **settings)
        status, body = ask(closed)
        assert status == 200 and body["exception"]["PreventRegistration"]["message"].startswith(f"Request to {asked.url} after webhook event {EVENT} failed: ")
        assert (closed.last()["effect"], closed.last()["error"]) == ("halted", error)
    assert asked.received == []


def test_a_body_that_takes_too_long_fails_as_the_filter_is_set(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("http.body_timeout=300ms")
    chain = Chain(grapnel, make_receiver(NO).url, failClosed=True)
    status, body = chain.raw("Content-Length: 100", b'{"name"')
    assert status == 200 and "took too long" in body["exception"]["PreventRegistration"]["message"]


def test_a_limit_can_be_set_and_a_pending_body_does_not_cost_the_answer(make_grapnel, make_receiver):
    grapnel = make_grapnel().serve("filter.body_max=2KiB", "http.body_max=1KiB")
    asked = make_receiver(NO)
    chain = Chain(grapnel, asked.url, failClosed=True)
    assert chain.ask(b'{"name": "' + b"x" * 1500 + b'"}')[1]["exception"] == {"PreventRegistration": "Not allowed to register"}
    status, body = chain.ask(b'{"name": "' + b"x" * 3_000_000 + b'"}')
    assert status == 200 and "larger than the limit" in body["exception"]["PreventRegistration"]["message"]
    assert len(asked.received) == 1


def test_the_plugin_itself_cannot_be_passed_by_a_field(grapnel, plugin, make_receiver):  # noqa: F811
    from openedx_filters.learning.filters import StudentRegistrationRequested
    prevent = StudentRegistrationRequested.PreventRegistration
    chain = Chain(grapnel, make_receiver(NO).url)
    for form in (False, True):
        site = plugin.models.Webfilter(event=EVENT, webhook_url=chain.url, enabled=True, use_www_form_encoding=form)
        for field in ("\0", "y" * 2_000_000, 2 ** 80, "%zz", [[["\0"]]]):
            _, exceptions = plugin.filters._process_filter(webfilters=[site], data={"form_data": {"name": "Ann", "x": field}}, exception=prevent)
            assert exceptions == {"PreventRegistration": "Not allowed to register"}


def test_a_chain_without_filters_and_one_that_is_switched_off_let_pass(grapnel, make_receiver):
    asked = make_receiver(NO)
    chain = Chain(grapnel, asked.url, enabled=False)
    assert chain.ask(PLAIN) == (200, {"data": {}, "exception": {}})
    assert chain.ask(b"<html>") == (200, {"data": {}, "exception": {}})
    made = grapnel.ok("GET", "/app/site/filter")["data"][0]["id"]
    grapnel.ok("DELETE", f"/app/site/filter/{made}")
    assert chain.ask(PLAIN) == (200, {"data": {}, "exception": {}})
    assert asked.received == []


def test_a_change_counts_for_the_next_question(grapnel, make_receiver):
    chain = Chain(grapnel, make_receiver(NO).url)
    made = grapnel.ok("GET", "/app/site/filter")["data"][0]["id"]
    for enabled in (False, True) * 5:
        grapnel.ok("PATCH", f"/app/site/filter/{made}", {"enabled": enabled})
        assert (chain.ask(PLAIN)[1]["exception"] != {}) == enabled


def test_other_statuses_are_for_the_plugin_to_judge(grapnel, plugin, make_receiver):  # noqa: F811
    """Where no chain is found there is nobody to ask how to fail: the plugin's own settings decide, and can halt."""
    from openedx_filters.learning.filters import StudentRegistrationRequested
    prevent = StudentRegistrationRequested.PreventRegistration
    chain = Chain(grapnel, make_receiver(NO).url, failClosed=True)
    old, path = chain.url, chain.parts.path
    grapnel.ok("POST", f"/app/site/filter-chain/{EVENT}/url", {})
    assert chain.ask(PLAIN)[0] == 404
    chain.parts = chain.parts._replace(path=path[:-1])
    assert chain.ask(PLAIN)[0] == 404
    chain.parts = chain.parts._replace(path=path + "%zz")
    assert chain.ask(PLAIN)[0] == 400
    chain.parts = chain.parts._replace(path=path)
    assert chain.raw("Content-Length: x")[0] == 400
    assert chain.raw("X: " + "y" * 20_000)[0] == 431
    site = plugin.models.Webfilter(event=EVENT, webhook_url=old, enabled=True, halt_on_4xx=True)
    with pytest.raises(prevent):
        plugin.filters._process_filter(webfilters=[site], data={}, exception=prevent)
    refused = plugin.models.Webfilter(event=EVENT, webhook_url=f"http://127.0.0.1:{conftest.free_port()}/", enabled=True, halt_on_request_exception=True)
    with pytest.raises(prevent):
        plugin.filters._process_filter(webfilters=[refused], data={}, exception=prevent)


def test_the_processors_own_phrase_is_in_the_reason(grapnel, make_receiver):
    def refuse(handler):
        handler.wfile.write(b"HTTP/1.1 403 Not on my watch\r\ncontent-length: 0\r\n\r\n")
    asked = make_receiver(refuse)
    make(grapnel, grapnel.application("site", uid="site"), asked.url, event="Login", haltOn4xx=True)
    assert run(grapnel, "site", {})["reason"].endswith(" returned status code 403 (Not on my watch)")


def hold_workers(grapnel, make_receiver, app):
    """All workers busy and their queue full: handshakes at a receiver that does not answer, until it is released."""
    released = threading.Event()

    def wait(handler):
        released.wait(50)
        handler.close_connection = True
    receiver = make_receiver(wait)
    body = {"url": receiver.url, "handshake": {"kind": "ping"}}
    threads = [threading.Thread(target=lambda: grapnel.call("POST", f"/app/{app}/endpoint", body), daemon=True) for _ in range(40)]
    for thread in threads:
        thread.start()
    receiver.wait(1, 15)
    return released, threads


@pytest.mark.parametrize("moment", ["start", "change"])
def test_a_chain_is_answered_as_it_is_set_while_all_workers_are_busy(make_grapnel, make_receiver, moment):
    grapnel = make_grapnel().serve("server.workers=1", "server.worker_queue=16", "handshake.timeout=40s", "log.level=debug")
    chain = Chain(grapnel, "http://127.0.0.1:1/", failClosed=moment == "start")
    if moment == "start":
        grapnel.restart()
    else:
        made = grapnel.ok("GET", f"/app/{chain.app}/filter")["data"][0]["id"]
        assert chain.ask(PLAIN)[1]["exception"] == {}
        grapnel.ok("PATCH", f"/app/{chain.app}/filter/{made}", {"failClosed": True})
    released, threads = hold_workers(grapnel, make_receiver, chain.app)
    status, body = chain.ask(PLAIN)
    released.set()
    assert status == 200 and "PreventRegistration" in body["exception"]
    for thread in threads:
        thread.join()


def test_the_url_of_a_deleted_application_is_not_found_at_once(grapnel):
    chain = Chain(grapnel, "http://127.0.0.1:1/", failClosed=True)
    assert chain.ask(PLAIN)[0] == 200
    assert grapnel.call("DELETE", f"/app/{chain.app}").status == 204
    assert chain.ask(PLAIN)[0] == 404
