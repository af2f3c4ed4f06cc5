# SPDX-License-Identifier: Apache-2.0
"""Clients of every manner: keyed, by event id, in batches, through a source, without a key, and one that operates.

Whoever has a key tries again until it is answered that the message is there, as clients are told to.
"""
import asyncio
import datetime
import hashlib
import hmac
import itertools
import json
import time

from wire import Connection

PAUSE_MEAN_S = 0.25
AGAIN_S = (0.02, 0.5)  # after a refusal or no answer
SECRET = "a secret that was agreed on"
NEVER = {400, 401, 403, 404, 413, 422}  # answers that no fault of the machine may lead to
AFTER_DISK_S = 2.0  # a disk that failed may be the reason of a 500 that much later


class Client:
    """One thing after another on one connection. `stopped`: no new one is begun; what is open is given some time."""

    def __init__(self, name, ledger, world, rng):
        self.name, self.ledger, self.world, self.rng = name, ledger, world, rng
        self.connection, self.stopped, self.count = Connection(world.node), False, 0
        self.hurry = 0

    async def ask(self, method, path, body, headers=None):
        """(status, JSON), or None: unanswered."""
        try:
            status, answer = await self.connection.exchange(method, path, json.dumps(body).encode(), headers)
            parsed = json.loads(answer) if answer else None
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError, ValueError):
            self.connection.hang_up()
            self.ledger.unanswered += 1
            return None
        if status >= 300:
            self.ledger.refusals[status] += 1
        if status in NEVER or status == 500 and not self.ledger.faults_about(time.monotonic(), AFTER_DISK_S, ("disk.",)):
            self.ledger.wrong(f"{self.name}: {method} {path} was answered {status}: {answer[:300]!r}", "answers")
        return status, parsed

    def make(self, app):
        """A message nobody has sent yet."""
        key = f"{self.name}-{self.count}"
        self.count += 1
        size = 60000 if self.rng.random() < 0.005 else self.rng.randrange(3000)
        payload = {"key": key, "text": "x" * size}
        self.ledger.send(key, app, payload, time.monotonic())
        return key, {"eventType": "chaos.test", "payload": payload}

    async def until_done(self, step):
        """Calls `step` until it says that it is done."""
        while not await step():
            await asyncio.sleep(self.rng.uniform(*AGAIN_S))

    async def run(self):
        while not self.stopped:
            await self.act()
            if self.hurry > 0:
                self.hurry -= 1
            elif self.rng.random() < 0.005:
                self.hurry = 40
            else:
                await asyncio.sleep(self.rng.expovariate(1 / PAUSE_MEAN_S))
        self.connection.hang_up()

    async def act(self):
        raise NotImplementedError

    def app(self):
        return self.rng.choice([name for name in self.world.apps if name != "source"])

    def accepted(self, key, message):
        self.ledger.accept(key, message, time.monotonic())


class Keyed(Client):
    """By Idempotency-Key; now and then it asks again after the answer."""

    async def act(self):
        app = self.app()
        key, message = self.make(app)

        async def step():
            got = await self.ask("POST", f"/api/v1/app/{self.world.apps[app]}/msg", message, {"idempotency-key": key})
            if got is None or got[0] >= 300:
                return False
            self.accepted(key, got[1]["id"])
            return self.rng.random() > 0.03
        await self.until_done(step)


class ByEvent(Client):
    """By event id: 409 says that it is there, after an answer that was lost."""

    async def act(self):
        app = self.app()
        key, message = self.make(app)
        message["eventId"] = key

        async def step():
            got = await self.ask("POST", f"/api/v1/app/{self.world.apps[app]}/msg", message)
            if got is None or got[0] not in (202, 409):
                return False
            self.accepted(key, got[1]["id"] if got[0] == 202 else None)
            return True
        await self.until_done(step)


