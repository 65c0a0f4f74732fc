# SPDX-License-Identifier: Apache-2.0
"""Exports: whole or nothing, and nothing in them that a level does not show."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, Text

from oreserve.errors import InputError
from oreserve.reserve import Refused
from oreserve.reserve._cells import safe_text
from oreserve.reserve._export import (
    LEVELS,
    _summed,
    redaction,
    round_two_digits,
    write_export,
)
from oreserve.reserve._schema import metadata
from oreserve.reserve._views import Column as ViewColumn
from oreserve.reserve._views import is_price, source_of, views

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)

SECRETS = {
    "person": ("ianvogel", "Ian Vogel"),
    "member": ("memberalpha", "Alpha Motors"),
    "depot": ("depotnorth", "North gate"),
    "producer": ("producerone", "Producer One"),
    "note": ("zweimal gewogen",),
}
"""Words that appear in a filled reserve and are looked for in what is exported."""
COST_CENTS = 73_519_377  # of the one lot: a number that nothing else is


@pytest.fixture
def filled(desk):
    """Give a desk whose rows hold words that no public reader may find."""
    desk.do("ada", "add_user", user="ianvogel", name="Ian Vogel", roles=["inspector"])
    desk.do("max", "add_depot", depot="depotnorth", name="North gate", country="USA")
    desk.do(
        *("max", "add_producer"),
        producer="producerone",
        name="Producer One",
        country="AUS",
        note="zweimal gewogen",
    )
    desk.lot = desk.do(
        *("ianvogel", "receive_lot"),
        item="cobalt",
        owner="strategic",
        depot="depotnorth",
        grams=123_456_789,
        cost_cents=COST_CENTS,
        received_on="2026-01-01",
        producer="producerone",
        certificate="=HYPERLINK('http://x','y')",
    )["lot"]
    desk.do("ianvogel", "recount_lot", lot=desk.lot, counted_grams=123_456_780,
            note="zweimal gewogen")  # fmt: skip
    desk.do(
        *("max", "admit_member"),
        member="memberalpha",
        name="Alpha Motors",
        entry_fee_cents=73_519_377,
    )
    return desk


def export(desk, folder, level):
    return write_export(desk.reserve.engine, folder, level=level, now=NOW)


def contents(folder) -> str:
    return "\n".join(
        file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())
    )


def read(folder, table) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- The table of decisions -------------------------------------------------------


def test_each_column_of_each_view_has_a_decision_and_no_other():
    decided = {(table, column) for table, column, _ in redaction()}
    there = {
        (view, column)
        for view in views()
        for column in source_of(view, "2026-01-05").c.keys()  # noqa: SIM118
    }
    assert sorted(there - decided) == []
    assert sorted(decided - there) == []


def test_no_price_and_no_name_of_a_person_or_member_leaves_below_full():
    named = {"member", "claimant", "from_member", "to_member", "user", "email", "actor"}
    for (table, column, level), word in redaction().items():
        if is_price(column) or column in named or column.endswith("_by"):
            assert word == "drop", (table, column, level)


def test_public_keeps_no_key_of_a_single_thing():
    for (table, column, level), word in redaction().items():
        if level == "public" and column in {
            *("lot", "depot", "owner", "producer", "contract", "order_id"),
            *("delivery", "release_id", "claim", "title", "name", "certificate"),
        }:
            assert word == "drop", (table, column)


def test_a_column_that_nobody_decided_on_is_dropped(filled, tmp_path, monkeypatch):
    """A column that a later version adds is there, and is not published."""
    table = metadata.tables["depots"]
    extra = Column("name_of_guard", Text)
    monkeypatch.setattr("oreserve.reserve._export.source_of", _with(table, extra))
    for level in ("partner", "public"):
        export(filled, tmp_path / level, level)
        assert "name_of_guard" not in contents(tmp_path / level)


def _with(table, extra):
    """Return `source_of` with an undecided copy of the item's name in every view."""

    def source(view, today):
        from sqlalchemy import select

        found = source_of(view, today)
        if view != "items":
            return found
        return select(found, found.c.item.label("name_of_guard")).subquery()

    return source


