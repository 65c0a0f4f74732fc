# SPDX-License-Identifier: Apache-2.0
"""What a worker holds that simulates chains, and the requests it answers.

Chains, studies and scenarios go over once and then by number, so that solved
sub-problems serve later runs. A worker that was lost and made again knows nothing;
it says so, and whoever asked tells it again.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from oreserve.errors import OreserveError
from oreserve.planning._chain_runs import ChainRuns
from oreserve.stochastic._wire import answer
from oreserve.study import Study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.planning._chain_runs import ChainSpec
    from oreserve.study.scenario import Scenario

__all__ = ["ChainState", "ForgottenError", "pack", "receive", "send", "serve"]

SIZE_BYTES = 8

MOST_BYTES = 300_000_000
"""Solved keys of all chains of a worker: beyond, chains longest unused drop theirs."""


class ForgottenError(OreserveError):
    """The worker was made again and does not know what it is asked about."""


def _read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


class _Pickler(pickle.Pickler):
    """Pickle with read-only mappings; studies that are known go by number."""

    def __init__(self, file: IO[bytes], studies: Mapping[int, int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._studies = studies

    def persistent_id(self, obj: Any) -> int | None:
        return self._studies.get(id(obj)) if isinstance(obj, Study) else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, MappingProxyType):
            return _read_only, (dict(obj),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Put studies back that are known by number."""

    def __init__(self, file: IO[bytes], studies: list[Study]) -> None:
        super().__init__(file)
        self._studies = studies

    def persistent_load(self, pid: Any) -> Study:
        if pid >= len(self._studies):
            raise ForgottenError
        study: Study = self._studies[pid]
        return study


def pack(message: object, studies: Mapping[int, int]) -> bytes:
    """Pickle a request.

    Parameters
    ----------
    studies
        Number by identity of the studies that the worker has.
    """
    held = io.BytesIO()
    _Pickler(held, studies).dump(message)
    return held.getvalue()


class ChainState:
    """Simulators of chains, and the scenarios that they were sent."""

    def __init__(self) -> None:
        self._studies: list[Study] = []
        self._chains: dict[int, ChainRuns] = {}
        self._scenarios: list[Scenario] = []

    def handle(self, content: bytes) -> bytes:
        """Answer a packed request: whether it worked, and the result or error."""

        def work() -> Any:
            kind, *rest = _Unpickler(io.BytesIO(content), self._studies).load()
            return self.answer(kind, *rest)

        return answer(work)

    def answer(self, kind: str, *rest: Any) -> Any:
        """Answer a request; `run` returns arrays, all others None."""
        if kind == "study":
            self._studies.append(rest[0])
        elif kind == "chain":
            self._learn(*rest)
        elif kind == "scenarios":
            first, some = rest
            if first != len(self._scenarios):
                raise ForgottenError
            self._scenarios.extend(some)
        elif kind == "forget":
            for number in rest[0]:
                self._chains.pop(number, None)
        elif kind == "forget scenarios":
            self._scenarios.clear()
        elif kind == "run":
            number, places, standing, release, totals = rest
            held = len(self._scenarios)
            if number not in self._chains or any(p >= held for p in places):
                raise ForgottenError
            chosen = [self._scenarios[place] for place in places]
            chain = self._chains[number]
            simulate = chain.totals if totals else chain.arrays
            found = simulate(chosen, standing, release=release)
            self._make_room(number)
            return found
        return None

    def _make_room(self, used: int) -> None:
        """Drop solved keys of the chains that were not asked for the longest."""
        self._chains[used] = self._chains.pop(used)  # the newest comes last
        held = sum(chain.held_bytes for chain in self._chains.values())
        for number, chain in self._chains.items():
            if held <= MOST_BYTES or number == used:
                return
            held -= chain.held_bytes
            chain.let_go()

    def _learn(self, number: int, spec: ChainSpec) -> None:
        chain = ChainRuns(spec)
        for other in self._chains.values():
            if other.base.study is spec.base.study:
                chain.share(other)
                break
        self._chains[number] = chain


def send(pipe: IO[bytes], content: bytes) -> None:
    """Write bytes after their number."""
    pipe.write(len(content).to_bytes(SIZE_BYTES, "little"))
    pipe.write(content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Read what `send` has written; EOFError if the other end is gone."""
    head = pipe.read(SIZE_BYTES)
    if len(head) < SIZE_BYTES:
        raise EOFError
    size = int.from_bytes(head, "little")
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content


def serve() -> None:
    """Answer requests until the pipe closes: the life of a process."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    source = sys.stdin.buffer
    # Only answers go into the pipe; anything printed goes where errors go.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    state = ChainState()
    while True:
        try:
            send(target, state.handle(receive(source)))
        except (EOFError, BrokenPipeError):
            return
