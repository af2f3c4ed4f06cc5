# SPDX-License-Identifier: Apache-2.0
"""Nodes that stand by serve what the node at work serves."""
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import threading
import time

import pytest

from cluster import QUICK, Ledger, Receiver, is_whole, wait_until

KEY = {"idempotency-key": "the same one"}


@pytest.fixture
def start_three(make_postgres, make_node, receiver):
    def start(*options):
        database = make_postgres()
        nodes = [make_node(database.port) for _ in range(3)]
        nodes[0].serve(*QUICK, *options)
        for node in nodes[1:]:
            node.spawn(*QUICK, *options)
            node.wait_log("link.aimed")
            node._token = nodes[0].token
        return nodes, database
    return start


@pytest.fixture
def three(start_three):
    """A node at work, and two that stand by."""
    return start_three()[0]


def link_port(node):
    return int(re.search(r"link.aimed.*address=\"?127\.0\.0\.1:(\d+)", node.wait_log("link.aimed")).group(1))


def in_background(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def passed(node):
    return node.metrics()["grapnel_link_passed_total"]


def test_what_is_created_at_one_node_is_there_at_all_of_them_at_once(three, receiver):
    for round_ in range(20):
        at = three[round_ % 3], three[(round_ + 1) % 3], three[(round_ + 2) % 3]
        app = at[0].application(f"application {round_}")
        at[1].endpoint(app, receiver.url)
        message = at[2].publish(app, {"n": round_})
        assert at[0].ok("GET", f"/app/{app}/msg/{message}")["payload"] == {"n": round_}
    wait_until(lambda: len(set(receiver.ids())) == 20, "all to arrive")


def test_answers_are_the_same_at_every_node(three):
    app = three[0].application()
    asked = [("GET", f"/api/v1/app/{app}", None), ("GET", "/api/v1/app/app_3MqqXQkoMph9SSDqUXSApt89h7f", None),
             ("POST", "/api/v1/app", b"{}"), ("POST", "/api/v1/app", b"{"), ("DELETE", "/api/v1/app", None),
             ("GET", "/console", None), ("GET", "/no/such/thing", None), ("OPTIONS", "/api/v1/app", None),
             ("HEAD", "/console", None), ("HEAD", "/api/v1/stream", None), ("GET", f"/api/v1/app/{app}/msg?limit=x%20y", None),
             ("POST", f"/api/v1/app/{app}/msg", b"x" * (3 << 20)), ("POST", f"/api/v1/app/{app}/msg", b"x" * (17 << 20))]
    headers = {"authorization": f"Bearer {three[0].token}", "content-type": "application/json"}
    for method, path, body in asked:
        first, *others = [node.raw(method, path, body, headers) for node in three]
        for other in others:
            assert (other.status, other.body) == (first.status, first.body), f"{method} {path}"
            left_out = ("date", "connection")
            assert sorted((k.lower(), v) for k, v in other.headers.items() if k.lower() not in left_out) == \
                sorted((k.lower(), v) for k, v in first.headers.items() if k.lower() not in left_out), f"{method} {path}"


def status_of(node, method, headers, count):
    """Of a request with so many header lines, Host among them."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
    try:
        connection.putrequest(method, "/api/v1/app", skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        for number in range(count - 1 - len(headers)):
            connection.putheader(f"x-{number}", "v")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_request_may_have_a_hundred_header_lines_at_every_node(three):
    headers = {"authorization": f"Bearer {three[0].token}"}
    for node in three:
        assert status_of(node, "GET", headers, 100) == 200
        assert status_of(node, "POST", headers, 100) == 422, "its length is one more line on the link"
        assert status_of(node, "GET", headers, 101) == status_of(node, "POST", headers, 101) == 431


def test_a_node_that_stands_by_tells_the_node_at_work_who_asked(three):
    told = three[1].raw("POST", "/api/v1/app", json.dumps({"name": "x"}),
                        {"authorization": f"Bearer {three[0].token}", "content-type": "application/json",
                         "x-request-id": "asked-by-me", "grapnel-origin-peer": "192.0.2.77", "grapnel-origin-door": "1"})
    assert told.status == 201
    rows = three[0].ok("GET", "/audit?limit=1")["data"]
    assert rows[0]["peer"] == "127.0.0.1"
    assert three[0].raw("GET", "/api/v1/health", None, {"grapnel-origin-refused": "413 no"}).status == 200


def test_the_same_key_at_all_nodes_at_once_is_one_message(start_three, receiver):
    """Also while one partition is full and the next is used."""
    three, database = start_three("store.segment_messages=1000")
    app = three[0].application()
    three[0].endpoint(app, receiver.url)
    rounds, clients = int(os.environ.get("ROUNDS", "100")), 16
    start = threading.Barrier(clients)
    answers = [[] for _ in range(clients)]

    def client(number):
        for round_ in range(rounds):
            start.wait(60)
            answer = three[number % 3].call("POST", f"/app/{app}/msg", {"eventType": "test.event", "payload": {"n": round_}},
                                            {"idempotency-key": f"round {round_}"})
            answers[number].append((answer.status, answer.body.get("id")))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [(202, id_) for _, id_ in answers[0]]
    assert len(set(expected)) == rounds
    for each in answers:
        assert each == expected
    wait_until(lambda: {id_ for _, id_ in expected} <= set(receiver.ids()), "all to arrive")
    assert database.ask("SELECT count(*) FROM message") == str(rounds)
    assert int(database.ask("SELECT count(*) FROM pg_inherits WHERE inhparent = 'message'::regclass")) > 1


def test_a_large_payload_and_its_answer_go_through(three, receiver):
    app = three[1].application()
    text = "x" * 900_000
    message = three[1].publish(app, {"text": text})
    assert three[2].ok("GET", f"/app/{app}/msg/{message}")["payload"]["text"] == text


def test_a_live_stream_goes_through_and_ends_with_its_client(three, receiver):
    app = three[0].application()
    connection = http.client.HTTPConnection("127.0.0.1", three[1].port, timeout=20)
    connection.request("GET", "/api/v1/stream", headers={"authorization": f"Bearer {three[0].token}"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["content-type"] == "text/event-stream"
    message = three[2].publish(app)
    line = b""
    while message.encode() not in line:
        line = answer.readline()
        assert line
    assert three[0].metrics()["grapnel_http_streams"] == 1
    answer.close()
    connection.close()
    wait_until(lambda: three[0].metrics()["grapnel_http_streams"] == 0, "the node at work to see that it is over")
    wait_until(lambda: three[1].metrics()["grapnel_link_open"] == 0, "nothing to be left")


def test_requests_wait_while_a_node_takes_over(three, receiver):
    app = three[0].application()
    three[0].endpoint(app, receiver.url)
    ledger = Ledger([three[1], three[2]], three[0].token, app)
    ledger.grows()
    three[0].kill()
    ledger.grows(40)
    ledger.end()
    assert ledger.refused == 0
    is_whole(ledger, receiver)


@contextlib.contextmanager
def stopped(node):
    node.child.send_signal(19)  # SIGSTOP
    try:
        yield
    finally:
        node.child.send_signal(18)  # SIGCONT


def test_what_a_lost_node_did_not_answer_is_sent_again_only_where_that_does_no_harm(three):
    app = three[0].application()
    for _ in range(16):  # so that each loop has a connection
        three[1].call("GET", f"/app/{app}", token=three[0].token)
    with stopped(three[0]):
        body = {"eventType": "test.event", "payload": {}}
        before = passed(three[1])
        without = in_background(lambda: three[1].call("POST", f"/app/{app}/msg", body, token=three[0].token))
        wait_until(lambda: passed(three[1]) > before, "it to take a kept connection, and so be sent")
        with_key = in_background(lambda: three[1].call("POST", f"/app/{app}/msg", body, KEY, token=three[0].token))
        read = in_background(lambda: three[1].call("GET", f"/app/{app}", token=three[0].token))
        for thread, _ in (with_key, without, read):
            thread.join()
    assert with_key[1][0].status == 202 and read[1][0].status == 200
    assert without[1][0].status == 503 and without[1][0].body["code"] == "outcome_unknown"
    assert "Idempotency-Key" in without[1][0].body["detail"] and without[1][0].headers["retry-after"]


def test_without_any_node_at_work_requests_are_refused_clearly_and_health_says_so_at_once(make_postgres, make_way, make_node):
    database = make_postgres()
    way = make_way(database.port)
    first, second = make_node(database.port), make_node(way.port)
    first.serve(*QUICK)
    second.spawn(*QUICK)
    second.wait_log("link.aimed")
    assert second.is_well()
    way.cut()
    first.kill()
    wait_until(lambda: not second.is_well(), "the standby to say that nobody is at work")
    assert second.raw("GET", "/api/v1/health/ping").status == 204
    began = time.monotonic()
    answer = second.raw("GET", "/api/v1/health")
    assert answer.status == 503 and time.monotonic() - began < 5
    answer = json.loads(second.raw("GET", "/api/v1/app", None, {"authorization": f"Bearer {'x' * 20}"}).body)
    assert answer["code"] == "node_unreachable" and "try again" in answer["detail"]
    way.heal()
    second.wait_log("server.started")
    wait_until(second.is_well, "it to be well again")


def test_a_node_that_stops_in_order_accepts_until_its_attempts_are_done(three, receiver):
    hold = threading.Event()

    def late(handler):
        hold.wait(60)
        handler.send_response(204)
        handler.end_headers()
    slow = Receiver(late)
    try:
        app = three[0].application()
        three[0].endpoint(app, slow.url)
        three[0].publish(app)
        wait_until(lambda: slow.received, "an attempt to be under way")
        other = three[0].application("other")
        three[0].endpoint(other, receiver.url)
        ledger = Ledger(three[1:], three[0].token, other)
        ledger.grows()
        three[0].child.send_signal(15)
        three[0].wait_log("server.stopping")
        ledger.grows(50)
        assert three[0].child.poll() is None
        hold.set()
        assert three[0].child.wait(60) == 0
        ledger.grows(50)
        ledger.end()
        assert ledger.refused == 0
        is_whole(ledger, receiver)
    finally:
        hold.set()
        slow.close()


def test_nobody_without_the_main_secret_gets_through_the_link(three):
    port = link_port(three[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"200" not in connection.recv(4096)
    assert three[1].is_well()


def test_a_node_with_another_main_secret_says_so(three, make_node, make_postgres):
    other = make_node(0)
    other.env["GRAPNEL_STORE_URL"] = three[0].env["GRAPNEL_STORE_URL"]
    other.env["GRAPNEL_SERVER_MAIN_SECRET"] = "another secret, which is as long"
    other.spawn(*QUICK)
    other.wait_log("link.aimed")
    assert other.raw("GET", "/api/v1/health").status == 503
    assert "TLS" in other.wait_log("link.failed")


def test_a_node_that_stands_by_without_the_main_secret_ends_and_says_why(three, make_node):
    other = make_node(0)
    other.env["GRAPNEL_STORE_URL"] = three[0].env["GRAPNEL_STORE_URL"]
    del other.env["GRAPNEL_SERVER_MAIN_SECRET"]
    other.spawn(*QUICK)
    assert other.child.wait(60) == 1
    assert "main-secret is missing" in other.log()


def test_a_node_whose_address_is_taken_ends_and_names_the_option(three, make_node):
    other = make_node(0)
    other.env["GRAPNEL_STORE_URL"] = three[0].env["GRAPNEL_STORE_URL"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other.spawn(*QUICK, f"server.listen=127.0.0.1:{taken.getsockname()[1]}")
        assert other.child.wait(60) == 1
    assert "set another server.listen" in other.log() and other.log().count("server.stands_by") == 1


def test_a_command_at_a_node_that_stands_by_does_not_disturb_it(three):
    for _ in range(5):
        assert three[1].run("token", "list", f"--store.dir={three[1].store}").returncode != 0
    assert three[0].stop() == 0
    wait_until(lambda: any(node.is_active() for node in three[1:]), "another node to be at work")
    assert all(node.log().count("server.stands_by") == 1 for node in three[1:])


def test_a_reload_at_the_node_at_work_holds_for_what_is_passed_on_to_it(make_postgres, make_node, tmp_path):
    database, options = make_postgres(), tmp_path / "grapnel.conf"
    options.write_text("http.body_max = 4KiB\n")
    first, second = make_node(database.port), make_node(database.port)
    first.env["GRAPNEL_CONFIG"] = str(options)
    first.serve(*QUICK)
    second.spawn(*QUICK)
    second.wait_log("link.aimed")
    second._token = first.token
    app, large = first.application(), {"eventType": "test.event", "payload": {"text": "x" * 8000}}
    assert second.call("POST", f"/app/{app}/msg", large).status == 413
    options.write_text("http.body_max = 64KiB\n")
    first.child.send_signal(1)  # SIGHUP
    first.wait_log("server.reloaded")
    assert second.call("POST", f"/app/{app}/msg", large).status == 202


def test_the_nodes_are_known_to_metrics_and_to_the_node_at_work(three):
    assert [node.metrics()["grapnel_cluster_active"] for node in three] == [1, 0, 0]
    wait_until(lambda: three[0].metrics()["grapnel_cluster_standbys"] == 2, "both to be seen")
    nodes = three[1].ok("GET", "/system")["nodes"]
    assert [node["atWork"] for node in nodes] == [True, False, False] and len({node["name"] for node in nodes}) == 3
    assert nodes[0]["address"] == f"127.0.0.1:{link_port(three[1])}" and nodes[1]["address"] is None
    assert all(node["seenMs"] < 5000 for node in nodes)
    assert three[2].stop() == 0
    wait_until(lambda: three[0].metrics()["grapnel_cluster_standbys"] == 1, "one to be missed")


def test_a_node_that_takes_over_keeps_its_address_open(three):
    """Nobody who connects meanwhile is refused."""
    refused, ended = [], threading.Event()

    def knock():
        while not ended.is_set():
            for node in three[1:]:
                try:
                    with socket.create_connection(("127.0.0.1", node.port), timeout=20):
                        pass
                except OSError as error:
                    refused.append(error)
    thread = threading.Thread(target=knock)
    thread.start()
    assert three[0].stop() == 0
    wait_until(lambda: any(node.is_active() for node in three[1:]), "another node to be at work")
    ended.set()
    thread.join()
    assert not refused
