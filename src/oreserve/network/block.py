# SPDX-License-Identifier: Apache-2.0
"""Blocks: named columns and rows with sparse entries, and how they are solved.

One recourse matrix serves many sets of bounds, right-hand sides and costs, so a
block keeps plain arrays: they go straight into HiGHS, into scipy or into a file.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import highspy
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from oreserve.errors import InfeasibleError, OreserveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Block",
    "BlockBuilder",
    "BlockSolution",
    "SolverError",
    "new_highs",
    "run_highs",
    "solve",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int32]  # what HiGHS takes; half the memory of int64
Bools = npt.NDArray[np.bool_]

_OPTIMAL = highspy.HighsModelStatus.kOptimal
_NO_SOLUTION = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


class SolverError(OreserveError):
    """The solver stopped without an optimum, twice, for no reason in the data."""


@dataclass(frozen=True)
class Block:
    """A linear or mixed-integer minimisation in coordinate form.

    Parameters
    ----------
    column_names, row_names
        Names, or a function of the index that makes them when asked for.
    cost, lower, upper
        Arrays of shape (columns,).
    integer
        Array of shape (columns,): True where the column is a whole number.
    row_lower, row_upper
        Arrays of shape (rows,).
    entry_row, entry_column, entry_value
        Coordinate triplets; equal coordinates are added.
    fixed_w, fixed_cost
        Whether scenarios share the matrix and the cost: what methods that reuse
        duals across scenarios must ask before they start.
    offset
        Constant of the objective.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    integer: Bools
    row_lower: Floats
    row_upper: Floats
    entry_row: Indices
    entry_column: Indices
    entry_value: Floats
    column_names: Sequence[str] | Callable[[int], str] = field(
        default=lambda j: f"x{j}"
    )
    row_names: Sequence[str] | Callable[[int], str] = field(default=lambda i: f"r{i}")
    fixed_w: bool = True
    fixed_cost: bool = True
    offset: float = 0.0

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return len(self.cost)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(self.row_lower)

    def column_name(self, column: int) -> str:
        """Return the name of one column."""
        names = self.column_names
        return names(column) if callable(names) else names[column]

    def row_name(self, row: int) -> str:
        """Return the name of one row."""
        names = self.row_names
        return names(row) if callable(names) else names[row]

    def to_csr(self) -> sp.csr_matrix:
        """Return the matrix by rows, shape (rows, columns)."""
        triplets = (self.entry_value, (self.entry_row, self.entry_column))
        return sp.csr_matrix(triplets, shape=(self.rows, self.columns))

    def to_csc(self) -> sp.csc_matrix:
        """Return the matrix by columns, shape (rows, columns)."""
        triplets = (self.entry_value, (self.entry_row, self.entry_column))
        return sp.csc_matrix(triplets, shape=(self.rows, self.columns))

    def to_highs(self, **options: Any) -> highspy.Highs:
        """Return a HiGHS model of the block: one thread, no output."""
        highs = new_highs(**options)
        matrix = self.to_csc()
        pass_model(
            highs,
            cost=self.cost,
            lower=self.lower,
            upper=self.upper,
            row_lower=self.row_lower,
            row_upper=self.row_upper,
            starts=matrix.indptr,
            indices=matrix.indices,
            values=matrix.data,
            integer=self.integer,
            offset=self.offset,
        )
        return highs

    def write_mps(self, path: str | Path) -> Path:
        """Write the block as a free MPS file that any solver reads."""
        path = Path(path)
        highs = self.to_highs()
        for column in range(self.columns):
            highs.passColName(column, _mps_name(self.column_name(column)))
        for row in range(self.rows):
            highs.passRowName(row, _mps_name(self.row_name(row)))
        if highs.writeModel(str(path)) == highspy.HighsStatus.kError:
            message = f"cannot write the model to {path}"
            raise SolverError(message)
        return path


def _mps_name(name: str) -> str:
    return name.replace(" ", "_")


