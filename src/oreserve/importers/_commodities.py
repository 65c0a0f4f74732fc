# SPDX-License-Identifier: Apache-2.0
"""What a published commodity is, and which item of a study holds it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from oreserve.tables import nearest

if TYPE_CHECKING:
    from oreserve.study import Study

__all__ = ["Good", "Match", "basis_token", "good_of", "item_of", "nearest_commodity"]

_SIBLING = {
    "mine": "concentrate",
    "concentrate": "mine",
    "refine": "metal",
    "metal": "refine",
}


@dataclass(frozen=True)
class Good:
    """A mineral at a stage, counted on one basis (gross, metal, Co, K2O, REO)."""

    mineral: str
    stage: str
    basis: str


@dataclass(frozen=True)
class Match:
    """The item that holds a good, or why there is none."""

    item: str | None
    reason: str = ""
    nearest: str | None = None


@cache
def _goods() -> dict[str, list[tuple[re.Pattern[str] | None, Good]]]:
    path = resources.files(__package__) / "commodities.csv"
    found: dict[str, list[tuple[re.Pattern[str] | None, Good]]] = {}
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        pattern = re.compile(row["detail"]) if row["detail"] else None
        good = Good(row["mineral"], row["stage"], row["basis"])
        found.setdefault(row["commodity"], []).append((pattern, good))
    return found


def _plain(text: str) -> str:
    return re.sub(r"\d+$", "", " ".join(text.lower().split()))


def good_of(commodity: str, detail: str = "", *, name: str = "") -> Good | None:
    """Return what a publisher's commodity and detail mean; None if no rule says.

    A basis that the detail states in words ("gross weight", "Cr2O3 content") wins
    over the usual one of the commodity.

    Examples
    --------
    >>> good_of("Cobalt", "Mine production")
    Good(mineral='cobalt', stage='mine', basis='Co')
    """
    rules = _goods().get(_plain(name or commodity))
    text = " ".join(detail.lower().split())
    for pattern, good in rules or ():
        if pattern is None or pattern.search(text):
            return Good(good.mineral, good.stage, _stated_basis(text, good.basis))
    return None


def _stated_basis(text: str, usual: str) -> str:
    if "gross" in text and "gross" not in usual:
        return "gross"
    stated = re.search(r"\b(cr2o3|tio2|zro2|k2o|li2o|wo3|y2o3)\b", text)
    if stated and usual == "gross":
        return stated[1].capitalize().replace("o", "O")
    return usual


def nearest_commodity(commodity: str) -> str | None:
    """Return the known commodity that is most like an unknown one."""
    close = nearest(_plain(commodity), _goods())
    return None if close == _plain(commodity) else close


def basis_token(text: str) -> str:
    """Return one word for a basis as studies and publishers write it.

    Examples
    --------
    >>> basis_token("contained Co"), basis_token("REO contained"), basis_token("dry")
    ('co', 'reo', 'gross')
    """
    plain = text.strip().lower()
    if plain in {"gross", "dry", "gross weight"}:
        return "gross"
    words = plain.replace("contained", "").replace("content", "").split()
    return words[0] if len(words) == 1 else plain


def _same_basis(good: Good, item_basis: str) -> bool:
    ours, theirs = basis_token(good.basis), basis_token(item_basis)
    if ours == theirs:
        return True
    elements = {ours, theirs} - {"metal"}
    # A tonne of pure metal is a tonne of the element in it.
    return len(elements) == 1 and "metal" in {ours, theirs} and len(elements.pop()) <= 2


def item_of(study: Study | None, good: Good) -> Match:
    """Return the one item of a study with this mineral, stage and basis.

    Gross weight never matches a contained basis, and a stage only its own name or
    the sibling name (mine and concentrate, refine and metal) where the study has no
    item of the exact stage.
    """
    if study is None:
        return Match(None, "no study to fit it to")
    rows = [
        row
        for row in study.table("items").iter_rows(named=True)
        if row["mineral"] == good.mineral
    ]
    if not rows:
        known = sorted(set(study.table("items")["mineral"].drop_nulls()))
        return Match(
            None,
            f"the study has no {good.mineral}",
            nearest(good.mineral, known),
        )
    at_stage = [r for r in rows if r["stage"] == good.stage] or [
        r for r in rows if r["stage"] == _SIBLING.get(good.stage)
    ]
    if not at_stage:
        names = sorted(r["item"] for r in rows)
        return Match(
            None,
            f"stage {good.stage}: the study counts {good.mineral} at "
            + ", ".join(sorted({str(r["stage"]) for r in rows})),
            names[0],
        )
    fitting = [r for r in at_stage if _same_basis(good, r["basis"] or "")]
    if not fitting:
        first = at_stage[0]
        return Match(
            None,
            f"basis {good.basis} against {first['basis'] or 'none stated'} of "
            f"{first['item']}: never added without a content share",
            first["item"],
        )
    if len(fitting) > 1:
        names = sorted(r["item"] for r in fitting)
        return Match(None, "several items fit: " + ", ".join(names), names[0])
    return Match(fitting[0]["item"])
