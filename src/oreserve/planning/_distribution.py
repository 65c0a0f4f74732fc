# SPDX-License-Identifier: Apache-2.0
"""What many simulated scenarios say: mean, quantiles and tail by item and class."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market import beyond_block
from oreserve.planning._unvalued import Unvalued, unvalued_remark, unvalued_uses
from oreserve.planning._verify import student_factor, student_halfwidth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.planning._blocks import Blocks
    from oreserve.planning._chain_runs import ChainRuns
    from oreserve.study import Study

__all__ = ["Distribution", "Uses", "tail_halfwidth", "tail_mean", "tail_share"]

Floats = npt.NDArray[np.float64]

QUANTILES = (0.05, 0.5, 0.9, 0.95, 0.99)
FEW = 10
"""Scenarios from which a tail has an interval: fewer say little of one."""


@dataclass(frozen=True)
class Uses:
    """Home's uses and items over all chains: names of the columns of the totals."""

    item: tuple[str, ...]  # (D,)
    klass: tuple[str, ...]  # (D,)
    loss_known: npt.NDArray[np.bool_]  # (D,)
    premium_item: tuple[str, ...]  # (I,)

    @classmethod
    def of(cls, chains: Sequence[ChainRuns]) -> Uses:
        """Join the names of chains in their order."""
        index = [chain.index for chain in chains]
        return cls(
            tuple(one for i in index for one in i.demand_item),
            tuple(one for i in index for one in i.demand_class),
            np.concatenate([np.isfinite(i.demand_loss) for i in index]),
            tuple(one for i in index for one in i.items),
        )