class BlockBuilder:
    """Collect columns, rows and entries in arrays, then build a block.

    Examples
    --------
    >>> builder = BlockBuilder()
    >>> x = builder.add_columns(["x", "y"], cost=[1.0, 2.0])
    >>> r = builder.add_rows(["need"], lower=[3.0])
    >>> builder.add_entries([r[0], r[0]], x, [1.0, 1.0])
    >>> round(solve(builder.build()).objective, 6)
    3.0
    """

    def __init__(self) -> None:
        self._columns: list[tuple[Any, Floats, Floats, Floats, Bools]] = []
        self._rows: list[tuple[Any, Floats, Floats]] = []
        self._entry_rows: list[Indices] = []
        self._entry_columns: list[Indices] = []
        self._entry_values: list[Floats] = []
        self.columns = 0
        self.rows = 0

    def add_columns(
        self,
        names: Sequence[str] | int,
        *,
        cost: npt.ArrayLike = 0.0,
        lower: npt.ArrayLike = 0.0,
        upper: npt.ArrayLike = np.inf,
        integer: npt.ArrayLike = False,
    ) -> Ints:
        """Add columns (names, or only their number) and return their indices."""
        count = names if isinstance(names, int) else len(names)
        self._columns.append(
            (
                None if isinstance(names, int) else list(names),
                np.broadcast_to(np.asarray(cost, dtype=float), count),
                np.broadcast_to(np.asarray(lower, dtype=float), count),
                np.broadcast_to(np.asarray(upper, dtype=float), count),
                np.broadcast_to(np.asarray(integer, dtype=bool), count),
            )
        )
        first, self.columns = self.columns, self.columns + count
        return np.arange(first, self.columns)

    def add_rows(
        self,
        names: Sequence[str] | int,
        *,
        lower: npt.ArrayLike = -np.inf,
        upper: npt.ArrayLike = np.inf,
    ) -> Ints:
        """Add rows (names, or only their number) and return their indices."""
        count = names if isinstance(names, int) else len(names)
        self._rows.append(
            (
                None if isinstance(names, int) else list(names),
                np.broadcast_to(np.asarray(lower, dtype=float), count),
                np.broadcast_to(np.asarray(upper, dtype=float), count),
            )
        )
        first, self.rows = self.rows, self.rows + count
        return np.arange(first, self.rows)

    def add_entries(
        self, rows: npt.ArrayLike, columns: npt.ArrayLike, values: npt.ArrayLike
    ) -> None:
        """Add matrix entries; scalars stand for all."""
        where, which, value = np.broadcast_arrays(
            np.asarray(rows, dtype=np.int32),
            np.asarray(columns, dtype=np.int32),
            np.asarray(values, dtype=float),
        )
        self._entry_rows.append(where.ravel())
        self._entry_columns.append(which.ravel())
        self._entry_values.append(value.ravel())

    def build(
        self, *, fixed_w: bool = True, fixed_cost: bool = True, offset: float = 0.0
    ) -> Block:
        """Return the block of all that was added, in the order it was added.

        The entries are handed over: the builder is empty of them afterwards, so
        that a large block does not stand in memory twice.
        """
        empty = np.zeros(0)
        none = np.zeros(0, dtype=np.int32)
        columns, rows = self._columns, self._rows
        return Block(
            column_names=_Names([(c[0], len(c[1])) for c in columns], "x"),
            cost=np.concatenate([empty, *(c[1] for c in columns)]),
            lower=np.concatenate([empty, *(c[2] for c in columns)]),
            upper=np.concatenate([empty, *(c[3] for c in columns)]),
            integer=np.concatenate([none.astype(bool), *(c[4] for c in columns)]),
            row_names=_Names([(r[0], len(r[1])) for r in rows], "r"),
            row_lower=np.concatenate([empty, *(r[1] for r in rows)]),
            row_upper=np.concatenate([empty, *(r[2] for r in rows)]),
            entry_row=_handed_over(self._entry_rows, none),
            entry_column=_handed_over(self._entry_columns, none),
            entry_value=_handed_over(self._entry_values, empty),
            fixed_w=fixed_w,
            fixed_cost=fixed_cost,
            offset=offset,
        )


def _handed_over(parts: list[Any], empty: Any) -> Any:
    """Join the parts into one array and let go of them."""
    whole = np.concatenate([empty, *parts])
    parts.clear()
    return whole


class _Names:
    """From index to name: a million strings are never made. It can be pickled.

    Parameters
    ----------
    parts
        Names, or None for numbered ones, and how many, part by part.
    letter
        What stands before a number.
    """

    def __init__(self, parts: list[tuple[list[str] | None, int]], letter: str) -> None:
        self._starts = np.cumsum([0, *(count for _, count in parts)]).tolist()
        self._given = [given for given, _ in parts]
        self._letter = letter

    def __call__(self, index: int) -> str:
        part = bisect.bisect_right(self._starts, index) - 1
        given = self._given[part]
        return given[index - self._starts[part]] if given else f"{self._letter}{index}"


@dataclass(frozen=True)
class BlockSolution:
    """An optimum: objective, column values, row duals and reduced costs.

    `row_dual` is empty for a model with whole-number columns.
    """

    status: Literal["optimal", "stopped"]
    objective: float
    value: Floats
    row_value: Floats
    row_dual: Floats
    reduced_cost: Floats
    bound: float


