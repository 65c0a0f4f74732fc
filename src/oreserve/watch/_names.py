# SPDX-License-Identifier: Apache-2.0
"""Names of rows as words: `china_ban_to_usa` is China ban to USA."""

from __future__ import annotations

import functools
import re

from oreserve.tables import country_names

__all__ = ["figure", "title"]

_SYMBOLS = {"ndfeb": "NdFeB", "ndpr": "NdPr", "smco": "SmCo", "drc": "DRC",
            "usd": "USD", "tio2": "TiO₂"}  # fmt: skip

# Country codes that read as words in the names of rows.
_ENGLISH = frozenset({"and", "are", "arm", "can", "cod", "nor", "pan", "per", "ton"})


def title(name: str) -> str:
    """Write the name of an item, a measure or a series for a reader.

    Examples
    --------
    >>> title("china_ban_to_usa"), title("ndpr_oxide")
    ('China ban to USA', 'NdPr oxide')
    >>> title("price_usd_per_t/gallium/outside")
    'Price USD per t, gallium, outside'
    """
    text = re.sub(
        r"[A-Za-z0-9]+",
        lambda word: _words().get(word[0].lower(), word[0]),
        name.replace("_", " ").replace("/", ", "),
    )
    first = re.split(r"\W", text)[0]
    return text if first in _SYMBOLS.values() else text[:1].upper() + text[1:]


def figure(value: float) -> str:
    """Write a number with three digits that count.

    Examples
    --------
    >>> figure(15678.01), figure(0.26789)
    ('15,700', '0.268')
    """
    return f"{float(f'{value:.3g}'):,.10g}"


@functools.cache
def _words() -> dict[str, str]:
    """Country codes in capitals, one-word countries by name, chemical shorthands."""
    names = country_names()
    codes = {code.lower(): code for code in names if code.lower() not in _ENGLISH}
    places = {name.lower(): name for name in names.values() if name.isalpha()}
    return codes | places | {"eu": "EU"} | _SYMBOLS
