# SPDX-License-Identifier: Apache-2.0
"""One small good file of each format, and how to break it."""

from __future__ import annotations

from importers.layouts import LONG_HEAD, WORLD_HEAD, long_row

PLACES = ["Chile", "Poland", "United States", "Uzbekistan", "China", "T\u00fcrkiye"]
SHEETS = [
    "VoiceandAccountability", "Political StabilityNoViolence",
    "GovernmentEffectiveness", "RegulatoryQuality", "RuleofLaw", "ControlofCorruption",
]  # fmt: skip
COMTRADE = (
    "typeCode,freqCode,refYear,reporterCode,reporterISO,flowCode,partnerCode,"
    "partnerISO,partner2Code,cmdCode,customsCode,motCode,netWgt,primaryValue\n"
)
MAP = {
    "table": "plants",
    "columns": {
        "country": "Land",
        "plant": "Name",
        "capacity_t_per_year": {"column": "Capacity", "unit": "kt/year"},
    },
    "constants": {
        "process": "cobalt_mining", "aggregate": False, "base_activity_t_per_year": 0.0,
    },
    "source": {"source_id": "OWN", "title": "Own list"},
    "year_column": "Year",
}  # fmt: skip

TEXTS = {
    "usgs-mcs": (
        "MCS2026_Commodities_Data.csv",
        LONG_HEAD
        + "".join(long_row(p, "9000", commodity="Rhenium", unit="kilograms")
                  for p in PLACES),
    ),
    "usgs-world": (
        "MCS2025_World_Data.csv",
        WORLD_HEAD
        + "".join(f"MCS2025,Rhenium,{p},Mine production,kilograms,9000,9000,,,,,,\n"
                  for p in PLACES),
    ),
    "usgs-salient": (
        "mcs2025-galli_salient.csv",
        "DataSource,Commodity,Year,Imports_Metal_kg\nMCS2025,Gallium,2024,19000\n",
    ),
    "baci": (
        "BACI_HS92_Y2024_V202601.csv",
        "t,i,j,k,v,q\n2024,643,842,261510,24000,10000\n2024,251,699,261510,240,100\n",
    ),
    "comtrade": (
        "TradeData.csv",
        COMTRADE
        + "C,A,2024,842,USA,M,124,CAN,0,261510,C00,0,5000000,12500000\n"
        "C,A,2024,842,USA,M,792,TUR,0,261510,C00,0,1000000,2500000\n",
    ),
    "wgi": (
        "wgi_political_stability.csv",
        (
            "country,code,year,estimate,stderr\n"
            "T\u00fcrkiye,TUR,2024,-1,0.2\nPeru,PER,2024,-0.5,0.2\n"
        ),
    ),
    "bgs": (
        "BGS.csv",
        "country_trans,country_iso3_code,bgs_commodity_trans,bgs_sub_commodity_trans,"
        "units,year,quantity,bgs_statistic_type_trans\n"
        + "".join(f'{p},,"rhenium, refined",,kilograms,2024-01-01,9000,Production\n'
                  for p in PLACES),
    ),
    "bea": (
        "Summary_Use_2023_PRO.csv",
        (
            "code,111CA,212,Total Intermediate,F010\n111CA,100,0,100,5\n"
            "V001,2000000,1000000,,\nV002,10,-5,,\nV003,20,30,,\n"
            "Total Industry Output,900,2000000,,\n"
        ),
    ),
    "hdi": ("hdi.csv", "country,year,hdi\nPeru,2022,0.7\nT\u00fcrkiye,2022,0.85\n"),
    "csv": (
        "mines.csv",
        "Name,Land,Capacity,Year\na,Peru,7,2024\nb,T\u00fcrkiye,8,2024\n",
    ),
}  # fmt: skip

