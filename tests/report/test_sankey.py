# SPDX-License-Identifier: Apache-2.0
"""The drawing of a chain."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.report._sankey import Column, Ribbon, draw_sankey, fold_small


def draw(**changes: object) -> ET.Element:
    columns = [
        Column("mine", "Ore", {"CHN": 0.75, "USA": 0.25}),
        Column("refine", "Metal", {"CHN": 1.0}),
    ]
    ribbons = [
        Ribbon("mine", "CHN", "refine", "CHN", 0.75, 0.75),
        Ribbon("mine", "USA", "refine", "CHN", 0.25, 0.25),
    ]
    arguments: dict = {
        "title": "Tin & co",
        "description": "mine: China 75 %",
        "names": {"CHN": "China", "USA": "<States>"},
        "colours": {"USA": "home"},
        "identity": "c",
    }
    return ET.fromstring(draw_sankey(columns, ribbons, **(arguments | changes)))  # noqa: S314  # our own text


def test_block_heights_are_shares():
    heights = [float(r.get("height") or 0) for r in draw().iter("rect")]
    # 300 units a column: 0.75, 0.25 and 1.0 of it.
    assert heights == pytest.approx([225, 75, 300])


def test_ribbons_fill_the_target_without_overlap():
    ends = []
    for path in draw().iter("path"):
        numbers = [float(n) for n in re.findall(r"-?\d+\.\d", path.get("d") or "")]
        top_right, bottom_right = numbers[7], numbers[8]
        ends.append((top_right, bottom_right))
    assert ends[0][1] == pytest.approx(ends[1][0])
    assert ends[1][1] - ends[0][0] == pytest.approx(300)


def test_names_are_escaped_and_described():
    svg = draw()
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "c-t c-d"
    assert "<States> 25 %" in ["".join(t.itertext()) for t in svg.iter("text")]


def test_flow_home_takes_the_colour_of_home():
    tones = [p.get("class") for p in draw(colours={"CHN": "home"}).iter("path")]
    assert tones == ["ribbon home", "ribbon home"]


def test_ribbon_to_a_block_that_is_not_drawn_is_left_out():
    columns = [Column("mine", "Ore", {"CHN": 1.0}), Column("refine", "M", {"USA": 1.0})]
    text = draw_sankey(
        columns, [Ribbon("mine", "CHN", "refine", "XXX", 1, 1)],
        title="t", description="d", names={}, colours={}, identity="x",
    )  # fmt: skip
    assert "<path" not in text


@given(
    st.dictionaries(st.sampled_from("abcdefghijkl"), st.floats(0, 1), min_size=1),
    st.integers(1, 8),
)
def test_folding_keeps_every_block_and_home(shares, most):
    keep = frozenset(max(shares))
    folded = fold_small(shares, keep=keep, most=most, other="*")
    assert set(folded) == set(shares)
    assert all(to in {name, "*"} for name, to in folded.items())
    for name in keep:
        assert shares[name] == 0 or folded[name] == name
    assert list(folded.values()).count("*") != 1
