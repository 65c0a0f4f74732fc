# SPDX-License-Identifier: Apache-2.0
"""What a programme may sign and support: agreements and project options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.contracts import (
    PriceRule,
    ProjectCash,
    ProjectOption,
    price_paths,
    project_option_value,
    standard_options,
    value_floor,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.planning._home import Home

__all__ = [
    "AgreementOffer",
    "ProjectOffer",
    "agreement_offers",
    "parse_ramp",
    "project_offers",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SELLERS_PER_ITEM = 3
"""Countries that may be asked for a new agreement, largest reachable first."""

SELLER_SHARE = 0.25
"""Most of a country's reachable output that one home signs for. Assumed."""

FLOOR_SHARE = 0.8
"""Guaranteed price of a new agreement as a share of today's. Assumed."""

CASH_COST_SHARE = 0.7
"""Cash cost of a project without one, as a share of its product's price. Assumed."""

PROJECT_PATHS = 1_000
LIFE_YEARS = 15


@dataclass(frozen=True)
class AgreementOffer:
    """A minimum guarantee that home may give to sellers of a country.

    Parameters
    ----------
    item, country
        What, and from where.
    most_t
        Largest amount, t a year.
    first_year, last_year
        Years of delivery, last one included.
    cash_usd, cost_usd
        Per t a year over the whole term: 90 % CVaR of the payments under the
        guarantee, which the budget must hold, and their expectation.
    """

    item: str
    country: str
    most_t: float
    first_year: int
    last_year: int
    cash_usd: float
    cost_usd: float
    rung: str = "minimum_guarantee"

    @property
    def name(self) -> str:
        """Name for tables."""
        return f"{self.item} from {self.country}"


@dataclass(frozen=True)
class ProjectOffer:
    """One option for one project.

    Parameters
    ----------
    success, success_alone
        Chance to stand with the option, and without any support.
    cost_usd, exposure_usd
        Expected outlay; what the budget must hold.
    output
        Tonnes a year at full capacity by item, own output only.
    start_year
        First year of output if nothing is late.
    ramp
        Share of capacity in the first, second, ... year of output.
    open_share
        Part of the output not promised to others.
    """

    project: str
    option: str
    country: str
    process: str
    capacity_t: float
    success: float
    success_alone: float
    cost_usd: float
    exposure_usd: float
    output: Mapping[str, float]
    start_year: int
    ramp: tuple[float, ...]
    open_share: float
    evidence: str

    def ramp_in(self, year: Ints, late: Floats) -> Floats:
        """Return the share of capacity by scenario and year, 0 before the start.

        Parameters
        ----------
        year
            (T,) years.
        late
            (S,) years late.
        """
        age = year[None, :] - self.start_year - np.round(late).astype(int)[:, None]
        share = np.array(self.ramp)[np.clip(age, 0, len(self.ramp) - 1)]
        return np.where(age < 0, 0.0, share)


def parse_ramp(text: str | None) -> tuple[float, ...]:
    """Read a ramp such as ``0.3;0.7;1``; null is 1 from the first year."""
    if not text:
        return (1.0,)
    return tuple(float(part) for part in text.split(";") if part.strip())


def agreement_offers(home: Home, wanted: set[int]) -> tuple[AgreementOffer, ...]:
    """List the agreements that the programme may sign, by item and country.

    Sellers are countries other than home without a measure on home, the largest
    reachable ones; tonnes are bounded by a quarter of their reachable output less
    what others have signed for, and by home's use.

    Parameters
    ----------
    home
        The home view.
    wanted
        Items that home uses and may miss.
    """
    taken = _signed_for_others(home)
    first = home.years[0]
    last = home.years[-1]
    offers: list[AgreementOffer] = []
    own = set(home.study.home_countries)
    for item in sorted(wanted):
        price = home.price[item]
        name = home.item[item]
        use = float(home.use[item].max(initial=0.0))
        if not np.isfinite(price) or use <= 0.0:
            continue
        cost, exposure = _guarantee(last - first + 1, home.study.settings.discount_rate)
        sellers = [s for s in home.reach.sellers(name) if s[0] not in own]
        for country, tonnes in sellers[:SELLERS_PER_ITEM]:
            free = tonnes - taken.get((name, country), 0.0)
            most = min(SELLER_SHARE * free, use)
            if most > 1e-6 * use:
                offers.append(
                    AgreementOffer(
                        item=name,
                        country=country,
                        most_t=most,
                        first_year=first,
                        last_year=last,
                        cash_usd=exposure * price,
                        cost_usd=cost * price,
                    )
                )
    return tuple(offers)


def _signed_for_others(home: Home) -> dict[tuple[str, str], float]:
    """Sum the tonnes of agreements in the study by item and seller's country."""
    taken: dict[tuple[str, str], float] = {}
    plants = dict(home.study.table("plants").select("plant", "country").iter_rows())
    for row in home.study.table("agreements").iter_rows(named=True):
        country = row["seller_country"] or plants.get(row["seller"])
        if country:
            key = (row["item"], country)
            taken[key] = taken.get(key, 0.0) + row["quantity_t_per_year"]
    return taken


@lru_cache(maxsize=8)
def _guarantee(years: int, discount_rate: float) -> tuple[float, float]:
    """Value a floor on 1 t a year of something that costs 1 USD per t today.

    Returns
    -------
    tuple
        Expected payments and their 90 % CVaR, USD over the whole term.
    """
    paths = price_paths(
        start_usd_per_t=1.0, long_run_usd_per_t=1.0, years=years, paths=5_000
    )
    value = value_floor(
        PriceRule("floor", floor_usd_per_t=FLOOR_SHARE),
        paths_usd_per_t=paths,
        quantity_t_per_year=1.0,
        discount_rate=discount_rate,
    )
    return value.cost_usd, value.exposure_usd


