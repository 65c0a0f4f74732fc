# SPDX-License-Identifier: Apache-2.0
"""Assessments of the tiny study: by hand, bounds, missing data, names."""

from __future__ import annotations

import json

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.exposure import ALL_USES, assess
from oreserve.study import find_home, load_study


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture(scope="module")
def found(tiny):
    return assess(tiny, reconciled=False)


def cell(result, item: str, indicator: str) -> dict:
    rows = result.cells.filter(item=item, indicator=indicator)
    assert rows.height == 1
    return rows.row(0, named=True)


def test_direct_reliance_by_hand(found):
    # Oxide: 20 made, 10 + 10 imported, none exported: 20 / 40.
    assert cell(found, "nd_oxide", "net_import_reliance")["value"] == pytest.approx(0.5)
    # Dysprosium oxide: 0.05 x 20 made, 2 imported: 2 / 3.
    dy = cell(found, "dy_oxide", "net_import_reliance")
    assert dy["value"] == pytest.approx(2 / 3)
    # Ore: 200 made, 100 exported: a net exporter relies on nobody.
    assert cell(found, "re_concentrate", "net_import_reliance")["value"] == 0.0


def test_indirect_reliance_sees_what_direct_does_not(found):
    # Home digs more ore than it uses, and still 80 % of the neodymium in what it
    # uses was dug abroad, because magnets come from China.
    ore = cell(found, "re_concentrate", "import_reliance_indirect")
    assert ore["value"] > 0.75
    assert "country=CHN" in ore["inputs"]


def test_concentration_by_hand(found):
    # Gallium: 90 and 10 of 100.
    assert cell(found, "gallium", "hhi")["value"] == pytest.approx(0.82)
    assert cell(found, "gallium", "top_share")["value"] == pytest.approx(0.9)
    # Normalised with n = 2: (0.82 - 0.5) / 0.5.
    assert cell(found, "gallium", "hhi_normalised")["value"] == pytest.approx(0.64)
    # Governance -0.4 and 1.3: 0.81 x 2 (2.5 + 0.4) + 0.01 x 2 (2.5 - 1.3).
    ruled = cell(found, "gallium", "hhi_governance")["value"]
    assert ruled == pytest.approx(0.81 * 5.8 + 0.01 * 2.4)


def test_cover_without_the_largest_by_hand(found):
    # Gallium: 110 + 12 t of capacity (4 t stand idle), world use 100: 12 / 100.
    country = cell(found, "gallium", "n_minus_1_cover_country")
    assert country["value"] == pytest.approx(0.12)
    # Home buys 18 from CHN and 2 from JPN and uses 20: 2 / 20.
    home = cell(found, "gallium", "n_minus_1_cover_home")
    assert home["value"] == pytest.approx(0.1)
    # Single plants of gallium are not in the study: country totals hide them.
    plant = cell(found, "gallium", "n_minus_1_cover_plant")
    assert (plant["value"], plant["status"]) == (None, "no_data")


def test_score_by_hand(found):
    row = found.ranking.filter(mineral="gallium").row(0, named=True)
    governance = (0.81 * 5.8 + 0.01 * 2.4) / 10
    assert row["score"] == pytest.approx(1.0 * (0.82 + governance + 0.88) / 3)


def test_weights_change_the_score_and_wrong_ones_are_refused(tiny):
    only = {"governance": 0.0, "cover": 0.0}
    row = assess(tiny, reconciled=False, weights=only).ranking.filter(mineral="gallium")
    assert row["score"].item() == pytest.approx(0.82)
    with pytest.raises(InputError, match="governance, reliance"):
        assess(tiny, weights={"gouvernance": 1.0})


def test_price_split_and_its_rows(found):
    split = cell(found, "gallium", "price_split")
    assert split["value"] == pytest.approx(480000 / 240000)
    assert split["rows"] == (
        "prices:gallium/CHN/2026-06/inside|gallium/USA/2026/outside"
    )
    assert cell(found, "magnet", "price_split")["status"] == "no_data"


def test_measures_on_home_with_what_changes(found):
    rows = found.measures.filter(item="dy_oxide").row(0, named=True)
    assert (rows["state"], str(rows["next_change"])) == ("in force", "2029-01-01")
    assert rows["days_to_change"] == 771
    ban = found.measures.filter(item="gallium").row(0, named=True)
    assert ban["state"] == "suspended"
    assert cell(found, "gallium", "measures_in_force")["value"] == 0


