# SPDX-License-Identifier: Apache-2.0
"""GeoPolRisk: the geopolitical supply risk of an importer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.indicators._arrays import (
    Floats,
    Input,
    Values,
    as_floats,
    as_fractions,
    as_vectors,
    check_range,
    ordered_sum,
    plain,
)
from oreserve.indicators._estimate import status_of

__all__ = ["COPPER_MIDPOINT_USD_PER_KG", "GeoPolRisk", "geopolrisk"]

# Mean midpoint of copper over the OECD countries, 2017-2021 (Koyamparambath 2024).
COPPER_MIDPOINT_USD_PER_KG = 0.409412948
# What the peer package takes for a partner without a governance score.
NEUTRAL_GOVERNANCE = 0.5


@dataclass(frozen=True)
class GeoPolRisk:
    """Result of `geopolrisk`; every field has the shape *(...)*.

    Parameters
    ----------
    score
        HHI times import risk, 0-1.
    import_risk
        Governance-weighted imports over supply, 0-1.
    midpoint_usd_per_kg
        Score times price.
    characterisation_factor
        Midpoint over that of copper, kg Cu-eq per kg.
    score_low, score_high
        Bounds of the score for partners without governance (0 and 1).
    status
        `ok`, `partial` (some partners without governance) or `no_data`.
    """

    score: Values
    import_risk: Values
    midpoint_usd_per_kg: Values
    characterisation_factor: Values
    score_low: Values
    score_high: Values
    status: npt.NDArray[np.str_]


def geopolrisk(
    *,
    hhi: Input,
    imports_by_partner: Input,
    governance_by_partner: Input,
    domestic_production: Input,
    price_usd_per_kg: Input,
    exports: Input = None,
    inside: npt.ArrayLike = False,
    production_stage: str | None = None,
    trade_stage: str | None = None,
    minimum_coverage: float = 0.9,
    copper_midpoint_usd_per_kg: float = COPPER_MIDPOINT_USD_PER_KG,
    compatible: bool = False,
) -> GeoPolRisk:
    """Return the GeoPolRisk score, midpoint and characterisation factor.

    With world concentration H, imports f_i and governance g_i of partner i, their
    sum F and domestic production p: import risk = sum g_i f_i / (p + F), score = H x
    import risk, midpoint = score x price, factor = midpoint / midpoint of copper.

    Parameters
    ----------
    hhi
        *(...)*, 0-1: concentration of world production (`hhi`).
    imports_by_partner
        *(..., partner)*, tonnes per year; 0 for a partner that sells nothing.
    governance_by_partner
        *(..., partner)*, 0-1, higher is worse (`governance_unit`).
    domestic_production
        *(...)*, tonnes per year, same stage and unit as the imports.
    price_usd_per_kg
        *(...)*, import value over quantity.
    exports
        *(...)*, tonnes per year; taken from domestic production first, then from
        imports alike. By default nothing is subtracted, as published.
    inside
        *(..., partner)*, true for members of the importing bloc: left out. The
        published rule, with `compatible`, sets g = 0 and keeps their tonnes in F.
    production_stage, trade_stage
        Stages of domestic production and trade; different ones are refused.
    minimum_coverage
        Share of imports, 0-1, whose governance must be known. Above it, the others
        count with the mean of the known and the status is `partial`.
    copper_midpoint_usd_per_kg
        Reference of the factor.
    compatible
        Do as geopolrisk-py 2.0.1: missing governance is 0.5, missing or empty trade
        gives 0, stages are not compared.

    Returns
    -------
    GeoPolRisk
        NaN and `no_data` where an input is missing, and where imports are all 0 or
        empty: a trade code without flows is no proof of no risk.

    Raises
    ------
    InputError
        On negative tonnes, governance outside 0-1, or mixed stages; on `exports`
        together with `compatible`, which does not know them.

    References
    ----------
    Koyamparambath et al. (2024), doi 10.1016/j.resconrec.2024.107801.

    Examples
    --------
    60 t with 0.5 and 20 t with 0.25 beside 20 t of own: 35 / 100; times 0.4.

    >>> found = geopolrisk(
    ...     hhi=0.4,
    ...     imports_by_partner=[60, 20],
    ...     governance_by_partner=[0.5, 0.25],
    ...     domestic_production=20,
    ...     price_usd_per_kg=10,
    ... )
    >>> round(found.import_risk, 10), round(found.score, 10)
    (0.35, 0.14)
    >>> round(found.characterisation_factor, 4)
    3.4195
    """
    if compatible and exports is not None:
        message = "exports: the compatible method has no exports; leave one out"
        raise InputError(message)
    if not compatible and None not in {production_stage, trade_stage}:
        _same_stage(str(production_stage), str(trade_stage))
    concentration = as_fractions(hhi, "hhi")
    price = as_floats(price_usd_per_kg, "price_usd_per_kg")
    made = as_floats(domestic_production, "domestic_production")
    check_range(price, "price_usd_per_kg", low=0.0, high=np.inf)
    check_range(made, "domestic_production", low=0.0, high=np.inf)
    flows, governance, members = _partners(
        imports_by_partner, governance_by_partner, inside
    )
    if compatible:
        low, middle, high = (_published(flows, governance, members, made),) * 3
        price = np.nan_to_num(price)
        partial = np.zeros(middle.shape, dtype=np.bool_)
    else:
        sold = as_floats(0.0 if exports is None else exports, "exports")
        check_range(sold, "exports", low=0.0, high=np.inf)
        kept = np.where(members, 0.0, flows)
        covered = float(as_fractions(minimum_coverage, "minimum_coverage"))
        low, middle, high, partial = _import_risk(
            kept, governance, made, sold, least=covered
        )
        # A price of 0 is the quotient of an empty code, not a gift.
        price = np.where(price > 0, price, np.nan)
    score = concentration * middle
    midpoint = score * price
    return GeoPolRisk(
        score=plain(score),
        import_risk=plain(middle + 0.0 * concentration),
        midpoint_usd_per_kg=plain(midpoint),
        characterisation_factor=plain(midpoint / copper_midpoint_usd_per_kg),
        score_low=plain(concentration * low),
        score_high=plain(concentration * high),
        status=status_of(score, partial=partial),
    )


def _partners(
    imports: Input, scores: Input, inside: npt.ArrayLike
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    flows = as_vectors(imports, "imports_by_partner")
    check_range(flows, "imports_by_partner", low=0.0, high=np.inf)
    governance = as_vectors(scores, "governance_by_partner")
    check_range(
        governance,
        "governance_by_partner",
        low=0.0,
        high=1.0,
        hint="Governance is scaled to 0-1, higher is worse: see governance_unit.",
    )
    members = np.atleast_1d(np.asarray(inside, dtype=np.bool_))
    try:
        found = np.broadcast_arrays(flows, governance, members)
    except ValueError:
        message = (
            f"imports_by_partner {flows.shape}, governance_by_partner "
            f"{governance.shape} and inside {members.shape} do not match; the last "
            "axis is the partner"
        )
        raise InputError(message) from None
    return found[0], found[1], found[2]


def _published(
    flows: Floats, governance: Floats, members: npt.NDArray[np.bool_], made: Floats
) -> Floats:
    tonnes = np.nan_to_num(flows)
    weight = np.where(np.isnan(governance), NEUTRAL_GOVERNANCE, governance)
    weight = np.where(members, 0.0, weight)
    supply = np.nan_to_num(made) + ordered_sum(tonnes)
    weighted = ordered_sum(tonnes * weight)
    return weighted / np.where(supply > 0, supply, 1.0)


def _import_risk(
    flows: Floats, governance: Floats, made: Floats, sold: Floats, *, least: float
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    total = ordered_sum(flows)
    known = ~np.isnan(governance)
    known_tonnes = ordered_sum(np.where(known, flows, 0.0))
    weighted = ordered_sum(np.where(known, flows * governance, 0.0))
    unknown = total - known_tonnes
    # NaN where nothing is imported: 0 of 0.
    imported = np.where(total > 0, total, np.nan)
    gap = (~known & (flows > 0)).any(axis=-1)
    covered = np.where(known_tonnes > 0, known_tonnes, np.nan)
    mean = np.where(gap, weighted / covered * total, weighted)
    enough = ~gap | (known_tonnes / imported >= least - 1e-12)
    own = np.maximum(made - sold, 0.0)
    through = np.maximum(sold - made, 0.0)
    left = np.maximum(imported - through, 0.0)
    supply = np.where(own + left > 0, own + left, np.nan)
    # `left / imported` is 1 unless imports are exported again.
    share = left / imported / supply
    middle = np.where(enough, mean * share, np.nan)
    low = np.where(enough, weighted * share, np.nan)
    high = np.where(enough, (weighted + np.where(gap, unknown, 0.0)) * share, np.nan)
    return low, middle, high, np.broadcast_to(gap, middle.shape)


def _same_stage(production: str, trade: str) -> None:
    if production != trade:
        message = (
            f"trade_stage: {trade!r}, but production_stage is {production!r}; ore "
            "traded against metal made says nothing. Convert both to one stage, or "
            "set compatible=True to compute as published."
        )
        raise InputError(message)