# --- What is written --------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_an_export_is_a_data_package_that_adds_up(filled, tmp_path, level):
    found = export(filled, tmp_path / "out", level)
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    names = {file.name for file in (tmp_path / "out").iterdir()}
    listed = {one["path"] for one in package["resources"]}
    assert names == listed | {"datapackage.json", "export.json", "README.md"}
    for one in package["resources"]:
        raw = (tmp_path / "out" / one["path"]).read_bytes()
        assert one["bytes"] == len(raw)
        assert one["hash"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"
        rows = read(tmp_path / "out", one["name"])
        assert one["rows"] == len(rows) == found.rows[one["name"]]
        if rows:
            assert list(rows[0]) == [f["name"] for f in one["schema"]["fields"]]
    head = filled.reserve.head()
    assert package["head"] == found.head == f"{head.sequence}:{head.hash}"


def test_full_holds_every_row_and_no_secret_of_sign_in(filled, tmp_path):
    filled.reserve.access.set_password(
        "ianvogel", "a long enough secret", by="ada", key="p"
    )
    export(filled, tmp_path / "out", "full")
    text = contents(tmp_path / "out")
    assert "argon2" not in text
    for table in ("audit", "mass_postings", "lots", "users"):
        assert len(read(tmp_path / "out", table)) == len(filled.rows(table))
    (lot,) = read(tmp_path / "out", "lots")
    assert lot["grams"] == "123456780"
    for words in SECRETS.values():
        assert all(word in text for word in words)  # the search below can find them


def test_public_holds_no_lot_depot_person_price_or_member(filled, tmp_path):
    export(filled, tmp_path / "out", "public")
    text = contents(tmp_path / "out")
    for kind, words in SECRETS.items():
        for word in words:
            assert word not in text, kind
    assert filled.lot not in text
    assert str(COST_CENTS) not in text
    assert "HYPERLINK" not in text
    assert "123456" not in text
    (stock,) = [r for r in read(tmp_path / "out", "stock") if r["item"] == "cobalt"]
    assert stock["strategic_grams"] == ""  # one lot


@pytest.mark.parametrize("producers, told", [(2, ""), (3, "120000000")])
def test_stock_is_told_only_of_many_lots_from_many_suppliers(
    filled, tmp_path, producers, told
):
    for number in range(1, 3):
        filled.do("max", "add_producer", producer=f"p{number}", name="P", country="AUS")
        filled.do(
            *("ianvogel", "receive_lot"),
            item="cobalt",
            owner="strategic",
            depot="depotnorth",
            grams=111_111,
            received_on="2026-01-01",
            producer=f"p{min(number, producers - 1)}",
        )
    export(filled, tmp_path / "out", "public")
    (stock,) = [r for r in read(tmp_path / "out", "stock") if r["item"] == "cobalt"]
    assert stock["strategic_grams"] == told
    assert stock["industrial_grams"] == ""


def test_a_contract_of_many_deliveries_is_one_thing():
    """Short and rejected deliveries add rows, and never a second supplier."""
    shown = [
        ViewColumn("item", "text", ""),
        ViewColumn("grams", "integer", "g"),
    ]
    words = {"item": "keep", "grams": "aggregate"}

    def told(rows):
        return list(_summed(shown, rows, words, behind=2)[1])

    one = [("C1", "P1", "cobalt", 10)] * 5
    assert told(one) == [("cobalt", None, None)]
    same = [(f"C{n}", "P1", "cobalt", 10) for n in range(5)]
    assert told(same) == [("cobalt", None, None)]  # three contracts of one supplier
    three = [(f"C{n % 3}", f"P{n % 3}", "cobalt", 10) for n in range(5)]
    assert told(three) == [("cobalt", 5, 50)]


def test_partner_holds_lots_without_price_person_member_or_depot(filled, tmp_path):
    export(filled, tmp_path / "out", "partner")
    text = contents(tmp_path / "out")
    for kind in ("person", "member", "depot", "note"):
        for word in SECRETS[kind]:
            assert word not in text, kind
    assert str(COST_CENTS) not in text
    (lot,) = read(tmp_path / "out", "lots")
    assert (lot["lot"], lot["grams"]) == (filled.lot, "123456780")
    assert lot["producer"] == "producerone"


def test_a_text_that_is_a_formula_is_not_run(filled, tmp_path):
    export(filled, tmp_path / "out", "full")
    (lot,) = read(tmp_path / "out", "lots")
    assert lot["certificate"] == "'=HYPERLINK('http://x','y')"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "  ="])
