# SPDX-License-Identifier: Apache-2.0
"""Tasks here, one after the other: the order that all executors stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from oreserve.errors import OreserveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

__all__ = ["SerialExecutor"]

S = TypeVar("S")
A = TypeVar("A")
R = TypeVar("R")


class SerialExecutor:
    """One state, in this thread; the number of workers is 1 whatever is asked."""

    def __init__(self, workers: int = 1) -> None:
        del workers
        self.name = "serial"
        self.workers = 1

    def open(self, factory: Callable[..., S], *arguments: object) -> _Session[S]:
        """Make the state."""
        return _Session(factory(*arguments))

    def __enter__(self) -> Self:
        """Return the executor; it holds nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class _Session(Generic[S]):
    def __init__(self, state: S) -> None:
        self._state = [state]

    def map(self, function: Callable[[Any, A], R], tasks: Sequence[A]) -> Iterator[R]:
        for task in tasks:
            if not self._state:
                message = "this session of the executor is closed"
                raise OreserveError(message)
            yield function(self._state[0], task)

    def close(self) -> None:
        self._state.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
