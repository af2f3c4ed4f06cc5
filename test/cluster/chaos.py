#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disturbs three nodes and their database at random, and accounts for every message: `make chaos-cluster MINUTES=10 SEED=1`.

A seed makes the list of faults; the kernel and the schedulers decide the rest. Clients use all nodes in turn, as behind a
load balancer, and try again with the same key until there is an answer, as the SDKs do.
"""
import argparse
import itertools
import json
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import QUICK, Node, Postgres, Receiver, Way, foreign_port, wait_until  # noqa: E402

NODES, CLIENTS = 3, 3
RATE = 40  # of the throttled endpoint, a second
PAUSE_MAX_S = 40  # two faults may follow each other
REST_S = 120


class Databases:
    """A primary and its synchronous standby. Ways lead to the two places; who is where changes with each fail-over."""

    def __init__(self, folder):
        self.folder, self.numbers = folder, itertools.count()
        self.at = [self.make(), None]
        self.at[0].ask("CREATE DATABASE grapnel", "postgres")
        self.at[0].ask("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
        self.at[1] = self.make(self.at[0])
        self.at[0].ask("SELECT pg_reload_conf()", "postgres")
        self.primary, self.ways = 0, []

    def make(self, primary=None):
        return Postgres(self.folder / f"p{next(self.numbers)}", primary).start()

    def way(self):
        """Ways of one node to both places."""
        mine = [Way(server.port) for server in self.at]
        self.ways.append(mine)
        return mine

    @property
    def now(self):
        return self.at[self.primary]

    def fail_over(self):
        lost, self.primary = self.primary, 1 - self.primary
        self.at[lost].kill()
        self.now.promote()
        wait_until(lambda: self.now.ask("SELECT pg_is_in_recovery()", "postgres") == "f", "the standby to be promoted")
        shutil.rmtree(self.at[lost].where)
        self.at[lost] = self.make(self.now)
        for mine in self.ways:
            mine[lost].cut()
            mine[lost].target = self.at[lost].port
            mine[lost].is_cut = False

    def crash(self):
        self.now.crash()
        self.now.start()

    def end(self):
        for server in self.at:
            server.end()


class Member:
    """A node with a supervisor, and ways of its own to the database and from its peers."""

    def __init__(self, folder, databases):
        self.ways, port = databases.way(), foreign_port()
        self.link = Way(port)
        url = "postgresql://postgres@" + ",".join(f"127.0.0.1:{way.port}" for way in self.ways) + "/grapnel"
        self.node = Node(folder, url)
        self.node.patience_s = 30
        self.flags = [*QUICK, f"cluster.listen=127.0.0.1:{port}", f"cluster.address=127.0.0.1:{self.link.port}", "server.stop_timeout=5s"]
        self.is_wanted = True
        self.thread = threading.Thread(target=self.supervise, daemon=True)

    def supervise(self):
        while self.is_wanted:
            if self.node.child is None or self.node.child.poll() is not None:
                self.node.spawn(*self.flags)
            time.sleep(0.2)

    def signal(self, number):
        if self.node.child is not None and self.node.child.poll() is None:
            self.node.child.send_signal(number)

    def end(self):
        self.is_wanted = False
        self.thread.join()
        self.signal(signal.SIGCONT)
        code = self.node.stop()
        for way in (*self.ways, self.link):
            way.close()
        return code


class Client:
    """Publishes one after another into its application. Each payload holds its key and its number."""

    def __init__(self, cluster, app, most_per_s=None):
        self.cluster, self.app, self.gap_s = cluster, app, 1 / most_per_s if most_per_s else 0
        self.accepted, self.wrong, self.pause_s, self.ended = {}, [], 0.0, threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def publish(self, number, key):
        """The id, or None: to be tried again."""
        node = self.cluster.next_node()
        try:
            answer = node.call("POST", f"/app/{self.app}/msg", {"eventType": "test.event", "payload": {"key": key, "n": number}},
                               {"idempotency-key": key}, token=self.cluster.token)
        except (OSError, ValueError):
            return None
        if answer.status == 202:
            return answer.body["id"]
        if answer.status not in (500, 502, 503, 507):
            self.wrong.append(f"{answer.status} {answer.body}")
        return None

    def work(self):
        for number in itertools.count():
            key, began = str(uuid.uuid4()), time.monotonic()
            while True:
                if self.ended.is_set():
                    return
                found = self.publish(number, key)
                if found:
                    break
                time.sleep(0.05)
            self.accepted[key] = (number, found)
            self.pause_s = max(self.pause_s, time.monotonic() - began)
            time.sleep(self.gap_s)

    def end(self):
        self.ended.set()
        self.thread.join()


class Builder:
    """Creates at one node and uses at the next, over and over: what is created is there."""

    def __init__(self, cluster, url):
        self.cluster, self.url, self.wrong, self.done, self.ended = cluster, url, [], 0, threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def ask(self, method, path, body=None):
        """Tries again what has no answer; a POST with the same key, so that it is done once."""
        key = {"idempotency-key": str(uuid.uuid4())}
        while not self.ended.is_set():
            try:
                answer = self.cluster.next_node().call(method, path, body, key, token=self.cluster.token)
                if answer.status < 500:
                    return answer
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
        return None

    def work(self):
        while not self.ended.is_set():
            made = self.ask("POST", "/app", {"name": "built"})
            steps = [] if made is None or made.status != 201 else [
                ("POST", f"/app/{made.body['id']}/endpoint", {"url": self.url}, 201),
                ("POST", f"/app/{made.body['id']}/msg", {"eventType": "test.event", "payload": {"n": 0}}, 202),
                ("GET", f"/app/{made.body['id']}/endpoint", None, 200)]
            for method, path, body, status in steps:
                answer = self.ask(method, path, body)
                if answer is None:
                    return
                if answer.status != status:
                    self.wrong.append(f"{method} {path}: {answer.status} {answer.body}")
            self.done += 1
            time.sleep(0.1)

    def end(self):
        self.ended.set()
        self.thread.join()


class Cluster:
    def __init__(self, folder):
        self.databases = Databases(folder)
        self.members = [Member(folder / f"node{n}", self.databases) for n in range(NODES)]
        self.turns = itertools.count()
        self.members[0].node.spawn(*self.members[0].flags)
        self.members[0].node.wait_log("server.started")
        self.token = self.members[0].node.token
        for member in self.members:
            member.thread.start()

    def next_node(self):
        return self.members[next(self.turns) % NODES].node

    def heal(self):
        for member in self.members:
            member.signal(signal.SIGCONT)
            for way in (*member.ways, member.link):
                way.heal()

    def end(self):
        codes = [member.end() for member in self.members]
        self.databases.end()
        return codes


def for_a_while(begin, stop):
    def fault(cluster, dice):
        member = dice.choice(cluster.members)
        begin(member)
        time.sleep(dice.uniform(0.5, 9))
        stop(member)
    return fault


def each(ways, do):
    return lambda member: [getattr(way, do)() for way in ways(member)]


def to_database(member):
    return member.ways


def to_peers(member):
    return [member.link]


def lock_table(cluster, dice):
    cluster.databases.now.ask(f"BEGIN; LOCK TABLE message IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({dice.uniform(0.2, 4)}); COMMIT")


def end_sessions(cluster, _):
    cluster.databases.now.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'grapnel' AND pid <> pg_backend_pid()")


FAULTS = {
    "node.kill": lambda cluster, dice: dice.choice(cluster.members).signal(signal.SIGKILL),
    "node.stop": lambda cluster, dice: dice.choice(cluster.members).signal(signal.SIGTERM),
    "node.pause": for_a_while(lambda m: m.signal(signal.SIGSTOP), lambda m: m.signal(signal.SIGCONT)),
    "database.cut": for_a_while(each(to_database, "cut"), each(to_database, "heal")),
    "database.silent": for_a_while(each(to_database, "hold"), each(to_database, "heal")),
    "database.crash": lambda cluster, _: cluster.databases.crash(),
    "database.fail_over": lambda cluster, _: cluster.databases.fail_over(),
    "database.locked": lock_table,
    "database.sessions_end": end_sessions,
    "link.cut": for_a_while(each(to_peers, "cut"), each(to_peers, "heal")),
    "link.silent": for_a_while(each(to_peers, "hold"), each(to_peers, "heal")),
}


# --- the verdict ---------------------------------------------------------------------------------

def first_seen(receiver):
    """By key: the number, and when it came first; and every key with more than one message id."""
    first, doubled, ids = {}, set(), {}
    for one in list(receiver.received):
        body, got = json.loads(one.body), one.headers["webhook-id"]
        key = body["key"]
        if ids.setdefault(key, got) != got:
            doubled.add(key)
        first.setdefault(key, (body["n"], one.at))
    return first, doubled


def judge(what, client, receiver):
    first, doubled = first_seen(receiver)
    lost = [key for key in client.accepted if key not in first]
    breaches = [f"{what}: {len(lost)} of {len(client.accepted)} were accepted and did not arrive: {lost[:3]}"] if lost else []
    if doubled:
        breaches.append(f"{what}: {len(doubled)} keys have two messages: {sorted(doubled)[:3]}")
    if client.wrong:
        breaches.append(f"{what}: wrong answers: {client.wrong[:3]}")
    if client.pause_s > PAUSE_MAX_S:
        breaches.append(f"{what}: nothing was accepted for {client.pause_s:.0f} s")
    return breaches


def judge_order(receiver):
    first, _ = first_seen(receiver)
    seen = [number for number, _ in sorted(first.values(), key=lambda pair: pair[1])]
    late = [(a, b) for a, b in itertools.pairwise(seen) if b < a]
    return [f"ordered: {len(late)} came before what was accepted earlier: {late[:3]}"] if late else []


def judge_rate(receiver, take_overs):
    """In any second no more than the rate, and a window more for each take-over."""
    times = sorted(one.at for one in receiver.received)
    most = max((len([t for t in times[i:i + 8 * RATE] if t < times[i] + 1]) for i in range(len(times))), default=0)
    allowed = 2 * RATE + 10 * min(take_overs, 1)  # the credit of one second, and the window
    return [f"throttled: {most} within a second; the rate is {RATE}"] if most > allowed else []


def run(folder, minutes, seed):
    dice, cluster = random.Random(seed), Cluster(folder)
    receivers = {what: Receiver(204) for what in ("plain", "ordered", "throttled")}
    built = Receiver(204)
    node, clients = cluster.members[0].node, {}
    node._token = cluster.token
    for what, receiver in receivers.items():
        app = node.application(what)
        more = {"ordered": {"ordered": True}, "throttled": {"throttleRate": RATE}}.get(what, {})
        node.endpoint(app, receiver.url, **more)
        clients[what] = Client(cluster, app, RATE / 2 if what == "throttled" else None)
    builder, until, counts = Builder(cluster, built.url), time.monotonic() + 60 * minutes, {}
    while time.monotonic() < until:
        time.sleep(dice.uniform(0.5, 6))
        name = dice.choice(sorted(FAULTS))
        counts[name] = counts.get(name, 0) + 1
        print(f"{time.strftime('%H:%M:%S')} {name}  ({sum(len(c.accepted) for c in clients.values())} accepted)", flush=True)
        FAULTS[name](cluster, dice)
    cluster.heal()
    for client in clients.values():
        goal = len(client.accepted) + 20
        wait_until(lambda c=client, g=goal: len(c.accepted) >= g, "messages to be accepted after the last fault", REST_S)
        client.end()
    builder.end()
    print(f"{sum(counts.values())} faults: {counts}", flush=True)
    for what, client in clients.items():
        try:
            wait_until(lambda w=what, c=client: set(c.accepted) <= set(first_seen(receivers[w])[0]), "all to arrive", REST_S)
        except AssertionError:
            pass  # the verdict says what is missing
    take_overs = sum("server.takes_over" in m.node.log_path.read_text(errors="replace") for m in cluster.members)
    breaches = [b for what, client in clients.items() for b in judge(what, client, receivers[what])]
    breaches += judge_order(receivers["ordered"]) + judge_rate(receivers["throttled"], take_overs)
    breaches += [f"built: {wrong}" for wrong in builder.wrong[:3]]
    breaches += [line for m in cluster.members for line in m.node.complaints()]
    codes = cluster.end()
    breaches += [f"a node ended with code {code}" for code in codes if code != 0]
    print(f"{sum(len(c.accepted) for c in clients.values())} accepted, {sum(len(r.received) for r in receivers.values())} attempts,"
          f" {builder.done} built, longest pauses {', '.join(f'{what} {c.pause_s:.1f} s' for what, c in clients.items())}", flush=True)
    for receiver in (*receivers.values(), built):
        receiver.close()
    return breaches


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="grapnel-chaos-", dir="/tmp"))
    folder.chmod(0o755)
    print(f"seed {options.seed}, {options.minutes:g} minutes, in {folder}", flush=True)
    breaches = run(folder, options.minutes, options.seed)
    for breach in breaches:
        print("BREACH", breach)
    if breaches:
        sys.exit(f"{len(breaches)} promises were broken; the logs stay in {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    print("nothing was lost, doubled or out of order")


if __name__ == "__main__":
    main()
