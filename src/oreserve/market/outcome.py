# SPDX-License-Identifier: Apache-2.0
"""The result of a simulation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Outcome", "versions"]

TABLES = (
    "prices",
    "shortfall",
    "activity",
    "flows",
    "stocks",
    "unsold",
    "binds",
    "deliveries",
)


@dataclass(frozen=True, repr=False)
class Outcome:
    """What happened in each period, as frames named like their files.

    Parameters
    ----------
    status
        `solved`, or why the shock did nothing.
    welfare_usd
        Undiscounted sum over periods of the market's objective, the whole study.
    home_loss_usd
        Loss of home's unserved use; None where no home use has a known loss.
    prices
        period, item, country, price_usd_per_t, price_low, price_high; null where
        the country neither uses, makes nor trades the item.
    shortfall
        period, demand, item, country, sector, class, wanted_t, served_t,
        initial_shortfall_t (before anybody reacts), shortfall_t, loss_usd.
    activity
        period, plant, item, activity_t.
    flows
        period, item, exporter, importer, flow_t.
    stocks
        period, stock, item, level_t (at the end), release_t, fill_t.
    unsold
        period, item, country, unsold_t.
    binds
        period, effect, kind, item, place, touches, binds, worth_usd_per_t.
    deliveries
        period, agreement, item, delivered_t, taken_from_others_t.
    """

    status: str
    welfare_usd: float
    home_loss_usd: float | None
    import_premium_usd: float
    seed: int
    study: str
    study_hash: str
    home: str
    home_countries: tuple[str, ...]
    shock: str | None
    periods: tuple[str, ...]
    versions: Mapping[str, str]
    warnings: tuple[str, ...]
    prices: pl.DataFrame
    shortfall: pl.DataFrame
    activity: pl.DataFrame
    flows: pl.DataFrame
    stocks: pl.DataFrame
    unsold: pl.DataFrame
    binds: pl.DataFrame
    deliveries: pl.DataFrame

    def figures(self) -> dict[str, object]:
        """Return what `outcome.json` holds."""
        return {
            "status": self.status,
            "welfare_usd": self.welfare_usd,
            "home_loss_usd": self.home_loss_usd,
            "import_premium_usd": self.import_premium_usd,
            "seed": self.seed,
            "study": self.study,
            "study_hash": self.study_hash,
            "home": self.home,
            "shock": self.shock,
            "periods": list(self.periods),
            "warnings": list(self.warnings),
            "versions": dict(self.versions),
        }

    def save(self, folder: str | Path) -> Path:
        """Write `outcome.json` and one CSV per frame; whole or not at all."""
        from oreserve.study import whole_folder

        with whole_folder(Path(folder), marker="outcome.json") as made:
            for name in TABLES:
                frame: pl.DataFrame = getattr(self, name)
                frame.write_csv(made / f"{name}.csv")
            text = json.dumps(self.figures(), indent=2, ensure_ascii=False)
            (made / "outcome.json").write_text(text + "\n", encoding="utf-8")
        return Path(folder)

    def __repr__(self) -> str:
        """Show the summary: the tables would fill pages."""
        return self.summary()

    def summary(self) -> str:
        """Return a few lines: the loss, the worst shortages, what binds."""
        loss = "unknown" if self.home_loss_usd is None else _usd(self.home_loss_usd)
        lines = [
            (
                f"{self.study}, home {self.home}: "
                f"{self.shock or 'no shock'}, {len(self.periods)} period"
                f"{'s' if len(self.periods) > 1 else ''} from {self.periods[0]}"
            ),
            (
                f"status {self.status}; home loss {loss}; import premium "
                f"{_usd(self.import_premium_usd)}"
            ),
        ]
        worst = self.worst_shortages(5)
        if worst.height:
            lines.append("worst shortages at home (part of the use, whole time):")
            lines += [
                f"  {item} {sector or klass}: {share:.0%} short, loss "
                f"{'unknown' if lost is None else _usd(lost)}"
                for item, sector, klass, share, lost in worst.iter_rows()
            ]
        if self.binds.height:
            bites = self.binds.filter(pl.col("binds"))["effect"].unique().sort()
            idle = sorted(set(self.binds["effect"]) - set(bites))
            lines.append(f"effects that bind: {', '.join(bites) or 'none'}")
            if idle:
                lines.append(f"effects that touch but never bind: {', '.join(idle)}")
        lines += [f"note: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def worst_shortages(self, count: int) -> pl.DataFrame:
        """Return home's worst shortages: item, sector, class, share, loss_usd."""
        at_home = self.shortfall.filter(pl.col("country").is_in(self.home_countries))
        return (
            at_home.group_by("item", "sector", "class")
            .agg(
                (pl.col("shortfall_t").sum() / pl.col("wanted_t").sum()).alias("share"),
                pl.when(pl.col("loss_usd").is_not_null().any())
                .then(pl.col("loss_usd").sum())
                .alias("loss_usd"),
            )
            .filter(pl.col("share") > 0.005)
            .sort(
                ["loss_usd", "share", "item", "sector", "class"],
                descending=[True, True, False, False, False],
                nulls_last=True,
            )
            .head(count)
        )


def _usd(value: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"{value / size:,.2f} {word} USD"
    return f"{value:,.0f} USD"


def versions() -> dict[str, str]:
    """Return the versions of the software that a result depends on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("oreserve", "highspy", "numpy", "scipy", "polars"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "source"
    return found
