# SPDX-License-Identifier: Apache-2.0
"""What home keeps when a country is lost wherever it stands on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.exposure._cells import PARTIAL_FROM, chain_rows, make_cells
from oreserve.exposure._figures import REST
from oreserve.exposure._rows import join_rows
from oreserve.exposure._trace import ALL_USES, passage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.exposure._cells import World
    from oreserve.exposure._trace import Passage, Trace
    from oreserve.indicators import Cell

__all__ = ["OriginLoss", "origin_cells", "origin_losses"]

Floats = npt.NDArray[np.float64]
DUST = 1e-6  # share below which nothing is kept: closed trade cycles leave 1e-9


@dataclass(frozen=True)
class OriginLoss:
    """Home's use of one thing without one country of origin; shares of the use.

    Parameters
    ----------
    country
        The country that is lost, at every stage.
    kept
        Part of the use that home keeps.
    low
        The same if idle plants stay idle and all that is untraced, or comes from
        scrap of unknown origin, is lost as well.
    lost
        Part of the use that passed the country.
    spare
        Part that home's own idle capacity makes up for, without feed from there.
    untraced, scrap
        Part whose way back breaks off, or ends in scrap, before the country.
    """

    country: str
    kept: float
    low: float
    lost: float
    spare: float
    untraced: float
    scrap: float


def origin_losses(world: World, mineral: str) -> dict[str, tuple[OriginLoss, ...]]:
    """Return for each use of home what it keeps without each country, worst first.

    Without country c home keeps of a use, over the items i that it starts at,

        sum_i s_i min(1, 1 - h_i + k_i (1 - m_i) / t_i),

    with s_i the item's part of the use, t_i its tonnes, h_i the part that was made in
    c at any stage (see `passage`), k_i home's idle capacity for it (capacity less
    output, without plants that must be restarted) and m_i the part of what that
    capacity eats that was made in c, is scrap, or is untraced. That there is feed for
    it is not checked: the low bound has none of it. Shippers do not matter: erbium
    that Japan sells and China refined counts as China's.

    Countries that cannot be the worst, nor single points of failure, are left out:
    h is at most the sum of passes over all items.
    """
    found = world.traces.get(mineral)
    if found is None:
        return {}
    bound = found.made.sum(axis=1)  # (U, C)
    order = [
        k for k in np.argsort(-bound.max(axis=0), kind="stable")
        if found.countries[k] not in {REST, *world.home} and bound[:, k].max() > 1e-9
    ]  # fmt: skip
    spare = _spare(world, found)
    made: dict[str, list[OriginLoss]] = {use: [] for use in found.uses}
    worst = np.ones(len(found.uses))
    for k in order:
        at_best = 1.0 - np.minimum(bound[:, k], 1.0)
        if ((at_best >= worst) & (at_best >= world.cover_needed)).all():
            break
        way = passage(found, [found.countries[k]])
        for u, use in enumerate(found.uses):
            loss = _loss(found, way, u, found.countries[k], spare)
            made[use].append(loss)
            worst[u] = min(worst[u], loss.kept)
    return {
        use: tuple(sorted(losses, key=lambda one: (one.kept, -one.lost, one.country)))
        for use, losses in made.items()
    }


def _spare(world: World, found: Trace) -> Floats:
    """Return *(N,)* t of the mineral a year that home's plants could make more."""
    figures = world.figures
    room = np.zeros(len(found.pools.own))
    for j, item in enumerate(found.items):
        n = figures.items.index(item)
        for k in world.at_home:
            idle = float(figures.capacity[n, k] - figures.output[n, k])
            pool = found.pools.state[j, found.countries.index(figures.countries[k])]
            room[pool] += max(0.0, idle) * found.weight[item]
    return room


