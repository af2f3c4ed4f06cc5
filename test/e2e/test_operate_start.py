# SPDX-License-Identifier: Apache-2.0
"""Starting: configuration, the folder, tokens and the other verbs of the command line."""
import datetime
import fcntl
import os
import pathlib
import re
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import PATIENCE_S, binary, free_port, wait_until


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
    assert f"{first.store}: another server has this store open" in said and "store.dir" in said
    assert first.raw("GET", "/metrics").status == 200


def test_a_server_and_a_token_that_are_made_at_once_both_come_to_be(make_grapnel):
    """The tour's first lines, pasted together: either may be the first to make the folder."""
    for _ in range(6):
        server = make_grapnel().spawn()
        made = server.run("token", "create", "--name=me", f"--store.dir={server.store}")
        assert made.returncode == 0, made.stderr
        server.wait_log("server.started")
        assert server.call("GET", "/app", token=made.stdout.strip()).status == 200
        server.stop()


def hold_store(server, note):
    """The store's lock, taken as `note` does: "server" or "command"."""
    server.store.mkdir(mode=0o700)
    lock = open(server.store / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(note + "\n")
    lock.flush()
    return lock


def test_a_server_waits_for_a_command_that_has_the_store_open(make_grapnel):
    server = make_grapnel()
    with hold_store(server, "command"):
        server.spawn()
        server.wait_log("server.waiting")
    server.wait_log("server.started")


def test_a_server_that_waits_for_a_command_can_be_stopped(make_grapnel):
    server = make_grapnel()
    with hold_store(server, "command"):
        server.spawn()
        server.wait_log("server.waiting")
        assert server.stop() == 1
        assert "asked to stop" in server.log()


def test_what_a_killed_holder_noted_keeps_nobody_from_the_store(make_grapnel):
    server = make_grapnel()
    hold_store(server, "server").close()
    assert (server.store / "lock").read_text() == "server\n"
    server.serve()


@pytest.mark.parametrize("verb", [("token", "list"), ("user", "list"), ("tenant", "list")])
def test_commands_wait_for_a_server_that_is_starting(make_grapnel, verb):
    server = make_grapnel()
    with hold_store(server, "server"):
        command = [binary(), *verb, f"--store.dir={server.store}"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 0, said


def test_clients_of_the_api_wait_a_moment_for_a_server_that_is_starting(make_grapnel):
    server = make_grapnel()
    token = server.token
    server.spawn()
    server.stop(signal.SIGKILL)
    command = [binary(), "source", "list", f"--url={server.url}", f"--token={token}"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "waiting" in child.stderr.readline()
    server.spawn()
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said


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


def sealed_store(make_grapnel):
    """A server, stopped, whose store holds an endpoint's sealed secret."""
    server = make_grapnel().serve()
    server.endpoint(server.application(), "http://127.0.0.1:1/x")
    server.stop()
    return server


def test_a_store_whose_main_secret_is_lost_is_not_opened(make_grapnel):
    server = sealed_store(make_grapnel)
    secret = server.store / "main-secret"
    kept = secret.read_bytes()
    secret.unlink()
    code, said = grapnel_fails(server)
    assert code == 1 and "main-secret is missing" in said and "backup" in said
    assert not secret.exists()
    doctor = server.run("doctor", f"--store.dir={server.store}")
    assert re.search("FAIL +main secret .*is missing", doctor.stdout) and doctor.returncode == 1
    secret.write_bytes(kept)
    secret.chmod(0o600)
    doctor = server.run("doctor", f"--store.dir={server.store}")
    assert re.search("ok +main secret", doctor.stdout)
    server.serve()


def test_a_store_with_another_main_secret_is_not_opened(make_grapnel):
    server = sealed_store(make_grapnel)
    code, said = grapnel_fails(server, "server.main_secret=another one, of at least 16 bytes")
    assert code == 1 and "server.main_secret is not the one" in said
    (server.store / "main-secret").write_text("this was made for some other store")
    code, said = grapnel_fails(server)
    assert code == 1 and "main-secret is not the one" in said


def test_a_store_of_a_build_that_kept_no_proof_is_judged_by_what_is_sealed(make_grapnel):
    server = sealed_store(make_grapnel)
    with sqlite3.connect(server.store / "config.db") as db:
        db.execute("DELETE FROM setting WHERE name = 'main secret proof'")
    server.serve()
    server.stop()
    with sqlite3.connect(server.store / "config.db") as db:
        db.execute("DELETE FROM setting WHERE name = 'main secret proof'")
    (server.store / "main-secret").unlink()
    code, said = grapnel_fails(server)
    assert code == 1 and "main-secret is missing" in said


def test_segments_without_their_configuration_are_not_opened(make_grapnel):
    server = sealed_store(make_grapnel)
    (server.store / "config.db").unlink()
    code, said = grapnel_fails(server)
    assert code == 1 and "config.db" in said and "backup" in said
    assert not (server.store / "config.db").exists()


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


def make_certificate(folder, name, when):
    """A certificate and its key, self-signed, valid from and to the two days from now in `when`."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    made = datetime.datetime.now(datetime.timezone.utc)
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    signed = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(own.public_key())
              .serial_number(x509.random_serial_number())
              .not_valid_before(made + datetime.timedelta(days=when[0]))
              .not_valid_after(made + datetime.timedelta(days=when[1]))
              .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
              .sign(own, hashes.SHA256()))
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))
    return cert, key


@pytest.mark.parametrize("when, word, said", [
    ((-10, 100), "ok", "valid until"), ((-10, 5), "warn", "soon"), ((-10, -1), "FAIL", "expired"),
    ((3, 10), "FAIL", "not valid before"),
])
def test_the_doctor_looks_at_the_dates_of_certificates(make_grapnel, tmp_path, when, word, said):
    server = make_grapnel()
    cert, key = make_certificate(tmp_path, "cert", when)
    found = verdict(server, "certificate", f"--server.tls_cert={cert}", f"--server.tls_key={key}")
    assert found[0] == word and said in found[1]
    found = verdict(server, "own certificate", f"--fetch.cert={cert}", f"--fetch.key={key}")
    assert found[0] == word and said in found[1]
    found = verdict(server, "authorities", f"--fetch.ca_file={cert}")
    assert found[0] == ("FAIL" if word == "FAIL" else "ok")


def test_certificate_and_key_that_are_no_pair_are_said_in_words(make_grapnel, tmp_path):
    server = make_grapnel()
    cert, _ = make_certificate(tmp_path, "one", (-1, 100))
    _, key = make_certificate(tmp_path, "other", (-1, 100))
    flags = (f"server.tls_cert={cert}", f"server.tls_key={key}")
    word, text = verdict(server, "certificate", *("--" + flag for flag in flags))
    code, said = grapnel_fails(server, *flags)
    assert word == "FAIL" and code == 1
    for words in (text, said):
        assert "key values mismatch" in words and "error:" not in words and ":SSL" not in words


@pytest.mark.parametrize("check, flag", [
    ("networks", "fetch.allow=10.0.0.0/99"),
    ("addresses", "server.listen=127.0.0.1:0,nowhere"),
    ("addresses", "server.listen=" + ",".join(["127.0.0.1:0"] * 17)),
    ("presets", "inbound.presets=/nonexistent"),
    ("authorities", "fetch.ca_file=/nonexistent"),
])
def test_the_doctor_fails_what_a_server_does_not_start_with(make_grapnel, check, flag):
    server = make_grapnel()
    word, text = verdict(server, check, "--" + flag)
    code, said = grapnel_fails(server, flag)
    assert word == "FAIL" and code != 0
    assert text[:20] in said


def test_the_doctor_refuses_a_store_of_a_newer_version_and_one_without_its_configuration(make_grapnel):
    server = make_grapnel().serve()
    server.stop()
    assert verdict(server, "stored data")[0] == "ok"
    with sqlite3.connect(server.store / "config.db") as db:
        db.execute("INSERT INTO migration(version, applied) SELECT max(version) + 1, 0 FROM migration")
    word, text = verdict(server, "stored data")
    assert word == "FAIL" and "newer" in text
    (server.store / "config.db").unlink()
    word, text = verdict(server, "stored data")
    assert word == "FAIL" and "restore it from a backup" in text


@pytest.mark.parametrize("which", ["old", "newest"])
def test_a_damaged_segment_is_named_and_set_aside_and_the_rest_is_served(make_grapnel, receiver, which):
    server = make_grapnel().serve("store.segment_messages=5")
    app = server.application()
    server.endpoint(app, receiver.url)
    sent = []
    while len(list((server.store / "segments").glob("*.db"))) < 3:
        sent.append(server.publish(app, {"n": len(sent)}))
    receiver.wait(len(sent))
    refused = server.run("store", "set-aside", "0" * 16 + ".db", f"--store.dir={server.store}")
    assert refused.returncode == 1 and "stop the server first" in refused.stderr
    server.stop()
    files = sorted((server.store / "segments").glob("*.db"))
    victim = files[1 if which == "old" else -1]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:100] + b"\x77" * 4000 + whole[4100:])
    server.spawn(*server.flags)
    assert server.child.wait(PATIENCE_S) == 1
    said = server.log()
    assert str(victim) in said and f"grapnel store set-aside {victim}" in said
    word, text = verdict(server, "stored data")
    assert word == "FAIL" and f"grapnel store set-aside {victim}" in text
    for wrong, words in (("nonsense", "16 hexadecimal digits"), ("../../etc/passwd", "16 hexadecimal digits"), ("f" * 16 + ".db", "No such file")):
        refused = server.run("store", "set-aside", wrong, f"--store.dir={server.store}")
        assert refused.returncode == 1 and words in refused.stderr, refused.stderr
    done = server.run("store", "set-aside", str(victim), f"--store.dir={server.store}")
    assert done.returncode == 0 and str(server.store / "set-aside" / victim.name) in done.stdout, done.stderr
    assert not list((server.store / "segments").glob(victim.stem + "*")) and (server.store / "set-aside" / victim.name).exists()
    assert verdict(server, "stored data")[0] == "ok"
    server.restart()
    more = server.publish(app, {"n": "more"})
    wait_until(lambda: more in receiver.ids(), "a message after the start")
    kept = [m for m in sent if server.call("GET", f"/app/{app}/msg/{m}").status == 200]
    assert 0 < len(kept) <= len(sent) and server.ok("GET", f"/app/{app}/msg")["data"]
    if which == "old":
        assert len(kept) < len(sent)


NOBODY = 65534


@pytest.fixture
def tmp_path_for_all():
    """A folder that other users get to, as /var/lib is and pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_token_that_root_makes_keeps_no_server_of_another_user_from_starting(make_grapnel, tmp_path_for_all):
    server = make_grapnel()
    server.store = tmp_path_for_all / "store"
    server.store.mkdir(mode=0o700)
    os.chown(server.store, NOBODY, NOBODY)
    assert server.run("token", "create", f"--store.dir={server.store}").returncode == 0
    made = [server.store, *server.store.rglob("*")]
    assert len(made) > 3 and {path.stat().st_uid for path in made} == {NOBODY}
    assert verdict(server, "stored data")[0] == "ok"
    os.chown(server.store / "config.db", 0, 0)
    word, text = verdict(server, "stored data")
    assert word == "FAIL" and "config.db belongs to user 0" in text and "chown" in text


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
    said = subprocess.run([binary(), "help", "serv"], capture_output=True, text=True, check=False)
    assert said.returncode == 2 and '"serve"' in said.stderr and not said.stdout
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