class Batch(Client):
    """Several at once, each with an event id; those that were refused are sent again, together."""

    async def act(self):
        app = self.app()
        waiting = dict(self.make(app) for _ in range(self.rng.randint(2, 8)))
        for key, message in waiting.items():
            message["eventId"] = key

        async def step():
            got = await self.ask("POST", f"/api/v1/app/{self.world.apps[app]}/msg/batch", {"messages": list(waiting.values())})
            if got is None or got[0] != 202:
                return False
            for key, result in zip(list(waiting), got[1]["results"], strict=True):
                if result["status"] in (202, 409):
                    self.accepted(key, result["message"]["id"] if result["status"] == 202 else None)
                    del waiting[key]
                else:
                    self.ledger.refusals[result["status"]] += 1
            return not waiting
        await self.until_done(step)


class Once(Client):
    """Without a key: sent once, whatever comes of it."""

    async def act(self):
        app = self.app()
        key, message = self.make(app)
        got = await self.ask("POST", f"/api/v1/app/{self.world.apps[app]}/msg", message)
        if got is not None and got[0] < 300:
            self.accepted(key, got[1]["id"])


class Provider(Client):
    """Requests to the source, signed as its scheme says; the scheme knows a delivery again by its id."""

    async def act(self):
        key, message = self.make("source")
        body = message["payload"]
        signature = hmac.new(SECRET.encode(), json.dumps(body).encode(), hashlib.sha256).hexdigest()
        headers = {"x-hub-signature-256": f"sha256={signature}", "x-github-event": "push", "x-github-delivery": key}

        async def step():
            got = await self.ask("POST", self.world.door, body, headers)
            if got is None or got[0] >= 300:
                return False
            self.accepted(key, None)
            return self.rng.random() > 0.03
        await self.until_done(step)


class Operator(Client):
    """Resends and recovers, changes the configuration, and reads."""

    async def act(self):
        app = self.app()
        base = f"/api/v1/app/{self.world.apps[app]}"
        # An ordered endpoint keeps its order only if nobody reorders it.
        mine = [e for e in self.world.endpoints.values() if e.app == app and not e.is_ordered]
        endpoint = f"{base}/endpoint/{self.rng.choice(mine).id}"
        dice = self.rng.random()
        if dice < 0.5:
            await self.resend(app, base, mine)
        elif dice < 0.55 and not self.ledger.faults_about(time.monotonic(), 1, ("clock.",)):
            since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
            await self.ask("POST", endpoint + "/recover", {"since": since.isoformat()})
        elif dice < 0.7:
            await self.ask("PATCH", endpoint, {"description": f"changed {self.count}"})
        elif dice < 0.85:
            await self.ask("GET", f"{base}/msg?limit=20", None)
        else:
            await self.ask("GET", f"{base}/delivery?limit=20&state=pending,sending", None)
        self.count += 1

    async def resend(self, app, base, to):
        """A message that may be at the endpoint already, or be on its way."""
        newest = itertools.islice(reversed(self.ledger.sent.values()), 200)
        known = [sent for sent in newest if sent.app == app and sent.ids]
        if known:
            message, endpoint = min(self.rng.choice(known).ids), self.rng.choice(to)
            await self.ask("POST", f"{base}/msg/{message}/endpoint/{endpoint.id}/resend", {})


KINDS = [Keyed, Keyed, Keyed, ByEvent, Batch, Once, Provider, Operator]


def configure(api, world):
    """The applications, endpoints and the source of a run."""
    for name in ("first", "second", "third"):
        if any(endpoint.app == name for endpoint in world.endpoints.values()):
            world.apps[name] = api.call("POST", "/api/v1/app", {"name": name})["id"]
    source = api.call("POST", "/ingest/api/v1/source",
                      {"name": "source", "type": "github", "config": {"secret": SECRET}})
    world.apps["source"], world.door = source["id"], source["ingestUrl"][source["ingestUrl"].index("/in/"):]
    for name, endpoint in world.endpoints.items():
        body = {"url": world.broker.url if endpoint.is_amqp else world.receivers[name].url}
        if endpoint.is_amqp:
            body["amqp"] = {"routingKey": name, "mandatory": True}  # to the queue of that name, by the default exchange
        if endpoint.is_ordered:
            body["ordered"] = True
        if endpoint.rate:
            body["throttleRate"] = endpoint.rate
        path = f"/ingest/api/v1/source/{source['id']}/endpoint" if endpoint.app == "source" \
            else f"/api/v1/app/{world.apps[endpoint.app]}/endpoint"
        endpoint.id = api.call("POST", path, body)["id"]
