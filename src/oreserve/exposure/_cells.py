# SPDX-License-Identifier: Apache-2.0
"""Every indicator of every item, as cells with bounds, status, inputs and rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve import indicators as ind
from oreserve.exposure._figures import REST
from oreserve.exposure._new_scrap import new_scrap_output
from oreserve.exposure._rows import RowKeys, join_rows
from oreserve.exposure._standing import PARTIAL_FROM, Standing
from oreserve.exposure._trace import ALL_USES
from oreserve.indicators import Cell, cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oreserve.exposure._figures import Figures
    from oreserve.exposure._trace import Trace

__all__ = ["PARTIAL_FROM", "World", "chain_rows", "item_cells", "make_cells"]

Floats = npt.NDArray[np.float64]
DUST_T = 1e-6  # t a year: what reconciliation leaves of a use that is none
DUST_SHARE = 1e-6  # the same as a part of what home makes and buys


@dataclass(frozen=True)
class World:
    """What the cells are made of.

    `governance` is *(C,)*, World Bank mean of the six dimensions, -2.5 to 2.5, NaN
    where unknown; `traces` by mineral; `standing` what home's reliance stands on.
    """

    figures: Figures
    home: tuple[str, ...]
    year: int
    governance: Floats
    traces: Mapping[str, Trace]
    rows: RowKeys
    cover_needed: float
    standing: Standing

    @property
    def at_home(self) -> npt.NDArray[np.intp]:
        """Positions of home's countries."""
        return np.array([self.figures.place[c] for c in self.home], dtype=np.intp)

    @property
    def listed(self) -> npt.NDArray[np.intp]:
        """Positions of all countries but the rest of the world."""
        return np.array(
            [k for k, c in enumerate(self.figures.countries) if c != REST],
            dtype=np.intp,
        )

    @property
    def shares(self) -> Floats:
        """*(I, C)* shares of world output; 0 where nothing is made."""
        output = self.figures.output
        total = output.sum(axis=1, keepdims=True)
        parts: Floats = np.zeros_like(output)
        np.divide(output, total, out=parts, where=total > 0)
        return parts


def item_cells(world: World) -> tuple[Cell, ...]:
    """Return all cells of all items, in no particular order."""
    makers: tuple[Callable[[World], tuple[Cell, ...]], ...] = (
        _concentration, _top, _direct, _indirect, _cover,
    )  # fmt: skip
    return tuple(cell for make in makers for cell in make(world))


def make_cells(
    world: World,
    indicator: str,
    value: Floats,
    low: Floats,
    high: Floats,
    *,
    partial: npt.NDArray[np.bool_] | bool,
    inputs: Mapping[str, Floats],
    words: Mapping[str, Sequence[str | None]] | None = None,
    rows: Sequence[str],
    unit: str = "1",
) -> tuple[Cell, ...]:
    """Return one cell per item; `rows` and `words` are texts of each item."""
    # Bounds without a value are known in part.
    bounded = np.isnan(value) & ~np.isnan(low) & ~np.isnan(high)
    known = ~np.isnan(value) | bounded
    status = np.where(known, np.where(partial | bounded, "partial", "ok"), "no_data")
    result = ind.Estimate(
        np.where(known, value, np.nan),
        np.where(known, low, np.nan),
        np.where(known, high, np.nan),
        status,
    )
    figures = world.figures
    made = cells(
        indicator,
        result,
        unit=unit,
        stage=figures.stages,
        year=world.year,
        keys={"mineral": figures.minerals, "item": figures.items},
        inputs=dict(inputs),
    )
    return tuple(
        replace(
            cell,
            inputs={**cell.inputs, **{k: v[n] for k, v in (words or {}).items()},
                    "rows": rows[n]},
        )
        for n, cell in enumerate(made)
    )  # fmt: skip


