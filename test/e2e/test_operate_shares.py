# SPDX-License-Identifier: Apache-2.0
"""What many tenants and strangers share: nobody's part of it grows at the others' expense."""
import json
import re
import socket

import pytest

from conftest import PATIENCE_S, SLOWER, wait_until

MIB = 1024 * 1024
BODIES = 100  # connections of one stranger, a body of nearly 1 MiB each


def resident(server):
    status = open(f"/proc/{server.child.pid}/status", encoding="ascii").read()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def tenant(server, name):
    """A token of a new tenant."""
    for command in ("create", "token"):
        done = server.run("tenant", command, name, f"--store.dir={server.store}")
        assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def send_unfinished(server, path, token, size=MIB, chunk=MIB - 1000):
    """A request of which the end is still to come. The server may have answered and closed before."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    access = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n{access}\r\n"
    try:
        connection.sendall(head.encode() + b" " * chunk)
    except OSError:
        pass
    return connection


def status_of(connection):
    connection.settimeout(PATIENCE_S)
    return int(connection.recv(64).split()[1])


@pytest.mark.parametrize("path, token, status", [
    ("/api/v1/app/any/msg", "", 401), ("/api/v1/app/any/msg", "gk_" + "x" * 40, 401), ("/in/" + "x" * 43, "", 404),
    ("/nowhere", "", 404), ("/api/v1/app/any", "", 405)])
def test_who_has_no_access_is_refused_before_the_body_takes_memory(make_grapnel, path, token, status):
    server = make_grapnel().serve()
    before = resident(server)
    crowd = [send_unfinished(server, path, token) for _ in range(BODIES)]
    assert [status_of(c) for c in crowd] == [status] * BODIES
    assert resident(server) - before < BODIES * MIB / 4
    for connection in crowd:
        connection.close()


def test_bodies_of_one_tenant_leave_memory_for_the_others(make_grapnel):
    server = make_grapnel().serve("http.bodies_max=8MiB")
    greedy = tenant(server, "greedy")
    app = server.application()
    crowd = [send_unfinished(server, "/api/v1/app/any/msg", greedy) for _ in range(10)]
    wait_until(lambda: server.metrics()['grapnel_http_refused_total{reason="bodies"}'] > 0, "a refusal")
    payload = {"text": "x" * 500_000}
    assert server.call("POST", f"/app/{app}/msg", {"eventType": "a.b", "payload": payload})[0] == 202
    for connection in crowd:
        connection.close()


def test_calls_of_one_tenant_wait_for_each_other_and_nobody_else(make_grapnel):
    server = make_grapnel().serve()
    busy = tenant(server, "busy")
    assert server.call("GET", "/app", token=busy)[0] == 200
    body = json.dumps({"transform": "def f: f; f", "request": {"body": {}}}).encode()
    head = (f"POST /api/v1/transform/test HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {busy}\r\ncontent-length: {len(body)}\r\n\r\n").encode()
    crowd = [socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) for _ in range(100)]
    for connection in crowd:
        connection.sendall(head + body)
    wait_until(lambda: server.metrics()["grapnel_work_queued"] > 20, "a queue of the busy tenant's calls")
    for _ in range(10):  # each would wait for the whole queue, which is still long when all are answered
        assert server.call("GET", "/app")[0] == 200
    assert server.metrics()["grapnel_work_queued"] > 20 / SLOWER
    for connection in crowd:
        connection.close()
