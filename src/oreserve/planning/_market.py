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
    Simulator,
    Standing,
)
from oreserve.planning._world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oreserve.market import Base
    from oreserve.planning._columns import ColumnMap
    from oreserve.planning._home import Home
    from oreserve.planning._offers import AgreementOffer, ProjectOffer
    from oreserve.study.scenario import Scenario

__all__ = ["BID_SHARE", "HomeMarket", "Runs", "standing_of"]

Floats = npt.NDArray[np.float64]

BID_SHARE = 1.3
"""Orders are filled up to this multiple of home's base price."""

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
        (S, T) tonnes that agreements brought, all items.
    project_output
        (S, T, J) activity of projects.
    room
        (S, T, F) spare activity of home plants.
    premium
        (S, T) import premium, million USD.
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
    project_output: Floats
    room: Floats
    premium: Floats

    @property
    def short(self) -> Floats:
        """(S, T, D) tonnes not served."""
        return np.maximum(self.wanted - self.served, 0.0)

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Runs:
        """Rebuild from `to_arrays`."""
        return cls(**{f.name: arrays[f.name] for f in fields(cls)})


class HomeMarket:
    """A simulator with the agreements and projects that a plan may choose."""

    def __init__(
        self,
        home: Home,
        base: Base,
        *,
        agreement_offers: tuple[AgreementOffer, ...],
        project_offers: tuple[ProjectOffer, ...],
        workers: int | None = None,
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
        candidates = [
            Commitment(
                name=f"offer {offer.name}",
                item=offer.item,
                t_per_year=offer.most_t,
                seller_country=offer.country,
            )
            for offer in agreement_offers
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
        self.candidates = len(candidates)
        self.simulator = Simulator(
            base, workers=workers, periods=len(home.starts), candidates=candidates
        )
        index = self.simulator.index
        uses = {name: number for number, name in enumerate(index.demands)}
        # A market of some chains only leaves the other uses at 0.
        self._demand = np.array([uses.get(name, -1) for name in home.demand], int)
        place = {name: number for number, name in enumerate(index.items)}
        self._item = np.array([place.get(name, -1) for name in home.item], int)
        plants = {name: number for number, name in enumerate(index.plants)}
        self._project = np.array([plants.get(p, -1) for p in self.projects], int)
        self.room_plant = index.home_plants
        base_price = self.simulator.base_price
        known = np.full(len(self._item), np.nan)
        known[self._item >= 0] = base_price[self._item[self._item >= 0]]
        self.bid = BID_SHARE * np.where(np.isfinite(known), known, home.price)

    def run(
        self,
        scenarios: Sequence[Scenario],
        standing: Standing | None = None,
        *,
        stage: str = "simulate",
        progress: Callable[[str, float, float | None], None] | None = None,
        release: bool = True,
    ) -> Runs:
        """Simulate scenarios and keep what a plan reads."""
        found = self.simulator.run(
            scenarios, standing, progress=progress, release=release, stage=stage
        )

        def items(name: str, missing: float) -> Floats:
            table = np.array([getattr(one, name) for one in found], dtype=float)
            out = np.full((*table.shape[:2], len(self._item)), missing)
            here = self._item >= 0
            out[:, :, here] = table[:, :, self._item[here]]
            return out

        def uses(name: str) -> Floats:
            table = np.array([getattr(one, name) for one in found], dtype=float)
            out = np.zeros((*table.shape[:2], len(self._demand)))
            here = self._demand >= 0
            out[:, :, here] = table[:, :, self._demand[here]]
            return out

        output = np.array([one.output for one in found], dtype=float)
        made = np.zeros((*output.shape[:2], len(self._project)))
        made[:, :, self._project >= 0] = output[:, :, self._project[self._project >= 0]]
        share = np.array([one.agreement_share for one in found], dtype=float)
        return Runs(
            wanted=uses("wanted"),
            served_market=uses("served_market"),
            served=uses("served"),
            price=items("price", np.nan),
            release=items("release", 0.0),
            fill=items("fill", 0.0),
            stock=items("stock", 0.0),
            release_share=items("release_share", 0.0),
            fillable=items("fillable", 0.0),
            candidate_share=share[:, :, share.shape[2] - self.candidates :],
            agreement=np.array([one.agreement.sum(axis=1) for one in found]),
            project_output=made,
            room=np.array([one.home_plant_room for one in found], dtype=float),
            premium=np.array([one.premium_usd for one in found]) / 1e6,
        )

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
            tonnes = probe.project_output[:, :, number] * per_activity
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
        run = np.zeros_like(probe.project_output)
        for number, project in enumerate(self.projects):
            offer = self.offer_of[project]
            for s, scenario in enumerate(scenarios):
                late = scenario.draws.get(f"delay {project}", 0.0)
                for t, start in enumerate(home.starts):
                    limit = offer.capacity_t * offer.ramp_in(start.year, late) * length
                    if limit > 0.0:
                        made = probe.project_output[s, t, number]
                        run[s, t, number] = min(1.0, made / limit)
        return run


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
