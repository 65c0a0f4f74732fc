# SPDX-License-Identifier: Apache-2.0
"""Figures of the Mineral Commodity Summaries as tonnes, with their provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from oreserve.importers import published_unit
from studies.build.tables import BuildError

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = [
    "Figure",
    "capacity",
    "figures",
    "import_shares",
    "output_of_2023",
    "price_of",
    "production",
    "salient",
]

BASE_YEAR = 2024


class Figure(NamedTuple):
    """A quantity in tonnes with where it comes from."""

    t: float
    source_id: str
    evidence: str
    note: str | None = None


def figures(
    values: dict[str, float],
    source_id: str,
    evidence: str,
    note: str | None = None,
) -> dict[str, Figure]:
    """Give every value of a mapping the same source."""
    return {c: Figure(v, source_id, evidence, note) for c, v in values.items()}


def production(  # each keyword narrows one column
    raw: Raw,
    mineral: str,
    stage: str,
    *,
    statistic: str = "production",
    commodity: str | None = None,
    detail: str | None = None,
    year: int = BASE_YEAR,
) -> dict[str, Figure]:
    """Return output by country from MCS 2026; `ROW` is `other countries`.

    Withheld and unavailable figures are left out. Figures that the publisher marks
    as estimated have evidence `estimated`, the others `read`.
    """
    frame = raw.production.filter(
        (pl.col("mineral") == mineral)
        & (pl.col("stage") == stage)
        & (pl.col("statistic") == statistic)
        & (pl.col("year") == year)
        & (pl.col("source") == "USGS MCS 2026")
        & (pl.col("iso3") != "WLD")
    )
    if commodity is not None:
        frame = frame.filter(pl.col("commodity") == commodity)
    if detail is not None:
        frame = frame.filter(pl.col("detail") == detail)
    found: dict[str, Figure] = {}
    rows = frame.select("iso3", "quantity_t", "estimated").iter_rows()
    for iso3, tonnes, estimated in rows:
        if tonnes is None or tonnes <= 0:
            continue
        country = "ROW" if iso3 == "OTH" else iso3
        evidence = "estimated" if estimated == "True" else "read"
        if country in found:
            message = f"{mineral} {stage}: two figures for {country}"
            raise BuildError(message)
        found[country] = Figure(tonnes, "MCS26", evidence)
    if not found:
        message = f"no production of {mineral} at stage {stage}"
        raise BuildError(message)
    return found


def capacity(raw: Raw, mineral: str, stage: str, **narrow: str) -> dict[str, Figure]:
    """Return capacity by country; the table states it for 2025 only in most cases."""
    for year in (BASE_YEAR, BASE_YEAR + 1):
        try:
            return production(
                raw, mineral, stage, statistic="capacity", year=year, **narrow
            )
        except BuildError:
            continue
    message = f"no capacity of {mineral} at stage {stage}"
    raise BuildError(message)


def output_of_2023(raw: Raw, mineral: str, stage: str) -> dict[str, float]:
    """Return the output of 2023 by country as MCS 2025 states it, t.

    It only bounds capacity from below: a plant that made more in 2023 can do so again.
    """
    frame = raw.production.filter(
        (pl.col("mineral") == mineral)
        & (pl.col("stage") == stage)
        & (pl.col("statistic") == "production")
        & (pl.col("year") == BASE_YEAR - 1)
        & (pl.col("source") == "USGS MCS 2025")
        & ~pl.col("iso3").is_in(["WLD", "OTH"])
        & (pl.col("quantity_t") > 0)
    )
    found = dict(frame.select("iso3", "quantity_t").iter_rows())
    # Several series of one stage (ilmenite and rutile) would overwrite each other.
    return found if len(found) == frame.height else {}


def salient(
    raw: Raw, chapter: str, detail: str, *, commodity: str | None = None,
    year: int = BASE_YEAR,
) -> Figure:  # fmt: skip
    """Return one United States figure in tonnes; the detail must match exactly."""
    frame = raw.mcs.filter(
        (pl.col("section") == "Salient Statistics\u2014United States")
        & (pl.col("chapter") == chapter)
        & (pl.col("detail") == detail)
        & (pl.col("year") == str(year))
    )
    if commodity is not None:
        frame = frame.filter(pl.col("commodity") == commodity)
    if frame.height != 1:
        message = f"{chapter}: {frame.height} rows named {detail!r} in {year}"
        raise BuildError(message)
    row = frame.row(0, named=True)
    if row["value"] is None:
        message = f"{chapter}: {detail!r} is {row['value_raw']} in {year}"
        raise BuildError(message)
    known = published_unit(row["unit"])
    if known is None or known[0] != "t":
        message = f"{chapter}: {detail!r} is in {row['unit']}, no mass"
        raise BuildError(message)
    tonnes = row["value"] * known[1]
    return Figure(tonnes, "MCS26", "estimated" if row["estimated"] else "read")


def price_of(raw: Raw, chapter: str, detail: str, *, year: int = BASE_YEAR) -> float:
    """Return one United States price as printed, found by how its detail starts."""
    frame = raw.mcs.filter(
        (pl.col("section") == "Salient Statistics\u2014United States")
        & (pl.col("chapter") == chapter)
        & pl.col("detail").str.starts_with(detail)
        & (pl.col("year") == str(year))
    )
    if frame.height != 1 or frame["value"][0] is None:
        message = f"{chapter}: no single price {detail!r} in {year}"
        raise BuildError(message)
    return float(frame["value"][0])


def import_shares(
    raw: Raw, chapter: str, commodity: str, detail: str
) -> dict[str, float]:
    """Return the shares (0-1) of named countries in US imports of 2021-24."""
    frame = raw.import_sources.filter(
        (pl.col("chapter") == chapter)
        & (pl.col("commodity") == commodity)
        & (pl.col("detail") == detail)
    )
    found = {
        iso3: value / 100
        for iso3, value in frame.select("iso3", "value").iter_rows()
        if iso3 is not None and value is not None
    }
    if not found:
        message = f"{chapter}: no import sources {detail!r}"
        raise BuildError(message)
    return found
