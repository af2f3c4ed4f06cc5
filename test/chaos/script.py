# SPDX-License-Identifier: Apache-2.0
"""The script of a run: a text that a seed makes, and that can be kept, cut down and given again.

    run seed=42 seconds=300
    option store.segment_messages=400
    at=12.5s receiver.silent for=8.2s who=ordered
    at=20.1s server.kill for=0s

Each fault of a script comes from a stream of chance of its own track, so that leaving a kind out does not move the
others. What is repeated is this text; what the machine makes of it in between is its own.
"""
import dataclasses
import math
import random

GAP_MEAN_S = (2, 20)  # between the faults of a track; each run draws its own mean from here
LONGEST_SHARE = 0.3  # of a run, for one fault
FIRST_S = 1.0


class ScriptError(Exception):
    """What is wrong with a script, in words."""


@dataclasses.dataclass
class Event:
    at_s: float
    fault: str
    for_s: float
    fields: dict

    def __str__(self):
        fields = "".join(f" {name}={value}" for name, value in self.fields.items())
        return f"at={self.at_s:g}s {self.fault} for={self.for_s:g}s{fields}"


@dataclasses.dataclass
class Script:
    seed: int
    seconds: float
    options: list
    events: list

    def __str__(self):
        lines = [f"run seed={self.seed} seconds={self.seconds:g}", *(f"option {option}" for option in self.options),
                 *(str(event) for event in self.events)]
        return "\n".join(lines) + "\n"


def log_uniform(rng, low, high):
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def make_options(rng):
    """Options of the server that bring borders near."""
    return [f"store.segment_messages={int(log_uniform(rng, 50, 5000))}", f"store.free_min={rng.choice(['0', '16MiB'])}",
            f"server.loops={rng.randint(1, 3)}", f"server.workers={rng.randint(2, 8)}",
            f"deliver.items_max={int(log_uniform(rng, 100, 10000))}", f"fetch.client={rng.choice(['own'] * 4 + ['curl'])}"]


def make_track(faults, track, seed, seconds):
    """The faults of one track, one after another. `faults`: those of its group, by name."""
    rng = random.Random(f"{seed}/{track}")
    mean_s, at_s, events = log_uniform(rng, *GAP_MEAN_S), FIRST_S, []
    while True:
        at_s += rng.expovariate(1 / min(mean_s, seconds / 3))
        name = rng.choice(sorted(faults))
        fault = faults[name]
        low_s, high_s = fault.for_s
        # Long before short would be nothing but one fault: a run is divided among several.
        high_s = max(low_s, min(high_s, seconds * LONGEST_SHARE))
        for_s = 0.0 if high_s == 0 else log_uniform(rng, low_s, high_s)
        fields = {field: choose(rng) for field, choose in fault.fields.items()}
        if "/" in track:
            fields["who"] = track.split("/")[1]
        if at_s + for_s > seconds:
            return events
        events.append(Event(round(at_s, 1), name, round(for_s, 1), fields))
        at_s += for_s


def make(seed, seconds, faults, names):
    """A script of these faults. `names`: the receivers; each has a track of its own, and so has each other group."""
    events = []
    for group in sorted({fault.group for fault in faults.values()}):
        of_group = {name: fault for name, fault in faults.items() if fault.group == group}
        tracks = [f"{group}/{who}" for who in names] if group == "receiver" else [group]
        for track in tracks:
            events += make_track(of_group, track, seed, seconds)
    return Script(seed, seconds, make_options(random.Random(f"{seed}/options")), sorted(events, key=lambda e: e.at_s))


def seconds_of(text):
    if not text.endswith("s"):
        raise ValueError(text)
    return float(text[:-1])


def parse_line(line, script, faults):
    words = line.split()
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    if words[0] == "run":
        script.seed, script.seconds = int(pairs["seed"]), float(pairs["seconds"])
    elif words[0] == "option":
        script.options.append(words[1])
    elif words[1] not in faults:
        raise ScriptError(f"there is no fault {words[1]!r}")
    else:
        known = {"at", "for", "who", *faults[words[1]].fields}
        if set(pairs) - known:
            raise ScriptError(f"{words[1]} has no {', '.join(sorted(set(pairs) - known))}")
        fields = {name: value for name, value in pairs.items() if name not in ("at", "for")}
        script.events.append(Event(seconds_of(pairs["at"]), words[1], seconds_of(pairs["for"]), fields))


def parse(text, faults):
    script = Script(0, 0.0, [], [])
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip() and not line.startswith("#"):
                parse_line(line, script, faults)
        except (ScriptError, KeyError, ValueError, IndexError) as e:
            raise ScriptError(f"line {number}: {line.strip()}: {e}") from None
    if not script.seconds:
        raise ScriptError("the line 'run seed=... seconds=...' is missing")
    script.events.sort(key=lambda e: e.at_s)
    return script
