# SPDX-License-Identifier: Apache-2.0
"""Tables beside the cells: shares, origins, single points, measures, prices."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve import indicators as ind
from oreserve.exposure._base_year import RANK
from oreserve.exposure._cells import PARTIAL_FROM, make_cells
from oreserve.exposure._figures import REST
from oreserve.exposure._owners import known_owners
from oreserve.exposure._trace import ALL_USES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from oreserve.exposure._cells import World
    from oreserve.exposure._origin_cover import OriginLoss
    from oreserve.exposure._trace import Trace
    from oreserve.indicators import Cell
    from oreserve.study import Study

__all__ = [
    "chain_frame",
    "measure_cells",
    "measures_frame",
    "origins_frame",
    "points_frame",
    "price_cells",
    "shares_frame",
]

Floats = npt.NDArray[np.float64]
OVERDUE = "overdue"
SMALLEST = 1e-6  # smaller shares are not listed
NUMBERS = frozenset({
    "output_t", "capacity_t", "share", "low", "high", "passes", "mineral_t",
    "cover_without", "t",
})  # fmt: skip


def shares_frame(world: World) -> pl.DataFrame:
    """Return each country's part of world output, with bounds for the unlisted."""
    figures, shares = world.figures, world.shares
    rest = shares[:, [k for k, c in enumerate(figures.countries) if c == REST]]
    unlisted = rest.sum(axis=1)
    rows = []
    for n, item in enumerate(figures.items):
        for k in np.flatnonzero(shares[n] > 0):
            country = figures.countries[k]
            listed = country != REST
            rows.append(
                {
                    "mineral": figures.minerals[n],
                    "item": item,
                    "stage": figures.stages[n],
                    "year": world.year,
                    "country": country,
                    "output_t": float(figures.output[n, k]),
                    "capacity_t": float(figures.capacity[n, k]),
                    "share": float(shares[n, k]),
                    "low": float(shares[n, k]),
                    # What is not listed may belong to any of the listed.
                    "high": float(shares[n, k] + (unlisted[n] if listed else 0.0)),
                    "status": "partial" if unlisted[n] > PARTIAL_FROM else "ok",
                }
            )
    columns = (
        "mineral", "item", "stage", "year", "country", "output_t", "capacity_t",
        "share", "low", "high", "status",
    )  # fmt: skip
    return _frame(rows, columns, sort=["mineral", "item", "country"])


def origins_frame(world: World) -> pl.DataFrame:
    """Return through which countries home's uses passed, at every stage upstream.

    One block per mineral and use: by item, and summed over the items of a stage
    (item null). Shares of a block sum to 1.
    """
    rows: list[dict[str, Any]] = []
    for mineral, found in sorted(world.traces.items()):
        for u, use in enumerate(found.uses):
            for j, item in enumerate(found.items):
                stage = world.figures.base.stage[item]
                rows += _origin_rows(
                    world, found, mineral, use, stage, item,
                    found.passes[u, j], float(found.unknown[u, j]),
                )  # fmt: skip
            stages = {world.figures.base.stage[i] for i in found.items}
            for stage in sorted(stages, key=RANK.__getitem__):
                among = [j for j, i in enumerate(found.items)
                         if world.figures.base.stage[i] == stage]  # fmt: skip
                if use == ALL_USES:
                    rows += _origin_rows(
                        world, found, mineral, use, stage, None,
                        found.passes[u, among].sum(axis=0),
                        float(found.unknown[u, among].max(initial=0.0)),
                    )  # fmt: skip
    columns = (
        "mineral", "use", "stage", "item", "year", "country", "share", "low", "high",
        "passes", "mineral_t", "status",
    )  # fmt: skip
    return _frame(rows, columns, sort=["mineral", "use", "stage", "item", "country"])


def _origin_rows(
    world: World,
    found: Trace,
    mineral: str,
    use: str,
    stage: str,
    item: str | None,
    through: Any,
    lost: float,
) -> list[dict[str, Any]]:
    total = float(through.sum())
    if total <= 1e-9:
        return []
    use_t = float(found.use_t[found.uses.index(use)])
    return [
        {
            "mineral": mineral,
            "use": use,
            "stage": stage,
            "item": item,
            "year": world.year,
            "country": found.countries[k],
            "share": float(through[k]) / total,
            "low": float(through[k]) / (total + lost),
            "high": (float(through[k]) + lost) / (total + lost),
            "passes": float(through[k]),
            "mineral_t": float(through[k]) * use_t,
            "status": "partial" if lost > PARTIAL_FROM else "ok",
        }
        for k in np.flatnonzero(through / total > SMALLEST)
    ]


