# SPDX-License-Identifier: Apache-2.0
"""The official JavaScript SDK, unmodified, against the server."""
import os
import pathlib
import subprocess

from conftest import SLOWER

HERE = pathlib.Path(__file__).parent


def test_the_kitchen_sink_works(grapnel):
    node = pathlib.Path(os.environ.get("GRAPNEL_NODE", HERE.parents[1] / "build" / "node"))
    run = subprocess.run(["node", HERE / "js" / "kitchen_sink.cjs"], capture_output=True, text=True, check=False,
                         timeout=60 * SLOWER,
                         env={**os.environ, "NODE_PATH": str(node / "node_modules"), "GRAPNEL_URL": grapnel.url,
                              "GRAPNEL_TOKEN": grapnel.token})
    assert run.returncode == 0 and run.stdout.strip() == "done", run.stderr
