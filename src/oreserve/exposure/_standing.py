# SPDX-License-Identifier: Apache-2.0
"""What home's reliance stands on: rows that are firm, and output nobody lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.exposure._evidence import evidence_marks
from oreserve.exposure._figures import REST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.exposure._figures import Figures
    from oreserve.study import Study

__all__ = ["FIRM", "PARTIAL_FROM", "Standing", "read_standing"]

Floats = npt.NDArray[np.float64]
PARTIAL_FROM = 0.005  # unlisted, untraced or assumed share from which it is partial
FIRM = frozenset({"read", "secondary", "computed"})


@dataclass(frozen=True)
class Standing:
    """How far home's use and trade of each item are known; arrays *(I,)*.

    Parameters
    ----------
    unlisted
        t a year of the rest of the world's output that may be home's own: all of it
        where it is more than 0.5 % of the world's and a country of home has no plant
        row that makes the item; else 0.
    weak_use, weak_lanes
        Part of home's use, and of its trade, from rows that are assumed, estimated
        or added so that figures add up.
    """

    unlisted: Floats
    weak_use: Floats
    weak_lanes: Floats

    @property
    def is_weak(self) -> npt.NDArray[np.bool_]:
        """Whether more than 0.5 % of use or trade stands on no firm row."""
        weak: npt.NDArray[np.bool_] = (self.weak_use > PARTIAL_FROM) | (
            self.weak_lanes > PARTIAL_FROM
        )
        return weak

    def why(self, n: int) -> str | None:
        """Say why a reliance on item n is partial; None if it is not."""
        parts = []
        if self.unlisted[n] > 0:
            parts.append("output nobody lists may be of home")
        for share, what in ((self.weak_use[n], "use"), (self.weak_lanes[n], "trade")):
            if share > PARTIAL_FROM:
                parts.append(f"{what} assumed for {share:.0%}")
        return ", ".join(parts) or None

    def whys(self) -> list[str | None]:
        """Return `why` of every item."""
        return [self.why(n) for n in range(len(self.unlisted))]

    def of_chain(self, among: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Return *(K,)*: whether each of some items is weak."""
        return np.asarray(self.is_weak[list(among)])


def read_standing(study: Study, figures: Figures, home: tuple[str, ...]) -> Standing:
    """Return on what the reliance of home stands, item by item."""
    marks = evidence_marks(study)
    return Standing(
        unlisted=_unlisted(study, figures, home),
        weak_use=_weak_use(study, figures, home),
        weak_lanes=_weak_lanes(marks, figures, home),
    )


def _unlisted(study: Study, figures: Figures, home: tuple[str, ...]) -> Floats:
    """Home is no part of the rest where each of its countries has a row of its own."""
    total = figures.output.sum(axis=1)
    rest = np.zeros(len(total))
    if REST in figures.place:
        rest = figures.output[:, figures.place[REST]].copy()
    listed = set(study.table("plants").select("process", "country").iter_rows())
    for n, item in enumerate(figures.items):
        makers = [p for p, r in figures.base.recipes.items() if r.get(item, 0.0) > 0]
        own = all(any((p, c) in listed for p in makers) for c in home)
        if own or rest[n] <= PARTIAL_FROM * total[n]:
            rest[n] = 0.0
    return rest


def _weak_use(study: Study, figures: Figures, home: tuple[str, ...]) -> Floats:
    row = {item: n for n, item in enumerate(figures.items)}
    weak, whole = np.zeros(len(row)), np.zeros(len(row))

    def add(item: str, t: float, mark: str | None) -> None:
        whole[row[item]] += t
        weak[row[item]] += 0.0 if mark in FIRM else t

    for one in study.table("demands").iter_rows(named=True):
        if one["country"] in home:
            add(one["item"], one["quantity_t_per_year"] or 0.0, one["evidence"])
    for one in study.table("plants").iter_rows(named=True):
        if one["country"] not in home:
            continue
        t = one["base_activity_t_per_year"] or 0.0
        for item, c in figures.base.recipes.get(one["process"], {}).items():
            if c < 0:
                add(item, -c * t, one["evidence"])
    return np.divide(weak, whole, out=np.zeros_like(weak), where=whole > 0)


def _weak_lanes(
    marks: dict[tuple[str, str], str], figures: Figures, home: tuple[str, ...]
) -> Floats:
    found = np.zeros(len(figures.items))
    for n, item in enumerate(figures.items):
        weak = whole = 0.0
        for (exporter, importer), t in figures.base.imports.get(item, {}).items():
            if (exporter in home) == (importer in home):
                continue
            whole += t
            mark = marks.get(("lanes", f"{item}/{exporter}/{importer}"))
            weak += 0.0 if mark in FIRM else t
        found[n] = weak / whole if whole > 0 else 0.0
    return found