@dataclass(frozen=True, repr=False)
class Distribution:
    """Many sampled futures without a plan, over the whole simulated time.

    Parameters
    ----------
    distribution
        measure (shortfall_t, shortfall_share, loss_usd, premium_usd), item and
        class (null: all), mean, standard_error, q05 to q99, most, cvar: the mean of
        the worst 1 - alpha of the scenarios, and cvar_halfwidth, half of its 95 %
        interval (null where fewer than ten scenarios are that worst part). Loss and
        premium are undiscounted sums over the periods; loss is null where no use
        has a known one.
    unvalued
        Items whose uses go short without a known loss, counted as no loss.
    scenarios
        number, states (which drivers are in a shock, and when), projects (which
        start to run without support, +n: n years late), home_loss_usd,
        import_premium_usd.
    """

    distribution: pl.DataFrame
    scenarios: pl.DataFrame
    alpha: float
    seed: int
    study: str
    study_hash: str
    home: str
    periods: tuple[str, ...]
    versions: Mapping[str, str]
    unvalued: tuple[Unvalued, ...] = ()
    blocks: Blocks | None = field(default=None, compare=False)

    @classmethod
    def build(
        cls,
        study: Study,
        uses: Uses,
        totals: Mapping[str, npt.NDArray[np.generic]],
        *,
        seed: int,
        periods: tuple[str, ...],
        blocks: Blocks | None = None,
    ) -> Distribution:
        """Sum up totals by scenario; see `ChainRuns.totals`."""
        from oreserve.market.outcome import versions

        alpha = float(study.settings.alpha)
        rows = _rows(uses, totals, alpha)
        loss = np.asarray(totals["loss"], dtype=float)
        premium = np.asarray(totals["premium"], dtype=float).sum(axis=1)
        names = ("measure", "item", "class")
        schema = dict.fromkeys(names, pl.String) | dict.fromkeys(
            (*_figure_names(),), pl.Float64
        )
        known = bool(uses.loss_known.any())
        scenarios = pl.DataFrame(
            {
                "number": np.arange(len(loss)),
                "states": [str(one) for one in totals["states"]],
                "projects": [str(one) for one in totals["projects"]],
                "home_loss_usd": loss.sum(axis=1) if known else [None] * len(loss),
                "import_premium_usd": premium,
            },
            schema_overrides={"home_loss_usd": pl.Float64},
        )
        return cls(
            distribution=pl.DataFrame(rows, schema=schema, orient="row"),
            scenarios=scenarios,
            alpha=alpha,
            seed=seed,
            study=study.name,
            study_hash=study.hash,
            home=study.settings.home,
            periods=periods,
            versions=versions(),
            unvalued=unvalued_uses(uses, totals),
            blocks=blocks,
        )

    def figures(self) -> dict[str, object]:
        """Return what `outcome.json` holds."""
        whole = {
            row["measure"]: row
            for row in self.distribution.iter_rows(named=True)
            if row["item"] is None
        }
        return {
            "status": "sampled",
            "scenarios": self.scenarios.height,
            "seed": self.seed,
            "study": self.study,
            "study_hash": self.study_hash,
            "home": self.home,
            "periods": list(self.periods),
            "cvar_level": self.alpha,
            "remarks": self.remarks(),
            "home_loss_usd": _short_row(whole.get("loss_usd")),
            "import_premium_usd": _short_row(whole.get("premium_usd")),
            "unvalued": [one.figures() for one in self.unvalued],
            "versions": dict(self.versions),
        }

    def save(self, folder: str | Path) -> Path:
        """Write `outcome.json`, `distribution.csv`, `scenarios.csv`; all or none."""
        from oreserve.study import whole_folder

        with whole_folder(Path(folder), marker="outcome.json") as made:
            self.distribution.write_csv(made / "distribution.csv")
            self.scenarios.write_csv(made / "scenarios.csv")
            text = json.dumps(self.figures(), indent=2, ensure_ascii=False)
            (made / "outcome.json").write_text(text + "\n", encoding="utf-8")
        return Path(folder)

    def forget_blocks(self) -> None:
        """Remove the checkpoint: the result is where it should be."""
        if self.blocks is not None:
            self.blocks.clear()

    def __repr__(self) -> str:
        """Show the summary: the tables would fill pages."""
        return self.summary()

    def summary(self) -> str:
        """Return a few lines: loss, premium, and the items with the worst tail."""
        lines = [
            (
                f"{self.study}, home {self.home}: {self.scenarios.height:,} scenarios "
                f"of {len(self.periods)} periods from {self.periods[0]}, seed "
                f"{self.seed}"
            )
        ]
        worst = f"worst {1.0 - self.alpha:.0%}"
        whole = self.distribution.filter(pl.col("item").is_null())
        for row in whole.iter_rows(named=True):
            name = {"loss_usd": "home loss", "premium_usd": "import premium"}[
                row["measure"]
            ]
            error = row["standard_error"]
            if error is not None:
                error *= student_factor(self.scenarios.height)
            lines.append(
                f"{name}: mean {_with_interval(row['mean'], error)}, median "
                f"{_usd(row['q50'])}, {worst} "
                f"{_with_interval(row['cvar'], row['cvar_halfwidth'])}"
            )
        by_use = self.distribution.filter(
            (pl.col("measure") == "loss_usd")
            & pl.col("item").is_not_null()
            & pl.col("cvar").is_not_null()
        ).sort(["cvar", "item", "class"], descending=[True, False, False])
        if by_use.height:
            lines.append(f"largest losses (mean, {worst}):")
            lines += [
                f"  {row['item']} {row['class']}: {_usd(row['mean'])}, "
                f"{_usd(row['cvar'])}"
                for row in by_use.head(5).iter_rows(named=True)
            ]
        return "\n".join([*lines, *self.remarks()])

    def remarks(self) -> list[str]:
        """Say what has no loss, and what rests on few scenarios."""
        return [*unvalued_remark(self.unvalued), *self._few()]

    def _few(self) -> list[str]:
        count = self.scenarios.height
        beyond = tail_share(count, self.alpha)
        needed = math.ceil(round(FEW / (1.0 - self.alpha), 6))
        if beyond < FEW:
            text = (
                f"the worst {1.0 - self.alpha:.0%} are {beyond:,g} of {count:,} "
                f"scenarios: too few for an interval of their mean, which jumps from "
                f"seed to seed; take --scenarios {needed:,} or more"
            )
            return [text]
        last = tail_share(count, QUANTILES[-1])
        if last < FEW:
            needed = math.ceil(round(FEW / (1.0 - QUANTILES[-1]), 6))
            text = (
                f"beyond q99 of the tables lie {last:,g} of {count:,} scenarios: read "
                f"it as rough below --scenarios {needed:,}"
            )
            return [text]
        return []


