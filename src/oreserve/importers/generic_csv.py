# SPDX-License-Identifier: Apache-2.0
"""Any CSV with a map that says which column fills which cell of which table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.importers._commodities import basis_token
from oreserve.importers._countries import place
from oreserve.importers._files import Rows, head_cells, open_csv, refuse
from oreserve.importers._fit import base_year, country_rows, table_frame
from oreserve.importers._gather import Gathered
from oreserve.importers._model import Imported
from oreserve.importers._sources import Source, source_frame
from oreserve.importers._units import nearest_unit, published_unit
from oreserve.importers._values import figure
from oreserve.tables import TABLES, nearest, spec, units

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Options

__all__ = ["IMPORTER"]

PARTS = ("table", "columns", "constants", "values", "source", "delimiter", "skip",
         "year_column", "stage", "basis")  # fmt: skip


@dataclass(frozen=True)
class GenericCsv:
    """Rows for one table; units are stated in the map and converted once."""

    name: str = "csv"
    title: str = "any CSV, with --map map.yaml"

    def sniff(self, path: Path) -> bool:
        """Take any file with a header of at least two cells."""
        head = head_cells(path, lines=1)
        return bool(head) and len(head[0]) > 1

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read files by the map; every cell that cannot be read stops the import."""
        plan = _plan(options)
        source = Source(**{
            "licence": "not stated", "publisher": "not stated",
            **{k: str(v) for k, v in plan["source"].items()},
        })  # fmt: skip
        gathered = Gathered("csv", source.source_id, source.source_id)
        rows: list[dict[str, Any]] = []
        for path in paths:
            for table in open_csv(
                path,
                skip=int(plan.get("skip", 0)),
                delimiter=str(plan.get("delimiter", ",")),
            ):
                rows += _rows(table, plan, options, gathered)
        name = plan["table"]
        _refuse_mixed(rows, plan, options, paths[0])
        tables = {name: table_frame(name, rows)} if rows else {}
        places = _places(name, rows)
        new = country_rows(places, options.study, source.source_id)
        if new and name != "countries":
            tables["countries"] = table_frame("countries", new)
        return Imported(
            tables,
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
        )


def _plan(options: Options) -> dict[str, Any]:
    plan = dict(options.mapping)
    file = "--map"
    if not plan:
        refuse("a CSV needs a map", file=file, allowed="a YAML file with "
               + ", ".join(PARTS))  # fmt: skip
    for part in plan:
        if part not in PARTS:
            refuse(f"{part!r} is unknown", file=file, allowed=", ".join(PARTS),
                   close=nearest(part, PARTS))  # fmt: skip
    name = plan.get("table")
    if name not in TABLES or name in {"settings", "sources"}:
        refuse(f"table {name!r} cannot be filled", file=file, column="table",
               allowed=", ".join(TABLES), close=nearest(str(name), TABLES))  # fmt: skip
    columns = plan.get("columns")
    if not isinstance(columns, dict) or not columns:
        refuse("no columns are mapped", file=file, column="columns",
               allowed="target: column, or {column: ..., unit: ...}")  # fmt: skip
    table = spec(str(name))
    for target in [*columns, *(plan.get("constants") or {})]:
        if table.column(str(target)) is None:
            refuse(f"{name} has no column {target!r}", file=file, column="columns",
                   allowed=", ".join(table.names),
                   close=nearest(str(target), table.names))  # fmt: skip
    source = plan.get("source")
    if not isinstance(source, dict) or not {"source_id", "title"} <= set(source):
        refuse("the source is not stated", file=file, column="source",
               allowed="source_id and title; publisher, licence, url")  # fmt: skip
    known = {"source_id", "title", "publisher", "licence", "url", "note"}
    if set(source) - known:
        refuse(f"source has unknown parts {sorted(set(source) - known)}", file=file,
               column="source", allowed=", ".join(sorted(known)))  # fmt: skip
    return plan


def _rows(
    table: Rows, plan: dict[str, Any], options: Options, gathered: Gathered
) -> list[dict[str, Any]]:
    year, year_column = base_year(options), plan.get("year_column")
    given: dict[str, tuple[str, str | None]] = {}
    for target, what in plan["columns"].items():
        column = what.get("column") if isinstance(what, dict) else what
        given[target] = (
            str(column),
            what.get("unit") if isinstance(what, dict) else None,
        )
    needed = [c for c, _ in given.values()] + ([year_column] if year_column else [])
    for column in needed:
        if column not in table.header:
            cut = next((m for m in ";\t|" if m in "".join(table.header)), None)
            hint = f"; the map needs `delimiter: {cut!r}`" if cut else ""
            refuse(f"column {column!r} is missing{hint}", file=table.file,
                   row=table.header_row, column=column,
                   allowed=", ".join(table.header),
                   close=nearest(column, table.header))  # fmt: skip
    if year_column and not any(
        c[year_column][:4] == str(year) for _, c in table.named()
    ):
        refuse(f"the file has no figures of {year}", file=table.file, row=2,
               column=year_column, allowed="--year of the file")  # fmt: skip
    rows = []
    for row, cells in table.named():
        gathered.rows_read += 1
        if year_column and cells[year_column][:4] != str(year):
            continue
        one = _row(table.file, row, cells, given, plan, options, gathered)
        if one is not None:
            rows.append(one)
    return rows


