# SPDX-License-Identifier: Apache-2.0
"""Processes that simulate chains side by side.

Clearing a market is many small solves with much Python around them, so threads
wait for each other. Workers are fresh interpreters that speak pickle over pipes:
no fork of a process with threads, and no second import of a user's script. They
hold the chains' simulators, so that solved sub-problems serve later runs. What a
worker returns depends on the scenario and the chain only.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from oreserve.errors import OreserveError
from oreserve.planning._chain_runs import ChainRuns, ChainSpec
from oreserve.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from oreserve.market import Standing
    from oreserve.study.scenario import Scenario

    Floats = npt.NDArray[np.float64]
    Arrays = dict[str, Floats]

__all__ = ["LazyPool", "ProcessPool", "serve"]

SIZE_BYTES = 8
WORTH_IT = 5_000_000
"""Columns x scenarios x periods from which a run pays for processes: some seconds."""

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from oreserve.planning._processes import serve; serve()"
)


def _read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


class _Pickler(pickle.Pickler):
    """Pickle with read-only mappings; studies go over once and then by number."""

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
        study: Study = self._studies[pid]
        return study


def _send(pipe: IO[bytes], message: object, studies: Mapping[int, int]) -> None:
    held = io.BytesIO()
    _Pickler(held, studies).dump(message)
    content = held.getbuffer()
    pipe.write(len(content).to_bytes(SIZE_BYTES, "little"))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes], studies: list[Study]) -> Any:
    head = pipe.read(SIZE_BYTES)
    if len(head) < SIZE_BYTES:
        raise EOFError
    size = int.from_bytes(head, "little")
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return _Unpickler(io.BytesIO(content), studies).load()


class _Worker:
    """A process and what it knows already."""

    def __init__(self) -> None:
        # Only what this module says is executed, by the interpreter that runs it.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._chains: set[int] = set()
        self._studies: list[Study] = []
        self._study_number: dict[int, int] = {}
        self._scenarios: dict[int, tuple[int, Scenario]] = {}

    def ask(self, *message: object) -> Any:
        """Send a request and wait for its answer."""
        sent, got = self._process.stdin, self._process.stdout
        assert sent is not None
        assert got is not None
        try:
            _send(sent, message, self._study_number)
            worked, answer = _receive(got, self._studies)
        except (OSError, EOFError) as error:
            message_text = (
                "a process that simulates the market ended before it was done, "
                "perhaps for want of memory; try --workers 1"
            )
            raise OreserveError(message_text) from error
        if not worked:
            raise answer
        return answer

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
        """Simulate one chain there."""
        if number not in self._chains:
            study = spec.base.study
            if id(study) not in self._study_number:
                self.ask("study", study)
                self._study_number[id(study)] = len(self._studies)
                self._studies.append(study)
            self.ask("chain", number, spec)
            self._chains.add(number)
        # A scenario goes over once: its effects stay the same objects there.
        new = [one for one in scenarios if id(one) not in self._scenarios]
        for one in new:
            self._scenarios[id(one)] = (len(self._scenarios), one)
        places = [self._scenarios[id(one)][0] for one in scenarios]
        if new:
            self.ask("scenarios", new)
        answer: Arrays = self.ask("run", number, places, standing, release, totals)
        return answer

    def forget_scenarios(self) -> None:
        """Let the process drop all scenarios."""
        if self._scenarios:
            self.ask("forget scenarios")
            self._scenarios = {}

    def forget(self, numbers: set[int]) -> None:
        """Let the process drop chains."""
        held = numbers & self._chains
        if held:
            self.ask("forget", held)
            self._chains -= held

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.terminate()
        self._process.wait()


class ProcessPool:
    """Some workers; chains stay where they were simulated first.

    Parameters
    ----------
    workers
        Processes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = [_Worker() for _ in range(workers)]
        self._specs: dict[int, ChainSpec] = {}
        self._number: dict[int, int] = {}
        self._owner: dict[int, int] = {}
        self._next = 0

    @property
    def size(self) -> int:
        """Number of processes."""
        return len(self._workers)

    def forget(self, chains: Sequence[ChainRuns]) -> None:
        """Let the processes drop chains that are not needed again."""
        gone = {self._number.pop(id(chain.spec), -1) for chain in chains} - {-1}
        for number in gone:
            self._specs.pop(number, None)
            self._owner.pop(number, None)
        for worker in self._workers:
            worker.forget(gone)

    def forget_scenarios(self) -> None:
        """Let the processes drop scenarios that are done."""
        for worker in self._workers:
            worker.forget_scenarios()

    def _register(self, chain: ChainRuns) -> int:
        """Return the number of a chain, a new one if it was not seen yet."""
        name = id(chain.spec)
        if name not in self._number:
            self._number[name] = self._next
            self._specs[self._next] = chain.spec
            self._next += 1
        return self._number[name]

    def run(
        self,
        tasks: Sequence[tuple[ChainRuns, tuple[int, ...], int | None]],
        scenarios: Sequence[Scenario],
        standing: Standing | None,
        *,
        release: bool,
        done: Callable[[], None],
        totals: bool = False,
    ) -> list[Arrays]:
        """Run tasks: chain, places of its scenarios, and a worker or None.

        Chains without a worker go to the first one that is free, and stay with it.
        """
        waiting = list(range(len(tasks)))
        numbers = [self._register(chain) for chain, _, _ in tasks]

        def take(worker: int) -> int | None:
            for place in waiting:
                chain, fixed = numbers[place], tasks[place][2]
                owner = self._owner.get(chain, worker) if fixed is None else fixed
                if owner == worker:
                    waiting.remove(place)
                    if fixed is None:
                        self._owner[chain] = worker
                    return place
            return None

        results: dict[int, Arrays] = {}

        def work(worker: int) -> None:
            while True:
                with lock:
                    place = take(worker)
                if place is None:
                    return
                chain, chosen = numbers[place], tasks[place][1]
                results[place] = self._workers[worker].run(
                    chain,
                    self._specs[chain],
                    [scenarios[s] for s in chosen],
                    standing,
                    release=release,
                    totals=totals,
                )
                with lock:
                    done()

        lock = threading.Lock()
        with ThreadPoolExecutor(self.size) as threads:
            futures = [threads.submit(work, number) for number in range(self.size)]
            for future in futures:
                future.result()
        return [results[place] for place in range(len(tasks))]

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()
        self._workers = []


