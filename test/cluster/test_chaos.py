# SPDX-License-Identifier: Apache-2.0
"""A short run of chaos.py, and proof that its verdict sees what it is there for."""
import collections
import json

import pytest

import chaos
from cluster import PROGRAMS

One = collections.namedtuple("One", "body headers at")


class Sides:
    """A client and a receiver, as a run leaves them behind."""

    def __init__(self, *received, accepted=(), wrong=(), pause_s=0.0):
        self.received = [One(json.dumps({"key": key, "n": number}), {"webhook-id": message}, at) for key, number, message, at in received]
        self.accepted, self.wrong, self.pause_s = {key: (0, "") for key in accepted}, list(wrong), pause_s


def said(sides):
    return " ".join(chaos.judge("it", sides, sides))


def test_the_verdict_sees_what_is_lost_doubled_or_refused_for_no_reason():
    well = Sides(("a", 0, "msg_1", 1.0), ("a", 0, "msg_1", 2.0), accepted="a")
    assert not said(well)
    assert "did not arrive" in said(Sides(accepted="a"))
    assert "two messages" in said(Sides(("a", 0, "msg_1", 1.0), ("a", 0, "msg_2", 2.0), accepted="a"))
    assert "wrong answers" in said(Sides(wrong=["401"]))
    assert "nothing was accepted" in said(Sides(pause_s=chaos.PAUSE_MAX_S + 1))


def test_the_verdict_sees_what_comes_out_of_order_or_too_fast():
    assert not chaos.judge_order(Sides(("a", 0, "m", 1.0), ("b", 1, "m", 2.0), ("a", 0, "m", 3.0)))
    assert chaos.judge_order(Sides(("b", 1, "m", 1.0), ("a", 0, "m", 2.0)))
    at_rate = [("a", n, "m", n / chaos.RATE) for n in range(200)]
    assert not chaos.judge_rate(Sides(*at_rate), 0)
    assert chaos.judge_rate(Sides(*(("a", n, "m", n / chaos.RATE / 3) for n in range(400))), 1)


def test_three_nodes_keep_their_promises_while_they_and_their_database_are_disturbed(short_folder):
    if PROGRAMS is None:
        pytest.skip("there is no PostgreSQL here")
    assert not chaos.run(short_folder, 0.4, 7)
