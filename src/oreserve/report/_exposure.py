# SPDX-License-Identifier: Apache-2.0
"""The page of an assessment: heat map, ranking, a section per mineral, evidence."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreserve.errors import InputError
from oreserve.exposure import ALL_USES, STAGES, definition, score_text
from oreserve.report import _format as fmt
from oreserve.report import _sections
from oreserve.report._exposure_tables import (
    MEASURE_COLUMNS,
    beside_table,
    elements_table,
    evidence_table,
    measure_rows,
    moves_table,
    next_changes,
    ranking_table,
)
from oreserve.report._folder import ResultFolder, read_result
from oreserve.report._html import fill_template, write_page
from oreserve.report._minerals import chain_drawing, slug
from oreserve.report._published import published_part
from oreserve.report._tables import Column, csv_link, make_table, number_column

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["write_assessment"]

CARRIED = (
    "ranking", "cells", "shares", "origins", "points", "measures", "scores",
    "sensitivity", "classes", "elements", "minerals", "chain", "evidence", "sources",
)  # fmt: skip
SHOWN = (
    "import_reliance_indirect", "import_reliance_any_stage", "net_import_reliance",
    "net_import_reliance_primary", "indirect_top_share", "top_share", "hhi",
    "hhi_element", "hhi_normalised", "hhi_governance", "hhi_governance_element",
    "n_minus_1_cover_country", "n_minus_1_cover_element", "n_minus_1_cover_owner",
    "n_minus_1_cover_plant", "n_minus_1_cover_home_origin", "n_minus_1_cover_home",
    "price_split", "measures_in_force",
)  # fmt: skip
LABELS = {
    "import_reliance_indirect": "This stage abroad, behind all of home's final uses",
    "import_reliance_any_stage": "Home's use made abroad at any stage",
    "net_import_reliance": "Net import reliance, as the USGS counts (headline)",
    "net_import_reliance_primary": "The same, only output from home's own mines counts",
    "indirect_top_share": "Largest foreign country behind home's use",
    "top_share": "Largest producer",
    "hhi": "Concentration, HHI",
    "hhi_element": "Concentration of the element at this stage, HHI",
    "hhi_normalised": "Concentration, normalised",
    "hhi_governance": "Concentration, governance-weighted",
    "hhi_governance_element": "Concentration of the element, governance-weighted",
    "n_minus_1_cover_country": "World use covered without the largest country",
    "n_minus_1_cover_element": "World use of the element without the largest country",
    "n_minus_1_cover_owner": "World use covered without the largest owner's country",
    "n_minus_1_cover_plant": "World use covered without the largest plant",
    "n_minus_1_cover_home_origin": "Home's use without its largest country of origin",
    "n_minus_1_cover_home": "Home's use without its largest shipper (not origin)",
    "price_split": "Price outside / inside",
    "measures_in_force": "Measures on home in force",
}
SHARES = frozenset({
    "import_reliance_indirect", "net_import_reliance", "indirect_top_share",
    "top_share", "n_minus_1_cover_country", "n_minus_1_cover_plant",
    "n_minus_1_cover_home", "n_minus_1_cover_home_origin", "n_minus_1_cover_owner",
    "n_minus_1_cover_element", "import_reliance_any_stage",
    "net_import_reliance_primary",
})  # fmt: skip
WORDS = ("country", "largest")
PRINTED = 20  # minerals whose section is printed; the screen has all
RELIANCE = (
    "net_import_reliance", "import_reliance_indirect", "n_minus_1_cover_home",
    "n_minus_1_cover_home_origin",
)  # fmt: skip
REASONS = {
    "use assumed": "home's use is assumed",
    "trade assumed": "its trade is assumed",
    "use or trade of": "one of the two is, of a use further down the chain",
    "nobody lists": "output nobody lists may be of home",
    "more sold": "more is sold than made and bought",
}
NOT_RANKED = {"group": "a group, not ranked", "no_use": "no use in the study"}
SIDE_STREAM = 0.1  # a stage through which less than this passes is not drawn


def write_assessment(folder: Path | str, path: Path | str) -> None:
    """Write the page of a folder that assess wrote: one HTML file, no script.

    Parameters
    ----------
    folder
        A folder with `assess.json`.
    path
        File to write; appears whole or not at all.

    Raises
    ------
    InputError
        If the folder holds no assessment or is not whole.
    """
    source = Path(folder)
    if not (source / "assess.json").is_file():
        message = f"{source} holds no assess.json; give a folder that assess wrote"
        raise InputError(message)
    context = _context(read_result(source))
    write_page(fill_template("assess.html.j2", context), Path(path))


def _context(result: ResultFolder) -> dict[str, Any]:
    figures = result.figures
    home = str(figures["home"])
    ranking = result.rows("ranking", "mineral", "score")
    ranked = [r for r in ranking if r["score"] is not None]
    return {
        "home": fmt.country_name(home),
        "as_of": fmt.date_text(str(figures["as_of"])),
        "year": figures["base_year"],
        "study_title": figures.get("study_title") or figures["study"],
        "threshold": figures["threshold"],
        "weights": figures["weights"],
        "reconciled": figures["reconciled"],
        "unknown": figures["unknown"],
        "lead": _lead(ranked, fmt.country_name(home), result),
        "counted": _counted(ranking),
        "standing": _standing(result),
        "printed": PRINTED,
        "heat": _heat(result, ranking),
        "stages": STAGES,
        "ranking": ranking_table(ranking, result),
        "beside": beside_table(ranking),
        "known": evidence_table(ranking),
        "elements": elements_table(result),
        "next": next_changes(result),
        "moves": moves_table(result),
        "unmodelled": _unmodelled(result, ranking),
        "minerals": _minerals(result, ranking, home),
        "assumed": _assumed(result),
        "sources": _sections.sources(result),
        "published": published_part(result),
        "links": {n: csv_link(result.tables[n], n) for n in CARRIED
                  if n in result.tables},
    }  # fmt: skip


def _lead(ranked: list[dict[str, Any]], home: str, result: ResultFolder) -> str:
    if not ranked:
        return f"{home}: no mineral has the data for a score"
    critical = [r for r in ranked if r["class"] == "critical"]
    first = [r for r in ranked if r["rank"] == ranked[0]["rank"]]
    shown = first[:3] if len(first) > 3 else ranked[:3]
    names = ", ".join(fmt.item_name(r["mineral"]).lower() for r in shown)
    if len(first) > 3:
        names = f"{len(first)} tied: {names} and {len(first) - 3} more"
    least = result.figures["threshold"]
    return (
        f"{home}: {len(critical)} of {len(ranked)} ranked minerals are exposed at "
        f"{least:g} or more; first of all {names}"
    )


def _counted(ranking: list[dict[str, Any]]) -> str:
    """Say how the minerals of the table split, so that the headline adds up."""
    words = {"no_use": "not used here", "no_data": "without data",
             "group": "a group that is not ranked"}  # fmt: skip
    ranked = sum(1 for r in ranking if r["score"] is not None)
    parts = [f"{ranked} ranked"]
    for name, text in words.items():
        count = sum(1 for r in ranking if r["score"] is None and r["class"] == name)
        if count:
            parts.append(f"{count} {text}")
    return f"{len(ranking)} minerals: {', '.join(parts)}"


def _standing(result: ResultFolder) -> str:
    """Count the cells of home's reliance by status, and why some are partial."""
    counts: dict[str, int] = defaultdict(int)
    why: dict[str, int] = defaultdict(int)
    for row in result.rows("cells", "indicator", "status", "inputs"):
        if row["indicator"] not in RELIANCE:
            continue
        counts[row["status"]] += 1
        text = str(row["inputs"] or "")
        for word, reason in REASONS.items():
            why[reason] += row["status"] == "partial" and word in text
    reasons = "; ".join(f"{k} in {n}" for k, n in why.items() if n)
    known = counts["ok"] + counts["partial"]
    return (
        f"{counts['partial']} of {known} figures on the reliance and cover of home are "
        f"partial ({reasons or 'parts of the way back are not known'}); "
        f"{counts['ok']} stand on rows that are read, secondary or computed"
    )


