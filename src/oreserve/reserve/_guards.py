# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S608 - names and texts are our own constants
"""Triggers by which the database itself guards audit and ledger.

- Rows of audit, transactions and postings are never changed, deleted or replaced.
- A transaction seals its postings: it is written last, only if they balance, and no
  posting is added after it.

Whoever owns the database can drop a trigger; verify says that it is gone. A revision
that changes one drops it and makes it anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import CheckConstraint, inspect

from oreserve.reserve._schema import APPEND_ONLY, SEALED, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "altered_columns",
    "foreign_guards",
    "guard_statements",
    "missing_guards",
    "set_guards",
]

_ITEMS: Final = (
    "SELECT 1 FROM mass_postings WHERE txn = NEW.txn GROUP BY item "
    "HAVING SUM(grams) <> 0"
)
_CONVERSION: Final = (
    "SELECT 1 FROM mass_postings WHERE txn = NEW.txn AND account = 'conversion' "
    "GROUP BY txn HAVING SUM(grams) <> 0"
)
_CENTS: Final = (
    "SELECT 1 FROM money_postings WHERE txn = NEW.txn GROUP BY txn "
    "HAVING SUM(cents) <> 0"
)
_BALANCE: Final = (
    (_ITEMS, "the grams of an item do not sum to zero"),
    (_CONVERSION, "a conversion gains or loses grams"),
    (_CENTS, "the cents do not sum to zero"),
)
_REPLACED: Final = (("audit", "sequence"), ("transactions", "txn"))


def _sqlite() -> dict[str, str]:
    """Return SQLite's triggers by name."""
    made: dict[str, str] = {}
    for table in APPEND_ONLY:
        for event in ("update", "delete"):
            name = f"{table}_no_{event}"
            made[name] = (
                f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    for table, key in _REPLACED:
        name = f"{table}_no_replace"
        made[name] = (
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    for table in SEALED:
        name = f"{table}_sealed"
        made[name] = (
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} "
            "WHEN EXISTS (SELECT 1 FROM transactions WHERE txn = NEW.txn) "
            "BEGIN SELECT RAISE(ABORT, 'the transaction is sealed'); END"
        )
    checks = " ".join(
        f"SELECT RAISE(ABORT, '{text}') WHERE EXISTS ({query});"
        for query, text in _BALANCE
    )
    made["transactions_balance"] = (
        "CREATE TRIGGER transactions_balance BEFORE INSERT ON transactions "
        f"BEGIN {checks} END"
    )
    return made


def _postgresql_functions() -> dict[str, str]:
    """Return PostgreSQL's trigger functions: name to body."""
    checks = " ".join(
        f"IF EXISTS ({query}) THEN RAISE EXCEPTION '{text}'; END IF;"
        for query, text in _BALANCE
    )
    return {
        "oreserve_append_only": (
            "BEGIN RAISE EXCEPTION USING MESSAGE = "
            "TG_TABLE_NAME || ' is append-only'; END"
        ),
        "oreserve_sealed": (
            "BEGIN IF EXISTS (SELECT 1 FROM transactions WHERE txn = NEW.txn) "
            "THEN RAISE EXCEPTION 'the transaction is sealed'; END IF; "
            "RETURN NEW; END"
        ),
        "oreserve_balance": f"BEGIN {checks} RETURN NEW; END",
    }


def _postgresql() -> dict[str, tuple[str, str]]:
    """Return PostgreSQL's triggers: name to function and statement."""
    made: dict[str, tuple[str, str]] = {}
    for table in APPEND_ONLY:
        made[f"{table}_append_only"] = (
            "oreserve_append_only",
            f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW",
        )
        made[f"{table}_no_truncate"] = (
            "oreserve_append_only",
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
        )
    for table in SEALED:
        made[f"{table}_sealed"] = (
            "oreserve_sealed",
            f"BEFORE INSERT ON {table} FOR EACH ROW",
        )
    made["transactions_balance"] = (
        "oreserve_balance",
        "BEFORE INSERT ON transactions FOR EACH ROW",
    )
    return made


def guard_statements(dialect: str) -> list[str]:
    """Return the statements that make all guards, in order.

    Parameters
    ----------
    dialect
        ``sqlite`` or ``postgresql``.
    """
    if dialect == "sqlite":
        return list(_sqlite().values())
    functions = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $guard${body}$guard$"
        for name, body in _postgresql_functions().items()
    ]
    triggers = [
        f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {function}()"
        for name, (function, when) in _postgresql().items()
    ]
    return [*functions, *triggers]


def set_guards(connection: Connection) -> None:
    """Make all guards on a database that has none yet."""
    for statement in guard_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def missing_guards(connection: Connection) -> list[str]:
    """Return the names of guards that are missing, altered or disabled, sorted."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        )
        there = {str(name): _plain(sql) for name, sql in rows}
        return sorted(n for n, sql in _sqlite().items() if there.get(n) != _plain(sql))
    rows = connection.exec_driver_sql(
        "SELECT t.tgname, t.tgenabled::text, p.proname, p.prosrc, "
        "pg_get_triggerdef(t.oid) FROM pg_trigger t "
        "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace"
    )
    bodies = _postgresql_functions()
    found = {
        name
        for name, enabled, function, body, _ in rows
        if enabled in "OA"
        and bodies.get(function) == body
        and _postgresql().get(name, ("",))[0] == function
    }
    return sorted(set(_postgresql()) - found)


def foreign_guards(connection: Connection) -> list[str]:
    """Return the names of triggers that are none of ours, sorted.

    A trigger of a stranger could change rows behind a command's back.
    """
    if connection.dialect.name == "sqlite":
        text = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ours = set(_sqlite())
    else:
        text = (
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal "
            "AND c.relnamespace = current_schema()::regnamespace"
        )
        ours = set(_postgresql())
    there = {str(row[0]) for row in connection.exec_driver_sql(text)}
    return sorted(there - ours)


def altered_columns(connection: Connection) -> list[str]:
    """Return what differs between the tables that are there and ours, sorted.

    Names of columns, and in SQLite also which checks a table keeps.
    """
    seen = inspect(connection)
    found: list[str] = []
    for table in metadata.sorted_tables:
        if not seen.has_table(table.name):
            continue  # nothing can be read then: that is found anyhow
        there = {column["name"] for column in seen.get_columns(table.name)}
        ours = set(table.columns.keys())
        found += [f"column {table.name}.{one} is missing" for one in ours - there]
        found += [f"column {table.name}.{one} is foreign" for one in there - ours]
        checks = {str(one["name"]) for one in seen.get_check_constraints(table.name)}
        named = {
            str(one.name)
            for one in table.constraints
            if isinstance(one, CheckConstraint) and one.name is not None
        }
        found += [f"check {one} of {table.name} is missing" for one in named - checks]
    return sorted(found)


def _plain(sql: str) -> str:
    """Return a statement with single spaces."""
    return re.sub(r"\s+", " ", sql).strip()
