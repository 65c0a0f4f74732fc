# SPDX-License-Identifier: Apache-2.0
"""Tonnes of the rare-earth chain in 2024, closed from mine to magnet.

Mines are read (MCS 2026). Separation follows from feeds and baskets, trade in NdPr
oxide and metal from BACI 2024 where the unit value shows that the product is NdPr,
and the rest from shares that this study assumes. China takes what remains, item by
item, because it is the hub and the largest user: with that the raw rows balance and
reconciliation has little to move.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from studies.build.rare_earth_baskets import (
    ELEMENTS,
    SEPARATIONS,
    metal_fraction,
    ndpr_fraction,
    outputs_per_t_feed,
    oxide_of,
)
from studies.build.raw import Raw

__all__ = ["MAGNETS", "METAL_YIELD", "Balance", "Magnet", "balance", "mines_2024"]

# MCS 2026 country -> feed; the rest of the rows is monazite.
CLAY = ("BRA", "MMR", "MYS", "THA", "VNM")
# China's 270,000 t quota: ion clay 19,150 t (memory of the 2023 and 2024 quota
# notices), a quarter of it yttrium-rich. Half would lift yttrium to 16,600 t, above
# the 10,000 to 15,000 t that MCS 2026 gives for the world.
CHINA_CLAY_T = 19_150.0
CHINA_CLAY_YTTRIC_SHARE = 0.25
# Metal making: oxide to metal by content (stage_yields.csv; Dy, Tb, Sm lower).
METAL_YIELD = {"Nd": 0.95, "Dy": 0.93, "Tb": 0.93, "Sm": 0.90}
ALLOY_YIELD = 0.98
MAGNET_YIELD = 0.75
SWARF_PER_MAGNET = (1 - MAGNET_YIELD) / MAGNET_YIELD
SWARF_RECOVERY = 0.9
# Share of NdPr oxide that goes to magnets (assumed; model notes B2).
MAGNET_SHARE = 0.85


@dataclass(frozen=True)
class Magnet:
    """Mass shares of rare earths in a magnet, and the swarf of a tonne of it."""

    ndpr: float
    dy: float = 0.0
    tb: float = 0.0
    swarf: float = 0.0  # t of ndfeb_swarf per t of magnet
    swarf_heavy: float = 0.0  # t of ndfeb_swarf_heavy per t of magnet

    def metal(self, share: float) -> float:
        """Return the metal that a tonne of magnet takes, t."""
        return share / (ALLOY_YIELD * MAGNET_YIELD)


# The thrifted heavy magnet brings its dysprosium in by grain-boundary diffusion.
# Its swarf is booked as a mix of both swarfs that carries no more Dy and Tb than
# goes in.
MAGNETS: dict[str, Magnet] = {
    "ndfeb_magnet_making": Magnet(0.30, swarf=SWARF_PER_MAGNET),
    "ndfeb_heavy_magnet_making": Magnet(
        0.28, 0.025, 0.005, swarf_heavy=SWARF_PER_MAGNET
    ),
    "ndfeb_heavy_magnet_thrifted_making": Magnet(
        0.29, 0.012, 0.004, swarf=SWARF_PER_MAGNET - 0.15, swarf_heavy=0.15
    ),
}
STANDARD = MAGNETS["ndfeb_magnet_making"]
HEAVY = MAGNETS["ndfeb_heavy_magnet_making"]
THRIFTED = MAGNETS["ndfeb_heavy_magnet_thrifted_making"]
SM_IN_SMCO = 0.25

# Magnet makers outside China and Japan, t of magnets (assumed: together 2 %).
SMALL_MAKERS = {"DEU": 900.0, "KOR": 300.0, "ROW": 700.0, "VNM": 1_500.0}
HEAVY_SHARE = {"DEU": 0.5, "JPN": 0.55, "KOR": 0.5, "ROW": 0.4, "VNM": 0.5}
THRIFTED_SHARE = {"CHN": 0.2, "JPN": 0.4}
# Chinese magnet exports by destination (memory of the 2024 customs figures).
CHINA_MAGNET_EXPORTS_T = 58_152.0
EXPORT_SHARES = {
    "AUS": 0.002, "BRA": 0.017, "DEU": 0.155, "EST": 0.002, "FRA": 0.025,
    "IND": 0.05, "JPN": 0.045, "KOR": 0.11, "MYS": 0.02, "RUS": 0.03, "THA": 0.06,
    "USA": 0.126, "VNM": 0.095,
}  # fmt: skip
EXPORT_HEAVY_SHARE = {"DEU": 0.5, "FRA": 0.5, "JPN": 0.55, "KOR": 0.5, "USA": 0.45}
OTHER_MAGNET_LANES = (
    ("JPN", "USA", 900.0),
    ("JPN", "DEU", 500.0),
    ("JPN", "THA", 800.0),
    ("JPN", "ROW", 1_200.0),
    ("DEU", "USA", 250.0),
    ("DEU", "FRA", 150.0),
    ("ROW", "USA", 500.0),
    ("VNM", "USA", 250.0),
    ("VNM", "JPN", 600.0),
)
SMCO_MAKERS = {
    "CHN": 4_600.0, "DEU": 200.0, "FRA": 100.0, "JPN": 300.0, "ROW": 500.0,
    "USA": 300.0,
}  # fmt: skip
SMCO_USE = {
    "DEU": 500.0, "FRA": 250.0, "JPN": 700.0, "KOR": 200.0, "ROW": 850.0,
    "USA": 1_000.0,
}  # fmt: skip
# Final (non-metal) use abroad as a share of the world's; the rest is China's.
LIGHT_USE = {
    "AUS": 0.001, "BRA": 0.012, "DEU": 0.025, "EST": 0.002, "FRA": 0.025,
    "IND": 0.015, "JPN": 0.075, "KOR": 0.04, "RUS": 0.01, "ROW": 0.11, "THA": 0.005,
    "VNM": 0.003,
}  # fmt: skip
HEAVY_USE = {"DEU": 0.05, "FRA": 0.02, "JPN": 0.12, "KOR": 0.05, "ROW": 0.07}
NDPR_USE = {
    "DEU": 150.0, "EST": 30.0, "FRA": 100.0, "JPN": 400.0, "KOR": 200.0, "ROW": 300.0,
}  # fmt: skip
NDPR_UNSPLIT_SHARE = 0.2  # of non-magnet NdPr, used as the mixed oxide
DYTB_FINAL_SHARE = 0.05  # of separated Dy: lasers, lamps, alloys; the rest magnets
# United States: 74 t of heavy rare earths imported in 2024 (MCS 2026), by element.
US_HEAVY_SPLIT = {
    "Dy": 10.0, "Er": 30.0, "Ho": 4.0, "Lu": 12.0, "Tb": 5.0, "Tm": 3.0, "Yb": 10.0,
}  # fmt: skip
US_IMPORT_SOURCES: dict[str, dict[str, float]] = {
    "Er": {"CHN": 0.40, "DEU": 0.51, "ROW": 0.09},
    "Yb": {"CHN": 0.86, "DEU": 0.04, "KOR": 0.03, "ROW": 0.07},
    "Y": {"CHN": 0.70, "DEU": 0.11, "KOR": 0.04, "ROW": 0.15},
    "light": {"CHN": 0.87, "JPN": 0.06, "ROW": 0.07},
}
# Where producers other than China send their oxides; the rest stays at home.
DESTINATIONS: dict[str, dict[str, float]] = {
    "MYS": {"CHN": 0.30, "FRA": 0.35, "JPN": 0.15, "USA": 0.12, "ROW": 0.08},
    "EST": {"DEU": 0.10, "JPN": 0.40, "USA": 0.40, "ROW": 0.08},
    "IND": {"CHN": 0.15, "JPN": 0.45, "ROW": 0.10},
    "RUS": {},
    "USA": {"ROW": 0.35},
}
# NdPr oxide: BACI 2024 flows of heading 2846.90 whose unit value is NdPr's.
NDPR_LANES = (
    ("CHN", "DEU", 60.0), ("CHN", "KOR", 200.0), ("CHN", "ROW", 250.0),
    ("EST", "DEU", 100.0), ("EST", "JPN", 130.0), ("IND", "JPN", 150.0),
    ("MYS", "FRA", 100.0), ("USA", "JPN", 250.0), ("USA", "ROW", 50.0),
)  # fmt: skip
NDPR_BACI = (
    ("CHN", "VNM", "284690"), ("IND", "VNM", "284690"), ("JPN", "VNM", "284690"),
    ("MYS", "JPN", "284690"), ("MYS", "THA", "284690"), ("MYS", "VNM", "284690"),
    ("USA", "VNM", "284690"),
)  # fmt: skip
# NdPr metal: BACI 2024 flows of heading 2805.30 whose unit value is NdPr's.
METAL_BACI = (
    ("THA", "CHN", "280530"), ("THA", "JPN", "280530"), ("THA", "VNM", "280530"),
    ("VNM", "CHN", "280530"), ("VNM", "JPN", "280530"),
)  # fmt: skip

Flow = tuple[str, str, str]  # item, exporter, importer


@dataclass
class Balance:
    """Base-year tonnes: activity by process and country, use, and lanes."""

    activity: dict[tuple[str, str], float] = field(default_factory=dict)
    use: dict[tuple[str, str], float] = field(default_factory=dict)
    lanes: dict[Flow, float] = field(default_factory=lambda: defaultdict(float))
    evidence: dict[Flow, str] = field(default_factory=dict)

    def send(
        self, item: str, exporter: str, importer: str, tonnes: float, evidence: str
    ) -> None:
        """Add a flow; the weaker evidence of two stays."""
        flow = (item, exporter, importer)
        self.lanes[flow] += tonnes
        if self.evidence.get(flow) != "assumed":
            self.evidence[flow] = evidence

    def net_imports(self, item: str, country: str) -> float:
        """Return imports less exports of an item, t."""
        return sum(
            t * ((j == country) - (i == country))
            for (name, i, j), t in self.lanes.items()
            if name == item
        )


def mines_2024(raw: Raw, year: str = "2024") -> dict[tuple[str, str], float]:
    """Return mine output by feed and country, t REO, of one MCS 2026 year.

    Countries without a row of their own in the study go to ROW.
    """
    frame = raw.mcs
    rows = frame.filter(
        (frame["chapter"] == "RARE EARTHS")
        & (frame["statistic"] == "Production")
        & (frame["year"] == year)
        & frame["section"].str.starts_with("World")
    )
    found: dict[tuple[str, str], float] = defaultdict(float)
    for country, iso3, value in rows.select("country", "iso3", "value").iter_rows():
        if "total" in country.lower():
            continue
        code = iso3 if iso3 in {"CHN", "USA", "AUS", "IND", "RUS", *CLAY} else "ROW"
        if code == "CHN":
            yttric = CHINA_CLAY_T * CHINA_CLAY_YTTRIC_SHARE
            found["bayan_obo_concentrate", code] += value - CHINA_CLAY_T
            found["ion_clay_yttric_carbonate", code] += yttric
            found["ion_clay_carbonate", code] += CHINA_CLAY_T - yttric
        elif code == "USA":
            found["mountain_pass_concentrate", code] += value
        elif code == "AUS":
            found["mount_weld_concentrate", code] += value
        elif code in CLAY:
            found["ion_clay_carbonate", code] += value
        else:
            found["monazite_concentrate", code] += value
    return dict(found)


def mcs_us(raw: Raw, chapter: str, detail: str, year: str = "2024") -> float:
    """Return one figure of the United States salient statistics of MCS 2026."""
    frame = raw.mcs
    rows = frame.filter(
        (frame["chapter"] == chapter)
        & (frame["country"] == "United States")
        & (frame["detail"] == detail)
        & (frame["year"] == year)
    )
    (value,) = rows["value"].to_list()
    return float(value)


def baci_t(raw: Raw, exporter: str, importer: str, hs6: str) -> float:
    """Return one BACI flow of 2024, t gross."""
    frame = raw.baci
    rows = frame.filter(
        (frame["exporter"] == exporter)
        & (frame["importer"] == importer)
        & (frame["hs6"] == hs6)
    )
    return float(rows["t"].sum())


def us_concentrate_exports(raw: Raw) -> float:
    """Return exports of concentrate, t REO: ores and compounds less the compounds.

    MCS 2026 publishes ores and compounds together. Apparent use of compounds and
    metals (production + imports - exports) tells how much was compounds.
    """
    chapter = "RARE EARTHS"
    names = (
        "Imports: Compounds",
        "Imports: Metals: Ferrocerium, alloys",
        "Imports: Metals: Rare-earth metals and alloys",
        "Production: Compounds and metals",
    )
    coming = sum(mcs_us(raw, chapter, n) for n in names)
    metals = mcs_us(raw, chapter, "Exports: Metals: Ferrocerium, alloys")
    metals += mcs_us(raw, chapter, "Exports: Metals: Rare-earth metals and alloys")
    use = mcs_us(raw, chapter, "Consumption, apparent, compounds and metals")
    compounds = coming - metals - use
    return mcs_us(raw, chapter, "Exports: Ores and compounds") - compounds


def _feeds(raw: Raw, found: Balance) -> None:
    mines = mines_2024(raw)
    for (feed, country), t in mines.items():
        name = feed.removesuffix("_concentrate").removesuffix("_carbonate")
        found.activity[f"{name}_mining", country] = t
    us_out = us_concentrate_exports(raw)
    # Solikamsk's carbonate to Silmet: BACI cerium compounds at 45 % oxide.
    silmet = 0.45 * baci_t(raw, "RUS", "EST", "284610")
    found.send("mountain_pass_concentrate", "USA", "CHN", us_out, "computed")
    found.send("monazite_concentrate", "RUS", "EST", silmet, "estimated")
    russian = 0.45 * baci_t(raw, "RUS", "CHN", "284690")
    found.send("monazite_concentrate", "RUS", "CHN", russian, "estimated")
    inputs: dict[tuple[str, str], float] = {}
    inputs["mountain_pass_light_separation", "USA"] = (
        mines["mountain_pass_concentrate", "USA"] - us_out
    )
    inputs["mountain_pass_separation", "CHN"] = us_out
    inputs["monazite_light_separation", "EST"] = silmet
    inputs["monazite_light_separation", "RUS"] = (
        mines["monazite_concentrate", "RUS"] - silmet - russian
    )
    inputs["monazite_light_separation", "IND"] = mines["monazite_concentrate", "IND"]
    inputs["monazite_separation", "CHN"] = russian
    for (feed, country), t in mines.items():
        if feed == "mountain_pass_concentrate" or country in {"IND", "RUS"}:
            continue
        place = "MYS" if feed == "mount_weld_concentrate" else "CHN"
        process = next(p for p, s in SEPARATIONS.items() if s.feed == feed)
        inputs[process, place] = inputs.get((process, place), 0.0) + t
        if place != country:
            found.send(feed, country, place, t, "computed")
    seg = inputs["mount_weld_separation", "MYS"]
    seg *= outputs_per_t_feed(raw, "mount_weld_separation")["seg_concentrate"]
    found.send("seg_concentrate", "MYS", "CHN", seg, "computed")
    inputs["seg_separation", "CHN"] = seg
    for (process, country), t in inputs.items():
        main = outputs_per_t_feed(raw, process)[SEPARATIONS[process].main_item]
        found.activity[process, country] = t * main


def separated(raw: Raw, found: Balance) -> dict[tuple[str, str], float]:
    """Return what the separators of the base year give, t by item and country."""
    made: dict[tuple[str, str], float] = defaultdict(float)
    for (process, country), x in found.activity.items():
        if process in SEPARATIONS:
            out = outputs_per_t_feed(raw, process)
            for item, t in out.items():
                made[item, country] += x * t / out[SEPARATIONS[process].main_item]
    return made


def _split_ndpr(made: dict[tuple[str, str], float], found: Balance) -> None:
    """Split mixed oxide in China for the uses that want one of the two alone."""
    names = ("ndpr_oxide", "neodymium_oxide", "praseodymium_oxide")
    total = sum(t for (item, _), t in made.items() if item in names)
    single = sum(t for (item, _), t in made.items() if item in names[1:])
    other = (1 - MAGNET_SHARE) * total
    split = (1 - NDPR_UNSPLIT_SHARE) * other - single
    # Main item of the splitter is neodymium oxide: 0.75 t of a tonne split.
    found.activity["ndpr_splitting", "CHN"] = 0.75 * split
    made["neodymium_oxide", "CHN"] += 0.75 * split
    made["praseodymium_oxide", "CHN"] += 0.25 * split
    made["ndpr_oxide", "CHN"] -= split


def _us_light_use(
    raw: Raw, made: dict[tuple[str, str], float], sm_to_metal: float
) -> dict[str, float]:
    """Return US use of light oxides: group use times the world's shares.

    Group use is MCS 2026 apparent use of compounds and metals less yttrium and the
    heavy rare earths; shares are those of oxides that do not become metal.
    """
    group = mcs_us(raw, "RARE EARTHS", "Consumption, apparent, compounds and metals")
    group -= us_yttrium_use(raw) + sum(US_HEAVY_SPLIT.values())
    world: dict[str, float] = defaultdict(float)
    for (item, _), t in made.items():
        world[item] += t
    light = [oxide_of(e) for e in ("La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd")]
    final = {item: world[item] for item in light}
    final["samarium_oxide"] -= sm_to_metal
    final["ndpr_oxide"] = (1 - MAGNET_SHARE) * NDPR_UNSPLIT_SHARE * world["ndpr_oxide"]
    total = sum(final.values())
    return {item: group * t / total for item, t in final.items()}


def us_yttrium_use(raw: Raw) -> float:
    """Return US apparent use of yttrium in 2024 from its unrounded parts, t."""
    chapter = "YTTRIUM"
    imports = "Imports for consumption, yttrium, alloys, compounds, and metal"
    return mcs_us(raw, chapter, imports) - mcs_us(raw, chapter, "Exports, compounds")


def _oxide_trade(
    item: str,
    made: dict[str, float],
    use: dict[str, float],
    sources: dict[str, float],
    found: Balance,
) -> None:
    """Send an oxide from producers to users; China fills and takes the rest."""
    floor = 5e-4 * sum(made.values())
    for maker, t in made.items():
        for place, share in DESTINATIONS.get(maker, {}).items():
            if share * t > floor:
                found.send(item, maker, place, share * t, "assumed")
    wanted = dict(use)
    for maker in made:
        if maker != "CHN":
            wanted.setdefault(maker, 0.0)
    order = sorted(wanted, key=lambda c: c != "USA")
    for country in order:
        have = made.get(country, 0.0) + found.net_imports(item, country)
        need = wanted[country] - have
        if country == "USA" and need > 0:
            for origin, share in sources.items():
                found.send(item, origin, country, share * need, "assumed")
        elif need > floor:
            found.send(item, "CHN", country, need, "assumed")
        left = made.get(country, 0.0) + found.net_imports(item, country)
        if left > floor:
            found.use[item, country] = left
    found.use[item, "CHN"] = made.get("CHN", 0.0) + found.net_imports(item, "CHN")


def _final_oxides(
    raw: Raw,
    made: dict[tuple[str, str], float],
    to_metal: dict[str, float],
    found: Balance,
) -> None:
    us = _us_light_use(raw, made, to_metal["samarium_oxide"])
    us |= {oxide_of(e): t for e, t in US_HEAVY_SPLIT.items()}
    us["yttrium_oxide"] = us_yttrium_use(raw)
    for symbol in ELEMENTS:
        item = oxide_of(symbol)
        light = symbol in {"La", "Ce", "Pr", "Nd"}
        here = {c: t for (i, c), t in made.items() if i == item and t > 0}
        here["CHN"] = here.get("CHN", 0.0) - to_metal.get(item, 0.0)
        total = sum(here.values())
        shares = LIGHT_USE if light else HEAVY_USE
        use = {c: s * total for c, s in shares.items()} | {"USA": us[item]}
        sources = US_IMPORT_SOURCES.get(symbol) or (
            US_IMPORT_SOURCES["light"] if light else {"CHN": 1.0}
        )
        _oxide_trade(item, here, use, sources, found)


def _ndpr_lanes(raw: Raw, found: Balance) -> None:
    for exporter, importer, hs6 in NDPR_BACI:
        t = baci_t(raw, exporter, importer, hs6)
        if (exporter, importer) == ("MYS", "THA"):
            t += baci_t(raw, exporter, importer, "280530")
        found.send("ndpr_oxide", exporter, importer, t, "estimated")
    for exporter, importer, t in NDPR_LANES:
        found.send("ndpr_oxide", exporter, importer, t, "assumed")
    for exporter, importer, hs6 in METAL_BACI:
        t = baci_t(raw, exporter, importer, hs6)
        found.send("ndpr_metal", exporter, importer, t, "estimated")


def ndpr_oxide_per_metal(raw: Raw) -> float:
    """Return NdPr oxide taken by a tonne of NdPr metal, t."""
    return 1 / (ndpr_fraction(raw) * METAL_YIELD["Nd"])


def oxide_per_metal(raw: Raw, symbol: str) -> float:
    """Return the oxide taken by a tonne of Dy, Tb or Sm metal, t."""
    return 1 / (metal_fraction(raw)[symbol] * METAL_YIELD[symbol])


def swarf_oxides(raw: Raw, magnet: Magnet) -> dict[str, float]:
    """Return the oxides recovered from a tonne of a magnet's swarf, t by item."""
    fraction = metal_fraction(raw)
    found = {
        "ndpr_oxide": magnet.ndpr / ndpr_fraction(raw),
        "dysprosium_oxide": magnet.dy / fraction["Dy"],
        "terbium_oxide": magnet.tb / fraction["Tb"],
    }
    return {i: SWARF_RECOVERY * t for i, t in found.items() if t > 0}


