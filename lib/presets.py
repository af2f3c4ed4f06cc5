#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Presets: from lib/presets/*.scheme to C (for the build) or to the list in docs/reference.

    presets.py c OUT FILE...      the table that is compiled in
    presets.py md OUT FILE...     docs/reference/presets.md

A file holds blocks "[name]" of scheme text. "like other" stands for the lines of that block but its
title, source and notes. Everything else is checked by the library itself when a preset is loaded.
"""
import re
import sys

OWN = ("title", "source", "note", "checked")


def read(paths):
    blocks = {}
    for path in paths:
        name = None
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                head = re.fullmatch(r"\[([a-z0-9-]+)\]", line)
                if head:
                    name = head.group(1)
                    if name in blocks:
                        sys.exit(f"{path}:{number}: {name} stands twice")
                    blocks[name] = []
                elif line and not line.startswith("#"):
                    if name is None:
                        sys.exit(f"{path}:{number}: a line before the first [name]")
                    blocks[name].append(line)
    return blocks


def expand(blocks, name):
    lines = []
    for line in blocks[name]:
        word, _, value = line.partition(" ")
        if word == "like":
            if value not in blocks:
                sys.exit(f"{name}: like {value}: no such preset")
            lines += [one for one in blocks[value] if one.split(" ")[0] not in OWN + ("like",)]
        else:
            lines.append(line)
    return lines


def c_string(lines):
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return "\n".join(f'      "{line}\\n"' for line in escaped)


def write_c(blocks, out):
    rows = "".join(f'    {{ "{name}",\n{c_string(expand(blocks, name))} }},\n' for name in sorted(blocks))
    out.write("/* SPDX-License-Identifier: Apache-2.0\n *\n"
              " * Made by lib/presets.py from lib/presets/; do not edit.\n */\n"
              '#include "presets.h"\n\n'
              f"const struct grapnel_preset gn_presets[] = {{\n{rows}}};\n"
              f"const size_t gn_preset_count = {len(blocks)};\n")


def first(lines, word, default=""):
    return next((line.partition(" ")[2] for line in lines if line.split(" ")[0] == word), default)


def all_of(lines, word):
    return [line.partition(" ")[2] for line in lines if line.split(" ")[0] == word]


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    return f"`` {cell(text)} ``" if "`" in text else f"`{cell(text)}`"


def scheme_lines(lines):
    """The lines before the first handshake."""
    at = next((i for i, line in enumerate(lines) if line.startswith("handshake ")), len(lines))
    return lines[:at]


def row(blocks, name):
    lines = expand(blocks, name)
    own = scheme_lines(lines)
    proof = " ".join(filter(None, (first(own, "auth"), first(own, "hash"), first(own, "enc"))))
    if first(own, "jwt-alg"):
        proof += " " + " ".join(all_of(own, "jwt-alg"))
    where = ", ".join(all_of(own, "sig")) or ("header Authorization" if first(own, "auth") == "basic" else "")
    window = first(own, "window")
    past_future = window.split() if window else []
    window = "" if not window else f"-{past_future[0]} s, +{past_future[1]} s".replace("+0 s", "no limit ahead")
    body_max = first(own, "body-max")
    notes = " ".join(all_of(own, "note") + ([f"Sends up to {int(body_max) / 2 ** 20:g} MiB."] if body_max else []))
    checked = "; ".join(all_of(own, "checked")) or "not compared"
    identity = ", ".join(line for line in all_of(own, "dedupe") or all_of(own, "id") if line != "no")
    handshakes = ", ".join(all_of(lines, "handshake"))
    message = first(own, "msg")
    if len(message) > 90:
        message = message[:87] + "..."
    cells = [code(name), first(own, "title"), proof, where, code(message) if message else "", window,
             identity, handshakes, first(own, "source"), checked, notes]
    return "| " + " | ".join(c if c.startswith("`") else cell(c) for c in cells) + " |\n"


GRAMMAR = """# Presets

How each known provider signs its webhooks. Made by `lib/presets.py` from `lib/presets/*.scheme`; do not edit.

*Source*: high = read in the provider's own code, tests or documents; medium = two independent catalogues agree; low =
one catalogue. *Checked*: against what, and when. A *library* is the provider's own, by name and version: `make check-presets` runs it
and the preset on the same requests, and both accept and refuse the same (the key, an altered body, a missing signature, times from a
day late to a day ahead, two signatures while a secret is replaced); where they differ on purpose, `test/presets/test_libraries.py` says
why. *Documentation*, *source*, *sample* and the like are the provider's
own, read on that day. *Implementation in X*: what that open-source project checks when it receives from the provider. *Not compared*: nobody has compared the preset with the provider itself, only with catalogues. *Identity*: what makes two deliveries the same event; where it is empty, every event goes on. What could not be verified was left out rather than guessed. Every preset is tested: what the library
signs with it verifies, and a wrong key, an altered body, a cut signature, an old time and a doubled header are refused;
where published signatures exist, they verify too.