class _QuietHighs(highspy.Highs):
    """HiGHS without Python callbacks: they print a banner and take the GIL."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        self.setOptionValue("output_flag", False)  # noqa: FBT003


def new_highs(**options: Any) -> highspy.Highs:
    """Return a silent HiGHS instance with one thread.

    Two instances with different `threads` in one process return nothing and say
    nothing, so every instance of this package is made here.
    """
    highs = _QuietHighs()
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("random_seed", 0)
    for name, value in options.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            message = f"HiGHS refuses option {name} = {value!r}"
            raise SolverError(message)
    return highs


def pass_model(
    highs: highspy.Highs,
    *,
    cost: Floats,
    lower: Floats,
    upper: Floats,
    row_lower: Floats,
    row_upper: Floats,
    starts: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    values: Floats,
    integer: Bools | None = None,
    offset: float = 0.0,
) -> None:
    """Hand a model by columns to HiGHS as arrays, without Python lists."""
    for array in (cost, lower, upper, row_lower, row_upper, values):
        # A sum finds one NaN among thousands of numbers faster than a mask.
        with np.errstate(invalid="ignore"):
            suspect = np.isnan(np.sum(array))
        if suspect and np.isnan(array).any():
            message = "HiGHS is given a bound, cost or entry that is not a number"
            raise SolverError(message)
    whole = np.zeros(len(cost), dtype=np.int32)
    if integer is not None:
        whole[integer] = 1
    status = highs.passModel(
        len(cost),
        len(row_lower),
        len(values),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize),
        float(offset),
        np.ascontiguousarray(cost, dtype=float),
        np.ascontiguousarray(lower, dtype=float),
        np.ascontiguousarray(upper, dtype=float),
        np.ascontiguousarray(row_lower, dtype=float),
        np.ascontiguousarray(row_upper, dtype=float),
        np.ascontiguousarray(starts, dtype=np.int32),
        np.ascontiguousarray(indices, dtype=np.int32),
        np.ascontiguousarray(values, dtype=float),
        whole,
    )
    if status == highspy.HighsStatus.kError:
        message = "HiGHS refuses the model: a bound or a cost is not a number"
        raise SolverError(message)


# What is tried when a solve ends without an optimum, each from nothing.
_FALLBACKS: tuple[dict[str, Any], ...] = (
    {"presolve": "off"},
    {"presolve": "on"},
    {"presolve": "off", "simplex_strategy": 4},
    {"presolve": "on", "solver": "ipm"},
    {"presolve": "off", "simplex_scale_strategy": 0},
)


def run_highs(highs: highspy.Highs, what: str = "the linear programme") -> None:
    """Solve and read the status; from nothing and otherwise if it is not optimal.

    A warm start may end `unknown`; a cold one, another presolve, the primal simplex
    or an interior point with crossover then settle it. Options are put back.

    Raises
    ------
    InfeasibleError
        If no point meets the rows and bounds.
    SolverError
        If every way ends without an optimum.
    """
    highs.run()
    first = highs.getModelStatus()
    if first == _OPTIMAL:
        return
    if first in {
        highspy.HighsModelStatus.kTimeLimit,
        highspy.HighsModelStatus.kInterrupt,
    }:
        message = f"{what} was stopped: {highs.modelStatusToString(first)}"
        raise SolverError(message)
    no_solution = 0
    limit = highs.getOptionValue("simplex_iteration_limit")[1]
    # A start that cycles is cut short by its limit; the others have more room.
    room = {"simplex_iteration_limit": min(100 * limit, 2**31 - 1)}
    for options in ({**way, **room} for way in _FALLBACKS):
        before = {name: highs.getOptionValue(name)[1] for name in options}
        for name, value in options.items():
            highs.setOptionValue(name, value)
        highs.clearSolver()
        highs.run()
        status = highs.getModelStatus()
        for name, value in before.items():
            highs.setOptionValue(name, value)
        if status == _OPTIMAL:
            return
        no_solution += status in _NO_SOLUTION
        if no_solution > 1:
            message = (
                f"{what} has no solution: its rows and bounds contradict each other"
            )
            raise InfeasibleError(message)
    message = f"{what} was not solved: {highs.modelStatusToString(first)}"
    raise SolverError(message)


def solve(
    block: Block | highspy.Highs,
    *,
    what: str = "the linear programme",
    time_limit_s: float | None = None,
    mip_rel_gap: float | None = None,
) -> BlockSolution:
    """Solve a block (or a HiGHS model) and return its optimum, never a NaN.

    A mixed-integer model that meets its time limit with a point in hand comes back
    as `stopped`, with its bound.
    """
    highs = block.to_highs() if isinstance(block, Block) else block
    if time_limit_s is not None:
        highs.setOptionValue("time_limit", float(time_limit_s))
    if mip_rel_gap is not None:
        highs.setOptionValue("mip_rel_gap", float(mip_rel_gap))
    stopped = False
    try:
        run_highs(highs, what)
    except SolverError:
        limit = highs.getModelStatus() == highspy.HighsModelStatus.kTimeLimit
        point = highs.getInfo().primal_solution_status
        if not (limit and point == int(highspy.SolutionStatus.kSolutionStatusFeasible)):
            raise
        stopped = True
    solution, info = highs.getSolution(), highs.getInfo()
    value = np.asarray(solution.col_value, dtype=float)
    if not np.all(np.isfinite(value)):
        message = (
            f"{what} was not solved: the solver returned a value that is no number"
        )
        raise SolverError(message)
    objective = float(info.objective_function_value)
    whole = bool(isinstance(block, Block) and block.integer.any())
    return BlockSolution(
        status="stopped" if stopped else "optimal",
        objective=objective,
        value=value,
        row_value=np.asarray(solution.row_value, dtype=float),
        row_dual=np.zeros(0) if whole else np.asarray(solution.row_dual, dtype=float),
        reduced_cost=np.zeros(0)
        if whole
        else np.asarray(solution.col_dual, dtype=float),
        bound=float(info.mip_dual_bound) if whole else objective,
    )
