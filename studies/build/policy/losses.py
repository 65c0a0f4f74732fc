# SPDX-License-Identifier: Apache-2.0
r"""What a home loses by a tonne short, from the losses of OFR 2025-1047.

loss = GDP loss of the largest scenario x quantity share / (use x share lost), where
the share lost is net import reliance times the import share of the country that the
scenario takes away. The result is average, not marginal; the report prints neither
quantities nor shares lost, so the interval is a factor of 0.3 to 3. It is net of the
saved purchase and may lie below the price. A mineral without a published loss keeps
null. The losses come from a third party's transcript of the report, one figure a
mineral; no second estimate is in hand to take the smaller of.

Where the use that divides the loss is itself assumed, the figure is cut: to
`ASSUMED_PRICES` times the base price, but never below the low end of the interval.
A published loss of GDP covers what is in imported products too, while the assumed use
of a heavy oxide is a few tonnes within a capped group; the whole of it over so few
tonnes made a plan buy drums of lutetium. The note keeps the uncut figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.build.policy.choose import items_of, number
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["CLASS_FACTOR", "add", "gdp_losses_usd", "share_lost"]

# Output that defence cannot make without a mineral is in no GDP figure; three times
# the civilian loss is this study's stand-in, to be edited.
CLASS_FACTOR = {"defence": 3.0, "essential": 1.0, "other": 1.0}

NAMES = {"phosphates": "phosphate"}
# Not used: bauxite is priced with aluminium; the others are not on the list.
SKIPPED = ("bauxite", "cadmium", "feldspar", "mica", "selenium", "strontium")

REACH = 0.9  # part of home's imports that lives on one country's feed, at most


@dataclass(frozen=True)
class Share:
    """Net import reliance and the share of imports that the scenario takes."""

    reliance: float
    supplier: float
    reason: str


# Names in figures 2 and 3 of MCS 2026, where they differ from the mineral's.
FIGURE_NAMES = {
    "copper": ("COPPER, refined", "Copper, refined"),
    "graphite": ("GRAPHITE (NATURAL)", "Graphite, natural"),
    "lead": ("LEAD, refined", "Lead, refined"),
    "magnesium": ("MAGNESIUM METAL", "Magnesium, metal"),
    "niobium": ("NIOBIUM (COLUMBIUM)", "Niobium"),
    "phosphate": ("", "Phosphate, rock"),
    "silicon": ("SILICON, metal and ferrosilicon", "Silicon"),
    "tin": ("TIN, refined", "Tin, refined"),
    "titanium": ("TITANIUM, sponge metal", ""),
    "zinc": ("ZINC, refined", "Zinc, refined"),
    "zirconium": (
        "ZIRCONIUM, ores and concentrates",
        "Zirconium, ores and concentrates",
    ),
    "antimony": ("ANTIMONY, metal and oxide", "Antimony"),
    "arsenic": ("ARSENIC, all forms", "Arsenic"),
    "chromium": ("CHROMIUM, all forms", "Chromium"),
}

# Minerals whose direct import share hides who feeds the suppliers, or that the
# figures leave out. Shares of feed are assumed unless the reason says otherwise.
GIVEN: dict[str, Share] = {
    "gallium": Share(1.0, REACH, "suppliers refine Chinese crude gallium"),
    "germanium": Share(0.5, 0.6, "Chinese feed reaches Belgium and Germany too"),
    "indium": Share(1.0, 0.5, "Chinese share of world refining is 0.7"),
    "cobalt": Share(
        0.79,
        0.5,
        "Congo mines three quarters; half of it would be replaced from elsewhere",
    ),
    "magnesium": Share(
        0.75,
        0.5,
        "Chinese share of world metal is 0.85 to 0.9, "
        "United States imports avoid it by duty",
    ),
    "tungsten": Share(0.5, 0.5, "Germany and Vietnam work Chinese tungsten"),
    "silicon": Share(0.5, 0.4, "scenario unknown: two leading suppliers"),
    "titanium": Share(1.0, 0.7, "sponge from Japan, the leading source (MCS 2026)"),
    "yttrium": Share(1.0, REACH, "German and Austrian yttrium is Chinese by origin"),
    "palladium": Share(0.57, 0.37, "South Africa, figure 3"),
    "rhodium": Share(0.9, 0.8, "South African share of mine output"),
    "iridium": Share(1.0, 0.8, "South African share of mine output"),
    "ruthenium": Share(1.0, 0.8, "South African share of mine output"),
    "phosphate": Share(0.16, 0.99, "Peru, figure 3 and table 7"),
    "beryllium": Share(0.1, 0.31, "net exporter; a tenth assumed to be imported"),
    "lithium": Share(0.5, 0.54, "Chile; reliance over 0.5"),
    "barite": Share(0.75, 0.39, "India; reliance over 0.75"),
}
for _name in (
    "lanthanum", "cerium", "praseodymium", "neodymium", "europium",
):  # fmt: skip
    GIVEN[_name] = Share(
        0.8,
        0.71,
        "reliance of the group in 2024 (MCS 2025) and Chinese import share (MCS 2026)",
    )
for _name in (
    "samarium", "gadolinium", "terbium", "dysprosium", "holmium", "erbium",
    "thulium", "ytterbium", "lutetium",
):  # fmt: skip
    GIVEN[_name] = Share(1.0, REACH, "separated in China nearly alone")

# The loss of a rare earth is spread over the contained tonnes that home uses.
SYMBOLS: dict[str, str] = {
    "cerium": "Ce", "dysprosium": "Dy", "erbium": "Er", "europium": "Eu",
    "gadolinium": "Gd", "holmium": "Ho", "lanthanum": "La", "lutetium": "Lu",
    "neodymium": "Nd", "praseodymium": "Pr", "samarium": "Sm", "terbium": "Tb",
    "thulium": "Tm", "ytterbium": "Yb", "yttrium": "Y",
}  # fmt: skip
# Elements whose users buy magnets: the whole loss is booked there. Their oxide has few
# other uses, and an average over all tonnes would promise billions for a drum of oxide
# that no plant at home can turn into a magnet (model notes A1).
ON_MAGNETS = frozenset(
    {"dysprosium", "neodymium", "praseodymium", "samarium", "terbium"}
)
# About half of the samarium loss is the price effect (shock note), which the market
# already shows; only the quantity half is used.
QUANTITY_SHARE = {"samarium": 0.5}
# Above this many prices a loss rests on a small denominator more than on the survey.
SUSPECT_PRICES = 25.0
# As many prices a loss may reach where its denominator is assumed, unless the low end
# of the interval lies higher: as far as the figure stays within its own uncertainty, it
# must not be what a purchase hangs on.
ASSUMED_PRICES = SUSPECT_PRICES
LOW_END = 0.3
SUSPECT_WARNING = (
    "{ratio:.0f} times the price: an average over few tonnes from one unverified "
    "figure, so read a large benefit with care"
)
SAMARIUM_WARNING = (
    "an average over very few tonnes: samarium oxide is no use without metal and "
    "alloy plants, so read a large benefit with care"
)
# Forms that carry the loss where a mineral's items compete for it.
FORMS = {"aluminum": ("metal",), "titanium": ("metal",)}


def gdp_losses_usd(raw: Raw) -> dict[str, float]:
    """Return the largest scenario's loss of GDP by mineral, USD; 0 stays out."""
    found = {}
    for row in raw.facts("usgs_gdp_impact_2025").iter_rows(named=True):
        name = str(row["mineral"]).lower()
        value = float(row["net_decrease_us_gdp_musd"]) * 1e6
        if name not in SKIPPED and value > 0:
            found[NAMES.get(name, name)] = value
    return found


