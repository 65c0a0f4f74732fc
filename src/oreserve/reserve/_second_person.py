# SPDX-License-Identifier: Apache-2.0
"""Steps that take two persons: the first one's command proposes, the second's does.

Both give the same command with the same arguments. Until the second does, nothing
changes but the proposal; a change of the thing meanwhile makes it another proposal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.reserve._audit import canonical

if TYPE_CHECKING:
    from oreserve.reserve._book import Book
    from oreserve.reserve._values import Arguments

__all__ = ["PROPOSED", "is_seconded"]

PROPOSED = {"status": "proposed", "needs": "the same command by another person"}
"""What a command returns that proposed and did nothing else."""


def is_seconded(
    book: Book, command: str, given: Arguments, row: dict[str, Any] | None = None
) -> bool:
    """Record the actor's word for a command; tell whether another person gave it too.

    Parameters
    ----------
    book
        The unit of work.
    command, given
        What is to be done, with its arguments.
    row
        The thing that it changes, as it is now; None: a new one.

    Returns
    -------
    bool
        False for the first person: return `PROPOSED`. True for the second: do it.

    Raises
    ------
    Refused
        ``two_persons`` if the actor proposed it.
    """
    version = "new" if row is None else f"v{row['version']}"
    told = canonical(given.model_dump(mode="json", exclude_none=True))
    subject = f"{command}:{version}:{told}"
    if book.approve(subject) < 2:
        return False
    book.forget_approvals(subject)
    return True
