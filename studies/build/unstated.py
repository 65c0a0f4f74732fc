# SPDX-License-Identifier: Apache-2.0
"""Output that a publisher knows of and cannot state: an amount in ROW, assumed.

`NA` is not zero. Where Mineral Commodity Summaries name producers without a figure
and leave them out of the world total, their output stands in ROW as a judged amount
whose note gives the interval, so that concentration over the named is partial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from studies.build.mcs import Figure, production

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = ["RHENIUM_RULE", "TELLURIUM_RULE", "rhenium_rest", "tellurium_rest"]

TELLURIUM_RULE = (
    "Refined tellurium of Australia, Belgium, Chile, Germany, India, Indonesia, Korea "
    "and the Philippines, which may have produced (MCS 2026, `other countries` NA, "
    "outside the world total): half of what their refined copper would give at the "
    "tellurium per t of copper of Bulgaria, Canada, Japan, Russia and Uzbekistan; "
    "Chile's copper is left out, most of it is leached and leaves no slimes"
)
RHENIUM_RULE = (
    "Rhenium of Russia, which produced an amount that MCS 2026 cannot state (NA, "
    "outside the world total): taken as large as Kazakhstan's, 0 to twice that"
)
# Who recovers tellurium from copper slimes, with a figure, and who may, without one.
STATED = ("BGR", "CAN", "JPN", "RUS", "UZB")
UNSTATED = ("AUS", "BEL", "DEU", "IDN", "IND", "KOR", "PHL")
YEAR_OF_BGS = 2023


def _refined_copper(raw: Raw) -> dict[str, float]:
    """Return refined copper, t: MCS 2026 for 2024, else BGS for 2023."""
    frame = raw.bgs("copper").filter(
        (pl.col("commodity") == "copper, refined") & (pl.col("year") == YEAR_OF_BGS)
    )
    found = {
        str(iso3): float(value)
        for iso3, value in frame.select("iso3", "value").iter_rows()
        if iso3 is not None and value is not None
    }
    return found | {c: f.t for c, f in production(raw, "Copper", "refinery").items()}


def tellurium_rest(raw: Raw) -> Figure:
    """Return the tellurium of the producers that MCS 2026 names without a figure."""
    copper = _refined_copper(raw)
    stated = production(raw, "Tellurium", "refinery", detail="Refinery production")
    per_copper = sum(stated[c].t for c in STATED) / sum(copper[c] for c in STATED)
    most = per_copper * sum(copper[c] for c in UNSTATED)
    return Figure(
        most / 2,
        "ASSUMED-TE-UNSTATED",
        "assumed",
        f"0 to {most:.0f} t: producers that MCS 2026 names without a figure (AUS, BEL, "
        f"CHL, DEU, IDN, IND, KOR, PHL), {per_copper * 1e6:.0f} g a t of refined "
        "copper, half of it; slimes of lead and zinc may add to it",
    )


def rhenium_rest(raw: Raw) -> Figure:
    """Return the rhenium of Russia, for which MCS 2026 prints NA, with Armenia's."""
    stated = production(raw, "Rhenium", "mine")
    tonnes = stated["KAZ"].t
    return Figure(
        tonnes,
        "ASSUMED-RE-METAL-UNSTATED",
        "assumed",
        f"0 to {2 * tonnes:g} t: Russia, NA in MCS 2026; with what Armenia recovers",
    )
