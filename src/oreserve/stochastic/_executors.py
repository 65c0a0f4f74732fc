# SPDX-License-Identifier: Apache-2.0
"""Where work on scenarios runs: here, in threads, in processes, on a cluster.

An executor holds one *worker state* per worker (models, bases, caches), made once
by a factory from a picklable specification, and hands tasks to it. The split of
work into tasks never depends on the executor or the number of workers, and results
come back in the order of the tasks: so results are equal to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Executor"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
A = TypeVar("A")
R = TypeVar("R")


class Executor(Protocol):
    """Runs tasks on workers with a state of their own."""

    workers: int

    def open(self, factory: Callable[..., S], *arguments: object) -> Session[S]:
        """Make the workers' states: `factory(*arguments)` once per worker.

        Both must pickle for processes and clusters: a function of a module, and
        plain data.
        """
        ...


class Session(Protocol[S_co]):
    """Open workers; close it when done (it is a context manager)."""

    def map(self, function: Callable[[Any, A], R], tasks: Sequence[A]) -> Iterator[R]:
        """Run `function(state, task)` for each task; results in order of tasks.

        A task that was lost with its worker runs again on another one. A function
        must give the same result whatever the state has seen before.
        """
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...
