# SPDX-License-Identifier: Apache-2.0
"""HAProxy before real nodes, with the configuration of packaging/compose but for addresses."""
import collections
import pathlib
import re
import shutil
import signal
import subprocess

import postgres_server
from cluster import ROOT, Node, foreign_port, wait_until

CONFIGURATION = ROOT / "packaging" / "compose" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


def at_work(nodes):
    """The node that is at work; None while there is none."""
    return next((node for node in nodes if node.is_active()), None)


class Balancer(Node):
    """The proxy, as a client sees it."""

    def __init__(self, folder, nodes):
        folder = pathlib.Path(folder)
        folder.mkdir()
        self.port, self.scheme, self.patience_s, self.nodes, self._token = foreign_port(), "http", 30, list(nodes), None
        self.config, self.said = folder / "haproxy.cfg", folder / "haproxy.log"
        self.config.write_text(self.configuration())
        with self.said.open("wb") as out:
            self.proxy = subprocess.Popen([HAPROXY, "-db", "-f", self.config], stdout=out, stderr=subprocess.STDOUT,
                                          preexec_fn=lambda: postgres_server.end_with_parent(signal.SIGTERM))
        try:
            wait_until(self.is_well, "HAProxy to see a node that is well")
        except BaseException:
            self.end()
            raise

    def configuration(self):
        text, count = re.subn(r"^    bind :8071$", f"    bind 127.0.0.1:{self.port}", CONFIGURATION.read_text(), flags=re.MULTILINE)
        assert count == 1
        for number, node in enumerate(self.nodes, 1):
            assert f" node{number}:8071" in text
            text = text.replace(f" node{number}:8071", f" 127.0.0.1:{node.port}")
        return text

    def is_well(self):
        assert self.proxy.poll() is None, self.said.read_text(errors="replace")
        try:
            return self.raw("GET", "/api/v1/health").status == 200
        except OSError:
            return False

    def answered(self):
        """How many requests each node answered, by HAProxy's own count."""
        return collections.Counter(re.findall(r" nodes/(node\d) ", self.said.read_text(errors="replace")))

    @property
    def token(self):
        if self._token is None:
            self._token = at_work(self.nodes).token
        return self._token

    def end(self):
        self.proxy.terminate()
        self.proxy.wait(30)
