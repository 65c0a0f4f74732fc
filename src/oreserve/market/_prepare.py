# SPDX-License-Identifier: Apache-2.0
"""From a study to the market's base: reconciled, calibrated, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market._chain_market import ChainMarket, Project
from oreserve.market._clear import clear, open_terms
from oreserve.market._problem import MarketRules, base_use, build_problem
from oreserve.market._standing import project_support, read_ramp
from oreserve.market._stocks import commercial_rows
from oreserve.network.build import build_chains
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from datetime import date

    from oreserve.network.chain import Chain
    from oreserve.study import Study

__all__ = ["Base", "base_year_check", "market_rules", "open_markets", "prepare"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, float, float | None], None]

CHECK_SHARE = 1e-3  # of world output: smaller base values have no relative error


@dataclass(frozen=True)
class Base:
    """A study made ready for the market.

    Parameters
    ----------
    study
        What it was made from.
    chains
        With the values that the market uses.
    reconciliation
        table, key, item, country, raw, used, ... : what reconciliation did; empty
        without it.
    calibration
        What calibration moved; empty without it.
    warnings
        What a reader should know.
    """

    study: Study
    chains: tuple[Chain, ...]
    reconciliation: pl.DataFrame
    calibration: pl.DataFrame
    warnings: tuple[str, ...] = ()

    def price(self, item: str, country: str) -> float | None:
        """Return the base price that the market uses, USD per t; None if none."""
        for chain in self.chains:
            if item in chain.items and country in chain.countries:
                at = (chain.nodes.item == chain.items.index(item)) & (
                    chain.nodes.country == chain.countries.index(country)
                )
                found = chain.nodes.price[at]
                if len(found) and np.isfinite(found[0]):
                    return float(found[0])
        return None


def prepare(study: Study, *, progress: Progress | None = None) -> Base:
    """Reconcile and calibrate every chain as the settings say.

    A pure function of the study.

    Raises
    ------
    InputError
        If a number that the market needs is missing, or a recipe loses money at the
        study's prices.
    """
    from oreserve.market._calibrate import calibrate
    from oreserve.market._reconcile import reconcile

    settings = study.settings
    chains, moved, priced = [], [], []
    raw = build_chains(study)
    for number, chain in enumerate(raw):
        used = chain
        if settings.reconcile:
            used, frame = reconcile(used)
            moved.append(frame)
        if settings.calibrate:
            used, frame = calibrate(
                used,
                wedge=settings.calibration_wedge,
                base_year=settings.base_year,
            )
            priced.append(frame)
        chains.append(used)
        if progress is not None:
            progress("reconcile and calibrate", number + 1, len(raw))
    return Base(
        study=study,
        chains=tuple(chains),
        reconciliation=pl.concat(moved) if moved else pl.DataFrame(),
        calibration=pl.concat(priced) if priced else pl.DataFrame(),
    )


def market_rules(study: Study) -> MarketRules:
    """Return the settings that shape the market of every chain."""
    settings = study.settings
    return MarketRules(
        home=study.home_countries,
        wedge=settings.calibration_wedge,
        slice_ceiling=settings.slice_ceiling,
        bid=settings.commercial_bid,
        ask=settings.commercial_ask,
        quarterly=settings.period_years < 1.0,
    )


def open_markets(
    base: Base,
    starts: tuple[date, ...],
    *,
    may_stand: Callable[[str], bool] = lambda _: True,
) -> tuple[ChainMarket, ...]:
    """Return each chain ready to be cleared through the periods.

    `may_stand` says of a project whether it can run in any of them.
    """
    study = base.study
    rules = market_rules(study)
    stages = _process_stages(study)
    stocks = study.table("stocks").sort("stock").rows(named=True)
    projects = {
        row["project"]: row for row in study.table("projects").iter_rows(named=True)
    }
    support = project_support(study)
    markets = []
    for chain in base.chains:
        node_of = {
            (chain.items[i], chain.countries[c]): n
            for n, (i, c) in enumerate(
                zip(chain.nodes.item, chain.nodes.country, strict=True)
            )
        }
        plants = chain.plants
        own = [
            Project(
                name=name,
                plant=f,
                capacity=float(projects[name]["capacity_t_per_year"]),
                ramp=read_ramp(projects[name]["ramp"]),
                likely=support[name].success > 0.5
                and support[name].start_year <= starts[len(starts) // 2].year,
            )
            for f, name in enumerate(plants.name)
            if name in projects
        ]
        stage_of_item = dict(zip(chain.items, chain.stages, strict=True))
        markets.append(
            ChainMarket(
                _without_dates(chain, {p.plant for p in own}),
                rules,
                reader_options={
                    "members": study.members,
                    "never_run": [p.plant for p in own if not may_stand(p.name)],
                    "plant_stage": [
                        stages.get(process) or stage_of_item[chain.items[main]]
                        for process, main in zip(
                            plants.process, plants.main_item, strict=True
                        )
                    ],
                },
                starts=starts,
                period_years=study.settings.period_years,
                base_year=study.settings.base_year,
                stocks=commercial_rows(
                    [
                        row
                        for row in stocks
                        if row["kind"] == "commercial" and row["item"] in chain.items
                    ],
                    node_of,
                    base_use(chain),
                ),
                reserves=[
                    row
                    for row in stocks
                    if row["kind"] != "commercial" and row["item"] in chain.items
                ],
                projects=own,
            )
        )
    return tuple(markets)


def _without_dates(chain: Chain, projects: set[int]) -> Chain:
    """Leave the start of a project to the plan; its capacity comes with it."""
    from dataclasses import replace

    first = chain.plants.first_year.copy()
    first[list(projects)] = -np.inf
    return replace(chain, plants=replace(chain.plants, first_year=first))


def _process_stages(study: Study) -> dict[str, str]:
    rows = study.table("processes").select("process", "stage").iter_rows()
    return {process: stage for process, stage in rows if stage}


def base_year_check(base: Base) -> pl.DataFrame:
    """Clear every chain without any effect and compare with the base year.

    Returns
    -------
    polars.DataFrame
        kind (plant, demand, lane, price), chain, key, item, country, base, returned
        (t a year or USD per t), deviation (share of the base value; of 0.1 % of
        world output where the base is smaller; of the item's dearest price where a
        price is near 0).
    """
    rules = market_rules(base.study)
    frames = [_chain_check(chain, rules) for chain in base.chains]
    return pl.concat(frames) if frames else pl.DataFrame()


def _chain_check(chain: Chain, rules: MarketRules) -> pl.DataFrame:
    problem = build_problem(chain, rules)
    result = clear(problem, open_terms(problem))
    nodes, plants, lanes = chain.nodes, chain.plants, chain.lanes
    at = [
        (chain.items[i], chain.countries[c])
        for i, c in zip(nodes.item, nodes.country, strict=True)
    ]
    least = CHECK_SHARE * chain.world
    rows: list[tuple[object, ...]] = []

    def compare(
        kind: str,
        key: str,
        where: tuple[str, str],
        base: float,
        got: float,
        least: float,
    ) -> None:
        if not np.isfinite(base) or not np.isfinite(got):
            return
        size = max(abs(base), least)
        gap = abs(got - base)
        deviation = gap / size if size > 0.0 else gap
        rows.append((kind, chain.name, key, *where, base, got, deviation))

    for f, name in enumerate(plants.name):
        item = int(plants.main_item[f])
        where = (chain.items[item], chain.countries[plants.country[f]])
        compare("plant", name, where, plants.base[f], result.activity[f], least[item])
    for d, name in enumerate(chain.demands.name):
        node = chain.demands.node[d]
        wanted, served = chain.demands.quantity[d], result.served[d]
        compare("demand", name, at[node], wanted, served, least[nodes.item[node]])
    for k in range(len(lanes.base)):
        tail, head = at[lanes.from_node[k]], at[lanes.to_node[k]]
        key = f"{tail[0]}:{tail[1]}>{head[1]}"
        size = least[nodes.item[lanes.from_node[k]]]
        compare("lane", key, head, lanes.base[k], result.flow[k], size)
    dearest = np.zeros(len(chain.items))
    np.maximum.at(dearest, nodes.item, np.nan_to_num(nodes.price))
    through = problem.use + _arrivals(chain)
    for n, (item, country) in enumerate(at):
        if through[n] < least[nodes.item[n]]:
            continue
        size = 0.01 * dearest[nodes.item[n]]
        key = f"{item}:{country}"
        compare("price", key, (item, country), nodes.price[n], result.price[n], size)
    schema = {
        "kind": pl.String,
        "chain": pl.String,
        "key": pl.String,
        "item": pl.String,
        "country": pl.String,
        "base": pl.Float64,
        "returned": pl.Float64,
        "deviation": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _arrivals(chain: Chain) -> Floats:
    lanes, plants = chain.lanes, chain.plants
    count = len(chain.nodes.item)
    base = np.nan_to_num(plants.base)[plants.recipe_plant]
    made = np.maximum(plants.recipe_t_per_t * base, 0.0)
    arrivals = sum_by(lanes.to_node, np.nan_to_num(lanes.base), minlength=count)
    return arrivals + sum_by(plants.recipe_node, made, minlength=count)
