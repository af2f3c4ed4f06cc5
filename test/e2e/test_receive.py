# SPDX-License-Identifier: Apache-2.0
"""grapnel receive: what it answers, what it runs, and what it keeps when it is killed."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import PATIENCE_S, ROOT, binary, wait_until

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byt").decode()


class Command:
    """A receiver process; its output in a file."""

    def __init__(self, folder, *flags, program=None, environment=None):
        self.folder, self.flags, self.program = pathlib.Path(folder), flags, program
        self.environment = {**os.environ, **(environment or {})}
        self.out, self.log = self.folder / "out", self.folder / "log"
        self.start()

    def start(self):
        command = [self.program or binary(), *([] if self.program else ["receive"]), *self.flags]
        with open(self.out, "wb") as out, open(self.log, "ab") as log:
            self.child = subprocess.Popen(command, stdout=out, stderr=log, cwd=self.folder, env=self.environment)
        text = wait_until(lambda: re.search(r"(?:http://127\.0\.0\.1:|port )(\d+)\n", self.out.read_text() + self.log_text())
                          or (self.child.poll() is not None and self.fail()), "a port")
        self.port = int(text.group(1))
        return self

    def log_text(self):
        return self.log.read_text() if self.program else ""

    def fail(self):
        raise AssertionError(f"ended with {self.child.returncode}: {self.log.read_text()}")

    def stop(self, number=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(number)
        return self.child.wait(PATIENCE_S)

    def request(self, text):
        """One request on a connection of its own; (status, the whole answer)."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as peer:
            peer.sendall(text)
            answer = b""
            while piece := peer.recv(65536):
                answer += piece
        return int(answer.split(b" ", 2)[1]), answer

    def post(self, body, headers=None, path="/", method="POST"):
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}content-length: {len(body)}\r\n\r\n"
        return self.request(head.encode() + body)

    def send(self, body, identifier, age_s=0, secret=SECRET):
        return self.post(body, sign(body, identifier, age_s, secret))[0]

    def lines(self):
        return [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith("{")]


def sign(body, identifier, age_s=0, secret=SECRET):
    stamp = str(int(time.time()) - age_s)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{identifier}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": identifier, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(mac).decode(), "content-type": "application/json"}


@pytest.fixture
def start(tmp_path):
    made = []

    def make(*flags, **more):
        made.append(Command(tmp_path, *flags, **more))
        return made[-1]
    yield make
    for one in made:
        one.stop()
        log = one.log.read_text()
        assert not re.search(r"Sanitizer|runtime error:", log), log


def test_verified_events_are_printed_and_all_others_refused(start):
    receiver = start(f"--secret={SECRET}", "--json", "--body-max=1000")
    assert receiver.send(b'{"n":1}', "one") == 200
    assert receiver.send(b'{"n":2}', "two", age_s=3600) == 401
    assert receiver.send(b'{"n":3}', "three", secret="whsec_" + base64.b64encode(b"x" * 24).decode()) == 401
    assert receiver.post(b'{"n":4}')[0] == 401
    assert receiver.send(b"x" * 1001, "five") == 413
    assert receiver.send(b'{"n":1}', "one") == 200  # again: answered, not run
    assert receiver.send(b'{"n":6}', "six") == 200
    wait_until(lambda: len(receiver.lines()) >= 2, "two events")
    assert receiver.stop() == 0
    assert [line["id"] for line in receiver.lines()] == ["one", "six"]
    assert receiver.lines()[0]["body"] == '{"n":1}'


def test_any_of_several_secrets_verifies(start):
    other = "whsec_" + base64.b64encode(b"y" * 24).decode()
    receiver = start(f"--secret={other}", f"--secret={SECRET}", "--json")
    assert receiver.send(b"{}", "one") == 200
    assert receiver.send(b"[]", "two", secret=other) == 200


def test_preservica_handshake_and_chunked_event(start):
    receiver = start("--preset=preservica", "--secret=shared", "--json")
    status, answer = receiver.post(b"", path="/any?challengeCode=abc123")
    assert status == 200
    proof = hmac.new(b"shared", b"abc123", hashlib.sha256).hexdigest()
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1]) == {"challengeCode": "abc123", "challengeResponse": proof}
    assert receiver.post(b"", path="/?challengeCode=preservica-webhook-auth%7B%7D")[0] == 401
    body = b'{"trigger":"MOVED","events":[{"entityRef":"a","entityType":"IO"}]}'
    mac = hmac.new(b"shared", b"preservica-webhook-auth" + body, hashlib.sha256).hexdigest()
    head = f"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\nPreservica-Signature: {mac}\r\n\r\n"
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 20]), body[i:i + 20]) for i in range(0, len(body), 20))
    assert receiver.request(head.encode() + pieces + b"0\r\n\r\n")[0] // 100 == 2
    wait_until(lambda: receiver.lines(), "the event")
    assert receiver.lines()[0]["body"] == body.decode()


