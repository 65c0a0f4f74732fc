# SPDX-License-Identifier: Apache-2.0
"""The sheets of a workbook and their columns, from the commands that read them.

One sheet stands for one command, and its columns for the command's arguments, so the
template, the reading and the messages say the same as the command does. People count
in tonnes and USD: an argument in grams or cents is a column in t or USD, which must
be exact to the gram and the cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from oreserve.reserve._commands import lookup
from oreserve.reserve._contracts import BY_WORD

__all__ = ["SHEETS", "Sheet", "SheetColumn", "sheets"]

SHEETS: Final = {
    "lots": "receive_lot",
    "contracts": "draft_contract",
    "deliveries": "record_delivery",
}
"""Sheet to the command that each of its rows is."""

_NAMED_IN: Final = {
    "item": "items",
    "depot": "depots",
    "owner": "owners",
    "producer": "producers",
    "series": "index_series",
    "delivery": "deliveries",
}
"""Arguments that name a thing of a table."""

_SPELLED: Final = (
    ("cents_per_t", "usd_per_t", "USD per t"),
    ("cents", "usd", "USD"),
    ("grams", "tonnes", "t"),
)
"""Endings of arguments, what a sheet calls them, and the unit there."""

_WORDS: Final = {"rung": BY_WORD}
"""Words of arguments that the command itself checks."""

_MADE: Final = {"draft_contract": {"contract"}}  # named by the row itself
_DAY: Final = r"^\d{4}-\d{2}-\d{2}$"


@dataclass(frozen=True)
class SheetColumn:
    """A column of a sheet.

    Parameters
    ----------
    name
        Name in the sheet.
    argument
        Argument of the command.
    kind
        text, exact (a decimal that is never rounded), number, integer, boolean, date.
    required
        Whether a row needs a value.
    unit
        Unit in the sheet; empty: none.
    allowed
        Closed list of words; empty: open.
    table
        Table of the reserve that must have the thing named; empty: none.
    meaning
        One line for people.
    """

    name: str
    argument: str
    kind: str
    required: bool
    unit: str
    allowed: tuple[str, ...]
    table: str
    meaning: str


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, the command of its rows, and its columns in order."""

    name: str
    command: str
    summary: str
    columns: tuple[SheetColumn, ...]


@cache
def sheets() -> dict[str, Sheet]:
    """Return the sheets by name, in their order."""
    return {name: _sheet(name, command) for name, command in SHEETS.items()}


def _sheet(name: str, command: str) -> Sheet:
    what = lookup(command)
    schema = what.arguments.model_json_schema()
    needed = set(schema.get("required", ()))
    columns = [
        _column(argument, facts, required=argument in needed, command=command)
        for argument, facts in schema["properties"].items()
    ]
    # The row's own name comes first, then what every row needs, else as it was.
    made = _MADE.get(command, ())
    columns.sort(key=lambda one: (one.argument not in made, not one.required))
    return Sheet(name, command, what.summary, tuple(columns))


def _column(
    argument: str, facts: dict[str, Any], *, required: bool, command: str
) -> SheetColumn:
    kind = next(one for one in facts.get("anyOf", [facts]) if one.get("type") != "null")
    words = tuple(str(w) for w in kind.get("enum", _WORDS.get(argument, ())))
    named = "" if argument in _MADE.get(command, ()) else _NAMED_IN.get(argument, "")
    name, unit = argument, ""
    for ending, spelled, spelled_unit in _SPELLED:
        if argument == ending or argument.endswith(f"_{ending}"):
            name, unit = argument.removesuffix(ending) + spelled, spelled_unit
            break
    meaning = facts.get("description") or kind.get("description") or ""
    if unit:
        meaning = _without_unit(meaning)
    return SheetColumn(
        name=name,
        argument=argument,
        kind="exact" if unit else _kind(kind),
        required=required,
        unit=unit or _unit(argument, kind),
        allowed=words,
        table=named,
        meaning=meaning,
    )


def _kind(facts: dict[str, Any]) -> str:
    if facts.get("pattern") == _DAY:
        return "date"
    return {"string": "text"}.get(facts["type"], str(facts["type"]))


def _unit(argument: str, facts: dict[str, Any]) -> str:
    if facts.get("pattern") == _DAY:
        return "YYYY-MM-DD"
    if argument.endswith("_days"):
        return "days"
    if argument.endswith("_share_per_day"):
        return "share per day"
    return "share, 0-1" if facts.get("type") == "number" else ""


def _without_unit(meaning: str) -> str:
    """Drop the unit of the argument: the sheet has another."""
    for unit in (", US cents per t", ", US cents", ", cents", ", g"):
        meaning = meaning.replace(unit, "")
    return meaning
