# SPDX-License-Identifier: Apache-2.0
"""Many sampled futures: figures, workers, checkpoints."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from oreserve.cli import app
from oreserve.errors import InputError, OreserveError
from oreserve.market import Simulator, _short, _simulator, beyond_block, prepare
from oreserve.planning import (
    _blocks,
    _many,
    _pool,
    operating_policy,
    plan,
    simulate_many,
)
from oreserve.planning._blocks import blocks_folder, kept_scenarios
from oreserve.planning._distribution import (
    Distribution,
    Uses,
    tail_halfwidth,
    tail_mean,
)
from oreserve.study import load_study
from oreserve.threats import sample_scenarios

COUNT = 9


@pytest.fixture(scope="module")
def study():
    return load_study("tiny")


@pytest.fixture(scope="module")
def base(study):
    return prepare(study)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_many, "MOST_IN_BLOCK", 4)


USE = Uses(("tin",), ("other",), np.array([True]), ("tin",))


def made_up(share, **others):
    short = np.array(share, dtype=float)
    count, uses = short.shape
    return {
        "wanted": np.ones((count, uses)),
        "short": short,
        "loss": np.zeros((count, uses)),
        "premium": np.zeros((count, 1)),
        "states": np.array([""] * count),
        "projects": np.array([""] * count),
        **others,
    }


def texts(found):
    return found.distribution.write_csv(), found.scenarios.write_csv()


@pytest.fixture(scope="module")
def found(study, base):
    return simulate_many(study, count=COUNT, seed=4, workers=1, base=base)


def test_figures_are_those_of_the_simulator(study, base, found):
    runs = Simulator(base).run(sample_scenarios(study, count=COUNT, seed=4))
    loss = np.array([one.loss_usd.sum() for one in runs])
    premium = np.array([one.premium_usd.sum() for one in runs])
    np.testing.assert_allclose(found.scenarios["home_loss_usd"], loss, rtol=1e-9)
    np.testing.assert_allclose(found.scenarios["import_premium_usd"], premium)
    whole = found.distribution.filter(
        (pl.col("measure") == "loss_usd") & pl.col("item").is_null()
    ).row(0, named=True)
    assert loss.max() > loss.min() >= 0.0
    assert whole["mean"] == pytest.approx(loss.mean())
    assert whole["standard_error"] == pytest.approx(loss.std(ddof=1) / COUNT**0.5)
    assert whole["most"] == pytest.approx(loss.max())
    # The worst tenth of nine scenarios is nine tenths of the worst one.
    assert whole["cvar"] == pytest.approx(loss.max())
    index = Simulator(base).index
    rows = [k for k, name in enumerate(index.demand_item) if name == "gallium"]
    chosen = [k for k in rows if index.demand_class[k] == index.demand_class[rows[0]]]
    short = np.array(
        [
            beyond_block((r.wanted - r.served).clip(0), r.wanted, index.demand_block)[
                :, chosen
            ].sum()
            for r in runs
        ]
    )
    row = found.distribution.filter(
        (pl.col("measure") == "shortfall_t")
        & (pl.col("item") == "gallium")
        & (pl.col("class") == index.demand_class[rows[0]])
    ).row(0, named=True)
    assert row["mean"] == pytest.approx(short.mean())


def test_tail_mean_counts_a_part_of_a_value():
    values = np.array([4.0, 1.0, 3.0, 2.0])
    assert tail_mean(values, 0.6) == pytest.approx((4.0 + 0.6 * 3.0) / 1.6)
    assert tail_mean(values, 0.9) == pytest.approx(4.0)


def test_a_use_inside_its_block_is_not_short_and_loses_the_same(
    study, base, found, monkeypatch
):
    def wide(problem):
        return np.ones(len(problem.group_of))

    monkeypatch.setattr(_simulator, "block_share", wide)
    inside = simulate_many(study, count=COUNT, seed=4, workers=1, base=base)
    short = pl.col("measure").str.starts_with("shortfall")
    assert found.distribution.filter(short)["most"].max() > 0.0
    assert inside.distribution.filter(short)["most"].max() == 0.0
    assert inside.distribution.filter(~short).equals(found.distribution.filter(~short))
    assert inside.scenarios.equals(found.scenarios)


def test_the_solvers_noise_is_zero_in_tonnes_shares_and_usd(study, base, monkeypatch):
    monkeypatch.setattr(_short, "NOISE_SHARE", 1.0)
    nothing = simulate_many(study, count=3, seed=4, workers=1, base=base)
    for measure in ("shortfall_t", "shortfall_share", "loss_usd"):
        rows = nothing.distribution.filter(measure=measure)
        assert rows.height > 0
        assert rows["most"].max() == 0.0
    assert nothing.distribution.filter(measure="premium_usd")["most"].max() > 0.0


def test_a_share_below_the_noise_is_zero(study):
    totals = made_up([[1e-10], [1e-3]])
    found = Distribution.build(study, USE, totals, seed=0, periods=("2027-01",))
    most = found.distribution.filter(measure="shortfall_share").row(0, named=True)
    assert most["most"] == pytest.approx(1e-3)
    assert most["mean"] == pytest.approx(5e-4, rel=1e-12)
    none = Distribution.build(
        study, USE, made_up([[1e-10], [0.0]]), seed=0, periods=("2027-01",)
    )
    for measure in ("shortfall_t", "shortfall_share"):
        assert none.distribution.filter(measure=measure)["most"].to_list() == [0.0]


def test_short_uses_without_a_known_loss_are_named(study):
    uses = Uses(
        ("tin", "tin", "zinc", "zinc"),
        ("defence", "other", "other", "essential"),
        np.array([True, False, False, False]),
        ("tin", "zinc"),
    )
    totals = made_up(
        [[0.5, 0.2, 0.3, 0.0], [0.5, 0.0, 0.5, 0.0]],
        loss=np.array([[7.0, 0, 0, 0], [5.0, 0, 0, 0]]),
        premium=np.zeros((2, 2)),
    )
    found = Distribution.build(study, uses, totals, seed=0, periods=("2027-01",))
    assert found.figures()["unvalued"] == [
        {"item": "zinc", "uses": 1, "mean_share_short": pytest.approx(0.4)},
        {"item": "tin", "uses": 1, "mean_share_short": pytest.approx(0.1)},
    ]
    said = "2 home uses of 2 items went short without a known loss, counted as no loss"
    assert f"{said} (mean share short): zinc 40.00%, tin 10.00%" in found.summary()
    loss = found.distribution.filter(measure="loss_usd")
    known = {(r["item"], r["class"]): r["mean"] for r in loss.to_dicts()}
    assert known == {
        (None, None): 6.0,
        ("tin", "defence"): 6.0,
        ("tin", "other"): None,
        ("zinc", "essential"): None,
        ("zinc", "other"): None,
    }
    assert "zinc" not in found.summary().split("largest losses")[1].split("\n")[1]


def test_a_study_whose_losses_are_known_has_no_such_remark(found):
    assert found.unvalued == ()
    assert "without a known loss" not in found.summary()


def test_interval_of_the_tail_covers_it():
    # Exponential: the mean beyond any level is one more than the level.
    draw = np.random.default_rng(0)
    alpha, hits = 0.9, []
    for _ in range(400):
        values = draw.exponential(size=500)
        off = abs(float(tail_mean(values, alpha)) - (1.0 - np.log(1.0 - alpha)))
        hits.append(off <= tail_halfwidth(values, alpha))
    assert 0.90 < np.mean(hits) < 0.97


def test_a_tail_of_few_scenarios_has_a_remark_and_no_interval(study, base, found):
    assert tail_halfwidth(np.arange(99.0), 0.9) is None
    assert tail_halfwidth(np.arange(100.0), 0.9) is not None
    assert (
        found.distribution["cvar_halfwidth"].null_count() == found.distribution.height
    )
    assert "the worst 10% are 0.9 of 9 scenarios" in found.summary()
    assert "--scenarios 100 or more" in found.summary()
    assert found.figures()["remarks"] == found.remarks()
    more = simulate_many(study, count=100, seed=4, base=base)
    assert "beyond q99 of the tables lie 1 of 100 scenarios" in more.summary()
    row = more.distribution.row(0, named=True)
    loss = more.scenarios["home_loss_usd"].to_numpy()
    assert row["cvar_halfwidth"] == pytest.approx(tail_halfwidth(loss, 0.9))
    assert "(95 %), median" in more.summary()


def test_scenarios_name_the_projects_that_stand_and_how_late(study, found):
    from oreserve.market import project_support

    support = project_support(study)
    seen = set()
    for one, told in zip(
        sample_scenarios(study, count=COUNT, seed=4),
        found.scenarios["projects"],
        strict=True,
    ):
        names = dict(t.partition(" +")[::2] for t in told.split("; ") if t)
        seen |= set(names)
        for project, held in support.items():
            late = one.draws[f"delay {project}"]
            stands = one.draws[project] < held.success
            stands &= held.start_year + late <= study.period_starts()[-1].year
            assert (project in names) == stands
            if stands:
                assert names[project] == (f"{late:g}" if late else "")
    assert seen


def test_neither_workers_nor_blocks_matter(study, base, found, monkeypatch):
    monkeypatch.setattr(_pool, "WORTH_IT", 0)
    monkeypatch.setattr(_many, "MOST_IN_BLOCK", 4)
    two = simulate_many(study, count=COUNT, seed=4, workers=2, base=base)
    assert texts(two) == texts(found)


def test_more_scenarios_begin_with_the_same(study, base, found):
    more = simulate_many(study, count=COUNT + 2, seed=4, workers=1, base=base)
    assert more.scenarios.head(COUNT).equals(found.scenarios)


def test_states_say_what_is_wrong_and_when(study, found):
    drawn = sample_scenarios(study, count=COUNT, seed=4)
    wrong = dict(found.scenarios.select("number", "states").rows())
    assert any(wrong.values())
    for one in drawn:
        busy = any(effects for effects in one.effects)
        assert bool(wrong[one.number]) == busy


def test_a_killed_run_goes_on(study, base, found, tmp_path, small_blocks, monkeypatch):
    out = tmp_path / "many"
    run = _many.run_chains
    done = []

    def dies(chains, scenarios, *args, **kwargs):
        if scenarios[0].number == 8:
            raise KeyboardInterrupt
        done.append(scenarios[0].number)
        return run(chains, scenarios, *args, **kwargs)

    monkeypatch.setattr(_many, "run_chains", dies)
    with pytest.raises(KeyboardInterrupt):
        simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    assert done == [0, 4]
    assert len(list(blocks_folder(out).glob("*.npz"))) == 2
    monkeypatch.setattr(_many, "run_chains", run)
    again = simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    assert texts(again) == texts(found)
    # The first blocks came from the disk: what is written there comes back.
    path = min(blocks_folder(out).glob("*.npz"))
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    arrays["loss"] = arrays["loss"] + 1e12
    np.savez_compressed(path, **arrays)
    other = simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    assert other.scenarios["home_loss_usd"][0] > 1e12
    other.forget_blocks()
    assert not blocks_folder(out).exists()


def test_a_run_of_another_count_goes_on_from_what_is_kept(
    study, base, tmp_path, monkeypatch
):
    out = tmp_path / "many"
    monkeypatch.setattr(_many, "LEAST_IN_BLOCK", 2)
    simulate_many(study, count=5, seed=4, workers=1, out=out, base=base)
    assert kept_scenarios(out) == 5
    names = sorted(path.name for path in blocks_folder(out).glob("*.npz"))
    assert len(names) == 3
    run, done = _many.run_chains, []

    def counted(chains, scenarios, *args, **kwargs):
        done.extend(one.number for one in scenarios)
        return run(chains, scenarios, *args, **kwargs)

    monkeypatch.setattr(_many, "run_chains", counted)
    told = []
    more = simulate_many(
        study,
        count=8,
        seed=4,
        workers=1,
        out=out,
        base=base,
        progress=lambda *step: told.append(step),
    )
    assert done == [5, 6, 7]
    assert told[0][1] == 5  # the time that is left counts from here
    assert told[-1][1:] == (8, 8)
    monkeypatch.setattr(_many, "run_chains", run)
    once = simulate_many(study, count=8, seed=4, workers=1, base=base)
    assert texts(more) == texts(once)


def test_blocks_are_small_where_scenarios_are_few_or_periods_many(study, monkeypatch):
    def sizes(count):
        blocks = _blocks.Blocks(None, {})
        return [len(block) for block in _many._drawn(study, count, 0, 5, blocks)]

    assert sizes(100) == [20] * 5
    assert set(sizes(1000)) == {100}
    monkeypatch.setattr(_many, "SCENARIO_PERIODS", 50)
    assert sizes(25) == [10, 10, 5]


def test_a_broken_block_is_computed_again(study, base, found, tmp_path, small_blocks):
    out = tmp_path / "many"
    simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    path = min(blocks_folder(out).glob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    again = simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    assert texts(again) == texts(found)


def test_another_study_seed_or_version_is_refused(study, base, tmp_path, monkeypatch):
    out = tmp_path / "many"
    simulate_many(study, count=2, seed=4, workers=1, out=out, base=base)
    with pytest.raises(InputError, match="seed: 4 there, 5 now"):
        simulate_many(study, count=2, seed=5, workers=1, out=out, base=base)
    more = study.table("demands").with_columns(pl.col("quantity_t_per_year") * 2.0)
    changed = study.with_tables(demands=more)
    with pytest.raises(InputError, match="content"):
        simulate_many(changed, count=2, seed=4, workers=1, out=out, base=base)
    dearer = study.with_settings(alpha=0.8)
    with pytest.raises(InputError, match=r"setting alpha: 0\.9 there, 0\.8 now"):
        simulate_many(dearer, count=2, seed=4, workers=1, out=out, base=base)
    monkeypatch.setattr("oreserve.market.outcome.versions", lambda: {"highspy": "0"})
    with pytest.raises(InputError, match="version of highspy"):
        simulate_many(study, count=2, seed=4, workers=1, out=out, base=base)


def test_a_full_disk_leaves_the_last_block(
    study, base, found, tmp_path, small_blocks, monkeypatch
):
    out = tmp_path / "many"
    sync = _blocks.os.fsync
    calls = []

    def full(handle):
        calls.append(handle)
        if len(calls) > 2:  # the manifest, the first block
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(_blocks.os, "fsync", full)
    with pytest.raises(OreserveError, match="No space left"):
        simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    monkeypatch.setattr(_blocks.os, "fsync", sync)
    names = sorted(path.name for path in blocks_folder(out).iterdir())
    assert names == ["made-from.json", "scenarios-0000000-0000003.npz"]
    again = simulate_many(study, count=COUNT, seed=4, workers=1, out=out, base=base)
    assert texts(again) == texts(found)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 2, "workers": 0}])
def test_numbers_below_one_are_refused(study, base, wrong):
    with pytest.raises(InputError, match="at least 1"):
        simulate_many(study, base=base, **wrong)


def test_command_writes_the_tables(tmp_path):
    out = tmp_path / "many"
    told = CliRunner().invoke(
        app, ["simulate", "tiny", "--scenarios", "5", "--seed", "4", "--out", str(out)]
    )
    assert told.exit_code == 0, told.output
    names = sorted(path.name for path in out.iterdir())
    assert names == ["distribution.csv", "outcome.json", "scenarios.csv"]
    assert not blocks_folder(out).exists()
    figures = json.loads((out / "outcome.json").read_text())
    rows = pl.read_csv(out / "scenarios.csv")
    assert figures["scenarios"] == rows.height == 5
    assert figures["home_loss_usd"]["mean"] == pytest.approx(
        rows["home_loss_usd"].mean()
    )


def test_command_takes_a_step(tmp_path):
    shock = tmp_path / "ban.yaml"
    shock.write_text(
        "name: ban\neffects:\n"
        "  - {kind: ban, actor: CHN, target: '*', mineral: gallium, from: 2027-04}\n"
    )
    wanted = {}
    for step, periods in (("year", 2), ("quarter", 8), ("month", 24)):
        out = tmp_path / step
        told = CliRunner().invoke(
            app,
            [
                *("simulate", "tiny", "--shock", str(shock), "--step", step),
                *("--periods", str(periods), "--out", str(out)),
            ],
        )
        assert told.exit_code == 0, told.output
        rows = pl.read_csv(out / "shortfall.csv", infer_schema_length=None)
        assert rows["period"].n_unique() == periods
        wanted[step] = rows["wanted_t"].sum()
        gallium = rows.filter(
            (pl.col("item") == "gallium") & (pl.col("country") == "USA")
        )
        if step == "month":
            early = gallium.filter(pl.col("period") < "2027-04")
            assert early["shortfall_t"].sum() <= 1e-3 * early["wanted_t"].sum()
            assert gallium["shortfall_t"].sum() > 0.0
    # Uses that grow, grow within the year too.
    assert wanted["quarter"] == pytest.approx(wanted["year"], rel=0.05)
    assert wanted["month"] == pytest.approx(wanted["quarter"], rel=0.02)


def test_command_refuses_a_shock_with_scenarios(tmp_path):
    told = CliRunner().invoke(
        app, ["simulate", "tiny", "--scenarios", "5", "--shock", "x"]
    )
    assert told.exit_code == 1
    assert "--scenarios" in told.output


def test_folder_lies_beside_the_output():
    assert blocks_folder(Path("out/many")) == Path("out/.many.blocks")


def test_what_cannot_be_is_refused_before_the_market_is_prepared(study, monkeypatch):
    def prepare(*_, **__):
        pytest.fail("the market was prepared first")

    monkeypatch.setattr("oreserve.market.prepare", prepare)
    monkeypatch.setattr("oreserve.planning._plan.prepare", prepare)
    monkeypatch.setattr("oreserve.planning._policy.prepare", prepare)
    monkeypatch.setattr("oreserve.stochastic._ray.find_spec", lambda _: None)
    quarterly = study.with_settings(period_years=0.25)
    with pytest.raises(InputError, match="flood always ends after exactly one year"):
        simulate_many(quarterly, count=3)
    with pytest.raises(InputError, match="cannot be cut into quarters"):
        plan(quarterly, budget_usd=1e6)
    with pytest.raises(InputError, match="cannot be cut into quarters"):
        operating_policy(quarterly)
    with pytest.raises(OreserveError, match="ray"):
        simulate_many(study, count=3, executor="ray")
    with pytest.raises(OreserveError, match="ray"):
        plan(study, budget_usd=1e6, executor="ray")
    with pytest.raises(OreserveError, match="ray"):
        operating_policy(study, executor="ray")
