# SPDX-License-Identifier: Apache-2.0
"""The kinds of faults: a row each in FAULTS. A fault begins, lasts, and ends; begin and end get the world and the event.

`group`: faults of one group come one after another, those of different groups beside each other.
`for_s`: the shortest and the longest time it lasts; (0, 0): it is over at once.
`fields`: what else its line of the script says, and how a seed chooses that.
`blocks`: whether messages may be refused, or nothing be answered, while it lasts.
`unable`: why this machine cannot do it, or None.
"""
import asyncio
import contextlib
import dataclasses
import resource
import signal
import typing


LONG_S = (1, 120)
STOP_PATIENCE_S = 60
DELAY = ("netem", "delay", "300ms", "100ms")
LOSS = ("netem", "loss", "15%")
NARROW = ("tbf", "rate", "128kbit", "burst", "4000", "latency", "300ms")


async def nothing(world, event):
    pass


def possible(world):
    return None


@dataclasses.dataclass
class Fault:
    group: str
    for_s: tuple
    begin: typing.Callable
    end: typing.Callable = nothing
    fields: dict = dataclasses.field(default_factory=dict)
    blocks: typing.Callable = lambda event: False
    unable: typing.Callable = possible


def always(event):
    return True


def one_of(*values):
    return lambda rng: rng.choice(values)


# --- the server's process ---

async def server_kill(world, event):
    world.node.expect_death()
    world.node.child.kill()


async def server_stop(world, event):
    """A stop in good order: it has to end, and with code 0, whatever else is wrong meanwhile."""
    world.node.expect_death()
    child = world.node.child
    child.send_signal(signal.SIGTERM)
    try:
        code = await asyncio.to_thread(child.wait, STOP_PATIENCE_S)
    except Exception:  # noqa: BLE001 (subprocess's: it is still there)
        world.ledger.wrong(f"{event}: the server did not stop within {STOP_PATIENCE_S} s")
        child.kill()
        return
    if code != 0 and not world.node.is_limited():
        world.ledger.wrong(f"{event}: the stop ended with code {code}")


async def server_reload(world, event):
    world.node.signal(signal.SIGHUP)


async def server_pause(world, event):
    world.node.signal(signal.SIGSTOP)


async def server_resume(world, event):
    world.node.signal(signal.SIGCONT)


# --- receivers ---

def receiver(manner, **fields):
    async def begin(world, event):
        await world.receivers[event.fields["who"]].behave(manner, float(event.fields.get("by", "0s")[:-1]))

    async def end(world, event):
        await world.receivers[event.fields["who"]].behave("good")
    return Fault("receiver", LONG_S, begin, end, fields)


# --- the broker ---

def without_broker(world):
    return world.why_no_broker


async def broker_pause(world, event):
    world.broker.pause()


async def broker_resume(world, event):
    world.broker.resume()


async def broker_kill(world, event):
    """The first time, the broker has to put on its disk before that there are such queues."""
    await asyncio.to_thread(world.broker.cut if world.are_queues_kept else world.broker.kill)
    world.are_queues_kept = True


async def broker_start(world, event):
    await asyncio.to_thread(world.broker.start)


# --- the network ---

def link(*peers):
    """Mostly the way to receivers and the broker; whose way is disturbed is a field."""
    return {"link": one_of(*peers)}


def on_clients(event):
    return event.fields["link"] == "clients"


def shaped(how):
    async def begin(world, event):
        world.links.shape(event.fields["link"], *how)

    async def end(world, event):
        world.links.shape(event.fields["link"])
    return Fault("network", (1, 60), begin, end, link("receivers", "broker", "clients"), on_clients,
                 lambda world: world.links.unable_to_shape(*how))


async def network_one_way(world, event):
    world.links.swallow_answers(event.fields["link"], True)


async def network_both_ways(world, event):
    world.links.swallow_answers(event.fields["link"], False)


async def network_down(world, event):
    world.links.set_up(event.fields["link"], False)


async def network_up(world, event):
    world.links.set_up(event.fields["link"], True)


def without_links(world):
    return world.links.unable


# --- the disk ---

async def disk_full(world, event):
    until = asyncio.get_running_loop().time() + event.for_s
    while asyncio.get_running_loop().time() < until:
        await asyncio.to_thread(world.disk.fill)
        await asyncio.sleep(0.2)


async def disk_room(world, event):
    world.disk.drop()


async def disk_slow(world, event):
    world.cgroup.slow_disk(world.disk.device, int(event.fields["bytes"]))


