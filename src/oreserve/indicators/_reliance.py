# SPDX-License-Identifier: Apache-2.0
"""How much of what is used must come from abroad."""

from __future__ import annotations

import numpy as np

from oreserve.indicators._arrays import (
    Input,
    Values,
    as_floats,
    check_range,
    plain,
)
from oreserve.indicators._estimate import PARTIAL, Estimate, status_of

__all__ = ["net_import_reliance", "net_import_reliance_bounds"]

OVERSOLD = 1.005  # rounding of the three figures explains no more


def net_import_reliance(
    *,
    production: Input,
    imports: Input,
    exports: Input,
    stock_change: Input = 0.0,
) -> Values:
    """Return net imports as a share of apparent consumption.

    NIR = (I - E + S) / (P + I - E + S), kept within 0-1.

    Parameters
    ----------
    production
        *(...)*, tonnes per year at home, primary plus secondary, of the same stage
        and contained metal as the trade.
    imports, exports
        *(...)*, tonnes per year.
    stock_change
        *(...)*, tonnes per year drawn from stocks (negative: added to them).

    Returns
    -------
    float or array
        *(...)*, 0-1. A producer that is a net exporter has 0. NaN where an input is
        missing, where nothing is produced and net imports are not positive, or where
        more is exported than produced, imported and drawn from stocks: such figures
        say nothing on reliance (`net_import_reliance_bounds` keeps 0 to 1).

    Raises
    ------
    InputError
        If production, imports or exports is negative.

    References
    ----------
    USGS, Mineral Commodity Summaries, Appendix B; European Commission (2017), which
    leaves out the stocks.

    Examples
    --------
    Output 20, imports 100, exports 10, 5 put in stock: 85 / 105.

    >>> round(
    ...     net_import_reliance(
    ...         production=20, imports=100, exports=10, stock_change=-5
    ...     ),
    ...     6,
    ... )
    0.809524
    """
    output = as_floats(production, "production")
    bought = as_floats(imports, "imports")
    sold = as_floats(exports, "exports")
    drawn = as_floats(stock_change, "stock_change")
    for array, name in ((output, "production"), (bought, "imports"), (sold, "exports")):
        check_range(array, name, low=0.0, high=np.inf)
    net = bought - sold + drawn
    consumption = output + net
    share = net / np.where(consumption > 0, consumption, 1.0)
    reliance = np.where(net > 0, np.minimum(share, 1.0), 0.0)
    undefined = np.isnan(output + net) | ((output == 0) & (net <= 0))
    undefined |= sold > (output + bought + np.maximum(drawn, 0.0)) * OVERSOLD
    return plain(np.where(undefined, np.nan, reliance))


def net_import_reliance_bounds(
    *,
    production: Input,
    imports: Input,
    exports: Input,
    stock_change: Input = 0.0,
) -> Estimate:
    """Return `net_import_reliance` with bounds where the figures contradict.

    More exported than produced and imported: stocks that nobody states, re-exports
    or an error. Such figures have no value, bounds 0 to 1 and status `partial`.

    Parameters
    ----------
    production, imports, exports, stock_change
        As in `net_import_reliance`, *(...)*, tonnes per year.

    Examples
    --------
    >>> found = net_import_reliance_bounds(production=10, imports=5, exports=40)
    >>> str(found.status), found.low, found.high
    ('partial', 0.0, 1.0)
    """
    value = as_floats(
        net_import_reliance(
            production=production, imports=imports, exports=exports,
            stock_change=stock_change,
        ),
        "value",
    )  # fmt: skip
    parts = np.broadcast_arrays(
        *(as_floats(part, "parts") for part in (production, imports, exports)),
        as_floats(stock_change, "stock_change"),
    )
    output, bought, sold, drawn = parts
    oversold = sold > (output + bought + np.maximum(drawn, 0.0)) * OVERSOLD
    oversold &= (output + bought) > 0
    low = np.where(oversold, 0.0, value)
    high = np.where(oversold, 1.0, value)
    status = np.where(oversold, PARTIAL, status_of(value))
    return Estimate(plain(value), plain(low), plain(high), np.asarray(status))
