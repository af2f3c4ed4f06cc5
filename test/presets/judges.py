# SPDX-License-Identifier: Apache-2.0
"""A process that judges requests with the providers' libraries: a line of JSON a request, and a line an answer."""
import json
import os
import pathlib
import subprocess

LIBRARIES = pathlib.Path(os.environ.get("PRESET_LIBRARIES", "build/preset-libraries"))


class Judges:
    def __init__(self, *command):
        self.command, self.child = command, None

    def __call__(self, r):
        if self.child is None:
            self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                          env={**os.environ, "PRESET_LIBRARIES": str(LIBRARIES.resolve())})
        self.child.stdin.write(json.dumps({"preset": r.preset, "secret": r.secret, "body": r.body.decode(), "headers": r.headers,
                                           "url": r.url, "companion": r.companion}) + "\n")
        self.child.stdin.flush()
        while not (line := self.child.stdout.readline()).startswith("\x1e"):  # some libraries print, too
            assert line, "the libraries' process ended"
        verdict = json.loads(line[1:])
        if "why" in verdict:
            raise ValueError(verdict["why"])
        return verdict["good"]
