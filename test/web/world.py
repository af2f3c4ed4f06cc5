# SPDX-License-Identifier: Apache-2.0
"""A server in which everything has happened that pages show: receivers that do well, are slow, fail, are gone and are
dead, and messages that went to them. All of it is real, and settled when World() returns."""
import base64
import json
import time

import canaries
from e2e_support import Receiver, free_port, wait_until

TYPES = {  # name -> description, group
    "invoice.paid": ("The money is with you", "invoice"),
    "invoice.failed": ("Declined or timed out", "invoice"),
    "invoice.created": ("A customer began to pay", "invoice"),
    "customer.created": ("Somebody signed up", "customer"),
    "customer.deleted": ("Somebody left", "customer"),
    "dispute.opened": ("A bank asks for the money back", "dispute"),
}
SCHEMA = {"1": {"type": "object", "title": "Invoice paid", "required": ["id", "amount"],
                "properties": {"id": {"type": "string", "description": "in_..."}, "amount": {"type": "integer"},
                               "currency": {"type": "string", "enum": ["EUR", "USD"]}},
                "examples": [{"id": "in_42", "amount": 1999, "currency": "EUR"}]}}


def answer_slowly(handler):
    """Answers some 300 ms later, long enough to be seen as the slowest."""
    time.sleep(0.3)  # what the receiver is about, not a wait of the test
    handler.send_response(204)
    handler.end_headers()


class World:
    """`server`, and what is in it: `app` with `endpoints` ok, slow, failing, gone, dead, off; `messages` of them.
    `other` is an application of somebody else."""

    def __init__(self, server, *flags):
        self.server = server
        server.take_port()
        server.serve("deliver.retry=50ms,100ms", "deliver.jitter=0", "log.level=debug",
                     f"server.public_url={server.url}", *flags)
        self.receivers = {"ok": Receiver((200, {"content-type": "application/json"}, b'{"received":true}')),
                          "slow": Receiver(answer_slowly), "failing": Receiver(canaries.answer()), "gone": Receiver(410)}
        for name, (text, group) in TYPES.items():
            more = {"schemas": SCHEMA} if name == "invoice.paid" else {}
            server.ok("POST", "/event-type", {"name": name, "description": text, "groupName": group, **more})
        self.app = server.application("Acme GmbH", uid="acme")
        self.other = server.application("Somebody Else", uid="other")
        self.endpoints = {name: server.endpoint(self.app, receiver.url, description=f"The {name} one")
                          for name, receiver in self.receivers.items()}
        self.endpoints["dead"] = server.endpoint(self.app, f"http://127.0.0.1:{free_port()}/hook",
                                                 description="The dead one")
        self.endpoints["off"] = server.endpoint(self.app, "https://off.example.com/hook", description="The off one",
                                                disabled=True)
        self.messages = [server.publish(self.app, {"id": f"in_{n}", "amount": 100 * n}, "invoice.paid", eventId=f"invoice-{n}")
                         for n in range(3)]
        self.settle(self.app)

    def settle(self, app):
        """Waits until nothing of the application waits any more."""
        def is_settled():
            for endpoint in self.server.ok("GET", f"/app/{app}/endpoint?limit=250")["data"]:
                stats = self.server.ok("GET", f"/app/{app}/endpoint/{endpoint['id']}/stats")
                if not endpoint["disabled"] and stats["pending"] + stats["sending"] > 0:
                    return False
            return True
        wait_until(is_settled, "all deliveries to be over")

    def access(self, app=None, **how):
        """The answer of app-portal-access: `url` and `token`."""
        return self.server.ok("POST", f"/auth/app-portal-access/{app or self.app}", how)

    def portal(self, app=None, path="", query="", **how):
        """A link to the portal, as a customer gets it, with more in it."""
        address, fragment = self.access(app, **how)["url"].split("#", 1)
        return f"{address}{path}{'?' + query if query else ''}#{fragment}"

    def key_of(self, link):
        """What the fragment of a link says."""
        return json.loads(base64.b64decode(link.split("#key=", 1)[1] + "=="))

    def end(self):
        self.server.end()
        for receiver in self.receivers.values():
            receiver.close()
