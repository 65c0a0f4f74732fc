# SPDX-License-Identifier: Apache-2.0
"""Write demands: one row a country abroad, three by class where a home may be.

No public source splits the use of a mineral into defence, essential civilian and
other. The shares below are this study's judgement, one line a mineral, and the
study's README prints them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from studies.build.tables import Tables, Value

__all__ = ["CLASS_SHARES", "HOMES", "ClassShare", "add_use", "class_share", "us_use_t"]


class ClassShare(NamedTuple):
    """Shares of home use that are defence and essential civilian; rest other."""

    defence: float
    essential: float


# Countries whose use is split by class, so that each can be `home`.
EU_USERS = (
    "AUT", "BEL", "CZE", "DEU", "ESP", "EST", "FIN", "FRA", "GRC", "ITA", "NLD",
    "POL", "SWE",
)  # fmt: skip
HOMES = frozenset({"USA", "JPN", "KOR", "GBR", *EU_USERS})
# The United States uses a larger share for defence than the others: the defence
# share abroad is the American one times this factor (military outlay over GDP of
# roughly 2 against 3.4 %).
DEFENCE_ABROAD = 0.5

DEFAULT_SHARE = ClassShare(0.03, 0.25)
CLASS_SHARES: dict[str, ClassShare] = {
    "aluminum": ClassShare(0.03, 0.25),
    "antimony": ClassShare(0.08, 0.40),
    "arsenic": ClassShare(0.05, 0.25),
    "barite": ClassShare(0.01, 0.40),
    "beryllium": ClassShare(0.20, 0.40),
    "bismuth": ClassShare(0.05, 0.35),
    "boron": ClassShare(0.02, 0.30),
    "chromium": ClassShare(0.05, 0.30),
    "cobalt": ClassShare(0.10, 0.35),
    "copper": ClassShare(0.02, 0.40),
    # Heavy NdFeB magnets: actuators, drives, wind; samarium: missiles, aircraft.
    "dysprosium": ClassShare(0.10, 0.35),
    "erbium": ClassShare(0.10, 0.35),
    "europium": ClassShare(0.05, 0.30),
    "gadolinium": ClassShare(0.03, 0.50),
    "holmium": ClassShare(0.10, 0.35),
    "lutetium": ClassShare(0.01, 0.80),
    "fluorspar": ClassShare(0.02, 0.40),
    "gallium": ClassShare(0.15, 0.35),
    "germanium": ClassShare(0.20, 0.35),
    "graphite": ClassShare(0.04, 0.30),
    "indium": ClassShare(0.05, 0.30),
    "iridium": ClassShare(0.03, 0.40),
    "lead": ClassShare(0.03, 0.40),
    "lithium": ClassShare(0.04, 0.35),
    "magnesium": ClassShare(0.08, 0.30),
    "manganese": ClassShare(0.03, 0.35),
    "nickel": ClassShare(0.08, 0.30),
    "neodymium": ClassShare(0.04, 0.35),
    "niobium": ClassShare(0.06, 0.35),
    "palladium": ClassShare(0.02, 0.30),
    "phosphate": ClassShare(0.005, 0.60),
    "platinum": ClassShare(0.02, 0.35),
    "potash": ClassShare(0.005, 0.60),
    "rhenium": ClassShare(0.20, 0.35),
    "rhodium": ClassShare(0.02, 0.35),
    "ruthenium": ClassShare(0.03, 0.30),
    "samarium": ClassShare(0.40, 0.30),
    "silicon": ClassShare(0.03, 0.30),
    "silver": ClassShare(0.03, 0.25),
    "tantalum": ClassShare(0.12, 0.40),
    "tellurium": ClassShare(0.08, 0.35),
    "terbium": ClassShare(0.10, 0.35),
    "thulium": ClassShare(0.10, 0.40),
    "tin": ClassShare(0.03, 0.35),
    "titanium": ClassShare(0.20, 0.30),
    "tungsten": ClassShare(0.15, 0.40),
    "vanadium": ClassShare(0.08, 0.35),
    "yttrium": ClassShare(0.10, 0.35),
    "zinc": ClassShare(0.02, 0.30),
    "zirconium": ClassShare(0.06, 0.30),
}


def class_share(mineral: str, country: str) -> ClassShare:
    """Return the class shares of one mineral's use in one country."""
    share = CLASS_SHARES.get(mineral, DEFAULT_SHARE)
    if country == "USA":
        return share
    return ClassShare(share.defence * DEFENCE_ABROAD, share.essential)


def add_use(
    tables: Tables,
    item: str,
    country: str,
    quantity_t_per_year: float,
    *,
    mineral: str,
    source_id: str,
    evidence: str,
    growth_per_year: float | None = None,
    stock_days: float | None = None,
    sector: str = "all",
    split: bool | None = None,
    **columns: Value,
) -> None:
    """Add the use of an item in a country.

    Three rows (defence, essential, other) where the country may be a home, else
    one row of class `other`. `source_id` and `evidence` speak of the total; the
    split by class is assumed throughout and the README of the study says so.

    Parameters
    ----------
    quantity_t_per_year
        Use in the base year, t on the item's basis.
    split
        Whether to split by class; default: whether the country is in `HOMES`.
    """
    parts = {"other": quantity_t_per_year}
    if split if split is not None else country in HOMES:
        share = class_share(mineral, country)
        parts = {
            "defence": quantity_t_per_year * share.defence,
            "essential": quantity_t_per_year * share.essential,
            "other": quantity_t_per_year * (1 - share.defence - share.essential),
        }
    note = columns.pop("note", None)
    for klass, quantity in parts.items():
        share = quantity / quantity_t_per_year if quantity_t_per_year else 0.0
        split_note = f"assumed share {share:.3g} of the total" if len(parts) > 1 else ""
        notes = [str(n) for n in (note, split_note) if n]
        tables.row(
            "demands",
            demand=f"use_{item}_{country}_{klass}",
            item=item,
            country=country,
            sector=sector,
            **{"class": klass},
            quantity_t_per_year=float(quantity),
            growth_per_year=growth_per_year,
            stock_days=stock_days,
            source_id=source_id,
            evidence=evidence,
            note="; ".join(notes) or None,
            **columns,
        )


def us_use_t(tables: Tables, item: str, country: str = "USA") -> float:
    """Return the use of an item in a country, t a year, all classes."""
    return sum(
        float(row["quantity_t_per_year"] or 0.0)
        for row in tables.rows("demands", item=item, country=country)
    )
