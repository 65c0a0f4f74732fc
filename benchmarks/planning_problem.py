# SPDX-License-Identifier: Apache-2.0
"""The programme that `plan` solves, without solving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oreserve.planning._programme import Programme

__all__ = ["planning_programme"]


def planning_programme(name: str, *, budget_usd: float, scenarios: int) -> Programme:
    """Simulate the scenarios of a study and return home's programme over them."""
    from oreserve.planning import _plan
    from oreserve.planning._checkpoint import Checkpoint
    from oreserve.planning._pool import LazyPool
    from oreserve.study import load_study

    study = load_study(name)
    nowhere = Checkpoint(None, study_hash=study.hash, options={})
    pool = LazyPool(2)
    try:
        work = _plan._begin(study, scenarios, 2, 0, pool, nowhere, None)
        return _plan._without(work, budget_usd, _plan.INSTRUMENTS)[2].programme
    finally:
        pool.close()
