# SPDX-License-Identifier: Apache-2.0
"""Fit gathered figures to the tables of a study; the rest become observations."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from oreserve.importers._commodities import item_of
from oreserve.importers._files import refuse
from oreserve.importers._model import Imported
from oreserve.importers._plants import as_published, plant_rows
from oreserve.importers._sources import source_frame
from oreserve.importers._split import split_lanes
from oreserve.importers._values import Figure
from oreserve.tables import country_names, dtype_of, spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from oreserve.importers._gather import Fact, Gathered
    from oreserve.importers._model import Options
    from oreserve.importers._sources import Source
    from oreserve.study import Study

__all__ = ["base_year", "country_rows", "imported", "table_frame"]

EXCESS = 1.1  # country sums of one table stay within 6 % of the printed total
FEWEST = 5  # one small country alone says nothing about the unit
NEAR_YEARS = 15  # older output may differ that much in earnest
UNIT_SLIP = 100.0  # a thousandfold slip is found, growth between editions is not


def base_year(options: Options) -> int | None:
    """Return the year for tables without a date."""
    if options.year is not None:
        return options.year
    return None if options.study is None else options.study.settings.base_year


def other_year(
    options: Options, table: str, gathered: Gathered, facts: list[Fact] | None = None
) -> bool:
    """Tell, and list, that the year asked for is not the base year of the study.

    Base-year rows hold figures of one year; another year enters them only by
    ``--as-base-year``.
    """
    if options.study is None or options.year is None or options.as_base_year:
        return False
    base = options.study.settings.base_year
    if options.year == base:
        return False
    ours = [f for f in facts or () if f.date == str(options.year)]
    made = [f for f in ours if f.statistic == "production" and f.unit == "t"]
    gathered.leave_out(
        "year",
        str(options.year),
        f"the study counts {base}: nothing was written to {table}; --as-base-year "
        f"puts figures of {options.year} in their place",
        file=facts[0].file if facts else "--year",
        close=str(base),
        rows=max(1, len(made)),
    )
    return True


def table_frame(table: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame of a study table, sorted by key."""
    import polars as pl

    listed = list(rows)
    columns = {c.name: dtype_of(c) for c in spec(table).columns if not c.is_pattern}
    extra = sorted({n for row in listed for n in row} - set(columns))
    schema = columns | {name: pl.Float64() for name in extra}
    # Dates are written as text: YYYY-MM-DD.
    schema = {n: pl.String() if t == pl.Date else t for n, t in schema.items()}
    frame = pl.DataFrame(listed, schema=schema, orient="row")
    keep = [n for n in frame.columns if frame[n].null_count() < frame.height]
    return frame.select(keep or frame.columns).sort(list(spec(table).key))


def country_rows(
    codes: Iterable[str], study: Study | None, source_id: str
) -> list[dict[str, Any]]:
    """Return rows for countries that the study does not have yet."""
    known = set() if study is None else set(study.table("countries")["country"])
    names = country_names()
    return [
        {
            "country": code,
            "name": names.get(code, code),
            "source_id": source_id,
            "evidence": "read",
        }
        for code in sorted(set(codes) - known)
    ]


def imported(
    gathered: Gathered,
    options: Options,
    sources: Iterable[Source],
    *,
    years_column: str = "year",
    to_plants: bool = True,
) -> Imported:
    """Check the facts against each other and fit them to tables."""
    facts = _checked(gathered, options.study)
    year = base_year(options)
    _refuse_missing_year(facts, options, years_column)
    plants: list[dict[str, Any]] = []
    used: set[int] = set()
    sources = list(sources)
    if to_plants and options.study is not None and year is not None:
        if not other_year(options, "plants", gathered, facts):
            plants, used = plant_rows(facts, options, year, gathered, sources[0])
        if not any(f.date == str(year) for f in facts if f.statistic == "production"):
            _say_no_year(facts, year, gathered)
    rest = [f for f in facts if id(f) not in used]
    tables: dict[str, pl.DataFrame] = {}
    if plants:
        tables["plants"] = table_frame("plants", plants)
        assert options.study is not None
        lanes = split_lanes(plants, options.study, gathered)
        if lanes:
            tables["lanes"] = table_frame("lanes", lanes)
        places = country_rows(
            (p["country"] for p in plants), options.study, gathered.source_id
        )
        if places:
            tables["countries"] = table_frame("countries", places)
    observations = _observations(rest, gathered)
    if observations:
        tables["observations"] = table_frame("observations", observations)
    return Imported(
        tables=tables,
        flags=gathered.flag_frame(),
        unmapped=gathered.unmapped_frame(),
        sources=source_frame(*sources),
        rows_read=gathered.rows_read,
    )


def _refuse_missing_year(
    facts: list[Fact], options: Options, years_column: str
) -> None:
    output = [f for f in facts if f.statistic == "production"]
    dates = sorted({f.date[:4] for f in output or facts})
    if options.year is None or not dates or str(options.year) in dates:
        return
    refuse(
        f"the file has no figures of {options.year}",
        file=facts[0].file,
        row=1,
        column=years_column,
        allowed=f"--year {', '.join(dates[-8:])}",
    )


def _say_no_year(facts: list[Fact], year: int, gathered: Gathered) -> None:
    output = [f for f in facts if f.statistic == "production"]
    if output:
        latest = max(f.date[:4] for f in output)
        gathered.leave_out(
            "year",
            str(year),
            f"no production of that year: everything became observations; --year "
            f"{latest} is the latest",
            file=output[0].file,
            close=latest,
        )


