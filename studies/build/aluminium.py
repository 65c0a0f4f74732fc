# SPDX-License-Identifier: Apache-2.0
"""Aluminum: bauxite, alumina, metal and scrap; gallium as its by-product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import BY_PRODUCT, FILL, MINE, REFINER, ChainRows
from studies.build.flows import WEST, Flows, baci_flows
from studies.build.mcs import (
    Figure,
    capacity,
    figures,
    import_shares,
    output_of_2023,
    production,
    salient,
)
from studies.build.prices import add_mcs_price, add_pink_price
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
        "IND",
        "RUS",
        "CAN",
        "ARE",
        "AUS",
        "BRA",
        "GIN",
        "IDN",
        "JAM",
        "NOR",
        "ITA",
        "FRA",
        "ESP",
        "GRC",
        "NLD",
        "IRL",
        "BHR",
        "ISL",
        "KAZ",
        "MYS",
        "ROU",
        "SAU",
        "SWE",
        "TUR",
        "VNM",
        "ZAF",
        "ARG",
        "MOZ",
    ]
)
BAUXITE_PER_ALUMINA = 2.75
ALUMINA_PER_METAL = 1.93
# Recoverable gallium in Bayer liquor, t per t of alumina: about 50 g a t of bauxite
# of which under half can be recovered; the world takes a tenth of it.
GALLIUM_PER_ALUMINA = 1e-4
OLD_SCRAP_KT = {
    "CHN": 5500, "IND": 1300, "JPN": 1000, "ITA": 850, "DEU": 800, "BRA": 600,
    "KOR": 500, "ESP": 350, "FRA": 300, "RUS": 200, "CAN": 200, "ROW": 4500,
}  # fmt: skip
# Smelters that MCS 2026 leaves in `other countries`, kt of 2024. No raw file names
# them by country, and without them the European Union would smelt nothing.
SMELTED_KT = {
    "ARG": 450, "DEU": 210, "FRA": 410, "GRC": 180, "KAZ": 260, "MOZ": 560, "ROU": 100,
    "SAU": 980, "SWE": 110, "TUR": 80, "ZAF": 720,
}  # fmt: skip
# American duties on Russian metal are 200 % since 2023 and its other western buyers
# shrink: beyond published trade nothing is assumed.
NO_MORE = frozenset(("RUS", c) for c in WEST)


def add(tables: Tables, raw: Raw) -> None:
    """Add aluminum and gallium."""
    _aluminum(tables, raw)
    _gallium(tables, raw)


def _aluminum(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "aluminum", KEEP)
    closure = chain.source(
        "ASSUMED-AL-RECIPE",
        "2.75 t dry bauxite a t of alumina and 1.93 t of alumina a t of metal; with "
        "them the 2024 world totals close and leave 9 % and 1 % for other uses",
    )
    chain.item("bauxite", "mine", "dry", hs_codes="260600")
    chain.item("alumina", "refine", "Al2O3")
    chain.item(
        "aluminum",
        "metal",
        "metal",
        form="unwrought",
        hs_codes="760110;760120",
        note="trade by country is of 760110 (not alloyed): the trade file in hand "
        "lacks 760120 (alloyed), and lanes beyond it are assumed",
    )
    chain.item(
        "gallium_liquor",
        "concentrate",
        "contained Ga",
        mineral="gallium",
        storable=False,
        note="recoverable gallium in Bayer liquor; not traded",
        source_id="ASSUMED-AL-RECIPE",
        evidence="assumed",
    )
    for item, usd_per_t, detail in (
        ("bauxite", 31.0, "average unit value of imports, f.a.s."),
        ("alumina", 580.0, "average unit value of imports, f.a.s."),
    ):
        chain.price(
            item,
            usd_per_t,
            source_id="MCS26",
            evidence="read",
            kind="import_unit_value",
            note=detail,
        )
    add_pink_price(chain, "aluminum", "Aluminum")
    chain.content("bauxite", "Al", 0.225, source_id=closure, evidence="assumed")
    chain.content("alumina", "Al", 0.5293)
    chain.content("aluminum", "Al", 1.0)
    chain.process("bauxite_mining", "mine", {"bauxite": 1})
    chain.process(
        "alumina_refining",
        "refine",
        {
            "alumina": 1,
            "bauxite": -BAUXITE_PER_ALUMINA,
            "gallium_liquor": GALLIUM_PER_ALUMINA,
        },
        source_id=closure,
    )
    chain.process(
        "aluminum_smelting",
        "metal",
        {"aluminum": 1, "alumina": -ALUMINA_PER_METAL},
        source_id=closure,
    )
    chain.process("aluminum_recycling", "metal", {"aluminum": 1})
    mined = production(raw, "Aluminum", "mine")
    mined["USA"] = Figure(150e3, "ASSUMED", "assumed", "withheld; small")
    chain.plants(
        "bauxite_mining",
        mined,
        MINE,
        before=output_of_2023(raw, "Aluminum", "mine"),
        small=0.0,
    )
    chain.plants(
        "alumina_refining",
        production(raw, "Aluminum", "refinery"),
        REFINER,
        small=0.0,
    )
    _smelters(chain)
    scrap_source = chain.source(
        "ASSUMED-AL-SCRAP",
        "Aluminum from old scrap by country outside the United "
        "States, about 16 Mt in all",
    )
    scrap = figures(
        {c: kt * 1e3 for c, kt in OLD_SCRAP_KT.items()}, scrap_source, "assumed"
    )
    scrap["USA"] = salient(raw, "ALUMINUM", "Production: Secondary (from old scrap)")
    chain.plants("aluminum_recycling", scrap, REFINER)
    wet = chain.source(
        "ASSUMED-BAUXITE-MOISTURE", "Bauxite in trade holds 8 % of water"
    )
    # Other uses of alumina and bauxite first need what the plants leave.
    us_alumina = salient(raw, "BAUXITE AND ALUMINA", "Consumption, apparent",
                         commodity="Alumina").t  # fmt: skip
    smelted = salient(raw, "ALUMINUM", "Production: Primary").t * ALUMINA_PER_METAL
    other = Figure(
        us_alumina - smelted,
        "MCS26",
        "computed",
        "apparent consumption less the smelters' need",
    )
    table, assumed = shares(tables, "CHEMICALS")
    chain.uses_by_share("alumina", table, assumed, {"USA": other})
    us_bauxite = Figure(
        900e3,
        "ASSUMED",
        "assumed",
        "imports and mine output less the alumina plant's need",
    )
    chain.uses_by_share("bauxite", table, assumed, {"USA": us_bauxite})
    flows = baci_flows(raw.baci, {"260600": 0.92})
    chain.trade_lanes(
        "bauxite", flows, source_id=wet, evidence="assumed", skip=("USA",)
    )
    chapter = "BAUXITE AND ALUMINA"
    chain.import_lanes("bauxite", import_shares(raw, chapter, "Bauxite", "Bauxite"))
    chain.assumed_lanes("bauxite")
    chain.import_lanes("alumina", import_shares(raw, chapter, "Alumina", "Alumina"))
    chain.assumed_lanes("alumina")
    use = salient(raw, "ALUMINUM", "Consumption, apparent")
    table, assumed = shares(tables, "BASE")
    traded = baci_flows(raw.baci, {"760110": 1.0})
    known = {"USA": use, "CHN": _balance(chain, "CHN", traded)}
    chain.uses_by_share("aluminum", table, assumed, known)
    sources = import_shares(raw, "ALUMINUM", "Aluminum", "All")
    chain.import_lanes("aluminum", sources)
    listed = {(c, "USA") for c in sources}
    chain.trade_lanes(
        "aluminum",
        {p: v for p, v in traded.items() if p not in listed},
        source_id="BACI",
        evidence="computed",
    )
    chain.assumed_lanes("aluminum", closed=NO_MORE)


def _balance(chain: ChainRows, country: str, traded: Flows) -> Figure:
    """Return use as output plus net imports: China buys unwrought metal, net.

    By its share of base metals it would sell two million tonnes, which it does only
    as semi-finished goods.
    """
    supply, _ = chain.supply_and_need("aluminum")
    bought = sum(v for pair, v in traded.items() if pair[1] == country)
    sold = sum(v for pair, v in traded.items() if pair[0] == country)
    return Figure(
        supply[country] + bought - sold,
        "BACI",
        "assumed",
        "output and assumed scrap plus net imports of 760110",
    )


def _smelters(chain: ChainRows) -> None:
    """Add the smelters that MCS 2026 names, and those judged to be in the rest."""
    source = chain.source(
        "ASSUMED-AL-SMELTERS",
        "Primary aluminum of countries that MCS 2026 leaves in `other countries`, "
        "rounded and from memory; ROW keeps the remainder of output and capacity",
    )
    made = production(chain.raw, "Aluminum", "smelter")
    room = capacity(chain.raw, "Aluminum", "plant")
    judged = figures(
        {c: kt * 1e3 for c, kt in SMELTED_KT.items()},
        source,
        "assumed",
        "in `other countries` of MCS 2026",
    )
    own = sum(f.t for f in judged.values())
    rest, idle = made["ROW"], room["ROW"]
    made["ROW"] = rest._replace(
        t=rest.t - own, evidence="computed", note="less the smelters judged by country"
    )
    room["ROW"] = idle._replace(t=idle.t - own / FILL, evidence="computed")
    chain.plants("aluminum_smelting", made | judged, REFINER, capacity=room, small=0.0)


def _gallium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "gallium", KEEP | {"TWN", "GBR"})
    split = chain.source(
        "ASSUMED-GA-STAGES",
        "Crude gallium is upgraded where exporters without primary output are seen "
        "(Canada, Japan, Germany, South Korea) and in China; nearly half of the crude "
        "goes to magnets and other uses without upgrading",
    )
    chain.item("gallium_crude", "refine", "contained Ga", form="99.9-99.99 %")
    chain.item(
        "gallium",
        "metal",
        "contained Ga",
        form="99.9999 % and better",
        hs_codes="811291",
        note="the customs code is shared with hafnium, indium, niobium and rhenium",
    )
    chain.price(
        "gallium_crude",
        330e3,
        source_id=split,
        evidence="assumed",
        note="0.75 x the United States import value of 2024",
    )
    add_mcs_price(
        chain,
        "gallium",
        "GALLIUM",
        "Price, average unit value of imports",
        "usd/kg",
        kind="import_unit_value",
    )
    chain.price("gallium", 725e3, period="2025-05", source_id="GAHOME", evidence="read")
    chain.price(
        "gallium",
        1600e3,
        period="2026-02",
        source_id="SUNS",
        evidence="read",
        note="outside China",
    )
    chain.price(
        "gallium",
        245e3,
        period="2026-04",
        kind="inside",
        market="CHN",
        source_id="DOWA",
        evidence="secondary",
    )
    chain.process(
        "gallium_extraction",
        "refine",
        {"gallium_crude": 1, "gallium_liquor": -1.02},
        source_id=split,
    )
    chain.process(
        "gallium_from_residue", "refine", {"gallium_crude": 1}, source_id=split
    )
    chain.process(
        "gallium_upgrade",
        "metal",
        {"gallium": 1, "gallium_crude": -1.02},
        source_id=split,
    )
    chain.process("gallium_recycling", "metal", {"gallium": 1}, source_id=split)
    crude = production(raw, "Gallium", "refinery")
    room = capacity(raw, "Gallium", "plant")
    japan = {"JPN": crude.pop("JPN")}
    chain.plants("gallium_extraction", crude, BY_PRODUCT, capacity=room)
    chain.plants("gallium_from_residue", japan, BY_PRODUCT, capacity=room)
    for country, tonnes in (("DEU", 40.0), ("ROW", 60.0)):
        tables.row(
            "plants",
            plant=f"gallium_extraction_{country}",
            process="gallium_extraction",
            country=country,
            aggregate=True,
            capacity_t_per_year=tonnes,
            basis="output",
            base_activity_t_per_year=0.0,
            idle_t_per_year=tonnes,
            restart_years=2.0,
            supply_elasticity=BY_PRODUCT,
            source_id="MCS26",
            evidence="estimated",
            note="100 t of idle capacity in other countries; the split is assumed",
        )
    chain.plants(
        "gallium_upgrade",
        figures(
            {
                "CHN": 250.0,
                "JPN": 85.0,
                "DEU": 14.0,
                "CAN": 10.0,
                "KOR": 14.0,
                "ROW": 12.0,
            },
            split,
            "assumed",
        ),
        REFINER,
    )
    use = salient(raw, "GALLIUM", "Consumption, reported")
    imports = salient(raw, "GALLIUM", "Imports for consumption: Metal")
    own = Figure(
        use.t - imports.t,
        "MCS26",
        "computed",
        "reported consumption less metal imports: scrap and stock",
    )
    chain.plants(
        "gallium_recycling",
        {
            "USA": own,
            **figures({"JPN": 60.0, "DEU": 6.0, "CHN": 20.0}, split, "assumed"),
        },
        REFINER,
    )
    table, assumed = shares(tables, "ELECTRONICS")
    chain.uses_by_share("gallium", table, assumed, {"USA": use})
    magnets = chain.source(
        "ASSUMED-GA-CRUDE-USE",
        "Crude gallium is used in China (magnets, 88 %), Japan (6 %) and elsewhere",
    )
    chain.uses_by_share(
        "gallium_crude", {"CHN": 0.88, "JPN": 0.06, "DEU": 0.02, "KOR": 0.01}, magnets
    )
    sources = import_shares(raw, "GALLIUM", "Gallium", "Metal")
    chain.import_lanes("gallium", sources)
    chain.assumed_lanes("gallium")
    chain.assumed_lanes("gallium_crude")
