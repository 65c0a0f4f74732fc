# SPDX-License-Identifier: Apache-2.0
"""The door to the market: simulations in, arrays over home's uses out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market import (
    Commitment,
    Order,
    ProjectSupport,
    Standing,
)
from oreserve.planning._chain_runs import ChainRuns, chain_specs
from oreserve.planning._world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oreserve.market import Base
    from oreserve.planning._columns import ColumnMap
    from oreserve.planning._home import Home
    from oreserve.planning._offers import AgreementOffer, ProjectOffer
    from oreserve.planning._processes import LazyPool
    from oreserve.study.scenario import Scenario

__all__ = ["BID_SHARE", "HomeMarket", "Runs", "standing_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BID_SHARE = 1.3
"""Orders are filled up to this multiple of home's base price."""

AXES = {
    "wanted": "use",
    "served_market": "use",
    "served": "use",
    "price": "item",
    "release": "item",
    "fill": "item",
    "stock": "item",
    "release_share": "item",
    "fillable": "item",
    "candidate_share": "candidate",
    "agreement": "chain",
    "output": "project",
    "room": "room",
    "premium": "chain",
}
"""What each array runs over beside scenarios and periods."""

LARGE_SHARE = 0.25
"""A chain with more than this part of a worker's share is split by scenario."""

LEAST_BUY_T = 1e-6
"""Orders below this share of their largest amount are not placed."""


@dataclass(frozen=True)
class Runs:
    """Simulated scenarios at home, tonnes per period.

    Parameters
    ----------
    wanted, served_market, served
        (S, T, D).
    price
        (S, T, I) USD per t, nan where there is none.
    release, fill, stock, release_share, fillable
        (S, T, I).
    candidate_share
        (S, T, A) of the agreements that a plan may sign, then project offtakes.
    agreement
        (S, T, C) tonnes that agreements brought, all items of a chain.
    output
        (S, T, J) activity of projects.
    room
        (S, T, F) spare activity of home plants.
    premium
        (S, T, C) import premium of a chain, million USD.
    """

    wanted: Floats
    served_market: Floats
    served: Floats
    price: Floats
    release: Floats
    fill: Floats
    stock: Floats
    release_share: Floats
    fillable: Floats
    candidate_share: Floats
    agreement: Floats
    output: Floats
    room: Floats
    premium: Floats

    @property
    def short(self) -> Floats:
        """(S, T, D) tonnes not served."""
        return np.maximum(self.wanted - self.served, 0.0)

    def copied(self) -> dict[str, Floats]:
        """Return copies of the arrays by name."""
        return {name: table.copy() for name, table in self.to_arrays().items()}

    def first(self, count: int) -> Runs:
        """Return the first scenarios."""
        return Runs(**{name: table[:count] for name, table in self.to_arrays().items()})

    def pick(self, chosen: Sequence[int]) -> Runs:
        """Return some scenarios, in the order given."""
        rows = list(chosen)
        return Runs(**{name: table[rows] for name, table in self.to_arrays().items()})

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Runs:
        """Rebuild from `to_arrays`."""
        return cls(**{f.name: arrays[f.name] for f in fields(cls)})


