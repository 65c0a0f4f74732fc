# SPDX-License-Identifier: Apache-2.0
"""Prices of the rare-earth chain: the calm year 2024 and the newest from outside.

Two kinds of newest price stand side by side and must not be mixed up. The world
rows of 2025 are averages that most tonnes pay (Chinese prices, free on board). The
rows of 2026 for buyers outside China are what a reserve would have to pay today;
for dysprosium, terbium and yttrium under 1 % of world use pays them, and
`volume_share` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.rare_earth_baskets import (
    ELEMENTS,
    FEEDS,
    SEPARATIONS,
    outputs_per_t_feed,
    oxide_of,
)
from studies.build.rare_earth_magnets import (
    MAGNETS,
    Magnet,
    ndpr_oxide_per_metal,
    oxide_per_metal,
    swarf_oxides,
)
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.rare_earth_flows import Balance
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["MARKETS_OUTSIDE", "add_prices", "base_prices", "mcs_prices"]

CHAPTERS = ("RARE EARTHS", "RARE EARTHS (Heavy)", "YTTRIUM")
# Detail of the price row in MCS 2026, where it is not the element's own name.
DETAILS = {"ndpr_oxide": "Neodymium-praseodymium", "yttrium_oxide": "Y2O3"}
THULIUM_USD_PER_T = 600_000.0
SM_METAL_USD_PER_T = 12_000.0
SMCO_USD_PER_T = 75_000.0
# Metal makers earn 5 % over their oxide, swarf sells at 85 % of what it gives.
METAL_MARGIN = 1.05
SWARF_VALUE_SHARE = 0.85
# A heavy magnet sells at 1.5 times a standard one; both average to 49.2 USD/kg,
# the unit value of Chinese exports in 2024.
HEAVY_PREMIUM = 1.5
EXPORT_UNIT_VALUE = 49_200.0
# Buyers outside China whose newest price is the one of Rotterdam.
MARKETS_OUTSIDE = ("AUS", "CAN", "EU", "GBR", "JPN", "KOR", "USA")
OUTSIDE_2026 = {
    "ndpr_oxide": (110_000.0, "LYNJARE", None),
    "dysprosium_oxide": (960_000.0, "SUNS", 0.01),
    "terbium_oxide": (4_000_000.0, "SUNS", 0.01),
    "yttrium_oxide": (425_000.0, "SUNS", 0.01),
    # As NdPr, at the ratio of the averages of 2024 (56 : 55); no quote was found.
    "neodymium_oxide": (112_000.0, None, None),
    "praseodymium_oxide": (112_000.0, None, None),
}
THIN = (
    "European spot: under 1 % of world use pays it, so a plan passes over it; it is "
    "not the world price"
)


def mcs_prices(raw: Raw, year: str) -> dict[str, float]:
    """Return MCS 2026 prices of the oxides in a year, USD per t by item."""
    frame = raw.mcs
    rows = frame.filter(
        frame["chapter"].is_in(CHAPTERS)
        & (frame["statistic"] == "Price")
        & (frame["year"] == year)
    )
    given = dict(rows.select("detail", "value").iter_rows())
    found: dict[str, float] = {}
    for item in ("ndpr_oxide", *(oxide_of(e) for e in ELEMENTS)):
        start = DETAILS.get(item, item.split("_", 1)[0].capitalize() + " oxide")
        for detail, value in given.items():
            name = detail.removeprefix("Price, average, dollars per kilogram: ")
            if name.startswith(start) and value is not None:
                found[item] = 1_000 * value
    return found


def _unit_value(raw: Raw, exporter: str, importer: str, hs6: str) -> float:
    """Return the value of a BACI flow, USD."""
    frame = raw.baci
    rows = frame.filter(
        (frame["exporter"] == exporter)
        & (frame["importer"] == importer)
        & (frame["hs6"] == hs6)
    )
    return 1_000 * float(rows["kusd"].sum())


def _value(prices: dict[str, float], outputs: dict[str, float]) -> float:
    return sum(prices[item] * t for item, t in outputs.items())


def feed_prices(raw: Raw, prices: dict[str, float], found: Balance) -> dict[str, float]:
    """Return feed prices, USD per t REO: a share of what separation gives.

    The share is read off two BACI flows of 2024 over MCS 2026 tonnes: Myanmar to
    China for clay, Australia to Malaysia for concentrates that must be cracked.
    """
    clay_t = found.lanes["ion_clay_carbonate", "MMR", "CHN"]
    clay = _unit_value(raw, "MMR", "CHN", "284690") / clay_t
    clay_share = clay / _value(prices, outputs_per_t_feed(raw, "ion_clay_separation"))
    seg = _value(prices, outputs_per_t_feed(raw, "seg_separation"))
    feeds = {"seg_concentrate": clay_share * seg}
    weld_t = found.lanes["mount_weld_concentrate", "AUS", "MYS"]
    weld = _unit_value(raw, "AUS", "MYS", "280530") / weld_t
    known = prices | feeds
    weld_share = weld / _value(known, outputs_per_t_feed(raw, "mount_weld_separation"))
    for feed in FEEDS:
        process = next(p for p, s in SEPARATIONS.items() if s.feed == feed)
        share = clay_share if "clay" in feed else weld_share
        feeds[feed] = share * _value(known, outputs_per_t_feed(raw, process))
    return feeds


def metal_prices(raw: Raw, prices: dict[str, float]) -> dict[str, float]:
    """Return metal prices, USD per t: the oxide they take plus 5 %."""
    return {
        "ndpr_metal": prices["ndpr_oxide"] * ndpr_oxide_per_metal(raw) * METAL_MARGIN,
        "dysprosium_metal": prices["dysprosium_oxide"]
        * oxide_per_metal(raw, "Dy")
        * METAL_MARGIN,
        "terbium_metal": prices["terbium_oxide"]
        * oxide_per_metal(raw, "Tb")
        * METAL_MARGIN,
        "samarium_metal": SM_METAL_USD_PER_T,
    }


def swarf_prices(raw: Raw, prices: dict[str, float]) -> dict[str, float]:
    """Return swarf prices, USD per t: 85 % of the oxides won from it."""
    return {
        item: SWARF_VALUE_SHARE * _value(prices, swarf_oxides(raw, MAGNETS[process]))
        for item, process in (
            ("ndfeb_swarf", "ndfeb_magnet_making"),
            ("ndfeb_swarf_heavy", "ndfeb_heavy_magnet_making"),
        )
    }


def base_prices(raw: Raw, found: Balance) -> dict[str, float]:
    """Return the prices of 2024, USD per t by item."""
    prices = {"thulium_oxide": THULIUM_USD_PER_T} | mcs_prices(raw, "2024")
    prices |= feed_prices(raw, prices, found)
    prices |= metal_prices(raw, prices)
    prices |= swarf_prices(raw, prices)
    out = {"ndfeb_magnet": 0.0, "ndfeb_magnet_heavy": 0.0}
    for (item, exporter, _), t in found.lanes.items():
        if exporter == "CHN" and item in out:
            out[item] += t
    heavy = out["ndfeb_magnet_heavy"] / sum(out.values())
    prices["ndfeb_magnet"] = EXPORT_UNIT_VALUE / (1 - heavy + HEAVY_PREMIUM * heavy)
    prices["ndfeb_magnet_heavy"] = HEAVY_PREMIUM * prices["ndfeb_magnet"]
    prices["smco_magnet"] = SMCO_USD_PER_T
    return prices


def magnet_input_cost(prices: dict[str, float], magnet: Magnet) -> float:
    """Return metals less swarf in a tonne of magnet, USD."""
    cost = magnet.metal(magnet.ndpr) * prices["ndpr_metal"]
    cost += magnet.metal(magnet.dy) * prices["dysprosium_metal"]
    cost += magnet.metal(magnet.tb) * prices["terbium_metal"]
    cost -= magnet.swarf * prices["ndfeb_swarf"]
    return cost - magnet.swarf_heavy * prices["ndfeb_swarf_heavy"]


def _passed_through(raw: Raw, base: dict[str, float]) -> dict[str, float]:
    """Return metal and magnet prices outside China in 2026, USD per t.

    Base price plus the rise of the oxides in it: no quote was found, and a plan that
    paid 2024's price for a magnet while its dysprosium rose would be too cheap. Of an
    oxide with a thin quote the average of 2025 goes in: that is what is traded.
    """
    oxides = base | mcs_prices(raw, "2025")
    oxides |= {i: p for i, (p, _, share) in OUTSIDE_2026.items() if share is None}
    now = oxides | metal_prices(raw, oxides)
    now |= swarf_prices(raw, now)
    found = {i: now[i] for i in ("dysprosium_metal", "ndpr_metal", "terbium_metal")}
    for item, process in (
        ("ndfeb_magnet", "ndfeb_magnet_making"),
        ("ndfeb_magnet_heavy", "ndfeb_heavy_magnet_making"),
    ):
        magnet = MAGNETS[process]
        rise = magnet_input_cost(now, magnet) - magnet_input_cost(base, magnet)
        found[item] = base[item] + rise
    return found


class _Writer:
    """Adds price rows on the item's own basis."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.basis = {r["item"]: r["basis"] for r in tables.rows("items")}

    def row(  # one keyword a column
        self, item: str, market: str, period: str, usd_per_t: float, *,
        source_id: str, evidence: str, kind: str = "outside",
        volume_share: float | None = None, note: str | None = None,
    ) -> None:  # fmt: skip
        self.tables.row(
            "prices", item=item, market=market, period=period, kind=kind,
            usd_per_t=float(usd_per_t), basis=self.basis[item],
            volume_share=volume_share, source_id=source_id, evidence=evidence,
            note=note,
        )  # fmt: skip


