# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from oreserve.reserve import Refused, Request


def test_repeated_key_returns_the_first_result(desk):
    arguments = {"depot": "D9", "name": "Nine", "country": "USA"}
    first = desk.reserve.execute(
        "add_depot", arguments, actor="max", reason="r", key="same"
    )
    again = desk.reserve.execute(
        "add_depot", arguments, actor="max", reason="r", key="same"
    )
    assert again.repeated
    assert (again.sequence, again.result) == (first.sequence, first.result)
    assert len(desk.rows("depots", depot="D9")) == 1


def test_refused_command_of_a_group_is_rolled_back_alone(desk):
    def add(depot, country):
        arguments = {"depot": depot, "name": depot, "country": country}
        return Request("add_depot", arguments, "max", "r", f"key {depot} {country}")

    one, two, three = desk.reserve.execute_many(
        [add("D7", "USA"), add("D7", "CAN"), add("D8", "USA")]
    )
    assert isinstance(two, Refused)
    assert two.rule == "exists"
    assert three.sequence == one.sequence + 1
    assert [row["depot"] for row in desk.rows("depots")] == ["D1", "D2", "D7", "D8"]


def test_stale_version_is_refused(desk):
    def change(name, version):
        return desk.reserve.execute(
            "change_depot",
            {"depot": "D1", "name": name},
            actor="max",
            reason="r",
            key=name,
            expected_version=version,
        )

    change("first", 1)
    with pytest.raises(Refused, match="version 2, not 1") as caught:
        change("second", 1)
    assert (caught.value.rule, caught.value.status) == ("stale", 409)
