# SPDX-License-Identifier: Apache-2.0
"""Tables of a study as declared facts: one source for loading, checks and docs."""

from __future__ import annotations

from oreserve.tables._spec import (
    TABLES,
    ColumnSpec,
    SettingSpec,
    TableSpec,
    any_country_code,
    choices,
    country_code,
    country_names,
    dtype_of,
    elements,
    empty,
    nearest,
    nearest_country,
    setting_specs,
    spec,
    units,
)

__all__ = [
    "TABLES",
    "ColumnSpec",
    "SettingSpec",
    "TableSpec",
    "any_country_code",
    "choices",
    "country_code",
    "country_names",
    "dtype_of",
    "elements",
    "empty",
    "nearest",
    "nearest_country",
    "setting_specs",
    "spec",
    "units",
]