def _concentration(world: World) -> tuple[Cell, ...]:
    figures, keys = world.figures, world.rows
    shares = world.shares[:, world.listed]
    rest = np.clip(1.0 - shares.sum(axis=1), 0.0, 1.0)
    rest = np.where(shares.sum(axis=1) > 0, rest, np.nan)
    supply = [join_rows(keys.supply(i)) for i in figures.items]
    ruled = [join_rows(keys.governance(i)) for i in figures.items]
    bounds = ind.hhi_bounds(shares)
    count = (shares > 0).sum(axis=1).astype(np.float64)
    total = figures.output.sum(axis=1)
    inputs = {"producers": count, "unlisted_share": rest,
              "world_output_t": np.where(total > 0, total, np.nan)}  # fmt: skip
    low, high = np.asarray(bounds.low), np.asarray(bounds.high)
    partial = np.nan_to_num(rest) > PARTIAL_FROM
    found = make_cells(
        world, "hhi", np.asarray(bounds.value), low, high,
        partial=partial, inputs=inputs, rows=supply,
    )  # fmt: skip
    half = shares.sum(axis=1) >= 0.5
    even = np.asarray(ind.hhi_normalised(np.where(half[:, None], shares, 0.0)))
    steps = np.where(count > 1, 1.0 / np.maximum(count, 2.0), 0.0)
    ends = [np.clip((h - steps) / (1.0 - steps), 0.0, 1.0) for h in (low, high)]
    found += make_cells(
        world, "hhi_normalised", even, np.fmin(even, ends[0]), np.fmax(even, ends[1]),
        partial=partial, inputs=inputs, rows=supply,
    )  # fmt: skip
    scaled = np.clip(2.0 * (2.5 - world.governance[world.listed]), 0.0, 10.0)
    ruling = ind.hhi_governance_bounds(
        shares, governance=np.broadcast_to(scaled, shares.shape)
    )
    without = np.where(np.isnan(scaled), shares, 0.0).sum(axis=1)
    return found + make_cells(
        world, "hhi_governance", np.asarray(ruling.value), np.asarray(ruling.low),
        np.asarray(ruling.high), partial=partial | (without > PARTIAL_FROM),
        inputs={**inputs, "share_without_governance": without}, rows=ruled,
    )  # fmt: skip


def _top(world: World) -> tuple[Cell, ...]:
    shares = world.shares[:, world.listed]
    rest = np.clip(1.0 - shares.sum(axis=1), 0.0, 1.0)
    value = np.asarray(ind.top_share(shares, n=1))
    names = [world.figures.countries[k] for k in world.listed[shares.argmax(axis=1)]]
    return make_cells(
        world, "top_share", value, value, np.fmax(value, rest),
        partial=rest > PARTIAL_FROM,
        inputs={"unlisted_share": np.where(np.isnan(value), np.nan, rest)},
        words={"country": [None if np.isnan(v) else c for v, c in zip(
            value, names, strict=True)]},
        rows=[join_rows(world.rows.supply(i)) for i in world.figures.items],
    )  # fmt: skip


def _direct(world: World) -> tuple[Cell, ...]:
    """Reliance by trade; its bounds span that and what use less output says.

    Output of home's own new scrap is left out of production and use alike. Unlisted
    output that may be home's lowers the low bound. What home neither uses nor buys
    has no reliance: the 0 of a formula without a divisor says nothing.
    """
    figures = world.figures
    imports_from, exports_to = figures.trade(world.home)
    imports, exports = imports_from.sum(axis=1), exports_to.sum(axis=1)
    scrap = new_scrap_output(figures, world.home)
    output = np.clip(figures.output[:, world.at_home].sum(axis=1) - scrap, 0.0, None)
    use = np.clip(figures.use[:, world.at_home].sum(axis=1) - scrap, 0.0, None)
    standing = world.standing
    traded = np.asarray(
        ind.net_import_reliance(production=output, imports=imports, exports=exports)
    )
    needed = np.divide(
        np.clip(use - output, 0.0, None), use,
        out=np.full_like(use, np.nan), where=use > 0,
    )  # fmt: skip
    value = np.where(np.isnan(traded), needed, traded)
    # Reconciled figures leave a dust of use: 0 over dust is no reliance of 0.
    dust = np.maximum(DUST_T, DUST_SHARE * (output + imports))
    value = np.where((use <= dust) & (imports - exports <= dust), np.nan, value)
    low, high = np.fmin(value, needed), np.fmax(value, needed)
    low, high = (np.where(np.isnan(value), np.nan, end) for end in (low, high))
    spans = high - low > PARTIAL_FROM
    # More sold than made and bought: stocks, re-exports or an error; not a proof.
    oversold = exports > (output + imports) * (1.0 + PARTIAL_FROM)
    low = np.where(oversold & ~np.isnan(value), 0.0, low)
    high = np.where(oversold & ~np.isnan(value), 1.0, high)
    net = np.clip(imports - exports, 0.0, None)
    whole = output + net + standing.unlisted
    least = np.divide(net, whole, out=np.zeros_like(net), where=whole > 0)
    lower = (standing.unlisted > 0) & ~np.isnan(value)
    low = np.where(lower, np.fmin(low, least), low)
    blind = np.array([
        any(item == i and importer in world.home and exporter not in world.home
            for i, exporter, importer in figures.unknown_lanes)
        for item in figures.items
    ])  # fmt: skip
    partial = spans | np.isnan(traded) | blind | oversold
    partial |= standing.is_weak | (standing.unlisted > 0)
    why = [
        ", ".join(filter(None, (w, "more sold than made and bought" if o else None)))
        or None
        for w, o in zip(standing.whys(), oversold, strict=True)
    ]
    rows = [
        join_rows({
            **world.rows.own_supply(i, world.home), **world.rows.trade(i, world.home),
        })
        for i in figures.items
    ]  # fmt: skip
    return make_cells(
        world, "net_import_reliance", value, low, np.where(blind, 1.0, high),
        partial=partial,
        inputs={"production_t": output, "imports_t": imports, "exports_t": exports,
                "use_t": use, "by_use": needed, "new_scrap_t": scrap,
                "unlisted_t": standing.unlisted},
        words={"why": why}, rows=rows,
    )  # fmt: skip


