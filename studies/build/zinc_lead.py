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
        "NOR",
        "BGR",
    ]
)
ZINC_IN_CONCENTRATE, LEAD_IN_CONCENTRATE = 0.5, 0.55
REFINING_LOSS = 1.04
PORTS = frozenset(["BEL", "NLD"])
# Recoverable indium and germanium in zinc residues, as t of indium a t of zinc: about
# three times world output of both (Frenzel et al. 2017 say so for indium). Germanium
# takes 1.6 of the unit.
RESIDUE_PER_ZINC = 4e-4
RESIDUE_PER_GERMANIUM = 1.6
# What publishers state of refined metal outside the United States. World totals are
# the International Lead and Zinc Study Group's forecast for 2025 over the growth that
# it expects; Canada's zinc is of 2021.
ZINC_WORLD_T = 13.73e6 / 1.018
LEAD_WORLD_T = 13.27e6 / 1.019
CANADA_ZINC_T = {"mined": 310_158.0, "refined": 640_718.0}
# Refined lead of 2017, primary and secondary, kt (Natural Resources Canada). Every
# country is scaled by the growth of the world since.
LEAD_OF_2017_KT = {
    "CHN": 4716, "KOR": 820, "IND": 554, "DEU": 354, "MEX": 340, "GBR": 318,
    "CAN": 277, "JPN": 237,
}  # fmt: skip
LEAD_WORLD_OF_2017_KT = 11_320
CANADA_PRIMARY_LEAD = 0.45  # recycled lead was 55 % of Canada's refined lead in 2017
# Lead from scrap of countries that nobody publishes, kt, by judgement.
LEAD_SCRAP_KT = {
    "ESP": 120, "ITA": 150, "POL": 80, "FRA": 60, "BEL": 100, "TUR": 80, "SWE": 50,
    "AUT": 25, "RUS": 120,
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
    raw: Raw,
    mined: dict[str, Figure],
    code: str,
    content: float,
    source_id: str,
    known: dict[str, Figure],
) -> dict[str, Figure]:
    """Return primary refined metal: `known`, else mined plus net ore imports.

    A country whose mines stand in `other countries` digs the ore that it sells, so
    its smelters get all that it imports; ports only pass ore on. The world's primary
    metal is what it mines less the loss, so the countries of the rule share what the
    known ones leave.
    """
    ore = {c: f.t for c, f in mined.items()}
    traded = baci_flows(raw.baci, {code: content})
    for (source, target), tonnes in fold_flows(traded, KEEP).items():
        seller = source if source in mined or source in PORTS else "ROW"
        ore[seller] = ore.get(seller, 0.0) - tonnes
        ore[target] = ore.get(target, 0.0) + tonnes
    unnamed = sum(v for (_, target), v in traded.items() if target not in KEEP)
    ore["ROW"] = max(ore["ROW"], unnamed)
    made = {
        c: max(0.0, v) / REFINING_LOSS
        for c, v in fold(ore, KEEP).items()
        if c not in known
    }
    left = sum(f.t for f in mined.values()) / REFINING_LOSS - _sum(known)
    factor = left / sum(made.values())
    rule = figures(
        {c: v * factor for c, v in made.items() if v > 0},
        source_id,
        "assumed",
        "mined plus net imports of concentrate; no publisher states it",
    )
    return rule | {c: f for c, f in known.items() if f.t > 0}


def _lead_rest(made: dict[str, Figure], scrap: dict[str, Figure]) -> Figure:
    """Return what the world makes beyond the countries named, as ROW's."""
    return Figure(
        LEAD_WORLD_T - _sum(made, scrap),
        "ILZSG25",
        "assumed",
        f"refined lead of the world (ILZSG, {LEAD_WORLD_T / 1e6:.2f} Mt in 2024) less "
        "every figure named here: scrap everywhere and whatever the rule of the "
        "others misses; not a country's output",
    )


def _sum(*parts: dict[str, Figure]) -> float:
    return sum(f.t for part in parts for f in part.values())


def _zinc_scrap(made: dict[str, Figure], scrap: dict[str, Figure]) -> dict[str, Figure]:
    """Share what the world refines beyond the rule like the metal of the rule."""
    left = ZINC_WORLD_T - _sum(made, scrap)
    rule = {c: f.t for c, f in made.items() if f.evidence == "assumed" and c != "USA"}
    share = left / sum(rule.values())
    return figures(
        {c: t * share for c, t in rule.items()},
        "ILZSG25",
        "assumed",
        f"{share:.3f} x the primary metal of the rule: refined zinc of the world "
        f"(ILZSG, {ZINC_WORLD_T / 1e6:.2f} Mt in 2024) less every figure known, which "
        "is scrap and what the rule misses; no publisher states it by country",
    )


