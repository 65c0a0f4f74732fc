# SPDX-License-Identifier: Apache-2.0
"""One score per mineral by a stated rule, and how firm its class is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._uses import NO_USE
from oreserve.indicators import (
    Setting,
    Threshold,
    rescale,
    sensitivity,
    sensitivity_summary,
    threshold_grid,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._uses import Uses
    from oreserve.indicators import Cell

__all__ = [
    "PARTS",
    "WEIGHTS",
    "Ranking",
    "check_weights",
    "rank",
    "score_inputs",
    "score_text",
]

Floats = npt.NDArray[np.float64]
WEIGHTS: Mapping[str, float] = {
    "reliance": 1.0, "concentration": 1.0, "governance": 1.0, "cover": 1.0,
}  # fmt: skip
PARTS = ("concentration", "governance", "cover")
SOURCES = {
    "concentration": "hhi",
    "governance": "hhi_governance",
    "cover": "n_minus_1_cover_country",
    "reliance": "import_reliance_indirect",
}
# Where an element leaves a stage in several items, what holds for the element counts.
ELEMENT = {
    "concentration": "hhi_element",
    "governance": "hhi_governance_element",
    "cover": "n_minus_1_cover_element",
}
NEAR = 0.01  # of the threshold: three digits are shown
STEPS = (0.8, 0.9, 1.0, 1.1, 1.2)


@dataclass(frozen=True)
class Ranking:
    """Scores by mineral and by item, and the classes under other settings."""

    minerals: pl.DataFrame
    items: pl.DataFrame
    sensitivity: pl.DataFrame
    summary: pl.DataFrame


def check_weights(weights: Mapping[str, float] | None) -> dict[str, float]:
    """Return all four weights; unknown names and negative weights are refused."""
    given = dict(weights or {})
    for name, weight in given.items():
        if name not in WEIGHTS or not np.isfinite(weight) or weight < 0:
            message = (
                f"weights: {name}={weight}; allowed are {', '.join(sorted(WEIGHTS))} "
                "with numbers of at least 0"
            )
            raise InputError(message)
    whole = {**WEIGHTS, **given}
    if sum(whole[part] for part in PARTS) <= 0:
        message = f"weights: one of {', '.join(PARTS)} must be above 0"
        raise InputError(message)
    return whole


def rank(
    cells: Sequence[Cell],
    minerals: Sequence[str],
    *,
    weights: Mapping[str, float],
    threshold: float,
    uses: Uses | None = None,
) -> Ranking:
    """Rank minerals by the score of their most exposed item.

    score = r^w_r (w_c C + w_g G + w_k K) / (w_c + w_g + w_k), with r the indirect
    import reliance (direct where the trace knows nothing), C the HHI, G the
    governance-weighted HHI / 10 and K = 1 - min(1, N-1 cover); all three of the
    contained element where it leaves the stage in several items. A missing part counts
    0 in the low and 1 in the high bound, and the value is the mean of the others;
    without r, or with less than half of the weight, there is no data.

    With `uses` given, what home does not use has no score (status `no_use`), direct
    reliance alone scores no by-product feed and no item without a use at home, and an
    item in use without data takes the high bound of its mineral to 1.
    """
    parts = _parts(cells)
    if uses is not None:
        parts = {key: _as_used(key, part, uses) for key, part in parts.items()}
    items = sorted(parts)
    made = [_score_row(parts[i], weights) for i in items]
    frame = pl.DataFrame(
        [{"mineral": i[0], "item": i[1], "stage": parts[i]["stage"], **row}
         for i, row in zip(items, made, strict=True)],
        schema_overrides={"reliance_kind": pl.String, "status": pl.String,
                          **dict.fromkeys(_NUMBERS, pl.Float64)},
        infer_schema_length=None,
    )  # fmt: skip
    ranked = _by_mineral(frame, minerals, uses)
    varied = _variants(parts, items, minerals, weights)
    base = Setting("as stated", (Threshold("score", threshold),))
    settings = [
        *threshold_grid(base, steps=STEPS),
        *(
            Setting(name, (Threshold(name, threshold),))
            for name in varied
            if name != "score"
        ),
    ]
    if np.unique(varied["score"][~np.isnan(varied["score"])]).size > 2:
        # Among one or two minerals the largest and smallest say nothing.
        name = "rescaled to the largest and smallest"
        settings.append(Setting(name, base.thresholds, {"score": rescale}))
    table = sensitivity(list(minerals), varied, settings=settings)
    summary = sensitivity_summary(table)
    classes = table.filter(pl.col("setting") == "as stated").select("mineral", "class")
    ranked = ranked.join(classes, on="mineral", how="left", maintain_order="left")
    ranked = ranked.join(
        summary.select("mineral", "critical_share", "changes"),
        on="mineral", how="left", maintain_order="left",
    )  # fmt: skip
    return Ranking(ranked, frame, table, summary)


_NUMBERS = (
    "score", "low", "high", "reliance", "concentration", "governance", "cover",
)  # fmt: skip


def _parts(cells: Sequence[Cell]) -> dict[tuple[str, str], dict[str, Any]]:
    """Collect each item's parts as (value, low, high) on 0-1, higher is worse."""
    wanted = {v: k for k, v in SOURCES.items()} | {"net_import_reliance": "direct"}
    wanted |= {v: k for k, v in ELEMENT.items()}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    # Cells of the element come last and replace those of the item.
    for cell in sorted(cells, key=lambda c: c.indicator in ELEMENT.values()):
        name = wanted.get(cell.indicator)
        if name is None:
            continue
        key = (cell.keys["mineral"], cell.keys["item"])
        place = found.setdefault(key, {"stage": cell.stage})
        if cell.value is None or cell.low is None or cell.high is None:
            continue
        ends = (cell.value, cell.low, cell.high)
        if name == "governance":
            ends = (ends[0] / 10.0, ends[1] / 10.0, ends[2] / 10.0)
        if name == "cover":
            ends = (1.0 - ends[0], 1.0 - ends[2], 1.0 - ends[1])
        place[name] = tuple(min(1.0, max(0.0, end)) for end in ends)
        place["partial"] = place.get("partial", False) or cell.status == "partial"
    return found


