# SPDX-License-Identifier: Apache-2.0
"""The contents of plan.json."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from oreserve.planning._passes import (
    Pass,
    run_losses,
)
from oreserve.planning._verify import (
    conditional_value_at_risk,
    student_halfwidth,
    weak_interval,
)
from oreserve.planning._work import GAP, Work

if TYPE_CHECKING:
    from oreserve.planning._home import Home
    from oreserve.planning._runs import Runs


__all__ = ["plan_figures"]

BATCHES = 10
ROBUST = 0.8


def _out_of_sample(best: Pass) -> tuple[float, float]:
    """Estimate the objective on fresh scenarios, in batches for the tail.

    Returns
    -------
    tuple
        Mean over batches and half of its 95 % Student interval, million USD.
    """
    programme = best.problem.programme
    loss = run_losses(best.problem.home, best.having)
    batches = max(2, min(BATCHES, len(loss) // 10))
    values = np.array(
        [
            part.mean()
            + programme.risk_weight * conditional_value_at_risk(part, programme.alpha)
            for part in np.array_split(loss, batches)
        ]
    )
    cost = float(programme.first.cost @ best.solution.x)
    return float(values.mean()) + cost, student_halfwidth(values)


def plan_figures(
    work: Work,
    best: Pass,
    passes: list[Pass],
    fresh_base: Runs,
    *,
    budget_usd: float,
    seed: int,
    frames: dict[str, pl.DataFrame],
) -> dict[str, Any]:
    """Make the contents of plan.json."""
    home, settings = work.home, work.study.settings
    first, x = best.problem.programme.first, best.solution.x
    by_kind = {
        kind: float(first.cash @ np.where(np.isin(first.kind, kinds), x, 0.0)) * 1e6
        for kind, kinds in (
            ("purchases_usd", ("buy", "step")),
            ("agreements_usd", ("agreement",)),
            ("projects_usd", ("option",)),
        )
    }
    outlays = sum(by_kind.values())
    gross = by_kind["purchases_usd"] + by_kind["projects_usd"]
    for row in frames["agreements"].iter_rows(named=True):
        price = home.price[home.item_index(row["item"])]
        years = row["until"] - row["from"] + 1
        gross += row["tonnes_per_year"] * years * float(price)
    use = np.where(np.isfinite(home.price), home.price * home.use[:, 0], 0.0)
    annual = float(use.sum())
    upper, upper_half = _out_of_sample(best)
    check = best.verification
    return {
        "study": work.study.name,
        "study_title": work.study.title,
        "study_hash": work.study.hash,
        "home": settings.home,
        "budget_usd": float(budget_usd),
        "outlays_usd": outlays,
        "budget_binds": best.problem.budget_binds(x),
        "losses_known": bool(home.loss_known.any()),
        "gross_commitment_usd": gross,
        **by_kind,
        "expected_cost_usd": float(first.cost @ x) * 1e6,
        "expected_loss_without_usd": check.loss_without * 1e6,
        "verified_loss_with_usd": check.loss_with * 1e6,
        "verified_benefit_usd": check.benefit * 1e6,
        "verified_benefit_halfwidth_usd": check.halfwidth * 1e6,
        "planned_benefit_usd": best.planned * 1e6,
        "verified_over_planned": best.ratio,
        "benefit_by_pass": [one.verification.benefit * 1e6 for one in passes],
        "planned_by_pass": [one.planned * 1e6 for one in passes],
        "cvar_loss_without_usd": check.cvar_without * 1e6,
        "cvar_loss_with_usd": check.cvar_with * 1e6,
        "premium_without_usd": _premium(home, fresh_base),
        "premium_with_usd": _premium(home, best.having),
        "lower_bound_usd": best.solution.bound * 1e6,
        "objective_usd": best.solution.objective * 1e6,
        "upper_bound_mean_usd": upper * 1e6,
        "upper_bound_halfwidth_usd": upper_half * 1e6,
        "gap": best.solution.gap,
        "iterations": best.solution.iterations,
        "cuts": best.solution.cuts,
        "passes": len(passes),
        "scenarios": len(work.scenarios),
        "verify": len(work.fresh),
        "base_year": settings.base_year,
        "as_of": str(settings.as_of),
        "discount_rate": settings.discount_rate,
        "alpha": settings.alpha,
        "risk_weight": settings.risk_weight,
        "seed": seed,
        "annual_use_usd": annual,
        "budget_days": 365.0 * budget_usd / annual if annual > 0.0 else None,
        "robust_buys": sorted(
            set(
                frames["reserve"]
                .filter(pl.col("robust_share") >= ROBUST)["item"]
                .to_list()
            )
        ),
        "versions": _versions(),
        "warnings": _warnings(work, best, fresh_base, frames),
    }


def _premium(home: Home, runs: Runs) -> float:
    """Compute the discounted mean import premium, USD."""
    return float((runs.premium.sum(axis=2) @ home.discount).mean()) * 1e6


def _warnings(
    work: Work, best: Pass, fresh_base: Runs, frames: dict[str, pl.DataFrame]
) -> list[str]:
    """Say what a reader must know before believing a number."""
    found = list(work.warnings)
    home = work.home
    unknown = sum(1 for known in home.loss_known if not known)
    if unknown:
        found.append(
            f"{unknown} of {len(home.loss_known)} uses at home have no loss per tonne: "
            f"their shortage counts nothing"
        )
    if best.ratio is not None and not best.good:
        found.append(
            f"only {100 * best.ratio:.0f} % of the planned benefit was verified; "
            f"see verification.csv"
        )
    if best.solution.x.any():
        gains = run_losses(home, fresh_base) - run_losses(home, best.having)
        weak = weak_interval(gains)
        found += [] if weak is None else [weak]
    if best.solution.gap > GAP:
        found.append(f"the gap to the bound is {best.solution.gap:.1e}, above {GAP:g}")
    values = frames["marginal_value"]
    rich = values.filter(pl.col("value_per_usd") > 100.0)["item"].to_list()
    if rich:
        found.append(
            "a tonne more is worth over 100 times its price for "
            f"{', '.join(rich[:5])}: the loss per tonne is an average over a full "
            "year's loss, the form in use may differ, and the use may be assumed"
        )
    return found


def _versions() -> dict[str, str]:
    """Name the software that made the plan."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("oreserve", "highspy", "numpy", "polars", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