def _indirect(world: World) -> tuple[Cell, ...]:
    """Foreign share of every stage behind home's final uses of the mineral."""
    figures = world.figures
    count = len(figures.items)
    blank = np.full(count, np.nan)
    value, low, high = blank.copy(), blank.copy(), blank.copy()
    top, top_low, top_high = blank.copy(), blank.copy(), blank.copy()
    passes, unknown = blank.copy(), blank.copy()
    names: list[str | None] = [None] * count
    why: list[str | None] = [None] * count
    weak = np.zeros(count, dtype=bool)
    rows = [""] * count
    foreign = np.ones(len(figures.countries), dtype=bool)
    foreign[world.at_home] = False
    for n, (item, mineral) in enumerate(
        zip(figures.items, figures.minerals, strict=True)
    ):
        found = world.traces.get(mineral)
        if found is None or ALL_USES not in found.uses or item not in found.items:
            continue
        u, j = found.uses.index(ALL_USES), found.items.index(item)
        through, lost = found.passes[u, j], float(found.unknown[u, j])
        total = float(through.sum())
        passes[n], unknown[n] = total, lost
        if total <= 1e-9:
            continue
        abroad = float(through[foreign].sum())
        value[n] = abroad / total
        # Home may be among those whom nobody lists: their part, and as much again as
        # they make, may be its own.
        use_t = float(found.use_t[u])
        hidden = float(world.standing.unlisted[n]) * found.weight[item] / use_t
        named_abroad = abroad - (
            float(through[world.figures.place[REST]]) if hidden > 0 else 0.0
        )
        low[n] = named_abroad / (total + lost + hidden)
        high[n] = (abroad + lost) / (total + lost)
        places = [figures.items.index(i) for i in found.uses if i != ALL_USES]
        poor = [p for p in places if world.standing.of_chain([p]).any()]
        weak[n] = bool(poor) or hidden > 0
        why[n] = _why(world, n, poor)
        named = np.where(foreign, through, 0.0)
        named[[k for k, c in enumerate(figures.countries) if c == REST]] = 0.0
        largest = int(named.argmax())
        top[n] = named[largest] / total
        top_low[n] = named[largest] / (total + lost)
        top_high[n] = (named[largest] + lost) / (total + lost)
        names[n] = figures.countries[largest] if named[largest] > 0 else None
        rows[n] = join_rows(chain_rows(world, found, item))
    inputs = {"passes": passes, "untraced": unknown}
    partial = (np.nan_to_num(unknown) > PARTIAL_FROM) | weak
    words = {"country": names, "why": why, "share": [
        None if np.isnan(t) else f"{t:.6g}" for t in top]}  # fmt: skip
    return make_cells(
        world, "import_reliance_indirect", value, low, high, partial=partial,
        inputs=inputs, words=words, rows=rows,
    ) + make_cells(
        world, "indirect_top_share", top, top_low, top_high, partial=partial,
        inputs=inputs, words={"country": names, "why": why}, rows=rows,
    )  # fmt: skip


def _why(world: World, n: int, poor: Sequence[int]) -> str | None:
    """Say on which uses of home an indirect reliance is not firm."""
    parts = []
    if world.standing.unlisted[n] > 0:
        parts.append("output nobody lists may be of home")
    if poor:
        names = " and ".join(world.figures.items[p] for p in poor[:3])
        more = f" and {len(poor) - 3} more" if len(poor) > 3 else ""
        parts.append(f"use or trade of {names}{more} assumed")
    return ", ".join(parts) or None


