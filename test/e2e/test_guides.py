# SPDX-License-Identifier: Apache-2.0
"""Every command of the README and of the guides, as it is printed: in order, in a fresh folder, with a fresh server, and
with no variable but those that the page itself sets.

A page's commands are its blocks marked `sh`. They run in one shell, in a network of their own where only 127.0.0.1 is, so
that the printed ports are free. What cannot be run on a test machine stands in NOT_HERE with the reason; an entry that
fits no command any more is an error.
"""
import collections
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess

import pytest

from conftest import PATIENCE_S, ROOT, binary, wait_until

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md")), *sorted((ROOT / "integrations").rglob("README.md"))]
LANGUAGES = {"sh", "http", "json", "ini", "python", "js", "c", "text", "yaml", "html", "jsx", "sql"}

NOT_HERE = {
    ("README.md", "make run"): "builds all of it and does not end; tools/try-bare runs it on a bare system",
    ("README.md", "make test"): "is what runs this test",
    ("operating.md", "grapnel doctor --config=/etc/grapnel/grapnel.conf"): "looks at the machine's own configuration",
    ("postgresql.md", "grapnel doctor --config=/etc/grapnel/grapnel.conf"): "looks at the machine's own configuration",
    ("postgresql.md", "kubectl create"): "needs a Kubernetes; test_helm renders what the next command installs",
    ("postgresql.md", "helm install"): "needs a Kubernetes; test_helm renders what it installs",
    ("postgresql.md", "grapnel cell move"): "needs two databases with their nodes; test_cell_move has them",
    ("postgresql.md", "pg_autoctl create"): "needs machines of its own; tools/failover gives the same commands, with their settings, on one",
    ("operating.md", "journalctl"): "needs a server that systemd runs",
    ("operating.md", "createdb"): "needs a PostgreSQL; test_copy has one",
    ("operating.md", "systemctl stop grapnel"): "needs a server that systemd runs",
    ("operating.md", "sudo -u grapnel grapnel store copy"): "needs a PostgreSQL; test_copy runs these commands with their own store and database",
    ("gaia.md", "grapnel import gaia"): "needs an etcd with webhooks in it; test_gaia has one",
    ("ckan.md", "psql"): "needs the database of a CKAN site",
    ("handshakes.md", "curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\"):
        "asks a receiver on the internet; test_handshakes has one",
    ("webfilters.md", "python manage.py"): "needs an Open edX site; test_openedx has its tables",
    ("receiver.md", "cc receiver.c"): "needs the library installed; the unit tests build the same file",
    ("integrations/ckan/README.md", "pip install"): "belongs in a CKAN's environment; integrations/ckan/tests/run does it there",
    ("integrations/ckan/README.md", "ckan grapnel flush"): "needs a CKAN; integrations/ckan/tests/run has one",
}
# Commands that go on until they are ended: their reader types the next one in another terminal.
FOREGROUND = re.compile(r"^(?:build/)?grapnel (?:serve|listen|receive)\b(?!.*&$)", re.DOTALL)
READY = re.compile(r"event=server\.started|http://\S+")
TYPED = {("preservica.md", "grapnel user create"): "a long password\n",
         ("console.md", "grapnel user create"): "a long password\n"}  # what its reader types
# What must be seen in a command's output in the end.
SHOWN = {("README.md", "build/grapnel listen"): "verified",
         ("console.md", "grapnel console"): "/console/#login=gc_",
         ("portal.md", "curl -X POST http://127.0.0.1:8071/api/v1/auth/app-portal-access/acme"): "/portal#key=",
         ("webfilters.md", "grapnel import openedx"): "event types",
         ("receiving.md", "grapnel verify --preset=stripe --secret=whsec_of_the_endpoint --header"): "",
         ("operating.md", 'curl -H "authorization: Bearer $TOKEN" $A/msg'): "done"}
# Those who look for what a customer got have one.
READERS_CUSTOMER = 'curl -X POST http://127.0.0.1:8071/api/v1/app -H "authorization: Bearer $(grapnel token create --name=reader)" ' \
                   "-d '{\"name\": \"Acme\", \"uid\": \"acme\"}'"

Block = collections.namedtuple("Block", "language lines")


def name_of(page):
    relative = page.relative_to(ROOT)
    return str(relative) if relative.parts[0] == "integrations" else page.name


def blocks(page):
    """The fenced blocks of a page, without the fence's own indentation; and the lines outside of them."""
    found, outside, at = [], [], None
    for line in page.read_text().splitlines():
        fence = re.match(r"^( *)```(\S*)\s*$", line)
        if fence and at is None:
            at = (fence[1], Block(fence[2], []))
        elif fence:
            found.append(at[1])
            at = None
        elif at is not None:
            at[1].lines.append(line.removeprefix(at[0]))
        else:
            outside.append(line)
    assert at is None, f"{page.name}: a block does not end"
    return found, outside


def is_whole(text):
    return not text.rstrip("\n").endswith("\\") and subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True,
                                                                 check=False).returncode == 0


