# SPDX-License-Identifier: Apache-2.0
"""Google Pub/Sub's authenticated push, with a stand-in for the host that serves Google's changing keys."""
import base64
import errno
import http.server
import json
import ssl
import threading
import time

import pytest

from test_receiving import door, make_source, requests_of
from test_receiving_keys import b64url, token
from test_receiving_sns import addresses, openssl, request_key

HOST = "www.googleapis.com"
ACCOUNT = "push@project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("google")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    request_key(folder, "host", HOST)
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST}")
    openssl(folder, "x509", "-req", "-in", "host.req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "host.pem",
            "-extfile", "names")
    for name in ("first", "second"):
        openssl(folder, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key")
    return folder


def jwk(keys, name):
    modulus = bytes.fromhex(openssl(keys, "rsa", "-in", f"{name}.key", "-noout", "-modulus").decode().strip().removeprefix("Modulus="))
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": name, "n": b64url(modulus), "e": "AQAB"}


@pytest.fixture
def google(keys):
    """Serves a set of keys at port 443 of a loopback address; `answer` is what it says, `asked` counts."""
    class Google:
        answer, asked, address = {"keys": [jwk(keys, "second"), jwk(keys, "first")]}, [], next(addresses)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 (the base class's name)
            Google.asked.append(self.path)
            body = json.dumps(Google.answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    try:
        server = http.server.ThreadingHTTPServer((Google.address, 443), Handler)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EADDRNOTAVAIL):
            pytest.skip("port 443 of a loopback address cannot be had here")
        raise
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "host.pem", keys / "host.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Google
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(make_grapnel, google, keys):
    return make_grapnel().serve(f"fetch.resolve={HOST}={google.address}", f"fetch.ca_file={keys / 'ca.pem'}")


def push(server, keys, source, number=1, signer="first", kid=None, alg="RS256", **changes):
    claims = {"iss": "https://accounts.google.com", "aud": source["ingestUrl"], "email": ACCOUNT, "email_verified": True,
              "iat": int(time.time()), "exp": int(time.time()) + 3600, **changes}
    made = token(claims, lambda data: openssl(keys, "dgst", "-sha256", "-sign", f"{signer}.key", data=data), alg=alg, kid=kid or signer)
    body = {"message": {"data": base64.b64encode(b"{}").decode(), "messageId": str(number)}, "subscription": "projects/p/subscriptions/s"}
    answer = server.raw("POST", door(source), json.dumps(body).encode(), {"authorization": f"Bearer {made}",
                                                                           "content-type": "application/json"})
    row = requests_of(server, source)[0]
    return answer.status, row["outcome"], row["reason"]


def test_a_push_is_verified_with_googles_keys_which_are_fetched_once(server, google, keys):
    source = make_source(server, "google-pubsub", None, config={"companion": ACCOUNT})
    assert source["state"] == "active"
    assert push(server, keys, source, 1) == (200, "accepted", None)
    assert push(server, keys, source, 1) == (200, "duplicate", None)
    assert push(server, keys, source, 2, signer="second") == (200, "accepted", None)
    assert google.asked == ["/oauth2/v3/certs"]


@pytest.mark.parametrize("changes, reason", [
    ({"aud": "https://elsewhere.example"}, "claim_mismatch"), ({"email": "other@project.iam.gserviceaccount.com"}, "claim_mismatch"),
    ({"email_verified": False}, "claim_mismatch"), ({"iss": "https://evil.example"}, "claim_mismatch"),
    ({"exp": 1}, "timestamp_too_old"), ({"kid": "unknown"}, "no_matching_key"), ({"kid": "second"}, "no_matching_key")])
def test_a_push_of_somebody_else_is_refused(server, keys, changes, reason):
    source = make_source(server, "google-pubsub", None, config={"companion": ACCOUNT})
    assert push(server, keys, source, **changes) == (401, "rejected", reason)

