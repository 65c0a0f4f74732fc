# SPDX-License-Identifier: Apache-2.0
"""Multistage problems over Markov states: what is given, how paths are drawn.

A stage is a block with columns that hold the level handed in and columns that hold
the level handed on. In each stage a Markov state is seen first, then one of its
openings, which are independent from stage to stage; then the stage decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.network import Block, BlockBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MarkovProblem",
    "Openings",
    "Stage",
    "cvar_weights",
    "draw_path",
    "draw_paths",
    "tree_block",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROW_SUM = 1e-9
"""Largest error of a row of probabilities."""

LARGEST_TREE = 200_000
"""Columns above which the whole tree is refused."""


def _no_positions() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Stage:
    """The block of one stage (and state), and which of its columns carry levels.

    Parameters
    ----------
    block
        Costs of the stage alone; continuous columns only.
    incoming, outgoing
        (N,) columns of the level handed in, fixed by their bounds, and of the
        level handed on.
    vary_row, vary_column
        (R,), (C,) rows and columns whose bounds an opening sets.
    """

    block: Block
    incoming: Ints
    outgoing: Ints
    vary_row: Ints = field(default_factory=_no_positions)
    vary_column: Ints = field(default_factory=_no_positions)


@dataclass(frozen=True, eq=False)
class Openings:
    """K equally shaped futures of one stage and state.

    Parameters
    ----------
    probability
        (K,) sums to 1.
    row_lower, row_upper
        (K, R) bounds of the varying rows.
    lower, upper
        (K, C) bounds of the varying columns.
    """

    probability: Floats
    row_lower: Floats = field(default_factory=lambda: np.zeros((1, 0)))
    row_upper: Floats = field(default_factory=lambda: np.zeros((1, 0)))
    lower: Floats = field(default_factory=lambda: np.zeros((1, 0)))
    upper: Floats = field(default_factory=lambda: np.zeros((1, 0)))

    def __len__(self) -> int:
        """Return the number of openings."""
        return len(self.probability)


@dataclass(frozen=True, eq=False)
class MarkovProblem:
    """T stages, M states, N levels.

    Parameters
    ----------
    stages
        (T) each a Stage for all states, or one per state.
    openings
        (T) (M) the futures of a stage in a state.
    start
        (M,) probability of the state of the first stage.
    transition
        (T - 1) matrices (M, M) from one stage to the next.
    initial
        (N,) level before the first stage.
    discount
        Factor on the cost of the next stage.
    floor
        A number that the cost of all later stages together never falls below,
        seen from any stage.
    states
        (M) names.
    """

    stages: Sequence[Stage | Sequence[Stage]]
    openings: Sequence[Sequence[Openings]]
    start: Floats
    transition: Sequence[Floats]
    initial: Floats
    discount: float = 1.0
    floor: float = 0.0
    states: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        problems = list(self._problems())
        if problems:
            raise InputError("\n".join(problems))

    @property
    def length(self) -> int:
        """Number of stages."""
        return len(self.stages)

    @property
    def count(self) -> int:
        """Number of Markov states."""
        return len(self.start)

    def stage(self, t: int, m: int) -> Stage:
        """Return the stage of a time and a state."""
        one = self.stages[t]
        return one if isinstance(one, Stage) else one[m]

    def _problems(self) -> list[str]:
        found: list[str] = []
        size, length = self.count, self.length
        if len(self.openings) != length or len(self.transition) != length - 1:
            found.append(
                f"{length} stages need {length} rows of openings and {length - 1} "
                f"matrices; given are {len(self.openings)} and {len(self.transition)}"
            )
            return found
        if abs(float(np.sum(self.start)) - 1.0) > ROW_SUM or np.min(self.start) < 0.0:
            found.append("start: the probabilities must be 0 or more and sum to 1")
        for t, matrix in enumerate(self.transition):
            rows = np.abs(matrix.sum(axis=1) - 1.0) > ROW_SUM
            if matrix.shape != (size, size) or rows.any() or matrix.min() < 0.0:
                found.append(f"transition {t}: rows of {size} must sum to 1")
        for t in range(length):
            if len(self.openings[t]) != size:
                found.append(f"openings of stage {t}: one entry per state is needed")
                continue
            for m in range(size):
                found += self._node_problems(t, m)
        return found

    def _node_problems(self, t: int, m: int) -> list[str]:
        stage, draws = self.stage(t, m), self.openings[t][m]
        name = f"stage {t}, state {m}"
        found = []
        levels = len(self.initial)
        if len(stage.incoming) != levels or len(stage.outgoing) != levels:
            found.append(f"{name}: {levels} columns in and on are needed")
        if stage.block.integer.any():
            found.append(f"{name}: whole-number columns are not allowed")
        shape = (len(draws), len(stage.vary_row)), (len(draws), len(stage.vary_column))
        rows = draws.row_lower.shape == draws.row_upper.shape == shape[0]
        columns = draws.lower.shape == draws.upper.shape == shape[1]
        if not (len(draws) and rows and columns):
            found.append(f"{name}: openings do not fit the varying rows and columns")
        elif abs(float(draws.probability.sum()) - 1.0) > ROW_SUM:
            found.append(f"{name}: the openings' probabilities must sum to 1")
        return found


def draw_path(problem: MarkovProblem, seed: int, number: int) -> tuple[Ints, Ints]:
    """Draw the states and openings of one path, which its number settles.

    Returns
    -------
    tuple
        (T,) states and (T,) openings.
    """
    mask = (1 << 64) - 1
    key = np.array([seed & mask, number & mask], dtype=np.uint64)
    draws = np.random.Generator(np.random.Philox(key=key)).random((problem.length, 2))
    state = np.zeros(problem.length, dtype=np.int64)
    opening = np.zeros(problem.length, dtype=np.int64)
    for t in range(problem.length):
        chances = problem.start if t == 0 else problem.transition[t - 1][state[t - 1]]
        state[t] = _pick(chances, draws[t, 0])
        opening[t] = _pick(problem.openings[t][int(state[t])].probability, draws[t, 1])
    return state, opening


def draw_paths(
    problem: MarkovProblem, seed: int, numbers: Sequence[int]
) -> tuple[Ints, Ints]:
    """Draw paths by number: (S, T) states and (S, T) openings."""
    pairs = [draw_path(problem, seed, number) for number in numbers]
    shape = (len(pairs), problem.length)
    states = np.array([p[0] for p in pairs], dtype=np.int64).reshape(shape)
    return states, np.array([p[1] for p in pairs], dtype=np.int64).reshape(shape)


def _pick(chances: Floats, draw: float) -> int:
    """Return the place of a draw; never one without probability."""
    place = int(np.searchsorted(np.cumsum(chances), draw, "right"))
    return min(place, int(np.flatnonzero(chances)[-1]))


def cvar_weights(
    value: Floats, probability: Floats, alpha: float, weight: float
) -> Floats:
    """Return weights under which a mean is (1 - weight) E + weight CVaR_alpha.

    Parameters
    ----------
    value, probability
        (J,) costs and their probabilities.
    alpha
        CVaR is the mean of the worst 1 - alpha.
    weight
        0-1; 0 returns the probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> cvar_weights(np.array([1.0, 3.0, 2.0, 0.0]), np.full(4, 0.25), 0.5, 1.0)
    array([0. , 0.5, 0.5, 0. ])
    """
    if weight <= 0.0:
        return probability
    tail = 1.0 - alpha
    order = np.argsort(-value, kind="stable")
    before = np.cumsum(probability[order]) - probability[order]
    share = np.zeros_like(probability)
    share[order] = np.clip(tail - before, 0.0, probability[order]) / tail
    share /= share.sum()
    return np.asarray((1.0 - weight) * probability + weight * share, dtype=float)


def tree_block(problem: MarkovProblem) -> Block:
    """Write the whole tree of a small problem as one block: the check of SDDP.

    Every node of the tree (a history of states and openings) has its own columns;
    a row per level ties what it takes in to what its parent hands on.

    Raises
    ------
    InputError
        If the tree has more than 200,000 columns.
    """
    builder = BlockBuilder()
    offset = 0.0
    # Each entry: state, probability of the history, columns handed on (None: root).
    front: list[tuple[int, float, Ints | None]] = [(-1, 1.0, None)]
    for t in range(problem.length):
        following: list[tuple[int, float, Ints | None]] = []
        for state, chance, above in front:
            moves = problem.start if t == 0 else problem.transition[t - 1][state]
            for m in np.flatnonzero(moves):
                draws = problem.openings[t][int(m)]
                for k in range(len(draws)):
                    own = chance * float(moves[m]) * float(draws.probability[k])
                    if own <= 0.0:
                        continue
                    block = problem.stage(t, int(m)).block
                    offset += own * problem.discount**t * block.offset
                    out = _add_node(builder, problem, (t, int(m), k), own, above)
                    following.append((int(m), own, out))
            if builder.columns > LARGEST_TREE:
                message = f"the tree has more than {LARGEST_TREE:,} columns: use SDDP"
                raise InputError(message)
        front = following
    return builder.build(offset=offset)


def _add_node(
    builder: BlockBuilder,
    problem: MarkovProblem,
    place: tuple[int, int, int],
    chance: float,
    above: Ints | None,
) -> Ints:
    """Add the columns and rows of one history; return what it hands on."""
    t, m, k = place
    stage, draws = problem.stage(t, m), problem.openings[t][m]
    block = stage.block
    lower, upper = block.lower.copy(), block.upper.copy()
    row_lower, row_upper = block.row_lower.copy(), block.row_upper.copy()
    lower[stage.vary_column] = draws.lower[k]
    upper[stage.vary_column] = draws.upper[k]
    row_lower[stage.vary_row] = draws.row_lower[k]
    row_upper[stage.vary_row] = draws.row_upper[k]
    if above is None:
        lower[stage.incoming] = upper[stage.incoming] = problem.initial
    else:
        lower[stage.incoming], upper[stage.incoming] = -np.inf, np.inf
    factor = chance * problem.discount**t
    columns = builder.add_columns(
        block.columns, cost=factor * block.cost, lower=lower, upper=upper
    )
    rows = builder.add_rows(block.rows, lower=row_lower, upper=row_upper)
    builder.add_entries(
        rows[block.entry_row], columns[block.entry_column], block.entry_value
    )
    if above is not None:
        ties = builder.add_rows(len(above), lower=0.0, upper=0.0)
        builder.add_entries(ties, columns[stage.incoming], 1.0)
        builder.add_entries(ties, above, -1.0)
    return np.asarray(columns[stage.outgoing])
