# SPDX-License-Identifier: Apache-2.0
"""An OpenID provider that lies as a test wants it: what a real one would never do."""
import base64
import http.server
import json
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hmac import HMAC

CLIENT = "grapnel"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key that signs tokens, and how it stands in the provider's set."""

    def __init__(self, alg="RS256", kid="first"):
        self.alg, self.kid = alg, kid
        if alg == "RS256":
            self.key = rsa.generate_private_key(65537, 2048)
            public = self.key.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
        elif alg == "ES256":
            self.key = ec.generate_private_key(ec.SECP256R1())
            public = self.key.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32)}
        else:
            self.key = ed25519.Ed25519PrivateKey.generate()
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(self.key.public_key().public_bytes_raw())}
        if kid is not None:
            self.jwk["kid"] = kid

    def signature(self, text):
        if self.alg == "RS256":
            return self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        if self.alg == "ES256":
            r, s = utils.decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.key.sign(text)

    def token(self, claims, **header):
        head = {"alg": self.alg, **({} if self.kid is None else {"kid": self.kid}), **header}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{base64url(self.signature(text.encode()))}"


def unsigned(claims):
    return ".".join([base64url(b'{"alg":"none"}'), base64url(json.dumps(claims).encode()), ""])


def by_shared_secret(claims, secret):
    text = base64url(b'{"alg":"HS256","kid":"first"}') + "." + base64url(json.dumps(claims).encode())
    mac = HMAC(secret, hashes.SHA256())
    mac.update(text.encode())
    return f"{text}.{base64url(mac.finalize())}"


class LyingProvider:
    """`claims` go over what an honest id_token would say (a function: of the time); `answers` replace whole answers, by path."""

    def __init__(self):
        self.key, self.keys = Key(), None
        self.claims, self.answers, self.nonces = {}, {}, {}
        self.make_token = lambda claims: self.key.token(claims)  # noqa: PLW0108 (the key may change)
        self.asked, self.document = [], {}
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 (the base class's name)
                provider.asked.append((self.path, None, self.headers))
                self.give(*provider.answer(self.path, None))

            def do_POST(self):  # noqa: N802
                body = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                provider.asked.append((self.path, body, self.headers))
                self.give(*provider.answer(self.path, body))

            def give(self, status, text):
                text = text if isinstance(text, bytes) else json.dumps(text).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, body):
        if path in self.answers:
            given = self.answers[path]
            return given() if callable(given) else given
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.issuer, "authorization_endpoint": self.issuer + "/authorize?tenant=1",
                         "token_endpoint": self.issuer + "/token", "jwks_uri": self.issuer + "/keys",
                         "end_session_endpoint": self.issuer + "/end", **self.document}
        if path == "/keys":
            return 200, {"keys": self.keys if self.keys is not None else [self.key.jwk]}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self.make_token(self.honest(body["code"][0]))}

    def honest(self, code):
        now = int(time.time())
        said = {"iss": self.issuer, "sub": "u-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonces[code],
                "name": "Ada", "email": "ada@example.com", "groups": ["admins"], **self.claims}
        given = {name: value(now) if callable(value) else value for name, value in said.items()}
        return {name: value for name, value in given.items() if value is not None}

    def authorize(self, location):
        """What it sends the browser back with: code and state."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
        code = f"code-{len(self.nonces)}"
        self.nonces[code] = query["nonce"][0]
        return f"{query['redirect_uri'][0]}?" + urllib.parse.urlencode({"code": code, "state": query["state"][0]})

    def count(self, path):
        return sum(1 for asked, _, _ in self.asked if asked == path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