def _metal_makers(
    raw: Raw, made: dict[tuple[str, str], float], found: Balance
) -> dict[str, float]:
    """Return NdPr metal outside China and set its makers; Japan's is added later."""
    per = ndpr_oxide_per_metal(raw)
    metal: dict[str, float] = {}
    for country in ("THA", "VNM"):
        metal[country] = found.net_imports("ndpr_oxide", country) / per
    # What Thailand does not ship by BACI goes to Japan, the buyer of the rest.
    spare = metal["THA"] + found.net_imports("ndpr_metal", "THA")
    found.send("ndpr_metal", "THA", "JPN", spare, "estimated")
    # Makers without oxide of their own keep their use; the rest leaves to China.
    for country in ("MYS", "IND", "EST", "USA", "RUS", "DEU", "FRA", "KOR", "ROW"):
        have = made.get(("ndpr_oxide", country), 0.0)
        have += found.net_imports("ndpr_oxide", country)
        if country == "MYS":
            found.send("ndpr_oxide", "MYS", "CHN", have, "assumed")
        else:
            found.use["ndpr_oxide", country] = have
    for country, t in metal.items():
        found.activity["ndpr_metal_making", country] = t
    return metal


def _magnets_of(found: Balance, country: str, total: float, heavy: float) -> None:
    thrifted = THRIFTED_SHARE.get(country, 0.0) * heavy
    found.activity["ndfeb_magnet_making", country] = total - heavy
    found.activity["ndfeb_heavy_magnet_making", country] = heavy - thrifted
    if thrifted:
        found.activity["ndfeb_heavy_magnet_thrifted_making", country] = thrifted


