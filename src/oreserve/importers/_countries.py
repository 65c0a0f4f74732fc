# SPDX-License-Identifier: Apache-2.0
"""Which place a published name or code means; unknown and historic ones stay so."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from oreserve.tables import country_code, country_names, nearest

__all__ = ["Place", "place", "place_of_number"]

Kind = Literal["country", "historic", "unlisted", "world", "other", "group", "unknown"]
_QUALIFIER = re.compile(r"\s*\([^()]*\)[\s\d]*$|\s+\d+$|(?<=[a-z])\d+$")
_TOTAL = re.compile(r"^(world )?total\b")
_OTHER = re.compile(r"^other countries\b")


@dataclass(frozen=True)
class Place:
    """What a published place means.

    Parameters
    ----------
    code
        ISO 3166-1 alpha-3 for a country, ROW for other countries, WLD for the
        world, a code of its own for a state that no longer exists (SUN, YUG, CSK,
        DDR) or that ISO does not list (XKX); None for a group or an unknown name.
    kind
        Only `country` and `other` may enter the tables of a study. A historic
        state is never split or given to a successor.
    nearest
        Code that an unknown name is most like.
    """

    code: str | None
    kind: Kind
    nearest: str | None = None

    @property
    def fits_study(self) -> bool:
        """Whether tables of a study may name it."""
        return self.kind in {"country", "other"}


def _plain(text: str) -> str:
    """Fold case, blanks, accents and the many apostrophes."""
    spaced = re.sub(r"[\s\u00a0]+", " ", text).strip()
    for mark in "\u2019\u2018\u00b4`\u02bc":
        spaced = spaced.replace(mark, "'")
    folded = unicodedata.normalize("NFKD", spaced.casefold())
    return "".join(c for c in folded if not unicodedata.combining(c))


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _aliases() -> dict[str, Place]:
    found: dict[str, Place] = {}
    for row in _rows("country_aliases.csv"):
        kind: Kind = row["kind"]  # type: ignore[assignment]  # a file of this package
        found[_plain(row["text"])] = Place(row["place"] or None, kind)
    for code, name in country_names().items():
        kind = "other" if code == "ROW" else "country"
        found.setdefault(_plain(code), Place(code, kind))
        found.setdefault(_plain(name), Place(code, kind))
    return found


@cache
def _numbers() -> dict[int, Place]:
    return {
        int(row["code"]): Place(
            row["place"] or None,
            row["kind"],  # type: ignore[arg-type]  # a file of this package
        )
        for row in _rows("country_numbers.csv")
    }


def place_of_number(number: int) -> Place:
    """Return what a UN M49 or trade-statistics number means.

    Examples
    --------
    >>> [place_of_number(n).code for n in (842, 251, 699, 757, 490, 810)]
    ['USA', 'FRA', 'IND', 'CHE', 'TWN', 'SUN']
    """
    return _numbers().get(number, Place(None, "unknown"))


@cache
def place(text: str) -> Place:
    """Return what a name, an ISO code, a World Bank code or a number means.

    Examples
    --------
    >>> [place(t).code for t in ("Burma", "Congo (Kinshasa)", "Turkey", "ZAR", "842")]
    ['MMR', 'COD', 'TUR', 'COD', 'USA']
    >>> place("Soviet Union").kind, place("Atlantis").kind
    ('historic', 'unknown')
    """
    plain = _plain(text)
    number = plain.removesuffix(".0")  # as spreadsheets save codes
    if number.isdigit():
        return place_of_number(int(number))
    aliases = _aliases()
    for form in (plain, _QUALIFIER.sub("", plain), plain.split(" (")[0]):
        if form in aliases:
            return aliases[form]
        code = country_code(form)
        if code:
            return Place(code, "other" if code == "ROW" else "country")
    if _TOTAL.match(plain):
        return Place("WLD", "world")
    if _OTHER.match(plain):
        return Place("ROW", "other")
    close = nearest(plain, aliases)
    return Place(None, "unknown", aliases[close].code if close else None)
