# SPDX-License-Identifier: Apache-2.0
"""Antimony and tungsten: ore to refined, with scrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.flows import Flows, baci_value_flows
from studies.build.mcs import (
    Figure,
    figures,
    import_shares,
    output_of_2023,
    production,
    salient,
)
from studies.build.prices import WO3_TO_W, add_mcs_price, add_share_price
from studies.build.shares import shares

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

ANTIMONY_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "RUS",
        "TJK",
        "MMR",
        "THA",
        "VNM",
        "IND",
        "BOL",
        "TUR",
        "AUS",
        "BEL",
        "FRA",
        "ITA",
        "ESP",
        "OMN",
        "TWN",
        "MEX",
    ]
)
# Smelted from ore, t: China as the rest of the mined total; the others by judgement
# from their ore balance and known works (Oman 2018 on, India, Thailand, Vietnam).
ANTIMONY_SMELTED = {
    "TJK": 6500.0, "RUS": 7000.0, "BOL": 3500.0, "OMN": 4500.0, "THA": 3000.0,
    "VNM": 3500.0, "IND": 2500.0, "MMR": 1000.0, "MEX": 600.0, "ITA": 300.0,
    "ROW": 2000.0,
}  # fmt: skip
ANTIMONY_SCRAP = {
    "CHN": 8000.0, "DEU": 2500.0, "JPN": 2000.0, "KOR": 1500.0, "BEL": 1500.0,
    "FRA": 1500.0, "ITA": 800.0, "ESP": 800.0, "IND": 1500.0, "ROW": 5000.0,
}  # fmt: skip

TUNGSTEN_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "AUT",
        "RUS",
        "VNM",
        "BOL",
        "RWA",
        "ESP",
        "PRT",
        "PRK",
        "AUS",
        "CAN",
        "SWE",
        "FRA",
        "ITA",
        "GBR",
        "CZE",
        "IND",
    ]
)
TUNGSTEN_SMELTED = {
    "VNM": 5500.0, "AUT": 2500.0, "USA": 1200.0, "DEU": 500.0, "RUS": 1200.0,
    "JPN": 500.0, "KOR": 300.0, "CAN": 300.0, "ROW": 500.0,
}  # fmt: skip
TUNGSTEN_SCRAP = {
    "CHN": 9000.0, "DEU": 3800.0, "AUT": 2000.0, "JPN": 1800.0, "KOR": 900.0,
    "SWE": 900.0, "GBR": 600.0, "CZE": 500.0, "VNM": 700.0, "IND": 500.0,
    "RUS": 400.0, "ROW": 1500.0,
}  # fmt: skip


def _rest_to_china(
    mined: dict[str, Figure], smelted: dict[str, float], recovery: float
) -> dict[str, float]:
    total = sum(f.t for f in mined.values()) * recovery
    return {**smelted, "CHN": total - sum(smelted.values())}


def add(tables: Tables, raw: Raw) -> None:
    """Add both chains."""
    _antimony(tables, raw)
    _tungsten(tables, raw)


def _content_flows(raw: Raw, code: str, usd_per_t: float, cap: float) -> Flows:
    return baci_value_flows(raw.baci, (code,), usd_per_t, cap)


def _antimony(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "antimony", ANTIMONY_KEEP)
    chain.item("antimony_ore", "mine", "contained Sb", hs_codes="261710")
    chain.item(
        "antimony",
        "refine",
        "contained Sb",
        form="metal and oxide",
        hs_codes="811000",
        note="the customs code of the metal; oxides (282580) hold 83.5 % antimony",
    )
    add_mcs_price(chain, "antimony", "ANTIMONY", "Price, metal", "usd/lb")
    chain.price(
        "antimony",
        10.5 * 2204.62262,
        period="2026-06",
        source_id="NTHORD",
        evidence="secondary",
        note="10.50 USD a lb in the second quarter",
    )
    add_share_price(chain, "antimony_ore", "antimony", 0.6)
    chain.content("antimony_ore", "Sb", 1.0)
    chain.content("antimony", "Sb", 1.0)
    split = chain.source(
        "ASSUMED-SB-SMELTING",
        "Antimony smelting and scrap by country; China is the rest of 95 % of mined "
        "output",
    )
    chain.process("antimony_mining", "mine", {"antimony_ore": 1})
    chain.process(
        "antimony_smelting",
        "refine",
        {"antimony": 1, "antimony_ore": -1.05},
        source_id=split,
    )
    chain.process("antimony_recycling", "refine", {"antimony": 1}, source_id=split)
    mined = production(raw, "Antimony", "mine")
    chain.plants(
        "antimony_mining", mined, MINE, before=output_of_2023(raw, "Antimony", "mine")
    )
    own = salient(raw, "ANTIMONY", "Production, Smelter: Primary")
    smelted = _rest_to_china(mined, {**ANTIMONY_SMELTED, "USA": own.t}, 1 / 1.05)
    plants = figures(smelted, split, "assumed") | {"USA": own}
    chain.plants("antimony_smelting", plants, REFINER)
    scrap = figures(ANTIMONY_SCRAP, split, "assumed")
    scrap["USA"] = salient(raw, "ANTIMONY", "Production, Smelter: Secondary")
    chain.plants("antimony_recycling", scrap, REFINER)
    rule = chain.source(
        "ASSUMED-ORE-VALUE",
        "Metal in traded ores is trade value over the ore price of this study, at most "
        "60 % of gross weight",
    )
    ore_price = 0.6 * 10.24 * 2204.62262
    chain.trade_lanes(
        "antimony_ore",
        _content_flows(raw, "261710", ore_price, 0.6),
        source_id=rule,
        evidence="assumed",
    )
    chain.assumed_lanes("antimony_ore")
    use = salient(raw, "ANTIMONY", "Consumption, apparent")
    table, assumed = shares(tables, "FLAME")
    chain.uses_by_share("antimony", table, assumed, {"USA": use})
    sources = import_shares(raw, "ANTIMONY", "Antimony", "Total metal and oxide")
    chain.import_lanes("antimony", sources)
    chain.assumed_lanes("antimony")


def _tungsten(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "tungsten", TUNGSTEN_KEEP)
    chain.item("tungsten_ore", "mine", "contained W", hs_codes="261100")
    chain.item("tungsten", "refine", "contained W", form="APT, oxide, powder")
    # Rotterdam concentrate is quoted in USD a metric-ton unit (10 kg) of WO3.
    add_mcs_price(
        chain,
        "tungsten_ore",
        "TUNGSTEN",
        "Price, concentrate",
        "usd/mtu",
        factor=1 / WO3_TO_W,
    )
    apt = chain.source(
        "ASSUMED-W-APT", "Refined tungsten is worth 1.3 times its concentrate"
    )
    for row in tables.rows("prices", item="tungsten_ore"):
        chain.price(
            "tungsten",
            1.3 * float(row["usd_per_t"] or 0),
            source_id=apt,
            evidence="assumed",
            period=str(row["period"]),
        )
    chain.content("tungsten_ore", "W", 1.0)
    chain.content("tungsten", "W", 1.0)
    split = chain.source(
        "ASSUMED-W-SMELTING",
        "Tungsten conversion and scrap by country; China is the rest of 96 % of mined "
        "output",
    )
    chain.process("tungsten_mining", "mine", {"tungsten_ore": 1})
    chain.process(
        "tungsten_conversion",
        "refine",
        {"tungsten": 1, "tungsten_ore": -1.04},
        source_id=split,
    )
    chain.process("tungsten_recycling", "refine", {"tungsten": 1}, source_id=split)
    mined = production(raw, "Tungsten", "mine")
    chain.plants(
        "tungsten_mining", mined, MINE, before=output_of_2023(raw, "Tungsten", "mine")
    )
    smelted = _rest_to_china(mined, TUNGSTEN_SMELTED, 1 / 1.04)
    chain.plants("tungsten_conversion", figures(smelted, split, "assumed"), REFINER)
    net = (
        salient(raw, "TUNGSTEN", "Imports for consumption: Ores and concentrates").t
        + salient(raw, "TUNGSTEN", "Imports for consumption: Other forms").t
        - salient(raw, "TUNGSTEN", "Exports: Ores and concentrates").t
        - salient(raw, "TUNGSTEN", "Exports: Other forms").t
    )
    use = Figure(
        net / 0.75,
        "MCS26",
        "computed",
        "withheld; net imports over a reliance of 0.75, the middle of 0.5 to 1",
    )
    scrap = figures(TUNGSTEN_SCRAP, split, "assumed")
    scrap["USA"] = Figure(use.t - net, "MCS26", "computed", "use less net imports")
    chain.plants("tungsten_recycling", scrap, REFINER)
    ore_price = 252 * 100 / WO3_TO_W
    chain.trade_lanes(
        "tungsten_ore",
        _content_flows(raw, "261100", ore_price, 0.55),
        source_id="ASSUMED-ORE-VALUE",
        evidence="assumed",
    )
    chain.assumed_lanes("tungsten_ore")
    table, assumed = shares(tables, "TOOLS")
    chain.uses_by_share("tungsten", table, assumed, {"USA": use})
    sources = import_shares(
        raw, "TUNGSTEN", "Tungsten", "Ores, concentrates, and other forms"
    )
    sources.pop("BOL")  # Bolivia sells ore, which the ore lanes hold
    chain.import_lanes("tungsten", sources)
    chain.assumed_lanes("tungsten")
