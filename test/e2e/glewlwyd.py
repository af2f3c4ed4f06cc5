# SPDX-License-Identifier: Apache-2.0
"""A real OpenID provider: Debian's glewlwyd on a database (SQLite), a port and a folder of its own."""
import base64
import gzip
import http.client
import importlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.parse

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

support = sys.modules.get("e2e_support") or importlib.import_module("conftest")  # tests of the pages have them by that name
foreign_port, wait_until = support.foreign_port, support.wait_until

TABLES = pathlib.Path("/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz")
PAGES = pathlib.Path("/usr/share/glewlwyd")
CLIENT, SECRET = "grapnel", "a-secret-between-us"
PASSWORD = "correct horse battery"
CONFIG = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
static_files_path="{folder}/pages/"
allow_origin="*"
log_mode="console"
log_level="WARNING"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3" path = "{folder}/glewlwyd.db" }};
static_files_mime_types = (
  {{ extension = ".html" mime_type = "text/html" compress = 0 }},
  {{ extension = ".css" mime_type = "text/css" compress = 0 }},
  {{ extension = ".js" mime_type = "application/javascript" compress = 0 }},
  {{ extension = ".json" mime_type = "application/json" compress = 0 }}
)
"""


def base64url(number, size):
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


def rsa_key(kid):
    """A new private key as JSON, as the provider wants it."""
    key = rsa.generate_private_key(65537, 2048).private_numbers()
    public = key.public_numbers
    parts = {"n": public.n, "d": key.d, "p": key.p, "q": key.q, "dp": key.dmp1, "dq": key.dmq1, "qi": key.iqmp}
    sized = {name: base64url(value, 256 if name in "nd" else 128) for name, value in parts.items()}
    return {"kty": "RSA", "alg": "RS256", "kid": kid, "e": "AQAB", **sized}


def ec_key(kid):
    key = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = key.public_numbers
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": base64url(point.x, 32), "y": base64url(point.y, 32),
            "d": base64url(key.private_value, 32)}


def ed25519_key(kid):
    key = ed25519.Ed25519PrivateKey.generate()
    text = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()  # noqa: E731
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": text(key.public_key().public_bytes_raw()),
            "d": text(key.private_bytes_raw())}


class Glewlwyd:
    """It has one client, which allow() tells its redirect URIs; people are added by add_user()."""

    def __init__(self, folder, keys=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = foreign_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.issuer = self.url + "/api/oidc"
        self.cookie, self.child = None, None
        database = sqlite3.connect(self.folder / "glewlwyd.db")
        database.executescript(gzip.decompress(TABLES.read_bytes()).decode())
        database.close()
        (self.folder / "glewlwyd.conf").write_text(CONFIG.format(port=self.port, folder=self.folder))
        self.lay_out_pages()
        self.start()
        self.ask("POST", "/api/auth/", {"username": "admin", "password": "password"})
        module = self.ask("GET", "/api/mod/user/database")
        module["parameters"]["data-format"]["groups"] = {"multiple": True, "read": True, "write": True}
        self.ask("PUT", "/api/mod/user/database", module)
        self.ask("PUT", "/api/mod/user/database/reset")
        self.ask("PUT", "/api/scope/openid", {"name": "openid", "display_name": "OpenID", "password_required": True,
                                              "password_max_age": 0, "scheme": {}})
        self.plugin(keys or [rsa_key("first")])
        self.client = {"client_id": CLIENT, "name": "Grapnel", "enabled": True, "confidential": True, "client_secret": SECRET,
                       "password": SECRET, "redirect_uri": [], "authorization_type": ["code"], "scope": [],
                       "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"]}
        self.ask("POST", "/api/client/?source=database", self.client)

    def lay_out_pages(self):
        """Debian's pages, with the configuration that Debian's own installation leaves a folder in place of."""
        pages = self.folder / "pages"
        shutil.copytree(PAGES / "webapp", pages, ignore=shutil.ignore_patterns("config.json"))
        (pages / "config.json").write_bytes((PAGES / "templates" / "config.json").read_bytes())

    def start(self):
        with open(self.folder / "glewlwyd.log", "ab") as log:
            self.child = subprocess.Popen(["glewlwyd", "--config-file", self.folder / "glewlwyd.conf"], stdout=log,
                                          stderr=subprocess.STDOUT)
        wait_until(self.answers, "the provider")

    def answers(self):
        try:
            return self.raw("GET", "/config")[0] == 200
        except OSError:
            return False

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def raw(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None, cookie=None):
        """A call of its API as its administrator; the JSON of an answer that must be good."""
        text = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"}
        if cookie or self.cookie:
            headers["cookie"] = cookie or self.cookie
        status, answer, found = self.raw(method, path, text, headers)
        assert 200 <= status < 300, f"{method} {path}: {status} {found}"
        if path == "/api/auth/" and cookie is None and self.cookie is None:
            self.cookie = answer["set-cookie"].split(";")[0]
        return json.loads(found) if found else None

    def plugin(self, keys, method="POST"):
        """The OpenID part, which signs with the first of the keys."""
        parameters = {
            "iss": self.issuer, "jwt-type": "rsa", "jwt-key-size": "256", "jwks-show": True,
            "jwks-private": json.dumps({"keys": keys}), "default-kid": keys[0]["kid"],
            "access-token-duration": 3600, "refresh-token-duration": 1209600, "code-duration": 600,
            "refresh-token-rolling": True, "allow-non-oidc": True, "auth-type-code-enabled": True,
            "auth-type-code-revoke-replayed": True, "auth-type-token-enabled": False, "auth-type-id-token-enabled": True,
            "auth-type-password-enabled": False, "auth-type-client-enabled": False, "auth-type-refresh-enabled": False,
            "auth-type-device-enabled": False, "subject-type": "public", "pkce-allowed": True,
            "pkce-method-plain-allowed": False, "session-management-allowed": True, "session-cookie-name": "GLEWLWYD2_OIDC_SID", "session-cookie-expiration": 2419200,
            "allowed-scope": ["openid"], "scope": [], "address-claim": {"type": "no"}, "name-claim": "no",
            "email-claim": "no", "scope-claim": "no", "additional-parameters": [],
            "claims": [{"name": "groups", "user-property": "groups", "type": "string", "mandatory": True, "on-demand": False,
                        "scope": []},
                       {"name": "preferred_username", "user-property": "username", "type": "string", "mandatory": True,
                        "on-demand": False, "scope": []}]}
        self.ask(method, "/api/mod/plugin/" + ("oidc" if method == "PUT" else ""),
                 {"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "parameters": parameters})
        if method == "PUT":
            self.ask("PUT", "/api/mod/plugin/oidc/reset")

    def allow(self, redirect_uri):
        self.client["redirect_uri"].append(redirect_uri)
        self.ask("PUT", f"/api/client/{CLIENT}?source=database", self.client)

    def change_keys(self, *keys):
        self.plugin(list(keys), "PUT")

    def add_user(self, name, *groups):
        self.ask("POST", "/api/user/?source=database", {"username": name, "password": PASSWORD, "name": name.title(),
                                                        "email": f"{name}@example.com", "enabled": True,
                                                        "scope": ["g_profile", "openid"], "groups": list(groups)})
        cookie = self.log_in(name)
        self.ask("PUT", f"/api/auth/grant/{CLIENT}", {"scope": "openid"}, cookie)

    def log_in(self, name):
        """The cookie of a browser in which somebody has logged in here."""
        status, headers, found = self.raw("POST", "/api/auth/", json.dumps({"username": name, "password": PASSWORD}),
                                          {"content-type": "application/json"})
        assert status == 200, found
        return headers["set-cookie"].split(";")[0]

    def authorize(self, location, cookie):
        """What the browser does there when everything is known already: the address it is sent back to."""
        parts = urllib.parse.urlsplit(location)
        status, headers, found = self.raw("GET", f"{parts.path}?{parts.query}&g_continue", headers={"cookie": cookie})
        assert status in (302, 303), (status, found)
        return headers["location"]


def running():
    """Whether this machine has it."""
    return TABLES.exists()

