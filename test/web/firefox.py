# SPDX-License-Identifier: Apache-2.0
"""Debian's Firefox ESR under Playwright, so that it runs the same fixtures and the same watching as Chromium does.

Playwright drives an ordinary Firefox by WebDriver BiDi. It begins with a command that ESR 153 does not have yet, and
gives up when that is refused; so it starts this file as its Firefox, which starts the real one and passes on all that the
two say to each other, but for that command. Once ESR knows it, launch() needs no relay.
"""
import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading

FIREFOX = os.environ.get("GRAPNEL_FIREFOX", "/usr/bin/firefox-esr")
# What is kept for third parties -> network.cookie.cookieBehavior. The default is "apart": for each site that shows them.
KEPT = {"everything": 0, "session": 1, "nothing": 2, "apart": 5}
LISTENS = re.compile(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
THEMES = {"dark": 0, "light": 1}  # layout.css.prefers-color-scheme.content-override
UNKNOWN = "emulation.setMediaFeaturesOverride"
LAUNCH_MS = 180_000  # it takes 3 s, but many times that where every processor has other things to do


def missing():
    """What has to be installed before launch() can work, or None."""
    if shutil.which(FIREFOX) is None:
        return "firefox-esr"
    return None if importlib.util.find_spec("websockets") else "websockets, a Python package,"


def launch(playwright, folder, theme="light", kept="apart"):
    """A Firefox whose pages see `theme` as the system's, and no animations; what is `kept` for third parties: see KEPT.

    It is alone with this machine: it ends itself when anything in it connects to another (Mozilla's own switch for tests).
    Its profile is Playwright's, and what else it writes is in `folder`.
    """
    starter = folder / "firefox"
    starter.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} {theme} \"$@\"\n")
    starter.chmod(0o755)
    return playwright.firefox.launch(
        channel="moz-firefox", executable_path=starter, timeout=LAUNCH_MS,
        env={**os.environ, "HOME": str(folder), "MOZ_DISABLE_NONLOCAL_CONNECTIONS": "1"},
        firefox_user_prefs={
            "layout.css.prefers-color-scheme.content-override": THEMES[theme], "ui.prefersReducedMotion": 1,
            "services.settings.server": "data:,#remote-settings-dummy/v1", "dom.push.serverURL": "",
            "toolkit.telemetry.server": "", "network.cookie.cookieBehavior": KEPT[kept],
            "browser.contentblocking.category": "custom"})  # else Playwright's sets the one before


def answer(message, theme):
    """The relay's own answer to a command; None for all that Firefox answers. A theme that it has not is refused."""
    command = json.loads(message)
    if command.get("method") != UNKNOWN:
        return None
    wish = command["params"]["features"].get("prefers-color-scheme")
    if wish in (None, theme):
        return json.dumps({"type": "success", "id": command["id"], "result": {}})
    return json.dumps({"type": "error", "id": command["id"], "error": "unsupported operation", "stacktrace": "",
                       "message": f"this Firefox was launched with the theme {theme}"})


def relay(theme, arguments):
    """Runs Firefox; says on standard error what it says, with the relay's port for its own."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect
    from websockets.sync.server import serve

    plain = {"max_size": None, "compression": None, "ping_interval": None}  # both ends are here: nothing is lost on a way
    firefox = subprocess.Popen([FIREFOX, *arguments], stderr=subprocess.PIPE, text=True, errors="replace")

    def listen(port):
        def pass_on(client):
            with connect(f"ws://127.0.0.1:{port}{client.request.path}", **plain) as browser:
                def pass_back():
                    with contextlib.suppress(ConnectionClosed):
                        for message in browser:
                            client.send(message)
                    client.close()
                threading.Thread(target=pass_back, daemon=True).start()
                with contextlib.suppress(ConnectionClosed):
                    for message in client:
                        ours = answer(message, theme)
                        client.send(ours) if ours else browser.send(message)
        server = serve(pass_on, "127.0.0.1", 0, **plain)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.socket.getsockname()[1]

    for line in firefox.stderr:
        found = LISTENS.search(line)
        if found:
            line = line.replace(found[1], str(listen(found[1])))
        sys.stderr.write(line)
        sys.stderr.flush()
    return firefox.wait()


if __name__ == "__main__":
    sys.exit(relay(sys.argv[1], sys.argv[2:]))
