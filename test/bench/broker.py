# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of its own for the benchmark, with one durable queue."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness import free_port

BIN = pathlib.Path("/usr/lib/rabbitmq/bin")


def is_installed():
    return (BIN / "rabbitmq-server").exists() and shutil.which("epmd") is not None


class Broker:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        self.port, epmd_port = free_port(), free_port()
        (folder / "plugins").write_text("[].")
        env = {**os.environ, "HOME": str(folder), "ERL_EPMD_PORT": str(epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
               "RABBITMQ_NODENAME": f"b{self.port}@localhost", "RABBITMQ_NODE_PORT": str(self.port),
               "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": str(free_port()),
               "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"), "RABBITMQ_LOG_BASE": str(folder / "log"),
               "RABBITMQ_CONFIG_FILE": str(folder / "none"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
               "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.epmd = subprocess.Popen(["epmd", "-port", str(epmd_port)], env=env, **quiet)
        self.node = subprocess.Popen([BIN / "rabbitmq-server"], env=env, cwd=folder, start_new_session=True, **quiet)

        def ctl(*arguments):
            return subprocess.run([BIN / "rabbitmqctl", *arguments], env=env, cwd=folder, check=False, timeout=120, **quiet).returncode
        until = time.monotonic() + 120
        while ctl("await_startup", "--timeout", "60") != 0:
            if time.monotonic() > until:
                raise RuntimeError("RabbitMQ did not start")
            time.sleep(0.5)
        (folder / "definitions").write_text(json.dumps({"queues": [
            {"name": "bench", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}]}))
        if ctl("import_definitions", str(folder / "definitions")) != 0:
            raise RuntimeError("RabbitMQ did not take its queue")
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def stop(self):
        os.killpg(self.node.pid, signal.SIGKILL)
        self.node.wait()
        self.epmd.kill()
        self.epmd.wait()
