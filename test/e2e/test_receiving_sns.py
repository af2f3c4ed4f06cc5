# SPDX-License-Identifier: Apache-2.0
"""AWS SNS from beginning to end, with a stand-in for Amazon's host: certificates, confirmations, and who lies."""
import base64
import errno
import itertools
import json
import os
import ssl
import subprocess
import threading
import http.server

import pytest

from conftest import wait_until
from test_receiving import door, ingest, make_source, requests_of

HOST = "sns.eu-west-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
CERTIFICATE = f"https://{HOST}/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
addresses = (f"127.{1 + os.getpid() % 250}.{os.getpid() // 250 % 250}.{n}" for n in itertools.count(1))


def openssl(folder, *arguments, data=None):
    return subprocess.run(["openssl", *arguments], cwd=folder, input=data, check=True, capture_output=True).stdout


def request_key(folder, name, subject):
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.req", "-subj", f"/CN={subject}")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """An authority, its certificate for the host, the certificate SNS signs with, and somebody else's."""
    folder = tmp_path_factory.mktemp("sns")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    request_key(folder, "host", HOST)
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST}")
    openssl(folder, "x509", "-req", "-in", "host.req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "host.pem",
            "-extfile", "names")
    for name in ("signer", "stranger"):
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", "/CN=sns.amazonaws.com")
    return folder


class Amazon:
    """Answers GETs on port 443 of a loopback address of its own; `answers`: path -> (status, headers, body)."""

    def __init__(self, keys):
        amazon, self.asked, self.address = self, [], next(addresses)
        self.answers = {"/SimpleNotificationService-0123456789abcdef.pem": (200, {}, (keys / "signer.pem").read_bytes()),
                        SUBSCRIBE.removeprefix(f"https://{HOST}"): (200, {}, b"<ConfirmSubscriptionResponse/>")}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the base class's name)
                amazon.asked.append((self.headers["host"], self.path))
                status, headers, body = amazon.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a huge answer is cut by the other side

        try:
            self.server = Quiet((self.address, 443), Handler)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EADDRNOTAVAIL):
                pytest.skip("port 443 of a loopback address cannot be had here")
            raise
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "host.pem", keys / "host.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def paths(self):
        return [path for _, path in self.asked]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def amazon(keys):
    made = Amazon(keys)
    yield made
    made.close()


@pytest.fixture
def server(make_grapnel, amazon, keys):
    return make_grapnel().serve(f"fetch.resolve={HOST}={amazon.address}", f"fetch.ca_file={keys / 'ca.pem'}",
                                "deliver.retry=50ms", "deliver.jitter=0")


def message(keys, kind="Notification", version="2", signer="signer", cert=CERTIFICATE, **changes):
    """A message as SNS sends it, signed by `signer`."""
    parts = {"Type": kind, "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC, "Message": "Hello \"SNS\" \u00fc\n",
             "Timestamp": "2026-05-02T00:54:06.655Z"}
    parts |= {"Subject": "My First Message"} if kind == "Notification" else {"Token": "2336412f37", "SubscribeURL": SUBSCRIBE}
    parts |= changes
    order = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{parts[name]}\n" for name in order if name in parts)
    digest = "-sha1" if version == "1" else "-sha256"
    signature = base64.b64encode(openssl(keys, "dgst", digest, "-sign", f"{signer}.key", data=signed.encode())).decode()
    return json.dumps({**parts, "SignatureVersion": version, "Signature": signature, "SigningCertURL": cert}, indent=2).encode()


def send(server, source, body):
    headers = {"x-amz-sns-message-type": json.loads(body)["Type"], "content-type": "text/plain; charset=UTF-8"}
    return server.raw("POST", door(source), body, headers).status


