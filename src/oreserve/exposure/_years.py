# SPDX-License-Identifier: Apache-2.0
"""Several years at once: concentration, import dependence, GeoPolRisk over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve import indicators as ind
from oreserve.errors import InputError
from oreserve.indicators._geopolrisk import COPPER_MIDPOINT_USD_PER_KG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["HISTORY_COLUMNS", "trade_history"]

Floats = npt.NDArray[np.float64]
SHOWN = ("hhi", "hhi_governance", "import_dependence", "geopolrisk")
LACKS = ("production", "governance", "imports", "content share", "own output")
HISTORY_COLUMNS = (
    "good", "country", "year", "output_t", "imports_t", "exports_t", "hhi",
    "hhi_governance", "import_dependence", "import_dependence_low",
    "import_dependence_high", "import_hhi", "top_partner", "top_partner_share",
    "geopolrisk", "geopolrisk_low", "geopolrisk_high", "characterisation_factor",
    "status", "missing",
)  # fmt: skip
NEEDED = {
    "trade": ("year", "hs6", "exporter", "importer", "kusd", "t"),
    "governance": ("year", "country", "political_stability"),
    "production": ("good", "year", "country", "t"),
}


def trade_history(
    trade: pl.DataFrame,
    governance: pl.DataFrame,
    production: pl.DataFrame,
    *,
    goods: Mapping[str, Sequence[str]],
    countries: Mapping[str, Sequence[str]] | None = None,
    years: Sequence[int] | None = None,
    content: Mapping[str, float | None] | None = None,
) -> pl.DataFrame:
    """Return concentration, dependence and GeoPolRisk of goods x countries x years.

    With s_c a country's share of world production in the year, x_c its governance
    estimate, f_i imports from partner i (outside the bloc), F their sum, E exports, p
    own production and g = (2.5 - x) / 5 within 0-1:

    - hhi = sum of s_c^2; hhi_governance = sum of s_c^2 x 2 (2.5 - x_c)
    - import_dependence = max(0, F - E) / (p + F - E)
    - geopolrisk = hhi x sum of g_i f_i / (p + F); characterisation_factor = that
      times value over quantity of imports, over the same of copper

    Parameters
    ----------
    trade
        year, hs6, exporter, importer (country codes), kusd (thousand USD) and t
        (tonnes); a row without tonnes is left out, for a price needs both.
    governance
        year, country, political_stability (World Bank estimate, -2.5 to 2.5, higher is
        better), and governance (mean of six) if known, which then weights the HHI.
        Years are not filled from their neighbours.
    production
        good, year, country, t. A country that a listed good and year does not name
        makes nothing; one with a null t makes an unknown amount (its own dependence
        has no data, concentration is over the others and partial); a good and year
        without rows is unknown.
    goods
        Good to its HS codes; a good without codes has world figures only.
    countries
        Name of a country or bloc to its members; each country of the trade and
        production by default. Trade within a bloc does not count.
    years
        Years of the result; by default all of trade and production.
    content
        Tonnes of production basis per tonne of trade, above 0 to 1; 1 by default.
        None: not known. Dependence and GeoPolRisk then have no value, a low of 0 and
        a high as if all of the weight counted: both rise with the share.

    Returns
    -------
    DataFrame
        One row per good, country and year, sorted: output_t, imports_t, exports_t (t,
        on the production basis where content is known, else gross weight),
        hhi, import_hhi, top_partner_share, import_dependence, geopolrisk (0-1),
        hhi_governance (0-10), characterisation_factor (kg Cu-eq/kg), status and
        missing. Null is no data. status: `ok` all four of hhi, hhi_governance,
        import_dependence and geopolrisk are known, `partial` some (or a partner has
        no governance, or a maker no amount), `no_data` none.

    Raises
    ------
    InputError
        If a column is missing, a number is negative or a content share is not
        within 0-1.

    References
    ----------
    Koyamparambath et al. (2024), doi 10.1016/j.resconrec.2024.107801; European
    Commission (2017), doi 10.2873/769526.

    Examples
    --------
    Tin in 2022: 60 t from Peru (g 0.5) and 20 t from Bolivia (g 0.25), 20 t made:
    0.68 x (0.5 x 60 + 0.25 x 20) / 100.

    >>> trade = pl.DataFrame(
    ...     {
    ...         "year": [2022, 2022], "hs6": ["260900", "260900"],
    ...         "exporter": ["PER", "BOL"], "importer": ["DEU", "DEU"],
    ...         "kusd": [600.0, 200.0], "t": [60.0, 20.0],
    ...     }
    ... )
    >>> governance = pl.DataFrame(
    ...     {
    ...         "year": [2022] * 3, "country": ["PER", "BOL", "DEU"],
    ...         "political_stability": [0.0, 1.25, 2.5],
    ...     }
    ... )
    >>> made = pl.DataFrame(
    ...     {
    ...         "good": ["tin"] * 2, "year": [2022] * 2,
    ...         "country": ["PER", "DEU"], "t": [80.0, 20.0],
    ...     }
    ... )
    >>> found = trade_history(trade, governance, made, goods={"tin": ["260900"]})
    >>> row = found.row(by_predicate=pl.col("country") == "DEU", named=True)
    >>> round(row["geopolrisk"], 4), round(row["import_dependence"], 2)
    (0.238, 0.8)
    """  # fmt: skip
    for name, frame in (("trade", trade), ("governance", governance),
                        ("production", production)):  # fmt: skip
        _check_columns(name, frame)
    flows = trade.drop_nulls("t")
    world = _world(flows, governance, production, goods, countries, years)
    parts = [
        _of_good(world, flows, production, good, codes, (content or {}).get(good, 1.0))
        for good, codes in sorted(goods.items())
    ]
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(HISTORY_COLUMNS, pl.Null))
    found = pl.concat(parts)
    return found.with_columns(pl.selectors.float().fill_nan(None)).select(
        HISTORY_COLUMNS
    )


def _check_columns(name: str, frame: pl.DataFrame) -> None:
    missing = [c for c in NEEDED[name] if c not in frame.columns]
    if missing:
        message = (
            f"{name}: column {missing[0]!r} is missing; needed are "
            f"{', '.join(NEEDED[name])}"
        )
        raise InputError(message)


@dataclass(frozen=True)
class _World:
    """Axes and governance: Y years, U units (countries or blocs), P places.

    `unit` is the importer or exporter's unit; `scaled` *(Y, P)* 0-10, `g` *(Y, P)*
    0-1, NaN where unknown; `inside` *(U, P)*.
    """

    years: tuple[int, ...]
    units: tuple[str, ...]
    places: tuple[str, ...]
    members: pl.DataFrame
    inside: npt.NDArray[np.bool_]
    g: Floats
    scaled: Floats


def _world(
    trade: pl.DataFrame,
    governance: pl.DataFrame,
    production: pl.DataFrame,
    goods: Mapping[str, Sequence[str]],
    countries: Mapping[str, Sequence[str]] | None,
    years: Sequence[int] | None,
) -> _World:
    made = production.filter(pl.col("good").is_in(list(goods)))
    found = {c for f, n in ((trade, "exporter"), (trade, "importer"), (made, "country"))
             for c in f[n].unique().to_list() if c is not None}  # fmt: skip
    units = dict(countries) if countries is not None else {c: (c,) for c in found}
    places = tuple(sorted(found | {c for members in units.values() for c in members}))
    every = {*trade["year"].to_list(), *made["year"].to_list()}
    span = sorted(every if years is None else set(years))
    names = tuple(sorted(units))
    members = pl.DataFrame(
        [(u, c) for u, name in enumerate(names) for c in sorted(set(units[name]))],
        schema={"unit": pl.Int32, "place": pl.String},
        orient="row",
    )
    at = {p: k for k, p in enumerate(places)}
    inside = np.zeros((len(names), len(places)), dtype=bool)
    for u, place in members.iter_rows():
        inside[u, at[place]] = True
    stability = _grid(governance, "political_stability", span, at)
    mean = stability
    if "governance" in governance.columns:
        six = _grid(governance, "governance", span, at)
        mean = np.where(np.isnan(six), stability, six)
    return _World(
        tuple(span), names, places, members, inside,
        np.asarray(ind.governance_unit(stability)),
        np.clip(2.0 * (2.5 - mean), 0.0, 10.0),
    )  # fmt: skip


def _grid(
    frame: pl.DataFrame, column: str, years: Sequence[int], at: Mapping[str, int]
) -> Floats:
    """Return a column of governance as *(Y, P)*."""
    grid = np.full((len(years), len(at)), np.nan)
    row = {y: k for k, y in enumerate(years)}
    known = frame.select("year", "country", column).drop_nulls()
    for year, country, value in known.iter_rows():
        if year in row and country in at:
            grid[row[year], at[country]] = value
    return grid


def _of_good(
    world: _World,
    trade: pl.DataFrame,
    production: pl.DataFrame,
    good: str,
    codes: Sequence[str],
    content: float | None,
) -> pl.DataFrame:
    """Return the rows of one good; memory holds the flows of one good at a time."""
    if content is not None and not 0 < content <= 1:
        message = f"content of {good}: {content!r}; allowed is above 0 to 1, or None"
        raise InputError(message)
    share = 1.0 if content is None else content
    here = trade.filter(pl.col("hs6").is_in(list(codes)))
    flows, kusd, exports = _flows(world, here)
    flows, exports = flows * share, exports * share
    # A code that no country trades in a year is unknown, not 0.
    seen = np.isin(world.years, here.filter(pl.col("t") > 0)["year"].to_numpy())
    imports = np.where(seen[:, None], flows.sum(axis=-1), np.nan)  # (Y, U)
    exports = np.where(seen[:, None], exports, np.nan)
    output, listed, blank = _output(world, production.filter(pl.col("good") == good))
    total = output.sum(axis=-1, keepdims=True)
    shares = np.where(total > 0, output / np.where(total > 0, total, 1.0), np.nan)
    hhi = np.asarray(ind.hhi(shares))  # (Y,)
    ruled = ind.hhi_governance_bounds(
        np.nan_to_num(shares), governance=world.scaled
    )  # NaN where nothing is listed: no share is covered
    unsaid = blank.astype(np.float64) @ world.inside.T > 0  # (Y, U)
    own = np.where(listed[:, None] & ~unsaid, output @ world.inside.T, np.nan)
    some = np.where(imports > 0, imports, np.nan)
    risk = ind.geopolrisk(
        hhi=hhi[:, None], imports_by_partner=flows,
        governance_by_partner=world.g[:, None, :], domestic_production=own,
        # Thousand USD per tonne is USD per kg.
        price_usd_per_kg=kusd / some,
    )  # fmt: skip
    depends = np.asarray(
        ind.net_import_reliance(production=own, imports=imports, exports=exports)
    )
    score, low, high = (
        np.asarray(v, dtype=np.float64)
        for v in (risk.score, risk.score_low, risk.score_high)
    )
    if content is None:
        depends_low, score_low = (
            np.where(np.isnan(v), np.nan, 0.0) for v in (depends, score)
        )
        least, most = (depends_low, score_low), (depends, high)
        depends, score = np.full_like(depends, np.nan), np.full_like(score, np.nan)
    else:
        least, most = (depends, low), (depends, high)
    by_partner = flows / some[..., None]
    spread = np.broadcast_to(hhi[:, None], imports.shape)
    rule = np.broadcast_to(np.asarray(ruled.value)[:, None], imports.shape)
    four = np.stack([spread, rule, depends, score])
    return _frame(
        world, good, codes, content,
        {
            "output_t": own, "imports_t": imports, "exports_t": exports,
            "hhi": spread, "hhi_governance": rule, "import_dependence": depends,
            "import_dependence_low": least[0], "import_dependence_high": most[0],
            "import_hhi": np.asarray(ind.hhi(by_partner)),
            "top_partner_share": np.asarray(ind.top_share(by_partner, n=1)),
            "geopolrisk": score, "geopolrisk_low": least[1],
            "geopolrisk_high": most[1],
            "characterisation_factor": score * (kusd / some)
            / COPPER_MIDPOINT_USD_PER_KG,
        },
        flows.argmax(axis=-1), ~np.isnan(four),
        (risk.status == "partial") | blank.any(axis=1, keepdims=True), unsaid,
    )  # fmt: skip


def _flows(world: _World, trade: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return t *(Y, U, P)* and thousand USD *(Y, U)* of imports, exports *(Y, U)*."""
    at = {p: k for k, p in enumerate(world.places)}
    row = {y: k for k, y in enumerate(world.years)}
    shape = (len(world.years), len(world.units), len(world.places))
    tonnes, kusd, sold = np.zeros(shape), np.zeros(shape[:2]), np.zeros(shape[:2])
    here = trade.filter(pl.col("year").is_in(list(world.years)))
    for own, other in (("importer", "exporter"), ("exporter", "importer")):
        rows = here.join(world.members, left_on=own, right_on="place").with_columns(
            pl.col("year").replace_strict(row, return_dtype=pl.Int32),
            pl.col(other).replace_strict(at, return_dtype=pl.Int32),
        )
        y, u, p = (rows[c].to_numpy() for c in ("year", "unit", other))
        outside = ~world.inside[u, p]
        y, u, p = y[outside], u[outside], p[outside]
        t = rows["t"].to_numpy()[outside]
        if own == "importer":
            np.add.at(tonnes, (y, u, p), t)
            np.add.at(kusd, (y, u), rows["kusd"].fill_null(0.0).to_numpy()[outside])
        else:
            np.add.at(sold, (y, u), t)
    return tonnes, kusd, sold


