# SPDX-License-Identifier: Apache-2.0
"""Shock files: a given sequence of effects, checked against a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.study._dates import add_months
from oreserve.study._effect_rules import EFFECT_COLUMNS, TRADE_KINDS, effect_problems
from oreserve.study._package import bundled_folder
from oreserve.study._problems import Problem, Problems
from oreserve.study._read import FILE, ROW, typed_frame
from oreserve.study._rules import check_columns
from oreserve.study._study import EVERYBODY, Study
from oreserve.study.effects import effects_of_row
from oreserve.tables import nearest

if TYPE_CHECKING:
    from oreserve.study.scenario import Effect

__all__ = ["Shock", "load_shock", "shocks"]

_TOP = ("name", "description", "sources", "effects")
_LISTS = ("mineral", "item")
# Shock rows are read like rows of `measures`; these cells only make them whole.
_WHOLE = {"status": "in_force", "source_id": "shock", "evidence": "assumed"}


@dataclass(frozen=True)
class Shock:
    """A named sequence of effects; `warnings` says which of them touch nothing."""

    name: str
    effects: tuple[Effect, ...]
    description: str = ""
    warnings: tuple[str, ...] = ()


def shocks() -> pl.DataFrame:
    """Return the bundled shocks: shock (what to call it), name, path."""
    rows = []
    for path in sorted((bundled_folder() / "shocks").glob("*.yaml")):
        content = _read_yaml(path)
        rows.append((path.stem, str(content.get("name", path.stem)), str(path)))
    schema = {"shock": pl.String, "name": pl.String, "path": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def load_shock(shock: str | Path | Mapping[str, Any], study: Study) -> Shock:
    """Read a shock and check every name in it against the study.

    Parameters
    ----------
    shock
        Name of a bundled shock, path of a YAML file, or its content.

    Raises
    ------
    InputError
        If it cannot be read or anything in it is wrong; all problems are listed.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> effect = {"kind": "outage", "country": "AUS", "stage": "mine", "factor": 0.5}
    >>> load_shock({"name": "flood", "effects": [effect]}, load_study("tiny")).name
    'flood'
    """
    if isinstance(shock, Mapping):
        place, content = "shock", dict(shock)
    else:
        path = _find_shock(shock)
        place, content = str(path), _read_yaml(path)
    rows = _rows(place, content)
    problems = Problems()
    frame = _typed(place, rows, study, problems)
    _raise_if_any(place, problems)
    name = str(content.get("name") or place)
    effects: list[Effect] = []
    warnings: list[str] = []
    for number, row in enumerate(frame.iter_rows(named=True), start=1):
        made = tuple(effects_of_row(study, row, label=f"{name} #{number}"))
        effects.extend(made)
        idle = _why_idle(row, made, study)
        if idle:
            warnings.append(f"{place}: effect {number} ({row['kind']}): {idle}")
    description = str(content.get("description") or "").strip()
    return Shock(name, tuple(effects), description, tuple(warnings))


def _find_shock(shock: str | Path) -> Path:
    text = str(shock)
    folder = bundled_folder() / "shocks"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if text in names:
        return folder / f"{text}.yaml"
    path = Path(text).expanduser()
    if path.is_file():
        return path
    close = nearest(text, names)
    hint = f"; did you mean {close!r}?" if close else ""
    message = (
        f"there is no shock {text!r}; allowed: a YAML file or one of "
        f"{', '.join(names) or '(none bundled)'}{hint}"
    )
    raise InputError(message)


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: the file cannot be read: {error}"
        raise InputError(message) from None
    except yaml.YAMLError as error:
        message = f"{path}: not valid YAML: {' '.join(str(error).split())}"
        raise InputError(message) from None
    except ValueError as error:  # a date such as 2027-13-01
        message = f"{path}: a value cannot be read: {error}"
        raise InputError(message) from None
    if not isinstance(content, dict):
        message = f"{path}: a shock file needs the keys name and effects"
        raise InputError(message)
    return content


def _rows(place: str, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the effects as mappings; raise on anything that is not one."""
    wrong = []
    for key in content:
        if key not in _TOP:
            close = nearest(str(key), _TOP)
            hint = f"; did you mean {close!r}?" if close else ""
            wrong.append(
                f"{place}: there is no key {key!r}; allowed: {', '.join(_TOP)}{hint}"
            )
    effects = content.get("effects")
    if not isinstance(effects, list) or not effects:
        wrong.append(f"{place}: effects must be a list with at least one effect")
    elif not all(isinstance(one, Mapping) for one in effects):
        wrong.append(
            f"{place}: each effect must be a mapping such as {{kind: ban, ...}}"
        )
    if wrong:
        raise InputError("\n".join(wrong))
    assert isinstance(effects, list)  # for mypy; checked above
    return [dict(one) for one in effects]


