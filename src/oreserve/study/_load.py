# SPDX-License-Identifier: Apache-2.0
"""Load and check studies: packages, overlays, derived cells, home."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from oreserve.errors import InputError
from oreserve.study._checks import check_tables
from oreserve.study._package import (
    Package,
    bundled_folder,
    bundled_names,
    find_folder,
    read_package,
)
from oreserve.study._problems import CheckReport, Problems, StudyError, study_error
from oreserve.study._read import FILE, ROW, read_table, typed_frame
from oreserve.study._settings import Settings, parse_settings
from oreserve.study._study import Study, ordered
from oreserve.tables import TABLES, nearest, spec

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class _Loaded:
    """A study as read: tables with `_row` and `_file`, not yet trusted."""

    package: Package
    frames: Mapping[str, pl.DataFrame]
    settings: Settings


def load_study(study: str | Path, *, home: str | None = None) -> Study:
    """Load a bundled study by name, a folder, or a datapackage.json.

    Parameters
    ----------
    study
        A bundled name such as ``tiny``; ``./tiny`` means a folder.
    home
        Country or bloc instead of the study's own home.

    Returns
    -------
    Study
        Checked, frozen; every table sorted by key.

    Raises
    ------
    StudyError
        If anything is wrong; `.problems` lists all of it.

    Examples
    --------
    >>> load_study("tiny").settings.home
    'USA'
    """
    folder = _found(study)
    problems = Problems()
    loaded = _read_all(folder, problems)
    frames = _checked(loaded, problems)
    if loaded is None or frames is None or problems.has_errors:
        raise study_error(str(study), problems.frame())
    made = _made(loaded, frames)
    return made if home is None else made.with_settings(home=home)


def check_study(study: str | Path) -> CheckReport:
    """Report everything that is wrong with a study, all at once.

    Examples
    --------
    >>> check_study("tiny").ok
    True
    """
    try:
        folder = _found(study)
    except StudyError as error:
        problems = Problems()
        problems.error("study", str(error), value=str(study))
        return CheckReport(str(study), problems.frame())
    problems = Problems()
    loaded = _read_all(folder, problems)
    _checked(loaded, problems)
    if loaded is None or loaded.package.extends is None:
        return CheckReport(str(study), problems.frame())
    base = find_folder(loaded.package.extends, beside=folder)
    found = Problems()
    _checked(_read_all(base, found), found)
    known = {problem for problem in found.rows if problem.severity == "warning"}
    own = Problems([problem for problem in problems.rows if problem not in known])
    return CheckReport(
        str(study),
        own.frame(),
        base=base.name if base.parent == bundled_folder() else str(base),
        base_warnings=len(set(problems.rows) & known),
    )


def studies() -> pl.DataFrame:
    """Return the bundled studies: name, title, path."""
    rows = []
    for name in bundled_names():
        package = read_package(bundled_folder() / name, Problems())
        title = package.title if package else ""
        rows.append((name, title, str(bundled_folder() / name)))
    schema = {"name": pl.String, "title": pl.String, "path": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def study_name(study: str | Path) -> str:
    """Return the name of a study without reading its tables.

    Raises
    ------
    StudyError
        If there is no such study, or its datapackage.json cannot be read.

    Examples
    --------
    >>> study_name("TINY")
    'tiny'
    """
    problems = Problems()
    package = read_package(_found(study), problems)
    if package is None:
        raise study_error(str(study), problems.frame())
    return package.name


def recheck(study: Study) -> None:
    """Raise StudyError if the tables of `study` do not hold under its settings."""
    rebuilt(study, {})


def rebuilt(study: Study, frames: Mapping[str, pl.DataFrame]) -> Study:
    """Return `study` with some tables replaced, checked like a loaded one."""
    problems = Problems()
    tables = {
        name: frame.with_row_index(ROW, offset=2).with_columns(
            pl.col(ROW).cast(pl.Int64), pl.lit(name).alias(FILE)
        )
        for name, frame in study.tables.items()
    }
    for name, frame in frames.items():
        if name not in TABLES:
            problems.error(
                name,
                "there is no such table",
                allowed=", ".join(TABLES),
                nearest=nearest(name, TABLES),
            )
            continue
        tables[name] = typed_frame(
            name, frame, file=name, file_units={}, problems=problems
        )
    package = Package(study.name, study.title, study.folder or Path(), None, {})
    settings = study.settings
    if "settings" in frames:
        settings = _settings(tables["settings"], problems)
    loaded = _Loaded(package, tables, settings)
    made = _checked(loaded, problems)
    if made is None or problems.has_errors:
        raise study_error(study.name, problems.frame())
    return replace(_made(loaded, made), folder=study.folder)


def _found(study: str | Path) -> Path:
    try:
        return find_folder(study)
    except InputError as error:
        raise StudyError(str(error)) from None


def _read_all(folder: Path, problems: Problems) -> _Loaded | None:
    """Read a package and all that it extends, the outermost last."""
    chain = _chain(folder, problems)
    if not chain:
        return None
    frames: dict[str, pl.DataFrame] = {}
    for package in reversed(chain):
        for name, path in package.files.items():
            read = read_table(name, path, package.units.get(name, {}), problems)
            if read is not None:
                below = frames.get(name)
                frames[name] = read if below is None else _overlaid(name, below, read)
    for name in TABLES:
        listed = any(name in package.files for package in chain)
        if spec(name).required and not listed:
            problems.error(
                name,
                "a required table is missing",
                allowed=f"{name}.csv or {name}.parquet with columns "
                + ", ".join(spec(name).names),
                file=str(folder / f"{name}.csv"),
            )
    raw = frames.get("settings")
    settings = Settings() if raw is None else _settings(raw, problems)
    return _Loaded(chain[0], frames, settings)


def _chain(folder: Path, problems: Problems) -> list[Package]:
    """Return a package and all that it extends; nothing if one of them is missing.

    Without its base an overlay would seem to lack most tables.
    """
    chain: list[Package] = []
    seen: list[Path] = []
    while True:
        if folder.resolve() in seen:
            problems.error(
                "datapackage.json",
                "studies extend each other in a circle",
                column="extends",
                value=str(folder),
                file=str(seen[0] / "datapackage.json"),
            )
            return []
        seen.append(folder.resolve())
        package = read_package(folder, problems)
        if package is None:
            return []
        chain.append(package)
        if package.extends is None:
            return chain
        try:
            folder = find_folder(package.extends, beside=folder)
        except InputError as error:
            problems.error(
                "datapackage.json",
                str(error),
                column="extends",
                value=package.extends,
                file=str(folder / "datapackage.json"),
            )
            return []


def _overlaid(name: str, below: pl.DataFrame, above: pl.DataFrame) -> pl.DataFrame:
    """Return `below` with the rows of `above` in place of those of the same key."""
    key = list(spec(name).key)
    kept = below.join(above.select(key), on=key, how="anti", nulls_equal=True)
    return pl.concat([kept, above], how="diagonal")


def _settings(raw: pl.DataFrame, problems: Problems) -> Settings:
    rows = raw.drop_nulls(["name", "value"]).unique("name", keep="first")
    places = {row["name"]: row for row in rows.sort("name").iter_rows(named=True)}
    values, wrong = parse_settings({k: v["value"] for k, v in places.items()})
    for one in wrong:
        place = places[one.name]
        problems.error(
            "settings",
            f"setting {one.name}: {one.problem}",
            row=place[ROW],
            column="name" if one.problem.startswith("there is no") else "value",
            value=one.name if one.problem.startswith("there is no") else one.value,
            allowed=one.allowed,
            nearest=one.nearest,
            file=place[FILE],
        )
    return replace(Settings(), **values)


def _checked(
    loaded: _Loaded | None, problems: Problems
) -> dict[str, pl.DataFrame] | None:
    """Check the tables against each other; return them with derived cells."""
    if loaded is None:
        return None
    frames = {
        name: loaded.frames[name]
        if name in loaded.frames
        else typed_frame(
            name, _no_rows(name), file=name, file_units={}, problems=Problems()
        )
        for name in TABLES
    }
    frames = _derived(frames)
    check_tables(frames, loaded.settings, problems)
    return frames


def _no_rows(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(spec(name).names, pl.String))


def _derived(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Fill the mineral of items, and main item and stage of processes."""
    items = frames["items"].with_columns(pl.col("mineral").fill_null(pl.col("item")))
    main = (
        frames["recipes"]
        .filter(pl.col("coefficient") == 1.0)
        .group_by("process")
        .agg(pl.col("item").first().alias("_main"), pl.len().alias("_n"))
        .filter(pl.col("_n") == 1)
        .select("process", "_main")
    )
    stages = items.select(
        pl.col("item").alias("main_item"), pl.col("stage").alias("_stage")
    ).unique("main_item", keep="first")
    processes = (
        frames["processes"]
        .join(main, on="process", how="left", maintain_order="left")
        .with_columns(pl.col("main_item").fill_null(pl.col("_main")))
        .join(stages, on="main_item", how="left", maintain_order="left")
        .with_columns(pl.col("stage").fill_null(pl.col("_stage")))
        .drop("_main", "_stage")
    )
    return {**frames, "items": items, "processes": processes}


def _made(loaded: _Loaded, frames: Mapping[str, pl.DataFrame]) -> Study:
    tables = {
        name: frame.drop(ROW, FILE).sort(list(spec(name).key))
        for name, frame in frames.items()
    }
    package = loaded.package
    return Study(
        name=package.name,
        title=package.title,
        tables=ordered(tables),
        settings=loaded.settings,
        folder=package.folder,
    )
