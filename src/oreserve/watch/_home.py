# SPDX-License-Identifier: Apache-2.0
"""What home makes, uses, imports and stores of each item in the base year."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.study import base_prices
from oreserve.watch._alert import Exposed
from oreserve.watch._names import figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oreserve.study import Study

__all__ = ["ERROR", "Home", "home_of", "outputs"]

DAYS_PER_YEAR = 365.0
ROUNDING = 1e-6  # a smaller excess of imports over use is that of adding up
ERROR = {"read": 0.02, "secondary": 0.05, "estimated": 0.1, "computed": 0.1,
         "assumed": 0.3}  # fmt: skip
"""Standard error of a tonnage as a share of it, by evidence (docs: calibration)."""


@dataclass(frozen=True)
class Home:
    """A home's tonnes by item; an absent item has no data, which is not 0.

    Parameters
    ----------
    code, countries
        The country or bloc, and the countries that it means.
    use_t, stock_t
        By item, t a year and t.
    imports_t
        By item and exporter, t a year; an item that is traded but not by home has
        an empty mapping, an item without any lane is absent.
    exports_t
        By item, t a year.
    trade_error_t
        By item, the standard errors of imports and exports, t a year, by the
        evidence of their lanes.
    base_usd_per_t
        Base price by item, USD/t.
    others
        Further homes that an alert tells about.
    """

    code: str
    countries: tuple[str, ...]
    use_t: Mapping[str, float]
    imports_t: Mapping[str, Mapping[str, float]]
    exports_t: Mapping[str, float]
    trade_error_t: Mapping[str, tuple[float, float]]
    stock_t: Mapping[str, float]
    base_usd_per_t: Mapping[str, float]
    others: tuple[Home, ...] = ()

    def stakes(
        self,
        items: Iterable[str],
        *,
        exporters: frozenset[str] | None = None,
        targets: frozenset[str] | None = None,
    ) -> dict[str, Any]:
        """Return the fields `exposed` (home) and `elsewhere` (others) of an alert."""
        wanted = tuple(items)
        rows = [
            home.exposed(wanted, exporters=exporters, targets=targets)
            for home in (self, *self.others)
        ]
        return {"exposed": rows[0], "elsewhere": tuple(r for e in rows[1:] for r in e)}

    def exposed(
        self,
        items: Iterable[str],
        *,
        exporters: frozenset[str] | None = None,
        targets: frozenset[str] | None = None,
    ) -> tuple[Exposed, ...]:
        """Return what home has at stake, item by item, in sorted order.

        `exporters` limits what is at stake to imports from them; without it all
        imports are. A rule whose `targets` leave home out puts nothing at stake.
        """
        aimed = targets is None or bool(targets & set(self.countries))
        return tuple(
            self._one(item, exporters, aimed=aimed) for item in sorted(set(items))
        )

    def _one(
        self, item: str, exporters: frozenset[str] | None, *, aimed: bool
    ) -> Exposed:
        use = self.use_t.get(item)
        lanes = self.imports_t.get(item)
        imports = None if lanes is None else _total(lanes.values())
        stake = imports
        if lanes is not None and exporters is not None:
            stake = _total(t for country, t in lanes.items() if country in exporters)
        if exporters is not None and exporters <= set(self.countries):
            stake = None  # something at home itself: imports do not measure it
        elif stake is not None and not aimed:
            stake = 0.0
        stock, price = self.stock_t.get(item), self.base_usd_per_t.get(item)
        flow = stake / use if stake is not None and use else None
        exports = self.exports_t.get(item)
        return Exposed(
            item=item,
            home=self.code,
            use_t_per_year=use,
            imports_t_per_year=imports,
            exports_t_per_year=exports,
            at_stake_t_per_year=stake,
            at_stake_usd_per_year=(
                stake * price if stake is not None and price is not None else None
            ),
            flow_over_use=flow,
            share_of_use=None if flow is None else min(1.0, flow),
            stock_t=stock,
            cover_days=None
            if stock is None or not use
            else DAYS_PER_YEAR * stock / use,
            note=_excess(stake, use, exports),
        )


def _excess(
    stake: float | None, use: float | None, exports: float | None
) -> str | None:
    """Say why more comes in than home uses, as far as the study knows."""
    if stake is None or not use or stake <= use * (1 + ROUNDING):
        return None
    over = stake - use
    again = min(over, exports or 0.0)
    reasons = []
    if again > 0:
        reasons.append(f"{figure(again)} t a year leave again as exports")
    if over - again > ROUNDING * use:
        reasons.append(
            f"{figure(over - again)} t a year go to stocks or to a use that the study "
            "does not hold"
        )
    told = " and ".join(reasons)
    return f"imports are {100 * stake / use:.0f} % of use: {told}"


def home_of(study: Study, *, also: Iterable[str] = ()) -> Home:
    """Return home's tonnes of the base year from demands, plants, lanes and stocks.

    `also` names further homes; those that the study does not know, or that are
    home itself, are left out.
    """
    prices = base_prices(study).sort("item", "country")
    code = study.settings.home
    known = set(study.table("countries")["country"])
    known |= set(study.table("memberships")["bloc"])
    others = [
        _home(study, other, tuple(sorted(study.members(other))), prices)
        for other in also
        if other != code and other in known
    ]
    home = _home(study, code, study.home_countries, prices)
    return replace(home, others=tuple(others))


def _home(
    study: Study, code: str, countries: tuple[str, ...], prices: pl.DataFrame
) -> Home:
    first = prices.filter(pl.col("country").is_in(list(countries))).unique(
        "item", keep="first", maintain_order=True
    )
    return Home(
        code=code,
        countries=countries,
        use_t=_use(study, countries),
        imports_t=_imports(study, countries),
        exports_t=_exports(study, countries),
        trade_error_t=_trade_errors(study, countries),
        stock_t=_stocks(study, countries),
        base_usd_per_t=dict(first.select("item", "usd_per_t").iter_rows()),
    )


def outputs(study: Study) -> pl.DataFrame:
    """Return what each plant makes and takes in the base year.

    Returns
    -------
    polars.DataFrame
        plant, item, country, t_per_year (negative: an input), evidence, source_id;
        sorted; plants without a base activity are left out.
    """
    return (
        study.table("plants")
        .filter(pl.col("base_activity_t_per_year").is_not_null())
        .select(
            "plant",
            "process",
            "country",
            "base_activity_t_per_year",
            "evidence",
            "source_id",
        )
        .join(
            study.table("recipes").select("process", "item", "coefficient"),
            on="process",
            how="inner",
        )
        .select(
            "plant",
            "item",
            "country",
            (pl.col("base_activity_t_per_year") * pl.col("coefficient")).alias(
                "t_per_year"
            ),
            "evidence",
            "source_id",
        )
        .sort("item", "country", "plant")
    )


def _use(study: Study, countries: tuple[str, ...]) -> dict[str, float]:
    demands = study.table("demands").select(
        "item", "country", pl.col("quantity_t_per_year").alias("t")
    )
    inputs = (
        outputs(study)
        .filter(pl.col("t_per_year") < 0)
        .select("item", "country", (-pl.col("t_per_year")).alias("t"))
    )
    used = pl.concat([demands, inputs])
    at_home = used.filter(pl.col("country").is_in(list(countries)))
    found = dict.fromkeys(sorted(set(used["item"])), 0.0)
    return found | _sums(at_home)


def _imports(study: Study, countries: tuple[str, ...]) -> dict[str, dict[str, float]]:
    lanes = study.table("lanes").filter(pl.col("base_t_per_year").is_not_null())
    found: dict[str, dict[str, float]] = {i: {} for i in sorted(set(lanes["item"]))}
    inward = lanes.filter(
        pl.col("importer").is_in(list(countries))
        & ~pl.col("exporter").is_in(list(countries))
    ).sort("item", "exporter", "importer")
    for row in inward.iter_rows(named=True):
        by_country = found[row["item"]]
        exporter = row["exporter"]
        by_country[exporter] = by_country.get(exporter, 0.0) + row["base_t_per_year"]
    return found


def _exports(study: Study, countries: tuple[str, ...]) -> dict[str, float]:
    lanes = study.table("lanes").filter(pl.col("base_t_per_year").is_not_null())
    outward = lanes.filter(
        pl.col("exporter").is_in(list(countries))
        & ~pl.col("importer").is_in(list(countries))
    ).select("item", pl.col("base_t_per_year").alias("t"))
    return dict.fromkeys(sorted(set(lanes["item"])), 0.0) | _sums(outward)


def _trade_errors(
    study: Study, countries: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Return by item the standard errors of home's imports and exports, t a year."""
    home = set(countries)
    squares: dict[str, list[float]] = {}
    lanes = study.table("lanes").filter(pl.col("base_t_per_year").is_not_null())
    for row in lanes.sort("item", "exporter", "importer").iter_rows(named=True):
        inward, outward = row["importer"] in home, row["exporter"] in home
        if inward != outward:
            sums = squares.setdefault(row["item"], [0.0, 0.0])
            error = ERROR[row["evidence"]] * row["base_t_per_year"]
            sums[int(outward)] += error**2
    return {i: (math.sqrt(a), math.sqrt(b)) for i, (a, b) in sorted(squares.items())}


def _stocks(study: Study, countries: tuple[str, ...]) -> dict[str, float]:
    held = study.table("stocks").filter(pl.col("country").is_in(list(countries)))
    usable = held.select(
        "item",
        (
            pl.col("quantity_t") * pl.col("accessible_share").fill_null(1.0)
            - pl.col("floor_t").fill_null(0.0)
        )
        .clip(lower_bound=0.0)
        .alias("t"),
    )
    return _sums(usable)


def _sums(frame: pl.DataFrame) -> dict[str, float]:
    summed = frame.group_by("item").agg(pl.col("t").sort().sum()).sort("item")
    return {str(item): float(t) for item, t in summed.select("item", "t").iter_rows()}


def _total(values: Iterable[float]) -> float:
    return float(sum(sorted(values)))
