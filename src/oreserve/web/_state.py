# SPDX-License-Identifier: Apache-2.0
"""What a running server holds, and how a handler reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

    from oreserve.reserve import Reserve
    from oreserve.web._doorman import Doorman
    from oreserve.web._oidc import SignInElsewhere
    from oreserve.web._settings import Settings
    from oreserve.web._writer import Writer

__all__ = ["State", "state_of"]


@dataclass(frozen=True, eq=False)
class State:
    """Parts of one server."""

    reserve: Reserve
    settings: Settings
    doorman: Doorman
    writer: Writer
    templates: Environment
    elsewhere: SignInElsewhere | None
    css: str
    name: str
    version: str


def state_of(request: Request) -> State:
    """Return the parts of the server that got a request."""
    found = request.app.state.oreserve
    assert isinstance(found, State)
    return found
