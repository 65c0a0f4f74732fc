# SPDX-License-Identifier: Apache-2.0
"""The rows of `sources` that an import brings with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.tables import dtype_of, spec

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Source", "source_frame"]


@dataclass(frozen=True)
class Source:
    """Where figures come from; `source_id` names publisher and edition."""

    source_id: str
    title: str
    publisher: str
    licence: str
    url: str = ""
    note: str = ""


def source_frame(*sources: Source) -> pl.DataFrame:
    """Return rows of the `sources` table, sorted, each once."""
    import polars as pl

    rows = sorted(set(sources), key=lambda s: s.source_id)
    columns = {
        name: [getattr(s, name, None) or None for s in rows]
        for name in spec("sources").names
    }
    schema = {c.name: dtype_of(c) for c in spec("sources").columns}
    return pl.DataFrame(columns, schema=schema)
