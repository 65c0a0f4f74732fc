# SPDX-License-Identifier: Apache-2.0
"""Plan: one budget over reserve, agreements and projects, verified in the market."""

from __future__ import annotations

from oreserve.planning._plan import INSTRUMENTS, plan
from oreserve.planning.result import Plan

__all__ = ["INSTRUMENTS", "Plan", "plan"]
