# SPDX-License-Identifier: Apache-2.0
"""The door to the market: simulations in, arrays over home's uses out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market import (
    Commitment,
    ProjectSupport,
    Standing,
)
from oreserve.planning._chain_runs import ChainRuns, chain_specs
from oreserve.planning._runs import AXES, Runs, run_chains
from oreserve.planning._world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oreserve.market import Base
    from oreserve.planning._home import Home
    from oreserve.planning._offers import AgreementOffer, ProjectOffer
    from oreserve.planning._pool import LazyPool
    from oreserve.study.scenario import Scenario

__all__ = ["BID_SHARE", "HomeMarket"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BID_SHARE = 1.3
"""Orders are filled up to this multiple of home's base price."""


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
        self.pool = pool
        specs = chain_specs(base, len(home.starts), self.candidates)
        self.chains = [ChainRuns(spec) for spec in specs]
        for chain in self.chains[1:]:
            chain.share(self.chains[0])
        self._axes = [self._places(number) for number in range(len(self.chains))]
        self.room_plant = tuple(
            name for chain in self.chains for name in chain.index.home_plants
        )
        known = np.full(len(home.item), np.nan)
        for chain, axes in zip(self.chains, self._axes, strict=True):
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
        chain = self.chains[number]
        room = sum(len(one.index.home_plants) for one in self.chains[:number])
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
        rule = standing.release_rule
        if rule is not None:
            names |= {item for item in self.home.item if rule.covers(item)}
        found = []
        for number, chain in enumerate(self.chains):
            own = {project.name for project in chain.markets[0].projects}
            if names & chain.spec.items or own & set(standing.projects):
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
        chosen = list(range(len(self.chains)))
        if without is not None and standing is not None:
            chosen = self.touched(standing)
        report = None
        if progress is not None:
            report = partial(progress, stage)
        parts = run_chains(
            [self.chains[number] for number in chosen],
            scenarios,
            standing,
            release=release,
            pool=self.pool,
            progress=report,
        )
        return self.collect(chosen, parts, len(scenarios), without)

    def collect(
        self,
        chosen: Sequence[int],
        parts: Sequence[dict[str, Floats]],
        count: int,
        without: Runs | None,
    ) -> Runs:
        """Put arrays of some chains into the arrays of all."""
        held = self._empty(count) if without is None else without.copied()
        for number, arrays in zip(chosen, parts, strict=True):
            self._place(held, number, arrays)
        return Runs.from_arrays(held)

    def served_at_base(self, scenarios: Sequence[Scenario]) -> Floats:
        """Compute what base supply would serve of home's uses, (S, T, D) tonnes."""
        shape = (len(scenarios), len(self.home.starts), len(self.home.demand))
        served = np.zeros(shape)
        for number, chain in enumerate(self.chains):
            rows, places = self._axes[number]["use"]
            served[:, :, places] = chain.served_at_base(scenarios)[:, :, rows]
        return served

    def _empty(self, count: int) -> dict[str, Floats]:
        """Make arrays for chains that nobody simulates."""
        lead = (count, len(self.home.starts))
        size = {
            "use": len(self.home.demand),
            "item": len(self.home.item),
            "candidate": len(self.candidates),
            "project": len(self.projects),
            "room": len(self.room_plant),
            "chain": len(self.chains),
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

    def close(self) -> None:
        """Let the processes drop the chains."""
        if self.pool is not None:
            self.pool.forget(self.chains)

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
        year = np.array([start.year for start in home.starts])
        for number, project in enumerate(self.projects):
            offer = self.offer_of[project]
            late = np.array([s.draws.get(f"delay {project}", 0.0) for s in scenarios])
            limit = offer.capacity_t * offer.ramp_in(year, late) * length
            made = probe.output[:, :, number]
            share = np.divide(made, limit, out=np.zeros_like(made), where=limit > 0.0)
            run[:, :, number] = np.minimum(share, 1.0)
        return run
