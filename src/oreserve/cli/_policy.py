# SPDX-License-Identifier: Apache-2.0
"""The command `oreserve policy`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path  # noqa: TC003  # typer reads annotations at run time
from typing import Annotated

import typer

from oreserve.cli._folder import check_target, whole_folder
from oreserve.cli._guard import guarded
from oreserve.cli._options import (  # typer reads them at run time
    ExecutorOption,
    HomeOption,
    JsonOption,
    OutOption,
    SeedOption,
    StudyArgument,
    WorkersOption,
    parse_budget,
)
from oreserve.cli._progress import Stages

__all__ = ["policy_of_study"]


class Purchases(StrEnum):
    """Who decides on purchases."""

    policy = "policy"
    plan = "plan"


@guarded
def policy_of_study(
    study: StudyArgument = "us-2026",
    *,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a plan: its purchases, agreements and projects stand. "
            "Items that home already holds are operated as well as those that it buys."
        ),
    ] = None,
    items: Annotated[
        int, typer.Option(help="Items, those with the largest outlay first.", min=1)
    ] = 12,
    purchases: Annotated[
        Purchases | None,
        typer.Option(
            help="plan: what the plan buys arrives in its years (default with --plan); "
            "policy: the policy buys out of the budget."
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="USD for purchases of the policy; default what the plan spends on "
            "these items, or 12e9.",
            metavar="USD",
        ),
    ] = None,
    scenarios: Annotated[
        int, typer.Option(help="Simulations from which openings are taken.", min=1)
    ] = 200,
    openings: Annotated[
        int, typer.Option(help="Futures of each period and state.", min=1)
    ] = 20,
    states: Annotated[int, typer.Option(help="Markov states at most.", min=1)] = 8,
    risk_weight: Annotated[
        float,
        typer.Option(
            help="Weight w of CVaR in each period, E + w CVaR; with one there is no "
            "gap.",
            min=0.0,
        ),
    ] = 0.0,
    verify: Annotated[
        int,
        typer.Option(
            help="Fresh scenarios that compare the policy with the linear rule in the "
            "market; 0: none.",
            min=0,
        ),
    ] = 0,
    executor: ExecutorOption = None,
    workers: WorkersOption = 2,
    out: OutOption = None,
    home: HomeOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Find when to buy, keep and release, and what a tonne kept is worth.

    For example:

      oreserve policy --plan out/plan --out out/policy

      oreserve policy tiny --items 3 --budget 5e6 --verify 200 --out out/policy

      oreserve simulate --shock chinese_rare_earth_ban --policy out/policy
    """
    budget_usd = None if budget is None else parse_budget(budget)
    if out is not None:
        check_target(out)

    from oreserve.planning import operating_policy, verify_release_rule
    from oreserve.study import load_study

    loaded = load_study(study, home=home)
    lines: list[str] = []
    with Stages(quiet=as_json) as progress, whole_folder(out) as folder:
        found = operating_policy(
            loaded,
            plan=plan,
            items=items,
            purchases=None if purchases is None else purchases.value,
            budget_usd=budget_usd,
            scenarios=scenarios,
            openings=openings,
            states=states,
            risk_weight=risk_weight,
            seed=seed,
            workers=workers,
            executor=executor,
            out=out,
            progress=progress,
        )
        found.save(folder)
        figures = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
        if verify > 1:
            table = verify_release_rule(
                loaded,
                found,
                plan=plan,
                scenarios=verify,
                seed=seed,
                workers=workers,
                executor=executor,
                progress=progress,
            )
            table.write_csv(folder / "verification.csv")
            figures["verification"] = table.to_dicts()
            last = table.row(-1, named=True)
            lines.append(
                f"in the market, against the linear rule, on {verify} fresh scenarios: "
                f"saves {last['saves_usd'] / 1e6:,.2f} +- "
                f"{last['saves_halfwidth_usd'] / 1e6:,.2f} million USD of loss (95 %)"
            )
    if as_json:
        json.dump(figures, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    typer.echo("\n".join([found.summary(), *lines]))
    if out is not None:
        typer.echo(f"Policy: {out}")
