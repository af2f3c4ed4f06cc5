# SPDX-License-Identifier: Apache-2.0
"""What was sent, answered, received and disturbed in a run, and what of it breaks a promise.

The promises are judged after the quiet phase, in which nothing is disturbed any more. Everything is found by the key in
its payload: whoever published it, and whichever way it took, one key stands for one message.
"""
import collections
import dataclasses

PROGRESS_S = 15.0  # after a fault ends, a message is accepted within this time; generous: the machine is shared
RATE_WINDOW_S, RATE_SLACK_S = 5.0, 1.0
RESTARTS = ("server.kill", "server.stop", "limit.memory")  # after which the server knows nothing of earlier attempts
NOTICED_S = 0.3  # how late a receiver may see that an attempt was given up
DISTURBED_S = 15.0  # so long after a fault of the network, times at receivers say nothing
MEMORY_MAX = 512 << 20
DESCRIPTORS_MORE = 200  # idle connections to receivers and from clients
LINES_PER_S = 20.0  # of one log event, over LINES_WINDOW_S
LINES_WINDOW_S = 10
SHOWN = 5  # breaches of one kind, in words


@dataclasses.dataclass(slots=True)
class Sent:
    key: str
    app: str
    payload: dict
    sent_s: float
    accepted_s: float | None = None  # when it was first known to be accepted
    ids: set = dataclasses.field(default_factory=set)  # that answers named


@dataclasses.dataclass(slots=True)
class Request:
    """What a receiver got. `taken_s`: when it began to answer 200; None: it did not."""
    key: str | None
    message: str | None
    is_intact: bool
    at_s: float
    taken_s: float | None = None
    ended_s: float | None = None


@dataclasses.dataclass(slots=True)
class Disturbance:
    event: object
    begin_s: float
    blocks: bool
    end_s: float | None = None


@dataclasses.dataclass(slots=True)
class Sample:
    at_s: float
    memory_bytes: int
    descriptors: int