def chain_rows(world: World, found: Trace, item: str) -> dict[str, list[str]]:
    """Rows behind an origin: home's uses, makers of the item, lanes of both."""
    base = world.figures.base
    uses = [i for i in found.uses if i != ALL_USES]
    into = [
        f"{i}/{exporter}/{importer}"
        for i in uses
        for exporter, importer in base.imports.get(i, {})
        if importer in world.home and exporter not in world.home
    ]
    demands = [d for i in uses for d in world.rows.use(i, world.home)["demands"]]
    return {**world.rows.supply(item), "lanes": into, "demands": demands}


def _cover(world: World) -> tuple[Cell, ...]:
    figures = world.figures
    demand = figures.use.sum(axis=1)
    listed = figures.capacity[:, world.listed]
    rest = figures.capacity.sum(axis=1) - listed.sum(axis=1)
    names = [figures.countries[k] for k in world.listed]
    lost = ind.n_minus_1_cover(
        supply=listed, demand=demand, level="country", suppliers=names
    )
    divisor = np.where(demand > 0, demand, np.nan)
    value = np.asarray(lost.cover) + rest / divisor
    low = np.fmin(value, listed.sum(axis=1) / divisor)
    share = rest / np.maximum(listed.sum(axis=1) + rest, 1e-300)
    rows = [
        join_rows({**world.rows.supply(i), **world.rows.use(i)}) for i in figures.items
    ]
    found = make_cells(
        world, "n_minus_1_cover_country", value, low, value,
        partial=share > PARTIAL_FROM,
        inputs={"capacity_t": figures.capacity.sum(axis=1), "world_use_t": demand},
        words={"largest": [str(c) or None for c in lost.largest]}, rows=rows,
    )  # fmt: skip
    return found + _plant_cover(world, divisor, rows) + _home_cover(world)


def _plant_cover(world: World, demand: Floats, rows: list[str]) -> tuple[Cell, ...]:
    """Lose the largest single plant; a country total may hide a larger one."""
    figures = world.figures
    total = figures.capacity.sum(axis=1)
    single, hidden = np.zeros(len(total)), np.zeros(len(total))
    names: list[str | None] = [None] * len(total)
    for plant in figures.plants:  # sorted by name: of equals the first
        if plant.aggregate:
            hidden[plant.item] = max(hidden[plant.item], plant.capacity)
        elif plant.capacity > single[plant.item]:
            single[plant.item] = plant.capacity
            names[plant.item] = plant.plant
    value = np.where(single > 0, (total - single) / demand, np.nan)
    return make_cells(
        world, "n_minus_1_cover_plant", value,
        (total - np.maximum(single, hidden)) / demand, value, partial=hidden > 0,
        inputs={"capacity_t": total, "largest_t": np.where(single > 0, single, np.nan)},
        words={"largest": names}, rows=rows,
    )  # fmt: skip


def _home_cover(world: World) -> tuple[Cell, ...]:
    """Home loses the foreign country that it buys most from."""
    figures = world.figures
    imports, _ = figures.trade(world.home)
    output = figures.output[:, world.at_home].sum(axis=1)
    use = figures.use[:, world.at_home].sum(axis=1)
    divisor = np.where(use > 0, use, np.nan)
    total = output + imports.sum(axis=1)
    largest = imports.argmax(axis=1)
    most = imports.max(axis=1)
    value = np.where(total > 0, (total - most) / divisor, np.nan)
    standing = world.standing
    high = value + standing.unlisted / divisor
    # Who ships is not known at all: it may be one country.
    guessed = (standing.weak_lanes >= 1.0 - PARTIAL_FROM) & (most > 0)
    low = np.where(guessed & ~np.isnan(value), np.fmin(value, output / divisor), value)
    return make_cells(
        world, "n_minus_1_cover_home", value, low, high,
        partial=standing.is_weak | (standing.unlisted > 0),
        inputs={"production_t": output, "imports_t": imports.sum(axis=1),
                "largest_t": most, "use_t": use, "unlisted_t": standing.unlisted},
        words={"why": standing.whys(),
               "largest": [figures.countries[k] if t > 0 else None
                           for k, t in zip(largest, most, strict=True)]},
        rows=[join_rows({**world.rows.supply(i), **world.rows.trade(i, world.home),
                         **world.rows.use(i, world.home)}) for i in figures.items],
    )  # fmt: skip
