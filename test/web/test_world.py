# SPDX-License-Identifier: Apache-2.0
"""What pages are shown is there, before any page is: see world.py."""
import pytest


@pytest.mark.sanitized
def test_every_state_of_an_endpoint_is_in_the_world(world):
    def health(name):
        return world.server.ok("GET", f"/app/{world.app}/endpoint/{world.endpoints[name]}/health")

    assert health("ok")["status"] == health("slow")["status"] == "healthy"
    assert health("failing")["status"] == health("dead")["status"] == "failing"
    assert health("gone")["disabledReason"] == "gone" and health("off")["disabledReason"] == "manual"
    states = {endpoint["id"]: endpoint["statusText"] for endpoint in
              world.server.ok("GET", f"/app/{world.app}/msg/{world.messages[0]}/endpoint")["data"]}
    assert states[world.endpoints["ok"]] == states[world.endpoints["slow"]] == "success"
    assert states[world.endpoints["failing"]] == states[world.endpoints["dead"]] == "fail"