def _add_base(write: _Writer, raw: Raw, prices: dict[str, float]) -> None:
    quoted = mcs_prices(raw, "2024")
    tables = write.tables
    feeds = assume(
        tables,
        "ASSUMED-RE-FEED-PRICE",
        "Rare-earth feed price: the value of the oxides that separation gives, times "
        "the ratio seen in BACI 2024 over MCS 2026 tonnes (clay Myanmar to China, "
        "concentrate Australia to Malaysia)",
    )
    makers = assume(
        tables,
        "ASSUMED-RE-MARGIN",
        "Rare-earth metals cost 5 % over their oxide, swarf 85 % of the oxides won "
        "from it, a heavy magnet 1.5 times a standard one (average 49.2 USD/kg), "
        "samarium metal 12, SmCo magnets 75, thulium oxide 600 USD/kg",
    )
    assumed = ("samarium_metal", "smco_magnet", "thulium_oxide", "ndfeb_magnet")
    for item, price in sorted(prices.items()):
        if item in quoted:
            write.row(
                item, "world", "2024", price, source_id="MCS26", evidence="read",
                note="Free on board China, average of the year",
            )  # fmt: skip
        elif item in FEEDS or item == "seg_concentrate":
            write.row(
                item, "world", "2024", price, source_id=feeds, evidence="estimated"
            )
        else:
            mark = "assumed" if item.startswith(assumed) else "estimated"
            write.row(item, "world", "2024", price, source_id=makers, evidence=mark)