def demand_of_magnets(found: Balance, country: str, element: str) -> float:
    """Return the metal of an element that a country's magnets take, t."""
    return sum(
        x * magnet.metal(getattr(magnet, element))
        for name, magnet in MAGNETS.items()
        for (process, place), x in found.activity.items()
        if process == name and place == country
    )


def swarf_of(found: Balance, country: str, kind: str) -> float:
    """Return the swarf that a country's magnets leave, t: `swarf`, `swarf_heavy`."""
    return sum(
        x * getattr(magnet, kind)
        for name, magnet in MAGNETS.items()
        for (process, place), x in found.activity.items()
        if process == name and place == country
    )


def _recycle(raw: Raw, found: Balance, country: str) -> dict[str, float]:
    """Recycle a country's swarf, own and imported; return the oxides won."""
    won: dict[str, float] = defaultdict(float)
    for kind, magnet, process in (
        ("swarf", STANDARD, "ndfeb_swarf_recycling"),
        ("swarf_heavy", HEAVY, "ndfeb_heavy_swarf_recycling"),
    ):
        swarf = swarf_of(found, country, kind)
        swarf += found.net_imports(f"ndfeb_{kind}", country)
        out = swarf_oxides(raw, magnet)
        found.activity[process, country] = swarf * out["ndpr_oxide"]
        for item, t in out.items():
            won[item] += swarf * t
    return won