def _as_used(key: tuple[str, str], parts: dict[str, Any], uses: Uses) -> dict[str, Any]:
    """Mark what must not carry a score: no use, or direct reliance on a feed."""
    mineral, item = key
    direct_only = "reliance" not in parts
    if mineral in uses.absent or (direct_only and item not in uses.used):
        return {**parts, "unused": True}
    if direct_only and item in uses.feeds:
        return {k: v for k, v in parts.items() if k != "direct"}
    return parts


def _score_row(parts: dict[str, Any], weights: Mapping[str, float]) -> dict[str, Any]:
    reliance = parts.get("reliance") or parts.get("direct")
    kind = "indirect" if "reliance" in parts else "direct" if reliance else None
    known = [p for p in PARTS if p in parts and weights[p] > 0]
    whole = sum(weights[p] for p in PARTS)
    held = sum(weights[p] for p in known)
    row: dict[str, Any] = {
        "score": None, "low": None, "high": None, "status": "no_data",
        "reliance": reliance[0] if reliance else None, "reliance_kind": kind,
        **{p: parts[p][0] if p in parts else None for p in PARTS},
    }  # fmt: skip
    if parts.get("unused"):
        row["status"] = NO_USE
        return row
    if reliance is None or held < 0.5 * whole:
        return row
    power = weights["reliance"]
    mean, low, high = (sum(weights[p] * parts[p][end] for p in known)
                       for end in range(3))  # fmt: skip
    row["score"] = reliance[0] ** power * mean / held
    row["low"] = reliance[1] ** power * low / whole
    row["high"] = reliance[2] ** power * (high + whole - held) / whole
    is_partial = parts.get("partial") or held < whole or kind == "direct"
    row["status"] = "partial" if is_partial else "ok"
    return row


def score_text(score: float, threshold: float) -> str:
    """Write a score with two digits, with three within 0.01 of the threshold.

    Examples
    --------
    >>> score_text(0.39989, 0.4), score_text(0.5, 0.4)
    ('0.3999', '0.50')
    """
    if abs(score - threshold) > NEAR:
        return f"{score:.2f}"
    text = f"{score:.3f}"
    # Rounding must not lift a score onto the threshold that it misses.
    if (float(text) >= threshold) != (score >= threshold):
        return f"{score:.4f}"
    return text