def share_lost(raw: Raw, mineral: str) -> Share | None:
    """Return reliance and leading supplier's share, or None if not published."""
    if mineral in GIVEN:
        return GIVEN[mineral]
    figure_2, figure_3 = FIGURE_NAMES.get(mineral, (mineral.upper(), mineral.title()))
    reliance = _figure(
        raw,
        "Fig2_Net_Import_Reliance",
        "Commodity",
        figure_2,
        "Net_Import_Reliance_pct_2025",
    )
    supplier = _figure(
        raw, "Fig3_Major_Import_Sources", "Commodity", figure_3, "Percent"
    )
    if reliance is None or supplier is None:
        return None
    return Share(reliance, supplier, "MCS 2026 figures 2 and 3, leading source")


def _figure(raw: Raw, name: str, key: str, wanted: str, column: str) -> float | None:
    """Return the first percentage of a commodity in a figure's file, as a share."""
    import polars as pl

    path = raw.folder / "usgs-mcs" / "2026" / f"MCS2026_{name}.csv"
    frame = pl.read_csv(path, infer_schema=False, encoding="utf8-lossy")
    for row in frame.iter_rows(named=True):
        if (row[key] or "").strip() == wanted:
            text = (row[column] or "").strip("<> ")
            return float(text) / 100 if text.replace(".", "").isdigit() else None
    return None


def _content(tables: Tables, item: str, mineral: str) -> float:
    """Return the mass share of a mineral in an item; 1 where `contents` is silent."""
    rows = tables.rows("contents", item=item)
    symbol = SYMBOLS.get(mineral)
    if symbol is not None:
        shares = [number(r["mass_share"]) for r in rows if r["element"] == symbol]
        return shares[0] if shares else 0.0
    shares = [number(r["mass_share"]) for r in rows]
    return shares[0] if len(shares) == 1 else 1.0


def _carriers(tables: Tables, mineral: str) -> dict[str, float]:
    """Return the items that the United States uses, with their content.

    For a rare earth these are the magnets, or all items that contain it; for another
    mineral its own items in the forms that the loss speaks of.
    """
    if mineral in SYMBOLS:
        names = items_of(
            tables,
            (*SYMBOLS, "rare earths"),
            stages=("component",) if mineral in ON_MAGNETS else (),
        )
    else:
        names = items_of(tables, (mineral,), stages=FORMS.get(mineral, ()))
    return {
        item: content
        for item in names
        if tables.rows("demands", item=item, country="USA")
        and (content := _content(tables, item, mineral)) > 0
    }