def _row(
    file: str,
    row: int,
    cells: dict[str, str],
    given: dict[str, tuple[str, str | None]],
    plan: dict[str, Any],
    options: Options,
    gathered: Gathered,
) -> dict[str, Any] | None:
    table = spec(plan["table"])
    made: dict[str, Any] = {**(plan.get("constants") or {})}
    tonnes: float | None = None
    bad: tuple[str, str, str | None] | None = None
    flags = []
    for target, (column, unit) in given.items():
        kind = table.column(target)
        assert kind is not None
        text = cells[column]
        text = str((plan.get("values") or {}).get(target, {}).get(text, text))
        if kind.type in {"number", "integer"}:
            read = figure(text)
            if read.flag == "unreadable":
                refuse(f"{text!r} is no number", file=file, row=row, column=column,
                       allowed="a number, W, NA, a bound or a range")  # fmt: skip
            factor = _factor(unit, kind.unit, file, column)
            value = None if read.value is None else read.value * factor
            made[target] = (
                value if kind.type == "number" or value is None else int(value)
            )
            if kind.unit in {"t", "t/year"}:
                tonnes = value
            if read.flag not in {"reported", "zero"}:
                flags.append(f"{target} {read.flag} ({text or 'empty'})")
            continue
        reference = " ".join(kind.references)
        if "countries.country" in reference or target == "country":
            found = place(text)
            if not found.fits_study:
                bad = bad or ("country", text, found.nearest)
            made[target] = found.code
        elif reference and options.study is not None and text:
            known = _known(options, kind.references)
            text = _spelt(text, known)
            if text not in known and text not in kind.references:
                bad = bad or (target, text, nearest(text, known))
            made[target] = text or None
        else:
            made[target] = text or None
    if bad is not None:
        gathered.leave_out(
            bad[0], bad[1], "the study has no such name", file=file, row=row,
            column=given[bad[0]][0] if bad[0] in given else "", close=bad[2],
            tonnes=tonnes,
        )  # fmt: skip
        return None
    missing = [c.name for c in table.columns
               if c.required and c.name not in {"source_id", "evidence"}
               and made.get(c.name) is None]  # fmt: skip
    if missing:
        gathered.leave_out(
            "row", ", ".join(str(v) for v in cells.values())[:80],
            f"no {missing[0]}" + (f": {'; '.join(flags)}" if flags else ""),
            file=file, row=row, column=given.get(missing[0], ("",))[0], tonnes=tonnes,
        )  # fmt: skip
        return None
    made.setdefault("evidence", "read")
    made["source_id"] = gathered.source_id
    if flags and "note" not in made:
        made["note"] = "; ".join(flags)
    return made


def _factor(unit: str | None, canonical: str, file: str, column: str) -> float:
    """Return the factor to the canonical unit; a number with a unit must state it."""
    if not unit and canonical in {"", "score", "share/year", "year", "degree"}:
        return 1.0
    if not unit:
        refuse("the map states no unit", file="--map", column=column,
               allowed=_same(canonical))  # fmt: skip
    bare = canonical.removesuffix("/year")
    known = units().get(str(unit)) or published_unit(str(unit))
    if known is None or known[0] not in {canonical, bare}:
        refuse(f"unit {unit!r} cannot become {canonical}", file=f"{file}, --map",
               column=column, allowed=_same(canonical),
               close=nearest_unit(str(unit)) if known is None else None)  # fmt: skip
    return known[1]


def _same(canonical: str) -> str:
    bare = canonical.removesuffix("/year")
    return ", ".join(u for u, (to, _) in units().items() if to in {canonical, bare})


def _known(options: Options, references: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    assert options.study is not None
    for reference in references:
        table, dot, column = reference.partition(".")
        if dot:
            found |= {str(v) for v in options.study.table(table)[column].drop_nulls()}
    return found


def _spelt(text: str, known: set[str]) -> str:
    """Return a name as the study spells it, where only capitals and blanks differ."""
    if text in known:
        return text
    plain = "_".join(text.casefold().split())
    same = [name for name in known if name.casefold() == plain]
    return same[0] if len(same) == 1 else text


def _places(name: str, rows: list[dict[str, Any]]) -> set[str]:
    columns = [
        c.name
        for c in spec(name).columns
        if "countries.country" in c.references and c.required
    ]
    return {str(r[c]) for r in rows for c in columns if r.get(c)}


def _refuse_mixed(
    rows: list[dict[str, Any]], plan: dict[str, Any], options: Options, path: Path
) -> None:
    """Refuse items of another stage or basis than the map says the file is on."""
    stage, basis = plan.get("stage"), plan.get("basis")
    if options.study is None or (stage is None and basis is None):
        return
    items = {r["item"]: r for r in options.study.table("items").iter_rows(named=True)}
    for name in sorted({str(r["item"]) for r in rows if r.get("item")}):
        item = items.get(name)
        if item is None:
            continue
        if stage is not None and item["stage"] != stage:
            refuse(f"{name} is counted at stage {item['stage']}, the file at {stage}",
                   file=path, column="stage", allowed=str(item["stage"]))  # fmt: skip
        if basis is not None and basis_token(str(basis)) != basis_token(
            item["basis"] or ""
        ):
            refuse(f"{name} is counted on basis {item['basis']}, the file on {basis}",
                   file=path, column="basis",
                   allowed=f"{item['basis']}, by a content share")  # fmt: skip


IMPORTER = GenericCsv()
