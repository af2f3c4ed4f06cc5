# SPDX-License-Identifier: Apache-2.0
"""Whatever a host that the server asks turns into: the server goes on, within bounded time and memory, serves the others,
and says what is wrong. Brokers, processors, receivers and the tenant service have such tests beside their own."""
import ctypes
import os
import socket
import ssl
import struct
import threading
import time

import pytest

from conftest import PATIENCE_S, SLOWER, wait_until
from hostile_peer import BEHAVIOURS, Peer
from test_ckan import action
from test_receiving import make_source, requests_of
from test_receiving_pubsub import ACCOUNT, HOST as GOOGLE, push
from test_receiving_sns import HOST as AMAZON, addresses, keys as amazon_keys, message, send  # noqa: F401 (a fixture)
from test_receiving_pubsub import keys as google_keys  # noqa: F401 (a fixture)

LIMIT_S = 35 * SLOWER  # the longest that anybody who asks may have to wait
GROWTH = 150 << 20     # bytes


def resident(server):
    with open(f"/proc/{server.child.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Around what the server is made to do: it lives on, serves others meanwhile, and takes no more than its share."""

    def __init__(self, server, make_receiver):
        self.server, self.receiver = server, make_receiver()
        self.app = server.application()
        server.endpoint(self.app, self.receiver.url)

    def __enter__(self):
        self.before, self.began, self.ended = resident(self.server), time.monotonic(), threading.Event()
        self.slowest, self.sent, self.error = 0, 0, None
        self.thread = threading.Thread(target=self.ask_for_others)
        self.thread.start()
        return self

    def ask_for_others(self):
        try:
            while not self.ended.wait(0.02):
                began = time.monotonic()
                self.server.publish(self.app, {"n": self.sent})
                self.slowest, self.sent = max(self.slowest, time.monotonic() - began), self.sent + 1
        except Exception as error:  # noqa: BLE001 (told by the test)
            self.error = error

    def __exit__(self, kind, *_):
        self.ended.set()
        self.thread.join()
        if kind is not None:
            return
        assert self.error is None, self.error
        assert time.monotonic() - self.began < LIMIT_S
        assert self.slowest < 5 * SLOWER
        assert resident(self.server) - self.before < GROWTH
        self.receiver.wait(self.sent)
        assert self.server.child.poll() is None and "crashed" not in self.server.log()


def tls_of(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem", folder / "host.key")
    return context


@pytest.fixture
def peer():
    made = []

    def make(behaviour, **more):
        made.append(Peer(behaviour, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_host_of_key_sets(make_grapnel, make_receiver, peer, google_keys, name):  # noqa: F811
    address = next(addresses)
    peer(name, address=address, port=443, tls=tls_of(google_keys))
    server = make_grapnel().serve(f"fetch.resolve={GOOGLE}={address}", f"fetch.ca_file={google_keys / 'ca.pem'}")
    source = make_source(server, "google-pubsub", None, config={"companion": ACCOUNT})
    with Watch(server, make_receiver):
        status, outcome, reason = push(server, google_keys, source)
    assert status >= 500 and outcome == "rejected" and reason  # it is asked again later, and not taken for a forgery


# The client is the same as for key sets: what is in the answer is what differs.
ANSWERS = ["refusing", "half_open", "failing", "saying_nothing", "lying", "not_json", "packed", "endless_body", "redirecting_to_itself"]


@pytest.mark.parametrize("name", ANSWERS)
def test_the_host_of_sns_certificates(make_grapnel, make_receiver, peer, amazon_keys, name):  # noqa: F811
    address = next(addresses)
    peer(name, address=address, port=443, tls=tls_of(amazon_keys))
    server = make_grapnel().serve(f"fetch.resolve={AMAZON}={address}", f"fetch.ca_file={amazon_keys / 'ca.pem'}")
    source = make_source(server, "aws-sns", None)
    with Watch(server, make_receiver):
        status = send(server, source, message(amazon_keys))
    row = requests_of(server, source)[0]
    assert status >= 500 and row["outcome"] == "rejected" and row["reason"]


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_ckan_site_that_is_asked_who_somebody_is(make_grapnel, make_receiver, peer, name):
    site = peer(name)
    server = make_grapnel().serve("ckan.enabled=true", f"ckan.site_url=http://127.0.0.1:{site.port}", "ckan.token=cred-us")
    with Watch(server, make_receiver):
        status, answer = action(server, "webhook_list", {}, "cred-somebody")
    assert status >= 400 and not answer["success"] and answer["error"]["message"]


@pytest.mark.parametrize("name", [name for name in BEHAVIOURS if name not in ("half_open", "dripping")])
def test_an_etcd_that_is_imported_from(make_grapnel, peer, name):
    etcd = peer(name)
    server = make_grapnel().serve("gaia.enabled=true", "gaia.auth_server=127.0.0.1:9", "gaia.amqp_url=amqp://127.0.0.1:9/")
    began = time.monotonic()
    done = server.run("import", "gaia", f"--url={server.url}", f"--token={server.token}", f"--etcd=http://127.0.0.1:{etcd.port}")
    assert time.monotonic() - began < LIMIT_S
    assert done.returncode == 1 and f"127.0.0.1:{etcd.port}" in done.stderr, (done.returncode, done.stdout, done.stderr)
    assert len(done.stderr) < 1000 and "made" not in done.stdout


# --- name servers ---

def question_of(query):
    """(end of the question, name, type)"""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    return at + 5, b".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0]


def head(query, flags=0x8180, answers=1, ident=None):
    return struct.pack(">HHHHHH", struct.unpack(">H", query[:2])[0] if ident is None else ident, flags, 1, answers, 0, 0)


def address(query, ip="127.0.0.1", ttl=60):
    end, _, kind = question_of(query)
    if kind != 1:
        return head(query, answers=0) + query[12:end]
    return head(query) + query[12:end] + b"\xc0\x0c\x00\x01\x00\x01" + struct.pack(">IH", ttl, 4) + socket.inet_aton(ip)


def body(query):
    return query[12:question_of(query)[0]]


NAME_SERVERS = {
    "silent": lambda q: [],
    "babbling": lambda q: [b"SSH-2.0-OpenSSH_9.2\r\n" * 20],
    "empty_packets": lambda q: [b""] * 3,
    "cut_short": lambda q: [address(q)[:-3]],
    "failing": lambda q: [head(q, 0x8182, 0) + body(q)],
    "refusing": lambda q: [head(q, 0x8185, 0) + body(q)],
    "no_such_name": lambda q: [head(q, 0x8183, 0) + body(q)],
    "no_address": lambda q: [head(q, answers=0) + body(q)],
    "another_id": lambda q: [head(q, ident=(struct.unpack(">H", q[:2])[0] + 1) & 0xFFFF) + address(q)[12:]],
    "another_name": lambda q: [head(q) + b"\x05other\x00\x00\x01\x00\x01" + address(q)[question_of(q)[0]:]],
    "truncated_and_no_tcp": lambda q: [head(q, 0x8380, 0) + body(q)],
    "name_that_points_to_itself": lambda q: [head(q) + body(q) + b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"],
    "pointer_loop": lambda q: [head(q) + body(q) + b"\xc0" + bytes([len(body(q)) + 12]) + b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"],
    "thousands_of_answers": lambda q: [head(q, answers=0xFFFF) + body(q) + address(q)[question_of(q)[0]:] * 200],
    "private_address": lambda q: [address(q, "10.0.0.1")],
    "any_address": lambda q: [address(q, "0.0.0.0")],
    "a_thousand_packets": lambda q: [os.urandom(100)] * 1000,
}


class NameServer:
    def __init__(self, answer):
        self.answer, self.address, self.asked = answer, next(addresses), 0
        self.link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.link.bind((self.address, 53))
        except OSError:
            pytest.skip("port 53 of a loopback address cannot be had here")
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                query, sender = self.link.recvfrom(4096)
                self.asked += 1
                for packet in self.answer(query):
                    self.link.sendto(packet, sender)
            except OSError:
                return

    def close(self):
        self.link.close()


def own_resolver(file):
    """In the child: a mount namespace of its own, with this /etc/resolv.conf."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        none = ctypes.c_char_p(None)
        if libc.unshare(0x00020000) != 0 or libc.mount(none, b"/", none, 0x4000 | 0x40000, none) != 0 or \
                libc.mount(str(file).encode(), b"/etc/resolv.conf", none, 4096, none) != 0:
            os._exit(77)
    return enter


@pytest.mark.parametrize("name", NAME_SERVERS)
def test_a_name_server(make_grapnel, make_receiver, tmp_path, name):
    dns = NameServer(NAME_SERVERS[name])
    file = tmp_path / "resolv.conf"
    file.write_text(f"nameserver {dns.address}\noptions timeout:1 attempts:2\n")
    server = make_grapnel()
    server.spawn("deliver.retry=", "deliver.timeout=5s", preexec=own_resolver(file))
    wait_until(lambda: server.child.poll() is not None or "server.started" in server.log(), "the start")
    if server.child.poll() == 77:
        dns.close()
        pytest.skip("mounting is not allowed here")
    app = server.application()
    server.endpoint(app, "http://hooks.customer.example/")
    try:
        with Watch(server, make_receiver):
            sent = server.publish(app)
            attempt, = wait_until(lambda: server.attempts(app, sent), "the attempt to end", PATIENCE_S)
    finally:
        dns.close()
    assert dns.asked > 0 and attempt["responseStatusCode"] in (0, None) and attempt["response"], attempt
