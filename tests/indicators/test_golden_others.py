# SPDX-License-Identifier: Apache-2.0
"""Published results of GeoPolRisk, Deutsche Welle and the USGS."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indicators.golden_tables import own, shared
from oreserve.indicators import (
    Setting,
    Threshold,
    classify,
    geopolrisk,
    hhi,
    hhi_normalised,
    usgs_weighted_effect,
)


def numbers(row):
    texts = {"material", "economic_unit", "hs6", "importer"}
    return {k: v if k in texts else float(v) for k, v in row.items()}


@pytest.mark.parametrize("compatible", [False, True])
@pytest.mark.parametrize(
    "row", own("geopolrisk_usa2022.csv"), ids=lambda r: r["material"]
)
def test_geopolrisk_case_of_the_authors(row, compatible):
    case = numbers(row)
    found = geopolrisk(
        hhi=case["hhi"],
        imports_by_partner=[case["total_trade_t"]],
        governance_by_partner=[case["numerator"] / case["total_trade_t"]],
        domestic_production=case["domestic_production_t"],
        price_usd_per_kg=case["price_usd_per_kg"],
        compatible=compatible,
    )
    assert found.import_risk == pytest.approx(case["import_risk"], abs=1e-9)
    assert found.score == pytest.approx(case["score"], abs=1e-9)
    factor = case["cf_kg_cu_eq_per_kg"]
    assert found.characterisation_factor == pytest.approx(factor, abs=1e-9)
    assert str(found.status) == "ok"


def test_geopolrisk_case_from_producers_and_partners():
    trade = [numbers(row) for row in shared("geopolrisk_usa2022_trade.csv")]
    made = shared("geopolrisk_usa2022_production.csv")
    for row in shared("geopolrisk_usa2022_expected.csv"):
        case = numbers(row)
        mine = [r for r in trade if r["material"] == case["material"]]
        output = [r for r in made if r["material"] == case["material"]]
        tonnes = np.array(
            [float(r["production_2022"]) for r in output if r["iso3"] != "DELETE"]
        )
        value = math.fsum(r["value_kusd"] for r in mine)
        bought = math.fsum(r["quantity_t"] for r in mine)
        found = geopolrisk(
            hhi=hhi(tonnes / tonnes.sum()),
            imports_by_partner=[r["quantity_t"] for r in mine],
            governance_by_partner=[r["wgi"] for r in mine],
            domestic_production=case["domestic_production_t"],
            price_usd_per_kg=value / bought,
        )
        assert hhi(tonnes / tonnes.sum()) == pytest.approx(case["hhi"], abs=1e-9)
        assert found.score == pytest.approx(case["score"], abs=1e-9)
        assert found.characterisation_factor == pytest.approx(
            case["cf_kg_cu_eq_per_kg"], abs=1e-9
        )


def test_geopolrisk_reproduces_the_peer_and_never_calls_no_trade_no_risk():
    rows = [numbers(row) for row in shared("geopolrisk_py_2_0_1_outputs.csv")]
    assert len(rows) >= 127
    table = {k: np.array([row[k] for row in rows]) for k in rows[0]}
    empty = table["trade_t"] == 0
    assert "Germanium" in set(table["material"][empty])
    inputs = {
        "hhi": table["hhi"],
        "imports_by_partner": table["trade_t"][:, None],
        "governance_by_partner": (
            table["numerator"] / np.where(empty, 1.0, table["trade_t"])
        )[:, None],
        "domestic_production": table["domestic_production_t"],
        "price_usd_per_kg": table["price_usd_per_kg"],
    }
    peer = geopolrisk(**inputs, compatible=True)
    ours = geopolrisk(**inputs)
    for found, mine in ((peer, slice(None)), (ours, ~empty)):
        np.testing.assert_allclose(
            found.import_risk[mine], table["import_risk"][mine], atol=1e-9, rtol=0
        )
        np.testing.assert_allclose(
            found.score[mine], table["score"][mine], atol=1e-9, rtol=0
        )
        # Price and score are printed to nine decimals: half a unit of each moves
        # the factor by (price + score) / (2 x 0.41) x 1e-9.
        slack = 1e-9 + (table["price_usd_per_kg"] + table["score"]) * 1.3e-9
        wrong = np.abs(found.characterisation_factor - table["cf"])[mine]
        assert (wrong <= slack[mine]).all()
    assert (ours.status[empty] == "no_data").all()
    assert np.isnan(ours.score[empty]).all()
    assert (ours.status[~empty] == "ok").all()


def shares_2021(row):
    return np.array([float(row[f"share_{i}"]) for i in range(1, 11)]) / 100


@pytest.mark.parametrize("row", own("dw2021_hhi.csv"), ids=lambda r: r["material"])
def test_normalised_hhi_of_the_ten_largest(row):
    shares = shares_2021(row)
    published = float(row["hhi_normalised_n10"])
    assert hhi_normalised(shares, n=10) == pytest.approx(published, abs=5.1e-7)
    listed = shares / shares.sum()
    assert hhi_normalised(listed, n=10) == pytest.approx(published, abs=5.1e-7)


def test_the_embedded_tables_are_the_shared_ones():
    for ours, theirs in (
        ("dw2021_hhi.csv", "dw2021_hhi_wgi_top10.csv"),
        ("eu2017_sr.csv", "eu2017_sr_full.csv"),
        ("geopolrisk_usa2022.csv", "geopolrisk_usa2022_expected.csv"),
    ):
        embedded, full = own(ours), shared(theirs)
        columns = list(embedded[0])
        published = [{k: row[k] for k in columns} for row in full]
        assert all(row in published for row in embedded)


def test_flags_of_high_trade_risk_flip_with_the_thresholds():
    rows = own("dw2021_hhi.csv")
    scores = {
        "hhi": hhi_normalised([shares_2021(row) for row in rows], n=10),
        "governance": [float(row["wgi_weighted"]) for row in rows],
    }

    def flagged(concentration, percentile):
        limits = (
            Threshold("hhi", concentration, strict=True),
            Threshold("governance", percentile, below=True),
        )
        found = classify(scores, setting=Setting("flag", limits))
        return {
            row["material"]
            for row, label in zip(rows, found, strict=True)
            if label == "critical"
        }

    usual = {"Gallium", "Germanium", "Light Rare Earth Elements"}
    assert flagged(0.5, 50) == usual
    # The published text: 0.6 and 40 flags none, 0.4 and 60 flags more.
    assert flagged(0.6, 40) == set()
    assert flagged(0.4, 60) == usual | {"Natural Graphite", "Platinum Group Metals"}


def test_weighted_effects_of_the_usgs_in_sum_and_order():
    rows = shared("usgs_ofr2025_1047_gdp.csv")
    weighted = np.array([float(r["prob_weighted_net_decrease_musd"]) for r in rows])
    largest = np.array([float(r["largest_scenario_net_decrease_musd"]) for r in rows])
    implied = np.array([float(r["implied_weight"] or 0) for r in rows])
    # A quotient just above 1 is more than one scenario: the rest is a second one
    # with certainty.
    first = np.minimum(implied, 1.0)
    rest = np.where(implied > 1, weighted - largest, 0.0)
    found = usgs_weighted_effect(
        probability=np.stack([first, np.ones_like(first)], axis=-1),
        effect=np.stack([largest, rest], axis=-1),
    )
    # The weights are printed to four decimals.
    slack = 0.5e-4 * largest + 1e-9
    assert (np.abs(found - weighted) <= slack).all()
    assert found.sum() == pytest.approx(weighted.sum(), abs=slack.sum())
    steps = np.diff(found)
    assert (steps <= slack[1:] + slack[:-1]).all()
    listed = weighted > 2
    assert [r["commodity"] for r, yes in zip(rows, listed, strict=True) if yes][-1] == (
        "Ytterbium"
    )
