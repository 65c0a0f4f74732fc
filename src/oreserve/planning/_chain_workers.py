# SPDX-License-Identifier: Apache-2.0
"""Workers that simulate chains: threads, processes, actors of a cluster.

Clearing a market is many small solves with much Python around them, so threads wait
for each other; processes are fresh interpreters that speak pickle over pipes: no
fork of a process with threads, and no second import of a user's script. What a
worker returns depends on the scenario and the chain only, so a worker that is lost
is made again and nothing changes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

from oreserve.errors import OreserveError
from oreserve.planning._chain_state import (
    ChainState,
    ForgottenError,
    pack,
    receive,
    send,
)
from oreserve.stochastic._wire import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from oreserve.market import Standing
    from oreserve.planning._chain_runs import ChainSpec
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

    Arrays = dict[str, npt.NDArray[np.float64]]

__all__ = ["LINKS", "ChainWorker", "Link"]

TRIES = 3
"""Workers that one run may end before it is given up."""

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from oreserve.planning._chain_state import serve; serve()"
)


class LostError(Exception):
    """The worker is gone."""


class Link(Protocol):
    """The way to a worker's state."""

    def ask(self, message: tuple[Any, ...], studies: Mapping[int, int]) -> Any:
        """Send a request and wait for its answer, or raise its error.

        LostError: there is nobody to answer.
        """
        ...

    def close(self) -> None:
        """End the worker."""
        ...


class _Thread:
    """A state in this process; the thread is that of whoever asks."""

    def __init__(self) -> None:
        self._state = ChainState()

    def ask(self, message: tuple[Any, ...], studies: Mapping[int, int]) -> Any:
        del studies  # nothing is copied
        return self._state.answer(*message)

    def close(self) -> None:
        self._state = ChainState()


class _Process:
    """A process at the other end of two pipes."""

    def __init__(self) -> None:
        # Only what this module says is executed, by the interpreter that runs it.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, message: tuple[Any, ...], studies: Mapping[int, int]) -> Any:
        sent, got = self._process.stdin, self._process.stdout
        assert sent is not None
        assert got is not None
        request = pack(message, studies)
        try:
            send(sent, request)
            reply = receive(got)
        except (OSError, EOFError, ValueError) as error:
            # ValueError: another thread has closed the pipe.
            raise LostError from error
        return opened(reply)

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.terminate()
        self._process.wait()


class _Actor:
    """An actor; the cluster makes it again when it is lost."""

    def __init__(self) -> None:
        from oreserve.stochastic._ray import RayExecutor

        self._session = RayExecutor(1).open(ChainState)

    def ask(self, message: tuple[Any, ...], studies: Mapping[int, int]) -> Any:
        (reply,) = self._session.map(ChainState.handle, [pack(message, studies)])
        return opened(reply)

    def close(self) -> None:
        self._session.close()


LINKS: dict[str, Callable[[], Link]] = {
    "threads": _Thread,
    "processes": _Process,
    "ray": _Actor,
}
"""Ways to a worker by the name of the executor."""


class ChainWorker:
    """A worker and what it knows already.

    Parameters
    ----------
    start
        Makes a worker.
    """

    def __init__(self, start: Callable[[], Link]) -> None:
        self._start = start
        self._closed = False
        self._know_nothing()
        self.link = start()

    def _know_nothing(self) -> None:
        self._chains: set[int] = set()
        self._study_number: dict[int, int] = {}
        # A study's number is that of an object that must not be freed.
        self._studies: list[Study] = []
        self._scenarios: dict[int, tuple[int, Scenario]] = {}

    def run(
        self,
        number: int,
        spec: ChainSpec,
        scenarios: Sequence[Scenario],
        standing: Standing | None,
        *,
        release: bool,
        totals: bool,
    ) -> Arrays:
        """Simulate one chain there; once more if the worker is lost meanwhile."""
        lost: Exception | None = None
        for _ in range(TRIES):
            try:
                places = self._tell(number, spec, scenarios)
                arrays: Arrays = self._ask(
                    "run", number, places, standing, release, totals
                )
            except (ForgottenError, LostError) as error:
                lost = error
                if self._closed:
                    break
                self._renew(error)
            else:
                return arrays
        message = (
            "a worker that simulates the market ended before it was done, "
            "perhaps for want of memory; try --workers 1"
        )
        raise OreserveError(message) from lost

    def _renew(self, error: Exception) -> None:
        """Begin again with a worker that knows nothing."""
        self._know_nothing()
        if isinstance(error, LostError):
            self.link.close()
            self.link = self._start()

    def _tell(
        self, number: int, spec: ChainSpec, scenarios: Sequence[Scenario]
    ) -> list[int]:
        """Send what the worker does not know; return the scenarios' places there."""
        if number not in self._chains:
            study = spec.base.study
            if id(study) not in self._study_number:
                self._ask("study", study)
                self._study_number[id(study)] = len(self._studies)
                self._studies.append(study)
            self._ask("chain", number, spec)
            self._chains.add(number)
        # A scenario goes over once: its effects stay the same objects there.
        held = len(self._scenarios)
        new = [one for one in scenarios if id(one) not in self._scenarios]
        if new:
            self._ask("scenarios", held, new)
        for one in new:
            self._scenarios[id(one)] = (len(self._scenarios), one)
        return [self._scenarios[id(one)][0] for one in scenarios]

    def _ask(self, *message: Any) -> Any:
        return self.link.ask(message, self._study_number)

    def forget_scenarios(self) -> None:
        """Let the worker drop all scenarios."""
        if self._scenarios:
            # One that is gone has nothing to drop; the next run notices.
            with contextlib.suppress(LostError):
                self._ask("forget scenarios")
            self._scenarios = {}

    def forget(self, numbers: set[int]) -> None:
        """Let the worker drop chains."""
        held = numbers & self._chains
        if held:
            with contextlib.suppress(LostError):
                self._ask("forget", held)
            self._chains -= held

    def close(self) -> None:
        """End the worker."""
        self._closed = True
        self.link.close()
