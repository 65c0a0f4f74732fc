# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from benchmarks.supply_chain import make_problem

from oreserve.errors import InfeasibleError, InputError
from oreserve.network import BlockBuilder, solve
from oreserve.stochastic import (
    DualCache,
    Recourse,
    _lshaped,
    _run,
    _saved,
    executor,
    newsvendor,
    out_of_sample,
    solve_two_stage,
)
from oreserve.stochastic._cuts import Pieces, Sample
from oreserve.stochastic._recourse import HotStartError

TIGHT = 1e-7


def toy(years=2, **options):
    return make_problem(scale=0.15, years=years, **options)


def extensive(problem, count):
    """Write all scenarios into one block: the definition, term by term."""
    first, block = problem.first, problem.recourse
    batch = problem.source.draw(np.arange(count))
    build = BlockBuilder()
    x = build.add_columns(
        first.columns, cost=first.cost, lower=first.lower, upper=first.upper,
        integer=first.integer,
    )  # fmt: skip
    rows = build.add_rows(first.rows, lower=first.row_lower, upper=first.row_upper)
    build.add_entries(rows[first.entry_row], x[first.entry_column], first.entry_value)
    weight = problem.risk_weight
    eta = build.add_columns(1, cost=weight, lower=-np.inf)
    over = build.add_columns(count, cost=weight / (1 - problem.alpha) / count)
    for s in range(count):
        low, high = block.row_lower.copy(), block.row_upper.copy()
        low[problem.vary_row] = batch.row_lower[s]
        high[problem.vary_row] = batch.row_upper[s]
        left, right = block.lower.copy(), block.upper.copy()
        left[problem.vary_column] = batch.lower[s]
        right[problem.vary_column] = batch.upper[s]
        y = build.add_columns(
            block.columns, cost=block.cost / count, lower=left, upper=right
        )
        r = build.add_rows(block.rows, lower=low, upper=high)
        build.add_entries(r[block.entry_row], y[block.entry_column], block.entry_value)
        t = problem.t_value.copy()
        t[problem.vary_t] = batch.technology[s]
        build.add_entries(r[problem.t_row], x[problem.t_column], t)
        if weight:
            tail = build.add_rows(1, lower=0.0)
            build.add_entries(tail[0], [over[s], eta[0]], 1.0)
            build.add_entries(tail[0], y, -block.cost)
    return build.build()


# Answers on paper.


@pytest.mark.parametrize("price", [1.1, 3.1, 7.4])
def test_newsvendor_buys_the_quantile(price):
    demand = np.arange(1.0, 41.0)
    problem = newsvendor(demand, price=price)
    found = solve_two_stage(problem, count=40, gap=TIGHT)
    cost = [price * z + 10.0 * np.maximum(demand - z, 0).mean() for z in demand]
    assert found.objective == pytest.approx(min(cost), rel=1e-6)
    assert found.x[0] == pytest.approx(demand[int(np.argmin(cost))], abs=1e-3)


def test_newsvendor_with_a_tail_term():
    demand = np.arange(1.0, 101.0)
    problem = newsvendor(demand, risk_weight=1.0, alpha=0.9)
    found = solve_two_stage(problem, count=100, gap=TIGHT)

    def cost(z):
        short = np.sort(10.0 * np.maximum(demand - z, 0.0))
        return 4.0 * z + short.mean() + short[-10:].mean()

    assert found.objective == pytest.approx(min(map(cost, demand)), rel=1e-6)
    assert found.objective == pytest.approx(cost(found.x[0]), rel=1e-9)
    assert found.tail == pytest.approx(np.sort(found.value)[-10:].mean())


def test_weights_of_scenarios_count():
    problem = newsvendor([1.0, 2.0, 3.0])
    batch = replace(problem.source.batch, probability=np.array([0.98, 0.01, 0.01]))
    weighted = problem.with_source(type(problem.source)(batch))
    assert solve_two_stage(weighted, count=3).x[0] == pytest.approx(1.0, abs=1e-3)
    assert solve_two_stage(problem, count=3).x[0] == pytest.approx(2.0, abs=1e-3)


