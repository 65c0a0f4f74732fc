# SPDX-License-Identifier: Apache-2.0
"""Static charts: Altair writes the specification, vl-convert draws the SVG.

No script reaches the reader: the page holds pictures, each with its alt text and
a table twin beside it.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ACCENT",
    "GREY",
    "bars_with_interval",
    "build_up_chart",
    "frontier_chart",
    "price_chart",
    "requirement_chart",
    "shortage_chart",
    "tornado_chart",
]

ACCENT = "#0b5563"
GREY = "#8a9199"
PALE = "#c9d6da"
INK = "#22282c"
FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "gridColor": "#e4e8ea",
        "domainColor": "#b8c0c5",
        "tickColor": "#b8c0c5",
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "legend": {
        "labelColor": INK,
        "labelFontSize": 11,
        "title": None,
        "orient": "top",
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "title": None},
}


def _svg(chart: Any, *, identity: str, title: str, description: str) -> str:
    """Draw a chart and make its SVG fit to stand among others on one page."""
    spec = chart.configure(**CONFIG).to_dict()
    drawn: str = vl_convert.vegalite_to_svg(spec)
    size = re.search(r'<svg[^>]*?width="([\d.]+)"[^>]*?height="([\d.]+)"', drawn)
    width = float(size[1]) if size else 640.0
    # Ids such as clip7 count on through a process; a page needs each once, and the
    # same page twice needs the same ids.
    for place, old in enumerate(re.findall(r'\bid="([^"]+)"', drawn)):
        new = f"{identity}-{place}"
        drawn = drawn.replace(f'id="{old}"', f'id="{new}"')
        drawn = drawn.replace(f"url(#{old})", f"url(#{new})")
    # One role and one text for the whole picture, not one for every mark.
    drawn = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", drawn)
    head = (
        f'<svg class="chart" style="max-width:{width:.0f}px" role="img" '
        f'aria-labelledby="{identity}-t {identity}-d"'
    )
    drawn = re.sub(r'<svg( class="[^"]*")?', head, drawn, count=1)
    drawn = re.sub(r' width="[\d.]+" height="[\d.]+"', "", drawn, count=1)
    label = (
        f'<title id="{identity}-t">{escape(title)}</title>'
        f'<desc id="{identity}-d">{escape(description)}</desc>'
    )
    return re.sub(r"(<svg[^>]*>)", rf"\1{label}", drawn, count=1)


def _axis(title: str, **more: Any) -> alt.Axis:
    return alt.Axis(title=title, **more)


def frontier_chart(
    frame: pl.DataFrame, *, unit: str, identity: str, description: str
) -> str:
    """Draw loss against budget: the mean and the worst tenth.

    Parameters
    ----------
    frame
        Columns `budget`, `loss` (both in `unit`), `kind`.
    """
    base = alt.Chart(frame).encode(
        x=alt.X("budget:Q", axis=_axis(f"Budget, {unit}", labelFlush=False)),
        y=alt.Y("loss:Q", axis=_axis(f"Loss, {unit}"), scale=alt.Scale(zero=True)),
        color=alt.Color(
            "kind:N",
            sort=["expected", "worst tenth"],
            scale=alt.Scale(domain=["expected", "worst tenth"], range=[ACCENT, GREY]),
        ),
    )
    chart = base.mark_line(strokeWidth=2) + base.mark_point(size=28, filled=True)
    return _svg(
        chart.properties(width=560, height=230),
        identity=identity,
        title="Loss against budget",
        description=description,
    )


def bars_with_interval(
    frame: pl.DataFrame, *, identity: str, title: str, axis: str, description: str
) -> str:
    """Draw horizontal bars with their interval.

    Parameters
    ----------
    frame
        Columns `label`, `value`, `low`, `high` in the unit of `axis`; in order.
    """
    order = frame.get_column("label").to_list()
    y = alt.Y("label:N", sort=order, axis=_axis("", labelLimit=260))
    bars = (
        alt.Chart(frame)
        .mark_bar(color=ACCENT, height=18)
        .encode(x=alt.X("value:Q", axis=_axis(axis)), y=y)
    )
    rules = (
        alt.Chart(frame)
        .mark_rule(color=INK, strokeWidth=1.5)
        .encode(x="low:Q", x2="high:Q", y=y)
    )
    chart = (bars + rules).properties(width=430, height=alt.Step(32))
    return _svg(chart, identity=identity, title=title, description=description)


def tornado_chart(
    frame: pl.DataFrame, *, unit: str, identity: str, description: str
) -> str:
    """Draw how far each assumption moves the benefit, widest first.

    Parameters
    ----------
    frame
        Columns `label`, `end` (`low`, `high`), `start`, `stop` (in `unit`).
    """
    order = frame.get_column("label").unique(maintain_order=True).to_list()
    chart = (
        alt.Chart(frame)
        .mark_bar(height=14)
        .encode(
            x=alt.X(
                "start:Q",
                axis=_axis(f"Benefit of the plan, {unit}"),
                scale=alt.Scale(zero=False),
            ),
            x2="stop:Q",
            y=alt.Y("label:N", sort=order, axis=_axis("", labelLimit=280)),
            color=alt.Color(
                "end:N",
                scale=alt.Scale(
                    domain=["at the low value", "at the high value"],
                    range=[GREY, ACCENT],
                ),
            ),
        )
        .properties(width=400, height=alt.Step(26))
    )
    return _svg(
        chart,
        identity=identity,
        title="What moves the benefit",
        description=description,
    )


def build_up_chart(frame: pl.DataFrame, *, identity: str, description: str) -> str:
    """Draw the value of the reserve by year, largest minerals first.

    Parameters
    ----------
    frame
        Columns `year`, `label`, `value` (million USD at purchase price), `rank`.
    """
    order = frame.sort("rank").get_column("label").unique(maintain_order=True).to_list()
    tones = [
        "#0b5563",
        "#3d7a86",
        "#6d9ca5",
        "#9abcc3",
        "#c4d8dc",
        "#8a9199",
        "#c3c8cc",
    ]
    chart = (
        alt.Chart(frame)
        .mark_bar(stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("year:O", axis=_axis("", labelAngle=0)),
            y=alt.Y("value:Q", axis=_axis("Million USD at purchase price")),
            color=alt.Color(
                "label:N",
                sort=order,
                scale=alt.Scale(domain=order, range=tones),
                legend=alt.Legend(orient="right"),
            ),
            order=alt.Order("rank:Q"),
        )
        .properties(width=430, height=230)
    )
    return _svg(
        chart,
        identity=identity,
        title="The reserve by year",
        description=description,
    )


def shortage_chart(frame: pl.DataFrame, *, identity: str, description: str) -> str:
    """Draw the share of home's use that is short, without and with the plan.

    Parameters
    ----------
    frame
        Columns `year`, `scenario` (text), `programme` (`without plan`,
        `with plan`), `short` (share, 0-1).
    """
    chart = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2, clip=True)
        .encode(
            x=alt.X("year:Q", axis=_axis("", format="d", tickMinStep=1, tickCount=5)),
            y=alt.Y(
                "short:Q",
                axis=_axis("Short, share of use", format="%", tickCount=4),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=alt.Color(
                "programme:N",
                scale=alt.Scale(
                    domain=["without plan", "with plan"], range=[GREY, ACCENT]
                ),
            ),
        )
        .properties(width=190, height=110)
        .facet(column=alt.Column("scenario:N", sort=None), spacing=18)
    )
    return _svg(
        chart, identity=identity, title="Shortage in the worst scenarios",
        description=description,
    )  # fmt: skip


def price_chart(frame: pl.DataFrame, *, identity: str, description: str) -> str:
    """Draw home's price as a multiple of the base price in the worst scenarios.

    Parameters
    ----------
    frame
        Columns `year`, `scenario` (text), `multiple` (1 = base price).
    """
    order = frame.get_column("scenario").unique(maintain_order=True).to_list()
    chart = (
        alt.Chart(frame)
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=alt.X("year:Q", axis=_axis("", format="d", tickMinStep=1)),
            y=alt.Y(
                "multiple:Q",
                axis=_axis("Price, multiple of base", tickCount=4),
                scale=alt.Scale(type="log", nice=False),
            ),
            color=alt.Color(
                "scenario:N",
                sort=order,
                scale=alt.Scale(domain=order, range=[ACCENT, "#6d9ca5", GREY]),
            ),
        )
        .properties(width=520, height=130)
    )
    return _svg(
        chart, identity=identity, title="Price in the worst scenarios",
        description=description,
    )  # fmt: skip


def requirement_chart(frame: pl.DataFrame, *, identity: str, description: str) -> str:
    """Draw the reserve that would fill what the bad case leaves short.

    Parameters
    ----------
    frame
        Columns `year`, `class`, `value` (million USD).
    """
    order = ["defence", "essential", "other"]
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("year:O", axis=_axis("", labelAngle=0)),
            y=alt.Y("value:Q", axis=_axis("Reserve needed, million USD")),
            color=alt.Color(
                "class:N",
                sort=order,
                scale=alt.Scale(domain=order, range=[ACCENT, "#6d9ca5", PALE]),
            ),
        )
        .properties(width=430, height=190)
    )
    return _svg(
        chart, identity=identity, title="Reserve needed by class and year",
        description=description,
    )  # fmt: skip
