# SPDX-License-Identifier: Apache-2.0
"""Open the database: SQLite as one file, or PostgreSQL 15 and newer.

SQLite runs in WAL mode with synchronous=FULL: a commit that was acknowledged is on
the disk. Writers take the lock at once (BEGIN IMMEDIATE); on PostgreSQL one advisory
lock makes commands follow each other, because each entry seals the one before.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import StaticPool

from oreserve.errors import InputError
from oreserve.reserve._errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

__all__ = [
    "check_server",
    "connect",
    "engine_in_memory",
    "engine_of",
    "is_sqlite",
    "writing",
]

WRITE_LOCK: Final = 0x4F52_4553  # "ORES": one number for every writer of a database
BUSY_SECONDS: Final = 15
OLDEST_POSTGRESQL: Final = (15,)
_WRITE: Final = "oreserve_write"


def url_of(where: str | Path) -> URL:
    """Return the address of a database: a URL, or a file of SQLite.

    Raises
    ------
    InputError
        If the URL names another kind of database.
    """
    text = str(where)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        url = make_url(text)
    except exc.ArgumentError:
        message = f"{text.partition('://')[0]}://...: this is no database URL"
        raise InputError(message) from None
    kind = url.get_backend_name()
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database:
        return URL.create("sqlite", database=url.database)
    message = f"database {kind!r}: give a file (SQLite) or postgresql://HOST/NAME"
    raise InputError(message)


def engine_of(where: str | Path, *, create: bool = False) -> Engine:
    """Return an engine for a file or a URL; nothing is read yet.

    Parameters
    ----------
    where
        A file, ``sqlite:///FILE`` or ``postgresql://USER@HOST/NAME``.
    create
        Whether a file that is not there may be made.

    Raises
    ------
    InputError
        If the file is missing, or the driver of PostgreSQL is not installed.
    """
    url = url_of(where)
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        if not create and not file.is_file():
            message = (
                f"{file}: there is no such file; `oreserve reserve create` makes one"
            )
            raise InputError(message)
        if create and not file.absolute().parent.is_dir():
            message = f"{file.parent}: there is no such folder"
            raise InputError(message)
        return _sqlite(url)
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=20,
            connect_args={
                "options": f"-c timezone=UTC -c lock_timeout={BUSY_SECONDS}s",
                "connect_timeout": 10,
                "prepare_threshold": 2,
            },
        )
    except ModuleNotFoundError:
        message = "PostgreSQL needs its driver: pip install 'oreserve[postgres]'"
        raise InputError(message) from None


def engine_in_memory() -> Engine:
    """Return an engine on a database in memory with one connection, for replay."""
    return _sqlite(URL.create("sqlite"), poolclass=StaticPool)


def _sqlite(url: URL, **more: Any) -> Engine:
    engine = create_engine(
        url,
        connect_args={
            # We say BEGIN ourselves; the driver would start transactions too late.
            "isolation_level": None,
            "timeout": BUSY_SECONDS,
            "cached_statements": 512,
            "check_same_thread": False,
        },
        **more,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        if url.database:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def check_server(connection: Connection) -> None:
    """Refuse a server that is too old.

    Raises
    ------
    StoreError
        If PostgreSQL is older than 15.
    """
    found = connection.dialect.server_version_info or ()
    if connection.dialect.name == "postgresql" and found < OLDEST_POSTGRESQL:
        told = ".".join(str(part) for part in found)
        message = f"PostgreSQL {told} is too old: this needs {OLDEST_POSTGRESQL[0]}"
        raise StoreError(message)


def is_sqlite(engine: Engine) -> bool:
    """Whether the engine is SQLite's."""
    return engine.dialect.name == "sqlite"


@contextmanager
def connect(engine: Engine) -> Iterator[Connection]:
    """Give a connection for reading one consistent state.

    Raises
    ------
    StoreError
        If the database can't be reached or can't answer.
    """
    level = {} if is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
    with telling(engine), engine.connect().execution_options(**level) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that holds the write lock; commit at the end.

    Raises
    ------
    StoreError
        If the database can't be reached, is locked too long, or is full. Then
        nothing was written, unless the connection broke during the commit itself.
    """
    options = {_WRITE: True}
    with (
        telling(engine),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        if not is_sqlite(engine):
            connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(%s), "
                # A writer that stalls must not hold the others for ever.
                "set_config('idle_in_transaction_session_timeout', '60s', true)",
                (WRITE_LOCK,),
            )
        yield connection


@contextmanager
def telling(engine: Engine) -> Iterator[None]:
    """Turn the database's troubles into errors that say what to do."""
    driver = engine.dialect.dbapi
    assert driver is not None, "an engine has loaded its driver"
    troubles = (
        exc.OperationalError,
        exc.InternalError,
        exc.DatabaseError,
        driver.Error,
    )
    try:
        yield
    except troubles as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        raise StoreError(_told(engine, str(cause))) from error


def _told(engine: Engine, text: str) -> str:
    """Say what a trouble means and what to do."""
    name = engine.url.render_as_string(hide_password=True)
    first = text.strip().splitlines()[0] if text.strip() else "no message"
    low = first.lower()
    if "disk is full" in low or "no space left" in low or "disk full" in low:
        return f"{name}: the disk is full, nothing was written: free space and repeat"
    if "locked" in low or "lock timeout" in low or "busy" in low:
        return (
            f"{name}: another writer held the lock for {BUSY_SECONDS} s, nothing was "
            "written: repeat with the same key"
        )
    if "malformed" in low or "not a database" in low or "corrupt" in low:
        return f"{name}: the file is damaged ({first}): restore a backup"
    if "no such table" in low or ("does not exist" in low and "relation" in low):
        return f"{name}: this database holds no reserve ({first})"
    return (
        f"{name}: {first}. What was acknowledged is safe; if an answer is missing, "
        "repeat the command with the same key"
    )
