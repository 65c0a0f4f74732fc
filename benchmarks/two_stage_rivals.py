# SPDX-License-Identifier: Apache-2.0
"""The two-stage problem by linopy, and by Pyomo with mpi-sppy, from the same arrays.

    python -m benchmarks.two_stage ours --scenarios 10 --write problem.npz
    python -m benchmarks.two_stage_rivals linopy problem.npz

Each is written as its authors advise for matrices: linopy from labelled arrays with
terms side by side, Pyomo from linear expressions row by row. Oreserve is not needed
here. Programs that are not installed say so and are skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.two_stage_data import read_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.two_stage_data import TwoStageData

GAP = 1e-4
PROGRAMS = {"linopy", "pyomo", "mpisppy", "mpi4py", "xarray"}


def _rows(
    count: int, row: np.ndarray, column: np.ndarray, value: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return columns and values of each row; `value` may have a leading axis."""
    order = np.argsort(row, kind="stable")
    ends = np.searchsorted(row[order], np.arange(count + 1))
    return [
        (column[order[a:b]], value[..., order[a:b]])
        for a, b in itertools.pairwise(ends)
    ]


def run_linopy(data: TwoStageData, *, build_only: bool) -> dict[str, Any]:
    """Write the extensive form as labelled arrays; rows of one length together.

    Rows of equal length share an array of terms, so that nothing is padded: that is
    kinder to memory than a sum over labels.
    """
    started = time.perf_counter()
    import linopy
    import xarray as xr

    linopy.options["semantics"] = "v1"
    imported = time.perf_counter()
    count = data.scenarios
    model = linopy.Model()

    def add(name: str, low: np.ndarray, high: np.ndarray, dims: list[str]) -> Any:
        coords = {d: np.arange(k) for d, k in zip(dims, low.shape, strict=True)}
        return model.add_variables(
            lower=xr.DataArray(low, coords, dims),
            upper=xr.DataArray(high, coords, dims),
            name=name,
        )

    whole = np.flatnonzero(data.integer)
    x = add("x", data.lower, data.upper, ["i"])
    label_x = np.asarray(x.labels)
    if len(whole):
        mark = model.add_variables(
            binary=True, coords={"b": np.arange(len(whole))}, name="mark"
        )
        model.add_constraints(
            x.sel(i=whole).rename(i="b").assign_coords(b=mark.coords["b"]) - mark == 0
        )
    y = add("y", data.y_lower, data.y_upper, ["s", "j"])
    label_y = np.asarray(y.labels)

    def expression(labels: np.ndarray, values: np.ndarray, dims: list[str]) -> Any:
        dims = [*dims, "_term"]
        return linopy.LinearExpression(
            xr.Dataset({"coeffs": (dims, values), "vars": (dims, labels)}), model
        )

    def limit(left: Any, low: np.ndarray, high: np.ndarray, dims: list[str]) -> None:
        # A side that is open everywhere needs no row.
        for side, sign in ((low, ">="), (high, "<=")):
            at = np.isfinite(side)
            if at.any():
                right = xr.DataArray(side, dims=dims)
                mask = None if at.all() else xr.DataArray(at, dims=dims)
                model.add_constraints(left, sign, right.where(at, 0.0), mask=mask)

    rows = _rows(
        len(data.row_lower), data.entry_row, data.entry_column, data.entry_value
    )
    for i, (column, value) in enumerate(rows):
        here = slice(i, i + 1)
        left = expression(label_x[column][None], value[None], ["r"])
        limit(left, data.row_lower[here], data.row_upper[here], ["r"])
    m = data.r_lower.shape[1]
    w = _rows(m, data.w_row, data.w_column, data.w_value)
    t = _rows(m, data.t_row, data.t_column, data.t_value)
    kinds: dict[tuple[int, int, bool, bool, bool], list[int]] = {}
    low_open = np.isneginf(data.r_lower).all(axis=0)
    high_open = np.isposinf(data.r_upper).all(axis=0)
    equal = (data.r_lower == data.r_upper).all(axis=0)
    for i in range(m):
        key = (len(w[i][0]), len(t[i][0]), bool(low_open[i]), bool(high_open[i]),
               bool(equal[i]))  # fmt: skip
        kinds.setdefault(key, []).append(i)
    for (_, _, _, _, same), members in kinds.items():
        own = np.array([w[i][0] for i in members], dtype=int)
        tied = np.array([t[i][0] for i in members], dtype=int)
        labels = np.concatenate(
            [label_y[:, own], np.broadcast_to(label_x[tied], (count, *tied.shape))],
            axis=2,
        )
        fixed = np.array([w[i][1] for i in members], dtype=float)
        varied = np.stack([t[i][1] for i in members], axis=1)
        values = np.concatenate(
            [np.broadcast_to(fixed, (count, *fixed.shape)), varied], axis=2
        )
        left = expression(labels, values, ["s", "r"])
        low, high = data.r_lower[:, members], data.r_upper[:, members]
        if same:
            model.add_constraints(left, "=", xr.DataArray(low, dims=["s", "r"]))
        else:
            limit(left, low, high, ["s", "r"])
    cost = xr.DataArray(data.cost, dims=["i"], coords={"i": np.arange(len(data.cost))})
    dear = xr.DataArray(
        data.y_cost / count, dims=["j"], coords={"j": np.arange(len(data.y_cost))}
    )
    model.add_objective((x * cost).sum() + (y * dear).sum())
    if build_only:
        from linopy.io import to_highspy

        to_highspy(model)
        return {
            "import_s": imported - started, "build_s": time.perf_counter() - imported
        }  # fmt: skip
    built = time.perf_counter()
    model.solve(
        solver_name="highs", io_api="direct", log_to_console=False, threads=1,
        mip_rel_gap=GAP,
    )  # fmt: skip
    return {
        "objective": float(model.objective.value),
        "import_s": imported - started,
        "build_s": built - imported,
        "solve_s": time.perf_counter() - built,
    }


