# SPDX-License-Identifier: Apache-2.0
"""A proxy that reads an answer to its end before it passes any of it on, as some in front of servers do."""
import http.client
import http.server
import threading

HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class BufferingProxy:
    def __init__(self, port):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else None
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                server.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name.lower() not in HOP})
                answer = server.getresponse()
                text = answer.read()  # to its end, whenever that is
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                if answer.status not in (204, 304):
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                server.close()

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = pass_on  # the base class's names

            def log_message(self, format, *args):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # browsers close connections as they like

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
