# SPDX-License-Identifier: Apache-2.0
"""Asking the filters of an event from Python: nothing but the standard library.

    try:
        user.update(ask("https://hooks.example.org", token, "site", "StudentLoginRequested", {"user": user}).get("user", {}))
    except Halted as no:
        redirect(no.redirect or "/sorry")
"""
import json
import urllib.request


class Halted(Exception):
    """The process is to stop: why, and where to send the user."""

    def __init__(self, verdict):
        super().__init__(verdict["reason"])
        self.redirect, self.status = verdict["redirect"], verdict["status"]


def ask(server, token, app, event, data):
    """What to change of the data; raises Halted, or OSError when there is no verdict."""
    request = urllib.request.Request(f"{server}/api/v1/app/{app}/filter-chain/{event}", json.dumps({"data": data}).encode(),
                                     {"authorization": f"Bearer {token}", "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:  # above the chain's deadline
        verdict = json.load(answer)
    if verdict["halt"]:
        raise Halted(verdict)
    return verdict["data"]
