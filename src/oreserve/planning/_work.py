# SPDX-License-Identifier: Apache-2.0
"""What the stages of one plan share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.market import Base
    from oreserve.planning._checkpoint import Checkpoint
    from oreserve.planning._home import Home
    from oreserve.planning._market import HomeMarket
    from oreserve.planning._pool import LazyPool
    from oreserve.planning._runs import Runs
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

__all__ = ["GAP", "Work"]

GAP = 1e-4


@dataclass
class Work:
    """What the stages of one plan share."""

    study: Study
    home: Home
    base: Base
    market: HomeMarket
    scenarios: tuple[Scenario, ...]
    fresh: tuple[Scenario, ...]
    checkpoint: Checkpoint
    workers: int
    pool: LazyPool
    progress: Callable[[str, float, float | None], None] | None
    warnings: list[str] = field(default_factory=list)

    def say(self, stage: str, done: float, total: float | None = None) -> None:
        """Report progress if anybody listens."""
        if self.progress is not None:
            self.progress(stage, done, total)

    def runs(self, name: str, make: Callable[[], Runs]) -> Runs:
        """Return runs from the checkpoint, or make and keep them."""
        return self.checkpoint.runs(name, make)
