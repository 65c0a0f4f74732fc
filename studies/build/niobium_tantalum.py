# SPDX-License-Identifier: Apache-2.0
"""Niobium (mine to ferroniobium) and tantalum (mine to refined)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.mcs import (
    figures,
    import_shares,
    output_of_2023,
    production,
    salient,
)
from studies.build.prices import add_mcs_price, add_share_price
from studies.build.shares import shares

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

NIOBIUM_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "BRA",
        "CAN",
        "RUS",
        "IND",
        "ITA",
        "FRA",
        "SWE",
        "FIN",
        "BEL",
        "ESP",
        "AUT",
        "GBR",
    ]
)
TANTALUM_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "COD",
        "RWA",
        "BRA",
        "NGA",
        "AUS",
        "ETH",
        "MOZ",
        "KAZ",
        "THA",
        "EST",
        "IND",
        "FRA",
        "GBR",
        "MEX",
        "AUT",
    ]
)
TA2O5_PER_TA = 1.2211
REFINED_TANTALUM = {
    "CHN": 0.43, "DEU": 0.15, "USA": 0.12, "KAZ": 0.07, "THA": 0.07, "JPN": 0.06,
    "EST": 0.03, "IND": 0.03, "ROW": 0.04,
}  # fmt: skip
TANTALUM_SCRAP = {"USA": 120.0, "DEU": 120.0, "JPN": 90.0, "CHN": 150.0, "AUT": 40.0,
                  "ROW": 60.0}  # fmt: skip


def add(tables: Tables, raw: Raw) -> None:
    """Add both chains."""
    _niobium(tables, raw)
    _tantalum(tables, raw)


def _niobium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "niobium", NIOBIUM_KEEP)
    chain.item("niobium_ore", "mine", "contained Nb")
    chain.item(
        "ferroniobium",
        "alloy",
        "contained Nb",
        hs_codes="720293",
        form="ferroniobium, oxide and metal",
    )
    add_mcs_price(
        chain,
        "ferroniobium",
        "NIOBIUM (COLUMBIUM)",
        "Price, average unit value, ferroniobium",
        "usd/kg",
        factor=1 / 0.65,
        kind="import_unit_value",
        note="gross price over 0.65",
    )
    add_share_price(chain, "niobium_ore", "ferroniobium", 0.6)
    chain.content("niobium_ore", "Nb", 1.0)
    chain.content("ferroniobium", "Nb", 1.0)
    made = chain.source(
        "ASSUMED-NB-CONVERSION",
        "Ferroniobium is made where niobium is mined; 3 % is lost; it holds 65 % "
        "niobium",
    )
    chain.process("niobium_mining", "mine", {"niobium_ore": 1})
    chain.process(
        "ferroniobium_making",
        "alloy",
        {"ferroniobium": 1, "niobium_ore": -1.03},
        source_id=made,
    )
    mined = production(raw, "Niobium", "mine")
    chain.plants(
        "niobium_mining", mined, MINE, before=output_of_2023(raw, "Niobium", "mine")
    )
    chain.plants(
        "ferroniobium_making",
        {
            c: f._replace(t=f.t / 1.03, source_id=made, evidence="computed")
            for c, f in mined.items()
        },
        REFINER,
    )
    chain.assumed_lanes("niobium_ore")
    use = salient(raw, "NIOBIUM (COLUMBIUM)", "Consumption: Apparent")
    sources = import_shares(
        raw, "NIOBIUM (COLUMBIUM)", "Niobium (Columbium)", "Total imports"
    )
    chain.trade_closes(
        "ferroniobium",
        {"720293": 0.65},
        use,
        sources,
        factor_source=made,
        home_use={"BRA": 0.04, "CAN": 0.1},
    )
    chain.assumed_lanes("ferroniobium")


def _tantalum(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "tantalum", TANTALUM_KEEP)
    chain.item("tantalum_ore", "mine", "contained Ta")
    chain.item("tantalum", "refine", "contained Ta", form="salt, powder and metal")
    add_mcs_price(
        chain,
        "tantalum_ore",
        "TANTALUM",
        "Price, tantalite",
        "usd/kg",
        factor=TA2O5_PER_TA,
        note="price of Ta2O5 times 1.221",
    )
    add_share_price(chain, "tantalum", "tantalum_ore", 1.6)
    chain.content("tantalum_ore", "Ta", 1.0)
    chain.content("tantalum", "Ta", 1.0)
    split = chain.source(
        "ASSUMED-TA-REFINING",
        "Refined tantalum by country from ore (93 % recovered) and scrap",
    )
    chain.process("tantalum_mining", "mine", {"tantalum_ore": 1})
    chain.process(
        "tantalum_refining",
        "refine",
        {"tantalum": 1, "tantalum_ore": -1.075},
        source_id=split,
    )
    chain.process("tantalum_recycling", "refine", {"tantalum": 1}, source_id=split)
    mined = production(raw, "Tantalum", "mine")
    chain.plants(
        "tantalum_mining", mined, MINE, before=output_of_2023(raw, "Tantalum", "mine")
    )
    world = sum(f.t for f in mined.values()) / 1.075
    made = {c: s * world for c, s in REFINED_TANTALUM.items()}
    chain.plants("tantalum_refining", figures(made, split, "assumed"), REFINER)
    chain.plants(
        "tantalum_recycling", figures(TANTALUM_SCRAP, split, "assumed"), REFINER
    )
    ores = import_shares(raw, "TANTALUM", "Tantalum", "Tantalum ores and concentrates")
    chain.import_lanes(
        "tantalum_ore", {c: s for c, s in ores.items() if c != "ARE"}, own_output=True
    )
    chain.assumed_lanes("tantalum_ore")
    use = salient(raw, "TANTALUM", "Consumption, apparent")
    table, assumed = shares(tables, "ELECTRONICS")
    chain.uses_by_share("tantalum", table, assumed, {"USA": use})
    chain.import_lanes(
        "tantalum",
        import_shares(raw, "TANTALUM", "Tantalum", "Tantalum metal and powder"),
    )
    chain.assumed_lanes("tantalum")
