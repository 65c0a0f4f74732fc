# SPDX-License-Identifier: Apache-2.0
"""From a number back to its formula, inputs, rows and sources."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._rows import split_rows
from oreserve.tables import TABLES, nearest, spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.indicators import Definition
    from oreserve.study import Study

__all__ = [
    "Explanation",
    "SourceRow",
    "definition",
    "evidence_counts",
    "evidence_frame",
    "explain",
]

HEADS = ("assess.json", "plan.json", "outcome.json")
FORMS = (
    "DIR/FILE.csv:ROW[:COLUMN] (row 1 is the first below the heading), such as "
    "out/us/cells.csv:12, or STUDY:TABLE:KEY, such as us-2026:plants:mountain_pass"
)
# Columns of result tables that name rows of the study.
NAMES = {
    "plant": ("plants", "plant"), "demand": ("demands", "demand"),
    "stock": ("stocks", "stock"), "measure": ("measures", "measure"),
    "project": ("projects", "project"), "agreement": ("agreements", "agreement"),
    "item": ("items", "item"), "effect": ("measures", "measure"),
}  # fmt: skip


@dataclass(frozen=True)
class SourceRow:
    """A row of the study behind a number, with its evidence and source."""

    table: str
    key: str
    values: Mapping[str, Any]
    evidence: str | None
    source_id: str | None
    title: str | None = None
    publisher: str | None = None
    url: str | None = None
    date: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Explanation:
    """The chain from a number to its sources.

    `value` is the number asked for, or None where a whole row was named; `row` the
    row of the result; `inputs` what the formula took; `left_out` how many further
    rows of the study the result does not name.
    """

    place: str
    name: str
    value: Any
    row: Mapping[str, Any]
    definition: Definition | None
    inputs: Mapping[str, str]
    rows: tuple[SourceRow, ...]
    warnings: tuple[str, ...] = field(default=())
    left_out: int = 0

    def figures(self) -> dict[str, Any]:
        """Return the explanation as one JSON document."""
        formula = self.definition
        return {
            "place": self.place,
            "name": self.name,
            "value": self.value,
            "row": dict(self.row),
            "formula": formula.formula if formula else None,
            "unit": formula.unit if formula else None,
            "formula_source": formula.source if formula else None,
            "inputs": dict(self.inputs),
            "rows": [vars(row) for row in self.rows],
            "rows_left_out": self.left_out,
            "warnings": list(self.warnings),
        }


def explain(value: str) -> Explanation:
    """Explain a value of a result folder or a row of a study.

    Parameters
    ----------
    value
        `DIR/FILE.csv:ROW[:COLUMN]` of a folder that assess, simulate or plan wrote,
        or `STUDY:TABLE:KEY`; the parts of a key are joined by `/`.

    Raises
    ------
    InputError
        If there is no such file, row, column, table or key.

    Examples
    --------
    >>> found = explain("tiny:plants:usa_mine")
    >>> found.rows[0].evidence, found.rows[0].source_id
    ('assumed', 'invented')
    """
    match = re.fullmatch(r"(.+\.csv):(\d+)(?::(\w+))?", value.strip())
    if match:
        return _of_result(Path(match[1]), int(match[2]), match[3])
    parts = value.strip().split(":", 2)
    if len(parts) == 3 and ".csv" not in value:
        return _of_study(*parts)
    message = f"{value!r} names no value; write {FORMS}"
    raise InputError(message)


@cache
def _own_definitions() -> tuple[Definition, ...]:
    from oreserve.indicators import Definition

    rows: list[dict[str, str]] = []
    for name in ("definitions.csv", "results.csv"):
        path = resources.files("oreserve.exposure") / name
        rows += csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return tuple(
        Definition(
            name=row["name"],
            unit=row["unit"],
            low=float(row["low"]) if row["low"] else None,
            high=float(row["high"]) if row["high"] else None,
            higher_is=row["higher_is"],
            formula=row["formula"],
            source=row["source"],
        )
        for row in rows
    )


def definition(name: str) -> Definition | None:
    """Return the definition of an indicator or result column.

    `n_minus_1_cover_country` is found under `n_minus_1_cover`.

    Examples
    --------
    >>> definition("n_minus_1_cover_home").formula
    '(sum of supply - largest supplier) / demand'
    """
    from oreserve.indicators import definitions

    known = {d.name: d for d in (*definitions(), *_own_definitions())}
    while name:
        if name in known:
            return known[name]
        name, _, _ = name.rpartition("_")
    return None


def _of_study(study_name: str, table: str, key: str) -> Explanation:
    from oreserve.study import load_study

    study = load_study(study_name)
    if table not in TABLES:
        guess = nearest(table, TABLES)
        hint = f"; did you mean {guess}?" if guess else ""
        message = f"there is no table {table!r}; allowed are {', '.join(TABLES)}{hint}"
        raise InputError(message)
    rows = _Lookup(study).find(table, key)
    if not rows:
        keys = _Lookup(study).keys(table)
        guess = nearest(key, keys)
        hint = f"; did you mean {guess}?" if guess else ""
        form = "/".join(spec(table).key)
        message = (
            f"study {study.name} has no row {key!r} in {table}; its keys are written "
            f"{form}{hint}"
        )
        raise InputError(message)
    return Explanation(
        place=f"{study_name}:{table}:{key}",
        name=f"{table}/{key}",
        value=None,
        row=rows[0].values,
        definition=None,
        inputs={},
        rows=tuple(rows),
    )


def _of_result(file: Path, number: int, column: str | None) -> Explanation:
    if not file.is_file():
        near = nearest(file.stem, sorted(f.stem for f in file.parent.glob("*.csv")))
        hint = f"; did you mean {file.with_name(near + '.csv')}?" if near else ""
        message = f"{file} does not exist{hint}"
        raise InputError(message)
    try:
        frame = pl.read_csv(file, infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        message = f"{file} cannot be read as a table ({first})"
        raise InputError(message) from error
    if not 1 <= number <= frame.height:
        message = f"{file} has rows 1 to {frame.height}; {number} is none of them"
        raise InputError(message)
    if column is not None and column not in frame.columns:
        guess = nearest(column, frame.columns)
        hint = f"; did you mean {guess}?" if guess else ""
        message = (
            f"{file} has no column {column!r}; allowed are "
            f"{', '.join(frame.columns)}{hint}"
        )
        raise InputError(message)
    row = frame.row(number - 1, named=True)
    study, warnings = _study_of(file.parent)
    name = _name_of(file.stem, row, column)
    rows, left_out = _rows_behind(file, row, study)
    return Explanation(
        place=f"{file}:{number}" + (f":{column}" if column else ""),
        name=name,
        value=row[column] if column else row.get("value"),
        row=row,
        definition=definition(name),
        inputs=_read_inputs(row),
        rows=tuple(rows),
        warnings=tuple(warnings),
        left_out=left_out,
    )


def _study_of(folder: Path) -> tuple[Study | None, list[str]]:
    """Load the study that a result names; say so where it is another by now."""
    from oreserve.study import load_study

    head = next((folder / h for h in HEADS if (folder / h).is_file()), None)
    if head is None:
        message = (
            f"{folder} holds none of {', '.join(HEADS)}; give a table of a folder "
            "that assess, plan or simulate wrote"
        )
        raise InputError(message)
    try:
        figures = json.loads(head.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{head} is not whole JSON ({error}); run the command again"
        raise InputError(message) from error
    name = str(figures.get("study_folder") or figures.get("study"))
    try:
        study = load_study(name)
        hashes = {study.hash}
        if figures.get("home") and figures["home"] != study.settings.home:
            hashes.add(study.with_settings(home=figures["home"]).hash)
    except InputError:
        return None, [f"study {name} is not here: its rows and sources stay unread"]
    if figures.get("study_hash") not in hashes:
        return study, [f"study {name} has changed since the result was made"]
    return study, []


def _name_of(table: str, row: Mapping[str, Any], column: str | None) -> str:
    special = {"shares": "supply_share", "origins": "origin_share",
               "ranking": "exposure_score", "scores": "exposure_score",
               "points": "single_points_of_failure"}  # fmt: skip
    if row.get("indicator"):
        return str(row["indicator"])
    if column is None or column in {"share", "score", "low", "high", "cover_without"}:
        return special.get(table, column or table)
    parts = {
        "concentration": "hhi",
        "governance": "hhi_governance",
        "cover": "n_minus_1_cover",
        "reliance": "import_reliance_indirect",
    }
    return parts.get(column, column)


def _read_inputs(row: Mapping[str, Any]) -> dict[str, str]:
    text = row.get("inputs")
    if not text:
        return {}
    pairs = (part.partition("=") for part in str(text).split("; "))
    return {name: value for name, _, value in pairs}


def _rows_behind(
    file: Path, row: Mapping[str, Any], study: Study | None
) -> tuple[list[SourceRow], int]:
    if study is None:
        return [], 0
    lookup = _Lookup(study)
    text = row.get("rows") or _cell_rows(file, row)
    if text:
        pairs = split_rows(str(text))
    else:
        pairs = [(table, str(row[c])) for c, (table, _) in NAMES.items()
                 if row.get(c) is not None]  # fmt: skip
        if row.get("exporter") and row.get("item"):
            pairs.append(
                ("lanes", f"{row['item']}/{row['exporter']}/{row['importer']}")
            )
    found: list[SourceRow] = []
    left_out = 0
    for table, key in pairs:
        if key.startswith("+"):
            left_out += int(key[1:])
            continue
        rows = lookup.find(table, key)
        if not rows and table == "plants":  # in a result a project is a plant
            rows = lookup.find("projects", key)
        found += rows
    return found, left_out


def _cell_rows(file: Path, row: Mapping[str, Any]) -> str | None:
    """Rows of the cells beside a table of an assessment, for the same item."""
    beside = file.with_name("cells.csv")
    wanted = {
        "shares": ("hhi",), "points": ("n_minus_1_cover_country",),
        "ranking": ("hhi_governance", "import_reliance_indirect"),
        "scores": ("hhi_governance", "import_reliance_indirect"),
        "origins": ("import_reliance_indirect",),
    }.get(file.stem)  # fmt: skip
    if wanted is None or not beside.is_file() or not row.get("item"):
        return None
    cells = pl.read_csv(beside, infer_schema_length=None).filter(
        pl.col("item") == row["item"], pl.col("indicator").is_in(wanted)
    )
    texts = [t for t in cells["rows"].drop_nulls().to_list() if t]
    pairs = dict.fromkeys(pair for t in texts for pair in split_rows(t))
    if file.stem == "shares" and row.get("country"):
        return _of_country(pairs, str(row["country"]))
    return "; ".join(f"{table}:{key}" for table, key in pairs) or None


def _of_country(pairs: Mapping[tuple[str, str], None], country: str) -> str:
    """Keep all: the share's world total is made of every plant."""
    first = sorted(pairs, key=lambda p: (country.lower() not in p[1].lower(), p))
    return "; ".join(f"{table}:{key}" for table, key in first)


