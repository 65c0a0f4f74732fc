# SPDX-License-Identifier: Apache-2.0
"""Lithium (mine to chemicals) and graphite (flake and synthetic to anode)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import MINE, REFINER, ChainRows
from studies.build.mcs import (
    Figure,
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

LITHIUM_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "AUS",
        "CHL",
        "ARG",
        "BRA",
        "CAN",
        "ZWE",
        "FRA",
        "BEL",
        "SWE",
        "POL",
        "GBR",
        "IND",
        "MLI",
        "PRT",
    ]
)
CARBONATE_TO_LI = 2 * 6.94 / 73.89  # Li in Li2CO3
HYDROXIDE_TO_LI = 6.94 / 41.96  # Li in LiOH.H2O, the traded form
CONVERTED = {
    "CHL": 44_000.0, "ARG": 12_000.0, "USA": 900.0, "AUS": 1_500.0, "KOR": 2_500.0,
    "BRA": 400.0,
}  # fmt: skip

GRAPHITE_KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "MOZ",
        "MDG",
        "BRA",
        "CAN",
        "IND",
        "RUS",
        "TZA",
        "NOR",
        "AUT",
        "IDN",
        "BEL",
        "FRA",
        "ITA",
        "POL",
        "SWE",
        "GBR",
        "ESP",
    ]
)
FLAKE_PER_ANODE = 2.2
NATURAL_ANODE = {
    "CHN": 340e3, "IDN": 15e3, "JPN": 5e3, "KOR": 4e3, "USA": 1.5e3,
}  # fmt: skip
SYNTHETIC_ANODE = {
    "CHN": 1.75e6, "JPN": 45e3, "KOR": 10e3, "USA": 4e3, "FRA": 3e3, "IDN": 15e3,
}  # fmt: skip


def add(tables: Tables, raw: Raw) -> None:
    """Add both chains."""
    _lithium(tables, raw)
    _graphite(tables, raw)


def _lithium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "lithium", LITHIUM_KEEP)
    chain.item("lithium_ore", "mine", "contained Li", form="ore and brine")
    chain.item(
        "lithium",
        "refine",
        "contained Li",
        form="carbonate and hydroxide",
        hs_codes="283691;282520",
        shelf=3.0,
    )
    add_mcs_price(
        chain,
        "lithium",
        "LITHIUM",
        "Price, annual average-real",
        "usd/t",
        factor=1 / CARBONATE_TO_LI,
        note="carbonate price over 0.188",
    )
    add_share_price(chain, "lithium_ore", "lithium", 0.5)
    chain.content("lithium_ore", "Li", 1.0)
    chain.content("lithium", "Li", 1.0)
    split = chain.source(
        "ASSUMED-LI-CONVERSION",
        "Lithium chemicals by country: Chile and Argentina from their brine, China as "
        "the rest of 91 % of mined output less ore used as such; 1,000 t mined in the "
        "United States",
    )
    chain.process("lithium_mining", "mine", {"lithium_ore": 1})
    chain.process(
        "lithium_conversion",
        "refine",
        {"lithium": 1, "lithium_ore": -1.1},
        source_id=split,
    )
    mined = production(raw, "Lithium", "mine")
    mined["USA"] = Figure(1000.0, split, "assumed", "withheld")
    chain.plants(
        "lithium_mining",
        mined,
        MINE,
        before=output_of_2023(raw, "Lithium", "mine"),
        small=0.0,
    )
    glass = chain.source(
        "ASSUMED-LI-CERAMICS",
        "Portuguese lepidolite goes into Iberian ceramics as ore; no refiner takes it",
    )
    local = mined["PRT"].t
    chain.use("lithium_ore", "PRT", Figure(local, glass, "assumed"))
    total = (sum(f.t for f in mined.values()) - local) / 1.1
    made = {**CONVERTED, "CHN": total - sum(CONVERTED.values())}
    chain.plants("lithium_conversion", figures(made, split, "assumed"), REFINER)
    chain.assumed_lanes("lithium_ore")
    net = (
        salient(raw, "LITHIUM", "Imports for consumption").t
        - salient(raw, "LITHIUM", "Exports").t
    )
    use = Figure(
        net / 0.75,
        "MCS26",
        "computed",
        "withheld; net imports over a reliance of 0.75, the middle of 0.5 to 1",
    )
    factors = chain.source(
        "COMPUTED-LI-CONTENT",
        "BACI tonnes times the lithium in carbonate (0.188) and hydroxide monohydrate "
        "(0.165)",
    )
    chain.trade_closes(
        "lithium",
        {"283691": CARBONATE_TO_LI, "282520": HYDROXIDE_TO_LI},
        use,
        import_shares(raw, "LITHIUM", "Lithium", "All"),
        factor_source=factors,
    )
    chain.assumed_lanes("lithium")


def _graphite(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "graphite", GRAPHITE_KEEP)
    chain.item(
        "graphite_natural",
        "mine",
        "gross",
        form="flake, amorphous and lump",
        hs_codes="250410;250490",
    )
    chain.item(
        "graphite_anode",
        "component",
        "gross",
        form="coated spherical and synthetic anode powder",
    )
    add_mcs_price(
        chain,
        "graphite_natural",
        "GRAPHITE (NATURAL)",
        "Price, average unit value of imports, dollars per metric ton at foreign "
        "ports: Flake",
        "usd/t",
        kind="import_unit_value",
    )
    quote = chain.source(
        "ASSUMED-ANODE-PRICE", "Anode graphite at 5,000 USD a t in 2024 and 2025"
    )
    for year in ("2024", "2025"):
        chain.price(
            "graphite_anode", 5000.0, period=year, source_id=quote, evidence="assumed"
        )
    split = chain.source(
        "ASSUMED-ANODE",
        "Anode graphite by country: 2.2 t of flake a t of coated spherical graphite; "
        "China makes nearly all of it (99 % of battery grade in IEA's words)",
    )
    chain.process("graphite_mining", "mine", {"graphite_natural": 1})
    chain.process(
        "anode_from_flake",
        "component",
        {"graphite_anode": 1, "graphite_natural": -FLAKE_PER_ANODE},
        source_id=split,
    )
    chain.process(
        "anode_synthetic", "component", {"graphite_anode": 1}, source_id=split
    )
    chain.plants(
        "graphite_mining",
        production(raw, "Graphite", "mine"),
        MINE,
        before=output_of_2023(raw, "Graphite", "mine"),
    )
    chain.plants("anode_from_flake", figures(NATURAL_ANODE, split, "assumed"), REFINER)
    chain.plants("anode_synthetic", figures(SYNTHETIC_ANODE, split, "assumed"), REFINER)
    use = salient(raw, "GRAPHITE (NATURAL)", "Consumption, apparent")
    own = NATURAL_ANODE["USA"] * FLAKE_PER_ANODE
    net = use._replace(
        t=use.t - own,
        evidence="computed",
        note="apparent consumption less flake for anodes",
    )
    sources = import_shares(raw, "GRAPHITE (NATURAL)", "Graphite (Natural)", "All")
    sources.pop("MEX")  # not named in this chain
    chain.trade_closes(
        "graphite_natural",
        {"250410": 1.0, "250490": 1.0},
        net,
        sources,
        factor_source="BACI",
    )
    chain.assumed_lanes("graphite_natural")
    cells = Figure(60e3, split, "assumed", "about 55 GWh of cells at 1.1 kg a kWh")
    table, assumed = shares(tables, "BATTERY")
    chain.uses_by_share("graphite_anode", table, assumed, {"USA": cells})
    chain.assumed_lanes("graphite_anode")
