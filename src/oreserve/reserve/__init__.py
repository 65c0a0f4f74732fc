# SPDX-License-Identifier: Apache-2.0
"""The operated reserve: lots, contracts, releases and a ledger of grams and cents.

Everything that changes goes through a command; see `Reserve.execute`.

Examples
--------
>>> import tempfile, pathlib
>>> folder = tempfile.TemporaryDirectory()
>>> file = pathlib.Path(folder.name) / "reserve.db"
>>> from oreserve import reserve
>>> with reserve.create(file, name="Test", administrator="ada") as store:
...     receipt = store.execute(
...         "add_depot",
...         {"depot": "D1", "name": "Depot one", "country": "USA"},
...         actor="ada",
...         reason="first depot",
...         key="k1",
...     )
>>> receipt.sequence, receipt.result
(2, {'depot': 'D1'})
>>> folder.cleanup()
"""

from __future__ import annotations

from oreserve.errors import InputError

try:
    import pydantic as _pydantic
    import sqlalchemy as _sqlalchemy
except ModuleNotFoundError as _error:
    _message = (
        f"the operated reserve needs {_error.name}: pip install 'oreserve[server]'"
    )
    raise InputError(_message) from None

from oreserve.reserve._access import SCOPES, Session, SignedIn, TokenUse
from oreserve.reserve._audit import Entry, Head
from oreserve.reserve._book import Actor, Book
from oreserve.reserve._commands import Command, command, commands, reverser
from oreserve.reserve._errors import (
    CommandError,
    LedgerError,
    NotFound,
    Refused,
    StoreError,
)
from oreserve.reserve._ledger import Mass, Money, cost_of, part_of, spread
from oreserve.reserve._replay import Problem, Verification
from oreserve.reserve._reserve import Reserve
from oreserve.reserve._reserve import create_reserve as create
from oreserve.reserve._reserve import migrate_reserve as migrate
from oreserve.reserve._reserve import open_reserve as open  # noqa: A004 - reserve.open
from oreserve.reserve._reserve import restore_reserve as restore
from oreserve.reserve._roles import ROLES, actions, allows, roles_for
from oreserve.reserve._unit import Receipt, Request
from oreserve.reserve._values import Arguments

del _pydantic, _sqlalchemy

__all__ = [
    "ROLES",
    "SCOPES",
    "Actor",
    "Arguments",
    "Book",
    "Command",
    "CommandError",
    "Entry",
    "Head",
    "LedgerError",
    "Mass",
    "Money",
    "NotFound",
    "Problem",
    "Receipt",
    "Refused",
    "Request",
    "Reserve",
    "Session",
    "SignedIn",
    "StoreError",
    "TokenUse",
    "Verification",
    "actions",
    "allows",
    "command",
    "commands",
    "cost_of",
    "create",
    "migrate",
    "open",
    "part_of",
    "restore",
    "reverser",
    "roles_for",
    "spread",
]
