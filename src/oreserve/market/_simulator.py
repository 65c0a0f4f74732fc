# SPDX-License-Identifier: Apache-2.0
"""Simulate many scenarios, each equal sub-problem once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._effects import ActiveEffect
from oreserve.market._home_view import (
    HomeRows,
    HomeView,
    home_rows,
    home_view,
    seller_share,
)
from oreserve.market._prepare import Base, open_markets
from oreserve.market._short import block_share
from oreserve.market._standing import (
    Commitment,
    Standing,
    project_support,
    study_commitments,
)
from oreserve.market._trajectory import Trajectory, TrajectoryIndex

if TYPE_CHECKING:
    from oreserve.market._chain_market import Key, Start
    from oreserve.market._clear import Cleared
    from oreserve.study.scenario import Effect, Scenario

__all__ = ["Reserves", "Simulator"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[str, float, float | None], None]
EffectsName = tuple[int, int, int]  # period, effects, effects of the period before

NO_TERMS = Standing()


@dataclass
class Reserves:
    """Reserve stocks of home: R rows; the plan's own rows come last."""

    name: tuple[str, ...]
    item: tuple[str, ...]
    opening: Floats
    accessible: Floats
    decay: Floats
    most: Floats  # t per period
    market: npt.NDArray[np.bool_]  # release_rule market
    row_in_chain: Ints  # index among the chain's stock effects; -1: none


class EffectNames:
    """Names of sets of effects, shared by the simulators of one study.

    What is in force in a period does not depend on the chain. Scenarios drawn at
    different times carry equal effects as different objects: one stands for all.
    """

    def __init__(self) -> None:
        self.of: dict[tuple[int, int], tuple[Scenario, EffectsName]] = {}
        self.active: dict[EffectsName, tuple[ActiveEffect, ...]] = {}
        self._number: dict[Effect, int] = {}
        self._by_identity: dict[int, tuple[Effect, int]] = {}
        self._first: list[Effect] = []
        self._signatures: dict[tuple[int, ...], int] = {}

    def _number_of(self, effect: Effect) -> int:
        known = self._by_identity.get(id(effect))
        if known is None:
            number = self._number.setdefault(effect, len(self._first))
            if number == len(self._first):
                self._first.append(effect)
            # Kept alive, so that no other effect gets the same identity.
            known = self._by_identity[id(effect)] = (effect, number)
        return known[1]

    def signature(self, effects: Sequence[Effect]) -> int:
        """Return a number for a set of effects."""
        name = tuple(sorted(map(self._number_of, effects)))
        return self._signatures.setdefault(name, len(self._signatures))

    def shared(self, effects: Sequence[Effect]) -> tuple[Effect, ...]:
        """Return the effects as the objects that were seen first."""
        return tuple(self._first[self._number_of(effect)] for effect in effects)

    def forget(self) -> None:
        """Drop what belongs to scenarios that are done; numbers stay."""
        self.of.clear()
        self._by_identity.clear()