_WGI = [
    [None, None, 2021, 2021, 2022, 2022],
    ["Country/Territory", "Code", "Estimate", "StdErr", "Estimate", "StdErr"],
    ["Congo, Dem. Rep.", "ZAR", -1.6, 0.2, -1.0, 0.25],
]
BOOKS: dict[str, tuple[str, dict[str, list[list[object]]]]] = {
    "wgi-book": (
        "wgidataset.xlsx",
        {"Introduction": [["2023 Update"]], **dict.fromkeys(SHEETS, _WGI)},
    ),
    "pink-sheet": (
        "CMO-Historical-Data-Monthly.xlsx",
        {"Monthly Prices": [
            ["World Bank Commodity Price Data"], [], [], ["Updated on June 02, 2026"],
            [None, "Copper", "Tin", "Zinc"], [None, "($/mt)", "($/mt)", "($/mt)"],
            ["2024M01", 9000, 30000, 2700], ["2024M02", 9100, 30100, 2710],
        ]},
    ),
    "wmd": (
        "wmd.xlsx",
        {"Rhenium": [
            ["Rhenium"], ["Country", "unit", 2023, 2024],
            *[[p, "kg", 9000, 9000] for p in PLACES],
        ]},
    ),
    "iea": (
        "CM_Data_Explorer.xlsx",
        {"1 Total demand for key minerals": [
            ["Total demand"], ["Unit: kt"], [],
            [None, None, None, "Stated policies", None],
            ["Mineral", 2023, None, 2030, 2040],
            ["Cobalt"], ["Electric vehicles", 60, None, 120, 180],
        ]},
    ),
    "icmm": (
        "icmm.xlsx",
        {
            "About": [["ICMM Global Mining Dataset, September 2025 (V1)"]],
            "External": [
                ["ICMMID", "Confidence Factor", "Mine Name ", "Group Names", "Latitude",
                 "Longitude", "Asset Type", "Country", "Primary Commodity"],
                ["1", "High", "a", None, 1, 1, "Mine", "Peru", "cobalt"],
            ],
        },
    ),
}  # fmt: skip
FORMATS = sorted({*TEXTS, *BOOKS} - {"wgi-book"})

# Column or sheet under another name, and what the message must name.
RENAMED = {
    "usgs-mcs": ("Statistics_detail", "Statistic_detail"),
    "usgs-world": ("UNIT_MEAS", "UNIT_MEASURE"),
    "usgs-salient": ("Year", "Years"),
    "baci": (",v,", ",value,"),
    "comtrade": ("netWgt", "netWeight"),
    "wgi": ("estimate", "estimates"),
    "wgi-book": ("Estimate", "Estimates"),
    "pink-sheet": ("Monthly Prices", "Monthly Price"),
    "bgs": ("quantity", "quantities"),
    "bea": ("code", "codes"),
    "wmd": ("Country", "Countries"),
    "iea": ("1 Total demand for key minerals", "Total key minerals"),
    "hdi": (",hdi", ",hdi_index"),
    "icmm": ("Primary Commodity", "Commodity"),
    "csv": ("Land", "Lands"),
}
# One unit for another; formats without a check of units are not here.
SWAPPED = {
    "usgs-mcs": ("kilograms", "metric tons"),
    "usgs-world": ("kilograms", "metric tons"),
    "bgs": ("kilograms", "tonnes (metric)"),
    "wmd": ("kg", "metr. t"),
    "baci": ("24000,10000\n", "10000,24000000\n"),
    "comtrade": ("000000,", "000,"),
    "wgi": ("-1,0.2", "63,0.2"),
    "wgi-book": (-1.0, 63.0),
    "pink-sheet": ("($/mt)", "($/kg)"),
    "bea": ("000000", ""),
    "hdi": ("0.85", "85"),
}


def renamed(value: object, old: object, new: object) -> object:
    """Replace a text everywhere in nested cells, names of sheets included."""
    if isinstance(value, dict):
        return {renamed(k, old, new): renamed(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, old, new) for v in value]
    if isinstance(value, str) and isinstance(old, str):
        return value.replace(old, str(new)) if old in value else value
    return new if value == old and value is not None else value
