# SPDX-License-Identifier: Apache-2.0
"""The extension inside a real CKAN (its own server, job worker, PostgreSQL, Redis), with a real Grapnel behind it.

Only Solr is stood in for: a server that takes every update and finds nothing.
"""
import glob
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request

import ckanapi
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "test" / "e2e"))
from conftest import SLOWER, Grapnel, free_port, is_signed, make_receiver, receiver, wait_until  # noqa: E402, F401

PATIENCE_S = 90 * SLOWER


class Solr(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802 (the base class's name)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        text = json.dumps({"responseHeader": {"status": 0}, "response": {"numFound": 0, "start": 0, "docs": []}}).encode()
        if "schema" in self.path:
            text = b'<schema name="ckan-2.11" version="1.6"/>'
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, format, *args):
        pass


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=20).status == 200
    except OSError:
        return False


class Postgres:
    """In a folder of its own, which the server's user can reach."""

    def __init__(self):
        self.port, self.folder = free_port(), pathlib.Path(tempfile.mkdtemp(prefix="ckan-postgres-"))
        self.tools = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/ckan"

    def start(self):
        if os.getuid() == 0:  # its server refuses to be root
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "-A", "trust", "-U", "postgres", "-D", self.folder)
        self.run("pg_ctl", "-w", "-D", self.folder, "-l", self.folder / "log", "-o",
                 f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off", "start")
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-E", "UTF8", "-T", "template0", "ckan")

    def run(self, tool, *arguments):
        prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*prefix, self.tools / tool, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def stop(self):
        if (self.folder / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.folder, "-m", "immediate", "stop")
        shutil.rmtree(self.folder)


class Ckan:
    def __init__(self, folder, grapnel_url):
        self.folder, self.port = folder, free_port()
        self.url, self.redis_port = f"http://127.0.0.1:{self.port}", free_port()
        self.solr = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Solr)
        threading.Thread(target=self.solr.serve_forever, args=(0.05,), daemon=True).start()
        self.postgres, self.redis, self.server = Postgres(), None, None
        self.ini, self.spool = folder / "ckan.ini", folder / "storage" / "grapnel-spool"
        self.grapnel_url = grapnel_url

    def prepare(self):
        folder = self.folder
        self.postgres.start()
        self.start_redis()
        (folder / "storage").mkdir()
        subprocess.run(["ckan", "generate", "config", self.ini], check=True, capture_output=True)
        self.set(**{"sqlalchemy.url": self.postgres.url, "solr_url": f"http://127.0.0.1:{self.solr.server_address[1]}/solr",
                    "ckan.redis.url": f"redis://127.0.0.1:{self.redis_port}/0", "ckan.site_url": self.url,
                    "ckan.storage_path": folder / "storage", "ckan.plugins": "grapnel",
                    "ckanext.grapnel.url": self.grapnel_url, "ckanext.grapnel.token": "none"})
        self.tool("db", "init")
        self.tool("user", "add", "boss", "email=boss@ckan.example", "password=correct-horse")
        self.tool("sysadmin", "add", "boss")
        self.token = self.tool("user", "token", "add", "boss", "test").stdout.split()[-1]

    def start_redis(self):
        self.redis = subprocess.Popen(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "",
                                       "--dir", self.folder], stdout=subprocess.DEVNULL)

    def set(self, **options):
        subprocess.run(["ckan", "config-tool", self.ini, *(f"{name}={value}" for name, value in options.items())], check=True,
                       capture_output=True)

    def tool(self, *arguments, check=True):
        done = subprocess.run(["ckan", "-c", self.ini, *arguments], capture_output=True, text=True, cwd=self.folder, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self):
        log = open(self.folder / "ckan.log", "ab")
        self.server = subprocess.Popen(["ckan", "-c", self.ini, "run", "--disable-reloader", "--threaded", "--host", "127.0.0.1",
                                        "--port", str(self.port)], stdout=log, stderr=log, cwd=self.folder)
        wait_until(lambda: answers(self.url + "/api/3/action/status_show"), "CKAN to answer", PATIENCE_S)
        return self

    def stop(self):
        for child in (self.server, self.redis):
            if child is not None:
                child.kill()
                child.wait()
        self.postgres.stop()
        self.solr.shutdown()

    def work(self):
        """What waits in the job queue is done."""
        self.tool("jobs", "worker", "--burst")

    def client(self, token=None):
        return ckanapi.RemoteCKAN(self.url, apikey=token or self.token)

    def waiting(self):
        return len(list(self.spool.glob("*.json")))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """CKAN and Grapnel, each knowing the other."""
    folder = tmp_path_factory.mktemp("ckan")
    grapnel = Grapnel(folder / "grapnel")
    grapnel.port = free_port()
    ckan = Ckan(folder, grapnel.url)
    try:
        ckan.prepare()
        grapnel.serve("ckan.enabled=true", f"ckan.site_url={ckan.url}", f"ckan.token={ckan.token}", "ckan.auth_cache=0",
                      "ckan.site_timeout=30s")
        ckan.set(**{"ckanext.grapnel.token": grapnel.token})
        ckan.start()
        ckan.boss = ckan.client()
        ckan.boss.action.organization_create(name="office")
        ckan.work()
        yield ckan, grapnel
    finally:
        grapnel.end()
        ckan.stop()
    assert not grapnel.complaints()


