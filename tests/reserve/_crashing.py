# SPDX-License-Identifier: Apache-2.0
"""Writers that are killed at random points, and what must be true after each kill.

A parent that has imported everything forks one writer after the other. A writer says
on a pipe what it is about to try and, after the receipt, what was acknowledged; bytes
in a pipe outlive their writer. It dies by SIGKILL: at a random moment, before its
n-th statement, inside a commit, or between a receipt and its acknowledgement.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg

from oreserve import reserve as api
from oreserve.reserve import Receipt, Refused, Request, Reserve, commands
from reserve._books import Books, Change, Lot
from reserve._invariants import check_chain, check_no_half, check_state
from reserve._operations import Ask, Sight, choose, opening
from reserve._walk import Reader
from reserve.conftest import Clock, Desk, fill

if TYPE_CHECKING:
    from reserve._servers import Server

KINDS = ("moment", "statement", "commit", "unsaid")
LONGEST_S = 0.25
"""Most that a writer lives if it is killed at a random moment."""

PATIENCE_S = 60.0

REVERSIBLE = ["opening", "split", "blend", "upgrade", "rotation", "relocation",
              "recount", "appropriate", "record_delivery", "accept_delivery",
              "pay_delivery"]  # fmt: skip


def seen(reader: Reader) -> Books:
    """Return books as far as rules look at them, read from a reserve."""
    books = Books()
    for row in reader("lots"):
        books.lots[row["lot"]] = Lot(
            row["item"], row["owner"], row["depot"], row["grams"], row["cost_cents"]
        )
    for row in reader("entitlements"):
        key = (row["member"], row["item"], row["inventory_price_cents_per_t"])
        books.entitlements[key] = row["grams"]
    for row in reader("duties"):
        books.duties[row["duty"]] = [row["open_grams"], row["open_cents"]]
        books.duty_of[row["duty"]] = (row["item"], row["member"])
    rows = reader("transactions", kind=REVERSIBLE)
    gone = {row["reverses"] for row in rows}
    for row in rows[-80:]:
        if row["reverses"] is None:
            books.changes[row["txn"]] = Change(
                row["kind"], taken_back=row["txn"] in gone
            )
    return books


def look(store: Reserve, rng: Random) -> Ask | None:
    """Draw a plausible command for a reserve as it stands."""
    with store.engine.connect() as connection:
        reader = Reader(store, connection)
        today = datetime.now(UTC).date()
        reader.today = today.isoformat()
        return choose(rng)(Sight(reader, seen(reader), today), rng)


# --- The writer ------------------------------------------------------------------


class Writer:
    """Executes random commands until it is killed."""

    def __init__(self, where: str, pipe: int, rng: Random, name: str) -> None:
        self._where, self._pipe, self._rng, self._name = where, pipe, rng, name

    def say(self, word: str, content: Any) -> None:
        """Write one line; a line below 4096 bytes reaches the pipe whole or not."""
        os.write(self._pipe, f"{word} {json.dumps(content)}\n".encode())

    def run(self, kind: str) -> None:
        """Work until death; `kind` says how it will come."""
        count = self._rng.randint(1, 400) if kind == "statement" else 0
        commit = self._rng.randint(1, 12) if kind == "commit" else 0
        _arm(count, commit, self._rng.uniform(0.0, 0.004))
        unsaid = self._rng.randint(1, 12) if kind == "unsaid" else 0
        store = api.open(self._where)
        number = 0
        while True:
            asks = [look(store, self._rng) for _ in range(self._rng.choice((1, 1, 4)))]
            requests = []
            for ask in asks:
                if ask is not None:
                    number += 1
                    key = f"{self._name} {number}"
                    requests.append(
                        Request(ask.command, ask.arguments, ask.actor, "crash", key)
                    )
            if not requests:
                continue
            self.say("try", [_plain(request) for request in requests])
            outcomes = _execute(store, requests)
            unsaid -= 1
            if unsaid == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            done = [
                [outcome.sequence, outcome.hash]
                if isinstance(outcome, Receipt)
                else None
                for outcome in outcomes
            ]
            self.say("ack", done)


def _execute(store: Reserve, requests: list[Request]) -> list[Receipt | Refused]:
    """Execute one request by itself, several in one transaction."""
    if len(requests) > 1:
        return store.execute_many(requests)
    request = requests[0]
    try:
        receipt = store.execute(
            request.command,
            request.arguments,
            actor=request.actor,
            reason=request.reason,
            key=request.key,
        )
    except Refused as refused:
        return [refused]
    return [receipt]


def _plain(request: Request) -> dict[str, Any]:
    return {
        "command": request.command,
        "arguments": dict(request.arguments),
        "actor": request.actor,
        "reason": request.reason,
        "key": request.key,
    }


def _arm(statement: int, commit: int, delay_s: float) -> None:
    """Let this process die before a statement, or inside a commit, of its drivers.

    The drivers are patched in this process, the product is not.
    """
    left = {"statements": statement, "commits": commit}

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def die_soon() -> None:
        time.sleep(delay_s)
        die()

    def seen_statement(text: str) -> None:
        left["statements"] -= 1
        if left["statements"] == 0:
            die()
        if text.strip().upper().startswith("COMMIT"):
            left["commits"] -= 1
            if left["commits"] == 0:
                threading.Thread(target=die_soon).start()

    connect = sqlite3.dbapi2.connect

    def traced(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(seen_statement)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = traced
    execute, end = psycopg.Cursor.execute, psycopg.Connection.commit

    def watched(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        seen_statement(str(query))
        return execute(self, query, *args, **kwargs)

    def committed(self: Any) -> None:
        seen_statement("COMMIT")
        end(self)

    psycopg.Cursor.execute = watched
    psycopg.Connection.commit = committed


# --- The trial -------------------------------------------------------------------


@dataclass
class Crashes:
    """Kills of one trial, and what was found after them.

    Parameters
    ----------
    seed
        Of all that is drawn.
    folder
        Where files of SQLite go.
    server
        PostgreSQL instead of SQLite.
    fresh_every
        Kills after which a new reserve is begun, so that each stays of moderate size.
    replay_every
        Kills between replays of the whole trail.
    server_every
        Kills between kills of the server itself; 0: never.
    tell
        Gets a line of progress after each replay.
    """

    seed: int
    folder: Path
    server: Server | None = None
    fresh_every: int = 100
    replay_every: int = 20
    server_every: int = 0
    tell: Callable[[str], None] = str
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        commands()  # imported once, before any fork
        self._rng = Random(self.seed)  # noqa: S311 - a test's sequence, no secret
        self._where, self._template = "", ""
        self._acknowledged: dict[str, list[Any]] = {}
        self._checked = 0

    def run(self, kills: int) -> Counter[str]:
        """Kill so many writers; fail at the first thing that is lost or half-done."""
        for number in range(kills):
            if number % self.fresh_every == 0:
                self._begin(number)
            hit = self.server_every and number % self.server_every == 0
            self._round(number, hit_server=bool(hit))
            if (
                number % self.replay_every == 0
                or number % self.fresh_every == self.fresh_every - 1
            ):
                self._verify()
                self.tell(f"{number + 1} kills, {self.counts['answered']} answered")
        self._verify()
        return self.counts

    def _begin(self, number: int) -> None:
        """Start a fresh reserve, copied from a template."""
        self._acknowledged.clear()
        self._checked = 0
        if self.server is None:
            self._template = self._template or _filled(str(self.folder / "template.db"))
            for old in self.folder.glob("crash*"):
                old.unlink()
            self._where = str(self.folder / f"crash{number}.db")
            shutil.copyfile(self._template, self._where)
            return
        if not self._template:
            self.server.command("CREATE DATABASE crash_template")
            self._template = _filled(f"{self.server.url}/crash_template")
            self.server.wait_for_quiet("crash_template")
        name = f"crash_{number}"
        if self._where:
            old = self._where.rpartition("/")[2]
            self.server.command(f"DROP DATABASE {old} WITH (FORCE)")
        self.server.command(f"CREATE DATABASE {name} TEMPLATE crash_template")
        self._where = f"{self.server.url}/{name}"

    def _round(self, number: int, *, hit_server: bool) -> None:
        """Let one writer work and die, look, and repeat what it left unanswered."""
        kind = KINDS[number % len(KINDS)]
        seed = self._rng.getrandbits(64)
        out, into = os.pipe()
        writer = os.fork()
        if writer == 0:
            os.close(out)
            try:
                rng = Random(seed)  # noqa: S311 - a test's sequence, no secret
                Writer(self._where, into, rng, f"writer {number}").run(kind)
            except BaseException as error:  # noqa: BLE001 - told to the parent
                os.write(into, f"end {json.dumps(repr(error)[:3000])}\n".encode())
            finally:
                os._exit(1)
        os.close(into)
        lines = self._watch(writer, out, kind, hit_server=hit_server)
        self.counts["kills"] += 1
        self.counts[f"killed by {kind if not hit_server else 'server'}"] += 1
        self._look(lines, hit_server=hit_server)

    def _watch(
        self, writer: int, out: int, kind: str, *, hit_server: bool
    ) -> list[tuple[str, Any]]:
        """Read what a writer says until it is dead."""
        if kind == "moment" or hit_server:
            time.sleep(self._rng.uniform(0.0, LONGEST_S))
            if hit_server:
                self._hit_server()
            os.kill(writer, signal.SIGKILL)
        # One that outlives its fate (too few statements came) is killed all the same.
        last = threading.Timer(PATIENCE_S, os.kill, (writer, signal.SIGKILL))
        last.start()
        whole = b""
        while part := os.read(out, 1 << 16):
            whole += part
        last.cancel()
        last.join()
        os.close(out)
        os.waitpid(writer, 0)
        # The last line may be cut: what was not said whole was not said.
        lines = whole.split(b"\n")[:-1]
        told = [line.decode().partition(" ") for line in lines]
        return [(word, json.loads(content)) for word, _, content in told]

    def _hit_server(self) -> None:
        assert self.server is not None
        if self._rng.random() < 0.5:
            self.server.stop()
        else:
            self.server.kill()
        self.server.start()

    def _look(self, lines: list[tuple[str, Any]], *, hit_server: bool) -> None:
        """Compare what is there with what was said."""
        if self.server is not None:
            self.server.wait_for_quiet(self._where.rpartition("/")[2])
        tried: list[dict[str, Any]] = []
        for word, content in lines:
            if word == "try":
                assert not tried, "a writer went on without an answer"
                tried = content
            elif word == "ack":
                for request, done in zip(tried, content, strict=True):
                    self.counts["answered"] += 1
                    if done is not None:
                        self._acknowledged[request["key"]] = done
                        self.counts["acknowledged"] += 1
                tried = []
            else:
                assert hit_server, f"a writer failed: {content}"
        store = api.open(self._where)
        try:
            self._check(store, tried)
            self._repeat(store, tried)
        finally:
            store.close()

    def _check(self, store: Reserve, tried: list[dict[str, Any]]) -> None:
        with store.engine.connect() as connection:
            last = check_chain(connection, after=self._checked)
            rows = connection.exec_driver_sql(
                "SELECT key, sequence, hash FROM audit WHERE reason = 'crash'"
            ).fetchall()
            check_state(connection, thorough=True)
            check_no_half(connection)
        self._checked = last
        there = {key: [sequence, code] for key, sequence, code in rows}
        assert len(there) == len(rows), "a key is there twice"
        lost = {key for key in self._acknowledged if key not in there}
        assert not lost, f"acknowledged and lost: {sorted(lost)}"
        for key, done in self._acknowledged.items():
            assert there[key] == done, f"{key} is not what was acknowledged"
        more = set(there) - set(self._acknowledged)
        left = {request["key"] for request in tried}
        assert more <= left, f"nobody tried {sorted(more - left)}"
        self.counts["unanswered"] += len(left)
        self.counts["unanswered and there"] += len(more)

    def _repeat(self, store: Reserve, tried: list[dict[str, Any]]) -> None:
        """Send again what was not answered: each comes to one effect, or a refusal."""
        with store.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT key, sequence FROM audit")
            before = {key: sequence for key, sequence in rows}  # noqa: C416 - rows
        for request in tried:
            (outcome,) = _execute(store, [Request(**request)])
            if isinstance(outcome, Receipt):
                key = request["key"]
                assert outcome.repeated == (key in before)
                if outcome.repeated:
                    assert outcome.sequence == before[key]
                (again,) = _execute(store, [Request(**request)])
                assert isinstance(again, Receipt)
                assert again.repeated
                assert again.hash == outcome.hash
                self._acknowledged[key] = [outcome.sequence, outcome.hash]
                self.counts["repeated"] += 1
            else:
                assert request["key"] not in before

    def _verify(self) -> None:
        store = api.open(self._where)
        try:
            found = store.verify()
        finally:
            store.close()
        assert found.ok, found.problem
        self.counts["replays"] += 1
        self.counts["entries replayed"] += found.entries


def _filled(where: str) -> str:
    """Make a reserve with the scene of random commands; return its address."""
    clock = Clock()
    with api.create(where, name="Crash", administrator="ada", clock=clock) as store:
        desk = Desk(store, clock, where)
        fill(desk)
        for ask in opening():
            desk.do(ask.actor, ask.command, **ask.arguments)
        if store.sql.is_sqlite:
            with store.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return where