def _output(
    world: _World, made: pl.DataFrame
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return t made *(Y, P)*, years *(Y,)* with a list, and makers *(Y, P)* unsaid."""
    at = {p: k for k, p in enumerate(world.places)}
    row = {y: k for k, y in enumerate(world.years)}
    output = np.zeros((len(world.years), len(world.places)))
    blank = np.zeros(output.shape, dtype=bool)
    for year, country, t in made.select("year", "country", "t").iter_rows():
        if year not in row or country not in at:
            continue
        if t is None:
            blank[row[year], at[country]] = True
        else:
            output[row[year], at[country]] += t
    if (output < 0).any():
        message = "production: a negative number of tonnes"
        raise InputError(message)
    return output, output.sum(axis=1) > 0, blank


def _frame(
    world: _World,
    good: str,
    codes: Sequence[str],
    content: float | None,
    values: Mapping[str, Floats],
    largest: npt.NDArray[np.intp],
    known: npt.NDArray[np.bool_],
    gap: npt.NDArray[np.bool_],
    unsaid: npt.NDArray[np.bool_],
) -> pl.DataFrame:
    """Lay *(Y, U)* arrays out as rows, country by country; say what is missing."""
    shape = (len(world.years), len(world.units))
    traded = np.nan_to_num(values["imports_t"]) > 0
    lacks = np.stack([
        ~known[0],
        known[0] & ~known[1]
        | known[0] & traded & ~known[3] & ~unsaid & (content is not None),
        ~traded,
        np.full(shape, content is None and bool(codes)),
        unsaid,
    ])  # fmt: skip
    code = (lacks * (1 << np.arange(len(LACKS)))[:, None, None]).sum(axis=0)
    words = np.array([
        "; ".join(w for k, w in enumerate(LACKS) if n >> k & 1)
        for n in range(1 << len(LACKS))
    ])  # fmt: skip
    count = known.sum(axis=0)
    status = np.where(count == 0, "no_data", "partial")
    status = np.where((count == len(SHOWN)) & ~gap, "ok", status)
    partner = np.where(traded, np.array(world.places)[largest], "")
    flat = {
        "good": np.full(shape, good).T.ravel(),
        "country": np.broadcast_to(world.units, shape).T.ravel(),
        "year": np.broadcast_to(np.array(world.years)[:, None], shape).T.ravel(),
        **{name: np.ascontiguousarray(v.T).ravel() for name, v in values.items()},
        "top_partner": partner.T.ravel(),
        "status": status.T.ravel(),
        "missing": words[code].T.ravel(),
    }
    empty = pl.col("top_partner", "missing")
    return pl.DataFrame(flat).with_columns(
        pl.when(empty != "").then(empty).name.keep()
    )  # fmt: skip
