# SPDX-License-Identifier: Apache-2.0
"""Read a result folder: figures from JSON, tables from CSV, all by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ResultFolder", "read_result"]

HEADS = ("plan.json", "outcome.json", "assess.json")


@dataclass(frozen=True)
class ResultFolder:
    """What a folder holds: the figures of its JSON head and its tables."""

    folder: Path
    figures: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]

    def table(self, name: str, *columns: str) -> pl.DataFrame:
        """Return a table with at least `columns`; absent ones are null.

        An absent table is empty: the report leaves its part out.
        """
        frame = self.tables.get(name, pl.DataFrame())
        missing = [c for c in columns if c not in frame.columns]
        return frame.with_columns(pl.lit(None).alias(c) for c in missing)

    def rows(self, name: str, *columns: str) -> list[dict[str, Any]]:
        """Return the rows of a table as dictionaries."""
        return self.table(name, *columns).to_dicts()

    def figure(self, name: str) -> float | None:
        """Return a number of the head, None where it is absent or null."""
        value = self.figures.get(name)
        return float(value) if isinstance(value, int | float) else None


def read_result(folder: Path) -> ResultFolder:
    """Read what `plan` or `simulate` wrote.

    Raises
    ------
    InputError
        If the folder does not exist, has no head, or a file in it is not whole.
    """
    if not folder.is_dir():
        message = f"{folder} is no folder; give one that plan or simulate wrote"
        raise InputError(message)
    head = next((folder / h for h in HEADS if (folder / h).is_file()), None)
    if head is None:
        message = (
            f"{folder} holds neither plan.json nor outcome.json; "
            "give a folder that plan or simulate wrote"
        )
        raise InputError(message)
    try:
        figures = json.loads(head.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{head} is not whole JSON ({error}); run the command again"
        raise InputError(message) from error
    if not isinstance(figures, dict):
        message = f"{head} must hold one JSON object; run the command again"
        raise InputError(message)
    tables = {f.stem: _read_table(f) for f in sorted(folder.glob("*.csv"))}
    return ResultFolder(folder, figures, tables)


def _read_table(file: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(file, infer_schema_length=None, try_parse_dates=False)
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        message = f"{file} cannot be read as a table ({first}); run the command again"
        raise InputError(message) from error
