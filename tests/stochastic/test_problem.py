# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oreserve.errors import InputError
from oreserve.stochastic import DualCache, Recourse, newsvendor


def test_recourse_costs_what_is_short():
    problem = newsvendor([1.0, 2.0, 5.0])
    batch = problem.source.draw(np.arange(3))
    solved = Recourse(problem).solve(batch, np.array([1.5]), want=("dual",))
    assert solved.value == pytest.approx([0.0, 5.0, 35.0])


def test_order_within_a_call_does_not_change_values():
    problem = newsvendor(np.arange(20.0))
    recourse, x = Recourse(problem), np.array([7.0])
    forward = recourse.solve(problem.source.draw(np.arange(20)), x).value
    backward = recourse.solve(problem.source.draw(np.arange(19, -1, -1)), x).value
    assert forward.tolist() == backward[::-1].tolist()


def test_bounds_never_pass_the_value_and_meet_it_where_solved():
    problem = newsvendor(np.linspace(0.0, 9.0, 40))
    x = np.array([4.0])
    some = problem.source.draw(np.arange(0, 40, 8))
    found = Recourse(problem).solve(some, x, want=("dual", "basis"))
    cache = DualCache(problem)
    cache.add(found.dual, found.basis)
    whole = problem.source.draw(np.arange(40))
    bound = cache.bounds(whole, x).bound
    value = Recourse(problem).solve(whole, x).value
    assert (bound <= value + 1e-9).all()
    assert bound[::8] == pytest.approx(value[::8], abs=1e-9)


def test_cache_refuses_costs_that_vary():
    problem = newsvendor()
    moving = replace(problem.recourse, fixed_cost=False)
    object.__setattr__(problem, "recourse", moving)
    with pytest.raises(InputError, match="costs vary"):
        DualCache(problem)


def test_problem_refuses_costs_that_vary():
    problem = newsvendor()
    with pytest.raises(InputError, match="fixed_cost"):
        replace(problem, recourse=replace(problem.recourse, fixed_cost=False))


def test_unknown_scenario_is_refused():
    with pytest.raises(InputError, match="there are 3"):
        newsvendor().source.draw(np.array([3]))
