# SPDX-License-Identifier: Apache-2.0
"""A web site of a stranger, on a port of its own: what embeds the portal, or what a page must never ask."""
import http.server
import threading

TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "png": "image/png"}


class Site:
    """Serves `files` (path -> text or bytes). `url` names it localhost, which to browsers is another site than
    the 127.0.0.1 of the server under test; `near` names it 127.0.0.1: the same site, another origin."""

    def __init__(self, files, headers=None):
        self.files, self.asked = dict(files), []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 (the base class's name)
                path = self.path.split("?")[0]
                site.asked.append(self.path)
                text = site.files.get(path, "" if path == "/favicon.ico" else None)
                body = text.encode() if isinstance(text, str) else text or b""
                self.send_response(404 if text is None else 200)
                kind = "html" if "." not in path else path.rsplit(".", 1)[-1]
                self.send_header("content-type", TYPES.get(kind, "application/octet-stream"))
                self.send_header("content-length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # browsers close connections as they like

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url, self.near = f"http://localhost:{self.port}", f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
