# SPDX-License-Identifier: Apache-2.0
"""Concentration of an element at a stage, over all items that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve import indicators as ind
from oreserve.exposure._base_year import RANK
from oreserve.exposure._cells import PARTIAL_FROM, make_cells
from oreserve.exposure._rows import join_rows

if TYPE_CHECKING:
    from oreserve.exposure._cells import World
    from oreserve.indicators import Cell

__all__ = ["Contained", "contained", "contained_cells", "contained_frame", "groups"]

Floats = npt.NDArray[np.float64]
LEAST = 1e-6  # share of an item that must leave its stage to count


@dataclass(frozen=True)
class Contained:
    """One element at one stage, t of the element a year.

    Parameters
    ----------
    mineral, stage
        What of, and where.
    items
        Items that hold it and leave the stage, sorted.
    supply, capacity
        *(C,)* by country that makes them.
    noise_t
        *(I, C)* output of each item of the study in this element, 0 elsewhere.
    use
        What all stages but this one take, by plants and demands.
    """

    mineral: str
    stage: str
    items: tuple[str, ...]
    supply: Floats
    capacity: Floats
    noise_t: Floats
    use: float


def groups(world: World) -> dict[str, str]:
    """Return the minerals that are groups: every item is a mix of other minerals.

    Returns
    -------
    dict
        Mineral -> the minerals that its items hold. Such a name has mixed feeds and
        swarf only; it has no supply of its own that could be concentrated.
    """
    base = world.figures.base
    named = {symbol: name for name, symbol in base.symbol.items()}
    found: dict[str, str] = {}
    for mineral in sorted(set(world.figures.minerals)):
        items = [i for i, m in base.mineral.items() if m == mineral]
        held = [
            {named[e] for e, share in base.elements.get(i, {}).items()
             if share > 0 and named.get(e, mineral) != mineral}
            for i in items
        ]  # fmt: skip
        if all(len(others) > 1 for others in held):
            found[mineral] = ", ".join(sorted(set().union(*held)))
    return found


def contained(world: World) -> tuple[Contained, ...]:
    """Return every element at every stage at which the study follows it.

    For item i with x_i tonnes of the element a tonne (`contents`; 1 for items without
    contents), made in c: o_ic. What plants of the same stage eat again (mixed
    concentrate that is separated, NdPr oxide that is split) would count twice, so a
    share f_i = 1 - eaten / made of each item counts:

        s_c = sum_i x_i f_i o_ic.

    A stage counts where the mineral has an item, or before its first one (ores of
    rare earths are items of their own); swarf and parts of other minerals do not.
    """
    figures, base = world.figures, world.figures.base
    grouped = groups(world)
    leaves = _leaving(world)
    made = []
    for mineral in sorted(set(figures.minerals) - set(grouped)):
        own = {s for i, s in base.stage.items() if base.mineral[i] == mineral}
        first = min(RANK[stage] for stage in own)
        for stage in sorted(RANK, key=RANK.__getitem__):
            if stage not in own and RANK[stage] > first:
                continue
            one = _at_stage(world, mineral, stage, leaves)
            if one is not None:
                made.append(one)
    return tuple(made)


def _leaving(world: World) -> Floats:
    """Return *(I,)*: the share of each item that is not eaten at its own stage."""
    base, figures = world.figures.base, world.figures
    place = {item: n for n, item in enumerate(figures.items)}
    eaten = np.zeros(len(figures.items))
    for process, recipe in base.recipes.items():
        stages = {base.stage[i] for i, c in recipe.items() if c > 0}
        t = base.world.get(process, 0.0)
        for item, c in recipe.items():
            if c < 0 and stages == {base.stage[item]}:
                eaten[place[item]] -= c * t
    total = figures.output.sum(axis=1)
    share = np.divide(eaten, total, out=np.zeros_like(total), where=total > 0)
    leaving: Floats = np.clip(1.0 - share, 0.0, 1.0)
    return leaving


def _at_stage(
    world: World, mineral: str, stage: str, leaves: Floats
) -> Contained | None:
    figures, base = world.figures, world.figures.base
    symbol = base.symbol.get(mineral, "")
    hold = np.zeros(len(figures.items))
    for n, item in enumerate(figures.items):
        if figures.stages[n] == stage:
            contents = base.elements.get(item)
            own = 1.0 if base.mineral[item] == mineral else 0.0
            hold[n] = contents.get(symbol, 0.0) if contents else own
    total = figures.output.sum(axis=1)
    parts = hold * leaves
    kept = (parts > LEAST * hold) & (hold > 0) & (total > 0)
    if not kept.any():
        return None
    factor = np.where(kept, parts, 0.0)[:, None]
    # Use at other stages: what the same stage eats is left out on both sides.
    eaten = total * (1.0 - leaves)
    use = np.clip(figures.use.sum(axis=1) - eaten, 0.0, None)
    return Contained(
        mineral=mineral,
        stage=stage,
        items=tuple(figures.items[n] for n in np.flatnonzero(kept)),
        supply=(figures.output * factor).sum(axis=0),
        capacity=(figures.capacity * factor).sum(axis=0),
        noise_t=figures.output * factor,
        use=float((use * np.where(kept, hold, 0.0)).sum()),
    )


def _measures(world: World, one: Contained) -> dict[str, Any]:
    """Return HHI, governance-weighted HHI and N-1 cover of one element and stage."""
    total = one.supply.sum()
    shares = one.supply[world.listed] / total
    rest = max(0.0, 1.0 - float(shares.sum()))
    bounds = ind.hhi_bounds(shares)
    scaled = np.clip(2.0 * (2.5 - world.governance[world.listed]), 0.0, 10.0)
    ruling = ind.hhi_governance_bounds(shares, governance=scaled)
    listed = one.capacity[world.listed]
    cover = np.nan
    if one.use > 0:
        cover = float(one.capacity.sum() - listed.max(initial=0.0)) / one.use
    blind = float(shares[np.isnan(scaled)].sum())
    return {
        "hhi": [float(x) for x in (bounds.value, bounds.low, bounds.high)],
        "ruled": [float(x) for x in (ruling.value, ruling.low, ruling.high)],
        "cover": cover,
        "cover_low": min(cover, float(listed.sum()) / one.use) if one.use else np.nan,
        "rest": rest,
        "partial": rest > PARTIAL_FROM,
        "partial_ruled": rest > PARTIAL_FROM or blind > PARTIAL_FROM,
        "country": world.figures.countries[world.listed[int(shares.argmax())]],
        "top": float(shares.max()),
    }


def contained_frame(world: World, found: tuple[Contained, ...]) -> pl.DataFrame:
    """Return one row per mineral and stage: concentration of the contained element.

    Returns
    -------
    DataFrame
        mineral, stage, element, items (text), year, world_t (t of the element a
        year), hhi with low and high (0-1), hhi_governance (0-10), country, top_share,
        n_minus_1_cover (0 and more), unlisted_share, status.
    """
    rows = []
    for one in found:
        sums = _measures(world, one)
        rows.append(
            {
                "mineral": one.mineral, "stage": one.stage,
                "element": world.figures.base.symbol.get(one.mineral),
                "items": "; ".join(one.items), "year": world.year,
                "world_t": float(one.supply.sum()), "hhi": sums["hhi"][0],
                "low": sums["hhi"][1], "high": sums["hhi"][2],
                "hhi_governance": _number(sums["ruled"][0]),
                "country": sums["country"], "top_share": sums["top"],
                "n_minus_1_cover": _number(sums["cover"]),
                "unlisted_share": sums["rest"],
                "status": "partial" if sums["partial"] else "ok",
            }
        )  # fmt: skip
    numbers = ("world_t", "hhi", "low", "high", "hhi_governance", "top_share",
               "n_minus_1_cover", "unlisted_share")  # fmt: skip
    names = (
        "mineral", "stage", "element", "items", "year", "world_t", "hhi", "low",
        "high", "hhi_governance", "country", "top_share", "n_minus_1_cover",
        "unlisted_share", "status",
    )  # fmt: skip
    schema = {
        n: pl.Float64 if n in numbers else pl.Int64 if n == "year" else pl.String
        for n in names
    }
    order = sorted(rows, key=lambda r: (r["mineral"], RANK[r["stage"]]))
    return pl.DataFrame(order, schema=schema)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def contained_cells(world: World, found: tuple[Contained, ...]) -> tuple[Cell, ...]:
    """Return the three measures by element, for items that share their stage.

    Neodymium leaves separation as NdPr oxide and as neodymium oxide: what the few
    tonnes of one of them say about concentration is no risk of the element. The score
    takes these cells before those of the item alone.
    """
    figures = world.figures
    count = len(figures.items)
    held = {(one.mineral, one.stage): one for one in found if len(one.items) > 1}
    ends = {name: np.full((3, count), np.nan) for name in ("hhi", "ruled", "cover")}
    rest, use = np.full(count, np.nan), np.full(count, np.nan)
    partial = {name: np.zeros(count, dtype=bool) for name in ("hhi", "ruled")}
    rows, names = [""] * count, [""] * count
    for n, item in enumerate(figures.items):
        one = held.get((figures.minerals[n], figures.stages[n]))
        if one is None or item not in one.items:
            continue
        sums = _measures(world, one)
        ends["hhi"][:, n], ends["ruled"][:, n] = sums["hhi"], sums["ruled"]
        ends["cover"][:, n] = (sums["cover"], sums["cover_low"], sums["cover"])
        rest[n], use[n] = sums["rest"], one.use
        partial["hhi"][n], partial["ruled"][n] = sums["partial"], sums["partial_ruled"]
        names[n] = "+".join(one.items)
        keys: dict[str, list[str]] = {}
        for member in one.items:
            for table, listed in world.rows.governance(member).items():
                keys.setdefault(table, []).extend(listed)
        rows[n] = join_rows(keys)
    made: list[Cell] = []
    for indicator, name, flags in (
        ("hhi_element", "hhi", partial["hhi"]),
        ("hhi_governance_element", "ruled", partial["ruled"]),
        ("n_minus_1_cover_element", "cover", partial["hhi"]),
    ):
        value, low, high = ends[name]
        made += make_cells(
            world, indicator, value, low, high, partial=flags,
            inputs={"unlisted_share": rest, "element_use_t": use},
            words={"items": [text or None for text in names]}, rows=rows,
        )  # fmt: skip
    return tuple(cell for cell in made if cell.value is not None)
