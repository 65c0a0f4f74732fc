# SPDX-License-Identifier: Apache-2.0
"""One page being asked for: who looks, what they may see, and how it is drawn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse

from oreserve.reserve import allows, roles_for
from oreserve.reserve._queries import views
from oreserve.web._registry import MAKERS, open_commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from oreserve.reserve import Actor
    from oreserve.web._doorman import Caller
    from oreserve.web._grids import Grid
    from oreserve.web._state import State

__all__ = ["Block", "Entry", "Offer", "Step", "Visit"]

MOST_ROWS = 2_000  # that one page draws; the rest is in the CSV
_DONE_DIGITS = 12

_MENU = (
    ("Overview", "/", ""),
    ("Stock", "/stock", "stock"),
    ("Lots", "/lots", "lots"),
    ("Contracts", "/contracts", "contracts"),
    ("Deliveries", "/deliveries", "deliveries"),
    ("Settlements", "/settlements", "settlements"),
    ("Materials plan", "/plans", "materials_plans"),
    ("Releases", "/releases", "releases"),
    ("Members", "/members", "members"),
    ("Audit", "/audit", "audit"),
    ("Users", "/users", "users"),
    ("All else", "/views", ""),
)


# Pages that lie under an entry of another name.
_UNDER = {
    "/ledger": "/audit",
    "/orders": "/contracts",
    "/plan-changes": "/plans",
    "/verify": "/audit",
    "/view": "/views",
}


@dataclass(frozen=True)
class Entry:
    """One figure or fact with its label."""

    label: str
    value: str
    note: str = ""
    href: str = ""
    none: bool = False


@dataclass(frozen=True)
class Offer:
    """One thing that the viewer may do here."""

    text: str
    href: str


@dataclass(frozen=True)
class Step:
    """One step of a procedure: done, now to do, or later."""

    state: str
    text: str


@dataclass(frozen=True)
class Block:
    """A part of a page, drawn in this order."""

    heading: str = ""
    lead: str = ""
    key: Sequence[Entry] = ()
    facts: Sequence[Entry] = ()
    steps: Sequence[Step] = ()
    svg: Markup | str = ""
    legend: str = ""
    twin: Grid | None = None
    filters: Sequence[Any] = ()
    grid: Grid | None = None
    pre: str = ""
    offers: Sequence[Offer] = ()
    note: str = ""


@dataclass(frozen=True)
class Visit:
    """A signed-in person on a page."""

    request: Request
    state: State
    caller: Caller
    _readable: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Note once which views the person may read."""
        seen = frozenset(view.name for view in self.state.reserve.query.views(self.who))
        object.__setattr__(self, "_readable", seen)

    @property
    def who(self) -> Actor:
        """Return who looks."""
        return self.caller.actor

    def reads(self, *names: str) -> bool:
        """Whether the person may read all these views."""
        return self._readable.issuperset(names)

    def may(self, command: str) -> bool:
        """Whether one of the person's roles may do this; the rules come on top."""
        return command in open_commands() and allows(self.who.roles, command)

    def rows(self, view: str, **where: object) -> list[dict[str, Any]]:
        """Return rows of a view, none if it is not shown to this person."""
        if not self.reads(view):
            return []
        found = self.state.reserve.query.rows(view, self.who, where=where)
        return list(itertools.islice(found, MOST_ROWS))

    def one(self, view: str, **key: object) -> dict[str, Any]:
        """Return one row; a thing that is not shown is not found."""
        return self.state.reserve.query.one(view, self.who, **key)

    def offer(
        self,
        command: str,
        text: str,
        *,
        version: int | None = None,
        back: str = "",
        **arguments: object,
    ) -> list[Offer]:
        """Return the offer to do something, or none if the person may not."""
        return self._offer(command, text, arguments, version=version, back=back)

    def _offer(
        self,
        command: str,
        text: str,
        arguments: Mapping[str, object],
        *,
        version: int | None = None,
        back: str = "",
    ) -> list[Offer]:
        if not self.may(command):
            return []
        known = open_commands()[command].arguments.model_fields
        given = {
            n: str(v) for n, v in arguments.items() if v is not None and n in known
        }
        extra: dict[str, str] = {}
        if version is not None:
            extra["_version"] = str(version)
        extra["_next"] = back or str(self.request.url.path)
        return [Offer(text, f"/do/{command}?{urlencode({**given, **extra})}")]

    def offer_page(self, action: str, text: str, href: str) -> list[Offer]:
        """Return the offer of a page that takes an action, or none."""
        return [Offer(text, href)] if allows(self.who.roles, action) else []

    def offers(
        self,
        kind: str,
        row: Mapping[str, Any],
        *,
        first: Sequence[str] = (),
        never: frozenset[str] = frozenset(),
    ) -> list[Offer]:
        """Return every command about a kind of thing that the person may give.

        Parameters
        ----------
        kind
            Kind of subject, such as `lot`.
        row
            The thing: its key fills the form, its version is what was seen.
        first
            Commands to name first.
        never
            Commands that make no sense in this state.
        """
        names = [
            n for n, what in open_commands().items() if what.kind == kind and what.names
        ]
        names.sort(key=lambda n: (first.index(n) if n in first else len(first), n))
        found: list[Offer] = []
        for name in names:
            what = open_commands()[name]
            columns = views()[what.table].key if what.table in views() else ()
            if name in never | MAKERS or len(columns) != len(what.names):
                continue
            given = {
                argument: row.get(column)
                for argument, column in zip(what.names, columns, strict=True)
            }
            found += self._offer(name, _words(name), given, version=row.get("version"))
        return found

    def who_may(self, command: str) -> str:
        """Say which roles may do something, for a button that is not there."""
        return " or ".join(roles_for(command)) or "nobody"

    def page(
        self,
        title: str,
        blocks: Sequence[Block] = (),
        *,
        template: str = "page.html.j2",
        trail: Sequence[tuple[str, str]] = (),
        status: int = 200,
        lead: str = "",
        **more: object,
    ) -> Response:
        """Draw a page."""
        text = self.state.templates.get_template(template).render(
            title=title,
            lead=lead,
            blocks=blocks,
            trail=trail,
            site=self.state,
            invented=self.state.settings.invented,
            person={
                "user": self.who.user,
                "member": self.who.member,
                "roles": sorted(self.who.roles),
            },
            csrf=self.caller.csrf,
            menu=self._menu(),
            here=_part(self.request.url.path),
            said=self._said(),
            **more,
        )
        return HTMLResponse(text, status_code=status)

    def _menu(self) -> list[dict[str, str]]:
        entries = [
            {"text": text, "href": href}
            for text, href, view in _MENU
            if not view or self.reads(view)
        ]
        if allows(self.who.roles, "import_excel"):
            entries.insert(-1, {"text": "Workbook", "href": "/upload"})
        return entries

    def _said(self) -> dict[str, str] | None:
        done = self.request.query_params.get("done", "")
        if not (done.isascii() and done.isdigit() and len(done) <= _DONE_DIGITS):
            return None
        return {
            "title": "Done",
            "text": f"Recorded as entry {done} of the audit trail.",
        }


def _part(path: str) -> str:
    """Return the entry of the menu that a path lies under."""
    first = "/" + path.split("/")[1]
    return _UNDER.get(first, first)


def _words(command: str) -> str:
    text = command.replace("_", " ")
    return text[:1].upper() + text[1:]
