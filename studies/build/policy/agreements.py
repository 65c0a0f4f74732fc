# SPDX-License-Identifier: Apache-2.0
"""Agreements that exist, limits on a plan, needs in a conflict, and watched series.

Only contracts for tonnes of a modelled item are rows. Frameworks and memoranda without
tonnes are not: software must not count them. A rung below the minimum guarantee counts
no tonnes either, but stays visible.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studies.build.countries import ensure
from studies.build.policy.choose import number
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables, Value

__all__ = ["add"]

FLOOR = 110_000.0  # USD per t NdPr oxide, as MP, Lynas and JARE signed it


@dataclass(frozen=True)
class Agreement:
    """One contract: who sells what to whom, from when to when, on which rung."""

    name: str
    seller: str | None
    seller_country: str
    buyer: str
    item: str
    tonnes: float
    start: str
    until: str
    rung: str
    source_id: str
    evidence: str
    note: str
    columns: dict[str, Value] = field(default_factory=dict)


AGREEMENTS = (
    Agreement(
        "lynas_jare", "lynas_kuantan", "MYS", "JPN", "ndpr_oxide", 5_000.0,
        "2026-03-10", "2039-01-01", "minimum_guarantee", "LYNJARE", "read",
        "at least 5,000 t a year, up to 7,200 t allocated",
        {"kind": "two_way", "floor_usd_per_t": FLOOR, "upside_share": 0.3,
         "upside_from_usd_per_t": 150_000.0, "annual_cap_usd": 10e6,
         "min_t": 5_000.0, "ceiling_t": 7_200.0, "settlement": "quarter"},
    ),
    Agreement(
        "mp_dow_price_protection", "mountain_pass_separation", "USA", "USA",
        "ndpr_oxide", 2_884.0, "2025-10-01", "2036-01-01", "ceiling", "MPR10", "read",
        "price protection on all NdPr made or sold; no duty to deliver, so it counts "
        "no tonnes; upside share once production is full (ST8K)",
        {"kind": "two_way", "floor_usd_per_t": FLOOR, "upside_share": 0.3,
         "settlement": "quarter"},
    ),
    Agreement(
        "mp_10x_dow", "mp_10x", "USA", "USA", "ndfeb_magnet_heavy", 7_000.0,
        "2028-01-01", "2038-01-01", "minimum_guarantee", "PB1257", "read",
        "whole output for ten years from completion; cost plus with an EBITDA of at "
        "least 140 million USD a year, which no price rule here can say",
        {"kind": "indexed"},
    ),
    Agreement(
        "lynas_dow_letter", "lynas_kuantan", "MYS", "USA", "ndpr_oxide", 218.0,
        "2026-03-01", "2030-03-01", "letter_of_intent", "LYNDOW", "computed",
        "96 million USD over 4 years at the floor: 218 t a year",
        {"kind": "floor", "floor_usd_per_t": FLOOR},
    ),
    Agreement(
        "ngualla_shenghe", "ngualla", "TZA", "CHN", "monazite_concentrate", 16_200.0,
        "2028-01-01", "2035-01-01", "minimum_guarantee", "NGU3", "read",
        "100 % of concentrate for seven years, market price, CIF China",
        {"kind": "indexed"},
    ),
    Agreement(
        "kangankunde_iluka", "kangankunde", "MWI", "AUS", "monazite_concentrate",
        3_300.0, "2027-01-01", "2042-01-01", "minimum_guarantee", "KANGROUTE",
        "computed", "6,000 t of concentrate at 55 % TREO; feeds Eneabba",
        {"kind": "indexed", "prepaid_usd": 20e6},
    ),
    Agreement(
        "serra_verde_china", "ion_clay_mining_BRA", "BRA", "CHN",
        "ion_clay_carbonate", 560.0, "2024-01-01", "2027-01-01", "minimum_guarantee",
        "SVSMM", "assumed", "Chinese contracts cut to the end of 2026; tonnes are the "
        "whole output of the base year", {"kind": "indexed"},
    ),
    Agreement(
        "monte_alto_carester", "monte_alto", "BRA", "FRA", "ion_clay_carbonate",
        3_368.0, "2030-01-01", "2040-01-01", "conditional", "REETRK", "computed",
        "contracted maximum of 150 t Dy+Tb for ten years, through the clay basket",
        {"kind": "indexed"},
    ),
    Agreement(
        "arafura_siemens_gamesa", "nolans_separation", "AUS", "DEU", "ndpr_oxide",
        490.0, "2029-01-01", "2034-01-01", "conditional", "NOL2", "computed",
        "400 t of NdPr metal a year as oxide (/ 0.857 / 0.95); the mine is not decided",
        {"kind": "indexed"},
    ),
    Agreement(
        "wagerup_usa", "wagerup_gallium", "AUS", "USA", "gallium_crude", 33.0,
        "2027-01-01", "2037-01-01", "framework", "AUMM", "assumed",
        "each government holds an offtake right; a third each is assumed",
        {"kind": "indexed"},
    ),
    Agreement(
        "wagerup_japan", "wagerup_gallium", "AUS", "JPN", "gallium_crude", 33.0,
        "2027-01-01", "2037-01-01", "framework", "AUMM", "assumed",
        "as for the United States", {"kind": "indexed"},
    ),
    Agreement(
        "korea_zinc_lockheed", "onsan_germanium", "KOR", "USA", "germanium", 11.0,
        "2028-01-01", "2033-01-01", "memorandum", "GAPB", "read",
        "up to 11 t a year", {"kind": "indexed"},
    ),
    Agreement(
        "glencore_cobalt_ceiling", None, "NOR", "USA", "cobalt", 1_496.0,
        "2026-01-01", "2031-01-01", "ceiling", "DEEPN", "computed",
        "7,480 t over five years; a ceiling of 1,800 million USD is no purchase",
        {"kind": "indexed", "ceiling_t": 1_496.0},
    ),
)  # fmt: skip

# Needs in a conflict year and three years of recovery, as multiples of base use by
# class (assumed; the stockpile's own multiples are not public).
CASE = (
    ("conflict", 2027, {"defence": 2.0, "essential": 0.90}),
    ("recovery", 2028, {"defence": 1.5, "essential": 0.90}),
    ("recovery", 2029, {"defence": 1.25, "essential": 0.95}),
    ("recovery", 2030, {"defence": 1.1, "essential": 1.0}),
)
BASE_YEAR = 2024
# Uses of less defence than this are left out of the requirements view.
LEAST_DEFENCE_SHARE = 0.03


def _agreements(tables: Tables, raw: Raw) -> None:
    """Write agreements whose item and seller the study has."""
    for deal in AGREEMENTS:
        seller_known = deal.seller is None or any(
            tables.has(table, deal.seller) for table in ("plants", "projects")
        )
        if not tables.has("items", deal.item) or not seller_known:
            continue
        for country in (deal.seller_country, deal.buyer):
            ensure(tables, raw, country)
        tables.row(
            "agreements",
            agreement=deal.name,
            seller=deal.seller,
            seller_country=deal.seller_country,
            buyer=deal.buyer,
            item=deal.item,
            quantity_t_per_year=deal.tonnes,
            **{"from": deal.start},
            until=deal.until,
            index_item=deal.item,
            index_market="world",
            rung=deal.rung,
            exempt_from_measures=False,
            source_id=deal.source_id,
            evidence=deal.evidence,
            note=deal.note,
            **deal.columns,
        )


def _limits(tables: Tables) -> None:
    """Write the limit that keeps a reserve from making its own market."""
    source = assume(
        tables,
        "ASSUMED-LIMITS",
        "A reserve buys at most a tenth of the reachable supply of an item in a year",
    )
    tables.row(
        "limits",
        limit="reserve_market_share",
        instrument="reserve",
        max_market_share=0.1,
        source_id=source,
        evidence="assumed",
    )


def _requirements(tables: Tables) -> None:
    """Write the conflict case for home's defence and essential uses."""
    source = assume(
        tables,
        "ASSUMED-CONFLICT-CASE",
        "Needs in a conflict case: defence 2, 1.5, 1.25, 1.1 and essential civilian "
        "0.9, 0.9, 0.95, 1 times base use grown to the year; the multiples of the "
        "American planning case are not public",
    )
    rows = tables.rows("demands", country="USA")
    total: dict[str, float] = {}
    for row in rows:
        item = str(row["item"])
        total[item] = total.get(item, 0.0) + number(row["quantity_t_per_year"])
    wanted = {
        str(row["item"])
        for row in rows
        if row["class"] == "defence"
        and row.get("loss_usd_per_t") is not None
        and number(row["quantity_t_per_year"])
        >= LEAST_DEFENCE_SHARE * total[str(row["item"])]
    }
    for row in rows:
        if row["item"] not in wanted or row["class"] == "other":
            continue
        growth = 1.0 + number(row.get("growth_per_year") or 0.0)
        for case, year, multiples in CASE:
            grown = number(row["quantity_t_per_year"]) * growth ** (year - BASE_YEAR)
            tables.row(
                "requirements",
                demand=row["demand"],
                year=year,
                case=case,
                quantity_t=grown * multiples[str(row["class"])],
                source_id=source,
                evidence="assumed",
            )


