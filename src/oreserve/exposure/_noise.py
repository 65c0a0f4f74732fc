# SPDX-License-Identifier: Apache-2.0
"""How firm a score is: the rows it stands on, and its range by their noise."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.exposure._cells import chain_rows
from oreserve.exposure._evidence import evidence_marks
from oreserve.exposure._trace import ALL_USES
from oreserve.network.build import SIGMA_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._cells import World
    from oreserve.exposure._contained import Contained
    from oreserve.exposure._figures import Plant
    from oreserve.study import Study

__all__ = ["DRAWS", "MARKS", "SEED", "evidence_columns", "noise_columns"]

Floats = npt.NDArray[np.float64]
MARKS = ("read", "secondary", "computed", "estimated", "assumed")  # firm to weak
FIRM = frozenset({"read", "secondary"})
DRAWS = 400
SEED = 20240
ENDS = (5.0, 95.0)  # percentiles of the range


def evidence_columns(
    study: Study,
    world: World,
    found: tuple[Contained, ...],
    ranked: Sequence[tuple[str, str | None]],
) -> pl.DataFrame:
    """Return what the score of each mineral stands on.

    Counted are the rows behind its most exposed item: plants and recipes that make
    it, governance of their countries, lanes into home and home's demands; a lane that
    reconciliation added is assumed.

    Returns
    -------
    DataFrame
        mineral; evidence (`read 12; assumed 3`); firm_share, assumed_share (0-1 of
        the rows that are read or secondary, and assumed); firm_output_share (0-1 of
        the world's tonnes that come from plants read or secondary); weakest (mark of
        the weakest plant or recipe of the largest producer: it decides the score).
    """
    marks = evidence_marks(study)
    groups = {(one.mineral, i): one.items for one in found for i in one.items}
    made = []
    for mineral, item in ranked:
        if item is None:
            continue
        items = groups.get((mineral, item), (item,))
        counts: dict[str, int] = defaultdict(int)
        for table, key in sorted(_rows(world, mineral, item, items)):
            counts[marks.get((table, key), "assumed")] += 1
        whole = sum(counts.values())
        firm = sum(counts[m] for m in FIRM)
        made.append(
            (
                mineral,
                "; ".join(f"{m} {counts[m]}" for m in MARKS if counts[m]),
                firm / whole if whole else None,
                counts["assumed"] / whole if whole else None,
                _firm_output(world, items),
                _weakest(world, items, marks),
            )
        )
    schema = {
        "mineral": pl.String, "evidence": pl.String,
        **dict.fromkeys(
            ("firm_share", "assumed_share", "firm_output_share"), pl.Float64),
        "weakest": pl.String,
    }  # fmt: skip
    return pl.DataFrame(made, schema=schema, orient="row")


def _rows(
    world: World, mineral: str, item: str, items: tuple[str, ...]
) -> set[tuple[str, str]]:
    keys: set[tuple[str, str]] = set()
    for member in items:
        for table, names in world.rows.governance(member).items():
            keys |= {(table, name) for name in names}
    found = world.traces.get(mineral)
    if found is not None and ALL_USES in found.uses and item in found.items:
        for table, names in chain_rows(world, found, item).items():
            keys |= {(table, name) for name in names}
    return keys


def _makers(world: World, items: tuple[str, ...]) -> list[Plant]:
    places = {world.figures.items.index(i) for i in items}
    return [p for p in world.figures.plants if p.item in places and p.output > 0]


def _firm_output(world: World, items: tuple[str, ...]) -> float | None:
    """Share of plants' output that is read; items of a group by their tonnes."""
    makers = _makers(world, items)
    total = sum(p.output for p in makers)
    if total <= 0:
        return None
    return float(sum(p.output for p in makers if p.evidence in FIRM) / total)


def _weakest(
    world: World, items: tuple[str, ...], marks: Mapping[tuple[str, str], str]
) -> str | None:
    makers = _makers(world, items)
    by_country: dict[int, float] = defaultdict(float)
    for plant in makers:
        by_country[plant.country] += plant.output
    if not by_country:
        return None
    largest = min(by_country, key=lambda c: (-by_country[c], c))
    held = [p.evidence for p in makers if p.country == largest]
    held += [
        marks.get(("recipes", key), "assumed")
        for i in items
        for key in world.rows.supply(i)["recipes"]
    ]
    return max(held, key=MARKS.index)


