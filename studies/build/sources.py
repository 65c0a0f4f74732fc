# SPDX-License-Identifier: Apache-2.0
"""The sources table: publishers' files, compiled facts, and stated assumptions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["KEPT", "add", "assume"]

DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")
FILES: tuple[tuple[str, str, str, str, str, str], ...] = (
    (
        "MCS26",
        "Mineral Commodity Summaries 2026 data release",
        "U.S. Geological Survey",
        "https://doi.org/10.5066/P1WKQ63T",
        "public domain (US government work)",
        "2026-02",
    ),
    (
        "MCS25",
        "Mineral Commodity Summaries 2025 data release",
        "U.S. Geological Survey",
        "https://doi.org/10.5066/P13XCP3R",
        "public domain (US government work)",
        "2025-03",
    ),
    (
        "BGS",
        "World Mineral Statistics",
        "British Geological Survey",
        "https://www.bgs.ac.uk/mineralsuk/statistics/world-mineral-statistics/",
        "Open Government Licence v3",
        "2026-01",
    ),
    (
        "BACI",
        "BACI HS92 bilateral trade 2024, mineral codes",
        "CEPII",
        "http://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=37",
        "Etalab Open Licence 2.0",
        "2026-01",
    ),
    (
        "WGI",
        "Worldwide Governance Indicators 2023 update, mean of the six of 2022",
        "World Bank",
        "https://www.worldbank.org/en/publication/worldwide-governance-indicators",
        "CC BY 4.0",
        "2023-09",
    ),
    (
        "PINK",
        "Commodity Markets, monthly prices (Pink Sheet)",
        "World Bank",
        "https://www.worldbank.org/en/research/commodity-markets",
        "CC BY 4.0",
        "2026-06",
    ),
    (
        "ILZSG25",
        "International Lead and Zinc Study Group, forecast for 2025, as reported",
        "Open4Business",
        "https://open4business.com.ua/en/tag/zinc",
        "facts quoted with reference",
        "2025",
    ),
    (
        "NRCANZN",
        "Zinc facts: mined and refined zinc of Canada to 2021",
        "Natural Resources Canada",
        (
            "https://natural-resources.canada.ca/our-natural-resources/"
            "minerals-mining/minerals-metals-facts/zinc-facts/20534"
        ),
        "facts quoted with reference",
        "2023",
    ),
    (
        "NRCANPB",
        "Lead facts of Natural Resources Canada: refined lead by country, 2017",
        "digigeodata.com, after Natural Resources Canada",
        "https://digigeodata.com/?p=856",
        "facts quoted with reference",
        "2019",
    ),
    (
        "ITA23",
        "Global tin production sees modest decline in 2023",
        "International Tin Association",
        (
            "https://www.internationaltin.org/"
            "global-tin-production-sees-modest-decline-in-2023/"
        ),
        "facts quoted with reference",
        "2024-03",
    ),
    (
        "ISO3166",
        "Country codes and names, ISO 3166-1",
        "lukes/ISO-3166-Countries-with-Regional-Codes",
        "https://github.com/lukes/ISO-3166-Countries-with-Regional-Codes",
        "CC BY-SA 4.0",
        "2024-01",
    ),
    (
        "EU2023LIST",
        "Regulation (EU) 2024/1252, Annex II: list of critical raw materials",
        "European Union",
        "https://eur-lex.europa.eu/eli/reg/2024/1252/oj",
        "reuse permitted (Decision 2011/833/EU)",
        "2024-05",
    ),
    (
        "ATOMIC",
        "Mass shares from standard atomic weights and stoichiometry",
        "computed",
        "https://www.ciaaw.org/",
        "facts",
        "2021-01",
    ),
)

ASSUMPTIONS: dict[str, str] = {
    "ASSUMED": "Judgement of this study's builders; no source states the figure",
    "ASSUMED-CLASSES": "Shares of use by class (defence, essential civilian, other), "
    "by mineral; half of the defence share abroad; listed in the README",
}
# Assumptions about a column of a row whose own source speaks of another column: no
# `source_id` points to them, and a reader must find them all the same.
KEPT = frozenset({"ASSUMED-CLASSES", "ASSUMED-LOSSES"})


def assume(tables: Tables, source_id: str, statement: str) -> str:
    """Add a source row that states an assumption, once, and return its id."""
    if not tables.has("sources", source_id):
        tables.row(
            "sources",
            source_id=source_id,
            title=statement,
            publisher="assumption of this study",
            licence="CC0-1.0",
            date="2026-11",
        )
    return source_id


def _when(text: str | None) -> dict[str, str | None]:
    """Return `date`, or a note where only the year is known: no month is invented."""
    if text and len(text) == len("2025"):
        return {"note": f"Dated {text}"}
    return {"date": text}


def add(tables: Tables, raw: Raw) -> None:
    """Add the files and the compiled facts' sources; unused ones are dropped later."""
    for source_id, title, publisher, url, licence, date in FILES:
        tables.row(
            "sources",
            source_id=source_id,
            title=title,
            publisher=publisher,
            url=url,
            licence=licence,
            **_when(date),
        )
    for row in raw.facts("sources").iter_rows(named=True):
        if tables.has("sources", row["source_id"]):
            continue
        tables.row(
            "sources",
            source_id=row["source_id"],
            title=row["title"],
            publisher="see title",
            url=row["url"] if (row["url"] or "").startswith("http") else None,
            licence="facts quoted with reference",
            **_when(row["date"]),
        )
    for source_id, statement in ASSUMPTIONS.items():
        assume(tables, source_id, statement)
