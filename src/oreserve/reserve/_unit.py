# SPDX-License-Identifier: Apache-2.0
"""Perform commands inside one open transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from oreserve.reserve._audit import (
    START,
    Entry,
    Head,
    canonical,
    from_time_text,
    seal,
    time_text,
)
from oreserve.reserve._book import RULES, Actor, Book
from oreserve.reserve._commands import Command, guard_of, lookup, parse
from oreserve.reserve._errors import Refused
from oreserve.reserve._roles import allows, is_bound, roles_for
from oreserve.reserve._rows import Rows
from oreserve.reserve._sign_offs import end_access
from oreserve.reserve._values import check_seen, check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from oreserve.reserve._rows import Known
    from oreserve.reserve._statements import Statements
    from oreserve.reserve._values import Arguments

__all__ = ["FOUNDING", "Receipt", "Request", "Unit"]

FOUNDING = "found_reserve"
"""The first command of every reserve: its actor becomes the first administrator."""

_SWITCHES_OFF = "change_user"
CLOCK_SKEW = timedelta(minutes=5)
"""How far a clock may lie behind the newest entry before commands are refused."""

_LONGEST_KEY = 200
_LONGEST_REASON = 2000

# One round trip: the chain's head, the entry of this key, the actor and their roles.
_PREAMBLE = """
SELECT h.sequence, h.hash, k.sequence, k.at, k.command, k.arguments, k.result, k.hash,
       k.subject, u.active, u.member,
       (SELECT {join}(r.role, ',') FROM user_roles r WHERE r."user" = u."user"),
       h.at
FROM (SELECT 1 AS one) o
LEFT JOIN (SELECT sequence, hash, at FROM audit ORDER BY sequence DESC LIMIT 1) h
          ON 1 = 1
LEFT JOIN audit k ON k.actor = ? AND k.key = ?
LEFT JOIN users u ON u."user" = ?
"""


@dataclass(frozen=True)
class Request:
    """One command as asked for.

    Parameters
    ----------
    command, arguments
        What to do.
    actor
        Name of the user who asks.
    reason
        Why, for the audit trail.
    key
        Idempotency key: the same actor and key do a thing once.
    expected_version
        Version of the thing that the actor saw; None: any.
    """

    command: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""
    reason: str = ""
    key: str = ""
    expected_version: int | None = None


@dataclass(frozen=True)
class Receipt:
    """What an acknowledged command left behind.

    Parameters
    ----------
    sequence, at, hash
        Number, time and hash of its audit entry.
    command, subject
        What was done, and to what (``lot:LOT-000012``).
    result
        What the command returned.
    repeated
        Whether this repeats an earlier command of the same key: nothing was written.
    """

    sequence: int
    at: str
    command: str
    subject: str | None
    result: dict[str, Any]
    hash: str
    repeated: bool = False


class Unit:
    """Commands of one transaction, one after the other.

    Parameters
    ----------
    connection
        Open transaction that holds the write lock.
    sql
        Statement texts of its database.

    Attributes
    ----------
    touched
        Whether a command since the last `forget` began to write.
    """

    def __init__(self, connection: Connection, sql: Statements) -> None:
        self.connection = connection
        self.sql = sql
        self.cursor = connection.connection.cursor()
        self.known: Known = {}
        self.touched = False
        self.newest_at: str | None = None

    def perform(self, request: Request, now: datetime) -> Receipt:
        """Perform one command and write its audit entry.

        Raises
        ------
        Refused
            If a rule forbids it; what it wrote must be rolled back by the caller.
        """
        _check_labels(request)
        what = lookup(request.command)
        head, earlier, actor = self._look(request)
        if actor is None:
            actor = _first(request, head)
        elif not allows(actor.roles, what.name):
            raise _not_allowed(actor, what)
        given, arguments = parse(what, request.arguments)
        if earlier is not None:
            return _repeat(request, arguments, earlier)
        now = _not_before(self.newest_at, now)
        book = self._book(what, head.sequence + 1, now, actor)
        check = guard_of(what.name)
        if check is not None:
            check(book, given)
        if request.expected_version is not None:
            _check_version(book, what, given, request.expected_version)
        entry = Entry(
            sequence=head.sequence + 1,
            at=time_text(now),
            actor=actor.user,
            roles=",".join(sorted(actor.roles)),
            command=what.name,
            subject=None,
            reason=request.reason,
            key=request.key,
            arguments=arguments,
            result="",
            effects="",
            previous=head.hash,
        )
        entry, result = self.run(what, given, entry, now, actor)
        self.write(entry)
        if what.name == _SWITCHES_OFF and getattr(given, "active", None) is False:
            # Outside the audit content, so beside the command and not in it.
            rows, user = Rows(self.cursor, self.sql), result["user"]
            end_access(rows, user, at=entry.at)
        return Receipt(
            entry.sequence, entry.at, entry.command, entry.subject, result, entry.hash
        )

    def run(
        self,
        what: Command,
        given: Arguments,
        entry: Entry,
        now: datetime,
        actor: Actor,
        *,
        rules: int | None = None,
    ) -> tuple[Entry, dict[str, Any]]:
        """Run a command's function and return its sealed entry and its result.

        With `rules` it is a replay, by that edition of the rules.
        """
        book = self._book(what, entry.sequence, now, actor, rules)
        try:
            result: dict[str, Any] = what.run(book, given)
        finally:
            self.touched = self.touched or book.touched
        book.close()
        entry = replace(
            entry,
            subject=what.subject(given, result),
            result=canonical(result),
            effects=book.effects(),
        )
        return replace(entry, hash=seal(entry)), result

    def _book(
        self,
        what: Command,
        sequence: int,
        now: datetime,
        actor: Actor,
        rules: int | None = None,
    ) -> Book:
        """Return the book of one command."""
        return Book(
            self.connection,
            self.cursor,
            self.sql,
            sequence=sequence,
            now=now,
            actor=actor,
            known=self.known,
            command=what.name,
            bound=is_bound(actor.roles, actor.member, what.name),
            rules=RULES if rules is None else rules,
            again=rules is not None,
        )

    def forget(self) -> None:
        """Forget what was read: the transaction went back to a savepoint."""
        self.known.clear()
        self.touched = False

    def write(self, entry: Entry) -> None:
        """Append an entry to the audit trail."""
        fields = tuple(vars(entry))
        text = self.sql.insert("audit", fields)
        self.cursor.execute(text, tuple(vars(entry).values()))

    def actor(self, user: str) -> Actor:
        """Return a user with their present roles."""
        _, _, actor = self._look(Request("", actor=user))
        if actor is None:
            return Actor(user, frozenset({"administrator"}))
        return actor

    def head(self) -> Head:
        """Return the newest entry's number and hash."""
        return self._look(Request(""))[0]

    def _look(
        self, request: Request
    ) -> tuple[Head, tuple[Any, ...] | None, Actor | None]:
        """Return head, earlier entry of the key, and the actor, in one round trip."""
        join = "group_concat" if self.sql.is_sqlite else "string_agg"
        text = self.sql.text("preamble", _PREAMBLE.format(join=join))
        values = (request.actor, request.key, request.actor)
        row = self.cursor.execute(text, values).fetchone()
        head = Head(row[0], row[1]) if row[0] is not None else START
        self.newest_at = row[12]
        earlier = tuple(row[2:9]) if row[2] is not None else None
        if row[9] is None:
            return head, earlier, None
        if not row[9]:
            message = f"user {request.actor} is not active: an administrator can change"
            raise Refused(rule="role", message=f"{message} that")
        roles = frozenset(row[11].split(",")) if row[11] else frozenset[str]()
        return head, earlier, Actor(request.actor, roles, row[10])


