# SPDX-License-Identifier: Apache-2.0
"""What stands beside the score of a mineral: evidence, origin, value, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._cells import DUST_T
from oreserve.exposure._evidence import evidence_marks
from oreserve.exposure._noise import evidence_columns, noise_columns
from oreserve.exposure._ranking import PARTS
from oreserve.exposure._trace import ALL_USES, passage
from oreserve.exposure._uses import NO_USE
from oreserve.exposure._value import value_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._cells import World
    from oreserve.exposure._contained import Contained
    from oreserve.exposure._origin_cover import OriginLoss
    from oreserve.exposure._ranking import Ranking
    from oreserve.indicators import Cell
    from oreserve.study import Study

__all__ = ["SORTS", "check_sort", "complete_ranking"]

Losses = dict[str, dict[str, tuple["OriginLoss", ...]]]
DIRECT = ("net_import_reliance", "net_import_reliance_primary")
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
    absent: Mapping[str, str],
    cells: Sequence[Cell],
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
        Column by which rows are ordered, largest first; `rank` is that of the score,
        and equal scores stand by loss, then by use in USD.
    absent
        Minerals without a use at home, with the reason: class `no_use`, no rank.
    cells
        Cells of the items: what the two direct reliances are of the item of the
        mineral that home uses most (`net_item`), which need not be the most exposed.
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
        pl.when(pl.col("mineral").is_in(sorted(absent)))
        .then(pl.lit(NO_USE))
        .when(pl.col("score").is_null() & (pl.col("class") != "group"))
        .then(pl.lit("no_data"))
        .otherwise(pl.col("class"))
        .alias("class")
    )
    direct = _direct_columns(world, names, cells)
    beside = (
        evidence_columns(study, world, found, pairs),
        noise_columns(
            world, found, ranking.items.filter(pl.col("mineral").is_in(names)),
            marks=evidence_marks(study), weights=weights,
        ),
        _origin_columns(world, losses, names),
        value_frame(study, world, names),
        direct,
        _published(study, direct),
        _words(minerals, {**_group_reasons(grouped), **absent}),
    )  # fmt: skip
    for frame in beside:
        table = table.join(frame, on="mineral", how="left", maintain_order="left")
    table = table.with_columns(
        # What is not used has no most exposed item.
        pl.when(pl.col("class") == NO_USE)
        .then(pl.lit(NO_USE))
        .otherwise(pl.col("status"))
        .alias("status"),
        *(pl.when(pl.col("class") != NO_USE).then(pl.col(name)).alias(name)
          for name in ("item", "stage", "reliance", "reliance_kind", "net_item",
                       *DIRECT, *PARTS)),
    )  # fmt: skip
    # Scores that differ in the tenth digit are tied, as in `rank`.
    tied = pl.col("score").round(9)
    keys = list(dict.fromkeys((sort, "score", "loss_usd", "use_usd")))
    by = [tied if name == "score" else pl.col(name) for name in keys]
    return table.sort(
        *by, "mineral", descending=[*[True] * len(keys), False], nulls_last=True
    )


def _direct_columns(
    world: World, minerals: Sequence[str], cells: Sequence[Cell]
) -> pl.DataFrame:
    """Return the item that home uses most of each mineral, and its direct reliances.

    Most in final use, by tonnes of the mineral; else most in the plants of home.
    """
    figures, base = world.figures, world.figures.base
    at_home = figures.use[:, world.at_home].sum(axis=1)
    most: dict[str, tuple[float, float, str]] = {}
    for n, (item, mineral) in enumerate(
        zip(figures.items, figures.minerals, strict=True)
    ):
        final = sum(base.demand.get((item, c), 0.0) for c in world.home)
        trace = world.traces.get(mineral)
        weight = 1.0 if trace is None else trace.weight.get(item, 0.0)
        amount = (_tonnes(final * weight), _tonnes(float(at_home[n]) * weight), item)
        if max(amount[:2]) > 0 and amount[:2] > most.get(mineral, (0.0, 0.0, ""))[:2]:
            most[mineral] = amount
    found: dict[str, dict[str, float | None]] = {}
    for cell in cells:
        if cell.indicator in DIRECT:
            found.setdefault(cell.keys["item"], {})[cell.indicator] = cell.value
    items = {m: most[m][2] for m in minerals if m in most}
    return pl.DataFrame(
        [(m, items.get(m), *(found.get(items.get(m, ""), {}).get(name)
                             for name in DIRECT)) for m in minerals],
        schema={"mineral": pl.String, "net_item": pl.String,
                **dict.fromkeys(DIRECT, pl.Float64)},
        orient="row",
    )  # fmt: skip


def _tonnes(amount: float) -> float:
    """Return an amount without the dust that reconciliation leaves."""
    return amount if amount > DUST_T else 0.0


def _published(study: Study, table: pl.DataFrame) -> pl.DataFrame:
    """Return the import reliance that the study states as published, newest first.

    Series `published/net_import_reliance/X` of observations, X the item that stands
    beside it (`net_item`), else the mineral. None is built in, and none moves ours.
    """
    series = "published/net_import_reliance/"
    known = (
        study.table("observations")
        .filter(
            pl.col("series").str.starts_with(series),
            pl.col("date") <= study.settings.as_of_date,
        )
        .drop_nulls("value")
        .sort("date")
    )
    found = dict(known.select("series", "value").iter_rows())
    pairs = table.select("mineral", "net_item").iter_rows()
    return pl.DataFrame(
        [(m, found.get(f"{series}{i}", found.get(series + m))) for m, i in pairs],
        schema={"mineral": pl.String, "published_reliance": pl.Float64},
        orient="row",
    )


def _group_reasons(grouped: Mapping[str, str]) -> dict[str, str]:
    return {
        name: f"a group of minerals: its items hold {held}, which are ranked each"
        for name, held in grouped.items()
    }


def _words(minerals: pl.DataFrame, reasons: Mapping[str, str]) -> pl.DataFrame:
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
