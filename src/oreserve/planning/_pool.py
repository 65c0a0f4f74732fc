# SPDX-License-Identifier: Apache-2.0
"""Chains side by side: which worker simulates what.

Workers hold the chains' simulators, so that solved sub-problems serve later runs. A
chain stays with the worker that simulated it first.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from oreserve.errors import OreserveError
from oreserve.planning._chain_workers import LINKS, ChainWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from oreserve.market import Standing
    from oreserve.planning._chain_runs import ChainRuns, ChainSpec
    from oreserve.study.scenario import Scenario

    Arrays = dict[str, npt.NDArray[np.float64]]

__all__ = ["ChainPool", "LazyPool"]

WORTH_IT = 5_000_000
"""Columns x scenarios x periods from which a run pays for processes: some seconds."""


class ChainPool:
    """Some workers; chains stay where they were simulated first.

    Parameters
    ----------
    executor
        `threads`, `processes` or `ray`.
    workers
        How many.
    """

    def __init__(self, executor: str, workers: int) -> None:
        self._specs: dict[int, ChainSpec] = {}
        self._number: dict[int, int] = {}
        self._owner: dict[int, int] = {}
        self._next = 0
        self._workers: list[ChainWorker] = []
        with contextlib.ExitStack() as kept:
            if executor == "ray":
                from oreserve.stochastic import executor as named

                # One cluster for all of them; more than it has CPUs are refused.
                kept.enter_context(named("ray", workers))
            with ThreadPoolExecutor(workers) as threads:
                started = [
                    threads.submit(ChainWorker, LINKS[executor]) for _ in range(workers)
                ]
            for one in started:
                if one.exception() is None:
                    self._workers.append(one.result())
                    kept.callback(one.result().close)
            for one in started:
                one.result()
            self._kept = kept.pop_all()

    @property
    def size(self) -> int:
        """Number of workers."""
        return len(self._workers)

    def forget(self, chains: Sequence[ChainRuns]) -> None:
        """Let the workers drop chains that are not needed again."""
        gone = {self._number.pop(id(chain.spec), -1) for chain in chains} - {-1}
        for number in gone:
            self._specs.pop(number, None)
            self._owner.pop(number, None)
        for worker in self._workers:
            worker.forget(gone)

    def forget_scenarios(self) -> None:
        """Let the workers drop scenarios that are done."""
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
            try:
                for future in futures:
                    future.result()
            except BaseException as error:
                with lock:
                    waiting.clear()
                if not isinstance(error, Exception):
                    # Whoever stops the program does not wait for the runs under way.
                    self.close()
                raise
        return [results[place] for place in range(len(tasks))]

    def close(self) -> None:
        """End all workers."""
        self._kept.close()


class LazyPool:
    """Workers that start when the first run needs them.

    Parameters
    ----------
    workers
        How many, >= 1.
    executor
        `serial`, `threads`, `processes` or `ray`: used from the first run on.
        None: processes, when a run is so large that it pays for them.

    Raises
    ------
    InputError
        If there is no such executor, or no worker is asked for.
    OreserveError
        If `ray` is asked for and not installed.
    """

    def __init__(self, workers: int, executor: str | None = None) -> None:
        from oreserve.stochastic import executor as named

        named(executor or "processes", workers)  # refuses what cannot be
        self._count = workers
        self._executor = executor
        self._pool: ChainPool | None = None

    @property
    def threads(self) -> int:
        """Threads of this program for work that is not a simulation."""
        return 1 if self._executor == "serial" else self._count

    def get(self, size: int) -> ChainPool | None:
        """Return the workers if a run of this size pays for them.

        Once they are there, they serve smaller runs too: they know the chains.
        """
        if self._pool is not None:
            return self._pool
        if self._executor is not None:
            if self._executor != "serial":
                self._pool = self._start(self._executor)
        elif self._count > 1 and size >= WORTH_IT:
            try:
                self._pool = ChainPool("processes", self._count)
            except OSError:
                self._count = 1
        return self._pool

    def _start(self, executor: str) -> ChainPool:
        try:
            return ChainPool(executor, self._count)
        except OSError as error:
            message = f"cannot start {self._count} {executor}: {error}"
            raise OreserveError(message) from error

    def forget(self, chains: Sequence[ChainRuns]) -> None:
        """Let the workers drop chains that are not needed again."""
        if self._pool is not None:
            self._pool.forget(chains)

    def forget_scenarios(self) -> None:
        """Let the workers drop scenarios that are done."""
        if self._pool is not None:
            self._pool.forget_scenarios()

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