class _Lookup:
    """Rows of a study by table and joined key."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._tables: dict[str, dict[str, dict[str, Any]]] = {}
        self._sources = {
            row["source_id"]: row
            for row in study.table("sources").iter_rows(named=True)
        }

    def _rows(self, table: str) -> dict[str, dict[str, Any]]:
        if table not in self._tables:
            key = spec(table).key
            self._tables[table] = {
                "/".join(str(row[k]) for k in key): row
                for row in self._study.table(table).iter_rows(named=True)
            }
        return self._tables[table]

    def keys(self, table: str) -> list[str]:
        """All keys of a table."""
        return sorted(self._rows(table))

    def find(self, table: str, key: str) -> list[SourceRow]:
        """Return the row of a key; blanks may stand for `/`; none if unknown."""
        rows = self._rows(table)
        row = rows.get(key) or rows.get(key.replace(" ", "/"))
        if row is None:
            return []
        given = str(row.get("source_id") or row.get("title") or "")
        source = self._sources.get(given) or self._sources.get(
            given.replace("|", ";").split(";")[0].strip(), {}
        )
        plain = {"source_id", "evidence", "note"}
        return [
            SourceRow(
                table=table,
                key=key,
                values={k: _plain(v) for k, v in row.items()
                        if v is not None and k not in plain},
                evidence=row.get("evidence"),
                source_id=row.get("source_id"),
                title=source.get("title"),
                publisher=source.get("publisher"),
                url=source.get("url"),
                date=str(source["date"]) if source.get("date") else None,
                note=row.get("note"),
            )
        ]  # fmt: skip


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


MAIN_VALUES = {
    "plants": ("base_activity_t_per_year", "t a year"),
    "lanes": ("base_t_per_year", "t a year"),
    "demands": ("quantity_t_per_year", "t a year"),
    "recipes": ("coefficient", "t per t"),
    "countries": ("governance", "-2.5 to 2.5"),
    "prices": ("usd_per_t", "USD/t"),
    "measures": ("status", ""),
}


def evidence_frame(study: Study, cells: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the study that the cells of each item name, once each.

    Returns
    -------
    DataFrame
        mineral, item, table, key, value (text, as in the study), unit, evidence,
        source_id, note; sorted by mineral, item, table, key.
    """
    lookup = _Lookup(study)
    found: dict[tuple[str, str, str, str], SourceRow | None] = {}
    for mineral, item, text in cells.select("mineral", "item", "rows").iter_rows():
        for table, key in split_rows(text or ""):
            place = (mineral, item, table, key)
            if place not in found and not key.startswith("+"):
                rows = lookup.find(table, key)
                found[place] = rows[0] if rows else None
    made = []
    for (mineral, item, table, key), row in sorted(found.items(), key=_by_place):
        name, unit = MAIN_VALUES[table]
        value = row.values.get(name) if row else None
        made.append(
            (
                mineral, item, table, key, None if value is None else str(value), unit,
                row.evidence if row else "assumed",
                row.source_id if row else None,
                row.note if row else "added so that figures add up",
            )
        )  # fmt: skip
    names = (
        "mineral", "item", "table", "key", "value", "unit", "evidence", "source_id",
        "note",
    )  # fmt: skip
    schema = dict.fromkeys(names, pl.String)
    return pl.DataFrame(made, schema=schema, orient="row")