def topics_of(received):
    return [(e["topic"], e["entity"].get("name")) for e in (json.loads(r.body) for r in received)]


def subscribe(client, receiver, *topics):  # noqa: F811
    return {topic: client.action.webhook_create(topic=topic, address=receiver.url) for topic in topics}


def test_changes_reach_a_webhook_made_at_the_site(both, receiver):  # noqa: F811
    ckan, _ = both
    hooks = subscribe(ckan.boss, receiver, "dataset/create", "dataset/update", "dataset/delete", "resource/create",
                      "resource/delete", "organization/create", "group/create")
    made = ckan.boss.action.package_create(name="river-levels", title="Flüsse", owner_org="office",
                                           resources=[{"url": "http://a.example/1.csv", "name": "levels"}])
    ckan.boss.action.package_patch(id=made["id"], title="Other")
    ckan.boss.action.organization_create(name="bureau")
    ckan.boss.action.group_create(name="rivers")
    ckan.boss.action.package_delete(id=made["id"])
    assert receiver.received == []  # nothing leaves the page's process
    ckan.work()
    wait_until(lambda: ("dataset/delete", "river-levels") in topics_of(receiver.received), "the deletion", PATIENCE_S)
    wait_until(lambda: len(receiver.received) >= 6, "six deliveries")
    got = {(topic, name) for topic, name in topics_of(receiver.received)}
    assert {("dataset/create", "river-levels"), ("dataset/update", "river-levels"), ("dataset/delete", "river-levels"),
            ("resource/create", "levels"), ("organization/create", "bureau"), ("group/create", "rivers")} <= got
    first = next(r for r in receiver.received if json.loads(r.body)["topic"] == "dataset/create")
    payload = json.loads(first.body)
    assert payload["webhook_id"] == hooks["dataset/create"]
    assert payload["ckan"] == ckan.url
    assert (payload["entity"]["id"], payload["entity"]["title"], payload["entity"]["private"]) == (made["id"], "Flüsse", False)
    assert is_signed(first, ckan.boss.action.webhook_secret(id=hooks["dataset/create"]))
    for hook in hooks.values():
        assert ckan.boss.action.webhook_delete(id=hook) == hook


def test_errors_at_the_site_are_ckans_own(both):
    ckan, _ = both
    with pytest.raises(ckanapi.ValidationError) as wrong:
        ckan.boss.action.webhook_create(address="nowhere")
    assert set(wrong.value.error_dict) == {"topic", "address", "__type"}
    with pytest.raises(ckanapi.NotFound):
        ckan.boss.action.webhook_show(id="unknown")
    with pytest.raises(ckanapi.NotAuthorized):
        ckanapi.RemoteCKAN(ckan.url).action.webhook_create(topic="dataset/create", address="http://a.example/")


