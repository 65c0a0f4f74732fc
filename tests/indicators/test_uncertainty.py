# SPDX-License-Identifier: Apache-2.0
"""Monte Carlo over published errors, and classes that move with thresholds."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from oreserve.errors import InputError
from oreserve.importers import Options, importer
from oreserve.indicators import (
    EU_CRITICAL,
    Setting,
    Threshold,
    between,
    definitions,
    governance_draws,
    hhi_governance_monte_carlo,
    propagate,
    rescale,
    rounded,
    sensitivity,
    sensitivity_summary,
    threshold_grid,
)

ROOT = Path(__file__).parents[2]
RAW = Path(os.environ.get("ORESERVE_RAW", ROOT.parent / "shared" / "data" / "raw"))


@pytest.mark.parametrize(
    "correlation, deviation", [(1.0, 2 * 0.2), (0.0, 2 * 0.2 / 6**0.5)]
)
def test_quantiles_are_those_of_the_closed_form(correlation, deviation):
    # One producer: HHI = 2 (2.5 + 0.5) = 6 with normal errors of the mean.
    found = hhi_governance_monte_carlo(
        shares=[1.0],
        wgi=[[-0.5] * 6],
        standard_errors=[[0.2] * 6],
        draws=20_000,
        seed=3,
        correlation=correlation,
    )
    spread = NormalDist(6.0, deviation)
    assert found.value == pytest.approx(6.0)
    assert found.low == pytest.approx(spread.inv_cdf(0.05), abs=0.02)
    assert found.high == pytest.approx(spread.inv_cdf(0.95), abs=0.02)


# Cobalt from mines, 2024, as shares of the named countries (MCS 2026, rounded).
COBALT = {"COD": 0.76, "IDN": 0.10, "RUS": 0.03, "CAN": 0.02, "AUS": 0.02, "PHL": 0.02}


@pytest.mark.raw
@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_published_standard_errors_give_the_interval_of_the_closed_form(correlation):
    path = RAW / "worldbank-wgi" / "wgidataset_2023update.xlsx"
    if not path.exists():
        pytest.skip(f"raw file is not at {path}")
    found = importer("wgi").read([path], Options(year=2022))
    scores = {r["country"]: r for r in found.tables["countries"].iter_rows(named=True)}
    names = sorted(n for n in scores["COD"] if n.endswith("_score"))
    errors = dict(found.tables["observations"].select("series", "value").iter_rows())
    wgi = np.array([[scores[c][n] for n in names] for c in COBALT])
    error = np.array([[errors[f"wgi/{n}_error/{c}"] for n in names] for c in COBALT])
    assert wgi.shape == error.shape == (6, 6)
    assert ((error > 0.05) & (error < 0.6)).all()

    shares = np.array(list(COBALT.values()))
    drawn = hhi_governance_monte_carlo(
        shares=shares, wgi=wgi, standard_errors=error, draws=40_000, seed=11,
        correlation=correlation,
    )  # fmt: skip
    # The sum of s^2 times 2 (2.5 - mean of six) is linear in independent normals.
    mean = float((shares**2 * 2.0 * (2.5 - wgi.mean(axis=1))).sum())
    variance_of_mean = (
        correlation * error.sum(axis=1) ** 2
        + (1.0 - correlation) * (error**2).sum(axis=1)
    ) / 36.0
    deviation = float((((2.0 * shares**2) ** 2) * variance_of_mean).sum() ** 0.5)
    spread = NormalDist(mean, deviation)
    assert drawn.value == pytest.approx(mean, abs=1e-12)
    # A quantile of 40,000 draws has a standard error of 0.011 deviations.
    assert drawn.low == pytest.approx(spread.inv_cdf(0.05), abs=0.05 * deviation)
    assert drawn.high == pytest.approx(spread.inv_cdf(0.95), abs=0.05 * deviation)


def test_the_seed_decides_the_draws():
    inputs = {"estimates": [[0.0] * 6], "standard_errors": [[0.3] * 6], "draws": 5}
    first = governance_draws(**inputs, seed=1)
    assert (first == governance_draws(**inputs, seed=1)).all()
    assert (first != governance_draws(**inputs, seed=2)).any()


def test_no_error_no_interval_and_missing_stays_missing():
    found = hhi_governance_monte_carlo(
        shares=[[0.5, 0.5], [0.5, 0.5]],
        wgi=[[[0.1] * 6, [0.2] * 6], [[0.1] * 6, [None] * 6]],
        standard_errors=0.0,
        draws=10,
    )
    assert found.low[0] == pytest.approx(found.high[0])
    assert found.status.tolist() == ["ok", "no_data"]
    assert np.isnan(found.high[1])


def test_an_input_of_no_importance_does_not_make_a_result_partial():
    result = propagate(
        lambda a, b: np.asarray(a) * 2 + 0 * np.nan_to_num(np.asarray(b)),
        a=rounded(1.0, step=0.1),
        b=between(1, 2),
    )
    assert str(result.status) == "ok"
    assert (result.low, result.high) == (1.9, 2.1)


def test_too_many_uncertain_inputs_are_refused():
    many = {f"x{i}": between(0, 1) for i in range(11)}
    with pytest.raises(InputError, match="11 uncertain"):
        propagate(lambda **x: sum(x.values()), **many)


SCORES = {
    "supply_risk": [2.8, 1.05, 0.5, None],
    "economic_importance": [6.8, 4.5, 5.7, 5.0],
}
MINERALS = ["cobalt", "tin", "nickel", "gallium"]


def test_sensitivity_shows_who_changes_class():
    table = sensitivity(
        MINERALS, SCORES, settings=threshold_grid(EU_CRITICAL, steps=[0.9, 1.0, 1.1])
    )
    assert table.height == 4 * 9
    summary = sensitivity_summary(table)
    rows = {row[0]: row[1:] for row in summary.rows()}
    # Tin leaves with 1.1 x 1.0: three of nine settings.
    assert rows["tin"] == ("critical", pytest.approx(6 / 9), 3, 9)
    assert rows["cobalt"] == ("critical", 1.0, 0, 9)
    assert rows["nickel"] == ("not_critical", 0.0, 0, 9)
    assert rows["gallium"] == ("no_data", None, 0, 9)
    assert summary["mineral"][0] == "tin"


def test_normalisation_moves_classes_too():
    raw = Setting("raw", (Threshold("supply_risk", 1.0),))
    scaled = Setting("0-1", (Threshold("supply_risk", 0.5),), {"supply_risk": rescale})
    table = sensitivity(MINERALS, SCORES, settings=[raw, scaled])
    changed = table.filter("changes")
    # (1.05 - 0.5) / 2.3 is 0.24.
    assert changed.rows() == [("tin", "0-1", "not_critical", "critical", True)]


def test_a_failed_score_decides_even_beside_a_missing_one():
    table = sensitivity(
        ["a", "b"],
        {"supply_risk": [0.2, 2.0], "economic_importance": [None, None]},
        settings=[EU_CRITICAL],
    )
    assert table["class"].to_list() == ["not_critical", "no_data"]


@pytest.mark.parametrize(
    "settings, words",
    [
        ([], "settings"),
        ([EU_CRITICAL, EU_CRITICAL], "all different"),
        ([Setting("none", ())], "no thresholds"),
        ([Setting("typo", (Threshold("suply_risk", 1.0),))], "suply_risk"),
    ],
)
def test_settings_that_say_nothing_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        sensitivity(MINERALS, SCORES, settings=settings)


def test_scores_must_fit_the_minerals():
    with pytest.raises(InputError, match="one number per mineral"):
        sensitivity(["cobalt"], SCORES, settings=[EU_CRITICAL])


def test_each_definition_has_formula_unit_and_source():
    found = definitions()
    assert len({d.name for d in found}) == len(found) >= 17
    assert all(d.formula and d.unit and d.source for d in found)
