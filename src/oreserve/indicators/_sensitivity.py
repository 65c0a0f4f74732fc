# SPDX-License-Identifier: Apache-2.0
"""Which minerals change class when thresholds or normalisation move."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.indicators._arrays import Floats, Input, Values, as_floats
from oreserve.indicators._estimate import NO_DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

__all__ = [
    "CRITICAL",
    "EU_CRITICAL",
    "NOT_CRITICAL",
    "Setting",
    "Threshold",
    "classify",
    "sensitivity",
    "sensitivity_summary",
    "threshold_grid",
]

CRITICAL = "critical"
NOT_CRITICAL = "not_critical"


@dataclass(frozen=True)
class Threshold:
    """One condition on one score.

    Parameters
    ----------
    score
        Name of the score.
    at
        Value of the threshold, in the unit of the (normalised) score.
    below
        The condition holds below `at`, else at or above it.
    strict
        With `below` false: only above `at`, not at it.
    """

    score: str
    at: float
    below: bool = False
    strict: bool = False


@dataclass(frozen=True)
class Setting:
    """Thresholds that all must hold, and how scores are normalised before.

    Parameters
    ----------
    name
        Shown in the table; unique.
    thresholds
        A mineral is critical where all hold.
    normalise
        Score name to a function of its array over the minerals; others stay.
    """

    name: str
    thresholds: tuple[Threshold, ...]
    normalise: Mapping[str, Callable[[Floats], Values]] = field(default_factory=dict)


# European Commission, studies of 2017, 2020 and 2023.
EU_CRITICAL = Setting(
    "EU 2017",
    (Threshold("supply_risk", 1.0), Threshold("economic_importance", 2.8)),
)


def classify(scores: Mapping[str, Input], *, setting: Setting) -> npt.NDArray[np.str_]:
    """Return `critical`, `not_critical` or `no_data` per mineral.

    A known score that fails its threshold decides `not_critical` even if another
    score is missing; else a missing score gives `no_data`.

    Parameters
    ----------
    scores
        Name to *(mineral,)* scores; NaN is missing.
    setting
        Thresholds and normalisation.

    Examples
    --------
    Cobalt, copper and a mineral without economic importance, EU 2023:

    >>> classify(
    ...     {
    ...         "supply_risk": [2.8, 0.1, 1.5],
    ...         "economic_importance": [6.8, 4.0, None],
    ...     },
    ...     setting=EU_CRITICAL,
    ... ).tolist()
    ['critical', 'not_critical', 'no_data']
    """
    if not setting.thresholds:
        message = f"setting {setting.name!r}: no thresholds; give at least one"
        raise InputError(message)
    wanted = {t.score for t in setting.thresholds} | set(setting.normalise)
    absent = sorted(wanted - set(scores))
    if absent:
        message = (
            f"setting {setting.name!r}: no score {absent[0]!r}; given are "
            f"{', '.join(sorted(scores))}"
        )
        raise InputError(message)
    failed: list[npt.NDArray[np.bool_]] = []
    missing: list[npt.NDArray[np.bool_]] = []
    for threshold in setting.thresholds:
        array = as_floats(scores[threshold.score], threshold.score)
        change = setting.normalise.get(threshold.score)
        if change is not None:
            array = as_floats(change(array), threshold.score)
        if threshold.below:
            holds = array < threshold.at
        elif threshold.strict:
            holds = array > threshold.at
        else:
            holds = array >= threshold.at
        missing.append(np.isnan(array))
        failed.append(~holds & ~missing[-1])
    no = np.logical_or.reduce(np.broadcast_arrays(*failed))
    unknown = np.logical_or.reduce(np.broadcast_arrays(*missing))
    return np.asarray(np.where(no, NOT_CRITICAL, np.where(unknown, NO_DATA, CRITICAL)))


def threshold_grid(base: Setting, *, steps: Sequence[float]) -> tuple[Setting, ...]:
    """Return the base and all settings with each threshold multiplied by `steps`.

    Examples
    --------
    >>> len(threshold_grid(EU_CRITICAL, steps=[0.9, 1.0, 1.1]))
    9
    """
    found = [base]
    for factors in itertools.product(sorted(set(steps)), repeat=len(base.thresholds)):
        if all(factor == 1 for factor in factors):
            continue
        moved = tuple(
            Threshold(t.score, t.at * factor, t.below, t.strict)
            for t, factor in zip(base.thresholds, factors, strict=True)
        )
        label = ", ".join(f"{t.score} {t.at:g}" for t in moved)
        found.append(Setting(label, moved, base.normalise))
    return tuple(found)


def sensitivity(
    minerals: Sequence[str],
    scores: Mapping[str, Input],
    *,
    settings: Sequence[Setting],
) -> pl.DataFrame:
    """Return the class of each mineral in each setting; the first setting is the base.

    Parameters
    ----------
    minerals
        *(mineral,)* names.
    scores
        Name to *(mineral,)* scores.
    settings
        Thresholds and normalisations to compare.

    Returns
    -------
    DataFrame
        mineral, setting, class, base_class, changes; one row per mineral and
        setting, sorted by mineral, in the order of the settings.

    Examples
    --------
    >>> table = sensitivity(
    ...     ["cobalt", "tin"],
    ...     {"supply_risk": [2.8, 0.9], "economic_importance": [6.8, 4.5]},
    ...     settings=threshold_grid(EU_CRITICAL, steps=[0.8, 1.0]),
    ... )
    >>> table.filter("changes")["mineral"].unique().to_list()
    ['tin']
    """
    import polars as pl

    names = [setting.name for setting in settings]
    if len(set(names)) != len(names) or not names:
        message = f"settings: names {names}; allowed are one or more, all different"
        raise InputError(message)
    classes = [classify(scores, setting=setting) for setting in settings]
    for found in classes:
        if found.shape != (len(minerals),):
            message = (
                f"scores: shape {found.shape} for {len(minerals)} minerals; give one "
                "number per mineral"
            )
            raise InputError(message)
    frames = [
        pl.DataFrame(
            {
                "mineral": list(minerals),
                "setting": [name] * len(minerals),
                "class": found.tolist(),
                "base_class": classes[0].tolist(),
                "order": [number] * len(minerals),
            }
        )
        for number, (name, found) in enumerate(zip(names, classes, strict=True))
    ]
    table = pl.concat(frames).sort("mineral", "order").drop("order")
    return table.with_columns(changes=pl.col("class") != pl.col("base_class"))


def sensitivity_summary(table: pl.DataFrame) -> pl.DataFrame:
    """Return how firm each mineral's class is.

    Parameters
    ----------
    table
        From `sensitivity`.

    Returns
    -------
    DataFrame
        mineral, base_class, critical_share (0-1 of the settings with data; null
        without), changes (settings in which the class differs), settings; sorted by
        changes from many to few, then mineral.

    Examples
    --------
    >>> table = sensitivity(
    ...     ["cobalt", "tin"],
    ...     {"supply_risk": [2.8, 0.9], "economic_importance": [6.8, 4.5]},
    ...     settings=threshold_grid(EU_CRITICAL, steps=[0.8, 1.0]),
    ... )
    >>> sensitivity_summary(table).select("mineral", "changes").rows()
    [('tin', 2), ('cobalt', 0)]
    """
    import polars as pl

    known = pl.col("class") != NO_DATA
    return (
        table.group_by("mineral")
        .agg(
            base_class=pl.col("base_class").first(),
            critical_share=(pl.col("class").filter(known) == CRITICAL).mean(),
            changes=pl.col("changes").sum().cast(pl.Int64),
            settings=pl.len().cast(pl.Int64),
        )
        .sort(["changes", "mineral"], descending=[True, False])
    )
