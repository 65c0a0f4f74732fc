# SPDX-License-Identifier: Apache-2.0
"""Errors of the API in the form of RFC 9457: what, which rule, what is allowed.

Every error a client can meet leaves through `problem`; nothing else writes one.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from oreserve.reserve._wording import problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PROBLEM_SCHEMA", "Problem", "as_response", "field_errors"]

MEDIA_TYPE = "application/problem+json"

PROBLEM_SCHEMA: dict[str, object] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "urn:oreserve:problem:RULE; the rule is stable.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong, in words."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "rule": {"type": "string", "description": "Stable code of the rule."},
        "allowed": {"description": "What would be allowed, if that can be said."},
        "errors": {
            "type": "array",
            "description": "Every wrong field at once.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


class Problem(HTTPException):
    """An answer that says no: its status, the rule, and what would be allowed."""

    def __init__(
        self,
        status: int,
        rule: str,
        detail: str,
        *,
        allowed: object = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, None if headers is None else dict(headers))
        self.rule = rule
        self.allowed = allowed
        self.errors = tuple(dict(error) for error in errors)

    def body(self, instance: str) -> dict[str, object]:
        """Return the members of the problem document."""
        members: dict[str, object] = {
            "type": f"urn:oreserve:problem:{self.rule}",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": str(self.detail),
            "instance": instance,
            "rule": self.rule,
        }
        if self.allowed is not None:
            members["allowed"] = self.allowed
        if self.errors:
            members["errors"] = list(self.errors)
        return members


def as_response(problem: Problem, instance: str) -> Response:
    """Write a problem as an answer."""
    content = json.dumps(problem.body(instance), ensure_ascii=False, default=str)
    return Response(
        content.encode("utf-8", "replace"),
        status_code=problem.status_code,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def field_errors(
    errors: Sequence[Mapping[str, object]], *, skip: int = 0
) -> list[dict[str, str]]:
    """Name every wrong field of a pydantic error; values that came are left out.

    A value may be a secret typed into the wrong box, so only places and rules are
    repeated. `skip` leaves out the first parts of a place (`body`, `query`).
    """
    found = []
    for error in errors:
        place = error.get("loc", ())
        parts = list(place) if isinstance(place, tuple | list) else [place]
        kept = parts[skip:] or parts
        found.append(
            {
                "field": ".".join(str(part) for part in kept),
                "message": problem_of(error),
            }
        )
    return found
