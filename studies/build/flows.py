# SPDX-License-Identifier: Apache-2.0
"""Turn trade figures and net positions into lanes that nearly balance.

Pure functions on dictionaries. They only prepare raw values: the study is
reconciled by least squares when it is used, and that shows what moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "baci_flows",
    "baci_value_flows",
    "close_uses",
    "fill_lanes",
    "fold",
    "fold_flows",
    "join_small",
]

Flows = dict[tuple[str, str], float]
REST = "ROW"
SMALL = 0.005  # lanes under this share of the world quantity are left out
# Trade that sanctions or politics keep small: weight of an assumed lane.
WEST = frozenset(
    [
        "AUS",
        "AUT",
        "BEL",
        "BGR",
        "CAN",
        "CHE",
        "CZE",
        "DEU",
        "DNK",
        "ESP",
        "EST",
        "FIN",
        "FRA",
        "GBR",
        "GRC",
        "ITA",
        "JPN",
        "KOR",
        "NLD",
        "NOR",
        "POL",
        "PRT",
        "SVK",
        "SWE",
        "USA",
    ]
)
WEIGHTS = {"RUS": 0.05, "PRK": 0.0, "IRN": 0.02, "BLR": 0.1, "MMR": 0.1}


def fold(values: Mapping[str, float], keep: frozenset[str]) -> dict[str, float]:
    """Sum the countries that a chain does not name into ROW."""
    found: dict[str, float] = {}
    for country, value in sorted(values.items()):
        name = country if country in keep else REST
        found[name] = found.get(name, 0.0) + value
    return found


def fold_flows(flows: Mapping[tuple[str, str], float], keep: frozenset[str]) -> Flows:
    """Merge the countries outside `keep` into ROW and drop trade with oneself."""
    found: Flows = {}
    for (source, target), value in sorted(flows.items()):
        pair = (
            source if source in keep else REST,
            target if target in keep else REST,
        )
        if pair[0] != pair[1] and value > 0:
            found[pair] = found.get(pair, 0.0) + value
    return found


def join_small(
    flows: Mapping[tuple[str, str], float], world_t: float, *, share: float = SMALL
) -> Flows:
    """Lead small lanes through ROW, so that national totals stay.

    A lane stays direct if it is at least `share` of world output, or 8 % of its
    importer's imports and a tenth of that share.
    """
    imports: dict[str, float] = {}
    for (_, target), value in flows.items():
        imports[target] = imports.get(target, 0.0) + value
    found: Flows = {}
    for (source, target), value in sorted(flows.items()):
        large = value >= share * world_t
        notable = value >= max(0.08 * imports[target], 0.1 * share * world_t)
        direct = large or notable or REST in (source, target)
        legs = [(source, target)] if direct else [(source, REST), (REST, target)]
        for leg in legs:
            found[leg] = found.get(leg, 0.0) + value
    return {p: v for p, v in found.items() if v >= 0.05 * share * world_t}


def baci_flows(frame: pl.DataFrame, factors: Mapping[str, float]) -> Flows:
    """Sum BACI tonnes over codes, each times its content factor.

    Parameters
    ----------
    factors
        t on the item's basis per t gross, by HS92 code.
    """
    found: Flows = {}
    chosen = frame.filter(pl.col("hs6").is_in(sorted(factors))).drop_nulls()
    for source, target, code, tonnes in chosen.select(
        "exporter", "importer", "hs6", "t"
    ).iter_rows():
        pair = (source, target)
        found[pair] = found.get(pair, 0.0) + tonnes * factors[code]
    return found


def close_uses(
    supply: Mapping[str, float],
    need: Mapping[str, float],
    flows: Flows,
    known: Mapping[str, float],
) -> tuple[dict[str, float], Flows]:
    """Find use by country as supply plus imports minus exports and process needs.

    A country whose exports exceed what it has is scaled down to what it has; the
    lanes of a country in `known` are scaled until its net trade gives that use.

    Returns
    -------
    tuple
        Use by country (the `known` ones included) and the lanes used.
    """
    lanes = dict(flows)
    countries = sorted({*supply, *need, *known, *(c for pair in lanes for c in pair)})

    def total(country: str, side: int) -> float:
        return sum(v for pair, v in lanes.items() if pair[side] == country)

    def scale(country: str, side: int, factor: float) -> None:
        for pair in lanes:
            if pair[side] == country:
                lanes[pair] *= factor

    for _ in range(200):
        moved = 0.0
        for country in countries:
            have = supply.get(country, 0.0) - need.get(country, 0.0)
            inflow, outflow = total(country, 1), total(country, 0)
            if country in known:
                gap = known[country] - (have + inflow - outflow)
                if gap > 0 and outflow > max(gap, inflow):
                    scale(country, 0, (outflow - gap) / outflow)
                elif (gap > 0 and inflow > 0) or (gap < 0 and inflow > -gap):
                    scale(country, 1, (inflow + gap) / inflow)
                elif gap < 0 and outflow > 0:
                    scale(country, 0, (outflow - gap) / outflow)
                moved = max(moved, abs(gap) / max(known[country], 1e-9))
            elif outflow > 0 and have + inflow < outflow * (1 - 1e-9):
                factor = max(0.0, have + inflow) / outflow
                scale(country, 0, factor)
                moved = max(moved, 1 - factor)
        if moved < 1e-7:  # rounding of printed figures
            break
    uses = {}
    for country in countries:
        if country in known:
            uses[country] = known[country]
            continue
        have = supply.get(country, 0.0) - need.get(country, 0.0)
        uses[country] = max(0.0, have + total(country, 1) - total(country, 0))
    return uses, {p: v for p, v in lanes.items() if v > 0}


def _weight(source: str, target: str) -> float:
    if source in WEIGHTS and target in WEST:
        return WEIGHTS[source]
    if source == "PRK" and target != "CHN":
        return 0.0
    return 1.0


def fill_lanes(
    position: Mapping[str, float],
    *,
    share: float = SMALL,
    closed: frozenset[tuple[str, str]] = frozenset(),
) -> Flows:
    """Join net sellers to net buyers in proportion, by iterative fitting.

    Parameters
    ----------
    position
        Supply less needs less lanes already fixed, t a year, by country.
    share
        Lanes under this share of all trade go where both ends keep two others.
    closed
        Pairs of exporter and importer that get no lane.
    """
    sellers = {c: v for c, v in sorted(position.items()) if v > 0}
    buyers = {c: -v for c, v in sorted(position.items()) if v < 0}
    sold, bought = sum(sellers.values()), sum(buyers.values())
    if sold <= 0 or bought <= 0:
        return {}
    traded = min(sold, bought)
    row = {c: v * traded / sold for c, v in sellers.items()}
    column = {c: v * traded / bought for c, v in buyers.items()}
    lanes = {
        (a, b): row[a] * column[b] / traded * _weight(a, b)
        for a in row
        for b in column
        if _weight(a, b) > 0 and (a, b) not in closed
    }
    lanes = _fit(lanes, row, column)
    for pair in sorted(lanes, key=lambda p: (lanes[p], p)):
        if lanes[pair] >= max(share * traded, 0.06 * column[pair[1]]):
            continue
        ends = (
            sum(1 for p in lanes if p[0] == pair[0]),
            sum(1 for p in lanes if p[1] == pair[1]),
        )
        if min(ends) > 2:  # each end keeps two lanes
            del lanes[pair]
    return {p: v for p, v in _fit(lanes, row, column).items() if v > 1e-6 * traded}


def _fit(lanes: Flows, row: Mapping[str, float], column: Mapping[str, float]) -> Flows:
    """Scale lanes to row and column sums (Deming and Stephan 1940)."""
    fitted = dict(lanes)
    for _ in range(300):
        for side, margin in ((0, row), (1, column)):
            sums = dict.fromkeys(margin, 0.0)
            for pair, value in fitted.items():
                sums[pair[side]] += value
            for pair in fitted:
                total = sums[pair[side]]
                fitted[pair] *= margin[pair[side]] / total if total > 0 else 0.0
    return fitted


def baci_value_flows(
    frame: pl.DataFrame, codes: tuple[str, ...], usd_per_t: float, cap: float
) -> Flows:
    """Return contained tonnes in trade of ores whose grade varies, from its value.

    Parameters
    ----------
    usd_per_t
        Price of the ore per t contained.
    cap
        Largest content, t per t gross.
    """
    found: Flows = {}
    chosen = frame.filter(pl.col("hs6").is_in(codes)).drop_nulls()
    for source, target, kusd, tonnes in chosen.select(
        "exporter", "importer", "kusd", "t"
    ).iter_rows():
        pair = (source, target)
        amount = min(kusd * 1e3 / usd_per_t, cap * tonnes)
        found[pair] = found.get(pair, 0.0) + amount
    return found
