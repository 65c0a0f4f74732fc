# SPDX-License-Identifier: Apache-2.0
"""Bring published files into a study, with flags, units, vintage and source."""

from __future__ import annotations

from oreserve.importers._countries import Place, place, place_of_number
from oreserve.importers._model import OTHER_TRADE, Imported, Importer, Options
from oreserve.importers._registry import IMPORTERS, fitting, importer
from oreserve.importers._units import published_unit
from oreserve.importers._values import FLAGS, Figure, figure
from oreserve.importers._write import import_into

__all__ = [
    "FLAGS",
    "IMPORTERS",
    "OTHER_TRADE",
    "Figure",
    "Imported",
    "Importer",
    "Options",
    "Place",
    "figure",
    "fitting",
    "import_into",
    "importer",
    "place",
    "place_of_number",
    "published_unit",
]
