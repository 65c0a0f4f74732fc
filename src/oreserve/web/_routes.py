# SPDX-License-Identifier: Apache-2.0
"""Which page lies at which address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.web import (
    _pages_audit,
    _pages_contracts,
    _pages_members,
    _pages_plans,
    _pages_release,
    _pages_settlements,
    _pages_stock,
    _pages_users,
    _pages_views,
)
from oreserve.web._about import description, verified
from oreserve.web._do import do_page, perform
from oreserve.web._state import state_of
from oreserve.web._visit import Block, Entry, Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["add_pages", "visit_of"]

# Address -> the page, and the view without which it shows nothing.
_PAGES: dict[str, tuple[Callable[..., Response], str]] = {
    "/": (_pages_stock.overview, ""),
    "/stock": (_pages_stock.stock_page, "stock"),
    "/stock/{item}": (_pages_stock.item_page, "items"),
    "/lots": (_pages_stock.lots_page, "lots"),
    "/lots/{lot}": (_pages_stock.lot_page, "lots"),
    "/contracts": (_pages_contracts.contracts_page, "contracts"),
    "/contracts/{contract}": (_pages_contracts.contract_page, "contracts"),
    "/orders/{order_id}": (_pages_contracts.order_page, "orders"),
    "/deliveries": (_pages_contracts.deliveries_page, "deliveries"),
    "/deliveries/{delivery}": (_pages_contracts.delivery_page, "deliveries"),
    "/settlements": (_pages_settlements.settlements_page, "settlements"),
    "/settlements/{contract}/{quarter}": (
        _pages_settlements.settlement_page,
        "settlements",
    ),
    "/plans": (_pages_plans.plans_page, "materials_plans"),
    "/plans/{year}": (_pages_plans.plan_page, "materials_plans"),
    "/plan-changes/{change}": (_pages_plans.plan_change_page, "plan_changes"),
    "/releases": (_pages_release.releases_page, "releases"),
    "/releases/{release_id}": (_pages_release.release_page, "releases"),
    "/members": (_pages_members.members_page, "members"),
    "/members/{member}": (_pages_members.member_page, "members"),
    "/audit": (_pages_audit.audit_page, "audit"),
    "/audit/{sequence}": (_pages_audit.entry_page, "audit"),
    "/ledger/{txn}": (_pages_audit.txn_page, "transactions"),
    "/users": (_pages_users.users_page, "users"),
    "/users/{user}": (_pages_users.user_page, "users"),
    "/account": (_pages_users.account_page, ""),
    "/views": (_pages_views.views_page, ""),
    "/view/{name}": (_pages_views.view_page, ""),
}


def add_pages(app: FastAPI) -> None:
    """Add every page."""
    for path, (page, view) in _PAGES.items():
        app.add_route(path, _shown(page, view), methods=["GET"])
    app.add_route("/view/{name}/{key:path}", _row, methods=["GET"])
    app.add_route("/do/{command}", _do_form, methods=["GET"])
    app.add_route("/verify", _verify, methods=["GET"])
    app.add_route("/api", _api, methods=["GET"])
    app.add_route("/do/{command}", _do, methods=["POST"])
    app.add_route("/access", _pages_users.change_access, methods=["POST"])


def visit_of(request: Request) -> Visit:
    """Return the visit of a signed-in person; call it in a thread."""
    state = state_of(request)
    return Visit(request, state, state.doorman.person(request))


def _shown(page: Callable[..., Response], view: str) -> Any:
    def show(request: Request) -> Response:
        visit = visit_of(request)
        if view:  # refuses whom the view is not shown to
            visit.state.reserve.query.columns(view, visit.who)
        return page(visit, **request.path_params)

    return show


def _row(request: Request) -> Response:
    parts = request.path_params["key"].split("/")
    return _pages_views.row_page(visit_of(request), request.path_params["name"], parts)


def _do_form(request: Request) -> Response:
    return do_page(visit_of(request), request.path_params["command"])


async def _do(request: Request) -> Response:
    state = state_of(request)
    caller, typed = await state.doorman.form(request)
    visit = Visit(request, state, caller)
    return await perform(visit, request.path_params["command"], typed)


def _api(request: Request) -> Response:
    visit = visit_of(request)
    return _pages_views.api_page(visit, description(visit.state))


def _verify(request: Request) -> Response:
    visit = visit_of(request)
    found = verified(visit.state, visit.who)
    problem = found["problem"]
    head = found["head"]
    key = [
        Entry("Result", "All agrees" if found["ok"] else "Not in order"),
        Entry("Entries replayed", str(found["entries"])),
        Entry("Transactions", str(found["transactions"])),
    ]
    facts = [Entry("Newest entry", f"{head['sequence']}:{head['hash']}")]
    if problem:
        facts.append(
            Entry(
                "First place",
                f"{problem['check']}: {problem['where']}: {problem['what']}",
            )
        )
    note = (
        "Every command was carried out again into an empty database, and each row, "
        "balance and hash compared. Only entries cut off the end stay unseen, unless "
        "the newest entry was written down elsewhere."
    )
    return visit.page(
        "Verification",
        [Block(key=key, facts=facts, note=note)],
        trail=[("Audit trail", "/audit")],
    )