class Simulator:
    """Run scenarios under a plan or without one.

    Keeps every solved sub-problem, so that runs with and without a plan share
    them. Results depend neither on the number of workers nor on the order of
    scenarios.

    Parameters
    ----------
    base
        From `prepare`.
    workers
        Threads; default: two, or the number of cores if that is one.
    periods
        How many; default: the horizon of the settings.
    candidates
        Agreements that a plan may sign: their shares are reported.

    Examples
    --------
    >>> from oreserve.market import Simulator, prepare
    >>> from oreserve.study import load_study
    >>> from oreserve.study.scenario import Scenario
    >>> simulator = Simulator(prepare(load_study("tiny")), periods=2)
    >>> calm = simulator.run([Scenario(0, ((), ()))])[0]
    >>> calm.wanted.shape[0]
    2
    """

    def __init__(
        self,
        base: Base,
        *,
        workers: int | None = None,
        periods: int | None = None,
        candidates: Sequence[Commitment] = (),
    ) -> None:
        study = base.study
        self.base = base
        self.workers = workers or min(2, os.cpu_count() or 1)
        self.starts = study.period_starts(periods)
        self.ends = _ends(self.starts, study.period_starts())
        self.years = float(study.settings.period_years)
        self.candidates = tuple(candidates)
        self.markets = open_markets(base, self.starts, may_stand=self.may_stand)
        self.rows: tuple[HomeRows, ...] = tuple(home_rows(m) for m in self.markets)
        self._views: list[dict[Key, HomeView]] = [{} for _ in self.markets]
        self._most_bytes: int | None = None
        self._bytes = 0
        self._shares: list[dict[tuple[Key, Commitment, float], tuple[float, float]]] = [
            {} for _ in self.markets
        ]
        from oreserve.study import measure_effects

        self._measures = measure_effects(study)
        self._threats = _announced(base)
        self.support = project_support(study)
        self.commitments = study_commitments(study)
        self.reserves = self._read_reserves()
        self.index = self._make_index(self.commitments)
        self._lookup: list[dict[EffectsName, int]] = [{} for _ in self.markets]
        self.names = EffectNames()
        self.base_price, self.premium_counts = self._base_prices()

    # --- names -----------------------------------------------------------------

    def may_stand(self, project: str) -> bool:
        """Return whether a project can run: with draws and a plan, each of them."""
        del project
        return True

    def _make_index(self, agreements: Sequence[Commitment]) -> TrajectoryIndex:
        demands, items, item_of, classes, losses, blocks = [], [], [], [], [], []
        plants, home_plants = [], []
        origins: set[str] = set()
        for market, rows in zip(self.markets, self.rows, strict=True):
            chain = market.chain
            names = [chain.items[k] for k in rows.item]
            items += names
            demands += [chain.demands.name[d] for d in rows.demand]
            item_of += [names[k] for k in rows.demand_item]
            classes += [chain.demands.klass[d] for d in rows.demand]
            losses += [float(chain.demands.loss[d]) for d in rows.demand]
            blocks += block_share(market.problem)[rows.demand].tolist()
            plants += list(chain.plants.name)
            home_plants += [chain.plants.name[f] for f in rows.plant]
            origins |= set(chain.countries)
        names = [a.name for a in (*agreements, *self.candidates)]
        return TrajectoryIndex(
            periods=tuple(f"{d:%Y-%m}" for d in self.starts),
            demands=tuple(demands),
            demand_item=tuple(item_of),
            demand_class=tuple(classes),
            demand_loss=np.array(losses, dtype=float),
            demand_block=np.array(blocks, dtype=float),
            items=tuple(items),
            origins=tuple(sorted(origins)),
            plants=tuple(plants),
            home_plants=tuple(home_plants),
            agreements=tuple(names),
            reserves=self.reserves.name,
            reserve_item=self.reserves.item,
        )

    def _read_reserves(self) -> Reserves:
        """Read home's strategic and industrial stocks; add one row per item."""
        home = set(self.base.study.home_countries)
        names, items, where = [], [], []
        numbers: list[tuple[float, float, float, float, bool]] = []
        for market in self.markets:
            first = len(market.stocks.name)
            for k, row in enumerate(market.reserves):
                if row["country"] not in home:
                    continue
                names.append(row["stock"])
                items.append(row["item"])
                where.append(first + k)
                most = row["max_release_t_per_year"]
                numbers.append(
                    (
                        float(row["quantity_t"]),
                        _known(row["accessible_share"], 1.0),
                        _known(row["loss_share_per_year"], 0.0),
                        np.inf if most is None else float(most) * self.years,
                        row["release_rule"] == "market",
                    )
                )
        for market, rows in zip(self.markets, self.rows, strict=True):
            for k in rows.item:
                names.append(f"plan:{market.chain.items[k]}")
                items.append(market.chain.items[k])
                where.append(-1)
                numbers.append((0.0, 1.0, 0.0, np.inf, False))
        table = np.array([n[:4] for n in numbers], dtype=float).reshape(-1, 4)
        return Reserves(
            name=tuple(names),
            item=tuple(items),
            opening=table[:, 0],
            accessible=table[:, 1],
            decay=table[:, 2],
            most=table[:, 3],
            market=np.array([n[4] for n in numbers], dtype=bool),
            row_in_chain=np.array(where, dtype=np.int64),
        )

    def _base_prices(self) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return home's base price by item, and whether a premium counts there.

        It does not where a loss includes the price effect already.
        """
        prices, counts = [], []
        for market, rows in zip(self.markets, self.rows, strict=True):
            chain, home_node = market.chain, market.problem.home_node
            price = chain.nodes.price[home_node]
            weight = np.where(
                np.isfinite(price), market.problem.use[home_node] + 1e-12, 0.0
            )
            worth = weight * np.nan_to_num(price)
            covered = chain.demands.loss_includes_price[rows.demand]
            for k in range(len(rows.item)):
                here = rows.node_item == k
                total = float(weight[here].sum())
                prices.append(float(worth[here].sum()) / total if total else np.nan)
                counts.append(not covered[rows.demand_item == k].any())
        return np.array(prices, dtype=float), np.array(counts, dtype=bool)

    # --- effects -----------------------------------------------------------------

    def active(
        self,
        period: int,
        effects: Sequence[Effect],
        before: Sequence[Effect] | None,
    ) -> tuple[ActiveEffect, ...]:
        """Return measures and scenario effects in force in a period.

        An effect without dates holds for the whole period. It is new where it was
        not there the period before, which a licence's delay asks.
        """
        start, end = self.starts[period], self.ends[period]
        known = frozenset(before) if before is not None else None
        made = []
        for effect in (*self._measures, *effects):
            share = effect.share_in(start, end)
            if share <= 0.0:
                continue
            delayed = effect.kind in {"licence", "quota"} and effect.delay_days > 0.0
            new = delayed and (
                effect.start >= start
                or (
                    effect.start == date.min
                    and known is not None
                    and effect not in known
                )
            )
            made.append(ActiveEffect(effect, share, new))
        return tuple(made)

    def effects_number(self, chain: int, period: int, scenario: Scenario) -> int:
        """Return the number of the effects on a chain in a period."""
        return self.number_of(chain, self.effects_name(period, scenario))

    def effects_name(self, period: int, scenario: Scenario) -> EffectsName:
        """Return a name of all that is in force in a period of a scenario."""
        names = self.names
        known = names.of.get((period, id(scenario)))
        if known is not None and known[0] is scenario:
            return known[1]
        effects = scenario.effects[period] if period < len(scenario.effects) else ()
        before = scenario.effects[period - 1] if period else None
        delayed = any(e.delay_days > 0.0 for e in effects)
        name = (
            period,
            names.signature(effects),
            names.signature(before) if delayed and before is not None else -1,
        )
        if name not in names.active:
            names.active[name] = self.active(period, names.shared(effects), before)
        names.of[period, id(scenario)] = (scenario, name)
        return name

    def number_of(self, chain: int, name: EffectsName) -> int:
        """Return the number of the effects on a chain that a name stands for."""
        lookup = self._lookup[chain]
        if name not in lookup:
            lookup[name] = self.markets[chain].intern_effects(self.names.active[name])
        return lookup[name]

    # --- running -----------------------------------------------------------------

    def run(
        self,
        scenarios: Sequence[Scenario],
        plan: Standing | None = None,
        *,
        progress: Progress | None = None,
        release: bool = True,
        stage: str = "simulate",
    ) -> list[Trajectory]:
        """Simulate scenarios; see `Trajectory` for what comes back.

        Parameters
        ----------
        scenarios
            As many as wanted, in any order.
        plan
            Orders, agreements and projects that stand; None: those of the study.
        progress
            Called with (stage, done, total).
        release
            Whether the reserve may release at all.
        """
        from oreserve.market._run import Run

        keep = list(scenarios)
        run = Run(self, keep, plan or NO_TERMS, release=release)
        for period in range(len(self.starts)):
            run.step(period)
            if progress is not None:
                progress(stage, period + 1, len(self.starts))
        return run.trajectories()

    def solve_all(self, wanted: Iterable[tuple[int, Key]]) -> None:
        """Solve the keys that are not known yet, in parallel.

        The bases that they start from come first, so that no solution depends on
        which thread was faster.
        """
        asked = set(wanted)
        self._make_room(asked)
        missing = sorted(
            {(c, key) for c, key in asked if key not in self.markets[c].cache},
            key=lambda pair: (pair[0], repr(pair[1])),
        )
        if not missing:
            return
        first: dict[tuple[int, Start], tuple[int, Key]] = {}
        for c, key in missing:
            first.setdefault((c, self.markets[c].start_of(key)), (c, key))
        # The largest chains first: they decide when the work is done.
        missing.sort(key=lambda pair: -self.markets[pair[0]].problem.columns)
        if self.workers == 1 or len(missing) == 1:
            for c, key in first.values():
                self.markets[c].prepare_basis(key)
            solved = [self._solve(c, key) for c, key in missing]
        else:
            with ThreadPoolExecutor(self.workers) as pool:
                chains = sorted({c for c, _ in missing})
                list(pool.map(self._prepare_base, chains))
                list(
                    pool.map(
                        lambda pair: self.markets[pair[0]].prepare_basis(pair[1]),
                        first.values(),
                    )
                )
                solved = list(pool.map(lambda pair: self._solve(*pair), missing))
        for (c, key), (cleared, view) in zip(missing, solved, strict=True):
            self._keep(c, key, cleared, view)

    def _keep(self, chain: int, key: Key, cleared: Cleared, view: HomeView) -> None:
        """Keep a solved key for later periods and runs."""
        market = self.markets[chain]
        market.store(key, cleared)
        self._views[chain][key] = view
        if self._most_bytes is not None:
            self._bytes += _size(market.cache[key]) + _size(view)

    def _make_room(self, asked: set[tuple[int, Key]]) -> None:
        """Drop solved keys that are not asked for once they take too much memory.

        A solution follows from its key alone, so nothing but time is lost.
        """
        if self._most_bytes is None or self._bytes <= self._most_bytes:
            return
        self._drop_all_but(asked)

    @property
    def held_bytes(self) -> int:
        """Memory of the solved keys that are kept, as far as it is counted, bytes."""
        return self._bytes

    def let_go(self) -> None:
        """Drop all solved keys: later runs solve what they need again."""
        self._drop_all_but(set())

    def _drop_all_but(self, asked: set[tuple[int, Key]]) -> None:
        self._bytes = 0
        for c, market in enumerate(self.markets):
            kept = [key for key in market.cache if (c, key) in asked]
            views = self._views[c]
            self._views[c] = {key: views[key] for key in kept}
            market.keep_only(kept)
            self._shares[c].clear()
            self._bytes += sum(
                _size(market.cache[key]) + _size(views[key]) for key in kept
            )

    def _prepare_base(self, chain: int) -> None:
        self.markets[chain].prepare_base()

    def _solve(self, chain: int, key: Key) -> tuple[Cleared, HomeView]:
        market = self.markets[chain]
        terms, cleared = market.solve(key)
        view = home_view(market, self.rows[chain], terms, cleared)
        return cleared, view

    def view(self, chain: int, key: Key) -> HomeView:
        """Return home's part of a solved key."""
        return self._views[chain][key]

    def agreement_share(
        self, chain: int, key: Key, one: Commitment, committed: float
    ) -> tuple[float, float]:
        """Return share and limit of an agreement in a solved key."""
        name = (key, one, committed)
        known = self._shares[chain]
        if name not in known:
            market = self.markets[chain]
            known[name] = seller_share(
                market,
                replace(one, t_per_year=0.0),
                terms=market.terms(key),
                cleared=market.cache[key],
                effects=key.effects,
                committed=committed,
            )
        return known[name]

    def threat(self, chain: int, period: int) -> bool:
        """Return whether a measure on the chain is announced in a period."""
        items = set(self.markets[chain].chain.items)
        start = self.starts[period]
        return any(
            announced <= start < until and items & touched
            for announced, until, touched in self._threats
        )


