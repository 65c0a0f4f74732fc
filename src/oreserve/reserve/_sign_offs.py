# SPDX-License-Identifier: Apache-2.0
"""End what lets a person in: sessions and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oreserve.reserve._rows import Rows

__all__ = ["end_access"]


def end_access(rows: Rows, user: str, *, at: str) -> None:
    """End all sessions of a user and revoke all tokens of theirs.

    Parameters
    ----------
    rows
        Tables of the open transaction; none of these rows is audit content.
    user
        Whose.
    at
        Time at which tokens are revoked, RFC 3339.
    """
    for session in rows.rows("sessions", user=user):
        rows.remove("sessions", session_hash=session["session_hash"])
    for token in rows.rows("tokens", user=user, revoked_at=None):
        rows.change("tokens", {"token": token["token"]}, revoked_at=at)
