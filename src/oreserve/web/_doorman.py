# SPDX-License-Identifier: Apache-2.0
"""Who calls: by the cookie of a session or by a token, and what that allows.

A session speaks for a person and may do what the person may. What it changes must
carry the CSRF token, which another site cannot read. A token speaks for a program
and is held to its scopes: `read`, `write`, or the names of commands.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from starlette.concurrency import run_in_threadpool

from oreserve.reserve import commands
from oreserve.reserve._access import csrf_of
from oreserve.web._problems import Problem

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response

    from oreserve.reserve import Actor, Reserve
    from oreserve.web._oidc import Identity
    from oreserve.web._settings import Settings

__all__ = ["Caller", "Doorman", "check_csrf", "check_origin", "csrf_of", "texts_of"]

KEPT_S = 1.0  # how long a look into the database serves a caller's next requests
MOST_KEPT = 5_000
MOST_SIGNING_IN = 2
MOST_FIELDS = 5_000
LONGEST_FIELD = 100_000
_BEARER = "bearer "


@dataclass(frozen=True)
class Caller:
    """Who calls, and how.

    Parameters
    ----------
    actor
        The user with the roles of now.
    csrf
        Token that a form of this session must carry; empty for a program.
    scopes
        What a token is good for; None: a session, good for all its person may.
    """

    actor: Actor
    csrf: str = ""
    scopes: frozenset[str] | None = None

    def allow_read(self) -> None:
        """Refuse a token that is not for reading."""
        if self.scopes is not None and "read" not in self.scopes:
            raise _out_of_scope(wanted="read")

    def allow_command(self, request: Request, command: str) -> None:
        """Refuse a token that is not for a command, or a session without its mark."""
        if self.scopes is None:
            check_csrf(self.csrf, request.headers.get("x-csrf-token", ""))
            check_origin(request)
        elif self.scopes.isdisjoint({"write", command}):
            raise _out_of_scope(command)


class Doorman:
    """Knows callers by their cookie or token."""

    def __init__(self, reserve: Reserve, settings: Settings) -> None:
        self.access = reserve.access
        self._settings = settings
        # Threads of their own: a crowd of guesses neither takes those of the pages
        # and all processors, nor slips past the count of failures.
        self.few = anyio.CapacityLimiter(MOST_SIGNING_IN)
        self._kept: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        prefix = "__Host-" if settings.secure else ""
        self.cookie = f"{prefix}oreserve"
        self.visit_cookie = f"{prefix}oreserve-visit"

    async def caller(self, request: HTTPConnection) -> Caller:
        """Return who calls; a database is asked in a thread and only when needed."""
        kind, secret = self._shown(request)
        kept = self._fresh(kind, secret)
        if kept is not None:
            return kept
        return await run_in_threadpool(self._ask, kind, secret)

    def reader(self, request: HTTPConnection) -> Actor:
        """Return who reads; call it in a thread."""
        kind, secret = self._shown(request)
        caller = self._fresh(kind, secret) or self._ask(kind, secret)
        caller.allow_read()
        return caller.actor

    def person(self, request: HTTPConnection) -> Caller:
        """Return who looks at a page; tokens have no pages. Call it in a thread."""
        secret = request.cookies.get(self.cookie, "")
        if not secret:
            raise _unknown()
        return self._fresh("session", secret) or self._ask("session", secret)

    async def form(self, request: Request) -> tuple[Caller, dict[str, str]]:
        """Return who sent a form, and its texts, once the CSRF token has held."""
        caller = await run_in_threadpool(self.person, request)
        typed = await texts_of(request)
        check_csrf(caller.csrf, typed.get("_csrf", ""))
        check_origin(request)
        return caller, typed

    def sign_in(self, user: str, password: str, address: str) -> str:
        """Return the secret of a new session; call it in a thread of `few`."""
        return self.access.sign_in(user, password, address=address).secret

    def sign_in_as(self, identity: Identity) -> str:
        """Return a new session for whom a provider vouches; call it in a thread."""
        user = self.access.user_of_identity(identity.issuer, identity.subject)
        if user is None:
            raise Problem(
                403,
                "not_linked",
                "The identity provider knows you, but no user of this reserve is "
                "linked with you. Ask an administrator to link this identity: "
                f"{identity.subject}",
            )
        return self.access.begin_session(user).secret

    def sign_out(self, secret: str) -> None:
        """End a session; call it in a thread."""
        self.access.sign_out(secret)
        self._kept.pop(_hidden("session", secret), None)

    def forget_all(self) -> None:
        """Forget what was kept: rights, a session or a token have changed."""
        self._kept.clear()

    def forget_roles_after(self, command: str) -> None:
        """Forget what was kept if a command may have changed rights."""
        if commands()[command].kind in {"user", "member"}:
            self.forget_all()

    def address(self, request: HTTPConnection) -> str:
        """Return the client's address; a proxy's word counts only if it is ours."""
        direct = request.client.host if request.client else "unknown"
        if direct in self._settings.trusted_proxies:
            told = request.headers.get("x-forwarded-for", "").split(",")
            for one in reversed([part.strip() for part in told if part.strip()]):
                if one not in self._settings.trusted_proxies:
                    return one[:64]
        return direct

    def set_cookie(
        self, response: Response, name: str, value: str, **more: Any
    ) -> None:
        """Set a cookie that scripts and other sites do not get."""
        response.set_cookie(
            name,
            value,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._settings.secure,
            **more,
        )

    def _shown(self, request: HTTPConnection) -> tuple[str, str]:
        header = request.headers.get("authorization", "")
        if header:
            if not header.lower().startswith(_BEARER):
                raise _unknown(detail="Only Bearer tokens are taken here.")
            return "token", header[len(_BEARER) :].strip()
        secret = request.cookies.get(self.cookie, "")
        if not secret:
            raise _unknown()
        return "session", secret

    def _fresh(self, kind: str, secret: str) -> Caller | None:
        kept = self._kept.get(_hidden(kind, secret))
        if kept is None or time.monotonic() - kept[0] > KEPT_S:
            return None
        return kept[1]

    def _ask(self, kind: str, secret: str) -> Caller:
        caller = (
            self._token_caller(secret)
            if kind == "token"
            else self._session_caller(secret)
        )
        if caller is None:
            raise _unknown(detail="This session or token is not valid any more.")
        self._kept[_hidden(kind, secret)] = (time.monotonic(), caller)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return caller

    def _session_caller(self, secret: str) -> Caller | None:
        found = self.access.session(secret)
        return None if found is None else Caller(found.actor, found.csrf)

    def _token_caller(self, secret: str) -> Caller | None:
        found = self.access.token(secret)
        return None if found is None else Caller(found.actor, scopes=found.scopes)


def check_csrf(expected: str, given: str) -> None:
    """Refuse a change that does not carry the session's token."""
    if not expected or not secrets.compare_digest(
        expected.encode(), given.encode("utf-8", "replace")
    ):
        raise Problem(
            403,
            "csrf",
            "The form does not belong to your session; nothing was written. Load the "
            "page again and send it from there.",
            allowed="the session's token in the form, or in the header X-CSRF-Token",
        )


def check_origin(request: HTTPConnection) -> None:
    """Refuse what a browser says comes from another site."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise Problem(403, "csrf", "This request comes from another site.")


async def texts_of(request: Request) -> dict[str, str]:
    """Return the texts of a form; files and what is too long are refused."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Problem(415, "media_type", "This address takes forms.")
    try:
        form = await request.form(max_fields=MOST_FIELDS, max_files=0)
    except Problem:
        raise
    except Exception as error:
        raise Problem(400, "form", "The form cannot be read.") from error
    return {
        name: value[:LONGEST_FIELD]
        for name, value in form.items()
        if isinstance(value, str)
    }


def _hidden(kind: str, secret: str) -> str:
    """Return a name for a secret, so that the secret itself is not kept."""
    return hashlib.sha256(f"{kind}:{secret}".encode("utf-8", "replace")).hexdigest()


def _unknown(detail: str = "Sign in first.") -> Problem:
    return Problem(
        401,
        "sign_in",
        detail,
        allowed="a session, or Authorization: Bearer TOKEN",
        headers={"www-authenticate": 'Bearer realm="oreserve"'},
    )


def _out_of_scope(wanted: str) -> Problem:
    return Problem(403, "scope", f"This token is not for {wanted}.", allowed=[wanted])
