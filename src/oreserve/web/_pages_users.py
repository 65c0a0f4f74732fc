# SPDX-License-Identifier: Apache-2.0
"""Users, their roles, passwords and tokens; and one's own account."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from oreserve.reserve import NotFound, Refused
from oreserve.reserve._access import SCOPES
from oreserve.web._grids import Grid, grid
from oreserve.web._pages_stock import facts_of
from oreserve.web._registry import open_commands
from oreserve.web._state import state_of
from oreserve.web._visit import Block, Visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

__all__ = ["account_page", "change_access", "user_page", "users_page"]

ADMINISTRATOR = "administrator"


def users_page(visit: Visit) -> Response:
    """Show everybody who may sign in, with their roles."""
    users = visit.rows("users")
    roles: dict[str, list[str]] = {}
    for row in visit.rows("user_roles"):
        roles.setdefault(row["user"], []).append(row["role"])
    lines = [{**row, "roles": ", ".join(roles.get(row["user"], []))} for row in users]
    table = grid(
        "Users",
        lines,
        ("user", "name", "email", "member", "roles", "active"),
        links={"user": lambda row: f"/users/{row['user']}"},
        csv="/api/v1/users",
    )
    return visit.page(
        "Users", [Block(grid=table, offers=visit.offer("add_user", "Add a user"))]
    )


def user_page(visit: Visit, user: str) -> Response:
    """Show one user: roles, tokens, and what an administrator may change."""
    row = visit.one("users", user=user)
    roles = [one["role"] for one in visit.rows("user_roles", user=user)]
    blocks = [
        Block(
            facts=facts_of(
                {**row, "roles": ", ".join(roles)}, skip={"user", "version"}
            ),
            offers=visit.offers("user", row, first=("grant_role", "revoke_role")),
        ),
        Block("Tokens", grid=_tokens(visit, user)),
    ]
    return _draw(visit, user, f"User {user}", blocks, trail=[("Users", "/users")])


def account_page(visit: Visit) -> Response:
    """Show one's own account."""
    blocks = [Block("Tokens", grid=_tokens(visit, visit.who.user))]
    return _draw(visit, visit.who.user, "Your account", blocks)


def _draw(
    visit: Visit,
    user: str,
    title: str,
    blocks: list[Block],
    *,
    refused: Refused | None = None,
    secret: str = "",
    trail: list[tuple[str, str]] | None = None,
) -> Response:
    administrates = ADMINISTRATOR in visit.who.roles
    refusal = None
    if refused is not None:
        refusal = {"title": "Refused: nothing was written", "message": refused.message}
    return visit.page(
        title,
        blocks,
        template="access.html.j2",
        trail=trail or [],
        status=200 if refused is None else refused.status,
        user=user,
        own=user == visit.who.user,
        administrates=administrates,
        scopes=[*SCOPES, *open_commands()],
        key=secrets.token_urlsafe(18),
        refusal=refusal,
        secret=secret,
        tokens=[
            row["token"]
            for row in visit.state.doorman.access.tokens(user)
            if row["revoked_at"] is None
        ],
    )


def _tokens(visit: Visit, user: str) -> Grid:
    rows = visit.state.doorman.access.tokens(user)
    return grid(
        "Tokens",
        rows,
        (
            "token",
            "name",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ),
        headings={"revoked_at": "Revoked", "last_used_at": "Last used"},
        empty="No tokens.",
    )


async def change_access(request: Request) -> Response:
    """Set a password, issue or revoke a token, or link an identity."""
    state = state_of(request)
    caller, typed = await state.doorman.form(request)
    visit = Visit(request, state, caller)
    user = typed.get("_user", "")
    own = user == visit.who.user
    if not own and ADMINISTRATOR not in visit.who.roles:
        message = "only an administrator changes another user's access"
        raise Refused(rule="role", message=message, allowed=[ADMINISTRATOR])
    if state.doorman.access.actor(user) is None and own:
        message = f"there is no user {user!r}"
        raise NotFound(message)
    back = (
        "/account" if own and ADMINISTRATOR not in visit.who.roles else f"/users/{user}"
    )
    try:
        secret = await run_in_threadpool(_change, visit, user, typed)
    except Refused as refused:
        return await run_in_threadpool(_again, visit, user, refused=refused)
    state.doorman.forget_all()
    if secret:
        return await run_in_threadpool(_again, visit, user, secret=secret)
    return RedirectResponse(f"{back}?done={state.reserve.head().sequence}", 303)


def _again(
    visit: Visit, user: str, *, refused: Refused | None = None, secret: str = ""
) -> Response:
    blocks = [Block("Tokens", grid=_tokens(visit, user))]
    return _draw(visit, user, f"User {user}", blocks, refused=refused, secret=secret)


def _change(visit: Visit, user: str, typed: Mapping[str, str]) -> str:
    """Do one thing to a user's access; return a secret to show once, or nothing."""
    access = visit.state.doorman.access
    by, key = visit.who.user, typed.get("_key", "") or secrets.token_urlsafe(18)
    what = typed.get("_what", "")
    if what == "password":
        if user == by:
            address = visit.state.doorman.address(visit.request)
            access.sign_in(user, typed.get("current", ""), address=address)
        if typed.get("password", "") != typed.get("again", ""):
            message = "the two new passwords differ"
            raise Refused(rule="password", message=message)
        access.set_password(user, typed.get("password", ""), by=by, key=key)
        return ""
    if what == "token":
        days = typed.get("days", "")
        if not (days.isascii() and days.isdigit() and len(days) < 5):
            message = "days must be a whole number"
            raise Refused(rule="arguments", message=message)
        scopes = typed.get("scopes", "").replace(",", " ").split()
        return access.issue_token(
            user,
            name=typed.get("name", ""),
            scopes=scopes,
            days=int(days),
            by=by,
            key=key,
        )
    if what == "revoke":
        access.revoke_token(typed.get("token", ""), by=by, key=key)
        return ""
    if what == "identity":
        access.link_identity(
            user,
            issuer=typed.get("issuer", ""),
            identity=typed.get("identity", ""),
            by=by,
            key=key,
        )
        return ""
    message = f"there is nothing to do called {what[:40]!r}"
    raise NotFound(message)
