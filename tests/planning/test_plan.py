# SPDX-License-Identifier: Apache-2.0
"""The plan on the tiny study, from the market and back into it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.market import Simulator, prepare
from oreserve.planning import plan
from oreserve.planning._checkpoint import resume_folder
from oreserve.planning._draws import Draw
from oreserve.planning._home import read_home
from oreserve.planning._lshaped import evaluate
from oreserve.planning._market import HomeMarket
from oreserve.planning._offers import agreement_offers, project_offers
from oreserve.planning._passes import run_losses
from oreserve.planning._problem import make_problem, solve_problem
from oreserve.planning._programme import solve_extensive
from oreserve.planning._robust import robust_shares
from oreserve.planning._standing import standing_of
from oreserve.planning._world import period_loss
from oreserve.study import load_study
from oreserve.tables import empty
from oreserve.threats import sample_scenarios

BUDGET = 20e6
COUNT = 16


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture(scope="module")
def simulated(tiny):
    home = read_home(tiny)
    used = {int(i) for i, x in zip(home.demand_item, home.loss, strict=True) if x > 0}
    market = HomeMarket(
        home,
        prepare(tiny),
        agreement_offers=agreement_offers(home, used),
        project_offers=project_offers(home),
    )
    scenarios = sample_scenarios(tiny, count=COUNT, seed=0)
    base = market.run(scenarios)
    return market, scenarios, base, market.run(scenarios, market.probe())


@pytest.fixture(scope="module")
def problem(simulated):
    market, scenarios, base, probe = simulated
    return make_problem(
        market.home,
        market.world(scenarios, base, probe),
        agreement_offers=market.agreement_offers,
        project_offers=project_offers(market.home),
        budget_usd=BUDGET,
        instruments=("reserve", "agreements", "projects"),
        convert=False,
    )


@pytest.fixture(scope="module")
def small(tiny):
    return plan(
        tiny,
        budget_usd=BUDGET,
        scenarios=12,
        verify=20,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )


def test_the_programme_without_a_plan_has_the_simulated_loss(
    simulated, problem
) -> None:
    market, scenarios, base, _ = simulated
    found = Simulator(prepare(market.home.study)).run(scenarios)
    theirs = np.array([one.loss_usd for one in found]) @ market.home.discount / 1e6
    assert problem.programme.base_loss == pytest.approx(theirs, rel=1e-9)
    ours = period_loss(market.home, base.short, base.wanted).sum(axis=2)
    assert ours @ market.home.discount == pytest.approx(theirs, rel=1e-9)


def test_cuts_and_extensive_form_agree_on_the_study(problem) -> None:
    _, expected, _ = solve_extensive(problem.programme, gap=1e-9)
    solution = solve_problem(problem, gap=1e-6)
    assert solution.objective == pytest.approx(expected, rel=2e-6)
    assert solution.gap <= 1e-6


def test_chosen_options_are_the_best_of_all(problem) -> None:
    first = problem.programme.first
    columns = np.nonzero(first.integer)[0]
    best = np.inf
    for choice in product((0.0, 1.0), repeat=len(columns)):
        held, top = first.lower.copy(), first.upper.copy()
        held[columns] = top[columns] = choice
        one_each = (first.matrix @ held <= first.row_upper + 1e-9)[
            [name.startswith("one option") for name in first.row_name]
        ]
        if not one_each.all() or first.cash[columns] @ np.array(choice) > first.budget:
            continue
        held_programme = problem.programme.with_bounds(held, top)
        best = min(best, solve_extensive(held_programme, relaxed=True)[1])
    solution = solve_problem(problem, gap=1e-6)
    assert solution.objective == pytest.approx(best, rel=2e-6)


def test_a_budget_of_nothing_gains_exactly_nothing(tiny) -> None:
    result = plan(
        tiny,
        budget_usd=0.0,
        scenarios=12,
        verify=6,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )
    f = result.figures
    assert f["verified_benefit_usd"] == 0.0
    assert f["verified_loss_with_usd"] == f["expected_loss_without_usd"]
    assert f["outlays_usd"] == 0.0
    assert result.frames["reserve"].is_empty()


@pytest.mark.parametrize("budget", [-1.0, float("nan"), float("inf"), "12bn", None])
def test_a_budget_that_cannot_be_meant_is_refused(tiny, budget) -> None:
    with pytest.raises(InputError, match="budget_usd"):
        plan(tiny, budget_usd=budget)


def test_all_wrong_options_are_told_at_once(tiny) -> None:
    with pytest.raises(InputError) as told:
        plan(tiny, budget_usd=-1.0, verify=1, instruments=("gold",))
    for word in ("budget_usd", "verify", "gold", "reserve, agreements, projects"):
        assert word in str(told.value)


def test_the_budget_and_the_limits_hold(small, tiny) -> None:
    f = small.figures
    assert f["outlays_usd"] <= BUDGET * (1 + 1e-9)
    assert f["outlays_usd"] == pytest.approx(
        f["purchases_usd"] + f["agreements_usd"] + f["projects_usd"]
    )
    assert f["purchases_usd"] == pytest.approx(small.reserve["outlay_usd"].sum())
    # limits.csv: nothing from CHN, magnets of 2027 at most 20 t and 1 million.
    assert "CHN" not in small.agreements["seller_country"].to_list()
    magnets = small.reserve.filter(pl.col("item") == "magnet", pl.col("year") == 2027)
    assert magnets["tonnes"].sum() <= 20.0 + 1e-9
    home = read_home(tiny)
    for row in small.reserve.iter_rows(named=True):
        item = home.item_index(row["item"])
        year = home.years.index(row["year"])
        assert row["tonnes"] <= 0.1 * home.reachable[item] + 1e-9
        assert row["tonnes"] <= 0.5 * home.use[item, year] + 1e-9


def test_one_option_per_project(small) -> None:
    assert small.projects["project"].is_unique().all()


def test_the_verified_benefit_is_the_difference_of_losses(small) -> None:
    f = small.figures
    assert f["verified_benefit_usd"] == pytest.approx(
        f["expected_loss_without_usd"] - f["verified_loss_with_usd"]
    )
    assert f["gap"] <= 1e-3
    assert f["lower_bound_usd"] <= f["objective_usd"] * (1 + 1e-12)


def test_unmodelled_minerals_close_the_coverage(small) -> None:
    missing = small.coverage.filter(~pl.col("modelled"))
    assert missing["mineral"].to_list() == ["hafnium"]
    assert missing["reason"].str.len_chars().min() > 0
    assert small.coverage.filter(pl.col("modelled")).height == 8


def test_results_do_not_depend_on_workers(tiny, small) -> None:
    again = plan(
        tiny,
        budget_usd=BUDGET,
        scenarios=12,
        verify=20,
        workers=1,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )
    for name in (
        "expected_loss_without_usd",
        "verified_loss_with_usd",
        "objective_usd",
    ):
        assert again.figures[name] == pytest.approx(small.figures[name], rel=1e-9)
    assert again.reserve.equals(small.reserve)


def test_a_saved_plan_is_whole(small, tmp_path) -> None:
    folder = small.save(tmp_path / "plan")
    figures = json.loads((folder / "plan.json").read_text())
    assert figures["budget_usd"] == BUDGET
    for name in (
        "reserve",
        "agreements",
        "projects",
        "coverage",
        "marginal_value",
        "reconciliation",
    ):
        assert (folder / f"{name}.csv").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["plan"]
    assert "verified benefit" in small.summary()


def test_the_summary_tells_what_is_signed_and_paid(small) -> None:
    text = small.summary()
    count = small.agreements.height
    largest = small.agreements.sort("outlay_usd", descending=True).row(0, named=True)
    assert count > 0
    assert f"sign {count} agreement" in text
    assert f"largest: {largest['item']} from {largest['seller_country']} (" in text
    for words in ("held for guarantees", "face value of", "expected to be paid"):
        assert words in text
    unbound = "beyond that nothing in this model is worth its cost"
    assert (unbound in text) == (not small.figures["budget_binds"])
    assert repr(small) == text
    for binds in (True, False):
        figures = {**small.figures, "budget_binds": binds}
        assert (unbound in replace(small, figures=figures).summary()) == (not binds)


def test_a_budget_is_no_reason_where_money_is_left(tiny) -> None:
    most = "other decisions save more per USD of the budget"
    options = {"scenarios": 12, "verify": 6, "frontier": False, "sensitivity": False}
    scarce = plan(tiny, budget_usd=1e5, programmes=False, **options)
    ample = plan(tiny, budget_usd=1e12, programmes=False, **options)
    assert scarce.figures["budget_binds"]
    assert not ample.figures["budget_binds"]
    assert most in scarce.coverage["reason"].to_list()
    assert most not in ample.coverage["reason"].to_list()


def test_a_home_without_losses_is_told_first(tiny) -> None:
    demands = tiny.table("demands").with_columns(
        loss_usd_per_t=pl.lit(None, dtype=pl.Float64)
    )
    result = plan(
        tiny.with_tables(demands=demands),
        budget_usd=BUDGET,
        scenarios=4,
        verify=4,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )
    first = result.summary().splitlines()[0]
    assert first == "the study knows no losses for USA: there is nothing to plan for"


def test_an_agreement_stands_beside_spot_and_reserve_at_equal_money(small) -> None:
    table = small.comparison
    assert table["agreement"].sort().equals(small.agreements["agreement"].sort())
    assert (table["agreement_benefit_usd"] > 0).all()
    assert (table["spot_benefit_usd"] == 0).all()
    assert (table["reserve_money_usd"] <= table["money_usd"] * (1 + 1e-9)).all()


def test_more_reserve_never_raises_the_verified_loss(simulated, problem) -> None:
    market, scenarios, base, _ = simulated
    buys = [b for b in problem.columns.buys if market.home.item[b.item] == "gallium"]
    x = np.zeros(len(problem.programme.first.name))
    losses = [run_losses(market.home, base).mean()]
    for share in (0.3, 1.0):
        x[buys[0].column] = share
        standing = standing_of(market.home, market, problem.columns, x)
        losses.append(run_losses(market.home, market.run(scenarios, standing)).mean())
    assert losses[1] <= losses[0] + 1e-9
    assert losses[2] <= losses[1] + 1e-9
    assert losses[2] < losses[0]


def test_where_home_is_closed_the_reserve_gives_what_is_planned(tiny) -> None:
    # No measure, no driver but one that stops half of home's only plant: nobody
    # abroad reacts, so that what is planned is what the market shows.
    closed = _closed_study(tiny)
    result = plan(
        closed,
        budget_usd=50e6,
        scenarios=12,
        verify=12,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )
    f = result.figures
    assert result.reserve["tonnes"].sum() > 0
    inside = result.verification.filter(
        pl.col("rule") == "everything together on the plan's own scenarios"
    )
    assert inside["verified_usd"][0] == pytest.approx(
        inside["planned_usd"][0], rel=0.02
    )
    assert f["verified_benefit_usd"] > 0


FACT = {"source_id": "invented", "evidence": "assumed"}


def _table(name: str, *rows: dict[str, object]) -> pl.DataFrame:
    if not rows:
        return empty(name)
    frame = pl.DataFrame([{**FACT, **row} for row in rows], infer_schema_length=None)
    return pl.concat([empty(name), frame], how="diagonal_relaxed")


def _closed_study(tiny):
    """One country, one item, one plant that strikes one year in five."""
    chances = {("calm", "calm"): 0.8, ("calm", "strike"): 0.2}
    chances |= {("strike", "calm"): 0.5, ("strike", "strike"): 0.5}
    keep = {"countries": tiny.table("countries").filter(pl.col("country") == "USA")}
    rows = {
        "items": _table(
            "items",
            {
                "item": "ore",
                "mineral": "ore",
                "stage": "mine",
                "basis": "contained",
                "storable": True,
                "entry_share": 0.0,
                "leakage_share": 0.0,
            },
        ),
        "processes": _table(
            "processes", {"process": "mining", "stage": "mine", "main_item": "ore"}
        ),
        "recipes": _table(
            "recipes", {"process": "mining", "item": "ore", "coefficient": 1.0}
        ),
        "plants": _table(
            "plants",
            {
                "plant": "mine",
                "process": "mining",
                "country": "USA",
                "capacity_t_per_year": 130.0,
                "base_activity_t_per_year": 100.0,
                "cost_usd_per_t": 900.0,
                "basis": "output",
            },
        ),
        "demands": _table(
            "demands",
            {
                "demand": "use",
                "item": "ore",
                "country": "USA",
                "class": "other",
                "quantity_t_per_year": 100.0,
                "price_elasticity": -0.3,
                "max_price_usd_per_t": 30_000.0,
                "loss_usd_per_t": 50_000.0,
            },
        ),
        "prices": _table(
            "prices",
            {
                "item": "ore",
                "market": "world",
                "period": "2024",
                "kind": "outside",
                "usd_per_t": 1_000.0,
            },
        ),
        "drivers": _table(
            "drivers",
            *(
                {
                    "driver": "labour",
                    "state": a,
                    "next_state": b,
                    "probability_per_year": p,
                }
                for (a, b), p in chances.items()
            ),
        ),
        "driver_states": _table(
            "driver_states",
            {"driver": "labour", "state": "calm", "start_share": 1.0},
            {"driver": "labour", "state": "strike", "start_share": 0.0},
        ),
        "driver_effects": _table(
            "driver_effects",
            {
                "driver": "labour",
                "state": "strike",
                "row": "1",
                "kind": "outage",
                "item": "ore",
                "country": "USA",
                "factor": 0.4,
            },
        ),
    }
    others = set(tiny.tables) - set(rows) - {"countries", "sources", "settings"}
    return tiny.with_tables(**keep, **rows, **{name: empty(name) for name in others})


def test_a_plan_is_worth_in_the_market_what_it_promises(simulated, problem) -> None:
    market, scenarios, base, _ = simulated
    solution = solve_problem(problem, gap=1e-5)
    only = np.where(
        np.isin(problem.programme.first.kind, ("agreement",)), solution.x, 0
    )
    _, loss = evaluate(problem.programme, only)
    promised = (problem.programme.base_loss - loss).mean()
    standing = standing_of(market.home, market, problem.columns, only)
    given = run_losses(market.home, base) - run_losses(
        market.home, market.run(scenarios, standing)
    )
    assert promised > 0
    assert given.mean() == pytest.approx(promised, rel=0.15)


def test_an_interrupted_plan_continues(tiny, tmp_path) -> None:
    class StopHereError(Exception):
        pass

    def stop(stage: str, done: float, total: float | None = None) -> None:
        if stage == "Verify the plan":
            raise StopHereError

    options = {
        "budget_usd": BUDGET,
        "scenarios": 12,
        "verify": 6,
        "frontier": False,
        "sensitivity": False,
        "programmes": False,
        "out": tmp_path / "plan",
    }
    with pytest.raises(StopHereError):
        plan(tiny, progress=stop, **options)
    kept = resume_folder(tmp_path / "plan")
    assert {p.name for p in kept.iterdir()} >= {"base.npz", "fresh.npz", "probe.npz"}
    changed = tiny.with_settings(discount_rate=0.05)
    with pytest.raises(InputError, match="another version"):
        plan(changed, **options)
    seen: list[str] = []
    result = plan(tiny, progress=lambda stage, *_: seen.append(stage), **options)
    assert "Simulate without a plan" not in seen
    assert not kept.exists()
    fresh = plan(tiny, **{**options, "out": None})
    assert (
        result.figures["verified_benefit_usd"] == fresh.figures["verified_benefit_usd"]
    )


def test_frontier_programmes_and_robust_buys(tiny) -> None:
    result = plan(tiny, budget_usd=BUDGET, scenarios=12, verify=12)
    frontier = result.frontier
    assert frontier.height >= 8
    assert frontier["budget_usd"].is_sorted()
    # Each point is solved to 1e-2 of its objective.
    objective = frontier["objective_usd"].to_numpy()
    assert (np.diff(objective) <= 1.1e-2 * objective[:-1]).all()
    assert result.programmes["programme"].to_list() == ["reserve", "contracts", "all"]
    assert (result.programmes["outlays_usd"] <= BUDGET * (1 + 1e-9)).all()
    assert result.programmes["scenarios"].n_unique() == 1
    shares = result.reserve["robust_share"].drop_nulls()
    assert ((shares >= 0) & (shares <= 1)).all()
    assert result.sensitivity.height == 9
    # Under unchanged assumptions the plan's projects are those of the plan.
    assert result.projects.height > 0
    same = result.draws.filter(pl.col("parameter") == "home as it is")
    planned = {f"project {name}" for name in result.projects["project"]}
    found = {name for name in same["item"] if name.startswith("project ")}
    assert found == planned
    assert (result.projects["robust_share"] > 0).all()


def test_a_project_that_no_draw_judged_is_not_tested() -> None:
    one = Draw("demand elasticity", "low", 1.0, 0.0, {"gallium": 6.0})
    planned = {"gallium": 10.0, "project new": 1.0}
    assert robust_shares(planned, [one]) == {"gallium": 1.0}


def test_fewer_scenarios_of_the_draws_do_not_make_a_purchase_fragile():
    # The plan buys 10 t, the draws' sample 4 t when nothing changes: half of 4 t.
    plain = Draw("home as it is", "base", 1.0, 0.0, {"gallium": 4.0})
    kept = Draw("a", "low", 1.0, 0.0, {"gallium": 2.5})
    gone = Draw("a", "high", 1.0, 0.0, {"gallium": 1.5})
    assert robust_shares({"gallium": 10.0}, [plain, kept, gone]) == {
        "gallium": pytest.approx(2 / 3)
    }
    # What the unchanged draw does not buy at all is measured by the plan.
    assert robust_shares({"cerium": 10.0}, [plain, kept]) == {"cerium": 0.0}
