# SPDX-License-Identifier: Apache-2.0
"""Verify a reserve: its chain, its ledger, and that replay gives the same state.

Every recorded command is executed again, at its recorded time, into an empty database
in memory. Result, effects and hash of each entry must come out the same, and at the
end every row of every business table. So a changed byte shows wherever it lies: in an
entry (its hash), in a posting or a row of state (the comparison), in an index or a page
of the file (SQLite's own check). Only a cut tail needs a head noted down elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from oreserve.errors import OreserveError
from oreserve.reserve._audit import START, Entry, Head, from_time_text, seal
from oreserve.reserve._book import RULES
from oreserve.reserve._commands import lookup, parse
from oreserve.reserve._database import connect, engine_in_memory, is_sqlite
from oreserve.reserve._errors import StoreError
from oreserve.reserve._guards import altered_columns, foreign_guards, missing_guards
from oreserve.reserve._schema import BUSINESS, metadata
from oreserve.reserve._statements import Statements, shape_of
from oreserve.reserve._unit import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

__all__ = ["Problem", "Verification", "verify"]

_FIELDS: Final = tuple(field.name for field in fields(Entry))
_BATCH: Final = 2000

# Whatever the state says, these must hold in the stored tables themselves.
_LEDGER_CHECKS: Final = (
    (
        "grams of a transaction sum to zero per item",
        (
            "SELECT txn, item, SUM(grams) FROM mass_postings GROUP BY txn, item "
            "HAVING SUM(grams) <> 0 ORDER BY txn, item LIMIT 1"
        ),
    ),
    (
        "a conversion gains no grams",
        (
            "SELECT txn, SUM(grams) FROM mass_postings WHERE account = 'conversion' "
            "GROUP BY txn HAVING SUM(grams) <> 0 ORDER BY txn LIMIT 1"
        ),
    ),
    (
        "cents of a transaction sum to zero",
        (
            "SELECT txn, SUM(cents) FROM money_postings GROUP BY txn "
            "HAVING SUM(cents) <> 0 ORDER BY txn LIMIT 1"
        ),
    ),
    (
        "a lot holds what was posted to it, in its own depot",
        (
            "SELECT l.lot, l.grams, COALESCE(p.grams, 0) FROM lots l LEFT JOIN "
            "(SELECT lot, account, SUM(grams) AS grams FROM mass_postings "
            "WHERE account LIKE 'depot:%' GROUP BY lot, account) p "
            "ON p.lot = l.lot AND p.account = 'depot:' || l.depot "
            "WHERE l.grams <> COALESCE(p.grams, 0) ORDER BY l.lot LIMIT 1"
        ),
    ),
    (
        "grams lie only in the depot that a lot names",
        (
            "SELECT p.lot, p.account, SUM(p.grams) FROM mass_postings p "
            "JOIN lots l ON l.lot = p.lot WHERE p.account LIKE 'depot:%' "
            "AND p.account <> 'depot:' || l.depot GROUP BY p.lot, p.account "
            "HAVING SUM(p.grams) <> 0 ORDER BY p.lot LIMIT 1"
        ),
    ),
    (
        "balances of mass are the sums of their postings",
        (
            "SELECT b.account, b.item, b.grams, p.grams FROM mass_balances b LEFT JOIN "
            "(SELECT account, item, SUM(grams) AS grams FROM mass_postings "
            "GROUP BY account, item) p ON p.account = b.account AND p.item = b.item "
            "WHERE b.grams <> COALESCE(p.grams, 0) ORDER BY b.account LIMIT 1"
        ),
    ),
    (
        "balances of money are the sums of their postings",
        (
            "SELECT b.account, b.cents, p.cents FROM money_balances b LEFT JOIN "
            "(SELECT account, SUM(cents) AS cents FROM money_postings "
            "GROUP BY account) p ON p.account = b.account "
            "WHERE b.cents <> COALESCE(p.cents, 0) ORDER BY b.account LIMIT 1"
        ),
    ),
)


@dataclass(frozen=True)
class Problem:
    """The first place where something does not agree.

    Parameters
    ----------
    check
        ``file``, ``guards``, ``chain``, ``head``, ``replay``, ``state`` or ``ledger``.
    where
        Entry, table and key.
    what
        What is there and what should be.
    """

    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what}"


@dataclass(frozen=True)
class Verification:
    """What a verification found.

    Parameters
    ----------
    ok
        Whether chain, ledger, replay and state agree.
    entries
        Audit entries read.
    transactions
        Transactions in the ledger.
    head
        The newest entry: note it down, a later verification can ask for it.
    problem
        The first place where something does not agree; None if all does.
    """

    ok: bool
    entries: int
    transactions: int
    head: Head
    problem: Problem | None

    def summary(self) -> str:
        """Say it in one paragraph."""
        if self.problem is not None:
            return f"NOT in order. {self.problem}"
        return (
            f"In order: {self.entries} entries and {self.transactions} transactions; "
            "chain, ledger, replay and state agree.\n"
            f"Head to note down: {self.head}"
        )


def verify(
    engine: Engine,
    *,
    expected_head: Head | None = None,
    progress: Callable[[int], None] | None = None,
) -> Verification:
    """Verify a reserve, reading one consistent state and writing nothing.

    Parameters
    ----------
    engine
        Where the reserve lies.
    expected_head
        An entry noted down earlier: it must still be there. Entries cut off the end
        leave a sound shorter chain, so only this notices them.
    progress
        Called with the number of entries replayed so far.

    Returns
    -------
    Verification
        Whether all agrees, or the first place where not.

    Raises
    ------
    StoreError
        If the database can't be reached or is locked: then nothing was verified.
    """
    run = _Run(engine, expected_head, progress)
    try:
        with connect(engine) as connection:
            run.check(connection)
    except (StoreError, sqlite3.Error, UnicodeDecodeError) as error:
        if _is_out_of_reach(error):
            raise  # nothing is known then: that is no finding
        run.problem = run.problem or Problem("file", "database", str(error))
    return Verification(
        run.problem is None, run.entries, run.transactions, run.head, run.problem
    )


def _is_out_of_reach(error: Exception) -> bool:
    """Whether a database could not be asked, rather than answered with damage."""
    cause: BaseException | None = error.__cause__
    cause = getattr(cause, "orig", None) or cause
    kinds = {kind.__name__ for kind in type(cause).__mro__}
    if kinds.isdisjoint({"OperationalError", "InterfaceError"}):
        return False
    # SQLite says so too where a table or a column was taken away.
    return not str(cause).startswith(("no such", "malformed", "integer overflow"))


class _Run:
    """One verification under way."""

    def __init__(
        self,
        engine: Engine,
        expected: Head | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.engine = engine
        self.sql = Statements(engine.dialect)
        self.expected = expected
        self.progress = progress
        self.entries = 0
        self.transactions = 0
        self.head = START
        self.problem: Problem | None = None

    def check(self, connection: Connection) -> None:
        """Run the checks in their order until one finds something."""
        self.problem = _file_problem(self.engine, connection)
        self.problem = self.problem or _guard_problem(connection)
        if self.problem is not None:
            return
        cursor = connection.connection.cursor()
        memory = engine_in_memory()
        try:
            with memory.connect() as copy:
                metadata.create_all(copy)
                self.problem = self._replay(cursor, Unit(copy, _memory_sql(memory)))
                self.problem = self.problem or self._head_problem()
                self.problem = self.problem or self._state_problem(cursor, copy)
        finally:
            memory.dispose()
        self.problem = self.problem or _ledger_problem(cursor)
        cursor.execute("SELECT COUNT(*) FROM transactions")
        self.transactions = int((cursor.fetchone() or (0,))[0])

    def _replay(self, cursor: Any, unit: Unit) -> Problem | None:
        """Check the chain entry by entry and execute each command again."""
        seen_expected = self.expected is None or self.expected == START
        for entry in self._stored(cursor):
            problem = self._chain_problem(entry) or _again(unit, entry)
            if problem is not None:
                return problem
            self.head = Head(entry.sequence, entry.hash)
            self.entries += 1
            if self.head == self.expected:
                seen_expected = True
            if self.progress is not None and self.entries % 100 == 0:
                self.progress(self.entries)
        if seen_expected:
            self.expected = None
        return None

    def _stored(self, cursor: Any) -> Iterator[Entry]:
        """Give the stored entries in order, a batch at a time."""
        text = self.sql.text(
            "entries",
            f"SELECT {self.sql.names(_FIELDS)} FROM audit "  # noqa: S608 - our own names
            "WHERE sequence > ? ORDER BY sequence LIMIT ?",
        )
        last = -(2**63)
        while True:
            cursor.execute(text, (last, _BATCH))
            rows = cursor.fetchall()
            if not rows:
                return
            for row in rows:
                yield Entry(*row)
            last = rows[-1][0]

    def _chain_problem(self, entry: Entry) -> Problem | None:
        """Return what breaks the chain at an entry."""
        where = f"entry {entry.sequence}"
        if entry.sequence != self.head.sequence + 1:
            what = f"entry {self.head.sequence + 1} is missing before it"
            return Problem("chain", where, what)
        if entry.previous != self.head.hash:
            what = f"it does not follow entry {self.head.sequence}"
            return Problem("chain", where, what)
        if seal(entry) != entry.hash:
            return Problem("chain", where, "its content does not match its hash")
        return None

    def _head_problem(self) -> Problem | None:
        """Return what is wrong if the entry noted down is not in the chain."""
        if self.expected is None:
            return None
        what = f"the chain ends at {self.head.sequence} and does not hold this entry"
        return Problem("head", f"entry {self.expected.sequence} noted down", what)

    def _state_problem(self, cursor: Any, copy: Connection) -> Problem | None:
        """Return the first row that differs between store and replay."""
        again = copy.connection.cursor()
        memory_sql = Statements(copy.dialect)
        for table in BUSINESS:
            cursor.execute(self.sql.select(table.name, ()))
            again.execute(memory_sql.select(table.name, ()))
            rows = zip_longest(_in_batches(cursor), _in_batches(again))
            for stored, replayed in rows:
                if stored != replayed:
                    return _difference(table.name, stored, replayed)
        return None


def _in_batches(cursor: Any) -> Iterator[tuple[Any, ...]]:
    """Give a cursor's rows as plain tuples without holding all at once."""
    while rows := cursor.fetchmany(_BATCH):
        for row in rows:
            yield tuple(row)


