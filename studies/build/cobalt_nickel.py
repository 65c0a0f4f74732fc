# SPDX-License-Identifier: Apache-2.0
"""Cobalt and nickel: mine to refined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

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
from studies.build.prices import add_mcs_price, add_pink_price, add_share_price
from studies.build.shares import shares

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

COBALT_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "COD",
        "IDN",
        "FIN",
        "CAN",
        "NOR",
        "BEL",
        "AUS",
        "RUS",
        "MDG",
        "PHL",
        "CUB",
        "ZMB",
        "MAR",
        "FRA",
        "GBR",
        "SWE",
        "POL",
        "TUR",
        "PNG",
        "NCL",
        "ZAF",
        "ZWE",
    ]
)
# A stock is built while the price is low. With the elasticity of use it would outbid
# battery makers for years under a quota.
HOARD_ELASTICITY = -5.0
NICKEL_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "IDN",
        "PHL",
        "RUS",
        "CAN",
        "AUS",
        "NOR",
        "FIN",
        "NCL",
        "BRA",
        "IND",
        "ITA",
        "BEL",
        "ESP",
        "SWE",
        "FRA",
        "ZAF",
        "GBR",
        "AUT",
        "CIV",
        "COL",
        "CUB",
        "DOM",
        "GTM",
        "MDG",
        "MKD",
        "MMR",
        "PNG",
        "POL",
        "TUR",
        "ZMB",
        "ZWE",
    ]
)


def _bgs_2023(raw: Raw, group: str, commodity: str) -> dict[str, float]:
    frame = raw.bgs(group).filter(
        (pl.col("commodity") == commodity)
        & (pl.col("year") == 2023)  # the newest year
        & pl.col("form").is_null()
        & (pl.col("value") > 0)
    )
    return dict(frame.select("iso3", "value").sort("iso3").iter_rows())


def _mined(raw: Raw, mineral: str) -> dict[str, Figure]:
    """Return mined output of 2024; who is in `other countries` comes from BGS.

    The output of 2023 of the countries that MCS 2026 does not name is scaled so that
    it sums to what MCS 2026 gives for them together: nothing is counted twice, and
    ROW keeps what the chain does not name.
    """
    found = production(raw, mineral, "mine")
    others = found.pop("ROW")
    group = mineral.lower()
    unnamed = {
        c: v for c, v in _bgs_2023(raw, group, f"{group}, mine").items()
        if c not in found
    }  # fmt: skip
    scale = others.t / sum(unnamed.values())
    note = (
        f"in `other countries` of MCS 2026 ({others.t:,.0f} t), shared by output of "
        f"2023 (times {scale:.3g})"
    )
    scaled = {c: v * scale for c, v in unnamed.items()}
    return found | figures(scaled, "BGS", "computed", note)


def add(tables: Tables, raw: Raw) -> None:
    """Add both chains."""
    _cobalt(tables, raw)
    _nickel(tables, raw)


def _cobalt(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "cobalt", COBALT_KEEP)
    chain.item(
        "cobalt_ore",
        "mine",
        "contained Co",
        form="ore and hydroxide",
        hs_codes="282200;810510",
    )
    chain.item("cobalt", "refine", "contained Co", form="metal, oxide and salts")
    add_mcs_price(
        chain, "cobalt", "COBALT", "Price, average, dollars per pound: London", "usd/lb"
    )
    add_share_price(chain, "cobalt_ore", "cobalt", 0.6)
    chain.content("cobalt_ore", "Co", 1.0)
    chain.content("cobalt", "Co", 1.0)
    scaled = chain.source(
        "ASSUMED-CO-REFINING",
        "Refined cobalt of 2023 (British Geological Survey) times 1.27, the growth of "
        "mined output to 2024; 5 % lost in refining",
    )
    chain.process("cobalt_mining", "mine", {"cobalt_ore": 1})
    chain.process(
        "cobalt_refining",
        "refine",
        {"cobalt": 1, "cobalt_ore": -1.05},
        source_id=scaled,
    )
    chain.process("cobalt_recycling", "refine", {"cobalt": 1})
    chain.plants(
        "cobalt_mining",
        _mined(raw, "Cobalt"),
        MINE,
        before=output_of_2023(raw, "Cobalt", "mine"),
        small=0.0,
    )
    refined = _bgs_2023(raw, "cobalt", "cobalt, refined")
    growth = 302_000 / 238_000  # MCS 2026 world 2024 over MCS 2025 world 2023
    plants = figures(
        {c: v * growth for c, v in refined.items()},
        scaled,
        "assumed",
        "2023 scaled to 2024",
    )
    chain.plants("cobalt_refining", plants, REFINER, small=0.0)
    secondary = salient(raw, "COBALT", "Production: Secondary")
    chain.plants("cobalt_recycling", {"USA": secondary}, REFINER)
    supply, need = chain.supply_and_need("cobalt_ore")
    built = sum(supply.values()) - sum(need.values())
    stock = chain.source(
        "ASSUMED-CO-STOCKS",
        "Mined cobalt of 2024 that no refiner took went to stock in China (three "
        "quarters) and the Congo (one quarter); at a price a third higher three "
        "quarters of it stays with users instead (elasticity of -5)",
    )
    for country, share in (("CHN", 0.75), ("COD", 0.25)):
        tables.row(
            "demands",
            demand=f"stock_cobalt_ore_{country}_other",
            item="cobalt_ore",
            country=country,
            sector="stock_build",
            **{"class": "other"},
            quantity_t_per_year=built * share,
            price_elasticity=HOARD_ELASTICITY,
            source_id=stock,
            evidence="assumed",
        )
    grade = chain.source(
        "ASSUMED-GRADE-CO",
        "Cobalt hydroxide and mattes from the Congo hold 31 % cobalt in trade",
    )
    flows = baci_flows(raw.baci, {"810510": 0.31, "282200": 0.31})
    flows = {p: v for p, v in flows.items() if p == ("COD", "CHN")}
    chain.trade_lanes("cobalt_ore", flows, source_id=grade, evidence="assumed")
    chain.assumed_lanes("cobalt_ore")
    use = salient(raw, "COBALT", "Consumption (includes secondary): Apparent")
    table, assumed = shares(tables, "BATTERY")
    chain.uses_by_share("cobalt", table, assumed, {"USA": use})
    sources = import_shares(raw, "COBALT", "Cobalt", "Metal, oxide, and salts")
    chain.import_lanes("cobalt", sources)
    chain.assumed_lanes("cobalt")


def _nickel(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "nickel", NICKEL_KEEP)
    chain.item(
        "nickel_ore",
        "mine",
        "contained Ni",
        hs_codes="260400",
        form="ore, concentrate, matte and hydroxide",
    )
    chain.item(
        "nickel",
        "metal",
        "contained Ni",
        form="metal, pig iron and salts; nickel in scrap",
    )
    add_pink_price(chain, "nickel", "Nickel")
    add_share_price(chain, "nickel_ore", "nickel", 0.6)
    chain.content("nickel_ore", "Ni", 1.0)
    chain.content("nickel", "Ni", 1.0)
    recovery = chain.source(
        "ASSUMED-NI-REFINING",
        "Refined nickel of 2023 (British Geological Survey); Indonesia 1.6 and China "
        "1.05 Mt in 2024; recovery of mined nickel as the world totals give it",
    )
    mined = _mined(raw, "Nickel")
    chain.process("nickel_mining", "mine", {"nickel_ore": 1})
    chain.plants(
        "nickel_mining",
        mined,
        MINE,
        before=output_of_2023(raw, "Nickel", "mine"),
        small=0.0,
    )
    refined = _bgs_2023(raw, "nickel", "nickel, smelter/refinery")
    refined |= {"IDN": 1_600_000.0, "CHN": 1_050_000.0}
    world = sum(refined.values())
    per_t = sum(f.t for f in mined.values()) / world
    chain.process(
        "nickel_refining",
        "metal",
        {"nickel": 1, "nickel_ore": -per_t},
        source_id=recovery,
    )
    chain.plants(
        "nickel_refining",
        figures(refined, recovery, "assumed"),
        REFINER,
        small=0.0,
    )
    # Apparent consumption counts the nickel that steel mills buy as scrap; so does
    # the published reliance. Scrap abroad is published for no country.
    scrap = salient(
        raw, "NICKEL", "Consumption: Reported, secondary, purchased scrap"
    )._replace(note="reported consumption of purchased scrap, mostly stainless steel")
    chain.process("nickel_recycling", "metal", {"nickel": 1})
    chain.plants("nickel_recycling", {"USA": scrap}, REFINER)
    grade = chain.source(
        "ASSUMED-GRADE-NI",
        "Nickel ores in trade hold 1.1 % nickel from the Philippines, New Caledonia, "
        "Guatemala and C\u00f4te d'Ivoire and 10 % otherwise",
    )
    flows = {
        p: v * (0.011 if p[0] in {"PHL", "NCL", "GTM", "CIV", "SLB", "IDN"} else 0.1)
        for p, v in baci_flows(raw.baci, {"260400": 1.0}).items()
    }
    chain.trade_lanes("nickel_ore", flows, source_id=grade, evidence="assumed")
    chain.assumed_lanes("nickel_ore")
    use = salient(raw, "NICKEL", "Consumption: Apparent, total")
    table, assumed = shares(tables, "STAINLESS")
    chain.uses_by_share("nickel", table, assumed, {"USA": use})
    sources = import_shares(raw, "NICKEL", "Nickel", "Primary nickel")
    chain.import_lanes("nickel", sources)
    chain.assumed_lanes("nickel")
