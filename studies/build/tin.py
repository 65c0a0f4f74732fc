# SPDX-License-Identifier: Apache-2.0
"""Tin from mine to refined metal.

Refined tin is published for the world and for China (International Tin Association,
2023); the smelters elsewhere get what their country mines and buys of ore, and China
gets the ore that is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.flows import baci_value_flows, fold, fold_flows
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

KEEP = frozenset((
    "USA", "CHN", "JPN", "KOR", "DEU", "FRA", "ITA", "ESP", "BEL", "NLD", "POL",
    "SWE", "AUT", "FIN", "GBR", "IDN", "PER", "BRA", "BOL", "MMR", "COD", "AUS",
    "VNM", "MYS", "THA", "IND", "RWA", "NGA", "RUS", "TWN", "MEX", "CAN", "TUR",
))  # fmt: skip
# Countries with smelters that the rule feeds; China takes the rest of the ore.
SMELTERS = ("IDN", "PER", "MYS", "BOL", "BRA", "THA", "VNM", "RUS")
SMELTING_LOSS = 1.04
ORE_USD_PER_T, TIN_IN_ORE_AT_MOST = 27_000.0, 0.6
# The Republic of the Congo mines no tin: what it exports was mined across the river.
MINED_IN = {"COG": "COD"}
WORLD_T, CHINA_T = 370_100.0, 177_000.0  # refined, 2023
SCRAP_T = {"BEL": 7_000.0, "JPN": 1_500.0}


def add(tables: Tables, raw: Raw) -> None:
    """Add the tin chain."""
    chain = ChainRows(tables, raw, "tin", KEEP)
    rule = chain.source(
        "ASSUMED-TIN-SMELTING",
        "Refined tin outside China is what a smelting country mines plus its net "
        "imports of ore (trade value over 27,000 USD a t of tin, at most 60 % tin; no "
        "country sends more than it mines) less 4 %; China smelts the ore that is "
        "left; scrap makes up China's and the world's published refined tin of 2023, "
        "of which Belgium and Japan are judged",
    )
    chain.item("tin_ore", "mine", "contained Sn", hs_codes="260900")
    chain.item(
        "tin",
        "metal",
        "metal",
        form="refined",
        source_id=rule,
        evidence="assumed",
        note="published: China and the world (2023); the other countries by a rule",
    )
    add_pink_price(chain, "tin", "Tin")
    add_share_price(chain, "tin_ore", "tin", 0.9)
    chain.content("tin_ore", "Sn", 1.0)
    chain.content("tin", "Sn", 1.0)
    chain.process("tin_mining", "mine", {"tin_ore": 1})
    chain.process(
        "tin_smelting", "metal", {"tin": 1, "tin_ore": -SMELTING_LOSS}, source_id=rule
    )
    chain.process("tin_recycling", "metal", {"tin": 1})
    mined = production(raw, "Tin", "mine")
    chain.plants("tin_mining", mined, MINE, before=output_of_2023(raw, "Tin", "mine"))
    flows = _ore_trade(raw, mined)
    made, scrap = _refined(raw, mined, flows, rule)
    chain.plants("tin_smelting", made, REFINER)
    chain.plants("tin_recycling", scrap, REFINER)
    chain.trade_lanes("tin_ore", flows, source_id=rule, evidence="assumed")
    chain.assumed_lanes("tin_ore")
    use = salient(raw, "TIN", "Consumption, apparent, refined")
    table, assumed = shares(tables, "BASE")
    chain.uses_by_share("tin", table, assumed, {"USA": use})
    chain.import_lanes("tin", import_shares(raw, "TIN", "Tin", "Refined tin"))
    chain.assumed_lanes("tin")


def _ore_trade(raw: Raw, mined: dict[str, Figure]) -> dict[tuple[str, str], float]:
    """Return traded ore, t of tin, where nobody sends more than he mines."""
    traded = baci_value_flows(raw.baci, ("260900",), ORE_USD_PER_T, TIN_IN_ORE_AT_MOST)
    found: dict[tuple[str, str], float] = {}
    for (source, target), tonnes in sorted(traded.items()):
        pair = (MINED_IN.get(source, source), target)
        found[pair] = found.get(pair, 0.0) + tonnes
    flows = fold_flows(found, KEEP)
    have = fold({c: f.t for c, f in mined.items()}, KEEP)
    sent: dict[str, float] = {}
    for (source, _), tonnes in flows.items():
        sent[source] = sent.get(source, 0.0) + tonnes
    return {
        (source, target): tonnes * min(1.0, have.get(source, 0.0) / sent[source])
        for (source, target), tonnes in flows.items()
        if source in have
    }


def _refined(
    raw: Raw,
    mined: dict[str, Figure],
    flows: dict[tuple[str, str], float],
    rule: str,
) -> tuple[dict[str, Figure], dict[str, Figure]]:
    """Return refined tin from ore and from scrap, t by country."""
    ore = {c: mined[c].t if c in mined else 0.0 for c in SMELTERS}
    for (source, target), tonnes in flows.items():
        if source in ore:
            ore[source] -= tonnes
        if target in ore:
            ore[target] += tonnes
    made = figures(
        {c: max(0.0, v) / SMELTING_LOSS for c, v in ore.items()},
        rule,
        "assumed",
        "mined plus net imports of ore; no publisher states it",
    )
    world_ore = sum(f.t for f in mined.values()) / SMELTING_LOSS
    left = world_ore - sum(f.t for f in made.values())
    made["CHN"] = Figure(left, rule, "assumed", "the ore that no other smelter takes")
    scrap = figures(SCRAP_T, rule, "assumed", "judged")
    scrap["CHN"] = Figure(
        CHINA_T - left,
        "ITA23",
        "computed",
        "refined tin of 2023 (177,000 t) taken for 2024, less what ore makes",
    )
    scrap["USA"] = salient(raw, "TIN", "Production, secondary: Old scrap")
    named = world_ore + sum(f.t for f in scrap.values())
    scrap["ROW"] = Figure(
        WORLD_T - named,
        "ITA23",
        "assumed",
        "refined tin of the world (370,100 t in 2023) less every figure named here; "
        "not a country's output",
    )
    return made, scrap
