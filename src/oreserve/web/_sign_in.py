# SPDX-License-Identifier: Apache-2.0
"""Signing in and out: by password, or through the organisation's provider.

A session gets a new name at every sign-in, so a cookie that somebody planted before
is worth nothing afterwards. The form itself is tied to the browser by a cookie of its
own: nobody can sign a browser in under another name.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from oreserve.reserve import Refused
from oreserve.web._do import local_path
from oreserve.web._doorman import check_csrf, check_origin, csrf_of, texts_of
from oreserve.web._oidc import Pending
from oreserve.web._problems import Problem
from oreserve.web._state import state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

    from oreserve.web._state import State

__all__ = ["add_sign_in"]

PENDING_S = 600
LONGEST = 1_000  # of a name or password
_WRONG = "The user or the password is wrong."


def add_sign_in(app: FastAPI) -> None:
    """Add the routes of signing in and out."""
    for path, endpoint, method in (
        ("/sign-in", _form, "GET"),
        ("/sign-in", _sign_in, "POST"),
        ("/sign-out", _sign_out, "POST"),
        ("/sign-in/elsewhere", _elsewhere, "GET"),
        ("/sign-in/back", _back, "GET"),
    ):
        app.add_route(path, endpoint, methods=[method])


async def _form(request: Request) -> Response:
    return _draw(request, local_path(request.query_params.get("next", "/")))


def _draw(
    request: Request,
    way_on: str,
    *,
    user: str = "",
    problem: Problem | None = None,
) -> Response:
    state = state_of(request)
    visit = request.cookies.get(state.doorman.visit_cookie) or secrets.token_urlsafe(24)
    text = state.templates.get_template("sign_in.html.j2").render(
        title="Sign in",
        site=state,
        invented=state.settings.invented,
        person=None,
        csrf=csrf_of(visit),
        next=way_on,
        user=user,
        provider=state.settings.provider.name if state.settings.provider else "",
        refusal={"title": "Not signed in", "message": problem.detail}
        if problem is not None
        else None,
    )
    status = 200 if problem is None else problem.status_code
    headers = None if problem is None else problem.headers
    response = HTMLResponse(text, status_code=status, headers=headers)
    state.doorman.set_cookie(response, state.doorman.visit_cookie, visit)
    return response


async def _sign_in(request: Request) -> Response:
    state = state_of(request)
    typed = await texts_of(request)
    way_on = local_path(typed.get("_next", "/"))
    user = typed.get("user", "").strip()
    password = typed.get("password", "")
    visit = request.cookies.get(state.doorman.visit_cookie, "")
    try:
        _check_browser(request, visit, typed)
        address = state.doorman.address(request)
        secret = await anyio.to_thread.run_sync(
            partial(state.doorman.sign_in, user, password, address),
            limiter=state.doorman.few,
        )
        old = request.cookies.get(state.doorman.cookie)
        if old:  # the session that came along ends here
            await run_in_threadpool(state.doorman.sign_out, old)
    except (Problem, Refused) as error:
        return _draw(request, way_on, user=user[:LONGEST], problem=_told(error))
    return _welcome(state, secret, way_on)


def _check_browser(request: Request, visit: str, typed: Mapping[str, str]) -> None:
    """Refuse a form that this browser did not get from here, and endless texts."""
    if not visit:
        detail = "Your browser did not send its cookie; try again."
        raise Problem(403, "csrf", detail)
    check_csrf(csrf_of(visit), typed.get("_csrf", ""))
    check_origin(request)
    if max(len(typed.get("user", "")), len(typed.get("password", ""))) > LONGEST:
        raise Problem(401, "sign_in", _WRONG)


def _told(error: Problem | Refused) -> Problem:
    """Say a refusal in words that do not tell whether the user exists."""
    if isinstance(error, Problem):
        return error
    if error.rule == "locked" and isinstance(error.allowed, dict):
        seconds = int(error.allowed["seconds"])
        return Problem(
            429,
            "locked",
            f"Too many failed attempts to sign in. Try again in {seconds} s.",
            allowed=error.allowed,
            headers={"retry-after": str(seconds)},
        )
    return Problem(error.status, error.rule, _WRONG)


def _welcome(state: State, secret: str, way_on: str) -> Response:
    """Send a person on with a new session."""
    response = RedirectResponse(way_on, 303)
    state.doorman.set_cookie(response, state.doorman.cookie, secret)
    response.delete_cookie(
        state.doorman.visit_cookie,
        path="/",
        secure=state.settings.secure,
        httponly=True,
    )
    return response


async def _sign_out(request: Request) -> Response:
    state = state_of(request)
    await state.doorman.form(request)
    secret = request.cookies.get(state.doorman.cookie, "")
    await run_in_threadpool(state.doorman.sign_out, secret)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(
        state.doorman.cookie, path="/", secure=state.settings.secure, httponly=True
    )
    return response


def _redirect_uri(state: State) -> str:
    """Return where the provider sends people back to; never what a client says."""
    return f"{state.settings.base_url.rstrip('/')}/sign-in/back"


def _elsewhere(request: Request) -> Response:
    state = state_of(request)
    if state.elsewhere is None:
        raise Problem(404, "not_found", "No identity provider is set up here.")
    address, pending = state.elsewhere.begin(_redirect_uri(state))
    response = RedirectResponse(address, 303)
    state.doorman.set_cookie(
        response,
        f"{state.doorman.visit_cookie}-oidc",
        pending.text(),
        max_age=PENDING_S,
    )
    return response


def _back(request: Request) -> Response:
    state = state_of(request)
    if state.elsewhere is None:
        raise Problem(404, "not_found", "No identity provider is set up here.")
    cookie = f"{state.doorman.visit_cookie}-oidc"
    pending = Pending.read(request.cookies.get(cookie, ""))
    try:
        identity = state.elsewhere.finish(
            request.query_params, pending, _redirect_uri(state)
        )
        secret = state.doorman.sign_in_as(identity)
        old = request.cookies.get(state.doorman.cookie)
        if old:  # the session that came along ends here
            state.doorman.sign_out(old)
    except (Problem, Refused) as error:
        response = _draw(request, "/", problem=_told(error))
    else:
        response = _welcome(state, secret, "/")
    response.delete_cookie(
        cookie, path="/", secure=state.settings.secure, httponly=True
    )
    return response
