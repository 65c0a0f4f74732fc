# SPDX-License-Identifier: Apache-2.0
"""Magnesium metal, and titanium from concentrate to sponge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.mcs import (
    Figure,
    capacity,
    import_shares,
    price_of,
    production,
    salient,
)
from studies.build.prices import PER_T, add_mcs_price

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

MAGNESIUM_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "ISR",
        "TUR",
        "RUS",
        "BRA",
        "KAZ",
        "CAN",
        "CZE",
        "MEX",
        "AUT",
        "ITA",
        "FRA",
        "ESP",
        "GBR",
        "IND",
        "NLD",
        "POL",
        "SWE",
        "BEL",
        "ROW",
    ]
)
TITANIUM_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "RUS",
        "KAZ",
        "SAU",
        "AUS",
        "CAN",
        "MOZ",
        "ZAF",
        "NOR",
        "SEN",
        "MDG",
        "UKR",
        "IND",
        "FRA",
        "GBR",
        "ITA",
        "ESP",
        "SWE",
        "BEL",
        "NLD",
        "MEX",
    ]
)
TIO2_PER_SPONGE = 2.2
# Sponge users outside the United States; the aerospace melters are judged.
SPONGE_USE = {
    "CHN": 0.755, "RUS": 0.085, "JPN": 0.055, "FRA": 0.02, "GBR": 0.022,
    "DEU": 0.02, "KOR": 0.01, "ITA": 0.01, "SWE": 0.003, "ESP": 0.003,
}  # fmt: skip


def add(tables: Tables, raw: Raw) -> None:
    """Add both chains."""
    _magnesium(tables, raw)
    _titanium(tables, raw)


def _price_at_home(tables: Tables, raw: Raw) -> None:
    """Observe what American users pay behind anti-dumping duties.

    It is no price inside a restricting exporter, so no `inside`; and no base price,
    because the market has no duty that would hold the two prices apart.
    """
    for year in (2024, 2025):
        printed = price_of(
            raw,
            "MAGNESIUM METAL",
            "Price, annual average: U.S. spot Western",
            year=year,
        )
        tables.row(
            "observations",
            series="price_usd_per_t/magnesium/USA",
            date=f"{year}-12",
            value=printed * PER_T["usd/lb"],
            source_id="MCS26",
            evidence="read",
            note=f"mean of {year}, spot in the country, behind anti-dumping duties",
        )


def _magnesium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "magnesium", MAGNESIUM_KEEP)
    chain.item("magnesium", "metal", "metal", form="primary and alloy")
    add_mcs_price(
        chain,
        "magnesium",
        "MAGNESIUM METAL",
        "Price, annual average: European free market",
        "usd/t",
    )
    _price_at_home(tables, raw)
    chain.content("magnesium", "Mg", 1.0)
    chain.process("magnesium_smelting", "metal", {"magnesium": 1})
    chain.process("magnesium_recycling", "metal", {"magnesium": 1})
    made = production(raw, "Magnesium", "smelter")
    room = capacity(raw, "Magnesium", "smelter")
    idle = room.pop("USA")
    chain.plants("magnesium_smelting", made, REFINER, capacity=room)
    tables.row(
        "plants",
        plant="magnesium_smelting_USA",
        process="magnesium_smelting",
        country="USA",
        aggregate=True,
        capacity_t_per_year=idle.t,
        basis="output",
        base_activity_t_per_year=0.0,
        idle_t_per_year=idle.t,
        restart_years=3.0,
        supply_elasticity=REFINER,
        source_id="MCS26",
        evidence="estimated",
        note="the smelter in Utah stands; years to restart are assumed",
    )
    net = (
        salient(raw, "MAGNESIUM METAL", "Imports for consumption").t
        - salient(raw, "MAGNESIUM METAL", "Exports").t
    )
    use = Figure(
        net / 0.75,
        "MCS26",
        "computed",
        "withheld; net imports over a reliance of 0.75, the middle of 0.5 to 1",
    )
    own = Figure(use.t - net, "MCS26", "computed", "use less net imports: scrap")
    chain.plants("magnesium_recycling", {"USA": own}, REFINER)
    split = chain.source(
        "ASSUMED-USE-MG",
        "Magnesium use by country, judged from die casting, aluminum "
        "alloys and desulphurising",
    )
    table = {
        "CHN": 0.57, "DEU": 0.065, "JPN": 0.045, "KOR": 0.03, "CAN": 0.04, "RUS": 0.03,
        "MEX": 0.02, "CZE": 0.015, "AUT": 0.015, "ITA": 0.015, "FRA": 0.012,
        "ESP": 0.008, "GBR": 0.01, "IND": 0.02, "TUR": 0.012, "BRA": 0.015,
        "NLD": 0.006, "POL": 0.008, "SWE": 0.003, "BEL": 0.003,
    }  # fmt: skip
    chain.uses_by_share("magnesium", table, split, {"USA": use})
    chain.import_lanes("magnesium", {"ISR": 0.2, "CAN": 0.15, "TUR": 0.11, "CZE": 0.09})
    others = chain.source(
        "ASSUMED-MG-SOURCES",
        "The 45 % of American magnesium imports without a named source, by the sources "
        "of alloys, powder and scrap; duties keep China small",
    )
    rest = {"CHN": 0.08, "KOR": 0.08, "MEX": 0.08, "RUS": 0.05, "AUT": 0.05,
            "KAZ": 0.03, "ROW": 0.08}  # fmt: skip
    net_need = use.t - own.t
    chain.import_lanes(
        "magnesium", rest, source_id=others, evidence="assumed", tonnes=net_need
    )
    chain.assumed_lanes("magnesium")


def _titanium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "titanium", TITANIUM_KEEP)
    chain.item(
        "titanium_concentrate",
        "concentrate",
        "contained TiO2",
        form="ilmenite and rutile",
        hs_codes="261400",
    )
    chain.item("titanium_sponge", "metal", "metal")
    grade = chain.source(
        "ASSUMED-GRADE-TI",
        "Titanium ores in trade hold 55 % TiO2; their price is taken on that content",
    )
    for period, usd in (("2024", 330.0), ("2025", 300.0)):
        chain.price(
            "titanium_concentrate",
            usd / 0.55,
            period=period,
            source_id=grade,
            evidence="computed",
            kind="import_unit_value",
            note="import value of ilmenite over 0.55",
        )
    add_mcs_price(
        chain,
        "titanium_sponge",
        "TITANIUM AND TITANIUM DIOXIDE",
        "Price, dollars per kilogram",
        "usd/kg",
    )
    chain.content("titanium_concentrate", "Ti", 0.5995)
    chain.content("titanium_sponge", "Ti", 1.0)
    chain.process("titanium_mining", "concentrate", {"titanium_concentrate": 1})
    chain.process(
        "sponge_making",
        "metal",
        {"titanium_sponge": 1, "titanium_concentrate": -TIO2_PER_SPONGE},
    )
    mined: dict[str, Figure] = {}
    for detail in ("Mine production: Ilmenite", "Mine production: Rutile"):
        for country, figure in production(
            raw, "Titanium", "mine", detail=detail
        ).items():
            before = mined.get(country)
            mined[country] = figure._replace(t=figure.t + (before.t if before else 0.0))
    chain.plants("titanium_mining", mined, MINE)
    chain.plants(
        "sponge_making",
        production(raw, "Titanium", "sponge"),
        REFINER,
        capacity=capacity(raw, "Titanium", "sponge"),
    )
    chapter = "TITANIUM MINERAL CONCENTRATES"
    use = salient(raw, chapter, "Consumption, apparent")
    sources = import_shares(raw, chapter, "Titanium Mineral Concentrates", "All")
    chain.trade_closes(
        "titanium_concentrate",
        {"261400": 0.55},
        use,
        sources,
        factor_source=grade,
        lanes="assumed",
        home_use={"MOZ": 0.0, "MDG": 0.0, "SEN": 0.0},
    )
    chain.assumed_lanes("titanium_concentrate")
    chapter = "TITANIUM AND TITANIUM DIOXIDE"
    sponge = salient(
        raw, chapter, "Consumption, apparent", commodity="Titanium sponge metal"
    )
    split = chain.source(
        "ASSUMED-USE-SPONGE", "Use of titanium sponge outside the United States"
    )
    chain.uses_by_share("titanium_sponge", SPONGE_USE, split, {"USA": sponge})
    chain.import_lanes(
        "titanium_sponge",
        import_shares(raw, chapter, "Titanium Sponge Metal", "Titanium Sponge Metal"),
    )
    chain.assumed_lanes("titanium_sponge")