def chain_frame(world: World, home: str) -> pl.DataFrame:
    """Return home's own chain for drawing: mineral, kind, stage, item, country, ..."""
    stage = world.figures.base.stage
    called = dict.fromkeys(world.home, home)  # a bloc is one pool and one block
    rows: dict[tuple[str, ...], float] = defaultdict(float)
    for mineral, found in sorted(world.traces.items()):
        if ALL_USES not in found.uses:
            continue
        u = found.uses.index(ALL_USES)
        t = float(found.use_t[u])
        for j, item in enumerate(found.items):
            for k in np.flatnonzero(found.made[u, j] > SMALLEST):
                place = called.get(found.countries[k], found.countries[k])
                key = (mineral, "output", stage[item], item, place, "", "")
                rows[key] += float(found.made[u, j, k]) * t
        for (made, country, part, origin), amount in found.flows.items():
            if stage[part] != stage[made]:
                key = (mineral, "flow", stage[part], "", called.get(origin, origin),
                       stage[made], called.get(country, country))  # fmt: skip
                rows[key] += amount
        for (item, origin), amount in found.arrivals.items():
            place = called.get(origin, origin)
            rows[mineral, "flow", stage[item], "", place, "use", home] += amount
        rows[mineral, "output", "use", "use", home, "", ""] += t
    names = ("mineral", "kind", "stage", "item", "country", "to_stage", "to_country")
    made_rows = [
        {**dict(zip(names, key, strict=True)), "t": float(f"{t:.6g}")}
        for key, t in rows.items()
        if t > 0
    ]
    return _frame(made_rows, (*names, "t"), sort=list(names))


def points_frame(
    world: World, losses: Mapping[str, Mapping[str, tuple[OriginLoss, ...]]]
) -> pl.DataFrame:
    """Return suppliers whose loss alone leaves less than `cover_needed` of supply.

    Levels country, owner (country of the owners) and plant are of the world's use;
    `home_origin` is a country without which, wherever it stands on the way back, home
    keeps less of its own use (see `origin_losses`). The rest of the world and country
    totals are supply, but no single supplier.
    """
    figures = world.figures
    demand = figures.use.sum(axis=1)
    found = ind.single_points_of_failure(
        supply=figures.capacity, demand=demand, level="country",
        suppliers=figures.countries, cover_needed=world.cover_needed,
    )  # fmt: skip
    rows = [
        _point(world, n, "country", found.suppliers[k], found.cover_without[n, k])
        for n, k in np.argwhere(found.is_single_point)
        if found.suppliers[k] != REST
    ]
    total = figures.capacity.sum(axis=1)
    for plant in figures.plants:
        served = min(total[plant.item], demand[plant.item])
        left = min(total[plant.item] - plant.capacity, demand[plant.item])
        if plant.aggregate or served <= 0 or plant.capacity <= 0:
            continue
        if left / served < world.cover_needed - 1e-12:
            rows.append(_point(world, plant.item, "plant", plant.plant, left / served))
    for n, owners in enumerate(known_owners(world)):
        served = min(total[n], demand[n])
        for owner, capacity in owners.items():
            left = min(total[n] - capacity, demand[n])
            if served > 0 and left / served < world.cover_needed - 1e-12:
                rows.append(_point(world, n, "owner", owner, left / served))
    for mineral, uses in sorted(losses.items()):
        for use, found_losses in uses.items():
            if use == ALL_USES or figures.base.mineral[use] != mineral:
                continue
            n = figures.items.index(use)
            rows += [
                _point(world, n, "home_origin", one.country, one.kept)
                for one in found_losses
                if one.kept < world.cover_needed - 1e-12
            ]
    columns = (
        "mineral", "item", "stage", "level", "supplier", "cover_without", "year",
    )  # fmt: skip
    return _frame(rows, columns, sort=["mineral", "item", "level", "supplier"])


def _point(
    world: World, n: int, level: str, supplier: str, cover: float
) -> dict[str, Any]:
    figures = world.figures
    return {
        "mineral": figures.minerals[n],
        "item": figures.items[n],
        "stage": figures.stages[n],
        "level": level,
        "supplier": supplier,
        "cover_without": float(cover),
        "year": world.year,
    }


