# SPDX-License-Identifier: Apache-2.0
"""A plan under another release rule: the operating policy beside the linear rule."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.planning._groups import TERMINAL_SHARE
from oreserve.planning._passes import run_losses
from oreserve.planning._policy_result import OperatingPolicy, load_operating_policy
from oreserve.planning._verify import conditional_value_at_risk, paired_difference

if TYPE_CHECKING:
    import polars as pl

    from oreserve.planning._home import Home
    from oreserve.planning._passes import Pass
    from oreserve.planning._policy_rule import PolicyRule
    from oreserve.planning._runs import Runs
    from oreserve.planning._work import Work
    from oreserve.study import Study

__all__ = ["RuleCheck", "check_rule", "given_policy", "left_worth"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RuleCheck:
    """A plan whose reserve is released by a policy, million USD.

    Means over the same fresh scenarios with half of the 95 % interval of the paired
    difference. `saves` is against the same plan under the linear rule, of loss
    alone; `saves_net` counts the worth of the stock that is left.
    """

    items: tuple[str, ...]
    scenarios: int
    loss: float
    cvar: float
    benefit: tuple[float, float]
    saves: tuple[float, float]
    saves_net: tuple[float, float]

    def figures(self) -> dict[str, Any]:
        """Return the keys of plan.json."""
        found: dict[str, Any] = {
            "policy_items": list(self.items),
            "policy_loss_with_usd": self.loss * 1e6,
            "policy_cvar_loss_with_usd": self.cvar * 1e6,
        }
        for name, (mean, half) in (
            ("policy_benefit", self.benefit),
            ("policy_saves", self.saves),
            ("policy_saves_net", self.saves_net),
        ):
            found[f"{name}_usd"] = mean * 1e6
            found[f"{name}_halfwidth_usd"] = half * 1e6
        return found

    def below(self, table: pl.DataFrame) -> pl.DataFrame:
        """Add rows to verification.csv; they have no pass and nothing planned."""
        import polars as pl

        same = f"same {self.scenarios} fresh scenarios"
        rows = [
            ("reserve released by the policy, against no plan", self.benefit, same),
            (
                "the policy instead of the linear rule",
                self.saves,
                f"loss saved, {same}",
            ),
            (
                "the policy instead of the linear rule, with the stock left",
                self.saves_net,
                f"loss saved and worth of the stock at the end, {same}",
            ),
        ]
        more = pl.DataFrame(
            [
                {
                    "rule": rule,
                    "verified_usd": mean * 1e6,
                    "halfwidth_usd": half * 1e6,
                    "note": note,
                }
                for rule, (mean, half), note in rows
            ]
        )
        return pl.concat([table, more], how="diagonal")


def given_policy(
    policy: OperatingPolicy | str | Path | None, study: Study
) -> OperatingPolicy | None:
    """Read the policy that a plan is to be verified with.

    Raises
    ------
    InputError
        If it was made of another version of the study, or for other periods.
    """
    if policy is None:
        return None
    if not isinstance(policy, OperatingPolicy):
        policy = load_operating_policy(Path(policy), study)
    elif policy.figures["study_hash"] != study.hash:
        message = (
            f"the policy was made of study {policy.figures['study']} in another "
            f"version (hash {policy.figures['study_hash'][:12]}, given is "
            f"{study.name} {study.hash[:12]}): make it again"
        )
        raise InputError(message)
    if policy.rule.starts != tuple(study.period_starts()):
        message = (
            f"the policy has {len(policy.rule.starts)} periods from "
            f"{policy.rule.starts[0]}, the study "
            f"{len(study.period_starts())} from {study.period_starts()[0]}"
        )
        raise InputError(message)
    return policy


def check_rule(
    work: Work, best: Pass, fresh_base: Runs, policy: OperatingPolicy
) -> RuleCheck:
    """Simulate a verified plan once more, its reserve released by a policy."""
    home, rule = work.home, policy.rule
    standing = replace(best.standing, release_rule=rule)
    runs = work.runs(
        f"rule-{_digest(rule)}",
        lambda: work.market.run(
            work.fresh,
            standing,
            progress=work.progress,
            stage="Release by the policy",
            without=fresh_base,
        ),
    )
    loss, linear = run_losses(home, runs), run_losses(home, best.having)
    net = loss - left_worth(home, runs)
    return RuleCheck(
        items=rule.item,
        scenarios=len(loss),
        loss=float(loss.mean()),
        cvar=conditional_value_at_risk(loss, work.study.settings.alpha),
        benefit=paired_difference(run_losses(home, fresh_base), loss),
        saves=paired_difference(linear, loss),
        saves_net=paired_difference(linear - left_worth(home, best.having), net),
    )


def left_worth(home: Home, runs: Runs) -> Floats:
    """Value the stock at the end, discounted: (S,) million USD."""
    price = np.nan_to_num(home.price) * TERMINAL_SHARE / 1e6
    worth: Floats = runs.stock[:, -1] @ price * home.horizon_discount
    return worth


def _digest(rule: PolicyRule) -> str:
    """Name a rule by its contents: runs of another one must not be taken for its."""
    made = hashlib.sha256(repr((rule.item, rule.starts)).encode())
    made.update(repr(sorted(rule.state_of.items())).encode())
    for table in (rule.level, rule.value, rule.short):
        made.update(np.ascontiguousarray(table).tobytes())
    return made.hexdigest()[:12]
