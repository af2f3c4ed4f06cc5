# SPDX-License-Identifier: Apache-2.0
"""No mistake in a request is taken silently: the OpenAPI document is walked, and each operation is asked with one mistake
at a time. What is unknown is refused or named in a warning, what has another type is a 422 that names the place."""
import copy
import json
import pathlib
import urllib.parse

import pytest

from conftest import ROOT, Grapnel, wait_until

DOCUMENT = json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
STREAM = "/api/v1/stream"
# Texts that nothing can be wrong with.
FREE_QUERIES = {"reason", "text", "event", "event_type", "filter_id", "endpoint_id", "outcome", "search", "q", "ids", "app_id", "app",
                "topic", "trigger", "user", "endpoint", "source", "object_id", "who", "operation"}
NEEDED = {"/api/v1/series/rows": ("ids", "app")}  # without it the call says that, and no more
WRONG = {"string": 5, "integer": "abc", "number": "abc", "boolean": "perhaps", "array": 5, "object": 5}


def operations():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if "operationId" in operation:
                yield pytest.param(method.upper(), path, operation, id=operation["operationId"])


EVERY = list(operations())


def body_schema(operation):
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema")


def resolved(schema):
    return SCHEMAS[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def value_of(schema):
    """Something that fits, as small as can be."""
    schema = resolved(schema)
    kind = schema.get("type")
    if schema.get("format") == "uri":
        return "https://example.com/"
    if schema.get("format") == "date-time":
        return "2026-01-02T03:04:05Z"
    if kind == "string":
        return "a" * max(1, schema.get("minLength", 1))
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "array":
        return [value_of(schema["items"]) for _ in range(max(1, schema.get("minItems", 1)))]
    if kind == "object":
        return {name: value_of(schema["properties"][name]) for name in schema.get("required", [])}
    return True


def places(schema, path=()):
    """Each object of a body that has named members: where it stands, and its schema."""
    schema = resolved(schema)
    if schema.get("type") == "array":
        yield from places(schema["items"], (*path, 0))
    if schema.get("properties"):
        yield path, schema
        for name, member in schema["properties"].items():
            if name == "application" and path:
                continue  # refused as a whole: a batch makes none
            yield from places(member, (*path, name))


def body_with(schema, path, name, value):
    """The smallest body that has the object at `path`, with one member set."""
    body = value_of(schema)
    at, of = body, resolved(schema)
    for step in path:
        of = resolved(of["items"] if isinstance(step, int) else of["properties"][step])
        if isinstance(at, dict) and step not in at:
            at[step] = value_of(of)
        at = at[step]
    at[name] = value
    return body


class Asked:
    """A server with one thing of each kind, and the operations' real paths."""

    def __init__(self, folder):
        self.grapnel = Grapnel(folder)
        g = self.grapnel.serve()
        self.headers = {"authorization": f"Bearer {g.token}"}
        self.names = {"app_id": g.application(uid="app")}
        self.names["endpoint_id"] = g.endpoint("app", "http://127.0.0.1:9/", uid="end")
        self.own_endpoint = g.ok("POST", "/operational-webhook/endpoint", {"url": "http://127.0.0.1:9/"})["id"]
        self.names["tenant_id"] = g.ok("POST", "/tenant", {"name": "tenant"})["id"]
        g.ok("POST", "/event-type", {"name": "a.b", "description": "d", "schemas": {"1": {"type": "object"}}})
        self.names["event_type_name"] = "a.b"
        self.names["msg_id"] = g.publish("app", event_type="a.b")
        self.names["attempt_id"] = "atmpt_" + "0" * 27
        self.names["task_id"] = g.ok("PUT", "/stats/usage/event-types")["id"]
        source = self.ask("POST", "/ingest/api/v1/source", {"name": "s", "type": "generic-webhook", "uid": "src"})
        self.names["source_id"] = source[1]["id"]
        self.names["request_id"] = "req_" + "0" * 27
        self.names["run_id"] = "run_" + "0" * 27
        self.names["event"] = "some.event"
        self.names["filter_id"] = self.ask("POST", "/api/v1/filter", {
            "name": "f", "event": "some.event", "url": "http://127.0.0.1:9/"})[1].get("id", "flt_" + "0" * 27)

    def ask(self, method, path, body=None, query=()):
        if path == STREAM and "seconds" not in dict(query):  # it would go on
            query = [*query, ("seconds", "1")]
        query = urllib.parse.urlencode(query)
        path = path.replace("/operational-webhook/endpoint/{endpoint_id}", "/operational-webhook/endpoint/" + self.own_endpoint)
        for name, value in self.names.items():
            path = path.replace("{" + name + "}", value)
        answer = self.grapnel.raw(method, path + ("?" + query if query else ""),
                                  None if body is None else json.dumps(body), self.headers)
        is_json = (answer.headers["content-type"] or "").startswith("application/json")
        shown = json.loads(answer.body) if answer.body and is_json else {}
        if path.endswith("/logout") and answer.status == 204:  # that was the end of the token
            self.grapnel._token = None
            self.headers = {"authorization": f"Bearer {self.grapnel.token}"}
        return answer.status, shown, answer.headers["grapnel-warning"] or ""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    one = Asked(pathlib.Path(tmp_path_factory.mktemp("mistakes")))
    yield one
    one.grapnel.end()


def is_told(answer, name):
    """Named in the refusal, or in a warning beside whatever was done."""
    status, shown, warning = answer
    return name in warning or (status >= 400 and name in json.dumps(shown))


def fault(answer):
    status, shown, _ = answer
    if "results" in shown:  # of a batch: each message has an answer of its own
        status, shown = shown["results"][0]["status"], shown["results"][0]["error"]
    assert status == 422, answer
    return ".".join(str(part) for part in shown["detail"][0]["loc"]), shown["detail"][0]["msg"]


def query_of(operation):
    return {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}


def fitting(operation):
    schema = body_schema(operation)
    return None if schema is None else value_of(schema)


@pytest.mark.parametrize("method, path, operation", EVERY)
def test_an_unknown_query_parameter_is_named(asked, method, path, operation):
    if method != "DELETE" and "rotate" not in path:  # the things must outlive the test
        assert is_told(asked.ask(method, path, fitting(operation), [("zzshade", "1")]), "zzshade")
    assert fault(asked.ask(method, path, fitting(operation), [("dryRun", "1")]))[0] == "query.dryRun"


@pytest.mark.parametrize("method, path, operation", [p for p in EVERY if query_of(p.values[2])])
def test_a_query_parameter_of_another_type_or_given_twice_is_refused(asked, method, path, operation):
    for name, parameter in query_of(operation).items():
        kind = parameter["schema"]["type"]
        wrong = {"boolean": "perhaps", "integer": "abc"}.get(kind, "b a\u00e9d!")
        if name not in FREE_QUERIES:
            beside = [NEEDED[path]] if path in NEEDED and NEEDED[path][0] != name else []
            status, shown, _ = asked.ask(method, path, fitting(operation), [*beside, (name, wrong)])
            assert status in (400, 422) and name in json.dumps(shown), (name, status, shown)
        if name != "event_types":
            words = {"boolean": ("true", "false"), "integer": ("1", "2")}.get(kind, ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"))
            where, said = fault(asked.ask(method, path, fitting(operation), [(name, word) for word in words]))
            assert where == f"query.{name}" and "more than once" in said
            where, said = fault(asked.ask(method, path, fitting(operation), [(f"{name}[]", words[0])]))
            assert f"'{name}'" in said


def without_body():
    return [p for p in EVERY if body_schema(p.values[2]) is None and p.values[0] in ("POST", "PUT", "PATCH", "DELETE")]


@pytest.mark.parametrize("method, path, operation", without_body())
def test_a_body_where_none_is_read_is_named(asked, method, path, operation):
    assert fault(asked.ask(method, path, {"dryRun": True}))[0] == "body.dryRun"
    if method != "DELETE" and "rotate" not in path:
        assert is_told(asked.ask(method, path, {"zzshade": 1}), "zzshade")


WITH_BODY = [p for p in EVERY if body_schema(p.values[2]) is not None]


@pytest.mark.parametrize("method, path, operation", WITH_BODY)
def test_an_unknown_member_of_a_body_is_named_wherever_it_stands(asked, method, path, operation):
    schema = body_schema(operation)
    for where, of in places(schema):
        body = body_with(schema, where, "zzshade", 1)
        answer = asked.ask(method, path, copy.deepcopy(body))
        assert is_told(answer, "zzshade"), (where, body, answer)
        longest = max(of["properties"], key=len)
        if len(longest) >= 4:  # a slip in a name
            slip = longest[:-1] + ("x" if longest[-1] != "x" else "y")
            found, said = fault(asked.ask(method, path, body_with(schema, where, slip, 1)))
            assert found.endswith(slip) and "did you mean" in said, (where, found, said)


@pytest.mark.parametrize("method, path, operation", WITH_BODY)
def test_a_member_of_another_type_is_refused_and_named(asked, method, path, operation):
    schema = body_schema(operation)
    for where, of in places(schema):
        for name, member in of["properties"].items():
            kind = resolved(member).get("type")
            if kind is None:
                continue  # anything goes
            at = ".".join(["body", *map(str, where), name])
            found, said = fault(asked.ask(method, path, body_with(schema, where, name, WRONG[kind])))
            assert found == at and said, (at, found, said)
            if kind == "array" and resolved(member["items"]).get("type") == "string":
                found, said = fault(asked.ask(method, path, body_with(schema, where, name, [["x"]])))
                assert found.startswith(at), (at, found)


@pytest.mark.parametrize("method, path, operation", WITH_BODY)
def test_a_member_that_is_required_is_missed_and_named(asked, method, path, operation):
    schema = body_schema(operation)
    for where, of in places(schema):
        for name in of.get("required", []):
            body = body_with(schema, where, "zzshade", 1)
            at = body
            for step in where:
                at = at[step]
            del at[name], at["zzshade"]
            found, said = fault(asked.ask(method, path, body))
            assert found.endswith(".".join(["body", *map(str, where), name])), (found, said)


# --- cases beside the walk ---

def warned(answer):
    return answer.headers["grapnel-warning"] or ""


def test_an_event_type_that_is_not_listed_is_warned_of_once_any_is(grapnel):
    app = grapnel.application()
    message = {"eventType": "invoice.payd", "payload": {}}
    send = f"/app/{app}/msg"
    assert warned(grapnel.call("POST", send, message)) == ""
    grapnel.ok("POST", "/event-type", {"name": "invoice.paid", "description": "d"})
    for body in (message, message):  # from the database, then from memory
        answer = grapnel.call("POST", send, body)
        assert answer.status == 202 and "'invoice.payd' is not listed" in warned(answer) and "/event-type" in warned(answer)
    assert warned(grapnel.call("POST", send, {**message, "eventType": "invoice.paid"})) == ""
    batch = [{"eventType": kind, "payload": {}} for kind in ("invoice.paid", "invoice.payd", "invoice.payd", "x.y")]
    answer = grapnel.call("POST", send + "/batch", {"messages": batch})
    told = answer.headers.get_all("grapnel-warning")
    assert answer.status == 202 and len(told) == 2 and "'invoice.payd'" in told[0] and "'x.y'" in told[1]
    grapnel.ok("POST", "/event-type", {"name": "invoice.payd", "description": "d"})
    assert warned(grapnel.call("POST", send, message)) == ""
    grapnel.ok("DELETE", "/event-type/invoice.payd")  # archived: on its way out, but listed
    assert warned(grapnel.call("POST", send, message)) == ""
    grapnel.ok("DELETE", "/event-type/invoice.payd?expunge=true")
    assert "'invoice.payd'" in warned(grapnel.call("POST", send, message))
    grapnel.ok("DELETE", "/event-type/invoice.paid?expunge=true")
    assert warned(grapnel.call("POST", send, message)) == ""


def test_a_warning_of_a_type_survives_a_restart_and_filters(grapnel, receiver):
    app = grapnel.application()
    grapnel.endpoint(app, receiver.url, filter={"body": {"n": {"$gt": 5}}})
    grapnel.ok("POST", "/event-type", {"name": "a.b", "description": "d"})
    grapnel.restart()
    for _ in range(2):
        answer = grapnel.call("POST", f"/app/{app}/msg", {"eventType": "a.c", "payload": {"n": 7}})
        assert answer.status == 202 and "'a.c'" in warned(answer)
        assert len(answer.headers.get_all("grapnel-warning")) == 1


def make(grapnel, **source):
    answer = grapnel.raw("POST", "/ingest/api/v1/source", json.dumps({"name": "s", "type": "github", **source}),
                         {"authorization": f"Bearer {grapnel.token}"})
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("config, member, remedy", [
    ({"Secret": "x"}, "Secret", "secrets"), ({"signingSecret": "x"}, "signingSecret", "settings"),
    ({"secret": 5}, "secret", "string"), ({"secrets": "x"}, "secrets", "array"), ({"secrets": [5]}, "secrets.0", "string"),
    ({"verifyToken": "a", "companion": "b"}, "companion", "one of them"), ({"verifyToken": ["a"]}, "verifyToken", "string"),
    ({"companion": "x" * 100000}, "companion", "at most"), ({"secret": "x" * 100000}, "secret", "at most"),
    ({"timestampGraceSeconds": 5}, "timestampGraceSeconds", "settings.window.pastSeconds")])
def test_what_a_sources_config_does_not_know_is_refused(grapnel, config, member, remedy):
    status, shown = make(grapnel, config=config)
    where, said = fault((status, shown, ""))
    assert where in (f"body.config.{member}", "body.config.verifyToken") and remedy in said


def test_a_sources_config_takes_each_of_its_names(grapnel):
    for kind, config in (("github", {"secret": "x"}), ("github", {"secrets": ["a", "b"]}), ("github", {"secret": None}), ("github", {}),
                         ("meta", {"secret": "s", "verifyToken": "v"}), ("meta", {"secret": "s", "companion": "v"})):
        assert make(grapnel, type=kind, config=config)[0] == 201, config


def test_background_tasks_are_listed_by_status_and_kind(grapnel):
    app = grapnel.application()
    first = grapnel.ok("PUT", "/stats/usage/event-types")["id"]
    second = grapnel.ok("POST", f"/app/{app}/msg/expunge-all-contents")["id"]
    for task in (first, second):
        wait_until(lambda task=task: grapnel.ok("GET", f"/background-task/{task}")["status"] == "finished", task)
    def ids(query):
        answer = grapnel.call("GET", "/background-task" + query)
        assert answer.status == 200 and warned(answer) == ""
        return [t["id"] for t in answer.body["data"]]
    assert ids("") == ids("?status=finished") == [second, first]
    assert ids("?task=event-type.aggregate") == ids("?task=event-type.aggregate&status=finished") == [first]
    assert ids("?task=application.purge_content") == [second]
    assert ids("?status=running") == ids("?status=failed") == ids("?task=sdk.generate") == ids("?task=endpoint.replay") == []
    for query, words in (("status=done", "running, finished or failed"), ("task=purge", "application.purge_content")):
        answer = grapnel.call("GET", "/background-task?" + query)
        assert answer.status == 422 and words in answer.body["detail"][0]["msg"]
