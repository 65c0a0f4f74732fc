# SPDX-License-Identifier: Apache-2.0
"""The year of the demonstration: complete, sound, the same each time, and marked."""

from __future__ import annotations

from datetime import date

import pytest

from oreserve import reserve as api
from oreserve.errors import InputError
from oreserve.reserve import Actor
from oreserve.reserve._demo import DEMO_NAME, DEMO_USERS, make_demo
from oreserve.reserve._queries import views

LAST_DAY = date(2026, 11, 23)
PASSWORD = "an invented password"  # noqa: S105
AUDITOR = Actor("aud", frozenset({"auditor"}))

# Tables of plain figures: their rows hang on a row that says that it is invented.
FIGURES = {
    *("user_roles", "transactions", "mass_postings", "money_postings"),
    *("mass_balances", "money_balances", "materials_plans", "plan_lines"),
    *("industrial_terms", "items", "meta", "audit", "approvals"),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Make the demonstration once."""
    file = tmp_path_factory.mktemp("demo") / "demo.db"
    with make_demo(file, last_day=LAST_DAY) as store:
        yield store


def rows(store, view, **where):
    return list(store.query.rows(view, AUDITOR, where=where))


def test_the_year_verifies(demo):
    found = demo.verify()
    assert found.ok, found.summary()
    assert found.entries > 120


def test_the_same_last_day_gives_the_same_hash(demo, tmp_path):
    with make_demo(tmp_path / "again.db", last_day=LAST_DAY) as again:
        assert again.head() == demo.head()
        same = date(2026, 11, 22)
    with make_demo(tmp_path / "other.db", last_day=same) as other:
        assert other.head() != demo.head()


@pytest.mark.parametrize("last_day", [date(2024, 2, 29), date(2027, 1, 1)])
def test_the_year_can_be_told_for_any_last_day(tmp_path, last_day):
    with make_demo(tmp_path / "demo.db", last_day=last_day) as store:
        assert store.verify().ok


def test_the_year_is_the_same_on_both_databases(empty, demo):
    with make_demo(empty, last_day=LAST_DAY) as store:
        assert store.head() == demo.head()


def test_everybody_sees_that_it_is_invented(demo):
    assert "invented" in DEMO_NAME
    assert all(row["reason"].startswith("Invented: ") for row in commanded(demo))
    for user in rows(demo, "users"):
        assert "invented" in user["name"]
    for view, column in (
        ("depots", "name"),
        ("owners", "name"),
        ("producers", "name"),
        ("members", "name"),
        ("contracts", "title"),
        ("appropriations", "title"),
        ("index_series", "name"),
        ("index_values", "source"),
        ("market_limits", "source"),
        ("triggers", "description"),
        ("security_values", "source"),
        ("releases", "ground_reference"),
        ("shipments", "destination"),
        ("plan_changes", "notice"),
    ):
        found = rows(demo, view)
        assert found, view
        assert all("invented" in str(row[column]) for row in found), view
    marked = [r for r in rows(demo, "lots") if "invented" in (r["certificate"] or "")]
    assert len(marked) == len([r for r in rows(demo, "lots") if r["certificate"]])


def commanded(demo):
    founding = {"found_reserve"}
    return [row for row in rows(demo, "audit") if row["command"] not in founding]


def test_nothing_is_empty_that_a_page_shows(demo):
    empty = [view for view in views() if not rows(demo, view)]
    # Nobody went over the share of a market, and no price followed an index.
    assert set(empty) <= {"market_overrides", "price_adjustments"}


def test_contracts_stand_on_several_rungs(demo):
    rungs = {row["rung"] for row in rows(demo, "contracts")}
    assert {"statement", "memorandum", "ceiling", "funded_order", "paid"} <= rungs
    steps = {row["rung"] for row in rows(demo, "contract_steps")}
    assert {"letter_of_intent", "conditional", "minimum_guarantee"} <= steps


def test_one_delivery_is_late_and_one_short(demo):
    deliveries = rows(demo, "deliveries")
    late = [row for row in deliveries if row["late_days"]]
    assert [row["late_days"] for row in late] == [7]  # 12 less 5 days of grace
    # 200 t x 30,000 USD x 0.001 per day x 7 days
    assert late[0]["penalty_cents"] == 4_200_000
    short = [r for r in deliveries if r["delivered_grams"] == 160_000_000]
    assert [row["grams"] for row in short] == [200_000_000] or [
        row["accepted_grams"] for row in short
    ] == [160_000_000]
    rest = [r for r in deliveries if r["grams"] == 40_000_000]
    assert [row["status"] for row in rest] == ["due"]


def test_the_floor_pays_is_silent_and_returns(demo):
    due = [row["due_cents"] for row in rows(demo, "settlements")]
    # (62,000 - 58,000) x 65 t; index above the floor, below 75,000; then
    # 30 % of (81,000 - 75,000) x 85 t goes back.
    assert due == [26_000_000, 0, -15_300_000]
    assert {row["status"] for row in rows(demo, "settlements")} == {"paid"}


def test_one_release_was_shipped_and_one_waits_for_two_persons(demo):
    first, second = rows(demo, "releases")
    assert first["status"] in {"shipped", "closed"}
    assert second["status"] == "checked"
    people = rows(demo, "approvals", subject=f"release:{first['release_id']}")
    assert [row["person"] for row in people] == ["ann", "bob"]
    claims = rows(demo, "claims", release_id=first["release_id"])
    assert {row["class"]: row["rank"] for row in claims} == {
        "defence": 1,
        "essential": 2,
    }


def test_members_carry_draw_replenish_transfer_and_buy_back(demo):
    charges = rows(demo, "carry_charges")
    assert len(charges) >= 9
    assert all(
        row["paid_cents"] == row["interest_cents"] + row["storage_cents"]
        for row in charges
    )
    (duty,) = [row for row in rows(demo, "duties") if row["member"]]
    assert (duty["grams"], duty["open_grams"]) == (60_000_000, 15_000_000)
    assert rows(demo, "transfers")[0]["status"] == "accepted"
    held = {
        (row["member"], row["item"]): row["grams"] for row in rows(demo, "entitlements")
    }
    assert held["demo_alpha", "ndpr_oxide"] == 340_000_000  # 300 + 40
    assert held["demo_beta", "ndpr_oxide"] == 140_000_000  # 200 - 40 - 20


def test_lots_were_blended_upgraded_and_recounted(demo):
    kinds = {row["kind"] for row in rows(demo, "transactions")}
    assert {"blend", "upgrade", "recount", "relocation"} <= kinds


def test_nobody_signs_in_unless_a_password_is_given(demo, tmp_path):
    with pytest.raises(api.Refused):
        demo.access.sign_in("bea", PASSWORD)
    with make_demo(tmp_path / "demo.db", last_day=LAST_DAY, password=PASSWORD) as store:
        assert store.verify().ok
        for user in DEMO_USERS:
            assert store.access.sign_in(user, PASSWORD).secret


def test_a_reserve_that_is_there_is_not_filled(demo, tmp_path):
    file = tmp_path / "mine.db"
    api.create(file, name="Mine", administrator="ada").close()
    with pytest.raises(api.Refused):
        make_demo(file, last_day=LAST_DAY)


def test_a_study_without_the_items_is_named_before_a_file_is_made(tmp_path):
    with pytest.raises(InputError, match=r"antimony, cobalt.* which the study lacks"):
        make_demo(tmp_path / "demo.db", last_day=LAST_DAY, study="tiny")
    assert not (tmp_path / "demo.db").exists()