# Series of facts/prices.csv that a watch follows: (series, material, market, factor).
SERIES = (
    ("price_usd_per_t/ndpr_oxide/outside", "NdPr oxide", ("Europe", "open market")),
    ("price_usd_per_t/gallium/outside", "Ga", ("Europe", "ex-China")),
    ("price_usd_per_t/yttrium_oxide/outside", "Y", ("Europe",)),
    ("price_usd_per_t/dysprosium_oxide/outside", "Dy", ("Europe",)),
    ("price_usd_per_t/terbium_oxide/outside", "Tb", ("Europe",)),
)


def _observations(tables: Tables, raw: Raw) -> None:
    """Write quotes that move faster than the yearly price table."""
    quotes = list(raw.facts("prices").iter_rows(named=True))
    for series, material, markets in SERIES:
        if not tables.has("items", series.split("/")[1]):
            continue
        for row in quotes:
            if row["material"] != material or row["basis_or_market"] not in markets:
                continue
            values = [float(row[name]) for name in ("low", "high") if row[name]]
            tables.row(
                "observations",
                series=series,
                date=row["period"],
                value=1_000.0 * sum(values) / len(values),
                source_id=row["source_id"],
                evidence="read" if row["evidence"] == "R" else "secondary",
                note="middle of the range" if values[0] != values[-1] else None,
            )


def add(tables: Tables, raw: Raw) -> None:
    """Add agreements, limits, requirements and observations."""
    _agreements(tables, raw)
    _limits(tables)
    _requirements(tables)
    _observations(tables, raw)