def project_offers(home: Home) -> tuple[ProjectOffer, ...]:
    """List the options of every project, with success and cost known or computed.

    An option is left out if the study gives neither its cost nor what is needed
    to compute it.
    """
    study = home.study
    recipes: dict[str, dict[str, float]] = {}
    for row in study.table("recipes").iter_rows(named=True):
        recipes.setdefault(row["process"], {})[row["item"]] = row["coefficient"]
    main = dict(study.table("processes").select("process", "main_item").iter_rows())
    given: dict[str, list[dict[str, Any]]] = {}
    for row in (
        study.table("project_options").sort("project", "option").iter_rows(named=True)
    ):
        given.setdefault(row["project"], []).append(row)
    offers: list[ProjectOffer] = []
    for project in study.table("projects").sort("project").iter_rows(named=True):
        if not _may_be_supported(home, project):
            continue
        recipe = recipes.get(project["process"], {})
        offers.extend(
            _offers_of(
                home,
                project,
                given.get(project["project"], []),
                {i: c for i, c in recipe.items() if c > 0.0},
                main.get(project["process"]),
            )
        )
    return tuple(offers)


def _may_be_supported(home: Home, project: dict[str, Any]) -> bool:
    """Apply least responsible-sourcing scores; an unknown score does not pass."""
    scores = {k: v for k, v in project.items() if k.endswith("_score")}
    for limit in home.study.table("limits").iter_rows(named=True):
        if limit["min_score"] is None or limit["instrument"] not in {None, "projects"}:
            continue
        if limit["country"] is not None and project["country"] not in (
            home.study.members(limit["country"])
        ):
            continue
        known = [v for v in scores.values() if v is not None]
        if not known or min(known) < limit["min_score"]:
            return False
    return bool(project["capacity_t_per_year"])


def _offers_of(
    home: Home,
    project: dict[str, Any],
    rows: list[dict[str, Any]],
    output: dict[str, float],
    main_item: str | None,
) -> list[ProjectOffer]:
    """Make the offers of one project; the option `none` sets what stands alone."""
    values = _computed(home, project, main_item)
    found: dict[str, tuple[float, float, float, str]] = {
        name: (*value, "computed") for name, value in values.items() if not rows
    }
    for row in rows:
        base = values.get(row["option"]) or values.get(_standard(row["option"]))
        cells = (row["success"], row["cost_usd"], row["exposure_usd"])
        if base is None and None in cells[:2]:
            continue
        known = [
            float(cell) if cell is not None else (base[place] if base else math.nan)
            for place, cell in enumerate(cells)
        ]
        if math.isnan(known[2]):
            known[2] = max(0.0, known[1])
        found[row["option"]] = (known[0], known[1], known[2], row["evidence"])
    alone = found.get("none", (0.0, 0.0, 0.0, ""))[0]
    settings = home.study.settings
    begin = max(project["earliest_year"] or 0, settings.as_of_date.year)
    start = begin + round(project["lead_time_years"] or 0.0)
    committed = project["committed_share"] or 0.0
    if project["committed_to"] and set(
        home.study.members(project["committed_to"])
    ) & set(home.study.home_countries):
        committed = 0.0
    return [
        ProjectOffer(
            project=project["project"],
            option=option,
            country=project["country"],
            process=project["process"],
            capacity_t=project["capacity_t_per_year"],
            success=success,
            success_alone=alone,
            cost_usd=cost,
            exposure_usd=exposure,
            output={i: c * project["capacity_t_per_year"] for i, c in output.items()},
            start_year=start,
            ramp=parse_ramp(project["ramp"]),
            open_share=max(0.0, 1.0 - committed),
            evidence=evidence,
        )
        for option, (success, cost, exposure, evidence) in sorted(found.items())
    ]


def _standard(option: str) -> str:
    """Match a study's option name to a standard one."""
    if "floor" in option and "offtake" in option:
        return "floor+offtake"
    return "floor_mid" if option == "floor" else option


def _computed(
    home: Home, project: dict[str, Any], main_item: str | None
) -> dict[str, tuple[float, float, float]]:
    """Value the standard options by survival over price paths, if data allow."""
    if main_item is None or project["capex_usd"] is None:
        return {}
    price = home.price[home.item_index(main_item)]
    if not np.isfinite(price):
        return {}
    cost = project["cost_usd_per_t"]
    cash = ProjectCash(
        quantity_t_per_year=project["capacity_t_per_year"],
        capex_usd=project["capex_usd"],
        cash_cost_usd_per_t=CASH_COST_SHARE * price if cost is None else cost,
        life_years=LIFE_YEARS,
    )
    paths = _paths(float(price))
    options: list[ProjectOption] = list(
        standard_options(cash, long_run_usd_per_t=float(price))
    )
    found: dict[str, tuple[float, float, float]] = {}
    for option in options:
        value = project_option_value(cash, option, paths_usd_per_t=paths)
        found[option.name] = (value.success, value.cost_usd, value.exposure_usd)
    return found


@lru_cache(maxsize=64)
def _paths(price: float) -> Any:
    """Draw price paths that start and rest at today's price."""
    return price_paths(
        start_usd_per_t=price,
        long_run_usd_per_t=price,
        years=LIFE_YEARS,
        paths=PROJECT_PATHS,
    )