def measures_frame(study: Study, world: World, home: str) -> pl.DataFrame:
    """Return the measures aimed at home, by item, with what happens to them next.

    `state` is that of as_of: in force, to come, suspended, overdue, ended; overdue is
    one that stands as suspended though the day on which it was to come back is past.
    `next_change` is the first day after as_of on which one begins or ends by its own
    dates; `suspended_until` the day on which a suspended one comes back, as `watch`
    reads it.
    `direct_share` is the actor's part, as shipper, of home's output and imports of the
    item; `traced_share` its part of what was made behind home's uses of the item,
    whoever shipped it. What a country of home itself does is not aimed at home.
    """
    as_of = study.settings.as_of_date
    bought = world.figures.trade(world.home)[0]
    rows: list[dict[str, Any]] = []
    for row in study.table("measures").iter_rows(named=True):
        target = row["target"] or ""
        if not target or not _aims_at(study, target, home, world.home):
            continue
        if _is_own(study, row["actor"], world.home):
            continue  # home's own licences: `*` is everybody but the actor
        state = _state(row, as_of)
        for item, mineral, stage in _touched(world, row):
            ahead = [d for d in (row["from"], row["until"]) if d and d > as_of]
            change = min(ahead, default=None)
            rows.append(
                {
                    "measure": row["measure"], "mineral": mineral, "item": item,
                    "stage": stage, "kind": row["kind"], "actor": row["actor"],
                    "target": target, "status": row["status"],
                    "state": state, "from": row["from"],
                    "until": row["until"],
                    "suspended_until": _suspended_until(row), "next_change": change,
                    "days_to_change": (change - as_of).days if change else None,
                    "cap_share": row["cap_share"],
                    "tariff_share": row["tariff_share"],
                    "direct_share": _shipped(study, world, bought, item, row["actor"]),
                    "traced_share": _behind(study, world, mineral, item, row["actor"]),
                    "source_id": row["source_id"], "evidence": row["evidence"],
                    "note": row["note"],
                }
            )  # fmt: skip
    schema = {
        **dict.fromkeys(
            ("measure", "mineral", "item", "stage", "kind", "actor", "target",
             "status", "state"), pl.String),
        **dict.fromkeys(("from", "until", "suspended_until", "next_change"), pl.Date),
        "days_to_change": pl.Int64,
        **dict.fromkeys(("cap_share", "tariff_share", "direct_share",
                         "traced_share"), pl.Float64),
        **dict.fromkeys(("source_id", "evidence", "note"), pl.String),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema).sort("mineral", "item", "measure")


def _aims_at(study: Study, target: str, home: str, members: tuple[str, ...]) -> bool:
    if target in {"*", home} or target in members:
        return True
    if target in set(study.tables["countries"]["country"]):
        return False
    return bool(set(study.members(target)) & set(members))


def _is_own(study: Study, actor: str | None, home: tuple[str, ...]) -> bool:
    """Whether home, or a country of it, is who acts; everybody is not home."""
    if not actor or actor == "*":
        return False
    return bool(set(study.members(actor)) & set(home))


