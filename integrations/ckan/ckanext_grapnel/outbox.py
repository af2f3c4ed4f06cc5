# SPDX-License-Identifier: Apache-2.0
"""The way to Grapnel: CKAN's job queue, and a folder for what cannot be sent or queued.

A page only puts a job into the queue. The job sends; what Grapnel does not take now stays in the folder, a file a
change, and goes out with a later job or with `ckan grapnel flush`. Sending a change twice is harmless: Grapnel
knows it by its id.
"""
import json
import logging
import os
import time
import uuid

import ckan.plugins.toolkit as tk
import requests

from ckanext_grapnel import settings

log = logging.getLogger(__name__)

REFUSED = (400, 409, 413, 422)  # asking again would not help


class Later(Exception):
    """Grapnel does not take it now."""


def hand_over(changes):
    """In the page's process. Never fails the page."""
    try:
        tk.enqueue_job(send, [changes], title="changes to Grapnel")
    except Exception:  # whatever keeps the queue from taking it, the page must go on
        log.exception("The job queue takes no changes; they wait in %s", settings.spool())
        keep(changes)


def send(changes):
    """The job: what waits first, then these."""
    try:
        flush()
        while changes:
            post(changes[0])
            changes = changes[1:]
    except Later as why:
        log.warning("Grapnel takes no changes now (%s); %d wait in %s", why, len(changes), settings.spool())
        keep(changes)


def post(change):
    """Raises Later; a change that is refused for good is logged and dropped."""
    try:
        answer = requests.post(settings.url() + "/api/3/action/webhook_event", json=change, timeout=settings.timeout_s(),
                               headers={"Authorization": "Bearer " + settings.token()}, allow_redirects=False)
    except requests.RequestException as error:
        raise Later(str(error)) from error
    if answer.status_code in REFUSED:
        log.error("Grapnel refuses %s of %s: %s", change["topic"], change["entity"].get("id"), answer.text[:500])
    elif answer.status_code != 200:
        raise Later(f"status {answer.status_code}")


def waiting():
    """Names of the files, oldest first."""
    try:
        return sorted(name for name in os.listdir(settings.spool()) if name.endswith(".json"))
    except FileNotFoundError:
        return []


def keep(changes):
    try:
        folder = settings.spool()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        room = settings.spool_max() - len(waiting())
        for change in changes[:max(room, 0)]:
            write(folder, change)
        if len(changes) > room:
            log.error("%s is full: %d changes are lost", folder, len(changes) - max(room, 0))
    except Exception:  # see hand_over()
        log.exception("Changes are lost: %s", [change["topic"] for change in changes])


def write(folder, change):
    name = os.path.join(folder, f"{time.time_ns():020d}-{uuid.uuid4().hex}")
    with open(name + ".part", "w", encoding="utf-8") as file:
        json.dump(change, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(name + ".part", name + ".json")


def flush():
    """Sends what waits, oldest first; how many. Raises Later."""
    sent = 0
    for name in waiting():
        path = os.path.join(settings.spool(), name)
        try:
            with open(path, encoding="utf-8") as file:
                change = json.load(file)
        except FileNotFoundError:  # another process was quicker
            continue
        except ValueError:
            log.error("%s is no change; it is put aside", path)
            os.rename(path, path + ".bad")
            continue
        post(change)
        try:
            os.remove(path)
        except FileNotFoundError:
            pass
        sent += 1
    return sent