# Against the extensive form.


@pytest.mark.parametrize("binaries", [False, True])
@pytest.mark.parametrize("risk", [0.0, 0.5])
def test_meets_the_extensive_form(risk, binaries):
    problem = toy(risk_weight=risk, binaries=binaries, alpha=0.75)
    whole = solve(extensive(problem, 8), mip_rel_gap=1e-9)
    found = solve_two_stage(problem, count=8, gap=5e-7, clusters=4)
    assert found.objective == pytest.approx(whole.objective, rel=1e-6)
    assert found.bound <= whole.objective * (1 + 1e-8)
    assert found.gap <= 5e-7
    if binaries:
        built = found.x[problem.first.integer]
        assert np.abs(built - np.round(built)).max() < 1e-9
        easy = solve_two_stage(problem, count=8, relaxed=True)
        assert easy.objective < found.objective * (1 + 1e-4)


@pytest.mark.parametrize("binaries", [False, True])
def test_meets_scipy(binaries):
    problem = toy(risk_weight=0.5, binaries=binaries, alpha=0.75)
    block = extensive(problem, 4)
    matrix = sp.csr_matrix(block.to_csr())
    answer = scipy.optimize.milp(
        block.cost,
        integrality=block.integer.astype(int),
        bounds=scipy.optimize.Bounds(block.lower, block.upper),
        constraints=scipy.optimize.LinearConstraint(
            matrix, block.row_lower, block.row_upper
        ),
        options={"mip_rel_gap": 1e-9},
    )
    found = solve_two_stage(problem, count=4, gap=5e-7)
    assert found.objective == pytest.approx(answer.fun, rel=1e-6)


@pytest.mark.parametrize("seed, risk", [(0, 0.5), (1, 0.0), (2, 0.3)])
def test_a_tree_of_many_nodes_meets_the_extensive_form(seed, risk):
    problem = toy(years=4, seed=seed, risk_weight=risk, binaries=True, alpha=0.75)
    whole = solve(extensive(problem, 6), mip_rel_gap=1e-9)
    found = solve_two_stage(problem, count=6, gap=5e-7)
    assert found.objective == pytest.approx(whole.objective, rel=1e-6)
    assert found.bound <= whole.objective * (1 + 1e-8)


def test_objective_is_the_mean_of_cold_solves():
    problem = toy(risk_weight=0.5, alpha=0.75)
    found = solve_two_stage(problem, count=8)
    batch = problem.source.draw(np.arange(8))
    value = np.array(
        [
            Recourse(problem)
            .solve(problem.source.draw(np.array([s])), found.x)
            .value[0]
            for s in range(8)
        ]
    )
    assert len(batch) == 8
    assert found.value == pytest.approx(value, rel=1e-9)
    cost = problem.first.cost @ found.x + value.mean()
    cost += 0.5 * np.sort(value)[-2:].mean()
    assert found.objective == pytest.approx(cost, rel=1e-9)


# Nothing depends on who does the work.


def same(one, other):
    assert one.x.tobytes() == other.x.tobytes()
    assert (one.objective, one.bound, one.cuts) == (
        other.objective, other.bound, other.cuts,
    )  # fmt: skip
    assert one.value.tobytes() == other.value.tobytes()


def test_workers_do_not_change_a_bit():
    problem = toy(risk_weight=0.5)
    one = solve_two_stage(problem, count=220, gap=1e-3, workers=1)
    same(one, solve_two_stage(problem, count=220, gap=1e-3, workers=2))


@pytest.mark.parametrize("name", ["serial", "processes"])
def test_executors_do_not_change_a_bit(name):
    problem = toy(risk_weight=0.5)
    one = solve_two_stage(problem, count=220, gap=1e-2)
    same(one, solve_two_stage(problem, count=220, gap=1e-2, executor=executor(name)))