def _heat(result: ResultFolder, ranking: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a mineral: the most exposed item of each stage."""
    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in result.rows("scores", "mineral", "item", "stage", "score"):
        cells[row["mineral"], row["stage"]].append(row)
    abroad = _stage_reliance(result)
    least = float(result.figures["threshold"])
    rows = []
    for row in ranking:
        line = []
        for stage in STAGES:
            found = cells.get((row["mineral"], stage), [])
            known = [r for r in found if r["score"] is not None]
            if not found and (row["mineral"], stage) in abroad:
                share = fmt.share(abroad[row["mineral"], stage])
                line.append(
                    {
                        "text": f"{share} abroad",
                        "tone": "via",
                        "link": f"mineral-{slug(row['mineral'])}",
                        "title": "within items of other minerals",
                        "item": "",
                    }
                )
                continue
            if not found:
                line.append(
                    {"text": "", "tone": "none", "link": "", "title": "", "item": ""}
                )
                continue
            best = max(known, key=lambda r: r["score"], default=found[0])
            score = best["score"]
            line.append(
                {
                    "text": _score_word(best, least),
                    # Where a stage has several items, say whose score this is.
                    "item": fmt.item_name(best["item"]) if len(found) > 1 else "",
                    "tone": "nd" if score is None else f"h{min(4, int(score * 5))}",
                    "link": f"item-{slug(best['item'])}",
                    "title": fmt.item_name(best["item"]),
                }
            )
        rows.append(
            {
                "modelled": row["class"] not in NOT_RANKED
                and any(cell["tone"] != "none" for cell in line),
                "word": NOT_RANKED.get(row["class"], fmt.NO_DATA),
                "mineral": fmt.item_name(row["mineral"]),
                "id": slug(row["mineral"]),
                "cells": line,
            }
        )
    return rows


def _score_word(row: dict[str, Any], threshold: float) -> str:
    if row["score"] is None:
        return "no use" if row["status"] == "no_use" else fmt.NO_DATA
    return score_text(row["score"], threshold)


def _stage_reliance(result: ResultFolder) -> dict[tuple[str, str], float]:
    """Return the foreign part of each stage as a whole behind home's final uses."""
    home = frozenset(result.figures.get("home_countries") or ())
    found: dict[tuple[str, str], float] = {}
    for row in result.rows("origins", "mineral", "use", "stage", "item", "country"):
        if row["use"] == ALL_USES and row["item"] is None:
            key = (row["mineral"], row["stage"])
            found.setdefault(key, 0.0)
            if row["country"] not in home:
                found[key] += row["share"]
    return found


def _unmodelled(
    result: ResultFolder, ranking: list[dict[str, Any]]
) -> list[dict[str, str]]:
    reasons = {r["mineral"]: r for r in result.rows("minerals", "mineral", "reason")}
    return [
        {
            "mineral": fmt.item_name(row["mineral"]),
            "lists": str(reasons.get(row["mineral"], {}).get("lists") or ""),
            "word": {"group": "not ranked", "no_use": "not ranked"}.get(
                row["class"], fmt.NO_DATA
            ),
            "reason": str(
                row.get("reason")
                or reasons.get(row["mineral"], {}).get("reason")
                or "the figures for a score are missing"
            ),
        }
        for row in ranking
        if row["score"] is None
    ]


def _minerals(
    result: ResultFolder, ranking: list[dict[str, Any]], home: str
) -> list[dict[str, Any]]:
    grouped: dict[str, Mapping[str, list[dict[str, Any]]]] = {
        name: _by_mineral(result.rows(name, "mineral"))
        for name in ("chain", "origins", "measures", "points", "cells", "evidence")
    }
    codes = frozenset(result.figures.get("home_countries") or ()) | {home}
    found = []
    least = float(result.figures["threshold"])
    for row in ranking:
        name = row["mineral"]
        if not grouped["cells"].get(name):
            continue
        score = row["score"]
        found.append(
            {
                "id": slug(name),
                "title": fmt.item_name(name),
                "score": None if score is None else score_text(score, least),
                "word": "not used here" if row["class"] == "no_use"
                else "no data for a score",
                "rank": row["rank"],
                "drawing": _drawing(name, grouped["chain"].get(name, []), codes),
                "origins": _origins(grouped["origins"].get(name, [])),
                "measures": make_table(
                    f"{fmt.item_name(name)}: measures on home",
                    measure_rows(
                        [{**r, "item": fmt.item_name(r["item"])}
                         for r in grouped["measures"].get(name, [])]
                    ),
                    MEASURE_COLUMNS,
                ),
                "points": [_point_text(p) for p in grouped["points"].get(name, [])],
                "items": _items(
                    grouped["cells"][name], grouped["evidence"].get(name, [])
                ),
            }
        )  # fmt: skip
    return found


POINT_WORDS = {
    "country": "the world's use left",
    "owner": "the world's use left without its owners",
    "plant": "the world's use left without the plant",
    "home_origin": "home's use left without it as origin",
}


def _point_text(row: dict[str, Any]) -> str:
    write = fmt.item_name if row["level"] == "plant" else fmt.country_name
    left = fmt.share(row["cover_without"])
    whose = POINT_WORDS[row["level"]]
    item = fmt.item_name(row["item"])
    return f"{write(row['supplier'])} ({item}, {left} of {whose})"


def _by_mineral(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["mineral"]].append(row)
    return found


def _drawing(
    name: str, rows: list[dict[str, Any]], home: frozenset[str]
) -> dict[str, Any]:
    """Draw home's own chain; stages that little of it passed are left out."""
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        if row["kind"] == "output":
            sums[row["stage"]] += row["t"]
    drawn = {s for s, t in sums.items() if t >= SIDE_STREAM * sums.get("use", 0.0)}
    kept = [r for r in rows if r["stage"] in drawn]
    if len(drawn) < 2:  # a chain has two ends
        return {}
    return chain_drawing(
        name, kept, frozenset(), home, what="where home's material comes from, by stage"
    )


def _origins(rows: list[dict[str, Any]]) -> Any:
    shown = [r for r in rows if r["use"] == ALL_USES and r["item"] is None]
    shown.sort(key=lambda r: (STAGES.index(r["stage"]), -r["share"], r["country"]))
    return make_table(
        "Countries behind home's final uses, by stage",
        [{**r, "status": str(r["status"]).replace("_", " ")} for r in shown],
        [
            Column("stage", "Stage"),
            Column("country", "Country", fmt.country_name),
            number_column("share", "Share", fmt.share),
            number_column("low", "Low", fmt.share),
            number_column("high", "High", fmt.share),
            number_column("mineral_t", "t of the mineral a year", fmt.number),
        ],
        most=60,
    )


def _items(
    cells: list[dict[str, Any]], evidence: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    by_item: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in cells:
        by_item[row["item"]][row["indicator"]] = row
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in evidence:
        rows[row["item"]].append(row)
    order = sorted(
        by_item,
        key=lambda i: (STAGES.index(next(iter(by_item[i].values()))["stage"]), i),
    )
    return [
        {
            "id": slug(item),
            "title": fmt.item_name(item),
            "stage": next(iter(by_item[item].values()))["stage"],
            "cells": [_cell(by_item[item][name]) for name in SHOWN
                      if name in by_item[item]],
            "rows": [
                {**r, "value": _value_text(r)} for r in rows[item]
            ],
        }
        for item in order
    ]  # fmt: skip


def _cell(row: dict[str, Any]) -> dict[str, Any]:
    name = row["indicator"]
    inputs = dict(
        part.partition("=")[::2] for part in str(row["inputs"] or "").split("; ")
    )
    inputs.pop("", None)
    word = next((inputs[w] for w in WORDS if inputs.get(w, "missing") != "missing"), "")
    known = definition(name)
    low, high = _written(name, row["low"]), _written(name, row["high"])
    return {
        "id": f"{slug(row['item'])}-{name}",
        "label": LABELS[name],
        "value": _written(name, row["value"]),
        "bounds": "" if low == high else f"{low} to {high}",
        "status": str(row["status"]).replace("_", " "),
        "word": fmt.country_name(word) if len(word) == 3 else word,
        "year": row["year"],
        "unit": row["unit"],
        "formula": known.formula if known else "",
        "formula_source": known.source if known else "",
        "inputs": [(k.replace("_", " "), _input_text(v)) for k, v in inputs.items()],
        "rows": row["rows"] or "",
        "evidence": row["evidence"] or "",
    }


def _written(name: str, value: float | None) -> str:
    if value is None:
        return fmt.NO_DATA
    if name in SHARES:
        return fmt.share(value)
    return fmt.number(value)


def _input_text(text: str) -> str:
    if text == "missing":
        return fmt.NO_DATA
    try:
        return fmt.number(float(text), digits=5)
    except ValueError:
        return text


def _value_text(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "" if row["key"] else fmt.NO_DATA
    return f"{_input_text(str(row['value']))} {row['unit'] or ''}".strip()


def _assumed(result: ResultFolder) -> dict[str, int]:
    counts: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for row in result.rows("evidence", "table", "key", "evidence"):
        if (row["table"], row["key"]) not in seen:
            seen.add((row["table"], row["key"]))
            counts[row["evidence"]] = counts.get(row["evidence"], 0) + 1
    return dict(sorted(counts.items()))
