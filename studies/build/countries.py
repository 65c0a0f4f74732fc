# SPDX-License-Identifier: Apache-2.0
"""Countries with governance scores, and the blocs they belong to."""

from __future__ import annotations

from studies.build.raw import Raw
from studies.build.sources import assume
from studies.build.tables import Tables

__all__ = ["add", "ensure"]

SHORT_NAMES = {
    "BOL": "Bolivia",
    "COD": "Congo (Kinshasa)",
    "CIV": "C\u00f4te d'Ivoire",
    "GBR": "United Kingdom",
    "IRN": "Iran",
    "KOR": "South Korea",
    "LAO": "Laos",
    "MMR": "Myanmar",
    "NLD": "Netherlands",
    "PRK": "North Korea",
    "RUS": "Russia",
    "TUR": "T\u00fcrkiye",
    "TWN": "Taiwan",
    "TZA": "Tanzania",
    "USA": "United States",
    "VNM": "Vietnam",
}
# Always there, so that every home and every bloc member of interest can be named.
BASIC = (
    "ARG ARM AUS AUT BEL BGR BOL BRA BDI CAN CHE CHL CHN COD CUB CZE DEU DNK EGY ESP "
    "EST ETH FIN FRA GAB GBR GEO GHA GIN GRC HUN IDN IND IRL IRN ISR ITA JAM JPN KAZ "
    "KGZ KOR LAO LUX MAR MDG MEX MMR MNG MOZ MYS NAM NCL NGA NLD NOR OMN PAK PER PHL "
    "PNG POL PRK PRT ROU RUS RWA SAU SEN SLE SRB SVK SVN SWE THA TJK TUR TWN TZA UGA "
    "UKR USA UZB VNM ZAF ZMB ZWE AGO ARE BHR MYS KEN MWI"
).split()

EU = (
    "AUT BEL BGR CYP CZE DEU DNK ESP EST FIN FRA GRC HRV HUN IRL ITA LTU LUX LVA MLT "
    "NLD POL PRT ROU SVK SVN SWE"
).split()
NATO = (
    "ALB BEL BGR CAN CZE DEU DNK ESP EST FIN FRA GBR GRC HRV HUN ISL ITA LTU LUX LVA "
    "MKD MNE NLD NOR POL PRT ROU SVK SVN SWE TUR USA"
).split()
NATO_LATE = {"FIN": "2023-04-04", "SWE": "2024-03-07"}
# Minerals Security Partnership members; the FORGE club that follows it (February
# 2026) is taken to have the same members.
MSP = (
    "AUS CAN DEU ESP EST FIN FRA GBR IND ITA JPN KOR NOR SWE USA TUR"
).split()


def ensure(tables: Tables, raw: Raw, country: str) -> None:
    """Add a country that is not there yet."""
    if tables.has("countries", country):
        return
    if country == "ROW":
        source = assume(
            tables,
            "ASSUMED-ROW",
            "ROW gathers the countries that a chain does not name; its governance "
            "is the mean of all countries, 0 by construction of the score",
        )
        tables.row(
            "countries",
            country="ROW",
            name="Rest of the world",
            governance=0.0,
            source_id=source,
            evidence="assumed",
        )
        return
    name = SHORT_NAMES.get(country) or raw.country_names[country].split(" (")[0]
    tables.row(
        "countries",
        country=country,
        name=name.split(",")[0],
        governance=raw.governance.get(country),
        source_id="WGI",
        evidence="read",
    )


def add(tables: Tables, raw: Raw) -> None:
    """Add the basic countries and the memberships of EU, NATO and MSP."""
    for country in sorted({*BASIC, *EU, *NATO, *MSP, "ROW"}):
        ensure(tables, raw, country)
    source = assume(
        tables,
        "ASSUMED-BLOCS",
        "Members of the EU, NATO and the Minerals Security Partnership as commonly "
        "known in 2026; dates only where accession is recent",
    )
    for bloc, members in (("EU", EU), ("NATO", NATO), ("MSP", MSP)):
        for country in members:
            start = NATO_LATE.get(country) if bloc == "NATO" else None
            tables.row(
                "memberships",
                country=country,
                bloc=bloc,
                **{"from": start},
                source_id=source,
                evidence="assumed",
            )
