# SPDX-License-Identifier: Apache-2.0
"""Nothing acknowledged is lost and nothing is half-done, whatever dies.

`python -m benchmarks.reserve_trial crash` kills thousands of writers the same way.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback

import psycopg
import pytest
import uvicorn

from oreserve import reserve as api
from oreserve.reserve import Request, StoreError
from oreserve.reserve._access import Access
from oreserve.web import create_app
from reserve._crashing import Crashes
from reserve._invariants import check_chain, check_no_half, check_state
from reserve._servers import Server, server
from reserve.conftest import _binaries

needs_postgresql = pytest.mark.skipif(
    _binaries() is None, reason="no programs of PostgreSQL (initdb) on this machine"
)


def test_killed_writers_lose_nothing_on_sqlite(tmp_path):
    counts = Crashes(1, tmp_path, replay_every=8).run(16)
    assert counts["kills"] == 16
    assert counts["acknowledged"] > 0
    assert counts["unanswered"] > 0


@pytest.fixture(scope="module")
def durable():
    """Give a PostgreSQL that writes through to the disk and may be killed."""
    with server() as one:
        yield one


@needs_postgresql
def test_killed_writers_and_servers_lose_nothing_on_postgresql(tmp_path, durable):
    trial = Crashes(2, tmp_path, server=durable, server_every=4, replay_every=8)
    counts = trial.run(8)
    assert counts["killed by server"] == 2
    assert counts["acknowledged"] > 0


def depot(number, user="max"):
    """Return a request that adds a depot, long enough to fill a disk."""
    given = {"depot": f"N{number}", "name": "x" * 290, "country": "USA"}
    return Request("add_depot", given, user, "a test", f"depot {number}")


def send(store, request):
    return store.execute(
        request.command,
        request.arguments,
        actor=request.actor,
        reason=request.reason,
        key=request.key,
    )


def test_copy_taken_during_writing_opens_and_verifies(desk, tmp_path):
    stop, acknowledged = threading.Event(), []

    def write():
        while not stop.is_set():
            acknowledged.append(send(desk.reserve, depot(len(acknowledged))))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = []
        for number in range(3):
            while len(acknowledged) < 5 * (number + 1):
                time.sleep(0.001)
            before = len(acknowledged)
            copy = tmp_path / f"copy{number}.db"
            desk.reserve.backup(copy)
            copies.append((copy, before, len(acknowledged)))
    finally:
        stop.set()
        writer.join()
    for copy, before, after in copies:
        with api.open(copy) as store:
            found = store.verify()
            assert found.ok, found.problem
            with store.engine.connect() as connection:
                check_chain(connection)
                check_state(connection, thorough=True)
            there = found.head.sequence - acknowledged[0].sequence + 1
        # What was acknowledged before it began is in it; one more may be under way.
        assert before <= there <= after + 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_disk_that_fills_up_under_a_writer_loses_nothing(desk):
    desk.reserve.close()
    out, into = os.pipe()
    writer = os.fork()
    if writer == 0:
        try:
            # No file of this process may grow beyond it: the disk is full for it.
            resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            with api.open(desk.where) as store:
                for number in range(3_000):
                    send(store, depot(number))
                    os.write(into, f"{number}\n".encode())
        except StoreError as error:
            os.write(into, f"told {error}\n".encode())
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out, encoding="utf-8") as pipe:
        *done, last = pipe.read().splitlines()
    os.waitpid(writer, 0)
    assert last.startswith("told ")
    assert "repeat" in last
    assert 0 < len(done) < 2_999
    with api.open(desk.where) as store:
        assert store.verify().ok
        rows = desk.rows("depots")
        assert len([row for row in rows if row["depot"].startswith("N")]) == len(done)
        again = send(store, depot(len(done)))
        assert not again.repeated


@needs_postgresql
@pytest.mark.parametrize("fall", ["stop", "kill"])
def test_server_that_restarts_in_a_request_leaves_one_effect(durable: Server, fall):
    name = f"restart_{fall}"
    durable.command(f"CREATE DATABASE {name}")
    where = f"{durable.url}/{name}"
    told = []
    with api.create(where, name="Test", administrator="ada") as store:
        first = send(store, depot(1, "ada"))
        holding = psycopg.connect(where)
        holding.execute("SELECT pg_advisory_xact_lock(1330791763)")

        def ask():
            try:
                send(store, depot(2, "ada"))
            except StoreError as error:
                told.append(str(error))

        client = threading.Thread(target=ask)
        client.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        with psycopg.connect(f"{durable.url}/postgres", autocommit=True) as look:
            while not look.execute(waiting).fetchone()[0]:
                time.sleep(0.005)
        getattr(durable, fall)()
        client.join()
        holding.close()
        durable.start()
        assert len(told) == 1
        assert "same key" in told[0]
        assert not send(store, depot(2, "ada")).repeated
        assert send(store, depot(2, "ada")).repeated
        assert send(store, depot(1, "ada")).hash == first.hash
        assert store.verify().ok
    durable.wait_for_quiet(name)
    durable.command(f"DROP DATABASE {name}")


# --- The HTTP server --------------------------------------------------------------


def serve(where, port):
    """Fork a server of a reserve; return its process."""
    process = os.fork()
    if process == 0:
        try:
            store = api.open(where)
            config = uvicorn.Config(
                create_app(store), host="127.0.0.1", port=port, log_level="critical"
            )
            uvicorn.Server(config).run()
        except BaseException:  # noqa: BLE001 - told where the test can see it
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(1)
    while not os.waitpid(process, os.WNOHANG)[0]:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return process
    message = "the server ended before it answered"
    raise AssertionError(message)


def post(connection, token, request):
    """Send a command; return its receipt, or the problem that was told."""
    body = json.dumps({"arguments": dict(request.arguments), "reason": request.reason})
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "idempotency-key": request.key.replace(" ", "-"),
    }
    path = f"/api/v1/commands/{request.command}"
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_server_killed_between_requests_loses_no_answer(desk):
    with api.open(desk.where) as store:  # by the clock of the server: tokens end
        token = Access(store).issue_token(
            "max", name="load", scopes=["write"], days=1, by="ada", key="token"
        )
    desk.reserve.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server_process = serve(desk.where, port)
    answered, unanswered, failed = {}, [], []

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for place in range(10_000):
            request = depot(f"{number}x{place}")
            try:
                status, receipt = post(connection, token, request)
            except (OSError, http.client.HTTPException):
                unanswered.append(request)
                return
            if status != 200:
                failed.append(receipt)
                return
            answered[request.key] = receipt

    clients = [threading.Thread(target=client, args=(n,)) for n in range(6)]
    for one in clients:
        one.start()
    while len(answered) < 30:
        assert not failed
        time.sleep(0.005)
    os.kill(server_process, signal.SIGKILL)
    os.waitpid(server_process, 0)
    for one in clients:
        one.join()
    assert len(unanswered) == 6
    with desk.reserve.engine.connect() as connection:
        check_chain(connection)
        check_no_half(connection)
    stored = {
        row["key"]: row["hash"] for row in desk.rows("audit", command="add_depot")
    }
    for key, receipt in answered.items():
        assert stored[key.replace(" ", "-")] == receipt["hash"]
    desk.reserve.close()
    server_process = serve(desk.where, port)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for request in unanswered:
            status, receipt = post(connection, token, request)
            assert status == 200
            assert receipt["repeated"] == (request.key.replace(" ", "-") in stored)
        connection.close()
    finally:
        os.kill(server_process, signal.SIGTERM)
        os.waitpid(server_process, 0)
    rows = [row for row in desk.rows("depots") if row["depot"].startswith("N")]
    assert len(rows) == len(answered) + len(unanswered)
    assert desk.reserve.verify().ok
