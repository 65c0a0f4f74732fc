# SPDX-License-Identifier: Apache-2.0
"""Baskets, yields and separation recipes of the rare-earth chain.

A separator takes one kind of feed and gives the oxides in that feed's proportions.
Neodymium and praseodymium leave as `ndpr_oxide` (3 : 1) as far as the basket
allows; the excess of either leaves alone, so that no atom is made or lost.

Items
    feeds (t of rare-earth oxide contained): bayan_obo_concentrate,
    mountain_pass_concentrate, mount_weld_concentrate, monazite_concentrate,
    ion_clay_carbonate, ion_clay_yttric_carbonate, xenotime_concentrate,
    seg_concentrate; oxides: the 15 of `ELEMENTS` as `<element>_oxide`, ndpr_oxide
Processes
    <feed>_mining for each feed but SEG: bayan_obo_mining, mountain_pass_mining,
    mount_weld_mining, monazite_mining, ion_clay_mining, ion_clay_yttric_mining,
    xenotime_mining; separation: the keys of `SEPARATIONS`; ndpr_splitting
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = [
    "CRACKING_SEPARATION",
    "ELEMENTS",
    "FEEDS",
    "NDPR_ND_SHARE",
    "SEPARATIONS",
    "SPLIT_YIELD",
    "Separation",
    "basket",
    "contained",
    "metal_fraction",
    "ndpr_fraction",
    "outputs_per_t_feed",
    "oxide_of",
    "published_basket",
]

ELEMENTS: dict[str, str] = {
    "La": "lanthanum",
    "Ce": "cerium",
    "Pr": "praseodymium",
    "Nd": "neodymium",
    "Sm": "samarium",
    "Eu": "europium",
    "Gd": "gadolinium",
    "Tb": "terbium",
    "Dy": "dysprosium",
    "Ho": "holmium",
    "Er": "erbium",
    "Tm": "thulium",
    "Yb": "ytterbium",
    "Lu": "lutetium",
    "Y": "yttrium",
}
LIGHT = ("La", "Ce", "Pr", "Nd")
SEG = tuple(e for e in ELEMENTS if e not in LIGHT)
# Row of basket_compositions.csv that stands for each feed.
FEEDS: dict[str, str] = {
    "bayan_obo_concentrate": "Bayan Obo bastnaesite",
    "mountain_pass_concentrate": "Mountain Pass bastnaesite",
    "mount_weld_concentrate": "Mt Weld CLD",
    "monazite_concentrate": "Capel monazite, proxy for Eneabba",
    "ion_clay_carbonate": "Ion clay Xinfeng (mid-Y Eu-rich), proxy for Myanmar",
    "ion_clay_yttric_carbonate": "Ion clay Longnan (Y-rich)",
    "xenotime_concentrate": "Xenotime Lahat",
}
# Cracking 0.92 and solvent extraction 0.97 (stage_yields.csv). Clay feed is
# already a carbonate: only the second applies, and no leach or flotation yield
# ever, because mine output is counted after them.
CRACKING_SEPARATION = 0.92 * 0.97
SEPARATION_ONLY = 0.97
NDPR_ND_SHARE = 0.75
# Assumed: a thousandth stays behind when mixed NdPr is split.
SPLIT_YIELD = 0.999


@dataclass(frozen=True)
class Separation:
    """How one feed is separated.

    `finished` is the share of an element's oxide that is sold as such; the rest
    goes to residue or stays in an unseparated mix. `seg` says what becomes of
    samarium and heavier: each oxide by itself, one SEG concentrate, or nothing.
    """

    feed: str
    main_item: str
    recovery: float
    finished: dict[str, float] = field(default_factory=dict)
    seg: str = "separated"
    note: str = ""


def _light(feed: str, share: float, seg: str, note: str) -> Separation:
    finished = {"La": share, "Ce": share}
    return Separation(feed, "ndpr_oxide", CRACKING_SEPARATION, finished, seg, note)


def _full(feed: str, main: str, recovery: float, note: str = "") -> Separation:
    return Separation(feed, main, recovery, note=note)


SEPARATIONS: dict[str, Separation] = {
    "bayan_obo_separation": _full(
        "bayan_obo_concentrate", "ndpr_oxide", CRACKING_SEPARATION
    ),
    "mountain_pass_separation": _full(
        "mountain_pass_concentrate",
        "ndpr_oxide",
        CRACKING_SEPARATION,
        "Mountain Pass concentrate treated in full, as in China",
    ),
    "mountain_pass_light_separation": _light(
        "mountain_pass_concentrate",
        0.36,
        "none",
        "As at Mountain Pass in 2024: NdPr, a part of the lanthanum and cerium "
        "(MCS 2026: 4,300 t of compounds), samarium and heavier kept aside",
    ),
    "mount_weld_separation": _light(
        "mount_weld_concentrate",
        0.25,
        "concentrate",
        "As at Kuantan in 2024: NdPr is half of the oxide sold, so that a quarter of "
        "the lanthanum and cerium is finished; samarium and heavier sold as SEG",
    ),
    "monazite_separation": _full(
        "monazite_concentrate", "ndpr_oxide", CRACKING_SEPARATION
    ),
    "monazite_light_separation": _light(
        "monazite_concentrate",
        1.0,
        "none",
        "India, Estonia, Russia: samarium and heavier are not separated",
    ),
    "ion_clay_separation": _full(
        "ion_clay_carbonate", "dysprosium_oxide", SEPARATION_ONLY
    ),
    "ion_clay_yttric_separation": _full(
        "ion_clay_yttric_carbonate", "dysprosium_oxide", SEPARATION_ONLY
    ),
    "xenotime_separation": _full(
        "xenotime_concentrate",
        "dysprosium_oxide",
        CRACKING_SEPARATION,
        "No base-year plant; for projects on xenotime (Browns Range, Lofdal)",
    ),
    "seg_separation": _full(
        "seg_concentrate",
        "dysprosium_oxide",
        SEPARATION_ONLY,
        "SEG: samarium, europium, gadolinium and heavier, here of Mount Weld",
    ),
}


def oxide_of(symbol: str) -> str:
    """Return the item of an element's oxide: `Dy` gives `dysprosium_oxide`."""
    return f"{ELEMENTS[symbol]}_oxide"