def test_a_measure_on_another_country_does_not_touch_home(tiny):
    japan = assess(tiny, home="JPN", reconciled=False)
    assert set(japan.measures["target"]) == {"*"}


def test_shares_of_every_origin_sum_to_one(found):
    sums = found.origins.group_by("mineral", "use", "stage", "item").agg(
        pl.col("share").sum()
    )
    assert sums["share"].to_list() == pytest.approx([1.0] * sums.height, abs=1e-5)
    assert ALL_USES in set(found.origins["use"])


@pytest.mark.parametrize("extra", [0.0, 5.0, 20.0, 80.0])
def test_more_domestic_output_never_raises_reliance(tiny, extra):
    plants = tiny.table("plants").with_columns(
        pl.when(pl.col("plant") == "usa_separation")
        .then(pl.col("base_activity_t_per_year") + extra)
        .otherwise(pl.col("base_activity_t_per_year"))
        .alias("base_activity_t_per_year"),
        pl.when(pl.col("plant") == "usa_separation")
        .then(pl.col("capacity_t_per_year") + extra)
        .otherwise(pl.col("capacity_t_per_year"))
        .alias("capacity_t_per_year"),
    )
    before = assess(tiny, reconciled=False)
    after = assess(tiny.with_tables(plants=plants), reconciled=False)
    for indicator in ("net_import_reliance", "import_reliance_indirect"):
        old = cell(before, "nd_oxide", indicator)["value"]
        new = cell(after, "nd_oxide", indicator)["value"]
        assert new <= old + 1e-12
        if extra:
            assert new < old


def with_rest(study):
    """100 t of gallium more, somewhere that no table lists."""
    countries = pl.concat(
        [
            study.table("countries"),
            pl.DataFrame(
                {
                    "country": ["ROW"],
                    "name": ["Rest"],
                    "source_id": ["invented"],
                    "evidence": ["assumed"],
                }
            ),
        ],
        how="diagonal",
    )
    plant = study.table("plants").filter(plant="chn_gallium")
    rest = plant.with_columns(
        plant=pl.lit("row_gallium"),
        country=pl.lit("ROW"),
        owner_country=pl.lit("ROW"),
        base_activity_t_per_year=pl.lit(100.0),
    )
    plants = pl.concat([study.table("plants"), rest])
    # The observed world total is that of the listed countries.
    observations = study.table("observations").filter(
        pl.col("series") != "world_output_t/gallium"
    )
    return study.with_tables(
        countries=countries, plants=plants, observations=observations
    )


def test_unlisted_output_gives_bounds_and_partial(tiny):
    result = assess(with_rest(tiny), reconciled=False)
    hhi = cell(result, "gallium", "hhi")
    # 90 and 10 of 200: 0.45^2 + 0.05^2; at most one supplier has the other half.
    assert hhi["low"] == pytest.approx(0.205)
    assert hhi["high"] == pytest.approx(0.205 + 0.25)
    assert hhi["status"] == "partial"
    ruled = cell(result, "gallium", "hhi_governance")
    assert ruled["status"] == "partial"
    assert ruled["high"] > ruled["value"]
    shares = result.shares.filter(item="gallium", country="CHN").row(0, named=True)
    assert (shares["share"], shares["high"]) == pytest.approx((0.45, 0.95))


def test_no_data_is_null_and_never_zero(found):
    without = found.cells.filter(pl.col("status") == "no_data")
    assert without.height
    assert without["value"].null_count() == without.height
    hafnium = found.ranking.filter(mineral="hafnium").row(0, named=True)
    assert (hafnium["score"], hafnium["status"]) == (None, "no_data")
    listed = found.minerals.filter(mineral="hafnium").row(0, named=True)
    assert listed["lists"] == "US 2025"
    assert listed["reason"]


def test_a_home_that_uses_nothing_has_tables_without_rows(tiny):
    demands = tiny.table("demands").filter(pl.col("country") != "AUS")
    lanes = tiny.table("lanes").filter(
        pl.col("importer") != "AUS", pl.col("exporter") != "AUS"
    )
    plants = tiny.table("plants").filter(pl.col("country") != "AUS")
    result = assess(
        tiny.with_tables(
            demands=demands,
            lanes=lanes,
            plants=plants,
            agreements=tiny.table("agreements").head(0),
        ),
        home="AUS",
        reconciled=False,
    )
    assert result.ranking["score"].null_count() == result.ranking.height
    assert result.origins.height == result.chain.height == 0
    assert {"share", "mineral"} <= set(result.origins.columns)


