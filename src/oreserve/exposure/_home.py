# SPDX-License-Identifier: Apache-2.0
"""Which home and which minerals a user means; one bad name drops no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.errors import InputError
from oreserve.tables import country_names, elements, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.study import Study

__all__ = ["Chosen", "UnknownName", "choose_minerals", "find_home"]


@dataclass(frozen=True)
class UnknownName:
    """A name that means nothing in the study, and what may have been meant."""

    name: str
    nearest: str | None
    message: str


@dataclass(frozen=True)
class Chosen:
    """Minerals to assess, sorted, and the names that could not be read."""

    minerals: tuple[str, ...]
    unknown: tuple[UnknownName, ...]


def find_home(study: Study, name: str | None) -> str:
    """Return the code of the country or bloc that `name` means in a study.

    Codes in any case, names and their variants and the numbers of trade statistics
    (840 and 842) are read; a name that is only alike is refused with the suggestion.

    Raises
    ------
    InputError
        If the name is unknown, or the place is not in the study.
    """
    from oreserve.importers import place

    if name is None:
        return study.settings.home
    text = name.strip()
    countries = set(study.tables["countries"]["country"])
    blocs = set(study.table("memberships")["bloc"])
    if text in countries | blocs:
        return _with_members(study, text)
    folded = {code.casefold(): code for code in sorted(countries | blocs)}
    if text.casefold() in folded:
        return _with_members(study, folded[text.casefold()])
    known = place(text) if text else None
    if known is not None and known.code is not None and known.code in countries:
        return known.code
    if known is not None and known.code is not None:
        label = country_names().get(known.code, known.code)
        message = (
            f"--home {name}: {label} has no row in study {study.name}, so there is no "
            f"data for it; choose one of {len(countries)} countries such as "
            f"{', '.join(sorted(countries)[:3])}, or a bloc: {', '.join(sorted(blocs))}"
        )
        raise InputError(message)
    guess = known.nearest if known is not None else None
    if guess not in countries:
        guess = nearest(text, [*sorted(blocs), *sorted(countries)])
    hint = f"; did you mean {guess}?" if guess else ""
    message = (
        f"--home {name!r} is neither a country nor a bloc; allowed are codes, names "
        f"and numbers of countries (USA, United States, 840) and the blocs "
        f"{', '.join(sorted(blocs))}{hint}"
    )
    raise InputError(message)


def _with_members(study: Study, code: str) -> str:
    if not study.members(code):
        message = f"--home {code}: the bloc has no members on {study.settings.as_of}"
        raise InputError(message)
    return code


def choose_minerals(study: Study, names: Sequence[str] | None) -> Chosen:
    """Return the minerals that the names mean, and the names that mean none.

    A mineral of the study or of its lists, in any case, with blanks or underscores;
    the symbol of an element; or an item, which means its mineral.
    """
    items = study.table("items")
    minerals = set(items["mineral"]) | set(study.table("lists")["mineral"])
    if not names:
        return Chosen(tuple(sorted(minerals)), ())
    words = {_plain(m): m for m in sorted(minerals)}
    for item, mineral in items.select("item", "mineral").iter_rows():
        words.setdefault(_plain(item), mineral)
    for symbol, element in elements().items():
        if element.lower() in minerals:
            words.setdefault(symbol.lower(), element.lower())
    found: set[str] = set()
    unknown: list[UnknownName] = []
    for name in dict.fromkeys(names):
        if _plain(name) in words:
            found.add(words[_plain(name)])
            continue
        close = nearest(name, sorted(words))
        guess = words[close] if close and len(close) > 2 else None
        hint = f"; did you mean {guess}?" if guess else ""
        unknown.append(
            UnknownName(
                name,
                guess,
                f"mineral {name!r} is not in study {study.name} or its lists{hint}",
            )
        )
    if not found:
        message = "; ".join(one.message for one in unknown)
        if not any(one.nearest for one in unknown):
            message += f"; allowed are {', '.join(sorted(minerals))}"
        raise InputError(message)
    return Chosen(tuple(sorted(found)), tuple(unknown))


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())
