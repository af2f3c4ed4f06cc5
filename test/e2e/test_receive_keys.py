# SPDX-License-Identifier: Apache-2.0
"""`grapnel receive` and `grapnel verify` where keys come from elsewhere: in a handshake, or over the network."""
import hashlib
import hmac
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

import pytest
from conftest import binary, wait_until
from test_receive import Command
from test_receiving_keys import token
from test_receiving_pubsub import jwk
from test_receiving_sns import openssl, request_key

TOKEN, OTHER = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl", "secret_2222222222222222222222222222222222222222222"


def notion(command, body, secret=None):
    headers = {"content-type": "application/json"}
    if secret is not None:
        headers["x-notion-signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return command.post(body, headers)[0]


def verification(secret):
    return json.dumps({"verification_token": secret}).encode()


def test_notions_token_is_in_a_file_of_its_own_and_replaced_until_an_event_verifies(tmp_path):
    secrets, shown = tmp_path / "secrets", tmp_path / "secrets.tentative"
    secrets.touch()
    command = Command(tmp_path, "--preset=notion", f"--secret-file={secrets}")
    event = b'{"id":"e-1","type":"page.created"}'
    assert notion(command, verification(TOKEN)) == 200
    assert shown.read_text() == TOKEN + "\n" and secrets.read_text() == ""
    assert shown.stat().st_mode & 0o77 == 0
    assert notion(command, verification(OTHER)) == 200
    assert shown.read_text() == OTHER + "\n"
    assert notion(command, event, TOKEN) == 401
    assert notion(command, event, OTHER) == 200
    assert secrets.read_text() == OTHER + "\n" and not shown.exists()
    assert notion(command, verification(TOKEN)) == 401
    assert notion(command, event, OTHER) == 200
    assert command.stop() == 0
    assert OTHER not in command.log.read_text() and TOKEN not in command.log.read_text()


def test_a_token_that_no_event_verified_with_can_still_be_replaced_after_a_restart(tmp_path):
    secrets, shown = tmp_path / "secrets", tmp_path / "secrets.tentative"
    secrets.touch()
    command = Command(tmp_path, "--preset=notion", f"--secret-file={secrets}")
    assert notion(command, verification(TOKEN)) == 200
    command.stop()
    command.start()
    assert notion(command, verification(OTHER)) == 200
    assert notion(command, b'{"id":"e-1"}', TOKEN) == 401
    command.stop()
    command.start()
    assert notion(command, b'{"id":"e-1"}', OTHER) == 200
    assert secrets.read_text() == OTHER + "\n" and not shown.exists()
    command.stop()


def test_without_a_file_the_token_is_not_printed_but_asked_for(tmp_path):
    command = Command(tmp_path, "--preset=notion")
    assert notion(command, verification(TOKEN)) == 200
    log = wait_until(command.log.read_text, "a word about it")
    assert "--secret-file" in log and TOKEN not in log
    command.stop()


def test_a_secret_that_was_given_is_never_replaced(tmp_path):
    command = Command(tmp_path, "--preset=notion", f"--secret={TOKEN}")
    assert notion(command, verification(OTHER)) == 401
    assert notion(command, b'{"id":"e-1"}', TOKEN) == 200
    command.stop()


def test_many_tokens_at_once_leave_one_that_is_used_and_kept(tmp_path):
    secrets, shown = tmp_path / "secrets", tmp_path / "secrets.tentative"
    secrets.touch()
    command = Command(tmp_path, "--preset=notion", f"--secret-file={secrets}")
    tokens = [f"secret_{n:03}{'x' * 40}" for n in range(60)]
    crowd = [threading.Thread(target=notion, args=(command, verification(one))) for one in tokens]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    last = shown.read_text().strip()
    assert last in tokens
    assert notion(command, b'{"id":"e-1"}', last) == 200
    assert secrets.read_text() == last + "\n"
    command.stop()


# --- keys over the network ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    request_key(folder, "host", "localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl(folder, "x509", "-req", "-in", "host.req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "host.pem",
            "-extfile", "names")
    for name in ("first", "second"):
        openssl(folder, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key")
    return folder


@pytest.fixture
def provider(keys):
    """Serves a set of keys; `answer` is what it says (None: 500), `asked` counts."""
    class Provider:
        answer, asked, port = {"keys": [jwk(keys, "second"), jwk(keys, "first")]}, [], 0

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 (the base class's name)
            Provider.asked.append(self.path)
            body = json.dumps(Provider.answer).encode()
            self.send_response(200 if Provider.answer else 500)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "host.pem", keys / "host.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Provider.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Provider
    server.shutdown()
    server.server_close()


@pytest.fixture
def scheme(provider, tmp_path):
    file = tmp_path / "identity.scheme"
    file.write_text("title Identity\nauth jwt\nkey pem\njwt-alg RS256\nsig header Authorization\nprefix \"Bearer \"\n"
                    f"jwks https://localhost:{provider.port}/certs\n")
    return file


def bearer(keys, signer, kid=None):
    claims = {"iat": int(time.time()), "exp": int(time.time()) + 300}
    return "Bearer " + token(claims, lambda data: openssl(keys, "dgst", "-sha256", "-sign", f"{signer}.key", data=data), alg="RS256",
                             kid=kid or signer)


def listening(folder, scheme, keys, *flags):
    return Command(folder, f"--scheme={scheme}", *flags, environment={"SSL_CERT_FILE": str(keys / "ca.pem")})


def test_the_receiver_fetches_the_providers_keys_once(provider, scheme, keys, tmp_path):
    command = listening(tmp_path, scheme, keys, "--fetch-allow=127.0.0.0/8,::1/128")
    for signer, kid, status in (("first", None, 200), ("second", None, 200), ("first", "second", 401), ("first", "unknown", 401)):
        assert command.post(b"{}", {"authorization": bearer(keys, signer, kid)})[0] == status
    assert provider.asked == ["/certs"]
    command.stop()


def test_keys_that_cannot_be_had_are_our_trouble_and_asked_for_again(provider, scheme, keys, tmp_path):
    command = listening(tmp_path, scheme, keys, "--fetch-allow=127.0.0.0/8,::1/128")
    answer, provider.answer = provider.answer, None
    headers = {"authorization": bearer(keys, "first")}
    assert command.post(b"{}", headers)[0] == 503
    provider.answer = answer
    assert command.post(b"{}", headers)[0] == 200
    command.stop()


@pytest.mark.parametrize("flags, trust", [([], True), (["--fetch-allow=127.0.0.0/8,::1/128"], False)])
def test_no_private_address_and_no_unknown_authority_is_asked(provider, scheme, keys, tmp_path, flags, trust):
    environment = {"SSL_CERT_FILE": str(keys / "ca.pem")} if trust else {}
    command = Command(tmp_path, f"--scheme={scheme}", *flags, environment=environment)
    assert command.post(b"{}", {"authorization": bearer(keys, "first")})[0] == 503
    assert provider.asked == []
    command.stop()


def verify(scheme, header, *flags, environment=None):
    return subprocess.run([binary(), "verify", f"--scheme={scheme}", f"--header=authorization: {header}", *flags], input=b"{}",
                          capture_output=True, env=environment, check=False)


def test_one_request_is_verified_by_hand_with_fetched_keys_or_a_file_of_them(provider, scheme, keys, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(provider.answer))
    good, forged = bearer(keys, "first"), bearer(keys, "first", "second")
    environment = {**os.environ, "SSL_CERT_FILE": str(keys / "ca.pem")}
    for flags in (["--fetch-allow=127.0.0.0/8,::1/128"], [f"--key-set={file}"]):
        assert verify(scheme, good, *flags, environment=environment).returncode == 0
        refused = verify(scheme, forged, *flags, environment=environment)
        assert refused.returncode == 1 and b"no_matching_key" in refused.stderr
    assert provider.asked == ["/certs", "/certs"]
    assert b"key_fetch_failed" in verify(scheme, good, f"--key-set={tmp_path}/none").stderr
