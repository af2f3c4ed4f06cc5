#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a real server, a real RabbitMQ and receivers for a while, disturbs them as a script says, and accounts for
every message afterwards (docs/internals/chaos.md).

The seed is printed and makes the script; --seed repeats it, --script takes one that was kept and perhaps cut down.
Exit code 0: every promise was kept; 1: not; 2: wrong usage.
"""
import argparse
import asyncio
import collections
import contextlib
import http.client
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TEST = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TEST / name) for name in ("bench", "support", "e2e", "chaos")]
import script as scripts  # noqa: E402
from faults import FAULTS, GROUPS, choose  # noqa: E402
from harness import Api  # noqa: E402
from ledger import Ledger, Sample  # noqa: E402
from wire import history  # noqa: E402
from workload import KINDS, configure  # noqa: E402
from world import ENDPOINTS, WINDOW, World  # noqa: E402

AFTERWARDS_S = 8  # clients go on for so long after the last fault, or for a quarter of a short run
CLIENTS_END_S = 60
SETTLE_S = 180
REPORT_S = 60
STATUS = {"pending": 1, "fail": 2, "sending": 3}  # as the API numbers them
EVENT = re.compile(rb"event=([a-z_.]+)")


class Run:
    def __init__(self, options, world):
        self.options, self.world, self.ledger = options, world, world.ledger
        self.tracks = collections.defaultdict(asyncio.Lock)
        self.skipped = {name: why for name, fault in FAULTS.items() if (why := fault.unable(self.world)) is not None}
        self.script = self.make_script()
        (world.folder / "script").write_text(str(self.script))

    def make_script(self):
        if self.options.script:
            made = scripts.parse(self.options.script.read_text(), FAULTS)
            made.events = [event for event in made.events if event.fault not in self.skipped]
            return made
        wanted = {name: fault for name, fault in choose(self.options.only).items() if name not in self.skipped}
        # Half of the groups in each run, if nobody says which: what always happens hides what it prevents.
        if not self.options.only:
            rng = random.Random(f"{self.options.seed}/groups")
            groups = {group for group in GROUPS if rng.random() < 0.5} or {"server"}
            wanted = {name: fault for name, fault in FAULTS.items() if fault.group in groups and name not in self.skipped}
        names = [name for name, endpoint in ENDPOINTS.items() if not endpoint.is_amqp]
        return scripts.make(self.options.seed, self.options.seconds, wanted, names)

    async def disturb(self, event, begin_s):
        """One event of the script. One whose track still has another (a broker takes its time to start) waits for it."""
        fault = FAULTS[event.fault]
        await asyncio.sleep(begin_s + event.at_s - time.monotonic())
        async with self.tracks[fault.group, event.fields.get("who")]:
            noted = self.ledger.begin(event, fault.blocks(event), time.monotonic())
            await fault.begin(self.world, event)
            await asyncio.sleep(max(0.0, noted.begin_s + event.for_s - time.monotonic()))
            await fault.end(self.world, event)
            noted.end_s = time.monotonic()

    async def watch(self):
        """Samples of the process each second, and what its log says."""
        node, at = self.world.node, 0
        reported_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            with contextlib.suppress(OSError, TypeError):  # it is between two lives
                self.ledger.samples.append(Sample(now_s, node.rss_bytes(), node.descriptors()))
            with open(node.folder / "server.log", "rb") as log:
                log.seek(at)
                text = log.read()
                at += len(text)
            for event in EVENT.findall(text):
                self.ledger.log_lines[event.decode()][int(now_s)] += 1
            if now_s - reported_s > REPORT_S:
                reported_s = now_s
                print(f"  {self.ledger.summary()}", flush=True)
            await asyncio.sleep(1)

    async def play(self):
        """Everything from the first start to the last stop."""
        world, ledger = self.world, self.ledger
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, show_tasks)
        with_clock = any(event.fault.startswith("clock.") for event in self.script.events)
        await world.start(self.options.bin, self.script.seed, self.script.options, with_clock, world.why_no_broker is None)
        await asyncio.to_thread(configure, Api(world.node), world)
        clients = [kind(f"{kind.__name__.lower()}{n}", ledger, world, random.Random(f"{self.script.seed}/client{n}"))
                   for n, kind in enumerate(KINDS)]
        working = [asyncio.create_task(client.run()) for client in clients]
        tasks = [asyncio.create_task(self.act_out(clients, working)), asyncio.create_task(world.node.supervise()),
                 asyncio.create_task(self.watch())]
        try:  # the first ends in good order, the others only by a mistake of this program
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failures = await end_tasks([*tasks, *working])
            ledger.lives = world.node.starts
            await asyncio.to_thread(self.judge_end)
            await world.hang_up()
        for failure in failures:
            raise failure

    async def act_out(self, clients, working):
        """The script, some time without faults, and the quiet phase."""
        begin_s = time.monotonic()
        await asyncio.gather(*(self.disturb(event, begin_s) for event in self.script.events))
        await asyncio.sleep(max(0.0, begin_s + self.script.seconds - time.monotonic()))
        await asyncio.sleep(min(AFTERWARDS_S, self.script.seconds / 4))
        self.ledger.judge_progress(begin_s, time.monotonic())
        for client in clients:
            client.stopped = True
        _, late = await asyncio.wait(working, timeout=CLIENTS_END_S)
        if late:
            self.ledger.wrong(f"{len(late)} clients were still refused {CLIENTS_END_S} s after the last fault", "progress")
        try:
            given_up = await self.settle()
            await asyncio.to_thread(self.judge, given_up)
        except (OSError, RuntimeError, http.client.HTTPException) as e:
            self.ledger.wrong(f"the server does not answer in the quiet phase: {e!r}")

    # --- the quiet phase ---

    def states(self, endpoint, query=""):
        """{message id: (state, why)} of an endpoint's deliveries, by the API."""
        api, found, iterator = Api(self.world.node), {}, ""
        path = f"/api/v1/app/{self.world.apps[endpoint.app]}/endpoint/{endpoint.id}/msg?limit=250&expanded_statuses=true"
        while True:
            page = api.call("GET", path + query + (f"&iterator={iterator}" if iterator else ""))
            found.update({row["id"]: (row["statusText"], row["statusReason"]) for row in page["data"]})
            if page["done"]:
                return found
            iterator = page["iterator"]

    def source_history(self):
        """{message id: payload} of what the source accepted."""
        api, found, iterator = Api(self.world.node), {}, ""
        path = f"/ingest/api/v1/source/{self.world.apps['source']}/request?limit=250&outcome=accepted&with_content=true"
        while True:
            page = api.call("GET", path + (f"&iterator={iterator}" if iterator else ""))
            for row in page["data"]:
                found.update(dict.fromkeys(row["messages"], json.loads(row["body"])))
            if page["done"]:
                return found
            iterator = page["iterator"]

    def told(self):
        """The endpoints that the public API tells about; a source's are its own."""
        return {name: e for name, e in self.world.endpoints.items() if e.app != "source"}

    def wanted(self):
        return {app: [name for name, e in self.world.endpoints.items() if e.app == app] for app in self.world.apps}

    async def settle(self):
        """Until nothing waits any more, or the time is up. What was given up is sent again; its ids, by endpoint."""
        given_up = {name: set() for name in self.told()}
        until = time.monotonic() + SETTLE_S
        while waiting := await self.count_waiting(given_up):
            if time.monotonic() > until:
                self.ledger.wrong(f"deliveries still wait {SETTLE_S} s after the last fault: {waiting}", "progress")
                break
            await asyncio.sleep(1)
        return given_up

    async def count_waiting(self, given_up):
        """{endpoint: how many have not arrived}, without those that have none."""
        waiting = collections.Counter()
        for name, endpoint in self.told().items():
            for state in ("pending", "sending"):
                waiting[name] += len(await asyncio.to_thread(self.states, endpoint, f"&status={STATUS[state]}"))
            failed = await asyncio.to_thread(self.states, endpoint, f"&status={STATUS['fail']}")
            for message, (_, why) in failed.items():
                if why not in ("exhausted", "manual"):
                    self.ledger.wrong(f"{message} to {name} was given up: {why}", "states")
                if message not in given_up[name] or why == "manual":
                    path = f"/api/v1/app/{self.world.apps[endpoint.app]}/msg/{message}/endpoint/{endpoint.id}/resend"
                    await asyncio.to_thread(Api(self.world.node).call, "POST", path, {})
                    given_up[name].add(message)
            waiting[name] += len(failed)
        taken = {r.key for r in self.ledger.requests["source"] if r.taken_s is not None}
        waiting["source"] = sum(sent.app == "source" and sent.accepted_s is not None and sent.key not in taken
                                for sent in self.ledger.sent.values())
        return dict(+waiting)

    def read_queue(self, name):
        """What a queue got, as requests: in the order of the queue."""

        for n, (_, properties, body) in enumerate(self.world.broker.drain(name)):
            request = self.ledger.request(name, properties.message_id, json.loads(body), float(n))
            request.taken_s = float(n)

    def judge(self, given_up):
        world, ledger = self.world, self.ledger
        for name, endpoint in world.endpoints.items():
            if endpoint.is_amqp:
                self.read_queue(name)
        listed = {name: history(Api(world.node), [app]) for name, app in world.apps.items() if name != "source"}
        listed["source"] = self.source_history()
        ledger.judge_history(listed)
        ledger.judge_arrival(self.wanted())
        for name, endpoint in self.told().items():
            ledger.judge_states(name, {message: state for message, (state, _) in self.states(endpoint).items()})
        for name, endpoint in world.endpoints.items():
            if endpoint.is_ordered:
                ledger.judge_order(name, given_up[name])
            if endpoint.rate:
                ledger.judge_rate(name, endpoint.rate)
            if not endpoint.is_amqp:
                ledger.judge_window(name, 1 if endpoint.is_ordered else WINDOW)
        ledger.judge_resources()
        if not ledger.accepted_at_s:
            ledger.wrong("nothing was accepted")

    def judge_end(self):
        """After everything else: the last stop, the store on the disk, and that nothing crashed."""
        world, ledger = self.world, self.ledger
        code = world.node.stop(signal.SIGTERM)
        if code != 0:
            ledger.wrong(f"the server's last stop ended with code {code}")
        checked = subprocess.run([self.options.bin, "doctor", f"--store.dir={world.node.store}"], capture_output=True,
                                 text=True, check=False)
        for line in checked.stdout.splitlines():
            if line.startswith("FAIL") and "stored data" in line:
                ledger.wrong(line)
        for report in (world.node.folder / "crashes").iterdir():
            ledger.wrong(f"a crash report: {report.read_text(errors='replace')[:500]}", "crashes")
        if "event=server.loop_silent" in (world.node.folder / "server.log").read_text(errors="replace") \
                and not any(d.event.fault in ("server.pause", "limit.cpu", "disk.slow") for d in ledger.disturbances):
            ledger.wrong("a loop was silent")


