# SPDX-License-Identifier: Apache-2.0
"""Blocks: small programmes by hand, files, and statuses that are always read."""

from __future__ import annotations

import highspy
import numpy as np
import pytest
import scipy.optimize

from oreserve.errors import InfeasibleError
from oreserve.network import BlockBuilder, SolverError, new_highs, solve


def diet():
    # min 2x + 3y, x + y >= 4, x + 3y >= 6: corner at x = 3, y = 1, cost 9,
    # duals 1.5 and 0.5.
    builder = BlockBuilder()
    x = builder.add_columns(["x", "y"], cost=[2.0, 3.0])
    rows = builder.add_rows(["first", "second"], lower=[4.0, 6.0])
    builder.add_entries([rows[0], rows[0]], x, [1.0, 1.0])
    builder.add_entries([rows[1], rows[1]], x, [1.0, 3.0])
    return builder.build()


def test_hand_computed_optimum_and_duals():
    solution = solve(diet())
    assert solution.objective == pytest.approx(9.0)
    assert solution.value == pytest.approx([3.0, 1.0])
    assert solution.row_dual == pytest.approx([1.5, 0.5])


def test_entries_at_one_place_add_up():
    builder = BlockBuilder()
    x = builder.add_columns(["x"], cost=1.0)
    row = builder.add_rows(["r"], lower=6.0)
    builder.add_entries(row, x, 1.0)
    builder.add_entries(row, x, 2.0)
    assert solve(builder.build()).value == pytest.approx([2.0])


def test_random_blocks_agree_with_an_interior_point():
    rng = np.random.default_rng(7)
    for _ in range(10):
        matrix = rng.random((8, 15)) * (rng.random((8, 15)) < 0.5)
        cost, need = rng.random(15), matrix.sum(axis=1) * 0.4
        builder = BlockBuilder()
        columns = builder.add_columns(15, cost=cost, upper=1.0)
        rows = builder.add_rows(8, lower=need)
        where, which = np.nonzero(matrix)
        builder.add_entries(rows[where], columns[which], matrix[where, which])
        expected = scipy.optimize.linprog(
            cost, A_ub=-matrix, b_ub=-need, bounds=(0, 1), method="highs-ipm"
        )
        assert solve(builder.build()).objective == pytest.approx(expected.fun, rel=1e-7)


def test_infeasible_names_what_it_is():
    builder = BlockBuilder()
    x = builder.add_columns(["x"], upper=1.0)
    row = builder.add_rows(["r"], lower=2.0)
    builder.add_entries(row, x, 1.0)
    with pytest.raises(InfeasibleError, match="the budget has no solution"):
        solve(builder.build(), what="the budget")


def test_unbounded_is_no_result():
    builder = BlockBuilder()
    x = builder.add_columns(["x"], cost=-1.0)
    row = builder.add_rows(["r"], lower=0.0)
    builder.add_entries(row, x, 1.0)
    with pytest.raises((SolverError, InfeasibleError)):
        solve(builder.build())


def test_a_number_that_is_none_is_refused():
    builder = BlockBuilder()
    x = builder.add_columns(["x"], cost=float("nan"))
    row = builder.add_rows(["r"], lower=1.0)
    builder.add_entries(row, x, 1.0)
    with pytest.raises((SolverError, InfeasibleError)):
        solve(builder.build())


def test_whole_numbers_and_the_bound():
    builder = BlockBuilder()
    x = builder.add_columns(["x", "y"], cost=[-5.0, -4.0], upper=9.0, integer=True)
    row = builder.add_rows(["r"], upper=11.0)
    builder.add_entries([row[0], row[0]], x, [3.0, 2.0])
    # 3x + 2y <= 11: x = 1, y = 4 gives 21; x = 3, y = 1 gives 19.
    solution = solve(builder.build())
    assert solution.objective == pytest.approx(-21.0)
    assert solution.bound == pytest.approx(-21.0)
    assert solution.row_dual.size == 0


def test_mps_file_is_read_back_with_the_same_optimum(tmp_path):
    path = diet().write_mps(tmp_path / "diet.mps")
    assert "first" in path.read_text()
    highs = new_highs()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    assert solve(highs).objective == pytest.approx(9.0)


def test_solvers_are_silent(capfd):
    solve(diet())
    assert capfd.readouterr().out == ""


def test_csr_has_the_entries():
    assert diet().to_csr().toarray().tolist() == [[1.0, 1.0], [1.0, 3.0]]
