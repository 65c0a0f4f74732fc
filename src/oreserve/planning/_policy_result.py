# SPDX-License-Identifier: Apache-2.0
"""The operating policy as a result: tables, files, and a rule for the market."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.errors import InputError
from oreserve.planning._policy_rule import PolicyRule
from oreserve.planning.result import money
from oreserve.stochastic import load_policy
from oreserve.stochastic._saved import read_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.planning._home import Home
    from oreserve.planning._policy_stage import Futures, Operation, StageColumns
    from oreserve.planning._policy_states import MarkovStates
    from oreserve.stochastic import Policy
    from oreserve.stochastic._sddp_passes import Simulated
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

__all__ = ["OperatingPolicy", "load_operating_policy", "make_result"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PATHS = 1000
GRID = 101
SHOWN = 10  # every so many levels of the grid go to security_value.csv
NO_GAP = (
    "no gap: the measure is nested, so that no mean of simulated paths is an upper "
    "bound of it"
)
FILES = ("policy.json", "rule.npz", "security_value.csv", "schedule.csv")


@dataclass(frozen=True, eq=False)
class OperatingPolicy:
    """When to buy, keep and release; what a tonne kept is worth.

    It serves as `policy` of `oreserve.market.simulate` and, through `rule`, as
    `release_rule` of a `Standing`.

    Parameters
    ----------
    figures
        Contents of policy.json.
    policy
        Cuts and stages, to be asked with `value` and `decide`.
    rule
        What the market asks.
    schedule
        item, period, and mean, p10, p50, p90 of stock, purchase and release, t.
    """

    figures: Mapping[str, Any]
    policy: Policy
    rule: PolicyRule
    schedule: pl.DataFrame

    def covers(self, item: str) -> bool:
        """Return whether the policy decides for an item."""
        return self.rule.covers(item)

    def worth(
        self, item: str, start: date, scenarios: Sequence[Scenario], **given: Any
    ) -> Floats:
        """Return what is worth a release; see `PolicyRule.worth`."""
        return self.rule.worth(item, start, scenarios, **given)

    def security_values(self) -> pl.DataFrame:
        """Return the security value by item, period, state and stock level.

        Returns
        -------
        polars.DataFrame
            item, period, state, stock_t, usd_per_t: what a tonne kept at the end of
            the period is worth when the stock is at the level, the other stocks and
            the money being as they are on average in that state.
        """
        rule, names = self.rule, self.figures["states"]
        rows = [
            (
                item,
                f"{start:%Y-%m}",
                state["name"],
                float(rule.level[n, g]),
                float(rule.value[t, m, n, g]),
            )
            for n, item in enumerate(rule.item)
            for t, start in enumerate(rule.starts)
            for m, state in enumerate(names)
            for g in range(0, GRID, SHOWN)
        ]
        columns = ["item", "period", "state", "stock_t", "usd_per_t"]
        return pl.DataFrame(rows, schema=columns, orient="row")

    def save(self, folder: str | Path) -> Path:
        """Write the policy: npz, json and csv files; see `load_operating_policy`."""
        folder = Path(folder)
        self.policy.save(folder)
        rule = self.rule
        with (folder / "rule.npz").open("wb") as file:
            np.savez_compressed(
                file, level=rule.level, value=rule.value, short=rule.short
            )
        self.security_values().write_csv(folder / "security_value.csv")
        self.schedule.write_csv(folder / "schedule.csv")
        text = json.dumps(dict(self.figures), indent=1)
        (folder / "policy.json").write_text(text + "\n", encoding="utf-8")
        return folder

    def summary(self) -> str:
        """Return what was found in a few lines."""
        f = self.figures
        inside = ", ".join(
            f"{d['driver']} ({d['explained']:.0%})" for d in f["drivers"]
        )
        shape = f"{len(f['periods'])} periods, {len(f['states'])} Markov states"
        mean = f"{money(f['simulated_usd'])} +- {money(f['simulated_halfwidth_usd'])}"
        bound = money(f["bound_usd"])
        lines = [
            f"{f['study']}: policy for {len(f['items'])} items, {shape}",
            f"drivers inside, with their share of the loss's variance: {inside}",
        ]
        without = f"without a reserve {money(f['without_usd'])}"
        if f["gap"] is None:
            lines += [
                (
                    f"expected cost of the policy on {f['paths']:,} simulated paths: "
                    f"{mean} (95 %); {without}"
                ),
                (
                    f"check: {f['measure']}, is at least {bound} whatever the policy; "
                    f"{f['gap_note']}"
                ),
            ]
        else:
            lines += [
                (
                    f"{f['measure']}: {money(f['upper_usd'])} +- "
                    f"{money(f['upper_halfwidth_usd'])} (95 %) with the policy, "
                    f"{without}"
                ),
                f"check: no policy can cost less than {bound} (gap {f['gap']:.2%})",
                (
                    f"check: the plain mean of {f['paths']:,} simulated paths is "
                    f"{mean} (95 %), the same cost measured less sharply"
                ),
            ]
        few = [s["name"] for s in f["states"] if s["least_openings"] < f["openings"]]
        if few:
            lines.append(f"fewer openings than asked in: {'; '.join(few)}")
        return "\n".join(lines)


def make_result(
    study: Study,
    home: Home,
    policy: Policy,
    *,
    operation: Operation,
    columns: StageColumns,
    states: MarkovStates,
    futures: Sequence[Sequence[Futures]],
    purchases: str,
    scenarios: int,
    openings: int,
    workers: int,
) -> OperatingPolicy:
    """Simulate the policy, read its security values and collect its figures."""
    first = 2 * policy.figures.gap_paths + policy.figures.paths
    paths = policy.simulate(PATHS, columns=True, first=first, workers=workers)
    level, value = _security(policy, operation, paths)
    short = np.array(
        [
            [
                np.bincount(
                    operation.step_item,
                    weights=one.size.mean(axis=0),
                    minlength=len(operation.item),
                )
                for one in row
            ]
            for row in futures
        ]
    )
    rule = PolicyRule(
        item=operation.item,
        starts=home.starts,
        driver_at=states.driver_at,
        state_of=MappingProxyType(
            {one: int(m) for one, m in zip(states.joint, states.merged, strict=True)}
        ),
        level=level,
        value=value,
        short=short,
    )
    return OperatingPolicy(
        figures=_figures(
            study, home, policy, operation, states, futures, purchases, scenarios,
            openings,
        ),
        policy=policy,
        rule=rule,
        schedule=_schedule(home, operation, columns, paths),
    )  # fmt: skip


def _security(
    policy: Policy, operation: Operation, paths: Simulated
) -> tuple[Floats, Floats]:
    """Return (N, G) levels, t, and (T, M, N, G) values, USD per t."""
    problem, unit = policy.problem, operation.unit
    count, periods = len(unit), operation.periods
    share = np.linspace(0.0, 1.0, GRID) ** 2  # finer where stocks are small
    value = np.zeros((periods, problem.count, count, GRID))
    for t in range(periods):
        for m in range(problem.count):
            rows = paths.state[:, t] == m
            mean = paths.level[rows if rows.any() else slice(None), t].mean(axis=0)
            cuts = policy.nodes[t][m].cuts
            for n in range(count):
                if t == periods - 1:
                    kept = np.full(GRID, operation.end_value[n])
                else:
                    other = mean.copy()
                    other[n] = 0.0
                    kept = np.zeros(GRID)
                    if len(cuts.constant):
                        base = cuts.constant + cuts.slope @ other
                        heights = base[:, None] + cuts.slope[:, n, None] * share
                        best = heights.argmax(axis=0)
                        slope = cuts.slope[best, n]
                        slope[heights.max(axis=0) <= problem.floor] = 0.0
                        kept = -problem.discount * slope / unit[n]
                kept = operation.keep[n] * (kept - operation.storage[n])
                value[t, m, n] = 1e6 * kept
    return unit[:, None] * share[None, :], value


def _schedule(
    home: Home, operation: Operation, columns: StageColumns, paths: Simulated
) -> pl.DataFrame:
    """Tabulate stock, purchase and release: mean and quantiles over the paths."""
    unit = operation.unit
    table = np.array(paths.columns)  # (S, T, columns)
    parts = {
        "stock": paths.level[:, :, :-1] * unit,
        "purchase": table[:, :, columns.buy].sum(axis=3) * unit
        + operation.planned[None],
        "release": table[:, :, columns.release] * unit,
    }
    rows = []
    for n, item in enumerate(operation.item):
        for t, start in enumerate(home.starts):
            row: dict[str, Any] = {"item": item, "period": f"{start:%Y-%m}"}
            for name, values in parts.items():
                own = np.maximum(values[:, t, n], 0.0)
                row[f"{name}_mean_t"] = float(own.mean())
                for q in (10, 50, 90):
                    row[f"{name}_p{q}_t"] = float(np.percentile(own, q))
            rows.append(row)
    return pl.DataFrame(rows)


def _figures(
    study: Study,
    home: Home,
    policy: Policy,
    operation: Operation,
    states: MarkovStates,
    futures: Sequence[Sequence[Futures]],
    purchases: str,
    scenarios: int,
    openings: int,
) -> dict[str, Any]:
    from oreserve.market.outcome import versions

    found = policy.figures
    neutral = found.gap is not None
    without = sum(
        operation.discount**t
        * float(states.share[t, m])
        * float((futures[t][m].size @ operation.step_value).mean())
        for t in range(operation.periods)
        for m in range(len(states.names))
    )
    return {
        "format": 1,
        "study": study.name,
        "study_hash": study.hash,
        "home": study.settings.home,
        "items": list(operation.item),
        "periods": [f"{start}" for start in home.starts],
        "purchases": purchases,
        "budget_usd": operation.purse * 1e6,
        "measure": "expected loss and net cost on these items"
        if neutral
        else f"nested measure, weight {found.weight:.3f} on CVaR {found.alpha:g}",
        "bound_usd": found.bound * 1e6,
        "simulated_usd": found.mean * 1e6,
        "simulated_halfwidth_usd": found.halfwidth * 1e6,
        "paths": found.paths,
        "without_usd": without * 1e6,
        "upper_usd": found.upper * 1e6 if neutral else None,
        "upper_halfwidth_usd": found.upper_halfwidth * 1e6 if neutral else None,
        "gap": found.gap,
        "gap_note": "gap of the policy on the chain and the openings, which are a "
        "sample; not of the market" if neutral else NO_GAP,
        "iterations": found.iterations,
        "cuts": found.cuts,
        "alpha": found.alpha,
        "weight": found.weight,
        "seed": found.seed,
        "scenarios": scenarios,
        "openings": openings,
        "drivers": [
            {"driver": name, "explained": share}
            for name, share in zip(states.drivers, states.explained, strict=True)
        ],
        "driver_at": list(states.driver_at),
        "outside": list(states.outside),
        "states": [
            {
                "name": name,
                "joint": [
                    list(one)
                    for one, merged in zip(states.joint, states.merged, strict=True)
                    if merged == m
                ],
                "share": [float(s) for s in states.share[:, m]],
                "least_openings": min(len(row[m]) for row in futures),
            }
            for m, name in enumerate(states.names)
        ],
        "versions": versions(),
    }  # fmt: skip


def load_operating_policy(
    folder: str | Path, study: Study | None = None
) -> OperatingPolicy:
    """Read an operating policy from its folder.

    Parameters
    ----------
    study
        The study that it is to serve; another one than it was made of is refused.

    Raises
    ------
    InputError
        If the folder holds no operating policy, or one of another study.
    """
    folder = Path(folder)
    for name in FILES:
        if not (folder / name).is_file():
            message = f"{folder} holds no operating policy: {name} is missing"
            raise InputError(message)
    figures = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
    if study is not None and figures["study_hash"] != study.hash:
        message = (
            f"{folder}: the policy was made of study {figures['study']} in another "
            f"version (hash {figures['study_hash'][:12]}, given is {study.name} "
            f"{study.hash[:12]}): make it again"
        )
        raise InputError(message)
    try:
        arrays = read_arrays(folder / "rule.npz")
    except ValueError as error:
        message = f"{folder} holds no operating policy: {error}; make it again"
        raise InputError(message) from error
    state_of = {
        tuple(one): m
        for m, state in enumerate(figures["states"])
        for one in state["joint"]
    }
    return OperatingPolicy(
        figures=figures,
        policy=load_policy(folder),
        rule=PolicyRule(
            item=tuple(figures["items"]),
            starts=tuple(date.fromisoformat(text) for text in figures["periods"]),
            driver_at=tuple(figures["driver_at"]),
            state_of=MappingProxyType(state_of),
            **arrays,
        ),
        schedule=pl.read_csv(folder / "schedule.csv", infer_schema_length=None),
    )
