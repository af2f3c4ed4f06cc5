# SPDX-License-Identifier: Apache-2.0
"""grapnel receive --hooks beside adnanh/webhook itself: WEBHOOK_ORIGINAL names a binary of it, else this is skipped.

Every hook is asked with every request; what the guide calls different is left out here."""
import itertools
import json
import os
import re
import socket
import subprocess
import sys

import pytest
from conftest import PATIENCE_S, wait_until
from test_receive import start  # noqa: F401 (a fixture)

ORIGINAL = os.environ.get("WEBHOOK_ORIGINAL")
pytestmark = pytest.mark.skipif(not ORIGINAL, reason="WEBHOOK_ORIGINAL names no binary of adnanh/webhook")

SHOW = f"""#!{sys.executable}
import json, os, sys
names = [n for n in os.environ if n.startswith(("HOOK_", "FILE")) and n != "HOOK_ID"]
shown = {{n: open(os.environ[n], "rb").read().decode("latin-1") if n.startswith("FILE") else os.environ[n] for n in names}}
print(json.dumps([[a.encode("utf-8", "surrogateescape").decode("latin-1") for a in sys.argv[1:]], shown, sys.stdin.read()], sort_keys=True))
"""


def parameter(source, name=None, **more):
    return {"source": source, **({} if name is None else {"name": name}), **more}


def value(expected, *where, kind="value", field="value"):
    return {"match": {"type": kind, field: expected, "parameter": parameter(*where)}}


PARAMETERS = [*[parameter(s) for s in ("entire-payload", "entire-headers", "entire-query")], parameter("request", "method"), parameter("string", ""),
              *[parameter("payload", n) for n in ("a", "a.b", "a.b.0", "a.k", "n", "x.y", "root.0.a", "root.1")],
              *[parameter("header", n) for n in ("x-abc", "X-ABC.k", "Host", "none")], parameter("url", "q"), parameter("query", "q.k")]
RULES = [value("1", "payload", "a"), value(1, "payload", "a"), value(True, "payload", "a"), value("^ma.n$", "payload", "a", kind="regex", field="regex"),
         value("1", "payload", "a.b.c"), value("1", "url", "q"), {}, {"and": []}, {"or": []}]


def hooks(command):
    shows = {"execute-command": command, "include-command-output-in-response": True, "pass-arguments-to-command": PARAMETERS}
    found = [{"id": "show", **shows},
             {"id": "files", **shows, "pass-environment-to-command": [parameter("payload", "a"), parameter("header", "none")],
              "pass-file-to-command": [parameter("payload", "n", envname="FILE_N", base64decode=True), parameter("entire-payload", envname="FILE")]},
             {"id": "parsed", **shows, "parse-parameters-as-json": [parameter("payload", "a"), parameter("header", "x-abc"), parameter("url", "q")]},
             {"id": "xml", **shows, "incoming-payload-content-type": "text/xml"}]
    composed = [*RULES, *[{"not": r} for r in RULES], *[{k: [r, s]} for k in ("and", "or") for r, s in itertools.product(RULES[:6], RULES[4:6])]]
    return found + [{"id": f"rule{i}", "execute-command": "/bin/true", "response-message": "ran", "trigger-rule": rule,
                     "trigger-rule-mismatch-http-response-code": 403} for i, rule in enumerate(composed)]


JSON, FORM, XML, PARTS = "application/json", "application/x-www-form-urlencoded", "text/xml", "multipart/form-data; boundary=B"
REQUESTS = [
    (JSON, body, query, extra) for body in (
        b"", b"{}", b"null", b'{"a":"1"}', b'{"a":1,"a":true}', b'{"a":{"b":[1,2.50,{"z":1,"y":"<&>"}]},"n":1e5,"x.y":null}', b'[{"b":1, "a":2}]',
        b'{"a":"main\\n"}', b'{"a":"m\xe9in","n":"aGVs\\nbG8h"}', b'{"a":"\\ud83d"}', b'{"a":null}', b'{"a":{"b":null}}', b'{"a":"{\\"k\\":[1]}"} more')
    for query, extra in (("", ""), ("?q=1&q=2&b=%zz", "x-abc: v\r\nX-ABC: w\r\n"), ("?q=%7B%22k%22:1%7D", 'x-abc: {"k":"v"}\r\n'))]
REQUESTS += [(FORM, body, "?q=1", "") for body in (b"a=1&a=2", b"a=m%C3%A9%E9n+x&n=aGVsbG8", b"=x&a", b"a=%7B%22k%22:1%7D")]
REQUESTS += [(XML, body, "", "") for body in (b"<a><b>1</b><b x='y'>2</b></a>", b"<a/>", b"<r:a xmlns:r='u' r:k='v'>x &amp; y</r:a>", b"<a>t<b/>u</a>")]
REQUESTS += [(PARTS, body.replace(b"\n", end), "", "") for end in (b"\n", b"\r\n") for body in (
    b'--B\nContent-Disposition: form-data; name="a"\n\n1\n--B\nContent-Disposition: form-data; name="a"\n\n2\n--B--\nend',
    b'x\n--B\nContent-Disposition: form-data; name=n; filename=f\nContent-Type: application/json\n\n{"k":3}\n--B--',
    b'--B\nContent-Disposition: form-data; name="a"\nContent-Transfer-Encoding: quoted-printable\n\n1=3D=\n2\n--B--', b"--B--")]


def ask(port, hook, request):
    kind, body, query, extra = request
    head = f"POST /hooks/{hook}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as peer:
        peer.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        body = b"".join(re.split(rb"(?:\r\n|^)[0-9a-f]+\r\n", body))
    return int(head.split(b" ", 2)[1]), body.rstrip()


@pytest.fixture
def original(tmp_path):
    """The port of the original with a file of hooks."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "show").write_text(SHOW)
    (tmp_path / "show").chmod(0o755)
    (tmp_path / "hooks.json").write_text(json.dumps(hooks(str(tmp_path / "show"))))
    with open(tmp_path / "original.log", "wb") as log, subprocess.Popen(
            [ORIGINAL, "-ip", "127.0.0.1", "-port", str(port), "-hooks", str(tmp_path / "hooks.json")], stdout=log, stderr=log) as child:
        def answers():
            with socket.socket() as peer:
                return peer.connect_ex(("127.0.0.1", port)) == 0
        wait_until(answers, "the original")
        yield port
        child.terminate()


def test_every_hook_answers_as_the_original_does(start, original, tmp_path):
    receiver = start(f"--hooks={tmp_path}/hooks.json")
    for hook, request in itertools.product([h["id"] for h in hooks("")], REQUESTS):
        if hook == "xml" and request[0] != XML:  # not what its type says
            continue
        assert ask(receiver.port, hook, request) == ask(original, hook, request), (hook, request)
