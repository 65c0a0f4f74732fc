# SPDX-License-Identifier: Apache-2.0
"""Limits that leave no plan: which rows contradict each other, and what could hold.

An elastic solution finds rows that give way; with them out of the way it is solved
again until the rest holds. Of the rows found and the others, one after the other is
left out: what still contradicts without it keeps it out, so that the rows named are
a smallest set, of which any one given up leaves a plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.network import BlockBuilder, solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.planning._programme import FirstStage

__all__ = ["conflicting_rows", "require_feasible"]

Floats = npt.NDArray[np.float64]

BROKEN = 1e-7
"""Violation, relative to the size of a bound, above which a row is broken."""


class _Rows:
    """Budget and rows of a first stage, each with one violation that costs money."""

    def __init__(self, first: FirstStage) -> None:
        self.first = first
        self.name = ("budget", *first.row_name)
        self.lower = np.concatenate([[-np.inf], first.row_lower])
        self.upper = np.concatenate([[first.budget], first.row_upper])
        self.size = np.concatenate([[1.0], first.row_sizes])
        # Equalities only tie a purchase to its price steps: they are no limits.
        self.limits = [
            row for row in range(len(self.name)) if self.lower[row] != self.upper[row]
        ]

    def broken(self, kept: Sequence[int], *, elastic: bool = True) -> list[int]:
        """Solve with some limits only; return those that must give way.

        Raises
        ------
        InfeasibleError
            If nothing may give way and no point is left.
        """
        block = self._block(kept)
        slack: dict[int, int] = {}
        for number, row in enumerate(kept if elastic else ()):
            for bound, sign in ((self.lower[row], 1.0), (self.upper[row], -1.0)):
                if np.isfinite(bound):
                    column = block.add_columns(1, cost=1.0 / max(1e-6, abs(bound)))
                    block.add_entries(self._place[number], column, sign)
                    slack[int(column[0])] = row
        answer = solve(block.build(), what="the check of the limits")
        return sorted(
            {
                row
                for column, row in slack.items()
                if answer.value[column] > BROKEN * max(1.0, self._bound(row))
            }
        )

    def _bound(self, row: int) -> float:
        finite = [abs(b) for b in (self.lower[row], self.upper[row]) if np.isfinite(b)]
        return max(finite, default=1.0)

    def _block(self, kept: Sequence[int], aim: Floats | None = None) -> BlockBuilder:
        first = self.first
        block = BlockBuilder()
        columns = block.add_columns(
            len(first.name),
            cost=0.0 if aim is None else aim,
            lower=first.lower,
            upper=first.upper,
            integer=first.integer,
        )
        entries = first.matrix.tocsr()
        ties = [row for row in range(len(self.name)) if row not in set(self.limits)]
        chosen = [*kept, *ties]
        self._place = block.add_rows(
            len(chosen), lower=self.lower[chosen], upper=self.upper[chosen]
        )
        for place, row in zip(self._place, chosen, strict=True):
            if row == 0:
                block.add_entries(place, columns, first.cash)
            else:
                part = entries[[row - 1]]
                block.add_entries(place, columns[part.indices], part.data)
        return block

    def reach(self, row: int, kept: Sequence[int]) -> float:
        """Compute how near its bound a row comes beside the others, in its unit."""
        weight = (
            self.first.cash
            if row == 0
            else self.first.matrix.tocsr()[[row - 1]].toarray()[0]
        )
        up = np.isfinite(self.lower[row])
        block = self._block(
            [one for one in kept if one != row], -weight if up else weight
        )
        answer = solve(block.build(), what="the check of the limits")
        value = float(weight @ answer.value[: len(weight)])
        return value * float(self.size[row])


def conflicting_rows(first: FirstStage) -> list[int]:
    """Find a smallest set of limits that cannot all hold, [] if there is a plan.

    Returns
    -------
    list
        Rows: 0 is the budget, then those of `first.row_name`.
    """
    rows = _Rows(first)
    held = list(rows.limits)
    found = rows.broken(held)
    if not found:
        return []
    # The budget last: a limit is a better explanation than too little money.
    order = [row for row in held if row not in found and row] + [0] + found
    for row in order:
        without = [one for one in held if one != row]
        if rows.broken(without):
            held = without
    return held


def require_feasible(first: FirstStage) -> None:
    """Insist that budget and limits leave a plan.

    Raises
    ------
    InfeasibleError
        Naming the rows that contradict each other, and what each could be.
    """
    if first.allows(np.clip(0.0, first.lower, first.upper)):
        return
    named = conflicting_rows(first)
    if not named:
        return
    rows = _Rows(first)
    lines = []
    for row in named:
        up = np.isfinite(rows.lower[row])
        bound = float(rows.lower[row] if up else rows.upper[row]) * rows.size[row]
        word, could = ("at least", "at most") if up else ("at most", "at least")
        others = [one for one in rows.limits if one != row]
        try:
            reached = (
                f"beside the others {could} {rows.reach(row, others):.6g} can hold"
            )
        except InfeasibleError:
            reached = "more than this row must give way"
        unit = " million USD" if row == 0 else ""
        lines.append(f"{rows.name[row]}: {word} {bound:.6g}{unit}; {reached}{unit}")
    message = (
        "the limits leave no plan; these rows of limits.csv (and the budget, where it "
        "is named) cannot all hold, and giving one up is enough:\n  "
        + "\n  ".join(lines)
    )
    raise InfeasibleError(message)
