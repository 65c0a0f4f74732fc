# SPDX-License-Identifier: Apache-2.0
"""Write the rare-earth chain of 2024: from ore feed to magnet, with swarf.

Left out, and why: cobalt in magnets (it would tie this chain to cobalt's), iron and
boron (nobody books them; each element's balance stays right without), mischmetal and
ferrocerium, xenotime and heavy oxides outside China (none of size in 2024).
Use in China of lanthanum and cerium includes what piles up unsold: no source says
how much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from studies.build.countries import ensure
from studies.build.rare_earth_balance import balance
from studies.build.rare_earth_baskets import (
    ELEMENTS,
    FEEDS,
    NDPR_ND_SHARE,
    SEPARATIONS,
    SPLIT_YIELD,
    basket,
    metal_fraction,
    outputs_per_t_feed,
    oxide_of,
)
from studies.build.rare_earth_magnets import (
    MAGNETS,
    SM_IN_SMCO,
    ndpr_oxide_per_metal,
    oxide_per_metal,
    swarf_oxides,
)
from studies.build.rare_earth_prices import add_prices, base_prices
from studies.build.sources import assume
from studies.build.uses import add_use

if TYPE_CHECKING:
    from studies.build.rare_earth_flows import Balance
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["ITEMS", "PLANTS", "add"]

FILL = 0.9  # output over capacity where no capacity is known
# Assumed: separation answers slowly because one basket serves fifteen markets.
SUPPLY = {"mine": 0.5, "refine": 0.5, "metal": 1.0, "component": 1.0}


class ItemRow(NamedTuple):
    """One item: mineral as lists name it, stage, basis, form, customs codes."""

    mineral: str
    stage: str
    basis: str
    form: str
    hs_codes: str


def _items() -> dict[str, ItemRow]:
    found = {
        feed: ItemRow("rare earths", "mine", "REO contained", "concentrate", "261790")
        for feed in FEEDS
    }
    for feed in ("ion_clay_carbonate", "ion_clay_yttric_carbonate", "seg_concentrate"):
        # SEG is a product of a separator: a ban on raw ore does not touch it.
        stage = "refine" if feed == "seg_concentrate" else "mine"
        found[feed] = ItemRow(
            "rare earths", stage, "REO contained", "mixed carbonate", "284690"
        )
    for symbol, name in ELEMENTS.items():
        code = "284610" if symbol == "Ce" else "284690"
        found[oxide_of(symbol)] = ItemRow(name, "refine", "oxide", "oxide", code)
    found["ndpr_oxide"] = ItemRow("neodymium", "refine", "oxide", "oxide", "284690")
    for name in ("dysprosium", "samarium", "terbium"):
        found[f"{name}_metal"] = ItemRow(name, "metal", "gross", "metal", "280530")
    found["ndpr_metal"] = ItemRow("neodymium", "metal", "gross", "metal", "280530")
    magnet = ("component", "gross", "magnet", "850511")
    found["ndfeb_magnet"] = ItemRow("neodymium", *magnet)
    found["ndfeb_magnet_heavy"] = ItemRow("dysprosium", *magnet)
    found["smco_magnet"] = ItemRow("samarium", *magnet)
    swarf = ("alloy", "gross", "swarf", "850511")
    found["ndfeb_swarf"] = ItemRow("rare earths", *swarf)
    found["ndfeb_swarf_heavy"] = ItemRow("rare earths", *swarf)
    return found


ITEMS = _items()
NOT_STORABLE = ("ndfeb_swarf", "ndfeb_swarf_heavy")
ITEM_NOTES = {
    "ndpr_oxide": "Neodymium and praseodymium oxides 3 : 1; a measure on "
    "praseodymium alone does not touch it",
    "ndfeb_magnet_heavy": "NdFeB with dysprosium and terbium; listed under "
    "dysprosium, so that measures on dysprosium touch it. Contents are those of the "
    "thrifted grade, the least that the item holds",
    "seg_concentrate": "Samarium and heavier oxides of Mount Weld, unseparated",
}


class PlantFact(NamedTuple):
    """What is known of a plant that stands for its country's process."""

    name: str
    owner: str
    capacity: float | None
    note: str


