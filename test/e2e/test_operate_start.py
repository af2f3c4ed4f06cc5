# SPDX-License-Identifier: Apache-2.0
"""Starting: configuration, the folder, tokens and the other verbs of the command line."""
import os
import re
import sqlite3
import stat
import subprocess
import time

import pytest

from conftest import binary, free_port


def grapnel_fails(server, *flags):
    """Starts a server that must not start; (exit code, what it said)."""
    server.spawn(*flags)
    code = server.child.wait(30)
    return code, server.log()


def test_a_bad_line_in_the_file_is_named_with_its_number_and_the_nearest_option(make_grapnel, tmp_path):
    conf = tmp_path / "grapnel.conf"
    conf.write_text("# comment\nlog.level = info\nserver.lissten = 127.0.0.1:1\n")
    code, said = grapnel_fails(make_grapnel(), f"config={conf}")
    assert code == 2
    assert "grapnel.conf" in said and ":3" in said and "server.listen" in said


@pytest.mark.parametrize("flag, word", [
    ("http.body_max=1TiB", "http.body_max"),
    ("deliver.retry=5s,soon", "soon"),
    ("log.level=loud", "log.level"),
    ("server.tls_cert=/nonexistent.pem", "server.tls_key"),
    ("fetch.proxy=http://127.0.0.1:1", "fetch.client"),
    ("server.main_secret=short", "server.main_secret"),
    ("debug.enabled=true", "debug.token"),
])
def test_a_wrong_option_ends_the_start_with_its_name(make_grapnel, flag, word):
    code, said = grapnel_fails(make_grapnel(), flag)
    assert code == 2
    assert word in said


def test_a_wrong_network_or_address_ends_the_start_with_its_text(make_grapnel):
    code, said = grapnel_fails(make_grapnel(), "fetch.allow=10.0.0.0/99")
    assert code == 1 and "10.0.0.0/99" in said
    code, said = grapnel_fails(make_grapnel(), "server.listen=127.0.0.1:0,nowhere")
    assert code == 1 and "nowhere" in said


def test_a_second_server_on_the_same_folder_is_refused(make_grapnel):
    first = make_grapnel().serve()
    second = make_grapnel(first.folder)
    second.port = free_port()
    code, said = grapnel_fails(second)
    assert code == 1
    assert str(first.store) in said or "in use" in said or "another" in said
    assert first.raw("GET", "/metrics").status == 200


def test_the_store_and_the_secret_are_for_their_owner_only(make_grapnel):
    server = make_grapnel().serve()
    assert stat.S_IMODE(os.stat(server.store).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(server.store / "main-secret").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(server.store / "admin.sock").st_mode) == 0o600


def test_a_main_secret_that_others_may_read_is_refused(make_grapnel):
    server = make_grapnel().serve()
    server.stop()
    (server.store / "main-secret").chmod(0o644)
    code, said = grapnel_fails(server)
    assert code == 1 and "main-secret" in said


def test_a_port_that_another_server_of_the_same_user_has_is_refused(make_grapnel):
    first = make_grapnel().serve()
    second = make_grapnel()
    second.port = first.port
    code, said = grapnel_fails(second)
    assert code == 1
    assert f"127.0.0.1:{first.port}" in said and "server.listen" in said


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(make_grapnel, tmp_path):
    server = make_grapnel()
    code, said = grapnel_fails(server, f"store.dir={tmp_path}/not/there")
    assert code == 1
    assert f"{tmp_path}/not/there" in said and "another store.dir" in said


def verdict(server, check, *flags):
    """A line of the doctor's: (its first word, the rest)."""
    said = server.run("doctor", f"--store.dir={server.store}", *flags).stdout
    word, text = re.search(rf"^(\w+) +{check} +(.*)$", said, re.M).groups()
    return word, text


def test_the_doctor_tells_the_own_server_from_another_program(make_grapnel):
    server = make_grapnel().serve()
    listen = f"--server.listen=127.0.0.1:{server.port}"
    assert verdict(server, "addresses", listen)[0] == "ok"
    word, text = verdict(server, "addresses", listen, f"--store.dir={server.folder}")
    assert word == "FAIL" and "server.listen" in text


def test_the_doctor_looks_at_where_the_folder_will_be_made(make_grapnel, tmp_path):
    server = make_grapnel()
    assert verdict(server, "store folder") == ("ok", f"{server.store} is not there yet; the first start makes it")
    word, text = verdict(server, "store folder", f"--store.dir={tmp_path}/not/there")
    assert word == "FAIL" and "chown" in text