class HomeMarket:
    """The market by chain, with the agreements and projects that a plan may choose.

    Parameters
    ----------
    home, base
        Home's side of the study, and the prepared market.
    agreement_offers, project_offers
        What a plan may choose.
    pool
        Processes for large runs; None: all runs here.
    """

    def __init__(
        self,
        home: Home,
        base: Base,
        *,
        agreement_offers: tuple[AgreementOffer, ...],
        project_offers: tuple[ProjectOffer, ...],
        pool: LazyPool | None = None,
    ) -> None:
        self.home = home
        self.projects = tuple(sorted({o.project for o in project_offers}))
        self.offer_of = {o.project: o for o in project_offers}
        self.agreement_offers = agreement_offers
        self.pairs = tuple(
            (project, item)
            for project in self.projects
            for item in sorted(self.offer_of[project].output)
        )
        self.candidates = self._candidates()
        self._pool = pool
        self._numbers: list[int] = []
        self._specs = chain_specs(base, len(home.starts), self.candidates)
        self._chains = [ChainRuns(spec) for spec in self._specs]
        for chain in self._chains[1:]:
            chain.share(self._chains[0])
        self._axes = [self._places(number) for number in range(len(self._chains))]
        self.room_plant = tuple(
            name for chain in self._chains for name in chain.index.home_plants
        )
        known = np.full(len(home.item), np.nan)
        for chain, axes in zip(self._chains, self._axes, strict=True):
            rows, places = axes["item"]
            known[places] = chain.base_price[rows]
        self.bid = BID_SHARE * np.where(np.isfinite(known), known, home.price)

    def _candidates(self) -> tuple[Commitment, ...]:
        """List the agreements that a plan may sign, then offtakes of projects."""
        candidates = [
            Commitment(
                name=f"offer {offer.name}",
                item=offer.item,
                t_per_year=offer.most_t,
                seller_country=offer.country,
            )
            for offer in self.agreement_offers
        ]
        candidates += [
            Commitment(
                name=f"offtake {project} {item}",
                item=item,
                t_per_year=self.offer_of[project].output[item],
                seller_country=self.offer_of[project].country,
                seller=project,
            )
            for project, item in self.pairs
        ]
        return tuple(candidates)

    def _places(self, number: int) -> dict[str, tuple[Ints, Ints]]:
        """Find where a chain's rows lie on home's axes: rows there, places here."""
        chain = self._chains[number]
        room = sum(len(one.index.home_plants) for one in self._chains[:number])
        index = chain.index
        name = {one: number for number, one in enumerate(self.candidates)}
        pairs = {
            "use": (index.demands, self.home.demand),
            "item": (index.items, self.home.item),
            "project": (index.plants, self.projects),
        }
        found = {}
        for axis, (inside, outside) in pairs.items():
            at = {one: number for number, one in enumerate(outside)}
            rows = [row for row, one in enumerate(inside) if one in at]
            found[axis] = (
                np.array(rows, dtype=np.int64),
                np.array([at[inside[row]] for row in rows], dtype=np.int64),
            )
        candidates = np.array([name[c] for c in chain.candidates], dtype=np.int64)
        found["candidate"] = (np.arange(len(candidates)), candidates)
        plants = np.arange(len(index.home_plants))
        found["room"] = (plants, room + plants)
        return found

    def touched(self, standing: Standing) -> list[int]:
        """List the chains in which a plan changes anything, by place."""
        names = {order.item for order in standing.orders}
        names |= {one.item for one in standing.agreements}
        found = []
        for number, (spec, chain) in enumerate(
            zip(self._specs, self._chains, strict=True)
        ):
            own = {project.name for project in chain.markets[0].projects}
            if names & spec.items or own & set(standing.projects):
                found.append(number)
        return found

    def run(
        self,
        scenarios: Sequence[Scenario],
        standing: Standing | None = None,
        *,
        stage: str = "simulate",
        progress: Callable[[str, float, float | None], None] | None = None,
        release: bool = True,
        without: Runs | None = None,
    ) -> Runs:
        """Simulate scenarios and keep what a plan reads.

        Parameters
        ----------
        without
            The same scenarios without a plan: chains that the plan does not touch
            are taken from there, because nothing differs in them.
        """
        chosen = list(range(len(self._chains)))
        if without is not None and standing is not None:
            chosen = self.touched(standing)
        parts = self._simulate(
            chosen, scenarios, standing, release=release, stage=stage, progress=progress
        )
        held = self._empty(len(scenarios)) if without is None else without.copied()
        for number, arrays in zip(chosen, parts, strict=True):
            self._place(held, number, arrays)
        return Runs.from_arrays(held)

    def _empty(self, count: int) -> dict[str, Floats]:
        """Make arrays for chains that nobody simulates."""
        lead = (count, len(self.home.starts))
        size = {
            "use": len(self.home.demand),
            "item": len(self.home.item),
            "candidate": len(self.candidates),
            "project": len(self.projects),
            "room": len(self.room_plant),
            "chain": len(self._chains),
        }
        held = {name: np.zeros((*lead, size[axis])) for name, axis in AXES.items()}
        held["price"][:] = np.nan
        return held

    def _place(
        self, held: dict[str, Floats], number: int, arrays: dict[str, Floats]
    ) -> None:
        """Write what a chain gave into the arrays of all."""
        for name, axis in AXES.items():
            if axis == "chain":
                held[name][:, :, number] = arrays[name]
            else:
                rows, places = self._axes[number][axis]
                held[name][:, :, places] = arrays[name][:, :, rows]

    def _simulate(
        self,
        chosen: list[int],
        scenarios: Sequence[Scenario],
        standing: Standing | None,
        *,
        release: bool,
        stage: str,
        progress: Callable[[str, float, float | None], None] | None,
    ) -> list[dict[str, Floats]]:
        """Run some chains on all scenarios, here or in processes."""
        columns = {number: self._chains[number].columns for number in chosen}
        total = sum(columns.values())
        pool = None
        if self._pool is not None:
            pool = self._pool.get(total * len(scenarios) * len(self.home.starts))
        finished = 0

        def done() -> None:
            nonlocal finished
            finished += 1
            if progress is not None:
                progress(stage, finished, tasks)

        tasks = len(chosen)
        if progress is not None:
            progress(stage, 0, tasks)
        if pool is None:
            parts = []
            for number in chosen:
                chain = self._chains[number]
                parts.append(chain.arrays(scenarios, standing, release=release))
                done()
            return parts
        if not self._numbers:
            self._numbers = pool.add(self._specs)
        everything = tuple(range(len(scenarios)))
        work: list[tuple[int, tuple[int, ...], int | None]] = []
        owner: list[int] = []
        # The largest first: they decide when the work is done.
        for number in sorted(chosen, key=lambda n: (-columns[n], n)):
            place = self._numbers[number]
            if columns[number] < LARGE_SHARE * total / pool.size:
                work.append((place, everything, None))
                owner.append(number)
                continue
            for worker in range(pool.size):
                mine = [
                    s for s in everything if scenarios[s].number % pool.size == worker
                ]
                if mine:
                    work.append((place, tuple(mine), worker))
                    owner.append(number)
        tasks = len(work)
        found = pool.run(work, scenarios, standing, release=release, done=done)
        count = len(scenarios)
        return [_joined(number, owner, work, found, count) for number in chosen]

    def close(self) -> None:
        """Let the processes drop the chains."""
        if self._pool is not None and self._numbers:
            self._pool.remove(self._numbers)
            self._numbers = []

    def probe(self) -> Standing:
        """Return the world in which every project stands, for what it could run."""
        return Standing(
            projects={
                name: ProjectSupport(1.1, float(self.offer_of[name].start_year))
                for name in self.projects
            }
        )

    def world(
        self, scenarios: Sequence[Scenario], base: Runs, probe: Runs | None
    ) -> World:
        """Turn runs without a plan into the data of the programme."""
        signed = len(self.agreement_offers)
        with np.errstate(invalid="ignore"):
            dear = base.price > self.bid[None, None, :]
        return World(
            scenarios=tuple(scenarios),
            wanted=base.wanted,
            short=base.short,
            fillable=(base.fillable > 0.0) & ~dear,
            release_share=base.release_share,
            agreement_share=base.candidate_share[:, :, :signed],
            project_share=self._project_share(scenarios, base, probe),
            project=self.projects,
            project_item=self.pairs,
            room=base.room,
            room_plant=self.room_plant,
        )

    def _project_share(
        self, scenarios: Sequence[Scenario], base: Runs, probe: Runs | None
    ) -> Floats:
        """Compute what home gets of a project per tonne of full capacity.

        Run share from the probe, times the part that reaches home: what the
        market itself brings (shortage that the probe removes over what projects
        make) plus the offtake on the rest.
        """
        home = self.home
        shape = (*base.wanted.shape[:2], len(self.pairs))
        if probe is None or not self.pairs:
            return np.zeros(shape)
        run = self._run_share(scenarios, probe)
        signed = len(self.agreement_offers)
        share = np.zeros(shape)
        made: dict[str, Floats] = {}
        for project, item in self.pairs:
            number = self.projects.index(project)
            offer = self.offer_of[project]
            per_activity = offer.output[item] / offer.capacity_t
            tonnes = probe.output[:, :, number] * per_activity
            made[item] = made.get(item, np.zeros(shape[:2])) + tonnes
        eased: dict[str, Floats] = {}
        for item, tonnes in made.items():
            rows = home.demand_item == home.item_index(item)
            less = (base.short - probe.short)[:, :, rows].sum(axis=2)
            eased[item] = np.clip(less / np.maximum(tonnes, 1e-12), 0.0, 1.0)
        for place, (project, item) in enumerate(self.pairs):
            number = self.projects.index(project)
            offtake = probe.candidate_share[:, :, signed + place]
            offtake = offtake * self.offer_of[project].open_share
            reach = np.minimum(1.0, eased[item] + offtake)
            share[:, :, place] = run[:, :, number] * reach
        return share

    def _run_share(self, scenarios: Sequence[Scenario], probe: Runs) -> Floats:
        """Compute activity over what capacity and ramp allow, (S, T, J)."""
        home = self.home
        length = home.study.settings.period_years
        run = np.zeros_like(probe.output)
        for number, project in enumerate(self.projects):
            offer = self.offer_of[project]
            for s, scenario in enumerate(scenarios):
                late = scenario.draws.get(f"delay {project}", 0.0)
                for t, start in enumerate(home.starts):
                    limit = offer.capacity_t * offer.ramp_in(start.year, late) * length
                    if limit > 0.0:
                        made = probe.output[s, t, number]
                        run[s, t, number] = min(1.0, made / limit)
        return run


