# SPDX-License-Identifier: Apache-2.0
"""A server's address as people paste it into --url."""
import http.server
import threading

import pytest

COMMANDS = [["filter", "runs", "--app=a"], ["source", "list"], ["import", "openedx", "--catalogue"], ["import", "ckan", "/dev/null"],
            ["import", "gaia", "--etcd=http://127.0.0.1:1"], ["bench", "--app=a"]]


@pytest.mark.parametrize("tail", ["", "/", "//", "/api/v1", "/api/v1/", " "])
def test_a_slash_or_the_apis_own_path_at_the_end_does_no_harm(grapnel, tail):
    done = grapnel.run("source", "list", f"--url={grapnel.url}{tail}", f"--token={grapnel.token}")
    assert done.returncode == 0, done.stderr
    app = grapnel.application("a", uid="a")
    assert app
    done = grapnel.run("bench", "--app=a", "--count=1", f"--url={grapnel.url}{tail}", f"--token={grapnel.token}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("url, words", [
    ("hooks.example.org", "--url: 'hooks.example.org' does not say how to connect: write --url=http://hooks.example.org, or https://"),
    ("127.0.0.1:8071/", "write --url=http://127.0.0.1:8071/"),
    ("ftp://hooks.example.org", "must start with http:// or https://"),
    ("http://", "the host is missing"),
    ("http://me:secret@hooks.example.org", "--token"),
    ("http://hooks.example.org/?a=1", "leave out '?a=1'"),
    ("http://hooks.example.org/#top", "leave out '#top'"),
])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_address_that_is_none_is_refused_with_what_to_write(make_grapnel, command, url, words):
    done = make_grapnel().run(*command, f"--url={url}", "--token=x")
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and "secret" not in done.stderr


def test_an_address_of_etcd_is_read_the_same_way(make_grapnel):
    done = make_grapnel().run("import", "gaia", "--url=http://127.0.0.1:1", "--token=x", "--etcd=etcd:2379")
    assert done.returncode == 2 and "write --etcd=http://etcd:2379" in done.stderr


def test_a_path_of_a_proxys_stays_and_is_named_when_nothing_is_there(make_grapnel):
    asked = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 (the base class's name)
            asked.append(self.path)
            is_there = self.path.startswith("/grapnel/")
            body = b'{"data": [], "done": true}' if is_there else b"nothing"
            self.send_response(200 if is_there else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        grapnel = make_grapnel()
        assert grapnel.run("source", "list", f"--url={url}/grapnel/", "--token=x").returncode == 0
        assert asked == ["/grapnel/ingest/api/v1/source?limit=250"]
        done = grapnel.run("source", "list", f"--url={url}/other", "--token=x")
        assert done.returncode == 1 and f"is the path in --url={url}/other right?" in done.stderr
        server.shutdown()
