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
    from oreserve.stochastic._certificate import recompute
    from oreserve.stochastic._estimate import Estimate
    from oreserve.stochastic._evaluate import BoundError, Evaluation, evaluate
    from oreserve.stochastic._executors import (
        EXECUTORS,
        Executor,
        Session,
        executor,
    )
    from oreserve.stochastic._lshaped import TwoStageResult, solve_two_stage
    from oreserve.stochastic._markov import MarkovProblem, Openings, Stage, tree_block
    from oreserve.stochastic._newsvendor import newsvendor
    from oreserve.stochastic._problem import (
        Batch,
        ScenarioSource,
        StoredScenarios,
        TwoStage,
    )
    from oreserve.stochastic._recourse import Recourse, Solved
    from oreserve.stochastic._sample import OutOfSample, out_of_sample
    from oreserve.stochastic._sddp import Policy, solve_sddp
    from oreserve.stochastic._sddp_file import load_policy

__all__ = [
    "EXECUTORS",
    "Batch",
    "BoundError",
    "ChosenBounds",
    "DualCache",
    "Estimate",
    "Evaluation",
    "Executor",
    "MarkovProblem",
    "Openings",
    "OutOfSample",
    "Policy",
    "Recourse",
    "ScenarioSource",
    "Session",
    "Solved",
    "Stage",
    "StoredScenarios",
    "TwoStage",
    "TwoStageResult",
    "evaluate",
    "executor",
    "load_policy",
    "newsvendor",
    "out_of_sample",
    "recompute",
    "solve_sddp",
    "solve_two_stage",
    "tree_block",
]

# Public name -> module; these need scipy and the solver and are loaded when used.
_HOMES = {
    "Batch": "_problem",
    "BoundError": "_evaluate",
    "ChosenBounds": "_cache",
    "DualCache": "_cache",
    "Estimate": "_estimate",
    "Evaluation": "_evaluate",
    "EXECUTORS": "_executors",
    "Executor": "_executors",
    "Recourse": "_recourse",
    "ScenarioSource": "_problem",
    "Session": "_executors",
    "executor": "_executors",
    "Solved": "_recourse",
    "StoredScenarios": "_problem",
    "TwoStage": "_problem",
    "OutOfSample": "_sample",
    "TwoStageResult": "_lshaped",
    "out_of_sample": "_sample",
    "evaluate": "_evaluate",
    "newsvendor": "_newsvendor",
    "recompute": "_certificate",
    "solve_two_stage": "_lshaped",
    "MarkovProblem": "_markov",
    "Openings": "_markov",
    "Stage": "_markov",
    "tree_block": "_markov",
    "Policy": "_sddp",
    "solve_sddp": "_sddp",
    "load_policy": "_sddp_file",
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
