# SPDX-License-Identifier: Apache-2.0
"""The smallest problem of all, with an answer on paper: for examples and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oreserve.network import BlockBuilder
from oreserve.stochastic._problem import Batch, StoredScenarios, TwoStage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["newsvendor"]


def newsvendor(
    demand: Sequence[float] = (1.0, 2.0, 3.0),
    *,
    price: float = 4.0,
    short: float = 10.0,
    risk_weight: float = 0.0,
    alpha: float = 0.9,
) -> TwoStage:
    """Buy stock now at a price; a unit of demand that is not met costs more.

    Parameters
    ----------
    demand
        One for each scenario, units.
    price, short
        Cost of a unit bought, and of a unit short.
    risk_weight, alpha
        Of the tail term.

    Returns
    -------
    TwoStage
        With one first-stage column and one recourse row. Without a tail term the
        optimum is the demand at the quantile (short - price) / short.

    Examples
    --------
    >>> newsvendor().recourse.columns
    2
    """
    first = BlockBuilder()
    first.add_columns(["stock"], cost=price, upper=1e3)
    recourse = BlockBuilder()
    used = recourse.add_columns(["used"], upper=[0.0])
    missing = recourse.add_columns(["missing"], cost=short)
    meets = recourse.add_rows(["demand"], lower=[0.0])
    limit = recourse.add_rows(["stock"], upper=[0.0])
    recourse.add_entries(meets[0], [used[0], missing[0]], 1.0)
    recourse.add_entries(limit[0], used[0], 1.0)
    wanted = np.asarray(demand, dtype=float)[:, None]
    none = np.zeros((len(wanted), 0))
    return TwoStage(
        first=first.build(),
        recourse=recourse.build(),
        t_row=limit,
        t_column=np.zeros(1, dtype=np.int64),
        t_value=-np.ones(1),
        vary_row=meets,
        vary_column=used,
        vary_t=np.zeros(0, dtype=np.int64),
        source=StoredScenarios(
            Batch(
                number=np.arange(len(wanted)),
                row_lower=wanted,
                row_upper=np.full_like(wanted, np.inf),
                lower=np.zeros_like(wanted),
                upper=wanted,
                technology=none,
            )
        ),
        alpha=alpha,
        risk_weight=risk_weight,
    )
