# SPDX-License-Identifier: Apache-2.0
"""The page of a watch: one HTML file that opens offline and prints well."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from oreserve.report import _format as fmt
from oreserve.report._tables import csv_link, evidence_mark
from oreserve.watch._alert import at_or_over
from oreserve.watch._days import day_text, days_text
from oreserve.watch._names import title
from oreserve.watch._result import largest_stake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oreserve.watch._alert import Alert, Exposed
    from oreserve.watch._result import Watch

__all__ = ["render_page"]

STATES = {
    "announced": "announced, not yet in force",
    "in_force": "in force",
    "suspended": "suspended",
    "ended": "ended",
    "past_until": "listed as in force, past its end",
}
MOST_CHANGES = 200  # rows on the page; the CSV has them all
AHEAD_DAYS = 730  # the table of dates on the page; the calendar has them all


def render_page(watch: Watch) -> str:
    """Return the page of a watch as HTML without any script."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(
            lambda name: (files("oreserve.watch") / name).read_text(encoding="utf-8")
        ),
    )
    environment.filters["evidence"] = evidence_mark
    environment.filters["title"] = title
    environment.filters["day"] = day_text
    environment.filters["level"] = lambda level: level.capitalize()
    template = environment.get_template("watch.html.j2")
    return template.render(**_context(watch))


def _context(watch: Watch) -> dict[str, Any]:
    figures = watch.figures
    on = date.fromisoformat(figures["on"])
    report_style = files("oreserve") / "report" / "report.css"
    own_style = files("oreserve.watch") / "watch.css"
    style = "".join(f.read_text(encoding="utf-8") for f in (report_style, own_style))
    high = watch.at_or_over("warning")
    lower = [a for a in watch.alerts if not at_or_over(a.level, "warning")]
    dates = [
        row | {"left": days_text((row["date"] - on).days)}
        for row in watch.frames["dates"].iter_rows(named=True)
    ]
    dates = _grouped(dates)
    near = [row for row in dates if (row["date"] - on).days <= AHEAD_DAYS]
    changes = watch.frames["changes"].to_dicts()
    return {
        "style": Markup(style),  # noqa: S704  # our own files
        "home": fmt.country_name(figures["home"]),
        "study": figures["study"],
        "study_title": figures["study_title"],
        "hash": figures["study_hash"][:12],
        "on": day_text(on),
        "as_of": fmt.date_text(figures["as_of"]),
        "since": _since_text(figures["since"]),
        "within_days": figures["within_days"],
        "counts": figures["counts"],
        "lines": figures["lines"],
        "warnings": figures["warnings"],
        "has_plan": figures["has_plan"],
        "lead": _lead(watch.alerts),
        "high": [_card(alert) for alert in high],
        "lower": [_card(alert) for alert in lower],
        "dates": near,
        "later": len(dates) - len(near),
        "changes": changes[:MOST_CHANGES],
        "more_changes": max(0, len(changes) - MOST_CHANGES),
        "states": STATES,
        "measures": watch.frames["measures"].to_dicts(),
        "sources": watch.frames["sources"].to_dicts(),
        "links": {
            name: csv_link(frame, name) for name, frame in sorted(watch.frames.items())
        },
    }


def _grouped(dates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the projects that should be equally far on one day into one row."""
    found: list[dict[str, Any]] = []
    groups: dict[tuple[date, str], dict[str, Any]] = {}
    for row in dates:
        if row["kind"] != "project":
            found.append(row | {"sources": [(row["evidence"], row["source_id"])]})
            continue
        key = (row["date"], row["event"])
        if key not in groups:
            groups[key] = row | {"names": [], "sources": []}
            found.append(groups[key])
        groups[key]["names"].append(title(row["subject"]))
        source = (row["evidence"], row["source_id"])
        if source not in groups[key]["sources"]:
            groups[key]["sources"].append(source)
    for (_, event), row in groups.items():
        row["what"] = f"late without {event}: {', '.join(row['names'])}"
    return found


def _lead(alerts: tuple[Alert, ...]) -> str:
    if not alerts:
        return "Nothing to report"
    first = alerts[0]
    return first.what if at_or_over(first.level, "warning") else "No alarm, no warning"


def _since_text(since: dict[str, str] | None) -> str | None:
    if since is None:
        return None
    if "date" in since:
        return fmt.date_text(since["date"])
    return f"study {since['study']}, {since['hash'][:12]}"


def _card(alert: Alert) -> dict[str, Any]:
    told = {
        "announced": alert.announced,
        "in force from": alert.effective,
        "suspended until": alert.suspended_until,
        "ended from": alert.ends,
    }
    return {
        "alert": alert,
        "state": STATES.get(alert.state or ""),
        "legal": [(k, day_text(v)) for k, v in told.items() if v is not None],
        "exposed": [_exposed(e) for e in _largest_first(alert.exposed)],
        "stake": largest_stake(alert) or (fmt.NO_DATA if alert.exposed else ""),
        "elsewhere": [_exposed(e) for e in _touched(alert.elsewhere)],
        "codes": [(title(i), ", ".join(c)) for i, c in alert.hs_codes],
        "owner": alert.owner_country and fmt.country_name(alert.owner_country),
    }


def _largest_first(rows: Iterable[Exposed]) -> list[Exposed]:
    return sorted(
        rows,
        key=lambda e: (-(-1 if e.share_of_use is None else e.share_of_use), e.item),
    )


def _touched(rows: Iterable[Exposed]) -> list[Exposed]:
    """Keep the rows of other homes with something at stake, the largest first."""
    return _largest_first(e for e in rows if e.at_stake_t_per_year)


def _exposed(row: Exposed) -> dict[str, str]:
    return {
        "home": fmt.country_name(row.home),
        "item": title(row.item),
        "note": row.note or "",
        "money": (
            fmt.NO_DATA
            if row.at_stake_usd_per_year is None
            else fmt.number(row.at_stake_usd_per_year / 1e6)
        ),
        "use": fmt.number(row.use_t_per_year),
        "imports": fmt.number(row.imports_t_per_year),
        "stake": fmt.number(row.at_stake_t_per_year),
        "share": _share(row),
        "cover": fmt.NO_DATA if row.cover_days is None else f"{row.cover_days:.0f}",
    }


def _share(row: Exposed) -> str:
    if row.share_of_use is None:
        return "not used" if row.use_t_per_year == 0 else fmt.NO_DATA
    return fmt.share(row.share_of_use)
