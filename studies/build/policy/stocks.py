# SPDX-License-Identifier: Apache-2.0
"""Stocks: what traders and users hold, and what the American stockpile has ordered.

Commercial stocks enter every sub-problem of their chain, so there are few: per mineral
the item that is worth most in American use, and for some the same in Japan.
Year-end stocks are published for some; the rest is 45 days of use, assumed. Holdings
of the national stockpile are not published; only what its funded orders buy is counted
here, and a ceiling buys nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from studies.build.policy.choose import items_of, number
from studies.build.policy.projects import long_run_price
from studies.build.policy.threats import CONTROLLED
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

TARGET_DAYS = 45.0
THREAT_DAYS = 90.0
FLOOR_DAYS = 15.0
# Japan's companies and state hold stocks of what China controls and of battery and
# aero metals; for the rest a second stock would only multiply the sub-problems.
IN_JAPAN = frozenset(
    {*CONTROLLED, "cobalt", "lithium", "nickel", "palladium", "platinum", "rhodium",
     "titanium"}
)  # fmt: skip
# Rare earths: only the goods that users stock. Oxides wait at the magnet maker.
RARE_EARTH_ITEMS = ("ndfeb_magnet", "ndfeb_magnet_heavy")


class Published(NamedTuple):
    """A year-end stock in `us_salient_long.csv`: mineral, detail begins, t per unit."""

    mineral: str
    detail: str
    t_per_unit: float


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "aluminum": (Published("Aluminum (metal)", "Stocks, yearend", 1e3),),
    "bismuth": (Published("Bismuth", "Stocks, yearend", 1.0),),
    "chromium": (Published("Chromium", "Stocks, consumer", 1e3),),
    "cobalt": (Published("Cobalt", "Stocks, yearend", 1.0),),
    "copper": (Published("Copper", "Stocks, refined", 1e3),),
    "gallium": (Published("Gallium", "Stocks, consumer", 1e-3),),
    "nickel": (Published("Nickel", "Stocks, yearend", 1.0),),
    "phosphate": (Published("Phosphate", "Stocks, producer", 1e3),),
    "silver": (Published("Silver", "Stocks, yearend: Industry", 1.0),
               Published("Silver", "Stocks, yearend: New York", 1.0)),
    "tin": (Published("Tin", "Stocks, consumer", 1.0),),
    "vanadium": (Published("Vanadium", "Stocks, yearend", 1.0),),
    "zinc": (Published("Zinc", "Stocks, reported", 1e3),),
}  # fmt: skip
# Above this many days of use a published stock is an exchange's or a producer's heap.
MOST_DAYS = 180.0


class Order(NamedTuple):
    """A funded order of the stockpile: row of the facts, mineral, million USD."""

    row: str
    mineral: str
    musd: float


# Funded parts in the notes of facts/annual_materials_plan.csv (NTHORD).
FUNDED = (
    Order("cobalt (Glencore)", "cobalt", 450.6),
    Order("ferroniobium (CBMM)", "niobium", 100.1),
    Order("vanadium pentoxide (Largo)", "vanadium", 60.1),
    Order("antimony ingots (US Antimony)", "antimony", 57.3),
    Order("tantalum, niobium (Global Advanced Metals)", "tantalum", 35.3),
)
# Cobalt: the solicitation is for 7,480 t over five years, and two orders are funded
# (240.3 and 210.3 million USD): two years' tonnes, not the contract's.
MOST_T = {"cobalt": 2 / 5 * 7_480.0}
# Contracts were signed from August 2025 to July 2026; the quote of the day has since
# fallen (antimony 25 to 10.5 USD a lb) and would make tonnes that were never ordered.
SIGNED = "2025"


def _use_t(tables: Tables, item: str, country: str) -> float:
    rows = tables.rows("demands", item=item, country=country)
    return sum(number(row["quantity_t_per_year"]) for row in rows)


def _main_item(tables: Tables, mineral: str) -> str | None:
    """Return the item of a mineral that is worth most in American use."""
    values = []
    for item in items_of(tables, (mineral,)):
        row = tables.rows("items", item=item)[0]
        use = _use_t(tables, item, "USA")
        if use > 0 and row.get("storable") is not False:
            values.append((use * long_run_price(tables, item)[0], item))
    return max(values)[1] if values else None


def _published_t(raw: Raw, mineral: str) -> float | None:
    """Return the published American stock at the end of 2024, t."""
    rows = raw.salient.filter(raw.salient["year"] == 2024)
    total = 0.0
    for name, detail, unit in PUBLISHED.get(mineral, ()):
        chosen = rows.filter(
            (rows["mineral"] == name)
            & (rows["statistic"] == "Stock")
            & rows["detail"].str.starts_with(detail)
        )
        total += sum(float(v) * unit for v in chosen["value"] if v is not None)
    return total or None


def _commercial(
    tables: Tables, raw: Raw, item: str, mineral: str, country: str, source: str
) -> None:
    """Write one commercial stock."""
    use = _use_t(tables, item, country)
    if use <= 0:
        return
    day = use / 365.0
    published = _published_t(raw, mineral) if country == "USA" else None
    level, days = TARGET_DAYS * day, TARGET_DAYS
    note = None
    if published is not None:
        level = min(published, MOST_DAYS * day)
        days = level / day
        note = f"published for the end of 2024: {published:g} t"
        if level < published:
            note += f"; {MOST_DAYS:g} days of use counted"
    tables.row(
        "stocks",
        stock=f"commercial_{item}_{country}",
        item=item,
        country=country,
        kind="commercial",
        owner="traders and users",
        quantity_t=level,
        target_days=days,
        threat_days=max(THREAT_DAYS, days),
        floor_t=min(FLOOR_DAYS * day, level / 3),
        source_id="MCS26" if published is not None else source,
        evidence="read" if published is not None else "assumed",
        note=note,
    )


def _strategic(tables: Tables) -> None:
    """Write what funded orders of the stockpile buy."""
    source = assume(
        tables,
        "ASSUMED-NDS",
        "National stockpile: tonnes of funded orders to July 2026 (NTHORD) at the "
        "average price of 2025, taken as delivered by 2027, cobalt at most two fifths "
        "of the 7,480 t of its five years; older holdings are not published and not "
        "counted; ceilings are not counted",
    )
    for order in FUNDED:
        item = _main_item(tables, order.mineral)
        if item is None:
            continue
        price = number(
            tables.rows("prices", item=item, market="world", period=SIGNED)[0][
                "usd_per_t"
            ]
        )
        tonnes = min(order.musd * 1e6 / price, MOST_T.get(order.mineral, float("inf")))
        tables.row(
            "stocks",
            stock=f"strategic_{item}_USA",
            item=item,
            country="USA",
            kind="strategic",
            owner="National Defense Stockpile",
            quantity_t=tonnes,
            accessible_share=1.0,
            release_rule="directed",
            source_id=source,
            evidence="assumed",
            note=f"{order.row}: {order.musd:g} million USD at {price:,.0f} USD/t",
        )


def add(tables: Tables, raw: Raw) -> None:
    """Add commercial stocks of each mineral and the strategic ones."""
    source = assume(
        tables,
        "ASSUMED-STOCKS",
        f"Commercial stocks of {TARGET_DAYS:g} days of use, {THREAT_DAYS:g} once a "
        f"measure is announced, never under {FLOOR_DAYS:g}, where nothing is published",
    )
    minerals = {str(row["mineral"]) for row in tables.rows("items")}
    rare = {
        str(tables.rows("items", item=item)[0]["mineral"])
        for item in items_of(tables, names=RARE_EARTH_ITEMS)
    }
    oxides = {
        str(row["mineral"])
        for row in tables.rows("items")
        if str(row["item"]).endswith("_oxide") or row["mineral"] == "rare earths"
    }
    chosen = {
        mineral: _main_item(tables, mineral) for mineral in minerals - rare - oxides
    }
    pairs = [(item, mineral) for mineral, item in chosen.items() if item is not None]
    pairs += [(item, "") for item in items_of(tables, names=RARE_EARTH_ITEMS)]
    for item, mineral in sorted(pairs):
        _commercial(tables, raw, item, mineral, "USA", source)
        if mineral in IN_JAPAN or item in RARE_EARTH_ITEMS:
            _commercial(tables, raw, item, mineral, "JPN", source)
    _strategic(tables)
