# SPDX-License-Identifier: Apache-2.0
"""Prices beyond a ceiling or far below their base are counted and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oreserve.market import prepare, simulate
from oreserve.market._detail import solve_base_year
from oreserve.market._odd_prices import CEILING_MULTIPLE, ceiling_multiple, price_notes
from oreserve.study import load_study


@pytest.fixture(scope="module")
def study():
    return load_study("tiny")


@pytest.fixture(scope="module")
def base(study):
    return prepare(study)


def priced(one, ratio):
    price = one.market.chain.nodes.price * ratio
    return replace(one, cleared=replace(one.cleared, price=price))


def test_the_base_year_has_no_odd_price(base) -> None:
    assert price_notes(solve_base_year(base)) == []


def test_prices_are_counted_once_and_the_worst_three_are_named(base) -> None:
    one = solve_base_year(base)[0]
    chain = one.market.chain
    ceiling = ceiling_multiple(chain)
    ratio = np.ones(len(ceiling))
    ratio[:5] = ceiling[:5] * (1.5, 2.0, 3.0, 4.0, 0.99)
    ratio[5:7] = 0.05, 0.11
    worse = ratio.copy()
    worse[0] = ceiling[0] * 100.0
    high, low = price_notes(
        [priced(one, ratio), replace(priced(one, worse), period="2031-01")]
    )
    assert high.startswith("4 prices (item and country) lie beyond the ceiling")
    named = high.split("worst: ")[1].split("; ")
    place = [
        f"{chain.items[chain.nodes.item[n]]} {chain.countries[chain.nodes.country[n]]} "
        for n in range(6)
    ]
    assert len(named) == 3
    for text, n in zip(named, (0, 3, 2), strict=True):
        assert text.startswith(place[n])
    assert "(2031-01)" in named[0]
    assert low.startswith("1 price (item and country) lies below a tenth")
    assert place[5] in low
    assert "0.05 times its base" in low


def test_an_item_without_a_use_has_the_general_ceiling(base) -> None:
    for chain in base.chains:
        used = set(chain.nodes.item[chain.demands.node].tolist())
        bare = np.array([i not in used for i in chain.nodes.item.tolist()])
        assert (ceiling_multiple(chain)[bare] == CEILING_MULTIPLE).all()
        assert (ceiling_multiple(chain)[~bare] >= 1.5 - 1e-9).all()


def test_a_full_ban_is_told_to_give_prices_that_are_no_forecast(study, base) -> None:
    effect = {"kind": "ban", "actor": "CHN", "target": "*", "mineral": "neodymium"}
    found = simulate(
        study, shock={"name": "ban", "effects": [effect]}, periods=1, base=base
    )
    said = [text for text in found.warnings if "no forecast" in text]
    worst = found.prices.sort("price_usd_per_t", nulls_last=True)
    assert worst.height > 0
    assert said
    assert said[0] in found.summary()
