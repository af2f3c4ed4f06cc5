# SPDX-License-Identifier: Apache-2.0
"""At the limits: connections, descriptors, workers. The server says so, goes on, and recovers by itself."""
import concurrent.futures
import http.client
import json
import resource
import socket
import threading

from conftest import PATIENCE_S, wait_until

DESCRIPTORS = 120
RETRIES = "deliver.retry=" + ",".join(["200ms"] * 10 + ["1s"] * 20)


def connect(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.connect()
    return connection


def ask(connection, server, method="GET", path="/app", body=None):
    """(status, JSON, whether the connection ends) of an API call on this connection."""
    connection.request(method, "/api/v1" + path, body and json.dumps(body),
                       {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), answer.getheader("connection") == "close"


def answers(server):
    try:
        return server.raw("GET", "/metrics").status == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_until_refused(connection):
    """The server has come to this one, and has no room for it: it says so or closes."""
    connection.settimeout(PATIENCE_S)
    try:
        assert connection.recv(1) in (b"", b"H")
    except ConnectionResetError:
        pass


def is_answered(server):
    """A refusal may come as a reset: what it says is lost when the request is sent after it."""
    try:
        return server.raw("GET", "/metrics").status == 200
    except OSError:
        return False


def told(server):
    """What a connection past the limit is answered; None: it is one too many to be told."""
    more = connect(server)
    answer = http.client.HTTPResponse(more.sock)
    try:
        answer.begin()
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None
    finally:
        more.close()  # the answer has a hold of its own on the socket
    return answer


def test_connections_past_the_limit_are_told_and_the_others_go_on(make_grapnel):
    server = make_grapnel().serve("server.loops=1", "http.connections_max=4")
    refusals = 'grapnel_http_refused_total{reason="connections"}'
    server.token  # made before there is no room
    kept = [connect(server) for _ in range(4)]
    assert [ask(c, server)[0] for c in kept] == [200] * 4
    for _ in range(10):
        answer = wait_until(lambda: told(server), "a connection to be told why, once the one before is gone")
        assert (answer.status, answer.getheader("connection")) == (503, "close")
        assert json.loads(answer.read())["code"] == "too_many_connections"
        answer.close()
    assert [ask(c, server)[0] for c in kept] == [200] * 4
    kept.pop().close()
    wait_until(lambda: is_answered(server), "room for another one")
    assert server.metrics()[refusals] >= 10
    for connection in kept:
        connection.close()


def test_out_of_descriptors_what_is_connected_goes_on_and_all_is_well_after(make_grapnel, receiver):
    server = make_grapnel().serve(RETRIES, "deliver.jitter=0",
                                  preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)))
    assert "server.few_descriptors" in server.log()
    app = server.application()
    server.endpoint(app, receiver.url)
    before = connect(server)
    assert ask(before, server)[0] == 200
    crowd = [connect(server) for _ in range(2 * DESCRIPTORS)]  # the kernel takes them; the server takes its share
    wait_until_refused(crowd[-1].sock)
    sent = []
    for n in range(20):
        status, message, _ = ask(before, server, "POST", f"/app/{app}/msg", {"eventType": "a.b", "payload": {"n": n}})
        assert status == 202
        sent.append(message["id"])
    assert server.child.poll() is None
    for connection in crowd:
        connection.close()
    wait_until(lambda: answers(server), "new connections")
    wait_until(lambda: set(receiver.ids()) == set(sent), "every message that was accepted meanwhile")
    before.close()
    assert server.stop() == 0


def test_past_the_workers_queue_calls_are_told_to_come_again_and_publishing_goes_on(make_grapnel, make_receiver, receiver):
    gate = threading.Event()

    def hold(handler):
        gate.wait(PATIENCE_S)
        handler.send_response(204)
        handler.end_headers()
    server = make_grapnel().serve("server.workers=1", "server.worker_queue=16", "handshake.at_once=1", "handshake.timeout=60s")
    app = server.application()
    server.endpoint(app, receiver.url)
    server.publish(app)  # the application's view is in memory from here on
    held = make_receiver(hold)
    with concurrent.futures.ThreadPoolExecutor(41) as pool:
        shaking = pool.submit(server.call, "POST", f"/app/{app}/endpoint", {"url": held.url, "handshake": {"kind": "ping"}})
        held.wait(1)  # the one worker is in there
        asked = [pool.submit(server.call, "GET", "/app") for _ in range(40)]
        refused = wait_until(lambda: [a for a in asked if a.done()] if sum(a.done() for a in asked) == 36 else None,
                             "the refusals")
        assert {(a.result().status, a.result().headers["retry-after"] is not None) for a in refused} == {(503, True)}
        server.publish(app)
        gate.set()
        assert shaking.result().status == 201
        assert sorted(a.result().status for a in asked) == [200] * 4 + [503] * 36  # a quarter of the queue is one owner's
    assert server.metrics()["grapnel_work_refused_total"] == 36
    receiver.wait(2)


def test_idle_connections_leave_descriptors_for_the_store_for_deliveries_and_for_questions(make_grapnel, receiver):
    limit = 160
    server = make_grapnel().serve("store.segment_messages=5", "gaia.enabled=true", "gaia.auth_server=127.0.0.1:1", "server.loops=2",
                                  "transform.processes=1",
                                  preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert "server.few_descriptors" in server.log() and "clients_max=32" in server.log()
    app = server.application()
    server.endpoint(app, receiver.url)
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    kept.request("GET", "/api/v1/health")
    kept.getresponse().read()
    idle = []
    for _ in range(300):
        idle.append(socket.create_connection(("127.0.0.1", server.port)))
        idle[-1].sendall(b"GET / HTTP/1.1\r\n")
    wait_until_refused(idle[-1])
    for n in range(20):  # through four segments
        kept.request("POST", f"/api/v1/app/{app}/msg", json.dumps({"eventType": "a.b", "payload": {"n": n}}),
                     {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
        answer = kept.getresponse()
        assert answer.status == 202, answer.read()
        answer.read()
    kept.request("GET", "/wh/config", headers={"authorization": "Bearer whatever"})
    assert kept.getresponse().status >= 400
    receiver.wait(20)
    for connection in idle:
        connection.close()
    assert server.stop() == 0