def _checked(gathered: Gathered, study: Study | None) -> list[Fact]:
    """Hold out series that cannot be right; keep the others in order."""
    groups: dict[tuple[str, str, str, str], list[Fact]] = defaultdict(list)
    for fact in gathered.facts:
        detail = fact.detail if fact.statistic != "production" else _stem(fact.detail)
        groups[fact.statistic, fact.commodity, detail, fact.date].append(fact)
    kept: list[Fact] = []
    for group in groups.values():
        reason = _above_world(group) or _unit_slip(group, study)
        if reason is None:
            kept.extend(group)
            continue
        worst = _largest(group)
        for i, fact in enumerate(gathered.facts):
            if any(fact is one for one in group):
                suspect = Figure(None, "suspect", fact.figure.low, fact.figure.high)
                gathered.facts[i] = _with_figure(fact, suspect)
        gathered.leave_out(
            "series",
            f"{worst.commodity} {worst.detail} {worst.date}".strip(),
            reason,
            file=worst.file,
            row=worst.row,
            column=worst.column,
            tonnes=sum(
                f.figure.value or 0.0
                for f in group
                if f.unit == "t" and f.where.kind != "world"
            ),
            rows=len(group),
        )
    return kept


def _with_figure(fact: Fact, figure: Figure) -> Fact:
    from dataclasses import replace

    return replace(fact, figure=figure)


def _stem(detail: str) -> str:
    """Return a detail without the words that only the row of the total carries."""
    plain = detail.lower().replace(", rounded", "").replace(": rounded", "")
    return plain.replace("(rounded)", "").strip()


def _largest(group: list[Fact]) -> Fact:
    own = [f for f in group if f.where.kind != "world"] or group
    return max(own, key=lambda f: (f.figure.value or 0.0, -f.row))


def _above_world(group: list[Fact]) -> str | None:
    """Say why countries cannot add up to more than the printed world total."""
    if group[0].statistic not in {"production", "capacity"}:
        return None
    totals = [f.figure.value for f in group if f.where.kind == "world"]
    values = [f for f in group if f.where.kind != "world" and f.figure.value]
    if len(totals) != 1 or not totals[0]:
        return None
    total = totals[0]
    added = math.fsum(f.figure.value or 0.0 for f in values)
    if added <= EXCESS * total:
        return None
    text = f"countries add up to {added:,.6g} against a world total of {total:,.6g}"
    for fact in sorted(values, key=lambda f: -(f.figure.value or 0.0)):
        printed = fact.published.replace(",", "")
        for cut in (printed[1:], printed[2:]):
            if not cut.isdigit() or not fact.figure.value or not printed.isdigit():
                continue
            less = fact.figure.value * (1 - int(cut) / int(printed))
            if abs(added - less - total) <= 0.06 * total:
                return (
                    f"{text}: a footnote digit may be fused to {fact.published} of "
                    f"{fact.place} ({int(cut):,} would fit)"
                )
    return text


def _unit_slip(group: list[Fact], study: Study | None) -> str | None:
    """Compare world output with the study: a thousandfold step is a unit error."""
    first = group[0]
    if first.statistic != "production" or study is None or first.good is None:
        return None
    if abs(int(first.date[:4]) - study.settings.base_year) > NEAR_YEARS:
        return None
    if len({f.where.code for f in group}) < FEWEST:
        return None
    match = item_of(study, first.good)
    if match.item is None:
        return None
    ours = _world_output(study).get(match.item, 0.0)
    theirs = math.fsum(
        f.figure.value or 0.0
        for f in group
        if f.where.kind != "world" and f.unit == "t"
    )
    if ours <= 0 or theirs <= 0 or 1 / UNIT_SLIP < theirs / ours < UNIT_SLIP:
        return None
    return (
        f"world output of {theirs:,.6g} t is {theirs / ours:,.3g} times that of the "
        f"study ({ours:,.6g} t): kilograms or kilotonnes under a wrong label?"
    )


def _world_output(study: Study) -> dict[str, float]:
    import polars as pl

    frame = (
        study.table("plants")
        .join(study.table("processes").select("process", "main_item"), on="process")
        .group_by("main_item")
        .agg(pl.col("base_activity_t_per_year").sum())
    )
    return {str(k): float(v) for k, v in frame.iter_rows() if k is not None}


def _observations(facts: list[Fact], gathered: Gathered) -> list[dict[str, Any]]:
    """Return rows of `observations`; two different figures for one key are refused."""
    found: dict[tuple[str, str], Fact] = {}
    clash: set[tuple[str, str]] = set()
    for fact in facts:
        date = {4: f"{fact.date}-01-01", 7: f"{fact.date}-01"}.get(
            len(fact.date), fact.date
        )
        key = (fact.series, date)
        other = found.setdefault(key, fact)
        if other is not fact and other.figure != fact.figure:
            clash.add(key)
            gathered.leave_out(
                "figure",
                fact.series,
                f"a second figure for one series and date (first: row {other.row})",
                file=fact.file,
                row=fact.row,
                column=fact.column,
                tonnes=fact.figure.value if fact.unit == "t" else None,
            )
    return [
        {
            "series": series,
            "date": date,
            "value": fact.figure.value,
            "source_id": fact.source_id,
            "evidence": "estimated" if fact.estimated else "read",
            "note": f"{fact.unit}; {as_published(fact)}".lstrip("; "),
        }
        for (series, date), fact in sorted(found.items())
    ]
