# SPDX-License-Identifier: Apache-2.0
"""tools/shrink on simulators that are a function: what it leaves, and what it does not mistake for the same failure."""
import importlib.machinery
import importlib.util
import pathlib
import unittest

PATH = pathlib.Path(__file__).resolve().parents[2] / "tools" / "shrink"
SPEC = importlib.util.spec_from_loader("shrink", importlib.machinery.SourceFileLoader("shrink", str(PATH)))
shrink = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(shrink)

PLAN = ["run seed=1 tenants=2 clients=4 lives=2 safety=64s",
        *(f"at={n}s op.publish n={n} client={n % 4 + 1} tenant=1 key={n} bytes=500" for n in range(40)),
        "at=3s disk.full path=segments/ for=8s rate=0.02", "at=20s life.kill", "at=22s life.stop"]


def has(lines, text):
    return any(text in line for line in lines)


class Shrink(unittest.TestCase):
    def test_only_the_lines_that_matter_remain(self):
        def play(lines):
            return ((3, 1, ""), "I1: lost") if has(lines, "disk.full") and has(lines, "life.kill") and has(lines, " n=17 ") else None
        small = shrink.Shrinker(play, PLAN, jobs=2).shrink()
        self.assertEqual(len(small), 4)
        self.assertTrue(has(small, "disk.full for=8s"), small)  # without its rate and its path
        self.assertTrue(has(small, "op.publish n=17 client=1 tenant=1"), small)
        self.assertTrue(small[0].startswith("run seed=1 tenants=1 clients=1 lives=1 safety=1s"), small)

    def test_another_failure_is_not_the_same(self):
        def play(lines):
            if not has(lines, "life.kill"):
                return (3, 7, ""), "I7: another rule"
            if not has(lines, "life.stop"):
                return (3, 1, "panic: elsewhere"), "I1: lost"
            return (3, 1, "panic: here"), "I1: lost"
        small = shrink.Shrinker(play, PLAN, jobs=2).shrink()
        self.assertTrue(has(small, "life.kill") and has(small, "life.stop"), small)
        self.assertEqual(len(small), 3)

    def test_a_plan_that_does_not_fail_is_refused(self):
        with self.assertRaises(ValueError):
            shrink.Shrinker(lambda lines: None, PLAN)

    def test_no_plan_is_played_twice(self):
        played = []

        def play(lines):
            played.append(tuple(lines))
            return ((3, 1, ""), "") if has(lines, " n=3 ") and has(lines, " n=33 ") else None
        small = shrink.Shrinker(play, PLAN, jobs=1).shrink()
        self.assertEqual(len(small), 3)
        self.assertLessEqual(len(played), len(set(played)) + 1)  # the first one, to see how it fails
        self.assertLess(len(played), 120)


if __name__ == "__main__":
    unittest.main()