def _use_t(tables: Tables, item: str, country: str = "USA") -> float:
    """Return a country's use of an item, t."""
    rows = tables.rows("demands", item=item, country=country)
    return sum(number(row["quantity_t_per_year"]) for row in rows)


def _base_price(tables: Tables, item: str) -> float:
    """Return the world price of the base year, USD per t."""
    rows = tables.rows("prices", item=item, market="world", period="2024")
    return next(number(row["usd_per_t"]) for row in rows if row["kind"] != "inside")


def _use_is_assumed(tables: Tables, item: str) -> bool:
    """Tell whether American use of an item, the denominator, is assumed."""
    rows = tables.rows("demands", item=item, country="USA")
    return any(row["evidence"] == "assumed" for row in rows)


def _held(tables: Tables, item: str, usd_per_t: float) -> tuple[float, str]:
    """Cut a loss over an assumed use; return it with what the note must say."""
    price = _base_price(tables, item)
    if not _use_is_assumed(tables, item):
        return usd_per_t, ""
    most = max(ASSUMED_PRICES * price, LOW_END * usd_per_t)
    if usd_per_t <= most:
        return usd_per_t, "the use that divides it is assumed"
    return most, (
        f"assumed: cut from {usd_per_t:,.0f} USD a t ({usd_per_t / price:.0f} times "
        f"the price) to {most / price:.0f} times, because the use that divides it is "
        f"assumed (at most {ASSUMED_PRICES:g} prices, at least x{LOW_END:g})"
    )


def _set(tables: Tables, item: str, usd_per_t: float, *, basis: str, note: str) -> None:
    """Write the loss on every demand of an item that has classes.

    Abroad the loss per tonne is the American one, but a country that uses more than
    the United States does not lose more than they do in all.
    """
    rows = tables.rows("demands", item=item)
    split = {str(r["country"]) for r in rows if r["class"] == "defence"}
    american = _use_t(tables, item)
    for row in rows:
        country = str(row["country"])
        if country not in split:
            continue
        most = min(1.0, american / _use_t(tables, item, country))
        factor = CLASS_FACTOR[str(row["class"])] * most
        reason = f"loss computed: {note}"
        if country != "USA":
            reason = "loss as in the United States"
            if most < 1:
                reason += f" x {most:.3g}: no more in all than they lose"
        said = "; ".join(str(part) for part in (row.get("note"), reason) if part)
        tables.update(
            "demands",
            str(row["demand"]),
            loss_usd_per_t=usd_per_t * factor,
            loss_basis=basis,
            note=said,
        )


def add(tables: Tables, raw: Raw) -> None:
    """Add losses to the demands of countries that may be a home."""
    assume(
        tables,
        "ASSUMED-LOSSES",
        "Losses per tonne: OFR 2025-1047 (largest scenario, a third party's "
        "transcript, not checked against the report) over use and share lost, each "
        "x0.3 to x3; where the use is assumed at most "
        f"{ASSUMED_PRICES:g} base prices, though not below x{LOW_END:g} (heavy oxides, "
        "lanthanum); defence 3 times the civilian loss; half of samarium's; other "
        "countries lose as much per tonne as the United States and no more in all",
    )
    per_item: dict[str, float] = {}
    reasons: dict[str, list[str]] = {}
    for mineral, published in sorted(gdp_losses_usd(raw).items()):
        share = share_lost(raw, mineral)
        carriers = _carriers(tables, mineral)
        use = sum(_use_t(tables, item) * c for item, c in carriers.items())
        if share is None or use <= 0:
            continue
        usd = published * QUANTITY_SHARE.get(mineral, 1.0)
        lost = share.reliance * share.supplier
        for item, content in carriers.items():
            per_item[item] = per_item.get(item, 0.0) + usd * content / (use * lost)
            reasons.setdefault(item, []).append(
                f"{mineral} {usd / 1e6:.4g} million USD / ({use:.4g} t x {lost:.2g}: "
                f"{share.reason})"
            )
    for item, uncut in sorted(per_item.items()):
        usd_per_t = uncut
        minerals = {r.split(" ", 1)[0] for r in reasons[item]}
        note = f"OFR 2025-1047 (transcript), {'; '.join(reasons[item])}; x0.3 to x3"
        if "samarium" not in minerals:
            usd_per_t, said = _held(tables, item, usd_per_t)
            note += f"; {said}" if said else ""
        ratio = usd_per_t / _base_price(tables, item)
        if ratio > SUSPECT_PRICES:
            note += "; " + SUSPECT_WARNING.format(ratio=ratio)
        if "samarium" in minerals:
            note += f"; {SAMARIUM_WARNING}"
        basis = "quantity_only" if minerals <= set(QUANTITY_SHARE) else "includes_price"
        _set(tables, item, usd_per_t, basis=basis, note=note)