class _Scenarios:
    """Writes Pyomo's model of a scenario, as mpi-sppy asks for it."""

    def __init__(self, data: TwoStageData) -> None:
        self.data = data
        m = data.r_lower.shape[1]
        self.first = _rows(
            len(data.row_lower), data.entry_row, data.entry_column, data.entry_value
        )
        self.w = _rows(m, data.w_row, data.w_column, data.w_value)
        self.t = _rows(m, data.t_row, data.t_column, data.t_value)

    def names(self) -> list[str]:
        return [f"Scenario{s}" for s in range(self.data.scenarios)]

    def create(self, name: str, **_: Any) -> Any:
        import pyomo.environ as pyo
        from mpisppy.utils import sputils
        from pyomo.core.expr.numeric_expr import LinearExpression

        data, s = self.data, int(name.removeprefix("Scenario"))
        model = pyo.ConcreteModel(name=name)

        def bound(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        def variables(low: np.ndarray, high: np.ndarray) -> Any:
            pairs = [(bound(a), bound(b)) for a, b in zip(low, high, strict=True)]
            return pyo.Var(range(len(pairs)), bounds=lambda _, j: pairs[j])

        def linear(parts: list[tuple[np.ndarray, np.ndarray, list[Any]]]) -> Any:
            coefs = [float(v) for _, value, _ in parts for v in value]
            return LinearExpression(
                linear_coefs=coefs,
                linear_vars=[list_[j] for column, _, list_ in parts for j in column],
            )

        model.x = variables(data.lower, data.upper)
        for j in np.flatnonzero(data.integer):
            model.x[int(j)].domain = pyo.Binary
        model.y = variables(data.y_lower[s], data.y_upper[s])
        x, y = list(model.x.values()), list(model.y.values())
        model.rows = pyo.ConstraintList()

        def row(low: float, expr: Any, high: float) -> None:
            if low == high:
                model.rows.add(expr == float(low))
            elif np.isneginf(low):
                model.rows.add(expr <= float(high))
            elif np.isposinf(high):
                model.rows.add(expr >= float(low))
            else:
                model.rows.add((float(low), expr, float(high)))

        for i, (column, value) in enumerate(self.first):
            row(data.row_lower[i], linear([(column, value, x)]), data.row_upper[i])
        for i, (column, value) in enumerate(self.w):
            tied, price = self.t[i]
            body = linear([(column, value, y), (tied, price[s], x)])
            row(data.r_lower[s, i], body, data.r_upper[s, i])
        every_x, every_y = np.arange(len(x)), np.arange(len(y))
        model.outlay = pyo.Expression(expr=linear([(every_x, data.cost, x)]))
        model.total = pyo.Objective(
            expr=linear([(every_x, data.cost, x), (every_y, data.y_cost, y)]),
            sense=pyo.minimize,
        )
        sputils.attach_root_node(model, model.outlay, [model.x])
        model._mpisppy_probability = 1.0 / data.scenarios
        return model


def run_sppy_extensive(data: TwoStageData) -> dict[str, Any]:
    """Pyomo's extensive form, put together by mpi-sppy."""
    started = time.perf_counter()
    from mpisppy.opt.ef import ExtensiveForm

    imported = time.perf_counter()
    makes = _Scenarios(data)
    form = ExtensiveForm({"solver": "appsi_highs"}, makes.names(), makes.create)
    built = time.perf_counter()
    form.solve_extensive_form(solver_options={"threads": 1, "mip_rel_gap": GAP})
    return {
        "objective": float(form.get_objective_value()),
        "import_s": imported - started,
        "build_s": built - imported,
        "solve_s": time.perf_counter() - built,
    }


def run_sppy_lshaped(
    data: TwoStageData, tolerance: float, optimum: float | None
) -> dict[str, Any]:
    """mpi-sppy's L-shaped method, one process, HiGHS for root and scenarios.

    Its own rule stops when no scenario's cut is violated by more than a tolerance.
    Where the optimum is known from another program, it is stopped as soon as its
    bound is that near: a kinder rule than any that it has.
    """
    started = time.perf_counter()
    from mpisppy.opt.lshaped import LShapedMethod

    imported = time.perf_counter()
    makes = _Scenarios(data)
    names = makes.names()
    method = LShapedMethod(
        {
            "root_solver": "highs",
            "sp_solver": "highs",
            "max_iter": 500,
            "tol": tolerance,
            "verbose": True,
            # No cost is negative and no bound is below 0: the recourse costs >= 0.
            "valid_eta_lb": dict.fromkeys(names, 0.0),
        },
        names,
        makes.create,
    )
    built = time.perf_counter()
    import pyomo.environ as pyo

    class Near:
        """What `lshaped_algorithm` asks after each round."""

        def __init__(self, *_: object) -> None:
            pass

        def convergence_value(self) -> float:
            return float(method._LShaped_bound)

        def is_converged(self) -> bool:
            return optimum - self.convergence_value() <= GAP * abs(optimum)

    method.lshaped_algorithm(Near if optimum is not None else None)

    return {
        "objective": float(
            method._LShaped_bound if optimum else pyo.value(method.root.obj)
        ),
        "iterations": int(method.iter) + 1,
        "import_s": imported - started,
        "build_s": built - imported,
        "solve_s": time.perf_counter() - built,
    }


@contextlib.contextmanager
def _talk_aside() -> Iterator[None]:
    """Send what the programs print to stderr: stdout is for one line of JSON."""
    kept = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def main() -> None:
    """Run one program on a file and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["linopy", "sppy-extensive", "sppy-lshaped"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--optimum", type=float)
    asked = parser.parse_args()
    data = read_data(asked.path)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        with _talk_aside():
            if asked.program == "linopy":
                result = run_linopy(data, build_only=asked.build_only)
            elif asked.program == "sppy-extensive":
                result = run_sppy_extensive(data)
            else:
                result = run_sppy_lshaped(data, asked.tolerance, asked.optimum)
    except ModuleNotFoundError as lacking:
        if lacking.name is None or lacking.name.partition(".")[0] not in PROGRAMS:
            raise
        result = {"skipped": f"not installed: {lacking.name}"}
    except RuntimeError as lacking:
        # What mpi4py says where no MPI library is found.
        if "MPI library" not in str(lacking):
            raise
        result = {"skipped": "no MPI library for mpi4py"}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