def test_a_program_gets_the_event(start, tmp_path):
    receiver = start(f"--secret={SECRET}", '--exec=cat > "$GRAPNEL_ID"; echo "$GRAPNEL_HEADER_CONTENT_TYPE" > type; touch done',
                     f"--history={tmp_path}/history")
    assert receiver.send(b'{"n":1}', "event1") == 200
    wait_until((tmp_path / "done").exists, "the program")
    assert (tmp_path / "event1").read_bytes() == b'{"n":1}'
    assert (tmp_path / "type").read_text() == "application/json\n"
    record = json.loads(wait_until(lambda: (tmp_path / "history").exists() and (tmp_path / "history").read_text(), "history"))
    assert record["id"] == "event1" and record["result"] == "exit code 0"


@pytest.mark.parametrize("command,status", [("true", 204), ("exit 65", 422), ("exit 75", 503), ("exit 1", 500),
                                            ("sleep 100 & sleep 100", 504)])
def test_waiting_turns_the_exit_code_into_a_status(start, command, status):
    receiver = start(f"--secret={SECRET}", f"--exec={command}", "--wait", "--timeout=700ms")
    begun = time.monotonic()
    assert receiver.send(b"{}", "one") == status
    assert time.monotonic() - begun < PATIENCE_S


def test_a_replay_is_not_processed_twice_unless_it_failed(start, tmp_path):
    receiver = start(f"--secret={SECRET}", "--exec=echo run >> runs; test $(wc -l < runs) -gt 1", "--wait")
    assert receiver.send(b"{}", "one") == 500
    assert receiver.send(b"{}", "one") == 204
    assert receiver.send(b"{}", "one") == 204
    assert (tmp_path / "runs").read_text() == "run\n" * 2


def test_a_program_that_runs_too_long_is_killed_with_all_it_started(start, tmp_path):
    receiver = start(f"--secret={SECRET}", "--exec=(sleep 1000 & echo $! > child; wait)", "--timeout=500ms")
    assert receiver.send(b"{}", "one") == 200
    child = wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip(), "the program")

    def is_gone():
        stat = pathlib.Path(f"/proc/{child}/stat")
        try:
            return stat.read_text().split()[2] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    wait_until(is_gone, "its end")
    wait_until(lambda: "killed after" in receiver.log.read_text(), "the note")


def test_what_was_accepted_before_a_kill_runs_after_the_next_start(start, tmp_path):
    gate = tmp_path / "gate"
    receiver = start(f"--secret={SECRET}", f"--spool={tmp_path}/spool", "--concurrency=1",
                     f"--exec=while ! test -e {gate}; do sleep 0.05; done; echo $GRAPNEL_ID >> ran")
    for i in range(20):
        assert receiver.send(b'{"n":%d}' % i, f"event{i}") == 200
    receiver.stop(signal.SIGKILL)
    assert not (tmp_path / "ran").exists()
    gate.touch()
    receiver.start()
    wanted = {f"event{i}" for i in range(20)}
    wait_until(lambda: (tmp_path / "ran").exists() and wanted <= set((tmp_path / "ran").read_text().split()), "all events")
    for i in range(20):  # known still, after the restart
        assert receiver.send(b'{"n":%d}' % i, f"event{i}") == 200
    assert receiver.stop() == 0
    # The one that ran at the kill may have run twice (its shell outlived the receiver); none of the others.
    ran = (tmp_path / "ran").read_text().split()
    assert len(ran) <= 21
    assert not list((tmp_path / "spool").glob("*.event"))


