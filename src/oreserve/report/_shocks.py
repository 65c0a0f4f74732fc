# SPDX-License-Identifier: Apache-2.0
"""The bundled shocks, one by one: does each bind, where, and what does it cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oreserve.market import Outcome
    from oreserve.study import Shock, Study

__all__ = ["write_shocks"]

PERIODS = 4  # bundled shocks begin in the first year and last at most three
NAMED = 3  # places that a row names


def write_shocks(
    study: Study,
    folder: Path,
    *,
    workers: int = 2,
    progress: Callable[[str, float, float | None], None] | None = None,
) -> None:
    """Simulate each bundled shock and write `shocks.csv` into a plan's folder.

    Losses and shortages are what the shock adds to the same years without it. A
    shock that names what the study does not have is left out.
    """
    from oreserve.market import prepare, simulate
    from oreserve.study import load_shock, shocks

    known: list[Shock] = []
    for name in shocks()["shock"]:
        try:
            known.append(load_shock(name, study))
        except InputError:
            continue
    if not known:
        return
    base = prepare(study)
    periods = min(PERIODS, len(study.period_starts()))
    calm = simulate(study, periods=periods, base=base)
    done = 0

    def run(shock: Shock) -> dict[str, Any]:
        nonlocal done
        outcome = simulate(study, shock=shock, periods=periods, base=base)
        done += 1
        if progress is not None:
            progress("Run single shocks", done, len(known))
        return _row(shock, outcome, calm)

    with ThreadPoolExecutor(workers) as pool:
        rows = list(pool.map(run, known))
    rows.sort(key=lambda row: (-(row["loss_usd"] or 0.0), row["shock"]))
    pl.DataFrame(rows, infer_schema_length=None).write_csv(folder / "shocks.csv")


def _row(shock: Shock, outcome: Outcome, calm: Outcome) -> dict[str, Any]:
    own = outcome.binds.filter(
        pl.col("effect").str.starts_with(shock.name) & pl.col("binds")
    )
    worst = (
        own.group_by("item", "place")
        .agg(pl.col("worth_usd_per_t").max())
        .sort("worth_usd_per_t", "item", "place", descending=[True, False, False])
    )
    named = [f"{item} ({place})" for item, place, _ in worst.head(NAMED).iter_rows()]
    more = worst.height - len(named)
    loss = None
    if outcome.home_loss_usd is not None and calm.home_loss_usd is not None:
        loss = outcome.home_loss_usd - calm.home_loss_usd
    return {
        "shock": shock.name,
        "binds": bool(own.height),
        "where": ", ".join(named) + (f" and {more} more" if more > 0 else ""),
        "items_short": _short_items(outcome) - _short_items(calm),
        "loss_usd": loss,
    }


def _short_items(outcome: Outcome) -> int:
    """Count home's items with more than 1 % of use short over the time."""
    at_home = outcome.shortfall.filter(pl.col("country").is_in(outcome.home_countries))
    short = at_home.group_by("item").agg(
        pl.col("shortfall_t").sum(), pl.col("wanted_t").sum()
    )
    return short.filter(pl.col("shortfall_t") > 0.01 * pl.col("wanted_t")).height
