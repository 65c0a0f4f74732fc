# SPDX-License-Identifier: Apache-2.0
"""Countries split out of the rest of the world take their part of its trade."""

from __future__ import annotations

import polars as pl
import pytest

from importers.layouts import LONG_HEAD, long_row
from oreserve.importers import Options, import_into
from oreserve.importers._plants import _idle
from oreserve.study import load_study

GRAPHITE = {"Korea, North": 8100, "Mexico": 1000, "Turkey": 3000}


def graphite(places: dict[str, int], other: str = "\u2014") -> str:
    rows = {**{c: str(v) for c, v in places.items()}, "Other countries": other}
    return LONG_HEAD + "".join(
        long_row(c, v, commodity="Graphite (Natural)") for c, v in rows.items()
    )


def lanes(study, item: str) -> dict[tuple[str, str], float]:
    frame = study.table("lanes").filter(pl.col("item") == item)
    pairs = frame.select("exporter", "importer", "base_t_per_year").iter_rows()
    return {(a, b): t for a, b, t in pairs}


@pytest.fixture
def split(write, tmp_path):
    into = tmp_path / "s"
    found = import_into("usgs-mcs", [write("m.csv", graphite(GRAPHITE))], into)
    return found, into


def test_lanes_follow_the_output_and_importers_keep_their_total(split, study):
    _, into = split
    before, after = lanes(study, "graphite_natural"), lanes(
        load_study(into), "graphite_natural"
    )  # fmt: skip
    assert after["ROW", "USA"] < before["ROW", "USA"]
    assert after["TUR", "USA"] == pytest.approx(3 * after["MEX", "USA"])
    importers = {to for _, to in before} - {"ROW"}
    for to in sorted(importers):
        was, now = (
            sum(t or 0.0 for (_, end), t in book.items() if end == to)
            for book in (before, after)
        )
        assert now == pytest.approx(was, rel=1e-6), to
    # What a country makes it sends; no tonne is sent twice.
    for code, made in (("PRK", 8100), ("MEX", 1000), ("TUR", 3000)):
        sent = sum(t for (c, _), t in after.items() if c == code and t)
        known = sum(t for (c, _), t in before.items() if c == code and t)
        assert sent <= made + known + 1e-6
    assert sum(t for (c, _), t in after.items() if c == "PRK") == pytest.approx(8100)


def test_home_buys_nothing_from_where_it_buys_nothing(split):
    _, into = split
    assert ("PRK", "USA") not in lanes(load_study(into), "graphite_natural")
    from oreserve.exposure._figures import read_figures

    bought = read_figures(load_study(into), reconciled=True).base.imports
    assert ("PRK", "USA") not in bought["graphite_natural"]


def test_moved_lanes_are_assumed_and_told(split):
    found, into = split
    rows = load_study(into).table("lanes").filter(
        pl.col("item") == "graphite_natural", pl.col("exporter") == "TUR",
        pl.col("importer") == "USA",
    )  # fmt: skip
    assert rows["evidence"].to_list() == ["assumed"]
    text = found.summary()
    assert "graphite_natural: ROW shipped 59,928.19 t and makes 0 t now" in text
    assert "moved to MEX, PRK, TUR" in text
    assert "not mapped" not in text


def test_the_same_file_again_adds_nothing(split, write):
    _, into = split
    names = ("observations.csv", "plants.csv", "lanes.csv")
    first = {n: (into / n).read_bytes() for n in names if (into / n).exists()}
    again = import_into("usgs-mcs", [write("m.csv", graphite(GRAPHITE))], into)
    assert {n: (into / n).read_bytes() for n in first} == first
    assert set(again.changes["what"]) == {"unchanged"}


def test_a_printed_rest_is_no_observation_the_second_time(write, tmp_path):
    text = graphite({"Mexico": 1000}, other="5000")
    first = import_into("usgs-mcs", [write("m.csv", text)], tmp_path / "s")
    assert "observations" not in first.tables
    again = import_into("usgs-mcs", [write("m.csv", text)], tmp_path / "s")
    assert "observations" not in again.tables


def test_idle_capacity_stays_a_part_of_the_capacity(write, tmp_path, study):
    """The rest of the world has 60 t of gallium plants, all idle; now it makes some."""
    text = (
        "SOURCE,COMMODITY,COUNTRY,TYPE,UNIT_MEAS,PROD_EST_ 2024\n"
        'MCS2025,Gallium,Other countries,"Primary production",kilograms,30000\n'
        'MCS2025,Gallium,China,"Primary production",kilograms,750000\n'
    )
    old = study.table("plants").filter(plant="gallium_extraction_ROW")
    assert old.select("capacity_t_per_year", "idle_t_per_year").row(0) == (60, 60)
    options = Options(allow_older=True)
    import_into("usgs-world", [write("w.csv", text)], tmp_path / "s", options=options)
    after = load_study(tmp_path / "s").table("plants")
    row = after.filter(plant="gallium_extraction_ROW").row(0, named=True)
    made = row["base_activity_t_per_year"]
    assert made > 0
    assert (row["capacity_t_per_year"], row["idle_t_per_year"]) == (60, 60 - made)


def test_idle_capacity_shrinks_with_the_capacity():
    plant = {"capacity_t_per_year": 100.0, "idle_t_per_year": 40.0}
    assert _idle(plant, 50.0, 10.0) == {"idle_t_per_year": 20.0}
    assert _idle(plant, 50.0, 45.0) == {"idle_t_per_year": 5.0}
    assert _idle(plant, 200.0, 45.0) == {"idle_t_per_year": 40.0}


def test_items_kept_on_a_newer_edition_are_counted(write, tmp_path):
    text = (
        "SOURCE,COMMODITY,COUNTRY,TYPE,UNIT_MEAS,PROD_EST_ 2024\n"
        'MCS2025,Nickel,Canada,"Mine production",metric tons,190000\n'
    )
    found = import_into("usgs-world", [write("w.csv", text)], tmp_path / "s")
    assert (
        "1 items kept on the newer edition; --allow-older turns them back: nickel_ore"
        in found.summary()
    )


def test_trade_is_told_by_item_and_by_what_it_overwrote(write, tmp_path):
    rows = "t,i,j,k,v,q\n" + "".join(
        f"2024,{c},842,261510,{2 * t},{t}\n" for c, t in ((36, 9000), (710, 8000))
    )
    path = write("BACI_HS92_Y2024_V202601.csv", rows)
    found = import_into("baci", [path], tmp_path / "s")
    text = found.summary()
    assert "    overwritten: " in text
    line = next(x for x in text.splitlines() if x.startswith("    zircon: "))
    assert line.endswith("-> 17,000 t on 2 lanes")
    counts = found.changes.filter(what="replaced")["evidence"].drop_nulls()
    assert counts.len() > 0