def test_a_thousand_senders_at_once_are_all_served(start):
    receiver = start(f"--secret={SECRET}", "--json", "--connections=4096")

    def one(i):
        return receiver.send(b'{"n":%d}' % i, f"event{i}")
    peers = [socket.create_connection(("127.0.0.1", receiver.port), PATIENCE_S) for _ in range(1000)]
    for i, peer in enumerate(peers):
        body = b'{"n":%d}' % i
        lines = "".join(f"{name}: {value}\r\n" for name, value in sign(body, f"held{i}").items())
        peer.sendall(f"POST / HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body[:3])
    for i, peer in enumerate(peers):
        peer.sendall((b'{"n":%d}' % i)[3:])
    assert [peer.recv(100).split(b" ")[1] for peer in peers] == [b"200"] * 1000
    for peer in peers:
        peer.close()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert set(pool.map(one, range(200))) == {200}
    wait_until(lambda: len(receiver.lines()) == 1200, "all events")


def test_grapnel_delivers_to_grapnel_receive(start, grapnel):
    server = grapnel
    app = server.application()
    endpoint = server.endpoint(app, "http://127.0.0.1:9/", secret=SECRET)
    receiver = start(f"--secret={SECRET}", "--json")
    server.ok("PATCH", f"/app/{app}/endpoint/{endpoint}", {"url": f"http://127.0.0.1:{receiver.port}/hook"})
    message = server.publish(app, {"hello": "world"})
    wait_until(lambda: receiver.lines(), "the event")
    event = receiver.lines()[0]
    assert event["id"] == message and json.loads(event["body"]) == {"hello": "world"} and event["verified"]


def test_ten_lines_of_c_receive(start):
    program = binary().parent / "test" / "unit" / "lib" / "ten_lines"
    if not program.exists():
        program = next(iter((binary().parent).glob("**/ten_lines")))
    receiver = start("127.0.0.1:0", "github", "secret", program=program)
    body = b'{"zen":"Keep it small."}'
    mac = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={mac}", "x-github-event": "ping", "x-github-delivery": "1"}
    assert receiver.post(body, headers)[0] // 100 == 2
    assert receiver.post(body, {**headers, "x-hub-signature-256": "sha256=" + "0" * 64})[0] == 401
    wait_until(lambda: body.decode() in receiver.out.read_text(), "the event")
    assert receiver.stop() == 0
    guide = (ROOT / "docs" / "guide" / "receiver.md").read_text()
    source = (ROOT / "integrations" / "receiver" / "ten_lines.c").read_text()
    assert source[source.index("#include"):] in guide


def test_thumbnails_of_preservica_events_are_fetched(start, make_receiver, tmp_path):
    system = make_receiver((200, {"content-type": "image/jpeg"}, b"a picture"))
    reference = "0a1b2c3d-0000-4000-8000-123456789abc"
    receiver = start("--preset=preservica", "--secret=shared", f"--spool={tmp_path}/spool",
                     f"--exec={ROOT}/integrations/receiver/thumbnail.sh",
                     environment={"PRESERVICA_URL": f"http://127.0.0.1:{system.port}", "PRESERVICA_TOKEN": "token",
                                  "THUMBNAILS": str(tmp_path)})

    def send(*references):
        body = json.dumps({"events": [{"entityRef": one, "entityType": "IO"} for one in references]}).encode()
        mac = hmac.new(b"shared", b"preservica-webhook-auth" + body, hashlib.sha256).hexdigest()
        return receiver.post(body, {"Preservica-Signature": mac})[0]
    assert send(reference) == 200
    picture = tmp_path / f"{reference}.jpg"
    wait_until(picture.exists, "the picture")
    assert picture.read_bytes() == b"a picture"
    assert system.received[0].path == f"/api/entity/information-objects/{reference}/preview?size=medium"
    assert system.received[0].headers["Preservica-Access-Token"] == "token"
    assert send("../../etc/passwd") == 200
    wait_until(lambda: list((tmp_path / "spool" / "failed").iterdir()), "the failed event")
    assert len(system.received) == 1


def test_an_access_token_that_has_ended_is_replaced_by_logging_in(make_receiver, tmp_path):
    """Each token is good for one picture; the next event finds the one that was kept, and replaces it."""
    logins, refused = [], (401, {}, b"")

    def system(handler):
        if handler.path == "/api/accesstoken/login":
            logins.append(peer.received[-1].body)
            body, status = json.dumps({"token": f"t{len(logins)}"}).encode(), 200
        else:
            good = handler.headers["Preservica-Access-Token"] == f"t{len(logins)}" and not (tmp_path / "used").exists()
            status, body = (200, b"a picture") if good else refused[::2]
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    peer = make_receiver(system)
    environment = {**os.environ, "PRESERVICA_URL": f"http://127.0.0.1:{peer.port}", "PRESERVICA_TOKEN": "ended", "PRESERVICA_USERNAME": "ann@x&y",
                   "PRESERVICA_PASSWORD": "p%w d", "PRESERVICA_TENANT": "L", "THUMBNAILS": str(tmp_path)}

    def run(reference, **more):
        event = json.dumps({"events": [{"entityRef": reference, "entityType": "SO"}]})
        return subprocess.run(["sh", ROOT / "integrations" / "receiver" / "thumbnail.sh"], input=event, text=True, capture_output=True, check=False,
                              env={**environment, **more}, timeout=60)
    first = run("a1")
    assert (first.returncode, first.stderr) == (0, "")
    assert (run("a2").returncode, len(logins)) == (0, 1)
    assert logins[0] == b"username=ann%40x%26y&password=p%25w%20d&tenant=L"
    assert (tmp_path / ".token").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.glob("*.jpg")) == ["a1.jpg", "a2.jpg"]
    (tmp_path / "used").touch()
    done = run("a3")
    assert (done.returncode, len(logins)) == (1, 2)
    done = run("a4", PRESERVICA_USERNAME="")
    assert done.returncode == 1 and "logging in fails" in done.stderr


def test_a_secret_learned_in_a_handshake_is_kept_in_the_file_and_not_printed(tmp_path):
    secrets = tmp_path / "secrets"
    secrets.touch()
    command = Command(tmp_path, "--preset=asana", f"--secret-file={secrets}")
    body, learned = b'{"events":[{"action":"changed"}]}', "a-secret-of-asana-0123456789"
    status, answer = command.post(b"{}", {"x-hook-secret": learned})
    assert status == 200 and learned.encode() in answer
    assert wait_until(secrets.read_text, "the secret") == learned + "\n"
    assert command.stop() == 0
    assert learned not in command.log.read_text() + command.out.read_text()
    command.start()
    mac = hmac.new(learned.encode(), body, hashlib.sha256).hexdigest()
    assert command.post(body, {"x-hook-signature": mac})[0] < 300
    assert command.post(body + b" ", {"x-hook-signature": mac})[0] == 401
    command.stop()
