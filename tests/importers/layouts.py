# SPDX-License-Identifier: Apache-2.0
"""Headers and rows in the layouts of publishers."""

from __future__ import annotations

LONG_HEAD = (
    "MCS chapter,Section,Commodity,Country,Statistics,Statistics_detail,Unit,Year,"
    "Value,Notes,Is critical mineral 2025,Other notes\r\n"
)
WORLD_HEAD = (
    "SOURCE,COMMODITY,COUNTRY,TYPE,UNIT_MEAS,PROD_2023,PROD_EST_ 2024,PROD_NOTES,"
    "CAP_2023,CAP_EST_ 2024,CAP_NOTES,RESERVES_2024,RESERVE_NOTES\n"
)


def long_row(
    country: str,
    value: str,
    *,
    commodity: str = "Cobalt",
    detail: str = "Mine production",
    unit: str = "metric tons",
    year: int = 2024,
    notes: str = "",
    statistic: str = "Production",
    section: str = "World Mine Production and Reserves",
) -> str:
    cells = [
        commodity.upper(), section, commodity, country, statistic, detail, unit,
        str(year), value, notes, "Yes", "",
    ]  # fmt: skip
    return ",".join(f'"{c}"' if "," in c else c for c in cells) + "\r\n"
