# SPDX-License-Identifier: Apache-2.0
"""Zinc and lead (mine to refined); germanium and indium as zinc's by-products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import BY_PRODUCT, MINE, REFINER, ChainRows
from studies.build.flows import baci_flows, fold, fold_flows
from studies.build.mcs import (
    Figure,
    capacity,
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

KEEP = frozenset(
    [
        "USA",
        "CHN",
        "JPN",
        "KOR",
        "DEU",
        "IND",
        "CAN",
        "AUS",
        "PER",
        "MEX",
        "BOL",
        "KAZ",
        "RUS",
        "SWE",
        "ESP",
        "FIN",
        "BEL",
        "FRA",
        "ITA",
        "NLD",
        "POL",
        "TUR",
        "AUT",
        "GBR",
        "TWN",
        "UZB",
    ]
)
ZINC_IN_CONCENTRATE, LEAD_IN_CONCENTRATE = 0.5, 0.55
REFINING_LOSS = 1.04
# Recoverable indium and germanium in zinc residues, as t of indium a t of zinc: about
# three times world output of both (Frenzel et al. 2017 say so for indium). Germanium
# takes 1.6 of the unit.
RESIDUE_PER_ZINC = 4e-4
RESIDUE_PER_GERMANIUM = 1.6
LEAD_SCRAP_KT = {
    "CHN": 2900, "IND": 900, "KOR": 400, "DEU": 260, "MEX": 250, "ESP": 120,
    "ITA": 150, "JPN": 170, "GBR": 110, "CAN": 120, "POL": 80, "FRA": 60, "BEL": 100,
    "TUR": 80, "SWE": 50, "AUT": 25, "RUS": 120, "ROW": 1100,
}  # fmt: skip
GE_FROM_COAL = {"CHN": 80.0, "RUS": 5.0}
GE_FROM_ZINC = {"CHN": 120.0, "CAN": 18.0}
GE_SCRAP = {"BEL": 28.0, "DEU": 8.0, "JPN": 4.0, "ROW": 2.0}


def add(tables: Tables, raw: Raw) -> None:
    """Add zinc, lead, germanium and indium."""
    _zinc(tables, raw)
    _lead(tables, raw)
    _germanium(tables, raw)
    _indium(tables, raw)


def _refined(
    raw: Raw, mined: dict[str, Figure], code: str, content: float, source_id: str
) -> dict[str, Figure]:
    """Return primary refined metal: mined plus net ore imports, less the loss."""
    ore = {c: f.t for c, f in mined.items()}
    for (source, target), tonnes in fold_flows(
        baci_flows(raw.baci, {code: content}), KEEP
    ).items():
        ore[source] = ore.get(source, 0.0) - tonnes
        ore[target] = ore.get(target, 0.0) + tonnes
    made = {c: max(0.0, v) / REFINING_LOSS for c, v in fold(ore, KEEP).items()}
    factor = sum(f.t for f in mined.values()) / REFINING_LOSS / sum(made.values())
    return figures(
        {c: v * factor for c, v in made.items() if v > 0}, source_id, "assumed"
    )


def _zinc(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "zinc", KEEP)
    rule = chain.source(
        "ASSUMED-ZN-PB-REFINING",
        "Refined zinc and lead by country are mined metal plus net imports of "
        "concentrate (50 % zinc, 55 % lead) less 4 %; scrap of lead by judgement",
    )
    chain.item("zinc_concentrate", "concentrate", "contained Zn", hs_codes="260800")
    chain.item("zinc", "metal", "metal", form="refined")
    chain.item(
        "zinc_residue",
        "concentrate",
        "recoverable In equivalent",
        mineral="indium",
        storable=False,
        source_id=rule,
        evidence="assumed",
        note="leach residue and dust; germanium takes 1.6 of the unit",
    )
    add_pink_price(chain, "zinc", "Zinc")
    add_share_price(chain, "zinc_concentrate", "zinc", 0.8)
    chain.content("zinc_concentrate", "Zn", 1.0)
    chain.content("zinc", "Zn", 1.0)
    chain.process("zinc_mining", "concentrate", {"zinc_concentrate": 1})
    chain.process(
        "zinc_refining",
        "metal",
        {
            "zinc": 1,
            "zinc_concentrate": -REFINING_LOSS,
            "zinc_residue": RESIDUE_PER_ZINC,
        },
        source_id=rule,
    )
    chain.process("zinc_recycling", "metal", {"zinc": 1})
    mined = production(raw, "Zinc", "mine")
    chain.plants("zinc_mining", mined, MINE, before=output_of_2023(raw, "Zinc", "mine"))
    made = _refined(raw, mined, "260800", ZINC_IN_CONCENTRATE, rule)
    total = salient(raw, "ZINC", "Production: Refined zinc,")
    made["USA"] = Figure(120e3, rule, "assumed", "primary part of refined zinc")
    chain.plants("zinc_refining", made, REFINER)
    rest = total._replace(t=total.t - 120e3, evidence="computed", source_id="MCS26")
    chain.plants("zinc_recycling", {"USA": rest}, REFINER)
    grade = baci_flows(raw.baci, {"260800": ZINC_IN_CONCENTRATE})
    chain.trade_lanes("zinc_concentrate", grade, source_id=rule, evidence="assumed")
    chain.assumed_lanes("zinc_concentrate")
    use = salient(raw, "ZINC", "Consumption, apparent, refined zinc")
    table, assumed = shares(tables, "BASE")
    chain.uses_by_share("zinc", table, assumed, {"USA": use})
    chain.import_lanes("zinc", import_shares(raw, "ZINC", "Zinc", "Refined metal"))
    chain.assumed_lanes("zinc")


def _lead(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "lead", KEEP)
    rule = "ASSUMED-ZN-PB-REFINING"
    chain.item("lead_concentrate", "concentrate", "contained Pb", hs_codes="260700")
    chain.item("lead", "metal", "metal", form="refined")
    add_pink_price(chain, "lead", "Lead")
    add_share_price(chain, "lead_concentrate", "lead", 0.8)
    chain.content("lead_concentrate", "Pb", 1.0)
    chain.content("lead", "Pb", 1.0)
    chain.process("lead_mining", "concentrate", {"lead_concentrate": 1})
    chain.process(
        "lead_refining",
        "metal",
        {"lead": 1, "lead_concentrate": -REFINING_LOSS},
        source_id=rule,
    )
    chain.process("lead_recycling", "metal", {"lead": 1})
    mined = production(raw, "Lead", "mine")
    chain.plants("lead_mining", mined, MINE, before=output_of_2023(raw, "Lead", "mine"))
    made = _refined(raw, mined, "260700", LEAD_IN_CONCENTRATE, rule)
    made.pop("USA", None)  # no primary refinery since 2013
    chain.plants("lead_refining", made, REFINER)
    scrap = figures({c: kt * 1e3 for c, kt in LEAD_SCRAP_KT.items()}, rule, "assumed")
    scrap["USA"] = salient(raw, "LEAD", "Production: Secondary refinery, old scrap")
    chain.plants("lead_recycling", scrap, REFINER)
    flows = baci_flows(raw.baci, {"260700": LEAD_IN_CONCENTRATE})
    chain.trade_lanes("lead_concentrate", flows, source_id=rule, evidence="assumed")
    chain.assumed_lanes("lead_concentrate")
    use = salient(raw, "LEAD", "Consumption, apparent")
    table, assumed = shares(tables, "LEAD")
    chain.uses_by_share("lead", table, assumed, {"USA": use})
    chain.import_lanes("lead", import_shares(raw, "LEAD", "Lead", "Refined metal"))
    chain.assumed_lanes("lead")


def _germanium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "germanium", KEEP)
    split = chain.source(
        "ASSUMED-GE-SUPPLY",
        "Germanium from zinc residues, coal ash and scrap by country; China's 200 t is "
        "published for 2023 (British Geological Survey), its split and the others are "
        "judged from American import sources",
    )
    chain.item("germanium", "metal", "contained Ge", form="metal and dioxide")
    add_mcs_price(
        chain,
        "germanium",
        "GERMANIUM",
        "Price, annual average, dollars per kilogram: Germanium metal",
        "usd/kg",
    )
    chain.content("germanium", "Ge", 1.0)
    chain.process(
        "germanium_extraction",
        "metal",
        {"germanium": 1, "zinc_residue": -RESIDUE_PER_GERMANIUM},
        source_id=split,
    )
    chain.process("germanium_from_coal", "metal", {"germanium": 1}, source_id=split)
    chain.process("germanium_recycling", "metal", {"germanium": 1}, source_id=split)
    for process, made in (
        ("germanium_extraction", GE_FROM_ZINC),
        ("germanium_from_coal", GE_FROM_COAL),
        ("germanium_recycling", GE_SCRAP),
    ):
        values = figures(made, split, "assumed")
        if process == "germanium_recycling":
            values["USA"] = Figure(6.0, "BGS", "computed", "2023 taken for 2024")
        chain.plants(process, values, BY_PRODUCT)
    dioxide = 0.694  # Ge in GeO2
    chapter = "GERMANIUM"
    net = (
        salient(raw, chapter, "Imports for consumption: Germanium metal").t
        + salient(raw, chapter, "Imports for consumption: Germanium dioxide").t
        * dioxide
        - salient(raw, chapter, "Exports: Germanium metal").t
        - salient(raw, chapter, "Exports: Germanium dioxide").t * dioxide
    )
    use = Figure(
        net + 6.0,
        "MCS26",
        "computed",
        "not published; net imports of metal and dioxide plus own output",
    )
    table, assumed = shares(tables, "ELECTRONICS")
    chain.uses_by_share("germanium", table, assumed, {"USA": use})
    sources = import_shares(raw, chapter, "Germanium", "Combined total")
    chain.import_lanes("germanium", sources)
    chain.assumed_lanes("germanium")


def _indium(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "indium", KEEP)
    chain.item("indium", "metal", "metal", form="refined")
    add_mcs_price(
        chain,
        "indium",
        "INDIUM",
        "Price, annual average, dollars per kilogram: Rotterdam",
        "usd/kg",
    )
    chain.content("indium", "In", 1.0)
    chain.process(
        "indium_extraction",
        "metal",
        {"indium": 1, "zinc_residue": -1.0},
        source_id="FRENZEL",
        evidence="secondary",
    )
    chain.plants(
        "indium_extraction",
        production(raw, "Indium", "refinery"),
        BY_PRODUCT,
        capacity=capacity(raw, "Indium", "refinery"),
    )
    use = salient(raw, "INDIUM", "Consumption, estimated")
    table, assumed = shares(tables, "ELECTRONICS")
    chain.uses_by_share("indium", table, assumed, {"USA": use})
    chain.import_lanes("indium", import_shares(raw, "INDIUM", "Indium", "All"))
    chain.assumed_lanes("indium")