PLANTS: dict[tuple[str, str], PlantFact] = {
    ("mountain_pass_mining", "USA"): PlantFact(
        "mountain_pass_mine", "USA", None, "MP Materials, California"
    ),
    ("mountain_pass_light_separation", "USA"): PlantFact(
        "mountain_pass_separation",
        "USA",
        2_884.0,
        "Capacity: NdPr oxide of the third quarter of 2025 times four (samarium.dev)",
    ),
    ("mount_weld_mining", "AUS"): PlantFact(
        "mount_weld_mine", "AUS", None, "Lynas; Australia's whole output"
    ),
    ("mount_weld_separation", "MYS"): PlantFact(
        "lynas_kuantan",
        "AUS",
        8_012.0,
        "Capacity: NdPr oxide of July to September 2025 times four (Argus 2025-10-30)",
    ),
    ("monazite_light_separation", "EST"): PlantFact(
        "silmet",
        "CAN",
        None,
        "Neo Performance; facility total 3,200 t of oxide, here as NdPr oxide",
    ),
}
SILMET_OXIDE_T = 3_200.0


def _add_items(tables: Tables) -> None:
    source = assume(
        tables,
        "ASSUMED-RE-ITEMS",
        "Rare-earth items, their basis and customs codes as this study names them",
    )
    for item, row in ITEMS.items():
        tables.row(
            "items", item=item, mineral=row.mineral, stage=row.stage, form=row.form,
            basis=row.basis, hs_codes=row.hs_codes, storable=item not in NOT_STORABLE,
            source_id=source, evidence="assumed", note=ITEM_NOTES.get(item),
        )  # fmt: skip


def contents(raw: Raw) -> dict[str, dict[str, float]]:
    """Return the mass share of each rare earth in each item, by element symbol."""
    metal = metal_fraction(raw)
    nd = NDPR_ND_SHARE * metal["Nd"]
    pr = (1 - NDPR_ND_SHARE) * metal["Pr"]
    ndpr = {"Nd": nd / (nd + pr), "Pr": pr / (nd + pr)}
    found = {
        feed: {e: s * metal[e] for e, s in basket(raw, feed).items() if s > 0}
        for feed in (*FEEDS, "seg_concentrate")
    }
    found |= {oxide_of(e): {e: metal[e]} for e in ELEMENTS}
    found["ndpr_oxide"] = {"Nd": nd, "Pr": pr}
    found["ndpr_metal"] = dict(ndpr)
    for symbol, name in (("Dy", "dysprosium"), ("Sm", "samarium"), ("Tb", "terbium")):
        found[f"{name}_metal"] = {symbol: 1.0}
    thrifted = MAGNETS["ndfeb_heavy_magnet_thrifted_making"]
    heavy = MAGNETS["ndfeb_heavy_magnet_making"]
    standard = MAGNETS["ndfeb_magnet_making"]
    for item, magnet, ndpr_share in (
        ("ndfeb_magnet", standard, standard.ndpr),
        ("ndfeb_magnet_heavy", thrifted, heavy.ndpr),
        ("ndfeb_swarf", standard, standard.ndpr),
        ("ndfeb_swarf_heavy", heavy, heavy.ndpr),
    ):
        shares = {e: ndpr_share * s for e, s in ndpr.items()}
        shares |= {"Dy": magnet.dy, "Tb": magnet.tb}
        found[item] = {e: s for e, s in shares.items() if s > 0}
    found["smco_magnet"] = {"Sm": SM_IN_SMCO}
    return found


def _add_contents(tables: Tables, raw: Raw) -> None:
    for item, shares in contents(raw).items():
        known = item.endswith(("_oxide", "_metal"))
        for element, share in shares.items():
            tables.row(
                "contents", item=item, element=element, mass_share=float(share),
                source_id="ATOMIC" if known else "MEM",
                evidence="computed" if known else "assumed",
            )  # fmt: skip


