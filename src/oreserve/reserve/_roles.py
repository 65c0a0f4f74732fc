# SPDX-License-Identifier: Apache-2.0
"""Who may do what: the table ``reserve_roles.csv``, action by role."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ROLES", "Action", "actions", "allows", "is_bound", "roles_for"]

ROLES: Final = (
    "administrator",
    "manager",
    "approver",
    "buyer",
    "inspector",
    "storekeeper",
    "treasurer",
    "member",
    "auditor",
    "analyst",
)
"""Roles in the order of the table's columns."""

_KINDS: Final = ("command", "query", "access")


@dataclass(frozen=True)
class Action:
    """One action: what it is, and the roles that may do it.

    Parameters
    ----------
    name
        As commands and queries call it.
    kind
        ``command`` (writes the ledger), ``query`` (reads) or ``access`` (sign-in).
    roles
        Roles that may do it, in the order of `ROLES`.
    description
        One sentence.
    """

    name: str
    kind: str
    roles: tuple[str, ...]
    description: str


@cache
def actions() -> dict[str, Action]:
    """Return every action by name, in the order of the table.

    Raises
    ------
    ValueError
        If the table is damaged: an unknown column, kind or mark, or a repeated row.
    """
    text = (resources.files("oreserve.tables") / "reserve_roles.csv").read_text("utf-8")
    reader = csv.DictReader(text.splitlines())
    expected = ["action", "kind", *ROLES, "description"]
    if reader.fieldnames != expected:
        message = f"reserve_roles.csv: columns must be {', '.join(expected)}"
        raise ValueError(message)
    found: dict[str, Action] = {}
    for row in reader:
        name, kind = row["action"], row["kind"]
        marks = {row[role] for role in ROLES}
        if name in found or kind not in _KINDS or not marks <= {"yes", "no"}:
            message = f"reserve_roles.csv, line {reader.line_num}: repeated or misspelt"
            raise ValueError(message)
        roles = tuple(role for role in ROLES if row[role] == "yes")
        found[name] = Action(name, kind, roles, row["description"])
    return found


def roles_for(action: str) -> tuple[str, ...]:
    """Return the roles that may do an action; none for an unknown action."""
    known = actions().get(action)
    return known.roles if known is not None else ()


def allows(roles: Iterable[str], action: str) -> bool:
    """Whether one of the roles may do the action.

    Examples
    --------
    >>> allows({"auditor"}, "read_audit"), allows({"auditor"}, "receive_lot")
    (True, False)
    """
    return not set(roles_for(action)).isdisjoint(roles)


def is_bound(roles: Iterable[str], member: str | None, action: str) -> bool:
    """Whether a user does an action only for the member that the user acts for.

    So it is for everybody with a member, and for who may do it by the role ``member``
    alone: without a member that person acts for nobody, not for everybody.

    Examples
    --------
    >>> is_bound({"member"}, None, "draw_entitlement")
    True
    >>> is_bound({"member", "manager"}, None, "draw_entitlement")
    False
    """
    return member is not None or set(roles_for(action)) & set(roles) == {"member"}
