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

OFTEN = 10.0
"""Seconds between two lines in the first minute of a stage; then a minute."""
MINUTE = 60.0


class Stages:
    """Callable `(stage, done, total)` that the library reports to."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, float]] = {}
        self._told: dict[str, float] = {}
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
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
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
        # No terminal: a line when a stage starts, some on the way, one when it ends.
        now = time.monotonic()
        if stage not in self._started:
            self._started[stage] = (now, done)
            self._told[stage] = now
            _say(f"{stage} ...")
        seconds = now - self._started[stage][0]
        if total is None or stage in self._ended:
            return
        if done >= total:
            self._ended.add(stage)
            _say(f"{stage}: {seconds:.0f} s")
        elif now - self._told[stage] >= (OFTEN if seconds < MINUTE else MINUTE):
            self._told[stage] = now
            _say(f"{stage}: {self._way(stage, done, total, seconds)}")

    def _way(self, stage: str, done: float, total: float, seconds: float) -> str:
        """Say how far a stage is, and about how long it will take from here."""
        text = f"{done:,.0f} of {total:,.0f}, {seconds:.0f} s"
        ahead = done - self._started[stage][1]  # a run that resumes starts ahead
        if ahead > 0:
            text += f", about {_span(seconds * (total - done) / ahead)} left"
        return text


def _span(seconds: float) -> str:
    """Write a time roughly, as a person would say it.

    Examples
    --------
    >>> _span(42.3), _span(600.0)
    ('42 s', '10 min')
    """
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.0f} min"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
