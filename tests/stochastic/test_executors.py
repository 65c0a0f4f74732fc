# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.supply_chain import make_problem

from oreserve.errors import InfeasibleError, InputError, OreserveError
from oreserve.stochastic import (
    EXECUTORS,
    Recourse,
    evaluate,
    executor,
    newsvendor,
    solve_two_stage,
)
from stochastic import executor_tasks as tasks

HERE = [("serial", 1), ("threads", 2), ("processes", 2)]
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def chunks(count, size, x):
    return [(np.arange(at, at + size), x) for at in range(0, count, size)]


def flat(results):
    """Return all bytes of (value, dual, basis) of each chunk."""
    return [(value.tobytes(), dual.tobytes(), basis) for value, dual, basis in results]


def gone(pid):
    """Say whether a process ended; one that nobody waited for has ended too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize(
    "wrong, near", [("thread", "threads"), ("prozesses", "processes")]
)
def test_unknown_executor_is_refused_with_the_nearest(wrong, near):
    with pytest.raises(InputError, match=f"did you mean '{near}'"):
        executor(wrong)


def test_unknown_executor_names_those_there_are():
    with pytest.raises(InputError, match="serial, threads, processes, ray"):
        executor("kubernetes-operator")


def test_no_worker_is_refused():
    with pytest.raises(InputError, match="workers is 0"):
        executor("threads", 0)


def test_every_executor_is_named():
    assert EXECUTORS == ("serial", "threads", "processes", "ray")


@pytest.mark.parametrize("name, workers", HERE)
def test_results_come_in_the_order_of_tasks(name, workers):
    with executor(name, workers).open(tasks.counter, 0) as session:
        assert list(session.map(tasks.square, range(50))) == [n * n for n in range(50)]
        assert list(session.map(tasks.square, [])) == []
        assert list(session.map(tasks.square, [7])) == [49]


@pytest.mark.parametrize("name, workers", HERE)
def test_two_maps_of_a_session_may_be_under_way(name, workers):
    with executor(name, workers).open(tasks.counter, 0) as session:
        pairs = zip(
            session.map(tasks.square, range(40)),
            session.map(tasks.square, range(40, 80)),
            strict=True,
        )
        assert list(pairs) == [(n * n, (n + 40) ** 2) for n in range(40)]


@pytest.mark.parametrize("name, workers", HERE)
def test_a_session_serves_on_after_results_were_left(name, workers):
    with executor(name, workers).open(tasks.counter, 0) as session:
        results = session.map(tasks.square, range(1000))
        assert next(results) == 0
        results.close()
        assert list(session.map(tasks.square, [3])) == [9]


def test_results_ahead_of_the_reader_are_few():
    seen = []

    def note(_, task):
        seen.append(task)

    with executor("threads", 2).open(tasks.counter, 0) as session:
        results = session.map(note, range(1000))
        next(results)
        results.close()
    assert len(seen) <= 9  # the first, and four a thread


@pytest.mark.parametrize("name, workers", HERE)
def test_the_first_error_in_the_order_of_tasks_is_raised(name, workers):
    with executor(name, workers).open(tasks.counter, 0) as session:
        results = session.map(tasks.refuse, range(8))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(InfeasibleError, match=r"^task 3 has no solution$"):
            next(results)
        assert list(session.map(tasks.square, [2])) == [4]


@pytest.mark.parametrize("name, workers", HERE)
def test_an_error_of_the_factory_comes_from_open(name, workers):
    with pytest.raises(InputError, match=r"^no such problem$"):
        executor(name, workers).open(tasks.failing, "no such problem")
    with pytest.raises(FileNotFoundError):
        executor(name, workers).open(tasks.missing)


@pytest.mark.parametrize("name, workers", HERE)
def test_a_closed_session_is_refused(name, workers):
    session = executor(name, workers).open(tasks.counter, 0)
    session.close()
    session.close()
    with pytest.raises(OreserveError, match="closed"):
        list(session.map(tasks.square, range(3)))


def test_an_error_that_does_not_pickle_keeps_its_kind_and_message():
    with (
        executor("processes", 1).open(tasks.counter, 0) as session,
        pytest.raises(InputError, match=r"^tin is not gallium$"),
    ):
        list(session.map(tasks.refuse_twofold, [("tin", "gallium")]))


def test_an_error_that_nobody_meant_says_where_it_was():
    with (
        executor("processes", 1).open(tasks.counter, 0) as session,
        pytest.raises(ZeroDivisionError) as caught,
    ):
        list(session.map(tasks.divide, [1, 0]))
    assert "return 1 // task" in "".join(caught.value.__notes__)


def test_a_function_of_the_script_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(tasks.square, "__module__", "__main__")
    with (
        executor("processes", 1).open(tasks.counter, 0) as session,
        pytest.raises(InputError, match="square is defined in the script"),
    ):
        list(session.map(tasks.square, [1]))


def test_processes_are_others_with_single_threads():
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
    with executor("processes", 2).open(tasks.counter, 0) as session:
        found = list(session.map(tasks.pid, range(20)))
        variables = next(session.map(tasks.environment, [names]))
    assert all(made == ran != os.getpid() for made, ran in found)
    assert variables == dict.fromkeys(names, "1")
    assert all(gone(ran) for _, ran in found)


@posix
def test_a_lost_process_is_replaced_and_its_task_runs_again(tmp_path):
    given = [(number, str(tmp_path / "mark")) for number in range(6)]
    with executor("processes", 2).open(tasks.counter, 0) as session:
        before = {ran for _, ran in session.map(tasks.pid, range(20))}
        results = list(session.map(tasks.die_once, given))
        after = {ran for _, ran in session.map(tasks.pid, range(20))}
    assert results == [0, 1, 102, 3, 4, 5]
    assert after - before
    assert all(gone(one) for one in before | after)


@posix
def test_a_lost_process_changes_no_bit_of_a_recourse():
    problem = newsvendor(np.linspace(0.0, 9.0, 1000))
    work = chunks(1000, 100, np.array([4.0]))
    with executor("serial").open(Recourse, problem) as session:
        reference = flat(session.map(tasks.chunk, work))
    with executor("processes", 2).open(Recourse, problem) as session:
        results = session.map(tasks.chunk, work)
        found = [next(results)]
        os.kill(session._lanes[0][0]._process.pid, signal.SIGKILL)
        found += list(results)
    assert flat(found) == reference


@posix
def test_a_task_that_ends_each_worker_is_given_up():
    with (
        executor("processes", 1).open(tasks.counter, 0) as session,
        pytest.raises(OreserveError, match="3 worker processes ended"),
    ):
        list(session.map(tasks.die, [0]))


@posix
def test_a_factory_that_ends_each_worker_is_given_up():
    with pytest.raises(OreserveError, match="3 worker processes ended"):
        executor("processes", 1).open(tasks.die, 0, 0)


@pytest.mark.parametrize("name, workers", [
    ("threads", 1), ("threads", 2), ("threads", 3), ("processes", 1), ("processes", 2),
])  # fmt: skip
@pytest.mark.parametrize("which", ["newsvendor", "chain"])
def test_results_are_equal_to_the_last_bit(name, workers, which):
    if which == "newsvendor":
        problem = newsvendor(np.linspace(0.0, 9.0, 1000))
        x = np.array([4.0])
    else:
        problem = make_problem(years=2, scale=0.1)
        x = np.minimum(problem.first.upper, 1.0)
    size = 100
    work = chunks(1000 if which == "newsvendor" else 300, size, x)
    with executor("serial").open(Recourse, problem) as session:
        reference = flat(session.map(tasks.chunk, work))
    with executor(name, workers).open(Recourse, problem) as session:
        # Twice, the second time backwards: no result depends on what came before.
        assert flat(session.map(tasks.chunk, work)) == reference
        assert flat(session.map(tasks.chunk, work[::-1])) == reference[::-1]


@pytest.mark.parametrize("name, workers", HERE)
def test_products_are_equal_to_the_last_bit(name, workers):
    here = [tasks.product(None, n).tobytes() for n in range(8)]
    with executor(name, workers).open(tasks.counter, 0) as session:
        assert [
            found.tobytes() for found in session.map(tasks.product, range(8))
        ] == here


SCRIPT = """
import sys
from stochastic import executor_tasks as tasks
from oreserve.stochastic import executor
with executor("processes", 2).open(tasks.counter, 0) as session:
    list(session.map(tasks.tell_and_wait, sys.argv[1:]))
