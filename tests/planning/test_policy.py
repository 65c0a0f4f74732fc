# SPDX-License-Identifier: Apache-2.0
"""Operating policy: answers on paper, the market's use of it, files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.market import Simulator, Standing, prepare, simulate
from oreserve.planning import load_operating_policy, operating_policy, plan
from oreserve.planning._home import DEPTH_VALUES
from oreserve.planning._policy_rule import PolicyRule
from oreserve.planning._policy_stage import Futures, Operation, markov_problem
from oreserve.planning._policy_states import choose_states
from oreserve.stochastic import solve_sddp
from oreserve.study import Study, load_study
from oreserve.study.scenario import Scenario
from oreserve.threats import driver_matrix, sample_scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from oreserve.planning import OperatingPolicy, Plan

Floats = npt.NDArray[np.float64]
BUDGET = 50e6
SMALL = {"items": 2, "scenarios": 30, "openings": 4, "iterations": 6, "gap": 0.05}


@pytest.fixture(scope="module")
def tiny() -> Study:
    return load_study("tiny")


@pytest.fixture(scope="module")
def small(tiny: Study) -> OperatingPolicy:
    return operating_policy(tiny, budget_usd=5e6, workers=1, **SMALL)


# --- the stage on paper -------------------------------------------------------------


def one_item(*, stock: float = 10.0, buy: float = 0.0, price: float = 3.0) -> Operation:
    """One item, two periods, two steps of use worth 5 and 9 a tonne."""
    return Operation(
        item=("a",),
        opening=np.array([stock]),
        purse=100.0,
        keep=np.ones(1),
        storage=np.zeros(1),
        end_value=np.array([1.0]),
        accessible=np.ones(1),
        most=np.array([np.inf]),
        step_item=np.array([0, 0]),
        step_value=np.array([9.0, 5.0]),
        buy_most=np.full((2, 1, 1), buy),
        buy_price=np.array([[price]]),
        bill=np.zeros((1, 1)),
        planned=np.zeros((2, 1)),
        discount=0.9,
    )


def futures(*sizes: tuple[float, float]) -> Futures:
    count = len(sizes)
    return Futures(np.array(sizes), np.ones((count, 1)), np.ones((count, 1)))


def solved(operation: Operation, rows: list[Futures]) -> tuple[float, Floats]:
    problem, _ = markov_problem(
        operation,
        [[one] for one in rows],
        start=np.ones(1),
        transition=[np.ones((1, 1))],
        states=("only",),
    )
    policy = solve_sddp(problem, gap=1e-9, iterations=30, simulate=2)
    level = policy.simulate(1).level[0, :, 0] * operation.unit[0]
    return policy.figures.bound, level


def test_stock_is_kept_for_the_use_that_loses_more() -> None:
    # 10 t; 4 t at 5 now, 8 t at 9 a year later: 2 t go now, 8 t stay.
    cost, level = solved(one_item(), [futures((0.0, 4.0)), futures((8.0, 0.0))])
    assert level == pytest.approx([8.0, 0.0], abs=1e-6)
    assert cost == pytest.approx((4.0 - 2.0) * 5.0)


def test_what_nobody_needs_is_worth_its_end_value() -> None:
    cost, level = solved(one_item(), [futures((0.0, 4.0)), futures((0.0, 0.0))])
    assert level == pytest.approx([6.0, 6.0], abs=1e-6)
    assert cost == pytest.approx(-0.9 * 6.0)


def test_it_buys_where_buying_is_cheaper_than_the_loss() -> None:
    cost, _ = solved(
        one_item(stock=0.0, buy=5.0), [futures((0.0, 0.0)), futures((8.0, 0.0))]
    )
    # 5 t bought at 3 save 0.9 x 9 each; those of the second year come too late
    # for its use, and are not worth 3 at the end.
    assert cost == pytest.approx(5.0 * 3.0 + 0.9 * 3.0 * 9.0)


def test_where_release_is_not_allowed_nothing_goes() -> None:
    shut = replace(futures((8.0, 4.0)), allowed=np.zeros((1, 1)))
    _, level = solved(one_item(), [shut, futures((0.0, 0.0))])
    assert level[0] == pytest.approx(10.0)


# --- the rule ---------------------------------------------------------------------


def rule(values: list[float], levels: list[float]) -> PolicyRule:
    """One item, one period; two states, the second worth twice as much."""
    value = np.array([values, [2.0 * v for v in values]])[None, :, None, :]
    return PolicyRule(
        item=("a",),
        starts=(date(2027, 1, 1),),
        driver_at=(1,),
        state_of={("calm",): 0, ("ban",): 1},
        level=np.array([levels]),
        value=value,
        short=np.array([[[0.0], [50.0]]]),
    )


def scenario(state: str) -> Scenario:
    return Scenario(0, ((),), states=(("any", state),))


def worth(
    one: PolicyRule, states: list[str], level: float, short: float, loss: float
) -> list[float]:
    count = len(states)
    found = one.worth(
        "a",
        date(2027, 1, 1),
        [scenario(state) for state in states],
        period=0,
        level=np.full(count, level),
        short=np.full((count, 1), short),
        wanted=np.full((count, 1), 100.0),
        loss_usd_per_t=np.array([loss]),
    )
    return found[:, 0].tolist()


def test_release_down_to_the_level_whose_value_is_higher() -> None:
    one = rule([30.0, 20.0, 5.0, 0.0], [0.0, 4.0, 8.0, 20.0])
    # All of the shortage lies in the first 10 % of the use, worth 0.3 / 1.18 of 40.
    saves = 40.0 * DEPTH_VALUES[0]
    assert 5.0 < saves < 20.0
    assert worth(one, ["calm"], 12.0, 6.0, 40.0) == pytest.approx([4.0])  # to 8 t
    assert worth(one, ["ban"], 12.0, 6.0, 40.0) == pytest.approx([4.0])
    assert worth(one, ["calm"], 7.0, 6.0, 40.0) == [0.0]
    # A deeper shortage saves more per tonne and reaches deeper into the stock.
    assert worth(one, ["calm"], 12.0, 60.0, 40.0)[0] > 4.0


def test_an_unknown_loss_takes_nothing() -> None:
    assert worth(rule([1.0, 0.0], [0.0, 9.0]), ["calm"], 9.0, 6.0, np.nan) == [0.0]


def test_never_more_than_short() -> None:
    free = rule([-1.0, -1.0], [0.0, 9.0])
    assert worth(free, ["calm", "ban"], 50.0, 6.0, 10.0) == pytest.approx([6.0, 6.0])


def test_a_shock_without_drivers_takes_the_state_of_the_nearest_mean() -> None:
    one = rule([10.0, 10.0], [0.0, 9.0])
    plain = Scenario(0, ((),))
    found = [
        one.worth(
            "a",
            date(2027, 1, 1),
            [plain],
            period=0,
            level=np.full(1, 50.0),
            short=np.full((1, 1), short),
            wanted=np.full((1, 1), 100.0),
            loss_usd_per_t=np.array([18.0 / DEPTH_VALUES[1]]),
        ).sum()
        for short in (20.0, 45.0)
    ]
    # Near nothing short it is calm and a tonne is worth 10, near 50 t it is worth 20.
    assert found[0] == pytest.approx(10.0)  # the part beyond 10 % of use, at 18
    assert found[1] == pytest.approx(0.0)


# --- states -------------------------------------------------------------------------


def test_states_of_the_driver_that_explains_the_loss(tiny: Study) -> None:
    drawn = sample_scenarios(tiny, count=80, seed=1)
    loss = np.zeros((80, 5, 1))
    for s, one in enumerate(drawn):
        for t in range(5):
            loss[s, t, 0] = {"calm": 0.0, "licences": 1.0, "ban": 9.0}[one.states[t][0]]
    items = [("gallium", "gallium", "refine")]
    found = choose_states(tiny, drawn, loss, items, most=8)
    assert found.drivers == ("china_trade",)
    assert found.outside == ("weather",)
    names = [name.removeprefix("china_trade=") for name in found.names]
    assert names == ["calm", "licences", "ban"]  # by rising loss
    assert all(name.startswith("china_trade=") for name in found.names)
    order = [("ban", "calm", "licences").index(name) for name in names]
    matrix = driver_matrix(tiny, "china_trade")[np.ix_(order, order)]
    for one in found.transition:
        assert one == pytest.approx(matrix)
    assert found.share.sum(axis=1) == pytest.approx(1.0)
    two = choose_states(tiny, drawn, loss, items, most=2)
    assert two.names == ("china_trade=calm and 1 more", "china_trade=ban")
    assert two.transition[0].sum(axis=1) == pytest.approx(1.0)
    assert two.share == pytest.approx(
        np.stack([found.share[:, :2].sum(axis=1), found.share[:, 2]], axis=1)
    )


# --- the whole on the tiny study -----------------------------------------------------


def test_tables_of_a_policy(small: OperatingPolicy) -> None:
    figures = small.figures
    assert figures["gap"] is not None
    assert figures["bound_usd"] <= figures["upper_usd"] + 1.0
    assert figures["upper_usd"] < figures["without_usd"]
    table = small.security_values()
    assert table.columns == ["item", "period", "state", "stock_t", "usd_per_t"]
    for _, part in table.group_by("item", "period", "state"):
        values = part.sort("stock_t")["usd_per_t"].to_numpy()
        assert (np.diff(values) <= 1e-6 * np.abs(values).max() + 1e-9).all()
    assert small.schedule.height == 2 * 5
    quantiles = small.schedule
    assert (quantiles["stock_p10_t"] <= quantiles["stock_p90_t"] + 1e-12).all()


def test_workers_and_a_second_run_change_nothing(
    tiny: Study, small: OperatingPolicy
) -> None:
    again = operating_policy(tiny, budget_usd=5e6, workers=2, **SMALL)
    assert again.figures == small.figures
    assert np.array_equal(again.rule.value, small.rule.value)
    assert again.schedule.equals(small.schedule)


def test_saved_policy_says_the_same(
    tiny: Study, small: OperatingPolicy, tmp_path: Path
) -> None:
    again = load_operating_policy(small.save(tmp_path / "policy"), tiny)
    assert again.figures == small.figures
    assert again.security_values().equals(small.security_values())
    assert again.rule.state_of == small.rule.state_of
    other = tiny.with_settings(discount_rate=0.05)
    with pytest.raises(InputError, match="another version"):
        load_operating_policy(tmp_path / "policy", other)
    with pytest.raises(InputError, match="holds no operating policy"):
        load_operating_policy(tmp_path)


def test_a_risk_weight_leaves_no_gap(tiny: Study) -> None:
    averse = operating_policy(tiny, budget_usd=5e6, risk_weight=0.5, **SMALL)
    assert averse.figures["gap"] is None
    assert averse.figures["upper_usd"] is None
    assert "no gap" in averse.summary()
    assert "expected cost of the policy on 1,000 simulated paths" in averse.summary()


def test_the_summary_has_one_headline_and_names_the_checks(
    small: OperatingPolicy,
) -> None:
    lines = small.summary().splitlines()
    (head,) = [line for line in lines if line.startswith("expected loss and net cost")]
    assert "(95 %) with the policy, without a reserve" in head
    checks = [line for line in lines if line.startswith("check: ")]
    assert "no policy can cost less than" in checks[0]
    assert "plain mean of 1,000 simulated paths" in checks[1]


def test_states_are_named_by_driver_and_state(small: OperatingPolicy) -> None:
    drivers = [one["driver"] for one in small.figures["drivers"]]
    assert drivers
    for state in small.security_values()["state"].unique():
        pairs = state.partition(" and ")[0].split("+")
        assert [pair.partition("=")[0] for pair in pairs] == drivers


def test_the_market_releases_by_the_policy(tiny: Study, small: OperatingPolicy) -> None:
    """Worth nothing: all that is accessible may go; worth all: nothing goes."""
    base = prepare(tiny)
    simulator = Simulator(base, workers=1)
    drawn = list(sample_scenarios(tiny, count=6, seed=3))
    item = small.rule.item[0]
    released = {}
    for name, value in (("nothing", -1.0), ("all", 1e12)):
        forced = replace(small.rule, value=np.full_like(small.rule.value, value))
        runs = simulator.run(drawn, Standing(release_rule=forced))
        place = simulator.index.items.index(item)
        released[name] = sum(float(r.release[:, place].sum()) for r in runs)
    plain = simulator.run(drawn)
    linear = sum(float(r.release[:, simulator.index.items.index(item)].sum())
                 for r in plain)  # fmt: skip
    assert released["all"] == 0.0
    assert released["nothing"] >= linear - 1e-9


def test_simulate_takes_a_policy(tiny: Study, small: OperatingPolicy) -> None:
    shock = {
        "name": "ban",
        "effects": [
            {
                "kind": "ban",
                "actor": "CHN",
                "target": "USA",
                "mineral": ["dysprosium", "gallium"],
                "from": "2027-01",
                "until": "2029-01",
            }
        ],
    }
    keep = replace(
        small,
        rule=replace(
            small.rule,
            item=("dy_oxide",),
            value=np.full_like(small.rule.value[:, :, :1], 1e12),
            level=small.rule.level[:1],
            short=small.rule.short[:, :, :1],
        ),
    )
    stocks = []
    for policy in (None, keep):
        found = simulate(tiny, shock=shock, policy=policy).stocks
        stocks.append(found.filter(pl.col("stock") == "usa_strategic_dy"))
    assert stocks[0]["release_t"].sum() > 0.0
    assert stocks[1]["release_t"].sum() == 0.0


def test_a_plan_is_verified_under_the_policy_as_well(
    tiny: Study, small: OperatingPolicy, tmp_path: Path
) -> None:
    def make(policy: OperatingPolicy | Path | None) -> Plan:
        return plan(
            tiny, budget_usd=BUDGET, scenarios=8, verify=10, frontier=False,
            sensitivity=False, programmes=False, workers=1, policy=policy,
        )  # fmt: skip

    plain, beside = make(None), make(small.save(tmp_path / "policy"))
    figures = dict(beside.figures)
    own = {name: figures.pop(name) for name in list(figures) if "policy" in name}
    assert figures == dict(plain.figures)
    assert len(own) == 9
    table = beside.frames["verification"]
    assert table.head(plain.frames["verification"].height).equals(
        plain.frames["verification"]
    )
    saves = table.filter(pl.col("rule") == "the policy instead of the linear rule")
    assert saves["verified_usd"].item() == own["policy_saves_usd"]
    assert saves["halfwidth_usd"].item() == own["policy_saves_halfwidth_usd"]
    assert own["policy_saves_usd"] == pytest.approx(
        figures["verified_loss_with_usd"] - own["policy_loss_with_usd"]
    )
    assert own["policy_saves_usd"] == pytest.approx(
        own["policy_benefit_usd"] - figures["verified_benefit_usd"]
    )
    assert "released by the policy" in beside.summary()
    # A policy that keeps everything has the loss of no release at all.
    rule = replace(small.rule, value=np.full_like(small.rule.value, 1e12))
    kept = make(replace(small, rule=rule)).figures
    assert kept["policy_loss_with_usd"] > figures["verified_loss_with_usd"]
    assert kept["policy_saves_net_usd"] > kept["policy_saves_usd"]


def test_a_plan_refuses_the_policy_of_another_study(
    tiny: Study, small: OperatingPolicy
) -> None:
    other = tiny.with_settings(discount_rate=0.07)
    with pytest.raises(InputError, match="another version"):
        plan(other, budget_usd=BUDGET, policy=small)


def test_a_killed_policy_goes_on(
    tiny: Study, small: OperatingPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**SMALL, "iterations": 14, "gap": -1.0}
    base, out = prepare(tiny), tmp_path / "policy"

    def stop(stage: str, done: float, _total: float | None) -> None:
        if stage == "Iterate" and done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        operating_policy(tiny, base=base, out=out, progress=stop, **given)
    kept = tmp_path / ".policy.resume"
    assert {p.name for p in kept.iterdir()} >= {"cuts.npz", "openings.npz", "look.npz"}
    with pytest.raises(InputError, match="another version of this study"):
        operating_policy(
            tiny.with_settings(discount_rate=0.08), base=base, out=out, **given
        )
    whole = operating_policy(tiny, base=base, **given)

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("simulated again")

    monkeypatch.setattr("oreserve.planning._policy.run_chains", refuse)
    seen: list[float] = []
    again = operating_policy(
        tiny, base=base, out=out, progress=lambda _, done, __: seen.append(done),
        **given,
    )  # fmt: skip
    assert seen[0] == 11
    assert again.figures == whole.figures
    assert again.security_values().equals(whole.security_values())
    assert not kept.exists()


def test_wrong_arguments_are_refused(tiny: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        operating_policy(tiny, items=0)
    with pytest.raises(InputError, match=r"reserve\.csv is missing"):
        operating_policy(tiny, plan=tmp_path, **SMALL)
    with pytest.raises(InputError, match="needs a plan"):
        operating_policy(tiny, purchases="plan", **SMALL)
