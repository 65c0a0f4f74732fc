# SPDX-License-Identifier: Apache-2.0
"""Drawings of the pages: plain SVG, made here, with a table beside it always."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from oreserve.web._words import money

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MoneyBar", "money_bars"]

WIDTH: Final = 960
LABEL: Final = 250
RIGHT: Final = 60
BAR: Final = 20
ROW: Final = 44
TOP: Final = 52
# From the palest to the darkest: what is further on lies inside what came before.
COLOURS: Final = (
    ("ceiling", "#fff", "#525b61"),
    ("funded", "#cfe0e3", "#8fb5bd"),
    ("accepted", "#5d99a5", "#5d99a5"),
    ("paid", "#0b5563", "#0b5563"),
)


@dataclass(frozen=True)
class MoneyBar:
    """One contract's figures, US cents; None is no data."""

    name: str
    ceiling: int | None
    funded: int | None
    accepted: int | None
    paid: int | None


def money_bars(bars: Sequence[MoneyBar], *, title: str, description: str) -> Markup:
    """Draw ceilings as outlines with the money that fills them.

    Parameters
    ----------
    bars
        Contracts from top to bottom.
    title, description
        What the drawing is called and says, for those who hear it.
    """
    largest = max((v for bar in bars for v in _values(bar) if v is not None), default=0)
    if not bars or largest <= 0:
        return Markup()
    step, ticks = _ticks(largest)
    span = WIDTH - LABEL - RIGHT
    height = TOP + ROW * len(bars) + 30

    def x(value: float) -> float:
        return LABEL + span * value / (step * (ticks or 1))

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="mb-t mb-d">',
        f'<title id="mb-t">{escape(title)}</title>',
        f'<desc id="mb-d">{escape(description)}</desc>',
        *_legend(),
    ]
    foot = TOP + ROW * len(bars)
    for count in range(ticks + 1):
        at = x(step * count)
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{foot}"'
            ' stroke="#d9dee1"/>'
        )
        parts.append(
            f'<text x="{at:.1f}" y="{foot + 18}" font-size="12" fill="#525b61"'
            f' text-anchor="middle">{escape(_short(step * count))}</text>'
        )
    for line, bar in enumerate(bars):
        parts += _bar(bar, TOP + ROW * line, x)
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704  # every text above is escaped


def _values(bar: MoneyBar) -> tuple[int | None, ...]:
    return bar.ceiling, bar.funded, bar.accepted, bar.paid


def _legend() -> list[str]:
    parts = []
    at = LABEL
    for name, fill, stroke in COLOURS:
        parts.append(
            f'<rect x="{at}" y="10" width="14" height="14" fill="{fill}" '
            f'stroke="{stroke}" stroke-width="1.5"/>'
            f'<text x="{at + 20}" y="22" font-size="12" fill="#1b2023">{name}</text>'
        )
        at += 34 + 8 * len(name) + 14
    return parts


def _bar(bar: MoneyBar, top: int, x: object) -> list[str]:
    assert callable(x)
    name = bar.name if len(bar.name) <= 34 else f"{bar.name[:33]}…"
    label = (
        f'<text x="{LABEL - 12}" y="{top + 16}" font-size="13" fill="#1b2023" '
        f'text-anchor="end">{escape(name)}</text>'
    )
    parts = [label]
    if bar.ceiling is None:
        parts.append(
            f'<text x="{LABEL + 6}" y="{top + 16}" font-size="12" '
            'fill="#525b61" font-style="italic">no ceiling</text>'
        )
    for (_, fill, stroke), value, inset in zip(
        COLOURS, _values(bar), (0, 3, 5, 7), strict=True
    ):
        if not value or value < 0:
            continue
        width = max(x(value) - LABEL, 1.5)
        parts.append(
            f'<rect x="{LABEL}" y="{top + inset}" width="{width:.1f}" '
            f'height="{BAR - 2 * inset + 2}" fill="{fill}" stroke="{stroke}" '
            'stroke-width="1.5"/>'
        )
    return parts


def _ticks(largest: int) -> tuple[int, int]:
    """Return the step of the axis and how many steps reach the largest value."""
    power = 10 ** (len(str(largest)) - 1)
    for share in (0.2, 0.5, 1, 2):
        step = max(int(power * share), 1)
        count = -(-largest // step)
        if count <= 6:
            return step, count
    return power * 5, -(-largest // (power * 5))


def _short(cents: int) -> str:
    """Write a tick of the axis in the unit that reads best."""
    usd = cents // 100
    for size, word in ((10**9, "bn"), (10**6, "m"), (10**3, "k")):
        if usd >= size:
            return f"{usd / size:g}\u00a0{word}\u00a0USD"
    return money(cents)
