# SPDX-License-Identifier: Apache-2.0
"""Every role and every action, allowed and refused, through HTTP."""

from __future__ import annotations

import pytest

from oreserve.reserve import ROLES, allows, commands
from oreserve.reserve._queries import views
from oreserve.web._registry import BESIDE, MAKERS, open_commands
from web.conftest import BY_ROLE


@pytest.fixture(scope="module")
def browsers(calm):
    return {role: calm.browser(user) for role, user in BY_ROLE.items()}


def test_every_role_has_a_user():
    assert set(BY_ROLE) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_commands_are_open_to_the_roles_of_the_table_alone(browsers, role):
    # No arguments: an allowed command gets as far as its arguments, and no further.
    wrong = []
    for name in open_commands():
        answer = browsers[role].post(
            f"/api/v1/commands/{name}",
            json={"arguments": {"unknown": 1}, "reason": "matrix"},
            headers={"idempotency-key": f"matrix-{role}-{name}"},
        )
        problem = answer.json()
        told = (answer.status_code, problem["rule"])
        expected = (422, "arguments") if allows({role}, name) else (403, "role")
        if told != expected:
            wrong.append((name, told, expected))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_views_are_open_to_the_roles_of_the_table_alone(browsers, role):
    wrong = []
    for view in views().values():
        own = bool(view.own_rows) and allows({role}, "read_own_member")
        expected = 200 if allows({role}, view.action) or own else 403
        answer = browsers[role].get(f"/api/v1/{view.name}?limit=1")
        if answer.status_code != expected:
            wrong.append((view.name, answer.status_code, expected))
    assert wrong == []


def test_forms_are_open_to_the_roles_of_the_table_alone(browsers):
    # One role that may and one that may not stand for all: the rule is the same.
    wrong = []
    for name in list(open_commands())[::3]:
        may = [role for role in ROLES if allows({role}, name)]
        refused = [role for role in ROLES if role not in may]
        for role, expected in ((may[0], 200), (refused[0], 403)):
            status = browsers[role].get(f"/do/{name}").status_code
            if status != expected:
                wrong.append((name, role, status))
    assert wrong == []


def test_verifying_is_open_to_the_roles_of_the_table_alone(browsers):
    for role in ("auditor", "buyer"):
        expected = 200 if allows({role}, "verify") else 403
        assert browsers[role].get("/api/v1/verify").status_code == expected


def test_an_auditor_may_give_no_command():
    assert [name for name in open_commands() if allows({"auditor"}, name)] == []


def test_lists_of_the_registry_name_commands():
    assert set(commands()) >= BESIDE | MAKERS


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_what_only_records_is_no_route(browsers, name):
    answer = browsers["administrator"].post(
        f"/api/v1/commands/{name}", json={"arguments": {}, "reason": "x"}
    )
    assert answer.status_code in {404, 405}
    assert browsers["administrator"].get(f"/do/{name}").status_code == 404


def test_an_analyst_sees_no_price_anywhere(browsers):
    for view in ("stock", "lots", "plan_lines", "items"):
        content = browsers["analyst"].get(f"/api/v1/{view}").json()
        names = [column["name"] for column in content["columns"]]
        assert names
        assert not [name for name in names if "cents" in name]
        assert "cents" not in browsers["analyst"].get(f"/api/v1/{view}.csv").text
    assert "USD" not in browsers["analyst"].get("/stock").text
