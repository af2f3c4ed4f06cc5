# SPDX-License-Identifier: Apache-2.0
"""The chaos run's own rules: its ledger notices what is wrong, its scripts are repeated, and a short run keeps them."""
import os
import pathlib
import subprocess
import sys
import types

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / name) for name in ("bench", "support", "e2e", "chaos")]
import script  # noqa: E402
from faults import FAULTS  # noqa: E402
from ledger import PROGRESS_S, Ledger, Sample  # noqa: E402

SMOKE = HERE / "smoke.script"
SMOKE_PATIENCE_S = 300  # only ends what hangs


class Books(Ledger):
    """A ledger of one application, `a`, with one endpoint, `e`; what is well by default."""

    def message(self, number, **more):
        key, message = f"k{number}", f"m{number}"
        self.send(key, "a", {"key": key}, float(number))
        self.accept(key, message, number + 0.5)
        self.take(key, more.get("message", message), more.get("at_s", float(number)))

    def take(self, key, message, at_s, ended_s=None, payload=None):
        made = self.request("e", message, payload or {"key": key}, at_s)
        made.taken_s, made.ended_s = at_s, ended_s or at_s

    def judge(self, listed=None):
        listed = listed if listed is not None else {min(sent.ids): sent.payload for sent in self.sent.values()}
        self.judge_history({"a": listed})
        self.judge_arrival({"a": ["e"]})
        self.judge_order("e", set())
        self.judge_resources()
        return sorted(self.breaches)


@pytest.fixture
def books():
    made = Books()
    for number in range(5):
        made.message(number)
    return made


def test_a_run_without_a_breach_is_well(books):
    assert books.judge() == []


def test_an_accepted_message_that_the_history_lacks_is_lost(books):
    assert books.judge({f"m{n}": {"key": f"k{n}"} for n in range(4)}) == ["lost"]


def test_an_accepted_message_that_never_arrived_is_lost(books):
    books.send("k9", "a", {"key": "k9"}, 9.0)
    books.accept("k9", "m9", 9.5)
    books.request("e", "m9", {"key": "k9"}, 9.7)  # came, and was not answered 200
    assert books.judge() == ["lost"]


def test_two_messages_under_one_key_are_doubled(books):
    listed = {f"m{n}": {"key": f"k{n}"} for n in range(5)}
    assert books.judge({**listed, "m7": {"key": "k1"}}) == ["doubled"]
    books.breaches.clear()
    books.take("k1", "m7", 9.0)
    assert books.judge() == ["doubled"]
    books.breaches.clear()
    books.accept("k2", "m8", 9.0)
    assert "doubled" in books.judge(listed)


def test_another_payload_is_noticed_at_the_receiver_and_in_the_history(books):
    books.take("k1", "m1", 9.0, payload={"key": "k1", "text": "more"})
    assert books.judge() == ["received"]
    assert "history" in books.judge({f"m{n}": {"key": f"k{n}", "text": "more"} for n in range(5)})


def test_what_was_never_sent_is_noticed(books):
    books.take("k77", "m77", 9.0)
    assert books.judge() == ["received"]


def test_order_is_of_first_successes_and_of_what_was_accepted_before_the_other_was_sent():
    books = Books()
    books.message(1, at_s=3.0)
    books.message(2, at_s=2.5)
    assert books.judge() == ["order"]
    books = Books()
    books.message(1, at_s=2.5)
    books.message(2, at_s=3.0)
    books.take("k1", "m1", 4.0)  # again, as its answer was lost
    assert books.judge() == []
    books = Books()
    books.message(1, at_s=3.0)
    books.sent["k1"].accepted_s = 2.2  # both were on their way at once
    books.message(2, at_s=2.5)
    assert books.judge() == []


def test_a_success_that_no_receiver_gave_and_what_is_not_a_success_are_noticed(books):
    books.judge_states("e", {f"m{n}": "success" for n in range(5)})
    assert not books.breaches
    books.judge_states("e", {"m99": "success"})
    books.judge_states("e", {"m1": "pending"})
    assert len(books.breaches["states"]) == 2


