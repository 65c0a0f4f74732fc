# SPDX-License-Identifier: Apache-2.0
"""The writing half of the API: one route per command of the registry."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from oreserve.reserve import Request as Order
from oreserve.web._formats import MEDIA_TYPES, write_json
from oreserve.web._problems import Problem
from oreserve.web._registry import open_commands
from oreserve.web._state import state_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from oreserve.reserve import Receipt

__all__ = ["add_writes", "receipt_content"]

API = "/api/v1"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_VERSION = re.compile(r'"?(\d{1,18})"?')
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
        arguments, reason = _read(await request.body())
        receipt = await state.writer.execute(
            Order(name, arguments, caller.actor.user, reason, key, version)
        )
        state.doorman.forget_roles_after(name)
        headers = {"idempotent-replayed": "true"} if receipt.repeated else None
        return Response(
            write_json(receipt_content(receipt)),
            media_type=MEDIA_TYPES["json"],
            headers=headers,
        )

    return run_command


def receipt_content(receipt: Receipt) -> dict[str, object]:
    """Return what a client keeps of a command that was carried out."""
    return {
        "sequence": receipt.sequence,
        "at": receipt.at,
        "command": receipt.command,
        "subject": receipt.subject,
        "result": receipt.result,
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
    return int(found[1])


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
        for name in content
        if name not in _MEMBERS
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
