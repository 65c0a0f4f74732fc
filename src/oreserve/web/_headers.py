# SPDX-License-Identifier: Apache-2.0
"""What surrounds every answer: safe headers, a limit of size, one line of log.

Pure ASGI: each request passes here, so nothing is wrapped in tasks or copied.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from oreserve.web._problems import Problem, as_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_SECURITY_POLICY", "Surroundings"]

_LOG = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; img-src 'self' data:"
)
BODY_S = 60.0  # for the largest body over a slow line
_ALWAYS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_NO_STORE = (b"cache-control", b"no-store")
_SECURE_ONLY = (b"strict-transport-security", b"max-age=31536000")


class Surroundings:
    """Add headers to each answer and stop bodies that are too large.

    Parameters
    ----------
    app
        What answers.
    body_limit
        Bytes a request may carry.
    upload_limit
        Bytes a request to a path that starts with an entry of `upload_paths` may
        carry.
    secure
        Say that this host is to be reached by https only.
    patience_s
        Seconds in which the whole body of a request must have come.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_limit: int,
        upload_limit: int,
        upload_paths: tuple[str, ...] = (),
        secure: bool = False,
        patience_s: float = BODY_S,
    ) -> None:
        self._app = app
        self._body_limit = body_limit
        self._upload_limit = upload_limit
        self._upload_paths = upload_paths
        self._patience_s = patience_s
        self._headers = [*_ALWAYS, _SECURE_ONLY] if secure else list(_ALWAYS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = (
            self._upload_limit
            if scope["path"].startswith(self._upload_paths)
            else self._body_limit
        )
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                headers.extend(self._headers)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
            await send(message)

        received, is_whole = 0, False

        async def receive_limited() -> Message:
            nonlocal received, is_whole
            if is_whole:  # what comes now is that the client leaves
                return await receive()
            left = started + self._patience_s - time.perf_counter()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.0))
            except TimeoutError:
                raise _too_slow(self._patience_s) from None
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            is_whole = not message.get("more_body", False)
            return message

        try:
            if _announced(scope) > limit:
                raise _too_large(limit)
            await self._app(scope, receive_limited, send_with_headers)
        except Problem as problem:
            if status:
                raise
            answer = as_response(problem, scope["path"])
            await answer(scope, receive, send_with_headers)
        finally:
            # The query may hold names of people or lots: only the path is logged.
            _LOG.info(
                "%s %s %s %.0f ms",
                scope["method"],
                _one_line(scope["path"]),
                status,
                1000 * (time.perf_counter() - started),
            )


def _one_line(path: str) -> str:
    """Keep a path from writing lines of its own into the log."""
    return path.encode("unicode_escape").decode("ascii")[:200]


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_slow(seconds: float) -> Problem:
    return Problem(
        408,
        "too_slow",
        f"The request was not there within {seconds:.0f} s.",
        allowed={"seconds": seconds},
        headers={"connection": "close"},
    )


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"The request is larger than {limit} bytes.",
        allowed={"bytes": limit},
        headers={"connection": "close"},
    )
