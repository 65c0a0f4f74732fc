# SPDX-License-Identifier: Apache-2.0
"""What the market does without the plan, in blocks of scenarios.

Up to one block everything is as simulated. Beyond, a block is simulated, kept on
disk, and only its part of the programme's data stays, in single precision: with ten
thousand scenarios the runs alone would otherwise fill two gigabytes.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from oreserve.planning._runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from oreserve.planning._work import Work
    from oreserve.planning._world import World
    from oreserve.study.scenario import Scenario

__all__ = ["BLOCK", "simulate_baseline"]

BLOCK = 500
"""Scenarios that are simulated, and held in double precision, together."""

TABLES = (
    "wanted",
    "short",
    "fillable",
    "release_share",
    "agreement_share",
    "project_share",
    "room",
)
"""Arrays of `World` over scenarios."""


def simulate_baseline(work: Work, *, projects: bool) -> tuple[Runs, World]:
    """Simulate the plan's scenarios without it, and with all projects standing.

    Parameters
    ----------
    projects
        Whether projects may be used, which needs the second simulation.

    Returns
    -------
    tuple
        The runs without a plan, and the data of the programme.
    """
    count = len(work.scenarios)
    if count <= BLOCK:
        base, probe = _block(work, work.scenarios, projects=projects, part=None)
        return base, work.market.world(work.scenarios, base, probe)
    runs: dict[str, npt.NDArray[Any]] = {}
    tables: dict[str, npt.NDArray[Any]] = {}
    world: World | None = None
    starts = range(0, count, BLOCK)
    for number, start in enumerate(starts):
        some = work.scenarios[start : start + BLOCK]
        part = (number, len(starts))
        base, probe = _block(work, some, projects=projects, part=part)
        world = work.market.world(some, base, probe)
        _take(runs, base.to_arrays(), start, count)
        # What runs hold as well is not held twice.
        own = [name for name in TABLES if name not in runs or name == "fillable"]
        _take(tables, {name: getattr(world, name) for name in own}, start, count)
    assert world is not None
    shared = {name: runs[name] for name in TABLES if name not in tables}
    whole = Runs(**{field.name: runs[field.name] for field in fields(Runs)})
    held: dict[str, Any] = {**tables, **shared}
    return whole, replace(world, scenarios=work.scenarios, **held)


def _block(
    work: Work,
    some: Sequence[Scenario],
    *,
    projects: bool,
    part: tuple[int, int] | None,
) -> tuple[Runs, Runs | None]:
    """Simulate some scenarios, or take them from the checkpoint."""
    market = work.market
    end = "" if part is None else f"-{part[0]}"
    told = _part_of(work.progress, part)
    base = work.runs(
        f"base{end}",
        lambda: market.run(some, progress=told, stage="Simulate without a plan"),
    )
    if not (market.projects and projects):
        return base, None
    probe = work.runs(
        f"probe{end}",
        lambda: market.run(
            some,
            market.probe(),
            progress=told,
            stage="Simulate with all projects",
            without=base,
        ),
    )
    return base, probe


def _part_of(
    progress: Callable[[str, float, float | None], None] | None,
    part: tuple[int, int] | None,
) -> Callable[[str, float, float | None], None] | None:
    """Let the progress of one block count as a part of all."""
    if progress is None or part is None:
        return progress
    number, blocks = part

    def told(stage: str, done: float, total: float | None) -> None:
        if total is None:
            progress(stage, number, blocks)
        else:
            progress(stage, number * total + done, blocks * total)

    return told


def _take(
    into: dict[str, npt.NDArray[Any]],
    arrays: dict[str, npt.NDArray[Any]],
    start: int,
    count: int,
) -> None:
    """Put a block in its place; numbers in single precision."""
    for name, table in arrays.items():
        if name not in into:
            kind = table.dtype if table.dtype == bool else np.float32
            into[name] = np.empty((count, *table.shape[1:]), dtype=kind)
        into[name][start : start + len(table)] = table