def _joined(
    number: int,
    owner: list[int],
    work: list[tuple[int, tuple[int, ...], int | None]],
    found: list[dict[str, Floats]],
    count: int,
) -> dict[str, Floats]:
    """Put the scenarios of a chain together again."""
    places = [place for place, one in enumerate(owner) if one == number]
    if len(places) == 1 and len(work[places[0]][1]) == count:
        return found[places[0]]
    held: dict[str, Floats] = {}
    for place in places:
        rows = list(work[place][1])
        for name, table in found[place].items():
            if name not in held:
                held[name] = np.zeros((count, *table.shape[1:]))
            held[name][rows] = table
    return held


def standing_of(
    home: Home, market: HomeMarket, columns: ColumnMap, x: Floats
) -> Standing:
    """Put a first-stage point into the world: orders, agreements, projects.

    Money for a project comes with an offtake for home on what is not promised to
    others.
    """
    orders = []
    for buy in columns.buys:
        if x[buy.column] > LEAST_BUY_T:
            start = home.starts[int(home.first_period[buy.year])]
            orders.append(
                Order(
                    item=home.item[buy.item],
                    start=start,
                    tonnes=float(x[buy.column] * buy.most_t),
                    bid_usd_per_t=float(market.bid[buy.item]),
                )
            )
    agreements = []
    for column, place in columns.agreements:
        offer = columns.agreement_offers[place]
        if x[column] > LEAST_BUY_T:
            agreements.append(
                Commitment(
                    name=f"plan: {offer.name}",
                    item=offer.item,
                    t_per_year=float(x[column] * offer.most_t),
                    seller_country=offer.country,
                    start=date(offer.first_year, 1, 1),
                    until=date(offer.last_year + 1, 1, 1),
                )
            )
    projects: dict[str, ProjectSupport] = {}
    for column, place in columns.options:
        project = columns.project_offers[place]
        if x[column] < 0.5:
            continue
        projects[project.project] = ProjectSupport(
            project.success, float(project.start_year)
        )
        for item, tonnes in sorted(project.output.items()):
            if project.open_share > 0.0:
                agreements.append(
                    Commitment(
                        name=f"plan: {project.project} {item}",
                        item=item,
                        t_per_year=tonnes * project.open_share,
                        seller_country=project.country,
                        seller=project.project,
                        start=date(project.start_year, 1, 1),
                    )
                )
    return Standing(
        orders=tuple(sorted(orders)),
        agreements=tuple(sorted(agreements)),
        projects=projects,
    )
