# SPDX-License-Identifier: Apache-2.0
"""Sign-in: passwords, sessions, tokens and what slows a guesser down.

Only hashes are stored: passwords by argon2id, session and token secrets (256 random
bits, nothing to guess) by SHA-256. None of it enters the audit trail, which says only
who did it for whom. Secrets are random, so all of this stays outside replay.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from oreserve.reserve._audit import from_time_text, time_text
from oreserve.reserve._book import Actor
from oreserve.reserve._database import connect, writing
from oreserve.reserve._errors import NotFound, Refused
from oreserve.reserve._rows import Rows
from oreserve.reserve._sign_offs import end_access
from oreserve.reserve._unit import Request, Unit
from oreserve.reserve._values import check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from argon2 import PasswordHasher

    from oreserve.reserve._reserve import Reserve

__all__ = ["SCOPES", "Access", "Session", "SignedIn", "TokenUse", "csrf_of"]

SCOPES: Final = ("read", "write")
"""Scopes of a token, beside the names of single commands."""

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256  # hashing is work: nobody may ask for any amount of it
LONGEST_NAME: Final = 120
SESSION_HOURS: Final = 12
IDLE_HOURS: Final = 2
TOKEN_DAYS: Final = 365
FREE_FAILURES: Final = {"user": 5, "address": 30}
LOCK_SECONDS: Final = 30
LONGEST_LOCK: Final = 900
FORGET_AFTER: Final = timedelta(hours=1)
TOUCH_SECONDS: Final = 60  # sessions in use are written down once a minute, not more
TOKEN_PREFIX: Final = "ores"  # noqa: S105 - what every token begins with
NO_NAME: Final = "?"  # stands for all texts that can be nobody's name
_WRONG: Final = "user and password do not match"


@dataclass(frozen=True)
class SignedIn:
    """A new session.

    Parameters
    ----------
    secret
        What the cookie holds; it is stored nowhere.
    user
        Who signed in.
    expires_at
        When it ends at the latest, RFC 3339.
    """

    secret: str
    user: str
    expires_at: str


@dataclass(frozen=True)
class Session:
    """A session in use: who it is, with the roles of now."""

    actor: Actor
    csrf: str
    expires_at: str


@dataclass(frozen=True)
class TokenUse:
    """A token in use: who it speaks for, and what it may be used for."""

    actor: Actor
    scopes: frozenset[str]
    token: str


def csrf_of(secret: str) -> str:
    """Return what forms of a session must carry: made from its secret, kept nowhere."""
    return hmac.new(secret.encode(), b"oreserve csrf", hashlib.sha256).hexdigest()


def _hidden(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Access:
    """Sign-in of one reserve.

    Parameters
    ----------
    reserve
        The reserve; its clock says what has expired.
    """

    def __init__(self, reserve: Reserve) -> None:
        self._reserve = reserve
        # A hash takes 64 MiB on purpose: many at once would take the machine.
        self._hashing = threading.BoundedSemaphore(2)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher, Type

        return PasswordHasher(type=Type.ID)

    @cached_property
    def _nobody(self) -> str:
        """A hash to check against where there is no user: it takes as long."""
        return self._hasher.hash(secrets.token_urlsafe(32))

    # --- Passwords ---------------------------------------------------------------

    def set_password(self, user: str, password: str, *, by: str, key: str) -> None:
        """Set a user's password, end all sessions of theirs and revoke all tokens.

        Parameters
        ----------
        user, password
            Whose, and which: 12 to 256 signs, not the user's name.
        by
            Who sets it: the user, or an administrator.
        key
            Idempotency key of the audit entry.

        Raises
        ------
        Refused
            Rule ``password`` if it is too short, too long or the name; rule ``role``
            if `by` may not.
        """
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            message = f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} signs"
            raise Refused(rule="password", message=message)
        if password.casefold() in {user.casefold(), user.casefold() * 2}:
            raise Refused(rule="password", message="the password is the user's name")
        hashed = self._hasher.hash(password)
        now = time_text(self._reserve.clock())

        def store(rows: Rows) -> None:
            if rows.find("credentials", user=user) is None:
                rows.insert(
                    "credentials", user=user, password_hash=hashed, changed_at=now
                )
            else:
                rows.change(
                    "credentials",
                    {"user": user},
                    password_hash=hashed,
                    changed_at=now,
                )
            end_access(rows, user, at=now)

        self._command("set_password", {"user": user}, by=by, key=key, beside=store)

    def sign_in(self, user: str, password: str, *, address: str = "") -> SignedIn:
        """Check a password and begin a new session.

        Raises
        ------
        Refused
            Rule ``sign_in`` (401) if they do not match; rule ``locked`` (429) after
            too many failures of a user or an address, with the seconds to wait.
        """
        if not _is_name(user):
            user = NO_NAME  # counted like any other, and there is no such user
        known = self._read(lambda rows: self._look(rows, user, address))
        stored, active = known
        right = self._matches(stored or self._nobody, password)
        if not (right and stored and active):
            self._note_failure(user, address)
            raise Refused(rule="sign_in", message=_WRONG, status=401)
        if self._hasher.check_needs_rehash(stored):
            hashed = self._hasher.hash(password)
            self._write(
                lambda rows: rows.change(
                    "credentials", {"user": user}, password_hash=hashed
                )
            )
        return self.begin_session(user)

    def _look(self, rows: Rows, user: str, address: str) -> tuple[str | None, bool]:
        """Return stored hash and activity of a user who is not locked out."""
        now = self._reserve.clock()
        for scope, subject in (("user", user), ("address", address)):
            row = rows.find("attempts", scope=scope, subject=subject)
            if row is None or row["locked_until"] is None:
                continue
            wait = (from_time_text(row["locked_until"]) - now).total_seconds()
            if wait > 0:
                seconds = int(wait) + 1
                message = f"too many failed sign-ins: wait {seconds} s"
                raise Refused(
                    rule="locked",
                    message=message,
                    allowed={"seconds": seconds},
                    status=429,
                )
        credential = rows.find("credentials", user=user)
        person = rows.find("users", user=user)
        stored = credential["password_hash"] if credential else None
        return stored, bool(person and person["active"])

    def _matches(self, stored: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        if len(password) > LONGEST_PASSWORD:
            return False
        try:
            with self._hashing:
                return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    def _note_failure(self, user: str, address: str) -> None:
        """Count a failure; from some on each locks for twice as long as the last."""
        now = self._reserve.clock()

        def note(rows: Rows) -> None:
            rows.prune("attempts", "since", time_text(now - FORGET_AFTER))
            for scope, subject in (("user", user), ("address", address)):
                row = rows.find("attempts", scope=scope, subject=subject)
                failures = (row["failures"] if row else 0) + 1
                over = failures - FREE_FAILURES[scope]
                until = None
                if over >= 0:
                    wait = min(LONGEST_LOCK, LOCK_SECONDS * 2 ** min(over, 10))
                    until = time_text(now + timedelta(seconds=wait))
                values = {"failures": failures, "locked_until": until}
                key = {"scope": scope, "subject": subject}
                if row is None:
                    rows.insert("attempts", **key, **values, since=time_text(now))
                else:
                    rows.change("attempts", key, **values, since=time_text(now))

        self._write(note)

    # --- Sessions ----------------------------------------------------------------

    def begin_session(self, user: str) -> SignedIn:
        """Begin a session of a user who has proved who they are; always a new one.

        Raises
        ------
        Refused
            Rule ``sign_in`` (401) if the user is not there or not active.
        """
        secret = secrets.token_urlsafe(32)
        now = self._reserve.clock()
        until = time_text(now + timedelta(hours=SESSION_HOURS))

        def begin(rows: Rows) -> None:
            person = rows.find("users", user=user)
            if person is None or not person["active"]:
                raise Refused(rule="sign_in", message=_WRONG, status=401)
            if rows.find("attempts", scope="user", subject=user) is not None:
                rows.remove("attempts", scope="user", subject=user)
            rows.prune("sessions", "expires_at", time_text(now))
            rows.insert(
                "sessions",
                session_hash=_hidden(secret),
                user=user,
                created_at=time_text(now),
                last_seen_at=time_text(now),
                expires_at=until,
            )

        self._write(begin)
        return SignedIn(secret, user, until)

    def session(self, secret: str) -> Session | None:
        """Return the session of a cookie, or None if there is none any more."""
        now = self._reserve.clock()
        hidden = _hidden(secret)

        def look(rows: Rows) -> tuple[dict[str, Any], Actor] | None:
            row = rows.find("sessions", session_hash=hidden)
            idle = time_text(now - timedelta(hours=IDLE_HOURS))
            ended = row is None or row["expires_at"] <= time_text(now)
            if row is None or ended or row["last_seen_at"] <= idle:
                return None
            actor = _actor(rows, row["user"])
            return (row, actor) if actor is not None else None

        found = self._read(look)
        if found is None:
            return None
        row, actor = found
        if row["last_seen_at"] <= time_text(now - timedelta(seconds=TOUCH_SECONDS)):
            self._touch("sessions", {"session_hash": hidden}, "last_seen_at")
        return Session(actor, csrf_of(secret), row["expires_at"])

    def sign_out(self, secret: str) -> None:
        """End a session; nothing happens if it has ended."""
        hidden = _hidden(secret)

        def end(rows: Rows) -> None:
            if rows.find("sessions", session_hash=hidden) is not None:
                rows.remove("sessions", session_hash=hidden)

        self._write(end)

    # --- Tokens ------------------------------------------------------------------

    def issue_token(
        self,
        user: str,
        *,
        name: str,
        scopes: Iterable[str],
        days: int,
        by: str,
        key: str,
    ) -> str:
        """Issue a token for programs and return it; it is shown only this once.

        Parameters
        ----------
        user
            For whom it speaks.
        name
            What it is for.
        scopes
            ``read``, ``write``, or names of commands.
        days
            Until it expires, 1 to 365.
        by
            Who issues it: the user, or an administrator.
        key
            Idempotency key of the audit entry.

        Raises
        ------
        Refused
            If a scope is unknown, the days are out of range, `by` may not, or the key
            was used (the token of the first time can't be shown again).
        """
        if not 1 <= days <= TOKEN_DAYS:
            message = f"a token lives 1 to {TOKEN_DAYS} days, not {days}"
            raise Refused(rule="arguments", message=message)
        secret = secrets.token_urlsafe(32)
        now = self._reserve.clock()
        until = time_text(now + timedelta(days=days))
        kept = sorted(set(scopes))
        arguments = {
            "user": user,
            "name": name,
            "scopes": kept,
            "expires_at": until,
        }
        made: list[str] = []

        def store(rows: Rows) -> None:
            token = f"TOK-{secrets.token_hex(6)}"
            rows.insert(
                "tokens",
                token=token,
                user=user,
                name=name,
                token_hash=_hidden(secret),
                scopes=",".join(kept),
                created_at=time_text(now),
                expires_at=until,
                last_used_at=None,
                revoked_at=None,
            )
            made.append(token)

        self._command("issue_token", arguments, by=by, key=key, beside=store)
        if not made:
            message = f"key {key!r} issued a token before: give a new key"
            raise Refused(rule="key_reused", message=message)
        return f"{TOKEN_PREFIX}_{secret}"

    def token(self, text: str) -> TokenUse | None:
        """Return what a token is good for, or None if it is not valid any more."""
        prefix, _, secret = text.partition("_")
        if prefix != TOKEN_PREFIX or not secret:
            return None
        now = self._reserve.clock()
        hidden = _hidden(secret)

        def look(rows: Rows) -> tuple[dict[str, Any], Actor] | None:
            (row,) = rows.rows("tokens", token_hash=hidden) or (None,)
            if row is None or row["revoked_at"] is not None:
                return None
            if row["expires_at"] <= time_text(now):
                return None
            actor = _actor(rows, row["user"])
            return (row, actor) if actor is not None else None

        found = self._read(look)
        if found is None:
            return None
        row, actor = found
        used = row["last_used_at"]
        if used is None or used <= time_text(now - timedelta(seconds=TOUCH_SECONDS)):
            self._touch("tokens", {"token": row["token"]}, "last_used_at")
        return TokenUse(actor, frozenset(row["scopes"].split(",")), row["token"])

    def revoke_token(self, token: str, *, by: str, key: str) -> None:
        """Revoke a token by its name (``TOK-...``).

        Raises
        ------
        NotFound
            If there is none.
        """
        row = self._read(lambda rows: rows.find("tokens", token=token))
        if row is None:
            message = f"there is no token {token!r}"
            raise NotFound(message)
        now = time_text(self._reserve.clock())
        self._command(
            "revoke_token",
            {"user": row["user"], "token": token},
            by=by,
            key=key,
            beside=lambda rows: rows.change("tokens", {"token": token}, revoked_at=now),
        )

    def tokens(self, user: str) -> list[dict[str, Any]]:
        """Return a user's tokens without their hashes."""
        rows: list[dict[str, Any]] = self._read(lambda r: r.rows("tokens", user=user))
        return [{k: v for k, v in row.items() if k != "token_hash"} for row in rows]

    # --- Identity providers ------------------------------------------------------

    def link_identity(
        self, user: str, *, issuer: str, identity: str, by: str, key: str
    ) -> None:
        """Let a user sign in through an identity provider."""
        now = time_text(self._reserve.clock())
        self._command(
            "link_identity",
            {"user": user, "issuer": issuer, "identity": identity},
            by=by,
            key=key,
            beside=lambda rows: rows.insert(
                "identities",
                issuer=issuer,
                identity=identity,
                user=user,
                linked_at=now,
            ),
        )

    def user_of_identity(self, issuer: str, identity: str) -> str | None:
        """Return the user that an identity was linked to, or None."""
        row = self._read(
            lambda rows: rows.find("identities", issuer=issuer, identity=identity)
        )
        return str(row["user"]) if row else None

    def actor(self, user: str) -> Actor | None:
        """Return a user with the roles of now; None if not there or not active."""
        if not _is_name(user):
            return None
        found: Actor | None = self._read(lambda rows: _actor(rows, user))
        return found

    # --- Transactions ------------------------------------------------------------

    def _read(self, ask: Callable[[Rows], Any]) -> Any:
        with connect(self._reserve.engine) as connection:
            return ask(Rows(connection.connection.cursor(), self._reserve.sql))

    def _write(self, do: Callable[[Rows], None]) -> None:
        with self._reserve.turn, writing(self._reserve.engine) as connection:
            do(Rows(connection.connection.cursor(), self._reserve.sql))

    def _touch(self, table: str, key: dict[str, Any], column: str) -> None:
        """Write down that something was used, if it is still there."""
        now = time_text(self._reserve.clock())

        def touch(rows: Rows) -> None:
            if rows.find(table, **key) is not None:
                rows.change(table, key, **{column: now})

        self._write(touch)

    def _command(
        self,
        command: str,
        arguments: dict[str, Any],
        *,
        by: str,
        key: str,
        beside: Callable[[Rows], None],
    ) -> None:
        """Write an audit entry and rows of access in one transaction."""
        request = Request(command, arguments, by, f"{command} by {by}", key)
        with self._reserve.turn, writing(self._reserve.engine) as connection:
            unit = Unit(connection, self._reserve.sql)
            receipt = unit.perform(request, self._reserve.clock())
            if not receipt.repeated:
                beside(Rows(unit.cursor, self._reserve.sql))


def _is_name(user: str) -> bool:
    """Whether a text may be a user's name; a database need not be asked if not."""
    try:
        return len(check_text(user)) <= LONGEST_NAME
    except ValueError:
        return False


def _actor(rows: Rows, user: str) -> Actor | None:
    """Return an active user with their roles."""
    person = rows.find("users", user=user)
    if person is None or not person["active"]:
        return None
    roles = frozenset(row["role"] for row in rows.rows("user_roles", user=user))
    return Actor(user, roles, person["member"])