Not covered, and why: Plivo V3, Contentful, Keygen and Constant Contact (the string to sign depends on a list in the
request); eBay's signatures (keys only by an authenticated request); FusionAuth (which claim binds the body could not be verified);
Datadog, BigCommerce, New Relic, Brevo and Zapier (the operator chooses the header: write a scheme of three lines);
Salesforce outbound messages (no proof, and a SOAP answer); Adyen banking (the header's name could not be verified).

"""

TAIL = """
## Writing a scheme

Lines `name value`; `#` begins a comment. A scheme of your own starts best from the nearest preset.

| line | meaning |
|---|---|
| `title`, `note`, `source`, `checked` | for people |
| `auth` | `hmac`, `hash` (plain digest over a message with `{secret}`), `ed25519`, `ecdsa-p256`, `rsa`, `equal` (the secret itself), `basic`, `jwt`, `aws-sns`, `none` |
| `hash` | `sha1`, `sha256` (default), `sha512` |
| `key` | form of the secret: `raw` (default), `base64`, `hex`, `sha1` (its digest is the key), `pem` (a public key or certificate in PEM form, base64 of DER, or a JSON Web Key) |
| `strip` | a prefix to take off the secret first; up to 4 |
| `sig` | where the signature is; all that are there count. Up to 8 |
| `item-sep`, `kv-sep`, `set-sep` | one character or `space`: what parts signatures, a signature from its tag, and whole sets of a time and a signature (their times must be the same) |
| `accept` | tag of the signatures that count, up to 4; `{companion}`: the companion value |
| `ed25519-tag` | tag of Standard Webhooks' asymmetric signatures (keys `whpk_`) |
| `prefix` | what stands before a signature; in quotes if it ends in a space |
| `enc` | `hex` (default), `base64`, `base64url` |
| `msg` | template of the signed string |
| `ts`, `ts-unit` | where the time is, the first that is there; `s`, `ms` or `iso`. Without a unit it is signed but not read |
| `window` | seconds that a time may lie in the past and in the future; 0: any |
| `try` | also accept a signature over: `port` (default port added or taken away), `quote` (`'` as `%27`), `newline` (a line feed at the end) |
| `require` | `<location>` or `<location> = <template>` that must hold before anything else |
| `check` | the same, after the signature. For `jwt`, `item /name` is a claim. After `if-body`, it is not asked of a request without a body |
| `methods` | by which methods events come, `POST, PUT` by default; HEAD and OPTIONS are never events |
| `body-max` | bytes that the provider sends at most, up to 67108864. A source takes that much where it is more than `http.body_max`, and `grapnel receive` where it is more than 25 MiB |
| `jwks` | for `jwt`: https address of the provider's changing keys. The server fetches them and keeps them for five minutes, and for a day where that fails |
| `jwt-alg`, `jwt-detached` | `HS256` `HS512` `RS256` `RS512` `ES256` `EdDSA`; `yes`: the payload is the body |
| `id` | where the id is that the provider documents as the identity of the event or delivery, the first that is there |
| `dedupe` | what else identifies an event, instead of `id`: locations joined by ` + `, such as `json /source + json /id`, the first line whose fields are all there, up to 4 lines; or `no`: nothing does, and every event goes on |
| `type` | template of the event type; with several, the first whose parts are there |
| `items` | `root` or JSON pointer of the array, for batches: each event is handled by itself. `items /pointer whole`: the events are counted and typed, but stay together, because what stands beside them says something about them |
| `accept-status`, `accept-type`, `accept-body`, `reject-status` | what to answer |
| `handshake` | begins a block, up to 4: `method`, `when` (as `require`; all must hold), `proof` (`no`, `yes`, `if-keyed`), `expect` (as `require`, else refused), `value` (guard, least, most, location), `status`, `content-type`, `header`, `body`, `learn` (where the secret is that the provider hands out), `tentative yes` (it is shown, and a later one replaces it, until an event verifies) |

Locations: `header NAME`, `headers NAME*N` (NAME1 to NAMEN), `headers NAME` (as often as it is there), `query NAME`, `form NAME` (URL-encoded or multipart), `json /pointer`, `item /pointer`
(in the current item of a batch, or in a token's claims), `pair KEY` and `position N` (in the signature's own list), `body`.

Tokens of templates: `{body}` `{ts}` `{id}` `{method}` `{url}` `{path}` `{header:X}` `{query:X}` `{form:X}` `{json:/p}`
`{item:/p}` `{form-sorted}` `{sha256:body}` `{sha256:url}` `{sha256:challenge}` (of `{value:1}`,
`{companion}` and the address) `{crc32:body}` `{companion}` `{secret}` (auth hash only),
`{value:1}` (handshakes). Filters: `|lower` `|json` (within a JSON string) `|sha256-hex` `|hmac-hex` `|hmac-b64` (with the first secret). What stands in
`[ ]` is left out when a token in it is absent. A brace not followed by a lower-case letter is a brace; a backslash makes
the next character literal, `\\n` is a line feed.

Guards of handshake values: `token` (letters, digits and `._~+/=-`), `text` (printable ASCII), `hex` (lower case). A
value that begins like the scheme's signed string is refused too, because the answer would sign it.

Limits: a scheme has at most 8192 bytes and 96 template parts.
"""


def write_md(blocks, out):
    out.write(GRAMMAR)
    out.write(f"## The {len(blocks)} presets\n\n"
              "| name | provider | proof | signature | signed string | window | identity | handshakes | source | checked | notes |\n"
              "|---|---|---|---|---|---|---|---|---|---|---|\n")
    out.writelines(row(blocks, name) for name in sorted(blocks))
    out.write(TAIL)


def main():
    kind, path, sources = sys.argv[1], sys.argv[2], sys.argv[3:]
    blocks = read(sources)
    with open(path, "w", encoding="utf-8") as out:
        (write_c if kind == "c" else write_md)(blocks, out)


main()
