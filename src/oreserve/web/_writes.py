# SPDX-License-Identifier: Apache-2.0
"""The writing half of the API: one route per command of the registry."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from oreserve.reserve import NotFound, allows
from oreserve.reserve import Request as Order
from oreserve.reserve._commands import parse
from oreserve.reserve._views import no_prices
from oreserve.web._formats import MEDIA_TYPES, write_json
from oreserve.web._problems import Problem
from oreserve.web._registry import hushed, open_commands
from oreserve.web._state import state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import FastAPI
    from starlette.requests import Request

    from oreserve.reserve import Receipt
    from oreserve.web._doorman import Caller

__all__ = ["add_writes", "receipt_content"]

API = "/api/v1"
QUICK = 20_000  # bytes of a body that is read at once; a longer one gets a thread
MOST_TOLD = 20  # wrong members of a body
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_VERSION = re.compile(r'"([0-9]{1,18})"|([0-9]{1,18})')
_MEMBERS = frozenset({"arguments", "reason"})


def add_writes(app: FastAPI) -> None:
    """Add `POST /commands/NAME` for every command."""
    for name in open_commands():
        app.add_route(
            f"{API}/commands/{name}",
            _endpoint(name),
            methods=["POST"],
        )


def _endpoint(name: str) -> Any:
    async def run_command(request: Request) -> Response:
        state = state_of(request)
        caller = await state.doorman.caller(request)
        caller.allow_command(request, name)
        _check_media_type(request)
        key = _key(request)
        version = _expected_version(request)
        body = await request.body()
        if len(body) > QUICK:
            arguments, reason = await run_in_threadpool(_taken, caller, name, body)
        else:
            arguments, reason = _taken(caller, name, body)
        order = Order(name, arguments, caller.actor.user, reason, key, version)
        try:
            receipt = await state.writer.execute(order)
        except NotFound as error:
            raise hushed(error, name, caller.actor, state.reserve) from None
        state.doorman.forget_roles_after(name)
        headers = {"idempotent-replayed": "true"} if receipt.repeated else None
        return Response(
            write_json(receipt_content(receipt, caller.actor.roles)),
            media_type=MEDIA_TYPES["json"],
            headers=headers,
        )

    return run_command


def _taken(caller: Caller, name: str, body: bytes) -> tuple[dict[str, Any], str]:
    """Read a body and check its arguments before they wait for the one writer.

    Whoever may not give the command is told so by the writer, before its arguments
    are looked at.
    """
    arguments, reason = _read(body)
    if allows(caller.actor.roles, name):
        parse(open_commands()[name], arguments)
    return arguments, reason


def receipt_content(receipt: Receipt, roles: Iterable[str]) -> dict[str, object]:
    """Return what a client keeps of a command that was carried out.

    Parameters
    ----------
    receipt
        Of the command.
    roles
        Of who gets it: without ``read_prices`` no money is told.
    """
    return {
        "sequence": receipt.sequence,
        "at": receipt.at,
        "command": receipt.command,
        "subject": receipt.subject,
        "result": no_prices(receipt.result, roles),
        "hash": receipt.hash,
        "repeated": receipt.repeated,
    }


def _check_media_type(request: Request) -> None:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(
            415,
            "media_type",
            f"The body is {media[:80] or 'of no stated type'}; it must be JSON.",
            allowed=["application/json"],
        )


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "idempotency_key",
            "The header Idempotency-Key is missing or malformed. Repeating a key "
            "returns the first result, so a lost answer never does a thing twice.",
            allowed="1 to 200 visible ASCII characters, new for each new command",
        )
    return key


def _expected_version(request: Request) -> int | None:
    text = request.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        raise Problem(
            400,
            "if_match",
            "The header If-Match holds no version.",
            allowed='the ETag of the thing, such as "3"',
        )
    return int(found[1] or found[2])


def _read(body: bytes) -> tuple[dict[str, Any], str]:
    """Read `{"arguments": {…}, "reason": "…"}`; name every wrong member at once."""
    try:
        content = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(400, "json", "The body is not JSON.") from None
    if not isinstance(content, dict):
        raise Problem(422, "arguments", "The body must be an object.", allowed=_SHAPE)
    errors = [
        {"field": str(name)[:80], "message": "is not a member of the body"}
        for name in itertools.islice(
            (n for n in content if n not in _MEMBERS), MOST_TOLD
        )
    ]
    arguments = content.get("arguments", {})
    if not isinstance(arguments, dict):
        errors.append({"field": "arguments", "message": "must be an object"})
    reason = content.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        errors.append({"field": "reason", "message": "must say why, in words"})
    if errors:
        detail = "The body does not hold."
        raise Problem(422, "arguments", detail, allowed=_SHAPE, errors=errors)
    assert isinstance(arguments, dict)
    assert isinstance(reason, str)
    return arguments, reason


_SHAPE = '{"arguments": {…}, "reason": "…"}'


def _no_constant(name: str) -> float:
    message = f"{name} is not JSON"
    raise ValueError(message)
