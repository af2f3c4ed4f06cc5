# SPDX-License-Identifier: Apache-2.0
"""grapnel store copy: what a server has accepted goes to PostgreSQL and comes back, and a server goes on with it."""
import contextlib
import os
import re
import sqlite3
import subprocess
import sys

import pytest

from conftest import ROOT, wait_until


@pytest.fixture
def database():
    """The URL of an empty database."""
    given = os.environ.get("GRAPNEL_TEST_POSTGRES")
    command = [sys.executable, str(ROOT / "test" / "support" / "postgres_server.py")]
    server = None if given else subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                                 start_new_session=True)
    base = given or server.stdout.readline().strip()
    if not base:
        pytest.skip("PostgreSQL is not there: postgresql-15")
    name = f"grapnel_copy_{os.getpid()}"

    def ask(sql):
        subprocess.run(["psql", "-qX", base, "-c", sql], check=True, capture_output=True, text=True)

    ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    ask(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    yield re.sub(r"^(\w+://[^/]*/)[^?]*", rf"\g<1>{name}", base)
    ask(f"DROP DATABASE {name} WITH (FORCE)")
    if server:
        server.stdin.close()
        server.wait(60)


def copy(server, *flags):
    return server.run("store", "copy", *(f"--{flag}" for flag in flags))


def copied(server, *flags):
    done = copy(server, *flags)
    assert done.returncode == 0, done.stderr
    return done


def rows_of(file, table):
    with contextlib.closing(sqlite3.connect(file)) as db:
        return sorted(db.execute(f"SELECT * FROM {table}").fetchall())


def attempts_of(server, app, message):
    """Without what is counted from two clocks each time it is asked."""
    return [{k: v for k, v in attempt.items() if k != "nextAttempt"} for attempt in server.attempts(app, message)]


def test_a_server_goes_on_with_what_came_back(make_grapnel, receiver, make_receiver, database, tmp_path):
    server = make_grapnel().serve("deliver.retry=1h")
    dead = make_receiver(500)
    app = server.application(uid="copied")
    server.endpoint(app, receiver.url)
    endpoint = server.endpoint(app, dead.url)
    sent = [server.publish(app, {"n": n}, eventId=f"event-{n}") for n in range(5)]
    receiver.wait(5)
    wait_until(lambda: all(len(server.attempts(app, m)) == 2 for m in sent), "both attempts of each")
    secret = server.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret")
    attempts = {m: attempts_of(server, app, m) for m in sent}
    there, back = (f"from={server.store}", f"to={database}"), tmp_path / "back"

    refused = copy(server, *there, f"store.dir={server.store}")
    assert refused.returncode == 1 and "stop it first" in refused.stderr
    server.stop()
    dry = copied(server, *there, "dry-run", f"store.dir={server.store}")
    assert "would be copied: 1 segments with 5 messages, 10 deliveries (5 still to be sent)" in dry.stdout
    done = copied(server, *there, f"store.dir={server.store}")
    assert "copied: 1 segments with 5 messages, 10 deliveries (5 still to be sent), 10 attempts" in done.stdout
    assert int(re.search(r"(\d+) rows of charts", done.stdout)[1]) > 0
    assert "1 of 1 segments" in done.stderr and "compared" in done.stderr
    again = copy(server, *there, f"store.dir={server.store}")
    assert again.returncode == 1 and "tables in this database already" in again.stderr

    copied(server, f"from={database}", f"to={back}", f"store.dir={server.store}")
    assert rows_of(back / "stats.db", "cell") == rows_of(server.store / "stats.db", "cell") != []
    (back / "main-secret").write_bytes((server.store / "main-secret").read_bytes())
    (back / "main-secret").chmod(0o600)
    token = server.token
    other = make_grapnel(tmp_path / "other")
    other.store, other._token = back, token
    other.serve("deliver.retry=1h")
    assert other.ok("GET", "/app/copied")["id"] == app
    assert other.ok("GET", f"/app/{app}/endpoint/{endpoint}/secret") == secret
    for m in sent:
        assert attempts_of(other, app, m) == attempts[m]
    assert other.call("POST", f"/app/{app}/msg", {"eventType": "a.b", "payload": {}, "eventId": "event-3"}).status == 409
    more = other.publish(app, {"n": "more"})
    wait_until(lambda: more in receiver.ids(), "a message after the copy")
    assert sorted(receiver.ids()) == sorted([*sent, more])  # nothing is sent twice


def test_a_copy_under_another_main_secret_is_refused(make_grapnel, receiver, database):
    server = make_grapnel().serve()
    server.endpoint(server.application(), receiver.url)
    server.stop()
    refused = copy(server, f"from={server.store}", f"to={database}", "server.main_secret=another one, and long enough")
    assert refused.returncode == 1 and "server.main_secret is not the one" in refused.stderr
    copied(server, f"from={server.store}", f"to={database}")  # the folder's own


def test_what_is_to_be_copied_is_a_folder_and_a_url(make_grapnel, tmp_path):
    server = make_grapnel()
    for flags in ((), (f"from={tmp_path}",), (f"from={tmp_path}", f"to={tmp_path}"), ("from=postgresql://a/b", "to=postgresql://a/b")):
        refused = copy(server, *flags)
        assert refused.returncode == 2 and "--from and --to" in refused.stderr
