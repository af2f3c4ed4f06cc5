# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ from Debian's package: a node of its own on free ports in a folder of its own."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pika

from conftest import SLOWER, foreign_port, wait_until

BIN = pathlib.Path("/usr/lib/rabbitmq/bin")


def is_installed():
    return (BIN / "rabbitmq-server").exists() and shutil.which("epmd") is not None


class Rabbit:
    def __init__(self, folder, address="127.0.0.1"):
        self.folder, self.address = pathlib.Path(folder), address
        self.folder.mkdir(parents=True)
        self.port, epmd_port = foreign_port(), foreign_port()
        (self.folder / "plugins").write_text("[].")
        self.env = {**os.environ, "HOME": str(self.folder), "ERL_EPMD_PORT": str(epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
                    "RABBITMQ_NODENAME": f"t{self.port}@localhost", "RABBITMQ_NODE_PORT": str(self.port),
                    "RABBITMQ_NODE_IP_ADDRESS": address, "RABBITMQ_DIST_PORT": str(foreign_port()),
                    "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"), "RABBITMQ_LOG_BASE": str(self.folder / "log"),
                    "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
                    "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2"}
        if address != "127.0.0.1":  # RabbitMQ lets guest in from the same machine only
            (self.folder / "open.conf").write_text("loopback_users.guest = false\n")
            self.env["RABBITMQ_CONFIG_FILE"] = str(self.folder / "open")
        self.epmd = subprocess.Popen(["epmd", "-port", str(epmd_port)], env=self.env,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.node = None

    def use_tls(self, authority, certificate, key):
        """Another port, with TLS; before start()."""
        self.tls_port = foreign_port()
        (self.folder / "tls.conf").write_text(
            f"listeners.ssl.default = 127.0.0.1:{self.tls_port}\nssl_options.cacertfile = {authority}\n"
            f"ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\nssl_options.verify = verify_none\n")
        self.env["RABBITMQ_CONFIG_FILE"] = str(self.folder / "tls")

    @property
    def url(self):
        return f"amqp://guest:guest@{self.address}:{self.port}/"

    def start(self):
        with open(self.folder / "out", "ab") as out:
            self.node = subprocess.Popen([BIN / "rabbitmq-server"], env=self.env, stdout=out, stderr=out,
                                         cwd=self.folder, start_new_session=True)
        wait_until(self._answers, "RabbitMQ", 90 * SLOWER)
        return self

    def _answers(self):
        try:
            self.connect().close()
            return True
        except Exception:  # noqa: BLE001 (whatever pika says: it is not up yet)
            assert self.node.poll() is None, (self.folder / "out").read_text()[-4000:]
            time.sleep(0.1)
            return False

    def kill(self):
        """As a crash: nothing is said goodbye to. Only that there are such queues may be relied on: RabbitMQ confirms
        a declaration before it is on its disk."""
        self.ctl("eval", "mnesia:sync_log().")
        self.cut()

    def cut(self):
        os.killpg(self.node.pid, 9)
        self.node.wait()

    def pause(self):
        os.killpg(self.node.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.node.pid, signal.SIGCONT)

    def close(self):
        if self.node is not None and self.node.poll() is None:
            self.cut()
        self.epmd.kill()
        self.epmd.wait()

    def ctl(self, *arguments):
        run = subprocess.run([BIN / "rabbitmqctl", *arguments], env=self.env, capture_output=True, text=True,
                             cwd=self.folder, check=False, timeout=60 * SLOWER)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def connect(self):
        return pika.BlockingConnection(pika.ConnectionParameters(self.address, self.port, heartbeat=0,
                                                                 socket_timeout=5, connection_attempts=1))

    def queue(self, name, exchange=None, exchange_type="topic", key="#"):
        """A durable queue, bound if an exchange is named (declared, durable)."""
        connection = self.connect()
        channel = connection.channel()
        channel.queue_declare(name, durable=True)
        if exchange is not None:
            channel.exchange_declare(exchange, exchange_type, durable=True)
            channel.queue_bind(name, exchange, key)
        connection.close()

    def drain(self, name):
        """What is in the queue now: (routing key, properties, body) each."""
        connection = self.connect()
        channel = connection.channel()
        found = []
        while True:
            method, properties, body = channel.basic_get(name, auto_ack=True)
            if method is None:
                break
            found.append((method.routing_key, properties, body))
        connection.close()
        return found

    def collect(self, name, until, what, patience_s=None):
        """Drains until until(messages) is true."""
        got = []

        def look():
            got.extend(self.drain(name))
            return until(got)
        wait_until(look, what, patience_s)
        return got