"""


@pytest.fixture
def waiting(tmp_path):
    """Start a program whose two workers are in the middle of a task."""
    marks = [tmp_path / "0", tmp_path / "1"]
    program = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, marks)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not all(mark.exists() for mark in marks):
        assert program.poll() is None, program.stderr.read()
        os.sched_yield()
    yield program, [int(mark.read_text(encoding="utf-8")) for mark in marks]
    program.kill()
    program.wait()
    program.stderr.close()


def until_gone(pids):
    while not all(gone(pid) for pid in pids):
        os.sched_yield()


@posix
def test_ctrl_c_ends_the_workers(waiting):
    program, workers = waiting
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate()
    assert program.returncode == -signal.SIGINT
    assert errors.strip().endswith(b"KeyboardInterrupt")
    assert all(gone(pid) for pid in workers)


@posix
def test_workers_end_when_their_master_is_killed(waiting):
    program, workers = waiting
    program.kill()
    program.wait()
    until_gone(workers)
    assert all(gone(pid) for pid in workers)


def decided(how):
    """Return all figures of a decision and of its evaluation on other scenarios."""
    problem = make_problem(years=2, scale=0.1)
    found = solve_two_stage(problem, count=60, executor=how)
    seen = evaluate(problem, found.x, count=600, exact=100, train=100, executor=how)
    return (
        found.x.tobytes(), found.objective, found.bound, found.value.tobytes(),
        seen.mean, seen.cvar, seen.bound.tobytes(), seen.value.tobytes(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    return decided(executor("serial"))


@pytest.mark.parametrize("name, workers", [("threads", 3), ("processes", 2)])
def test_decision_and_evaluation_are_equal_to_the_last_bit(name, workers, reference):
    assert decided(executor(name, workers)) == reference
