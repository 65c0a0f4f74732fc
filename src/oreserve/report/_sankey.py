# SPDX-License-Identifier: Apache-2.0
"""A chain as a drawing: one column a stage, one block a country.

Every column is as high as the stage's whole output, so that a block's height is
the country's share; a ribbon may change its width on the way, because stages are
counted on different mass bases.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

__all__ = ["Column", "Ribbon", "draw_sankey", "fold_small"]

WIDTH, BAR, GAP, TOP, LABEL = 960.0, 12.0, 5.0, 44.0, 150.0
HEIGHT = 300.0


@dataclass(frozen=True)
class Column:
    """One stage: its title and the shares of its blocks, which sum to 1."""

    stage: str
    title: str
    shares: dict[str, float]  # block name -> share in 0-1


@dataclass(frozen=True)
class Ribbon:
    """Flow from a block of one column to a block of a later one.

    `out_share` and `in_share` are shares of the two whole columns.
    """

    stage: str
    block: str
    to_stage: str
    to_block: str
    out_share: float
    in_share: float


@dataclass(frozen=True)
class _Block:
    x: float
    y: float
    height: float
    share: float


def fold_small(
    shares: dict[str, float], *, keep: frozenset[str], most: int = 6, other: str
) -> dict[str, str]:
    """Map each block to itself or to `other`: the largest stay, and those to keep.

    Examples
    --------
    >>> shares = {"a": 0.6, "b": 0.3, "c": 0.06, "d": 0.03, "e": 0.01}
    >>> fold_small(shares, keep=frozenset("e"), most=2, other="rest")
    {'a': 'a', 'b': 'b', 'c': 'rest', 'd': 'rest', 'e': 'e'}
    """
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    shown = {name for name in ranked[:most] if shares[name] >= 0.01}
    shown |= {name for name in keep if shares.get(name, 0.0) > 0}
    folded = [name for name in ranked if name not in shown]
    if len(folded) == 1:  # a group of one is better shown by its name
        shown.add(folded[0])
    return {name: name if name in shown else other for name in shares}


def draw_sankey(
    columns: list[Column],
    ribbons: list[Ribbon],
    *,
    title: str,
    description: str,
    names: dict[str, str],
    colours: dict[str, str],
    identity: str,
) -> str:
    """Draw the chain as one SVG element, without script and with its alt text.

    Parameters
    ----------
    columns, ribbons
        Left to right; ribbons between blocks that exist.
    title, description
        Read aloud in place of the drawing.
    names, colours
        Block -> text beside it, block -> CSS class (`home`, `ally`, `first`, `rest`).
    identity
        Prefix of the element's ids; unique on the page.
    """
    blocks = _place(columns)
    body = [
        *_draw_ribbons(columns, ribbons, blocks, colours, names),
        *_draw_blocks(columns, blocks, colours, names),
    ]
    height = TOP + HEIGHT + GAP * 8 + 8
    return (
        f'<svg class="sankey" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-labelledby="{identity}-t {identity}-d">'
        f'<title id="{identity}-t">{escape(title)}</title>'
        f'<desc id="{identity}-d">{escape(description)}</desc>' + "".join(body)
    ) + "</svg>"


def _place(columns: list[Column]) -> dict[tuple[str, str], _Block]:
    """Give every block its place: largest on top, the rest at the bottom."""
    span = WIDTH - LABEL - BAR
    step = span / max(1, len(columns) - 1)
    blocks = {}
    for number, column in enumerate(columns):
        x = number * step if len(columns) > 1 else 0.0
        y = TOP
        for name, part in column.shares.items():
            height = max(1.0, HEIGHT * part)
            blocks[column.stage, name] = _Block(x, y, height, part)
            y += height + GAP
    return blocks


def _draw_ribbons(
    columns: list[Column],
    ribbons: list[Ribbon],
    blocks: dict[tuple[str, str], _Block],
    colours: dict[str, str],
    names: dict[str, str],
) -> list[str]:
    order = {
        (c.stage, name): rank for c in columns for rank, name in enumerate(c.shares)
    }
    known = [
        r
        for r in ribbons
        if (r.stage, r.block) in blocks and (r.to_stage, r.to_block) in blocks
    ]
    used_out: dict[tuple[str, str], float] = {}
    used_in: dict[tuple[str, str], float] = {}
    drawn = []
    known.sort(
        key=lambda r: (
            r.stage,
            order[r.stage, r.block],
            r.to_stage,
            order[r.to_stage, r.to_block],
        )
    )
    entry: dict[int, float] = {}
    arrivals = sorted(
        range(len(known)),
        key=lambda k: (
            known[k].to_stage,
            order[known[k].to_stage, known[k].to_block],
            known[k].stage,
            order[known[k].stage, known[k].block],
        ),
    )
    for k in arrivals:
        target = (known[k].to_stage, known[k].to_block)
        entry[k] = used_in.get(target, 0.0)
        used_in[target] = entry[k] + known[k].in_share
    for k, ribbon in enumerate(known):
        source = (ribbon.stage, ribbon.block)
        start = blocks[source]
        end = blocks[ribbon.to_stage, ribbon.to_block]
        offset = used_out.get(source, 0.0)
        used_out[source] = offset + ribbon.out_share
        top0 = start.y + min(start.height, HEIGHT * offset)
        bottom0 = min(start.y + start.height, top0 + HEIGHT * ribbon.out_share)
        top1 = end.y + min(end.height, HEIGHT * entry[k])
        bottom1 = min(end.y + end.height, top1 + HEIGHT * ribbon.in_share)
        if max(bottom0 - top0, bottom1 - top1) < 0.4:
            continue
        left, right = start.x + BAR, end.x
        middle = (left + right) / 2
        # What reaches home is what the reader looks for.
        reaches_home = colours.get(ribbon.to_block) == "home"
        tone = "home" if reaches_home else colours.get(ribbon.block, "rest")
        label = (
            f"{names.get(ribbon.block, ribbon.block)} → "
            f"{names.get(ribbon.to_block, ribbon.to_block)}: "
            f"{100 * ribbon.out_share:.1f} % of the stage"
        )
        drawn.append(
            f'<path class="ribbon {tone}" '
            f'd="M{left:.1f} {top0:.1f}C{middle:.1f} {top0:.1f} {middle:.1f} '
            f"{top1:.1f} {right:.1f} {top1:.1f}V{bottom1:.1f}C{middle:.1f} "
            f'{bottom1:.1f} {middle:.1f} {bottom0:.1f} {left:.1f} {bottom0:.1f}Z">'
            f"<title>{escape(label)}</title></path>"
        )
    return drawn


def _draw_blocks(
    columns: list[Column],
    blocks: dict[tuple[str, str], _Block],
    colours: dict[str, str],
    names: dict[str, str],
) -> list[str]:
    drawn = []
    for column in columns:
        first = next(iter(column.shares), None)
        if first is None:
            continue
        x = blocks[column.stage, first].x
        drawn.append(
            f'<text class="stage" x="{x:.1f}" y="14">{escape(column.stage)}</text>'
            f'<text class="what" x="{x:.1f}" y="30">{escape(column.title)}</text>'
        )
        lowest = TOP  # labels never overlap: each starts below the one before
        for name in column.shares:
            block = blocks[column.stage, name]
            tone = colours.get(name, "rest")
            drawn.append(
                f'<rect class="block {tone}" x="{block.x:.1f}" y="{block.y:.1f}" '
                f'width="{BAR:.0f}" height="{block.height:.1f}"/>'
            )
            y = max(block.y + min(block.height / 2 + 4, 14), lowest + 11)
            lowest = y
            percent = 100 * block.share
            text = f"{percent:.0f} %" if percent >= 1 else "<1 %"
            drawn.append(
                f'<text class="name {tone}" x="{block.x + BAR + 5:.1f}" y="{y:.1f}">'
                f"{escape(names.get(name, name))} "
                f'<tspan class="share">{escape(text)}</tspan></text>'
            )
    return drawn
