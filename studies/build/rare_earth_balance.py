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
from typing import TYPE_CHECKING

from studies.build.rare_earth_baskets import (
    ELEMENTS,
    NDPR_ND_SHARE,
    SEPARATIONS,
    SPLIT_YIELD,
    outputs_per_t_feed,
    oxide_of,
)
from studies.build.rare_earth_flows import Balance, baci_t, mcs_us
from studies.build.rare_earth_magnets import (
    MAGNET_SHARE,
    NDPR_UNSPLIT_SHARE,
    close_magnets,
    magnet_trade,
)

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = ["balance", "mines"]

# MCS 2026 country -> feed; the rest of the rows is monazite.
CLAY = ("BRA", "MMR", "MYS", "THA", "VNM")
OWN_ROW = ("CHN", "USA", "AUS", "IND", "RUS", "MDG", "NGA")
# China's 270,000 t quota: ion clay 19,150 t (memory of the 2023 and 2024 quota
# notices), a quarter of it yttrium-rich. Half would lift yttrium to 16,600 t, above
# the 10,000 to 15,000 t that MCS 2026 gives for the world.
CHINA_CLAY_T = 19_150.0
CHINA_CLAY_YTTRIC_SHARE = 0.25
# Final (non-metal) use abroad as a share of the world's; the rest is China's.
LIGHT_USE = {
    "AUS": 0.001, "BRA": 0.012, "DEU": 0.025, "EST": 0.002, "FRA": 0.025,
    "IND": 0.015, "JPN": 0.075, "KOR": 0.04, "RUS": 0.01, "ROW": 0.11, "THA": 0.005,
    "VNM": 0.003,
}  # fmt: skip
HEAVY_USE = {"DEU": 0.05, "FRA": 0.02, "JPN": 0.12, "KOR": 0.05, "ROW": 0.07}
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


def mines(
    raw: Raw, year: str = "2024", *, yttric_share: float = CHINA_CLAY_YTTRIC_SHARE
) -> dict[tuple[str, str], float]:
    """Return mine output by feed and country, t REO, of one MCS 2026 year.

    Countries without a row of their own in the study go to ROW; the two African
    miners have one, or Africa's share of the base year would read 0. `yttric_share`
    is the yttrium-rich part of China's clay, 0-1.
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
        code = iso3 if iso3 in {*OWN_ROW, *CLAY} else "ROW"
        if code == "CHN":
            yttric = CHINA_CLAY_T * yttric_share
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
    mined = mines(raw)
    for (feed, country), t in mined.items():
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
        mined["mountain_pass_concentrate", "USA"] - us_out
    )
    inputs["mountain_pass_separation", "CHN"] = us_out
    inputs["monazite_light_separation", "EST"] = silmet
    inputs["monazite_light_separation", "RUS"] = (
        mined["monazite_concentrate", "RUS"] - silmet - russian
    )
    inputs["monazite_light_separation", "IND"] = mined["monazite_concentrate", "IND"]
    inputs["monazite_separation", "CHN"] = russian
    for (feed, country), t in mined.items():
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
    # Main item of the splitter is neodymium oxide.
    neodymium = NDPR_ND_SHARE * SPLIT_YIELD * split
    found.activity["ndpr_splitting", "CHN"] = neodymium
    made["neodymium_oxide", "CHN"] += neodymium
    made["praseodymium_oxide", "CHN"] += (1 - NDPR_ND_SHARE) * SPLIT_YIELD * split
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
    to_metal = close_magnets(raw, made, found)
    _final_oxides(raw, made, to_metal, found)
    magnet_trade(found)
    return found