def _touched(world: World, row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Items of the study that a measure means."""
    figures = world.figures
    words = {
        name: {w.strip() for w in (row[name] or "").split(";") if w.strip()}
        for name in ("mineral", "item")
    }
    return [
        (item, mineral, stage)
        for item, mineral, stage in zip(
            figures.items, figures.minerals, figures.stages, strict=True
        )
        if (not words["mineral"] or mineral in words["mineral"])
        and (not words["item"] or item in words["item"])
        and row["stage"] in {None, stage}
    ]


def _state(row: dict[str, Any], as_of: date) -> str:
    back = _suspended_until(row)
    if back is not None and back <= as_of:
        return OVERDUE
    if row["status"] != "in_force":
        return str(row["status"])
    if row["from"] and row["from"] > as_of:
        return "to come"
    if row["until"] and row["until"] <= as_of:
        return "ended"
    return "in force"


def _suspended_until(row: dict[str, Any]) -> date | None:
    """Return the day on which a suspended measure comes back.

    Its first day is that one, unless it lies no later than the announcement: then it
    is the day on which it first applied.
    """
    start, told = row["from"], row["announced"]
    if row["status"] != "suspended" or not start or (told and start <= told):
        return None
    return start  # type: ignore[no-any-return]


def _shipped(
    study: Study, world: World, bought: Floats, item: str, actor: str | None
) -> float | None:
    """Return the actor's part, as shipper, of home's output and imports."""
    figures = world.figures
    n = figures.items.index(item)
    whole = float(figures.output[n, world.at_home].sum() + bought[n].sum())
    if not actor or whole <= 0:
        return None
    sellers = [figures.place[c] for c in study.members(actor) if c not in world.home]
    return float(bought[n, sellers].sum()) / whole


def _behind(
    study: Study, world: World, mineral: str, item: str, actor: str | None
) -> float | None:
    found = world.traces.get(mineral)
    if not actor or found is None or item not in found.items:
        return None
    if ALL_USES not in found.uses:
        return None
    through = found.passes[found.uses.index(ALL_USES), found.items.index(item)]
    if through.sum() <= 1e-9:
        return None
    members = [world.figures.place[c] for c in study.members(actor)
               if c not in world.home]  # fmt: skip
    return float(through[members].sum() / through.sum())


def measure_cells(world: World, measures: pl.DataFrame) -> tuple[Cell, ...]:
    """Return the number of measures in force per item, with the next change."""
    counts = np.zeros(len(world.figures.items))
    change: list[str | None] = [None] * len(counts)
    rows = [""] * len(counts)
    for n, item in enumerate(world.figures.items):
        here = measures.filter(pl.col("item") == item, pl.col("state") != "ended")
        counts[n] = here.filter(pl.col("state") == "in force").height
        first = here["next_change"].min()
        change[n] = str(first) if first else None
        if here.height:
            rows[n] = "measures:" + "|".join(here["measure"])
    return make_cells(
        world, "measures_in_force", counts, counts, counts, partial=False,
        inputs={}, words={"next_change": change}, rows=rows, unit="measure",
    )  # fmt: skip


def price_cells(study: Study, world: World) -> tuple[Cell, ...]:
    """Return the newest price outside over the newest inside, where both are known.

    Inside is behind a measure on exports: a price counts as inside only in a market
    that is, or belongs to, the actor of a measure on the item that has not ended. A
    price behind duties on imports is another thing.
    """
    prices = study.table("prices").filter(
        pl.col("kind").is_in(["inside", "outside"]),
        pl.col("period") <= study.settings.as_of[:7],
    )
    count = len(world.figures.items)
    value = np.full(count, np.nan)
    cost = {"inside_usd_per_t": np.full(count, np.nan),
            "outside_usd_per_t": np.full(count, np.nan)}  # fmt: skip
    words: dict[str, list[str | None]] = {
        "inside_period": [None] * count, "outside_period": [None] * count,
    }  # fmt: skip
    rows = [""] * count
    walls = _walls(study, world)
    for n, item in enumerate(world.figures.items):
        keys = []
        for kind in ("inside", "outside"):
            found = prices.filter(item=item, kind=kind)
            if kind == "inside":
                found = found.filter(pl.col("market").is_in(sorted(walls[item])))
            newest = _newest(found, world.home)
            if newest is None:
                continue
            cost[f"{kind}_usd_per_t"][n] = newest["usd_per_t"]
            words[f"{kind}_period"][n] = newest["period"]
            keys.append("/".join((item, newest["market"], newest["period"], kind)))
        inside = cost["inside_usd_per_t"][n]
        if len(keys) == 2 and inside > 0:
            value[n] = cost["outside_usd_per_t"][n] / inside
        rows[n] = f"prices:{'|'.join(keys)}" if keys else ""
    years = [
        bool(a and b and a[:4] != b[:4])
        for a, b in zip(words["inside_period"], words["outside_period"], strict=True)
    ]
    # Prices of two years meet: the split is then partly a move in time.
    return make_cells(
        world, "price_split", value, value, value, partial=np.array(years),
        inputs=cost, words=words, rows=rows,
    )  # fmt: skip


def _walls(study: Study, world: World) -> dict[str, set[str]]:
    """Return for each item the countries behind whose measures a price is inside."""
    as_of = study.settings.as_of_date
    found: dict[str, set[str]] = {item: set() for item in world.figures.items}
    for row in study.table("measures").iter_rows(named=True):
        actor = row["actor"]
        if actor in {None, "", "*"} or row["kind"] == "tariff":
            continue
        if _state(row, as_of) == "ended":
            continue
        for item, _, _ in _touched(world, row):
            found[item] |= {actor, *study.members(actor)}
    return found


def _newest(prices: pl.DataFrame, home: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the newest row; of one period home's own market first, then by name."""
    if not prices.height:
        return None
    ranked = prices.with_columns(own=pl.col("market").is_in(list(home)))
    return ranked.sort(
        "period", "own", "market", descending=[True, True, False]
    ).row(0, named=True)  # fmt: skip


def _frame(
    rows: list[dict[str, Any]], columns: tuple[str, ...], *, sort: list[str]
) -> pl.DataFrame:
    """Return rows as a table that has its columns even without rows."""
    schema = {
        name: pl.Int64
        if name == "year"
        else pl.Float64
        if name in NUMBERS
        else pl.String
        for name in columns
    }
    return pl.DataFrame(rows, schema=schema).sort(sort, nulls_last=True)
