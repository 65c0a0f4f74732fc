# SPDX-License-Identifier: Apache-2.0
"""Tasks in processes: fresh interpreters that speak pickle over pipes.

No fork of a process with threads, no second import of a user's script, no port.
A process that is lost is started again with the same state and runs its task again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, TypeVar

from oreserve.errors import OreserveError
from oreserve.stochastic._lanes import LaneSession, open_lanes
from oreserve.stochastic._wire import ENVIRONMENT, answer, dumps, loads, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from typing import Self

__all__ = ["ProcessExecutor", "serve"]

S = TypeVar("S")

SIZE_BYTES = 8
LOST = (OSError, EOFError, ValueError)
"""What a pipe raises when its process is gone, or was closed by another thread."""
TRIES = 3
"""Processes that one task may end before it is given up."""

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from oreserve.stochastic._processes import serve; serve()"
)


class ProcessExecutor:
    """A state per process.

    Parameters
    ----------
    workers
        Processes.
    """

    def __init__(self, workers: int) -> None:
        self.name = "processes"
        self.workers = workers

    def open(self, factory: Callable[..., S], *arguments: object) -> LaneSession[S]:
        """Start the processes and make their states."""
        specification = dumps((factory, arguments))
        return open_lanes([_Lane(specification) for _ in range(self.workers)])

    def __enter__(self) -> Self:
        """Return the executor; it holds nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class _Lane:
    """A process, and how to make it again."""

    def __init__(self, specification: bytes) -> None:
        self._specification = specification
        self._guard = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._made = False
        self._start()

    def ready(self) -> None:
        self._ask(None)

    def run(self, function: Callable[[Any, Any], Any], task: Any) -> Any:
        return opened(self._ask(dumps((function, task))))

    def close(self) -> None:
        with self._guard:
            self._closed = True
        self._end()

    def _ask(self, message: bytes | None) -> bytes:
        """Send a task and wait for its answer, with another process if need be."""
        for _ in range(TRIES):
            try:
                first = self._begin()
            except LOST:
                self._end()
                continue
            if first is not None:
                opened(first)
            process = self._process
            if message is None:
                return b""
            try:
                if process is None:
                    raise EOFError
                _send(process.stdin, message)
                return _receive(process.stdout)
            except LOST:
                self._end()
        if self._closed:
            text = "this session of the executor is closed"
        else:
            text = (
                f"{TRIES} worker processes ended before the same task was done, "
                "perhaps for want of memory; try fewer workers"
            )
        raise OreserveError(text)

    def _begin(self) -> bytes | None:
        """Return what making the state has answered, once per process."""
        if self._process is None:
            self._start()
        if self._process is None:
            raise EOFError
        if self._made:
            return None
        first = _receive(self._process.stdout)
        self._made = True
        return first

    def _start(self) -> None:
        with self._guard:
            if self._closed:
                return
            # Only what this module says is executed, by the interpreter that runs it.
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", START, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **ENVIRONMENT},
            )
            self._made = False
        try:
            _send(self._process.stdin, self._specification)
        except OSError:
            # It has ended already; whoever asks it next will see.
            return

    def _end(self) -> None:
        """End the process at once: it holds nothing that is not here too."""
        with self._guard:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    # What could not be sent to a lost process.
                    continue


def _send(pipe: IO[bytes] | None, content: bytes) -> None:
    assert pipe is not None
    pipe.write(len(content).to_bytes(SIZE_BYTES, "little"))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> bytes:
    assert pipe is not None
    head = pipe.read(SIZE_BYTES)
    if len(head) < SIZE_BYTES:
        raise EOFError
    size = int.from_bytes(head, "little")
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content


def serve() -> None:
    """Answer tasks until the pipe closes: the life of a worker."""
    import signal
    from queue import SimpleQueue

    # Ctrl-C goes to all processes of a terminal; the master ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source = os.fdopen(os.dup(0), "rb")
    # Only answers go into the pipe; anything printed goes where errors go.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(source, tasks), daemon=True).start()
    state: list[Any] = []

    def make() -> None:
        factory, arguments = loads(tasks.get())
        state.append(factory(*arguments))

    def work() -> Any:
        function, task = loads(tasks.get())
        return function(state[0], task)

    call: Callable[[], Any] = make
    while True:
        try:
            _send(target, answer(call))
        except BrokenPipeError:
            return
        call = work


def _listen(source: IO[bytes], tasks: SimpleQueue[bytes]) -> None:
    """Hand tasks on; end the process as soon as its master is gone."""
    try:
        while True:
            tasks.put(_receive(source))
    except (EOFError, OSError):
        os._exit(0)
