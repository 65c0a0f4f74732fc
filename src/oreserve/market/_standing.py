# SPDX-License-Identifier: Apache-2.0
"""What a plan has put in the world, as the market sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

    Floats = npt.NDArray[np.float64]

__all__ = [
    "DELIVERING_RUNGS",
    "Commitment",
    "Order",
    "ProjectSupport",
    "ReleaseRule",
    "Standing",
    "kappa",
    "project_support",
    "study_commitments",
]

DELIVERING_RUNGS = (
    "minimum_guarantee",
    "funded_order",
    "delivered",
    "accepted",
    "paid",
)


@dataclass(frozen=True, order=True)
class Order:
    """Tonnes that the reserve wants from a date on.

    Filled where home is not short and home's price is at most `bid_usd_per_t`
    (market price, USD of the price year), else carried forward.
    """

    item: str
    start: date
    tonnes: float
    bid_usd_per_t: float


@dataclass(frozen=True, order=True)
class Commitment:
    """An agreement as the market sees it: tonnes, from whom, for how long.

    `seller` is a plant or project, or empty: any plant of `seller_country`.
    `buyer` is empty for home; a foreign buyer takes tonnes away from what an
    agreement of home can reach.
    """

    name: str
    item: str
    t_per_year: float
    seller_country: str
    seller: str = ""
    start: date = date.min
    until: date = date.max
    kappa: float = 1.0
    exempt: bool = False
    buyer: str = ""


@dataclass(frozen=True)
class ProjectSupport:
    """A project with an option: its chance to stand, and when it starts.

    It stands where the scenario's draw is below `success`; `start_year` is the
    first year of output without delay.
    """

    success: float
    start_year: float


class ReleaseRule(Protocol):
    """Says which part of a shortage is worth more than the tonne kept.

    It takes the place of the linear rule for the items that it covers, in periods
    in which the study allows release at all. It must be picklable: chains run in
    processes too.
    """

    def covers(self, item: str) -> bool:
        """Return whether the rule decides for an item."""
        ...

    def worth(
        self,
        item: str,
        start: date,
        scenarios: Sequence[Scenario],
        *,
        period: int,
        level: Floats,
        short: Floats,
        wanted: Floats,
        loss_usd_per_t: Floats,
    ) -> Floats:
        """Return the tonnes of each short use that are worth a release.

        Parameters
        ----------
        start, period
            First day of the period, and its number in the scenarios.
        level
            (S,) directed stock of the item, t.
        short, wanted
            (S, D) tonnes of the item's uses.
        loss_usd_per_t
            (D,) loss of a full shortage; nan: unknown.

        Returns
        -------
        ndarray
            (S, D), never more than short.
        """
        ...


@dataclass(frozen=True)
class Standing:
    """Purchases, agreements and projects of a plan.

    `projects` overrides what the study says of projects without support; a project
    that is not named stands with the success of its option `none`. `release_rule`
    decides on releases of the items that it covers; None: the linear rule.
    """

    orders: tuple[Order, ...] = ()
    agreements: tuple[Commitment, ...] = ()
    projects: Mapping[str, ProjectSupport] = field(
        default_factory=lambda: MappingProxyType({})
    )
    release_rule: ReleaseRule | None = None


def kappa(rung: str) -> float:
    """Return which part of the tonnes of a rung counts: 0 below a guarantee."""
    return 1.0 if rung.replace(" ", "_") in DELIVERING_RUNGS else 0.0


def study_commitments(study: Study) -> tuple[Commitment, ...]:
    """Return the agreements of a study that deliver, sorted by name.

    What a project has promised to others (`committed_share`) counts as theirs.
    """
    plants = _countries(study, "plants", "plant")
    projects = _countries(study, "projects", "project")
    home = set(study.home_countries)
    made = []
    for row in study.table("agreements").iter_rows(named=True):
        part = kappa(row["rung"])
        tonnes = float(row["quantity_t_per_year"])
        if row["min_t"] is not None and row["rung"] == "minimum_guarantee":
            tonnes = min(tonnes, float(row["min_t"]))
        seller = row["seller"] or ""
        country = row["seller_country"] or plants.get(seller) or projects.get(seller)
        if part <= 0.0 or country is None:
            continue
        buyers = set(study.members(row["buyer"]))
        made.append(
            Commitment(
                name=row["agreement"],
                item=row["item"],
                t_per_year=tonnes,
                seller_country=country,
                seller=seller,
                start=row["from"] or date.min,
                until=row["until"] or date.max,
                kappa=part,
                exempt=bool(row["exempt_from_measures"]),
                buyer="" if buyers & home else row["buyer"],
            )
        )
    return tuple(sorted([*made, *_promised(study, home)]))


def _promised(study: Study, home: set[str]) -> list[Commitment]:
    """Return what projects have committed to buyers abroad."""
    main = dict(study.table("processes").select("process", "main_item").iter_rows())
    made = []
    for row in study.table("projects").iter_rows(named=True):
        share, buyer = row["committed_share"], row["committed_to"]
        item = main.get(row["process"])
        if not share or buyer is None or item is None:
            continue
        if home & set(study.members(buyer)):
            continue
        made.append(
            Commitment(
                name=f"{row['project']} committed",
                item=item,
                t_per_year=float(share) * float(row["capacity_t_per_year"]),
                seller_country=row["country"],
                seller=row["project"],
                buyer=buyer,
            )
        )
    return made


def _countries(study: Study, table: str, key: str) -> dict[str, str]:
    rows = study.table(table).select(key, "country").iter_rows()
    return {name: country for name, country in rows if country is not None}


def project_support(study: Study) -> dict[str, ProjectSupport]:
    """Return what each project does without support: its option `none`."""
    from oreserve.network.build import project_start_year

    success: dict[str, float] = {}
    for row in study.table("project_options").iter_rows(named=True):
        if row["option"] == "none" and row["success"] is not None:
            success[row["project"]] = float(row["success"])
    return {
        row["project"]: ProjectSupport(
            success.get(row["project"], 0.0), project_start_year(row)
        )
        for row in study.table("projects").sort("project").iter_rows(named=True)
    }


def read_ramp(text: str | None) -> tuple[float, ...]:
    """Return shares of capacity by year of operation, the last one for ever."""
    if not text:
        return (1.0,)
    return tuple(float(part) for part in text.split(";") if part.strip()) or (1.0,)
