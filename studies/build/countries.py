# SPDX-License-Identifier: Apache-2.0
"""Countries with governance scores, and the blocs they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
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
BASIC = [
    "ARG",
    "ARM",
    "AUS",
    "AUT",
    "BEL",
    "BGR",
    "BOL",
    "BRA",
    "BDI",
    "CAN",
    "CHE",
    "CHL",
    "CHN",
    "COD",
    "CUB",
    "CZE",
    "DEU",
    "DNK",
    "EGY",
    "ESP",
    "EST",
    "ETH",
    "FIN",
    "FRA",
    "GAB",
    "GBR",
    "GEO",
    "GHA",
    "GIN",
    "GRC",
    "HUN",
    "IDN",
    "IND",
    "IRL",
    "IRN",
    "ISR",
    "ITA",
    "JAM",
    "JPN",
    "KAZ",
    "KGZ",
    "KOR",
    "LAO",
    "LUX",
    "MAR",
    "MDG",
    "MEX",
    "MMR",
    "MNG",
    "MOZ",
    "MYS",
    "NAM",
    "NCL",
    "NGA",
    "NLD",
    "NOR",
    "OMN",
    "PAK",
    "PER",
    "PHL",
    "PNG",
    "POL",
    "PRK",
    "PRT",
    "ROU",
    "RUS",
    "RWA",
    "SAU",
    "SEN",
    "SLE",
    "SRB",
    "SVK",
    "SVN",
    "SWE",
    "THA",
    "TJK",
    "TUR",
    "TWN",
    "TZA",
    "UGA",
    "UKR",
    "USA",
    "UZB",
    "VNM",
    "ZAF",
    "ZMB",
    "ZWE",
    "AGO",
    "ARE",
    "BHR",
    "MYS",
    "KEN",
    "MWI",
]

# Dates of accession; 1958 and 1949 are the treaties' own entry into force.
EU_ENTRY = {
    "1958-01-01": "BEL DEU FRA ITA LUX NLD",
    "1973-01-01": "DNK IRL",
    "1981-01-01": "GRC",
    "1986-01-01": "ESP PRT",
    "1995-01-01": "AUT FIN SWE",
    "2004-05-01": "CYP CZE EST HUN LTU LVA MLT POL SVK SVN",
    "2007-01-01": "BGR ROU",
    "2013-07-01": "HRV",
}
NATO_ENTRY = {
    "1949-08-24": "BEL CAN DNK FRA GBR ISL ITA LUX NLD NOR PRT USA",
    "1952-02-18": "GRC TUR",
    "1955-05-06": "DEU",
    "1982-05-30": "ESP",
    "1999-03-12": "CZE HUN POL",
    "2004-03-29": "BGR EST LTU LVA ROU SVK SVN",
    "2009-04-01": "ALB HRV",
    "2017-06-05": "MNE",
    "2020-03-27": "MKD",
    "2023-04-04": "FIN",
    "2024-03-07": "SWE",
}
# Minerals Security Partnership. The FORGE club that follows it (February 2026) is
# taken to have the same members.
MSP_ENTRY = {
    "2022-06-14": "AUS CAN DEU FIN FRA GBR JPN KOR NOR SWE USA",
    "2023-02-01": "ITA",
    "2023-06-01": "IND",
    "2024-01-01": "EST ESP TUR",
}


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
    score = raw.governance.get(country)
    tables.row(
        "countries",
        country=country,
        name=name.split(",")[0],
        governance=score,
        source_id="WGI",
        evidence="read" if score is None else "computed",  # a mean of six figures
    )


def add(tables: Tables, raw: Raw) -> None:
    """Add the basic countries and the memberships of EU, NATO and MSP."""
    blocs = {"EU": EU_ENTRY, "NATO": NATO_ENTRY, "MSP": MSP_ENTRY}
    members = {c for b in blocs.values() for names in b.values() for c in names.split()}
    for country in sorted({*BASIC, *members, "ROW"}):
        ensure(tables, raw, country)
    source = assume(
        tables,
        "ASSUMED-BLOCS",
        "Members of the EU, NATO and the Minerals Security Partnership with dates of "
        "accession, as commonly known; not checked in a source here",
    )
    for bloc, entries in blocs.items():
        for start, names in entries.items():
            for country in names.split():
                tables.row(
                    "memberships",
                    country=country,
                    bloc=bloc,
                    **{"from": start},
                    source_id=source,
                    evidence="assumed",
                )