def _japan(raw: Raw, found: Balance) -> None:
    """Close Japan: magnets follow from metal, its oxide from swarf and imports.

    Magnets set the swarf and the swarf sets the oxide for metal: each round brings
    the loop a fifth closer, so that 60 leave nothing.
    """
    found.use["ndpr_oxide", "JPN"] = NDPR_USE["JPN"]
    metal = found.net_imports("ndpr_metal", "JPN")
    oxide = found.net_imports("ndpr_oxide", "JPN") - NDPR_USE["JPN"]
    for element in ("dysprosium", "terbium"):
        found.lanes[f"{element}_metal", "CHN", "JPN"] = 0.0
        found.evidence[f"{element}_metal", "CHN", "JPN"] = "assumed"
    own = 0.0
    for _ in range(60):
        heavy = HEAVY_SHARE["JPN"]
        mean = sum(
            share * m.metal(m.ndpr)
            for share, m in (
                (1 - heavy, STANDARD),
                (heavy * (1 - THRIFTED_SHARE["JPN"]), HEAVY),
                (heavy * THRIFTED_SHARE["JPN"], THRIFTED),
            )
        )
        total = (metal + own) / mean
        _magnets_of(found, "JPN", total, heavy * total)
        won = _recycle(raw, found, "JPN")
        own = (oxide + won["ndpr_oxide"]) / ndpr_oxide_per_metal(raw)
    found.activity["ndpr_metal_making", "JPN"] = own
    for symbol, name in (("Dy", "dysprosium"), ("Tb", "terbium")):
        metal_made = won[f"{name}_oxide"] / oxide_per_metal(raw, symbol)
        found.activity[f"{name}_metal_making", "JPN"] = metal_made
        need = demand_of_magnets(found, "JPN", symbol.lower()) - metal_made
        found.lanes[f"{name}_metal", "CHN", "JPN"] = need


