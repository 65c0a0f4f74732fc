# SPDX-License-Identifier: Apache-2.0
"""Plan: one budget over reserve, agreements and projects, verified in the market."""

from __future__ import annotations

from oreserve.planning._distribution import Distribution
from oreserve.planning._many import simulate_many
from oreserve.planning._plan import INSTRUMENTS, plan
from oreserve.planning._policy import operating_policy
from oreserve.planning._policy_result import OperatingPolicy, load_operating_policy
from oreserve.planning._policy_verify import verify_release_rule
from oreserve.planning.result import Plan

__all__ = [
    "INSTRUMENTS",
    "Distribution",
    "OperatingPolicy",
    "Plan",
    "load_operating_policy",
    "operating_policy",
    "plan",
    "simulate_many",
    "verify_release_rule",
]
