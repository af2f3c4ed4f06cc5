#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the machine by the least world (world.c): test_machine.py BUILD [SEEDS].

The same seed is the same run: it leaves the same hash of everything that happened, in another folder too. In each, what
was answered 202 in any life, whatever failed and however the life ended, has arrived in the end.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

LIMIT_S = 600  # of real time, for one run


def play(build, folder, seed):
    """The exit code, and what was printed, in which the hash is."""
    programs = build / "test" / "simulate"
    command = [programs / "simulate", f"--server={build / 'grapnel'}", f"--object={programs / 'libsimulate.so'}",
               f"--folder={folder}", f"--seed={seed}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    report = folder / "report"
    words = report.read_text(errors="replace") if report.exists() else ""
    shutil.rmtree(folder, ignore_errors=True)
    return done.returncode, done.stdout + done.stderr, words


def judge(build, base, seed):
    """What is wrong with a seed, or nothing. A path's length is a part of the run, its letters are not."""
    code, said, report = play(build, base / f"first.{seed:08}", seed)
    if code != 0:
        return f"{said}{report}"
    _, again, report = play(build, base / f"again.{seed:08}", seed)
    return "" if again == said else f"seed {seed} is not the same run twice:\n{said}{again}{report}"


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    seeds = range(1, 1 + int(sys.argv[2] if len(sys.argv) > 2 else 24))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="grapnel-simulate-", dir=memory) as base, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [words for words in pool.map(lambda seed: judge(build, pathlib.Path(base), seed), seeds) if words]
    print("\n".join(wrong) or f"{len(seeds)} seeds are the same run twice, and all that was accepted arrived")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