def _small_makers(found: Balance) -> None:
    for country, t in SMALL_MAKERS.items():
        _magnets_of(found, country, t, HEAVY_SHARE[country] * t)
        need = demand_of_magnets(found, country, "ndpr")
        need -= found.activity.get(("ndpr_metal_making", country), 0.0)
        need -= found.net_imports("ndpr_metal", country)
        if need > 0:
            found.send("ndpr_metal", "CHN", country, need, "assumed")
        else:
            found.send("ndpr_metal", country, "CHN", -need, "assumed")
        for symbol, name in (("Dy", "dysprosium"), ("Tb", "terbium")):
            heavy = demand_of_magnets(found, country, symbol.lower())
            found.send(f"{name}_metal", "CHN", country, heavy, "assumed")
        for kind in ("swarf", "swarf_heavy"):
            swarf = swarf_of(found, country, kind)
            found.send(f"ndfeb_{kind}", country, "CHN", swarf, "assumed")


def _china_magnets(
    raw: Raw, made: dict[tuple[str, str], float], found: Balance
) -> dict[str, float]:
    """Close China: dysprosium sets its heavy magnets, NdPr the standard ones.

    Returns the oxides of Dy and Tb that become metal in China, t.
    """
    dy_final = DYTB_FINAL_SHARE * made["dysprosium_oxide", "CHN"]
    dy_out = -found.net_imports("dysprosium_metal", "CHN")
    ndpr_final = (1 - MAGNET_SHARE) * NDPR_UNSPLIT_SHARE
    ndpr_final *= sum(t for (i, _), t in made.items() if i == "ndpr_oxide")
    ndpr_final -= sum(t for (i, _), t in found.use.items() if i == "ndpr_oxide")
    found.use["ndpr_oxide", "CHN"] = ndpr_final
    oxide = made["ndpr_oxide", "CHN"] + found.net_imports("ndpr_oxide", "CHN")
    heavy, total = 60_000.0, 150_000.0
    for _ in range(200):
        _magnets_of(found, "CHN", total, heavy)
        won = _recycle(raw, found, "CHN")
        dy = made["dysprosium_oxide", "CHN"] - dy_final + won["dysprosium_oxide"]
        dy = dy / oxide_per_metal(raw, "Dy") - dy_out
        heavy *= dy / demand_of_magnets(found, "CHN", "dy")
        metal = (oxide - ndpr_final + won["ndpr_oxide"]) / ndpr_oxide_per_metal(raw)
        here = metal + found.net_imports("ndpr_metal", "CHN")
        total += (here - demand_of_magnets(found, "CHN", "ndpr")) / STANDARD.metal(0.3)
    found.activity["ndpr_metal_making", "CHN"] = metal
    taken = {}
    for symbol, name in (("Dy", "dysprosium"), ("Tb", "terbium")):
        need = demand_of_magnets(found, "CHN", symbol.lower())
        need -= found.net_imports(f"{name}_metal", "CHN")
        found.activity[f"{name}_metal_making", "CHN"] = need
        # Net of the oxide that swarf gives back.
        oxide_t = need * oxide_per_metal(raw, symbol)
        taken[f"{name}_oxide"] = oxide_t - won[f"{name}_oxide"]
    return taken


