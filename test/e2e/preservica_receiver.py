# SPDX-License-Identifier: Apache-2.0
"""pyPreservica's own receiver, extended as its documentation says."""
import http.server
import threading

from pyPreservica.webHooksAPI import WebHookHandler

SECRET = "between us"


class PreservicaReceiver:
    """What it was told is in `worked`."""

    def __init__(self, secret=SECRET):
        self.worked, receiver = [], self

        class Mine(WebHookHandler):
            def do_WORK(self, event):  # noqa: N802 (its library's name)
                receiver.worked.append(event)

            def log_message(self, *args):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Mine)
        self.server.secret_key = secret
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