def show_tasks():
    """What everything waits for, when a run does not go on: kill -USR1."""
    for task in asyncio.all_tasks():
        task.print_stack()


async def end_tasks(tasks):
    """Cancels them until they have ended: a cancellation may be lost when it meets an error. What they failed with."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=1)
    return [task.exception() for task in tasks if not task.cancelled() and task.exception() is not None]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--minutes", type=float, default=10, help="how long it is disturbed; the quiet phase comes on top")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--script", type=pathlib.Path, help="a script that was kept, instead of what the seed makes")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[],
                        help=f"faults or groups of faults, separated by commas; groups: {', '.join(GROUPS)}")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run in which nothing was wrong")
    parser.add_argument("--folder", type=pathlib.Path, help="where runs are kept; default: beside the binary")
    options = parser.parse_args()
    options.seconds = options.minutes * 60
    return options


def main():
    options = parse_options()
    parent = options.folder or options.bin.parent
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chaos-", dir=parent))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is mounted is unmounted
    started_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        world = World(folder, Ledger())
        stack.callback(world.close)
        run = Run(options, world)
        for name, why in run.skipped.items():
            print(f"skipped: {name}: {why}")
        print(f"chaos: seed {run.script.seed}, {run.script.seconds:g} s, {len(run.script.events)} faults; "
              f"the script is {folder}/script", flush=True)
        asyncio.run(run.play())
        wrong = run.ledger.report()
        if wrong:  # before the disk goes
            shutil.copytree(world.node.store, folder / "store", dirs_exist_ok=True)
    print(run.ledger.summary())
    for line in wrong:
        print(f"  WRONG: {line}")
    if wrong:
        print(f"the store, the log and the script are in {folder}; again: --script {folder}/script")
        sys.exit(1)
    if not options.keep:
        shutil.rmtree(folder)
    print(f"every promise was kept ({time.monotonic() - started_s:.0f} s)")


if __name__ == "__main__":
    main()
