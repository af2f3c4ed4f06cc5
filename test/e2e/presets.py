# SPDX-License-Identifier: Apache-2.0
"""Requests as each preset's provider would send them: made from the preset's own text, signed by the program."""
import base64
import json
import re
import subprocess

SHAPES = {"raw": "a secret of thirty-two characters", "sha1": "a private key of some length",
          "base64": base64.b64encode(b"0123456789abcdef0123456789abcdef").decode(),
          "hex": b"0123456789abcdef0123456789abcdef".hex()}
OTHERS = {"raw": "another secret, just as long as it", "sha1": "another private key, also long",
          "base64": base64.b64encode(b"fedcba9876543210fedcba9876543210").decode(),
          "hex": b"fedcba9876543210fedcba9876543210".hex()}


class Preset:
    """What the text of a preset says, as far as making a request needs it."""

    def __init__(self, name, text):
        self.name, self.text = name, text
        self.lines = [line.split(" ", 1) for line in text.split("\nhandshake ")[0].splitlines()
                      if " " in line and not line.startswith("#")]
        self.auth = self.first("auth")
        self.key = self.first("key") or "raw"

    def all(self, name):
        return [value for key, value in self.lines if key == name]

    def first(self, name):
        return (self.all(name) or [None])[0]

    @property
    def is_signed_in_headers(self):
        """Shared secret, signature in a header, nothing of it in the body."""
        in_header = (self.first("sig") or "").startswith("header ")
        if any(rule.startswith("query ") for rule in self.all("check")):
            return False
        needs_body = re.search(r"form|\{json|\{item", self.first("msg") or "") or (self.first("ts") or "").startswith("json")
        return self.auth in ("hmac", "hash", "equal", "basic") and (in_header or self.auth == "basic") and not needs_body

    def secret(self, other=False):
        if self.auth == "basic":
            return "user:another" if other else "user:password"
        return (OTHERS if other else SHAPES)[self.key]

    @property
    def companion(self):
        """The second value that some providers give; None: this one gives none."""
        return "companion-1" if "{companion}" in self.text.split("\nhandshake ")[0] else None

    @property
    def is_dated(self):
        return self.first("window") is not None and not self.first("window").startswith("0 ")

    @property
    def is_bound_to_body(self):
        return "{body}" in (self.first("msg") or "")

    @property
    def is_known_again(self):
        """Does the made request hold what its provider identifies an event by?"""
        return not self.all("dedupe") and any(place.startswith("header ") or place == "json /id"
                                              for place in self.all("id"))

    def headers(self, delivery):
        found = {"content-type": "application/json"}
        for rule in self.all("require"):
            match = re.match(r"header (\S+) = ([^{]+)$", rule)
            if match:
                found[match.group(1)] = match.group(2)
        for place in self.all("id")[:1]:
            if place.startswith("header "):
                found[place.split(" ")[1]] = f"delivery-{delivery}"
        for name in re.findall(r"\{header:([^}|]+)", self.text.split("\nhandshake ")[0]):
            found.setdefault(name, "made")
        signature_headers = [place.split(" ")[1].lower() for place in self.all("sig") + self.all("ts")
                             if place.startswith("header ")]
        return {name: value for name, value in found.items() if name.lower() not in signature_headers}

    def body(self, number):
        return json.dumps({"n": number, "id": f"evt-{number}", "type": "made", "event": "made"}).encode()


def load(binary):
    """Every preset the program has."""
    def run(*arguments):
        return subprocess.run([binary, "source", "presets", *arguments], capture_output=True, text=True, check=True).stdout
    return [Preset(line.split()[0], run(line.split()[0])) for line in run().splitlines()]


def sign(binary, preset, secrets, url, headers, body, at=None):
    """`headers` with what signs the body as the preset's provider would."""
    command = [binary, "verify", "--sign", f"--preset={preset.name}", "--method=POST", f"--url={url}"]
    command += [f"--secret={secret}" for secret in secrets]
    command += [f"--header={name}: {value}" for name, value in headers.items()]
    command += [f"--companion={preset.companion}"] if preset.companion else []
    command += [f"--at={int(at)}"] if at is not None else []
    made = subprocess.run(command, input=body, capture_output=True, check=False)
    assert made.returncode == 0, f"{preset.name}: {made.stderr.decode()}"
    lines = (line.split(": ", 1) for line in made.stdout.decode().splitlines())
    return {**headers, **dict(lines)}
