# SPDX-License-Identifier: Apache-2.0
"""The code that the portal shows for verifying events, run as it is shown: a real event passes, forged ones do not.

Node.js, Python, PHP, Ruby and C# (by Mono) are always there (tools/install test); Java, Go and Rust are run where the machine
has them. What has to be installed first is installed by the command that is shown beside the code."""
import http.client
import os
import shutil
import subprocess
import sys

import pytest

from conftest import NODE_MODULES, PATIENCE_S, ROOT, support, wait_until

# Ruby's snippet is a Rack application; this is the smallest server for one.
RACK = """
require "socket"
require "stringio"
require "./webhooks"
server = TCPServer.new("127.0.0.1", ENV.fetch("PORT").to_i)
loop do
  client = server.accept
  head = {}
  client.gets
  while (line = client.gets.to_s.chomp) != ""
    name, value = line.split(": ", 2)
    head[name.downcase] = value
  end
  env = { "rack.input" => StringIO.new(client.read(head["content-length"].to_i).to_s) }
  head.each { |name, value| env["HTTP_" + name.upcase.tr("-", "_")] = value }
  status, = Webhooks.new.call(env)
  client.write("HTTP/1.1 #{status} X\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
  client.close
end
"""
COMMANDS = {
    "Node": ["node", "{file}"],
    "Python": [sys.executable, "{file}"],
    "PHP": ["php", "-S", "127.0.0.1:{port}", "{file}"],
    "Ruby": ["ruby", "-I.", "-e", RACK],
    "Java": ["java", "{file}"],
    "Go": ["./webhooks"],
    "C#": ["mono", "webhooks.exe"],
    "Rust": ["target/debug/webhooks"],
}
# How it is made, before and after what is to be installed.
MAKES = {
    "Go": ([["go", "mod", "init", "webhooks"]], [["go", "build", "-o", "webhooks", "."]]),
    "C#": ([], [["mcs", "-out:webhooks.exe", "{file}"]]),
    "Rust": ([["cargo", "init", "-q", "--vcs=none", "--name=webhooks", "."]], [["cargo", "build", "-q"]]),
}
RARE = {"Java": "java", "Go": "go", "Rust": "cargo"}
# Nobody debugs it, and what it needs is built once for a clone.
ENVIRONMENT = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "0", "CARGO_TARGET_DIR": str(ROOT / "build" / "snippets")}


def make_program(language, folder, file, code, install):
    """Puts the code into a folder and makes of it what can be run."""
    before, after = MAKES.get(language, ([], []))
    for command in [*before, *([["sh", "-c", install]] if before and install else []), None, *after]:
        if command is None:
            (folder / file).write_text(code)
            continue
        done = subprocess.run([part.replace("{file}", file) for part in command], cwd=folder, env={**os.environ, **ENVIRONMENT},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}"
    if language == "Node":
        (folder / "node_modules").symlink_to(NODE_MODULES)
    if language == "Rust":
        (folder / "target").symlink_to(ENVIRONMENT["CARGO_TARGET_DIR"])


def show_snippet(page, world, language):
    """(name of the file, code, what is to be installed), as a reader sees them."""
    page.goto(world.portal(path=f"/endpoints/{world.endpoints['ok']}/created"))
    page.get_by_role("button", name=language, exact=True).click()
    code = page.get_by_role("region", name=f"Verify each event: {language}", exact=True)
    code.wait_for()
    install = page.get_by_label("Install first")
    return page.locator(".langbar code").inner_text(), code.evaluate("e => e.textContent"), install.inner_text() if install.count() else ""


def post(port, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("POST", "/hook", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def answers(port):
    try:
        post(port, b"{}", {})
        return True
    except OSError:
        return False


@pytest.fixture(name="run_snippet")
def make_run_snippet(tmp_path):
    """Runs a snippet with a secret; the port it listens at."""
    children = []

    def run(language, file, code, install, secret):
        port = support.foreign_port()
        make_program(language, tmp_path, file, code, install)
        command = [part.replace("{file}", file).replace("{port}", str(port)) for part in COMMANDS[language]]
        with open(tmp_path / "log", "wb") as log:
            children.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log,
                                             env={**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret}))
        wait_until(lambda: answers(port) or children[-1].poll() is not None, f"the {language} snippet to listen")
        assert children[-1].poll() is None, (tmp_path / "log").read_text()
        return port

    yield run
    for child in children:
        child.kill()
        child.wait()


@pytest.mark.parametrize("language", COMMANDS)
def test_the_code_takes_real_events_and_refuses_forged_ones(open_page, world, run_snippet, make_receiver, language):
    if language in RARE and not shutil.which(RARE[language]):
        pytest.skip(f"there is no {RARE[language]} on this machine")
    page = open_page()
    page.watched.may_ask(world.server.url)
    file, code, install = show_snippet(page, world, language)
    app = world.server.application(f"Snippet {language}")
    recorder = make_receiver()
    endpoint = world.server.endpoint(app, recorder.url)
    secret = world.server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")["key"]
    port = run_snippet(language, file, code, install, secret)

    world.server.publish(app, {"amount": 1999, "name": "Zürich"}, "invoice.paid")
    real = recorder.wait()[0]
    head = {name: real.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type")}
    assert post(port, real.body, head) in (200, 204)
    assert post(port, real.body + b" ", head) == 400
    assert post(port, real.body, {**head, "webhook-id": "msg_forged"}) == 400
    assert post(port, real.body, {**head, "webhook-timestamp": "1700000000"}) == 400
    assert post(port, real.body, {**head, "webhook-signature": "v1,AAAA"}) == 400
    assert post(port, real.body, {}) == 400
    # While a secret is changed there are two signatures; one that fits is enough.
    assert post(port, real.body, {**head, "webhook-signature": "v1,AAAA " + head["webhook-signature"]}) in (200, 204)
