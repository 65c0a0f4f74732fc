# SPDX-License-Identifier: Apache-2.0
"""On a cluster; one of this machine, for one CPU a worker, serves all tests."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks.supply_chain import make_problem

from oreserve.errors import InfeasibleError, InputError, OreserveError
from oreserve.stochastic import evaluate, executor, newsvendor, solve_two_stage
from stochastic import executor_tasks as tasks

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="needs ray: pip install 'oreserve[ray]'",
    ),
    pytest.mark.skipif(
        "RAY_ADDRESS" in os.environ, reason="RAY_ADDRESS names a cluster of others"
    ),
]


LOOPBACK = {
    "0100007F",
    "0000000000000000FFFF00000100007F",
    "00000000000000000000000001000000",
}
"""The address, the address within version 6, and that of version 6."""


def listening(pids):
    """Return the addresses on which processes listen, as the kernel writes them."""
    sockets = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(str(link.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text("utf-8").splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in sockets:
                found.add(cells[1].partition(":")[0])
    return found


@pytest.fixture(scope="module")
def cluster():
    # Two workers for the session below, two for those of the tests.
    with executor("ray", 4):
        yield executor("ray", 2)


@pytest.fixture(scope="module")
def session(cluster):
    with cluster.open(tasks.counter, 0) as held:
        yield held


def bits(session, which, count, x):
    """Solve chunks of 100 scenarios and return all bytes that come back."""
    work = [(which, np.arange(at, at + 100), x) for at in range(0, count, 100)]
    return [
        (value.tobytes(), dual.tobytes(), basis)
        for value, dual, basis in session.map(tasks.chunk_of, work)
    ]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc of Linux")
def test_a_cluster_of_this_machine_listens_on_the_loopback_address_only(session):
    assert list(session.map(tasks.square, range(4))) == [0, 1, 4, 9]
    found = listening([os.getpid(), *tasks.children(os.getpid())])
    assert found
    assert found <= LOOPBACK


def test_results_are_equal_to_the_last_bit_also_when_an_actor_is_lost(cluster):
    problems = {
        "newsvendor": newsvendor(np.linspace(0.0, 9.0, 1000)),
        "chain": make_problem(years=2, scale=0.1),
    }
    point = np.minimum(problems["chain"].first.upper, 1.0)
    cases = [("newsvendor", 1000, np.array([4.0])), ("chain", 300, point)]
    with executor("serial").open(tasks.several, problems) as held:
        reference = [bits(held, *case) for case in cases]
    for workers in (1, 2):
        with executor("ray", workers).open(tasks.several, problems) as held:
            assert [bits(held, *case) for case in cases] == reference
            pid = next(held.map(tasks.pid, [0]))[1]
            os.kill(pid, signal.SIGKILL)
            assert bits(held, *cases[0]) == reference[0]
            assert pid not in {ran for _, ran in held.map(tasks.pid, range(20))}


def test_decision_and_evaluation_are_equal_to_the_last_bit(cluster):
    problem = make_problem(years=2, scale=0.1)

    def decided(how):
        found = solve_two_stage(problem, count=60, executor=how)
        seen = evaluate(problem, found.x, count=600, exact=100, train=100, executor=how)
        return found.x.tobytes(), found.bound, found.value.tobytes(), seen.table.rows()

    assert decided(cluster) == decided(executor("serial"))


def test_a_lost_actor_is_replaced_and_its_task_runs_again(session, tmp_path):
    given = [(number, str(tmp_path / "mark")) for number in range(6)]
    before = {ran for _, ran in session.map(tasks.pid, range(20))}
    assert list(session.map(tasks.die_once, given)) == [0, 1, 102, 3, 4, 5]
    assert {ran for _, ran in session.map(tasks.pid, range(20))} - before


def test_nothing_is_printed_of_a_lost_actor(session, tmp_path, capfd):
    given = [(number, str(tmp_path / "mark")) for number in range(6)]
    assert list(session.map(tasks.die_once, given)) == [0, 1, 102, 3, 4, 5]
    time.sleep(2.0)  # Ray would tell it some tenths of a second later
    assert capfd.readouterr().out == ""


def test_a_task_that_ends_each_actor_is_given_up(session):
    with pytest.raises(OreserveError, match="lost a worker 4 times in the same task"):
        list(session.map(tasks.die, [0]))
    assert list(session.map(tasks.square, range(4))) == [0, 1, 4, 9]


def test_the_first_error_in_the_order_of_tasks_is_raised(session):
    results = session.map(tasks.refuse, range(8))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InfeasibleError, match=r"^task 3 has no solution$"):
        next(results)


def test_a_worker_may_change_its_task_as_in_processes(session):
    assert list(session.map(tasks.change, [np.zeros(2)])) == [[1.0, 1.0]]


def test_actors_have_single_threads(session):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
    assert next(session.map(tasks.environment, [names])) == dict.fromkeys(names, "1")


def test_an_error_of_the_factory_comes_from_open(cluster):
    with pytest.raises(InputError, match=r"^no such problem$"):
        cluster.open(tasks.failing, "no such problem")


def test_more_workers_than_processors_are_refused(cluster):
    with pytest.raises(InputError, match="5 workers are asked for; the cluster has 4"):
        executor("ray", 5).open(tasks.counter, 0)


SCRIPT = """
import os
from oreserve.stochastic import executor
from stochastic import executor_tasks as tasks
before = dict(os.environ)
with executor("ray", 1).open(tasks.counter, 0) as session:
    assert list(session.map(tasks.square, [3])) == [9]
assert dict(os.environ) == before
print(tasks.children(os.getpid()))
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc of Linux")
def test_nothing_is_said_and_nothing_is_left(tmp_path):
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        check=False,
        text=True,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "[]\n", "")
    assert list(tmp_path.iterdir()) == []
