# SPDX-License-Identifier: Apache-2.0
"""Many scenarios of one block: recourse, certified bounds, decomposition, policies.

Nothing here knows of minerals. A problem is a first-stage block, one recourse
block, and scenarios that are drawn by number.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oreserve.stochastic._cache import ChosenBounds, DualCache
    from oreserve.stochastic._executors import Executor, Session
    from oreserve.stochastic._newsvendor import newsvendor
    from oreserve.stochastic._problem import (
        Batch,
        ScenarioSource,
        StoredScenarios,
        TwoStage,
    )
    from oreserve.stochastic._recourse import Recourse, Solved

__all__ = [
    "Batch",
    "ChosenBounds",
    "DualCache",
    "Executor",
    "Recourse",
    "ScenarioSource",
    "Session",
    "Solved",
    "StoredScenarios",
    "TwoStage",
    "newsvendor",
]

# Public name -> module; these need scipy and the solver and are loaded when used.
_HOMES = {
    "Batch": "_problem",
    "ChosenBounds": "_cache",
    "DualCache": "_cache",
    "Executor": "_executors",
    "Recourse": "_recourse",
    "ScenarioSource": "_problem",
    "Session": "_executors",
    "Solved": "_recourse",
    "StoredScenarios": "_problem",
    "TwoStage": "_problem",
    "newsvendor": "_newsvendor",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'oreserve.stochastic' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"oreserve.stochastic.{home}"), name)
    globals()[name] = value
    return value
