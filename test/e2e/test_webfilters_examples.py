# SPDX-License-Identifier: Apache-2.0
"""The clients and processors of integrations/webfilters, as the guide shows them, against a real server and each other."""
import http.client
import importlib.util
import os
import re
import subprocess
import sys

import pytest

import conftest
from test_webfilters import make

FOLDER = conftest.ROOT / "integrations" / "webfilters"
FINE, BLOCKED = {"user": {"email": "ann@example.org"}}, {"user": {"email": "bob@blocked.example"}}
STOPPED = 3


def built(name):
    """An example in C, from the build the server is of."""
    found = conftest.binary().parent / "test" / "unit" / "lib" / name
    if not found.exists():
        pytest.skip(f"{name} was not built")
    return found


def start_in_c(secret, processes):
    processes.append(subprocess.Popen([built("processor"), "127.0.0.1:0", secret], stdout=subprocess.PIPE, text=True))
    return int(re.search(r"port (\d+)", processes[-1].stdout.readline())[1])


def start_in_python(secret, processes):
    port = conftest.free_port()
    processes.append(subprocess.Popen([sys.executable, "-m", "flask", "--app", "processor", "run", f"--port={port}"], cwd=FOLDER,
                                      env={**os.environ, "SECRET": secret}, stderr=subprocess.PIPE, text=True))
    conftest.wait_until(lambda: "Running on" in processes[-1].stderr.readline(), "the processor")
    return port


@pytest.fixture(params=[start_in_c, start_in_python], ids=["processor_in_c", "processor_in_python"])
def chain(request, grapnel):
    """An application with the processor as the only filter of Login: fails closed, so that nothing goes unseen."""
    processes = []
    app = grapnel.application("site", uid="site")
    made = make(grapnel, app, "http://127.0.0.1:1/login", failClosed=True)
    secret = grapnel.ok("GET", f"/app/{app}/filter/{made['id']}/secret")["key"]
    port = request.param(secret, processes)
    grapnel.ok("PATCH", f"/app/{app}/filter/{made['id']}", {"url": f"http://127.0.0.1:{port}/login"})
    yield port
    for process in processes:
        process.terminate()
        process.wait(10)


def load_client():
    spec = importlib.util.spec_from_file_location("ask", FOLDER / "ask.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_python_client_gets_data_or_an_exception(grapnel, chain):
    client = load_client()
    assert client.ask(grapnel.url, grapnel.token, "site", "Login", FINE) == {"checked": True}
    with pytest.raises(client.Halted, match="This address is blocked."):
        client.ask(grapnel.url, grapnel.token, "site", "Login", BLOCKED)
    with pytest.raises(OSError):
        client.ask(grapnel.url, "no token", "site", "Login", FINE)


def test_the_c_client_gets_data_or_an_exception(grapnel, chain):
    def ask(data, token=grapnel.token):
        done = subprocess.run([built("ask"), grapnel.url, token, "site", "Login", data], capture_output=True, text=True, check=False, timeout=30)
        return done.returncode, done.stdout

    assert ask('{"user": {"email": "ann@example.org"}}') == (0, '{"checked": true}')
    assert ask('{"user": {"email": "bob@blocked.example"}}') == (STOPPED, '"This address is blocked."')
    assert ask("{}", token="no")[0] == 1


def test_a_processor_refuses_what_is_not_signed(grapnel, chain):
    connection = http.client.HTTPConnection("127.0.0.1", chain, timeout=10)
    connection.request("POST", "/login", '{"user": {"email": "a@b.c"}}', {"content-type": "application/json"})
    assert connection.getresponse().status == 401


def test_a_processor_answers_each_filter_of_a_chain_anew(grapnel, chain):
    """Both requests of one run have its id; a processor does not take the second for a repetition."""
    first, = grapnel.ok("GET", "/app/site/filter")["data"]
    secret = grapnel.ok("GET", f"/app/site/filter/{first['id']}/secret")["key"]
    make(grapnel, "site", first["url"], failClosed=True, secret=secret)
    verdict = grapnel.ok("POST", "/app/site/filter-chain/Login", {"data": FINE})
    assert [p["effect"] for p in verdict["filters"]] == ["applied", "applied"]


def test_the_guide_shows_the_examples():
    guide = (conftest.ROOT / "docs" / "guide" / "webfilters.md").read_text()
    for name in ("ask.py", "ask.c", "processor.py", "processor.c"):
        assert f"integrations/webfilters/{name}" in guide
