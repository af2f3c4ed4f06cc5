# SPDX-License-Identifier: Apache-2.0
"""How each provider's own Go library judges a request: go/main.go in one process."""
import functools
import subprocess

from judges import LIBRARIES, Judges

PROGRAM = LIBRARIES / "judges-go"
PACKAGES = {
    "buildkite": "github.com/buildkite/go-buildkite/v4", "gitea": "code.gitea.io/sdk/gitea",
    "mailgun": "github.com/mailgun/mailgun-go/v4", "pagerduty": "github.com/PagerDuty/go-pagerduty",
}


@functools.cache
def _versions():
    lines = subprocess.run([PROGRAM, "versions"], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(" ") for line in lines)


def version(package):
    return _versions()[package]


JUDGES = {name: (package, Judges(PROGRAM)) for name, package in PACKAGES.items()}