def commands(page):
    found = []
    for block in blocks(page)[0]:
        if block.language != "sh":
            continue
        text = ""
        for line in block.lines:
            if text == "" and (line.strip() == "" or line.lstrip().startswith("#")):
                continue
            text += line + "\n"
            if is_whole(text):
                found.append(text.rstrip("\n"))
                text = ""
        assert text == "", f"{page.name}: this does not end: {text}"
    return found


def entry(table, page, command):
    for (name, start), value in table.items():
        if name == name_of(page) and command.startswith(start):
            return value
    return None


def test_the_lists_of_this_test_fit_commands_that_are_printed():
    printed = [(name_of(page), command) for page in PAGES for command in commands(page)]
    for table in (NOT_HERE, TYPED, SHOWN):
        for name, start in table:
            assert any(page == name and command.startswith(start) for page, command in printed), f"stale: {name}: {start}"
    assert len(printed) > 40


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_stand_in_blocks_that_are_run(page):
    found, outside = blocks(page)
    for block in found:
        assert block.language in LANGUAGES, f"a block of no language begins with: {block.lines[:1]}"
        if block.language != "sh":
            assert not [line for line in block.lines if re.match(r"\s*(\$ |curl |grapnel |build/grapnel )", line)]
    before = ""
    for line in outside:
        assert not (before == "" and re.match(r" {4,}\S", line)), f"a block that is only indented: {line}"
        before = line.strip()


LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    flags = struct.pack("16sH14x", b"lo", 0x1 | 0x40)
    fcntl.ioctl(s, 0x8914, flags)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def own_network():
    """The command that runs another in a network of its own; [] where the system allows none."""
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        command = [*unshare, "python3", "-c", LOOPBACK_UP]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return []


def make_tools(folder):
    """`grapnel` and `curl` as the reader has them; this curl also fails when the answer does."""
    tools = folder / "bin"
    tools.mkdir()
    (tools / "grapnel").symlink_to(binary().resolve())
    (tools / "curl").write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --fail-with-body -sS "$@"\n')
    (tools / "curl").chmod(0o755)
    (folder / "here" / "build").mkdir(parents=True)
    (folder / "here" / "build" / "grapnel").symlink_to(binary().resolve())
    (folder / "here" / "integrations").symlink_to(ROOT / "integrations")
    return tools


class Shell:
    """One shell for a page. A command's output is a file; its exit code, once it has one, a line on standard output."""

    def __init__(self, folder):
        tools = make_tools(folder)
        self.folder, self.count = folder, 0
        kept = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        self.child = subprocess.Popen([*own_network(), "bash", "--norc", "--noprofile"], cwd=folder / "here", text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                                      env={**kept, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8"})
        self.child.stdin.write("set -u -o pipefail\n")

    def output(self, number=None):
        return self.folder / f"output-{number or self.count}"

    def run(self, command, typed=""):
        """(exit code, output)"""
        self.count += 1
        script, keys = self.folder / f"command-{self.count}", self.folder / f"typed-{self.count}"
        script.write_text(command + "\n")
        keys.write_text(typed)
        self.child.stdin.write(f"eval \"$(cat {script})\" <{keys} >{self.output()} 2>&1; echo $?\n")
        self.child.stdin.flush()
        is_over = select.select([self.child.stdout], [], [], PATIENCE_S)[0]
        line = self.child.stdout.readline().strip() if is_over else "waiting"
        text = self.output().read_text(errors="replace")
        if line == "":
            raise AssertionError(f"the shell ended (an unset variable?) at: {command}\n{text}")
        assert is_over, f"this does not end: {command}\n{text}"
        return int(line), text

    def wait(self, pattern, number):
        def look():
            return re.search(pattern, self.output(number).read_text(errors="replace"))
        try:
            wait_until(look, f"{pattern!r} in the output")
        except AssertionError as late:
            raise AssertionError(f"{late}:\n{self.output(number).read_text(errors='replace')}") from None

    def end(self):
        try:
            os.killpg(self.child.pid, signal.SIGTERM)
            self.child.stdin.close()
            self.child.wait(PATIENCE_S)
        except (ProcessLookupError, subprocess.TimeoutExpired, BrokenPipeError):
            pass
        finally:
            try:
                os.killpg(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.child.stdout.close()


@pytest.fixture
def shell(tmp_path):
    made = Shell(tmp_path)
    yield made
    made.end()


def start(shell, command):
    code, _ = shell.run(f"{{ {command}\n}} &")
    assert code == 0
    shell.wait(READY, shell.count)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_each_command_of_a_page_runs_as_it_is_printed(shell, page):
    if not own_network():
        pytest.skip("no network of its own can be had here, and the printed ports may be taken")
    printed = commands(page)
    if not any(re.match(r"(?:build/)?grapnel serve", command) for command in printed):
        start(shell, "grapnel serve")
    if page.name == "operating.md":
        assert shell.run(READERS_CUSTOMER)[0] == 0
    shown = []
    for command in printed:
        if entry(NOT_HERE, page, command):
            continue
        if FOREGROUND.match(command):
            start(shell, command)
        else:
            code, text = shell.run(command, entry(TYPED, page, command) or "")
            assert code == 0, f"{command}\nended with {code}:\n{text}"
        words = entry(SHOWN, page, command)
        if words is not None:
            shown.append((words, shell.count))
    for words, number in shown:
        shell.wait(words, number)
