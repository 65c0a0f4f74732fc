# SPDX-License-Identifier: Apache-2.0
"""What a release rule is worth in the market: the same fresh scenarios, two rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market import Standing, prepare
from oreserve.planning._home import read_home
from oreserve.planning._market import HomeMarket
from oreserve.planning._policy_data import read_plan
from oreserve.planning._pool import LazyPool
from oreserve.planning._rule_check import left_worth
from oreserve.planning._runs import run_chains
from oreserve.planning._verify import conditional_value_at_risk, paired_difference
from oreserve.planning._world import period_loss
from oreserve.threats import sample_scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oreserve.market import Base
    from oreserve.planning._home import Home
    from oreserve.planning._policy_result import OperatingPolicy
    from oreserve.planning._runs import Runs
    from oreserve.planning.result import Plan
    from oreserve.study import Study

__all__ = ["VERIFY_FROM", "verify_release_rule"]

Floats = npt.NDArray[np.float64]

VERIFY_FROM = 3_000_000
"""Number of the first scenario: neither a plan nor a policy has seen them."""


def verify_release_rule(
    study: Study,
    policy: OperatingPolicy,
    *,
    plan: Plan | str | Path | None = None,
    scenarios: int = 300,
    seed: int = 0,
    workers: int = 2,
    executor: str | None = None,
    base: Base | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
) -> pl.DataFrame:
    """Simulate fresh scenarios with no release, the linear rule and the policy.

    Parameters
    ----------
    plan
        What stands in all three runs: its orders, agreements and projects.
    workers, executor
        As of `operating_policy`; they change nothing.

    Returns
    -------
    polars.DataFrame
        One row per rule: rule, loss_usd (discounted, all chains of the policy's
        items), cvar_usd, left_usd (worth of the stock at the end, discounted),
        released_t_share (tonnes released in all periods over the item's largest
        stock, summed over the items: it may pass 1), and what the rule saves
        against the linear one, of loss alone (saves_usd) and with the stock left
        (saves_net_usd), each with half of its 95 % interval, paired.
    """
    pool = LazyPool(workers, executor)
    home = read_home(study)
    market = HomeMarket(
        home,
        base or prepare(study),
        agreement_offers=(),
        project_offers=(),
        pool=pool,
    )
    names = set(policy.rule.item)
    places = [
        n for n, chain in enumerate(market.chains) if names & set(chain.spec.items)
    ]
    drawn = sample_scenarios(study, count=scenarios, seed=seed, start=VERIFY_FROM)
    found: dict[str, tuple[Floats, Floats, float]] = {}
    try:
        given = None if plan is None else read_plan(plan, home, market)
        standing = Standing() if given is None else given.standing
        rules = {
            "no release": (standing, False),
            "linear": (standing, True),
            "policy": (replace(standing, release_rule=policy.rule), True),
        }
        for number, (name, (own, release)) in enumerate(rules.items()):
            parts = run_chains(
                [market.chains[n] for n in places],
                drawn,
                own,
                release=release,
                pool=pool,
            )
            runs = market.collect(places, parts, len(drawn), None)
            found[name] = _worth(home, runs)
            if progress is not None:
                progress("Verify the release rule", number + 1, len(rules))
    finally:
        pool.close()
    return _table(found, study.settings.alpha)


def _worth(home: Home, runs: Runs) -> tuple[Floats, Floats, float]:
    """Return (S,) losses and worth of the stock left, million USD; t released."""
    loss = period_loss(home, runs.short, runs.wanted).sum(axis=2) @ home.discount
    left = left_worth(home, runs)
    peak = runs.stock.max(axis=(0, 1))
    released = runs.release.sum(axis=1).mean(axis=0)
    share = np.divide(released, peak, out=np.zeros_like(peak), where=peak > 0.0)
    return loss, left, float(share.sum())


def _table(
    found: dict[str, tuple[Floats, Floats, float]], alpha: float
) -> pl.DataFrame:
    loss_linear, left_linear, _ = found["linear"]
    rows = []
    for name, (loss, left, released) in found.items():
        saves, half = paired_difference(loss_linear, loss)
        net, net_half = paired_difference(loss_linear - left_linear, loss - left)
        rows.append(
            {
                "rule": name,
                "scenarios": len(loss),
                "loss_usd": 1e6 * float(loss.mean()),
                "cvar_usd": 1e6 * conditional_value_at_risk(loss, alpha),
                "left_usd": 1e6 * float(left.mean()),
                "released_t_share": released,
                "saves_usd": 1e6 * saves,
                "saves_halfwidth_usd": 1e6 * half,
                "saves_net_usd": 1e6 * net,
                "saves_net_halfwidth_usd": 1e6 * net_half,
            }
        )
    return pl.DataFrame(rows)
