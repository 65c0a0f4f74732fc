# SPDX-License-Identifier: Apache-2.0
"""Oreserve: what to buy, sign and build to keep critical minerals coming.

    import oreserve as ors

    study = ors.load_study("tiny")
    plan = ors.plan(study, budget_usd=50e6)

Names are loaded when first used, so that `import oreserve` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oreserve.errors import InfeasibleError, InputError, OreserveError
    from oreserve.exposure import Assessment, assess, explain
    from oreserve.market import Outcome, simulate
    from oreserve.planning import Distribution, Plan, plan, simulate_many
    from oreserve.report import write_report
    from oreserve.study import (
        Study,
        StudyError,
        check_study,
        load_shock,
        load_study,
        studies,
    )
    from oreserve.watch import Watch, watch

__version__ = "0.1.0"

__all__ = [
    "Assessment",
    "Distribution",
    "InfeasibleError",
    "InputError",
    "OreserveError",
    "Outcome",
    "Plan",
    "Study",
    "StudyError",
    "Watch",
    "__version__",
    "assess",
    "check_study",
    "explain",
    "load_shock",
    "load_study",
    "plan",
    "simulate",
    "simulate_many",
    "studies",
    "watch",
    "write_report",
]

# Public name -> the package that defines it.
_HOMES = {
    "Assessment": "oreserve.exposure",
    "Distribution": "oreserve.planning",
    "InfeasibleError": "oreserve.errors",
    "InputError": "oreserve.errors",
    "OreserveError": "oreserve.errors",
    "Outcome": "oreserve.market",
    "Plan": "oreserve.planning",
    "Study": "oreserve.study",
    "StudyError": "oreserve.study",
    "Watch": "oreserve.watch",
    "assess": "oreserve.exposure",
    "check_study": "oreserve.study",
    "explain": "oreserve.exposure",
    "load_shock": "oreserve.study",
    "load_study": "oreserve.study",
    "plan": "oreserve.planning",
    "simulate": "oreserve.market",
    "simulate_many": "oreserve.planning",
    "studies": "oreserve.study",
    "watch": "oreserve.watch",
    "write_report": "oreserve.report",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'oreserve' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
