# SPDX-License-Identifier: Apache-2.0
"""Project options: what support does to the survival of a plant not yet built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oreserve.contracts._rules import PriceRule
from oreserve.contracts._value import tail_mean, yearly_payments_usd
from oreserve.errors import InputError

__all__ = [
    "OPTIONS",
    "OptionValue",
    "ProjectCash",
    "ProjectOption",
    "break_even_usd_per_t",
    "project_option_value",
    "standard_options",
]

Floats = npt.NDArray[np.float64]

DEBT_COVER: Final = 1.2
"""Least cash flow over debt service that a lender accepts."""

FLOOR_SHARES: Final = {"floor_low": 0.8, "floor_mid": 0.9, "floor_high": 1.0}
"""Strikes of the three floors as shares of the project's break-even price."""

OPTIONS: Final = (
    "none",
    "offtake",
    "floor_low",
    "floor_mid",
    "floor_high",
    "grant",
    "loan",
    "floor+offtake",
)
"""Names of the standard options."""


@dataclass(frozen=True)
class ProjectCash:
    """A project as its lender sees it, in USD of one price year.

    Parameters
    ----------
    quantity_t_per_year
        Main product at full output, t a year, above 0.
    capex_usd
        Investment, USD, 0 or more.
    cash_cost_usd_per_t
        Operating cost per tonne of main product that does not move with prices, USD.
    net_share
        Revenue after feed and with other products, per dollar of the main product's
        price, above 0: a magnet maker keeps some 0.4 because metal follows magnets.
    life_years
        Years of operation that are looked at.
    debt_share, debt_rate, debt_years
        Commercial debt: share of the investment after grants, yearly rate, and
        years of equal yearly service. Assumed 0.6, 0.09, 8.
    """

    quantity_t_per_year: float
    capex_usd: float
    cash_cost_usd_per_t: float
    net_share: float = 1.0
    life_years: int = 15
    debt_share: float = 0.6
    debt_rate: float = 0.09
    debt_years: int = 8

    def __post_init__(self) -> None:
        """Refuse a project without output or with a share outside 0-1."""
        problems = []
        if not self.quantity_t_per_year > 0:
            problems.append("quantity_t_per_year must be above 0")
        if not self.capex_usd >= 0:
            problems.append("capex_usd must be 0 or more")
        if not math.isfinite(self.cash_cost_usd_per_t):
            problems.append("cash_cost_usd_per_t must be a number")
        if not 0 < self.net_share < math.inf:
            problems.append("net_share must be above 0")
        if not 0 <= self.debt_share <= 1:
            problems.append("debt_share must lie in 0-1")
        if not 0 < self.debt_years <= self.life_years:
            problems.append("debt_years must lie in 1 to life_years")
        if problems:
            message = "project: " + "; ".join(problems)
            raise InputError(message)


@dataclass(frozen=True)
class ProjectOption:
    """Support that a programme offers to a project.

    Parameters
    ----------
    name
        Name of the option.
    rules
        Price rules, each with the share of output under it.
    support_years
        Years of operation in which the rules hold.
    grant_share
        Part of the investment that is given.
    loan_share, loan_rate, loan_years
        Part of the investment that is lent instead of commercial debt, at which
        rate and over how many years of equal service.
    """

    name: str
    rules: tuple[tuple[PriceRule, float], ...] = ()
    support_years: int = 10
    grant_share: float = 0.0
    loan_share: float = 0.0
    loan_rate: float = 0.04
    loan_years: int = 12


@dataclass(frozen=True)
class OptionValue:
    """What an option does and costs.

    Parameters
    ----------
    success
        Share of price paths on which the project stands to the end.
    cost_usd
        Expected present value of outlays less what comes back, USD.
    exposure_usd
        What a budget must hold: cash given or lent at the start, plus the mean
        of the worst tenth of net payments under the price rules, USD.
    """

    success: float
    cost_usd: float
    exposure_usd: float


def break_even_usd_per_t(project: ProjectCash, *, cover: float = DEBT_COVER) -> float:
    """Return the price at which cash flow covers debt service `cover` times.

    Examples
    --------
    100 million of debt at no interest over 10 years, 1,000 t, cost 5,000 USD/t:

    >>> project = ProjectCash(1_000, 100e6, 5_000, debt_share=1, debt_rate=0,
    ...                       debt_years=10)
    >>> break_even_usd_per_t(project)
    17000.0
    """
    debt = project.debt_share * project.capex_usd
    service = _annuity(debt, project.debt_rate, project.debt_years)
    need = project.cash_cost_usd_per_t + cover * service / project.quantity_t_per_year
    return need / project.net_share


def standard_options(
    project: ProjectCash, *, long_run_usd_per_t: float, index: str | None = None
) -> tuple[ProjectOption, ...]:
    """Return the options that a programme may offer a project.

    none; offtake: half of the output at a fixed long-run price; floor_low, _mid,
    _high: a floor at 80, 90, 100 % of break-even on all output; grant: 30 % of
    the investment; loan: half of the investment at 4 % over 12 years;
    floor+offtake: the middle floor on one half, the fixed price on the other.
    All shares are proposals to be edited, not published terms.
    """
    even = break_even_usd_per_t(project)
    fixed = PriceRule("fixed", fixed_usd_per_t=long_run_usd_per_t, index=index)
    floors = {
        name: PriceRule("floor", floor_usd_per_t=max(0.0, share * even), index=index)
        for name, share in FLOOR_SHARES.items()
    }
    mixed = ((floors["floor_mid"], 0.5), (fixed, 0.5))
    return (
        ProjectOption("none"),
        ProjectOption("offtake", rules=((fixed, 0.5),)),
        *(ProjectOption(name, rules=((rule, 1.0),)) for name, rule in floors.items()),
        ProjectOption("grant", grant_share=0.3),
        ProjectOption("loan", loan_share=0.5),
        ProjectOption("floor+offtake", rules=mixed),
    )


