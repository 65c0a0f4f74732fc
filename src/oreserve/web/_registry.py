# SPDX-License-Identifier: Apache-2.0
"""Commands that are open to forms and to the API.

A few commands only record what happens beside the ledger (a password was set, a token
issued): given alone they would say what is not so, so they have pages of their own.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from oreserve.reserve import NotFound, commands
from oreserve.reserve._queries import views

if TYPE_CHECKING:
    from oreserve.reserve import Actor, Command, Reserve

__all__ = ["BESIDE", "MAKERS", "hushed", "open_commands"]

BESIDE: Final = frozenset(
    {"found_reserve", "set_password", "issue_token", "revoke_token", "link_identity"}
)


MAKERS: Final = frozenset(
    {
        "add_depot",
        "add_index_series",
        "add_owner",
        "add_producer",
        "add_user",
        "admit_member",
        "appropriate",
        "draft_contract",
        "draft_materials_plan",
        "set_trigger",
    }
)
"""Commands whose caller names the thing that they make: the name is typed."""


def hushed(refused: NotFound, name: str, who: Actor, reserve: Reserve) -> NotFound:
    """Return why a thing was not found, without a name that the caller may not read."""
    table = open_commands()[name].table
    readable = {view.name for view in reserve.query.views(who)}
    if table not in views() or table in readable:
        return refused
    return NotFound(f"there is no such thing, or {who.user} may not see it")


@cache
def open_commands() -> dict[str, Command]:
    """Return the commands that anybody with the role may give, sorted by name."""
    return {name: what for name, what in commands().items() if name not in BESIDE}
