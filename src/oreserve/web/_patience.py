# SPDX-License-Identifier: Apache-2.0
"""Connections that send nothing, or a little now and then, are closed.

Each open connection takes a place, so whoever begins requests and never ends them
could keep all others out. A request's head must be there within a time that starts
with the connection, or with the first letter after the last answer; more letters do
not start it anew. Bodies have a time of their own, see `Surroundings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["HEAD_S", "ImpatientProtocol"]

HEAD_S: Final = 15.0
"""Seconds for the head of a request."""

_Usual: Any = AutoHTTPProtocol


class ImpatientProtocol(_Usual):  # type: ignore[misc]  # which class is known late
    """A connection that is closed if no request comes to be."""

    patience_s: float = HEAD_S
    _until: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take letters; wait no longer once a request has begun."""
        super().data_received(data)
        if not self._is_idle():
            self._stop_waiting()
        elif self._until is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait(self) -> None:
        self._until = self.loop.call_later(self.patience_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def _give_up(self) -> None:
        self._until = None
        if self._is_idle() and not self.transport.is_closing():
            self.transport.close()
