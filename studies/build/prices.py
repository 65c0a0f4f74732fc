# SPDX-License-Identifier: Apache-2.0
"""Units of published prices, in USD per tonne."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from oreserve.importers import published_unit
from studies.build.mcs import price_of
from studies.build.tables import BuildError

if TYPE_CHECKING:
    from studies.build.chain import ChainRows

__all__ = ["PER_T", "add_mcs_price", "add_pink_price", "add_share_price"]

WO3_TO_W = 0.79297  # mass share of W in WO3


def _usd_per_t(published: str) -> float:
    found = published_unit(published)
    if found is None or found[0] != "USD/t":
        message = f"{published!r} is no price per mass"
        raise BuildError(message)
    return found[1]


# USD per t on the item's basis, per printed unit.
PER_T = {
    "usd/t": 1.0,
    "usd/kg": _usd_per_t("dollars per kilogram"),
    "usd/lb": _usd_per_t("dollars per pound"),
    "cents/lb": _usd_per_t("cents per pound"),
    "usd/oz": _usd_per_t("dollars per troy ounce"),
    "usd/mtu": _usd_per_t("dollars per dry metric ton unit"),  # of 10 kg
}


def add_mcs_price(
    chain: ChainRows, item: str, chapter: str, detail: str, unit: str, *,
    factor: float = 1.0, kind: str = "outside", market: str = "world",
    note: str | None = None, years: tuple[int, ...] = (2024, 2025),
) -> None:  # fmt: skip
    """Add the yearly prices that MCS 2026 prints, converted to USD per t.

    Parameters
    ----------
    factor
        t of the printed basis per t of the item's basis (5.323 for lithium carbonate
        against lithium); 1 keeps evidence `read`, another makes it `computed`.
    """
    for year in years:
        printed = price_of(chain.raw, chapter, detail, year=year)
        chain.price(
            item,
            printed * PER_T[unit] * factor,
            period=str(year),
            kind=kind,
            market=market,
            source_id="MCS26",
            evidence="read" if factor == 1 else "computed",
            note=note,
        )


def add_pink_price(chain: ChainRows, item: str, name: str, *, per: float = 1.0) -> None:
    """Add yearly means of the Pink Sheet for 2024-25 and its newest month."""
    frame = chain.raw.pink_sheet.filter(pl.col("name") == name)
    for year in ("2024", "2025"):
        months = frame.filter(pl.col("month").str.starts_with(year))["value"]
        mean = float(months.sum()) / len(months)
        chain.price(
            item,
            mean * per,
            period=year,
            source_id="PINK",
            evidence="computed",
            note="mean of monthly prices",
        )
    last = frame.sort("month").row(-1, named=True)
    chain.price(
        item,
        last["value"] * per,
        period=last["month"],
        source_id="PINK",
        evidence="read",
    )


def add_share_price(chain: ChainRows, item: str, of: str, share: float) -> None:
    """Price an intermediate as a share of another item's price, assumed."""
    source_id = chain.source(
        "ASSUMED-INTERMEDIATE",
        "Prices of ores, concentrates and other intermediates without a quote, as a "
        "share of the price of what is made from them",
    )
    for row in chain.tables.rows("prices", item=of, market="world"):
        if row["kind"] in {"outside", "import_unit_value"}:
            chain.price(
                item,
                float(row["usd_per_t"] or 0) * share,
                period=str(row["period"]),
                kind="outside",
                source_id=source_id,
                evidence="assumed",
                note=f"{share:g} x {of}",
            )