def _magnet_trade(found: Balance) -> None:
    shares = dict(EXPORT_SHARES)
    shares["ROW"] = 1 - sum(shares.values())
    for country, share in shares.items():
        t = share * CHINA_MAGNET_EXPORTS_T
        heavy = EXPORT_HEAVY_SHARE.get(country, 0.3) * t
        found.send("ndfeb_magnet_heavy", "CHN", country, heavy, "assumed")
        found.send("ndfeb_magnet", "CHN", country, t - heavy, "assumed")
    for exporter, importer, t in OTHER_MAGNET_LANES:
        found.send("ndfeb_magnet_heavy", exporter, importer, 0.5 * t, "assumed")
        found.send("ndfeb_magnet", exporter, importer, 0.5 * t, "assumed")
    makers = {
        "ndfeb_magnet": ("ndfeb_magnet_making",),
        "ndfeb_magnet_heavy": tuple(MAGNETS)[1:],
    }
    for item, processes in makers.items():
        places = {c for (p, c) in found.activity if p in processes}
        places |= {j for (i, _, j) in found.lanes if i == item}
        for country in sorted(places):
            have = sum(found.activity.get((p, country), 0.0) for p in processes)
            found.use[item, country] = have + found.net_imports(item, country)


def _smco(raw: Raw, found: Balance) -> float:
    """Add samarium-cobalt; return the samarium oxide that becomes metal, t."""
    per = SM_IN_SMCO / (ALLOY_YIELD * MAGNET_YIELD)
    for country, t in SMCO_MAKERS.items():
        found.activity["smco_magnet_making", country] = t
        if country != "CHN":
            found.send("samarium_metal", "CHN", country, per * t, "assumed")
    for country, use in SMCO_USE.items():
        found.use["smco_magnet", country] = use
        need = use - SMCO_MAKERS.get(country, 0.0)
        found.send("smco_magnet", "CHN", country, need, "assumed")
    made = SMCO_MAKERS["CHN"] + found.net_imports("smco_magnet", "CHN")
    found.use["smco_magnet", "CHN"] = made
    metal = per * sum(SMCO_MAKERS.values())
    found.activity["samarium_metal_making", "CHN"] = metal
    return metal * oxide_per_metal(raw, "Sm")


def balance(raw: Raw) -> Balance:
    """Close the chain for the base year.

    Returns
    -------
    Balance
        Activity in t of main item, use and lanes in t of item, all a year.
    """
    found = Balance()
    _feeds(raw, found)
    made = separated(raw, found)
    _split_ndpr(made, found)
    _ndpr_lanes(raw, found)
    _metal_makers(raw, made, found)
    _japan(raw, found)
    _small_makers(found)
    to_metal = _china_magnets(raw, made, found)
    to_metal["samarium_oxide"] = _smco(raw, found)
    _final_oxides(raw, made, to_metal, found)
    _magnet_trade(found)
    return found