def test_the_doctor_misses_the_authorities(make_grapnel, tmp_path):
    server = make_grapnel(env={"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    word, text = verdict(server, "authorities")
    assert word == "FAIL" and "ca-certificates" in text


def test_the_doctor_sees_a_clock_that_was_set_back(make_grapnel):
    server = make_grapnel().serve()
    server.stop()
    assert "later" not in verdict(server, "clock")[1]
    ahead = time.time() + 7200
    os.utime(next((server.store / "segments").iterdir()), (ahead, ahead))
    word, text = verdict(server, "clock")
    assert word == "FAIL" and "set the clock" in text


def test_tokens_are_made_listed_and_ended_with_and_without_a_server(make_grapnel):
    server = make_grapnel()
    store = f"--store.dir={server.store}"
    first = server.run("token", "create", "--name=first", store).stdout.strip()
    server.serve()
    second = server.run("token", "create", "--name=second", store).stdout.strip()
    assert re.fullmatch(r"gk_[0-9A-Za-z]{40}", first) and first != second
    for token in (first, second):
        assert server.call("GET", "/app", token=token).status == 200
    listed = server.run("token", "list", store).stdout
    assert "first" in listed and "second" in listed and second not in listed
    number = next(line.split()[0] for line in listed.splitlines() if line.endswith("second"))
    assert server.run("token", "revoke", number, store).returncode == 0
    assert server.call("GET", "/app", token=second).status == 401
    assert server.call("GET", "/app", token=first).status == 200
    assert server.run("token", "revoke", number, store).returncode == 1
    server.stop()
    assert "second" not in server.run("token", "list", store).stdout


def test_an_unknown_word_suggests_the_nearest():
    said = subprocess.run([binary(), "serv"], capture_output=True, text=True, check=False)
    assert said.returncode == 2 and '"serve"' in said.stderr
    said = subprocess.run([binary(), "token", "make"], capture_output=True, text=True, check=False)
    assert said.returncode == 2 and "create" in said.stderr


def test_help_lists_every_command_and_every_option():
    overview = subprocess.run([binary(), "help"], capture_output=True, text=True, check=True).stdout
    for word in ("serve", "token", "doctor", "listen", "bench", "version"):
        assert word in overview
    serve = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert "server.listen" in serve and "deliver.retry" in serve


def test_the_doctor_passes_a_good_folder_and_fails_a_damaged_one(make_grapnel):
    server = make_grapnel().serve()
    beside = server.run("doctor", f"--store.dir={server.store}")
    assert beside.returncode == 0, beside.stdout
    server.stop()
    config = server.store / "config.db"
    data = bytearray(config.read_bytes())
    data[4096 if len(data) > 8192 else 1024:] = b"\xa5" * len(data[4096 if len(data) > 8192 else 1024:])
    config.write_bytes(data)
    damaged = server.run("doctor", f"--store.dir={server.store}")
    assert damaged.returncode == 1
    assert re.search(r"^FAIL +stored data .*config\.db", damaged.stdout, re.M)


def test_a_store_of_a_newer_version_is_refused(make_grapnel):
    server = make_grapnel().serve()
    server.stop()
    with sqlite3.connect(server.store / "config.db") as db:
        db.execute("INSERT INTO migration(version, applied) SELECT max(version) + 1, 0 FROM migration")
    code, said = grapnel_fails(server)
    assert code == 1
    assert "config.db" in said and "newer" in said


def test_a_segment_whose_head_is_damaged_is_named(make_grapnel, receiver):
    server = make_grapnel().serve()
    app = server.application()
    server.endpoint(app, receiver.url)
    server.publish(app)
    receiver.wait(1)
    server.stop()
    segment = max((server.store / "segments").glob("*.db"))
    data = bytearray(segment.read_bytes())
    data[:100] = b"\x5a" * 100
    segment.write_bytes(data)
    code, said = grapnel_fails(server)
    assert code == 1
    assert segment.name in said


def test_a_torn_write_at_the_end_of_the_newest_segment_is_recovered(make_grapnel, receiver):
    """What a power cut leaves: the last transaction of the write-ahead log is cut off in the middle."""
    server = make_grapnel().serve()
    app = server.application()
    server.endpoint(app, receiver.url)
    messages = [server.publish(app, {"n": n}) for n in range(20)]
    receiver.wait(20)
    server.kill()
    segment = max((server.store / "segments").glob("*.db"))
    log = segment.with_name(segment.name + "-wal")
    if log.exists() and log.stat().st_size > 64:
        os.truncate(log, log.stat().st_size - 37)
    server.serve()
    listed = {m["id"] for m in server.ok("GET", f"/app/{app}/msg?limit=250")["data"]}
    assert len(listed & set(messages)) >= 10
    assert server.publish(app, {"n": "after"})


def test_a_folder_that_cannot_be_written_to_is_named(make_grapnel):
    if os.geteuid() == 0:
        server = make_grapnel()
        server.store = server.folder / "file"
        server.store.write_text("not a folder")
    else:
        server = make_grapnel()
        server.folder.chmod(0o500)
    code, said = grapnel_fails(server)
    assert code == 1
    assert str(server.store) in said


def test_port_0_takes_a_free_one_and_logs_it(make_grapnel):
    server = make_grapnel().serve("server.listen=127.0.0.1:0,127.0.0.1:0", "server.loops=2")
    ports = [int(p) for p in re.findall(r'server\.listening .*address="?127\.0\.0\.1:(\d+)', server.log())]
    assert len(set(ports)) == 2 and 0 not in ports
    for port in ports:
        server.port = port
        assert server.raw("GET", "/metrics").status == 200
