# SPDX-License-Identifier: Apache-2.0
"""Where a study lies: bundled name, folder or datapackage.json, and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreserve.errors import InputError
from oreserve.tables import TABLES, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.study._problems import Problems

DESCRIPTOR = "datapackage.json"
_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class Package:
    """A folder with a datapackage.json: its tables and what it extends."""

    name: str
    title: str
    folder: Path
    extends: str | None
    files: Mapping[str, Path]
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def bundled_folder() -> Path:
    """Return the folder of the studies that come with the package."""
    return Path(str(resources.files("oreserve"))) / "studies"


def bundled_names() -> tuple[str, ...]:
    """Return the names of the bundled studies, sorted."""
    folder = bundled_folder()
    if not folder.is_dir():
        return ()
    found = (p.parent.name for p in folder.glob(f"*/{DESCRIPTOR}"))
    return tuple(sorted(found))


def find_folder(study: str | Path, *, beside: Path | None = None) -> Path:
    """Return the folder of a study.

    A plain word is a bundled name first, then a folder, then a bundled name in
    other case; anything with a separator is a path, relative to `beside` if given.

    Raises
    ------
    InputError
        If there is no such study; names the nearest bundled one.
    """
    text = str(study)
    if text in bundled_names():
        return bundled_folder() / text
    path = Path(text).expanduser()
    if beside is not None and not path.is_absolute():
        path = beside / path
    if path.name == DESCRIPTOR and path.is_file():
        return path.parent
    if (path / DESCRIPTOR).is_file():
        return path
    if text.lower() in bundled_names():  # US-2026
        return bundled_folder() / text.lower()
    if path.is_dir():
        message = f"{path} is no study: it has no {DESCRIPTOR}"
        raise InputError(message)
    close = nearest(text, bundled_names())
    hint = f"; did you mean {close!r}?" if close else ""
    message = (
        f"there is no study {text!r}; allowed: a bundled name "
        f"({', '.join(bundled_names())}), a folder or a {DESCRIPTOR}{hint}"
    )
    raise InputError(message)


def read_package(folder: Path, problems: Problems) -> Package | None:
    """Read datapackage.json and find the file of each table."""
    descriptor = folder / DESCRIPTOR
    place = {"file": str(descriptor)}
    try:
        content = json.loads(descriptor.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        problems.error(DESCRIPTOR, f"cannot be read: {error}", **place)
        return None
    if not isinstance(content, dict):
        problems.error(DESCRIPTOR, "must be a JSON object", **place)
        return None
    extends = content.get("extends")
    if extends is not None and not isinstance(extends, str):
        problems.error(
            DESCRIPTOR,
            "extends must name a study",
            column="extends",
            value=extends,
            **place,
        )
        extends = None
    files, units = _resources(content, folder, problems)
    _loose_files(folder, files, problems)
    name = content.get("name")
    return Package(
        name=name if isinstance(name, str) and name else folder.name,
        title=str(content.get("title") or name or folder.name),
        folder=folder,
        extends=extends,
        files=dict(sorted(files.items())),
        units=units,
    )


def _resources(
    content: Mapping[str, Any], folder: Path, problems: Problems
) -> tuple[dict[str, Path], dict[str, dict[str, str]]]:
    files: dict[str, Path] = {}
    units: dict[str, dict[str, str]] = {}
    listed = content.get("resources", [])
    place = {"file": str(folder / DESCRIPTOR), "column": "resources"}
    if not isinstance(listed, list):
        problems.error(DESCRIPTOR, "resources must be a list", **place)
        return files, units
    for entry in listed:
        name = entry.get("name") if isinstance(entry, dict) else None
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not isinstance(path, str):
            problems.error(
                DESCRIPTOR,
                "a resource needs name and path as text",
                value=entry,
                **place,
            )
            continue
        if name not in TABLES:
            problems.error(
                DESCRIPTOR,
                "a resource that is no table",
                value=name,
                allowed=", ".join(TABLES),
                nearest=nearest(name, TABLES),
                **place,
            )
            continue
        if not _is_inside(path) or Path(path).suffix not in _SUFFIXES:
            problems.error(
                DESCRIPTOR,
                "a path that is no CSV or Parquet file in the folder",
                value=path,
                allowed="a relative path that ends in .csv or .parquet",
                **place,
            )
            continue
        if name in files:
            problems.error(DESCRIPTOR, "a table listed twice", value=name, **place)
            continue
        if not (folder / path).is_file():
            problems.error(name, "the file is missing", value=path, **place)
            continue
        files[name] = folder / path
        units[name] = _field_units(entry)
    return files, units


def _is_inside(path: str) -> bool:
    parts = Path(path)
    return not parts.is_absolute() and ".." not in parts.parts


def _field_units(entry: Mapping[str, Any]) -> dict[str, str]:
    schema = entry.get("schema")
    listed = schema.get("fields", []) if isinstance(schema, dict) else []
    return {
        str(one["name"]): str(one["unit"])
        for one in listed
        if isinstance(one, dict) and one.get("name") and one.get("unit")
    }


def _loose_files(folder: Path, files: dict[str, Path], problems: Problems) -> None:
    """Add table files that datapackage.json does not list; refuse strays."""
    known = set(files.values())
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        problems.error(DESCRIPTOR, f"the folder cannot be read: {error}")
        return
    for path in found:
        if path.suffix not in _SUFFIXES or path in known:
            continue
        name = path.stem
        if name not in TABLES:
            problems.error(
                name,
                "a file that is no table",
                file=str(path),
                allowed=", ".join(TABLES),
                nearest=nearest(name, TABLES),
            )
        elif name in files:
            problems.error(
                name,
                f"a second file for the table beside {files[name].name}",
                file=str(path),
            )
        else:
            files[name] = path