def _memory_sql(memory: Engine) -> Statements:
    return Statements(memory.dialect)


def _again(unit: Unit, entry: Entry) -> Problem | None:
    """Execute an entry's command again and compare what it leaves."""
    where = f"entry {entry.sequence} ({entry.command})"
    try:
        what = lookup(entry.command)
        given, arguments = parse(what, json.loads(entry.arguments), again=True)
        actor = unit.actor(entry.actor)
        recorded = Entry(
            sequence=entry.sequence,
            at=entry.at,
            actor=entry.actor,
            roles=",".join(sorted(actor.roles)),
            command=what.name,
            subject=None,
            reason=entry.reason,
            key=entry.key,
            arguments=arguments,
            result="",
            effects="",
            previous=entry.previous,
        )
        at, rules = from_time_text(entry.at), _rules_of(entry)
        again, _ = unit.run(what, given, recorded, at, actor, rules=rules)
    except (OreserveError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        return Problem("replay", where, f"it cannot be executed again: {error}")
    if again.hash == entry.hash:
        return None
    for name in _FIELDS:
        stored, replayed = getattr(entry, name), getattr(again, name)
        if stored != replayed:
            what_differs = f"{name} is {stored!r}, executed again {replayed!r}"
            return Problem("replay", where, what_differs)
    return None


def _rules_of(entry: Entry) -> int:
    """Return the edition of the rules by which an entry ran."""
    said = json.loads(entry.effects)
    rules = said.get("rules", 1) if isinstance(said, dict) else None
    if type(rules) is not int or not 1 <= rules <= RULES:
        message = f"it ran by rules of edition {rules!r}; this program knows 1-{RULES}"
        raise ValueError(message)
    return rules


def _difference(
    table: str, stored: tuple[Any, ...] | None, replayed: tuple[Any, ...] | None
) -> Problem:
    """Name the first column in which a stored row differs from its replay."""
    shape = shape_of(table)
    places = [shape.columns.index(name) for name in shape.key]
    # Both sides come in the order of the key: the smaller one has no partner.
    keys = [
        None if row is None else tuple(row[at] for at in places)
        for row in (stored, replayed)
    ]
    one_key, other_key = keys
    first = min(key for key in keys if key is not None)
    where = f"{table} {', '.join(str(part) for part in first)}"
    if one_key is None or stored is None or one_key != first:
        return Problem("state", where, "the row is missing; replay has it")
    if other_key is None or replayed is None or other_key != first:
        return Problem("state", where, "the row is in no command; replay has none")
    for name, one, other in zip(shape.columns, stored, replayed, strict=True):
        if one != other:
            return Problem(
                "state", where, f"{name} is stored as {one!r}, replay gives {other!r}"
            )
    return Problem("state", where, "the rows differ")


def _file_problem(engine: Engine, connection: Connection) -> Problem | None:
    """Return what SQLite's own check of pages, indexes and references finds."""
    if not is_sqlite(engine):
        return None
    found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        return Problem("file", "database", str(found[0]))
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        return Problem("file", f"{row[0]} row {row[1]}", f"refers to no {row[2]}")
    return None


def _guard_problem(connection: Connection) -> Problem | None:
    """Return the first trigger that is missing or altered."""
    for name in missing_guards(connection):
        return Problem("guards", name, "this trigger is missing, altered or disabled")
    for name in foreign_guards(connection):
        return Problem("guards", name, "this trigger is none of the reserve's")
    for told in altered_columns(connection):
        return Problem("guards", "tables", told)
    return None


def _ledger_problem(cursor: Any) -> Problem | None:
    """Return the first place where the stored ledger does not add up."""
    for rule, text in _LEDGER_CHECKS:
        cursor.execute(text)
        row = cursor.fetchone()
        if row is not None:
            told = ", ".join(str(value) for value in row)
            return Problem("ledger", told, f"this must hold: {rule}")
    return None