def score_inputs(
    row: Mapping[str, Any], weights: Mapping[str, float] | None
) -> dict[str, str]:
    """Return what a row of `ranking` or `scores` made its score of, and it again.

    Returns
    -------
    dict
        r, C, G, K (0-1; `no data` where a part is missing), the weights and
        `recomputed`, the score from these figures alone.
    """
    whole = {**WEIGHTS, **(weights or {})}
    names = dict(zip("CGK", PARTS, strict=True))
    letters = {"r": row.get("reliance"), **{k: row.get(v) for k, v in names.items()}}
    found = {k: "no data" if v is None else f"{v:.10g}" for k, v in letters.items()}
    found |= {"w_r": f"{whole['reliance']:g}"}
    found |= {f"w_{k.lower()}": f"{whole[v]:g}" for k, v in names.items()}
    known = [v for v in PARTS if row.get(v) is not None and whole[v] > 0]
    held = sum(whole[v] for v in known)
    if row.get("score") is None or letters["r"] is None or not held:
        return found
    mean = sum(whole[v] * float(row[v]) for v in known) / held
    score = float(letters["r"]) ** whole["reliance"] * mean
    return {**found, "recomputed": f"{score:.10g}"}


def _by_mineral(
    frame: pl.DataFrame, minerals: Sequence[str], uses: Uses | None
) -> pl.DataFrame:
    """Return one row per mineral: its most exposed item, best bounds of all."""
    used = sorted(uses.used - uses.feeds) if uses is not None else []
    lacking = (pl.col("status") == "no_data") & pl.col("item").is_in(used)
    best = (
        frame.sort("score", "item", descending=[True, False], nulls_last=True)
        .group_by("mineral", maintain_order=True)
        .agg(
            pl.exclude("low", "high").first(),
            pl.col("low").max(),
            pl.col("high").max(),
            without=(pl.col("status") == "no_data").sum(),
            blind=lacking.any(),
            items=pl.len(),
        )
    )
    whole = pl.DataFrame({"mineral": list(minerals)}, schema={"mineral": pl.String})
    joined = whole.join(best, on="mineral", how="left", maintain_order="left")
    # An item without data might be the most exposed one: in use, up to 1.
    missing = (pl.col("without") > 0) & pl.col("score").is_not_null()
    joined = joined.with_columns(
        status=pl.when(missing)
        .then(pl.lit("partial"))
        .otherwise(pl.col("status").fill_null("no_data")),
        high=pl.when(pl.col("blind") & pl.col("score").is_not_null())
        .then(pl.lit(1.0))
        .otherwise(pl.col("high")),
    )
    order = joined.sort("score", "mineral", descending=[True, False], nulls_last=True)
    # Equal scores share a rank; their order is only the alphabet's.
    rank_ = pl.col("score").round(9).rank("min", descending=True).cast(pl.Int64)
    return order.select(
        rank_.alias("rank"), "mineral", "score", "low", "high", "status", "item",
        "stage", "reliance", "reliance_kind", *PARTS,
        pl.col("without").fill_null(0).alias("items_without_data"),
        pl.col("items").fill_null(0),
    )  # fmt: skip


def _variants(
    parts: Mapping[tuple[str, str], dict[str, Any]],
    items: Sequence[tuple[str, str]],
    minerals: Sequence[str],
    weights: Mapping[str, float],
) -> dict[str, Floats]:
    """Return scores by mineral: as stated, each part left out, direct reliance."""
    place = {mineral: n for n, mineral in enumerate(minerals)}
    cases: dict[str, Mapping[str, float]] = {"score": weights}
    for part in PARTS:
        if sum(weights[p] for p in PARTS if p != part) > 0:
            cases[f"without {part}"] = {**weights, part: 0.0}
    found = {name: np.full(len(minerals), np.nan) for name in cases}
    found["direct reliance"] = np.full(len(minerals), np.nan)
    for key in items:
        n = place.get(key[0])
        if n is None:
            continue
        rows = {name: _score_row(parts[key], case) for name, case in cases.items()}
        direct = {k: v for k, v in parts[key].items() if k != "reliance"}
        rows["direct reliance"] = _score_row(direct, weights)
        for name, row in rows.items():
            if row["score"] is not None:
                found[name][n] = np.fmax(found[name][n], row["score"])
    return found
