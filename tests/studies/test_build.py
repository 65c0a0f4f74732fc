# SPDX-License-Identifier: Apache-2.0
"""The bundled study: its bytes, its evidence, its balances and its anchors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from oreserve.market import prepare
from oreserve.study import Study, check_study, load_study, purchase_price

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "src" / "oreserve" / "studies" / "us-2026"
RAW = Path(os.environ.get("ORESERVE_RAW", ROOT.parent / "shared" / "data" / "raw"))
FACTS = Path(os.environ.get("ORESERVE_FACTS", RAW.parents[1] / "facts"))
EVIDENCE = {"read", "secondary", "computed", "estimated", "assumed"}


def table(name: str) -> pl.DataFrame:
    return pl.read_csv(STUDY / f"{name}.csv", infer_schema_length=None)


def tables() -> list[str]:
    return sorted(p.stem for p in STUDY.glob("*.csv"))


def made_and_needed() -> pl.DataFrame:
    """World output, process needs and use by item, t a year."""
    activity = table("plants").join(table("recipes"), on="process")
    flows = activity.select(
        "item",
        (pl.col("coefficient") * pl.col("base_activity_t_per_year")).alias("t"),
    )
    made = flows.filter(pl.col("t") > 0).group_by("item").agg(made=pl.col("t").sum())
    taken = flows.filter(pl.col("t") < 0).group_by("item").agg(taken=-pl.col("t").sum())
    used = (
        table("demands").group_by("item").agg(used=pl.col("quantity_t_per_year").sum())
    )
    frame = made.join(taken, on="item", how="left").join(used, on="item", how="left")
    return frame.with_columns(pl.col("taken", "used").fill_null(0.0)).sort("item")


@pytest.mark.parametrize(
    "process, named, world",
    [
        # MCS 2026, world output of 2024 less rounding, t; who it leaves unnamed is in.
        ("nickel_mining", ["FIN", "POL", "COL", "CUB"], 3_705_990),
        ("cobalt_mining", ["FIN", "MAR", "USA"], 301_590),
        ("barite_mining", ["BGR", "DEU", "VNM"], 8_228_286),
        ("aluminum_smelting", ["DEU", "FRA", "GRC", "ROU", "SWE"], 72_828_000),
    ],
)
def test_unnamed_producers_leave_the_world_total(
    process: str, named: list[str], world: float
) -> None:
    rows = table("plants").filter(pl.col("process") == process)
    activity = rows["base_activity_t_per_year"]
    assert set(named) <= set(rows["country"])
    assert activity.min() > 0
    assert activity.sum() == pytest.approx(world, rel=1e-6)


def test_no_russian_aluminum_reaches_the_united_states() -> None:
    lanes = table("lanes").filter(
        (pl.col("item") == "aluminum") & (pl.col("importer") == "USA")
    )
    russian = lanes.filter(pl.col("exporter") == "RUS")["base_t_per_year"].sum()
    assert russian <= 798  # BACI 2024; a duty of 200 % since 2023
    assert "BHR" in lanes["exporter"].to_list()


def test_barite_of_the_united_states_trades_as_published() -> None:
    lanes = table("lanes").filter(pl.col("item") == "barite")
    sent = lanes.filter(pl.col("exporter") == "USA")["base_t_per_year"].sum()
    bought = lanes.filter(pl.col("importer") == "USA")["base_t_per_year"].sum()
    assert sent == pytest.approx(65_000)  # MCS 2026; BACI has 0.94 Mt to Canada
    assert bought == pytest.approx(1_880_000, rel=1e-3)


def us_use(item: str) -> float:
    rows = table("demands").filter(
        (pl.col("item") == item) & (pl.col("country") == "USA")
    )
    return float(rows["quantity_t_per_year"].sum())


@pytest.mark.raw
@pytest.mark.skipif(not RAW.is_dir(), reason=f"raw files are not at {RAW}")
def test_rebuild_gives_the_committed_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studies.build", "--raw", str(RAW)]
    command += ["--facts", str(FACTS), "--out", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    built = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    committed = {p.name: p.read_bytes() for p in STUDY.iterdir()}
    assert sorted(built) == sorted(committed)
    differing = [name for name in sorted(built) if built[name] != committed[name]]
    assert differing == []


@pytest.mark.parametrize("name", [t for t in tables() if t != "settings"])
def test_every_fact_has_a_source_that_is_explained(name: str) -> None:
    frame = table(name)
    if name == "sources":
        assert frame["title"].null_count() == 0
        return
    assert set(frame["evidence"].unique()) <= EVIDENCE
    known = set(table("sources")["source_id"])
    assert set(frame["source_id"].unique()) <= known


def test_no_source_of_unclear_licence_is_used() -> None:
    titles = " ".join(table("sources")["title"])
    assert "World Mining Data" not in titles


def test_world_use_is_world_supply() -> None:
    frame = made_and_needed().filter(pl.col("used") > 0)
    gap = (frame["made"] - frame["taken"] - frame["used"]).abs() / frame["made"]
    over = frame.filter(gap > 0.02)
    assert over["item"].to_list() == []


def test_no_item_is_needed_by_plants_that_nobody_makes() -> None:
    frame = made_and_needed()
    assert frame.filter(pl.col("taken") > pl.col("made") * 1.03)["item"].to_list() == []


def test_known_bad_figures_are_absent() -> None:
    plants = table("plants")
    # Rare earths with a fused footnote mark; Chile's rhenium in kilograms.
    for country, wrong in (("AUS", 113_000), ("MMR", 131_000), ("CHL", 54_438)):
        own = plants.filter(pl.col("country") == country)
        assert wrong not in set(own["base_activity_t_per_year"].round(0))
    rhenium = plants.filter(pl.col("process").str.starts_with("rhenium"))
    assert rhenium["base_activity_t_per_year"].sum() < 200
    beryllium = plants.filter(pl.col("process").str.starts_with("beryllium"))
    assert beryllium["base_activity_t_per_year"].sum() < 1000
    rhodium = table("demands").filter(pl.col("item") == "rhodium")
    assert rhodium["quantity_t_per_year"].sum() < 100


@pytest.mark.parametrize(
    "item, tonnes",
    [
        # MCS 2026, United States apparent consumption of 2024, t.
        ("cobalt", 7_960),
        ("nickel", 211_000),
        ("antimony", 28_600),
        ("aluminum", 5_830_000),
        ("copper", 1_860_000),
        ("gallium", 18.7),
        ("titanium_sponge", 39_800),
        ("zinc", 808_000),
        ("platinum", 68.9),
        ("rhenium", 28.7),
        ("potash", 6_200_000),
    ],
)
def test_us_use_is_the_published_one(item: str, tonnes: float) -> None:
    assert us_use(item) == pytest.approx(tonnes, rel=1e-6)


@pytest.mark.parametrize(
    "process, country, tonnes",
    [
        # MCS 2026, output of 2024, t.
        ("cobalt_mining", "COD", 226_000),
        ("antimony_mining", "CHN", 40_000),
        ("gallium_extraction", "CHN", 839),
        ("tungsten_mining", "CHN", 67_000),
        ("nickel_mining", "IDN", 2_310_000),
        ("magnesium_smelting", "CHN", 953_000),
        ("rhenium_mining", "CHL", 29),
        ("phosphate_rock_mining", "FIN", 974_000),
        ("lithium_mining", "PRT", 380),
        ("aluminum_smelting", "BHR", 1_620_000),
        ("aluminum_smelting", "ISL", 742_000),
        ("alumina_refining", "VNM", 1_410_000),
        ("barite_mining", "PAK", 94_000),
        ("nickel_recycling", "USA", 121_000),
    ],
)
def test_output_is_the_published_one(process: str, country: str, tonnes: float) -> None:
    rows = table("plants").filter(pl.col("plant") == f"{process}_{country}")
    assert rows["base_activity_t_per_year"].to_list() == [pytest.approx(tonnes)]


def test_prices_are_on_the_basis_of_the_tonnes() -> None:
    joined = table("prices").join(table("items"), on="item", suffix="_item")
    assert joined.filter(pl.col("basis") != pl.col("basis_item")).height == 0


def test_price_units_are_converted() -> None:
    prices = table("prices").filter(pl.col("period").cast(pl.String) == "2024")
    first = dict(
        prices.filter(pl.col("market") == "world")
        .select("item", "usd_per_t")
        .iter_rows()
    )
    # 5.53 USD a metric-ton unit (10 kg) of manganese; 252 of WO3, over 0.793.
    assert first["manganese"] == pytest.approx(553)
    assert first["tungsten_ore"] == pytest.approx(31_779, rel=1e-3)
    # 11,800 USD a t of carbonate times 5.323; 960.7 USD a troy ounce (Pink: 955.2).
    assert first["lithium"] == pytest.approx(11_800 * 5.323, rel=1e-3)
    # 1.76 USD a pound of chromium in ferrochromium; the ore quote would give 1,103.
    assert first["chromium"] == pytest.approx(1.76 * 2_204.62, rel=1e-4)
    assert first["platinum"] == pytest.approx(955.2 * 32_150.7, rel=1e-3)


def test_all_sixty_minerals_are_modelled_or_explained() -> None:
    listed = table("lists").filter(pl.col("list") == "US 2025")
    modelled = set(table("items")["mineral"])
    assert listed.height == 60
    without = listed.filter(~pl.col("mineral").is_in(sorted(modelled)))
    assert without["unmodelled_reason"].null_count() == 0
    within = listed.filter(pl.col("mineral").is_in(sorted(modelled)))
    assert within["unmodelled_reason"].null_count() == within.height
    assert within.height >= 45


def test_classes_of_home_use_add_up_to_the_whole() -> None:
    rows = table("demands").filter(
        (pl.col("country") == "USA") & (pl.col("item") == "germanium")
    )
    assert sorted(rows["class"]) == ["defence", "essential", "other"]
    defence = rows.filter(pl.col("class") == "defence")["quantity_t_per_year"].item()
    assert defence / rows["quantity_t_per_year"].sum() == pytest.approx(0.2)


def test_gross_trade_becomes_contained_tonnes() -> None:
    lanes = table("lanes").filter(pl.col("item") == "copper_concentrate")
    # 35 Mt gross of concentrate are traded; 23 Mt of copper are mined.
    assert lanes["base_t_per_year"].sum() < 23e6


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("us-2026")


def test_study_loads_without_an_error() -> None:
    report = check_study("us-2026")
    errors = report.problems.filter(pl.col("severity") == "error")
    assert errors.height == 0, report.summary()


def test_twelve_billion_buy_about_44_days_of_use(study: Study) -> None:
    # One year of American use at the newest prices is about 99 billion USD.
    use = (
        study.table("demands")
        .filter(pl.col("country") == "USA")
        .group_by("item")
        .agg(pl.col("quantity_t_per_year").sum())
        .sort("item")
    )
    total = 0.0
    for item, tonnes in use.iter_rows():
        price = purchase_price(study, item)
        assert price is not None, item
        total += tonnes * price.usd_per_t
    assert 12e9 / total * 365 == pytest.approx(44, abs=4)


def test_reconciliation_moves_no_read_row_far(study: Study) -> None:
    rows = prepare(study).reconciliation
    over = rows.filter(pl.col("z").abs() > 3)
    assert over.filter(pl.col("evidence") == "read").height == 0
    assert over.height <= 0.01 * rows.height


def test_american_use_stays_near_its_figure_when_balanced(study: Study) -> None:
    rows = prepare(study).reconciliation.filter(
        (pl.col("table") == "demands") & (pl.col("country") == "USA")
    )
    for item, tonnes in (("cobalt", 7_960), ("antimony", 28_600), ("tungsten", 7_187)):
        used = rows.filter(pl.col("item") == item)["used"].sum()
        assert used == pytest.approx(tonnes, rel=0.02)