def metal_fraction(raw: Raw) -> dict[str, float]:
    """Return the mass share of metal in each oxide, by element symbol."""
    rows = raw.facts("oxide_metal_factors").iter_rows(named=True)
    return {r["element"]: float(r["metal_fraction_of_oxide"]) for r in rows}


def ndpr_fraction(raw: Raw) -> float:
    """Return the mass share of metal in NdPr oxide."""
    share = metal_fraction(raw)
    return NDPR_ND_SHARE * share["Nd"] + (1 - NDPR_ND_SHARE) * share["Pr"]


def published_basket(raw: Raw, deposit: str) -> dict[str, float]:
    """Return the oxides of a deposit as published, % of TREO by element symbol."""
    for row in raw.facts("basket_compositions").iter_rows(named=True):
        if row["deposit"] == deposit:
            return {e: float(row[f"{e}_pct_of_TREO"]) for e in ELEMENTS}
    message = f"no basket {deposit!r} in basket_compositions.csv"
    raise KeyError(message)


def basket(raw: Raw, feed: str) -> dict[str, float]:
    """Return the shares of the oxides in a feed, summing to 1, by symbol.

    The published shares sum to 98.6 to 100.1 %; they are scaled to 1. SEG is the
    part of the Mount Weld basket from samarium on.
    """
    if feed == "seg_concentrate":
        whole = basket(raw, "mount_weld_concentrate")
        total = sum(whole[e] for e in SEG)
        return {e: (whole[e] / total if e in SEG else 0.0) for e in ELEMENTS}
    shares = published_basket(raw, FEEDS[feed])
    return {e: v / sum(shares.values()) for e, v in shares.items()}


def contained(raw: Raw, feeds_t: dict[str, float]) -> dict[str, float]:
    """Return the oxide contained in tonnes of feeds, t by element symbol."""
    baskets = {feed: basket(raw, feed) for feed in feeds_t}
    return {
        e: sum(t * baskets[feed][e] for feed, t in feeds_t.items()) for e in ELEMENTS
    }


def outputs_per_t_feed(raw: Raw, process: str) -> dict[str, float]:
    """Return what a separation gives per tonne of feed, t by item.

    Neodymium and praseodymium are paired 3 : 1 as `ndpr_oxide`; what exceeds the
    pairing leaves as the single oxide.
    """
    way = SEPARATIONS[process]
    share = basket(raw, way.feed)
    given = {e: share[e] * way.recovery * way.finished.get(e, 1.0) for e in ELEMENTS}
    ndpr = min(given["Nd"] / NDPR_ND_SHARE, given["Pr"] / (1 - NDPR_ND_SHARE))
    given["Nd"] -= NDPR_ND_SHARE * ndpr
    given["Pr"] -= (1 - NDPR_ND_SHARE) * ndpr
    found = {"ndpr_oxide": ndpr}
    found |= {oxide_of(e): given[e] for e in LIGHT}
    if way.seg == "separated":
        found |= {oxide_of(e): given[e] for e in SEG}
    elif way.seg == "concentrate":
        found["seg_concentrate"] = sum(given[e] for e in SEG)
    # A remainder below a millionth of the feed is rounding of the basket.
    return {item: t for item, t in sorted(found.items()) if t > 1e-6}
