# SPDX-License-Identifier: Apache-2.0
"""Commands per second through the HTTP API of a reserve, beside plain INSERTs.

Clients keep their connections and send one command after the other: receive a lot,
split it, move it, recount it, renew its certificate; each is acknowledged once it is
on the disk. Server, clients and database are processes of their own on this machine;
`server_cpu_ms` is what a command costs the server of its processor, whatever else
runs here. In the same run the same database takes plain INSERTs of rows as long as an
audit entry, one commit each: over one connection, and over as many as there were
clients.

    python -m benchmarks.reserve_load --database postgresql --clients 100 --seconds 20

On PostgreSQL a server is started in a folder of its own; it writes through to disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAD = (
    "POST /api/v1/commands/{command} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    "authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
    "idempotency-key: {key}\r\ncontent-length: {length}\r\n\r\n"
)
DEPOTS = ("D1", "D2")
WARM_S = 2.0
ROW = "x" * 700  # an audit entry and its postings come to about as much


# --- The server ------------------------------------------------------------------


def serve(where: str, port: int) -> None:
    """Answer as `oreserve serve` does, without its greeting."""
    import uvicorn

    from oreserve import reserve as api
    from oreserve.web import create_app

    config = uvicorn.Config(
        create_app(api.open(where)),
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=1024,
    )
    uvicorn.Server(config).run()


# --- The clients -----------------------------------------------------------------


class Client:
    """One connection that sends a command when the last one is answered."""

    def __init__(self, number: int, token: str, latencies: list[float]) -> None:
        self._number, self._token, self._latencies = number, token, latencies
        self.count = 0
        self._rng = random.Random(number)  # noqa: S311 - a load, no secret
        self._lot: dict[str, Any] | None = None

    async def run(self, port: int, begin: float, end: float) -> None:
        """Send commands until the end; note latencies from the beginning on."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (sent := time.perf_counter()) < end:
            command, given = self._next()
            writer.write(self._packed(command, given))
            status, answer = await _answer(reader)
            if status != 200:
                raise RuntimeError(f"{command} {given}: {status} {answer}")  # noqa: EM102
            self._learn(command, given, answer["result"])
            if sent >= begin:
                self._latencies.append(time.perf_counter() - sent)
        writer.close()

    def _packed(self, command: str, given: dict[str, Any]) -> bytes:
        self.count += 1
        body = json.dumps({"arguments": given, "reason": "load"}).encode()
        key = f"{self._number}-{self.count}"
        head = HEAD.format(
            command=command, token=self._token, key=key, length=len(body)
        )
        return head.encode() + body

    def _next(self) -> tuple[str, dict[str, Any]]:
        lot, rng = self._lot, self._rng
        if lot is None or lot["grams"] < 1_000 or rng.random() < 0.3:
            given: dict[str, Any] = {
                "item": "cobalt",
                "depot": rng.choice(DEPOTS),
                "owner": "custody",
                "grams": rng.randint(1_000, 10_000_000),
                "received_on": "2026-01-05",
                "cost_cents": rng.randint(1, 10_000_000),
            }
            return "receive_lot", given
        name = {"lot": lot["lot"]}
        pick = rng.random()
        if pick < 0.35:
            return "split_lot", {**name, "grams": lot["grams"] // 2}
        if pick < 0.6:
            depot = DEPOTS[lot["depot"] == DEPOTS[0]]
            return "relocate_lot", {**name, "depot": depot}
        if pick < 0.8:
            return "recount_lot", {**name, "counted_grams": lot["grams"] - 1}
        return "renew_certificate", {**name, "certificate": f"C{self.count}"}

    def _learn(
        self, command: str, given: dict[str, Any], result: dict[str, Any]
    ) -> None:
        if command == "receive_lot":
            named = {name: given[name] for name in ("depot", "grams")}
            self._lot = {**named, "lot": result["lot"]}
            return
        assert self._lot is not None
        if command == "split_lot":
            self._lot["grams"] -= given["grams"]
        elif command == "relocate_lot":
            self._lot["depot"] = given["depot"]
        elif command == "recount_lot":
            self._lot["grams"] = given["counted_grams"]


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    length = int(lower[start : lower.index(b"\r\n", start)])
    body = await reader.readexactly(length)
    return int(head[9:12]), json.loads(body)


async def load(port: int, token: str, clients: int, seconds: float) -> dict[str, Any]:
    """Let so many clients send for so long, after a while of warming up."""
    latencies: list[float] = []
    began = time.perf_counter()
    begin = began + min(WARM_S, seconds / 2)
    end = begin + seconds
    group = [Client(n, token, latencies) for n in range(clients)]
    await asyncio.gather(*(one.run(port, begin, end) for one in group))
    took = time.perf_counter() - begin
    ranked = sorted(latencies)
    return {
        "commands": len(ranked),
        "sent": sum(one.count for one in group),
        "commands_per_s": len(ranked) / took,
        "p50_ms": 1_000 * ranked[len(ranked) // 2],
        "p99_ms": 1_000 * ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))],
        "max_ms": 1_000 * ranked[-1],
    }


# --- Plain INSERTs ---------------------------------------------------------------


