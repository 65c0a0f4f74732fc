# SPDX-License-Identifier: Apache-2.0
"""Run a program in a process of its own: its last line, times, peak memory.

Peak memory is that of the program with all its descendants: the largest sum seen
when looking five times a second, or the kernel's own maximum of the program alone
where that is larger. Pages that processes share count once for each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finished", "run_program"]

ROOT = Path(__file__).resolve().parents[1]
LOOK_S = 0.2
PATIENCE = 5
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Finished:
    """What became of one run.

    Parameters
    ----------
    state
        `done`, `skipped`, `not there yet`, `not done` (time ran out), `failed`.
    why
        What is lacking or went wrong; empty if done.
    result
        The line of JSON.
    wall_s, peak_mb, cpu_s
        Of the whole process, from its start to its end; processor time of children
        that it waited for is in it.
    """

    state: str
    why: str
    result: dict[str, Any]
    wall_s: float
    peak_mb: float
    cpu_s: float = 0.0


def run_program(command: Sequence[str], *, limit_s: float) -> Finished:
    """Run a command from the repository's root and read its last line as JSON.

    The limit is one of processor time, its children's with it, so that a busy machine
    does not decide who ends; of wall time it allows `PATIENCE` times as much.
    """
    env = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Rivals' interpreters find the benchmarks here, and nothing else of ours.
        "PYTHONPATH": str(ROOT),
        # MPI counts cores by itself and refuses root, who runs containers.
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                list(command), stdout=out, stderr=complaints, env=env, cwd=ROOT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as lacking:
            return Finished("skipped", f"cannot start: {lacking}", {}, 0.0, 0.0)
        peak, cpu, code = _watch(process, limit_s)
        wall = time.perf_counter() - started
        texts = []
        for file in (out, complaints):
            file.seek(0)
            texts.append(file.read().decode(errors="replace").strip().splitlines())
    if code is None:
        why = f"not done in {cpu:.0f} s of processor time"
        return Finished("not done", why, {}, wall, peak, cpu)
    done = _read(code, texts[0], texts[1], wall, peak)
    return replace(done, cpu_s=cpu)


def _read(
    code: int, said: list[str], complained: list[str], wall: float, peak: float
) -> Finished:
    last = (complained or said or ["no message"])[-1]
    if code != 0:
        state = "skipped" if last.startswith("skipped: ") else "failed"
        return Finished(state, last.removeprefix("skipped: "), {}, wall, peak)
    try:
        result = json.loads(said[-1])
    except (IndexError, json.JSONDecodeError):
        return Finished("failed", "its last line is no JSON", {}, wall, peak)
    for key, state in (("skipped", "skipped"), ("not_there_yet", "not there yet")):
        if key in result:
            return Finished(state, str(result[key]), {}, wall, peak)
    return Finished("done", "", result, wall, peak)


def _watch(
    process: subprocess.Popen[bytes], limit_s: float
) -> tuple[float, float, int | None]:
    """Wait for the end or the limit; return peak MB, CPU s and the exit code."""
    peak = 0.0
    pause = 0.02
    until = time.perf_counter() + PATIENCE * limit_s
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = max(peak, usage.ru_maxrss / 1024)
            return peak, usage.ru_utime + usage.ru_stime, process.returncode
        memory, spent = _family(process.pid)
        peak = max(peak, memory)
        if spent > limit_s or time.perf_counter() > until:
            os.killpg(process.pid, signal.SIGKILL)
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = -signal.SIGKILL
            peak = max(peak, usage.ru_maxrss / 1024)
            return peak, usage.ru_utime + usage.ru_stime, None
        time.sleep(pause)
        pause = min(LOOK_S, 1.5 * pause)


def _family(root: int) -> tuple[float, float]:
    """Sum memory (MB) and processor time (s) of a process and its descendants."""
    parent: dict[int, int] = {}
    pages: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold spaces: count from its end.
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(folder.name)
        parent[pid] = int(words[1])
        pages[pid] = int(words[21])
        # Its own, and that of children it has waited for.
        ticks[pid] = sum(map(int, words[11:15]))
    family, before = {root}, 0
    while len(family) > before:
        before = len(family)
        family |= {pid for pid, above in parent.items() if above in family}
    memory = sum(pages.get(pid, 0) for pid in family) * PAGE / 2**20
    return memory, sum(ticks.get(pid, 0) for pid in family) / TICK
