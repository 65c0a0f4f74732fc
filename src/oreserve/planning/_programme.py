# SPDX-License-Identifier: Apache-2.0
"""Home's stochastic programme: what is decided now, and its extensive form.

    min  sum_s p_s L_s + risk_weight CVaR_alpha[L] + cost . x
    L_s = loss_s without a plan - sum_g gain_gs(x)

where x holds purchases, agreements and project options, and the gains are those
of `_gains`. `L` is the loss plus the value of the reserve that a scenario uses up.
All money is in million USD; columns are shares of their largest amount, 0-1, so
that grams of terbium and megatonnes of copper sit in one well-scaled matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.network import Block, BlockBuilder, solve
from oreserve.planning._linked import recourse_block, recourse_upper

if TYPE_CHECKING:
    from scipy import sparse

    from oreserve.planning._gains import Group

__all__ = [
    "FirstStage",
    "Programme",
    "divided",
    "extensive_block",
    "first_stage_block",
    "solve_extensive",
    "tail_weight",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FirstStage:
    """What is decided before the scenario is known: N columns, M rows.

    Parameters
    ----------
    name, kind
        (N,) a name and one of buy, step (of a purchase), agreement, option.
    amount
        (N,) tonnes (buy, agreement: t a year) at column value 1; 1 for options.
    lower, upper
        (N,) bounds, 0-1.
    cost, cash
        (N,) million USD at column value 1: in the objective, and of the budget.
    integer
        (N,) options.
    matrix, row_lower, row_upper, row_name
        M rows beside the budget: price steps, one option per project, limits.
    budget
        Million USD.
    row_size
        (M,) what one unit of a row is in t or USD; None: 1.
    """

    name: tuple[str, ...]
    kind: tuple[str, ...]
    amount: Floats
    lower: Floats
    upper: Floats
    cost: Floats
    cash: Floats
    integer: Bools
    matrix: sparse.csr_array
    row_lower: Floats
    row_upper: Floats
    row_name: tuple[str, ...]
    budget: float
    row_size: Floats | None = None

    @property
    def row_sizes(self) -> Floats:
        """(M,) what one unit of a row is in t or USD."""
        if self.row_size is not None:
            return self.row_size
        return np.ones(len(self.row_name))

    def allows(self, x: Floats, tolerance: float = 1e-7) -> bool:
        """Return whether a point keeps to the budget, the bounds and the rows."""

        def within(value: Floats, lower: Floats, upper: Floats) -> bool:
            room = tolerance * np.maximum(1.0, np.abs(value))
            return bool(((value >= lower - room) & (value <= upper + room)).all())

        return (
            within(x, self.lower, self.upper)
            and self.outlay(x) <= self.budget + tolerance * max(1.0, abs(self.budget))
            and within(self.matrix @ x, self.row_lower, self.row_upper)
        )

    def outlay(self, x: Floats) -> float:
        """Return what a point takes of the budget, million USD."""
        return float(self.cash @ x)


@dataclass(frozen=True)
class Programme:
    """First stage, groups and scenarios of one problem.

    Parameters
    ----------
    base_loss
        (S,) discounted loss without a plan, million USD.
    probability
        (S,) sums to 1.
    """

    first: FirstStage
    groups: tuple[Group, ...]
    base_loss: Floats
    probability: Floats
    risk_weight: float
    alpha: float

    def with_budget(self, budget: float) -> Programme:
        """Return the same programme with another budget, million USD."""
        return replace(self, first=replace(self.first, budget=budget))

    def with_bounds(self, lower: Floats, upper: Floats) -> Programme:
        """Return the same programme with other bounds on the columns."""
        return replace(self, first=replace(self.first, lower=lower, upper=upper))

    def objective(self, x: Floats, scenario_loss: Floats) -> float:
        """Compute E[L] + risk_weight CVaR[L] + cost, million USD."""
        risk = tail_weight(scenario_loss, self.probability, self.alpha)
        mean = float(self.probability @ scenario_loss)
        tail = float(risk @ scenario_loss)
        return mean + self.risk_weight * tail + float(self.first.cost @ x)


def tail_weight(loss: Floats, probability: Floats, alpha: float) -> Floats:
    """Compute the weights under which the mean loss is CVaR_alpha.

    The worst scenarios share the weight; the one on the boundary gets the part
    that is left (Rockafellar and Uryasev, 2002).

    Examples
    --------
    >>> import numpy as np
    >>> tail_weight(np.array([1.0, 3.0, 2.0]), np.full(3, 1 / 3), 0.5).round(4).tolist()
    [0.0, 0.6667, 0.3333]
    """
    tail = 1.0 - alpha
    weight = np.zeros(len(loss))
    left = tail
    for place in np.argsort(-loss, kind="stable"):
        share = min(left, float(probability[place]))
        weight[place] = share / tail
        left -= share
        if left <= 1e-15:
            break
    return weight


def divided(first: FirstStage, x: Floats) -> bool:
    """Return whether a point takes part of an option."""
    part = x[first.integer]
    return bool((np.minimum(part, 1.0 - part) > 1e-9).any())


def first_stage_block(first: FirstStage, *, relaxed: bool = True) -> BlockBuilder:
    """Start a block with the first stage: budget row first, then the others."""
    block = BlockBuilder()
    columns = block.add_columns(
        list(first.name),
        cost=first.cost,
        lower=first.lower,
        upper=first.upper,
        integer=np.zeros(len(first.name), bool) if relaxed else first.integer,
    )
    budget = block.add_rows(["budget"], upper=first.budget)
    block.add_entries(budget[0], columns, first.cash)
    rows = block.add_rows(
        list(first.row_name), lower=first.row_lower, upper=first.row_upper
    )
    entries = first.matrix.tocoo()
    block.add_entries(rows[entries.row], columns[entries.col], entries.data)
    return block


def extensive_block(programme: Programme, *, relaxed: bool = False) -> Block:
    """Write the whole programme as one block: every scenario's recourse in full.

    For up to some ten scenarios, and as the check of the L-shaped method.
    """
    first = programme.first
    block = first_stage_block(first, relaxed=relaxed)
    count = len(programme.base_loss)
    tail = block.add_columns(
        count,
        cost=programme.risk_weight * programme.probability / (1.0 - programme.alpha),
    )
    level = block.add_columns(1, cost=programme.risk_weight, lower=-np.inf)
    rows = block.add_rows(count, lower=programme.base_loss)
    block.add_entries(rows, tail, 1.0)
    block.add_entries(rows, level[0], 1.0)
    for group in programme.groups:
        _add_group(block, programme, group, rows)
    return block.build(offset=float(programme.probability @ programme.base_loss))


def _add_group(
    block: BlockBuilder,
    programme: Programme,
    group: Group,
    scenario_rows: npt.NDArray[np.int64],
) -> None:
    """Add the recourse of one group in every future, tied to the first stage."""
    piece = recourse_block(group)
    matrix = piece.to_csr().tocoo()
    upper, _ = recourse_upper(group, np.zeros(len(programme.first.name)))
    futures, periods, _ = group.size.shape
    width = periods * len(group.items)
    steps = group.size.shape[2] * periods
    release = group.release.toarray().reshape(futures, width, -1)
    supply = group.supply.toarray().reshape(futures, width, -1)
    bought = group.bought.toarray().reshape(futures, len(group.items), -1)
    for future in range(futures):
        members = np.nonzero(group.future == future)[0]
        weight = float(programme.probability[members].sum())
        bound = upper[future].copy()
        bound[steps : steps + 2 * width] = np.inf
        columns = block.add_columns(
            piece.columns, cost=weight * piece.cost, upper=bound
        )
        own = block.add_rows(piece.rows, upper=0.0)
        block.add_entries(own[matrix.row], columns[matrix.col], matrix.data)
        for member in members:
            block.add_entries(scenario_rows[member], columns, -piece.cost)
        linked = (
            (columns[steps : steps + width], release[future]),
            (columns[steps + width : steps + 2 * width], supply[future]),
        )
        for targets, per_unit in linked:
            limit = block.add_rows(width, upper=0.0)
            block.add_entries(limit, targets, 1.0)
            row, column = np.nonzero(per_unit)
            block.add_entries(limit[row], group.columns[column], -per_unit[row, column])
        item, column = np.nonzero(bought[future])
        block.add_entries(
            own[width + item],
            group.columns[column],
            -bought[future][item, column],
        )


def solve_extensive(
    programme: Programme, *, relaxed: bool = False, gap: float = 1e-6
) -> tuple[Floats, float, float]:
    """Solve the extensive form.

    Returns
    -------
    tuple
        First-stage point, objective and lower bound, million USD.
    """
    block = extensive_block(programme, relaxed=relaxed)
    answer = solve(block, what="the programme", mip_rel_gap=gap)
    return answer.value[: len(programme.first.name)], answer.objective, answer.bound