def _not_before(newest: str | None, now: datetime) -> datetime:
    """Return the time of a command: never before the newest entry's.

    Clocks of several servers differ by a little: the entry then takes the time of the
    one before it. More is a clock that was set back, and days would count twice.
    """
    last = now if newest is None else from_time_text(newest)
    if last - now > CLOCK_SKEW:
        message = (
            f"the clock says {time_text(now)}, but the newest entry is of {newest}:"
            " set the clock right"
        )
        raise Refused(rule="clock", message=message, allowed={"from": newest})
    return max(last, now)


def _check_version(book: Book, what: Command, given: Arguments, expected: int) -> None:
    """Refuse to change a thing that changed since the actor saw it."""
    key = what.key(given)
    if key is None:
        message = f"{what.name} makes a new thing: it has no version to expect"
        raise Refused(rule="no_version", message=message)
    row = book.need(what.table, **key)
    if "version" not in row:
        raise Refused(
            rule="no_version", message=f"a {what.kind} has no version to expect"
        )
    if row["version"] != expected:
        told = "/".join(str(part) for part in key.values())
        message = (
            f"{what.kind} {told} is at version {row['version']}, not {expected}: "
            "look at it again and repeat"
        )
        raise Refused(
            rule="stale", message=message, allowed={"version": row["version"]}
        )


def _check_labels(request: Request) -> None:
    """Refuse a command without a reason or a key."""
    labels: tuple[tuple[str, Any, int], ...] = (
        ("reason", request.reason, _LONGEST_REASON),
        ("key", request.key, _LONGEST_KEY),
        ("actor", request.actor, _LONGEST_KEY),
    )
    for name, text, longest in labels:
        if not isinstance(text, str) or not text.strip() or len(text) > longest:
            message = (
                f"{request.command}: {name} must be a text of 1 to {longest} signs"
            )
            raise Refused(rule="arguments", message=message)
        try:
            check_text(text)
            check_seen(text)
        except ValueError as error:
            message = f"{request.command}: {name}: {error}"
            raise Refused(rule="arguments", message=message) from None


def _repeat(request: Request, arguments: str, earlier: tuple[Any, ...]) -> Receipt:
    """Return the first result of a repeated key, or refuse another command with it."""
    sequence, at, command, said, result, code, subject = earlier
    if command != request.command or said != arguments:
        message = (
            f"key {request.key!r} was used for {command} (entry {sequence}) with other "
            "arguments: give a new key"
        )
        raise Refused(
            rule="key_reused", message=message, allowed={"sequence": sequence}
        )
    return Receipt(
        sequence, at, command, subject, json.loads(result), code, repeated=True
    )


def _first(request: Request, head: Head) -> Actor:
    """Return the founder of an empty reserve; anybody else must be a user."""
    if head == START and request.command == FOUNDING:
        return Actor(request.actor, frozenset({"administrator"}))
    message = f"there is no user {request.actor!r} in this reserve"
    raise Refused(rule="role", message=message)


def _not_allowed(actor: Actor, what: Command) -> Refused:
    """Say which role the command needs and which the actor has."""
    may = roles_for(what.name)
    has = ", ".join(sorted(actor.roles)) or "no role"
    message = (
        f"{actor.user} ({has}) may not {what.name}: it needs "
        f"{' or '.join(may) if may else 'a role that nobody has'}"
    )
    return Refused(rule="role", message=message, allowed=list(may))
