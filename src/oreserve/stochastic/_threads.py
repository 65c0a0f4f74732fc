# SPDX-License-Identifier: Apache-2.0
"""Tasks in threads of this process; the solver and array products let them run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from oreserve.stochastic._lanes import LaneSession, open_lanes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["ThreadExecutor"]

S = TypeVar("S")


class ThreadExecutor:
    """A state per thread; nothing is copied.

    Parameters
    ----------
    workers
        Threads.
    """

    def __init__(self, workers: int) -> None:
        self.name = "threads"
        self.workers = workers

    def open(self, factory: Callable[..., S], *arguments: object) -> LaneSession[S]:
        """Make the states."""
        return open_lanes(
            [_Lane(factory(*arguments)) for _ in range(self.workers)],
        )

    def __enter__(self) -> Self:
        """Return the executor; it holds nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class _Lane:
    """A state; the thread is that of the session."""

    def __init__(self, state: object) -> None:
        self._state = state

    def ready(self) -> None:
        pass

    def run(self, function: Callable[[Any, Any], Any], task: Any) -> Any:
        return function(self._state, task)

    def close(self) -> None:
        self._state = None