def test_bounds_hold_the_value(found):
    known = found.cells.drop_nulls("value")
    assert (known["low"] <= known["value"] + 1e-12).all()
    assert (known["high"] >= known["value"] - 1e-12).all()


def test_every_cell_names_rows_that_exist(tiny, found):
    from oreserve.exposure._lookup import Lookup
    from oreserve.exposure._rows import split_rows

    lookup = Lookup(tiny)
    for text in found.cells["rows"]:
        for table, key in split_rows(text or ""):
            assert lookup.find(table, key), (table, key)


@pytest.mark.parametrize(
    "name", ["usa", "United States", "840", "842", " USA ", "U.S."]
)
def test_home_is_read_in_every_usual_form(tiny, name):
    assert assess(tiny, home=name, minerals=["gallium"]).home == "USA"


def test_home_may_be_a_bloc_and_its_inner_trade_does_not_count(tiny):
    bloc = assess(tiny, home="pact", reconciled=False)
    assert bloc.home_countries == ("AUS", "JPN", "USA")
    # Gallium: JPN makes 10; 22 + 18 come from CHN, JPN to USA stays inside: 40 / 50.
    direct = cell(bloc, "gallium", "net_import_reliance")
    assert direct["value"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    "name, hint",
    [("Untied States", "USA"), ("Japn", "JPN"), ("PCT", "PACT"),
     ("Nepal", "not in study"), ("ROW", "rest of the world")],
)  # fmt: skip
def test_a_wrong_home_is_refused_with_the_right_suggestion(tiny, name, hint):
    with pytest.raises(InputError, match=hint):
        assess(tiny, home=name)


def test_a_home_is_read_and_refused_as_by_every_command(tiny):
    for name in ("JP", "jp", "392", "Japan"):
        assert assess(tiny, home=name, minerals=["gallium"]).home == "JPN"
    for name in ("England", "ROW", "Nepal", "European Union"):
        with pytest.raises(InputError) as here:
            assess(tiny, home=name)
        with pytest.raises(InputError) as there:
            find_home(tiny, name)
        assert str(here.value) == str(there.value)


def test_the_union_is_read_by_its_name():
    study = load_study("us-2026")
    for name in ("European Union", "eu27", "eu"):
        assert assess(study, home=name, minerals=["beryllium"]).home == "EU"


def test_what_may_stand_for_an_unknown_mineral_is_short(tiny):
    with pytest.raises(InputError, match=r"allowed: |nearest of |none of "):
        assess(tiny, minerals=["xyzzy"])


def test_one_bad_name_drops_no_other(tiny):
    result = assess(tiny, minerals=["GALLIUM", "neodymum", "Dy", "xyzzy"])
    assert result.ranking["mineral"].to_list() == ["gallium", "dysprosium"]
    assert [(u.name, u.nearest) for u in result.unknown] == [
        ("neodymum", "neodymium"),
        ("xyzzy", None),
    ]


def test_only_bad_names_are_an_error(tiny):
    with pytest.raises(InputError, match="did you mean gallium"):
        assess(tiny, minerals=["galium"])


def test_result_is_the_same_twice_and_saved_whole(tiny, found, tmp_path):
    again = assess(tiny, reconciled=False)
    found.save(tmp_path / "a")
    again.save(tmp_path / "b")
    names = sorted(f.name for f in (tmp_path / "a").iterdir())
    assert "assess.json" in names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (
            tmp_path / "b" / name
        ).read_bytes()
    head = json.loads((tmp_path / "a" / "assess.json").read_text())
    assert head["ranking"][0]["mineral"] == found.ranking["mineral"][0]


def test_save_spares_a_folder_of_others(found, tmp_path):
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(InputError):
        found.save(tmp_path)
    assert (tmp_path / "own.txt").read_text() == "mine"


def test_reconciled_figures_stay_near_the_raw_ones(tiny, found):
    used = assess(tiny)
    assert used.reconciled
    old = cell(found, "magnet", "hhi")["value"]
    assert cell(used, "magnet", "hhi")["value"] == pytest.approx(old, rel=0.05)


def test_sensitivity_counts_the_settings_that_move_a_class(found):
    scored = found.sensitivity.filter(mineral="gallium")
    assert scored["setting"][0] == "as stated"
    moved = scored["changes"].sum()
    assert found.classes.filter(mineral="gallium")["changes"].item() == moved
