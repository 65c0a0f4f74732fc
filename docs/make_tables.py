# SPDX-License-Identifier: Apache-2.0
"""Write docs/reference/tables.md from the column specs; a test holds them equal."""

from __future__ import annotations

from pathlib import Path

from oreserve.tables import TABLES, ColumnSpec, setting_specs, spec

TARGET = Path(__file__).parent / "reference" / "tables.md"


def page() -> str:
    """Return the page: one section a table, one row a column."""
    intro = (
        "Made from `oreserve/tables/columns.csv`, which also drives loading and "
        "checking. Units are canonical: t on the item's basis, USD of the study's "
        "price year, years, shares in 0–1. All tables but settings and sources carry "
        "`source_id` and `evidence`."
    )
    lines = ["# Tables of a study", "", intro, ""]
    for table in TABLES:
        lines += [f"## {table}", "", spec(table).description, ""]
        lines += ["| column | type | unit | key | required | allowed | meaning |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for column in spec(table).columns:
            marks = ["yes" if mark else "" for mark in (column.key, column.required)]
            cells = [
                f"`{column.name}`",
                column.type,
                column.unit or "",
                *marks,
                _allowed(column),
                column.description,
            ]
            lines.append("| " + " | ".join(_cell(c) for c in cells) + " |")
        lines.append("")
    lines += ["## The names of settings", "", "| name | type | default | meaning |"]
    lines += ["|---|---|---|---|"]
    for setting in setting_specs().values():
        cells = [f"`{setting.name}`", setting.type, str(setting.default)]
        cells.append(setting.description)
        lines.append("| " + " | ".join(_cell(c) for c in cells) + " |")
    return "\n".join(lines) + "\n"


def _allowed(column: ColumnSpec) -> str:
    if column.allowed:
        return ", ".join(column.allowed)
    low, high = column.minimum, column.maximum
    if low is None and high is None:
        return " or ".join(column.references)
    return f"{'' if low is None else f'{low:g}'}…{'' if high is None else f'{high:g}'}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