def noise_columns(
    world: World,
    found: tuple[Contained, ...],
    scores: pl.DataFrame,
    *,
    marks: Mapping[tuple[str, str], str],
    weights: Mapping[str, float],
) -> pl.DataFrame:
    """Return the range of each score by the noise of its evidence, 5 to 95 %.

    400 draws with a fixed seed: the output and capacity of each item and country, the
    world's use, and what home brings in are multiplied by exp(sigma z), z standard
    normal, with sigma as in reconciliation (read 2 %, secondary, computed and
    estimated 10 %, assumed 30 %; several plants of a country by their tonnes, as if
    independent). HHI, governance-weighted HHI, N-1 cover, the foreign part behind
    home's use and so the score are recomputed; a mineral has the largest score of its
    items in each draw. Governance scores and recipes do not vary, and balances that
    tie output to use are not kept: they would narrow the range. The published value
    is inside by construction.

    Returns
    -------
    DataFrame
        mineral, noise_low, noise_high (0-1).
    """
    rng = np.random.default_rng(SEED)
    figures = world.figures
    shape = (DRAWS, len(figures.items), len(figures.countries))
    sigma = _sigma(world)
    # One factor an item and country, whatever else is asked for.
    factor = np.exp(sigma * rng.standard_normal(shape))
    # A world's use is a sum of many rows: the noise of a computed figure.
    use_factor = np.exp(SIGMA_SHARE["computed"] * rng.standard_normal(shape[:2]))
    lanes = rng.standard_normal(shape[:2])
    groups = {(one.mineral, i): one for one in found for i in one.items}
    draws: dict[str, Floats] = {}
    known: dict[str, float] = {}
    for row in scores.drop_nulls("score").iter_rows(named=True):
        n = figures.items.index(row["item"])
        one = groups.get((row["mineral"], row["item"]))
        if one is None:
            supply = figures.output[n] * factor[:, n]
            capacity = figures.capacity[n] * factor[:, n]
            use = float(figures.use[n].sum())
        else:
            members = [figures.items.index(i) for i in one.items]
            supply = np.einsum("ic,dic->dc", one.noise_t[members], factor[:, members])
            grow = np.divide(one.capacity, one.supply, out=np.zeros_like(one.supply),
                             where=one.supply > 0)  # fmt: skip
            capacity, use = supply * grow, one.use
        parts = _parts(world, supply, capacity, use * use_factor[:, n])
        reliance = _reliance(world, row, n, factor[:, n], lanes[:, n], marks)
        total = sum(weights[p] for p in parts if row[p] is not None)
        mean = sum(weights[p] * parts[p] for p in parts if row[p] is not None) / total
        drawn = reliance ** weights["reliance"] * mean
        name = row["mineral"]
        draws[name] = np.fmax(draws.get(name, drawn), drawn)
        known[name] = max(known.get(name, 0.0), row["score"])
    made = []
    for name in sorted(draws):
        low, high = np.percentile(draws[name], ENDS)
        made.append((name, min(low, known[name]), max(high, known[name])))
    schema = {"mineral": pl.String, "noise_low": pl.Float64, "noise_high": pl.Float64}
    return pl.DataFrame(made, schema=schema, orient="row")


def _sigma(world: World) -> Floats:
    """Return *(I, C)* standard errors of output, relative."""
    figures = world.figures
    spread = np.zeros((len(figures.items), len(figures.countries)))
    tonnes = np.zeros_like(spread)
    for plant in figures.plants:
        t = max(plant.output, 1e-9 * plant.capacity)
        spread[plant.item, plant.country] += (t * SIGMA_SHARE[plant.evidence]) ** 2
        tonnes[plant.item, plant.country] += t
    return np.divide(np.sqrt(spread), tonnes, out=np.zeros_like(spread),
                     where=tonnes > 0)  # fmt: skip


def _parts(
    world: World, supply: Floats, capacity: Floats, use: Floats
) -> dict[str, Floats]:
    """Return the three parts of the score, *(D,)* each, from supply *(D, C)*."""
    total = supply.sum(axis=1, keepdims=True)
    shares = (supply / np.maximum(total, 1e-300))[:, world.listed]
    ruled = np.clip(2.0 * (2.5 - world.governance[world.listed]), 0.0, 10.0)
    most = capacity[:, world.listed].max(axis=1)
    cover = (capacity.sum(axis=1) - most) / np.maximum(use, 1e-300)
    squares = shares**2
    return {
        "concentration": squares.sum(axis=1),
        "governance": (squares * np.nan_to_num(ruled)).sum(axis=1) / 10.0,
        "cover": np.clip(1.0 - cover, 0.0, 1.0),
    }


def _reliance(
    world: World,
    row: Mapping[str, Any],
    n: int,
    factor: Floats,
    lanes: Floats,
    marks: Mapping[tuple[str, str], str],
) -> Floats:
    """Return the foreign part behind home's use in each draw, *(D,)*."""
    figures = world.figures
    found = world.traces.get(row["mineral"])
    foreign = np.ones(len(figures.countries), dtype=bool)
    foreign[world.at_home] = False
    if row["reliance_kind"] != "indirect" or found is None:
        share = np.full(len(lanes), float(row["reliance"]))
        spread = np.exp(_lane_sigma(world, (figures.items[n],), marks) * lanes)
        odds = share / np.maximum(1.0 - share, 1e-12) * spread
        moved_odds: Floats = np.where(share >= 1.0, 1.0, odds / (1.0 + odds))
        return moved_odds
    through = found.passes[found.uses.index(ALL_USES), found.items.index(row["item"])]
    uses = tuple(u for u in found.uses if u != ALL_USES)
    lane = np.exp(_lane_sigma(world, uses, marks) * lanes)
    moved = through * factor
    abroad = moved[:, foreign].sum(axis=1) * lane
    whole = np.maximum(abroad + moved[:, ~foreign].sum(axis=1), 1e-300)
    part: Floats = abroad / whole
    return part


def _lane_sigma(
    world: World, items: tuple[str, ...], marks: Mapping[tuple[str, str], str]
) -> float:
    """Return the relative standard error of what home imports of some items."""
    spread = tonnes = 0.0
    for item in items:
        lanes = sorted(world.figures.base.imports.get(item, {}).items())
        for (exporter, importer), t in lanes:
            if importer in world.home and exporter not in world.home:
                mark = marks.get(("lanes", f"{item}/{exporter}/{importer}"), "assumed")
                spread += (t * SIGMA_SHARE[mark]) ** 2
                tonnes += t
    return float(np.sqrt(spread) / tonnes) if tonnes else 0.0
