# SPDX-License-Identifier: Apache-2.0
"""What the tests of executors run on workers: a worker loads it by its name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from oreserve.errors import InfeasibleError, InputError
from oreserve.stochastic import Recourse


class TwofoldError(InputError):
    """An error that does not survive a pickle: it is made from two things."""

    def __init__(self, what, allowed):
        super().__init__(f"{what} is not {allowed}")


def counter(start):
    return {"seen": start, "pid": os.getpid()}


def failing(message):
    raise InputError(message)


def missing():
    return Path("/no/such/file").read_text(encoding="utf-8")


def square(state, task):
    state["seen"] += 1
    return task * task


def pid(state, task):
    return state["pid"], os.getpid()


def environment(state, task):
    return {name: os.environ.get(name) for name in task}


def refuse(state, task):
    if task == 3:
        message = "task 3 has no solution"
        raise InfeasibleError(message)
    if task == 5:
        message = "task 5 is wrong"
        raise InputError(message)
    return task


def refuse_twofold(state, task):
    raise TwofoldError(*task)


def divide(state, task):
    return 1 // task


def change(state, task):
    """Change the task that came, which a worker may do with its own copy."""
    task += 1.0
    return task.tolist()


def die_once(state, task):
    """End the worker in the middle of a task, the first time that it is run."""
    number, mark = task
    if number == 2:
        try:
            with Path(mark).open("x", encoding="utf-8"):
                os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            return number + 100
    return number


def die(state, task):
    os.kill(os.getpid(), signal.SIGKILL)


def tell_and_wait(state, task):
    """Say who runs this, then wait until somebody ends it."""
    place = Path(task)
    unfinished = place.with_suffix(f".{os.getpid()}")
    unfinished.write_text(str(os.getpid()), encoding="utf-8")
    unfinished.rename(place)
    signal.pause()


def chunk(recourse, task):
    """Solve a chunk of scenarios at a point, with duals."""
    numbers, x = task
    batch = recourse.problem.source.draw(numbers)
    found = recourse.solve(batch, x, want=("dual", "basis"))
    return found.value, found.dual, found.basis


def product(state, task):
    """Multiply matrices, whose last bit could depend on threads of a library."""
    rng = np.random.Generator(np.random.Philox(task))
    return rng.random((64, 300)) @ rng.random((300, 50))


def several(problems):
    models = {name: Recourse(problem) for name, problem in problems.items()}
    return models | {"pid": os.getpid()}


def chunk_of(state, task):
    return chunk(state[task[0]], task[1:])


def children(pid):
    """Return the numbers of all processes that a process has started."""
    found, parents = [], {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    front = [pid]
    while front:
        front = [one for one, parent in parents.items() if parent in front]
        found += front
    return found
