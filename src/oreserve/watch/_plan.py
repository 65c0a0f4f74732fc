# SPDX-License-Identifier: Apache-2.0
"""What a finished plan says about the items of an alert."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

import polars as pl

from oreserve.errors import InputError
from oreserve.watch._home import DAYS_PER_YEAR
from oreserve.watch._names import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oreserve.study import Study
    from oreserve.watch._alert import Alert

__all__ = ["PlanView", "read_plan"]

UNDER = ", which the measure may stop: no answer to it"
TABLES = ("reserve", "agreements", "projects")


@dataclass(frozen=True)
class PlanView:
    """The parts of a plan by item, and what does not fit the study.

    `exempt` names the agreements that deliver under a measure of the seller's state.
    """

    rows: Mapping[str, tuple[Mapping[str, str], ...]]
    warnings: tuple[str, ...]
    exempt: frozenset[str] = frozenset()

    def says(self, alert: Alert) -> tuple[str, ...]:
        """Return a line per thing that the plan buys, signs or builds for an alert.

        Tonnes bought are told against what is at stake; an agreement or a project in
        the country that imposes a measure is told to be no answer to it.
        """
        wanted, actors = set(alert.items), set(alert.actors)
        stakes = {e.item: e.at_stake_t_per_year for e in alert.exposed}
        chosen = {
            name: [r for r in self.rows[name] if r.get("item") in wanted]
            for name in TABLES
        }
        lines = _bought(chosen["reserve"], stakes)
        for row in chosen["agreements"]:
            under = row.get("seller_country") in actors
            free = row.get("agreement") in self.exempt
            lines.append(_signed(row) + (UNDER if under and not free else ""))
        for row in chosen["projects"]:
            under = row.get("country") in actors
            lines.append(_built(row) + (UNDER if under else ""))
        return tuple(lines) or ("nothing for it",)


def read_plan(folder: Path, study: Study) -> PlanView:
    """Read the folder of a plan.

    Raises
    ------
    InputError
        If the folder holds no plan, or its plan.json is not whole.
    """
    head_file = folder / "plan.json"
    if not head_file.is_file():
        message = f"--plan {folder} holds no plan.json; give a folder that plan wrote"
        raise InputError(message)
    try:
        head = json.loads(head_file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        head = None
    if not isinstance(head, dict):
        message = f"{head_file} is not whole; make the plan again"
        raise InputError(message)
    warnings = []
    made_from = head.get("study_hash")
    if made_from is not None and made_from != study.hash:
        warnings.append("the plan was made from another version of the study")
    home = head.get("home")
    if home is not None and home != study.settings.home:
        warnings.append(f"the plan is for {home}, the watch for {study.settings.home}")
    rows = {name: _rows(folder / f"{name}.csv") for name in TABLES}
    agreements = study.table("agreements").filter(
        pl.col("exempt_from_measures").fill_null(value=False)
    )
    return PlanView(rows, tuple(warnings), frozenset(agreements["agreement"]))


def _rows(path: Path) -> tuple[Mapping[str, str], ...]:
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _bought(
    rows: Iterable[Mapping[str, str]], stakes: Mapping[str, float | None]
) -> list[str]:
    years: dict[str, list[tuple[str, float]]] = {}
    for row in rows:
        tonnes = _number(row.get("tonnes"))
        if tonnes is not None and tonnes > 0:
            years.setdefault(row["item"], []).append((row.get("year", ""), tonnes))
    found = []
    for item, parts in sorted(years.items()):
        first, last = min(parts)[0], max(parts)[0]
        when = first if first == last else f"{first} to {last}"
        total = sum(t for _, t in sorted(parts))
        stake = stakes.get(item)
        lasts = f", {DAYS_PER_YEAR * total / stake:.0f} days of what is at stake" if (
            stake
        ) else ""  # fmt: skip
        found.append(f"buy {_tonnes(total)} t of {title(item)}, {when}{lasts}")
    return found


def _signed(row: Mapping[str, str]) -> str:
    tonnes = _number(row.get("tonnes_per_year"))
    amount = "" if tonnes is None else f" for {_tonnes(tonnes)} t a year"
    begins = f" from {row['from']}" if row.get("from") else ""
    agreement = title(row.get("agreement", "an agreement"))
    return f"sign {agreement}{amount} of {title(row['item'])}{begins}"


def _built(row: Mapping[str, str]) -> str:
    option = f" with {row['option'].replace('_', ' ')}" if row.get("option") else ""
    start = f", output from {row['start_year']}" if row.get("start_year") else ""
    return f"support {title(row.get('project', 'a project'))}{option}{start}"


def _tonnes(value: float) -> str:
    text = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return text.replace(",", "\u202f")


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