def recipes(raw: Raw) -> dict[str, dict[str, float]]:
    """Return every process's coefficients, t of item per t of main item."""
    found: dict[str, dict[str, float]] = {}
    for feed in FEEDS:
        name = feed.removesuffix("_concentrate").removesuffix("_carbonate")
        found[f"{name}_mining"] = {feed: 1.0}
    for process, way in SEPARATIONS.items():
        out = outputs_per_t_feed(raw, process)
        main = out[way.main_item]
        found[process] = {item: t / main for item, t in out.items()}
        found[process][way.feed] = -1 / main
    found["ndpr_splitting"] = {
        "neodymium_oxide": 1.0,
        "praseodymium_oxide": (1 - NDPR_ND_SHARE) / NDPR_ND_SHARE,
        "ndpr_oxide": -1 / (NDPR_ND_SHARE * SPLIT_YIELD),
    }
    found["ndpr_metal_making"] = {
        "ndpr_metal": 1.0,
        "ndpr_oxide": -ndpr_oxide_per_metal(raw),
    }
    for symbol, name in (("Dy", "dysprosium"), ("Sm", "samarium"), ("Tb", "terbium")):
        found[f"{name}_metal_making"] = {
            f"{name}_metal": 1.0,
            f"{name}_oxide": -oxide_per_metal(raw, symbol),
        }
    return found | _magnet_recipes(raw)


def _magnet_recipes(raw: Raw) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for process, magnet in MAGNETS.items():
        heavy = magnet.dy > 0
        rows = {
            "ndfeb_magnet_heavy" if heavy else "ndfeb_magnet": 1.0,
            "ndpr_metal": -magnet.metal(magnet.ndpr),
            "dysprosium_metal": -magnet.metal(magnet.dy),
            "terbium_metal": -magnet.metal(magnet.tb),
            "ndfeb_swarf": magnet.swarf,
            "ndfeb_swarf_heavy": magnet.swarf_heavy,
        }
        found[process] = {item: c for item, c in rows.items() if c}
    samarium = MAGNETS["ndfeb_magnet_making"].metal(SM_IN_SMCO)
    found["smco_magnet_making"] = {"smco_magnet": 1.0, "samarium_metal": -samarium}
    for kind, source in (("swarf", "magnet"), ("swarf_heavy", "heavy_magnet")):
        out = swarf_oxides(raw, MAGNETS[f"ndfeb_{source}_making"])
        main = out["ndpr_oxide"]
        name = "ndfeb_swarf_recycling" if kind == "swarf" else None
        process = name or "ndfeb_heavy_swarf_recycling"
        found[process] = {item: t / main for item, t in out.items()}
        found[process][f"ndfeb_{kind}"] = -1 / main
    return found


def stage_of(process: str) -> str:
    """Return the stage of a process by its name."""
    if process.endswith("_mining"):
        return "mine"
    if process.endswith(("_separation", "_splitting", "_recycling")):
        return "refine"
    return "metal" if process.endswith("_metal_making") else "component"


def main_item(process: str, recipe: dict[str, float]) -> str:
    """Return the item that the activity of a process counts."""
    if process in SEPARATIONS:
        return SEPARATIONS[process].main_item
    return next(item for item, c in recipe.items() if c == 1.0)


def _add_processes(tables: Tables, raw: Raw) -> None:
    source = assume(
        tables,
        "ASSUMED-RE-RECIPES",
        "Rare-earth recipes: baskets by deposit type, cracking 0.92 x separation 0.97 "
        "(clay 0.97 only), metal 0.95 (Dy, Tb 0.93, Sm 0.90), alloy 0.98, magnet "
        "0.75, swarf 0.9 recovered; mostly from memory (basket_compositions.csv, "
        "stage_yields.csv); cobalt, iron and boron are not booked",
    )
    for process, rows in recipes(raw).items():
        main = main_item(process, rows)
        note = SEPARATIONS[process].note if process in SEPARATIONS else None
        if process == "ndfeb_heavy_magnet_thrifted_making":
            note = "Dysprosium 1.2 % in place of 2.5 %, by grain-boundary diffusion"
        tables.row(
            "processes", process=process, stage=stage_of(process), main_item=main,
            source_id=source, evidence="assumed", note=note or None,
        )  # fmt: skip
        for item, coefficient in rows.items():
            tables.row(
                "recipes", process=process, item=item, coefficient=float(coefficient),
                source_id=source,
                evidence="computed" if item == main else "assumed",
            )  # fmt: skip