def project_option_value(
    project: ProjectCash,
    option: ProjectOption,
    *,
    paths_usd_per_t: Floats,
    steps_per_year: int = 4,
    discount_rate: float = 0.03,
    alpha: float = 0.9,
    cover: float = DEBT_COVER,
) -> OptionValue:
    """Value an option by the survival of the project over price paths.

    A path survives if cash flow is at least `cover` times debt service in every
    debt year, and the price, with what the rules add, at least the cash cost in
    every year after. Payments stop with the year in which the project fails.

    Parameters
    ----------
    project, option
        The project and what it is offered.
    paths_usd_per_t
        Prices of the main product from the first year of operation, shape
        (paths, at least life_years * steps_per_year).
    steps_per_year
        Settlements a year.
    discount_rate
        Yearly rate back to the start of operation.
    alpha
        Level of the tail for the exposure.
    cover
        Debt cover that keeps the project alive.

    Returns
    -------
    OptionValue
        Chance of survival, expected cost, exposure.

    Raises
    ------
    InputError
        If the paths are shorter than the project's life.

    Examples
    --------
    A floor above every price: the project stands, the exposure is the sum of the
    differences, 2 years x 10 t x (100 - 60):

    >>> import numpy as np
    >>> project = ProjectCash(10, 0, 90, life_years=2, debt_years=1)
    >>> floor = PriceRule("floor", floor_usd_per_t=100)
    >>> project_option_value(
    ...     project,
    ...     ProjectOption("floor", rules=((floor, 1.0),)),
    ...     paths_usd_per_t=np.full((50, 8), 60.0),
    ...     discount_rate=0.0,
    ... )
    OptionValue(success=1.0, cost_usd=800.0, exposure_usd=800.0)
    """
    years = project.life_years
    steps = years * steps_per_year
    if paths_usd_per_t.shape[1] < steps:
        message = (
            f"price paths have {paths_usd_per_t.shape[1]} steps, the project's life "
            f"of {years} years needs {steps}"
        )
        raise InputError(message)
    paths = paths_usd_per_t[:, :steps]
    price = paths.reshape(-1, years, steps_per_year).mean(axis=2)
    payments = _payments_usd(project, option, paths, steps_per_year=steps_per_year)
    kept = project.net_share * price - project.cash_cost_usd_per_t
    margin = kept * project.quantity_t_per_year
    commercial, public = _debt_service_usd(project, option)
    service = commercial + public
    # 1e-9: a floor exactly at break-even must count as covered.
    slack = 1e-9 * (1.0 + abs(project.cash_cost_usd_per_t))
    slack *= project.quantity_t_per_year
    covered = margin + payments >= cover * service - slack
    lives = np.logical_and.accumulate(covered, axis=1)
    standing = np.ones_like(lives)
    standing[:, 1:] = lives[:, :-1]
    factor = (1.0 + discount_rate) ** -np.arange(1, years + 1)
    paid = (payments * standing) @ factor
    repaid = (public * lives) @ factor
    cash = (option.grant_share + option.loan_share) * project.capex_usd
    return OptionValue(
        success=float(lives[:, -1].mean()),
        cost_usd=float(cash + paid.mean() - repaid.mean()),
        exposure_usd=float(cash + max(0.0, tail_mean(paid, alpha=alpha))),
    )


def _payments_usd(
    project: ProjectCash, option: ProjectOption, paths: Floats, *, steps_per_year: int
) -> Floats:
    """Return net payments under the option's rules per path and year, USD.

    The feed of a processor moves with its product, so its rules are indexed on the
    margin: a floor pays the gap times `net_share`. Paying the whole gap in the
    product's price would be many times what keeps the plant alive.
    """
    years = project.life_years
    indexed = min(1.0, project.net_share)
    total = np.zeros((paths.shape[0], years))
    for rule, share in option.rules:
        support, returned = yearly_payments_usd(
            rule,
            paths_usd_per_t=paths,
            quantity_t_per_year=share * project.quantity_t_per_year,
            steps_per_year=steps_per_year,
        )
        total += indexed * (support - returned)
    total[:, min(option.support_years, years) :] = 0.0
    return total


def _debt_service_usd(
    project: ProjectCash, option: ProjectOption
) -> tuple[Floats, Floats]:
    """Return yearly service of commercial debt and of the public loan, USD."""
    years = np.arange(1, project.life_years + 1)
    loan = option.loan_share * project.capex_usd
    debt = project.debt_share * (1.0 - option.grant_share) * project.capex_usd
    rest = max(0.0, debt - loan)
    commercial = _annuity(rest, project.debt_rate, project.debt_years)
    term = min(option.loan_years, project.life_years)
    public = _annuity(loan, option.loan_rate, term)
    return (
        np.where(years <= project.debt_years, commercial, 0.0),
        np.where(years <= term, public, 0.0),
    )


def _annuity(principal: float, rate: float, years: int) -> float:
    """Return the equal yearly payment that repays a principal with interest."""
    if rate == 0:
        return principal / years
    return principal * rate / (1.0 - (1.0 + rate) ** -years)