def test_chunks_change_the_path_and_not_the_answer(monkeypatch):
    problem = toy(risk_weight=0.5)
    one = solve_two_stage(problem, count=40, gap=1e-6)
    monkeypatch.setattr(_run, "chunk_size", lambda _: 7)
    other = solve_two_stage(problem, count=40, gap=1e-6)
    assert one.objective == pytest.approx(other.objective, rel=2e-6)


def test_nested_samples_and_few_clusters_meet_the_plain_run(monkeypatch):
    problem = toy(risk_weight=0.5)
    nested = solve_two_stage(problem, count=220, gap=1e-6, clusters=8)
    assert {step.scenarios for step in nested.history} == {50, 220}
    monkeypatch.setattr(_lshaped, "SAMPLES", ())
    plain = solve_two_stage(problem, count=220, gap=1e-6, clusters=220)
    assert nested.objective == pytest.approx(plain.objective, rel=2e-6)
    assert max(nested.bound, plain.bound) <= min(nested.objective, plain.objective) * (
        1 + 1e-9
    )


def test_a_result_starts_the_next_problem():
    problem = toy(risk_weight=0.5)
    found = solve_two_stage(problem, count=40)
    again = solve_two_stage(problem, count=40, start=found)
    assert again.iterations < found.iterations
    assert again.objective == pytest.approx(found.objective, rel=2e-4)


# Bad input and trouble.


def test_limits_that_contradict_are_named():
    build = BlockBuilder()
    x = build.add_columns(["stock", "other"], cost=4.0, upper=1e3)
    build.add_rows(["harmless"], upper=[1e6])
    rows = build.add_rows(["at least ten"], lower=[10.0])
    most = build.add_rows(["budget"], upper=[7.0])
    build.add_entries(rows[0], x[0], 1.0)
    build.add_entries(most[0], x, 1.0)
    problem = replace(newsvendor(), first=build.build())
    with pytest.raises(InfeasibleError, match=r"at least ten.*budget") as caught:
        solve_two_stage(problem, count=3)
    assert "harmless" not in str(caught.value)


def test_recourse_without_an_answer_is_named():
    problem = newsvendor()
    block = problem.recourse
    upper = block.upper.copy()
    upper[1] = 0.5  # nothing can be short by more than that
    hard = replace(problem, recourse=replace(block, upper=upper))
    with pytest.raises(InfeasibleError, match=r"scenario 0 .*demand"):
        solve_two_stage(hard, count=3)


@pytest.mark.parametrize(
    "options, said",
    [({"count": 0}, "count is 0"), ({"count": 3, "gap": 0.0}, "gap is 0"),
     ({"count": 3, "start": np.zeros(4)}, "start has 4")],
)  # fmt: skip
def test_bad_arguments_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        solve_two_stage(newsvendor(), **options)


def test_a_wrong_hot_start_is_caught_and_solved_cold(monkeypatch):
    problem = newsvendor([1.0, 2.0, 5.0])
    batch = problem.source.draw(np.arange(3))
    recourse = Recourse(problem, check_every=1)
    real, calls = recourse._highs.getSolution, []

    def spoiled():
        found = real()
        calls.append(1)
        if len(calls) == 1:
            found.col_value = [v + 3.0 for v in found.col_value]
        return found

    monkeypatch.setattr(recourse._highs, "getSolution", spoiled)
    solved = recourse.solve(batch, np.array([1.5]))
    assert solved.cold == 1
    assert solved.value == pytest.approx([0.0, 5.0, 35.0])


def test_a_solver_that_is_wrong_from_nothing_too_is_an_error(monkeypatch):
    problem = newsvendor([1.0, 2.0, 5.0])
    recourse = Recourse(problem, check_every=1)
    real = recourse._highs.getSolution

    def spoiled():
        found = real()
        found.col_value = [v + 3.0 for v in found.col_value]
        return found

    monkeypatch.setattr(recourse._highs, "getSolution", spoiled)
    with pytest.raises(HotStartError, match="scenario 0"):
        recourse.solve(problem.source.draw(np.arange(3)), np.array([1.5]))


