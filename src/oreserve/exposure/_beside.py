# SPDX-License-Identifier: Apache-2.0
"""What stands beside the score of a mineral: evidence, origin, value, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._evidence import evidence_marks
from oreserve.exposure._noise import evidence_columns, noise_columns
from oreserve.exposure._trace import ALL_USES, passage
from oreserve.exposure._value import value_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.exposure._cells import World
    from oreserve.exposure._contained import Contained
    from oreserve.exposure._origin_cover import OriginLoss
    from oreserve.exposure._ranking import Ranking
    from oreserve.study import Study

__all__ = ["SORTS", "check_sort", "complete_ranking"]

Losses = dict[str, dict[str, tuple["OriginLoss", ...]]]
SORTS = {"score": "score", "value": "use_usd", "loss": "loss_usd"}


def check_sort(sort: str) -> str:
    """Return the column that a sort means; other words are refused."""
    if sort not in SORTS:
        message = f"sort: {sort!r}; allowed are {', '.join(SORTS)}"
        raise InputError(message)
    return SORTS[sort]


def complete_ranking(
    study: Study,
    world: World,
    ranking: Ranking,
    *,
    found: tuple[Contained, ...],
    losses: Losses,
    grouped: Mapping[str, str],
    minerals: pl.DataFrame,
    weights: Mapping[str, float],
    sort: str,
) -> pl.DataFrame:
    """Add to the ranking what the score does not say; groups follow without a rank.

    Parameters
    ----------
    ranking
        Scores of all minerals but groups.
    found, losses
        Elements by stage, and what home keeps without each origin.
    grouped
        Groups of minerals: no rank and class `group`, with the reason.
    minerals
        mineral, lists, reason.
    sort
        Column by which rows are ordered, largest first; `rank` is that of the score.
    """
    table = ranking.minerals.sort("mineral")
    pairs = list(table.select("mineral", "item").iter_rows())
    names = tuple(sorted({m for m, _ in pairs} | set(grouped)))
    missing = [
        {"mineral": name, "status": "no_data", "class": "group",
         "items": world.figures.minerals.count(name), "items_without_data": 0}
        for name in sorted(grouped)
    ]  # fmt: skip
    if missing:
        # A group has mixed feeds only: a rank of it would say nothing.
        rows = pl.DataFrame(missing).with_columns(
            pl.col("items", "items_without_data").cast(pl.UInt32)
        )
        table = pl.concat([table, rows], how="diagonal_relaxed")
    table = table.with_columns(
        pl.when(pl.col("score").is_null() & (pl.col("class") != "group"))
        .then(pl.lit("no_data"))
        .otherwise(pl.col("class"))
        .alias("class")
    )
    beside = (
        evidence_columns(study, world, found, pairs),
        noise_columns(
            world, found, ranking.items.filter(pl.col("mineral").is_in(names)),
            marks=evidence_marks(study), weights=weights,
        ),
        _origin_columns(world, losses, names),
        value_frame(study, world, names),
        _words(minerals, grouped),
    )  # fmt: skip
    for frame in beside:
        table = table.join(frame, on="mineral", how="left", maintain_order="left")
    keys = list(dict.fromkeys((sort, "score")))
    return table.sort(
        *keys, "mineral", descending=[*[True] * len(keys), False], nulls_last=True
    )


def _words(minerals: pl.DataFrame, grouped: Mapping[str, str]) -> pl.DataFrame:
    reasons = {
        name: f"a group of minerals: its items hold {held}, which are ranked each"
        for name, held in grouped.items()
    }
    known = dict(minerals.select("mineral", "reason").iter_rows())
    return minerals.select(
        "mineral",
        "lists",
        pl.Series(
            "reason",
            [reasons.get(m) or known[m] for m in minerals["mineral"]],
            dtype=pl.String,
        ),
    )


def _origin_columns(
    world: World, losses: Losses, minerals: tuple[str, ...]
) -> pl.DataFrame:
    """Return what home's final uses keep without the worst country of origin."""
    made: list[dict[str, Any]] = []
    for mineral in minerals:
        trace = world.traces.get(mineral)
        if trace is None or ALL_USES not in trace.uses:
            continue
        u = trace.uses.index(ALL_USES)
        way = passage(trace, [c for c in trace.countries if c not in world.home])
        start = trace.starts[u]
        untraced, scrap = float(start @ way.lost), float(start @ way.scrap)
        worst = next(iter(losses.get(mineral, {}).get(ALL_USES, ())), None)
        made.append(
            {
                "mineral": mineral,
                "home_kept": worst.kept if worst else 1.0,
                "home_kept_low": worst.low if worst
                else max(0.0, 1.0 - untraced - scrap),
                "origin": worst.country if worst else None,
                "abroad_any_stage": float(start @ way.through),
                "from_scrap": scrap,
            }
        )  # fmt: skip
    schema = {
        "mineral": pl.String,
        **dict.fromkeys(("home_kept", "home_kept_low"), pl.Float64),
        "origin": pl.String,
        **dict.fromkeys(("abroad_any_stage", "from_scrap"), pl.Float64),
    }
    return pl.DataFrame(made, schema=schema)
