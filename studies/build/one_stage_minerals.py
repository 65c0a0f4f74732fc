# SPDX-License-Identifier: Apache-2.0
"""The minerals of one stage: what each takes from the published tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studies.build.chain import BY_PRODUCT, MINE, REFINER
from studies.build.flows import baci_flows
from studies.build.mcs import Figure, salient
from studies.build.unstated import (
    RHENIUM_RULE,
    TELLURIUM_RULE,
    rhenium_rest,
    tellurium_rest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from studies.build.raw import Raw

__all__ = ["MINERALS", "OneStage"]

ALWAYS = "USA CHN JPN KOR DEU "
EUROPE = "FRA ITA ESP BEL NLD POL SWE AUT FIN GBR "
AS_IN_AS2O3 = 0.7574
# Chromite of 45 % Cr2O3, of which 68.4 % is chromium, with mine losses.
CR_IN_CHROMITE = 0.30
V_IN_V2O5 = 0.5602


@dataclass(frozen=True)
class OneStage:
    """What a mineral of one stage needs; None means the usual rule."""

    mineral: str
    item: str
    stage: str
    basis: str
    keep: str
    mcs: tuple[str, str]  # mineral and stage of the production table
    use: Callable[[Raw], Figure]
    shares: str | dict[str, float]
    sources: dict[str, float] | tuple[str, str, str]
    price: tuple[str, str, str] | None = None  # chapter, detail, unit
    price_factor: float = 1.0
    price_kind: str = "outside"
    pink: tuple[str, float] | None = None  # name, unit factor
    mcs_detail: str | None = None
    factor: float = 1.0  # t on the basis per t of the production table
    more_sources: dict[str, float] = field(default_factory=dict)  # judged shares
    own: Callable[[Raw], Figure] | None = None  # withheld output of the United States
    scrap: dict[str, float] = field(default_factory=dict)
    us_scrap: Callable[[Raw], Figure] | None = None
    trade: dict[str, float] | None = None  # HS92 code: content; closes uses abroad
    lanes: dict[str, float] | None = None  # HS92 code: content; lanes, not uses
    lanes_assumed: bool = False  # the content of `lanes` is a judgement
    ore_usd_per_t: float | None = None  # `lanes` by value over this price, t contained
    transit: dict[str, str] = field(default_factory=dict)
    home_use: dict[str, float] = field(default_factory=dict)
    elasticity: float = MINE
    capacity: bool = False
    named: bool = False  # every country that the production table names, however small
    others: str | None = None  # HS92 code whose net exports share `other countries`
    mended: Callable[[Raw], dict[tuple[str, str], Figure]] | None = None
    element: str | None = None
    note: str | None = None
    unstated: tuple[str, str, Callable[[Raw], Figure]] | None = None  # source, its text


def _published(
    chapter: str, detail: str, factor: float = 1.0
) -> Callable[[Raw], Figure]:
    def read(raw: Raw) -> Figure:
        figure = salient(raw, chapter, detail)
        evidence = figure.evidence if factor == 1 else "computed"
        return figure._replace(t=figure.t * factor, evidence=evidence)

    return read


def _computed(tonnes: float, note: str) -> Callable[[Raw], Figure]:
    return lambda _: Figure(tonnes, "MCS26", "computed", note)


def _assumed(tonnes: float, note: str) -> Callable[[Raw], Figure]:
    return lambda _: Figure(tonnes, "ASSUMED", "assumed", note)


def _barite_to_canada(raw: Raw) -> dict[tuple[str, str], Figure]:
    """Return American exports to Canada from the published total of exports."""
    total = salient(raw, "BARITE", "Exports").t
    sent = baci_flows(raw.baci, {"251110": 1.0})
    given = sent["USA", "CAN"]
    others = sum(v for (source, _), v in sent.items() if source == "USA") - given
    note = (
        f"published exports of {total:,.0f} t less those to others; the trade file "
        f"gives {given:,.0f} t at 6 USD a t"
    )
    return {("USA", "CAN"): Figure(total - others, "MCS26", "computed", note)}


MINERALS = (
    OneStage(
        "manganese",
        "manganese",
        "mine",
        "contained Mn",
        ALWAYS + EUROPE + "ZAF GAB AUS GHA BRA IND CIV MYS NOR RUS MEX GEO TUR CAN",
        ("Manganese", "mine"),
        _published("MANGANESE", "Consumption, apparent, manganese content"),
        "MANGANESE",
        (
            "MANGANESE",
            "Manganese",
            "Manganese contained in principal manganese imports",
        ),
        price=("MANGANESE", "Price, average, manganese content", "usd/mtu"),
        element="Mn",
        note="ore and the manganese in alloys; priced as ore: MCS 2026 quotes no "
        "ferroalloy of manganese, in which a t of the metal costs more",
        more_sources={"NOR": 0.07, "GEO": 0.08, "MEX": 0.04, "KOR": 0.04},
        lanes={"260200": 0.42},
        lanes_assumed=True,
    ),
    OneStage(
        "chromium",
        "chromium",
        "mine",
        "contained Cr",
        ALWAYS + EUROPE + "ZAF TUR KAZ IND ZWE BRA RUS IDN CAN",
        ("Chromium", "mine"),
        _published("CHROMIUM", "Consumption (includes recycling): Apparent"),
        "STAINLESS",
        ("CHROMIUM", "Chromium", "Total imports"),
        # What users buy is ferrochromium, quoted on its chromium: 3.5 times what a
        # tonne of chromium costs in ore.
        price=("CHROMIUM", "Price: Ferrochromium (chromium content)", "usd/lb"),
        factor=CR_IN_CHROMITE,
        us_scrap=_published("CHROMIUM", "Production: Secondary"),
        element="Cr",
        note="0.30 t of chromium a t of chromite, assumed; priced as ferrochromium, "
        "the form that users buy, per t of chromium (pounds x 2,204.6)",
        lanes={"261000": CR_IN_CHROMITE},
        lanes_assumed=True,
        transit={"MOZ": "CHN"},
    ),
    OneStage(
        "vanadium",
        "vanadium",
        "mine",
        "contained V",
        ALWAYS + EUROPE + "RUS ZAF BRA CAN IND TUR CZE TWN",
        ("Vanadium", "mine"),
        _published("VANADIUM", "Consumption: Apparent"),
        "STEEL",
        ("VANADIUM", "Vanadium", "Total"),
        price=("VANADIUM", "Price, average, vanadium pentoxide", "usd/lb"),
        price_factor=1 / V_IN_V2O5,
        us_scrap=_published(
            "VANADIUM", "Production from ash, residues, and spent catalysts"
        ),
        scrap={
            "AUT": 3500.0,
            "JPN": 800.0,
            "KOR": 1200.0,
            "CAN": 2500.0,
            "IND": 800.0,
            "ROW": 1500.0,
        },
        element="V",
        note="oxide, ferrovanadium and residues",
        lanes={"282530": V_IN_V2O5, "720292": 0.78},
        lanes_assumed=True,
    ),
    OneStage(
        "zirconium",
        "zircon",
        "concentrate",
        "gross",
        ALWAYS + EUROPE + "AUS ZAF MOZ IDN SEN MDG SLE IND RUS MYS VNM",
        ("Zirconium", "mine"),
        _computed(
            105_400.0,
            "mine output of 100,000 t (rounded) plus net imports of "
            "3,500 t ZrO2 at 65 %",
        ),
        "CHEMICALS",
        ("ZIRCONIUM AND HAFNIUM", "Zirconium", "Zirconium ores and concentrates"),
        price=(
            "ZIRCONIUM AND HAFNIUM",
            ("Price: Zircon, dollars per metric ton (gross weight): Premium grade"),
            "usd/t",
        ),
        trade={"261510": 1.0},
        element=None,
        home_use={"MOZ": 0.0, "SEN": 0.0, "SLE": 0.0, "MDG": 0.0, "AUS": 0.05},
    ),
    OneStage(
        "beryllium",
        "beryllium",
        "metal",
        "contained Be",
        ALWAYS + EUROPE + "BRA KAZ IND NGA MOZ",
        ("Beryllium", "mine"),
        _published("BERYLLIUM", "Consumption: Apparent"),
        {
            "CHN": 0.42,
            "JPN": 0.15,
            "DEU": 0.08,
            "KAZ": 0.08,
            "FRA": 0.05,
            "GBR": 0.03,
            "KOR": 0.03,
            "IND": 0.03,
            "ITA": 0.02,
        },
        ("BERYLLIUM", "Beryllium", "All"),
        price=("BERYLLIUM", "Price, annual average unit value", "usd/kg"),
        element="Be",
        note="contained in ore, alloy and metal",
    ),
    OneStage(
        "rhenium",
        "rhenium",
        "metal",
        "contained Re",
        ALWAYS + EUROPE + "CHL KAZ UZB CAN RUS EST",
        ("Rhenium", "mine"),
        _published("RHENIUM", "Consumption, apparent"),
        "AEROSPACE",
        ("RHENIUM", "Rhenium", "Total imports"),
        price=(
            "RHENIUM",
            ("Price, average value, gross weight, dollars per kilogram: Metal"),
            "usd/kg",
        ),
        scrap={"DEU": 8.0, "CAN": 5.0, "EST": 2.0, "FRA": 2.0, "JPN": 1.0},
        elasticity=BY_PRODUCT,
        element="Re",
        note="by country of recovery; Russia's is not stated by the publisher",
        unstated=("ASSUMED-RE-METAL-UNSTATED", RHENIUM_RULE, rhenium_rest),
    ),
    OneStage(
        "fluorspar",
        "fluorspar",
        "mine",
        "gross",
        ALWAYS + EUROPE + "MEX MNG ZAF VNM IND RUS CAN",
        ("Fluorspar", "mine"),
        _published("FLUORSPAR", "Consumption, apparent"),
        {
            "CHN": 0.66,
            "JPN": 0.035,
            "KOR": 0.02,
            "IND": 0.045,
            "DEU": 0.025,
            "ITA": 0.022,
            "MEX": 0.06,
            "RUS": 0.03,
            "ESP": 0.012,
            "FRA": 0.01,
            "NLD": 0.006,
            "GBR": 0.006,
            "BEL": 0.004,
            "CAN": 0.006,
        },
        ("FLUORSPAR", "Fluorspar", "All"),
        price=(
            "FLUORSPAR",
            (
                "Price, average unit value of imports, cost, insurance, "
                "and freight, dollars per metric ton: Acid"
            ),
            "usd/t",
        ),
        price_kind="import_unit_value",
        lanes={"252922": 1.0},
    ),
    OneStage(
        "barite",
        "barite",
        "mine",
        "gross",
        ALWAYS + "IND MAR KAZ MEX LAO TUR IRN RUS SAU CAN ARG NLD THA GBR ITA PAK VNM "
        "BGR BOL ESP FRA NOR ROU POL",
        ("Barite", "mine"),
        _computed(1_815_000 / 0.875, "withheld; net imports over a reliance of 0.875"),
        "OILFIELD",
        ("BARITE", "Barite", "All"),
        own=_computed(1_815_000 / 0.875 - 1_815_000, "use less net imports"),
        price=("BARITE", "Price, average unit value", "usd/t"),
        trade={"251110": 1.0},
        # What Germany mines goes into its own fillers; it grinds and sells imports.
        home_use={"MAR": 0.05, "LAO": 0.0, "DEU": 1.0},
        mended=_barite_to_canada,
        named=True,
        others="251110",
    ),
    OneStage(
        "potash",
        "potash",
        "mine",
        "contained K2O",
        ALWAYS
        + "CAN RUS BLR ISR JOR LAO ESP CHL BRA IND IDN MYS FRA POL NLD BEL GBR ITA",
        ("Potash", "mine"),
        _published("POTASH", "Consumption, apparent"),
        "FARMS",
        ("POTASH", "Potash", "All"),
        price=(
            "POTASH",
            (
                "Price, average, f.o.b. mine, dollars per metric ton of K2O "
                "equivalent: MOP"
            ),
            "usd/t",
        ),
    ),
    OneStage(
        "phosphate",
        "phosphate_rock",
        "mine",
        "gross",
        ALWAYS + "MAR RUS JOR SAU EGY BRA PER IND IDN POL ESP BEL FRA FIN TUN VNM ISR "
        "ZAF AUS KAZ UZB SEN MEX TUR DZA SYR TGO",
        ("Phosphate", "mine"),
        _published("PHOSPHATE ROCK", "Consumption, apparent"),
        {
            "CHN": 0.485,
            "MAR": 0.125,
            "RUS": 0.056,
            "IND": 0.05,
            "SAU": 0.045,
            "BRA": 0.033,
            "IDN": 0.012,
            "JOR": 0.024,
            "EGY": 0.012,
            "POL": 0.006,
            "ESP": 0.003,
            "BEL": 0.002,
            "FRA": 0.001,
            "KOR": 0.004,
            "JPN": 0.002,
            "DEU": 0.001,
            # Producers that turn most of their rock into acid or fertilizer at home.
            "FIN": 0.0045,
            "TUN": 0.012,
            "VNM": 0.014,
            "ISR": 0.009,
            "ZAF": 0.0095,
            "AUS": 0.012,
            "KAZ": 0.0065,
            "UZB": 0.0044,
            "SEN": 0.009,
            "MEX": 0.008,
            "TUR": 0.008,
            "DZA": 0.0015,
        },
        {"PER": 0.9},
        price=("PHOSPHATE ROCK", "Price, average value, f.o.b. mine", "usd/t"),
        named=True,
    ),
    OneStage(
        "silver",
        "silver",
        "mine",
        "metal",
        ALWAYS + EUROPE + "MEX PER BOL CHL RUS AUS KAZ ARG IND CAN TUR TWN",
        ("Silver", "mine"),
        _published("SILVER", "Consumption, apparent"),
        {
            "CHN": 0.31,
            "IND": 0.27,
            "JPN": 0.09,
            "DEU": 0.045,
            "KOR": 0.03,
            "ITA": 0.035,
            "TUR": 0.025,
            "GBR": 0.03,
            "TWN": 0.015,
            "MEX": 0.012,
            "FRA": 0.012,
            "CAN": 0.012,
            "BEL": 0.01,
            "POL": 0.005,
        },
        ("SILVER", "Silver", "All"),
        pink=("Silver", 32150.7466),
        us_scrap=_published(
            "SILVER", "Production: Refinery: Secondary (new and old scrap)"
        ),
        scrap={
            "CHN": 1500.0,
            "DEU": 700.0,
            "JPN": 700.0,
            "ITA": 300.0,
            "GBR": 250.0,
            "IND": 500.0,
            "ROW": 900.0,
        },
        element="Ag",
        note="mined silver and silver from scrap by country; who refines it is in no "
        "source at hand",
    ),
    OneStage(
        "silicon",
        "silicon_metal",
        "metal",
        "metal",
        ALWAYS + EUROPE + "BRA NOR AUS RUS CAN ISL IND TWN SAU ARE",
        ("Silicon", "smelter"),
        _computed(227_000.0, "withheld; net imports of 77,000 t plus own output"),
        {
            "CHN": 0.74,
            "DEU": 0.055,
            "JPN": 0.035,
            "KOR": 0.03,
            "FRA": 0.02,
            "NOR": 0.006,
            "IND": 0.01,
            "GBR": 0.006,
            "ITA": 0.008,
            "ESP": 0.008,
            "RUS": 0.006,
            "NLD": 0.006,
            "BEL": 0.004,
            "POL": 0.004,
            "ARE": 0.008,
        },
        ("SILICON", "Silicon", "Silicon metal"),
        mcs_detail="Silicon metal",
        own=_assumed(150_000.0, "half of the 300,000 t that BGS states for both forms"),
        price=(
            "SILICON",
            "Price, average, cents per pound of silicon: Silicon metal",
            "cents/lb",
        ),
        elasticity=REFINER,
        element="Si",
    ),
    OneStage(
        "silicon",
        "ferrosilicon",
        "alloy",
        "contained Si",
        ALWAYS + EUROPE + "RUS BRA NOR MYS KAZ IND CAN ISL TUR",
        ("Silicon", "smelter"),
        _computed(272_000.0, "withheld; net imports of 122,000 t plus own output"),
        "STEEL",
        ("SILICON", "Silicon", "Ferrosilicon"),
        mcs_detail="Ferrosilicon",
        own=_assumed(150_000.0, "half of the 300,000 t that BGS states for both forms"),
        price=(
            "SILICON",
            "Price, average, cents per pound of silicon: Ferrosilicon, 75",
            "cents/lb",
        ),
        elasticity=REFINER,
        element="Si",
    ),
    OneStage(
        "bismuth",
        "bismuth",
        "metal",
        "metal",
        ALWAYS + EUROPE + "KAZ LAO IND BGR BOL",
        ("Bismuth", "refinery"),
        _published("BISMUTH", "Consumption: Apparent"),
        {
            "CHN": 0.48,
            "DEU": 0.07,
            "JPN": 0.06,
            "KOR": 0.04,
            "IND": 0.04,
            "BEL": 0.06,
            "NLD": 0.04,
            "FRA": 0.03,
            "GBR": 0.03,
            "ITA": 0.025,
            "ESP": 0.015,
        },
        ("BISMUTH", "Bismuth", "All"),
        us_scrap=_published("BISMUTH", "Production: Secondary (scrap)"),
        price=("BISMUTH", "Price, average, dollars per pound", "usd/lb"),
        elasticity=BY_PRODUCT,
        element="Bi",
        note="a by-product of lead and tungsten",
        lanes={"810600": 1.0},
    ),
    OneStage(
        "arsenic",
        "arsenic",
        "refine",
        "contained As",
        ALWAYS + "PER MAR BEL RUS MYS IND FRA ITA ESP GBR CHL BRA",
        ("Arsenic", "refinery"),
        _published("ARSENIC", "Consumption, estimated, all forms of arsenic"),
        {
            "CHN": 0.42,
            "MYS": 0.10,
            "IND": 0.05,
            "CHL": 0.06,
            "JPN": 0.02,
            "DEU": 0.02,
            "RUS": 0.02,
            "BEL": 0.02,
            "FRA": 0.015,
            "ESP": 0.015,
            "ITA": 0.01,
            "GBR": 0.01,
            "BRA": 0.06,
            "KOR": 0.01,
        },
        ("ARSENIC", "Arsenic", "All forms of arsenic"),
        factor=AS_IN_AS2O3,
        price=("ARSENIC", "Price, metal, annual average", "usd/lb"),
        elasticity=BY_PRODUCT,
        capacity=True,
        element="As",
        note="output is published as As2O3 gross; 0.757 of it is arsenic",
    ),
    OneStage(
        "tellurium",
        "tellurium",
        "metal",
        "metal",
        ALWAYS + EUROPE + "RUS CAN UZB PHL MYS IND ZAF BGR",
        ("Tellurium", "refinery"),
        _computed(3 / 0.125, "withheld; net imports of 3 t over a reliance of 0.125"),
        {
            "CHN": 0.50,
            "MYS": 0.14,
            "DEU": 0.05,
            "JPN": 0.06,
            "KOR": 0.03,
            "IND": 0.05,
            "BEL": 0.03,
            "ESP": 0.02,
            "FRA": 0.01,
            "ITA": 0.01,
            "GBR": 0.01,
        },
        ("TELLURIUM", "Tellurium", "All"),
        own=_computed(
            3 / 0.125 - 3, "use less net imports; leaves as copper telluride"
        ),
        price=(
            "TELLURIUM",
            "Price, annual average, dollars per kilogram: Europe",
            "usd/kg",
        ),
        elasticity=BY_PRODUCT,
        capacity=True,
        element="Te",
        note="a by-product of copper; its own chain here; eight producers are not "
        "stated by the publisher",
        unstated=("ASSUMED-TE-UNSTATED", TELLURIUM_RULE, tellurium_rest),
    ),
)
