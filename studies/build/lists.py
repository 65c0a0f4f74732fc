# SPDX-License-Identifier: Apache-2.0
"""Minerals on the United States list of 2025 and the European list of 2023."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["EU_2023", "UNMODELLED", "US_2025", "add"]

US_2025 = (
    "aluminum", "antimony", "arsenic", "barite", "beryllium", "bismuth", "boron",
    "cerium", "cesium", "chromium", "cobalt", "copper", "dysprosium", "erbium",
    "europium", "fluorspar", "gadolinium", "gallium", "germanium", "graphite",
    "hafnium", "holmium", "indium", "iridium", "lanthanum", "lead", "lithium",
    "lutetium", "magnesium", "manganese", "metallurgical coal", "neodymium",
    "nickel", "niobium", "palladium", "phosphate", "platinum", "potash",
    "praseodymium", "rhenium", "rhodium", "rubidium", "ruthenium", "samarium",
    "scandium", "silicon", "silver", "tantalum", "tellurium", "terbium", "thulium",
    "tin", "titanium", "tungsten", "uranium", "vanadium", "ytterbium", "yttrium",
    "zinc", "zirconium",
)  # fmt: skip

EU_2023 = (
    "aluminum", "antimony", "arsenic", "barite", "beryllium", "bismuth", "boron",
    "cerium", "cobalt", "copper", "dysprosium", "erbium", "europium", "feldspar",
    "fluorspar", "gadolinium", "gallium", "germanium", "graphite", "hafnium",
    "helium", "holmium", "iridium", "lanthanum", "lithium", "lutetium", "magnesium",
    "manganese", "metallurgical coal", "neodymium", "nickel", "niobium",
    "palladium", "phosphate", "phosphorus", "platinum", "praseodymium", "rhodium",
    "ruthenium", "samarium", "scandium", "silicon", "strontium", "tantalum",
    "terbium", "thulium", "titanium", "tungsten", "vanadium", "ytterbium",
    "yttrium",
)  # fmt: skip

# Why a mineral has no market in this study. A mineral that gains items must lose
# its line here; a test holds both ways.
UNMODELLED = {
    "boron": "countries report different forms (ulexite, datolite, refined borates) "
    "that cannot be summed, and the world total and United States figures are "
    "withheld",
    "cesium": "no production, trade or use is published in tonnes",
    "hafnium": "no production by country is published; a by-product of nuclear-grade "
    "zirconium",
    "metallurgical coal": "country figures exist only in a collection of unclear "
    "licence; trade codes mix it with steam coal; no United States price or use",
    "rubidium": "no production is published; use is below 2 t a year",
    "scandium": "only world capacity is published, no production by country",
    "uranium": "country figures exist only in a collection of unclear licence; price "
    "and United States use are outside the sources",
    "feldspar": "not on the United States list; not collected here",
    "helium": "a gas; not on the United States list; not collected here",
    "phosphorus": "white phosphorus is not published by country; phosphate rock is "
    "modelled",
    "strontium": "not on the United States list; not collected here",
}


def add(tables: Tables, raw: Raw) -> None:  # noqa: ARG001  # one signature for all
    """Add one row per mineral and list."""
    for name, year, source, evidence, minerals in (
        ("US 2025", 2025, "MCS26", "read", US_2025),
        ("EU 2023", 2023, "EU2023LIST", "secondary", EU_2023),
    ):
        for mineral in minerals:
            tables.row(
                "lists",
                mineral=mineral,
                list=name,
                year=year,
                unmodelled_reason=UNMODELLED.get(mineral),
                source_id=source,
                evidence=evidence,
            )
