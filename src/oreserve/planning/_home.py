# SPDX-License-Identifier: Apache-2.0
"""Home as the plan sees it: uses, losses, prices, reachable supply, projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market import BASE_BLOCK
from oreserve.planning._reach import Reach, reachable_supply
from oreserve.study import purchase_price

if TYPE_CHECKING:
    from datetime import date

    from oreserve.study import Study

__all__ = ["DEPTH_VALUES", "DEPTH_WIDTHS", "Home", "read_home"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DEPTH_WIDTHS = np.array([0.1, 0.4, 0.5])
"""Shares of a use that are lost one after the other as a shortage deepens."""

DEPTH_VALUES = np.array([0.3, 1.0, 1.5]) / float(
    DEPTH_WIDTHS @ np.array([0.3, 1.0, 1.5])
)
"""Loss of a tonne by depth, normalised: all of a use lost costs `loss` a tonne."""

LEAST_PRICE_EXPONENT_BASE = 0.05
ASSUMED_SUPPLY_ELASTICITY = 0.2
"""Supply elasticity where plants have none: what buying 10 % then costs is +22 %
at the default demand elasticity. Assumed; listed in the plan's assumptions."""

USE_SHARE_LIMIT = 0.5
MARKET_SHARE_LIMIT = 0.1


@dataclass(frozen=True)
class Home:
    """Arrays over home's uses (D), items (I), periods (T) and years (Y).

    Parameters
    ----------
    starts, years, first_period
        Period starts; calendar years; (Y,) first period of each year.
    discount
        (T,) factor to the first period.
    demand, demand_item, demand_class, loss
        (D,) names, item indices, classes, million USD per t (0 where unknown).
    loss_known, loss_includes_price
        (D,) flags.
    block
        (D,) share of use up to which a use counts as served: see `beyond_block`.
    item, mineral, stage
        (I,) names.
    use
        (I, Y) t a year at base prices.
    price
        (I,) purchase price, USD per t; nan where the study has none.
    storable, storage
        (I,) flag; USD per t and year.
    exponent
        (I,) of the purchase price curve.
    reachable
        (I,) t a year that home can reach.
    net_imports
        (I,) t a year in the base year, 0 or more.
    """

    study: Study
    reach: Reach
    starts: tuple[date, ...]
    years: tuple[int, ...]
    first_period: Ints
    discount: Floats
    demand: tuple[str, ...]
    demand_item: Ints
    demand_class: tuple[str, ...]
    demand_country: tuple[str, ...]
    demand_sector: tuple[str, ...]
    loss: Floats
    loss_known: npt.NDArray[np.bool_]
    loss_includes_price: npt.NDArray[np.bool_]
    block: Floats
    item: tuple[str, ...]
    mineral: tuple[str, ...]
    stage: tuple[str, ...]
    use: Floats
    price: Floats
    storable: npt.NDArray[np.bool_]
    storage: Floats
    exponent: Floats
    reachable: Floats
    net_imports: Floats

    @property
    def horizon_discount(self) -> float:
        """Factor on money at the end of the horizon."""
        rate = self.study.settings.discount_rate
        length = len(self.starts) * self.study.settings.period_years
        return float((1.0 + rate) ** -length)

    def item_index(self, name: str) -> int:
        """Return the place of an item."""
        return self.item.index(name)

    def unit_price(self, item: int, share_of_reach: Floats | float) -> Floats:
        """Compute the purchase price, USD per t, when a share of Q is bought."""
        price: Floats = (
            self.price[item]
            * (1.0 + np.asarray(share_of_reach)) ** (self.exponent[item])
        )
        return price


