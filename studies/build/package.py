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

**Who.** Built by `studies/build` of the Oreserve repository from published files and
named assumptions; the tables are never edited by hand. Rebuild with
`python -m studies.build`.

**Licence.** CC BY 4.0. Sources and their licences are in `sources.csv`: U.S.
Geological Survey (public domain), CEPII BACI (Etalab 2.0), British Geological Survey
(contains British Geological Survey materials (c) UKRI 2026, OGL v3), World Bank (CC BY
4.0). World Mining Data is not used: its licence is unclear.

**How cleaned.** Quantities are of 2024 in tonnes on the basis that `items.csv` names;
figures of 2023 are scaled and say so. Withheld figures stay out or are
replaced by a rule that the source row states. Gross trade weights become contained
tonnes by a factor with its own source row. Use abroad is production plus imports minus
exports where trade is published, else shares, and closes on world supply; it is read
nowhere. Demand does not grow (`growth_per_year` is null): mines and works beyond the
projects are not in the tables, so supply is taken to keep pace with use and every year
starts from the balance of 2024; an overlay may set growth. Known bad figures of
second-hand tables (Australia 113,000 t of rare earths, rhenium in kilograms) are tested
to be absent.

**Known gaps.** Refining by country is published for few minerals, use abroad for none,
trade of most refined metals not at all; the table of evidence below counts what is
assumed. Capacity is output over 0.9 where no publisher states it. National stockpiles'
holdings are secret.
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


LISTED_PRICES = 10.0  # losses above this many prices are printed


def _loss_lines(tables: Tables) -> list[str]:
    """List the largest losses per tonne with what they are divided by."""
    found = []
    for row in tables.rows("demands", country="USA", **{"class": "other"}):
        loss = row.get("loss_usd_per_t")
        quotes = tables.rows("prices", item=row["item"], market="world", period="2024")
        price = [r["usd_per_t"] for r in quotes if r["kind"] != "inside"]
        if not isinstance(loss, float) or not price or not isinstance(price[0], float):
            continue
        ratio = loss / price[0]
        if ratio > LISTED_PRICES:
            use = sum(
                float(r["quantity_t_per_year"] or 0)
                for r in tables.rows("demands", item=row["item"], country="USA")
            )
            basis = "assumed" if row["evidence"] == "assumed" else "published"
            cut = "yes" if "cut from" in str(row["note"]) else "no"
            found.append((ratio, str(row["item"]), use, basis, cut))
    lines = [
        "## Losses per tonne above ten prices",
        "",
        (
            "A loss is a published loss of GDP over American use. Where that use is "
            "assumed the loss is cut to 25 base prices, though not below 0.3 of "
            "itself, the low end of its interval; samarium's is halved instead. The "
            "note of each demand keeps the uncut figure. What a plan buys of an item "
            "with an assumed use rests on that assumption."
        ),
        "",
        "| item | times the price | American use, t | use is | cut |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {item} | {ratio:.0f} | {use:,.0f} | {basis} | {cut} |"
        for ratio, item, use, basis, cut in sorted(found, key=lambda f: (-f[0], f[1]))
    ]
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
        *_loss_lines(tables),
        *_assumption_lines(tables),
    ]
    return "\n".join(lines)