def _size(held: Cleared | HomeView) -> int:
    """Return the bytes of the arrays that a solution holds."""
    parts = vars(held).values()
    return sum(one.nbytes for one in parts if isinstance(one, np.ndarray))


def _known(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _ends(starts: Sequence[date], horizon: Sequence[date]) -> tuple[date, ...]:
    """Return the first day after each period."""
    if len(horizon) > 1:
        months = (horizon[1].year - horizon[0].year) * 12
        months += horizon[1].month - horizon[0].month
    else:
        months = 12
    return tuple(
        date(
            d.year + (d.month - 1 + months) // 12,
            (d.month - 1 + months) % 12 + 1,
            d.day,
        )
        for d in starts
    )


def _announced(base: Base) -> list[tuple[date, date, set[str]]]:
    """Return announced measures that may come: announced, until, items."""
    study = base.study
    items = study.table("items").select("item", "mineral", "stage").rows(named=True)
    found = []
    for row in study.table("measures").sort("measure").iter_rows(named=True):
        if row["announced"] is None or row["status"] == "ended":
            continue
        minerals = set((row["mineral"] or "").split(";")) - {""}
        names = set((row["item"] or "").split(";")) - {""}
        touched = {
            i["item"]
            for i in items
            if (not minerals or i["mineral"] in minerals)
            and (not names or i["item"] in names)
            and (not row["stage"] or i["stage"] == row["stage"])
        }
        found.append((row["announced"], row["until"] or date.max, touched))
    return found
