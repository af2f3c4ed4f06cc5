#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the peers whose answers decide something, brokers, processors of webfilters and sites that vouch for callers: test_peers.py BUILD.

Each way in which one of them may behave is a small plan. The server has to notice it (an event in its log, or a message
that was given up), what must hold has to hold all the same, and the run has to be the same when it is played again.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

LIMIT_S = 300  # of real time, for one run
BROKER = """run seed=11 tenants=1 clients=1 safety=30s
option deliver.retry=200ms,200ms
option deliver.timeout=2s
option amqp.idle_timeout=60s
endpoint n=1 tenant=1 broker=1 exchange=1 declare=1 mandatory=1
endpoint n=2 tenant=1 broker=1 exchange=0 ordered=1
"""
CHAIN = """run seed=11 tenants=1 clients=1 safety=20s
endpoint n=1 tenant=1
filter n=1 tenant=1 mode=chained timeout=800ms halt=0 breaker=2
filter n=2 tenant=1 mode=parallel timeout=800ms closed=1 halt=7 breaker=0
filter n=3 tenant=1 mode=shadow timeout=800ms halt=0 breaker=0
chain tenant=1 deadline=2s keep=all
"""
SITES = """run seed=11 tenants=1 clients=2 safety=30s
endpoint n=1 tenant=1
site n=1 keep=1s timeout=1s
site n=2 keep=1s timeout=1s
"""
PUBLISH = "".join(f"at={3 + n}s op.publish n={n} client=1 tenant=1 bytes=5000\n" for n in range(1, 11))
ASK = "".join(f"at={3 + n}s op.ask n={n} client=1 tenant=1\n" for n in range(1, 11))
ENTER = "".join(f"at={3 + n}s op.enter client={site} site={site} user={1 + n % 6} make={n % 2}\n"
                for n in range(10) for site in (1, 2))

