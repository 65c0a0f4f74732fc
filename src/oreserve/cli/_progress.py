# SPDX-License-Identifier: Apache-2.0
"""Progress of long work on stderr: a bar per stage on a terminal, else lines."""

from __future__ import annotations

import sys
import time
from types import TracebackType  # noqa: TC003
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Stages"]


class Stages:
    """Callable `(stage, done, total)` that the library reports to."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> Self:
        """Start the display."""
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, done: float = 0, total: float | None = None) -> None:
        """Say that `done` of `total` steps of a stage are behind us."""
        if self._quiet:
            return
        if self._bar is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bar.add_task(stage, total=total)
            self._bar.update(self._tasks[stage], completed=done, total=total)
            return
        # No terminal: one line when a stage starts and one when it ends.
        now = time.monotonic()
        if stage not in self._started:
            self._started[stage] = now
            print(f"{stage} ...", file=sys.stderr, flush=True)  # noqa: T201
        if total is not None and done >= total and stage not in self._ended:
            self._ended.add(stage)
            seconds = now - self._started[stage]
            print(f"{stage}: {seconds:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
