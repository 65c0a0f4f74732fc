# SPDX-License-Identifier: Apache-2.0
"""The registry of commands: every state change is one function in it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from oreserve.reserve._audit import canonical
from oreserve.reserve._book import Book
from oreserve.reserve._errors import NotFound, Refused
from oreserve.reserve._schema import metadata
from oreserve.reserve._statements import shape_of
from oreserve.reserve._values import check_seen
from oreserve.reserve._wording import problem_of
from oreserve.tables import nearest

if TYPE_CHECKING:
    from oreserve.reserve._values import Arguments

__all__ = [
    "Command",
    "Reverser",
    "command",
    "commands",
    "guard",
    "guard_of",
    "load",
    "lookup",
    "parse",
    "reverser",
    "reversers",
]

MOST_ARGUMENTS: Final = 100
"""Arguments that a command is given at most; none has as many."""

MOST_PROBLEMS: Final = 20
"""Problems that a refusal lists."""

LONGEST_TOLD: Final = 300
"""Signs that a refusal tells of one place or one problem."""

Run = Callable[[Book, Any], dict[str, object]]
Reverser = Callable[[Book, dict[str, Any]], None]
Guard = Callable[[Book, Any], None]

_MODULES: Final = (
    "_parties",
    "_lots",
    "_working",
    "_appropriations",
    "_qualifications",
    "_contracts",
    "_index",
    "_orders",
    "_price_adjustment",
    "_deliveries",
    "_delivery_reversals",
    "_settlements",
    "_strategic",
    "_industrial",
    "_duties",
    "_carry",
    "_triggers",
    "_release",
    "_shipping",
)

# Kinds of subject whose table is not named after them; others add an s, or turn y
# into ies.
_TABLES: Final = {
    "txn": "transactions",
    "series": "index_series",
    "terms": "industrial_terms",
    "carry": "carry_charges",
    "switch": "switches",
    "reserve": "meta",
}


def _table_of(kind: str) -> str:
    """Return the table that holds a kind of subject.

    Raises
    ------
    ValueError
        If there is none.
    """
    plural = kind[:-1] + "ies" if kind.endswith("y") else kind + "s"
    table = _TABLES.get(kind, plural)
    if table not in metadata.tables:
        message = f"subject kind {kind!r}: there is no table {table}"
        raise ValueError(message)
    return table


@dataclass(frozen=True)
class Command:
    """One command.

    Parameters
    ----------
    name
        As callers give it; also the action in ``reserve_roles.csv``.
    run
        The function.
    arguments
        Model of its arguments.
    kind
        Kind of the thing it changes, such as ``lot``.
    names
        Arguments that hold its key; empty if the command makes the thing.
    help
        The function's docstring.
    """

    name: str
    run: Run
    arguments: type[Arguments]
    kind: str
    names: tuple[str, ...]
    help: str

    @property
    def table(self) -> str:
        """Table of the thing that it changes."""
        return _table_of(self.kind)

    @property
    def summary(self) -> str:
        """First line of its help."""
        return self.help.splitlines()[0]

    def key(self, given: Arguments) -> dict[str, Any] | None:
        """Return the key of the row that the command changes; None if it is new."""
        if not self.names:
            return None
        columns = shape_of(self.table).key
        return {
            column: getattr(given, name)
            for column, name in zip(columns, self.names, strict=True)
        }

    def subject(self, given: Arguments, result: Mapping[str, object]) -> str | None:
        """Return what the audit entry is about, such as ``lot:LOT-000012``."""
        if self.names:
            parts = [str(getattr(given, name)) for name in self.names]
        else:
            parts = [str(result[c]) for c in shape_of(self.table).key if c in result]
        return f"{self.kind}:{'/'.join(parts)}" if parts else None


_COMMANDS: Final[dict[str, Command]] = {}
_REVERSERS: Final[dict[str, Reverser]] = {}
_GUARDS: Final[dict[str, Guard]] = {}


def command(
    name: str, *, subject: tuple[str, str | tuple[str, ...] | None]
) -> Callable[[Run], Run]:
    """Register a function as a command.

    Parameters
    ----------
    name
        As callers give it; a row of ``reserve_roles.csv`` says who may.
    subject
        Kind of thing it changes, and the argument that holds its key (a tuple for a
        key of several columns, in their order); None if the command makes the thing:
        then the result names it under the name of its key column.

    Returns
    -------
    Callable
        The decorator. The function takes the book and an argument annotated
        ``given: SomeArguments``; its docstring is the help.

    Raises
    ------
    ValueError
        If the name is taken, the kind unknown or the docstring missing.
    """
    kind, keys = subject
    _table_of(kind)
    names = (keys,) if isinstance(keys, str) else (keys or ())

    def register(run: Run) -> Run:
        before = _COMMANDS.get(name)
        taken = before is not None and before.run.__module__ != run.__module__
        if taken or not run.__doc__:
            message = f"command {name} is registered already or has no docstring"
            raise ValueError(message)
        arguments = run.__annotations__["given"]
        if isinstance(arguments, str):
            arguments = run.__globals__[arguments]
        _COMMANDS[name] = Command(name, run, arguments, kind, names, run.__doc__)
        return run

    return register


def guard(*names: str) -> Callable[[Guard], Guard]:
    """Register who may command what, beyond the role: whose thing it is.

    The function gets the book and the arguments before the version and the state of
    anything are looked at, so that a refusal says nothing about another's things. It
    only refuses, and replay asks it nothing.
    """

    def register(check: Guard) -> Guard:
        for name in names:
            before = _GUARDS.get(name)
            if before is not None and before.__module__ != check.__module__:
                message = f"command {name} has a guard already"
                raise ValueError(message)
            _GUARDS[name] = check
        return check

    return register


def guard_of(name: str) -> Guard | None:
    """Return what is asked before a command looks at anything, or None."""
    load()
    return _GUARDS.get(name)


def reverser(kind: str) -> Callable[[Reverser], Reverser]:
    """Register how a kind of transaction is taken back.

    The function gets the book and the transaction's row, before the reversed postings
    are written, and restores the state beside the ledger; grams of lots follow the
    postings by themselves. A kind without a reverser can't be reversed.
    """

    def register(run: Reverser) -> Reverser:
        before = _REVERSERS.get(kind)
        if before is not None and before.__module__ != run.__module__:
            message = f"kind {kind} has a reverser already"
            raise ValueError(message)
        _REVERSERS[kind] = run
        return run

    return register


@cache
def load() -> None:
    """Import every module of commands, once."""
    for name in _MODULES:
        importlib.import_module(f"oreserve.reserve.{name}")


def commands() -> dict[str, Command]:
    """Return every command by name, sorted."""
    load()
    return dict(sorted(_COMMANDS.items()))


def reversers() -> dict[str, Reverser]:
    """Return how each kind of transaction is taken back."""
    load()
    return _REVERSERS


def lookup(name: str) -> Command:
    """Return a command by name.

    Raises
    ------
    NotFound
        If there is none; the message names the nearest.
    """
    load()
    found = _COMMANDS.get(name)
    if found is None:
        near = nearest(name, sorted(_COMMANDS))
        hint = f"; nearest: {near!r}" if near else ""
        message = f"there is no command {name!r}{hint}"
        raise NotFound(message, [near] if near else None)
    return found


def parse(
    what: Command, arguments: Mapping[str, Any], *, again: bool = False
) -> tuple[Arguments, str]:
    """Check arguments and return them with their canonical JSON.

    Parameters
    ----------
    what, arguments
        The command and what it is given.
    again
        Whether they were recorded before: rules on texts that came later do not count.

    Raises
    ------
    Refused
        Rule ``arguments``; the message lists the problems, the first 20 if there
        are more.
    """
    known = list(what.arguments.model_fields)
    if len(arguments) > MOST_ARGUMENTS:
        message = f"{what.name}: {len(arguments)} arguments are given"
        told = f"{message}. Arguments: {', '.join(known) or 'none'}"
        raise Refused(rule="arguments", message=told, allowed=known)
    try:
        if not again:
            check_seen(arguments)
        given = what.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        problems = [
            {"argument": _place(e["loc"]), "problem": problem_of(e)[:LONGEST_TOLD]}
            for e in error.errors(include_url=False)
        ]
        more = len(problems) - MOST_PROBLEMS
        problems = problems[:MOST_PROBLEMS]
        told = "; ".join(
            f"{p['argument']}: {p['problem']}" if p["argument"] else p["problem"]
            for p in problems
        )
        told += f"; and {more} more" if more > 0 else ""
        message = f"{what.name}: {told}. Arguments: {', '.join(known) or 'none'}"
        raise Refused(rule="arguments", message=message, allowed=problems) from None
    except ValueError as error:
        raise Refused(rule="arguments", message=f"{what.name}: {error}") from None
    return given, canonical(given.model_dump(mode="json"))


def _place(parts: Iterable[object]) -> str:
    """Return where in the arguments something is wrong, cut if it is very long."""
    return ".".join(str(part)[:LONGEST_TOLD] for part in parts)[:LONGEST_TOLD]