def test_each_start_of_a_formula_is_disarmed(start):
    assert safe_text(f"{start}1+1").startswith("'")


def test_numbers_keep_their_sign_and_nulls_stay_empty(filled, tmp_path):
    export(filled, tmp_path / "out", "full")
    grams = [row["grams"] for row in read(tmp_path / "out", "mass_postings")]
    assert "-123456789" in grams
    (lot,) = read(tmp_path / "out", "lots")
    assert lot["assay"] == ""


def test_a_sum_over_few_things_is_left_empty(filled, tmp_path):
    for number in range(4):
        filled.do(
            *("max", "add_producer"), producer=f"p{number}", name="P", country="AUS"
        )
        filled.do(
            *("bea", "draft_contract"),
            contract=f"c{number}",
            title="t",
            producer=f"p{number}",
            item="cobalt" if number < 3 else "ndpr_oxide",
            owner="strategic",
            purpose="purchase",
            rung="statement",
            rule_kind="fixed",
            fixed_cents_per_t=1,
            ceiling_grams=1_111_111,
            from_on="2026-01-05",
        )
    export(filled, tmp_path / "out", "public")
    rows = {row["item"]: row for row in read(tmp_path / "out", "contracts")}
    # 3 x 1.111111 t = 3.333333 t, two digits: 3.3 t
    assert (rows["cobalt"]["rows"], rows["cobalt"]["ceiling_grams"]) == ("3", "3300000")
    assert (rows["ndpr_oxide"]["rows"], rows["ndpr_oxide"]["ceiling_grams"]) == ("", "")


@pytest.mark.parametrize(
    "number, rounded",
    [(0, 0), (7, 7), (99, 99), (995, 1000), (85_500, 86_000), (-1_249, -1_200)],
)
def test_two_digits(number, rounded):
    assert round_two_digits(number) == rounded


# --- Whole or not at all ----------------------------------------------------------


def test_the_same_state_gives_the_same_bytes(filled, tmp_path):
    export(filled, tmp_path / "a", "full")
    export(filled, tmp_path / "b", "full")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_a_failed_export_leaves_the_earlier_one(filled, tmp_path, monkeypatch):
    export(filled, tmp_path / "out", "public")
    before = contents(tmp_path / "out")

    def broken(*_):
        message = "disk"
        raise OSError(28, message)

    monkeypatch.setattr("oreserve.reserve._export._readme", broken)
    with pytest.raises(InputError, match="disk"):
        export(filled, tmp_path / "out", "full")
    assert contents(tmp_path / "out") == before
    with pytest.raises(InputError):
        export(filled, tmp_path / "new", "full")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        {"out", *(f.name for f in tmp_path.iterdir() if f.name.startswith("reserve"))}
    )


def test_other_files_are_never_replaced(filled, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "datapackage.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="other files"):
        export(filled, tmp_path / "mine", "public")
    export(filled, tmp_path / "out", "full")
    export(filled, tmp_path / "out", "public")  # an export replaces an export
    assert not (tmp_path / "out" / "audit.csv").exists()


def test_an_unknown_level_names_the_nearest(filled, tmp_path):
    with pytest.raises(Refused, match="did you mean partner"):
        export(filled, tmp_path / "out", "partners")
