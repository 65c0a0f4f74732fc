# SPDX-License-Identifier: Apache-2.0
"""Where simulations run changes nothing but the time."""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import pytest
from typer.testing import CliRunner

from oreserve.cli import app
from oreserve.errors import InputError, OreserveError
from oreserve.market import prepare
from oreserve.planning import (
    _chain_state,
    operating_policy,
    plan,
    simulate_many,
    verify_release_rule,
)
from oreserve.planning._chain_runs import chain_specs
from oreserve.planning._chain_state import ChainState, ForgottenError
from oreserve.planning._pool import LazyPool
from oreserve.stochastic import _ray
from oreserve.study import load_study
from oreserve.threats import sample_scenarios

COUNT = 7
RAY = pytest.param(
    "ray",
    marks=[
        pytest.mark.ray,
        pytest.mark.skipif(
            importlib.util.find_spec("ray") is None or "RAY_ADDRESS" in os.environ,
            reason="needs ray and no cluster of others",
        ),
    ],
)


@pytest.fixture(scope="module")
def study():
    return load_study("tiny")


@pytest.fixture(scope="module")
def base(study):
    return prepare(study)


def texts(found):
    return found.distribution.write_csv(), found.scenarios.write_csv()


@pytest.fixture(scope="module")
def found(study, base):
    return simulate_many(study, count=COUNT, seed=4, executor="serial", base=base)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", ["threads", "processes"])
def test_scenarios_are_the_same_wherever_they_run(study, base, found, name, workers):
    other = simulate_many(
        study, count=COUNT, seed=4, executor=name, workers=workers, base=base
    )
    assert texts(other) == texts(found)


@pytest.mark.parametrize("name", [RAY])
def test_scenarios_are_the_same_on_a_cluster(study, base, found, name):
    other = simulate_many(
        study, count=COUNT, seed=4, executor=name, workers=2, base=base
    )
    assert texts(other) == texts(found)


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_a_plan_is_the_same_wherever_it_is_made(study, name):
    def make(executor, workers):
        return plan(
            study,
            budget_usd=5e6,
            scenarios=5,
            verify=6,
            draws=1,
            executor=executor,
            workers=workers,
        )

    here, there = make("serial", 1), make(name, 2)
    assert dict(here.figures) == dict(there.figures)
    for table, frame in here.frames.items():
        assert frame.equals(there.frames[table]), table


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_a_policy_is_the_same_wherever_it_is_found(study, base, name):
    tables = []
    for executor in ("serial", name):
        one = operating_policy(
            study, items=2, scenarios=6, openings=3, executor=executor, base=base
        )
        judged = verify_release_rule(
            study, one, scenarios=4, executor=executor, base=base
        )
        tables.append((one.security_values(), judged))
        bounds = one.figures["bound_usd"]
    assert tables[0][0].equals(tables[1][0])
    assert tables[0][1].equals(tables[1][1])
    assert np.isfinite(bounds)


def test_nothing_starts_unless_it_is_worth_it_or_asked_for():
    for executor, workers, starts in (
        (None, 2, False),
        ("serial", 2, False),
        ("threads", 1, True),
    ):
        pool = LazyPool(workers, executor)
        assert (pool.get(10) is not None) == starts
        pool.close()


def test_an_unknown_executor_names_the_nearest(study):
    with pytest.raises(InputError, match="did you mean 'threads'"):
        simulate_many(study, count=1, executor="thread")


def test_without_ray_the_message_says_what_to_install(study, monkeypatch):
    monkeypatch.setattr(_ray, "find_spec", lambda _: None)
    with pytest.raises(OreserveError, match=r"pip install 'oreserve\[ray\]'"):
        simulate_many(study, count=1, executor="ray")
    result = CliRunner().invoke(
        app, ["plan", "tiny", "--budget", "1e6", "--executor", "ray"]
    )
    assert result.exit_code == 1
    assert "oreserve[ray]" in result.output


def test_a_state_that_was_made_again_says_that_it_knows_nothing(study):
    state = ChainState()
    drawn = sample_scenarios(study, count=2, seed=0)
    with pytest.raises(ForgottenError):
        state.answer("scenarios", 1, drawn)
    state.answer("scenarios", 0, drawn)
    with pytest.raises(ForgottenError):
        state.answer("run", 0, [0], None, True, True)


def test_a_worker_drops_solved_keys_of_chains_longest_unused(study, base, monkeypatch):
    drawn = sample_scenarios(study, count=3, seed=0)
    state = ChainState()
    state.answer("scenarios", 0, drawn)
    for number, spec in enumerate(chain_specs(base, len(study.period_starts()), ())):
        state.answer("chain", number, spec)
    numbers = list(state._chains)
    assert len(numbers) > 1
    before = [
        state.answer("run", number, [0, 1, 2], None, True, True) for number in numbers
    ]
    assert all(chain.held_bytes for chain in state._chains.values())
    monkeypatch.setattr(_chain_state, "MOST_BYTES", 1)
    again = [
        state.answer("run", number, [0, 1, 2], None, True, True) for number in numbers
    ]
    held = [bool(state._chains[number].held_bytes) for number in numbers]
    assert held == [False] * (len(numbers) - 1) + [True]
    for one, other in zip(before, again, strict=True):
        assert all((one[name] == other[name]).all() for name in one)


def test_one_future_has_no_executor():
    result = CliRunner().invoke(
        app, ["simulate", "tiny", "--periods", "1", "--executor", "threads"]
    )
    assert result.exit_code == 1
    assert "--scenarios" in result.output
