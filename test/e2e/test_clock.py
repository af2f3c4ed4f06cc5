# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set wrong, and right again, while the server runs and between two runs."""
import contextlib
import datetime
import pathlib
import shutil
import sqlite3
import subprocess
import urllib.parse

import pytest

from conftest import binary, wait_until

DAY, YEAR = 86400, 365 * 86400
SOURCE = pathlib.Path(__file__).with_name("wall_clock.c")


class WallClock:
    """Of the servers started with `env`: off by as many seconds as set."""

    def __init__(self, folder):
        library, self.file = folder / "wall_clock.so", folder / "wall_clock"
        subprocess.run([shutil.which("cc") or "gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"],
                       check=True)
        self.env = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(self.file)}
        self.set(0)

    def set(self, seconds):
        self.seconds = seconds
        self.file.write_text(f"{seconds:+021d}")

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.seconds)


@pytest.fixture
def wall_clock(tmp_path):
    clock = WallClock(tmp_path)
    if subprocess.run([binary(), "version"], env=clock.env, capture_output=True).returncode != 0:
        pytest.skip("a build whose sanitizer must be loaded first takes no other library")
    return clock


@pytest.mark.parametrize("spell", [DAY, YEAR, -DAY, -YEAR])
def test_a_spell_of_a_wrong_clock_leaves_nothing_behind(make_grapnel, receiver, wall_clock, spell):
    grapnel = make_grapnel(env=wall_clock.env)
    grapnel.serve("store.segment_messages=20")
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url)
    began = wall_clock.now()
    sent = {}

    def publish(count):
        for _ in range(count):
            before = wall_clock.now()
            answer = grapnel.call("POST", f"/app/{app}/msg", {"eventType": "a", "payload": {"n": len(sent)}},
                                  {"idempotency-key": f"k{len(sent)}"})
            assert answer.status == 202, answer.body
            shown = datetime.datetime.fromisoformat(answer.body["timestamp"])
            assert before <= shown <= wall_clock.now()
            sent[answer.body["id"]] = shown
        wait_until(lambda: set(receiver.ids()) >= set(sent), "every message to arrive")

    def said():
        return grapnel.log_path.read_text().count("event=store.clock_set")

    publish(30)
    for seconds, count in ((spell, 1), (0, 2)):
        wall_clock.set(seconds)
        publish(30)
        wait_until(lambda wanted=count: said() == wanted, "a word in the log")
    for seconds, count in ((spell, 3), (0, 3)):
        wall_clock.set(seconds)
        grapnel.kill()
        grapnel.restart()
        publish(30)
        wait_until(lambda wanted=count: said() == wanted, "a word in the log")
    assert sorted(sent) == list(sent)
    for number in range(len(sent)):
        again = grapnel.call("POST", f"/app/{app}/msg", {"eventType": "a", "payload": {"n": number}},
                             {"idempotency-key": f"k{number}"})
        assert again.body["id"] == list(sent)[number]
        assert datetime.datetime.fromisoformat(again.body["timestamp"]) == sent[again.body["id"]]

    def listed(**window):
        query = urllib.parse.urlencode({name: time.isoformat() for name, time in window.items()})
        found = grapnel.ok("GET", f"/app/{app}/msg?limit=250&{query}")["data"]
        return {m["id"] for m in found}
    for window in ({"after": began}, {"before": began}, {"after": began, "before": wall_clock.now()},
                   {"after": began + datetime.timedelta(seconds=spell / 2)}):
        wanted = {id for id, time in sent.items() if window.get("after", time) <= time and
                  ("before" not in window or time < window["before"])}
        assert listed(**window) == wanted
    assert said() == 3