# What the peer does, and an event that the log must have (or must not have: "-").
CASES = {
    "broker-well": (BROKER + PUBLISH, ["broker.connected", "-broker.lost", "-deliver.given_up"]),
    "broker-slow": (BROKER + PUBLISH + "at=2s broker.slow broker=1 by=5s for=20s\n", ["deliver.given_up"]),
    "broker-nack": (BROKER + PUBLISH + "at=2s broker.nack broker=1 for=20s\n", ["deliver.given_up", "-broker.lost"]),
    "broker-unroutable": (BROKER + PUBLISH + "at=2s broker.unroutable broker=1 for=20s\n", ["deliver.given_up", "-broker.lost"]),
    "broker-lie": (BROKER + PUBLISH + "at=2s broker.lie broker=1 for=20s\n", ["broker.connected"]),
    "broker-silent": (BROKER + PUBLISH + "at=6s broker.silent broker=1 for=20s\n", ["broker.lost", "broker.unreachable"]),
    "broker-deaf": (BROKER + PUBLISH + "at=6s broker.deaf broker=1 for=20s\n", ["broker.lost", "broker.unreachable"]),
    "broker-refuse": (BROKER + PUBLISH + "at=6s broker.refuse broker=1 rate=0.3 for=20s\n", ["broker.channel_closed", "broker.lost"]),
    "broker-cut": (BROKER + PUBLISH + "at=6s broker.cut broker=1 rate=0.5 for=20s\n", ["broker.lost"]),
    "broker-babble": (BROKER + PUBLISH + "at=6s broker.babble broker=1 for=20s\n", ["broker.lost"]),
    "broker-block": (BROKER + PUBLISH + "at=5s broker.block broker=1 for=10s\n", ["broker.blocked", "broker.unblocked", "-broker.lost"]),
    "broker-restart": (BROKER + PUBLISH + "at=5.5s broker.restart broker=1 for=3s\n", ["broker.lost", "broker.unreachable"]),
    "processor-well": (CHAIN + ASK, ["-filter.breaker_opened"]),
    "processor-slow": (CHAIN + ASK + "at=2s processor.slow filter=1 by=1s for=10s\n", ["filter.breaker_opened"]),
    "processor-silent": (CHAIN + ASK + "at=2s processor.silent filter=1 for=10s\n", ["filter.breaker_opened"]),
    "processor-status": (CHAIN + ASK + "at=2s processor.status filter=1 status=503 for=10s\n", ["filter.breaker_opened"]),
    "processor-stop": (CHAIN + ASK + "at=2s processor.stop filter=1 for=10s\n", ["-filter.breaker_opened"]),
    "processor-garbage": (CHAIN + ASK + "at=2s processor.garbage filter=2 for=10s\n", ["-filter.breaker_opened"]),
    "processor-lie": (CHAIN + ASK + "at=2s processor.lie filter=1 for=10s\n", ["filter.breaker_opened"]),
    "site-well": (SITES + ENTER, ["-ckan.site_failed", "-dialect.sts_failed"]),
    "site-slow": (SITES + ENTER + "".join(f"at=2s site.slow site={n} by=6s for=20s\n" for n in (1, 2)),
                  ["ckan.site_failed", "dialect.sts_failed"]),
    "site-silent": (SITES + ENTER + "".join(f"at=2s site.silent site={n} for=20s\n" for n in (1, 2)),
                    ["ckan.site_failed", "dialect.sts_failed"]),
    "site-status": (SITES + ENTER + "".join(f"at=2s site.status site={n} status=500 for=20s\n" for n in (1, 2)),
                    ["ckan.site_failed", "dialect.sts_failed"]),
    "site-garbage": (SITES + ENTER + "".join(f"at=2s site.garbage site={n} for=20s\n" for n in (1, 2)), ["ckan.site_failed"]),
    "site-lie": (SITES + ENTER + "".join(f"at=2s site.lie site={n} for=20s\n" for n in (1, 2)), ["ckan.site_failed"]),
    "site-cut": (SITES + ENTER + "".join(f"at=2s site.cut site={n} for=20s\n" for n in (1, 2)),
                 ["ckan.site_failed", "dialect.sts_failed"]),
    "processor-cut": (CHAIN + ASK + "at=2s processor.cut filter=1 for=10s\n", ["filter.breaker_opened"]),
}


def play(build, folder, plan):
    """The exit code, what was printed, in which the hash is, the log, and the first line of the report."""
    programs = build / "test" / "simulate"
    command = [programs / "simulate", f"--server={build / 'grapnel'}", f"--object={programs / 'libworkload.so'}",
               f"--folder={folder}", "--seed=11", "--set", f"plan={plan}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    kept = [folder / name for name in ("log", "report")]
    log, report = (path.read_text(errors="replace") if path.exists() else "" for path in kept)
    shutil.rmtree(folder, ignore_errors=True)
    return done.returncode, done.stdout + done.stderr, log, report.partition("\n")[0]


def judge(build, base, number, name):
    """What is wrong, or nothing. A path's length is a part of the run."""
    text, events = CASES[name]
    plan = base / f"plan.{number:02}"
    plan.write_text(text, encoding="utf-8")
    code, said, log, report = play(build, base / f"first.{number:02}", plan)
    if code != 0:
        return f"{name}: {said}{report}"
    _, again, _, _ = play(build, base / f"again.{number:02}", plan)
    if again != said:
        return f"{name} is not the same run twice:\n{said}{again}"
    wrong = [event for event in events if (f"event={event.lstrip('-')}\x20" in log) == event.startswith("-")]
    return f"{name}: the log should be otherwise in {', '.join(wrong)}" if wrong else ""


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="grapnel-peers-", dir=memory) as base, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        played = pool.map(lambda case: judge(build, pathlib.Path(base), *case), enumerate(CASES))
        wrong = [words for words in played if words]
    print("\n".join(wrong) or f"{len(CASES)} kinds of peers behave as told, and what must hold holds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
