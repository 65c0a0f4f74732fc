# SPDX-License-Identifier: Apache-2.0
"""Which decisions survive other assumptions, and what the benefit hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.planning._draws import ONE_BY_ONE, Draw
from oreserve.planning._variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oreserve.planning._problem import Problem

__all__ = ["draws_table", "robust_decisions", "robust_shares", "tornado_table"]

Floats = npt.NDArray[np.float64]

ROBUST_PART = 0.5
"""Part of a purchase's tonnes that must be bought again for it to survive."""


def robust_shares(
    planned: dict[str, float],
    draws: list[Draw],
    items: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, float]:
    """Compute the share of draws in which half of a purchase is bought again.

    A draw counts for a decision if its scope has one of the decision's `items`;
    without an entry there the decision is named like its item. Draws have fewer
    scenarios than the plan: where the draw that changes nothing buys less for that
    reason alone, half of what it buys is enough.

    Examples
    --------
    >>> one = Draw("a", "low", 1.0, 0.0, {"gallium": 6.0})
    >>> two = Draw("a", "high", 1.0, 0.0, {"gallium": 4.0})
    >>> robust_shares({"gallium": 10.0}, [one, two])
    {'gallium': 0.5}
    """
    found: dict[str, float] = {}
    plain = {d.parameter: d.bought for d in draws if d.level == "base"}
    for name, tonnes in planned.items():
        among = draws
        if name.startswith("project "):
            # Only draws that judged it count: "not tested" must not read as 0.
            among = [d for d in draws if name in d.bought]
        own = frozenset((items or {}).get(name, (name,)))
        among = [d for d in among if d.scope is None or own & d.scope]
        if tonnes > 0.0 and among:
            kept = [
                d.bought.get(name, 0.0)
                >= ROBUST_PART * min(tonnes, _unchanged(plain, d, name) or tonnes)
                for d in among
            ]
            found[name] = sum(kept) / len(kept)
    return found


def _unchanged(
    plain: Mapping[str, Mapping[str, float]], draw: Draw, name: str
) -> float:
    """Return what the draw that changes nothing buys, on the scenarios of `draw`."""
    simulated = any(draw.parameter == variant[0] for variant in VARIANTS)
    kind = "market as it is" if simulated else "home as it is"
    return plain.get(kind, {}).get(name, 0.0)


def tornado_table(draws: list[Draw]) -> pl.DataFrame:
    """List each assumption with the plan's benefit at its low and high value."""
    base = {d.parameter: d.benefit for d in draws if d.level == "base"}
    rows = []
    names = [d.parameter for d in draws if d.level == "low"]
    nominal = {name: value for name, _, _, _, value in ONE_BY_ONE}
    for name in dict.fromkeys(names):
        pair = {d.level: d for d in draws if d.parameter == name}
        if not {"low", "high"} <= set(pair):
            continue
        low, high = pair["low"], pair["high"]
        simulated = any(name == variant[0] for variant in VARIANTS)
        rows.append(
            {
                "parameter": name,
                "low": low.value,
                "high": high.value,
                "base": nominal.get(name, 1.0),
                "benefit_low_usd": low.benefit * 1e6,
                "benefit_high_usd": high.benefit * 1e6,
                "benefit_base_usd": base[
                    "market as it is" if simulated else "home as it is"
                ]
                * 1e6,
                "kind": "market simulated again" if simulated else "home's side",
            }
        )
    schema = {
        "parameter": pl.String,
        "low": pl.Float64,
        "high": pl.Float64,
        "base": pl.Float64,
        "benefit_low_usd": pl.Float64,
        "benefit_high_usd": pl.Float64,
        "benefit_base_usd": pl.Float64,
        "kind": pl.String,
    }
    frame = pl.DataFrame(rows, schema=schema)
    width = (pl.col("benefit_high_usd") - pl.col("benefit_low_usd")).abs()
    return frame.sort(width, descending=True)


def draws_table(draws: list[Draw]) -> pl.DataFrame:
    """List what each perturbed solution buys."""
    rows = [
        {
            "parameter": draw.parameter,
            "level": draw.level,
            "value": draw.value,
            "item": name,
            "tonnes": tonnes,
        }
        for draw in draws
        for name, tonnes in sorted(draw.bought.items())
        if tonnes > 0.0
    ]
    schema = {
        "parameter": pl.String,
        "level": pl.String,
        "value": pl.Float64,
        "item": pl.String,
        "tonnes": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def robust_decisions(
    problem: Problem, x: Floats, draws: list[Draw]
) -> dict[str, float]:
    """Compute how often each purchase, agreement and project survives."""
    tonnes = problem.bought(x).sum(axis=1)
    planned = {n: float(t) for n, t in zip(problem.home.item, tonnes, strict=True)}
    items: dict[str, tuple[str, ...]] = {}
    for column, place in problem.columns.agreements:
        offer = problem.columns.agreement_offers[place]
        key = f"agreement {offer.name}"
        planned[key] = float(x[column] * offer.most_t)
        items[key] = (offer.item,)
    for column, place in problem.columns.options:
        project = problem.columns.project_offers[place]
        key = f"project {project.project}"
        planned[key] = planned.get(key, 0.0) + float(x[column] > 0.5)
        items[key] = tuple(project.output)
    return robust_shares(planned, draws, items)
