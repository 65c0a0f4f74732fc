# SPDX-License-Identifier: Apache-2.0
"""Bring a database to the present revision of the tables; never back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect

from oreserve.reserve._database import check_server
from oreserve.reserve._errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["NEWEST", "REVISIONS", "check_revision", "migrate", "revision_of"]

REVISIONS: Final = ("0001", "0002")
"""Revisions in their order; a test holds them against the folder."""

NEWEST: Final = REVISIONS[-1]


def config_for(connection: Connection) -> Config:
    """Return Alembic's settings for a connection, without a file of settings."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "oreserve.reserve:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection, *, to: str = NEWEST) -> None:
    """Run the revisions that a database lacks, inside the caller's transaction.

    Parameters
    ----------
    connection
        A transaction that holds the write lock.
    to
        Revision to stop at.
    """
    from alembic import command

    check_server(connection)
    command.upgrade(config_for(connection), to)


def stamp(connection: Connection) -> None:
    """Write down the newest revision without running any."""
    from alembic import command

    command.stamp(config_for(connection), NEWEST)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; None if it holds no reserve."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row is not None else None


def check_revision(connection: Connection) -> None:
    """Refuse a database that is older or newer than this program.

    Raises
    ------
    StoreError
        With what to do about it.
    """
    check_server(connection)
    found = revision_of(connection)
    if found == NEWEST:
        return
    if found is None:
        message = "this database holds no reserve: `oreserve reserve create` makes one"
    elif found in REVISIONS:
        message = (
            f"the reserve is at revision {found}, this program needs {NEWEST}: back it "
            "up, then `oreserve reserve migrate`"
        )
    else:
        message = f"the reserve is at revision {found}, made by a newer Oreserve"
    raise StoreError(message)
