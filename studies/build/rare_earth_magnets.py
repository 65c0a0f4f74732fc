# SPDX-License-Identifier: Apache-2.0
"""Rare-earth metals, magnets and swarf in 2024.

Metal outside China is set by BACI flows of NdPr oxide and metal, Japan's magnets by
the metal that reaches Japan, China's heavy magnets by dysprosium and its standard
ones by what NdPr is left. Swarf goes back to oxide in China and Japan.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.build.rare_earth_baskets import metal_fraction, ndpr_fraction
from studies.build.rare_earth_flows import Balance, baci_t

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = [
    "MAGNETS",
    "MAGNET_SHARE",
    "NDPR_UNSPLIT_SHARE",
    "SM_IN_SMCO",
    "Magnet",
    "close_magnets",
    "magnet_trade",
    "ndpr_oxide_per_metal",
    "oxide_per_metal",
    "swarf_oxides",
]

# Metal making: oxide to metal by content (stage_yields.csv; Dy, Tb, Sm lower).
METAL_YIELD = {"Nd": 0.95, "Dy": 0.93, "Tb": 0.93, "Sm": 0.90}
ALLOY_YIELD = 0.98
MAGNET_YIELD = 0.75
SWARF_PER_MAGNET = (1 - MAGNET_YIELD) / MAGNET_YIELD
SWARF_RECOVERY = 0.9
# Share of NdPr oxide that goes to magnets (assumed; model notes B2).
MAGNET_SHARE = 0.85
NDPR_UNSPLIT_SHARE = 0.4  # of non-magnet NdPr, used as the mixed oxide
DYTB_FINAL_SHARE = 0.05  # of separated Dy: lasers, lamps, alloys; the rest magnets
NDPR_USE = {
    "DEU": 150.0, "EST": 30.0, "FRA": 100.0, "JPN": 400.0, "KOR": 200.0, "ROW": 300.0,
}  # fmt: skip
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


def magnet_trade(found: Balance) -> None:
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


def close_magnets(
    raw: Raw, made: dict[tuple[str, str], float], found: Balance
) -> dict[str, float]:
    """Close metals, magnets and swarf; return the oxides that become metal, t.

    `made` is what separation and splitting give, t by item and country.
    """
    _ndpr_lanes(raw, found)
    _metal_makers(raw, made, found)
    _japan(raw, found)
    _small_makers(found)
    to_metal = _china_magnets(raw, made, found)
    to_metal["samarium_oxide"] = _smco(raw, found)
    return to_metal
