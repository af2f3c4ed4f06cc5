# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ in miniature that misbehaves as it is told, and becomes a good one when `mode` is set to "good"."""
import socket
import struct
import threading
import time

START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE = [(10, n) for n in (10, 11, 30, 31, 40, 41, 50)]
CHANNEL_OPEN, CHANNEL_OPEN_OK, DECLARE, DECLARE_OK = (20, 10), (20, 11), (40, 10), (40, 11)
CONFIRM, CONFIRM_OK, PUBLISH, ACK = (85, 10), (85, 11), (60, 40), (60, 80)
HEARTBEAT = b"\x08\0\0\0\0\0\0\xce"


def frame(kind, channel, body):
    return struct.pack(">BHI", kind, channel, len(body)) + body + b"\xce"


def method(channel, what, arguments=b""):
    return frame(1, channel, struct.pack(">HH", *what) + arguments)


def ack(tag, multiple=False):
    return method(1, ACK, struct.pack(">QB", tag, multiple))


class Gone(Exception):
    pass


class HostileBroker:
    def __init__(self, mode):
        self.mode, self.bodies, self.logins, self.asked = mode, [], 0, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"amqp://u:p@127.0.0.1:{self.listener.getsockname()[1]}/"
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def heal(self):
        """From now on a good broker; what hangs on the old connections goes on hanging."""
        self.mode = "good"

    def close(self):
        self.listener.close()
        for connection in self.open:
            connection.close()

    def _serve(self, connection):
        try:
            self._talk(connection, connection.makefile("rb"))
        except (OSError, Gone, struct.error):
            pass

    def _misbehave(self, connection, step):
        """Does what the mode says at this step; returns if it says nothing."""
        if not self.mode.endswith(" at " + step):
            return
        self.asked.set()
        what = self.mode.removesuffix(" at " + step)
        if what == "silent":
            time.sleep(3600)
        if what == "closing":
            connection.close()
            raise Gone
        if what == "cut":  # in the middle of a frame
            connection.sendall(method(1, ACK, b"12345678901234567890")[:11])
            connection.shutdown(socket.SHUT_RDWR)
            raise Gone
        if what == "garbage":
            connection.sendall(bytes(range(256)) * 64)
            time.sleep(3600)
        while what == "heartbeats":  # as fast as they go
            connection.sendall(HEARTBEAT * 4096)
        while what == "acks":  # of nothing, without end
            connection.sendall(ack(7) * 4096)
        if what == "foreign channels":
            connection.sendall(b"".join(method(n, ACK, struct.pack(">QB", 1, 0)) for n in range(2, 3000)))
            time.sleep(3600)

    def _talk(self, connection, stream):
        self._misbehave(connection, "connect")
        if stream.read(8) != b"AMQP\0\0\x09\x01":
            return
        words = struct.pack(">BBI", 0, 9, 0) + b"".join(struct.pack(">I", len(w)) + w for w in (b"PLAIN", b"en_US"))
        connection.sendall(method(0, START, words))
        self._misbehave(connection, "start")
        tag = 0
        while True:
            kind, channel, length = struct.unpack(">BHI", stream.read(7))
            body = stream.read(length + 1)[:-1]
            if kind == 3:
                self._published(connection, tag, body)
            if kind != 1:
                continue
            what = struct.unpack(">HH", body[:4])
            if what == START_OK:
                self._misbehave(connection, "tune")
                frames, heartbeat = (8, 0) if self.mode == "tiny frames" else (131072, 1 if "heartbeat" in self.mode else 60)
                connection.sendall(method(0, TUNE, struct.pack(">HIH", 2047, frames, heartbeat)))
            elif what == OPEN:
                self._misbehave(connection, "open")
                self.logins += 1
                connection.sendall(method(0, OPEN_OK, b"\0"))
            elif what == CHANNEL_OPEN:
                self._misbehave(connection, "channel")
                connection.sendall(method(channel, CHANNEL_OPEN_OK, struct.pack(">I", 0)))
            elif what == DECLARE:
                self._misbehave(connection, "declare")
                connection.sendall(method(channel, DECLARE_OK))
            elif what == CONFIRM:
                self._misbehave(connection, "confirm")
                connection.sendall(method(channel, CONFIRM_OK))
                tag = 0
            elif what == PUBLISH:
                tag += 1

    def _published(self, connection, tag, body):
        if self.mode == "lying about confirms":  # of tags never given out, and without saying which
            self.asked.set()
            connection.sendall(ack(tag + 1000) + ack(2**64 - 1) + method(1, (60, 120), struct.pack(">QB", 99, 0)))
            return
        if self.mode == "lying about returns":  # the header is of another class: not what it is taken for
            self.asked.set()
            words = b"".join(bytes([len(w)]) + w for w in (b"no route", b"e", b"k"))
            connection.sendall(method(1, (60, 50), struct.pack(">H", 312) + words) +
                               frame(2, 1, struct.pack(">HHQH", 10, 0, 4, 0)) + frame(3, 1, b"body") +
                               frame(2, 1, struct.pack(">HHQH", 60, 0, 4, 0)) + frame(3, 1, b"body"))
            return
        self._misbehave(connection, "publish")
        if self.mode in ("good", "missing heartbeats"):
            self.bodies.append(body)
            connection.sendall(ack(tag))
