# SPDX-License-Identifier: Apache-2.0
"""Who you are, the description of the API, and whether everything agrees."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from oreserve.reserve import allows, roles_for
from oreserve.web._formats import MEDIA_TYPES, write_json
from oreserve.web._openapi import document
from oreserve.web._problems import Problem
from oreserve.web._registry import open_commands
from oreserve.web._state import state_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from oreserve.reserve import Actor
    from oreserve.web._state import State

__all__ = ["add_about", "description", "verified"]

API = "/api/v1"
_VERIFYING = threading.Lock()


def add_about(app: FastAPI) -> None:
    """Add the routes that tell about the reserve and the caller."""
    for path, endpoint in (
        ("/me", _me),
        ("/verify", _verify),
        ("/openapi.json", _openapi),
    ):
        app.add_route(API + path, endpoint)


def _json(content: object) -> Response:
    return Response(write_json(content), media_type=MEDIA_TYPES["json"])


def _me(request: Request) -> Response:
    state = state_of(request)
    who = state.doorman.reader(request)
    return _json(
        {
            "user": who.user,
            "member": who.member,
            "roles": sorted(who.roles),
            "commands": [name for name in open_commands() if allows(who.roles, name)],
            "views": [view.name for view in state.reserve.query.views(who)],
        }
    )


def _verify(request: Request) -> Response:
    state = state_of(request)
    return _json(verified(state, state.doorman.reader(request)))


def verified(state: State, who: Actor) -> dict[str, Any]:
    """Verify the reserve for somebody who may ask for it; one at a time."""
    if not allows(who.roles, "verify"):
        may = list(roles_for("verify"))
        raise Problem(403, "role", "Verifying is not for your roles.", allowed=may)
    if not _VERIFYING.acquire(blocking=False):
        raise Problem(
            503,
            "busy",
            "A verification runs already.",
            headers={"retry-after": "10"},
        )
    try:
        return asdict(state.reserve.verify())
    finally:
        _VERIFYING.release()


@cache
def description(state: State) -> dict[str, Any]:
    """Return the description of the API, made once."""
    return document(state.reserve.query, version=state.version)


def _openapi(request: Request) -> Response:
    return _json(description(state_of(request)))
