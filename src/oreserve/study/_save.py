# SPDX-License-Identifier: Apache-2.0
"""Write folders that appear whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from oreserve.errors import InputError
from oreserve.study._package import DESCRIPTOR
from oreserve.study._study import Study, canonical_csv
from oreserve.tables import spec

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = {"text": "string", "list": "string"}


@contextmanager
def whole_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside `target` that takes its place at the end.

    If the body fails nothing is left behind and an older `target` stays as it
    was. A `target` that exists is replaced only if it is empty or holds `marker`,
    so that nobody's other files are lost.

    Raises
    ------
    InputError
        If `target` holds something else, or cannot be written.
    """
    target = Path(target).absolute()
    _refuse_foreign(target, marker)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        message = f"cannot write {target}: {error.strerror or error}"
        raise InputError(message) from None
    try:
        made.chmod(0o755)
        try:
            yield made
            _swap(made, target)
        except OSError as error:
            message = f"cannot write {target}: {error.strerror or error}"
            raise InputError(message) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _refuse_foreign(target: Path, marker: str) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        message = f"cannot write {target}: it is a file, not a folder"
        raise InputError(message)
    if any(target.iterdir()) and not (target / marker).exists():
        message = (
            f"cannot write {target}: it holds other files (no {marker}); "
            "name a new or empty folder"
        )
        raise InputError(message)


def _swap(made: Path, target: Path) -> None:
    if not target.exists():
        made.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / "old")
    try:
        made.rename(target)
    except OSError:
        (old / "old").rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def save_study(study: Study, folder: Path) -> Path:
    """Write a study as datapackage.json and one CSV per table that has rows."""
    with whole_folder(folder, marker=DESCRIPTOR) as made:
        names = []
        for name, frame in _tables_to_write(study).items():
            text = canonical_csv(name, frame)
            (made / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
            names.append(name)
        (made / DESCRIPTOR).write_text(_descriptor(study, names), encoding="utf-8")
    return folder


def _tables_to_write(study: Study) -> dict[str, pl.DataFrame]:
    texts = study.settings.as_texts()
    notes = study.table("settings").select("name", "note")
    settings = pl.DataFrame({"name": list(texts), "value": list(texts.values())}).join(
        notes, on="name", how="left", maintain_order="left"
    )
    tables = dict(study.tables)
    tables["settings"] = settings
    return {
        name: frame
        for name, frame in tables.items()
        if frame.height or spec(name).required
    }


def _descriptor(study: Study, names: list[str]) -> str:
    content = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": study.name,
        "title": study.title,
        "resources": [_resource(name) for name in names],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _resource(name: str) -> dict[str, object]:
    table_spec = spec(name)
    fields = []
    for column in table_spec.columns:
        if column.is_pattern:
            continue
        one = {"name": column.name, "type": _TYPES.get(column.type, column.type)}
        if column.unit:
            one["unit"] = column.unit
        if column.description:
            one["description"] = column.description
        fields.append(one)
    return {
        "name": name,
        "type": "table",
        "path": f"{name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": {"fields": fields, "primaryKey": list(table_spec.key)},
    }
