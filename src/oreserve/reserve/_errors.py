# SPDX-License-Identifier: Apache-2.0
"""Errors of the operated reserve.

OreserveError
├── InputError
│   └── Refused         a command breaks a rule; nothing was written
│       └── NotFound    it names a thing that is not there
├── LedgerError         a transaction does not balance, or a ledger is damaged
├── StoreError          the database cannot serve: full, locked, lost, too old
└── CommandError        a command failed by a fault of the program
"""

from __future__ import annotations

from typing import Final

from oreserve.errors import InputError, OreserveError

__all__ = ["CommandError", "LedgerError", "NotFound", "Refused", "StoreError"]

_STATUS: Final = {
    "role": 403,
    "two_persons": 403,
    "not_yours": 403,
    "not_found": 404,
    "stale": 409,
    "key_reused": 409,
    "conflict": 409,
    "exists": 409,
    "not_enough": 409,
}
"""HTTP status of a rule; any other rule is a 422."""


class Refused(InputError):  # noqa: N818 - a refusal, not a fault
    """A command was refused; nothing was written.

    Parameters
    ----------
    rule
        Short stable code of the rule, such as ``two_persons``.
    message
        What is wrong, where, and what is allowed.
    allowed
        What would be allowed, machine-readable; None if there is nothing to name.
    status
        HTTP status; by default the one of the rule (403, 404, 409 or 422).
    """

    def __init__(
        self,
        rule: str,
        message: str,
        allowed: object = None,
        *,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.allowed = allowed
        self.status = status if status is not None else _STATUS.get(rule, 422)


class NotFound(Refused):
    """A command names a thing that is not there."""

    def __init__(self, message: str, allowed: object = None) -> None:
        super().__init__("not_found", message, allowed)


class LedgerError(OreserveError):
    """A transaction does not balance, or a stored ledger does not agree."""


class StoreError(OreserveError):
    """The database cannot serve; what was acknowledged before is safe."""


class CommandError(OreserveError):
    """A command failed by a fault of the program; nothing of it was written."""
