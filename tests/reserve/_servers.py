# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a trial's own that may be stopped, killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from reserve.conftest import _binaries, _free_port, _other_user

PATIENCE_S = 60.0


class Server:
    """PostgreSQL on loopback in a folder of its own, as durable as it comes."""

    def __init__(self, *, connections: int = 80) -> None:
        self._connections = connections
        binaries = _binaries()
        assert binaries is not None, "no programs of PostgreSQL on this machine"
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="oreserve-trial-"))
        self._as_other: dict = {}
        other = _other_user()
        if other is not None:
            os.chown(self.folder, *other)
            self._as_other = {
                "user": other[0],
                "group": other[1],
                "extra_groups": [],
            }
        self._data = self.folder / "data"
        self.port = _free_port()
        self.url = f"postgresql://oreserve@127.0.0.1:{self.port}"
        self._run("initdb", "-U", "oreserve", "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip
        self.start()

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run(
            [str(self._binaries / program), "-D", str(self._data), *arguments],
            check=check,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_other,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 "
            f"-c unix_socket_directories='' -c max_connections={self._connections}"
        )
        log = str(self.folder / "log")
        self._run("pg_ctl", "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop it at once, as after a fault: no client is waited for."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """Kill every process of it by SIGKILL."""
        whole = (self._data / "postmaster.pid").read_text(encoding="utf-8")
        master = int(whole.split()[0])
        backends = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _parent(entry) == master
        ]
        for process in (master, *backends):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        until = time.monotonic() + PATIENCE_S
        while any(Path(f"/proc/{one}/fd").exists() and _alive(one) for one in backends):
            assert time.monotonic() < until
            time.sleep(0.01)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, sql: str) -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(sql)

    def wait_for_quiet(self, database: str) -> None:
        """Wait until no other session works on a database."""
        until = time.monotonic() + PATIENCE_S
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            while connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (database,)
            ).fetchone()[0]:
                assert time.monotonic() < until, "sessions of dead clients go on"
                time.sleep(0.005)


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return -1


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def server(*, connections: int = 80) -> Iterator[Server]:
    """Give a server; remove it afterwards."""
    one = Server(connections=connections)
    try:
        yield one
    finally:
        one.close()
