# SPDX-License-Identifier: Apache-2.0
"""A reserve on both databases for every test of this folder.

PostgreSQL is started once per run, on loopback and in a folder of its own; each test
gets a database copied from a template. Without its programs those tests are skipped.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher

from oreserve import reserve as api
from oreserve.reserve import Receipt, Reserve  # noqa: TC001

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

PEOPLE = {
    "ada": ["administrator"],
    "max": ["manager"],
    "ann": ["approver"],
    "bob": ["approver"],
    "bea": ["buyer"],
    "ian": ["inspector"],
    "sue": ["storekeeper"],
    "tom": ["treasurer"],
    "aud": ["auditor"],
    "lyn": ["analyst"],
}
"""One user per role, two approvers; roles of members come with the members."""


@dataclass
class Clock:
    """A clock that tests set: one second passes with each command."""

    now: datetime = START
    step: timedelta = field(default_factory=lambda: timedelta(seconds=1))

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now

    def set(self, day: str) -> None:
        """Set it to nine o'clock of a day."""
        self.now = datetime.fromisoformat(f"{day}T09:00:00+00:00")


@dataclass
class Desk:
    """A reserve with short ways to command it."""

    reserve: Reserve
    clock: Clock
    where: str
    _keys: Iterator[int] = field(default_factory=itertools.count)

    def do(self, actor: str, command: str, **arguments: object) -> dict:
        """Execute a command with a fresh key; return its result."""
        return self.receipt(actor, command, **arguments).result

    def receipt(self, actor: str, command: str, **arguments: object) -> Receipt:
        """Execute a command with a fresh key; return its receipt."""
        return self.reserve.execute(
            command, arguments, actor=actor, reason="test", key=f"k{next(self._keys)}"
        )

    def rows(self, table: str, **where: object) -> list[dict]:
        """Read rows of a table, sorted by key."""
        from oreserve.reserve._rows import Rows

        with self.reserve.engine.connect() as connection:
            cursor = connection.connection.cursor()
            return Rows(cursor, self.reserve.sql).rows(table, **where)

    def row(self, table: str, **key: object) -> dict:
        """Read one row."""
        (row,) = self.rows(table, **key)
        return row


def fill(desk: Desk) -> None:
    """Add people, two depots, owners, a producer and items to a new reserve."""
    for user, roles in PEOPLE.items():
        if user != "ada":
            desk.do("ada", "add_user", user=user, name=user.title(), roles=roles)
    desk.do("max", "add_depot", depot="D1", name="North", country="USA")
    desk.do("max", "add_depot", depot="D2", name="South", country="USA")
    for kind in ("strategic", "industrial", "custody"):
        desk.do("max", "add_owner", owner=kind, name=kind.title(), kind=kind)
    desk.do("max", "add_producer", producer="P1", name="Producer one", country="AUS")
    desk.do(
        "max",
        "add_items",
        items=[
            {"item": "ndpr_oxide", "mineral": "neodymium", "form": "oxide"},
            {"item": "ndpr_metal", "mineral": "neodymium", "form": "metal"},
            {
                "item": "cobalt",
                "mineral": "cobalt",
                "form": "metal",
                "storage_cents_per_t_year": 5_000,
                "shelf_life_days": 3_650,
            },
        ],
    )


# --- PostgreSQL ------------------------------------------------------------------


def _binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _other_user() -> tuple[int, int] | None:
    """Return who must run the server: initdb refuses root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            person = pwd.getpwnam(name)
        except KeyError:
            continue
        return person.pw_uid, person.pw_gid
    return None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL; give the address of its server, without a database."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no programs of PostgreSQL (initdb) on this machine")
    folder = Path(tempfile.mkdtemp(prefix="oreserve-pg-"))
    other = _other_user()
    as_other: dict = {}
    if other is not None:
        os.chown(folder, *other)
        as_other = {"user": other[0], "group": other[1], "extra_groups": []}
    data, port = folder / "data", _free_port()

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_other
        )

    try:
        run(
            str(binaries / "initdb"),
            *("-D", str(data), "-U", "oreserve", "-A", "trust", "-E", "UTF8"),
            *("--locale=C", "--no-sync"),
        )
        # A run's data need not survive the machine; crash tests set fsync themselves.
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c max_connections=60 -c shared_buffers=32MB "
            "-c full_page_writes=off"
        )
        run(
            str(binaries / "pg_ctl"),
            *("-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start"),
        )
        try:
            yield f"postgresql://oreserve@127.0.0.1:{port}"
        finally:
            run(
                str(binaries / "pg_ctl"),
                *("-D", str(data), "-m", "immediate", "-w", "stop"),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_NAMES = itertools.count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """Make one filled reserve as a file to copy."""
    file = tmp_path_factory.mktemp("template") / "reserve.db"
    clock = Clock()
    with api.create(file, name="Test", administrator="ada", clock=clock) as store:
        fill(Desk(store, clock, str(file)))
    return file, clock.now


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> tuple[str, datetime]:
    """Make one filled reserve as a database to copy."""
    name = "template_reserve"
    _command(postgresql, f"CREATE DATABASE {name}")
    where = f"{postgresql}/{name}"
    clock = Clock()
    with api.create(where, name="Test", administrator="ada", clock=clock) as store:
        fill(Desk(store, clock, where))
    return name, clock.now


def _command(server: str, sql: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(sql)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Name the kinds of database that a test runs on."""
    return request.param


@pytest.fixture
def empty(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """Give the address of a database without tables."""
    if database == "sqlite":
        yield str(tmp_path / "empty.db")
        return
    server = request.getfixturevalue("postgresql")
    name = f"empty_{next(_NAMES)}"
    _command(server, f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    _command(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def desk(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Desk]:
    """Give a filled reserve (people, depots, owners, items) of the test's own."""
    if database == "sqlite":
        template, now = request.getfixturevalue("sqlite_template")
        where = str(tmp_path / "reserve.db")
        shutil.copyfile(template, where)
        drop: Callable[[], None] = lambda: None  # noqa: E731
    else:
        server = request.getfixturevalue("postgresql")
        source, now = request.getfixturevalue("postgresql_template")
        name = f"reserve_{next(_NAMES)}"
        _command(server, f"CREATE DATABASE {name} TEMPLATE {source}")
        where = f"{server}/{name}"
        drop = lambda: _command(server, f"DROP DATABASE {name} WITH (FORCE)")  # noqa: E731
    clock = Clock(now)
    store = api.open(where, clock=clock)
    # The real cost of a password is meant to be felt; tests check what it guards.
    store.access._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    try:
        yield Desk(store, clock, where, itertools.count(1_000))
    finally:
        store.close()
        drop()


@pytest.fixture
def reserve(desk: Desk) -> Reserve:
    """Give the reserve of `desk`."""
    return desk.reserve