def test_a_wrong_clock_ends_no_token_and_makes_none_live_longer(make_grapnel, wall_clock):
    grapnel = make_grapnel(env=wall_clock.env)
    grapnel.serve()
    app = grapnel.application()
    before = grapnel.ok("POST", f"/auth/app-portal-access/{app}", {"expiry": 3600})["token"]
    wall_clock.set(YEAR)
    during = grapnel.ok("POST", f"/auth/app-portal-access/{app}", {"expiry": 3600})["token"]
    short = grapnel.ok("POST", f"/auth/app-portal-access/{app}", {"expiry": 3600})["token"]
    grapnel.ok("POST", f"/auth/app/{app}/expire-all", {"sessionIds": ["nobody"]})
    wall_clock.set(0)
    for token in (before, during, short):
        assert grapnel.call("GET", f"/app/{app}/endpoint", token=token).status == 200
    grapnel.kill()
    grapnel.restart()
    for token in (before, during, short):
        assert grapnel.call("GET", f"/app/{app}/endpoint", token=token).status == 200


def boot_again(grapnel):
    """As if the machine had been started anew since."""
    with contextlib.closing(sqlite3.connect(grapnel.store / "config.db")) as config, config:
        kept, = config.execute("SELECT value FROM setting WHERE name = 'store time'").fetchone()
        boot, rest = bytes(kept, "ascii").split(b" ", 1) if isinstance(kept, str) else bytes(kept).split(b" ", 1)
        changed = b"00000000-0000-0000-0000-000000000000 " + rest
        config.execute("UPDATE setting SET value = ? WHERE name = 'store time'", (changed if isinstance(kept, bytes) else changed.decode(),))
        assert boot != changed[:36]


@pytest.mark.parametrize("off", [7200, YEAR])
def test_what_was_due_while_the_machine_was_off_goes_out_at_the_start(make_grapnel, make_receiver, wall_clock, off):
    """Once, however wrong the clock is: a year ahead ends no schedule, and makes no first attempt early."""
    grapnel = make_grapnel(env=wall_clock.env)
    grapnel.serve("deliver.retry=1h,1h,1h,1h", "deliver.jitter=0")
    app, receiver, later = grapnel.application(), make_receiver((500, {}, b"no")), make_receiver()
    grapnel.endpoint(app, receiver.url, channels=["now"])
    ordered = make_receiver((500, {}, b"no"))
    grapnel.endpoint(app, ordered.url, channels=["now"], ordered=True)
    grapnel.endpoint(app, later.url, channels=["later"])
    first = grapnel.publish(app, channels=["now"])
    at = (wall_clock.now() + datetime.timedelta(seconds=3600)).isoformat()
    grapnel.publish(app, channels=["later"], deliverAt=at)
    receiver.wait(1)
    ordered.wait(1)
    wait_until(lambda: len(grapnel.attempts(app, first)) == 2, "both outcomes")
    grapnel.stop()
    boot_again(grapnel)
    wall_clock.set(off)
    grapnel.restart()
    receiver.wait(2)
    ordered.wait(2)
    grapnel.wait_log(r"store.retries_due.*retries=")
    wait_until(lambda: len(grapnel.attempts(app, first)) == 4, "both outcomes")
    second = grapnel.publish(app, channels=["now"])
    receiver.wait(3)
    grapnel.restart()
    wait_until(lambda: len(grapnel.attempts(app, second)) >= 1, "the outcome")
    assert receiver.ids().count(first) == 2 and ordered.ids().count(first) == 2 and later.received == []


def test_a_restart_within_a_boot_brings_nothing_forward(make_grapnel, make_receiver, wall_clock):
    grapnel = make_grapnel(env=wall_clock.env)
    grapnel.serve("deliver.retry=1h,1h", "deliver.jitter=0")
    app, receiver = grapnel.application(), make_receiver((500, {}, b"no"))
    grapnel.endpoint(app, receiver.url)
    message = grapnel.publish(app)
    wait_until(lambda: len(grapnel.attempts(app, message)) == 1, "the outcome")
    wall_clock.set(DAY)
    grapnel.restart()
    other = grapnel.publish(app)
    receiver.wait(2)
    assert receiver.ids().count(other) == 1 and receiver.ids().count(message) == 1
    assert "store.retries_due" not in grapnel.log_path.read_text()
