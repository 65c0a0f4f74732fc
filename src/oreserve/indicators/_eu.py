# SPDX-License-Identifier: Apache-2.0
"""Supply risk and economic importance of the European Commission, 2017 method."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.indicators._arrays import (
    Input,
    Values,
    as_floats,
    as_fractions,
    as_shares,
    as_vectors,
    check_range,
    ordered_sum,
    plain,
)
from oreserve.indicators._estimate import Estimate, estimate

__all__ = ["SUPPLY_RULES", "eu_bottleneck", "eu_economic_importance", "eu_supply_risk"]

SupplyRule: TypeAlias = Literal["global+home", "global", "home"]
SUPPLY_RULES: tuple[SupplyRule, ...] = ("global+home", "global", "home")
# HHI 1 x governance 10 x trade 1.5.
HIGHEST = 15.0
# Published end-use tables sum up to 1.13 (magnesium, study of 2023).
USES_TOLERANCE = 0.15


def eu_supply_risk(
    *,
    hhi_global: Input,
    hhi_home: Input,
    import_reliance: Input,
    eol_recycling_input_rate: Input,
    substitution: Input,
    rule: str | npt.ArrayLike,
) -> Values:
    """Return the EU supply risk (SR) of one stage.

    SR = [H_GS IR/2 + H_EU (1 - IR/2)] (1 - EoLRIR) SI for the rule `global+home`;
    the bracket is H_GS for `global` (home data poor) and H_EU for `home` (reliance
    about 0 or no world market).

    Parameters
    ----------
    hhi_global, hhi_home
        *(...)*, 0-15: governance-weighted concentration of world supply and of
        what home uses (`hhi_governance`). The one that the rule leaves out may be
        missing.
    import_reliance
        *(...)*, 0-1; a net exporter has 0. Needed by `global+home` only.
    eol_recycling_input_rate
        *(...)*, 0-1: input from end-of-life scrap over all input.
    substitution
        *(...)*, 0-1: substitution index SI of supply risk; 1: no substitute.
    rule
        *(...)*, `global+home` (GS+EU), `global` (GS only) or `home` (EU only).

    Returns
    -------
    float or array
        *(...)*, 0-15 (in practice 0-6), dimensionless. The EU calls 1.0 or more
        critical, with an economic importance of 2.8 or more. NaN where an input
        that the rule needs is missing.

    Raises
    ------
    InputError
        On an unknown rule, or a percentage for a rate.

    References
    ----------
    European Commission (2017), doi 10.2873/769526; results op.europa.eu
    08fdab5f-9766-11e7-b92d-01aa75ed71a1, Tables 3, 18 and 19.

    Examples
    --------
    Cobalt 2017: 0.16 x 3.6 + 0.84 x 1.3 = 1.668 (published 1.6).

    >>> round(
    ...     eu_supply_risk(
    ...         hhi_global=3.6,
    ...         hhi_home=1.3,
    ...         import_reliance=0.32,
    ...         eol_recycling_input_rate=0.0,
    ...         substitution=1.0,
    ...         rule="global+home",
    ...     ),
    ...     3,
    ... )
    1.668
    """
    world = as_floats(hhi_global, "hhi_global")
    home = as_floats(hhi_home, "hhi_home")
    hint = "Concentration is on the scale share^2 (0-1) x governance (0-10) x trade."
    check_range(world, "hhi_global", low=0.0, high=HIGHEST, hint=hint)
    check_range(home, "hhi_home", low=0.0, high=HIGHEST, hint=hint)
    reliance = as_fractions(import_reliance, "import_reliance")
    recycled = as_fractions(eol_recycling_input_rate, "eol_recycling_input_rate")
    index = as_fractions(substitution, "substitution")
    rules = _rules(rule)
    mixed = world * reliance / 2.0 + home * (1.0 - reliance / 2.0)
    bracket = np.where(rules == "global", world, np.where(rules == "home", home, mixed))
    return plain(bracket * (1.0 - recycled) * index)


def eu_economic_importance(
    *,
    shares: Input,
    value_added: Input,
    substitution: Input,
    largest_value_added: Input,
) -> Values:
    """Return the EU economic importance (EI) of a material.

    EI = 10 SI / max Q times the sum over end uses of A_s Q_s. Shares are not
    renormalised.

    Parameters
    ----------
    shares
        *(..., use)*, 0-1: end-use shares A.
    value_added
        *(..., use)*: gross value added Q of the sector of each use (NACE Rev. 2, two
        digits), any currency. Give 0 for a use without a sector, as the EU does;
        missing gives no data.
    substitution
        *(...)*, 0-1: substitution index SI of economic importance.
    largest_value_added
        *(...)*: that of the largest sector, same currency (EU 2023: machinery,
        204 200 million EUR).

    Returns
    -------
    float or array
        *(...)*, about 0-10, dimensionless.

    Raises
    ------
    InputError
        If shares are percentages or sum to more than 1.15, or a value added is
        negative or above the largest.

    References
    ----------
    European Commission (2017), doi 10.2873/769526; value added: study of 2023, doi
    10.2873/725585, Annex 6.

    Examples
    --------
    Aggregates 2023, all in non-metallic minerals: 10 x 64 990 / 204 200 = 3.183
    (published 3.2).

    >>> round(
    ...     eu_economic_importance(
    ...         shares=[1.0],
    ...         value_added=[64_990],
    ...         substitution=1.0,
    ...         largest_value_added=204_200,
    ...     ),
    ...     3,
    ... )
    3.183
    """
    uses = as_shares(shares, tolerance=USES_TOLERANCE)
    added = as_vectors(value_added, "value_added")
    largest = as_floats(largest_value_added, "largest_value_added")
    index = as_fractions(substitution, "substitution")
    check_range(added, "value_added", low=0.0, high=np.inf)
    if (largest <= 0).any():
        message = "largest_value_added: not positive; it divides the others"
        raise InputError(message)
    if (added > np.expand_dims(largest, -1) * (1 + 1e-9)).any():
        message = "value_added: above largest_value_added; are both in one currency?"
        raise InputError(message)
    product = np.where(uses == 0, 0.0, uses * added)
    known = uses.shape[-1] > 0
    total = ordered_sum(product) if known else np.full(uses.shape[:-1], np.nan)
    return plain(10.0 / largest * total * index)


def eu_bottleneck(stages: Input) -> Estimate:
    """Return the score of a material: the highest of its stages.

    Parameters
    ----------
    stages
        *(..., stage)*: supply risk of extraction and processing; NaN where a stage
        was not scored.

    Returns
    -------
    Estimate
        *(...)*; `partial` where a stage is missing (it could be higher, so the
        value is then a lower bound: `high` is 15).

    Examples
    --------
    Tungsten 2023: extraction 0.5, processing 1.2.

    >>> eu_bottleneck([0.5, 1.2]).value
    1.2
    """
    array = as_vectors(stages, "stages")
    missing = np.isnan(array)
    highest = np.where(missing, -np.inf, array).max(axis=-1, initial=-np.inf)
    value = np.where(missing.all(axis=-1), np.nan, highest)
    some = missing.any(axis=-1)
    return estimate(value, value, np.where(some, HIGHEST, value), partial=some)


def _rules(rule: str | npt.ArrayLike) -> npt.NDArray[np.str_]:
    rules = np.asarray(rule, dtype=np.str_)
    unknown = sorted(set(rules.ravel().tolist()) - set(SUPPLY_RULES))
    if unknown:
        message = (
            f"rule: {unknown[0]!r}; allowed are {', '.join(SUPPLY_RULES)} "
            "(EU: GS+EU, GS only, EU only)"
        )
        raise InputError(message)
    return rules
