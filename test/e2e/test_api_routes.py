# SPDX-License-Identifier: Apache-2.0
"""Every operation of Svix' open server is answered here, by a route and with what it is asked for."""
import pathlib
import re

import pytest

from conftest import wait_until

LIST = pathlib.Path(__file__).resolve().parent.parent / "data" / "svix-operations.txt"
OPERATIONS = [line.split()[1:] for line in LIST.read_text().splitlines() if line.startswith("server ")]
BODIES = {
    "v1.application.create": {"name": "n"},
    "v1.application.update": {"name": "n"},
    "v1.endpoint.create": {"url": "http://127.0.0.1:9/"},
    "v1.endpoint.update": {"url": "http://127.0.0.1:9/"},
    "v1.endpoint.update-headers": {"headers": {"x-a": "b"}},
    "v1.endpoint.patch-headers": {"headers": {"x-a": None}},
    "v1.endpoint.recover": {"since": "2020-01-01T00:00:00Z"},
    "v1.endpoint.send-example": {"eventType": "svix.ping"},
    "v1.event-type.create": {"name": "another.type", "description": ""},
    "v1.event-type.update": {"description": ""},
    "v1.message.create": {"eventType": "a.b", "payload": {}},
}
EXPECTED = {"v1.endpoint.recover": 422}  # a window that is too long: asked, and understood


@pytest.fixture(name="world", scope="module")
def make_world(tmp_path_factory):
    """A server with one of everything, and the names of it all."""
    from conftest import Grapnel, Receiver  # pylint: disable=import-outside-toplevel
    server, receiver = Grapnel(tmp_path_factory.mktemp("routes")).serve(), Receiver()
    server.ok("POST", "/event-type", {"name": "a.b", "description": ""})
    app = server.application()
    endpoint = server.endpoint(app, receiver.url)
    message = server.publish(app)
    attempt = wait_until(lambda: server.attempts(app, message), "an attempt")[0]["id"]
    yield server, {"app_id": app, "endpoint_id": endpoint, "msg_id": message, "attempt_id": attempt,
                   "event_type_name": "a.b"}
    server.end()
    receiver.close()


def in_order(operation):
    """What deletes comes late, the innermost first, and what ends the token last."""
    method, path, _ = operation
    return (path.endswith("/logout"), method == "DELETE", -path.count("/") if method == "DELETE" else 0)


@pytest.mark.parametrize("method, path, operation", sorted(OPERATIONS, key=in_order))
def test_every_operation_of_the_open_server_is_served(world, method, path, operation):
    server, names = world
    whole = re.sub(r"\{(\w+)\}", lambda match: names[match[1]], path).removeprefix("/api/v1")
    answer = server.call(method, whole, BODIES.get(operation, {} if method in ("POST", "PUT", "PATCH") else None))
    expected = EXPECTED.get(operation)
    assert answer.status == expected if expected else 200 <= answer.status < 300, answer.body


def test_the_list_has_all_operations_of_the_open_server():
    assert len(OPERATIONS) == len({(method, path) for method, path, _ in OPERATIONS}) == 43
