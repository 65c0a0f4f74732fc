# SPDX-License-Identifier: Apache-2.0
"""What a watch has found: alerts, tables, page, calendar."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreserve.watch._alert import LEVELS, Alert, at_or_over
from oreserve.watch._calendar import calendar_text
from oreserve.watch._names import figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

__all__ = ["Watch", "largest_stake"]


@dataclass(frozen=True)
class Watch:
    """What to know on a day; frozen.

    Parameters
    ----------
    alerts
        Highest level first, then what comes next, then the larger exposure.
    figures
        The head of watch.json: study, home, on, since, lines, counts by level.
    frames
        alerts, exposure (alert x home x item), changes, dates, measures, indicators,
        sources.
    """

    alerts: tuple[Alert, ...]
    figures: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    def __getattr__(self, name: str) -> pl.DataFrame:
        """Return a table as an attribute: ``watch.changes``."""
        frames = self.__dict__.get("frames", {})
        if name in frames:
            frame: pl.DataFrame = frames[name]
            return frame
        message = f"a watch has no {name!r}; its tables are {', '.join(sorted(frames))}"
        raise AttributeError(message)

    def at_or_over(self, level: str) -> tuple[Alert, ...]:
        """Return the alerts of a level or above."""
        at_or_over(LEVELS[0], level)  # an unknown word is refused without alerts too
        return tuple(a for a in self.alerts if at_or_over(a.level, level))

    def as_dict(self) -> dict[str, Any]:
        """Return the contents of watch.json."""
        return {
            **self.figures,
            "alerts": [alert.as_dict() for alert in self.alerts],
            "dates": [
                {**row, "date": row["date"].isoformat()}
                for row in self.frames["dates"].iter_rows(named=True)
            ],
        }

    def calendar(self) -> str:
        """Return the dates to come as an iCalendar file."""
        on = date.fromisoformat(self.figures["on"])
        return calendar_text(
            self.frames["dates"], on=on, name=f"Oreserve: {self.figures['study']}"
        )

    def save(self, folder: str | Path) -> Path:
        """Write watch.json, the tables, calendar.ics and watch.html.

        A new folder appears whole or not at all; in one that is there already each
        file is replaced whole.
        """
        from oreserve.watch._page import render_page

        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            made.chmod(0o755)
            for name, frame in sorted(self.frames.items()):
                frame.write_csv(made / f"{name}.csv")
            text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False)
            (made / "watch.json").write_text(text + "\n", encoding="utf-8")
            (made / "calendar.ics").write_bytes(self.calendar().encode())
            (made / "watch.html").write_text(render_page(self), encoding="utf-8")
            if not folder.exists():
                made.rename(folder)
                return folder
            for file in sorted(made.iterdir()):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return folder

    def summary(self) -> str:
        """Return the counts and the alarms and warnings, one line each."""
        counts = self.figures["counts"]
        told = ", ".join(f"{counts[level]} {level}" for level in reversed(LEVELS))
        lines = [f"{self.figures['study']} on {self.figures['on']}: {told}"]
        shown = self.at_or_over("warning")
        for alert in shown:
            stake = largest_stake(alert)
            lines.append(f"  {alert.level:<8} {alert.what}{stake and f'; {stake}'}")
        rest = len(self.alerts) - len(shown)
        if rest:
            lines.append(f"  and {rest} of lower levels")
        lines += [f"  note     {text}" for text in self.figures["warnings"]]
        return "\n".join(lines)


def largest_stake(alert: Alert) -> str:
    """Write the largest stake of an alert: `at most 55 % of use, 15,700 t a year`."""
    known = [e for e in alert.exposed if e.share_of_use is not None]
    if not known:
        return ""
    most = max(known, key=lambda e: (e.share_of_use or 0.0, e.at_stake_t_per_year or 0))
    if not most.at_stake_t_per_year:
        return "nothing of the imports at stake"
    share = most.share_of_use or 0.0
    usd = most.at_stake_usd_per_year
    money = "" if usd is None else f", {figure(usd / 1e6)} million USD"
    words = (
        f"up to {100 * share:.0f} % of use, {most.item} "
        f"{figure(most.at_stake_t_per_year or 0.0)} t a year{money}"
    )
    return f"{words} ({most.note})" if most.note else words