# Checkpoints.


class KilledError(Exception):
    pass


def killed_after(passes, scenarios):
    seen = []

    def progress(stage, done, total):
        if total == scenarios and done == total:
            seen.append(1)
            if len(seen) == passes:
                raise KilledError

    return progress


def test_a_killed_run_goes_on(tmp_path):
    problem, file = toy(risk_weight=0.5), tmp_path / "run.npz"
    plain = solve_two_stage(problem, count=60, gap=1e-6)
    with pytest.raises(KilledError):
        solve_two_stage(
            problem, count=60, gap=1e-6, checkpoint=file,
            progress=killed_after(plain.iterations - 2, 60),
        )  # fmt: skip
    again = solve_two_stage(problem, count=60, gap=1e-6, checkpoint=file)
    # It begins at the best point of three passes, with their cuts.
    assert again.history[0].objective == pytest.approx(
        plain.history[2].objective, rel=1e-9
    )
    assert again.history[1].bound >= plain.history[3].bound * (1 - 1e-9)
    assert again.history[0].objective < plain.history[0].objective
    assert again.objective == pytest.approx(plain.objective, rel=2e-6)
    assert again.bound <= plain.objective * (1 + 1e-9)


def test_a_checkpoint_of_another_problem_is_refused(tmp_path):
    file = tmp_path / "run.npz"
    solve_two_stage(newsvendor(), count=3, checkpoint=file)
    with pytest.raises(InputError, match=r"problem is .* there and"):
        solve_two_stage(newsvendor(short=11.0), count=3, checkpoint=file)
    with pytest.raises(InputError, match="scenarios is 3 there and 2 here"):
        solve_two_stage(newsvendor(), count=2, checkpoint=file)
    file.write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        solve_two_stage(newsvendor(), count=3, checkpoint=file)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    file = tmp_path / "run.npz"
    assert _saved.save_checkpoint(file, {"a": 1}, {"x": np.arange(3)})
    before = file.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_saved.os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert not _saved.save_checkpoint(file, {"a": 1}, {"x": np.arange(4)})
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


# Out of sample.


def test_out_of_sample_interval_holds_the_mean_of_many():
    problem = toy(risk_weight=0.5)
    x = solve_two_stage(problem, count=40).x
    seen = out_of_sample(problem, x, count=150, first=10_000)
    fine = out_of_sample(problem, x, count=800, first=50_000)
    assert seen.low < fine.objective < seen.high
    assert fine.high - fine.low < seen.high - seen.low
    batch = problem.source.draw(np.arange(10_000, 10_150))
    value = Recourse(problem).solve(batch, x).value
    assert seen.mean == pytest.approx(value.mean(), rel=1e-9)


def test_the_cache_of_a_result_bounds_other_scenarios():
    problem = toy()
    found = solve_two_stage(problem, count=40)
    assert isinstance(found.cache, DualCache)
    batch = problem.source.draw(np.arange(500, 540))
    bound = found.cache.bounds(batch, found.x).bound
    value = Recourse(problem).solve(batch, found.x).value
    assert (bound <= value * (1 + 1e-9)).all()
    assert bound.mean() > 0.8 * value.mean()


def test_the_best_piece_is_chosen_and_summed_by_cluster():
    pieces = Pieces()
    pieces.add(np.array([1.0, 5.0, 0.0]), np.zeros((3, 1)))
    pieces.add(np.array([0.0, 0.0, 0.0]), np.array([[2.0], [1.0], [3.0]]))
    best, which = pieces.value(np.array([2.0]))
    assert best.tolist() == [4.0, 5.0, 6.0]
    assert which.tolist() == [1, 0, 1]
    sample = Sample(np.full(3, 1 / 3), np.array([0, 1, 0]), 2)
    cuts = pieces.cuts(sample, which, np.array([0.5, 1.0, 2.0]))
    assert cuts.constant.tolist() == [0.0, 5.0]
    assert cuts.slope.tolist() == [[7.0], [0.0]]
