# SPDX-License-Identifier: Apache-2.0
"""A broken study never loads, and the report says where and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import polars as pl
import pytest

from oreserve.study import StudyError, check_study, load_study


class Case(NamedTuple):
    """How to break the tiny study, and what the report must then say."""

    name: str
    breaks: Callable[[Any], int | None]
    table: str
    column: str
    says: str
    value: str = ""
    nearest: str = ""
    allowed: str = ""
    same_row: bool = True  # False: the fault shows in another row than the change


def _set(table: str, key: str, **cells: Any) -> Callable[[Any], int | None]:
    return lambda folder: folder.set(table, key, **cells)


def _add(table: str, **cells: Any) -> Callable[[Any], int | None]:
    return lambda folder: folder.add(table, **cells)


def _rename(table: str, old: str, new: str) -> Callable[[Any], int | None]:
    def breaks(folder: Any) -> int:
        header, rows = folder.read(table)
        header[header.index(old)] = new
        folder.write(table, header, rows)
        return 1

    return breaks


def _text(table: str, change: Callable[[str], str]) -> Callable[[Any], int | None]:
    def breaks(folder: Any) -> None:
        path = folder.path / f"{table}.csv"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    return breaks


def _remove(table: str) -> Callable[[Any], int | None]:
    def breaks(folder: Any) -> None:
        (folder.path / f"{table}.csv").unlink()
        names = [p.stem for p in sorted(folder.path.glob("*.csv"))]
        folder.descriptor(
            resources=[{"name": name, "path": f"{name}.csv"} for name in names]
        )

    return breaks


def _unreadable(table: str) -> Callable[[Any], int | None]:
    def breaks(folder: Any) -> None:
        (folder.path / f"{table}.csv").write_bytes(b"item\n\xff\xfe\xfa\n")

    return breaks


CASES = [
    Case(
        "required table missing",
        _remove("plants"),
        "plants",
        "",
        "required",
        "",
        "",
        "plants.csv",
    ),
    Case("not text at all", _unreadable("items"), "items", "", "cannot be read"),
    Case(
        "cut in the middle of a row",
        _text("lanes", lambda t: t[: t.rindex("observed")]),
        "lanes",
        "",
        "cut short",
    ),
    Case(
        "cut inside quotes",
        _text("sources", lambda t: t + '"half'),
        "sources",
        "",
        "cut short",
    ),
    Case("empty file", _text("prices", lambda _: ""), "prices", "", "is empty"),
    Case("zero bytes", _text("prices", lambda t: t + "\0"), "prices", "", "corrupt"),
    Case(
        "semicolons",
        _text("items", lambda t: t.replace(",", ";")),
        "items",
        "",
        "semicolons",
        "",
        "",
        "commas",
    ),
    Case(
        "misspelt column",
        _rename("plants", "capacity_t_per_year", "capacity_t_per_yr"),
        "plants",
        "capacity_t_per_yr",
        "no such column",
        "",
        "capacity_t_per_year",
    ),
    Case(
        "needed column missing",
        _rename("demands", "quantity_t_per_year", "note"),
        "demands",
        "quantity_t_per_year",
        "needed column",
    ),
    Case(
        "column of another unit",
        _rename("demands", "quantity_t_per_year", "quantity_kg"),
        "demands",
        "quantity_kg",
        "no such column",
    ),
    Case(
        "key twice",
        _add(
            "plants",
            plant="chn_mine",
            process="re_mining",
            country="CHN",
            capacity_t_per_year=1,
        ),
        "plants",
        "plant",
        "already used in row",
        "chn_mine",
    ),
    Case(
        "text for a number",
        _set("plants", "chn_mine", capacity_t_per_year="12bn"),
        "plants",
        "capacity_t_per_year",
        "not a number",
        "12bn",
    ),
    Case(
        "thousands separator",
        _set("plants", "chn_mine", capacity_t_per_year="2,000"),
        "plants",
        "capacity_t_per_year",
        "not a number",
        "2,000",
    ),
    Case(
        "nan",
        _set("lanes", "gallium|CHN|USA", base_t_per_year="nan"),
        "lanes",
        "base_t_per_year",
        "finite",
        "nan",
    ),
    Case(
        "infinite",
        _set("stocks", "usa_strategic_dy", quantity_t="inf"),
        "stocks",
        "quantity_t",
        "finite",
        "inf",
    ),
    Case(
        "beyond 1e15",
        _set("projects", "aus_gallium_new", capex_usd="2e15"),
        "projects",
        "capex_usd",
        "finite",
        "2e15",
    ),
    Case(
        "quantity missing",
        _set("demands", "aus_magnet", quantity_t_per_year=""),
        "demands",
        "quantity_t_per_year",
        "missing",
    ),
    Case(
        "capacity missing",
        _set("plants", "usa_mine", capacity_t_per_year=""),
        "plants",
        "capacity_t_per_year",
        "missing",
    ),
    Case(
        "key missing",
        _set("items", "swarf", item=""),
        "items",
        "item",
        "missing",
    ),
    Case(
        "negative quantity",
        _set("demands", "aus_magnet", quantity_t_per_year=-5),
        "demands",
        "quantity_t_per_year",
        "out of range",
        "-5",
        "",
        "at least 0",
    ),
    Case(
        "percent for a share",
        _set("stocks", "usa_strategic_dy", accessible_share=80),
        "stocks",
        "accessible_share",
        "out of range",
        "80",
        "",
        "0 to 1",
    ),
    Case(
        "positive elasticity",
        _set("demands", "chn_gallium", price_elasticity=0.25),
        "demands",
        "price_elasticity",
        "out of range",
        "0.25",
        "",
        "at most 0",
    ),
    Case(
        "half a year",
        _set("plants", "usa_mine", first_year=2012.5),
        "plants",
        "first_year",
        "whole",
        "2012.5",
    ),
    Case(
        "no truth",
        _set("plants", "usa_mine", aggregate="perhaps"),
        "plants",
        "aggregate",
        "boolean",
        "perhaps",
        "",
        "true or false",
    ),
    Case(
        "class misspelt",
        _set("demands", "usa_dy_oxide", class_="esential"),
        "demands",
        "class",
        "not an allowed",
        "esential",
        "essential",
        "defence",
    ),
    Case(
        "stage misspelt",
        _set("items", "gallium", stage="metall"),
        "items",
        "stage",
        "not an allowed",
        "metall",
        "metal",
    ),
    Case(
        "evidence misspelt",
        _set("items", "gallium", evidence="asumed"),
        "items",
        "evidence",
        "not an allowed",
        "asumed",
        "assumed",
    ),
    Case(
        "unknown source",
        _set("items", "gallium", source_id="inventd"),
        "items",
        "source_id",
        "unknown name",
        "inventd",
        "invented",
    ),
    Case(
        "unknown item",
        _set("demands", "aus_magnet", item="magnett"),
        "demands",
        "item",
        "unknown name",
        "magnett",
        "magnet",
    ),
    Case(
        "country by name",
        _set("plants", "usa_mine", country="Australia"),
        "plants",
        "country",
        "unknown name",
        "Australia",
        "AUS",
    ),
    Case(
        "demand in no country",
        _set("demands", "aus_magnet", country="AUT"),
        "demands",
        "country",
        "unknown name",
        "AUT",
    ),
    Case(
        "lower-case country",
        _set("countries", "AUS", country="aus"),
        "countries",
        "country",
        "not a country code",
        "aus",
        "AUS",
    ),
    Case(
        "unknown process",
        _set("plants", "usa_mine", process="re_minning"),
        "plants",
        "process",
        "unknown name",
        "re_minning",
        "re_mining",
    ),
    Case(
        "unknown mineral in a measure",
        _set("measures", "chn_gallium_ban", mineral="galium"),
        "measures",
        "mineral",
        "unknown name",
        "galium",
        "gallium",
    ),
    Case(
        "one of several minerals",
        _set("driver_effects", "china_trade|ban|1", mineral="gallium;disprosium"),
        "driver_effects",
        "mineral",
        "unknown name",
        "disprosium",
        "dysprosium",
    ),
    Case(
        "unknown bloc",
        _set("driver_effects", "china_trade|ban|1", target="PCT"),
        "driver_effects",
        "target",
        "unknown name",
        "PCT",
        "PACT",
    ),
    Case(
        "unknown demand",
        _add(
            "requirements",
            demand="usa_galium_radar",
            year=2031,
            case="conflict",
            quantity_t=1,
        ),
        "requirements",
        "demand",
        "unknown name",
        "usa_galium_radar",
        "usa_gallium_radar",
    ),
    Case(
        "unknown seller",
        _set("agreements", "aus_oxide_to_usa", seller="aus_separaton"),
        "agreements",
        "seller",
        "unknown name",
        "aus_separaton",
        "aus_separation",
    ),
    Case(
        "unknown project",
        _add("project_options", project="usa_magnet_new", option="none"),
        "project_options",
        "project",
        "unknown name",
        "usa_magnet_new",
        "usa_magnets_new",
    ),
    Case(
        "unknown market",
        _set("prices", "gallium|USA|2024", market="US"),
        "prices",
        "market",
        "unknown name",
        "US",
        "USA",
    ),
    Case(
        "a day that is none",
        _set("measures", "chn_gallium_ban", from_="2024-13-01"),
        "measures",
        "from",
        "not a date",
        "2024-13-01",
        "",
        "YYYY-MM",
    ),
    Case(
        "a year is no date",
        _set("measures", "chn_gallium_ban", from_="2024"),
        "measures",
        "from",
        "not a date",
        "2024",
    ),
    Case(
        "until before from",
        _set("measures", "chn_gallium_ban", until="2024-01"),
        "measures",
        "until",
        "not after from",
    ),
    Case(
        "membership ends before it starts",
        _set("memberships", "JPN|ISLANDS", until="2015-01"),
        "memberships",
        "until",
        "not after from",
    ),
    Case(
        "agreement ends before it starts",
        _set("agreements", "aus_oxide_to_usa", until="2026-01"),
        "agreements",
        "until",
        "not after from",
    ),
    Case(
        "period of a price",
        _set("prices", "gallium|USA|2024", period="2024-Q1"),
        "prices",
        "period",
        "not a year or month",
        "2024-Q1",
    ),
    Case(
        "status misspelt",
        _set("measures", "chn_gallium_ban", status="suspend"),
        "measures",
        "status",
        "not an allowed",
        "suspend",
        "suspended",
    ),
    Case(
        "probabilities",
        _set("drivers", "china_trade|calm|ban", probability_per_year=0.5),
        "drivers",
        "probability_per_year",
        "sum to 1.45",
        "",
        "",
        "1",
        same_row=False,
    ),
    Case(
        "next state misspelt",
        _set("drivers", "china_trade|calm|ban", next_state="bann"),
        "drivers",
        "next_state",
        "no rows for this state",
        "bann",
        "ban",
    ),
    Case(
        "effect of an unknown state",
        _set("driver_effects", "weather|flood|1", state="floods"),
        "driver_effects",
        "state",
        "no rows for this state",
        "floods",
        "flood",
    ),
    Case(
        "unknown driver",
        _set("driver_effects", "weather|flood|1", driver="wether"),
        "driver_effects",
        "driver",
        "unknown name",
        "wether",
        "weather",
    ),
    Case(
        "start shares",
        _set("driver_states", "china_trade|calm", start_share=0.5),
        "driver_states",
        "start_share",
        "sum to 0.7",
    ),
    Case(
        "main item not in the recipe",
        _set("processes", "metal_making", main_item="magnet"),
        "processes",
        "main_item",
        "not in the recipe",
        "magnet",
    ),
    Case(
        "main item without 1",
        _set("recipes", "metal_making|nd_metal", coefficient=0.8),
        "recipes",
        "coefficient",
        "must have coefficient 1",
        "0.8",
    ),
    Case(
        "process without recipe",
        _add("processes", process="alchemy", main_item="gallium"),
        "processes",
        "process",
        "no recipe",
        "alchemy",
    ),
    Case(
        "mass out of nothing",
        _set("recipes", "metal_making|nd_oxide", coefficient=-0.9),
        "recipes",
        "coefficient",
        "creates Nd",
        same_row=False,
    ),
    Case(
        "by-product out of nothing",
        _set("recipes", "re_separation|dy_oxide", coefficient=0.08),
        "recipes",
        "coefficient",
        "creates Dy",
        "0.08",
    ),
    Case(
        "shares of value",
        _set("contents", "magnet|Nd", mass_share=0.9),
        "contents",
        "mass_share",
        "weigh 1.555 t",
    ),
    Case(
        "no element",
        _set("contents", "magnet|Nd", element="ND"),
        "contents",
        "element",
        "chemical symbol",
        "ND",
        "Nd",
    ),
    Case(
        "capacity on the input side",
        _set("plants", "aus_separation", basis="input"),
        "plants",
        "basis",
        "input side",
        "input",
        "",
        "by 0.2 ",
    ),
    Case(
        "more activity than capacity",
        _set("plants", "chn_mine", base_activity_t_per_year=2500),
        "plants",
        "base_activity_t_per_year",
        "more activity than capacity",
        "2500",
    ),
    Case(
        "more idle than capacity",
        _set("plants", "usa_gallium_idle", idle_t_per_year=9),
        "plants",
        "idle_t_per_year",
        "more idle than capacity",
        "9.0",
    ),
    Case(
        "closed before it opens",
        _set("plants", "usa_separation", last_year=2010),
        "plants",
        "last_year",
        "before first_year",
        "2010",
    ),
    Case(
        "price on another basis",
        _set("prices", "nd_oxide|USA|2024", basis="REO"),
        "prices",
        "basis",
        "another mass basis",
        "REO",
        "",
        "gross",
    ),
    Case(
        "price of 0",
        _set("prices", "nd_oxide|USA|2024", usd_per_t=0),
        "prices",
        "usd_per_t",
        "price of 0",
    ),
    Case(
        "max price below base price",
        _set("demands", "aus_magnet", max_price_usd_per_t=1000),
        "demands",
        "max_price_usd_per_t",
        "below the base price",
        "1000.0",
        "",
        "66000",
    ),
    Case(
        "home outbids",
        _set("demands", "usa_gallium_radar", max_price_usd_per_t=90_000_000),
        "demands",
        "max_price_usd_per_t",
        "outbid",
    ),
    Case(
        "only home has a max price",
        _set("demands", "chn_gallium", max_price_usd_per_t=""),
        "demands",
        "max_price_usd_per_t",
        "empty while home has one",
    ),
    Case(
        "demand without price",
        lambda f: f.drop("prices", "dy_oxide|CHN|2024"),
        "demands",
        "item",
        "no base price of dy_oxide in CHN",
        "dy_oxide",
    ),
    Case(
        "ban without target",
        _set("measures", "chn_gallium_ban", target=""),
        "measures",
        "target",
        "a ban needs target",
    ),
    Case(
        "ban with a factor",
        _set("measures", "chn_gallium_ban", factor=0.5),
        "measures",
        "factor",
        "must leave factor empty",
        "0.5",
    ),
    Case(
        "quota without tonnes",
        _set("measures", "aus_concentrate_quota", cap_t_per_year=""),
        "measures",
        "cap_t_per_year",
        "needs cap_t_per_year",
    ),
    Case(
        "outage without factor",
        _set("driver_effects", "weather|flood|1", factor=""),
        "driver_effects",
        "factor",
        "needs factor",
    ),
    Case(
        "driver effect with dates",
        _set("driver_effects", "weather|flood|1", from_="2027-01"),
        "driver_effects",
        "from",
        "has no dates",
    ),
    Case(
        "lane to itself",
        _set("lanes", "gallium|CHN|USA", importer="CHN"),
        "lanes",
        "importer",
        "no lane to itself",
        "CHN",
    ),
    Case(
        "bloc called like a country",
        _set("memberships", "CHN|BLOCK4", bloc="AUS"),
        "memberships",
        "bloc",
        "called like a country",
        "AUS",
    ),
    Case(
        "unknown home",
        _set("settings", "home", value="Germany"),
        "settings",
        "value",
        "neither a country nor a bloc",
        "Germany",
    ),
    Case(
        "unknown setting",
        _add("settings", name="discount", value=0.03),
        "settings",
        "name",
        "no such setting",
        "discount",
        "discount_rate",
    ),
    Case(
        "setting of the wrong type",
        _set("settings", "base_year", value="calm"),
        "settings",
        "value",
        "not a number",
        "calm",
    ),
    Case(
        "period of a week",
        _set("settings", "period_years", value="0.02"),
        "settings",
        "value",
        "not one of the allowed",
        "0.02",
        "",
        "0.25",
    ),
    Case(
        "rung misspelt",
        _set("agreements", "jpn_gallium_to_usa", rung="funded orders"),
        "agreements",
        "rung",
        "not an allowed",
        "funded_orders",
        "funded_order",
    ),
    Case(
        "seller makes something else",
        _set("agreements", "jpn_gallium_to_usa", item="magnet"),
        "agreements",
        "item",
        "does not make magnet",
        "magnet",
    ),
    Case(
        "seller stands elsewhere",
        _set("agreements", "jpn_gallium_to_usa", seller_country="CHN"),
        "agreements",
        "seller_country",
        "stands in JPN",
        "CHN",
    ),
    Case(
        "floor rule without floor",
        _set("agreements", "jpn_gallium_to_usa", floor_usd_per_t=""),
        "agreements",
        "floor_usd_per_t",
        "needs floor_usd_per_t",
    ),
    Case(
        "ramp that goes down",
        _set("projects", "usa_magnets_new", ramp="1;0.5"),
        "projects",
        "ramp",
        "goes down",
        "1;0.5",
    ),
    Case(
        "delays that miss 1",
        _set("projects", "usa_magnets_new", delay="0:0.5;1:0.3"),
        "projects",
        "delay",
        "do not sum to 1",
    ),
    Case(
        "feed that the process does not take",
        _set("projects", "usa_magnets_new", feed_item="gallium"),
        "projects",
        "feed_item",
        "not an input of magnet_making",
        "gallium",
    ),
    Case(
        "option misspelt",
        _set("project_options", "usa_magnets_new|loan", option="laon"),
        "project_options",
        "option",
        "nothing that a programme may offer",
        "laon",
        "loan",
    ),
    Case(
        "floor without index",
        _set("project_options", "aus_gallium_new|floor", index_market=""),
        "project_options",
        "index_market",
        "without its index",
    ),
    Case(
        "limit on nothing",
        _set("limits", "responsible", min_score=""),
        "limits",
        "limit",
        "limits nothing",
        "responsible",
    ),
    Case(
        "negative limit",
        _set("limits", "magnets_first_year", max_usd=-1),
        "limits",
        "max_usd",
        "out of range",
        "-1",
    ),
    Case(
        "countries miss the world total",
        _set("observations", "world_output_t/gallium", value=1000),
        "observations",
        "value",
        "misses the world total",
        "1000",
    ),
    Case(
        "use by an industry of another country",
        _set("uses", "gallium", country="JPN"),
        "uses",
        "industry",
        "no row for chips in JPN",
        "chips",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_breakage_is_an_error_with_its_place(folder: Any, case: Case) -> None:
    row = case.breaks(folder)
    report = check_study(folder.path)
    assert not report.ok
    found = report.problems.filter(
        (pl.col("severity") == "error")
        & (pl.col("table") == case.table)
        & (pl.col("column") == case.column)
        & pl.col("problem").str.contains(case.says, literal=True)
    )
    assert found.height >= 1, report.summary()
    one = found.row(0, named=True)
    if row is not None and case.same_row:
        assert row in found["row"].to_list(), one
    assert case.value in one["value"]
    if case.nearest:
        assert one["nearest"] == case.nearest
    assert case.allowed in one["allowed"]
    with pytest.raises(StudyError) as caught:
        load_study(folder.path)
    assert caught.value.exit_code == 1
    assert case.says in str(caught.value) or caught.value.problems.height > 40
    assert caught.value.problems.equals(report.problems)


def test_cases_are_many_and_named_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 60


def test_all_problems_are_reported_at_once(folder: Any) -> None:
    folder.set("plants", "usa_mine", country="Australia")
    folder.set("demands", "aus_magnet", quantity_t_per_year="many")
    folder.set("drivers", "weather|calm|flood", probability_per_year=0.2)
    tables = set(check_study(folder.path).problems["table"])
    assert {"plants", "demands", "drivers"} <= tables


def test_message_reads_like_a_sentence(folder: Any) -> None:
    row = folder.set("plants", "usa_mine", process="re_minning")
    text = check_study(folder.path).summary()
    assert f"plants.csv, row {row}, column process: unknown name" in text
    assert "(value 're_minning'); allowed: gallium_recovery, " in text
    assert "did you mean 're_mining'?" in text


@pytest.mark.parametrize(
    "breaks,table,says",
    [
        (_set("driver_states", "china_trade|calm", start_share=0.8), "", ""),
        (
            _set("countries", "AUS", country="QQA"),
            "countries",
            "not an ISO country code",
        ),
        (
            _set("measures", "chn_dysprosium_licence", until="2026-01"),
            "measures",
            "it ended on",
        ),
        (_set("stocks", "usa_strategic_dy", floor_t=5), "stocks", "floor lies above"),
        (_set("items", "gallium", mineral="galliums"), "items", "no list names"),
    ],
)
def test_doubtful_things_warn(
    folder: Any, breaks: Callable[[Any], int | None], table: str, says: str
) -> None:
    breaks(folder)
    problems = check_study(folder.path).problems
    warned = problems.filter(pl.col("severity") == "warning")
    if table:
        assert any(says in text for text in warned["problem"])
    else:
        assert not warned.height


def test_mass_without_contents_warns(folder: Any) -> None:
    header, _ = folder.read("contents")
    folder.write("contents", header, [])
    folder.set("recipes", "metal_making|nd_oxide", coefficient=-0.9)
    report = check_study(folder.path)
    assert report.ok
    assert "metal_making makes 1 t out of 0.9 t" in report.summary()


def test_state_that_nothing_leads_to_warns(folder: Any) -> None:
    folder.set("drivers", "weather|calm|flood", probability_per_year=0)
    folder.set("drivers", "weather|calm|calm", probability_per_year=1)
    report = check_study(folder.path)
    assert report.ok
    assert "no path of positive probability" in report.summary()


def test_unbooked_iron_of_a_magnet_is_no_error() -> None:
    # 1 t of magnet comes out of 0.42 t of booked inputs; no input names iron
    assert check_study("tiny").problems.is_empty()


def test_one_step_demand_may_name_its_own_max_price(folder: Any) -> None:
    for name in ("usa_gallium_radar", "usa_gallium_chips"):
        folder.set("demands", name, price_elasticity=0, max_price_usd_per_t=2e7)
    report = check_study(folder.path)
    assert report.ok
    assert "differs from the max_price" in report.summary()


def test_without_calibration_one_step_demand_needs_no_price(folder: Any) -> None:
    folder.drop("prices", "dy_oxide|CHN|2024")
    folder.set(
        "demands", "chn_dy_oxide", price_elasticity=0, max_price_usd_per_t=400_000
    )
    assert not check_study(folder.path).ok
    folder.add("settings", name="calibrate", value="false")
    found = check_study(folder.path).problems.filter(pl.col("severity") == "error")
    assert not found.filter(pl.col("table") == "demands").height


def test_study_that_does_not_exist_names_the_nearest() -> None:
    report = check_study("tinny")
    assert not report.ok
    assert "did you mean 'tiny'?" in report.summary()
    with pytest.raises(StudyError, match="did you mean 'tiny'"):
        load_study("tinny")
