# SPDX-License-Identifier: Apache-2.0
"""Copy a reserve into one file while others write.

The copy is always a file of SQLite, whatever the reserve lies in: it can be opened,
verified and read anywhere. SQLite copies its pages by its online backup; PostgreSQL's
rows are read in one snapshot. The copy appears under its name only when it is whole.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from oreserve.errors import InputError
from oreserve.reserve._database import connect, engine_of, is_sqlite, telling, writing
from oreserve.reserve._guards import set_guards
from oreserve.reserve._migrate import check_revision, stamp
from oreserve.reserve._schema import metadata
from oreserve.reserve._statements import Statements, shape_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

__all__ = ["backup", "restore"]

_BATCH: Final = 2000


def backup(engine: Engine, path: Path) -> None:
    """Write a copy of a reserve that is whole or not there.

    Parameters
    ----------
    engine
        The reserve.
    path
        The new file; its folder must exist.

    Raises
    ------
    InputError
        If the file is there already or its folder is not.
    StoreError
        If the reserve can't be read or the copy can't be written.
    """
    if path.exists():
        message = f"{path}: this file is there already; a backup takes a new name"
        raise InputError(message)
    if not path.absolute().parent.is_dir():
        message = f"{path.absolute().parent}: there is no such folder"
        raise InputError(message)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if is_sqlite(engine):
            _copy_pages(engine, partial)
        else:
            _copy_rows(engine, partial)
        _to_disk(partial)
        partial.replace(path)
        _to_disk(path.absolute().parent)
    finally:
        for tail in ("", "-wal", "-shm", "-journal"):
            partial.with_name(partial.name + tail).unlink(missing_ok=True)


def restore(path: Path, engine: Engine) -> None:
    """Fill an empty database from a copy; all or nothing.

    Parameters
    ----------
    path
        What `backup` wrote.
    engine
        An empty database, of either kind.

    Raises
    ------
    InputError
        If the database holds a reserve already.
    StoreError
        If the copy is no reserve or of another revision.
    """
    source = engine_of(path)
    try:
        with connect(source) as reading, writing(engine) as target:
            check_revision(reading)
            metadata.create_all(target)
            if target.exec_driver_sql("SELECT 1 FROM audit LIMIT 1").first():
                message = "this database holds a reserve already: restore into another"
                raise InputError(message)
            _rows(reading, target)
            set_guards(target)
            stamp(target)
    finally:
        source.dispose()


def _copy_pages(engine: Engine, partial: Path) -> None:
    """Copy a file of SQLite in one step: one snapshot, beside which writers go on."""
    with telling(engine), engine.connect() as connection:
        source: Any = connection.connection.driver_connection
        with closing(sqlite3.connect(partial)) as target:
            # In several steps it would begin anew after each write in between.
            source.backup(target)
            # One file, no log beside it.
            target.execute("PRAGMA journal_mode = DELETE")


def _copy_rows(engine: Engine, partial: Path) -> None:
    """Copy the rows of one snapshot into a new file of SQLite."""
    copy = engine_of(partial, create=True)
    try:
        with connect(engine) as reading, writing(copy) as target:
            check_revision(reading)
            metadata.create_all(target)
            _rows(reading, target)
            set_guards(target)
            stamp(target)
        with copy.connect() as last:
            driver: Any = last.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        copy.dispose()
    with closing(sqlite3.connect(partial)) as whole:
        whole.execute("PRAGMA journal_mode = DELETE")


def _rows(reading: Connection, target: Connection) -> None:
    """Copy every table, parents before children, without the guards."""
    read, write = Statements(reading.dialect), Statements(target.dialect)
    source, into = reading.connection.cursor(), target.connection.cursor()
    # Postings may come before what seals them: these references are deferred.
    for table in metadata.sorted_tables:
        shape = shape_of(table.name)
        source.execute(read.select(table.name, ()))
        text = write.insert(table.name, shape.columns)
        while rows := source.fetchmany(_BATCH):
            into.executemany(text, [list(shape.row(row).values()) for row in rows])


def _to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