async def disk_fast(world, event):
    world.cgroup.lift("disk", world.disk.device)


def without_slow_disk(world):
    if world.disk.device is None:
        return world.disk.why_no_device
    return world.cgroup.unables["disk"]


# --- limits ---

def without_cgroup(limit):
    return lambda world: world.cgroup.unables[limit]


async def limit_memory(world, event):
    """Beside what it uses now, or below it: then the kernel ends the server, or the limit is what can be had."""
    bytes_max = max(8 << 20, world.cgroup.used("memory") * int(event.fields["percent"]) // 100)
    while True:
        try:
            world.cgroup.set("memory", str(bytes_max))
            return
        except OSError:
            bytes_max = bytes_max * 11 // 10


async def limit_processes(world, event):
    world.cgroup.set("processes", str(world.cgroup.used("processes") + int(event.fields["more"])))


async def limit_cpu(world, event):
    world.cgroup.share_of_cpu(int(event.fields["percent"]))


def lift(limit):
    async def end(world, event):
        world.cgroup.lift(limit)
    return end


async def limit_files(world, event):
    with contextlib.suppress(OSError):  # it is between two lives
        world.node.limit(resource.RLIMIT_NOFILE, max(16, world.node.descriptors() + int(event.fields["more"])))


async def limit_no_files(world, event):
    world.node.limit(resource.RLIMIT_NOFILE, None)


# --- the clock ---

async def clock_step(world, event):
    world.clock.set(int(event.fields["by"][:-1]))


async def clock_right(world, event):
    world.clock.set(0)


def without_clock(world):
    return world.clock.unable


LINK = link("receivers", "receivers", "broker", "clients")
FAULTS = {
    "server.kill": Fault("server", (0, 0), server_kill, blocks=always),
    "server.stop": Fault("server", (0, 0), server_stop, blocks=always),
    "server.reload": Fault("server", (0, 0), server_reload),
    "server.pause": Fault("server", LONG_S, server_pause, server_resume, blocks=always),
    "receiver.slow": receiver("slow", by=one_of("0.2s", "1s", "2.5s", "5s")),
    "receiver.silent": receiver("silent"),
    "receiver.half_open": receiver("half_open"),
    "receiver.reset": receiver("reset"),
    "receiver.babble": receiver("babble"),
    "receiver.busy": receiver("busy"),
    "receiver.away": receiver("away"),
    "broker.pause": Fault("broker", LONG_S, broker_pause, broker_resume, unable=without_broker),
    "broker.kill": Fault("broker", (0.5, 30), broker_kill, broker_start, unable=without_broker),
    "network.delay": shaped(DELAY),
    "network.loss": shaped(LOSS),
    "network.narrow": shaped(NARROW),
    "network.one_way": Fault("network", (1, 60), network_one_way, network_both_ways, LINK, on_clients, without_links),
    "network.down": Fault("network", (1, 60), network_down, network_up, LINK, on_clients, without_links),
    "disk.full": Fault("disk", (1, 60), disk_full, disk_room, blocks=always, unable=lambda world: world.disk.unable),
    "disk.slow": Fault("disk", (1, 60), disk_slow, disk_fast, {"bytes": one_of(16384, 131072, 1 << 20)}, always,
                       without_slow_disk),
    "limit.memory": Fault("limit", (1, 30), limit_memory, lift("memory"), {"percent": one_of(60, 90, 110, 150)}, always,
                          without_cgroup("memory")),
    "limit.processes": Fault("limit", (1, 60), limit_processes, lift("processes"), {"more": one_of(0, 1, 3)}, always,
                             without_cgroup("processes")),
    "limit.cpu": Fault("limit", (1, 60), limit_cpu, lift("cpu"), {"percent": one_of(3, 10, 30)}, always,
                       without_cgroup("cpu")),
    "limit.files": Fault("limit", (1, 60), limit_files, limit_no_files, {"more": one_of(-5, 0, 3, 20)}, always),
    "clock.step": Fault("clock", (1, 60), clock_step, clock_right, {"by": one_of("-31536000s", "-3600s", "-5s", "5s", "3600s", "31536000s")},
                        unable=without_clock),
}
GROUPS = sorted({fault.group for fault in FAULTS.values()})


def choose(names):
    """The faults that are meant by names of faults and of groups."""
    unknown = [name for name in names if name not in FAULTS and name not in GROUPS]
    if unknown:
        raise ValueError(f"there is no fault and no group {', '.join(unknown)}")
    return {name: fault for name, fault in FAULTS.items() if name in names or fault.group in names}