def _loss(found: Trace, way: Passage, u: int, country: str, room: Floats) -> OriginLoss:
    width = len(found.countries)
    start = found.starts[u]
    # Idle plants count as far as their feed is known not to come from there.
    eats = found.pools.scrap + found.pools.made_of @ (
        way.through + way.lost + way.scrap
    )
    kept = low = spare = 0.0
    for j in np.unique(np.flatnonzero(start) // width):
        part = slice(j * width, (j + 1) * width)
        share = float(start[part].sum())
        gone = float(start[part] @ way.through[part])
        use_t = float(found.use_t[u]) * share
        more = float(room[part] @ (1.0 - np.clip(eats[part], 0.0, 1.0))) / use_t
        filled = min(gone, share * more)
        spare += filled
        kept += share - gone + filled
        blind = float(start[part] @ (way.lost[part] + way.scrap[part]))
        low += max(0.0, share - gone - blind)
    kept = min(1.0, kept) if kept > DUST else 0.0
    return OriginLoss(
        country=country,
        kept=kept,
        low=min(low, kept) if low > DUST else 0.0,
        lost=float(start @ way.through),
        spare=spare,
        untraced=float(start @ way.lost),
        scrap=float(start @ way.scrap),
    )


def origin_cells(
    world: World, losses: Mapping[str, Mapping[str, tuple[OriginLoss, ...]]]
) -> tuple[Cell, ...]:
    """Return the home cover by origin and the two reliances on foreign origin.

    `n_minus_1_cover_home_origin`: see `origin_losses`, for the worst country.
    `import_reliance_any_stage`: part of home's use that was made abroad at any stage;
    what ends in scrap or breaks off at home counts 0 in the value, 1 in the high.
    `net_import_reliance_primary`: (use - p) / use with p the output at home that was
    made at home from the mine on: neither from imported feed nor from scrap.
    """
    count = len(world.figures.items)
    names = ("kept", "kept_low", "lost_share", "spare_share", "untraced", "scrap",
             "abroad", "abroad_high", "use_t", "primary_t", "relies")  # fmt: skip
    found = {name: np.full(count, np.nan) for name in names}
    largest: list[str | None] = [None] * count
    rows = [""] * count
    for mineral, trace in sorted(world.traces.items()):
        outside = [c for c in trace.countries if c not in world.home]
        way = passage(trace, outside)
        for u, use in enumerate(trace.uses):
            if use == ALL_USES or world.figures.base.mineral[use] != mineral:
                continue
            n = world.figures.items.index(use)
            rows[n] = join_rows(chain_rows(world, trace, use))
            _fill(world, found, n, trace, way, u)
            worst = next(iter(losses.get(mineral, {}).get(use, ())), None)
            if worst is None:  # no country stands behind the use
                found["kept"][n] = 1.0
                found["kept_low"][n] = max(
                    0.0, 1.0 - found["untraced"][n] - found["scrap"][n]
                )
                continue
            largest[n] = worst.country
            found["kept"][n], found["kept_low"][n] = worst.kept, worst.low
            found["lost_share"][n] = worst.lost
            found["spare_share"][n] = worst.spare
    blind = np.nan_to_num(found["untraced"] + found["scrap"]) > PARTIAL_FROM
    standing = world.standing
    weak = standing.is_weak | (standing.unlisted > 0)
    words = {"why": standing.whys()}
    both = {name: found[name] for name in ("use_t", "untraced", "scrap")}
    return (
        *make_cells(
            world, "n_minus_1_cover_home_origin", found["kept"], found["kept_low"],
            found["kept"], partial=blind | weak,
            inputs={**both, "lost_share": found["lost_share"],
                    "spare_share": found["spare_share"]},
            words={**words, "largest": largest}, rows=rows,
        ),
        *make_cells(
            world, "import_reliance_any_stage", found["abroad"], found["abroad"],
            found["abroad_high"], partial=blind | weak, inputs=both, words=words,
            rows=rows,
        ),
        *make_cells(
            world, "net_import_reliance_primary", found["relies"], found["relies"],
            found["relies"],
            partial=(np.nan_to_num(found["untraced"]) > PARTIAL_FROM) | weak,
            inputs={**both, "primary_t": found["primary_t"]}, words=words, rows=rows,
        ),
    )  # fmt: skip


def _fill(
    world: World, found: dict[str, Floats], n: int, trace: Trace, way: Passage, u: int
) -> None:
    """Write what of home's use of item n came from abroad, and from own mines."""
    start, pools = trace.starts[u], trace.pools
    abroad = float(start @ way.through)
    lost, scrap = float(start @ way.lost), float(start @ way.scrap)
    found["abroad"][n] = abroad
    found["abroad_high"][n] = min(1.0, abroad + lost + scrap)
    found["untraced"][n], found["scrap"][n] = lost, scrap
    # Of what is made in a pool: the part that was home's own at every stage.
    eaten = np.asarray(pools.made_of @ (way.through + way.lost + way.scrap))
    own = np.clip(1.0 - eaten - pools.scrap, 0.0, 1.0)
    primary = 0.0
    for k in world.at_home:
        country = trace.countries.index(world.figures.countries[k])
        pool = pools.state[trace.items.index(trace.uses[u]), country]
        primary += float(world.figures.output[n, k]) * own[pool]
    use = float(trace.use_t[u]) / trace.weight[trace.uses[u]]
    found["use_t"][n], found["primary_t"][n] = use, primary
    found["relies"][n] = min(1.0, max(0.0, use - primary) / use)
