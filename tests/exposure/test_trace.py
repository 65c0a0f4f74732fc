# SPDX-License-Identifier: Apache-2.0
"""Where home's material really comes from, by hand on the tiny study."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from oreserve.exposure import ALL_USES, trace
from oreserve.exposure._figures import read_figures
from oreserve.study import load_study


@pytest.fixture(scope="module")
def figures():
    return read_figures(load_study("tiny"), reconciled=False)


def shares(found, use: str, item: str) -> dict[str, float]:
    through = found.passes[found.uses.index(use), found.items.index(item)]
    total = through.sum()
    return {
        country: float(t / total)
        for country, t in zip(found.countries, through, strict=True)
        if t > 1e-9
    }


def test_gallium_through_the_trader(figures):
    # USA: 18 from CHN, 2 from JPN; JPN has 10 of its own and 22 from CHN:
    # JPN 0.1 x 10/32 = 0.03125; CHN 0.9 + 0.1 x 22/32 = 0.96875.
    found = trace(figures.base, "gallium", home=["USA"], countries=figures.countries)
    assert shares(found, ALL_USES, "gallium") == pytest.approx(
        {"CHN": 0.96875, "JPN": 0.03125}
    )


def test_magnets_depend_on_metal_and_mines_upstream(figures):
    # Magnets: 200 from CHN, 50 from JPN. Metal in JPN: 48 of its own, 32 from CHN, so
    # CHN 0.8 + 0.2 x 0.4 = 0.88, JPN 0.12 at first. Part comes round again as swarf:
    # oxide of CHN is 40/450 = 4/45 from swarf, so a tonne passes metal in CHN
    # 1 / (1 - 4/45) = 45/41 times; oxide in JPN is 10/60 from swarf, 50/60 from AUS:
    # from JPN again in JPN 1 / (1 - 0.6/6) = 10/9 times, in CHN
    # K = (0.4 x 45/41 + 0.6 K) / 6, K = 10/123.
    found = trace(figures.base, "neodymium", home=["USA"], countries=figures.countries)
    china = 0.88 * 45 / 41 + 0.12 * 10 / 123
    japan = 0.12 * 10 / 9
    metal = shares(found, "magnet", "nd_metal")
    assert metal == pytest.approx(
        {"CHN": china / (china + japan), "JPN": japan / (china + japan)}
    )
    # Mines: what passes JPN's metal ends in AUS with y = 5/6 + y/10, y = 25/27, so
    # 0.12 x 25/27 = 1/9 is Australian oxide of Australian ore. CHN separates the other
    # 8/9 from ore of which 1800/2050 is its own, 150/2050 AUS, 100/2050 USA.
    mines = shares(found, "magnet", "re_concentrate")
    assert mines == pytest.approx(
        {
            "AUS": 1 / 9 + 8 / 9 * 150 / 2050,
            "CHN": 8 / 9 * 1800 / 2050,
            "USA": 8 / 9 * 100 / 2050,
        }
    )


@pytest.mark.parametrize("mineral", ["neodymium", "dysprosium", "gallium"])
@pytest.mark.parametrize("home", [["USA"], ["JPN"], ["AUS", "JPN", "USA"]])
def test_every_tonne_ends_at_one_mine_or_is_untraced(figures, mineral, home):
    found = trace(figures.base, mineral, home=home, countries=figures.countries)
    u = found.uses.index(ALL_USES)
    assert (found.passes >= 0).all()
    if mineral == "neodymium":  # all neodymium comes from one kind of ore, once
        ore = found.passes[u, found.items.index("re_concentrate")].sum()
        assert ore == pytest.approx(1.0, abs=1e-6)
    assert sum(found.arrivals.values()) == pytest.approx(found.use_t[u], rel=1e-6)


def test_order_of_rows_and_countries_does_not_matter(figures):
    base = figures.base
    countries = list(figures.countries)
    expected = trace(base, "neodymium", home=["USA"], countries=countries)
    rng = random.Random(5)  # noqa: S311  # no secret
    mixed = list(countries)
    rng.shuffle(mixed)

    def shuffled(table: dict) -> dict:
        pairs = list(table.items())
        rng.shuffle(pairs)
        return dict(pairs)

    other = replace(
        base,
        output=shuffled(base.output),
        activity=shuffled(base.activity),
        demand=shuffled(base.demand),
        recipes=shuffled(base.recipes),
        imports={i: shuffled(lanes) for i, lanes in shuffled(base.imports).items()},
    )
    found = trace(other, "neodymium", home=["USA"], countries=mixed)
    order = [mixed.index(c) for c in countries]
    assert found.items == expected.items
    assert found.passes[:, :, order] == pytest.approx(expected.passes, abs=1e-12)


def test_a_use_without_a_supplier_is_unknown_and_not_domestic(figures):
    base = replace(figures.base, imports={**figures.base.imports, "gallium": {}})
    found = trace(base, "gallium", home=["USA"], countries=figures.countries)
    u = found.uses.index(ALL_USES)
    assert found.passes[u].sum() == 0
    assert found.unknown[u, found.items.index("gallium")] == pytest.approx(1.0)


def test_half_unknown_bounds_the_other_half(figures):
    # AUS's 50 t come out of nothing that is known: a trader without supply.
    lanes = {("CHN", "USA"): 10.0, ("AUS", "USA"): 10.0}
    base = replace(figures.base, imports={**figures.base.imports, "gallium": lanes})
    found = trace(base, "gallium", home=["USA"], countries=figures.countries)
    u, j = found.uses.index(ALL_USES), found.items.index("gallium")
    assert found.passes[u, j].sum() == pytest.approx(0.5)
    assert found.unknown[u, j] == pytest.approx(0.5)


def test_a_closed_trade_circle_is_solved(figures):
    lanes = {("JPN", "USA"): 5.0, ("USA", "JPN"): 5.0}
    output = {k: t for k, t in figures.base.output.items() if k[0] != "gallium"}
    base = replace(
        figures.base,
        output=output,
        imports={**figures.base.imports, "gallium": lanes},
    )
    found = trace(base, "gallium", home=["USA"], countries=figures.countries)
    assert np.isfinite(found.passes).all()
    assert found.passes.sum() == pytest.approx(0.0, abs=1e-6)
