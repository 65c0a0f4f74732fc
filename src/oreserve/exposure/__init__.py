# SPDX-License-Identifier: Apache-2.0
"""How exposed a country or bloc is, by mineral, stage and supplier."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from oreserve.exposure._base_year import (
    RANK,
    STAGES,
    BaseYear,
    mineral_weights,
    read_base_year,
)

if TYPE_CHECKING:
    from oreserve.exposure._assess import Assessment, assess
    from oreserve.exposure._explain import Explanation, definition, explain
    from oreserve.exposure._history import history, write_history
    from oreserve.exposure._home import UnknownMineralsError
    from oreserve.exposure._ranking import score_text
    from oreserve.exposure._trace import ALL_USES, Trace, trace
    from oreserve.exposure._years import trade_history
    from oreserve.exposure._years_files import (
        HistoryData,
        read_history_files,
        read_history_governance,
        read_history_trade,
    )

__all__ = [
    "ALL_USES",
    "RANK",
    "STAGES",
    "Assessment",
    "BaseYear",
    "Explanation",
    "HistoryData",
    "Trace",
    "UnknownMineralsError",
    "assess",
    "definition",
    "explain",
    "history",
    "mineral_weights",
    "read_base_year",
    "read_history_files",
    "read_history_governance",
    "read_history_trade",
    "score_text",
    "trace",
    "trade_history",
    "write_history",
]

# Public name -> module; these need scipy or the market and are loaded when used.
_HOMES = {
    "ALL_USES": "_trace",
    "Assessment": "_assess",
    "Explanation": "_explain",
    "HistoryData": "_years_files",
    "Trace": "_trace",
    "UnknownMineralsError": "_home",
    "assess": "_assess",
    "definition": "_explain",
    "explain": "_explain",
    "history": "_history",
    "read_history_files": "_years_files",
    "read_history_governance": "_years_files",
    "read_history_trade": "_years_files",
    "score_text": "_ranking",
    "trace": "_trace",
    "trade_history": "_years",
    "write_history": "_history",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'oreserve.exposure' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"oreserve.exposure.{home}"), name)
    globals()[name] = value
    return value
