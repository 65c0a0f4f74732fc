# SPDX-License-Identifier: Apache-2.0
"""Where work on scenarios runs: here, in threads, in processes, on a cluster.

An executor holds one *worker state* per worker (models, bases, caches), made once
by a factory from a picklable specification, and hands tasks to it. The split of
work into tasks never depends on the executor or the number of workers, and results
come back in the order of the tasks: so results are equal to the last bit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["EXECUTORS", "Executor", "Session", "executor"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
A = TypeVar("A")
R = TypeVar("R")

# Name -> module and class; a cluster's library is loaded only when asked for.
_HOMES = {
    "serial": ("_serial", "SerialExecutor"),
    "threads": ("_threads", "ThreadExecutor"),
    "processes": ("_processes", "ProcessExecutor"),
    "ray": ("_ray", "RayExecutor"),
}
EXECUTORS: tuple[str, ...] = tuple(_HOMES)
"""Names of all executors."""


class Executor(Protocol):
    """Runs tasks on workers with a state of their own.

    As a context manager it keeps what serves several sessions (a local cluster)
    until the end; without that, each session brings it up and takes it down.
    """

    name: str
    workers: int

    def open(self, factory: Callable[..., S], *arguments: object) -> Session[S]:
        """Make the workers' states: `factory(*arguments)` once per worker.

        Both must pickle for processes and clusters: a function of a module, and
        plain data. What the factory raises is raised here.
        """
        ...

    def __enter__(self) -> Self:
        """Keep what serves several sessions."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of it."""
        ...


class Session(Protocol[S_co]):
    """Open workers; close it when done (it is a context manager)."""

    def map(self, function: Callable[[Any, A], R], tasks: Sequence[A]) -> Iterator[R]:
        """Run `function(state, task)` for each task; results in order of tasks.

        A task that was lost with its worker runs again on another one. A function
        must give the same result whatever the state has seen before, and must not
        change its task. The first error in the order of tasks is raised; results
        that nobody has taken yet are few, however many tasks there are.
        """
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...

    def __enter__(self) -> Self:
        """Return the session."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        ...


def executor(name: str = "threads", workers: int = 2) -> Executor:
    """Return the executor of a name.

    Parameters
    ----------
    name
        `serial` (here, one after the other), `threads` (the solver lets them run
        side by side), `processes` (for work with much Python), or `ray` (a cluster
        that `RAY_ADDRESS` names, or one of this machine; extra `oreserve[ray]`).
    workers
        States and tasks side by side, >= 1; `serial` has one.

    Returns
    -------
    Executor
        Results are the same whatever is chosen.

    Raises
    ------
    InputError
        If there is no such executor, or no worker is asked for.

    Examples
    --------
    >>> with executor("serial").open(dict) as session:
    ...     list(session.map(divmod, []))
    []
    """
    if name not in _HOMES:
        from oreserve.tables import nearest

        near = nearest(name, _HOMES)
        message = (
            f"there is no executor {name!r}"
            + (f"; did you mean {near!r}?" if near else "")
            + f" Executors: {', '.join(_HOMES)}"
        )
        raise InputError(message)
    if workers < 1:
        message = f"workers is {workers}; it must be 1 or more"
        raise InputError(message)
    module, kind = _HOMES[name]
    made: Executor = getattr(import_module(f"oreserve.stochastic.{module}"), kind)(
        workers
    )
    return made