def read_home(study: Study, periods: int | None = None) -> Home:
    """Read what the plan needs of a study, once."""
    settings = study.settings
    starts = study.period_starts(periods)
    years = tuple(sorted({start.year for start in starts}))
    first = np.array(
        [min(t for t, s in enumerate(starts) if s.year == year) for year in years]
    )
    period = np.arange(len(starts)) * settings.period_years
    items = study.table("items").sort("item")
    names = tuple(items["item"].to_list())
    place = {name: number for number, name in enumerate(names)}
    home = study.home_countries
    demands = study.table("demands").filter(pl.col("country").is_in(home))
    demands = demands.sort("demand")
    use = np.zeros((len(names), len(years)))
    for row in demands.iter_rows(named=True):
        growth = 1.0 + (row["growth_per_year"] or 0.0)
        for number, year in enumerate(years):
            use[place[row["item"]], number] += row["quantity_t_per_year"] * (
                growth ** (year - settings.base_year)
            )
    reach = reachable_supply(study)
    prices = [purchase_price(study, name) for name in names]
    storage = items["storage_usd_per_t_year"].fill_null(0.0).to_numpy()
    loss = demands["loss_usd_per_t"]
    return Home(
        study=study,
        reach=reach,
        starts=starts,
        years=years,
        first_period=first,
        discount=np.asarray((1.0 + settings.discount_rate) ** -period, dtype=float),
        demand=tuple(demands["demand"].to_list()),
        demand_item=np.array([place[i] for i in demands["item"]], dtype=np.int64),
        demand_class=tuple(c or "other" for c in demands["class"]),
        demand_country=tuple(demands["country"].to_list()),
        demand_sector=tuple(s or "" for s in demands["sector"]),
        loss=loss.fill_null(0.0).to_numpy() / 1e6,
        loss_known=loss.is_not_null().to_numpy(),
        loss_includes_price=(demands["loss_basis"] == "includes_price")
        .fill_null(value=False)
        .to_numpy(),
        block=_blocks(study, demands),
        item=names,
        mineral=tuple(m or "" for m in items["mineral"]),
        stage=tuple(s or "" for s in items["stage"]),
        use=use,
        price=np.array([np.nan if p is None else p.usd_per_t for p in prices]),
        storable=items["storable"].fill_null(value=True).to_numpy(),
        storage=storage,
        exponent=_exponents(study, names),
        reachable=np.array([reach.tonnes(name) for name in names]),
        net_imports=_net_imports(study, names),
    )


def _blocks(study: Study, demands: pl.DataFrame) -> Floats:
    """Return the base block of each use: none where demand does not bend."""
    settings = study.settings
    elasticity = demands["price_elasticity"].fill_null(settings.default_elasticity)
    if settings.period_years < 1.0:
        # Null: a share of the yearly one, so 0 only where that is 0.
        elasticity = demands["price_elasticity_short"].fill_null(elasticity)
    bends = elasticity.cast(pl.Float64).to_numpy() != 0.0
    return np.where(bends & settings.calibrate, BASE_BLOCK, 0.0)


def _exponents(study: Study, names: tuple[str, ...]) -> Floats:
    """Compute 1 / (es - ed) per item, weighted by output and use."""
    main = dict(study.table("processes").select("process", "main_item").iter_rows())
    plants = study.table("plants").with_columns(
        item=pl.col("process").replace_strict(main, default=None),
        weight=pl.col("base_activity_t_per_year").fill_null(
            pl.col("capacity_t_per_year")
        ),
        elasticity=pl.col("supply_elasticity").fill_null(ASSUMED_SUPPLY_ELASTICITY),
    )
    demands = study.table("demands").with_columns(
        weight=pl.col("quantity_t_per_year"),
        elasticity=pl.col("price_elasticity").fill_null(
            study.settings.default_elasticity
        ),
    )
    supply, demand = _weighted(plants), _weighted(demands)
    default = study.settings.default_elasticity
    return np.array(
        [
            1.0
            / max(
                LEAST_PRICE_EXPONENT_BASE,
                supply.get(name, ASSUMED_SUPPLY_ELASTICITY) - demand.get(name, default),
            )
            for name in names
        ]
    )


def _weighted(frame: pl.DataFrame) -> dict[str, float]:
    """Compute the weighted mean elasticity per item."""
    means = (
        frame.filter(pl.col("item").is_not_null() & (pl.col("weight") > 0.0))
        .group_by("item")
        .agg(
            mean=(pl.col("elasticity") * pl.col("weight")).sum()
            / pl.col("weight").sum()
        )
    )
    return dict(means.select("item", "mean").iter_rows())


def _net_imports(study: Study, names: tuple[str, ...]) -> Floats:
    """Compute home's net imports of the base year, t a year, 0 or more."""
    home = set(study.home_countries)
    net = dict.fromkeys(names, 0.0)
    for row in study.table("lanes").iter_rows(named=True):
        tonnes = row["base_t_per_year"] or 0.0
        inward, outward = row["importer"] in home, row["exporter"] in home
        if inward != outward and row["item"] in net:
            net[row["item"]] += tonnes if inward else -tonnes
    return np.array([max(0.0, net[name]) for name in names])
