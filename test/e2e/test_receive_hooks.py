# SPDX-License-Identifier: Apache-2.0
"""grapnel receive --hooks: a hooks.json of adnanh/webhook runs as it is."""
import hashlib
import hmac
import json
import signal

import pytest
from conftest import wait_until
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
    command = script(tmp_path, 'printf "%s|%s" "$1" "$2" > args.new; cat > body; mv args.new args\n')
    receiver = start(hooks_file(tmp_path, github(tmp_path, command, **{"response-message": "deploying",
                                "response-headers": [{"name": "X-Deploy", "value": "yes"}]})))
    answer = receiver.post(*push(), path="/hooks/deploy")
    assert (answer[0], text(answer)) == (200, "deploying")
    assert b"X-Deploy: yes\r\n" in answer[1]
    wait_until((tmp_path / "args").exists, "the command")
    assert (tmp_path / "args").read_text() == "0123abcd|a $(touch pwned) b"
    assert (tmp_path / "body").read_bytes() == push()[0]
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
    assert text(answer) == 'a b x y form hello {"user":"a b","data":"aGVsbG8="}\n'
    answer = receiver.post(b"<a/>", {"content-type": "application/xml"}, "/hooks/form")
    assert answer[0] == 415 and "not supported" in text(answer)


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


@pytest.mark.parametrize("hooks,words", [
    ([{"id": "a"}], 'hook 1: "execute-command" is missing'),
    ([{"id": "a", "execute-command": "x", "trigger-rule": {"match": {"type": "value", "secret": "s", "parameter": {}}}}],
     'hook 1 (a): trigger-rule.match: there is no "secret" here')])
def test_a_wrong_file_is_refused_with_the_place(grapnel, tmp_path, hooks, words):
    ended = grapnel.run("receive", hooks_file(tmp_path, *hooks))
    assert ended.returncode != 0 and words in ended.stderr
