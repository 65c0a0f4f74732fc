# SPDX-License-Identifier: Apache-2.0
"""Whether two names are two persons, as far as the audit trail can tell.

Who sets another's password or issues a token for another could sign in as them. So
for a day the two do not count as two persons, and nor do two others who both got
their sign-in from one hand, unless they are new: somebody must let new users in.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from oreserve.reserve._audit import time_text
from oreserve.reserve._roles import allows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oreserve.reserve._book import Book

__all__ = ["LETS_IN", "WAIT", "check_sign_ins", "still_may"]

LETS_IN: Final = ("set_password", "issue_token", "link_identity")
"""Commands by which one person gets to sign in as another."""

WAIT: Final = timedelta(days=1)
"""How long who was let in and who did it do not count as two persons."""


def check_sign_ins(book: Book, subject: str, others: Iterable[str]) -> None:
    """Refuse a second person whose sign-in is in the hand of another party.

    Parameters
    ----------
    book
        The unit of work; its actor decides.
    subject
        What is decided.
    others
        Who drafted it or decided on it before.
    """
    person = book.actor.user
    own, is_new = _hands(book, person)
    for other in sorted(set(others) - {person}):
        theirs, other_is_new = _hands(book, other)
        shared = set() if is_new or other_is_new else own & theirs
        for hand in sorted(({other} & own) | ({person} & theirs) | shared):
            message = (
                f"{person} and {other} do not count as two persons on {subject}: within"
                f" the last day {hand} set a password, a token or an identity of"
                f" {'both' if hand in shared else 'the other'}"
            )
            book.refuse("two_persons", message, {"after_hours": 24})


def still_may(book: Book, person: str) -> bool:
    """Whether who decided before is active and has a role that allows it."""
    user = book.find("users", user=person)
    roles = {row["role"] for row in book.rows("user_roles", user=person)}
    return bool(user and user["active"]) and allows(roles, book.command)


def _hands(book: Book, person: str) -> tuple[set[str], bool]:
    """Return who else let a person in within the last day, and whether it is new."""
    since = time_text(book.now - WAIT)
    entries = book.entries_about(f"user:{person}", since)
    hands = {who for name, who in entries if name in LETS_IN and who != person}
    return hands, any(name == "add_user" for name, _ in entries)
