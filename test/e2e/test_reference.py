# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document: valid by the specification's own schema, and the same from the server as in the docs."""
import json
import pathlib

from openapi_spec_validator import validate

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"


def test_the_document_is_valid_openapi():
    validate(json.loads(PAGE.read_text()))


def test_the_server_answers_the_document_of_the_reference(grapnel):
    answer = grapnel.raw("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    assert answer.body == PAGE.read_bytes()


def test_the_document_has_a_line_a_member_so_that_changes_can_be_read():
    lines = PAGE.read_text().splitlines()
    assert len(lines) > 1000 and max(map(len, lines)) < 1000
