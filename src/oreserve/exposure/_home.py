# SPDX-License-Identifier: Apache-2.0
"""Which home and which minerals a user means; one bad name drops no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.errors import InputError
from oreserve.study import find_home
from oreserve.tables import choices, elements, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.study import Study

__all__ = [
    "Chosen",
    "UnknownMineralsError",
    "UnknownName",
    "choose_minerals",
    "home_code",
]


@dataclass(frozen=True)
class UnknownName:
    """A name that means nothing in the study, and what may have been meant."""

    name: str
    nearest: str | None
    message: str


class UnknownMineralsError(InputError):
    """None of the minerals that were asked for is known."""

    def __init__(self, unknown: Sequence[UnknownName]) -> None:
        """Say of each name what may have been meant."""
        super().__init__("; ".join(one.message for one in unknown))
        self.unknown = tuple(unknown)

    def figures(self, study: str) -> dict[str, Any]:
        """Return the head of a result without rows, with the problems."""
        return {
            "study": study,
            "minerals": 0,
            "problems": [one.message for one in self.unknown],
            "unknown": [vars(one) for one in self.unknown],
            "ranking": [],
        }


@dataclass(frozen=True)
class Chosen:
    """Minerals to assess, sorted, and the names that could not be read."""

    minerals: tuple[str, ...]
    unknown: tuple[UnknownName, ...]


def home_code(study: Study, name: str | None) -> str:
    """Return the code of the country or bloc that `name` means; null: the study's.

    Raises
    ------
    InputError
        If the name is unknown, or the place is not in the study (`find_home`).
    """
    return study.settings.home if name is None else find_home(study, name)


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
        hint = f"; did you mean {guess}?" if guess else f"; {choices(name, minerals)}"
        unknown.append(
            UnknownName(
                name,
                guess,
                f"mineral {name!r} is not in study {study.name} or its lists{hint}",
            )
        )
    if not found:
        raise UnknownMineralsError(unknown)
    return Chosen(tuple(sorted(found)), tuple(unknown))


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())