def test_more_requests_than_the_rate_allows_are_noticed_unless_the_network_was_disturbed():
    def judged(per_second, disturbed):
        books = Books()
        for n in range(40 * per_second):
            books.take("k", "m", n / per_second)
        if disturbed:
            books.begin(types.SimpleNamespace(fault="network.narrow"), False, 0.0)
        books.judge_rate("e", 10)
        return sorted(books.breaches)
    assert judged(10, False) == [] == judged(20, True)
    assert judged(20, False) == ["rate"]


def test_more_requests_at_once_than_the_window_allows_are_noticed():
    books = Books()
    books.take("k1", "m1", 1.0, ended_s=3.0)
    books.take("k2", "m2", 2.0, ended_s=4.0)
    books.take("k3", "m3", 3.9, ended_s=5.0)  # the second was given up when this one began; that is seen late
    books.judge_window("e", 2)
    assert not books.breaches
    books.judge_window("e", 1)
    assert sorted(books.breaches) == ["window"]


def test_nothing_accepted_for_long_is_noticed_unless_a_fault_stands_in_the_way():
    def judged(**fault):
        books = Books()
        books.accepted_at_s = [1.0, 2.0, 2.0 + 2 * PROGRESS_S]
        if fault:
            noted = books.begin(types.SimpleNamespace(fault="x"), fault["blocks"], 3.0)
            noted.end_s = fault["end_s"]
        books.judge_progress(0.0, 3.0 + 2 * PROGRESS_S)
        return sorted(books.breaches)
    assert judged() == ["progress"] == judged(blocks=False, end_s=2 * PROGRESS_S)
    assert judged(blocks=True, end_s=2 * PROGRESS_S) == []
    assert judged(blocks=True, end_s=4.0) == ["progress"]


def test_memory_descriptors_and_lines_of_the_log_have_bounds(books):
    books.samples = [Sample(0.0, 1 << 20, 30), Sample(1.0, 1 << 30, 30), Sample(2.0, 1 << 20, 900)]
    for second in range(20):
        books.log_lines["deliver.health_failed"][second] = 100
        books.log_lines["store.segment_started"][second] = 2
    assert books.judge() == ["descriptors", "log", "memory"]


NAMES = ["plain", "ordered"]


def test_a_seed_makes_the_same_script_each_time_and_it_is_read_as_it_is_written():
    made = script.make(7, 300.0, FAULTS, NAMES)
    assert str(made) == str(script.make(7, 300.0, FAULTS, NAMES)) == str(script.parse(str(made), FAULTS))
    assert str(made) != str(script.make(8, 300.0, FAULTS, NAMES))
    assert {event.fault.split(".")[0] for event in made.events} == {fault.group for fault in FAULTS.values()}
    assert all(event.at_s + event.for_s <= 300.1 for event in made.events)


def test_leaving_a_kind_of_fault_out_moves_no_other():
    all_of_them = script.make(7, 300.0, FAULTS, NAMES).events
    fewer = script.make(7, 300.0, {name: f for name, f in FAULTS.items() if f.group != "disk"}, NAMES).events
    assert fewer == [event for event in all_of_them if not event.fault.startswith("disk.")]


@pytest.mark.parametrize("line, why", [("at=1s disk.fall for=1s", "no fault"), ("at=1s server.kill for=1s link=x", "has no link"),
                                       ("at=1 server.kill for=1s", "1"), ("at=1s server.kill", "for")])
def test_a_misspelt_line_is_refused_with_its_number(line, why):
    with pytest.raises(script.ScriptError, match=f"line 2: .*{why}"):
        script.parse(f"run seed=1 seconds=10\n{line}\n", FAULTS)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """(exit code, output) of the short run; it stops what it started, also when it fails."""
    binary = os.environ.get("GRAPNEL_BIN", ROOT / "build" / "gcc" / "grapnel")
    command = [sys.executable, HERE / "chaos.py", "--bin", binary, "--script", SMOKE,
               "--folder", tmp_path_factory.mktemp("chaos")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SMOKE_PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


def test_a_short_run_keeps_every_promise(smoke):
    code, output = smoke
    assert code == 0, output


@pytest.mark.parametrize("name", FAULTS)
def test_the_short_run_has_each_kind_of_fault(smoke, name):
    _, output = smoke
    skipped = [line for line in output.splitlines() if line.startswith(f"skipped: {name}: ")]
    if skipped:
        pytest.skip(skipped[0].removeprefix("skipped: "))
    assert f" {name} " in SMOKE.read_text()