class Ledger:
    def __init__(self):
        self.sent, self.requests = {}, collections.defaultdict(list)
        self.accepted_at_s, self.disturbances, self.samples = [], [], []
        self.log_lines = collections.defaultdict(collections.Counter)  # event -> {second: lines}
        self.refusals, self.unanswered, self.lives = collections.Counter(), 0, 0
        self.breaches = collections.defaultdict(list)

    # --- written while the run goes on ---

    def wrong(self, what, kind="the run"):
        self.breaches[kind].append(what)

    def send(self, key, app, payload, now_s):
        self.sent[key] = Sent(key, app, payload, now_s)
        return self.sent[key]

    def accept(self, key, message, now_s):
        """An answer said that it is accepted. `message`: the id, None where the answer does not name it."""
        sent = self.sent[key]
        if sent.accepted_s is None:
            sent.accepted_s = now_s
        if message is not None:
            sent.ids.add(message)
        self.accepted_at_s.append(now_s)

    def request(self, endpoint, message, payload, now_s):
        key = payload.get("key") if isinstance(payload, dict) else None
        sent = self.sent.get(key)
        made = Request(key, message, sent is not None and sent.payload == payload, now_s)
        self.requests[endpoint].append(made)
        return made

    def begin(self, event, blocks, now_s):
        self.disturbances.append(Disturbance(event, now_s, blocks))
        return self.disturbances[-1]

    def faults_about(self, now_s, after_s, prefixes):
        """Names of the faults with these prefixes that last, or ended less than `after_s` ago."""
        return [d.event.fault for d in self.disturbances if d.event.fault.startswith(tuple(prefixes))
                and d.begin_s <= now_s and (d.end_s is None or d.end_s + after_s >= now_s)]

    # --- judged at the end ---

    def judge_history(self, listed):
        """`listed`: {app: {message id: payload}}, as the server tells it."""
        by_key = collections.defaultdict(set)
        for app, messages in listed.items():
            for message, payload in messages.items():
                key = payload.get("key")
                by_key[app, key].add(message)
                if key not in self.sent:
                    self.wrong(f"{message} in {app} was never sent", "history")
                elif payload != self.sent[key].payload:
                    self.wrong(f"{message} ({key}) has another payload than was sent", "history")
        for sent in self.sent.values():
            if len(sent.ids) > 1:
                self.wrong(f"{sent.key}: answers name {sorted(sent.ids)}", "doubled")
            found = by_key[sent.app, sent.key]
            if len(found) > 1:
                self.wrong(f"{sent.key}: the history has {sorted(found)}", "doubled")
            if sent.accepted_s is not None and not found or sent.ids - found:
                self.wrong(f"{sent.key} {sorted(sent.ids)}: accepted, not in the history of {sent.app}", "lost")

    def judge_arrival(self, wanted):
        """`wanted`: {app: names of the endpoints that get what is sent to it}."""
        taken = {name: collections.defaultdict(set) for names in wanted.values() for name in names}
        for name, requests in self.requests.items():
            for r in requests:
                if r.key not in self.sent:
                    self.wrong(f"{name} got {r.message}, which was never sent", "received")
                elif not r.is_intact:
                    self.wrong(f"{name} got {r.message} ({r.key}) with another payload", "received")
                if r.taken_s is not None:
                    taken[name][r.key].add(r.message)
        for name, keys in taken.items():
            for key, messages in keys.items():
                if len(messages) > 1:
                    self.wrong(f"{name} got {key} as {sorted(messages)}", "doubled")
        for sent in self.sent.values():
            for name in wanted[sent.app] if sent.accepted_s is not None else ():
                if not taken[name][sent.key]:
                    self.wrong(f"{sent.key} {sorted(sent.ids)}: accepted at {sent.accepted_s:.1f} s, never taken by {name}",
                               "lost")
                elif sent.ids and not sent.ids & taken[name][sent.key]:
                    self.wrong(f"{name} got {sent.key} under another id than its answer named", "received")

    def judge_states(self, endpoint, states):
        """`states`: {message id: state}, as the server tells it of deliveries to the endpoint."""
        taken = {r.message for r in self.requests[endpoint] if r.taken_s is not None}
        for message, state in states.items():
            if state != "success":
                self.wrong(f"{message} to {endpoint} is {state}", "states")
            elif message not in taken:
                self.wrong(f"{message} to {endpoint} is {state}, and the receiver did not take it", "states")

    def judge_order(self, endpoint, given_up):
        """What was accepted before something else was sent is taken before it. `given_up`: ids that lost their place."""
        firsts = {}
        for r in sorted((r for r in self.requests[endpoint] if r.taken_s is not None), key=lambda r: r.taken_s):
            firsts.setdefault(r.key, r)
        newest = None
        for key, r in firsts.items():
            sent = self.sent.get(key)
            if sent is None or sent.accepted_s is None or r.message in given_up:
                continue
            if newest is not None and sent.accepted_s < newest.sent_s:
                self.wrong(f"{endpoint} got {newest.key} before {key}, which was accepted first", "order")
            if newest is None or sent.sent_s > newest.sent_s:
                newest = sent

    def is_disturbed(self, from_s, to_s, prefix):
        return any(d.event.fault.startswith(prefix) and d.begin_s <= to_s and (d.end_s or to_s) + DISTURBED_S >= from_s
                   for d in self.disturbances)

    def judge_rate(self, endpoint, rate):
        times = sorted(r.at_s for r in self.requests[endpoint])
        restarts_s = [d.begin_s for d in self.disturbances if d.event.fault in RESTARTS]
        begin = 0
        for end, at_s in enumerate(times):
            while at_s - times[begin] > RATE_WINDOW_S:
                begin += 1
            starts = sum(times[begin] - RATE_WINDOW_S <= restart_s <= at_s for restart_s in restarts_s)
            if end - begin + 1 > rate * (RATE_WINDOW_S + RATE_SLACK_S) + 2 * starts + 1 \
                    and not self.is_disturbed(times[begin], at_s, "network."):
                self.wrong(f"{endpoint} got {end - begin + 1} requests in {at_s - times[begin]:.1f} s up to {at_s:.1f} s,"
                           f" with a rate of {rate} per second", "rate")
                return

    def judge_window(self, endpoint, window):
        """How many requests were under way at once, between having been read and being answered or given up."""
        moves = []
        for r in self.requests[endpoint]:
            end_s = (r.ended_s if r.ended_s is not None else r.at_s) - NOTICED_S
            if end_s > r.at_s:
                moves += [(r.at_s, 1), (end_s, -1)]
        under_way = 0
        for at_s, step in sorted(moves):
            under_way += step
            if under_way > window and not self.is_disturbed(at_s, at_s, "network."):
                self.wrong(f"{endpoint} had {under_way} requests under way at {at_s:.1f} s; its window is {window}", "window")
                return

    def judge_progress(self, from_s, to_s):
        """Wherever nothing stands in its way, something is accepted at least every PROGRESS_S."""
        busy = sorted((d.begin_s, d.end_s or to_s) for d in self.disturbances if d.blocks)
        clear_s, edges = from_s, []
        for begin_s, end_s in [*busy, (to_s, to_s)]:
            if begin_s > clear_s:
                edges.append((clear_s, begin_s))
            clear_s = max(clear_s, end_s)
        times = sorted(self.accepted_at_s)
        at = 0
        for begin_s, end_s in edges:
            last_s = begin_s
            while at < len(times) and times[at] < begin_s:
                at += 1
            while at < len(times) and times[at] <= end_s:
                if times[at] - last_s > PROGRESS_S:
                    self.wrong(f"nothing was accepted from {last_s:.1f} s to {times[at]:.1f} s", "progress")
                last_s = times[at]
                at += 1
            if end_s - last_s > PROGRESS_S:
                self.wrong(f"nothing was accepted from {last_s:.1f} s to {end_s:.1f} s", "progress")

    def judge_resources(self):
        for event, seconds in self.log_lines.items():
            for second in seconds:
                count = sum(seconds[second + n] for n in range(LINES_WINDOW_S))
                if count > LINES_PER_S * LINES_WINDOW_S:
                    self.wrong(f"{count} lines of {event} within {LINES_WINDOW_S} s from {second} s", "log")
                    break
        if self.samples:
            most = max(self.samples, key=lambda s: s.memory_bytes)
            if most.memory_bytes > MEMORY_MAX:
                self.wrong(f"{most.memory_bytes >> 20} MiB of memory at {most.at_s:.1f} s", "memory")
            more = self.samples[-1].descriptors - self.samples[0].descriptors
            if more > DESCRIPTORS_MORE:
                self.wrong(f"{more} descriptors more at the end than at the beginning", "descriptors")

    def report(self):
        """All breaches, some of each kind in words."""
        lines = []
        for kind, breaches in self.breaches.items():
            lines += [f"{kind}: {breach}" for breach in breaches[:SHOWN]]
            if len(breaches) > SHOWN:
                lines.append(f"{kind}: and {len(breaches) - SHOWN} more")
        return lines

    def summary(self):
        accepted = sum(sent.accepted_s is not None for sent in self.sent.values())
        requests = sum(len(requests) for requests in self.requests.values())
        memory = max((sample.memory_bytes for sample in self.samples), default=0) >> 20
        return (f"{len(self.sent)} sent, {accepted} accepted, {requests} received, {self.unanswered} unanswered, "
                f"refused: {dict(self.refusals)}, {len(self.disturbances)} faults, {self.lives} lives, {memory} MiB at most")