def _typed(
    place: str, rows: list[dict[str, Any]], study: Study, problems: Problems
) -> pl.DataFrame:
    texts = []
    for number, row in enumerate(rows, start=1):
        cells = {key: _cell(place, number, key, row[key], problems) for key in row}
        known = {key: cells.get(key) for key in EFFECT_COLUMNS}
        texts.append({"measure": str(number), **known, **_WHOLE, ROW: number})
    schema = dict.fromkeys(("measure", *EFFECT_COLUMNS, *_WHOLE), pl.String)
    raw = pl.DataFrame(texts, schema={**schema, ROW: pl.Int64}, orient="row")
    frame = typed_frame("measures", raw, file=place, file_units={}, problems=problems)
    check_columns(
        {**study.tables, "measures": frame}, "measures", EFFECT_COLUMNS, problems
    )
    for row in frame.iter_rows(named=True):
        for column, value, problem, allowed in effect_problems(row):
            problems.error(
                "measures",
                problem,
                row=row[ROW],
                column=column,
                value=value,
                allowed=allowed,
                file=place,
            )
    return frame.drop(ROW, FILE)


def _cell(
    place: str, number: int, key: Any, value: Any, problems: Problems
) -> str | None:
    if key not in EFFECT_COLUMNS:
        problems.error(
            "measures",
            "there is no such key",
            row=number,
            column=key,
            value=value,
            allowed=", ".join(EFFECT_COLUMNS),
            nearest=nearest(str(key), EFFECT_COLUMNS),
            file=place,
        )
        return None
    if value is None:
        return None
    if isinstance(value, list) and key in _LISTS and value:
        return ";".join(str(one) for one in value)
    if isinstance(value, bool | list | tuple | Mapping):
        problems.error(
            "measures",
            "not a single value",
            row=number,
            column=key,
            value=value,
            allowed="one value" + (", or a list of names" if key in _LISTS else ""),
            file=place,
        )
        return None
    if isinstance(value, date):
        return date(value.year, value.month, value.day).isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _raise_if_any(place: str, problems: Problems) -> None:
    if not problems.rows:
        return
    ordered = sorted(
        set(problems.rows), key=lambda p: (p.row or 0, p.column, p.problem)
    )
    raise InputError("\n".join(_line(place, one) for one in ordered))


def _line(place: str, problem: Problem) -> str:
    line = f"{place}: effect {problem.row}: {problem.column}: {problem.problem}"
    if problem.value:
        line += f" (value {problem.value!r})"
    if problem.allowed:
        line += f"; allowed: {problem.allowed}"
    if problem.nearest:
        line += f"; did you mean {problem.nearest!r}?"
    return line


def _why_idle(
    row: Mapping[str, Any], effects: tuple[Effect, ...], study: Study
) -> str | None:
    """Return why an effect changes nothing; None if it may change something."""
    first = date(study.settings.first_year, 1, 1)
    end = add_months(first, 12 * study.settings.horizon_years)
    start, until = row["from"] or date.min, row["until"] or date.max
    if until <= first or start >= end:
        return f"lies outside the horizon {first} to {end}"
    kind = row["kind"]
    if kind in TRADE_KINDS:
        return None if _lanes(effects[0], study) else "no lane carries what it limits"
    if not any(_rows_touched(effect, study) for effect in effects):
        what = {"outage": "plant", "demand": "demand", "stock": "stock"}[kind]
        return f"no {what} matches it"
    return None


def selected_items(effect: Effect, study: Study) -> pl.DataFrame:
    """Return the items that mineral, item and stage of an effect select."""
    items = study.table("items")
    if effect.minerals:
        items = items.filter(pl.col("mineral").is_in(list(effect.minerals)))
    if effect.items:
        items = items.filter(pl.col("item").is_in(list(effect.items)))
    if effect.stage:
        items = items.filter(pl.col("stage") == effect.stage)
    return items


def _lanes(effect: Effect, study: Study) -> int:
    items = selected_items(effect, study)["item"].to_list()
    actors = study.members(effect.actor or EVERYBODY)
    targets = study.members(effect.target or EVERYBODY)
    return (
        study.table("lanes")
        .filter(
            pl.col("item").is_in(items)
            & pl.col("exporter").is_in(list(actors))
            & pl.col("importer").is_in(list(targets))
        )
        .height
    )


def _rows_touched(effect: Effect, study: Study) -> int:
    if effect.kind == "outage":
        return _plants_touched(effect, study)
    rows = study.table("demands" if effect.kind == "demand" else "stocks")
    items = selected_items(effect, study)["item"].to_list()
    rows = rows.filter(pl.col("item").is_in(items))
    if effect.country:
        rows = rows.filter(pl.col("country") == effect.country)
    if effect.klass:
        rows = rows.filter(pl.col("class") == effect.klass)
    return rows.height


def _plants_touched(effect: Effect, study: Study) -> int:
    items = study.table("items").select(pl.col("item").alias("main_item"), "mineral")
    processes = study.table("processes").join(items, on="main_item", how="left")
    if effect.minerals:
        processes = processes.filter(pl.col("mineral").is_in(list(effect.minerals)))
    if effect.items:
        processes = processes.filter(pl.col("main_item").is_in(list(effect.items)))
    if effect.stage:
        processes = processes.filter(pl.col("stage") == effect.stage)
    plants = study.table("plants").select("process", "country")
    plants = pl.concat([plants, study.table("projects").select("process", "country")])
    plants = plants.filter(pl.col("process").is_in(processes["process"].to_list()))
    if effect.country:
        plants = plants.filter(pl.col("country") == effect.country)
    return plants.height