def _by_place(
    pair: tuple[tuple[str, str, str, str], SourceRow | None],
) -> tuple[str, str, str, str]:
    return pair[0]


def evidence_counts(study: Study, texts: list[str | None]) -> list[str | None]:
    """Return for each text of row keys how its rows are known: `assumed 3; read 12`."""
    known: dict[tuple[str, str], str] = {}
    for table in ("plants", "recipes", "lanes", "demands", "countries", "measures",
                  "prices", "observations", "industries", "uses"):  # fmt: skip
        frame = study.table(table)
        keys = spec(table).key
        joined = frame.select(
            key=pl.concat_str([pl.col(k).cast(pl.String) for k in keys], separator="/"),
            evidence=pl.col("evidence"),
        )
        known.update({(table, key): e for key, e in joined.iter_rows()})
    found: list[str | None] = []
    for text in texts:
        counts: dict[str, int] = {}
        for table, key in split_rows(text or ""):
            # A lane that is in no table was added so that figures add up.
            kind = "beyond 60" if key.startswith("+") else known.get(
                (table, key), "assumed"
            )  # fmt: skip
            size = int(key[1:]) if key.startswith("+") else 1
            counts[kind] = counts.get(kind, 0) + size
        parts = [f"{kind} {n}" for kind, n in sorted(counts.items())]
        found.append("; ".join(parts) or None)
    return found
