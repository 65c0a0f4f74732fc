# SPDX-License-Identifier: Apache-2.0
"""One thread that commits the commands of many clients together.

A database commits about as fast with forty commands as with one: what costs is the
disk. So commands wait in a queue while a commit runs, and the next commit takes all
that wait. An answer leaves only after its commit. A reserve takes one writer at a
time anyway, so nothing is lost by having one thread.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.reserve import StoreError
from oreserve.web._problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oreserve.errors import OreserveError
    from oreserve.reserve import Receipt, Request

__all__ = ["Writer"]

_LOG = logging.getLogger(__name__)

MOST_TOGETHER = 64  # commands in one commit: bounds how long the first one waits
MOST_WAITING = 2_000
ATTEMPTS = 3  # at a database that is locked or came back; keys make repeats safe
PAUSE_S = 0.1


@dataclass(frozen=True)
class _Waiting:
    request: Request
    future: asyncio.Future[Receipt]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Gather commands and commit them in groups.

    Parameters
    ----------
    execute_many
        Runs requests in one transaction, each under a savepoint of its own, and
        returns a receipt or the refusal for each.
    """

    def __init__(
        self,
        execute_many: Callable[[Sequence[Request]], Sequence[Receipt | OreserveError]],
    ) -> None:
        self._execute_many = execute_many
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._closing = False

    def start(self) -> None:
        """Start to take commands."""
        self._thread.start()

    def close(self) -> None:
        """Commit what waits, then stop; later commands are refused."""
        if self._closing:
            return
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    async def execute(self, request: Request) -> Receipt:
        """Run one command and return its receipt once it is committed.

        Raises
        ------
        OreserveError
            If the command is refused.
        Problem
            503 if too many wait or the database does not answer. The command may be
            sent again under the same key.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        if self._closing:
            raise _unavailable(detail="The service is stopping.")
        try:
            self._queue.put_nowait(_Waiting(request, future, loop))
        except queue.Full:
            raise _unavailable(detail="Too many commands wait.") from None
        # A client that hangs up must not undo what is being committed.
        return await asyncio.shield(future)

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group, last = self._gather(first)
            try:
                self._answer(group)
            except Exception:  # noqa: BLE001  # the thread lives on, nobody waits
                _LOG.exception("a group of %s commands has no answers", len(group))
                _tell([(one, _unavailable()) for one in group])
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        group = [first]
        while len(group) < MOST_TOGETHER:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return group, True
            group.append(more)
        return group, False

    def _answer(self, group: list[_Waiting]) -> None:
        answers = self._attempt([waiting.request for waiting in group])
        _tell(list(zip(group, answers, strict=True)))

    def _attempt(self, requests: Sequence[Request]) -> Sequence[object]:
        """Execute a group; try again, then one by one, before giving up."""
        for attempt in range(ATTEMPTS):
            try:
                return self._execute_many(requests)
            except StoreError as error:
                _LOG.warning("the database did not take a commit: %s", error)
                time.sleep(PAUSE_S * (attempt + 1))
            except Exception as error:  # noqa: BLE001  # the thread must live on
                _LOG.warning("commit of %s failed: %s", len(requests), _name(error))
                # One command may have broken the group: the others must not suffer.
                return [self._alone(request) for request in requests]
        return [_unavailable() for _ in requests]

    def _alone(self, request: Request) -> object:
        try:
            return self._execute_many([request])[0]
        except Exception as error:  # noqa: BLE001  # the thread must live on
            _LOG.warning("commit failed: %s", _name(error))
            return _unavailable()


def _tell(pairs: Sequence[tuple[_Waiting, object]]) -> None:
    """Hand answers to the loops that wait for them."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, object]]] = {}
    for waiting, answer in pairs:
        by_loop.setdefault(waiting.loop, []).append((waiting, answer))
    for loop, own in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, own)
        except RuntimeError:  # the loop of the clients is closed: nobody listens
            _LOG.warning("%s answers had no listener", len(own))


def _settle(pairs: Sequence[tuple[_Waiting, object]]) -> None:
    for waiting, answer in pairs:
        if waiting.future.done():
            continue
        if isinstance(answer, BaseException):
            waiting.future.set_exception(answer)
            waiting.future.exception()  # read: a client that left is no error
        else:
            waiting.future.set_result(answer)  # type: ignore[arg-type]  # a receipt


def _name(error: Exception) -> str:
    """Name an error without its parameters: they may be somebody's words."""
    return type(error).__name__


def _unavailable(
    detail: str = "The database does not take the command.",
) -> Problem:
    return Problem(
        503,
        "unavailable",
        f"{detail} Nothing was written, or it was written under this key: send the "
        "same command again with the same Idempotency-Key.",
        headers={"retry-after": "1"},
    )