def test_private_datasets_reach_members_only(both, make_receiver):  # noqa: F811
    ckan, grapnel = both
    receivers = {}
    for name in ("insider", "outsider"):
        user = ckan.boss.action.user_create(name=name, email=f"{name}@ckan.example", password="correct-horse")
        token = ckan.boss.action.api_token_create(user=name, name="t")["token"]
        receivers[name] = make_receiver()
        if name == "insider":
            ckan.boss.action.organization_member_create(id="office", username=name, role="member")
        direct = ckanapi.RemoteCKAN(grapnel.url, apikey=token)
        hook = direct.action.webhook_create(topic="dataset/create", address=receivers[name].url)
        assert direct.action.webhook_show(id=hook)["user_id"] == user["id"]
    ckan.boss.action.package_create(name="secret-plan", owner_org="office", private=True)
    ckan.boss.action.package_create(name="open-plan", owner_org="office")
    ckan.work()
    receivers["insider"].wait(2, PATIENCE_S)
    receivers["outsider"].wait(1, PATIENCE_S)
    assert {name for _, name in topics_of(receivers["insider"].received)} == {"secret-plan", "open-plan"}
    assert topics_of(receivers["outsider"].received) == [("dataset/create", "open-plan")]


def test_a_draft_is_announced_when_it_is_published(both, receiver):  # noqa: F811
    ckan, _ = both
    hooks = subscribe(ckan.boss, receiver, "dataset/create", "dataset/update", "resource/create")
    made = ckan.boss.action.package_create(name="drafted", owner_org="office", state="draft")
    ckan.boss.action.resource_create(package_id=made["id"], url="http://a.example/", name="part")
    ckan.boss.action.package_patch(id=made["id"], state="active")
    ckan.work()
    receiver.wait(2, PATIENCE_S)
    assert sorted(topics_of(receiver.received)) == [("dataset/create", "drafted"), ("resource/create", "part")]
    for hook in hooks.values():
        ckan.boss.action.webhook_delete(id=hook)


@pytest.fixture
def heard(both, receiver):  # noqa: F811
    """heard(topics): what reaches webhooks on them, up to an organization that is made last."""
    ckan, _ = both
    hooks = {}

    def listen(*topics):
        hooks.update(subscribe(ckan.boss, receiver, *topics, "organization/create"))
        receiver.received.clear()

    def told():
        last = f"last-{os.urandom(4).hex()}"
        ckan.boss.action.organization_create(name=last)
        ckan.work()
        wait_until(lambda: ("organization/create", last) in topics_of(receiver.received), "the last change", PATIENCE_S)
        return [one for one in topics_of(receiver.received) if one[0] != "organization/create"]
    listen.told, listen.received = told, receiver.received
    yield listen
    for hook in hooks.values():
        ckan.boss.action.webhook_delete(id=hook)


@pytest.mark.parametrize("name, more", [("bare", {}), ("with-resource", {"resources": [{"url": "http://a.example/1"}]}),
                                        ("with-tag", {"tags": [{"name": "t1"}]})])
def test_a_dataset_is_deleted_once_however_it_goes(both, heard, name, more):
    ckan, _ = both
    purged = ckan.boss.action.package_create(name=name, owner_org="office", **more)
    deleted = ckan.boss.action.package_create(name=name + "-2", owner_org="office", **more)
    ckan.work()
    heard("dataset/delete", "dataset/update")
    ckan.boss.action.dataset_purge(id=purged["id"])
    ckan.boss.action.package_delete(id=deleted["id"])
    ckan.boss.action.dataset_purge(id=deleted["id"])
    assert heard.told() == [("dataset/delete", name), ("dataset/delete", name + "-2")]


def test_bulk_changes_are_announced(both, heard):
    ckan, _ = both
    made = [ckan.boss.action.package_create(name=f"bulk-{n}", owner_org="office")["id"] for n in range(3)]
    ckan.work()
    heard("dataset/delete", "dataset/update")
    ckan.boss.action.bulk_update_private(datasets=made[:1], org_id=ckan.boss.action.organization_show(id="office")["id"])
    ckan.boss.action.bulk_update_private(datasets=made[:1], org_id=ckan.boss.action.organization_show(id="office")["id"])
    ckan.boss.action.bulk_update_delete(datasets=made[1:], org_id=ckan.boss.action.organization_show(id="office")["id"])
    assert sorted(heard.told()) == [("dataset/delete", "bulk-1"), ("dataset/delete", "bulk-2"), ("dataset/update", "bulk-0")]
    assert [json.loads(r.body)["entity"]["private"] for r in heard.received if b"bulk-0" in r.body] == [True]


