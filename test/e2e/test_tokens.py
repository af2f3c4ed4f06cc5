# SPDX-License-Identifier: Apache-2.0
"""API tokens over the API: made and shown once, listed without their text, revoked."""

def works(server, token):
    return server.call("GET", "/app", token=token).status == 200


def test_a_token_is_shown_once_works_and_ends_when_it_is_revoked(grapnel):
    made = grapnel.ok("POST", "/token", {"name": "ci", "role": "operator"})
    assert (made["name"], made["role"], made["readOnly"], made["expiresAt"]) == ("ci", "operator", False, None)
    assert works(grapnel, made["token"])
    listed = grapnel.ok("GET", "/token")["data"]
    assert [t["id"] for t in listed][0] == made["id"] and "token" not in listed[0]
    assert grapnel.call("DELETE", f"/token/{made['id']}").status == 204
    assert not works(grapnel, made["token"])
    assert made["id"] not in [t["id"] for t in grapnel.ok("GET", "/token")["data"]]
    assert grapnel.call("DELETE", f"/token/{made['id']}").status == 404


def test_tokens_are_listed_page_by_page(grapnel):
    made = [grapnel.ok("POST", "/token", {"name": f"t{n}"})["id"] for n in range(11)]
    page = grapnel.ok("GET", "/token?limit=7")
    rest = grapnel.ok("GET", f"/token?limit=7&iterator={page['iterator']}")
    ids = [t["id"] for t in page["data"] + rest["data"]]
    assert ids[:11] == made[::-1] and not page["done"] and rest["done"]
    assert grapnel.call("GET", "/token?iterator=x").status == 422


def test_a_token_with_an_expiry_says_when_it_ends(grapnel):
    made = grapnel.ok("POST", "/token", {"name": "short", "expiry": 3600})
    assert made["expiresAt"] is not None and works(grapnel, made["token"])
    assert grapnel.call("POST", "/token", {"name": "shorter", "expiry": 1}).status == 422


def test_a_role_that_is_none_is_refused_by_name(grapnel):
    answer = grapnel.call("POST", "/token", {"name": "x", "role": "king"})
    assert answer.status == 422 and answer.body["detail"][0]["loc"] == ["body", "role"]


def test_whoami_tells_the_role(grapnel):
    for role in ("owner", "operator", "viewer"):
        token = grapnel.ok("POST", "/token", {"name": role, "role": role})["token"]
        who = grapnel.call("GET", "/auth/whoami", token=token).body
        assert (who["role"], who["readOnly"]) == (role, role == "viewer")
        assert ("ViewEndpointSecret" in who["capabilities"]) == (role != "viewer")
    own = grapnel.ok("POST", f"/auth/app-portal-access/{grapnel.application()}", {})["token"]
    assert grapnel.call("GET", "/auth/whoami", token=own).body["role"] is None
