# SPDX-License-Identifier: Apache-2.0
"""What home makes, uses, imports and stores of each item in the base year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from oreserve.watch._alert import Exposed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oreserve.study import Study

__all__ = ["Home", "home_of", "outputs"]

DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class Home:
    """Home's tonnes by item; an absent item has no data, which is not 0.

    Parameters
    ----------
    countries
        The countries that home means.
    use_t, stock_t
        By item, t a year and t.
    imports_t
        By item and exporter, t a year; an item that is traded but not by home has
        an empty mapping, an item without any lane is absent.
    """

    countries: tuple[str, ...]
    use_t: Mapping[str, float]
    imports_t: Mapping[str, Mapping[str, float]]
    exports_t: Mapping[str, float]
    stock_t: Mapping[str, float]

    def exposed(
        self,
        items: Iterable[str],
        *,
        exporters: frozenset[str] | None = None,
        aimed: bool = True,
    ) -> tuple[Exposed, ...]:
        """Return what home has at stake, item by item, in sorted order.

        `exporters` limits what is at stake to imports from them; without it all
        imports are. A measure that is not aimed at home puts nothing at stake.
        """
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
        stock = self.stock_t.get(item)
        has_use = use is not None and use > 0
        return Exposed(
            item=item,
            use_t_per_year=use,
            imports_t_per_year=imports,
            at_stake_t_per_year=stake,
            share_of_use=stake / use if has_use and stake is not None and use else None,
            stock_t=stock,
            cover_days=(
                DAYS_PER_YEAR * stock / use
                if has_use and stock is not None and use
                else None
            ),
        )


def home_of(study: Study) -> Home:
    """Return home's tonnes of the base year from demands, plants, lanes and stocks."""
    countries = study.home_countries
    return Home(
        countries=countries,
        use_t=_use(study, countries),
        imports_t=_imports(study, countries),
        exports_t=_exports(study, countries),
        stock_t=_stocks(study, countries),
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
