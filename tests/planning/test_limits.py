# SPDX-License-Identifier: Apache-2.0
"""Limits that leave no plan: the rows that contradict each other, and only those."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from typer.testing import CliRunner

from oreserve.cli import app
from oreserve.errors import InfeasibleError
from oreserve.planning import plan
from oreserve.planning._limits import conflicting_rows, require_feasible
from oreserve.study import load_study
from planning._instances import random_programme

FACT = {"source_id": "invented", "evidence": "assumed"}


def with_rows(first, *rows):
    """Add rows (name, {column: value}, lower, upper)."""
    table = sparse.lil_array((len(rows), len(first.name)))
    for number, (_, entries, _, _) in enumerate(rows):
        for column, value in entries.items():
            table[number, column] = value
    return replace(
        first,
        matrix=sparse.csr_array(sparse.vstack([first.matrix, table.tocsr()])),
        row_lower=np.append(first.row_lower, [row[2] for row in rows]),
        row_upper=np.append(first.row_upper, [row[3] for row in rows]),
        row_name=(*first.row_name, *(row[0] for row in rows)),
    )


@pytest.fixture(scope="module")
def first():
    return random_programme(0).first


def agreements(first) -> dict[int, float]:
    return {c: 1.0 for c, kind in enumerate(first.kind) if kind == "agreement"}


def test_what_holds_is_not_named(first) -> None:
    fine = with_rows(first, ("some", agreements(first), 0.5, np.inf))
    assert conflicting_rows(fine) == []
    require_feasible(fine)


def test_only_rows_of_the_contradiction_are_named(first) -> None:
    both = agreements(first)
    one = dict([next(iter(both.items()))])
    bad = with_rows(
        first,
        ("innocent", one, -np.inf, 0.9),
        ("at least", both, 2.0, np.inf),
        ("little", both, 1.0, np.inf),
        ("at most", both, -np.inf, 1.5),
    )
    found = [bad.row_name[row - 1] for row in conflicting_rows(bad) if row]
    assert found == ["at least", "at most"]
    with pytest.raises(InfeasibleError) as told:
        require_feasible(bad)
    text = str(told.value)
    assert "at least: at least 2; beside the others at most 1.5 can hold" in text
    assert "at most: at most 1.5; beside the others at least 2 can hold" in text
    assert "innocent" not in text
    assert "little" not in text


def test_giving_up_any_row_that_is_named_leaves_a_plan(first) -> None:
    both = agreements(first)
    poor = replace(with_rows(first, ("much", both, 3.0, np.inf)), budget=0.5)
    named = conflicting_rows(poor)
    assert named[0] == 0  # the budget
    assert [poor.row_name[row - 1] for row in named[1:]] == ["much"]
    require_feasible(replace(poor, budget=1e6))
    require_feasible(replace(poor, row_lower=np.minimum(poor.row_lower, 0.0)))


def test_options_cannot_be_taken_in_part_to_meet_a_limit(first) -> None:
    option = int(np.flatnonzero(first.integer)[0])
    half = with_rows(first, ("half", {option: 1.0}, 0.4, 0.6))
    assert [half.row_name[row - 1] for row in conflicting_rows(half)] == ["half"]


@pytest.fixture(scope="module")
def greedy():
    """The tiny study, asked for more gallium than it may buy."""
    tiny = load_study("tiny")
    row = {"limit": "much_gallium", "instrument": "reserve", "item": "gallium"}
    rows = [{**row, "min_t": 1e6, **FACT}]
    limits = pl.concat(
        [tiny.table("limits"), pl.DataFrame(rows)], how="diagonal_relaxed"
    )
    return tiny.with_tables(limits=limits)


def test_a_plan_names_the_row_of_limits(greedy) -> None:
    with pytest.raises(
        InfeasibleError, match=r"much_gallium \(min_t\): at least 1e\+06"
    ):
        plan(greedy, budget_usd=20e6, scenarios=4, verify=2)


def test_a_least_amount_is_met_where_it_can_be(greedy) -> None:
    limits = greedy.table("limits").with_columns(
        min_t=pl.when(pl.col("limit") == "much_gallium").then(0.5)
    )
    options = {"scenarios": 12, "verify": 4, "sensitivity": False, "programmes": True}
    result = plan(greedy.with_tables(limits=limits), budget_usd=20e6, **options)
    bought = result.reserve.filter(pl.col("item") == "gallium")["tonnes"].sum()
    assert bought >= 0.5 - 1e-6
    # Contracts alone buy nothing: that programme would break the row.
    assert "contracts" not in result.programmes["programme"].to_list()
    assert result.frontier["budget_usd"].min() > 0.0


def test_the_command_ends_with_3(greedy, tmp_path) -> None:
    folder = greedy.save(tmp_path / "study")
    asked = ["plan", str(folder or tmp_path / "study"), "--budget", "20e6"]
    answer = CliRunner().invoke(app, [*asked, "--scenarios", "4", "--verify", "2"])
    assert answer.exit_code == 3
    assert "much_gallium (min_t)" in answer.output
