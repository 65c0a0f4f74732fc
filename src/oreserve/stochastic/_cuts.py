# SPDX-License-Identifier: Apache-2.0
"""What is known of each scenario's cost, and cuts for clusters made from it.

A solved scenario gives one affine bound of its cost, a *piece*. Pieces are kept for
every scenario, so that at any new point each scenario's best piece is found without
a solve, and a cluster's cut there is the sum of the best ones. The master so sees the
full model of all scenarios though it holds one estimate per cluster only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

__all__ = ["Cuts", "Pieces", "Sample", "tail_value"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_BYTES = 6e8
"""Memory of pieces; beyond it the set that is best least often goes."""


@dataclass(frozen=True)
class Sample:
    """Weights and clusters of the scenarios of a run.

    Parameters
    ----------
    probability
        (S,) weights that add up to 1.
    group
        (S,) cluster of each scenario, 0 to clusters - 1.
    clusters
        How many.
    """

    probability: Floats
    group: Ints
    clusters: int

    def sums(self, weight: Floats) -> sp.csr_matrix:
        """Return the matrix (clusters, S) that sums by cluster in scenario order."""
        count = len(self.group)
        order = np.argsort(self.group, kind="stable")
        start = np.concatenate(
            [[0], np.cumsum(np.bincount(self.group, minlength=self.clusters))]
        )
        return sp.csr_matrix(
            (weight[order], order, start), shape=(self.clusters, count)
        )


@dataclass(frozen=True)
class Cuts:
    """Cuts of all clusters at a point.

    theta_g >= constant_g + slope_g x; with `mass`: tau_g >= constant_g + slope_g x -
    mass_g eta.
    """

    constant: Floats
    slope: Floats
    mass: Floats | None = None


def tail_value(value: Floats, probability: Floats, alpha: float) -> tuple[float, float]:
    """Compute the quantile at alpha and the mean of the worst 1 - alpha.

    Parameters
    ----------
    value, probability
        (S,) costs and weights that add up to 1.
    alpha
        In [0, 1).

    Returns
    -------
    tuple
        Value at risk and conditional value at risk, in the unit of the costs.
    """
    order = np.argsort(value, kind="stable")
    reach = np.cumsum(probability[order])
    at = int(np.searchsorted(reach, alpha * reach[-1] - 1e-12))
    eta = float(value[order[min(at, len(order) - 1)]])
    over = float(np.sum(probability * np.maximum(value - eta, 0.0)))
    return eta, eta + over / (1.0 - alpha)


@dataclass
class Pieces:
    """Affine bounds of each scenario: sets of (S,) constants and (S, n) slopes."""

    constant: list[Floats] = field(default_factory=list)
    slope: list[Floats] = field(default_factory=list)
    used: list[int] = field(default_factory=list)

    def add(self, constant: Floats, slope: Floats) -> None:
        """Keep a set; drop the one that serves least where memory is short."""
        self.constant.append(constant)
        self.slope.append(slope)
        self.used.append(len(constant))
        while len(self.slope) > 2 and len(self.slope) * slope.nbytes > MOST_BYTES:
            # The newest stays: it is exact at the newest point.
            least = int(np.argmin(self.used[:-1]))
            for kept in (self.constant, self.slope, self.used):
                del kept[least]

    def value(self, x: Floats) -> tuple[Floats, Ints]:
        """Return each scenario's best bound at a point and which set gives it."""
        best = self.constant[0] + self.slope[0] @ x
        which = np.zeros(len(best), dtype=np.int64)
        for k in range(1, len(self.slope)):
            here = self.constant[k] + self.slope[k] @ x
            better = here > best
            best = np.where(better, here, best)
            which[better] = k
        for k, times in enumerate(np.bincount(which, minlength=len(self.slope))):
            self.used[k] = (self.used[k] + int(times)) // 2
        return best, which

    def cuts(self, sample: Sample, which: Ints, weight: Floats) -> Cuts:
        """Sum each scenario's chosen piece by cluster, with these weights."""
        constant = np.zeros(sample.clusters)
        slope = np.zeros((sample.clusters, self.slope[0].shape[1]))
        for k in range(len(self.slope)):
            here = np.where(which == k, weight, 0.0)
            if here.any():
                matrix = sample.sums(here)
                matrix.eliminate_zeros()
                constant += matrix @ self.constant[k]
                slope += matrix @ self.slope[k]
        return Cuts(constant, slope)