def last(server, source):
    row = requests_of(server, source)[0]
    return row["outcome"], row["reason"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_arrives_as_sent_and_the_certificate_is_fetched_once(server, amazon, keys, receiver, version):
    source = make_source(server, "aws-sns", None)
    ingest(server, "POST", f"/source/{source['id']}/endpoint", {"url": receiver.url})
    bodies = [message(keys, version=version, MessageId=f"m-{n}") for n in range(3)]
    assert [send(server, source, body) for body in bodies] == [200, 200, 200]
    assert sorted(r.body for r in receiver.wait(3)) == sorted(bodies)
    assert receiver.received[0].headers["content-type"] == "text/plain; charset=UTF-8"
    assert amazon.asked == [(HOST, "/SimpleNotificationService-0123456789abcdef.pem")]
    assert send(server, source, bodies[0]) == 200
    assert last(server, source) == ("duplicate", None)
    assert requests_of(server, source)[1]["eventType"] == "Notification"


def test_a_subscription_is_confirmed_at_amazons_own_host(server, amazon, keys):
    source = make_source(server, "aws-sns", None)
    assert send(server, source, message(keys, "SubscriptionConfirmation")) == 200
    assert last(server, source) == ("ignored", "subscription_confirmed")
    assert amazon.paths()[-1] == SUBSCRIBE.removeprefix(f"https://{HOST}")
    assert send(server, source, message(keys, "UnsubscribeConfirmation", MessageId="u-1")) == 200
    row = requests_of(server, source)[0]
    assert (row["outcome"], row["eventType"]) == ("accepted", "UnsubscribeConfirmation")
    assert len(amazon.asked) == 2  # to leave is not answered by coming back


@pytest.mark.parametrize("url", [
    f"http://{HOST}/?Action=ConfirmSubscription", "https://127.0.0.1/?Action=ConfirmSubscription",
    f"https://{HOST}.evil.example/", f"https://{HOST}@evil.example/", f"https://{HOST}:8443/", f"https://user@{HOST}/",
    "https://s3.eu-west-1.amazonaws.com/", "file:///etc/passwd", "", "https://sns..amazonaws.com/"])
def test_a_subscription_is_confirmed_nowhere_else(server, amazon, keys, url):
    source = make_source(server, "aws-sns", None)
    assert send(server, source, message(keys, "SubscriptionConfirmation", SubscribeURL=url)) == 503
    assert last(server, source) == ("ignored", "subscription_not_confirmed")
    assert amazon.paths() == ["/SimpleNotificationService-0123456789abcdef.pem"]


@pytest.mark.parametrize("answer", [(302, {"location": "https://127.0.0.1/elsewhere"}, b""), (404, {}, b""), (200, {}, b"x" * 100000)],
                         ids=["redirect", "absent", "huge"])
def test_a_confirmation_that_amazon_does_not_take_is_asked_for_again(server, amazon, keys, answer):
    source = make_source(server, "aws-sns", None)
    path = SUBSCRIBE.removeprefix(f"https://{HOST}")
    body = message(keys, "SubscriptionConfirmation")
    good, amazon.answers[path] = amazon.answers[path], answer
    assert send(server, source, body) == 503
    assert last(server, source) == ("ignored", "subscription_not_confirmed")
    amazon.answers[path] = good
    assert send(server, source, body) == 200
    assert last(server, source) == ("ignored", "subscription_confirmed")


@pytest.mark.parametrize("url", [
    "https://evil.example/cert.pem", f"http://{HOST}/SimpleNotificationService-0123456789abcdef.pem", f"https://{HOST}.evil.example/a.pem",
    f"https://{HOST}@evil.example/a.pem", f"https://{HOST}:8443/a.pem", "https://127.0.0.1/a.pem", f"https://{HOST}/a.txt"])
def test_a_certificate_of_another_host_is_never_fetched(server, amazon, keys, url):
    source = make_source(server, "aws-sns", None)
    assert send(server, source, message(keys, cert=url)) == 401
    assert last(server, source) == ("rejected", "no_matching_key")
    assert amazon.asked == []


@pytest.mark.parametrize("answer", [(302, {"location": CERTIFICATE}, b""), (500, {}, b""), (200, {}, b"x" * 1000000), (200, {}, b"<html>"),
                                    (200, {}, b"-----BEGIN CERTIFICATE-----\n" + b"A" * 64000)],
                         ids=["redirect", "error", "huge", "no certificate", "long"])
def test_a_certificate_that_cannot_be_had_is_our_trouble_and_not_kept(server, amazon, keys, answer):
    source = make_source(server, "aws-sns", None)
    path = "/SimpleNotificationService-0123456789abcdef.pem"
    good, amazon.answers[path] = amazon.answers[path], answer
    assert send(server, source, message(keys)) == 503  # SNS tries again
    assert last(server, source) == ("rejected", "key_fetch_failed")
    amazon.answers[path] = good
    assert send(server, source, message(keys)) == 200


def test_what_others_signed_or_altered_is_refused(server, amazon, keys):
    source = make_source(server, "aws-sns", None)
    assert send(server, source, message(keys, signer="stranger")) == 401
    assert send(server, source, message(keys).replace(b"Hello", b"Hallo")) == 401
    assert send(server, source, message(keys, "SubscriptionConfirmation", signer="stranger")) == 401
    assert {(r["outcome"], r["reason"]) for r in requests_of(server, source)} == {("rejected", "no_matching_key")}
    assert send(server, source, message(keys, version="3")) == 401
    assert last(server, source) == ("rejected", "unsupported")
    assert amazon.paths() == ["/SimpleNotificationService-0123456789abcdef.pem"]


def test_another_topic_is_refused_when_one_is_named(server, amazon, keys):
    source = make_source(server, "aws-sns", None, config={"topicArn": TOPIC})
    other = TOPIC.replace("orders", "attack")
    assert send(server, source, message(keys)) == 200
    for kind in ("Notification", "SubscriptionConfirmation"):
        assert send(server, source, message(keys, kind, TopicArn=other, MessageId="m-2")) == 401
        assert last(server, source) == ("rejected", "claim_mismatch")
    assert amazon.paths() == ["/SimpleNotificationService-0123456789abcdef.pem"]


def test_the_host_must_have_a_certificate_for_its_name_from_a_known_authority(make_grapnel, amazon, keys):
    server = make_grapnel().serve(f"fetch.resolve={HOST}={amazon.address}")
    source = make_source(server, "aws-sns", None)
    assert send(server, source, message(keys)) == 503
    assert last(server, source) == ("rejected", "key_fetch_failed")
    assert amazon.asked == []


def test_the_address_behind_the_name_is_checked(make_grapnel, amazon, keys):
    server = make_grapnel().serve(f"fetch.resolve={HOST}={amazon.address}", f"fetch.ca_file={keys / 'ca.pem'}", "fetch.allow=")
    source = make_source(server, "aws-sns", None)
    assert send(server, source, message(keys)) == 503
    assert amazon.asked == []


def test_a_slow_amazon_does_not_hold_all_workers(server, amazon, keys):
    gate = threading.Event()
    source = make_source(server, "aws-sns", None)
    bodies = [message(keys, MessageId=f"m-{n}", cert=f"https://{HOST}/slow-{n}.pem") for n in range(6)]
    original = amazon.server.RequestHandlerClass.do_GET

    def wait(handler):
        amazon.asked.append((HOST, handler.path))
        gate.wait(30)
        original(handler)
    amazon.server.RequestHandlerClass.do_GET = wait
    answers = []
    threads = [threading.Thread(target=lambda body=body: answers.append(send(server, source, body))) for body in bodies]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) == 4, "four that are put off")
    assert set(answers) == {503}
    wait_until(lambda: len(amazon.asked) == 2, "the two that ask")
    assert ingest(server, "GET", "/source")[0] == 200
    gate.set()
    for thread in threads:
        thread.join()
