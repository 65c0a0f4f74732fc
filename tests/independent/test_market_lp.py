# SPDX-License-Identifier: Apache-2.0
"""The market against a programme set up apart from the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

import oreserve as ors
from independent import random_study

BAN = {
    "measure": "ban",
    "kind": "ban",
    "actor": "CHN",
    "target": "USA",
    "mineral": "testium",
    "from": "2025-01",
    "until": "2040-01",
    "announced": "2024-12",
}


@pytest.mark.parametrize("seed", range(12))
def test_welfare_served_and_prices_agree_with_a_programme_set_up_apart(
    seed: int, tmp_path: Path
) -> None:
    folder = random_study.write_study(tmp_path / "study", seed)
    expected = random_study.solve(folder)
    outcome = ors.simulate(ors.load_study(folder))
    assert outcome.welfare_usd == pytest.approx(expected["welfare_usd"], rel=1e-6)
    total = sum(expected["served"].values())
    assert outcome.shortfall["served_t"].sum() == pytest.approx(total, rel=1e-6)
    prices = {
        (r["item"], r["country"]): r for r in outcome.prices.iter_rows(named=True)
    }
    for key, row in prices.items():
        if row["price_usd_per_t"] is None:
            continue
        assert row["price_low"] <= row["price_high"]
        assert row["price_low"] - 1e-4 <= expected["price"][key], key
        assert expected["price"][key] <= row["price_high"] + 1e-4, key


@pytest.mark.parametrize("status", ["in_force", "suspended"])
@pytest.mark.parametrize("seed", range(4))
def test_a_ban_closes_lanes_only_while_it_is_in_force(
    seed: int, status: str, tmp_path: Path
) -> None:
    folder = random_study.write_study(
        tmp_path / "study", seed, measures=[{**BAN, "status": status}]
    )
    banned = {(i, "CHN", "USA") for i in random_study.ITEMS}
    expected = random_study.solve(
        folder, banned=banned if status == "in_force" else set()
    )
    outcome = ors.simulate(ors.load_study(folder), periods=1)
    assert outcome.welfare_usd == pytest.approx(expected["welfare_usd"], rel=1e-6)