def tail_mean(values: Floats, alpha: float) -> Floats:
    """Return the mean of the largest 1 - alpha of the values, along the first axis.

    Where the share ends inside a value, that value counts in part.

    Examples
    --------
    >>> import numpy as np
    >>> float(tail_mean(np.array([1.0, 2.0, 3.0, 4.0]), 0.5))
    3.5
    """
    count = len(values)
    share = (1.0 - alpha) * count
    if share <= 0.0:
        return np.asarray(values.max(axis=0), dtype=float)
    ordered = np.sort(values, axis=0)[::-1]
    weight = np.clip(share - np.arange(count), 0.0, 1.0)
    return np.asarray(np.tensordot(weight, ordered, axes=(0, 0)) / share, dtype=float)


def tail_share(count: int, alpha: float) -> float:
    """Return how many of `count` scenarios are the worst 1 - alpha.

    Examples
    --------
    >>> tail_share(100, 0.9), tail_share(9, 0.9)
    (10.0, 0.9)
    """
    return round((1.0 - alpha) * count, 6)


def tail_halfwidth(values: Floats, alpha: float) -> float | None:
    """Compute half of the 95 % interval of the mean of the worst 1 - alpha.

    From the influence of each value on it, eta + max(x - eta, 0) / (1 - alpha) with
    eta where the worst part begins: the sampling error of that mean, to the first
    order. None where the worst part is fewer than ten values.

    Examples
    --------
    >>> import numpy as np
    >>> round(tail_halfwidth(np.arange(1000.0), 0.9), 1)
    10.8
    """
    share = tail_share(len(values), alpha)
    if share < FEW:
        return None
    eta = np.sort(values)[-math.ceil(share)]
    return student_halfwidth(np.maximum(values - eta, 0.0) / (1.0 - alpha))


def _figure_names() -> list[str]:
    quantiles = [f"q{100 * q:02.0f}" for q in QUANTILES]
    return ["mean", "standard_error", *quantiles, "most", "cvar", "cvar_halfwidth"]


def _figures(values: Floats, alpha: float) -> list[float | None]:
    count = len(values)
    error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else None
    quantiles = [float(q) for q in np.quantile(values, QUANTILES)]
    most, tail = float(values.max()), float(tail_mean(values, alpha))
    half = tail_halfwidth(values, alpha)
    return [float(values.mean()), error, *quantiles, most, tail, half]


def _rows(
    uses: Uses, totals: Mapping[str, npt.NDArray[np.generic]], alpha: float
) -> list[tuple[object, ...]]:
    wanted, short, loss, premium = (
        np.asarray(totals[name], dtype=float)
        for name in ("wanted", "short", "loss", "premium")
    )
    rows: list[tuple[object, ...]] = []

    def add(measure: str, item: str | None, klass: str | None, values: Floats) -> None:
        rows.append((measure, item, klass, *_figures(values, alpha)))

    if uses.loss_known.any():
        add("loss_usd", None, None, loss.sum(axis=1))
    add("premium_usd", None, None, premium.sum(axis=1))
    groups: dict[tuple[str, str], list[int]] = {}
    for place, pair in enumerate(zip(uses.item, uses.klass, strict=True)):
        groups.setdefault(pair, []).append(place)
    for (item, klass), places in sorted(groups.items()):
        use = wanted[:, places].sum(axis=1)
        tonnes = beyond_block(short[:, places].sum(axis=1), use, 0.0)
        add("shortfall_t", item, klass, tonnes)
        share = np.divide(tonnes, use, out=np.zeros_like(tonnes), where=use > 0.0)
        add("shortfall_share", item, klass, share)
        if uses.loss_known[places].any():
            add("loss_usd", item, klass, loss[:, places].sum(axis=1))
        else:
            rows.append(("loss_usd", item, klass, *[None] * len(_figure_names())))
    for place, item in sorted(enumerate(uses.premium_item), key=lambda p: p[1]):
        add("premium_usd", item, None, premium[:, place])
    return rows


def _short_row(row: Mapping[str, float] | None) -> dict[str, float] | None:
    if row is None:
        return None
    return {name: row[name] for name in _figure_names()}


def _with_interval(value: float | None, half: float | None) -> str:
    """Write a figure with half of its 95 % interval, where there is one."""
    if value is None or half is None:
        return _usd(value)
    return f"{_usd(value)} +- {_usd(half)} (95 %)"


def _usd(value: float | None) -> str:
    if value is None:
        return "unknown"
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= size:
            return f"{value / size:,.2f} {word} USD"
    return f"{value:,.0f} USD"
