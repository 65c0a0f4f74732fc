# SPDX-License-Identifier: Apache-2.0
"""The finished plan: frames, figures, and how they are saved."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from oreserve.market import Standing

__all__ = ["Plan"]


@dataclass(frozen=True, repr=False)
class Plan:
    """What to buy, sign and build, what it is worth, and how sure that is.

    Parameters
    ----------
    figures
        The contents of plan.json.
    frames
        One table per file: reserve, agreements, projects, coverage,
        marginal_value, frontier, sensitivity, reconciliation, programmes,
        requirements, verification, worst_scenarios, build_up, states, draws.
    standing
        The plan as the market sees it.
    """

    figures: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]
    standing: Standing

    def __getattr__(self, name: str) -> pl.DataFrame:
        """Return a table as an attribute: ``plan.reserve``."""
        frames = self.__dict__.get("frames", {})
        if name in frames:
            frame: pl.DataFrame = frames[name]
            return frame
        message = f"a plan has no {name!r}; its tables are {', '.join(sorted(frames))}"
        raise AttributeError(message)

    def __repr__(self) -> str:
        """Show the summary: frames and figures would fill pages."""
        return self.summary()

    def save(self, folder: str | Path) -> Path:
        """Write plan.json and the tables; the folder appears whole or not at all.

        A folder that is there already gets the files, each whole or not at all.
        """
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            made.chmod(0o755)
            for name, frame in sorted(self.frames.items()):
                frame.write_csv(made / f"{name}.csv")
            text = json.dumps(_plain(self.figures), indent=1, sort_keys=False)
            (made / "plan.json").write_text(text + "\n", encoding="utf-8")
            if not folder.exists():
                made.rename(folder)
                return folder
            for file in sorted(made.iterdir()):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return folder

    def summary(self) -> str:
        """Return the decision and its worth in a few lines."""
        f = self.figures
        half = f["verified_benefit_halfwidth_usd"]
        money_used = (
            f"{f['study']}: budget {money(f['budget_usd'])}, of which "
            f"{money(f['outlays_usd'])} is used: {money(f['purchases_usd'])} for the "
            f"reserve, {money(f['agreements_usd'])} held for agreements, "
            f"{money(f['projects_usd'])} for projects"
        )
        commitments = (
            f"bought {money(f['purchases_usd'])}; held for guarantees "
            f"{money(f['agreements_usd'])}; projects {money(f['projects_usd'])}; "
            f"face value of commitments {money(f['gross_commitment_usd'])}; "
            f"expected to be paid {money(f['expected_cost_usd'])}, net of what the "
            f"reserve is worth at the end"
        )
        losses = (
            f"expected loss without the plan {money(f['expected_loss_without_usd'])}, "
            f"with it {money(f['verified_loss_with_usd'])}"
        )
        tail = (
            f"worst {100 * (1 - f['alpha']):.0f} %: "
            f"{money(f['cvar_loss_without_usd'])} without, "
            f"{money(f['cvar_loss_with_usd'])} with; gap to the bound {f['gap']:.1e}"
        )
        lines = [
            *_nothing_known(f),
            money_used + _left(f),
            commitments,
            losses,
            f"verified benefit {money(f['verified_benefit_usd'])} +- {money(half)} "
            f"(95 %, {f['verify']} fresh scenarios)"
            + (
                f", {100 * f['verified_over_planned']:.0f} % of planned"
                if f["verified_over_planned"] is not None
                else ""
            ),
            *_by_control(f),
            *_by_policy(f),
            tail,
        ]
        if f["annual_use_usd"]:
            lines.append(
                f"one year of home's use of the priced items costs "
                f"{money(f['annual_use_usd'])}: the budget is {f['budget_days']:.0f} "
                f"days of it"
            )
        lines += _purchases(self.frames["reserve"])
        lines += _agreements(self.frames["agreements"])
        lines += _names(self.frames["projects"], "project", "support")
        lines += [f"warning: {text}" for text in f["warnings"]]
        return "\n".join(lines)


def money(usd: float | None) -> str:
    """Write an amount for people.

    Examples
    --------
    >>> money(12e9), money(3.4e6), money(None)
    ('12.0 billion USD', '3.4 million USD', 'no data')
    """
    if usd is None or not math.isfinite(usd):
        return "no data"
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if abs(usd) >= size:
            return f"{usd / size:.1f} {word} USD"
    return f"{usd:.0f} USD"


def _purchases(reserve: pl.DataFrame) -> list[str]:
    """List the largest purchases."""
    if reserve.is_empty():
        return ["buy: nothing"]
    import polars as pl

    total = (
        reserve.group_by("item")
        .agg(pl.col("tonnes").sum(), pl.col("outlay_usd").sum())
        .sort("outlay_usd", "item", descending=[True, False])
        .head(8)
    )
    return [
        f"buy {row['tonnes']:,.4g} t of {row['item']} for {money(row['outlay_usd'])}"
        for row in total.iter_rows(named=True)
    ]


def _nothing_known(figures: Mapping[str, Any]) -> list[str]:
    """Say first that a study without losses leaves nothing to plan for."""
    if figures.get("losses_known", True):
        return []
    return [
        f"the study knows no losses for {figures['home']}: there is nothing to plan for"
    ]


def _by_control(f: Mapping[str, Any]) -> list[str]:
    """Return the narrower interval, where the plan's own promise gives one."""
    half = f.get("verified_benefit_control_halfwidth_usd")
    if half is None or not half < f["verified_benefit_halfwidth_usd"]:
        return []
    value = f"{money(f['verified_benefit_control_usd'])} +- {money(half)}"
    runs = f["control_scenarios"]
    return [f"with its promise over {runs} scenarios as control variate: {value}"]


def _by_policy(f: Mapping[str, Any]) -> list[str]:
    """Say what release by an operating policy changes, where one was given."""
    if "policy_saves_usd" not in f:
        return []
    saves = (
        f"{money(f['policy_saves_usd'])} +- {money(f['policy_saves_halfwidth_usd'])}"
    )
    net = (
        f"{money(f['policy_saves_net_usd'])} +- "
        f"{money(f['policy_saves_net_halfwidth_usd'])}"
    )
    line = (
        f"released by the policy instead of the linear rule: saves {saves} of loss, "
        f"{net} with the stock left (95 %, same scenarios)"
    )
    return [line]


def _left(figures: Mapping[str, Any]) -> str:
    """Say why money is left, where it is."""
    if figures.get("budget_binds", True):
        return ""
    return "; beyond that nothing in this model is worth its cost"


def _agreements(agreements: pl.DataFrame) -> list[str]:
    """Count the agreements and list the three that hold most money."""
    if agreements.is_empty():
        return ["sign: nothing"]
    order = ["outlay_usd", "agreement"]
    most = agreements.sort(order, descending=[True, False]).head(3)
    largest = ", ".join(
        f"{row['item']} from {row['seller_country']} "
        f"({row['tonnes_per_year']:,.4g} t/year, "
        f"{row['outlay_usd'] / 1e6:,.1f} million USD held)"
        for row in most.iter_rows(named=True)
    )
    count = agreements.height
    return [f"sign {count} agreement{'s' if count > 1 else ''}; largest: {largest}"]


def _names(frame: pl.DataFrame, column: str, verb: str) -> list[str]:
    """List chosen projects."""
    return [
        f"{verb} {row[column]} ({row['option']})" for row in frame.iter_rows(named=True)
    ]


def _plain(value: Any) -> Any:
    """Turn numbers into JSON; what is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