def _zinc(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "zinc", KEEP)
    rule = chain.source(
        "ASSUMED-ZN-PB-REFINING",
        "Refined zinc and lead of countries without a published figure are mined "
        "metal plus net imports of concentrate (50 % zinc, 55 % lead; gross imports "
        "where the mines are not published) less 4 %; zinc that the world makes "
        "beyond that and beyond published figures is shared like the metal of the "
        "rule, lead stands in ROW; scrap of lead by judgement where unpublished",
    )
    chain.item("zinc_concentrate", "concentrate", "contained Zn", hs_codes="260800")
    chain.item(
        "zinc",
        "metal",
        "metal",
        form="refined",
        source_id=rule,
        evidence="assumed",
        note="published: the United States, Canada (2021) and the world; the other "
        "countries by a rule",
    )
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
    mined = _with_canada(production(raw, "Zinc", "mine"))
    chain.plants("zinc_mining", mined, MINE, before=output_of_2023(raw, "Zinc", "mine"))
    canada = Figure(
        CANADA_ZINC_T["refined"], "NRCANZN", "computed", "2021 taken for 2024"
    )
    total = salient(raw, "ZINC", "Production: Refined zinc,")
    own = Figure(120e3, rule, "assumed", "primary part of refined zinc")
    known = {"CAN": canada, "USA": own}
    made = _refined(raw, mined, "260800", ZINC_IN_CONCENTRATE, rule, known)
    chain.plants("zinc_refining", made, REFINER)
    scrap = {
        "USA": total._replace(t=total.t - own.t, evidence="computed", source_id="MCS26")
    }
    scrap |= _zinc_scrap(made, scrap)
    chain.plants("zinc_recycling", scrap, REFINER)
    grade = baci_flows(raw.baci, {"260800": ZINC_IN_CONCENTRATE})
    chain.trade_lanes("zinc_concentrate", grade, source_id=rule, evidence="assumed")
    chain.assumed_lanes("zinc_concentrate")
    use = salient(raw, "ZINC", "Consumption, apparent, refined zinc")
    table, assumed = shares(tables, "BASE")
    chain.uses_by_share("zinc", table, assumed, {"USA": use})
    chain.import_lanes("zinc", import_shares(raw, "ZINC", "Zinc", "Refined metal"))
    chain.assumed_lanes("zinc")


def _with_canada(mined: dict[str, Figure]) -> dict[str, Figure]:
    """Take Canada's mines out of `other countries`; its smelters live on their ore."""
    tonnes = CANADA_ZINC_T["mined"]
    canada = Figure(tonnes, "NRCANZN", "computed", "2021 taken for 2024")
    others = mined["ROW"]
    rest = others._replace(
        t=others.t - tonnes, evidence="computed", note="other countries less Canada"
    )
    return {**mined, "CAN": canada, "ROW": rest}


def _lead_of_2017(made: dict[str, Figure]) -> dict[str, Figure]:
    """Return lead from scrap: published refined lead less the primary part."""
    growth = LEAD_WORLD_T / (LEAD_WORLD_OF_2017_KT * 1e3)
    found = {}
    for country, kt in LEAD_OF_2017_KT.items():
        whole = kt * 1e3 * growth
        primary = made[country].t if country in made else 0.0
        found[country] = Figure(
            max(0.0, whole - primary),
            "NRCANPB",
            "computed",
            f"refined lead of 2017 ({kt} kt) x {growth:.3f}, the growth of the world "
            "since, less the primary part",
        )
    return found


def _lead(tables: Tables, raw: Raw) -> None:
    chain = ChainRows(tables, raw, "lead", KEEP)
    rule = "ASSUMED-ZN-PB-REFINING"
    chain.item("lead_concentrate", "concentrate", "contained Pb", hs_codes="260700")
    chain.item(
        "lead",
        "metal",
        "metal",
        form="refined",
        source_id=rule,
        evidence="assumed",
        note="published: the United States, the world and the eight largest others "
        "of 2017; the other countries by a rule",
    )
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
    growth = LEAD_WORLD_T / (LEAD_WORLD_OF_2017_KT * 1e3)
    canada = Figure(
        LEAD_OF_2017_KT["CAN"] * 1e3 * growth * CANADA_PRIMARY_LEAD,
        "NRCANPB",
        "computed",
        f"45 % of the refined lead of 2017 x {growth:.3f}, the growth of the world",
    )
    # The United States have had no primary refinery since 2013.
    none = Figure(0.0, "MCS26", "read")
    known = {"CAN": canada, "USA": none}
    made = _refined(raw, mined, "260700", LEAD_IN_CONCENTRATE, rule, known)
    chain.plants("lead_refining", made, REFINER)
    scrap = figures(
        {c: kt * 1e3 for c, kt in LEAD_SCRAP_KT.items()},
        rule,
        "assumed",
        "judged; no publisher states it",
    )
    scrap |= _lead_of_2017(made)
    scrap["USA"] = salient(raw, "LEAD", "Production: Secondary refinery, old scrap")
    scrap["ROW"] = _lead_rest(made, scrap)
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
    chain.item(
        "germanium",
        "metal",
        "contained Ge",
        form="metal and dioxide",
        hs_codes="811230",
        note="the customs code of the metal; germanium dioxide shares 282560 with "
        "zirconium dioxide",
    )
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
