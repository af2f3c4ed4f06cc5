# SPDX-License-Identifier: Apache-2.0
"""Bodies as large as a provider may send: its own limit counts at its sources, and nobody else gains by it."""
import json
import re
import socket
import subprocess

import pytest

from conftest import PATIENCE_S, binary, wait_until
from test_operate_shares import resident, send_unfinished, status_of
from test_receiving import SECRET, door, github_headers, ingest, make_source, requests_of

MIB = 1024 * 1024


def push_of(size):
    start = b'{"x":"'
    return start + b"y" * (size - len(start) - 2) + b'"}'


@pytest.mark.parametrize("size", [2 * MIB + 1, 24_000_000, 25 * MIB])
def test_what_github_may_send_arrives_byte_for_byte(grapnel, receiver, size):
    source = make_source(grapnel)
    assert ingest(grapnel, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})[0] == 201
    body = push_of(size)
    assert grapnel.raw("POST", door(source), body, github_headers(body)).status == 200
    assert receiver.wait(1)[0].body == body
    assert requests_of(grapnel, source)[0]["outcome"] == "accepted"


def test_a_large_body_is_verified_and_refused_as_a_small_one(grapnel):
    source = make_source(grapnel)
    body = push_of(24_000_000)
    headers = github_headers(body)
    assert grapnel.raw("POST", door(source), body[:-3] + b'z"}', headers).status == 401
    assert requests_of(grapnel, source)[0]["reason"] == "no_matching_key"


@pytest.mark.parametrize("kind, settings, flags, most", [
    ("github", {}, [], 25 * MIB),
    ("github", {"maxBodyBytes": 3 * MIB}, [], 3 * MIB),
    ("github", {}, ["http.body_max=30MiB"], 30 * MIB),
    ("stripe", {}, [], 2 * MIB),
    ("stripe", {"maxBodyBytes": 5 * MIB}, [], 5 * MIB),
    ("postmark", {}, [], 50 * MIB),
    ("postmark", {}, ["http.bodies_max=64MiB"], 16 * MIB),  # a quarter of it
])
def test_the_sources_own_limit_comes_first_then_the_providers_then_the_servers(make_grapnel, kind, settings, flags, most):
    server = make_grapnel().serve(*flags)
    source = make_source(server, kind, secret="user:password" if kind == "postmark" else SECRET, settings=settings)
    larger = send_unfinished(server, door(source), "", size=most + 1, chunk=1000)
    assert status_of(larger) == 413
    larger.close()
    just = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    just.sendall(f"POST {door(source)} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {most}\r\n\r\n".encode())
    assert status_of(just) == 100
    just.close()


def test_a_scheme_of_ones_own_names_what_its_provider_sends(grapnel):
    source = make_source(grapnel, "custom", scheme="auth equal\nsig header X-Own\nbody-max 4194304\n")
    body = b"x" * 4 * MIB
    assert grapnel.raw("POST", door(source), body, {"x-own": SECRET}).status == 200
    larger = send_unfinished(grapnel, door(source), "", size=4 * MIB + 1, chunk=1000)
    assert status_of(larger) == 413
    larger.close()


@pytest.mark.parametrize("number", ["0", "67108865", "25MiB", "-1"])
def test_a_limit_that_is_no_number_of_bytes_is_refused_with_its_line(grapnel, number):
    status, answer = ingest(grapnel, "POST", "/source", {"name": "s", "type": "custom", "scheme": f"auth none\nbody-max {number}\n"})
    assert status == 422
    assert "line 2: a body-max is a number of bytes from 1 to 67108864" in json.dumps(answer)


def test_who_knows_no_source_costs_nothing_whatever_a_provider_may_send(grapnel):
    make_source(grapnel)
    before = resident(grapnel)
    crowd = [send_unfinished(grapnel, "/in/" + "x" * 43, "", size=24 * MIB, chunk=2 * MIB) for _ in range(50)]
    assert [status_of(c) for c in crowd] == [404] * 50
    assert resident(grapnel) - before < 16 * MIB
    for connection in crowd:
        connection.close()


def test_large_bodies_of_one_organisation_stay_within_its_share(make_grapnel):
    server = make_grapnel().serve("http.bodies_max=128MiB")
    source = make_source(server)
    before = resident(server)
    crowd = [send_unfinished(server, door(source), "", size=24 * MIB, chunk=20 * MIB) for _ in range(8)]
    wait_until(lambda: server.metrics()['grapnel_http_refused_total{reason="bodies"}'] >= 7, "refusals")
    assert resident(server) - before < 128 * MIB
    for connection in crowd:
        connection.close()
    body = push_of(24_000_000)
    wait_until(lambda: server.raw("POST", door(source), body, github_headers(body)).status == 200, "the share's release")


def listening(*flags):
    child = subprocess.Popen([binary(), "receive", *flags], stdout=subprocess.PIPE, text=True)
    return child, int(re.search(r":(\d+)$", child.stdout.readline().strip())[1])


@pytest.mark.parametrize("flags, most", [
    (["--preset=postmark", "--secret=user:password"], 50 * MIB),
    (["--preset=github", "--secret=s"], 25 * MIB),
    (["--preset=stripe", "--secret=s"], 25 * MIB),
    (["--preset=postmark", "--secret=user:password", "--body-max=1000"], 1000),
])
def test_the_receiver_takes_what_the_provider_may_send(flags, most):
    child, port = listening(*flags)
    try:
        for size, expected in ((most + 1, 413), (most, 401)):
            with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
                connection.sendall(f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode())
                if expected != 413:
                    connection.sendall(b"x" * size)
                assert status_of(connection) == expected
    finally:
        child.terminate()
        child.wait(PATIENCE_S)
