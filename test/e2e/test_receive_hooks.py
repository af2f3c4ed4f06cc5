# SPDX-License-Identifier: Apache-2.0
"""grapnel receive --hooks: a hooks.json of adnanh/webhook runs as it is."""
import concurrent.futures
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import signal

import pytest
from conftest import binary, wait_until
from test_receive import Command, start  # noqa: F401 (a fixture)

REFUSED = "Hook rules were not satisfied."


def hooks_file(folder, *hooks):
    path = folder / "hooks.json"
    path.write_text(json.dumps(hooks))
    return f"--hooks={path}"


def script(folder, text, name="script.sh"):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def text(answer):
    return answer[1].split(b"\r\n\r\n", 1)[1].decode()


# The recipe for GitHub: signed, pushed, to one branch.
def github(folder, command, **more):
    return {"id": "deploy", "execute-command": command, "command-working-directory": str(folder),
            "pass-arguments-to-command": [{"source": "payload", "name": "head_commit.id"},
                                          {"source": "payload", "name": "pusher.name"}],
            "trigger-rule": {"and": [
                {"match": {"type": "payload-hmac-sha256", "secret": "mysecret",
                           "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
                {"match": {"type": "value", "value": "refs/heads/main", "parameter": {"source": "payload", "name": "ref"}}}]},
            **more}


def push(ref="refs/heads/main", secret=b"mysecret"):
    body = json.dumps({"ref": ref, "head_commit": {"id": "0123abcd"}, "pusher": {"name": "a $(touch pwned) b"}}).encode()
    mac = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return body, {"X-Hub-Signature-256": "sha256=" + mac, "content-type": "application/json"}


def test_github_push_deploys(start, tmp_path):
    command = script(tmp_path, 'cat > input; printf "%s|%s" "$1" "$2" > args.new; mv args.new args\n')
    receiver = start(hooks_file(tmp_path, github(tmp_path, command, **{"response-message": "deploying",
                                "response-headers": [{"name": "X-Deploy", "value": "yes"}]})))
    answer = receiver.post(*push(), path="/hooks/deploy")
    assert (answer[0], text(answer)) == (200, "deploying")
    assert b"X-Deploy: yes\r\n" in answer[1]
    wait_until((tmp_path / "args").exists, "the command")
    assert (tmp_path / "args").read_text() == "0123abcd|a $(touch pwned) b"
    assert (tmp_path / "input").read_bytes() == b""
    assert not (tmp_path / "pwned").exists()
    assert receiver.post(*push(secret=b"other"), path="/hooks/deploy")[0] == 401
    answer = receiver.post(*push(ref="refs/heads/x"), path="/hooks/deploy")
    assert (answer[0], text(answer)) == (200, REFUSED)
    assert receiver.post(*push(), path="/hooks/none")[0] == 404
    assert receiver.post(*push(), path="/deploy")[0] == 404


def test_output_codes_and_methods(start, tmp_path):
    good, bad = script(tmp_path, "echo out; echo err >&2\n", "good"), script(tmp_path, "echo why; exit 3\n", "bad")
    base = {"include-command-output-in-response": True}
    receiver = start(hooks_file(
        tmp_path,
        {"id": "good", "execute-command": good, "success-http-response-code": 201, "http-methods": ["PUT"], **base},
        {"id": "bad", "execute-command": bad, **base},
        {"id": "told", "execute-command": bad, "include-command-output-in-response-on-error": True, **base},
        {"id": "gone", "execute-command": "/nonexistent", **base},
        {"id": "slow", "execute-command": script(tmp_path, "sleep 100\n", "slow"), "max-seconds": 1, **base},
        {"id": "no", "execute-command": good, "trigger-rule-mismatch-http-response-code": 403,
         "trigger-rule": {"match": {"type": "ip-whitelist", "ip-range": "192.0.2.0/24"}}}))
    answer = receiver.post(b"", path="/hooks/good", method="PUT")
    assert (answer[0], text(answer)) == (201, "out\nerr\n")
    assert receiver.post(b"", path="/hooks/good")[0] == 405
    answer = receiver.post(b"", path="/hooks/bad")
    assert answer[0] == 500 and "why" not in text(answer)
    answer = receiver.post(b"", path="/hooks/told")
    assert (answer[0], text(answer)) == (500, "why\n")
    assert receiver.post(b"", path="/hooks/gone")[0] == 500
    assert receiver.post(b"", path="/hooks/slow")[0] == 500
    assert receiver.post(b"", path="/hooks/no")[0] == 403


def test_environment_files_and_forms(start, tmp_path):
    command = script(tmp_path, 'echo "$HOOK_user $named $HOOK_ID $(cat "$HOOK_DATA") $(cat "$FILE")"\n')
    receiver = start(hooks_file(tmp_path, {
        "id": "form", "execute-command": command, "include-command-output-in-response": True,
        "pass-environment-to-command": [{"source": "payload", "name": "user"},
                                        {"source": "url", "name": "q", "envname": "named"}],
        "pass-file-to-command": [{"source": "payload", "name": "data", "base64decode": True},
                                 {"source": "entire-payload", "envname": "FILE"}]}))
    answer = receiver.post(b"user=a+b&data=aGVsbG8%3D", {"content-type": "application/x-www-form-urlencoded"},
                           "/hooks/form?q=x%20y")
    assert text(answer) == 'a b x y form hello {"data":"aGVsbG8=","user":"a b"}\n'
    answer = receiver.post(b"user=%zz", {"content-type": "application/x-www-form-urlencoded"}, "/hooks/form")
    assert answer[0] == 400 and "form is malformed" in text(answer)


def echo_arguments(folder, *names, **more):
    """A hook that answers the values of these parameters of the payload, in brackets."""
    return {"id": "echo", "execute-command": script(folder, 'for a in "$@"; do printf "[%s]" "$a"; done\n', "echo.sh"),
            "include-command-output-in-response": True,
            "pass-arguments-to-command": [{"source": "payload", "name": name} for name in names], **more}


XML = b"""<?xml version="1.0"?>
<app>
  <users><user id="1" name="Jeff" /><user id="2" name="Sally" /></users>
  <messages><message id="1" from_user="1" to_user="2">Hello!!</message></messages>
</app>"""


def test_xml_is_referred_to_as_the_originals_guide_says(start, tmp_path):
    receiver = start(hooks_file(tmp_path, echo_arguments(
        tmp_path, "app.users.user.0.-name", "app.messages.message.-id", "app.messages.message.#text", "app.none", **{
            "trigger-rule": {"match": {"type": "value", "value": "Sally",
                                       "parameter": {"source": "payload", "name": "app.users.user.1.-name"}}}})))
    for kind in ("application/xml", "text/xml; charset=utf-8", "application/soap+xml"):
        answer = receiver.post(XML, {"content-type": kind}, "/hooks/echo")
        assert (answer[0], text(answer)) == (200, "[Jeff][1][Hello!!][]")
    assert text(receiver.post(XML.replace(b"Sally", b"Sam"), {"content-type": "text/xml"}, "/hooks/echo")) == REFUSED


def test_xml_that_expands_or_fetches_is_refused(start, tmp_path, make_receiver):
    outside = make_receiver()
    receiver = start(hooks_file(tmp_path, echo_arguments(tmp_path, "a")))
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    for body, words in (
            (f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><a>&l11;</a>', "entities of its own"),
            (f'<!DOCTYPE a [<!ENTITY x SYSTEM "{outside.url}">]><a>&x;</a>', "entities of its own"),
            (f'<!DOCTYPE a [<!ENTITY % x SYSTEM "{outside.url}"> %x;]><a/>', "entities of its own"),
            ("<a>" * 129, "deeper than 128"), ("<a>", "not XML"), ("no XML", "not XML")):
        answer = receiver.post(body.encode(), {"content-type": "text/xml"}, "/hooks/echo")
        assert answer[0] == 400 and words in text(answer), body[:80]
    answer = receiver.post(f'<!DOCTYPE a SYSTEM "{outside.url}"><a>1</a>'.encode(), {"content-type": "text/xml"}, "/hooks/echo")
    assert (answer[0], text(answer)) == (200, "[1]")
    assert outside.received == []


def multipart(*parts):
    """(body, headers); a part is (name, bytes, further text of its disposition and headers)."""
    body = b"".join(b'--frontier\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + more.encode() + b"\r\n\r\n"
                    + data + b"\r\n" for name, data, more in parts) + b"--frontier--\r\n"
    return body, {"content-type": "multipart/form-data; boundary=frontier"}


def test_multipart_fields_and_files(start, tmp_path):
    command = script(tmp_path, 'printf "%s|%s|%s|" "$1" "$2" "$3"; cmp "$HOOK_PICTURE" picture && echo same\n')
    (tmp_path / "picture").write_bytes(bytes(range(256)))
    receiver = start(hooks_file(tmp_path, {
        "id": "form", "execute-command": command, "command-working-directory": str(tmp_path),
        "include-command-output-in-response": True,
        "parse-parameters-as-json": [{"source": "payload", "name": "inner"}],
        "pass-arguments-to-command": [{"source": "payload", "name": "user"}, {"source": "payload", "name": "inner.k"},
                                      {"source": "payload", "name": "event.user.id"}],
        "pass-file-to-command": [{"source": "payload", "name": "picture"}],
        "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": "s",
                                   "parameter": {"source": "header", "name": "x-signature"}}}}))
    body, headers = multipart(("user", b"a b", ""), ("inner", b'{"k":7}', ""),
                              ("event", b'{"user":{"id":42}}', '; filename="event.json"\r\nContent-Type: application/json'),
                              ("picture", bytes(range(256)), '; filename="p.png"\r\nContent-Type: image/png'))
    headers["x-signature"] = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    answer = receiver.post(body, headers, "/hooks/form")
    assert (answer[0], text(answer)) == (200, "a b|7|42|same\n")
    assert not list(tmp_path.glob("grapnel-hook-*"))  # made where the command works, and gone
    for broken, words in ((body[:-12], "no end"), (body.replace(b"\r\n\r\n", b"\r\n"), "malformed"),
                          (multipart(*[("x", b"", "")] * 1001)[0], "more than 1000 parts")):
        answer = receiver.post(broken, headers, "/hooks/form")
        assert answer[0] == 400 and words in text(answer)


def test_the_whole_payload_headers_and_query_are_handed_on_as_json(start, tmp_path):
    command = script(tmp_path, 'for a in "$@"; do printf "%s\\036" "$a"; done\n')
    sources = ["entire-payload", "entire-query", "entire-headers", "raw-request-body", "request"]
    receiver = start(hooks_file(tmp_path, {
        "id": "all", "execute-command": command, "include-command-output-in-response": True,
        "pass-arguments-to-command": [{"source": source, "name": "method" if source == "request" else ""} for source in sources]}))
    body, headers = multipart(("user", b"a", ""), ("event", b"[1]", '; filename="e"\r\nContent-Type: application/json'))
    for sent, kind, payload in ((body, headers["content-type"], {"user": "a", "event": [1]}),
                                (b"u=1&u=2", "application/x-www-form-urlencoded", {"u": "1"}),
                                (b"<a><b/></a>", "text/xml", {"a": {"b": ""}}),
                                (b'[{"k":1}]', "application/json", {"root": [{"k": 1}]})):
        got = text(receiver.post(sent, {"content-type": kind}, "/hooks/all?q=1")).split("\036")
        assert (json.loads(got[0]), json.loads(got[1])) == (payload, {"q": "1"})
        assert json.loads(got[2])["Content-Type"] == kind and "Host" not in json.loads(got[2])
        assert got[3:] == [sent.decode(), "POST", ""]


def test_soft_failures_let_an_or_go_on(start, tmp_path):
    signed = {"match": {"type": "payload-hmac-sha1", "secret": "s", "parameter": {"source": "header", "name": "x-signature"}}}
    known = {"match": {"type": "value", "value": "letmein", "parameter": {"source": "url", "name": "token"}}}
    base = {"execute-command": "/bin/true", "response-message": "ran", "trigger-rule": {"or": [signed, known]}}
    receiver = start(hooks_file(tmp_path, {"id": "hard", **base}, {"id": "soft", **base, "trigger-signature-soft-failures": True},
                                {"id": "strict", **base, "trigger-signature-soft-failures": True, "trigger-rule": {"and": [signed, known]}},
                                {"id": "absent", **base, "trigger-rule": {"and": [{"not": known}]}}))
    wrong = {"x-signature": "sha1=" + "0" * 40}
    assert receiver.post(b"", wrong, "/hooks/hard?token=letmein")[0] == 401
    assert text(receiver.post(b"", wrong, "/hooks/soft?token=letmein")) == "ran"
    assert text(receiver.post(b"", wrong, "/hooks/soft")) == REFUSED
    assert receiver.post(b"", wrong, "/hooks/strict?token=letmein")[0] == 401
    assert text(receiver.post(b"", {}, "/hooks/hard?token=letmein")) == "ran"  # missing is not wrong
    assert text(receiver.post(b"", {}, "/hooks/absent")) == REFUSED  # but ends an "and"
    assert text(receiver.post(b"", {}, "/hooks/absent?token=other")) == "ran"


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_each_digest_signs_under_both_of_its_names(start, tmp_path, digest, old):
    receiver = start(hooks_file(tmp_path, {
        "id": "one", "execute-command": "/bin/true", "response-message": "ran",
        "trigger-rule": {"match": {"type": f"payload-{'hash' if old else 'hmac'}-{digest}", "secret": "s",
                                   "parameter": {"source": "header", "name": "X-Signature"}}}}))
    mac = hmac.new(b"s", b"body", digest).hexdigest()
    for given, status in ((mac, 200), (f"{digest}={mac}", 200), (f"{digest}=00,{digest}={mac}", 200), (mac[:-1], 401), ("", 401)):
        assert receiver.post(b"body", {"X-Signature": given}, "/hooks/one")[0] == status


def one_hook(message):
    return {"id": "one", "execute-command": "/bin/true", "response-message": message}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_has_the_hooks_read_again(start, tmp_path, number):
    flag = hooks_file(tmp_path, one_hook("first"))
    other = tmp_path / "other.json"
    other.write_text(json.dumps([{**one_hook("other"), "id": "two"}]))
    receiver = start(flag, f"--hooks={other}")
    assert [text(receiver.post(b"", path=f"/hooks/{i}")) for i in ("one", "two")] == ["first", "other"]
    hooks_file(tmp_path, one_hook("second"))
    receiver.child.send_signal(number)
    wait_until(lambda: text(receiver.post(b"", path="/hooks/one")) == "second", "the new hooks")
    assert text(receiver.post(b"", path="/hooks/two")) == "other"
    (tmp_path / "hooks.json").write_text("[{")
    receiver.child.send_signal(number)
    wait_until(lambda: "hooks stay as they were" in receiver.log.read_text(), "the complaint")
    assert "hooks.json: line 1: not JSON" in receiver.log.read_text()
    assert text(receiver.post(b"", path="/hooks/one")) == "second"
    assert receiver.stop() == 0


def test_hotreload_follows_the_file(start, tmp_path):
    receiver = start(hooks_file(tmp_path, one_hook("first")), "--hotreload")
    assert text(receiver.post(b"", path="/hooks/one")) == "first"
    new = tmp_path / "new.json"  # put in the old one's place, as editors do
    new.write_text(json.dumps([one_hook("second")]))
    new.rename(tmp_path / "hooks.json")
    wait_until(lambda: text(receiver.post(b"", path="/hooks/one")) == "second", "the new hooks")
    (tmp_path / "hooks.json").unlink()
    wait_until(lambda: "cannot be read" in receiver.log.read_text(), "the complaint")
    assert text(receiver.post(b"", path="/hooks/one")) == "second"
    hooks_file(tmp_path, {**one_hook("third"), "id": "renamed"})
    wait_until(lambda: receiver.post(b"", path="/hooks/one")[0] == 404, "the new hooks")
    assert text(receiver.post(b"", path="/hooks/renamed")) == "third"


def test_a_run_ends_with_the_hook_it_began_with(start, tmp_path):
    gate = tmp_path / "gate"
    slow = script(tmp_path, f"touch {tmp_path}/began; while ! test -e {gate}; do sleep 0.05; done; echo done\n")
    receiver = start(hooks_file(tmp_path, {"id": "slow", "execute-command": slow, "include-command-output-in-response": True,
                                           "response-headers": [{"name": "X-Was", "value": "here"}]}))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(receiver.post, b"", None, "/hooks/slow")
        wait_until((tmp_path / "began").exists, "the run")
        hooks_file(tmp_path, one_hook("other"))
        receiver.child.send_signal(signal.SIGHUP)
        wait_until(lambda: receiver.post(b"", path="/hooks/one")[0] == 200, "the new hooks")
        assert receiver.post(b"", path="/hooks/slow")[0] == 404
        gate.touch()
        status, whole = answer.result()
    assert status == 200 and b"X-Was: here\r\n" in whole and whole.endswith(b"done\n")


def test_a_queue_and_its_runs_survive_a_kill_in_order(start, tmp_path):
    gate = tmp_path / "gate"
    command = script(tmp_path, f'while ! test -e {gate}; do sleep 0.05; done; echo "$1" >> {tmp_path}/ran\n')
    receiver = start(hooks_file(tmp_path, {"id": "one", "execute-command": command, "max-concurrency": 1,
                                           "pass-arguments-to-command": [{"source": "url", "name": "n"}]}),
                     f"--spool={tmp_path}/spool", f"--history={tmp_path}/history")
    for i in range(10):
        assert receiver.post(b"", path=f"/hooks/one?n={i}")[0] == 200
    receiver.stop(signal.SIGKILL)
    gate.touch()
    wait_until(lambda: (tmp_path / "ran").exists(), "the one that outlived the receiver")
    (tmp_path / "ran").unlink()
    receiver.start()
    wait_until(lambda: (tmp_path / "ran").exists() and len((tmp_path / "ran").read_text().split()) == 10, "all runs")
    assert (tmp_path / "ran").read_text().split() == [str(i) for i in range(10)]
    wait_until(lambda: (tmp_path / "history").exists() and len((tmp_path / "history").read_text().splitlines()) == 10, "history")
    record = json.loads((tmp_path / "history").read_text().splitlines()[0])
    assert record["hook"] == "one" and record["result"] == "exit code 0"


def test_a_full_queue_of_a_hook_is_503_and_others_go_on(start, tmp_path):
    gate = tmp_path / "gate"
    command = script(tmp_path, f"while ! test -e {gate}; do sleep 0.05; done\n")
    receiver = start(hooks_file(tmp_path, {"id": "full", "execute-command": command, "max-concurrency": 1, "max-queue": 2},
                                {"id": "free", "execute-command": script(tmp_path, "echo hi\n", "hi"),
                                 "include-command-output-in-response": True}))
    codes = [receiver.post(b"", path="/hooks/full")[0] for _ in range(6)]
    assert codes[:2] == [200, 200] and codes[-1] == 503
    assert receiver.post(b"", path="/hooks/free")[0] == 200
    gate.touch()


def test_a_shell_as_a_command_does_not_run_what_strangers_send(start, tmp_path):
    receiver = start(hooks_file(tmp_path, {"id": "sh", "execute-command": "/bin/sh", "include-command-output-in-response": True}))
    answer = receiver.post(b"echo ran-$((40+2))", path="/hooks/sh")
    assert (answer[0], text(answer)) == (200, "")


def test_a_hooks_variable_replaces_the_services(start, tmp_path):
    command = script(tmp_path, "env | grep -c ^BRANCH=; echo $BRANCH\n")
    receiver = start(hooks_file(tmp_path, {
        "id": "e", "execute-command": command, "include-command-output-in-response": True,
        "pass-environment-to-command": [{"source": "url", "name": "b", "envname": "BRANCH"}]}), environment={"BRANCH": "the-services"})
    assert text(receiver.post(b"", path="/hooks/e?b=of-the-request")) == "1\nof-the-request\n"
    assert text(receiver.post(b"", path="/hooks/e")) == "1\nthe-services\n"


def test_a_value_with_a_zero_byte_starts_nothing(start, tmp_path):
    receiver = start(hooks_file(tmp_path, {**echo_arguments(tmp_path, "a"), "include-command-output-in-response-on-error": True}))
    answer = receiver.post(b'{"a":"x\\u0000y"}', {"content-type": "application/json"}, "/hooks/echo")
    assert (answer[0], text(answer)) == (500, "")


def test_base64_with_line_ends_is_decoded(start, tmp_path):
    receiver = start(hooks_file(tmp_path, {
        "id": "f", "execute-command": script(tmp_path, 'cat "$F"\n'), "include-command-output-in-response": True,
        "pass-file-to-command": [{"source": "payload", "name": "f", "envname": "F", "base64decode": True}]}))
    answer = receiver.post(json.dumps({"f": "aGVs\nbG8h\r\n"}).encode(), {"content-type": "application/json"}, "/hooks/f")
    assert text(answer) == "hello!"


def test_paths_name_hooks_as_they_are_meant(start, tmp_path):
    ids = ["my hook", "h\u00f6ren", "a/b", "c+d"]
    receiver = start(hooks_file(tmp_path, *[{**one_hook("ran"), "id": i} for i in ids], {**one_hook("put"), "id": "put", "http-methods": [" put "]}))
    for path in ("my%20hook", "h%C3%B6ren", "h\u00f6ren", "a/b", "a%2Fb", "c+d", "c%2bd"):
        assert receiver.request(f"POST /hooks/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())[0] == 200, path
    assert receiver.request(b"GET http://x/hooks/a/b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")[0] == 200
    assert [receiver.post(b"", path="/hooks/put", method=m)[0] for m in ("PUT", "put", "POST")] == [200, 405, 405]
    answer = receiver.post(b"", path="/", method="GET")
    assert (answer[0], text(answer)) == (200, "OK")


def test_a_hooks_headers_replace_ours_and_come_with_its_run_only(start, tmp_path):
    receiver = start(hooks_file(tmp_path, {
        "id": "h", "execute-command": "/bin/true", "response-message": "{}", "success-http-response-code": 799,
        "response-headers": [{"name": "Content-Type", "value": "application/json"}, {"name": "X-A", "value": "1"},
                             {"name": "x-a", "value": "2"}, {"name": "Content-Length", "value": "99"},
                             {"name": "x-a b", "value": "3"}],
        "trigger-rule": {"match": {"type": "value", "value": "1", "parameter": {"source": "url", "name": "run"}}}}))
    status, answer = receiver.post(b"", path="/hooks/h?run=1")
    lines = [line.lower() for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n")]
    assert status == 200 and [line for line in lines if line.startswith((b"content-", b"x-a"))] == [
        b"content-length: 2", b"content-type: application/json", b"x-a: 2"]
    assert b"x-a" not in receiver.post(b"", path="/hooks/h")[1].lower()


def test_a_path_into_null_is_an_error_of_the_rule(start, tmp_path):
    rule = {"match": {"type": "value", "value": "main", "parameter": {"source": "payload", "name": "head_commit.branch"}}}
    receiver = start(hooks_file(tmp_path, {**one_hook("ran"), "trigger-rule": {"not": rule}}))
    for body, expected in ((b'{"head_commit":null}', (500, "Error occurred while evaluating hook rules.")), (b"{}", (200, "ran"))):
        answer = receiver.post(body, {"content-type": "application/json"}, "/hooks/one")
        assert (answer[0], text(answer)) == expected


def test_output_is_read_to_its_end(start, tmp_path):
    receiver = start(hooks_file(
        tmp_path, {"id": "late", "execute-command": script(tmp_path, "(sleep 0.3; echo late) & echo early\n"), "include-command-output-in-response": True},
        {"id": "much", "execute-command": script(tmp_path, "head -c 300000 /dev/zero | tr '\\0' x\n", "much"), "include-command-output-in-response": True}))
    assert text(receiver.post(b"", path="/hooks/late")) == "early\nlate\n"
    assert text(receiver.post(b"", path="/hooks/much")) == "x" * 300000


@pytest.mark.parametrize("answers", [True, False])
def test_slow_runs_of_a_hook_hold_up_no_other(start, tmp_path, answers):
    gate = tmp_path / "gate"
    slow = script(tmp_path, f"touch {tmp_path}/began.$$; while ! test -e {gate}; do sleep 0.05; done; echo done\n")
    receiver = start(hooks_file(tmp_path, {"id": "slow", "execute-command": slow, "include-command-output-in-response": answers},
                                {"id": "quick", "execute-command": script(tmp_path, "echo quick\n", "quick"),
                                 "include-command-output-in-response": True}))
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        slow_ones = [pool.submit(receiver.post, b"", None, "/hooks/slow") for _ in range(12)]
        wait_until(lambda: len(list(tmp_path.glob("began.*"))) == 12, "all of them")
        assert text(receiver.post(b"", path="/hooks/quick")) == "quick\n"
        gate.touch()
        assert [one.result()[0] for one in slow_ones] == [200] * 12


def test_max_concurrency_and_queue_hold_for_hooks_that_answer_with_their_output(start, tmp_path):
    gate = tmp_path / "gate"
    command = script(tmp_path, f'touch {tmp_path}/began.$1; while ! test -e {gate}; do sleep 0.05; done; echo "$1" >> {tmp_path}/ran\n')
    receiver = start(hooks_file(tmp_path, {"id": "one", "execute-command": command, "max-concurrency": 1, "max-queue": 1,
                                           "include-command-output-in-response": True,
                                           "pass-arguments-to-command": [{"source": "url", "name": "n"}]}))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        first = pool.submit(receiver.post, b"", None, "/hooks/one?n=1")
        wait_until((tmp_path / "began.1").exists, "the first run")
        others = [pool.submit(receiver.post, b"", None, f"/hooks/one?n={n}") for n in (2, 3)]
        refused = next(concurrent.futures.as_completed(others))
        assert refused.result()[0] == 503
        assert len(list(tmp_path.glob("began.*"))) == 1
        gate.touch()
        assert sorted(one.result()[0] for one in (first, *others)) == [200, 200, 503]
    assert len((tmp_path / "ran").read_text().split()) == 2


@pytest.mark.parametrize("hooks,words", [
    ([{"id": "a"}], 'hook 1: "execute-command" is missing'),
    ([{"id": "a", "execute-command": "x", "trigger-rule": {"match": {"type": "value", "secret": "s", "parameter": {}}}}],
     'hook 1 (a): trigger-rule.match: there is no "secret" here')])
def test_a_wrong_file_is_refused_with_the_place(grapnel, tmp_path, hooks, words):
    ended = grapnel.run("receive", hooks_file(tmp_path, *hooks))
    assert ended.returncode != 0 and words in ended.stderr


def takes_a_library(environment):
    """The thread sanitizer's own start reads the clock, and waits for itself when that allocates."""
    try:
        done = subprocess.run([binary(), "version"], env={**os.environ, **environment}, capture_output=True, check=False, timeout=30)
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False


def test_a_hook_without_a_limit_runs_as_long_as_it_takes_and_one_with_a_limit_does_not(start, tmp_path):
    """The receiver's clock goes a day ahead while both run: the one with a limit ends, which shows that time was looked at."""
    clock = tmp_path / "mono"
    clock.write_text(f"{0:+021d}")
    library = tmp_path / "clock.so"
    subprocess.run([shutil.which("cc") or "gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", library,
                    pathlib.Path(__file__).with_name("wall_clock.c"), "-ldl"], check=True)
    environment = {"LD_PRELOAD": str(library), "MONO_CLOCK": str(clock)}
    if not takes_a_library(environment):
        pytest.skip("this build's sanitizer takes no other clock")
    for name in ("free", "bound"):
        os.mkfifo(tmp_path / f"{name}.go")
    command = script(tmp_path, 'touch "$1.began"; read line < "$1.go"; echo "$line" > "$1.new"; mv "$1.new" "$1.done"\n')
    hooks = [{"id": name, "execute-command": command, "command-working-directory": str(tmp_path),
              "pass-arguments-to-command": [{"source": "string", "name": name}], **more}
             for name, more in (("free", {}), ("bound", {"max-seconds": 60}))]
    receiver = start(hooks_file(tmp_path, *hooks), environment=environment)
    for name in ("free", "bound"):
        assert receiver.post(b"{}", {"content-type": "application/json"}, path=f"/hooks/{name}")[0] == 200
        wait_until((tmp_path / f"{name}.began").exists, name)
    clock.write_text(f"{86400:+021d}")
    wait_until(lambda: re.search(r"killed|timeout|too long|time", receiver.log.read_text()), "the end of the one with a limit")
    with open(tmp_path / "free.go", "w", encoding="ascii") as go:
        go.write("done\n")
    wait_until((tmp_path / "free.done").exists, "the one without a limit")
    assert not (tmp_path / "bound.done").exists()