def _activity_evidence(process: str, country: str) -> tuple[str, str]:
    """Return evidence and source of a plant's base activity."""
    if process.endswith("_mining"):
        if country == "USA":
            return "read", "MCS26"
        # China's quota is split by memory; the others are flagged as estimated.
        return ("assumed" if country == "CHN" and "clay" in process else "estimated",
                "MCS26")  # fmt: skip
    if process in SEPARATIONS:
        clay = "clay" in process
        return ("assumed" if clay else "computed"), "ASSUMED-RE-ACTIVITY"
    if process == "ndpr_metal_making" and country in {"THA", "VNM"}:
        return "estimated", "BACI"
    return "assumed", "ASSUMED-RE-ACTIVITY"


def _add_plants(tables: Tables, raw: Raw, found: Balance) -> None:
    assume(
        tables,
        "ASSUMED-RE-ACTIVITY",
        "Rare-earth separation, metal and magnet making in 2024: feeds times basket, "
        "BACI flows of NdPr oxide and metal, 85 % of NdPr to magnets, 95 % of Dy to "
        "magnets; China is what remains",
    )
    for (process, country), base in sorted(found.activity.items()):
        ensure(tables, raw, country)
        evidence, source_id = _activity_evidence(process, country)
        fact = PLANTS.get((process, country))
        capacity = fact.capacity if fact else None
        if fact and fact.name == "silmet":
            out = outputs_per_t_feed(raw, process)
            capacity = SILMET_OXIDE_T * out["ndpr_oxide"] / sum(out.values())
        note = "" if capacity else "Capacity: activity over 0.9"
        if fact:
            note = "; ".join(n for n in (fact.note, note) if n)
        room = max(capacity or base / FILL, base)
        if process == "ndfeb_heavy_magnet_thrifted_making":
            # Magnet makers can change grade within a year, up to three times as much.
            room, note = 3 * base, "Capacity: grade can be changed, assumed 3 x"
        tables.row(
            "plants", plant=fact.name if fact else f"{process}_{country}",
            process=process, country=country,
            owner_country=fact.owner if fact else country, aggregate=fact is None,
            capacity_t_per_year=float(room), basis="output",
            base_activity_t_per_year=float(base),
            supply_elasticity=SUPPLY[stage_of(process)], source_id=source_id,
            evidence=evidence, note=note,
        )  # fmt: skip


def _add_uses(tables: Tables, raw: Raw, found: Balance) -> None:
    source = assume(
        tables,
        "ASSUMED-RE-USE",
        "Use of rare earths by country: shares of the world assumed; United States: "
        "light by group use times the world's shares, heavy within the 74 t imported "
        "in 2024 (MCS 2026), magnets from assumed trade",
    )
    for (item, country), t in sorted(found.use.items()):
        ensure(tables, raw, country)
        american = item == "yttrium_oxide" and country == "USA"
        add_use(
            tables, item, country, t, mineral=ITEMS[item].mineral,
            source_id="MCS26" if american else source,
            evidence="estimated" if american else "assumed",
        )  # fmt: skip


LANE_SOURCES = {
    "estimated": "BACI",
    "computed": "MCS26",
    "assumed": "ASSUMED-RE-TRADE",
}


def _add_lanes(tables: Tables, raw: Raw, found: Balance) -> None:
    assume(
        tables,
        "ASSUMED-RE-TRADE",
        "Trade in rare-earth oxides, metals and magnets by partner: shares assumed "
        "(58,152 t of Chinese magnet exports read); what remains comes from China",
    )
    for (item, exporter, importer), t in sorted(found.lanes.items()):
        for country in (exporter, importer):
            ensure(tables, raw, country)
        evidence = found.evidence[item, exporter, importer]
        tables.row(
            "lanes", item=item, exporter=exporter, importer=importer,
            base_t_per_year=float(t), kind="observed",
            source_id=LANE_SOURCES[evidence], evidence=evidence,
        )  # fmt: skip


def add(tables: Tables, raw: Raw) -> None:
    """Add the rare-earth chain."""
    found = balance(raw)
    _add_items(tables)
    _add_contents(tables, raw)
    _add_processes(tables, raw)
    add_prices(tables, raw, base_prices(raw, found))
    _add_plants(tables, raw, found)
    _add_uses(tables, raw, found)
    _add_lanes(tables, raw, found)
