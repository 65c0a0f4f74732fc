# SPDX-License-Identifier: Apache-2.0
"""Drivers that change state with a probability, and the scenarios they make."""

from __future__ import annotations

from oreserve.threats._drivers import (
    Driver,
    driver_matrix,
    expected_periods_left,
    period_matrix,
    read_drivers,
    stationary_shares,
)
from oreserve.threats._sampling import (
    parse_delay,
    sample_scenarios,
    touching_drivers,
    uniform_draw,
)

__all__ = [
    "Driver",
    "driver_matrix",
    "expected_periods_left",
    "parse_delay",
    "period_matrix",
    "read_drivers",
    "sample_scenarios",
    "stationary_shares",
    "touching_drivers",
    "uniform_draw",
]
