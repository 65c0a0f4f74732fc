# SPDX-License-Identifier: Apache-2.0
"""Copper: mine to refined, with electrowinning and scrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.flows import baci_flows
from studies.build.mcs import (
    Figure,
    figures,
    import_shares,
    output_of_2023,
    production,
    salient,
)
from studies.build.prices import add_pink_price, add_share_price
from studies.build.shares import shares

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "CHL",
        "PER",
        "COD",
        "AUS",
        "IDN",
        "RUS",
        "ZMB",
        "MEX",
        "KAZ",
        "CAN",
        "POL",
        "IND",
        "ESP",
        "ITA",
        "BEL",
        "FIN",
        "SWE",
        "FRA",
        "AUT",
    ]
)
# Refined output from scrap, kt: 2024 refined (27.6 Mt) less 97 % of mine output
# (23.0 Mt) leaves 5.3 Mt, split by judgement. The United States are published.
SCRAP_KT = {
    "CHN": 3300, "JPN": 300, "KOR": 200, "DEU": 250, "POL": 120, "IND": 50,
    "RUS": 200, "ROW": 720,
}  # fmt: skip
# BGS 2023 refined output of countries that MCS 2026 hides in `other countries`, kt.
IN_OTHERS_KT = {"BEL": 379.1, "ESP": 334.2, "FIN": 129.1, "AUT": 100.4, "SWE": 96.3}


def add(tables: Tables, raw: Raw) -> None:
    """Add the copper chain."""
    chain = ChainRows(tables, raw, "copper", KEEP)
    source = chain.source(
        "ASSUMED-CU-SCRAP",
        "Refined copper from scrap by country; the total is refined less 97 % of "
        "mined output of 2024",
    )
    chain.item(
        "copper_concentrate",
        "mine",
        "contained Cu",
        hs_codes="260300",
        note="concentrates and what electrowinning strips on site",
    )
    chain.item("copper", "metal", "metal", form="refined", storable=True)
    add_pink_price(chain, "copper", "Copper")
    add_share_price(chain, "copper_concentrate", "copper", 0.9)
    chain.content("copper_concentrate", "Cu", 1.0)
    chain.content("copper", "Cu", 1.0)
    chain.process("copper_mining", "mine", {"copper_concentrate": 1})
    chain.process(
        "copper_refining", "metal", {"copper": 1, "copper_concentrate": -1.03}
    )
    chain.process("copper_recycling", "metal", {"copper": 1})
    chain.plants(
        "copper_mining",
        production(raw, "Copper", "mine"),
        MINE,
        before=output_of_2023(raw, "Copper", "mine"),
    )
    refined = dict(production(raw, "Copper", "refinery"))
    for country, kt in IN_OTHERS_KT.items():
        refined[country] = Figure(kt * 1e3, "BGS", "computed", "2023 taken for 2024")
    rest = refined["ROW"].t - sum(IN_OTHERS_KT.values()) * 1e3
    refined["ROW"] = refined["ROW"]._replace(t=rest, evidence="computed")
    scrap = figures({c: kt * 1e3 for c, kt in SCRAP_KT.items()}, source, "assumed")
    primary = {
        c: f._replace(
            t=f.t - (scrap[c].t if c in scrap else 0.0),
            evidence="computed" if c in scrap else f.evidence,
        )
        for c, f in refined.items()
    }
    primary["USA"] = salient(raw, "COPPER", "Production, Refinery: Primary (from ore)")
    scrap["USA"] = salient(
        raw, "COPPER", "Copper recovered from old (post-consumer) scrap"
    )
    chain.plants("copper_refining", primary, REFINER)
    chain.plants("copper_recycling", scrap, REFINER)
    use = salient(
        raw,
        "COPPER",
        "Consumption: Apparent, primary refined copper and copper from old scrap",
    )
    table, assumed = shares(tables, "BASE")
    chain.uses_by_share("copper", table, assumed, {"USA": use})
    grade = chain.source(
        "ASSUMED-GRADE-CU", "Copper concentrates in trade hold 25 % copper"
    )
    chain.trade_lanes(
        "copper_concentrate",
        baci_flows(raw.baci, {"260300": 0.25}),
        source_id=grade,
        evidence="assumed",
    )
    chain.assumed_lanes("copper_concentrate")
    chain.import_lanes(
        "copper", import_shares(raw, "COPPER", "Copper", "Refined copper")
    )
    chain.assumed_lanes("copper")
