# SPDX-License-Identifier: Apache-2.0
"""Sums by index, the one aggregation that all arrays of a chain need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["sum_by"]


def sum_by(
    index: npt.NDArray[np.int64], values: npt.ArrayLike, *, minlength: int = 0
) -> npt.NDArray[np.float64]:
    """Return the sum of values by index, shape (minlength,) or longer.

    Examples
    --------
    >>> import numpy as np
    >>> sum_by(np.array([0, 2, 2]), [1.0, 2.0, 3.0], minlength=4).tolist()
    [1.0, 0.0, 5.0, 0.0]
    """
    weights = np.asarray(values, dtype=np.float64)
    return np.asarray(np.bincount(index, weights, minlength), dtype=np.float64)
