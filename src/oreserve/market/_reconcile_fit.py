# SPDX-License-Identifier: Apache-2.0
"""Weighted least squares with balances and signs, solved through its dual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

from oreserve.errors import OreserveError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Fit", "SingularFitError", "fit_balanced"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_ROUNDS = 200
CLOSED = 1e-13  # of what flows through a row, in standard errors: done
BALANCED = 1e-6  # likewise: good enough where rounding ends the search


class SingularFitError(OreserveError):
    """The balances have no unique solution; `rows` are those to look at."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        super().__init__(
            f"reconciliation has no unique solution: look at balances {rows}"
        )
        self.rows = rows


@dataclass(frozen=True)
class Fit:
    """``min sum ((v - raw)/sigma)^2  s.t.  balance @ v = 0, v >= 0 where signed``."""

    balance: csr_array  # (rows, V)
    raw: Floats  # (V,)
    sigma: Floats  # (V,) above 0
    nonnegative: Bools  # (V,)


def fit_balanced(fit: Fit) -> tuple[Floats, int]:
    """Find the balanced values nearest to the raw ones.

    With ``z = v / sigma`` and ``M = balance diag(sigma)`` the dual is the
    unconstrained, convex, piecewise quadratic ``min |max(0, z_raw + M' mu)|^2 / 2``
    (no maximum where a value has no sign). Newton steps on its active set with a
    line search end in finitely many rounds: this is the primal active set with a
    guarantee that it does not cycle.

    Parameters
    ----------
    fit
        Balances, raw values, standard errors and signs. Each row of the balance
        needs at least one value without a sign (a stock change), so that the
        normal equations are positive definite.

    Returns
    -------
    tuple[Floats, int]
        Values, shape (V,), in the unit of `raw`, and the number of rounds.

    Raises
    ------
    OreserveError
        If the values are still not balanced after 200 rounds.
    SingularFitError
        If a value or standard error is no number, or balances depend on each other.
    """
    _refuse_gaps(fit)
    scaled = fit.balance @ diags_array(fit.sigma)
    rows_norm = np.sqrt(np.asarray(scaled.power(2).sum(axis=1)).ravel())
    matrix = csr_array(diags_array(1.0 / rows_norm) @ scaled)
    transposed = csr_array(matrix.T)
    size = abs(matrix)
    start = fit.raw / fit.sigma
    mu = np.zeros(matrix.shape[0])

    def primal(dual: Floats) -> Floats:
        free = start + transposed @ dual
        return np.where(fit.nonnegative, np.maximum(free, 0.0), free)

    z = primal(mu)
    gap = matrix @ z
    for rounds in range(MOST_ROUNDS):
        if np.all(np.abs(gap) <= CLOSED * np.maximum(size @ np.abs(z), 1e-3)):
            return z * fit.sigma + 0.0, rounds  # + 0.0 turns -0.0 into 0.0
        active = ~fit.nonnegative | (z > 0.0)
        step = _newton_step(matrix, active, gap)
        mu, z, share = _line_search(primal, mu, step, z, slope=float(gap @ step))
        before, gap = np.abs(gap).max(), matrix @ z
        same = np.array_equal(active, ~fit.nonnegative | (z > 0.0))
        if same and share == 1.0 and np.abs(gap).max() > 0.5 * before:
            break  # rounding: the optimum of these signs is as exact as it gets
    gap = np.abs(matrix @ z)
    if np.any(gap > BALANCED * np.maximum(size @ np.abs(z), 1.0)):
        message = (
            f"reconciliation did not balance: {gap.max():.3g} standard errors left in "
            f"the worst of {gap.size} rows; look for standard errors that are zero or "
            "huge"
        )
        raise OreserveError(message)
    return z * fit.sigma + 0.0, rounds


def _refuse_gaps(fit: Fit) -> None:
    """Refuse what would end in numbers that are none."""
    bad = ~(np.isfinite(fit.raw) & np.isfinite(fit.sigma) & (fit.sigma > 0.0))
    if bad.any():
        touched = abs(fit.balance)[:, bad].sum(axis=1)
        raise SingularFitError(tuple(np.flatnonzero(touched).tolist()))


def _newton_step(matrix: csr_array, active: Bools, gap: Floats) -> Floats:
    columns = matrix[:, active]
    normal = (columns @ columns.T).tocsc()
    scale = 1.0 / np.sqrt(normal.diagonal())
    normal.data *= scale[normal.indices] * np.repeat(scale, np.diff(normal.indptr))
    try:
        factor = splu(
            normal,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:  # exactly singular: the largest misfits lead to the cause
        worst = np.argsort(-np.abs(gap), kind="stable")[:3]
        raise SingularFitError(tuple(sorted(worst.tolist()))) from None
    right = -scale * gap
    step = factor.solve(right)
    step += factor.solve(right - normal @ step)
    return np.asarray(scale * step, dtype=np.float64)


def _line_search(
    primal: Callable[[Floats], Floats],
    mu: Floats,
    step: Floats,
    z: Floats,
    *,
    slope: float,
) -> tuple[Floats, Floats, float]:
    """Halve the step until the dual falls; where rounding hides that, take it all."""
    value = 0.5 * float(z @ z)
    share = 1.0
    while share > 1e-9:
        trial = mu + share * step
        z_trial = primal(trial)
        if 0.5 * float(z_trial @ z_trial) <= value + 1e-4 * share * slope:
            return trial, z_trial, share
        share *= 0.5
    return mu + step, primal(mu + step), 1.0
