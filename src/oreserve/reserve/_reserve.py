# SPDX-License-Identifier: Apache-2.0
"""Open a reserve, command it, ask it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from oreserve.reserve._database import connect, engine_of, writing
from oreserve.reserve._errors import CommandError, Refused
from oreserve.reserve._migrate import check_revision, migrate, revision_of
from oreserve.reserve._replay import verify
from oreserve.reserve._statements import Statements
from oreserve.reserve._unit import FOUNDING, Receipt, Request, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Engine

    from oreserve.errors import OreserveError
    from oreserve.reserve._access import Access
    from oreserve.reserve._audit import Head
    from oreserve.reserve._export import Exported
    from oreserve.reserve._queries import Queries
    from oreserve.reserve._replay import Verification
    from oreserve.study import Study

    Clock = Callable[[], datetime]

__all__ = [
    "Reserve",
    "create_reserve",
    "migrate_reserve",
    "open_reserve",
    "restore_reserve",
]


def _now() -> datetime:
    return datetime.now(UTC)


class _HalfWrittenError(Exception):
    """A command of a group was refused after it had begun to write."""


class Reserve:
    """A reserve in its database.

    Threads may share it: writers wait for each other inside the process.

    Parameters
    ----------
    engine
        Where it lies.
    clock
        Returns the present time, UTC.
    """

    def __init__(self, engine: Engine, *, clock: Clock | None = None) -> None:
        self.engine = engine
        self.clock: Clock = clock or _now
        self.sql = Statements(engine.dialect)
        self.turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def execute(
        self,
        command: str,
        arguments: Mapping[str, Any],
        *,
        actor: str,
        reason: str,
        key: str,
        expected_version: int | None = None,
    ) -> Receipt:
        """Perform one command in one transaction.

        Parameters
        ----------
        command, arguments
            What to do; `oreserve.reserve.commands` lists all.
        actor
            Name of the user who asks.
        reason
            Why, for the audit trail.
        key
            Idempotency key: repeating it returns the first result.
        expected_version
            Version of the thing that the actor saw; None: any.

        Returns
        -------
        Receipt
            Number, time and hash of the audit entry, and the command's result.

        Raises
        ------
        Refused
            If a rule forbids it; nothing was written.
        StoreError
            If the database can't serve. If the connection broke while committing,
            the outcome is unknown: repeat with the same key.
        """
        request = Request(command, arguments, actor, reason, key, expected_version)
        with self.turn, writing(self.engine) as connection:
            outcome = self._attempt(Unit(connection, self.sql), request)
            if not isinstance(outcome, Receipt):
                raise outcome
            return outcome

    def execute_many(
        self, requests: Sequence[Request]
    ) -> list[Receipt | OreserveError]:
        """Perform commands in one transaction; a refused one is undone alone.

        One commit serves all: much faster where many clients write.

        Returns
        -------
        list
            For each request, in order, its receipt or why it was refused. They are
            acknowledged by the return of this function, not before.

        Raises
        ------
        StoreError
            If the database can't serve: none of them was written, or the outcome of
            all is unknown.
        """
        with self.turn:
            try:
                with writing(self.engine) as connection:
                    return self._plainly(Unit(connection, self.sql), requests)
            except _HalfWrittenError:
                # Rare: one was refused after it had begun to write.
                with writing(self.engine) as connection:
                    unit = Unit(connection, self.sql)
                    return [self._one_of_many(unit, one) for one in requests]

    def _plainly(
        self, unit: Unit, requests: Sequence[Request]
    ) -> list[Receipt | OreserveError]:
        """Perform commands without savepoints, as long as none is needed.

        Most commands that are refused are so before they write: nothing is to be
        rolled back then, and two statements fewer count on a server.

        Raises
        ------
        _HalfWrittenError
            If one was refused after it had begun to write.
        """
        outcomes: list[Receipt | OreserveError] = []
        for request in requests:
            unit.touched = False
            outcomes.append(self._attempt(unit, request))
            if unit.touched and not isinstance(outcomes[-1], Receipt):
                raise _HalfWrittenError
        return outcomes

    def execute_all(
        self, requests: Sequence[Request], *, write: bool = True
    ) -> list[Receipt | OreserveError]:
        """Perform all commands or none of them.

        Each runs on what those before it did, refused ones left out, so that one
        attempt finds every refusal.

        Parameters
        ----------
        requests
            What to do, in order.
        write
            Whether to keep it; False rehearses: the same outcomes, nothing written.

        Returns
        -------
        list
            For each request its receipt or why it was refused. If one was refused
            nothing of them was written.

        Raises
        ------
        StoreError
            If the database can't serve.
        """
        with self.turn, writing(self.engine) as connection:
            unit = Unit(connection, self.sql)
            outcomes = [self._one_of_many(unit, request) for request in requests]
            if not write or any(not isinstance(one, Receipt) for one in outcomes):
                connection.rollback()
        return outcomes

    def _one_of_many(self, unit: Unit, request: Request) -> Receipt | OreserveError:
        """Perform a command behind a savepoint."""
        unit.cursor.execute("SAVEPOINT command")
        outcome = self._attempt(unit, request)
        if not isinstance(outcome, Receipt):
            unit.cursor.execute("ROLLBACK TO SAVEPOINT command")
            unit.forget()
        unit.cursor.execute("RELEASE SAVEPOINT command")
        return outcome

    def _attempt(self, unit: Unit, request: Request) -> Receipt | OreserveError:
        """Perform a command; return why not, unless the database itself fails."""
        try:
            return unit.perform(request, self.clock())
        except Refused as refused:
            return refused
        except Exception as error:
            if self.sql.is_trouble(error):
                raise  # the whole transaction goes back
            # A statement that failed: some databases want to be rolled back then.
            unit.touched = unit.touched or self.sql.is_from_driver(error)
            if self.sql.is_broken_rule(error):
                told = str(error).splitlines()[0]
                message = f"{request.command} breaks a rule of the tables: {told}"
                return Refused(rule="constraint", message=message, status=409)
            failed = CommandError(f"{request.command} failed: {error}")
            failed.__cause__ = error
            return failed

    def verify(
        self,
        *,
        expected_head: Head | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Verification:
        """Replay everything and compare; see `oreserve.reserve.Verification`.

        Parameters
        ----------
        expected_head
            A head noted down earlier, to notice entries cut off the end.
        progress
            Called with the number of entries replayed so far.
        """
        return verify(self.engine, expected_head=expected_head, progress=progress)

    def backup(self, path: str | Path) -> None:
        """Write a whole copy into one new file of SQLite while others write.

        Parameters
        ----------
        path
            The new file. It can be opened and verified like any reserve, also where
            this one lies in PostgreSQL.

        Raises
        ------
        InputError
            If the file is there already or its folder is not.
        """
        from oreserve.reserve._backup import backup

        backup(self.engine, Path(path))

    def export(self, folder: str | Path, *, level: str = "public") -> Exported:
        """Write a Data Package: full, partner or public; whole or not at all.

        Parameters
        ----------
        folder
            A new or empty folder, or an earlier export, which is replaced.
        level
            How much a reader may see.

        Raises
        ------
        Refused
            If there is no such level.
        InputError
            If the folder holds other files or can't be written.
        """
        from oreserve.reserve._export import write_export

        return write_export(self.engine, folder, level=level, now=self.clock())

    def head(self) -> Head:
        """Return number and hash of the newest entry, to note down."""
        with self.engine.connect() as connection:
            return Unit(connection, self.sql).head()

    @cached_property
    def access(self) -> Access:
        """Passwords, sessions and tokens."""
        from oreserve.reserve._access import Access

        return Access(self)

    @property
    def query(self) -> Queries:
        """Questions to the reserve, read-only."""
        from oreserve.reserve._queries import Queries

        return Queries(self.engine, clock=self.clock)


def open_reserve(
    where: str | Path, *, create: bool = False, clock: Clock | None = None
) -> Reserve:
    """Open a reserve.

    Parameters
    ----------
    where
        A file of SQLite or ``postgresql://USER@HOST/NAME``.
    create
        Whether to make the tables in an empty or new database.
    clock
        Returns the present time, UTC; by default the computer's.

    Raises
    ------
    InputError
        If the file is not there.
    StoreError
        If the database can't be reached or holds no reserve.
    """
    engine = engine_of(where, create=create)
    try:
        if create:
            with writing(engine) as connection:
                if revision_of(connection) is None:
                    migrate(connection)
        with connect(engine) as connection:
            check_revision(connection)
    except BaseException:
        engine.dispose()
        raise
    return Reserve(engine, clock=clock)


def migrate_reserve(where: str | Path) -> tuple[str | None, str]:
    """Bring a reserve to the present revision of the tables; there is no way back.

    All or nothing. Make a backup first.

    Parameters
    ----------
    where
        A file of SQLite or ``postgresql://USER@HOST/NAME``.

    Returns
    -------
    tuple
        Revision before (None: no reserve) and after.
    """
    engine = engine_of(where)
    try:
        with writing(engine) as connection:
            before = revision_of(connection)
            if before is not None:
                migrate(connection)
            return before, revision_of(connection) or ""
    finally:
        engine.dispose()


def create_reserve(
    where: str | Path,
    *,
    name: str,
    administrator: str,
    study: Study | str | None = None,
    clock: Clock | None = None,
) -> Reserve:
    """Make a new reserve with its first administrator.

    Parameters
    ----------
    where
        A new file or an empty database.
    name
        Name of the reserve.
    administrator
        Name of the first user, who can make the others.
    study
        Study whose storable items the reserve may hold; None: none yet.
    clock
        Returns the present time, UTC.

    Returns
    -------
    Reserve
        The reserve, open.

    Raises
    ------
    Refused
        If there is a reserve already.
    """
    from oreserve.reserve._parties import items_of

    reserve = open_reserve(where, create=True, clock=clock)
    try:
        reserve.execute(
            FOUNDING,
            {"name": name, "administrator": administrator},
            actor=administrator,
            reason=f"found {name}",
            key=FOUNDING,
        )
        if study is not None:
            reserve.execute(
                "add_items",
                {"items": items_of(study)},
                actor=administrator,
                reason="items of the study",
                key="add_items of the study",
            )
    except BaseException:
        reserve.close()
        raise
    return reserve


def restore_reserve(path: str | Path, where: str | Path) -> None:
    """Fill an empty database from a backup; all or nothing.

    Parameters
    ----------
    path
        What `Reserve.backup` wrote.
    where
        A new file or an empty database, of either kind: so a reserve also moves from
        SQLite to PostgreSQL.

    Raises
    ------
    InputError
        If there is a reserve already.
    """
    from oreserve.reserve._backup import restore

    engine = engine_of(where, create=True)
    try:
        restore(Path(path), engine)
    finally:
        engine.dispose()
