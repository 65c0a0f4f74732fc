# SPDX-License-Identifier: Apache-2.0
"""Platinum-group metals: one basket a deposit type, and recycled catalysts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.flows import baci_flows
from studies.build.mcs import Figure, figures, import_shares, production, salient
from studies.build.prices import PER_T, add_mcs_price, add_pink_price
from studies.build.shares import shares

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

METALS = ("platinum", "palladium", "rhodium", "iridium", "ruthenium")
KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "ZAF",
        "RUS",
        "ZWE",
        "CAN",
        "GBR",
        "BEL",
        "ITA",
        "CHE",
        "IND",
        "FRA",
        "ESP",
        "POL",
        "SWE",
        "FIN",
        "TWN",
    ]
)
STOCK_DAYS = 90.0  # above-ground stock of users and banks, assumed
# Recycled catalysts, t a t of palladium: American scrap is nearly all palladium
# (MCS apparent use less mine output and net imports); elsewhere diesel adds platinum.
AMERICAN_SCRAP = {"palladium": 1.0, "platinum": 0.158}
OTHER_SCRAP = {"palladium": 1.0, "platinum": 0.85, "rhodium": 0.25}
SCRAP_PALLADIUM = {
    "DEU": 9.0, "BEL": 5.0, "GBR": 5.0, "JPN": 7.0, "CHN": 5.0, "ITA": 1.0, "ROW": 3.0,
}  # fmt: skip


def add(tables: Tables, raw: Raw) -> None:
    """Add the five metals, their baskets, uses and lanes."""
    for metal in METALS:
        _item(tables, raw, metal)
    chain = ChainRows(tables, raw, "platinum", KEEP)
    for country in ("ZAF", "RUS", "ZWE", "CAN", "USA", "ROW"):
        _mine(chain, country)
    _scrap(chain)
    _uses(tables, raw)


def _item(tables: Tables, raw: Raw, metal: str) -> None:
    chain = ChainRows(tables, raw, metal, KEEP)
    chain.item(metal, "metal", "metal", form="refined")
    if metal == "platinum":
        add_pink_price(chain, metal, "Platinum", per=PER_T["usd/oz"])
    else:
        detail = f"Price, dollars per troy ounce: {metal.capitalize()}"
        add_mcs_price(chain, metal, "PLATINUM-GROUP METALS", detail, "usd/oz")
    symbol = {"platinum": "Pt", "palladium": "Pd", "rhodium": "Rh", "iridium": "Ir",
              "ruthenium": "Ru"}[metal]  # fmt: skip
    chain.content(metal, symbol, 1.0)


def _mine(chain: ChainRows, country: str) -> None:
    """Add the mine of one country: one process with the country's own basket.

    Platinum and palladium are of 2024; the three small metals are those of 2023 in
    proportion to platinum.
    """
    raw = chain.raw
    bgs = raw.bgs("platinum").filter(pl.col("year") == 2023)
    old = {
        str(form).lower(): value / 1e3
        for form, value in bgs.filter(pl.col("iso3") == country)
        .select("form", "value")
        .iter_rows()
        if value
    }
    output = {
        metal: production(raw, metal.capitalize(), "mine")[country]
        for metal in ("platinum", "palladium")
    }
    amounts = {m: f.t for m, f in output.items()}
    for metal in ("rhodium", "iridium", "ruthenium"):
        if metal in old:
            amounts[metal] = old[metal] * output["platinum"].t / old["platinum"]
    main = max(("platinum", "palladium"), key=lambda m: amounts[m])
    process = f"pgm_mining_{country.lower()}"
    order = sorted(amounts, key=lambda m: (m != main, METALS.index(m)))
    chain.process(
        process,
        "mine",
        {m: amounts[m] / amounts[main] for m in order},
        source_id="BGS" if len(amounts) > 2 else "MCS26",
        evidence="computed",
        note="basket of the country's own output; mined and refined at one place",
    )
    figure = output[main]
    chain.plants(process, {country: figure}, MINE)


def _scrap(chain: ChainRows) -> None:
    split = chain.source(
        "ASSUMED-PGM-SCRAP",
        "Palladium, platinum and rhodium from spent catalysts outside the United "
        "States, by place of refining",
    )
    raw = chain.raw
    chapter = "PLATINUM-GROUP METALS"
    palladium = (
        salient(raw, chapter, "Consumption, apparent: Palladium").t
        - salient(raw, chapter, "Mine production: Palladium").t
        - salient(raw, chapter, "Imports for consumption: Palladium").t
        + salient(raw, chapter, "Exports: Palladium").t
    )
    own = Figure(
        palladium, "MCS26", "computed", "apparent use less mine output and net imports"
    )
    chain.process(
        "pgm_recycling_usa",
        "metal",
        AMERICAN_SCRAP,
        source_id="MCS26",
        evidence="computed",
    )
    chain.process("pgm_recycling", "metal", OTHER_SCRAP, source_id=split)
    chain.plants("pgm_recycling_usa", {"USA": own}, REFINER)
    chain.plants("pgm_recycling", figures(SCRAP_PALLADIUM, split, "assumed"), REFINER)


def _uses(tables: Tables, raw: Raw) -> None:
    chapter = "PLATINUM-GROUP METALS"
    uses = {
        "platinum": salient(raw, chapter, "Consumption, apparent: Platinum"),
        "palladium": salient(raw, chapter, "Consumption, apparent: Palladium"),
    }
    rhodium = (
        salient(raw, chapter, "Imports for consumption: Rhodium").t
        - salient(raw, chapter, "Exports: Rhodium").t
    )
    note = "not published; imports less exports"
    uses["rhodium"] = Figure(rhodium, "MCS26", "computed", note)
    for metal in ("iridium", "ruthenium"):
        imports = salient(
            raw, chapter, f"Imports for consumption: {metal.capitalize()}"
        )
        uses[metal] = imports._replace(evidence="computed", note="imports")
    sources = {
        "platinum": import_shares(raw, chapter, "Platinum", "Platinum"),
        "palladium": import_shares(raw, chapter, "Palladium", "Palladium"),
        "rhodium": _baci_shares(raw, "711031"),
    }
    for metal in METALS:
        chain = ChainRows(tables, raw, metal, KEEP, stock_days=STOCK_DAYS)
        name = "CARS" if metal in sources else "ELECTRONICS"
        table, assumed = shares(tables, name)
        chain.uses_by_share(metal, table, assumed, {"USA": uses[metal]})
        if metal in sources:
            chain.import_lanes(
                metal,
                sources[metal],
                source_id="BACI" if metal == "rhodium" else "MCS26",
            )
        chain.assumed_lanes(metal)


def _baci_shares(raw: Raw, code: str) -> dict[str, float]:
    """Return the shares of sources in American imports of one code in 2024."""
    into = {
        p[0]: v for p, v in baci_flows(raw.baci, {code: 1.0}).items() if p[1] == "USA"
    }
    total = sum(into.values())
    return {c: v / total for c, v in into.items() if v >= 0.03 * total}
