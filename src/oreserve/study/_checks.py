# SPDX-License-Identifier: Apache-2.0
"""All checks of a study in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oreserve.study._check_market import check_market
from oreserve.study._check_policy import check_policy
from oreserve.study._check_processes import check_processes
from oreserve.study._rules import (
    Frames,
    check_minerals,
    check_places,
    check_references,
)

if TYPE_CHECKING:
    from oreserve.study._problems import Problems
    from oreserve.study._settings import Settings


def check_tables(frames: Frames, settings: Settings, problems: Problems) -> None:
    """Run every check that needs more than one cell."""
    check_references(frames, problems)
    check_places(frames, settings, problems)
    check_minerals(frames, problems)
    check_processes(frames, problems)
    check_market(frames, settings, problems)
    check_policy(frames, settings, problems)
