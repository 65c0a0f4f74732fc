# SPDX-License-Identifier: Apache-2.0
"""The tables of a watch: alerts, exposure, measures, sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from oreserve.study import Study
    from oreserve.watch._alert import Alert
    from oreserve.watch._measures import Measure

__all__ = ["alerts_frame", "exposure_frame", "measures_frame", "sources_frame"]


def alerts_frame(alerts: tuple[Alert, ...]) -> pl.DataFrame:
    schema = {
        "id": pl.String,
        "level": pl.String,
        "date": pl.Date,
        "kind": pl.String,
        "subject": pl.String,
        "event": pl.String,
        "what": pl.String,
        "why": pl.String,
        "state": pl.String,
        "announced": pl.Date,
        "in_force_from": pl.Date,
        "suspended_until": pl.Date,
        "ended_from": pl.Date,
        "valid_until": pl.Date,
        "first_seen": pl.Date,
        "items": pl.String,
        "hs_codes": pl.String,
        "actors": pl.String,
        "owner_country": pl.String,
        "users": pl.String,
        "afterwards": pl.String,
        "largest_share_of_use": pl.Float64,
        "plan": pl.String,
        "evidence": pl.String,
        "source_id": pl.String,
        "url": pl.String,
        "rows": pl.String,
    }
    rows = [
        (
            a.id,
            a.level,
            a.day,
            a.kind,
            a.subject,
            a.event,
            a.what,
            "; ".join(a.why),
            a.state,
            a.announced,
            a.effective,
            a.suspended_until,
            a.ends,
            a.valid_until,
            a.first_seen,
            ";".join(a.items),
            "; ".join(f"{i} {' '.join(c)}" for i, c in a.hs_codes) or None,
            ";".join(a.actors) or None,
            a.owner_country,
            ";".join(a.users) or None,
            a.afterwards,
            a.share_of_use,
            None if a.plan is None else "; ".join(a.plan),
            ";".join(e.evidence for e in a.evidence),
            ";".join(e.source_id for e in a.evidence),
            ";".join(dict.fromkeys(e.url for e in a.evidence if e.url)) or None,
            "; ".join(f"{e.table}:{e.key}" for e in a.evidence),
        )
        for a in alerts
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def exposure_frame(alerts: tuple[Alert, ...]) -> pl.DataFrame:
    texts = ("home", "item")
    numbers = (
        "use_t_per_year",
        "imports_t_per_year",
        "exports_t_per_year",
        "at_stake_t_per_year",
        "at_stake_usd_per_year",
        "flow_over_use",
        "share_of_use",
        "stock_t",
        "cover_days",
    )
    rows = [
        (a.id, a.level, *(getattr(e, n) for n in (*texts, *numbers)), e.status, e.note)
        for a in alerts
        for e in (*a.exposed, *a.elsewhere)
    ]
    schema = {
        **dict.fromkeys(("alert_id", "level", *texts), pl.String),
        **dict.fromkeys(numbers, pl.Float64),
        "status": pl.String,
        "note": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def measures_frame(measures: tuple[Measure, ...]) -> pl.DataFrame:
    schema = {
        **dict.fromkeys(("measure", "kind", "actor", "target", "state"), pl.String),
        **dict.fromkeys(
            ("announced", "in_force_from", "suspended_until", "ended_from"), pl.Date
        ),
        **dict.fromkeys(("items", "source_id", "evidence"), pl.String),
    }
    rows = [
        (
            m.name,
            *(m.row[name] for name in ("kind", "actor", "target")),
            m.state,
            m.announced,
            m.effective,
            m.suspended_until,
            m.ends,
            ";".join(m.items),
            m.row["source_id"],
            m.row["evidence"],
        )
        for m in measures
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def sources_frame(
    study: Study, alerts: tuple[Alert, ...], dates: pl.DataFrame
) -> pl.DataFrame:
    cells = [e.source_id for a in alerts for e in a.evidence] + list(dates["source_id"])
    named = {part.strip() for cell in cells for part in cell.split(";")}
    wanted = pl.col("source_id").is_in(sorted(named))
    return (
        study.table("sources")
        .filter(wanted)
        .select("source_id", "title", "publisher", "url", "licence", "date")
        .sort("source_id")
    )