class LazyPool:
    """Processes that start when the first large run needs them.

    Parameters
    ----------
    workers
        How many; with one, everything runs in this process.
    """

    def __init__(self, workers: int) -> None:
        self._count = workers
        self._pool: ProcessPool | None = None

    def get(self, size: int) -> ProcessPool | None:
        """Return the processes if a run of this size pays for them.

        Once they are there, they serve smaller runs too: they know the chains.
        """
        if self._pool is None and self._count > 1 and size >= WORTH_IT:
            try:
                self._pool = ProcessPool(self._count)
            except OSError:
                self._count = 1
        return self._pool

    def forget(self, chains: Sequence[ChainRuns]) -> None:
        """Let the processes drop chains that are not needed again."""
        if self._pool is not None:
            self._pool.forget(chains)

    def forget_scenarios(self) -> None:
        """Let the processes drop scenarios that are done."""
        if self._pool is not None:
            self._pool.forget_scenarios()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def serve() -> None:
    """Answer requests until the pipe closes: the life of a worker."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    source = sys.stdin.buffer
    # Only answers go into the pipe; anything printed goes where errors go.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    chains: dict[int, ChainRuns] = {}
    scenarios: list[Scenario] = []
    studies: list[Study] = []
    while True:
        try:
            kind, *rest = _receive(source, studies)
        except EOFError:
            return
        try:
            if kind == "study":
                studies.append(rest[0])
            answer = _answer(kind, rest, chains, scenarios)
        except Exception as error:  # noqa: BLE001 - raised again where it was asked
            reply: tuple[bool, Any] = (False, error)
        else:
            reply = (True, answer)
        try:
            _send(target, reply, {})
        except BrokenPipeError:
            return


def _answer(
    kind: str,
    rest: list[Any],
    chains: dict[int, ChainRuns],
    scenarios: list[Scenario],
) -> Any:
    if kind == "chain":
        number, spec = rest
        chains[number] = ChainRuns(spec)
        for other in chains.values():
            if other.base.study is spec.base.study:
                chains[number].share(other)
                break
    elif kind == "scenarios":
        scenarios.extend(rest[0])
    elif kind == "forget":
        for number in rest[0]:
            chains.pop(number, None)
    elif kind == "forget scenarios":
        scenarios.clear()
    elif kind == "run":
        number, places, standing, release, totals = rest
        chosen = [scenarios[place] for place in places]
        if totals:
            return chains[number].totals(chosen, standing, release=release)
        return chains[number].arrays(chosen, standing, release=release)
    return None
