# SPDX-License-Identifier: Apache-2.0
"""A served reserve with a year of invented operations, made once and copied."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from httpx2 import Response  # noqa: TC002
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from oreserve.reserve import Reserve
from oreserve.reserve import open as open_reserve
from oreserve.reserve._access import Access
from oreserve.reserve._demo import DEMO_USERS, make_demo
from oreserve.web import Settings, create_app

LAST_DAY = date(2026, 6, 30)
PASSWORD = "invented password"  # noqa: S105  # opens invented data
BASE = "http://reserve.test"
BY_ROLE = {roles[0]: user for user, roles in reversed(DEMO_USERS.items())}


@dataclass
class Clock:
    """A clock that tests set; each look takes a millisecond."""

    now: datetime = datetime.combine(LAST_DAY, datetime.min.time(), UTC) + timedelta(
        days=1, hours=9
    )

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class House:
    """A server and its reserve, and browsers of its people."""

    store: Reserve
    app: object
    clock: Clock
    file: Path
    count: int = 0
    stack: list[TestClient] = field(default_factory=list)

    def browser(self, user: str | None = None) -> TestClient:
        """Return a browser; signed in without the work of a password."""
        client = TestClient(self.app, base_url=BASE, follow_redirects=False)
        if user is not None:
            secret = self.store.access.begin_session(user).secret
            client.cookies.set("oreserve", secret)
            client.headers["x-csrf-token"] = csrf_of_page(client.get("/account").text)
        return client

    def key(self) -> str:
        """Return a key that was not used before."""
        self.count += 1
        return f"test-{self.count}"

    def give(self, by: str | TestClient, command: str, /, **given: object) -> Response:
        """Give a command through the API and return the answer."""
        client = by if isinstance(by, TestClient) else self.browser(by)
        return client.post(
            f"/api/v1/commands/{command}",
            json={"arguments": given, "reason": "test"},
            headers={"idempotency-key": self.key()},
        )


def csrf_of_page(text: str) -> str:
    """Return the token that the forms of a page carry."""
    found = re.search(r'name="_csrf" value="([0-9a-f]{64})"', text)
    assert found is not None, text[:500]
    return found[1]


def hidden(text: str, name: str) -> str:
    """Return the value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None, name
    return found[1]


@pytest.fixture(scope="session")
def quick_disk() -> Iterator[None]:
    """Let commits of this process not wait for the disk: tests lose nothing."""

    def quick(connection: object, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "checkout", quick)
    yield
    event.remove(Engine, "checkout", quick)


@pytest.fixture(scope="session")
def told_file(tmp_path_factory: pytest.TempPathFactory, quick_disk: None) -> Path:
    """Make the demonstration once."""
    file = tmp_path_factory.mktemp("web") / "told.db"
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    usual = Access.__dict__["_hasher"]
    try:
        Access._hasher = cheap  # type: ignore[misc,assignment]
        make_demo(file, last_day=LAST_DAY, study="us-2026", password=PASSWORD).close()
    finally:
        Access._hasher = usual  # type: ignore[method-assign]
    return file


Serve = Callable[..., House]


@contextmanager
def served(
    source: Path, file: Path, settings: Settings | None = None
) -> Iterator[House]:
    """Serve a copy of a reserve."""
    shutil.copy(source, file)
    with serving(file, settings) as house:
        yield house


@contextmanager
def serving(where: Path | str, settings: Settings | None = None) -> Iterator[House]:
    """Serve a reserve in its database."""
    clock = Clock()
    store = open_reserve(where, clock=clock)
    store.access._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    app = create_app(store, settings or Settings(invented=True))
    house = House(store, app, clock, Path(str(where)))
    try:
        # One client enters the life of the server, the writer's thread with it.
        with TestClient(app, base_url=BASE):
            yield house
    finally:
        store.close()


@pytest.fixture(scope="module")
def calm(told_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a reserve that the tests of a module share: they only read."""
    with served(told_file, tmp_path_factory.mktemp("calm") / "calm.db") as house:
        yield house


@pytest.fixture
def house(told_file: Path, tmp_path: Path) -> Iterator[House]:
    """Serve a reserve of one test."""
    with served(told_file, tmp_path / "house.db") as house:
        yield house
