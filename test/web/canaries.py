# SPDX-License-Identifier: Apache-2.0
"""Strings of strangers that must stay strings, wherever a page shows them.

Each that is run as markup or script sets the title and a variable to SIGN, which every watched page is asked for.
"""
SIGN = "canaryXSS"

MARKUP = f"<img src=x onerror=\"document.title='{SIGN}';window.{SIGN}=1\">"
SCRIPT = f"\"><script>document.title='{SIGN}';window.{SIGN}=1</script>"
LINK = f"javascript:document.title='{SIGN}'"
DATA = f"data:text/html,<script>opener.document.title='{SIGN}'</script>"
TEMPLATE = "${7*7} {{7*7}} <%= 7*7 %>"
BACKWARDS = "\u202egnp.exe\u202c \u2067\u05d0"
CONTROL = "a\u0007b\u001b[31m"
LONG = "x" * 1_000_000
SHORT_LONG = "y" * 3000

NAMES = [MARKUP, SCRIPT, LINK, DATA, TEMPLATE, BACKWARDS]


def payload(big=12345678901234567890):
    """A payload with canaries as keys and values, a number no double holds, and a deep end."""
    deep = {"end": MARKUP}
    for _ in range(60):
        deep = {"in": deep}
    return {MARKUP: SCRIPT, "script": SCRIPT, "link": LINK, "data": DATA, "template": TEMPLATE, "backwards": BACKWARDS,
            "control": CONTROL, "long": SHORT_LONG, "big": big, "deep": deep, "__proto__": {"x": MARKUP}}


def answer():
    """What a hostile receiver answers: a status, headers and a body, as Receiver takes them."""
    body = f"<html><body>{MARKUP}{SCRIPT}<h1>{TEMPLATE}</h1></body></html>".encode()
    return 500, {"content-type": "text/html", "x-canary": MARKUP, "set-cookie": f"a={SIGN}"}, body