def test_users_and_purged_groups_are_announced(both, heard):
    ckan, _ = both
    ckan.boss.action.group_create(name="purged-group")
    ckan.boss.action.group_create(name="deleted-group")
    ckan.boss.action.organization_create(name="purged-office")
    ckan.work()
    heard("user/create", "user/update", "user/delete", "group/delete", "organization/delete")
    ckan.boss.action.user_create(name="ann", email="ann@ckan.example", password="correct-horse")
    ckan.boss.action.user_patch(id="ann", fullname="Ann")
    ckan.boss.action.user_delete(id="ann")
    ckan.boss.action.group_purge(id="purged-group")
    ckan.boss.action.group_delete(id="deleted-group")
    ckan.boss.action.group_purge(id="deleted-group")
    ckan.boss.action.organization_purge(id="purged-office")
    assert sorted(heard.told()) == [("group/delete", "deleted-group"), ("group/delete", "purged-group"), ("organization/delete", "purged-office"),
                                    ("user/create", "ann"), ("user/delete", "ann"), ("user/update", "ann")]
    shown = next(json.loads(r.body)["entity"] for r in heard.received if b"user/update" in r.body)
    assert shown["fullname"] == "Ann" and not {"password", "email", "apikey", "reset_key", "plugin_extras"} & set(shown)


def test_ckan_does_not_warn_of_our_options(both):
    ckan, _ = both
    said = (ckan.folder / "ckan.log").read_text() + ckan.tool("grapnel", "waiting").stderr
    assert "Option ckanext." not in said  # CKAN has some of its own


def test_what_is_refused_by_the_page_is_not_announced(both, receiver):  # noqa: F811
    ckan, _ = both
    hooks = subscribe(ckan.boss, receiver, "dataset/create")
    with pytest.raises(ckanapi.ValidationError):
        ckan.boss.action.package_create(name="not a name", owner_org="office")
    ckan.boss.action.package_create(name="a-name", owner_org="office")
    ckan.work()
    receiver.wait(1, PATIENCE_S)
    assert topics_of(receiver.received) == [("dataset/create", "a-name")]
    ckan.boss.action.webhook_delete(id=hooks["dataset/create"])


def test_changes_wait_while_grapnel_is_down_and_none_is_lost(both, receiver):  # noqa: F811
    ckan, grapnel = both
    hooks = subscribe(ckan.boss, receiver, "dataset/create")
    grapnel.stop()
    for n in range(3):
        ckan.boss.action.package_create(name=f"while-down-{n}", owner_org="office")
    ckan.work()
    assert ckan.waiting() >= 3
    assert ckan.tool("grapnel", "flush", check=False).returncode == 1
    grapnel.serve(*grapnel.flags)
    ckan.boss.action.package_create(name="after", owner_org="office")
    ckan.work()  # the next change takes the others along
    receiver.wait(4, PATIENCE_S)
    assert {name for _, name in topics_of(receiver.received)} == {"after", *(f"while-down-{n}" for n in range(3))}
    assert ckan.waiting() == 0
    ckan.boss.action.webhook_delete(id=hooks["dataset/create"])


def test_changes_wait_while_the_job_queue_is_down(both, receiver):  # noqa: F811
    ckan, _ = both
    hooks = subscribe(ckan.boss, receiver, "dataset/create")
    ckan.redis.kill()
    ckan.redis.wait()
    ckan.boss.action.package_create(name="no-redis", owner_org="office")  # the page works
    assert ckan.waiting() >= 1
    ckan.start_redis()
    flushed = ckan.tool("grapnel", "flush")
    assert "sent" in flushed.stdout
    receiver.wait(1, PATIENCE_S)
    assert topics_of(receiver.received) == [("dataset/create", "no-redis")]
    ckan.boss.action.webhook_delete(id=hooks["dataset/create"])
