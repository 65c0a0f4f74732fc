# SPDX-License-Identifier: Apache-2.0
"""The study's own description: datapackage.json and README.md."""

from __future__ import annotations

from typing import Any

from studies.build.tables import EVIDENCE, Tables
from studies.build.uses import CLASS_SHARES, DEFAULT_SHARE, DEFENCE_ABROAD

__all__ = ["PACKAGE", "readme"]

PACKAGE: dict[str, Any] = {
    "name": "us-2026",
    "title": "Critical minerals of the United States, 2026",
    "version": "2026.11",
    "profile": "data-package",
    "licenses": [
        {
            "name": "CC-BY-4.0",
            "title": "Creative Commons Attribution 4.0",
            "path": "https://creativecommons.org/licenses/by/4.0/",
        }
    ],
}

HEAD = """# us-2026

**What.** The default study of Oreserve: who mines, refines, makes, trades and uses
the 60 minerals of the 2025 United States list in 2024, the last calm year, with the
measures, threats, projects and agreements known on 2026-11-22.

**Who.** Built by `studies/build` of the Oreserve repository from published files; no
figure is typed in by hand into these tables. Rebuild with `python -m studies.build`.

**Licence.** CC BY 4.0. Sources and their licences are in `sources.csv`: U.S.
Geological Survey (public domain), CEPII BACI (Etalab 2.0), British Geological Survey
(contains British Geological Survey materials (c) UKRI 2026, OGL v3), World Bank (CC BY
4.0). World Mining Data is not used: its licence is unclear.

**How cleaned.** Quantities are of 2024 in tonnes on the basis that `items.csv` names;
figures of 2023 are scaled and marked computed. Withheld figures stay out or are
replaced by a rule that the source row states. Gross trade weights become contained
tonnes by a factor with its own source row. Use abroad is production plus imports minus
exports where trade is published, else shares, and closes on world supply; it is read
nowhere. Known bad figures of second-hand tables (Australia 113,000 t of rare earths,
rhenium in kilograms) are tested to be absent.
"""


def _list_lines(tables: Tables) -> list[str]:
    rows = tables.rows("lists")
    us = [r for r in rows if str(r["list"]).startswith("US")]
    missing = [r for r in us if r.get("unmodelled_reason")]
    lines = [
        "## Minerals",
        "",
        (
            f"{len(us)} minerals on the United States list, {len(us) - len(missing)} "
            "modelled. Not modelled:"
        ),
        "",
    ]
    lines += [f"- {r['mineral']}: {r['unmodelled_reason']}" for r in missing]
    return [*lines, ""]


def _evidence_lines(tables: Tables) -> list[str]:
    names = [t for t in sorted(tables.specs) if t not in {"settings", "sources"}]
    lines = [
        "## Evidence",
        "",
        "| table | " + " | ".join(EVIDENCE) + " |",
        "|---|" + "---|" * len(EVIDENCE),
    ]
    for name in names:
        counts = tables.counts(name)
        if counts:
            cells = " | ".join(str(counts.get(e, 0)) for e in EVIDENCE)
            lines.append(f"| {name} | {cells} |")
    return [*lines, ""]


def _class_lines() -> list[str]:
    lines = [
        "## Classes of use (assumed)",
        "",
        (
            "No public source splits use by class. Shares of American use; abroad the "
            f"defence share is {DEFENCE_ABROAD} of it."
        ),
        "",
        "| mineral | defence | essential | other |",
        "|---|---|---|---|",
    ]
    for mineral, share in [*sorted(CLASS_SHARES.items()), ("any other", DEFAULT_SHARE)]:
        rest = 1 - share.defence - share.essential
        lines.append(
            f"| {mineral} | {share.defence:.3g} | {share.essential:.3g} | {rest:.3g} |"
        )
    return [*lines, ""]


def _growth_lines(tables: Tables) -> list[str]:
    minerals = {str(r["item"]): str(r["mineral"]) for r in tables.rows("items")}
    growth: dict[str, set[float]] = {}
    for row in tables.rows("demands"):
        value = row.get("growth_per_year")
        if value is not None and row.get("sector") != "stock_build":
            growth.setdefault(minerals[str(row["item"])], set()).add(float(value))
    lines = [
        "## Growth of use (assumed)",
        "",
        "A year from 2024, every country and class; judged from outlooks of 2024-25.",
        "",
        "| mineral | growth per year |",
        "|---|---|",
    ]
    for mineral, values in sorted(growth.items()):
        cells = ", ".join(f"{v:.3g}" for v in sorted(values))
        lines.append(f"| {mineral} | {cells} |")
    return [*lines, ""]


def _assumption_lines(tables: Tables) -> list[str]:
    rows = [
        r
        for r in tables.rows("sources")
        if r.get("publisher") == "assumption of this study"
    ]
    lines = ["## Assumptions by name", ""]
    lines += [f"- `{r['source_id']}`: {r['title']}." for r in rows]
    return [*lines, ""]


def readme(tables: Tables) -> str:
    """Return the README of the study, from its own rows."""
    lines = [
        HEAD,
        *_list_lines(tables),
        *_evidence_lines(tables),
        *_class_lines(),
        *_growth_lines(tables),
        *_assumption_lines(tables),
    ]
    return "\n".join(lines)
