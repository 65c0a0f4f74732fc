# SPDX-License-Identifier: Apache-2.0
"""The description of the API: current, complete, and true under random requests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from oreserve.reserve import commands
from oreserve.reserve._queries import views
from oreserve.web._openapi import document
from oreserve.web._registry import open_commands

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def description(calm):
    return document(calm.store.query, version=calm.app._app.state.oreserve.version)


def written(content):
    """Write one line per path and component: small, and a change shows as a line."""

    def line(value):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)

    def block(values, depth):
        rows = [f"{line(name)}: {inner(value, depth)}" for name, value in values]
        return "{\n" + ",\n".join(rows) + "\n}"

    def inner(value, depth):
        return block(sorted(value.items()), depth - 1) if depth else line(value)

    deep = {"paths": 1, "components": 2}
    rows = [
        f"{line(name)}: {inner(value, deep.get(name, 0))}"
        for name, value in sorted(content.items())
    ]
    text = "{\n" + ",\n".join(rows) + "\n}\n"
    assert json.loads(text) == json.loads(json.dumps(content))
    return text


def test_the_file_in_the_documents_is_current(description):
    if os.environ.get("ORESERVE_WRITE_OPENAPI"):
        FILE.write_text(written(description), encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == written(description), (
        "docs/openapi.json is old; run this test with ORESERVE_WRITE_OPENAPI=1"
    )


def test_every_open_command_and_view_is_described(description):
    paths = set(description["paths"])
    assert {f"/api/v1/commands/{name}" for name in open_commands()} <= paths
    assert {f"/api/v1/{name}" for name in views()} <= paths
    for name, what in open_commands().items():
        body = description["paths"][f"/api/v1/commands/{name}"]["post"]["requestBody"]
        members = body["content"]["application/json"]["schema"]["properties"]
        reference = members["arguments"]["$ref"].rpartition("/")[2]
        schema = description["components"]["schemas"][reference]
        assert set(schema.get("properties", {})) == set(what.arguments.model_fields)


def test_every_reference_is_there(description):
    text = json.dumps(description)
    for part in text.split('"$ref": "')[1:]:
        place = description
        for step in part.partition('"')[0].removeprefix("#/").split("/"):
            place = place[step]


def test_the_server_gives_the_same_description(calm, description):
    assert calm.browser().get("/api/v1/openapi.json").json() == json.loads(
        json.dumps(description)
    )


def test_the_page_of_the_api_loads_nothing_from_elsewhere(calm):
    text = calm.browser("max").get("/api").text
    assert "/api/v1/commands/draft_order" in text
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert len(commands()) > len(open_commands())


@pytest.mark.slow
def test_random_requests_meet_no_fault_of_the_server(house, description):
    """Every operation, valid and broken requests, as somebody who may do all."""
    for role in ("manager", "approver", "buyer", "inspector", "storekeeper"):
        house.give("ada", "grant_role", user="ada", role=role)
    for role in ("treasurer", "auditor"):
        house.give("ada", "grant_role", user="ada", role=role)
    client = house.browser("ada")
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(description)))
    met: dict[int, int] = {}
    bounded = settings(
        max_examples=2,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def call(case: Case) -> None:
        parts = case.as_transport_kwargs(base_url="http://reserve.test")
        parts.pop("cookies", None)
        sent = {k: v for k, v in parts.items() if v is not None}
        headers = {"x-csrf-token": client.headers["x-csrf-token"]}
        sent["headers"] = dict(sent.get("headers") or {}) | headers
        sent["headers"].pop("Authorization", None)
        sent["headers"].pop("Cookie", None)
        answer = client.request(**sent)
        met[answer.status_code] = met.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (case.method, case.formatted_path, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"

    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 200
    for count, operation in enumerate(operations):
        # Verifying takes its time; workbooks have tests of their own; files of a
        # view differ from its pages in how they are written alone.
        if operation.path.endswith(("/verify", "/workbooks")):
            continue
        if "{format}" in operation.path and count % 8:
            continue
        bounded(given(case=operation.as_strategy())(call))()
    assert met.get(200, 0) > 50
