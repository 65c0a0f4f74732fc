# SPDX-License-Identifier: Apache-2.0
"""Tasks side by side, results in order.

A *lane* runs one task at a time: a thread's state, a process, an actor of a
cluster. One thread a lane takes the next task in order, so that what comes out
depends on the tasks alone.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from oreserve.errors import OreserveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

__all__ = ["Lane", "LaneSession", "open_lanes"]

A = TypeVar("A")
R = TypeVar("R")
S = TypeVar("S")

AHEAD = 4
"""Tasks a lane that may be done or under way before the first is taken away."""


class Lane(Protocol):
    """What runs one task at a time."""

    def ready(self) -> None:
        """Wait until the state is there; raise what its factory raised."""
        ...

    def run(self, function: Callable[[Any, Any], Any], task: Any) -> Any:
        """Run a task; raise what it raised."""
        ...

    def close(self) -> None:
        """End it, also in the middle of a task if it can be ended there."""
        ...


class _Run:
    """One call of `map`: which task is next, what has come back."""

    def __init__(
        self, function: Callable[[Any, Any], Any], tasks: Sequence[Any], ahead: int
    ) -> None:
        self._function = function
        self._tasks = tasks
        self._ahead = ahead
        self._changed = threading.Condition()
        self._next = self._taken = 0
        self._stopped = False
        self._done: dict[int, tuple[bool, Any]] = {}

    def serve(self, lane: Lane, alone: threading.Lock) -> None:
        """Run tasks on a lane until there are no more."""
        while (place := self._take()) is not None:
            try:
                with alone:
                    answer = (True, lane.run(self._function, self._tasks[place]))
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                answer = (False, error)
            with self._changed:
                self._done[place] = answer
                self._changed.notify_all()

    def _take(self) -> int | None:
        with self._changed:
            while not self._stopped and self._next >= self._taken + self._ahead:
                self._changed.wait()
            if self._stopped or self._next >= len(self._tasks):
                return None
            self._next += 1
            return self._next - 1

    def result(self, place: int) -> Any:
        """Wait for a result; raise the task's error."""
        with self._changed:
            while place not in self._done:
                self._changed.wait()
            worked, answer = self._done.pop(place)
            self._taken = place + 1
            self._changed.notify_all()
        if not worked:
            raise answer
        return answer

    def stop(self) -> None:
        """Let no lane take another task."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class LaneSession(Generic[S]):
    """A session over lanes.

    Parameters
    ----------
    lanes
        Where tasks run.
    closed
        Called once, after the lanes are closed.
    """

    def __init__(
        self, lanes: Sequence[Lane], closed: Callable[[], None] = lambda: None
    ) -> None:
        # Two calls of `map` may be under way: a lane serves one at a time.
        self._lanes = tuple((lane, threading.Lock()) for lane in lanes)
        self._closed = closed

    def map(self, function: Callable[[Any, A], R], tasks: Sequence[A]) -> Iterator[R]:
        """Run `function(state, task)` for each task; results in order of tasks."""
        if not self._lanes:
            message = "this session of the executor is closed"
            raise OreserveError(message)
        run = _Run(function, tasks, AHEAD * len(self._lanes))
        threads = [
            threading.Thread(target=run.serve, args=lane, daemon=True)
            for lane in self._lanes[: len(tasks)]
        ]
        try:
            for thread in threads:
                thread.start()
            for place in range(len(tasks)):
                yield run.result(place)
        except (KeyboardInterrupt, SystemExit):
            # Whoever stops the program does not wait for the tasks under way.
            run.stop()
            self.close()
            raise
        finally:
            run.stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()

    def close(self) -> None:
        """Close the lanes."""
        lanes, self._lanes = self._lanes, ()
        try:
            for lane, _ in lanes:
                lane.close()
        finally:
            if lanes:
                self._closed()

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def open_lanes(
    lanes: Sequence[Lane], closed: Callable[[], None] = lambda: None
) -> LaneSession[Any]:
    """Wait until all lanes are ready; close them if one cannot be."""
    session: LaneSession[Any] = LaneSession(lanes, closed)
    try:
        for lane in lanes:
            lane.ready()
    except BaseException:
        session.close()
        raise
    return session