def inserts(database: str, where: str, clients: int, seconds: float) -> float:
    """Return rows per second, one commit each, over so many connections."""
    done = [0] * clients
    end = time.perf_counter() + seconds
    work = _insert_sqlite if database == "sqlite" else _insert_postgresql
    threads = [
        threading.Thread(target=work, args=(where, place, done, end))
        for place in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def _insert_sqlite(where: str, place: int, done: list[int], end: float) -> None:
    with closing(sqlite3.connect(where, timeout=60, isolation_level=None)) as link:
        link.execute("PRAGMA synchronous = FULL")
        while time.perf_counter() < end:
            link.execute("INSERT INTO plain (client, text) VALUES (?, ?)", (place, ROW))
            done[place] += 1


def _insert_postgresql(where: str, place: int, done: list[int], end: float) -> None:
    import psycopg

    with psycopg.connect(where, autocommit=True) as link:
        while time.perf_counter() < end:
            link.execute(
                "INSERT INTO plain (client, text) VALUES (%s, %s)", (place, ROW)
            )
            done[place] += 1


def _make_plain(database: str, where: str) -> None:
    if database == "sqlite":
        with closing(sqlite3.connect(where, isolation_level=None)) as link:
            link.execute("PRAGMA journal_mode = WAL")
            link.execute(
                "CREATE TABLE plain (id INTEGER PRIMARY KEY, client INT, text TEXT)"
            )
        return
    import psycopg

    with psycopg.connect(where, autocommit=True) as link:
        link.execute(
            "CREATE TABLE plain (id bigserial PRIMARY KEY, client INT, text TEXT)"
        )


# --- One run ---------------------------------------------------------------------


def prepare(where: str) -> str:
    """Make a reserve with what the load needs; return a token of its storekeeper."""
    from oreserve import reserve as api
    from oreserve.reserve._access import Access

    with api.create(where, name="Load", administrator="ada") as store:

        def do(command: str, **given: Any) -> None:
            key = f"{command} {sorted(given.items())}"[:180]
            store.execute(command, given, actor="ada", reason="load", key=key)

        roles = ["inspector", "storekeeper"]
        do("add_user", user="sue", name="Sue", roles=roles)
        for depot in DEPOTS:
            do("add_depot", depot=depot, name=depot, country="USA")
        do("add_owner", owner="custody", name="Custody", kind="custody")
        do("add_items", items=[{"item": "cobalt"}])
        return Access(store).issue_token(
            "sue", name="load", scopes=["write"], days=2, by="ada", key="token"
        )


def program(*arguments: str) -> list[str]:
    """Return the command line that runs this module."""
    return [sys.executable, "-m", "benchmarks.reserve_load", *arguments]


def measure(database: str, clients: int, seconds: float) -> dict[str, Any]:
    """Prepare, serve, load, and insert; return the figures."""
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="oreserve-load"))
        where, plain = f"{folder}/reserve.db", f"{folder}/plain.db"
        if database == "postgresql":
            from reserve._servers import server

            on = held.enter_context(server(connections=clients + 40))
            for name in ("load", "plain"):
                on.command(f"CREATE DATABASE {name}")
            where, plain = f"{on.url}/load", f"{on.url}/plain"
        token = prepare(where)
        found = _through_http(where, token, clients, seconds)
        found |= _verify(where)
        _make_plain(database, plain)
        found["inserts_per_s"] = inserts(database, plain, 1, seconds / 2)
        found["inserts_all_per_s"] = inserts(database, plain, clients, seconds / 2)
    # Of one machine at one time: what a command costs in plain inserts.
    best = max(found["inserts_per_s"], found["inserts_all_per_s"])
    found["of_inserts"] = found["commands_per_s"] / best
    return found | {"database": database, "clients": clients}


def _through_http(
    where: str, token: str, clients: int, seconds: float
) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    answering = subprocess.Popen(program("--serve", where, "--port", port), cwd=ROOT)
    try:
        _wait(f"http://127.0.0.1:{port}/healthy", answering)
        before = _processor_s(answering.pid)
        sent = subprocess.run(
            program(
                *("--load", token, "--port", port, "--clients", str(clients)),
                *("--seconds", str(seconds)),
            ),
            check=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        found: dict[str, Any] = json.loads(sent.stdout.splitlines()[-1])
        used = _processor_s(answering.pid) - before
        found["server_cpu_ms"] = 1_000 * used / found.pop("sent")
    finally:
        answering.send_signal(signal.SIGTERM)
        answering.wait(timeout=60)
    return found


def _processor_s(process: int) -> float:
    """Return what a process has used of the processor, s."""
    clock = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    ticks = sum(int(part) for part in clock.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wait(url: str, answering: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and answering.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own
        except OSError:
            time.sleep(0.05)
        else:
            return
    message = "the server did not start"
    raise RuntimeError(message)


def _verify(where: str) -> dict[str, Any]:
    from oreserve import reserve as api

    with api.open(where) as store:
        began = time.perf_counter()
        found = store.verify()
        assert found.ok, found.problem
        took = time.perf_counter() - began
    return {"entries": found.entries, "verified_per_s": found.entries / took}


def _has_postgresql() -> bool:
    sys.path.insert(0, str(ROOT / "tests"))
    from reserve.conftest import _binaries

    return _binaries() is not None


def main() -> None:
    """Measure, or play the server or the clients of a measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reserve_load")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="sqlite"
    )
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.port)
    elif given.load:
        found = asyncio.run(load(given.port, given.load, given.clients, given.seconds))
        print(json.dumps(found))
    elif given.database == "postgresql" and not _has_postgresql():
        print(json.dumps({"skipped": "no programs of PostgreSQL (initdb) here"}))
    else:
        found = measure(given.database, given.clients, given.seconds)
        found["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        print(json.dumps(found))


if __name__ == "__main__":
    main()
