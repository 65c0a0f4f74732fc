# SPDX-License-Identifier: Apache-2.0
"""The importers by name, and which of them fits a file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from oreserve.errors import InputError
from oreserve.tables import nearest

if TYPE_CHECKING:
    from oreserve.importers._model import Importer

__all__ = ["IMPORTERS", "fitting", "importer"]

# Name of the format and the module that holds its `IMPORTER`; most specific first.
IMPORTERS: dict[str, str] = {
    "usgs-mcs": "usgs_long",
    "usgs-world": "usgs_world",
    "usgs-salient": "usgs_salient",
    "baci": "baci",
    "comtrade": "comtrade",
    "wgi": "wgi",
    "pink-sheet": "pink_sheet",
    "bgs": "bgs",
    "bea": "bea",
    "wmd": "world_mining_data",
    "iea": "iea",
    "hdi": "hdi",
    "icmm": "icmm",
    "csv": "generic_csv",
}


@cache
def importer(name: str) -> Importer:
    """Return the importer of a format.

    Raises
    ------
    InputError
        If there is none; names the nearest.
    """
    module = IMPORTERS.get(name)
    if module is None:
        close = nearest(name, IMPORTERS)
        hint = f"; did you mean {close!r}?" if close else ""
        message = f"there is no format {name!r}; allowed: {', '.join(IMPORTERS)}{hint}"
        raise InputError(message)
    loaded = import_module(f"oreserve.importers.{module}")
    return cast("Importer", loaded.IMPORTER)


def fitting(path: str | Path, *, besides: str = "") -> str | None:
    """Return the format that a file looks like, other than `besides`; None if none."""
    plain = Path(str(path).split(".zip:")[0] + (".zip" if ".zip:" in str(path) else ""))
    for name in IMPORTERS:
        if name not in {besides, "csv"} and importer(name).sniff(plain):
            return name
    return None
