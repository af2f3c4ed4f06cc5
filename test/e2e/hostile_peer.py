# SPDX-License-Identifier: Apache-2.0
"""Peers that hang, babble, lie or die, on a bare socket: what any host that the server asks may turn into."""
import errno
import gzip
import socket
import ssl
import struct
import threading

import pytest

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def chunks_for_ever(talk, piece):
    while not talk.ended.wait(0.001):
        talk.link.sendall(piece)


def reset(talk):
    talk.hear()
    talk.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(talk):
    talk.hear()
    for byte in (OK + b"content-length: 9999\r\n\r\n") + b" " * 9999:
        if talk.ended.wait(0.05):
            return
        talk.link.sendall(bytes([byte]))


def whole(body, head=OK):
    def answer(talk):
        talk.hear()
        talk.link.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    return answer


def raw(text, then_wait=False):
    def answer(talk):
        talk.hear()
        talk.link.sendall(text)
        if then_wait:
            talk.ended.wait(60)
    return answer


# name -> what it does with a connection; None: nobody listens.
BEHAVIOURS = {
    "refusing": None,
    "silent": lambda talk: (talk.hear(), talk.ended.wait(60)),
    "half_open": lambda talk: talk.ended.wait(60),
    "closing": lambda talk: talk.hear(),
    "resetting": reset,
    "babbling": raw(b"SSH-2.0-OpenSSH_9.2\r\n" * 100),
    "cut_short": raw(OK + b"content-length: 9999\r\n\r\n{"),
    "stopping_in_the_middle": raw(OK + b"content-length: 9999\r\n\r\n{", then_wait=True),
    "dripping": drip,
    "endless_body": lambda talk: (talk.hear(), talk.link.sendall(OK + b"\r\n"), chunks_for_ever(talk, b" " * 65536)),
    "endless_head": lambda talk: (talk.hear(), talk.link.sendall(OK), chunks_for_ever(talk, b"x: " + b"y" * 8000 + b"\r\n")),
    "endless_continues": lambda talk: (talk.hear(), chunks_for_ever(talk, b"HTTP/1.1 100 Continue\r\n\r\n")),
    "bad_chunks": raw(OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "failing": whole(b"<html>bad gateway</html>", b"HTTP/1.1 502 Bad Gateway\r\n"),
    "redirecting_to_itself": raw(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
    "saying_nothing": whole(b""),
    "lying": whole(b'{"keys": 5, "success": "yes", "result": [], "node": {"nodes": {"a": 1}}, "tenantId": {}}'),
    "not_json": whole(b"\x00\xff\xfe{"),
    "deep": whole(b"[" * 200_000),
    "packed": whole(gzip.compress(b" " * 100_000_000, 1), OK + b"content-encoding: gzip\r\n"),
}


class Talk:
    def __init__(self, link, ended):
        self.link, self.ended = link, ended

    def hear(self):
        self.link.recv(65536)


class Peer:
    """Plain, or with TLS (`tls`: a server's context) at port 443 of an address."""

    def __init__(self, behaviour, address="127.0.0.1", port=0, tls=None):
        self.behave, self.tls, self.ended, self.count = BEHAVIOURS[behaviour], tls, threading.Event(), 0
        try:
            self.listener = socket.create_server((address, port))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EADDRNOTAVAIL):
                pytest.skip(f"port {port} of a loopback address cannot be had here")
            raise
        self.port = self.listener.getsockname()[1]
        if self.behave is None:
            self.listener.close()
        else:
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        with link:
            try:
                if self.tls is not None and self.behave is not BEHAVIOURS["half_open"]:
                    link = self.tls.wrap_socket(link, server_side=True)
                with link:
                    self.behave(Talk(link, self.ended))
            except (OSError, ssl.SSLError, ValueError):
                pass  # the other side left

    def close(self):
        self.ended.set()
        self.listener.close()
