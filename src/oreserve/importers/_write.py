# SPDX-License-Identifier: Apache-2.0
"""Put imported rows into a study folder: all of them or none."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreserve.errors import InputError
from oreserve.importers._changes import changes
from oreserve.importers._files import refuse
from oreserve.importers._model import Imported, Options
from oreserve.importers._registry import importer
from oreserve.importers._seen import refuse_unlike
from oreserve.study import load_study, studies, whole_folder
from oreserve.tables import nearest, spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from oreserve.study import Study

__all__ = ["import_into"]

DESCRIPTOR = "datapackage.json"
TRADE_KEYS = ("content_shares", "hs_codes")
REPORTS = "imports"  # beside the tables; a study reads only its own tables


def import_into(
    format: str,  # noqa: A002  # the word of the command line
    files: Sequence[str | Path],
    into: str | Path,
    *,
    options: Options | None = None,
    extends: str = "us-2026",
    dry_run: bool = False,
) -> Imported:
    """Read published files and write their rows into a study, whole or not at all.

    Rows replace those of the same key; columns that the file does not state stay as
    the study has them. The finished folder is loaded and checked before it takes its
    place. `imports/` in it lists every flagged figure and every name that fits
    nowhere.

    Parameters
    ----------
    format
        Word of an importer: ``usgs-mcs``, ``baci``, ``csv`` and so on.
    files
        Files of that format.
    into
        Folder of a study. If absent, a new overlay of `extends` is made.
    options
        Year, vintage and map; its `study` is replaced by the one at `into`.
    extends
        Study that a new overlay extends.
    dry_run
        Do everything but put the folder in its place.

    Returns
    -------
    Imported
        What was written and what was left out.

    Raises
    ------
    InputError
        If a file cannot be trusted, is of another format, or the study would not
        load with its rows.
    """
    chosen = importer(format)
    paths = [Path(file) for file in files]
    if not paths:
        message = "no file to import"
        raise InputError(message)
    paths = _once(paths)
    for path in paths:
        _refuse_other(path, chosen.name)
    _refuse_unknown_keys(chosen.name, (options or Options()).mapping)
    target = _target(into)
    exists = (target / DESCRIPTOR).is_file()
    study = load_study(target.absolute() if exists else extends)
    found = chosen.read(paths, replace(options or Options(), study=study))
    with _place(target, dry_run=dry_run) as made:
        if exists:
            shutil.copytree(target, made, dirs_exist_ok=True)
        else:
            _descriptor(made / DESCRIPTOR, target, extends)
        tables = dict(found.tables)
        if any(frame.height for frame in tables.values()):
            tables["sources"] = found.sources
        for name, frame in sorted(tables.items()):
            if frame.height:
                _write_table(made, name, frame, study)
        try:
            after = load_study(made)
        except InputError as error:
            message = (
                "nothing was written: with these rows the study would not load\n"
                + str(error).replace(str(made), str(target))
            )
            raise InputError(message) from None
        found = replace(found, changes=changes(found.tables, study, after))
        _write_report(made / REPORTS, chosen.name, found)
    return found


def _once(paths: Sequence[Path]) -> list[Path]:
    """Return each file once, in order; the same file twice would count twice."""
    seen: dict[Path, Path] = {}
    for path in paths:
        seen.setdefault(path.resolve(), path)
    return list(seen.values())


@contextmanager
def _place(target: Path, *, dry_run: bool) -> Iterator[Path]:
    """Give the folder that takes the place of `target`, or one that is thrown away."""
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="oreserve-import-") as scratch:
            yield Path(scratch)
        return
    with whole_folder(target, marker=DESCRIPTOR) as made:
        yield made


def _refuse_unknown_keys(name: str, mapping: Mapping[str, Any]) -> None:
    """Refuse a key of the map that no importer reads; `csv` checks its own."""
    allowed = {"baci": TRADE_KEYS, "comtrade": TRADE_KEYS}.get(name, ())
    if name == "csv":
        return
    for key in mapping:
        if key not in allowed:
            refuse(
                f"{key!r} is unknown: {name} would not read it", file="--map",
                column=str(key), allowed=", ".join(allowed) or "no map",
                close=nearest(str(key), allowed),
            )  # fmt: skip


def _refuse_other(path: Path, name: str) -> None:
    if not path.exists():
        refuse("there is no such file", file=path)
    if path.is_dir():
        refuse("is a folder", file=path, allowed="files; name them one by one")
    if name == "csv" or not importer(name).sniff(path):
        refuse_unlike(path, name)


def _target(into: str | Path) -> Path:
    if str(into) in set(studies()["name"]):
        message = (
            f"--into {into}: a bundled study is never changed; name a folder, for "
            f"example my-{into}, and it becomes an overlay"
        )
        raise InputError(message)
    target = Path(into).expanduser()
    return target.parent if target.name == DESCRIPTOR else target


def _descriptor(path: Path, target: Path, extends: str) -> None:
    content: dict[str, Any] = {
        "name": target.absolute().name,
        "title": f"{target.absolute().name}, an overlay of {extends}",
        "extends": extends,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _write_table(folder: Path, name: str, frame: pl.DataFrame, study: Study) -> None:
    import polars as pl

    key = list(spec(name).key)
    frame = _texts(_filled(name, frame, study))
    path = _existing(folder, name)
    if path is not None:
        own = (
            pl.read_parquet(path)
            if path.suffix == ".parquet"
            else pl.read_csv(path, infer_schema=False)
        )
        own = _texts(own)
        frame = pl.concat(
            [own.join(frame.select(key), on=key, how="anti"), frame], how="diagonal"
        )
        if path.suffix == ".parquet":
            path.unlink()
    order = [c for c in spec(name).names if c in frame.columns]
    order += sorted(set(frame.columns) - set(order))
    frame.select(order).sort(key).write_csv(folder / f"{name}.csv")


def _existing(folder: Path, name: str) -> Path | None:
    """Return the file that holds a table; refuse one in other units."""
    content: Mapping[str, Any] = json.loads(
        (folder / DESCRIPTOR).read_text(encoding="utf-8")
    )
    for entry in content.get("resources", []):
        if entry.get("name") != name:
            continue
        for column in entry.get("schema", {}).get("fields", []):
            known = spec(name).column(str(column.get("name")))
            unit = column.get("unit")
            if unit and known is not None and unit != known.unit:
                refuse(
                    f"the table is kept in {unit}: imported rows are in {known.unit}",
                    file=folder / str(entry["path"]),
                    column=known.name,
                    allowed=f"a table in {known.unit}",
                )
        return folder / str(entry["path"])
    found = [folder / f"{name}{suffix}" for suffix in (".csv", ".parquet")]
    return next((p for p in found if p.is_file()), None)


def _filled(name: str, frame: pl.DataFrame, study: Study) -> pl.DataFrame:
    """Fill columns that the file does not state from the rows that stand."""
    key = list(spec(name).key)
    stands = study.table(name)
    lacking = [c for c in stands.columns if c not in frame.columns]
    if not lacking or name == "observations":
        return frame
    keys = stands.select(*key, *lacking)
    return _texts(frame).join(
        _texts(keys), on=key, how="left", maintain_order="left", nulls_equal=True
    )


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    whole = pl.selectors.boolean()
    return frame.with_columns(
        whole.cast(pl.String), (~whole).cast(pl.String, strict=False)
    )


def _write_report(folder: Path, name: str, found: Imported) -> None:
    import polars as pl

    folder.mkdir(exist_ok=True)
    flags = found.flags
    if {"flag", "estimated"} <= set(flags.columns):
        flags = flags.filter((pl.col("flag") != "reported") | pl.col("estimated"))
    flags.write_csv(folder / f"{name}-flags.csv")
    found.unmapped.write_csv(folder / f"{name}-unmapped.csv")
