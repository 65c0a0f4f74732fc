# SPDX-License-Identifier: Apache-2.0
"""Shares of world use by country where no trade closes the balance: assumed.

Each table speaks of the world without the United States, whose use is published;
what the named countries leave is the rest of the world's. The shares are judged
from the places of steel, base-metal, electronics, battery and car making in 2024
and are read nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.tables import Tables

__all__ = ["SHARES", "shares"]

SHARES: dict[str, dict[str, float]] = {
    "STEEL": {
        "CHN": 0.55, "IND": 0.085, "JPN": 0.048, "RUS": 0.038, "KOR": 0.037,
        "DEU": 0.022, "TUR": 0.021, "BRA": 0.019, "IRN": 0.018, "ITA": 0.012,
        "ESP": 0.007, "FRA": 0.007, "POL": 0.004, "AUT": 0.004, "BEL": 0.004,
        "NLD": 0.0035, "SWE": 0.0025, "FIN": 0.002, "CAN": 0.007, "GBR": 0.003,
    },
    "MANGANESE": {
        "CHN": 0.665, "IND": 0.085, "JPN": 0.03, "RUS": 0.022, "KOR": 0.024,
        "DEU": 0.011, "TUR": 0.011, "BRA": 0.011, "ITA": 0.006, "ESP": 0.004,
        "FRA": 0.004, "POL": 0.002, "AUT": 0.002, "BEL": 0.002, "NLD": 0.002,
        "SWE": 0.0015, "FIN": 0.001, "CAN": 0.004, "GBR": 0.002, "MEX": 0.008,
    },
    "STAINLESS": {
        "CHN": 0.62, "IDN": 0.08, "IND": 0.06, "KOR": 0.035, "JPN": 0.033,
        "ITA": 0.02, "BEL": 0.016, "FIN": 0.02, "DEU": 0.015, "ESP": 0.012,
        "SWE": 0.01, "FRA": 0.006, "ZAF": 0.006, "AUT": 0.003, "GBR": 0.005,
    },
    "BASE": {
        "CHN": 0.57, "IND": 0.045, "JPN": 0.035, "KOR": 0.035, "DEU": 0.038,
        "ITA": 0.022, "TUR": 0.022, "RUS": 0.02, "MEX": 0.016, "BRA": 0.014,
        "ESP": 0.013, "POL": 0.013, "FRA": 0.01, "BEL": 0.009, "SWE": 0.004,
        "FIN": 0.003, "AUT": 0.004, "GRC": 0.004, "NLD": 0.003, "CAN": 0.009,
        "GBR": 0.005, "AUS": 0.004,
    },
    "LEAD": {
        "CHN": 0.49, "IND": 0.10, "KOR": 0.055, "DEU": 0.035, "JPN": 0.025,
        "MEX": 0.027, "ESP": 0.022, "ITA": 0.022, "TUR": 0.022, "BRA": 0.022,
        "GBR": 0.02, "POL": 0.018, "FRA": 0.014, "RUS": 0.014, "BEL": 0.008,
        "CAN": 0.008, "SWE": 0.006, "AUT": 0.004, "NLD": 0.003, "AUS": 0.004,
    },
    "ELECTRONICS": {
        "CHN": 0.48, "JPN": 0.19, "KOR": 0.10, "TWN": 0.07, "DEU": 0.045,
        "FRA": 0.012, "GBR": 0.012, "NLD": 0.01, "BEL": 0.01, "ITA": 0.008,
        "AUT": 0.006, "SWE": 0.005, "FIN": 0.003,
    },
    "TOOLS": {
        "CHN": 0.52, "DEU": 0.085, "JPN": 0.08, "KOR": 0.035, "IND": 0.03,
        "AUT": 0.03, "SWE": 0.03, "ITA": 0.02, "FRA": 0.02, "RUS": 0.025,
        "GBR": 0.012, "CZE": 0.008, "BEL": 0.006, "ESP": 0.006, "FIN": 0.004,
    },
    "BATTERY": {
        "CHN": 0.75, "KOR": 0.09, "JPN": 0.055, "DEU": 0.012, "FRA": 0.008,
        "POL": 0.012, "SWE": 0.004, "FIN": 0.006, "BEL": 0.006, "GBR": 0.004,
    },
    "FLAME": {
        "CHN": 0.48, "IND": 0.07, "JPN": 0.06, "KOR": 0.055, "DEU": 0.04,
        "TWN": 0.03, "FRA": 0.03, "BEL": 0.02, "ITA": 0.03, "ESP": 0.015,
        "POL": 0.012, "NLD": 0.01, "GBR": 0.012, "THA": 0.02, "AUT": 0.005,
    },
    "CARS": {
        "CHN": 0.29, "JPN": 0.13, "DEU": 0.09, "IND": 0.05, "KOR": 0.045,
        "GBR": 0.05, "FRA": 0.035, "ITA": 0.03, "BEL": 0.03, "ESP": 0.03,
        "POL": 0.025, "SWE": 0.01, "ZAF": 0.03, "RUS": 0.02, "CHE": 0.02,
    },
    "AEROSPACE": {
        "CHN": 0.30, "FRA": 0.11, "GBR": 0.13, "DEU": 0.12, "JPN": 0.07, "RUS": 0.06,
        "ITA": 0.03, "KOR": 0.03, "CAN": 0.03, "POL": 0.02, "ESP": 0.015,
        "SWE": 0.01, "NLD": 0.01, "BEL": 0.01,
    },
    "FARMS": {
        "CHN": 0.27, "BRA": 0.18, "IND": 0.10, "IDN": 0.06, "FRA": 0.012,
        "DEU": 0.012, "POL": 0.011, "ESP": 0.01, "MYS": 0.03, "RUS": 0.03,
        "CAN": 0.01, "ITA": 0.006, "JPN": 0.008, "KOR": 0.007, "GBR": 0.006,
        "NLD": 0.004, "BEL": 0.004,
    },
    "CHEMICALS": {
        "CHN": 0.53, "DEU": 0.045, "JPN": 0.05, "KOR": 0.035, "IND": 0.06,
        "ITA": 0.025, "ESP": 0.02, "FRA": 0.02, "BEL": 0.012, "NLD": 0.012,
        "MEX": 0.025, "RUS": 0.03, "GBR": 0.012, "POL": 0.01, "AUT": 0.005,
    },
    "OILFIELD": {
        "CHN": 0.25, "SAU": 0.14, "CAN": 0.12, "ARG": 0.05, "RUS": 0.10,
        "DEU": 0.025, "NLD": 0.02, "JPN": 0.012, "KOR": 0.012, "ITA": 0.012,
        "MEX": 0.04, "IND": 0.04, "GBR": 0.03, "NOR": 0.03,
    },
}  # fmt: skip


def shares(tables: Tables, name: str) -> tuple[dict[str, float], str]:
    """Return a table of shares and the id of the source that states it."""
    source_id = assume(
        tables,
        f"ASSUMED-USE-{name}",
        f"Use outside the United States by shares of the kind `{name.lower()}`, "
        "judged from where such goods were made in 2024, scaled so that world use is "
        "world supply",
    )
    return SHARES[name], source_id