def _add_newest(write: _Writer, raw: Raw, base: dict[str, float]) -> None:
    for item, price in sorted(mcs_prices(raw, "2025").items()):
        write.row(
            item, "world", "2025", price, source_id="MCS26", evidence="estimated",
            note="Free on board China, average of the year, estimated by the publisher",
        )  # fmt: skip
    for item, price, share in (
        ("dysprosium_oxide", 224_000.0, 0.96),
        ("yttrium_oxide", 6_500.0, 0.75),
    ):
        write.row(
            item, "CHN", "2025", price, kind="inside", volume_share=share,
            source_id="ADAPR", evidence="read",
            note="What most of world use paid in 2025",
        )  # fmt: skip
    for item, price, share in (
        ("dysprosium_oxide", 233_000.0, 0.04),
        ("yttrium_oxide", 10_500.0, 0.25),
    ):
        write.row(
            item, "world", "2025", price, kind="contract", volume_share=share,
            source_id="ADAPR", evidence="read",
            note="What nearly all the rest of world use paid in 2025",
        )  # fmt: skip
    write.row(
        "yttrium_oxide", "EU", "2025-12", 350_000.0, volume_share=0.01,
        source_id="ADAPR", evidence="read", note="Rotterdam, ask price, thin",
    )  # fmt: skip
    for item, price in (
        ("neodymium_oxide", 92_500.0),
        ("praseodymium_oxide", 93_250.0),
    ):
        write.row(
            item, "EU", "2025-09", price, source_id="ARG925", evidence="read",
            note="Middle of the range",
        )  # fmt: skip
    outside = assume(
        write.tables,
        "ASSUMED-RE-OUTSIDE",
        "Buyers outside China pay the European spot of February 2026 for NdPr; metals "
        "and NdFeB magnets cost their price of 2024 plus the rise of the oxides in "
        "them since (Dy, Tb: to the average of 2025, as their spot is thin)",
    )
    passed = _passed_through(raw, base)
    for market in MARKETS_OUTSIDE:
        for item, (price, source_id, share) in OUTSIDE_2026.items():
            quoted = source_id and (market == "EU" or item == "ndpr_oxide")
            write.row(
                item, market, "2026-02", price, volume_share=share,
                source_id=str(source_id) if quoted else outside,
                evidence="read" if quoted else "assumed",
                note=THIN if share else "Open market outside China",
            )  # fmt: skip
        for item, price in passed.items():
            write.row(
                item, market, "2026-02", price, source_id=outside, evidence="estimated"
            )


def add_prices(tables: Tables, raw: Raw, prices: dict[str, float]) -> None:
    """Add the prices of 2024 and the newest ones."""
    write = _Writer(tables)
    _add_base(write, raw, prices)
    _add_newest(write, raw, prices)
